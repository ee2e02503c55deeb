//! Events of the queue: tasks, claims, calls, attempts, drains.
//!
//! Refuses a prompt's bytes: a request is a recipe and a hash.

use alloc::string::String;
use alloc::vec::Vec;

use bincode::{Decode, Encode};

use super::words::{CallFault, DrainCause, Level, Purpose};
use crate::ids::{AgentId, CallId, Digest, Fence, Job, Label, MicroUsd, Millis, TaskId};

/// A subtask entered the queue.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TaskAdded {
    /// Its label.
    pub task: TaskId,
    /// Blob: what is to be found out.
    pub text: Digest,
    /// Tasks it depends on, ascending.
    pub needs: Vec<TaskId>,
    /// 0 for the plan, r for the expansion after drain r.
    pub round: u32,
}

/// An agent holds a job. The fence is the seq of this entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Claimed {
    /// The job.
    pub job: Job,
    /// Who holds it.
    pub agent: AgentId,
    /// Seq of this entry.
    pub fence: Fence,
    /// When it expires unless renewed.
    pub deadline_ms: Millis,
    /// From one: failed attempts before this plus one.
    pub attempt: u32,
}

/// The holder got more time.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LeaseRenewed {
    /// The job.
    pub job: Job,
    /// Who holds it.
    pub agent: AgentId,
    /// The claim.
    pub fence: Fence,
    /// When it expires now.
    pub deadline_ms: Millis,
    /// Unchanged.
    pub attempt: u32,
}

/// The holder's time ran out.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClaimExpired {
    /// The job.
    pub job: Job,
    /// The claim that is over.
    pub fence: Fence,
}

/// The job was given back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClaimReleased {
    /// The job.
    pub job: Job,
    /// The claim that is over.
    pub fence: Fence,
}

/// The holder reads a prefix of the context.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ContextRead {
    /// The claim.
    pub fence: Fence,
    /// Notes in the prefix.
    pub length: u64,
}

/// The holder read behind a label.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Unfolded {
    /// The claim.
    pub fence: Fence,
    /// What was unfolded.
    pub label: Label,
    /// How far.
    pub level: Level,
}

/// How the bytes of a request are rebuilt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Recipe {
    /// Version of the renderer.
    pub renderer: u32,
    /// Blob: the preamble's template.
    pub preamble: Digest,
    /// Blob: the purpose's template.
    pub template: Digest,
    /// Notes of the context shown.
    pub length: u64,
    /// The job.
    pub job: Job,
    /// The attempt.
    pub attempt: u32,
    /// Blob: why the attempt before failed.
    pub feedback: Option<Digest>,
    /// What was unfolded for this call.
    pub unfolded: Vec<(Label, Level)>,
    /// Blob: the reply before, which could not be used.
    pub prior: Option<Digest>,
    /// Blob: what was wrong with it.
    pub problem: Option<Digest>,
}

/// The bytes a model is asked with, by hash and recipe.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RequestRef {
    /// BLAKE3 `derive_key("delm request v1")` of the request's bytes.
    pub hash: Digest,
    /// How to rebuild them.
    pub recipe: Recipe,
}

/// A model is about to be called.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallStarted {
    /// Its label.
    pub call: CallId,
    /// The claim it works for.
    pub fence: Fence,
    /// What for.
    pub purpose: Purpose,
    /// The model asked.
    pub model: String,
    /// With what.
    pub request: RequestRef,
    /// The most it can cost; none if the model has no price.
    pub reserved_microusd: Option<MicroUsd>,
    /// The most tokens it can take.
    pub reserved_tokens: u64,
}

/// Tokens of one call, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Tokens {
    /// In, the cached ones included.
    pub input: u64,
    /// Out.
    pub output: u64,
    /// Of those in, read from the provider's cache.
    pub cached: u64,
}

/// A model replied.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallFinished {
    /// Which call.
    pub call: CallId,
    /// Blob: the reply, raw.
    pub reply: Digest,
    /// The model that says it replied.
    pub model_reported: Option<String>,
    /// The provider's own name of the request.
    pub request_id: Option<String>,
    /// Tokens; none if the provider did not say.
    pub tokens: Option<Tokens>,
    /// Cost, of the billable tries before the reply too; none if unknown, never zero for unknown.
    pub cost_microusd: Option<MicroUsd>,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
    /// Requests sent, the last included.
    pub tries: u32,
    /// Of those before the last, the ones the provider may bill though they brought no reply: each counts as reserved.
    pub billable: u32,
}

/// A call brought no reply.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallFailed {
    /// Which call.
    pub call: CallId,
    /// Why, as a class.
    pub fault: CallFault,
    /// Blob: why, in words, scrubbed of keys.
    pub error: Digest,
    /// Blob: what had come of a reply, if anything: raw but for keys, cut at `reply_bytes_max`.
    pub reply: Option<Digest>,
    /// Charged all the same: the reservation for each billable try; none if unknown.
    pub charged_microusd: Option<MicroUsd>,
    /// Charged all the same: the reservation for each billable try.
    pub charged_tokens: u64,
    /// Requests sent; of a lost call nobody knows.
    pub tries: u32,
    /// Of those, the ones the provider may bill; a lost call counts as one at least.
    pub billable: u32,
}

impl CallFailed {
    /// The tries that are charged, each at the call's reservation.
    #[must_use]
    pub fn charged_tries(&self) -> u64 {
        u64::from(self.billable.max(u32::from(self.fault == CallFault::Lost)))
    }
}

/// An attempt failed and another may follow. The job is a task or reading, or any other job that is claimed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TaskReopened {
    /// The job whose attempt failed.
    pub task: Job,
    /// The attempt that failed.
    pub attempt: u32,
    /// Blob: why; the next attempt sees it.
    pub reason: Digest,
}

/// The last attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TaskAbandoned {
    /// The job that is given up.
    pub task: Job,
    /// The attempt that failed.
    pub attempt: u32,
    /// Blob: why.
    pub reason: Digest,
}

/// Nothing is ready, claimed or in flight.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Drained {
    /// Drains are numbered from one.
    pub round: u32,
    /// Why.
    pub cause: DrainCause,
}

/// The one decision after a drain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Expanded {
    /// The drain it answers.
    pub round: u32,
    /// The claim; none if a limit or exhausted attempts closed the queue.
    pub fence: Option<Fence>,
    /// Tasks added; none closes the queue.
    pub tasks: Vec<TaskId>,
}
