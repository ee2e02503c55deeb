//! Claims, folded from entries: who held what, the context it read, what it read behind, the calls it made.
//!
//! Refuses to hold them all: a fold keeps the claims that it was asked for.

use std::collections::{BTreeMap, BTreeSet};

use delm_core::entry::{Blobs, Sealed};
use delm_core::event::{Event, Level};
use delm_core::ids::{AgentId, Fence, Job, Label};
use schemars::JsonSchema;
use serde::Serialize;

use super::{CallFold, CallView};
use crate::name::{Time, Word};

/// A claim, as the one that something was made under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ClaimView {
    /// Its fence: the seq of the entry that made it.
    pub fence: u64,
    /// When it was made.
    pub at: Time,
    /// Who held it.
    pub agent: Word<AgentId>,
    /// What it held.
    pub job: Word<Job>,
    /// The attempt.
    pub attempt: u32,
    /// Notes of the context it read, the last time.
    pub length: u64,
    /// What it read behind, each label and level once, in the order of the log.
    pub unfolded: Vec<UnfoldedView>,
    /// The calls made under it.
    pub calls: Vec<CallView>,
}

/// Something that was read behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct UnfoldedView {
    /// What.
    pub label: Word<Label>,
    /// How far.
    pub level: Word<Level>,
    /// Seq of the entry that says so.
    pub seq: u64,
}

/// Claims of a run, folded from the entries in which they lie.
#[derive(Clone, Debug)]
pub struct ClaimFold {
    wanted: BTreeSet<Fence>,
    claims: BTreeMap<Fence, ClaimView>,
    calls: CallFold,
}

impl ClaimFold {
    /// Keeps these claims.
    #[must_use]
    pub fn of(fences: BTreeSet<Fence>) -> Self {
        Self { calls: CallFold::of_claims(fences.clone()), wanted: fences, claims: BTreeMap::new() }
    }

    /// Sees an entry. Entries come in their order, but need not be all: what a claim did lies between the entry that
    /// made it and the one that ended it. `blobs` answers for the words of errors.
    pub fn entry(&mut self, sealed: &Sealed, blobs: &dyn Blobs) {
        self.calls.entry(sealed, blobs);
        for event in &sealed.entry.events {
            if let Event::Claimed(claimed) = event
                && self.wanted.contains(&claimed.fence)
            {
                let view = ClaimView {
                    fence: claimed.fence,
                    at: Time(sealed.entry.at),
                    agent: Word(claimed.agent),
                    job: Word(claimed.job),
                    attempt: claimed.attempt,
                    length: 0,
                    unfolded: Vec::new(),
                    calls: Vec::new(),
                };
                self.claims.insert(claimed.fence, view);
            } else if let Event::ContextRead(read) = event
                && let Some(claim) = self.claims.get_mut(&read.fence)
            {
                claim.length = read.length;
            } else if let Event::Unfolded(read) = event
                && let Some(claim) = self.claims.get_mut(&read.fence)
            {
                let (label, level) = (Word(read.label), Word(read.level));
                if !claim.unfolded.iter().any(|before| before.label == label && before.level == level) {
                    claim.unfolded.push(UnfoldedView { label, level, seq: sealed.entry.seq });
                }
            }
        }
    }

    /// A claim with its calls, if it was seen.
    #[must_use]
    pub fn claim(&self, fence: Option<Fence>) -> Option<ClaimView> {
        let claim = self.claims.get(&fence?)?;
        let calls = self.calls.calls().filter(|call| call.fence == claim.fence).cloned().collect();
        Some(ClaimView { calls, ..claim.clone() })
    }

    /// The calls of all of them.
    #[must_use]
    pub fn calls(&self) -> &CallFold {
        &self.calls
    }
}
