//! `data` of drafts, summaries, gists, verdicts, facts and the answer.
//!
//! Refuses text: a draft, a gist, a reason and the answer are blobs, named here by their hash.

use delm_core::event::{AnswerKind, Check, GistKind, Grade, Late, Method, Ruling};
use delm_core::ids::{AgentId, FactId, Job, Subject, UnitId};
use schemars::JsonSchema;
use serde::Serialize;

use crate::name::{Hash, Word};
use crate::render::{Render, counterparts};

counterparts! {
    /// Reasoning produced a draft.
    DraftSubmitted {
        job: Word<Job>,
        fence: u64,
        agent: Word<AgentId>,
        draft: Hash,
        cites: Vec<Word<FactId>>,
        length: u64,
    }
    /// A late result was kept and not used.
    ResultRefused {
        job: Option<Word<Job>>,
        fence: u64,
        agent: Word<AgentId>,
        draft: Hash,
        cites: Vec<Word<FactId>>,
        length: u64,
        why: Word<Late>,
    }
    /// A unit's summary passed the check of its references.
    SummaryChecked {
        unit: Word<UnitId>,
        summary: Hash,
        bullets: u32,
        dropped: u32,
    }
    /// A gist asks to be admitted.
    GistProposed {
        task: Word<Subject>,
        fence: Option<u64>,
        gist: Hash,
        kind: Word<GistKind>,
        evidence: Vec<Evidence>,
    }
    /// A stretch of a source's text, in bytes.
    Evidence {
        unit: Word<UnitId>,
        start: u64,
        end: u64,
    }
    /// Somebody judged a gist.
    VerdictGiven {
        task: Word<Subject>,
        /// Seq of the proposing entry.
        proposal: u64,
        /// The reviewer's claim.
        fence: Option<u64>,
        gist: Hash,
        outcome: Word<Ruling>,
        verifier: Option<Word<AgentId>>,
        method: Word<Method>,
        checks: Vec<CheckRun>,
        reason: Hash,
    }
    /// A gist became a fact.
    GistAdmitted {
        label: Word<FactId>,
        task: Word<Subject>,
        /// Seq of the proposing entry.
        proposal: u64,
        gist: Hash,
        author: Option<Word<AgentId>>,
        grade: Word<Grade>,
        /// Its place in the context, from zero.
        note: u64,
    }
    /// A fact was withdrawn.
    GistWithdrawn {
        label: Word<FactId>,
        reason: Hash,
        tainted: Vec<Word<FactId>>,
        /// The withdrawal's own place in the context.
        note: u64,
    }
    /// A blob's bytes went; its hash stays.
    BlobRedacted {
        blob: Hash,
        reason: Hash,
    }
    /// The answer.
    AnswerGiven {
        fence: u64,
        answer: Hash,
        answer_kind: Word<AnswerKind>,
        cites: Vec<Word<FactId>>,
    }
}

/// A check that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct CheckRun {
    check: Word<Check>,
    passed: bool,
}

impl Render<(Check, bool)> for CheckRun {
    fn render((check, passed): &(Check, bool)) -> Self {
        Self { check: Word(*check), passed: *passed }
    }
}
