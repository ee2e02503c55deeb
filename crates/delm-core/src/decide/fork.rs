//! Beginning a run from a prefix of another.
//!
//! Refuses a run that is over, a limit that could do nothing any more, models that cannot be called, and to drop what is no
//! fact or was withdrawn before.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Refusal;
use super::builder::Builder;
use crate::apply::tainted_tasks;
use crate::command::{DroppedFact, ForkRun};
use crate::event::{CallFailed, CallFault, ClaimReleased, TaskReopened};
use crate::ids::{CallId, FactId, Fence, Job};
use crate::run::Status;

/// Limits of what a run begins with: a fork has its origin's question, sources and units.
const PAST: &[&str] =
    &["unit_bytes", "units_max", "source_bytes_max", "sources_bytes_max", "question_bytes_max"];

impl Builder<'_> {
    pub(super) fn fork(&mut self, fork: &ForkRun) -> Result<(), Refusal> {
        self.engine_only()?;
        let mut limits = self.run.limits().clone();
        for change in &fork.run.changes {
            limits.set(&change.limit, change.value)?;
            if PAST.contains(&change.limit.as_str()) {
                let what = format!("{} cannot change in a fork: it has its origin's documents", change.limit);
                return Err(Refusal::Invalid { what });
            }
        }
        let Some(origin) = self.run.started().cloned() else {
            return Err(Refusal::NotRunning { phase: self.run.phase() });
        };
        self.check_settings(&fork.run.settings(&origin, limits))?;
        if let Some(name) = &fork.run.name {
            self.text(name, "the name")?;
        }
        self.emit(fork.run.clone())?;
        self.let_go()?;
        fork.drops.iter().try_for_each(|drop| self.retract(drop.label, drop.reason))?;
        self.reopen_tainted(&fork.drops)?;
        fork.agents.iter().try_for_each(|spec| self.join(spec))
    }

    /// Claims of the origin are released and its calls closed: both go on there, if at all, and cost nothing here.
    fn let_go(&mut self) -> Result<(), Refusal> {
        let held: Vec<(Fence, Job)> =
            self.run.jobs().claims().map(|(fence, claim)| (*fence, claim.job)).collect();
        for (fence, job) in held {
            self.emit(ClaimReleased { job, fence })?;
        }
        let open: Vec<CallId> = self.run.ledger().open().map(|(call, _)| *call).collect();
        for call in open {
            let error = self.keep("a call of the run that this one leaves: its reply belongs there");
            self.emit(CallFailed {
                call,
                fault: CallFault::Lost,
                error,
                reply: None,
                charged_microusd: Some(0),
                charged_tokens: 0,
                tries: 0,
                billable: 0,
            })?;
        }
        Ok(())
    }

    /// Tasks whose finding builds on a dropped fact are worked out again, and are told why; what they found before is
    /// withdrawn, or others would go on building on it.
    fn reopen_tainted(&mut self, drops: &[DroppedFact]) -> Result<(), Refusal> {
        let taints: Vec<(DroppedFact, Vec<FactId>)> =
            drops.iter().map(|drop| (*drop, crate::apply::taint_of(&self.run, drop.label))).collect();
        let tainted: BTreeSet<FactId> = taints.iter().flat_map(|(_, tainted)| tainted).copied().collect();
        let gone = |fact: &crate::run::Fact| fact.withdrawn.is_some();
        for (job, fact) in tainted_tasks(&self.run, &tainted, gone) {
            let done = self.run.jobs().get(&job).is_some_and(|state| state.status == Status::Done);
            let found = self.run.fact(fact).map(|fact| fact.proposal.attempt).filter(|_| done);
            let Some(attempt) = found else { continue };
            let mut why = format!("{fact}, found before, builds on");
            let from = taints.iter().filter(|(_, tainted)| tainted.contains(&fact));
            for (place, (drop, _)) in from.enumerate() {
                let reason = self.text(&drop.reason, "the reason")?;
                let comma = if place > 0 { "," } else { "" };
                why.push_str(&format!("{comma} {}, which was withdrawn: {reason}", drop.label));
            }
            let reason = self.keep(String::from(why.trim()));
            self.emit(TaskReopened { task: job, attempt, reason })?;
            self.retract(fact, reason)?;
        }
        Ok(())
    }
}
