//! What follows from a reply: a model's words become a typed reply, another call, or a failed attempt.
//!
//! Refuses nothing that was paid for: a late result is kept as refused, with its cost, and never used.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Refusal;
use super::builder::Builder;
use crate::apply::calls::purpose_of;
use crate::command::{CallDone, CallLost};
use crate::event::{
    AnswerGiven, AnswerKind, CallFailed, CallFault, CallFinished, DraftSubmitted, Late, Level, Outcome,
    PauseCause, Purpose, ResultRefused, RunEnded, Unfolded,
};
use crate::ids::{CallId, Digest, FactId, Fence, Job, Label, MicroUsd};
use crate::prompt;
use crate::reply::{FinalizeReply, Reply};
use crate::run::{Claim, OpenCall, Phase};

impl Builder<'_> {
    /// A model replied.
    pub(super) fn answer(&mut self, call: &CallDone) -> Result<(), Refusal> {
        let (agent, fence) = self.own_call(call.call)?;
        let raw = self.given(&call.reply, "a reply")?;
        let job = self.run.open_call(call.call).map(|open| open.job);
        let cost_microusd = self.cost_of(call);
        self.emit(CallFinished {
            call: call.call,
            reply: call.reply,
            model_reported: call.model_reported.clone(),
            request_id: call.request_id.clone(),
            tokens: call.tokens,
            cost_microusd,
            latency_ms: call.latency_ms,
            tries: call.tries,
            billable: call.billable,
        })?;
        let Some(claim) = self.run.claim(fence).filter(|claim| claim.agent == agent).cloned() else {
            return self.refuse_late(fence, job, call.reply);
        };
        let purpose = purpose_of(&claim.job);
        match Reply::parse(purpose, &raw) {
            Ok(Reply::Reason(reply)) if !reply.unfold.is_empty() => {
                self.read_behind(fence, &claim, call.reply, &reply.unfold)
            }
            Ok(Reply::Finalize(reply)) if self.unsound(&claim, &reply).is_some() => {
                let problem = self.unsound(&claim, &reply).unwrap_or_default();
                self.ask_again(fence, &claim, call.reply, &problem)
            }
            Ok(reply) => {
                let draft = self.keep_bytes(reply.to_canonical());
                self.work_in(fence, &claim, draft, reply)
            }
            Err(error) => self.ask_again(fence, &claim, call.reply, &format!("{error}")),
        }
    }

    /// The sender of an open call, and the claim it was made for.
    fn own_call(&self, call: CallId) -> Result<(crate::ids::AgentId, Fence), Refusal> {
        let agent = self.sender()?;
        let open = self.run.open_call(call).ok_or(Refusal::UnknownCall { call })?;
        if open.agent == agent { Ok((agent, open.fence)) } else { Err(Refusal::WrongSender) }
    }

    fn refuse_late(&mut self, fence: Fence, job: Option<Job>, draft: Digest) -> Result<(), Refusal> {
        let agent = self.sender()?;
        let why = if self.run.phase() == Phase::Running { Late::Stale } else { Late::Closed };
        self.emit(ResultRefused { job, fence, agent, draft, cites: Vec::new(), length: 0, why })
    }

    /// The reply cannot be used: the same claim asks once more, as often as the run allows; then the attempt failed.
    fn ask_again(
        &mut self,
        fence: Fence,
        claim: &Claim,
        prior: Digest,
        problem: &str,
    ) -> Result<(), Refusal> {
        let problem = self.keep(problem);
        if u64::from(claim.asks) < self.run.limits().asks_max {
            return self.call_again(fence, claim, Some((prior, problem)));
        }
        self.fail_claim(fence, claim.job, problem)
    }

    /// The model wants to read behind labels before it answers.
    fn read_behind(
        &mut self,
        fence: Fence,
        claim: &Claim,
        prior: Digest,
        wanted: &[String],
    ) -> Result<(), Refusal> {
        let limits = self.run.limits();
        if u64::from(claim.unfolds) >= limits.unfold_rounds_max {
            return self.ask_again(
                fence,
                claim,
                prior,
                "no more labels can be read behind; give the finding now",
            );
        }
        let mut labels: Vec<Label> = Vec::new();
        for word in wanted.iter().take(usize::try_from(limits.unfold_labels_max).unwrap_or(usize::MAX)) {
            match self.visible(word.trim().trim_matches(['[', ']']), claim.length.unwrap_or(0)) {
                Some(label) if !labels.contains(&label) => labels.push(label),
                Some(_) => {}
                None => {
                    let problem = format!("{word:?} is no label of a fact in the context or of a passage");
                    return self.ask_again(fence, claim, prior, &problem);
                }
            }
        }
        for label in labels {
            let before = claim.unfolded.iter().any(|(seen, _)| *seen == label);
            // Asked for a second time, a fact is read to its source's own words.
            let level = if before || matches!(label, Label::Unit(_)) { Level::Raw } else { Level::Summary };
            self.emit(Unfolded { fence, label, level })?;
        }
        self.call_again(fence, claim, None)
    }

    fn visible(&self, word: &str, length: u64) -> Option<Label> {
        let label: Label = word.parse().ok()?;
        let seen = match label {
            Label::Unit(unit) => self.run.unit(unit).is_some(),
            Label::Fact(fact) => self.run.fact(fact).is_some_and(|fact| fact.note < length),
        };
        seen.then_some(label)
    }

    /// A reply worked out without a model.
    pub(super) fn submit(&mut self, fence: Fence, draft: Digest) -> Result<(), Refusal> {
        let agent = self.sender()?;
        let bytes = self.given(&draft, "a draft")?;
        let held = self.run.agent(agent).and_then(|agent| agent.claim);
        let fence = if cfg!(sabotage = "no_fence_check") { held.unwrap_or(fence) } else { fence };
        let live = self.run.claim(fence).filter(|claim| claim.agent == agent).cloned();
        let Some(claim) = live else {
            if fence >= self.seq {
                return Err(Refusal::StaleFence { fence });
            }
            return self.refuse_late(fence, None, draft);
        };
        if let Some(call) = claim.call {
            return Err(Refusal::Invalid { what: format!("{call} is in flight for this claim") });
        }
        match Reply::parse(purpose_of(&claim.job), &bytes) {
            Ok(reply) if reply.to_canonical() == bytes[..] => self.work_in(fence, &claim, draft, reply),
            Ok(_) => Err(Refusal::Invalid { what: String::from("the draft is not canonical JSON") }),
            Err(error) => Err(Refusal::Invalid { what: format!("{error}") }),
        }
    }

    /// A call brought no reply.
    pub(super) fn fail(&mut self, call: &CallLost) -> Result<(), Refusal> {
        let (agent, fence) = self.own_call(call.call)?;
        self.given(&call.error, "an error")?;
        if let Some(reply) = &call.reply {
            let (bytes, max) =
                (self.given(reply, "a part of a reply")?.len(), self.run.limits().reply_bytes_max);
            if bytes as u64 > max {
                let what = format!("the part of a reply has {bytes} bytes; reply_bytes_max is {max}");
                return Err(Refusal::Invalid { what });
            }
        }
        let open = self.run.open_call(call.call).cloned().ok_or(Refusal::UnknownCall { call: call.call })?;
        let (charged_microusd, charged_tokens) = self.charge(call, &open);
        self.emit(CallFailed {
            call: call.call,
            fault: call.fault,
            error: call.error,
            reply: call.reply,
            charged_microusd,
            charged_tokens,
            tries: call.tries,
            billable: call.billable,
        })?;
        if self.run.claim(fence).is_none_or(|claim| claim.agent != agent) {
            return Ok(());
        }
        match call.fault {
            CallFault::Request => self.fail_claim(fence, open.job, call.error),
            CallFault::Lost => self.release_claim(fence, open.job),
            CallFault::Provider => {
                self.release_claim(fence, open.job)?;
                if self.run.phase() == Phase::Running {
                    self.stop(PauseCause::Provider, "", 0, 0)?;
                }
                Ok(())
            }
        }
    }

    /// What a call without a reply is charged: for each try that may be billed the most it could take, since nobody says
    /// what it took. Money is unknown rather than guessed, unless a budget has to be kept.
    fn charge(&self, call: &CallLost, open: &OpenCall) -> (Option<MicroUsd>, u64) {
        let lost = call.fault == CallFault::Lost;
        let tries = u64::from(call.billable.max(u32::from(lost)));
        let kept = tries == 0 || lost || self.run.limits().budget_microusd > 0;
        let money = open.started.reserved_microusd.filter(|_| kept);
        let tokens = open.started.reserved_tokens.saturating_mul(tries);
        (money.map(|money| money.saturating_mul(tries)), tokens)
    }

    /// A typed reply to a live claim.
    fn work_in(&mut self, fence: Fence, claim: &Claim, draft: Digest, reply: Reply) -> Result<(), Refusal> {
        match (claim.job, reply) {
            (Job::Plan | Job::Expand(_), Reply::Plan(reply)) => self.plan(fence, claim, draft, &reply),
            (Job::Read(unit), Reply::Read(reply)) => self.read(fence, claim, draft, unit, &reply),
            (Job::Reason(_), Reply::Reason(reply)) => self.reason(fence, claim, draft, &reply),
            (Job::Review(seq), Reply::Review(reply)) => self.review(fence, claim, draft, seq, &reply),
            (Job::Finalize, Reply::Finalize(reply)) => self.finalize(fence, claim, draft, &reply),
            (job, _) => Err(Refusal::Invalid { what: format!("the reply is of another kind than {job}") }),
        }
    }

    /// Ends a claim with its draft; what the draft is worth is decided next.
    pub(super) fn draft(
        &mut self,
        fence: Fence,
        claim: &Claim,
        draft: Digest,
        cites: Vec<FactId>,
    ) -> Result<(), Refusal> {
        let length = claim.length.unwrap_or(0);
        self.emit(DraftSubmitted { job: claim.job, fence, agent: claim.agent, draft, cites, length })
    }

    fn finalize(
        &mut self,
        fence: Fence,
        claim: &Claim,
        draft: Digest,
        reply: &FinalizeReply,
    ) -> Result<(), Refusal> {
        let (cites, _) = self.cites(&reply.cites, claim.length.unwrap_or(0));
        let problem = self.unsound(claim, reply);
        self.draft(fence, claim, draft, cites.clone())?;
        if !reply.answered {
            let reason = self.keep(reply.answer.clone());
            return self.end(Outcome::Unanswered, Some(reason));
        }
        if let Some(problem) = problem {
            let reason = self.keep(problem);
            return self.attempt_failed(Job::Finalize, reason);
        }
        let answer = self.keep(reply.answer.clone());
        let builtin = prompt::is_builtin(&self.run, Purpose::Finalize) && !self.is_program(claim.agent);
        let answer_kind = if builtin { AnswerKind::Quotes } else { AnswerKind::Text };
        self.emit(AnswerGiven { fence, answer, answer_kind, cites })?;
        self.end(Outcome::Answered, None)
    }

    /// What is wrong with an answer, in words for another ask: one has to stand on a finding of the context that was not
    /// withdrawn. Where there is none, only `answered: false` is right.
    fn unsound(&self, claim: &Claim, reply: &FinalizeReply) -> Option<String> {
        if !reply.answered {
            return None;
        }
        let length = claim.length.unwrap_or(0);
        let (cites, bad) = self.cites(&reply.cites, length);
        let stands = |label: &FactId| self.run.bears(*label);
        if bad.is_some() {
            return bad;
        } else if reply.answer.trim().is_empty() {
            return Some(String::from("the answer is empty"));
        } else if cites.iter().any(stands) {
            return None;
        }
        // Nobody works beside the finalizer, so what is known is what it has read.
        let any = self.run.facts().iter().any(|fact| self.run.bears(fact.label));
        let problem = match (any, cites.is_empty()) {
            (false, _) => "the context holds no finding to answer with; reply with answered: false",
            (true, true) => {
                "the answer cites no fact; cite those it builds on, or reply with answered: false"
            }
            (true, false) => {
                "every fact that the answer cites only says that a task was given up; cite a finding, or reply with \
                 answered: false"
            }
        };
        Some(String::from(problem))
    }

    /// Ends the run: nothing is held and no call open any more, and what is left is said.
    pub(super) fn end(&mut self, outcome: Outcome, reason: Option<Digest>) -> Result<(), Refusal> {
        let held: Vec<(Fence, Job)> =
            self.run.jobs().claims().map(|(fence, claim)| (*fence, claim.job)).collect();
        for (fence, job) in held {
            self.emit(crate::event::ClaimReleased { job, fence })?;
        }
        self.close_calls()?;
        self.emit(RunEnded { outcome, reason, open: self.run.open_subjects() })
    }

    /// Facts behind the labels of a reply, without repetition, and what is wrong with the first bad one.
    pub(super) fn cites(&self, words: &[String], length: u64) -> (Vec<FactId>, Option<String>) {
        let mut cites = Vec::new();
        let mut bad = None;
        for word in words {
            let label = word.trim().trim_matches(['[', ']']).parse::<FactId>().ok();
            let fact = label.and_then(|label| self.run.fact(label)).filter(|fact| fact.note < length);
            match fact {
                Some(fact) if fact.withdrawn.is_some() => {
                    bad = bad.or_else(|| Some(format!("{} is cited but withdrawn", fact.label)));
                }
                Some(fact) if !cites.contains(&fact.label) => cites.push(fact.label),
                Some(_) => {}
                None => {
                    bad = bad.or_else(|| Some(format!("{word:?} is cited but is no fact in the context")))
                }
            }
        }
        (cites, bad)
    }

    /// The texts a gist may lean on: what it cites.
    pub(super) fn cited_texts(&self, cites: &[FactId]) -> Result<Vec<Arc<str>>, Refusal> {
        let gists = cites.iter().filter_map(|label| self.run.fact(*label)).map(|fact| fact.proposal.gist);
        gists.map(|gist| self.text(&gist, "a gist")).collect()
    }

    /// The claim brought nothing that can be used: it ends and the attempt counts.
    fn fail_claim(&mut self, fence: Fence, job: Job, reason: Digest) -> Result<(), Refusal> {
        if self.run.claim(fence).is_none() {
            return Ok(());
        }
        self.attempt_failed(job, reason)
    }
}
