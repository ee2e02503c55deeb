//! Model calls, folded from entries: `delm calls`, and what each claim's calls cost.
//!
//! Refuses to hold them all: a fold keeps one page of calls, or the calls of named claims.

use std::collections::{BTreeMap, BTreeSet};

use delm_core::entry::{Blobs, Sealed};
use delm_core::event::{self, CallFault, Event, Purpose};
use delm_core::ids::{AgentId, CallId, Fence, Job, Millis};
use schemars::JsonSchema;
use serde::Serialize;

use super::{TokenCounts, text, vocabulary};
use crate::name::{Hash, Time, Word};

vocabulary!(/// Where a call stands.
CallState {
    /// It was made, and nothing came yet.
    Open = "open",
    /// It brought a reply.
    Finished = "finished",
    /// It brought none.
    Failed = "failed",
});

/// One recorded model call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CallView {
    /// Its label.
    pub call: Word<CallId>,
    /// Seq of the entry that started it.
    pub seq: u64,
    /// Where it stands.
    pub state: Word<CallState>,
    /// When it was started.
    pub at: Time,
    /// When its end was recorded.
    pub ended: Option<Time>,
    /// The claim it worked for.
    pub fence: u64,
    /// Who made it.
    pub agent: Option<Word<AgentId>>,
    /// What for.
    pub job: Word<Job>,
    /// The attempt.
    pub attempt: u32,
    /// What for, as a purpose.
    pub purpose: Word<Purpose>,
    /// The model asked.
    pub model: String,
    /// The model that said it replied.
    pub model_reported: Option<String>,
    /// The provider's own name of the request.
    pub request_id: Option<String>,
    /// Hash of what was asked; `cat --prompt` rebuilds it.
    pub request: Hash,
    /// Blob: the reply, or what had come of one when the call failed.
    pub reply: Option<Hash>,
    /// Why it brought none, as a class.
    pub fault: Option<Word<CallFault>>,
    /// Why it brought none, in words.
    pub error: Option<String>,
    /// Tokens, as the provider counted them.
    pub tokens: Option<TokenCounts>,
    /// Tokens charged for tries that brought no reply.
    pub charged_tokens: Option<u64>,
    /// Its cost, or what was charged all the same; null if unknown.
    pub cost_microusd: Option<u64>,
    /// The most it could cost; null if the model has no price.
    pub reserved_microusd: Option<u64>,
    /// The most tokens it could take.
    pub reserved_tokens: u64,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: Option<u64>,
    /// Requests sent.
    pub tries: Option<u32>,
    /// Of those, the ones that brought no reply and may be billed all the same.
    pub billable: Option<u32>,
}

/// What the calls of a claim came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Their cost; none if a part of it is unknown, or not known to this fold.
    pub cost_microusd: Option<u64>,
    /// The model that was asked, the last time.
    pub model: Option<String>,
    /// The model that said it replied, the last time.
    pub model_reported: Option<String>,
}

#[derive(Clone, Debug)]
enum Keep {
    Page { after: u32, items_max: u64 },
    Claims(BTreeSet<Fence>),
}

/// Calls of a run, folded from its entries.
#[derive(Clone, Debug)]
pub struct CallFold {
    keep: Keep,
    calls: BTreeMap<CallId, CallView>,
    more: bool,
}

impl CallFold {
    /// Keeps the calls that follow `after`, at most so many.
    #[must_use]
    pub fn page(after: Option<CallId>, items_max: u64) -> Self {
        Self::new(Keep::Page { after: after.map_or(0, |call| call.0), items_max })
    }

    /// Keeps the calls of these claims.
    #[must_use]
    pub fn of_claims(fences: BTreeSet<Fence>) -> Self {
        Self::new(Keep::Claims(fences))
    }

    fn new(keep: Keep) -> Self {
        Self { keep, calls: BTreeMap::new(), more: false }
    }

    /// Sees the next entry. `blobs` answers for the words of errors.
    pub fn entry(&mut self, sealed: &Sealed, blobs: &dyn Blobs) {
        let entry = &sealed.entry;
        for event in &entry.events {
            if let Event::CallStarted(start) = event
                && self.keeps(start)
            {
                self.calls.insert(start.call, started(start, entry.seq, entry.at, entry.agent));
            } else if let Event::CallFinished(end) = event
                && let Some(call) = self.calls.get_mut(&end.call)
            {
                finish(call, end, entry.at);
            } else if let Event::CallFailed(end) = event
                && let Some(call) = self.calls.get_mut(&end.call)
            {
                fail(call, end, entry.at, text(blobs, &end.error));
            }
        }
    }

    /// The calls kept, by label.
    pub fn calls(&self) -> impl Iterator<Item = &CallView> {
        self.calls.values()
    }

    /// Whether calls follow those of the page.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// What the calls of a claim came to; nothing was spent without a claim.
    #[must_use]
    pub fn spent(&self, fence: Option<Fence>) -> Spent {
        let Some(fence) = fence else { return Spent { cost_microusd: Some(0), ..Spent::default() } };
        if !matches!(&self.keep, Keep::Claims(fences) if fences.contains(&fence)) {
            return Spent::default();
        }
        let calls = || self.calls.values().filter(|call| call.fence == fence);
        Spent {
            cost_microusd: calls().try_fold(0u64, |sum, call| Some(sum.saturating_add(call.cost_microusd?))),
            model: calls().map(|call| call.model.clone()).next_back(),
            model_reported: calls().filter_map(|call| call.model_reported.clone()).next_back(),
        }
    }

    fn keeps(&mut self, start: &event::CallStarted) -> bool {
        match &self.keep {
            Keep::Claims(fences) => fences.contains(&start.fence),
            Keep::Page { after, .. } if start.call.0 <= *after => false,
            Keep::Page { items_max, .. } => {
                let room = (self.calls.len() as u64) < *items_max;
                self.more |= !room;
                room
            }
        }
    }
}

fn started(start: &event::CallStarted, seq: u64, at: Millis, agent: Option<AgentId>) -> CallView {
    CallView {
        call: Word(start.call),
        seq,
        state: Word(CallState::Open),
        at: Time(at),
        ended: None,
        fence: start.fence,
        agent: agent.map(Word),
        job: Word(start.request.recipe.job),
        attempt: start.request.recipe.attempt,
        purpose: Word(start.purpose),
        model: start.model.clone(),
        model_reported: None,
        request_id: None,
        request: Word(start.request.hash),
        reply: None,
        fault: None,
        error: None,
        tokens: None,
        charged_tokens: None,
        cost_microusd: None,
        reserved_microusd: start.reserved_microusd,
        reserved_tokens: start.reserved_tokens,
        latency_ms: None,
        tries: None,
        billable: None,
    }
}

fn finish(call: &mut CallView, end: &event::CallFinished, at: Millis) {
    call.state = Word(CallState::Finished);
    call.ended = Some(Time(at));
    call.model_reported.clone_from(&end.model_reported);
    call.request_id.clone_from(&end.request_id);
    call.reply = Some(Word(end.reply));
    call.tokens = end.tokens.map(|tokens| TokenCounts {
        input: tokens.input,
        output: tokens.output,
        cached: tokens.cached,
    });
    call.cost_microusd = end.cost_microusd;
    call.latency_ms = Some(end.latency_ms);
    call.tries = Some(end.tries);
    call.billable = Some(end.billable);
    call.charged_tokens =
        Some(call.reserved_tokens.saturating_mul(u64::from(end.billable))).filter(|tokens| *tokens > 0);
}

fn fail(call: &mut CallView, end: &event::CallFailed, at: Millis, error: Option<String>) {
    call.state = Word(CallState::Failed);
    call.ended = Some(Time(at));
    call.fault = Some(Word(end.fault));
    call.error = error;
    call.reply = end.reply.map(Word);
    call.charged_tokens = Some(end.charged_tokens);
    call.cost_microusd = end.charged_microusd;
    call.tries = Some(end.tries);
    call.billable = Some(end.billable);
}
