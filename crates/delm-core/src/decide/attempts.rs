//! What follows when an attempt fails: another one that sees why, or, after the last, the trace the law demands.
//!
//! Refuses to lose a task: abandoning it writes a failure gist that later agents read.

use alloc::format;
use alloc::vec::Vec;

use super::Refusal;
use super::builder::Builder;
use crate::event::{
    Ablation, Expanded, GistAdmitted, GistKind, GistProposed, Grade, Method, Outcome, Ruling, TaskAbandoned,
    TaskReopened, VerdictGiven,
};
use crate::ids::{Digest, FactId, Job, Seq, Subject};
use crate::run::Status;
use crate::text::gist_tokens;

impl Builder<'_> {
    /// The attempt of a job failed: it is opened again, or given up with everything that follows from that.
    pub(super) fn attempt_failed(&mut self, job: Job, reason: Digest) -> Result<(), Refusal> {
        let state = self.run.jobs().get(&job);
        let failures = state.map_or(0, |state| state.failures) + 1;
        let attempt = self.attempt_of(job);
        if u64::from(failures) < self.run.limits().attempts_max {
            return self.emit(TaskReopened { task: job, attempt, reason });
        }
        self.emit(TaskAbandoned { task: job, attempt, reason })?;
        match job {
            Job::Read(_) | Job::Reason(_) => self.record_failure(job, attempt, reason),
            Job::Review(seq) => self.reject_unreviewed(seq, reason),
            Job::Expand(round) => self.emit(Expanded { round, fence: None, tasks: Vec::new() }),
            Job::Plan => self.end(Outcome::Failed, Some(reason)),
            Job::Finalize => self.end(Outcome::Unanswered, Some(reason)),
        }
    }

    fn attempt_of(&self, job: Job) -> u32 {
        let limbo = self.run.jobs.limbo.get(&job).map(|limbo| limbo.attempt);
        let claimed = || {
            let Status::Claimed(fence) = self.run.jobs().get(&job)?.status else { return None };
            self.run.claim(fence).map(|claim| claim.attempt)
        };
        limbo.or_else(claimed).unwrap_or(0)
    }

    /// A task or reading is given up: the log itself states so, for later agents to read.
    fn record_failure(&mut self, job: Job, attempt: u32, reason: Digest) -> Result<(), Refusal> {
        let Some(task) = job.subject() else { return Ok(()) };
        let words = self.failure_text(task, attempt, &reason)?;
        let gist = self.keep(words);
        self.emit(GistProposed { task, fence: None, gist, kind: GistKind::Failure, evidence: Vec::new() })?;
        let ablated = self.run.ablated(Ablation::Verdicts);
        let method = if ablated { Method::Ablated } else { Method::Log };
        let why = self.keep("its last attempt failed; the log itself says so");
        self.approve(task, self.seq, gist, method, why)?;
        self.admit(task, self.seq, gist, Grade::None)
    }

    /// One line, cut at a word so that it stays within the length of a gist.
    fn failure_text(
        &self,
        task: Subject,
        attempt: u32,
        reason: &Digest,
    ) -> Result<alloc::string::String, Refusal> {
        let why = self.text(reason, "a reason")?;
        let whole = format!("{task} was given up after {attempt} attempts: {why}");
        let tokens_max = self.run.limits().gist_tokens_max;
        let mut words = alloc::string::String::new();
        for word in whole.split_whitespace() {
            let space = if words.is_empty() { "" } else { " " };
            let longer = format!("{words}{space}{word}");
            if gist_tokens(&longer) > tokens_max {
                break;
            }
            words = longer;
        }
        Ok(words)
    }

    /// A verdict that nobody gave: the log's own, or none because verification is switched off.
    pub(super) fn approve(
        &mut self,
        task: Subject,
        proposal: Seq,
        gist: Digest,
        method: Method,
        reason: Digest,
    ) -> Result<(), Refusal> {
        self.emit(VerdictGiven {
            task,
            proposal,
            fence: None,
            gist,
            outcome: Ruling::Approve,
            verifier: None,
            method,
            checks: Vec::new(),
            reason,
        })
    }

    pub(super) fn admit(
        &mut self,
        task: Subject,
        proposal: Seq,
        gist: Digest,
        grade: Grade,
    ) -> Result<(), Refusal> {
        let author = self.run.proposal(proposal, task).and_then(|proposal| proposal.author);
        self.emit(GistAdmitted {
            label: FactId::after(self.run.facts().len()),
            task,
            proposal,
            gist,
            author,
            grade,
            note: self.run.notes().len() as u64,
        })
    }

    /// Nobody managed to judge a proposal: it counts as rejected, and its author's attempt as failed.
    fn reject_unreviewed(&mut self, seq: Seq, why: Digest) -> Result<(), Refusal> {
        let Some(proposal) = self.run.proposal_of(seq).cloned() else { return Ok(()) };
        let why = self.text(&why, "a reason")?;
        let reason = self.keep(format!("no review of it succeeded: {why}"));
        self.emit(VerdictGiven {
            task: proposal.subject,
            proposal: seq,
            fence: None,
            gist: proposal.gist,
            outcome: Ruling::Reject,
            verifier: None,
            method: Method::Log,
            checks: Vec::new(),
            reason,
        })?;
        self.attempt_failed(Job::from(proposal.subject), reason)
    }
}
