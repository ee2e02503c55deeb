//! A model of a provider: one call with its tries, waits and changes of dialect.
//!
//! Refuses to try for ever, to answer for another model, and to let a key out in an error.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use delm_core::event::CallFault;
use delm_core::request::Request;
use hyper::Uri;
use hyper::body::Bytes;
use tokio::time::Instant;

use crate::api::{Answer, Ask, Dialect};
use crate::choice::{BuildError, ModelChoice};
use crate::endpoint::Endpoint;
use crate::params::Params;
use crate::verdict::{Next, judge};
use crate::{CallError, CallInfo, Calling, Exchange, Model};

/// Tries a call may spend beyond `tries_max` on finding the server's dialect: three formats and one name.
const DIALECT_TRIES_MAX: u32 = 4;

/// A model of a provider.
#[derive(Debug)]
pub(crate) struct ProviderModel {
    /// As chosen: `provider::name`.
    name: String,
    /// As the provider calls it.
    called: String,
    uri: Uri,
    given: Vec<(String, String)>,
    params: Params,
    endpoint: Arc<Endpoint>,
    /// What the server understands, remembered from call to call.
    dialect: Mutex<Dialect>,
}

/// The tries of one call.
#[derive(Default)]
struct Tries {
    sent: u32,
    /// Of those, the ones that brought no reply and may be billed.
    billable: u32,
    /// What came last of a reply; a later try that brings nothing does not take it away.
    partial: Option<Vec<u8>>,
}

impl Tries {
    fn failed(&mut self, partial: Option<Vec<u8>>, billable: bool) {
        self.billable += u32::from(billable);
        if partial.is_some() {
            self.partial = partial;
        }
    }
}

impl ProviderModel {
    pub(crate) fn new(choice: &ModelChoice, name: &str, endpoint: Arc<Endpoint>) -> Result<Self, BuildError> {
        let api = endpoint.config.api;
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:/@+".contains(&byte));
        let uri = api.url(&endpoint.base, name).filter(|_| plain);
        let bad = || BuildError::BadName { provider: endpoint.provider.clone(), name: name.to_owned() };
        Ok(Self {
            name: choice.model.clone(),
            called: name.to_owned(),
            uri: uri.ok_or_else(bad)?,
            given: choice.params.clone(),
            params: Params::parse(api, &choice.params)?,
            dialect: Mutex::new(Dialect::of(api, &endpoint.config.base_url)),
            endpoint,
        })
    }

    async fn tried(&self, request: &Request, info: &CallInfo) -> Result<Exchange, CallError> {
        let mut tries = Tries::default();
        if request.model != self.name {
            let why = format!("the request is for the model {:?}", request.model);
            return Err(self.failed(CallFault::Request, &why, tries));
        }
        let params = match self.params_of(request) {
            Ok(params) => params,
            Err(why) => return Err(self.failed(CallFault::Request, &why, tries)),
        };
        let config = &self.endpoint.config;
        let mut bound = config.tries_max;
        loop {
            let dialect = self.dialect();
            let ask = Ask { model: &self.called, request, params: &params, dialect };
            let body = Bytes::from(config.api.body(&ask).to_string());
            let place = self.endpoint.place().await;
            tries.sent += 1;
            let begun = Instant::now();
            let came = self.endpoint.post(&self.uri, body).await;
            drop(place);
            match judge(config, dialect, came) {
                Next::Done(answer) => return Ok(self.exchange(answer, begun, &tries)),
                Next::Fail { fault, why, partial, billable } => {
                    tries.failed(partial, billable);
                    return Err(self.failed(fault, &why, tries));
                }
                Next::Simpler { dialect, why } => {
                    if tries.sent >= config.tries_max + DIALECT_TRIES_MAX {
                        return Err(self.failed(CallFault::Request, &why, tries));
                    }
                    bound += 1;
                    self.remember(dialect, &why);
                }
                Next::Again { why, after, partial, billable } => {
                    tries.failed(partial, billable);
                    if tries.sent >= bound {
                        return Err(self.failed(CallFault::Provider, &why, tries));
                    }
                    let wait = match self.wait(tries.sent, after) {
                        Ok(wait) => wait,
                        Err(why_not) => {
                            return Err(self.failed(
                                CallFault::Provider,
                                &format!("{why}; {why_not}"),
                                tries,
                            ));
                        }
                    };
                    self.trace(info, tries.sent, &why, wait);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// How long to wait before the next try: what the provider asks for and a little more, or a random part of a bound
    /// that doubles.
    fn wait(&self, sent: u32, after: Option<Duration>) -> Result<Duration, String> {
        let config = &self.endpoint.config;
        let Some(after) = after else {
            let doublings = sent.saturating_sub(1).min(63);
            let bound = config.backoff_ms.saturating_mul(1 << doublings).min(config.backoff_ms_max);
            return Ok(self.endpoint.jitter(bound));
        };
        let longest = Duration::from_millis(config.retry_after_ms_max);
        if after > longest {
            return Err(format!(
                "it asks to wait {} s, and at most {} s are waited",
                after.as_secs(),
                longest.as_secs()
            ));
        }
        self.endpoint.hold(after);
        Ok(after + self.endpoint.jitter(config.backoff_ms))
    }

    /// The parameters of the request: those of the choice, unless the run recorded others.
    fn params_of(&self, request: &Request) -> Result<Params, String> {
        if request.params == self.given {
            return Ok(self.params.clone());
        }
        Params::parse(self.endpoint.config.api, &request.params).map_err(|error| error.to_string())
    }

    fn dialect(&self) -> Dialect {
        *self.dialect.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what was learned. Calls in flight together learn the same, so the last one to say it wins nothing.
    fn remember(&self, learned: Dialect, why: &str) {
        let mut dialect = self.dialect.lock().unwrap_or_else(PoisonError::into_inner);
        tracing::debug!(
            model = self.name,
            said = self.endpoint.scrubber.error(why),
            ?learned,
            "simpler dialect"
        );
        dialect.format = dialect.format.max(learned.format);
        if learned.name_settled {
            dialect.max_completion_tokens = learned.max_completion_tokens;
            dialect.name_settled = true;
        }
    }

    fn exchange(&self, answer: Answer, begun: Instant, tries: &Tries) -> Exchange {
        let scrub = |text: String| self.endpoint.scrubber.error(&text);
        Exchange {
            reply: self.endpoint.scrubber.reply(answer.text.into_bytes()),
            model_reported: answer.model_reported.map(scrub),
            request_id: answer.request_id.map(scrub),
            tokens: answer.tokens,
            latency_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            tries: tries.sent,
            billable: tries.billable,
        }
    }

    fn failed(&self, fault: CallFault, why: &str, tries: Tries) -> CallError {
        let Endpoint { base, scrubber, .. } = &*self.endpoint;
        let count = if tries.sent == 1 { "1 try".to_owned() } else { format!("{} tries", tries.sent) };
        let error = format!("{} at {}, {count}: {why}", self.name, base.host());
        let partial = tries.partial.map(|body| scrubber.error(&String::from_utf8_lossy(&body)).into_bytes());
        let error = scrubber.error(&error);
        CallError { fault, error, tries: tries.sent, billable: tries.billable, partial }
    }

    fn trace(&self, info: &CallInfo, sent: u32, why: &str, wait: Duration) {
        let why = self.endpoint.scrubber.error(why);
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        tracing::debug!(model = self.name, call = %info.call, job = %info.job, sent, wait_ms, why, "trying again");
    }
}

impl Model for ProviderModel {
    fn call<'a>(&'a self, request: &'a Request, info: &'a CallInfo) -> Calling<'a> {
        Box::pin(self.tried(request, info))
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn host(&self) -> Option<&str> {
        Some(self.endpoint.base.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ProviderConfig, Providers};
    use crate::{Api, ModelChoice};

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_a_bound_and_a_wait_asked_for_is_everybodys() {
        let mut config = ProviderConfig::new(Api::Ollama);
        (config.backoff_ms, config.backoff_ms_max) = (100, 1_000);
        let mut providers = Providers::default();
        providers.set("here", config);
        let endpoint = providers.endpoint("here", providers.get("here").unwrap()).unwrap();
        let choice = ModelChoice { model: "here::m".into(), params: Vec::new() };
        let model = ProviderModel::new(&choice, "m", Arc::clone(&endpoint)).unwrap();
        for (sent, bound_ms) in [(1, 100), (2, 200), (4, 800), (5, 1_000), (100, 1_000)] {
            let waits: Vec<u128> = (0..200).map(|_| model.wait(sent, None).unwrap().as_millis()).collect();
            let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(
                *most <= bound_ms && *most > bound_ms / 2 && *least < bound_ms / 2,
                "{sent}: {least}..{most}"
            );
        }
        let asked = Duration::from_secs(30);
        let (before, wait) = (Instant::now(), model.wait(1, Some(asked)).unwrap());
        assert!(wait >= asked && wait <= asked + Duration::from_millis(100), "{wait:?}");
        drop(endpoint.place().await);
        assert_eq!(before.elapsed().as_secs(), 30);
        assert!(model.wait(1, Some(Duration::from_secs(61))).is_err());
    }
}
