//! The queue: every job, who holds it and until when, and which are ready.
//!
//! Refuses to choose: it says what is ready and in which order; who takes what is the policy's.

use alloc::sync::Arc;

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync, VectorSync};

use crate::event::Level;
use crate::ids::{AgentId, CallId, Digest, FactId, Fence, Job, Label, Millis, Seq, TaskId};

/// A subtask and what waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Blob: what is to be found out.
    pub text: Digest,
    /// Tasks it depends on.
    pub needs: Arc<[TaskId]>,
    /// The expansion that added it; 0 is the plan.
    pub round: u32,
    /// Needs that are not settled yet.
    pub(crate) waiting: u32,
    /// Tasks that need this one.
    pub(crate) dependants: VectorSync<TaskId>,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Something it needs is not settled.
    Waiting,
    /// It can be claimed.
    Ready,
    /// Somebody holds it.
    Claimed(Fence),
    /// Its gist was proposed by the entry of this seq and awaits a verdict.
    InReview(Seq),
    /// Between two events of one entry; never seen outside.
    Limbo,
    /// It is done.
    Done,
    /// It was given up.
    Abandoned,
}

impl Status {
    /// Done or abandoned.
    #[must_use]
    pub fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Abandoned)
    }
}

/// A job and its history in numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobState {
    /// Where it stands.
    pub status: Status,
    /// Its place in the queue.
    pub order: u64,
    /// Rejections, expiries and failures.
    pub failures: u32,
    /// Orderly releases.
    pub releases: u32,
    /// Blob: why the last attempt failed.
    pub feedback: Option<Digest>,
    /// Of a review: who answers for the author.
    pub(crate) author: Option<Arc<str>>,
}

/// An agent's timed hold on a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The job.
    pub job: Job,
    /// Who holds it.
    pub agent: AgentId,
    /// When it was made.
    pub since_ms: Millis,
    /// When it expires.
    pub deadline_ms: Millis,
    /// Failed attempts before it, plus one.
    pub attempt: u32,
    /// Notes of the context it reads; none until it says so.
    pub length: Option<u64>,
    /// Its call in flight.
    pub call: Option<CallId>,
    /// Calls made to get another reply.
    pub asks: u32,
    /// Calls made to read behind labels.
    pub unfolds: u32,
    /// What it has read behind.
    pub unfolded: Arc<[(Label, Level)]>,
}

/// A claim that ended within the entry being applied and whose job is not yet resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limbo {
    /// The claim that ended; none for a job that failed without one.
    pub fence: Option<Fence>,
    /// Who held it.
    pub agent: Option<AgentId>,
    /// The attempt that ended.
    pub attempt: u32,
    /// The draft that ended it, the facts it cites and the context it read.
    pub draft: Option<(Digest, Arc<[FactId]>, u64)>,
    /// The attempt failed for good and the law's own gist must follow.
    pub abandoned: bool,
    /// It was given back once too often: that counts as a failed attempt, unless the run ends with it.
    pub released: bool,
}

/// The queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobs {
    pub(crate) states: RedBlackTreeMapSync<Job, JobState>,
    pub(crate) claims: RedBlackTreeMapSync<Fence, Claim>,
    pub(crate) deadlines: RedBlackTreeSetSync<(Millis, Fence)>,
    pub(crate) limbo: RedBlackTreeMapSync<Job, Limbo>,
    /// Ready jobs but reviews, by place: what follows a drain comes after all that was there before it.
    ready: RedBlackTreeSetSync<(u64, Job)>,
    /// Ready reviews by author's principal, so that a reviewer skips its own in one step.
    reviews: RedBlackTreeMapSync<Arc<str>, RedBlackTreeSetSync<(u64, Job)>>,
    /// The first ready review of each author's principal.
    review_heads: RedBlackTreeSetSync<(u64, Job, Arc<str>)>,
    next_order: u64,
    unsettled: u64,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            states: RedBlackTreeMapSync::new_sync(),
            claims: RedBlackTreeMapSync::new_sync(),
            deadlines: RedBlackTreeSetSync::new_sync(),
            limbo: RedBlackTreeMapSync::new_sync(),
            ready: RedBlackTreeSetSync::new_sync(),
            reviews: RedBlackTreeMapSync::new_sync(),
            review_heads: RedBlackTreeSetSync::new_sync(),
            next_order: 0,
            unsettled: 0,
        }
    }
}

impl Jobs {
    /// Every job with its state, by kind and label.
    pub fn iter(&self) -> impl Iterator<Item = (&Job, &JobState)> {
        self.states.iter()
    }
    /// One job's state.
    #[must_use]
    pub fn get(&self, job: &Job) -> Option<&JobState> {
        self.states.get(job)
    }
    /// Every live claim, by fence.
    pub fn claims(&self) -> impl Iterator<Item = (&Fence, &Claim)> {
        self.claims.iter()
    }
    /// Number of live claims.
    #[must_use]
    pub fn claimed(&self) -> usize {
        self.claims.size()
    }
    /// Tasks and readings neither done nor abandoned.
    #[must_use]
    pub fn unsettled(&self) -> u64 {
        self.unsettled
    }
    /// Ready jobs: reviews first, then by place.
    pub fn ready(&self) -> impl Iterator<Item = Job> + '_ {
        let reviews = self.reviews.values().flat_map(|set| set.iter().map(|(_, job)| *job));
        reviews.chain(self.ready.iter().map(|(_, job)| *job))
    }
    /// The ready job that comes first and is no review.
    #[must_use]
    pub fn first_work(&self) -> Option<Job> {
        self.ready.first().map(|(_, job)| *job)
    }
    /// The ready review that comes first and whose author answers to another than `principal` (none: to anyone).
    #[must_use]
    pub fn first_review(&self, principal: Option<&str>) -> Option<Job> {
        self.review_heads
            .iter()
            .find(|(_, _, author)| Some(author.as_ref()) != principal)
            .map(|(_, job, _)| *job)
    }

    pub(crate) fn add(&mut self, job: Job, status: Status, author: Option<Arc<str>>) {
        let order = self.next_order;
        self.next_order += 1;
        if job.subject().is_some() {
            self.unsettled += 1;
        }
        let state =
            JobState { status: Status::Waiting, order, failures: 0, releases: 0, feedback: None, author };
        self.states.insert_mut(job, state);
        self.set_status(job, status);
    }

    /// Moves a job, and keeps the ready lists right.
    pub(crate) fn set_status(&mut self, job: Job, status: Status) {
        self.change(job, |state| state.status = status);
    }

    /// Changes a job's state in place, and keeps the ready lists right.
    pub(crate) fn change(&mut self, job: Job, change: impl FnOnce(&mut JobState)) {
        let Some(before) = self.states.get(&job).cloned() else { return };
        let mut after = before.clone();
        change(&mut after);
        if before.status == Status::Ready && after.status != Status::Ready {
            self.unlist(job, &before);
        }
        if before.status != Status::Ready && after.status == Status::Ready {
            self.list(job, &after);
        }
        if job.subject().is_some() && before.status.is_settled() != after.status.is_settled() {
            self.unsettled = if after.status.is_settled() { self.unsettled - 1 } else { self.unsettled + 1 };
        }
        self.states.insert_mut(job, after);
    }

    fn list(&mut self, job: Job, state: &JobState) {
        let Some(author) = state.author.clone().filter(|_| matches!(job, Job::Review(_))) else {
            self.ready.insert_mut((state.order, job));
            return;
        };
        let mut set = self.reviews.get(&author).cloned().unwrap_or_else(RedBlackTreeSetSync::new_sync);
        self.replace_head(&author, &mut set, |set| {
            set.insert_mut((state.order, job));
        });
    }

    fn unlist(&mut self, job: Job, state: &JobState) {
        let Some(author) = state.author.clone().filter(|_| matches!(job, Job::Review(_))) else {
            self.ready.remove_mut(&(state.order, job));
            return;
        };
        let mut set = self.reviews.get(&author).cloned().unwrap_or_else(RedBlackTreeSetSync::new_sync);
        self.replace_head(&author, &mut set, |set| {
            set.remove_mut(&(state.order, job));
        });
    }

    fn replace_head(
        &mut self,
        author: &Arc<str>,
        set: &mut RedBlackTreeSetSync<(u64, Job)>,
        change: impl FnOnce(&mut RedBlackTreeSetSync<(u64, Job)>),
    ) {
        if let Some((order, job)) = set.first() {
            self.review_heads.remove_mut(&(*order, *job, author.clone()));
        }
        change(set);
        match set.first() {
            Some((order, job)) => {
                self.review_heads.insert_mut((*order, *job, author.clone()));
                self.reviews.insert_mut(author.clone(), set.clone());
            }
            None => {
                self.reviews.remove_mut(author);
            }
        }
    }

    pub(crate) fn put_claim(&mut self, fence: Fence, claim: Claim) {
        if let Some(before) = self.claims.get(&fence) {
            self.deadlines.remove_mut(&(before.deadline_ms, fence));
        }
        self.deadlines.insert_mut((claim.deadline_ms, fence));
        self.claims.insert_mut(fence, claim);
    }

    pub(crate) fn drop_claim(&mut self, fence: Fence) -> Option<Claim> {
        let claim = self.claims.get(&fence).cloned()?;
        self.claims.remove_mut(&fence);
        self.deadlines.remove_mut(&(claim.deadline_ms, fence));
        Some(claim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_job_stands_in_the_lists_that_fit_its_status() {
        let mut jobs = Jobs::default();
        let tasks = [Job::Reason(TaskId(1)), Job::Reason(TaskId(2))];
        // Later by label, sooner in the queue.
        jobs.add(Job::Finalize, Status::Ready, None);
        tasks.iter().for_each(|job| jobs.add(*job, Status::Ready, None));
        let ready = |jobs: &Jobs| jobs.ready().collect::<Vec<_>>();
        assert_eq!(ready(&jobs), [Job::Finalize, tasks[0], tasks[1]]);
        assert_eq!(jobs.iter().map(|(_, state)| state.order).collect::<Vec<_>>(), [1, 2, 0]);
        jobs.set_status(tasks[0], Status::Ready);
        assert_eq!(ready(&jobs), [Job::Finalize, tasks[0], tasks[1]], "ready as before");
        jobs.set_status(Job::Finalize, Status::Claimed(3));
        assert_eq!((jobs.first_work(), jobs.unsettled()), (Some(tasks[0]), 2));
        jobs.set_status(tasks[0], Status::Done);
        jobs.set_status(tasks[0], Status::Abandoned);
        assert_eq!((jobs.first_work(), jobs.unsettled()), (Some(tasks[1]), 1));
        jobs.set_status(tasks[0], Status::Waiting);
        assert_eq!((jobs.first_work(), jobs.unsettled()), (Some(tasks[1]), 2));
        jobs.set_status(Job::Finalize, Status::Done);
        assert_eq!(jobs.unsettled(), 2, "an answer is no task");
    }

    #[test]
    fn the_first_review_is_of_another_principal() {
        let mut jobs = Jobs::default();
        let authors: [Arc<str>; 2] = ["ann".into(), "bob".into()];
        for (seq, author) in [(3, 0), (5, 1), (7, 0)] {
            jobs.add(Job::Review(seq), Status::Ready, Some(authors[author].clone()));
        }
        let first = |jobs: &Jobs| {
            [None, Some("ann"), Some("bob"), Some("cas")].map(|principal| jobs.first_review(principal))
        };
        let review = |seq| Some(Job::Review(seq));
        assert_eq!(first(&jobs), [review(3), review(5), review(3), review(3)]);
        jobs.set_status(Job::Review(3), Status::Done);
        assert_eq!(first(&jobs), [review(5), review(5), review(7), review(5)]);
        jobs.set_status(Job::Review(5), Status::Claimed(8));
        assert_eq!(first(&jobs), [review(7), None, review(7), review(7)]);
        assert_eq!((jobs.first_work(), jobs.unsettled()), (None, 0));
    }
}
