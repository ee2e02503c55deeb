//! Which events are about one task or unit: its own, and those of its claims, calls, proposals and facts.
//!
//! Refuses to guess: it must see every event from the first on, and keeps nothing of other tasks.

use std::collections::BTreeSet;

use delm_core::event::Event;
use delm_core::ids::{CallId, FactId, Fence, Job, Seq, Subject};

/// What is known of one task or unit so far.
pub(super) struct About {
    subject: Subject,
    claims: BTreeSet<Fence>,
    calls: BTreeSet<CallId>,
    proposals: BTreeSet<Seq>,
    facts: BTreeSet<FactId>,
}

impl About {
    pub(super) fn new(subject: Subject) -> Self {
        Self {
            subject,
            claims: BTreeSet::new(),
            calls: BTreeSet::new(),
            proposals: BTreeSet::new(),
            facts: BTreeSet::new(),
        }
    }

    fn job(&self, job: &Job) -> bool {
        match job {
            Job::Review(proposal) => self.proposals.contains(proposal),
            Job::Plan | Job::Read(_) | Job::Reason(_) | Job::Expand(_) | Job::Finalize => {
                job.subject() == Some(self.subject)
            }
        }
    }

    /// Sees the next event, of the entry with this seq; says whether it is about the task.
    pub(super) fn sees(&mut self, seq: Seq, event: &Event) -> bool {
        match event {
            Event::UnitAdded(added) => self.subject == Subject::Unit(added.unit),
            Event::TaskAdded(added) => self.subject == Subject::Task(added.task),
            Event::Claimed(claimed) => self.job(&claimed.job) && note(&mut self.claims, claimed.fence),
            Event::LeaseRenewed(renewed) => self.claims.contains(&renewed.fence),
            Event::ClaimExpired(expired) => self.claims.contains(&expired.fence),
            Event::ClaimReleased(released) => self.claims.contains(&released.fence),
            Event::ContextRead(read) => self.claims.contains(&read.fence),
            Event::Unfolded(unfolded) => self.claims.contains(&unfolded.fence),
            Event::CallStarted(started) => {
                self.claims.contains(&started.fence) && note(&mut self.calls, started.call)
            }
            Event::CallFinished(finished) => self.calls.contains(&finished.call),
            Event::CallFailed(failed) => self.calls.contains(&failed.call),
            Event::DraftSubmitted(draft) => self.claims.contains(&draft.fence),
            Event::ResultRefused(refused) => self.claims.contains(&refused.fence),
            Event::SummaryChecked(checked) => self.subject == Subject::Unit(checked.unit),
            Event::GistProposed(proposed) => proposed.task == self.subject && note(&mut self.proposals, seq),
            Event::VerdictGiven(given) => given.task == self.subject,
            Event::GistAdmitted(admitted) => {
                admitted.task == self.subject && note(&mut self.facts, admitted.label)
            }
            Event::GistWithdrawn(withdrawn) => self.facts.contains(&withdrawn.label),
            Event::TaskReopened(reopened) => self.job(&reopened.task),
            Event::TaskAbandoned(abandoned) => self.job(&abandoned.task),
            Event::Expanded(expanded) => {
                expanded.tasks.iter().any(|task| self.subject == Subject::Task(*task))
            }
            Event::RunStarted(_)
            | Event::RunForked(_)
            | Event::RunPaused(_)
            | Event::RunResumed(_)
            | Event::RunEnded(_)
            | Event::SourceAdded(_)
            | Event::SourceSkipped(_)
            | Event::AgentJoined(_)
            | Event::AgentLeft(_)
            | Event::BlobRedacted(_)
            | Event::Drained(_)
            | Event::LimitReached(_)
            | Event::AnswerGiven(_) => false,
        }
    }
}

fn note<T: Ord>(known: &mut BTreeSet<T>, item: T) -> bool {
    known.insert(item);
    true
}
