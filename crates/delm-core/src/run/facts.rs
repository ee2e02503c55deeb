//! What was proposed, judged and admitted, and the context that agents read.
//!
//! Refuses to forget: a withdrawn fact stays where it is, a rejected proposal stays with its reason.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::event::{Check, Evidence, GistKind, Grade, Method, Ruling};
use crate::ids::{AgentId, Digest, FactId, Fence, Seq, Subject};

/// What names a proposal. A last attempt that is rejected at once leaves two of one entry and subject: its own, and the
/// failure that the log itself states.
pub type ProposalKey = (Seq, Subject, GistKind);

/// A gist that asked to be admitted, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Seq of the proposing entry.
    pub seq: Seq,
    /// What it is about.
    pub subject: Subject,
    /// Blob: the statement.
    pub gist: Digest,
    /// What it says.
    pub kind: GistKind,
    /// Who found it; none if the law itself wrote it.
    pub author: Option<AgentId>,
    /// The author's claim.
    pub fence: Option<Fence>,
    /// The author's attempt.
    pub attempt: u32,
    /// Blob: the typed reply it was taken from.
    pub draft: Option<Digest>,
    /// Facts it builds on.
    pub cites: Arc<[FactId]>,
    /// Notes of the context its author had read.
    pub length: u64,
    /// Where it stands in the sources.
    pub evidence: Arc<[Evidence]>,
    /// Blob: the unit's summary, for a reading.
    pub summary: Option<Digest>,
    /// What became of it.
    pub state: ProposalState,
    /// The verdict, once given.
    pub verdict: Option<Verdict>,
}

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalState {
    /// It awaits a verdict.
    Open,
    /// Approved within the entry being applied; never seen outside.
    Approved,
    /// It became this fact.
    Admitted(FactId),
    /// It was rejected.
    Rejected,
}

/// A verdict, as it is kept with its proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Seq of the entry that gave it.
    pub seq: Seq,
    /// The reviewer's claim.
    pub fence: Option<Fence>,
    /// What it says.
    pub outcome: Ruling,
    /// Who gave it.
    pub verifier: Option<AgentId>,
    /// How.
    pub method: Method,
    /// Which checks ran and passed.
    pub checks: Vec<(Check, bool)>,
    /// Blob: why.
    pub reason: Digest,
}

/// An admitted gist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its label.
    pub label: FactId,
    /// Seq of the admitting entry.
    pub seq: Seq,
    /// What it was proposed as, with its verdict.
    pub proposal: Arc<Proposal>,
    /// What stood behind its admission.
    pub grade: Grade,
    /// Its place in the context.
    pub note: u64,
    /// Blob: why it was withdrawn, if it was.
    pub withdrawn: Option<Digest>,
    /// It cites, directly or not, a withdrawn fact.
    pub tainted: bool,
}

/// One entry of the context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// A fact.
    Admitted(FactId),
    /// A fact does not hold any more; its own note stays.
    Withdrawn(FactId),
}
