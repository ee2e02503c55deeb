//! What models of one provider share: connections, places in flight, a wait the provider asked for, dice, known keys.
//!
//! Refuses redirects, proxies and certificates it was not given: a key goes to the configured host or nowhere.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::choice::BuildError;
use crate::config::{ProviderConfig, Secret};
use crate::scrub::Scrubber;
use crate::url::BaseUrl;

/// Where systems keep the certificates they trust.
const CA_FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
];

/// A provider that can be called.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) provider: String,
    pub(crate) config: ProviderConfig,
    pub(crate) base: BaseUrl,
    pub(crate) scrubber: Scrubber,
    headers: HeaderMap,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    places: Semaphore,
    /// Nobody calls before this: the provider asked all of us to wait.
    not_before: Mutex<Option<Instant>>,
    dice: Mutex<fastrand::Rng>,
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Why there is no whole response.
#[derive(Debug)]
pub(crate) enum Broken {
    /// Nothing came: no connection, or, if the request was sent, one that was cut before the response began.
    Unreached { why: String, sent: bool },
    /// The response began and was cut off.
    Cut { why: String, body: Vec<u8> },
    /// The time of one try was over.
    Slow { body: Vec<u8> },
    /// The response is longer than is read; this is its beginning.
    TooLong { body: Vec<u8> },
}

impl Endpoint {
    pub(crate) fn new(
        provider: &str,
        config: &ProviderConfig,
        secrets: Vec<Secret>,
    ) -> Result<Self, BuildError> {
        config.check(provider)?;
        let base = BaseUrl::parse(provider, &config.base_url)?;
        let key = config.api_key.as_ref().filter(|key| !key.expose().is_empty());
        let variable = || config.key_variable.clone();
        if key.is_none() && config.needs_key() {
            return Err(BuildError::MissingKey { provider: provider.to_owned(), variable: variable() });
        }
        let headers = headers(config, key)
            .ok_or_else(|| BuildError::BadKey { provider: provider.to_owned(), variable: variable() })?;
        if key.is_some() && !base.https && !base.is_loopback() {
            tracing::warn!(provider, host = base.host(), "the key goes over the network unencrypted");
        }
        Ok(Self {
            provider: provider.to_owned(),
            config: config.clone(),
            scrubber: Scrubber::new(secrets.iter().chain(key)),
            headers,
            client: client(provider, config, base.https)?,
            base,
            places: Semaphore::new(config.concurrency_max as usize),
            not_before: Mutex::default(),
            dice: Mutex::new(fastrand::Rng::new()),
        })
    }

    /// A place among the requests in flight, once the provider no longer asks to wait.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed, so there is always a permit in the end.
        let place = self.places.acquire().await.ok();
        while let Some(until) = self.wait_until() {
            tokio::time::sleep_until(until).await;
        }
        place
    }

    fn wait_until(&self) -> Option<Instant> {
        let not_before = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        not_before.filter(|until| *until > Instant::now())
    }

    /// Makes everybody wait.
    pub(crate) fn hold(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(not_before.map_or(until, |other| other.max(until)));
    }

    /// A random part of a wait: agents that failed together do not come back together.
    pub(crate) fn jitter(&self, wait_ms: u64) -> Duration {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        Duration::from_millis(dice.u64(0..=wait_ms))
    }

    /// Sends one request and reads its response to the end.
    pub(crate) async fn post(&self, uri: &Uri, body: Bytes) -> Result<Whole, Broken> {
        let deadline = Instant::now() + Duration::from_millis(self.config.timeout_ms);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = self.headers.clone();
        let response = match timeout_at(deadline, self.client.request(request)).await {
            Err(_) => return Err(Broken::Slow { body: Vec::new() }),
            Ok(Err(error)) => {
                return Err(Broken::Unreached { why: chain(&error), sent: !error.is_connect() });
            }
            Ok(Ok(response)) => response,
        };
        self.read(response, deadline).await
    }

    async fn read(&self, response: Response<Incoming>, deadline: Instant) -> Result<Whole, Broken> {
        let (head, mut incoming) = response.into_parts();
        let mut body = Vec::new();
        loop {
            let frame = match timeout_at(deadline, incoming.frame()).await {
                Err(_) => return Err(Broken::Slow { body }),
                Ok(None) => break,
                Ok(Some(Err(error))) => return Err(Broken::Cut { why: chain(&error), body }),
                Ok(Some(Ok(frame))) => frame,
            };
            if let Some(data) = frame.data_ref() {
                let length = (body.len() as u64).saturating_add(data.len() as u64);
                if length > self.config.response_bytes_max {
                    let room = self.config.response_bytes_max.saturating_sub(body.len() as u64);
                    let room = usize::try_from(room).unwrap_or(0);
                    body.extend(data.iter().take(room));
                    return Err(Broken::TooLong { body });
                }
                body.extend_from_slice(data);
            }
        }
        Ok(Whole { status: head.status.as_u16(), headers: head.headers, body })
    }
}

/// The headers of every request; none if the key cannot be in one.
fn headers(config: &ProviderConfig, key: Option<&Secret>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("delm/", env!("CARGO_PKG_VERSION"))));
    // A key with anything but visible ASCII was copied wrongly.
    let visible = key.is_none_or(|key| key.expose().bytes().all(|byte| byte.is_ascii_graphic()));
    for (name, value) in config.api.headers(key) {
        let mut value = HeaderValue::from_str(&value).ok().filter(|_| visible)?;
        value.set_sensitive(true);
        headers.insert(HeaderName::from_static(name), value);
    }
    Some(headers)
}

fn client(
    provider: &str,
    config: &ProviderConfig,
    https: bool,
) -> Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, BuildError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(Duration::from_millis(config.connect_timeout_ms)));
    // Without TLS nothing is trusted, and no file is read.
    let roots = if https { roots(provider, config.ca_file.as_deref())? } else { RootCertStore::empty() };
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .map_err(|error| BuildError::Certificates { provider: provider.to_owned(), why: error.to_string() })?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls);
    let connector = if https { connector.https_only() } else { connector.https_or_http() };
    let connector = connector.enable_http1().wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector))
}

/// The certificates of the given file, or else of the first of the system's that is there.
fn roots(provider: &str, given: Option<&Path>) -> Result<RootCertStore, BuildError> {
    let refuse = |why: String| BuildError::Certificates { provider: provider.to_owned(), why };
    let system = || CA_FILES.iter().map(Path::new).find(|path| path.exists()).map(Path::to_owned);
    let file: PathBuf = given
        .map(Path::to_owned)
        .or_else(system)
        .ok_or_else(|| refuse(format!("there is none of {}", CA_FILES.join(", "))))?;
    let named = |why: &dyn std::fmt::Display| refuse(format!("{}: {why}", file.display()));
    let read = CertificateDer::pem_file_iter(&file).map_err(|error| named(&error))?;
    let certificates: Vec<_> = read.collect::<Result<_, _>>().map_err(|error| named(&error))?;
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 { Err(named(&"it holds no certificate")) } else { Ok(roots) }
}

/// An error with its causes, without saying the same twice.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
