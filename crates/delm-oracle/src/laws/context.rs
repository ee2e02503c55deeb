//! C. Context and causality: I-17 to I-20, I-22.
//!
//! The context is a list of notes, one an admission or withdrawal; what was read of it is a length.

use std::collections::BTreeSet;

use super::{Court, list};
use crate::bytes::{
    BlobRedacted, ContextRead, DraftSubmitted, FactId, GistAdmitted, GistWithdrawn, Label, SourceAdded,
    Unfolded, UnitAdded,
};
use crate::invariant::Invariant as I;
use crate::run::{Claim, Proposal, Source, Status, Unit, Work};

impl Court {
    pub(super) fn source_added(&mut self, added: &SourceAdded) {
        let next = self.run.sources.len() as u64 + 1;
        // I-22: a source has a number of its own.
        self.require(
            u64::from(added.source.0) == next,
            I::GistBounded,
            |_| format!("S{next} to be added next"),
            |_| added.source.to_string(),
        );
        self.run.sources.insert(added.source, Source { text: added.text, units: 0 });
    }

    pub(super) fn unit_added(&mut self, added: &UnitAdded) {
        let count = self.run.sources.get_mut(&added.unit.source).map(|source| {
            source.units += 1;
            source.units
        });
        // I-22: a unit is the next slice of a source that is there; that it lies in the text, the blob tells.
        self.require(
            count == Some(added.unit.index) && added.start <= added.end,
            I::GistBounded,
            |_| "the next unit of a source of the run, ending after it starts".to_owned(),
            |_| format!("{} from {} to {}", added.unit, added.start, added.end),
        );
        self.run.units.insert(added.unit, Unit { start: added.start, end: added.end });
        // I-46: the limit of units holds.
        let most = self.run.limit(|limits| limits.units_max);
        let units = self.run.units.len() as u64;
        self.require(
            units <= most,
            I::BoundedMemory,
            |_| format!("at most {most} units"),
            |_| format!("unit {units}"),
        );
        if self.run.setup.reading {
            let subject = crate::bytes::Subject::Unit(added.unit);
            self.run.work.insert(subject, Work { status: Status::Open, needs: Vec::new() });
            self.run.open.insert(subject);
        }
    }

    pub(super) fn context_read(&mut self, read: &ContextRead) {
        let notes = self.run.notes;
        let fresh = self.frame.claimed == Some(read.fence);
        let claim = self.run.live.get_mut(&read.fence).filter(|claim| claim.length.is_none());
        let known = claim.is_some();
        if let Some(claim) = claim {
            claim.length = Some(read.length);
        }
        // I-19: once a claim, in its entry, of notes that are there.
        self.require(
            fresh && known && read.length <= notes,
            I::SnapshotsArePrefixes,
            |_| format!("the claim of this entry to read at most {notes} notes, once"),
            |_| format!("fence {} reads {}", read.fence, read.length),
        );
    }

    pub(super) fn unfolded(&mut self, unfolded: &Unfolded) {
        let (sender, fence) = (self.frame.agent, unfolded.fence);
        let claim = self.run.live.get(&fence).cloned();
        // I-4: the holder of a live claim reads on.
        self.require(
            claim.as_ref().is_some_and(|claim| sender == Some(claim.agent)),
            I::StaleNeverLands,
            |_| "reading behind a label under the sender's live claim".to_owned(),
            |_| format!("fence {fence}"),
        );
        match unfolded.label {
            Label::Unit(unit) => {
                // I-22: what is behind a label resolves.
                let there = self.run.units.contains_key(&unit);
                self.require(there, I::GistBounded, |_| "a unit of the run".to_owned(), |_| unit.to_string());
            }
            Label::Fact(fact) => {
                let length = claim.and_then(|claim| claim.length).unwrap_or_default();
                self.facts_are_before(&[fact], length, "what is read behind");
            }
        }
    }

    /// I-19 and I-20 of a draft.
    pub(super) fn draft_context(&mut self, draft: &DraftSubmitted, claim: &Claim) {
        // I-19: the draft read what its claim recorded.
        self.require(
            claim.length == Some(draft.length),
            I::SnapshotsArePrefixes,
            |_| format!("a draft that read {:?} notes, as its claim did", claim.length.unwrap_or_default()),
            |_| draft.length.to_string(),
        );
        self.facts_are_before(&draft.cites, claim.length.unwrap_or(draft.length), "what a draft cites");
    }

    /// I-20: each of `facts` has a note among the first `length`.
    pub(super) fn facts_are_before(&mut self, facts: &[FactId], length: u64, what: &str) {
        let late =
            facts.iter().find(|label| self.run.fact(**label).is_none_or(|fact| fact.note >= length)).copied();
        if let Some(label) = late {
            let found = match self.run.fact(label) {
                Some(fact) => format!("{label}, which is note {}", fact.note),
                None => format!("{label}, which is no fact"),
            };
            self.broken(I::Causality, format!("{what} to be among the first {length} notes"), found);
        }
    }

    /// I-17: labels and notes have no gap.
    pub(super) fn fact_is_next(&mut self, admitted: &GistAdmitted) {
        let (next, notes) = (self.run.facts.len() as u64 + 1, self.run.notes);
        self.require(
            u64::from(admitted.label.0) == next && admitted.note == notes,
            I::AppendOnly,
            |_| format!("F{next} as note {notes}"),
            |_| format!("{} as note {}", admitted.label, admitted.note),
        );
        self.run.notes += 1;
    }

    /// Remembers what the newest fact cites.
    pub(super) fn cite(&mut self, proposal: &Proposal) {
        let Ok(newest) = u32::try_from(self.run.facts.len()) else { return };
        let mut tainted = false;
        for cited in &proposal.cites {
            if let Some(fact) = self.run.fact_mut(*cited) {
                tainted |= fact.withdrawn || fact.tainted;
                if cited.0 < newest && fact.citers.last() != Some(&FactId(newest)) {
                    fact.citers.push(FactId(newest));
                }
            }
        }
        if let Some(fact) = self.run.facts.last_mut() {
            fact.tainted = tainted;
        }
    }

    pub(super) fn gist_withdrawn(&mut self, withdrawn: &GistWithdrawn) {
        self.frame.withdrew = true;
        self.frame.tainted.extend(withdrawn.tainted.iter().copied());
        if !self.frame.reopened.is_empty() {
            self.frame.replaced.insert(withdrawn.label);
        }
        let notes = self.run.notes;
        // I-17: a withdrawal is a note.
        self.require(
            withdrawn.note == notes,
            I::AppendOnly,
            |_| format!("a withdrawal as note {notes}"),
            |_| withdrawn.note.to_string(),
        );
        self.run.notes += 1;
        let standing = self.run.fact(withdrawn.label).is_some_and(|fact| !fact.withdrawn);
        // I-18: once a fact.
        self.require(
            standing,
            I::WithdrawalIsAnEvent,
            |_| "a fact that stands to be withdrawn".to_owned(),
            |_| format!("{}, which does not", withdrawn.label),
        );
        let reached = self.reached_from(withdrawn.label);
        let stands =
            |label: &FactId| self.run.fact(*label).is_some_and(|fact| !fact.withdrawn && !fact.tainted);
        let fresh: BTreeSet<FactId> = reached.iter().copied().filter(stands).collect();
        let said: BTreeSet<FactId> = withdrawn.tainted.iter().copied().collect();
        // I-18: exactly what builds on it; what was tainted before may be said again.
        self.require(
            said.len() == withdrawn.tainted.len() && fresh.is_subset(&said) && said.is_subset(&reached),
            I::WithdrawalIsAnEvent,
            |_| format!("{} to be tainted by the end of {}", list(&fresh), withdrawn.label),
            |_| list(&withdrawn.tainted),
        );
        for label in said {
            if let Some(fact) = self.run.fact_mut(label) {
                fact.tainted = true;
            }
        }
        if let Some(fact) = self.run.fact_mut(withdrawn.label) {
            fact.withdrawn = true;
        }
    }

    /// All facts that cite `label`, or cite what cites it, and so on.
    fn reached_from(&self, label: FactId) -> BTreeSet<FactId> {
        let mut reached = BTreeSet::new();
        let mut next = vec![label];
        while let Some(label) = next.pop() {
            for citer in self.run.fact(label).map(|fact| fact.citers.as_slice()).unwrap_or_default() {
                if reached.insert(*citer) {
                    next.push(*citer);
                }
            }
        }
        reached
    }

    pub(super) fn blob_redacted(&mut self, redacted: &BlobRedacted) {
        self.run.redacted.insert(redacted.blob);
    }
}
