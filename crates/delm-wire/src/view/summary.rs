//! A run in a few numbers: `delm ls`, and the parts it shares with `delm show` and `delm.run/1`.
//!
//! Refuses estimates: every number is counted from the run's projection, and an unknown cost is null.

use std::collections::BTreeMap;

use delm_core::entry::Blobs;
use delm_core::event::{self, Grade, Outcome, PauseCause};
use delm_core::ids::Subject;
use delm_core::run::{Phase, Run, Status};
use schemars::JsonSchema;
use serde::Serialize;

use super::{text, vocabulary};
use crate::data::Origin;
use crate::export::HeadView;
use crate::name::{Hash, Time, Word};

vocabulary!(/// Where a run stands.
RunOutcome {
    /// It ended with an answer.
    Answered = "answered",
    /// It ended; the finalizer had no answer to give.
    Unanswered = "unanswered",
    /// It ended; no plan could be made.
    Failed = "failed",
    /// It ended; somebody cancelled it.
    Cancelled = "cancelled",
    /// It can go on.
    Paused = "paused",
    /// It is under way, or its process died.
    Live = "live",
});

impl RunOutcome {
    /// Where this run stands.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        match run.phase() {
            Phase::Unborn | Phase::Running | Phase::Stopping(_) => Self::Live,
            Phase::Paused(_) => Self::Paused,
            Phase::Ended(Outcome::Answered) => Self::Answered,
            Phase::Ended(Outcome::Unanswered) => Self::Unanswered,
            Phase::Ended(Outcome::Failed) => Self::Failed,
            Phase::Ended(Outcome::Cancelled) => Self::Cancelled,
        }
    }

    /// Whether `resume` can go on with it.
    #[must_use]
    pub fn is_resumable(self) -> bool {
        matches!(self, Self::Paused | Self::Live)
    }
}

/// Why it stands there, for a run that pauses or is about to.
pub(super) fn cause_of(run: &Run) -> Option<Word<PauseCause>> {
    match run.phase() {
        Phase::Paused(cause) | Phase::Stopping(cause) => Some(Word(cause)),
        Phase::Unborn | Phase::Running | Phase::Ended(_) => None,
    }
}

/// Why it ended so, or what the provider said for which it paused.
pub(super) fn reason_of(run: &Run, blobs: &dyn Blobs) -> Option<String> {
    let reason = match run.phase() {
        Phase::Paused(PauseCause::Provider) | Phase::Stopping(PauseCause::Provider) => {
            run.ledger().last_error
        }
        Phase::Unborn | Phase::Running | Phase::Stopping(_) | Phase::Paused(_) | Phase::Ended(_) => {
            run.end().and_then(|end| end.reason)
        }
    };
    reason.and_then(|reason| text(blobs, &reason))
}

/// A model and its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModelView {
    /// `extractive`, `script:FILE` or `provider::name`.
    pub model: String,
    /// Parameters, as the text given.
    pub params: BTreeMap<String, String>,
}

/// Which model does what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ModelsView {
    /// Plans, reads, reasons, expands and finalizes.
    pub worker: ModelView,
    /// Reviews.
    pub judge: ModelView,
}

impl ModelsView {
    /// The models that a run was begun with.
    #[must_use]
    pub fn of(models: &event::Models) -> Self {
        let view = |choice: &event::ModelChoice| ModelView {
            model: choice.model.clone(),
            params: choice.params.iter().cloned().collect(),
        };
        Self { worker: view(&models.worker), judge: view(&models.judge) }
    }
}

/// Tasks, or readings, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counts {
    /// All of them.
    pub total: u64,
    /// Done.
    pub done: u64,
    /// Given up.
    pub abandoned: u64,
    /// Neither.
    pub open: u64,
}

impl Counts {
    fn add(&mut self, status: Status) {
        self.total += 1;
        match status {
            Status::Done => self.done += 1,
            Status::Abandoned => self.abandoned += 1,
            Status::Waiting | Status::Ready | Status::Claimed(_) | Status::InReview(_) | Status::Limbo => {
                self.open += 1;
            }
        }
    }

    /// Tasks, then readings.
    #[must_use]
    pub fn of(run: &Run) -> (Self, Self) {
        let (mut tasks, mut readings) = (Self::default(), Self::default());
        for (job, state) in run.jobs().iter() {
            match job.subject() {
                Some(Subject::Task(_)) => tasks.add(state.status),
                Some(Subject::Unit(_)) => readings.add(state.status),
                None => {}
            }
        }
        (tasks, readings)
    }
}

/// Gists by what became of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FactCounts {
    /// Admitted, those withdrawn later included.
    pub admitted: u64,
    /// Rejected.
    pub rejected: u64,
    /// Withdrawn.
    pub withdrawn: u64,
    /// Resting, directly or not, on a withdrawn fact.
    pub tainted: u64,
    /// Admitted, by grade; grades without a fact are left out.
    pub by_grade: BTreeMap<&'static str, u64>,
}

impl FactCounts {
    /// Counts the facts of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let mut by_grade = BTreeMap::new();
        for fact in run.facts().iter() {
            *by_grade.entry(Grade::as_str(fact.grade)).or_default() += 1;
        }
        let count = |n: usize| n as u64;
        Self {
            admitted: count(run.facts().len()),
            rejected: count(run.rejected().len()),
            withdrawn: count(run.facts().iter().filter(|fact| fact.withdrawn.is_some()).count()),
            tainted: count(run.facts().iter().filter(|fact| fact.tainted).count()),
            by_grade,
        }
    }
}

/// Documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SourceCounts {
    /// Part of the run.
    pub read: u64,
    /// Left out.
    pub skipped: u64,
}

impl SourceCounts {
    /// Counts the documents of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self { read: run.sources().len() as u64, skipped: run.skipped().len() as u64 }
    }
}

/// Tokens, as providers counted them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TokenCounts {
    /// In, the cached ones included.
    #[serde(rename = "in")]
    pub input: u64,
    /// Out.
    #[serde(rename = "out")]
    pub output: u64,
    /// Of those in, read from a provider's cache.
    pub cached: u64,
}

impl TokenCounts {
    /// Sums the tokens of a run.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let ledger = run.ledger();
        Self { input: ledger.tokens_in, output: ledger.tokens_out, cached: ledger.tokens_cached }
    }
}

/// A run in a list of runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LsItem {
    /// Its id.
    pub run: Hash,
    /// Its name.
    pub name: Option<String>,
    /// Where it left another run, if it is a fork.
    pub origin: Option<Origin>,
    /// What it was asked.
    pub question: Option<String>,
    /// Where it stands.
    pub outcome: Word<RunOutcome>,
    /// Why, for a run that pauses or is about to.
    pub cause: Option<Word<PauseCause>>,
    /// Whether `resume` can go on with it.
    pub resumable: bool,
    /// When it began.
    pub began: Time,
    /// When its newest entry was written.
    pub at: Time,
    /// Its newest entry.
    pub head: HeadView,
    /// Workers that ever joined.
    pub agents: u64,
    /// Its tasks.
    pub tasks: Counts,
    /// Facts admitted.
    pub facts: u64,
    /// Model calls.
    pub calls: u64,
    /// Their tokens.
    pub tokens: TokenCounts,
    /// Their cost; null if a part of it is unknown.
    pub cost_microusd: Option<u64>,
}

impl LsItem {
    /// A run that has begun, as a line; none before its first entry.
    #[must_use]
    pub fn of(run: &Run, blobs: &dyn Blobs) -> Option<Self> {
        let (id, head, started) = (run.id()?, run.head()?, run.started()?);
        let outcome = RunOutcome::of(run);
        Some(Self {
            run: Word(id),
            name: started.name.and_then(|name| text(blobs, &name)),
            origin: run.origin().map(Into::into),
            question: text(blobs, &started.question),
            outcome: Word(outcome),
            cause: cause_of(run),
            resumable: outcome.is_resumable(),
            began: Time(run.began_at()),
            at: Time(run.at()),
            head: head.into(),
            agents: run.agents().len() as u64,
            tasks: Counts::of(run).0,
            facts: run.facts().len() as u64,
            calls: run.ledger().own_calls().into(),
            tokens: TokenCounts::of(run),
            cost_microusd: run.ledger().cost_microusd(),
        })
    }
}
