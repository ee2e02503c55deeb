//! What `run` and `resume` print: `delm.began/1` at the start of a stream, `delm.run/1` at the end.
//!
//! Refuses an answer without its grounds: every fact the answer cites is there with the words it stands on.

use std::collections::BTreeSet;

use delm_core::entry::Blobs;
use delm_core::event::{AnswerKind, PauseCause};
use delm_core::ids::{FactId, SourceId, UnitId};
use delm_core::run::Run;
use schemars::JsonSchema;
use serde::Serialize;

use super::fact::QuoteView;
use super::summary::{cause_of, reason_of};
use super::{Counts, FactCounts, ModelsView, RunOutcome, SourceCounts, TokenCounts, tag, text};
use crate::data::Origin;
use crate::export::HeadView;
use crate::name::{Hash, Word};

tag!(/// The schema of the first line of a stream.
    BeganTag = "delm.began/1");
tag!(/// The schema of what a run came to.
    RunTag = "delm.run/1");

/// A run began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Began {
    /// What this line is.
    pub schema: BeganTag,
    /// The run.
    pub run: Hash,
    /// The store it is in.
    pub store: String,
}

impl Began {
    /// The line of a run in a store.
    #[must_use]
    pub fn of(run: Hash, store: impl Into<String>) -> Self {
        Self { schema: BeganTag, run, store: store.into() }
    }
}

/// Words that the answer stands on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Citation {
    /// The fact that the answer cites.
    pub fact: Word<FactId>,
    /// The unit the words are in.
    pub unit: Word<UnitId>,
    /// The document.
    pub source: Word<SourceId>,
    /// Its name.
    pub name: Option<String>,
    /// Byte offset of the words' start in the document's text.
    pub start: u64,
    /// Byte offset just past their end.
    pub end: u64,
    /// The words; null if they were redacted.
    pub quote: Option<String>,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RunView {
    /// What this document is.
    pub schema: RunTag,
    /// The run.
    pub run: Hash,
    /// Its name.
    pub name: Option<String>,
    /// Where it left another run, if it is a fork: what it spent is counted from there.
    pub origin: Option<Origin>,
    /// Its newest entry.
    pub head: HeadView,
    /// Where it stands.
    pub outcome: Word<RunOutcome>,
    /// Why it pauses.
    pub cause: Option<Word<PauseCause>>,
    /// Why it ended so, where the log says it; what a provider said for which it paused.
    pub reason: Option<String>,
    /// The answer.
    pub answer: Option<String>,
    /// What kind of answer it is.
    pub answer_kind: Option<Word<AnswerKind>>,
    /// Where it stands in the documents, fact by fact in the answer's order.
    pub citations: Vec<Citation>,
    /// Which model did what.
    pub models: ModelsView,
    /// Its tasks.
    pub tasks: Counts,
    /// Its readings.
    pub readings: Counts,
    /// Its gists.
    pub facts: FactCounts,
    /// Its documents.
    pub sources: SourceCounts,
    /// Model calls.
    pub calls: u64,
    /// Their tokens.
    pub tokens: TokenCounts,
    /// Their cost; null if a part of it is unknown.
    pub cost_microusd: Option<u64>,
}

impl RunView {
    /// A run that has begun; none before its first entry.
    #[must_use]
    pub fn of(run: &Run, blobs: &dyn Blobs) -> Option<Self> {
        let (id, head, started) = (run.id()?, run.head()?, run.started()?);
        let (tasks, readings) = Counts::of(run);
        Some(Self {
            schema: RunTag,
            run: Word(id),
            name: started.name.and_then(|name| text(blobs, &name)),
            origin: run.origin().map(Into::into),
            head: head.into(),
            outcome: Word(RunOutcome::of(run)),
            cause: cause_of(run),
            reason: reason_of(run, blobs),
            answer: run.answer().and_then(|answer| text(blobs, &answer.answer)),
            answer_kind: run.answer().map(|answer| Word(answer.answer_kind)),
            citations: Citation::all(run, blobs),
            models: ModelsView::of(&started.models),
            tasks,
            readings,
            facts: FactCounts::of(run),
            sources: SourceCounts::of(run),
            calls: run.ledger().own_calls().into(),
            tokens: TokenCounts::of(run),
            cost_microusd: run.ledger().cost_microusd(),
        })
    }
}

impl Citation {
    /// What the answer of a run stands on: the quotes of the facts it cites; of a fact that quotes nothing and builds on
    /// others, the quotes of those.
    #[must_use]
    pub fn all(run: &Run, blobs: &dyn Blobs) -> Vec<Self> {
        let mut left: Vec<FactId> =
            run.answer().into_iter().flat_map(|answer| answer.cites.iter().rev()).copied().collect();
        let (mut seen, mut all) = (BTreeSet::new(), Vec::new());
        while let Some(label) = left.pop() {
            let Some(fact) = run.fact(label).filter(|_| seen.insert(label)) else { continue };
            if fact.proposal.evidence.is_empty() {
                left.extend(fact.proposal.cites.iter().rev());
            }
            all.extend(fact.proposal.evidence.iter().map(|evidence| {
                let QuoteView { unit, source, name, start, end, quote } = QuoteView::of(run, blobs, evidence);
                Self { fact: Word(label), unit, source, name, start, end, quote }
            }));
        }
        all
    }
}
