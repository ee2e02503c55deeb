//! Jobs and who holds them: `delm queue`.
//!
//! Refuses to guess at history: it shows where each job stands, and counts of what failed.

use delm_core::entry::Blobs;
use delm_core::ids::{AgentId, Job, Subject, TaskId};
use delm_core::run::{JobState, Run, Status};
use schemars::JsonSchema;
use serde::Serialize;

use super::{text, vocabulary};
use crate::name::{Time, Word};
use crate::render::Render;

vocabulary!(/// Where a job stands.
JobStatus {
    /// Something it needs is not settled.
    Waiting = "waiting",
    /// It can be claimed.
    Ready = "ready",
    /// Somebody holds it.
    Claimed = "claimed",
    /// Its gist awaits a verdict.
    InReview = "in-review",
    /// It is done.
    Done = "done",
    /// It was given up.
    Abandoned = "abandoned",
});

/// A job of the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct JobView {
    /// The job.
    pub job: Word<Job>,
    /// The task or unit it works towards.
    pub task: Option<Word<Subject>>,
    /// Of a task: what is to be found out.
    pub text: Option<String>,
    /// Where it stands.
    pub status: Word<JobStatus>,
    /// Who holds it.
    pub agent: Option<Word<AgentId>>,
    /// The claim.
    pub fence: Option<u64>,
    /// When the claim expires unless renewed.
    pub deadline: Option<Time>,
    /// The claim's attempt, from one.
    pub attempt: Option<u32>,
    /// Seq of the entry that proposed the gist which awaits a verdict.
    pub proposal: Option<u64>,
    /// Rejections, expiries and failures.
    pub failures: u32,
    /// Orderly releases.
    pub releases: u32,
    /// Of a task: those it depends on.
    pub needs: Vec<Word<TaskId>>,
    /// Of a task: the expansion that added it; 0 is the plan.
    pub round: Option<u32>,
    /// Why the last attempt failed.
    pub feedback: Option<String>,
}

impl JobView {
    /// A job and its state.
    #[must_use]
    pub fn of(run: &Run, blobs: &dyn Blobs, job: &Job, state: &JobState) -> Self {
        let task = if let Job::Reason(task) = job { run.task(*task) } else { None };
        let fence = if let Status::Claimed(fence) = state.status { Some(fence) } else { None };
        let claim = fence.and_then(|fence| run.claim(fence));
        Self {
            job: Word(*job),
            task: job.subject().map(Word),
            text: task.and_then(|task| text(blobs, &task.text)),
            status: Word(status(state.status)),
            agent: claim.map(|claim| Word(claim.agent)),
            fence,
            deadline: claim.map(|claim| Time(claim.deadline_ms)),
            attempt: claim.map(|claim| claim.attempt),
            proposal: if let Status::InReview(seq) = state.status { Some(seq) } else { None },
            failures: state.failures,
            releases: state.releases,
            needs: task.map(|task| task.needs.iter().map(Render::render).collect()).unwrap_or_default(),
            round: task.map(|task| task.round),
            feedback: state.feedback.and_then(|feedback| text(blobs, &feedback)),
        }
    }
}

fn status(status: Status) -> JobStatus {
    match status {
        Status::Waiting => JobStatus::Waiting,
        Status::Ready => JobStatus::Ready,
        // Limbo is between two events of one entry and is never seen from outside.
        Status::Claimed(_) | Status::Limbo => JobStatus::Claimed,
        Status::InReview(_) => JobStatus::InReview,
        Status::Done => JobStatus::Done,
        Status::Abandoned => JobStatus::Abandoned,
    }
}
