//! `data` of tasks, claims, reads, model calls, drains and limits.
//!
//! Refuses to know what a job came to: gists and verdicts are in `gist`.

use delm_core::event::{CallFault, DrainCause, Level, PauseCause, Purpose};
use delm_core::ids::{AgentId, CallId, Job, Label, TaskId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::name::{Hash, JobSubject, Word};
use crate::render::{Render, counterparts};

counterparts! {
    /// A subtask entered the queue.
    TaskAdded {
        task: Word<TaskId>,
        text: Hash,
        needs: Vec<Word<TaskId>>,
        round: u32,
    }
    /// An agent holds a job for a while.
    Claimed {
        job: Word<Job>,
        agent: Word<AgentId>,
        fence: u64,
        deadline_ms: u64,
        attempt: u32,
    }
    /// The holder got more time.
    LeaseRenewed {
        job: Word<Job>,
        agent: Word<AgentId>,
        fence: u64,
        deadline_ms: u64,
        attempt: u32,
    }
    /// The holder's time ran out.
    ClaimExpired {
        job: Word<Job>,
        fence: u64,
    }
    /// The job was given back; no attempt is counted.
    ClaimReleased {
        job: Word<Job>,
        fence: u64,
    }
    /// The holder reads the first `length` notes of the context.
    ContextRead {
        fence: u64,
        length: u64,
    }
    /// The holder read behind a label.
    Unfolded {
        fence: u64,
        label: Word<Label>,
        level: Word<Level>,
    }
    /// A model is about to be called.
    CallStarted {
        call: Word<CallId>,
        fence: u64,
        purpose: Word<Purpose>,
        model: String,
        request: RequestRef,
        reserved_microusd: Option<u64>,
        reserved_tokens: u64,
    }
    /// The bytes a model is asked with, by hash and recipe.
    RequestRef {
        /// Of the request's bytes; not a blob.
        hash: Hash,
        recipe: Recipe,
    }
    /// How the bytes of a request are rebuilt.
    Recipe {
        renderer: u32,
        preamble: Hash,
        template: Hash,
        length: u64,
        job: Word<Job>,
        attempt: u32,
        feedback: Option<Hash>,
        unfolded: Vec<LabelAt>,
        prior: Option<Hash>,
        problem: Option<Hash>,
    }
    /// Tokens of one call, as the provider counts them.
    Tokens {
        #[serde(rename = "in")]
        input: u64,
        #[serde(rename = "out")]
        output: u64,
        cached: u64,
    }
    /// A model replied.
    CallFinished {
        call: Word<CallId>,
        reply: Hash,
        model_reported: Option<String>,
        request_id: Option<String>,
        tokens: Option<Tokens>,
        cost_microusd: Option<u64>,
        latency_ms: u64,
        tries: u32,
        /// Of the tries before the last, those the provider may bill.
        billable: u32,
    }
    /// A call brought no reply.
    CallFailed {
        call: Word<CallId>,
        fault: Word<CallFault>,
        error: Hash,
        /// What had come of a reply, if anything.
        reply: Option<Hash>,
        charged_microusd: Option<u64>,
        charged_tokens: u64,
        tries: u32,
        /// Of the tries, those the provider may bill.
        billable: u32,
    }
    /// An attempt failed and another may follow.
    TaskReopened {
        task: Word<JobSubject> = |core| Word(JobSubject(core.task)),
        attempt: u32,
        reason: Hash,
    }
    /// The last attempt failed.
    TaskAbandoned {
        task: Word<JobSubject> = |core| Word(JobSubject(core.task)),
        attempt: u32,
        reason: Hash,
    }
    /// Nothing is ready, claimed or in flight.
    Drained {
        round: u32,
        cause: Word<DrainCause>,
    }
    /// The one decision after a drain.
    Expanded {
        round: u32,
        fence: Option<u64>,
        tasks: Vec<Word<TaskId>>,
    }
    /// No new claim from here on.
    LimitReached {
        cause: Word<PauseCause>,
        /// The limit by name; empty for interrupts and provider failures.
        limit: String,
        value: u64,
        /// What was spent of it at that moment, what open calls had reserved left out.
        spent: u64,
        /// The most the call could take that did not fit; 0 where the limit itself was spent.
        needed: u64,
    }
}

/// A label and how far behind it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LabelAt {
    label: Word<Label>,
    level: Word<Level>,
}

impl Render<(Label, Level)> for LabelAt {
    fn render((label, level): &(Label, Level)) -> Self {
        Self { label: Word(*label), level: Word(*level) }
    }
}
