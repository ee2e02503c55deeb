//! Events of verification: drafts, proposals, verdicts, admissions, withdrawals, redactions.
//!
//! Refuses texts: each is a blob, named here.

use alloc::vec::Vec;

use bincode::{Decode, Encode};

use super::words::{Check, GistKind, Grade, Late, Method, Ruling};
use crate::ids::{AgentId, Digest, FactId, Fence, Job, Seq, Subject, UnitId};

/// Reasoning produced a draft: one canonical JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DraftSubmitted {
    /// The job.
    pub job: Job,
    /// The claim.
    pub fence: Fence,
    /// Who submitted it.
    pub agent: AgentId,
    /// Blob: the typed reply.
    pub draft: Digest,
    /// Facts it builds on.
    pub cites: Vec<FactId>,
    /// Notes of the context its author had read.
    pub length: u64,
}

/// A late result was kept and not used.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ResultRefused {
    /// The job it was meant for, if the claim is known.
    pub job: Option<Job>,
    /// The claim it quoted.
    pub fence: Fence,
    /// Who submitted it.
    pub agent: AgentId,
    /// Blob: the typed reply, or the raw one of a model.
    pub draft: Digest,
    /// Facts it builds on.
    pub cites: Vec<FactId>,
    /// Notes of the context its author had read, if known.
    pub length: u64,
    /// Why it was not used.
    pub why: Late,
}

/// A unit's summary passed the check of its references.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SummaryChecked {
    /// The unit.
    pub unit: UnitId,
    /// Blob: the bullets kept, a line each.
    pub summary: Digest,
    /// Bullets kept.
    pub bullets: u32,
    /// Bullets dropped, their reference not being in the unit.
    pub dropped: u32,
}

/// A stretch of a source's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Evidence {
    /// The unit it lies in.
    pub unit: UnitId,
    /// Byte offset of its start in the source's text.
    pub start: u64,
    /// Byte offset just past its end.
    pub end: u64,
}

/// A gist asks to be admitted. The proposal is named by the seq of this entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GistProposed {
    /// What it is about.
    pub task: Subject,
    /// The author's claim; none if the law itself proposes it.
    pub fence: Option<Fence>,
    /// Blob: the statement agents read.
    pub gist: Digest,
    /// What it says.
    pub kind: GistKind,
    /// Where it stands in the sources.
    pub evidence: Vec<Evidence>,
}

/// Somebody judged a gist.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VerdictGiven {
    /// What the gist is about.
    pub task: Subject,
    /// Seq of the proposing entry.
    pub proposal: Seq,
    /// The reviewer's claim; none for methods `log`, `ablated`, and mechanical rejections.
    pub fence: Option<Fence>,
    /// Blob: exactly the gist that was judged.
    pub gist: Digest,
    /// What the verdict says.
    pub outcome: Ruling,
    /// Who judged.
    pub verifier: Option<AgentId>,
    /// How.
    pub method: Method,
    /// Which checks ran; whether each passed.
    pub checks: Vec<(Check, bool)>,
    /// Blob: why.
    pub reason: Digest,
}

/// A gist became a fact.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GistAdmitted {
    /// Its label.
    pub label: FactId,
    /// What it is about.
    pub task: Subject,
    /// Seq of the proposing entry.
    pub proposal: Seq,
    /// Blob: the statement.
    pub gist: Digest,
    /// Who found it; none if the law itself wrote it.
    pub author: Option<AgentId>,
    /// What stood behind its admission.
    pub grade: Grade,
    /// Its place in the context, from zero.
    pub note: u64,
}

/// A fact was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GistWithdrawn {
    /// The fact.
    pub label: FactId,
    /// Blob: why.
    pub reason: Digest,
    /// Every fact that cites it, directly or not, ascending.
    pub tainted: Vec<FactId>,
    /// The withdrawal's own place in the context.
    pub note: u64,
}

/// A blob's bytes went.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BlobRedacted {
    /// Its hash.
    pub blob: Digest,
    /// Blob: why.
    pub reason: Digest,
}
