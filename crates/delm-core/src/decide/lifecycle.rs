//! Beginning, pausing, going on and ending; workers that come and go; time that passes.
//!
//! Refuses a run without documents' texts at hand, budgets for models without a price, and a second beginning.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Refusal;
use super::builder::Builder;
use crate::apply::taint_of;
use crate::command::{AgentSpec, StartRun, principal_of};
use crate::event::{
    AgentJoined, AgentLeft, BlobRedacted, Change, ClaimExpired, GistWithdrawn, Outcome, PauseCause,
    RunResumed, RunStarted, SourceAdded, UnitAdded,
};
use crate::ids::{AgentId, CallId, Digest, FactId, Fence, Job, SourceId, UnitId};
use crate::prompt;
use crate::run::Phase;
use crate::text::split;

impl Builder<'_> {
    pub(super) fn start(&mut self, start: &StartRun) -> Result<(), Refusal> {
        self.engine_only()?;
        let run = &start.run;
        let invalid = |what: String| Err(Refusal::Invalid { what });
        let question = self.text(&run.question, "the question")?;
        if question.trim().is_empty() {
            return invalid(String::from("the question is empty"));
        }
        if question.len() as u64 > run.limits.question_bytes_max {
            let limit = run.limits.question_bytes_max;
            return invalid(format!(
                "the question has {} bytes; question_bytes_max is {limit}",
                question.len()
            ));
        }
        self.check_settings(run)?;
        self.emit(run.clone())?;
        for (place, source) in start.sources.iter().enumerate() {
            self.add_source(SourceId::after(place), source)?;
        }
        start.skipped.iter().try_for_each(|skipped| self.emit(skipped.clone()))?;
        start.agents.iter().try_for_each(|spec| self.join(spec))
    }

    /// What a run is decided under: this policy, templates for its models, and prices if money is limited.
    pub(super) fn check_settings(&self, run: &RunStarted) -> Result<(), Refusal> {
        let invalid = |what: String| Err(Refusal::Invalid { what });
        if run.policy != self.policy.name() {
            return invalid(format!("the run is under policy {} {}", run.policy.name, run.policy.version));
        }
        self.check_templates(run)?;
        for choice in [&run.models.worker, &run.models.judge] {
            let priced = run.prices.iter().any(|price| price.model == choice.model);
            if run.limits.budget_microusd > 0 && !priced && choice.model != prompt::BUILTIN {
                return invalid(format!("{} has no price, so a money budget cannot be kept", choice.model));
            }
        }
        Ok(())
    }

    /// Every part that a model may be asked with is there, once, and asks only for what is given.
    fn check_templates(&self, run: &RunStarted) -> Result<(), Refusal> {
        if !run.templates.is_sorted_by(|a, b| a.part < b.part) {
            return Err(Refusal::Invalid {
                what: String::from("the templates are not sorted by part, each once"),
            });
        }
        for template in &run.templates {
            prompt::check_template(&self.text(&template.text, "a template")?)?;
        }
        let called =
            [&run.models.worker, &run.models.judge].iter().any(|choice| choice.model != prompt::BUILTIN);
        let has = |part: &str| run.templates.iter().any(|template| template.part == part);
        match prompt::TEMPLATES.iter().find(|(part, _)| called && !has(part)) {
            Some((part, _)) => Err(Refusal::Invalid { what: format!("there is no template {part}") }),
            None => Ok(()),
        }
    }

    fn add_source(&mut self, id: SourceId, source: &crate::command::SourceSpec) -> Result<(), Refusal> {
        self.text(&source.name, "a source's name")?;
        let text = self.text(&source.text, "a source's text")?;
        self.emit(SourceAdded {
            source: id,
            name: source.name,
            original_hash: source.original_hash,
            original_len: source.original_len,
            extractor: source.extractor,
            text: source.text,
        })?;
        for (place, (start, end)) in split(&text, self.run.limits().unit_bytes).into_iter().enumerate() {
            let index = u32::try_from(place + 1).unwrap_or(u32::MAX);
            self.emit(UnitAdded { unit: UnitId { source: id, index }, start, end })?;
        }
        Ok(())
    }

    pub(super) fn join(&mut self, spec: &AgentSpec) -> Result<(), Refusal> {
        self.engine_only()?;
        let agent = AgentId::after(self.run.agents().len());
        let principal = if spec.principal.is_empty() { principal_of(agent) } else { spec.principal.clone() };
        let (model, program) = (spec.model.clone(), spec.program.clone());
        self.emit(AgentJoined { agent, kind: spec.kind, principal, model, program })
    }

    pub(super) fn leave(&mut self) -> Result<(), Refusal> {
        let agent = self.sender()?;
        let held = self.run.agent(agent).and_then(|agent| agent.claim);
        self.emit(AgentLeft { agent })?;
        if let Some((fence, job)) = held.and_then(|fence| Some((fence, self.run.claim(fence)?.job))) {
            self.release_claim(fence, job)?;
        }
        // Nobody answers its calls any more, nor those that an expired claim left open.
        let calls: Vec<CallId> =
            self.run.ledger().open().filter(|(_, call)| call.agent == agent).map(|(call, _)| *call).collect();
        calls.into_iter().try_for_each(|call| self.lose_call(Some(call)))
    }

    /// Expires every lease that is due, in one entry, and the run's own deadline.
    pub(super) fn tick(&mut self) -> Result<(), Refusal> {
        if self.agent.is_some() {
            return Err(Refusal::WrongSender);
        }
        let at = self.at;
        let mut due: Vec<Fence> = self
            .run
            .jobs
            .deadlines
            .iter()
            .take_while(|(deadline, _)| *deadline <= at)
            .map(|(_, fence)| *fence)
            .collect();
        if cfg!(sabotage = "unsorted_order") {
            due.reverse();
        }
        let mut over = Vec::new();
        for fence in due {
            let Some(job) = self.run.claim(fence).map(|claim| claim.job) else { continue };
            self.emit(ClaimExpired { job, fence })?;
            over.push(job);
        }
        // A plan or an answer given up ends the run, which nothing may follow.
        over.sort_by_key(|job| matches!(job, Job::Plan | Job::Finalize));
        let reason = self.keep("the lease ran out");
        for job in over {
            if matches!(self.run.phase(), Phase::Ended(_)) {
                break;
            }
            self.attempt_failed(job, reason)?;
        }
        let limit = self.run.limits().deadline_ms;
        if self.run.phase() == Phase::Running && limit > 0 && self.run.ran_ms() >= limit {
            self.stop(PauseCause::Deadline, "deadline_ms", limit, 0)?;
        }
        if self.nothing_yet() { Err(Refusal::NothingDue) } else { Ok(()) }
    }

    pub(super) fn interrupt(&mut self, hard: bool) -> Result<(), Refusal> {
        self.engine_only()?;
        match self.run.phase() {
            Phase::Running => self.stop(PauseCause::Interrupt, "", 0, 0)?,
            Phase::Stopping(_) if hard => {}
            phase @ (Phase::Unborn | Phase::Stopping(_) | Phase::Paused(_) | Phase::Ended(_)) => {
                return Err(Refusal::NotRunning { phase });
            }
        }
        if hard {
            self.release_all(|_| true)?;
            self.close_calls()?;
        }
        Ok(())
    }

    pub(super) fn engine_only(&self) -> Result<(), Refusal> {
        if self.agent.is_some() { Err(Refusal::WrongSender) } else { Ok(()) }
    }

    fn release_all(&mut self, which: impl Fn(AgentId) -> bool) -> Result<(), Refusal> {
        let held: Vec<(Fence, Job, AgentId)> =
            self.run.jobs().claims().map(|(fence, claim)| (*fence, claim.job, claim.agent)).collect();
        for (fence, job, agent) in held {
            if which(agent) && self.run.claim(fence).is_some() {
                self.release_claim(fence, job)?;
            }
        }
        Ok(())
    }

    pub(super) fn cancel(&mut self) -> Result<(), Refusal> {
        self.engine_only()?;
        match self.run.phase() {
            Phase::Running | Phase::Stopping(_) | Phase::Paused(_) => self.end(Outcome::Cancelled, None),
            phase @ (Phase::Unborn | Phase::Ended(_)) => Err(Refusal::NotRunning { phase }),
        }
    }

    /// A new writer takes over: what its dead forerunner held is released, what it had called is closed as lost.
    pub(super) fn resume(&mut self, engine: &str, changes: &[Change]) -> Result<(), Refusal> {
        self.engine_only()?;
        if let Phase::Ended(_) | Phase::Unborn = self.run.phase() {
            return Err(Refusal::NotRunning { phase: self.run.phase() });
        }
        let mut limits = self.run.limits().clone();
        changes.iter().try_for_each(|change| limits.set(&change.limit, change.value))?;
        self.emit(RunResumed { engine: engine.into(), changes: changes.to_vec() })?;
        let run = self.run.clone();
        self.release_all(|agent| !run.outlives(agent))?;
        self.close_calls()
    }

    pub(super) fn retract(&mut self, label: FactId, reason: Digest) -> Result<(), Refusal> {
        self.engine_only()?;
        self.text(&reason, "the reason")?;
        match self.run.fact(label) {
            None => return Err(Refusal::Invalid { what: format!("there is no fact {label}") }),
            Some(fact) if fact.withdrawn.is_some() => {
                return Err(Refusal::Invalid { what: format!("{label} is withdrawn already") });
            }
            Some(_) => {}
        }
        let tainted = taint_of(&self.run, label);
        self.emit(GistWithdrawn { label, reason, tainted, note: self.run.notes().len() as u64 })
    }

    pub(super) fn redact(&mut self, blob: Digest, reason: Digest) -> Result<(), Refusal> {
        self.engine_only()?;
        self.text(&reason, "the reason")?;
        self.emit(BlobRedacted { blob, reason })
    }
}
