//! A server on this machine for tests: it does one given act for each request, and remembers the requests.
//!
//! Refuses requests beyond its acts by closing their connections.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// What the server does with one request.
pub(super) enum Act {
    /// Sends these bytes and closes.
    Send(Vec<u8>),
    /// Sends nothing, and keeps the connection open.
    Silence,
}

impl Act {
    pub(super) fn reply(status: u16, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
        Self::Send(format!("{head}{body}").into_bytes())
    }

    pub(super) fn header(self, name: &str, value: &str) -> Self {
        let Self::Send(bytes) = self else { return self };
        let text = String::from_utf8(bytes).unwrap();
        Self::Send(text.replacen("\r\n", &format!("\r\n{name}: {value}\r\n"), 1).into_bytes())
    }

    /// Promises the whole body, and sends so many bytes of it.
    pub(super) fn cut(body: &str, bytes: usize) -> Self {
        let Self::Send(mut all) = Self::reply(200, body) else { return Self::Silence };
        all.truncate(all.len() - body.len() + bytes);
        Self::Send(all)
    }

    pub(super) fn close() -> Self {
        Self::Send(Vec::new())
    }

    pub(super) fn silence() -> Self {
        Self::Silence
    }
}

/// A request the server got.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) line: String,
    head: String,
    pub(super) body: Value,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

pub(super) struct Server {
    scheme: &'static str,
    port: u16,
    seen: Arc<Mutex<Vec<Seen>>>,
    came: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(super) async fn start(acts: Vec<Act>) -> Self {
        Self::listen(acts, None).await
    }

    /// The same over TLS, with a certificate that only `tls/ca.pem` vouches for.
    pub(super) async fn start_tls(acts: Vec<Act>) -> Self {
        let leaf = CertificateDer::from_pem_slice(include_bytes!("tls/leaf.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tls/leaf.key")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![leaf], key)
            .unwrap();
        Self::listen(acts, Some(Arc::new(config).into())).await
    }

    async fn listen(acts: Vec<Act>, tls: Option<TlsAcceptor>) -> Self {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, came) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
        let task = tokio::spawn(serve(listener, tls, acts.into(), Arc::clone(&seen), Arc::clone(&came)));
        Self { scheme, port, seen, came, task }
    }

    pub(super) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for a request.
    pub(super) async fn seen_one(&self) {
        self.came.notified().await;
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    mut acts: VecDeque<Act>,
    seen: Arc<Mutex<Vec<Seen>>>,
    came: Arc<Notify>,
) {
    let mut held = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        let mut stream: Box<dyn Stream> = match &tls {
            None => Box::new(stream),
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => Box::new(stream),
                Err(_) => continue,
            },
        };
        let Some(request) = read(&mut stream).await else { continue };
        seen.lock().unwrap().push(request);
        came.notify_one();
        match acts.pop_front() {
            Some(Act::Send(bytes)) => {
                stream.write_all(&bytes).await.unwrap();
                stream.shutdown().await.unwrap();
            }
            Some(Act::Silence) => held.push(stream),
            None => {}
        }
    }
}

/// One request with its body; none if the client went away first.
async fn read(stream: &mut Box<dyn Stream>) -> Option<Seen> {
    let mut bytes = Vec::new();
    loop {
        let got =
            tokio::time::timeout(Duration::from_secs(10), stream.read_buf(&mut bytes)).await.ok()?.ok()?;
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                let line = head.lines().next().unwrap_or_default().to_owned();
                return Some(Seen { line, head: head.to_owned(), body: serde_json::from_str(body).unwrap() });
            }
        }
        if got == 0 {
            return None;
        }
    }
}
