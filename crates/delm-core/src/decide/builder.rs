//! The workbench of one decision: a copy of the state that each event is applied to as soon as it is decided.
//!
//! Refuses an event the law refuses, so a decision that comes out whole can be written.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::{Decision, Refusal, entry_of};
use crate::apply::{Place, apply_event, check_whole};
use crate::blobs::named_by;
use crate::command::{Envelope, Reply};
use crate::entry::{Blob, Blobs};
use crate::event::{DrainCause, Drained, Event, Expanded, LimitReached, PauseCause, RunPaused};
use crate::ids::{AgentId, Digest, Millis, Seq};
use crate::policy::Policy;
use crate::prompt;
use crate::request::Request;
use crate::run::{Phase, Run};

pub(super) struct Builder<'a> {
    pub(super) policy: &'a dyn Policy,
    pub(super) run: Run,
    pub(super) before: &'a Run,
    pub(super) agent: Option<AgentId>,
    pub(super) at: Millis,
    pub(super) seq: Seq,
    pub(super) request: Option<Request>,
    pub(super) kept: Overlay<'a>,
    events: Vec<Event>,
}

/// A point in a decision.
pub(super) struct Mark {
    run: Run,
    events: usize,
}

/// Stored blobs, and over them those that this decision makes.
pub(super) struct Overlay<'a> {
    stored: &'a dyn Blobs,
    made: BTreeMap<Digest, Arc<[u8]>>,
}

impl Blobs for Overlay<'_> {
    fn blob(&self, hash: &Digest) -> Option<Arc<[u8]>> {
        self.made.get(hash).cloned().or_else(|| self.stored.blob(hash))
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(
        policy: &'a dyn Policy,
        before: &'a Run,
        stored: &'a dyn Blobs,
        agent: Option<AgentId>,
        at: Millis,
    ) -> Self {
        let mut run = before.clone();
        run.last_at = run.at;
        run.at = at;
        let seq = before.head().map_or(0, |head| head.seq + 1);
        let kept = Overlay { stored, made: BTreeMap::new() };
        Self { policy, run, before, agent, at, seq, request: None, kept, events: Vec::new() }
    }

    /// Decides one event.
    pub(super) fn emit(&mut self, event: impl Into<Event>) -> Result<(), Refusal> {
        let event = event.into();
        let place = Place { seq: self.seq, at: self.at, agent: self.agent };
        apply_event(&mut self.run, &event, place)
            .map_err(|broken| Refusal::Unlawful { law: broken.law, what: broken.what })?;
        self.events.push(event);
        Ok(())
    }

    /// What there is so far, to come back to.
    pub(super) fn mark(&self) -> Mark {
        Mark { run: self.run.clone(), events: self.events.len() }
    }

    /// Takes back everything since the mark; a request since then is not made.
    pub(super) fn take_back(&mut self, mark: Mark) {
        self.run = mark.run;
        self.events.truncate(mark.events);
        self.request = None;
    }

    /// Makes a blob.
    pub(super) fn keep(&mut self, text: impl Into<String>) -> Digest {
        self.keep_bytes(text.into().into_bytes())
    }

    pub(super) fn keep_bytes(&mut self, bytes: Vec<u8>) -> Digest {
        let blob = Blob::new(bytes);
        self.kept.made.insert(blob.hash, blob.bytes);
        blob.hash
    }

    /// The bytes of a blob that the command names.
    pub(super) fn given(&self, hash: &Digest, what: &'static str) -> Result<Arc<[u8]>, Refusal> {
        self.kept.blob(hash).ok_or(Refusal::MissingBlob { what, hash: *hash })
    }

    pub(super) fn nothing_yet(&self) -> bool {
        self.events.is_empty()
    }

    /// What follows of itself from what was decided: a limit, a pause, a drain.
    pub(super) fn settle(&mut self) -> Result<(), Refusal> {
        crate::apply::close_plan(&mut self.run);
        self.check_budget()?;
        let idle = self.run.jobs().claimed() == 0;
        match self.run.phase() {
            Phase::Stopping(cause) if idle => {
                self.close_calls()?;
                self.emit(RunPaused { cause, open: self.run.open_subjects() })
            }
            Phase::Running if idle && !self.run.closed && self.run.agents().principals() > 0 => self.drain(),
            Phase::Unborn | Phase::Running | Phase::Stopping(_) | Phase::Paused(_) | Phase::Ended(_) => {
                Ok(())
            }
        }
    }

    fn drain(&mut self) -> Result<(), Refusal> {
        if self.run.takeable() {
            return Ok(());
        }
        let round = self.run.round() + 1;
        let empty = self.run.jobs().unsettled() == 0;
        let cause = if empty { DrainCause::Empty } else { DrainCause::Stuck };
        self.emit(Drained { round, cause })?;
        if u64::from(round) > self.run.limits().rounds_max {
            self.emit(Expanded { round, fence: None, tasks: Vec::new() })?;
        }
        Ok(())
    }

    /// Stops claiming once a budget is spent. Reservations count: a call in flight may yet take them.
    fn check_budget(&mut self) -> Result<(), Refusal> {
        if self.run.phase() != Phase::Running {
            return Ok(());
        }
        let (limits, ledger) = (self.run.limits(), self.run.ledger());
        let tokens = (
            limits.budget_tokens,
            ledger.spent_tokens().saturating_add(ledger.reserved_tokens),
            "budget_tokens",
        );
        let money = ledger.spent_microusd.saturating_add(ledger.reserved_microusd);
        let money = (limits.budget_microusd, money, "budget_microusd");
        let over = [tokens, money].into_iter().find(|(budget, spent, _)| *budget > 0 && spent >= budget);
        // While calls are in flight what they reserve may come back; the last of them to end decides.
        match over {
            Some((value, _, limit)) if ledger.open.is_empty() => {
                self.stop(PauseCause::Budget, limit, value, 0)
            }
            _ => Ok(()),
        }
    }

    /// Stops claiming; `needed` is what a call could take for which a budget has too little left.
    pub(super) fn stop(
        &mut self,
        cause: PauseCause,
        limit: &str,
        value: u64,
        needed: u64,
    ) -> Result<(), Refusal> {
        let spent = crate::apply::spent_of(&self.run, limit);
        self.emit(LimitReached { cause, limit: limit.into(), value, spent, needed })
    }

    /// The finished decision: events, the blobs they name, and the state after them.
    pub(super) fn finish(mut self, envelope: &Envelope) -> Result<Decision, Refusal> {
        check_whole(&mut self.run, &self.events)
            .map_err(|broken| Refusal::Unlawful { law: broken.law, what: broken.what })?;
        let entry = entry_of(self.before, envelope, self.events, self.at);
        let reply = Reply::of(&entry);
        // A text may have been made for an event that then was taken back, or not needed.
        let named = named_by(&entry);
        let made = self.kept.made.into_iter().filter(|(hash, _)| named.contains(hash));
        let blobs = made.map(|(hash, bytes)| Blob { hash, bytes }).collect();
        Ok(Decision { events: entry.events, blobs, reply, request: self.request, after: Some(self.run) })
    }

    /// What the command names as UTF-8 text.
    pub(super) fn text(&self, hash: &Digest, what: &'static str) -> Result<Arc<str>, Refusal> {
        Ok(prompt::text(&self.kept, hash, what)?)
    }
}
