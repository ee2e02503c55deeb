//! The state of a run as its log tells it: what is claimed, open, proposed, admitted, spent.
//!
//! Refuses to keep entries: what is here is proportional to tasks, units, facts, agents and open claims and calls.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::bytes::{
    AgentId, AgentKind, CallId, FactId, GistKind, Hash, Job, Limits, PauseCause, Price, SourceId, Subject,
    TaskId, UnitId,
};

/// How the run was set up.
#[derive(Default)]
pub(crate) struct Setup {
    pub(crate) limits: Option<Limits>,
    pub(crate) self_review: bool,
    pub(crate) reading: bool,
    pub(crate) ablated_verdicts: bool,
    pub(crate) prices: Vec<Price>,
    pub(crate) begun_at: u64,
    /// The highest that the limit of a gist's tokens ever was.
    pub(crate) gist_tokens_most: u64,
}

/// Somebody who joined.
pub(crate) struct Agent {
    pub(crate) kind: AgentKind,
    pub(crate) principal: String,
    pub(crate) left: bool,
}

/// A document.
pub(crate) struct Source {
    pub(crate) text: Hash,
    pub(crate) units: u32,
}

/// A slice of one.
pub(crate) struct Unit {
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// Where a task or the reading of a unit stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Open,
    Proposed,
    Done,
    Abandoned,
}

impl Status {
    pub(crate) fn settled(self) -> bool {
        matches!(self, Self::Done | Self::Abandoned)
    }
}

/// A task or the reading of a unit.
pub(crate) struct Work {
    pub(crate) status: Status,
    pub(crate) needs: Vec<TaskId>,
}

/// A hold on a job.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) job: Job,
    pub(crate) agent: AgentId,
    pub(crate) deadline: u64,
    pub(crate) attempt: u32,
    pub(crate) length: Option<u64>,
}

/// Attempts counted against a job.
#[derive(Clone, Copy, Default)]
pub(crate) struct Attempts {
    pub(crate) failures: u32,
    pub(crate) releases: u64,
}

/// A gist that waits for its verdict, or for its admission.
pub(crate) struct Proposal {
    pub(crate) seq: u64,
    pub(crate) gist: Hash,
    pub(crate) kind: GistKind,
    pub(crate) author: Option<AgentId>,
    pub(crate) cites: Vec<FactId>,
    pub(crate) approved: Option<Approval>,
}

/// What approved a proposal.
#[derive(Clone, Copy)]
pub(crate) struct Approval {
    pub(crate) method: crate::bytes::Method,
    pub(crate) by_itself: bool,
}

/// An admitted gist.
pub(crate) struct Fact {
    pub(crate) task: Subject,
    pub(crate) note: u64,
    pub(crate) citers: Vec<FactId>,
    pub(crate) withdrawn: bool,
    pub(crate) tainted: bool,
}

/// A call whose reply is not in yet.
pub(crate) struct Call {
    pub(crate) fence: u64,
    pub(crate) agent: AgentId,
    pub(crate) model: String,
    pub(crate) reserved_microusd: Option<u64>,
    pub(crate) reserved_tokens: u64,
}

/// Money and tokens.
#[derive(Clone, Copy, Default)]
pub(crate) struct Ledger {
    pub(crate) spent_microusd: u64,
    pub(crate) spent_tokens: u64,
    pub(crate) reserved_microusd: u64,
    pub(crate) reserved_tokens: u64,
}

/// What the run as a whole is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Planning, reading, reasoning, reviewing.
    Working,
    /// This round has drained and not been expanded.
    Drained,
    /// A round was expanded by nothing: only the answer is left.
    Closed,
}

/// The state.
pub(crate) struct Run {
    pub(crate) id: Hash,
    pub(crate) setup: Setup,
    pub(crate) at: u64,
    pub(crate) agents: BTreeMap<AgentId, Agent>,
    /// Of those, agents of the prefix of a fork.
    pub(crate) agents_inherited: u64,
    /// Agents at work by principal.
    pub(crate) principals: BTreeMap<String, u64>,
    pub(crate) sources: BTreeMap<SourceId, Source>,
    pub(crate) units: BTreeMap<UnitId, Unit>,
    pub(crate) work: BTreeMap<Subject, Work>,
    /// Those of `work` that are not settled.
    pub(crate) open: BTreeSet<Subject>,
    pub(crate) tasks: u32,
    pub(crate) planned: bool,
    pub(crate) live: BTreeMap<u64, Claim>,
    pub(crate) live_jobs: BTreeMap<Job, u64>,
    pub(crate) deadlines: BTreeSet<(u64, u64)>,
    pub(crate) attempts: BTreeMap<Job, Attempts>,
    pub(crate) proposals: BTreeMap<Subject, Proposal>,
    pub(crate) reviews: BTreeMap<u64, Subject>,
    pub(crate) rejected: BTreeMap<Subject, (u64, Hash)>,
    pub(crate) facts: Vec<Fact>,
    pub(crate) notes: u64,
    pub(crate) calls: BTreeMap<CallId, Call>,
    pub(crate) calls_begun: u32,
    pub(crate) ledger: Ledger,
    pub(crate) phase: Phase,
    pub(crate) round: u32,
    pub(crate) stops: Vec<PauseCause>,
    pub(crate) paused: bool,
    pub(crate) answered: bool,
    pub(crate) ended: bool,
    pub(crate) commands: BTreeMap<Option<AgentId>, VecDeque<u64>>,
    pub(crate) redacted: BTreeSet<Hash>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            id: Hash::default(),
            setup: Setup::default(),
            at: 0,
            agents: BTreeMap::new(),
            agents_inherited: 0,
            principals: BTreeMap::new(),
            sources: BTreeMap::new(),
            units: BTreeMap::new(),
            work: BTreeMap::new(),
            open: BTreeSet::new(),
            tasks: 0,
            planned: false,
            live: BTreeMap::new(),
            live_jobs: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            attempts: BTreeMap::new(),
            proposals: BTreeMap::new(),
            reviews: BTreeMap::new(),
            rejected: BTreeMap::new(),
            facts: Vec::new(),
            notes: 0,
            calls: BTreeMap::new(),
            calls_begun: 0,
            ledger: Ledger::default(),
            phase: Phase::Working,
            round: 0,
            stops: Vec::new(),
            paused: false,
            answered: false,
            ended: false,
            commands: BTreeMap::new(),
            redacted: BTreeSet::new(),
        }
    }
}

impl Run {
    /// A limit, by how it is read from all of them; before the first entry nothing is limited.
    pub(crate) fn limit(&self, of: fn(&Limits) -> u64) -> u64 {
        self.setup.limits.as_ref().map_or(u64::MAX, of)
    }

    pub(crate) fn fact(&self, label: FactId) -> Option<&Fact> {
        self.facts.get(place(label)?)
    }

    pub(crate) fn fact_mut(&mut self, label: FactId) -> Option<&mut Fact> {
        self.facts.get_mut(place(label)?)
    }

    pub(crate) fn principal(&self, agent: AgentId) -> Option<&str> {
        self.agents.get(&agent).map(|agent| agent.principal.as_str())
    }

    pub(crate) fn begin_claim(&mut self, fence: u64, claim: Claim) {
        self.deadlines.insert((claim.deadline, fence));
        self.live_jobs.insert(claim.job, fence);
        self.live.insert(fence, claim);
    }

    pub(crate) fn end_claim(&mut self, fence: u64) -> Option<Claim> {
        let claim = self.live.remove(&fence)?;
        self.deadlines.remove(&(claim.deadline, fence));
        if self.live_jobs.get(&claim.job) == Some(&fence) {
            self.live_jobs.remove(&claim.job);
        }
        Some(claim)
    }

    pub(crate) fn set_status(&mut self, subject: Subject, status: Status) {
        if let Some(work) = self.work.get_mut(&subject) {
            work.status = status;
            if status.settled() {
                self.open.remove(&subject);
            } else {
                self.open.insert(subject);
            }
        }
    }

    /// Why `job` may not be claimed now, if it may not; who asks for it aside.
    pub(crate) fn not_ready(&self, job: Job) -> Option<String> {
        if let Some(subject) = job.subject() {
            return self.subject_not_ready(subject);
        }
        let no = |why: &str| Some(why.to_owned());
        match job {
            // A run that drains before its plan is planned by what follows the drain.
            Job::Plan if self.planned || self.round > 0 => no("the plan is made"),
            // Before the plan only readings are open.
            Job::Plan if !self.open.is_empty() => no("there are units that are still to be read"),
            Job::Review(seq) if !self.reviews.contains_key(&seq) => {
                no("no proposal of that entry waits for a verdict")
            }
            Job::Expand(round) if self.phase != Phase::Drained || self.round != round => {
                no("no such round has drained and waits to be expanded")
            }
            Job::Finalize if self.phase != Phase::Closed || self.answered => {
                no("the run is not closed, or answered")
            }
            Job::Plan | Job::Read(_) | Job::Reason(_) | Job::Review(_) | Job::Expand(_) | Job::Finalize => {
                None
            }
        }
    }

    fn subject_not_ready(&self, subject: Subject) -> Option<String> {
        let Some(work) = self.work.get(&subject) else {
            return Some(format!("there is no {subject}"));
        };
        match work.status {
            Status::Open => {}
            Status::Proposed => return Some(format!("{subject} has a gist that waits for its verdict")),
            Status::Done => return Some(format!("{subject} is done")),
            Status::Abandoned => return Some(format!("{subject} is abandoned")),
        }
        let waits = |need: &&TaskId| !self.settled(**need);
        work.needs
            .iter()
            .find(waits)
            .map(|need| format!("{need}, which {subject} needs, is neither done nor abandoned"))
    }

    fn settled(&self, task: TaskId) -> bool {
        self.work.get(&Subject::Task(task)).is_some_and(|work| work.status.settled())
    }

    /// Whether some agent at work may review a gist of `author`.
    pub(crate) fn reviewer_exists(&self, author: Option<AgentId>) -> bool {
        let all: u64 = self.principals.values().sum();
        let own = author.and_then(|author| self.principals.get(self.principal(author)?)).copied();
        all > if self.setup.self_review { 0 } else { own.unwrap_or_default() }
    }

    /// A job that some agent at work may take now.
    pub(crate) fn takable(&self) -> Option<Job> {
        if self.principals.is_empty() {
            return None;
        }
        let whole = [Job::Plan, Job::Expand(self.round), Job::Finalize];
        let waiting = self.reviews.iter().find(|(_, subject)| {
            self.proposals.get(subject).is_some_and(|proposal| self.reviewer_exists(proposal.author))
        });
        let open = self.open.iter().filter(|subject| self.subject_not_ready(**subject).is_none());
        let mut jobs =
            waiting.map(|(seq, _)| Job::Review(*seq)).into_iter().chain(open.map(|subject| subject.job()));
        whole.into_iter().find(|job| self.not_ready(*job).is_none()).or_else(|| jobs.next())
    }
}

fn place(label: FactId) -> Option<usize> {
    usize::try_from(label.0).ok()?.checked_sub(1)
}
