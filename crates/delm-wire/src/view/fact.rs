//! Facts and rejected gists, with who found and who judged them: `delm facts`.
//!
//! Refuses to credit anyone unnamed: a gist that the law itself wrote has no author and no verifier.

use std::collections::BTreeSet;
use std::sync::Arc;

use delm_core::entry::Blobs;
use delm_core::event::{Check, Evidence, GistKind, Grade, Method, Ruling};
use delm_core::ids::{AgentId, Digest, FactId, Fence, SourceId, Subject, UnitId};
use delm_core::run::{Fact, Proposal, Run};
use schemars::JsonSchema;
use serde::Serialize;

use super::call::Spent;
use super::{CallFold, text};
use crate::name::{Hash, Word};
use crate::render::Render;

/// A worker, as the one who did something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Worker {
    /// Its label.
    pub agent: Word<AgentId>,
    /// Who answers for it.
    pub principal: String,
    /// The model it asked, the last time; the one it works with where none was asked.
    pub model: String,
    /// The model that said it replied, the last time; null where no model was called or none said it.
    pub model_reported: Option<String>,
}

impl Worker {
    pub(super) fn of(run: &Run, agent: Option<AgentId>, spent: &Spent) -> Option<Self> {
        let id = agent?;
        let agent = run.agent(id)?;
        Some(Self {
            agent: Word(id),
            principal: agent.principal.to_string(),
            model: spent.model.clone().unwrap_or_else(|| agent.model.to_string()),
            model_reported: spent.model_reported.clone(),
        })
    }
}

/// A verdict and who gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Judgement {
    /// Who gave it; null where the law or the mechanical checks did.
    pub agent: Option<Word<AgentId>>,
    /// Who answers for that.
    pub principal: Option<String>,
    /// The model it asked, the last time; the one it works with where none was asked.
    pub model: Option<String>,
    /// The model that said it replied.
    pub model_reported: Option<String>,
    /// How it was judged.
    pub method: Word<Method>,
    /// What the verdict says.
    pub outcome: Word<Ruling>,
    /// Checks that passed.
    pub passed: Vec<Word<Check>>,
    /// Checks that did not.
    pub failed: Vec<Word<Check>>,
    /// Why.
    pub reason: Option<String>,
    /// Seq of the entry that gave it.
    pub seq: u64,
}

/// Words of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct QuoteView {
    /// The unit they are in.
    pub unit: Word<UnitId>,
    /// The document.
    pub source: Word<SourceId>,
    /// Its name.
    pub name: Option<String>,
    /// Byte offset of their start in the document's text.
    pub start: u64,
    /// Byte offset just past their end.
    pub end: u64,
    /// The words; null if they were redacted.
    pub quote: Option<String>,
}

impl QuoteView {
    /// The words at a place.
    #[must_use]
    pub fn of(run: &Run, blobs: &dyn Blobs, evidence: &Evidence) -> Self {
        let source = run.source(evidence.unit.source).map(|source| &source.added);
        Self {
            unit: Word(evidence.unit),
            source: Word(evidence.unit.source),
            name: source.and_then(|source| text(blobs, &source.name)),
            start: evidence.start,
            end: evidence.end,
            quote: source.and_then(|source| slice(&blobs.blob(&source.text)?, evidence)),
        }
    }
}

fn slice(text: &Arc<[u8]>, evidence: &Evidence) -> Option<String> {
    let (start, end) = (usize::try_from(evidence.start).ok()?, usize::try_from(evidence.end).ok()?);
    text.get(start..end).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// A fact, or a gist that was rejected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FactView {
    /// Its label; null for a rejected gist.
    pub label: Option<Word<FactId>>,
    /// Id of the entry that admitted it; of a rejected gist, of the entry that proposed it.
    pub entry: Hash,
    /// Seq of that entry.
    pub seq: u64,
    /// What it says.
    pub kind: Word<GistKind>,
    /// The statement.
    pub text: Option<String>,
    /// What stood behind its admission; null for a rejected gist.
    pub grade: Option<Word<Grade>>,
    /// Who found it; null if the law itself wrote it.
    pub author: Option<Worker>,
    /// Who judged it.
    pub verifiers: Vec<Judgement>,
    /// What it is about.
    pub task: Word<Subject>,
    /// The author's attempt.
    pub attempt: u32,
    /// Where it stands in the documents.
    pub evidence: Vec<QuoteView>,
    /// Facts it builds on.
    pub cites: Vec<Word<FactId>>,
    /// It rests, directly or not, on a withdrawn fact.
    pub tainted: bool,
    /// It was withdrawn.
    pub withdrawn: bool,
    /// Why it was withdrawn.
    pub withdrawn_reason: Option<String>,
    /// What the calls of its author's claim and its verifier's claim cost; null if a part of it is unknown.
    pub cost_microusd: Option<u64>,
}

impl FactView {
    /// A fact. `entry` is the id of the entry that admitted it; `calls` has seen all entries, and keeps the calls of
    /// [`fences_of`] this fact's proposal.
    #[must_use]
    pub fn admitted(run: &Run, blobs: &dyn Blobs, fact: &Fact, entry: Digest, calls: &CallFold) -> Self {
        Self {
            label: Some(Word(fact.label)),
            seq: fact.seq,
            grade: Some(Word(fact.grade)),
            tainted: fact.tainted,
            withdrawn: fact.withdrawn.is_some(),
            withdrawn_reason: fact.withdrawn.and_then(|reason| text(blobs, &reason)),
            ..Self::proposed(run, blobs, &fact.proposal, entry, calls)
        }
    }

    /// A gist that has not become a fact. `entry` is the id of the entry that proposed it.
    #[must_use]
    pub fn proposed(run: &Run, blobs: &dyn Blobs, gist: &Proposal, entry: Digest, calls: &CallFold) -> Self {
        let reviewed = gist.verdict.as_ref().and_then(|verdict| verdict.fence);
        let (written, judged) = (calls.spent(gist.fence), calls.spent(reviewed));
        Self {
            label: None,
            entry: Word(entry),
            seq: gist.seq,
            kind: Word(gist.kind),
            text: text(blobs, &gist.gist),
            grade: None,
            author: Worker::of(run, gist.author, &written),
            verifiers: judgement(run, blobs, gist, &judged).into_iter().collect(),
            task: Word(gist.subject),
            attempt: gist.attempt,
            evidence: gist.evidence.iter().map(|evidence| QuoteView::of(run, blobs, evidence)).collect(),
            cites: gist.cites.iter().map(Render::render).collect(),
            tainted: false,
            withdrawn: false,
            withdrawn_reason: None,
            cost_microusd: written.cost_microusd.zip(judged.cost_microusd).map(|(a, b)| a.saturating_add(b)),
        }
    }
}

/// The claims whose calls made and judged a gist.
pub fn fences_of<'a>(gists: impl IntoIterator<Item = &'a Proposal>) -> BTreeSet<Fence> {
    let both = |gist: &Proposal| [gist.fence, gist.verdict.as_ref().and_then(|verdict| verdict.fence)];
    gists.into_iter().flat_map(both).flatten().collect()
}

fn judgement(run: &Run, blobs: &dyn Blobs, gist: &Proposal, spent: &Spent) -> Option<Judgement> {
    let verdict = gist.verdict.as_ref()?;
    let worker = Worker::of(run, verdict.verifier, spent);
    let checks = |wanted: bool| {
        verdict
            .checks
            .iter()
            .filter(move |(_, passed)| *passed == wanted)
            .map(|(check, _)| Word(*check))
            .collect()
    };
    let (agent, principal, model, model_reported) = match worker {
        Some(worker) => {
            (Some(worker.agent), Some(worker.principal), Some(worker.model), worker.model_reported)
        }
        None => (None, None, None, None),
    };
    Some(Judgement {
        agent,
        principal,
        model,
        model_reported,
        method: Word(verdict.method),
        outcome: Word(verdict.outcome),
        passed: checks(true),
        failed: checks(false),
        reason: text(blobs, &verdict.reason),
        seq: verdict.seq,
    })
}
