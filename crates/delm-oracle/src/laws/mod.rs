//! Judging entries: each event goes to the file of its law, which checks it and takes it into the state.
//!
//! Refuses to stop at a breach: what the log says is taken as it is, so that what follows is judged by it. Nothing here
//! was taken from the code that decides; the laws are those of the documents.

mod budget;
mod chain;
mod claims;
mod context;
mod lifecycle;
mod verification;

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::bytes::{AgentId, Entry, Event, FactId, Job, Subject, TaskId};
use crate::invariant::Invariant;
use crate::names::Names;
use crate::report::Findings;
use crate::run::Run;

/// Where an entry is at: what its events said so far, as far as a law asks.
#[derive(Default)]
pub(crate) struct Frame {
    pub(crate) seq: u64,
    pub(crate) agent: Option<AgentId>,
    pub(crate) place: usize,
    pub(crate) claimed: Option<u64>,
    pub(crate) landing: Option<Landing>,
    /// Claims that were due when the entry came.
    pub(crate) due: Vec<u64>,
    /// Jobs of which an attempt may be counted, for what this entry says of them.
    pub(crate) causes: Vec<Job>,
    /// Jobs of which an attempt must be counted.
    pub(crate) owed: Vec<Job>,
    /// Jobs of which an attempt was counted or that were given up.
    pub(crate) counted: Vec<Job>,
    /// Claims of a call that ended in this entry.
    pub(crate) replied: Vec<(u64, Job)>,
    pub(crate) added: Vec<TaskId>,
    pub(crate) proposed: Vec<Subject>,
    pub(crate) rejected: Vec<Subject>,
    pub(crate) judged: bool,
    pub(crate) abandoned: Vec<Job>,
    pub(crate) failures_admitted: Vec<Subject>,
    pub(crate) withdrew: bool,
    /// Facts that a withdrawal of this entry taints.
    pub(crate) tainted: BTreeSet<FactId>,
    /// Facts that are withdrawn after something was opened again.
    pub(crate) replaced: BTreeSet<FactId>,
    /// Settled tasks and readings that this entry opens again.
    pub(crate) reopened: BTreeSet<Subject>,
    pub(crate) began: bool,
    pub(crate) forked: bool,
    pub(crate) resumed: bool,
    pub(crate) answered: bool,
    pub(crate) expanded: bool,
    pub(crate) ended: bool,
}

/// A claim whose draft this entry holds.
pub(crate) struct Landing {
    pub(crate) fence: u64,
    pub(crate) job: Job,
    pub(crate) agent: AgentId,
    pub(crate) length: u64,
    pub(crate) cites: Vec<FactId>,
}

/// Judges a run, entry by entry.
#[derive(Default)]
pub(crate) struct Court {
    pub(crate) run: Run,
    pub(crate) frame: Frame,
    pub(crate) names: Names,
    pub(crate) findings: Findings,
}

impl Court {
    /// Judges one entry, which continues the one before.
    pub(crate) fn entry(&mut self, entry: &Entry) {
        self.frame = Frame { seq: entry.seq, agent: entry.agent, ..Frame::default() };
        self.open_entry(entry);
        for (place, event) in entry.events.iter().enumerate() {
            self.frame.place = place;
            self.after_the_end(&event.event);
            self.event(entry, &event.event);
        }
        self.close_entry(entry);
    }

    fn open_entry(&mut self, entry: &Entry) {
        self.time(entry);
        self.command_number(entry);
        self.due_claims();
    }

    fn close_entry(&mut self, entry: &Entry) {
        self.claims_closed();
        self.verdicts_closed();
        self.needs_closed();
        self.draft_closed();
        self.drain_closed();
        self.stop_closed();
        self.fork_closed(entry);
    }

    fn event(&mut self, entry: &Entry, event: &Event) {
        self.name_blobs(event);
        match event {
            Event::RunStarted(it) => self.run_started(entry, it),
            Event::RunForked(it) => self.run_forked(entry, it),
            Event::RunPaused(it) => self.run_paused(it),
            Event::RunResumed(it) => self.run_resumed(it),
            Event::RunEnded(it) => self.run_ended(it),
            Event::SourceAdded(it) => self.source_added(it),
            Event::SourceSkipped(_) => {}
            Event::UnitAdded(it) => self.unit_added(it),
            Event::AgentJoined(it) => self.agent_joined(it),
            Event::AgentLeft(it) => self.agent_left(it),
            Event::TaskAdded(it) => self.task_added(it),
            Event::Claimed(it) => self.claimed(it),
            Event::LeaseRenewed(it) => self.lease_renewed(it),
            Event::ClaimExpired(it) => self.claim_expired(it),
            Event::ClaimReleased(it) => self.claim_released(it),
            Event::ContextRead(it) => self.context_read(it),
            Event::Unfolded(it) => self.unfolded(it),
            Event::CallStarted(it) => self.call_started(it),
            Event::CallFinished(it) => self.call_finished(it),
            Event::CallFailed(it) => self.call_failed(it),
            Event::DraftSubmitted(it) => self.draft_submitted(it),
            Event::ResultRefused(it) => self.result_refused(it),
            Event::SummaryChecked(it) => self.summary_checked(it),
            Event::GistProposed(it) => self.gist_proposed(it),
            Event::VerdictGiven(it) => self.verdict_given(it),
            Event::GistAdmitted(it) => self.gist_admitted(it),
            Event::GistWithdrawn(it) => self.gist_withdrawn(it),
            Event::BlobRedacted(it) => self.blob_redacted(it),
            Event::TaskReopened(it) => self.task_reopened(it),
            Event::TaskAbandoned(it) => self.task_abandoned(it),
            Event::Drained(it) => self.drained(it),
            Event::Expanded(it) => self.expanded(it),
            Event::LimitReached(it) => self.limit_reached(it),
            Event::AnswerGiven(it) => self.answer_given(it),
        }
    }

    /// Says that a law is broken here.
    pub(crate) fn broken(&mut self, invariant: Invariant, expected: impl Display, found: impl Display) {
        self.findings.add(invariant, self.frame.seq, expected.to_string(), found.to_string());
    }

    /// Says that a law is broken here, unless `holds`; the words are made only then.
    pub(crate) fn require(
        &mut self,
        holds: bool,
        invariant: Invariant,
        expected: impl FnOnce(&Run) -> String,
        found: impl FnOnce(&Run) -> String,
    ) {
        if !holds {
            let (expected, found) = (expected(&self.run), found(&self.run));
            self.broken(invariant, expected, found);
        }
    }
}

/// Shows an agent, or the engine.
pub(crate) fn who(agent: Option<AgentId>) -> String {
    agent.map_or_else(|| "the engine".to_owned(), |agent| agent.to_string())
}

/// Shows a list by its items.
pub(crate) fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}
