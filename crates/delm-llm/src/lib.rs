//! Models behind one trait: hosted providers, local servers, scripted replies.
//!
//! Refuses to know a run: it takes a rendered request, gives back what the model said, and reads no environment
//! variable and no clock of day. No key leaves it in an error, a trace or a `Debug`.

use std::future::Future;
use std::pin::Pin;

use delm_core::event::{CallFault, Purpose, Tokens};
use delm_core::ids::{CallId, Job};
use delm_core::request::Request;

mod api;
mod choice;
mod config;
mod endpoint;
#[cfg(fuzzing)]
pub mod fuzz;
mod params;
mod provider;
pub mod script;
mod scrub;
pub mod url;
mod verdict;

pub use choice::{BuildError, ModelChoice, build, host_of};
pub use config::{Api, ProviderConfig, Providers, Secret, ollama_base_url};
pub use params::ParamError;

/// The JSON Schema of script files, for `delm schema script`.
pub const SCRIPT_SCHEMA: &str = include_str!("../../../schemas/script-v1.schema.json");

/// A call in flight. Dropping it lets the call go: what the provider did by then is lost, and may be charged.
pub type Calling<'a> = Pin<Box<dyn Future<Output = Result<Exchange, CallError>> + Send + 'a>>;

/// Something that answers requests.
pub trait Model: Send + Sync {
    /// Asks the model once; retries of the same request happen inside.
    fn call<'a>(&'a self, request: &'a Request, info: &'a CallInfo) -> Calling<'a>;

    /// The model as it was chosen: `provider::name` or `script:FILE`.
    fn name(&self) -> &str;

    /// The host that would be called, with its port if one is named; none if nothing leaves this process.
    fn host(&self) -> Option<&str>;
}

/// What a call is for. Only scripts and traces look at it: nothing of it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallInfo {
    /// What for.
    pub purpose: Purpose,
    /// The job of the claim it works for.
    pub job: Job,
    /// The attempt at that job, from one.
    pub attempt: u32,
    /// The call's place within its claim, from one.
    pub ask: u32,
    /// Its label.
    pub call: CallId,
}

/// What a model gave back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The text of the reply, raw; it may be empty, cut off or no JSON at all.
    pub reply: Vec<u8>,
    /// The model that says it replied.
    pub model_reported: Option<String>,
    /// The provider's own name of the request.
    pub request_id: Option<String>,
    /// Tokens; none if the provider did not say.
    pub tokens: Option<Tokens>,
    /// From sending the last try to its last byte, in milliseconds.
    pub latency_ms: u64,
    /// Requests sent, the last included.
    pub tries: u32,
    /// Of those before the last, the ones that may be billed: the provider may have worked, and brought no reply.
    pub billable: u32,
}

/// Why a call brought no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct CallError {
    /// `Provider`: no call will fare better now. `Request`: this one request cannot be answered.
    pub fault: CallFault,
    /// Why, in words, scrubbed of every known key.
    pub error: String,
    /// Requests sent.
    pub tries: u32,
    /// Of those, the ones that may be billed. One that certainly was not worked on is not: no connection, a key refused,
    /// a rate limit, a request that was not understood.
    pub billable: u32,
    /// What had arrived of a reply last, scrubbed as well.
    pub partial: Option<Vec<u8>>,
}

#[cfg(test)]
mod tests;
