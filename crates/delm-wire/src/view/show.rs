//! One run, what it was begun with and where it stands: `delm show`.
//!
//! Refuses lists that grow with the run: it counts, and the other verbs list.

use delm_core::entry::Blobs;
use delm_core::event::{Ablation, AnswerKind, PauseCause};
use delm_core::ids::Job;
use delm_core::run::Run;
use schemars::JsonSchema;
use serde::Serialize;

use super::summary::{cause_of, reason_of};
use super::{Citation, Counts, FactCounts, ModelsView, RunOutcome, SourceCounts, TokenCounts, tag, text};
use crate::data::{LimitValues, Origin};
use crate::export::{HeadView, TreeView};
use crate::name::{Hash, Time, Word};
use crate::render::Render;

tag!(/// The schema of `delm show`.
    ShowTag = "delm.show/1");

/// A document that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LeftOut {
    /// Its name.
    pub name: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

/// One run: what it was begun with, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ShowView {
    /// What this document is.
    pub schema: ShowTag,
    /// Its id.
    pub run: Hash,
    /// Its name.
    pub name: Option<String>,
    /// Where it left another run, if it is a fork: what it spent is counted from there.
    pub origin: Option<Origin>,
    /// What it was asked.
    pub question: Option<String>,
    /// Where it stands.
    pub outcome: Word<RunOutcome>,
    /// Why, for a run that pauses or is about to.
    pub cause: Option<Word<PauseCause>>,
    /// Why it ended so, where the log says it; what a provider said for which it paused.
    pub reason: Option<String>,
    /// Whether `resume` can go on with it.
    pub resumable: bool,
    /// When it began.
    pub began: Time,
    /// When its newest entry was written.
    pub at: Time,
    /// Running time, pauses left out.
    pub ran_ms: u64,
    /// Its newest entry.
    pub head: HeadView,
    /// Its history tree.
    pub tree: TreeView,
    /// Version of the binary that began it.
    pub engine: String,
    /// The policy, `name/version`.
    pub policy: String,
    /// Which model does what.
    pub models: ModelsView,
    /// Hosts that it may call.
    pub hosts: Vec<String>,
    /// Limits as they stand now.
    pub limits: LimitValues,
    /// A verdict may come from the author's own principal.
    pub self_review: bool,
    /// Units are read before planning.
    pub reading: bool,
    /// What is switched off.
    pub ablations: Vec<Word<Ablation>>,
    /// Its documents.
    pub sources: SourceCounts,
    /// The first of those left out, and why.
    pub left_out: Vec<LeftOut>,
    /// Slices of them.
    pub units: u64,
    /// Workers that ever joined.
    pub agents: u64,
    /// Live claims.
    pub claims: u64,
    /// Its tasks.
    pub tasks: Counts,
    /// Its readings.
    pub readings: Counts,
    /// Its gists.
    pub facts: FactCounts,
    /// Drains so far.
    pub round: u32,
    /// Model calls.
    pub calls: u64,
    /// Their tokens.
    pub tokens: TokenCounts,
    /// Tokens set aside for calls under way.
    pub reserved_tokens: u64,
    /// Their cost; null if a part of it is unknown.
    pub cost_microusd: Option<u64>,
    /// Money set aside for calls under way.
    pub reserved_microusd: u64,
    /// The answer.
    pub answer: Option<String>,
    /// What kind of answer it is.
    pub answer_kind: Option<Word<AnswerKind>>,
    /// Where it stands in the documents, fact by fact in the answer's order.
    pub citations: Vec<Citation>,
    /// What happens next: the first jobs that anyone may take.
    pub ready: Vec<Word<Job>>,
    /// Blobs whose bytes are gone.
    pub redacted: u64,
}

/// Documents left out that are named; `log --kind source_skipped` has them all.
const LEFT_OUT_SHOWN: usize = 20;

/// Ready jobs that are named; `queue` has them all.
const READY_SHOWN: usize = 20;

impl ShowView {
    /// A run that has begun; none before its first entry.
    #[must_use]
    pub fn of(run: &Run, blobs: &dyn Blobs) -> Option<Self> {
        let (id, head, started) = (run.id()?, run.head()?, run.started()?);
        let ((tasks, readings), outcome) = (Counts::of(run), RunOutcome::of(run));
        Some(Self {
            schema: ShowTag,
            run: Word(id),
            name: started.name.and_then(|name| text(blobs, &name)),
            origin: run.origin().map(Into::into),
            question: text(blobs, &started.question),
            outcome: Word(outcome),
            cause: cause_of(run),
            reason: reason_of(run, blobs),
            resumable: outcome.is_resumable(),
            began: Time(run.began_at()),
            at: Time(run.at()),
            ran_ms: run.ran_ms(),
            head: head.into(),
            tree: run.tree().into(),
            engine: started.engine.clone(),
            policy: format!("{}/{}", started.policy.name, started.policy.version),
            models: ModelsView::of(&started.models),
            hosts: started.hosts.clone(),
            limits: Render::render(run.limits()),
            self_review: started.self_review,
            reading: started.reading,
            ablations: Render::render(&started.ablations),
            sources: SourceCounts::of(run),
            left_out: left_out(run, blobs),
            units: run.units().len() as u64,
            agents: run.agents().len() as u64,
            claims: run.jobs().claimed() as u64,
            tasks,
            readings,
            facts: FactCounts::of(run),
            round: run.round(),
            calls: run.ledger().own_calls().into(),
            tokens: TokenCounts::of(run),
            reserved_tokens: run.ledger().reserved_tokens,
            cost_microusd: run.ledger().cost_microusd(),
            reserved_microusd: run.ledger().reserved_microusd,
            answer: run.answer().and_then(|answer| text(blobs, &answer.answer)),
            answer_kind: run.answer().map(|answer| Word(answer.answer_kind)),
            citations: Citation::all(run, blobs),
            ready: run.work().take(READY_SHOWN).map(Word).collect(),
            redacted: run.redacted().size() as u64,
        })
    }
}

fn left_out(run: &Run, blobs: &dyn Blobs) -> Vec<LeftOut> {
    let skipped = run.skipped().iter().take(LEFT_OUT_SHOWN);
    skipped.map(|(name, reason)| LeftOut { name: text(blobs, name), reason: text(blobs, reason) }).collect()
}
