//! The state of one run: every projection of its log, as persistent data.
//!
//! Refuses to be changed but by [`apply`](crate::apply::apply): a clone costs O(1), so a snapshot is a clone. Nothing here
//! reads a clock or a blob; what is not in the log is not in here.

pub mod facts;
pub mod jobs;
pub mod ledger;
pub mod memo;
pub mod people;

use alloc::sync::Arc;
use alloc::vec::Vec;

use rpds::{RedBlackTreeMapSync, VectorSync};

pub use facts::{Fact, Note, Proposal, ProposalKey, ProposalState};
pub use jobs::{Claim, JobState, Jobs, Limbo, Status, Task};
pub use ledger::{Ledger, OpenCall};
pub use people::{Agent, Agents};

use crate::entry::Head;
use crate::event::{Ablation, AnswerGiven, GistKind, Outcome, PauseCause, RunEnded, RunStarted, SourceAdded};
use crate::ids::{
    AgentId, CallId, Digest, FactId, Fence, Job, Millis, Seq, SourceId, Subject, TaskId, UnitId,
};
use crate::limits::Limits;
use crate::tree::Tree;
use memo::Memo;

/// Where a run stands between its beginning and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No entry yet.
    Unborn,
    /// Agents claim and work.
    Running,
    /// No new claim; claims in flight end.
    Stopping(PauseCause),
    /// Nothing happens until it is resumed.
    Paused(PauseCause),
    /// Over; only retractions and redactions may follow.
    Ended(Outcome),
}

/// A document and where its units lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// As it was added.
    pub added: SourceAdded,
    /// Place of its first unit in [`Run::units`].
    pub first_unit: usize,
    /// Units cut from it.
    pub units: u32,
}

/// A labelled slice of a source's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its label.
    pub id: UnitId,
    /// Byte offset of its start in the source's text.
    pub start: u64,
    /// Byte offset just past its end.
    pub end: u64,
}

/// Where a fork leaves another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The run that wrote the entry it leaves from.
    pub run: Digest,
    /// That entry.
    pub head: Head,
}

/// The state of one run. Two are equal if their logs say the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub(crate) id: Option<Digest>,
    pub(crate) origin: Option<Origin>,
    pub(crate) head: Option<Head>,
    pub(crate) at: Millis,
    /// Time of the entry before the one being applied.
    pub(crate) last_at: Millis,
    pub(crate) began_at: Millis,
    pub(crate) running_since: Millis,
    pub(crate) ran_ms: Millis,
    pub(crate) phase: Phase,
    pub(crate) started: Option<Arc<RunStarted>>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) tree: Tree,
    pub(crate) sources: VectorSync<Arc<Source>>,
    pub(crate) skipped: VectorSync<(Digest, Digest)>,
    pub(crate) units: VectorSync<Unit>,
    pub(crate) summaries: RedBlackTreeMapSync<UnitId, Digest>,
    pub(crate) agents: Agents,
    pub(crate) tasks: VectorSync<Task>,
    pub(crate) jobs: Jobs,
    pub(crate) proposals: RedBlackTreeMapSync<ProposalKey, Arc<Proposal>>,
    pub(crate) facts: VectorSync<Arc<Fact>>,
    pub(crate) notes: VectorSync<Note>,
    pub(crate) rejected: VectorSync<ProposalKey>,
    pub(crate) ledger: Ledger,
    pub(crate) round: u32,
    pub(crate) planned: bool,
    pub(crate) closed: bool,
    pub(crate) answer: Option<Arc<AnswerGiven>>,
    pub(crate) end: Option<Arc<RunEnded>>,
    pub(crate) redacted: RedBlackTreeMapSync<Digest, Digest>,
    pub(crate) memo: Memo,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            id: None,
            origin: None,
            head: None,
            at: 0,
            last_at: 0,
            began_at: 0,
            running_since: 0,
            ran_ms: 0,
            phase: Phase::Unborn,
            started: None,
            limits: Arc::new(Limits::default()),
            tree: Tree::default(),
            sources: VectorSync::new_sync(),
            skipped: VectorSync::new_sync(),
            units: VectorSync::new_sync(),
            summaries: RedBlackTreeMapSync::new_sync(),
            agents: Agents::default(),
            tasks: VectorSync::new_sync(),
            jobs: Jobs::default(),
            proposals: RedBlackTreeMapSync::new_sync(),
            facts: VectorSync::new_sync(),
            notes: VectorSync::new_sync(),
            rejected: VectorSync::new_sync(),
            ledger: Ledger::default(),
            round: 0,
            planned: false,
            closed: false,
            answer: None,
            end: None,
            redacted: RedBlackTreeMapSync::new_sync(),
            memo: Memo::default(),
        }
    }
}

/// What people and programs ask a run.
impl Run {
    /// The run's id: that of its first own entry.
    #[must_use]
    pub fn id(&self) -> Option<Digest> {
        self.id
    }
    /// Where it left another run, if it is a fork.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }
    /// Whether the entry of this seq is the one with which a fork begins.
    pub(crate) fn forks_at(&self, seq: Seq) -> bool {
        self.origin.is_some_and(|origin| origin.head.seq.checked_add(1) == Some(seq))
    }
    /// The newest entry.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.head
    }
    /// Time of the newest entry.
    #[must_use]
    pub fn at(&self) -> Millis {
        self.at
    }
    /// Time of its first own entry.
    #[must_use]
    pub fn began_at(&self) -> Millis {
        self.began_at
    }
    /// Running time up to the newest entry, pauses left out.
    #[must_use]
    pub fn ran_ms(&self) -> Millis {
        match self.phase {
            Phase::Running | Phase::Stopping(_) => self.ran_ms + (self.at - self.running_since),
            Phase::Unborn | Phase::Paused(_) | Phase::Ended(_) => self.ran_ms,
        }
    }
    /// Where it stands.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }
    /// Everything it was begun with; of a fork, as it stands after what it changed.
    #[must_use]
    pub fn started(&self) -> Option<&Arc<RunStarted>> {
        self.started.as_ref()
    }
    /// Its limits as they stand now.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
    /// Size and root of its history tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }
    /// Its documents.
    #[must_use]
    pub fn sources(&self) -> &VectorSync<Arc<Source>> {
        &self.sources
    }
    /// Name and reason, as blobs, of each document left out.
    #[must_use]
    pub fn skipped(&self) -> &VectorSync<(Digest, Digest)> {
        &self.skipped
    }
    /// All units, by source and place.
    #[must_use]
    pub fn units(&self) -> &VectorSync<Unit> {
        &self.units
    }
    /// Its workers.
    #[must_use]
    pub fn agents(&self) -> &Agents {
        &self.agents
    }
    /// Its tasks.
    #[must_use]
    pub fn tasks(&self) -> &VectorSync<Task> {
        &self.tasks
    }
    /// Its queue.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }
    /// Every proposal, by proposing entry, subject and kind.
    #[must_use]
    pub fn proposals(&self) -> &RedBlackTreeMapSync<ProposalKey, Arc<Proposal>> {
        &self.proposals
    }
    /// Its facts, by label.
    #[must_use]
    pub fn facts(&self) -> &VectorSync<Arc<Fact>> {
        &self.facts
    }
    /// The context.
    #[must_use]
    pub fn notes(&self) -> &VectorSync<Note> {
        &self.notes
    }
    /// Proposals that were rejected, in order.
    #[must_use]
    pub fn rejected(&self) -> &VectorSync<ProposalKey> {
        &self.rejected
    }
    /// Calls, tokens and money.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
    /// Drains so far.
    #[must_use]
    pub fn round(&self) -> u32 {
        self.round
    }
    /// The proposal of an entry about a subject: the newer one, if the log itself added a failure to it.
    #[must_use]
    pub fn proposal(&self, seq: Seq, subject: Subject) -> Option<&Arc<Proposal>> {
        let kinds = (seq, subject, GistKind::Finding)..=(seq, subject, GistKind::Failure);
        self.proposals.range(kinds).next_back().map(|(_, proposal)| proposal)
    }
    /// The answer, once given.
    #[must_use]
    pub fn answer(&self) -> Option<&AnswerGiven> {
        self.answer.as_deref()
    }
    /// How it ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<&RunEnded> {
        self.end.as_deref()
    }
    /// Redacted blobs, with the blob that says why.
    #[must_use]
    pub fn redacted(&self) -> &RedBlackTreeMapSync<Digest, Digest> {
        &self.redacted
    }

    /// One source.
    #[must_use]
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.sources.get(id.index()).map(Arc::as_ref)
    }
    /// One unit.
    #[must_use]
    pub fn unit(&self, id: UnitId) -> Option<&Unit> {
        let source = self.source(id.source)?;
        let place = id.index.checked_sub(1).filter(|_| id.index <= source.units)?;
        self.units.get(source.first_unit + place as usize)
    }
    /// The checked summary of a unit, as a blob.
    #[must_use]
    pub fn summary(&self, id: UnitId) -> Option<Digest> {
        self.summaries.get(&id).copied()
    }
    /// One task.
    #[must_use]
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(id.index())
    }
    /// One fact.
    #[must_use]
    pub fn fact(&self, id: FactId) -> Option<&Arc<Fact>> {
        self.facts.get(id.index())
    }
    /// Whether an answer may stand on this fact: it was not withdrawn, and is more than word of a task given up.
    #[must_use]
    pub fn bears(&self, id: FactId) -> bool {
        let stands = |fact: &&Arc<Fact>| fact.withdrawn.is_none() && fact.proposal.kind != GistKind::Failure;
        self.fact(id).filter(stands).is_some()
    }
    /// One agent.
    #[must_use]
    pub fn agent(&self, id: AgentId) -> Option<&Agent> {
        self.agents.get(id)
    }
    /// One live claim.
    #[must_use]
    pub fn claim(&self, fence: Fence) -> Option<&Claim> {
        self.jobs.claims.get(&fence)
    }
    /// One open call.
    #[must_use]
    pub fn open_call(&self, call: CallId) -> Option<&OpenCall> {
        self.ledger.open.get(&call)
    }
    /// Whether something is switched off in this run.
    #[must_use]
    pub fn ablated(&self, what: Ablation) -> bool {
        self.started.as_ref().is_some_and(|started| started.ablations.contains(&what))
    }
    /// Whether a verdict may come from the author's own principal.
    #[must_use]
    pub fn self_review(&self) -> bool {
        cfg!(sabotage = "self_verification")
            || self.started.as_ref().is_some_and(|started| started.self_review)
    }
    /// Tasks and readings neither done nor abandoned.
    #[must_use]
    pub fn open_subjects(&self) -> Vec<Subject> {
        self.jobs
            .states
            .iter()
            .filter(|(_, state)| !state.status.is_settled())
            .filter_map(|(job, _)| job.subject())
            .collect()
    }
    /// What should happen next, derived from state and never queued: jobs that are ready, in the order they become so.
    pub fn work(&self) -> impl Iterator<Item = Job> + '_ {
        self.jobs.ready()
    }
    /// The next moment at which only `Tick` is accepted.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        let lease = self.jobs.deadlines.first().map(|(deadline, _)| *deadline);
        let run = (self.phase == Phase::Running && self.limits.deadline_ms > 0)
            .then(|| self.running_since.saturating_add(self.limits.deadline_ms.saturating_sub(self.ran_ms)));
        let late = Millis::from(cfg!(sabotage = "deadline_off_by_one"));
        lease.into_iter().chain(run).min().map(|due| due.saturating_add(late))
    }
}
