//! Which bytes may be taken away, and taking them: the event is durable first.
//!
//! Refuses, while a run goes on, everything that a prompt may still show or a decision still read.

use std::collections::BTreeSet;

use delm_core::entry::Sealed;
use delm_core::event::{Event, Ruling};
use delm_core::ids::Digest;
use delm_core::run::{Phase, Run};
use delm_log::{Append, Log};

use crate::broken::Broken;
use crate::disk::Disk;

/// Blobs that may go, in order: late results and the reasons of approvals, and any blob once the run has ended.
pub(super) fn may_go(run: &Run, disk: &Disk, id: Digest) -> Vec<Digest> {
    if let Phase::Ended(_) = run.phase() {
        let all = disk.log().blobs(&id, None, usize::MAX).unwrap_or_default();
        return all.into_iter().map(|blob| blob.hash).collect();
    }
    let (mut go, mut stay) = (BTreeSet::new(), BTreeSet::new());
    for sealed in disk.log().entries(&id, 0, usize::MAX).unwrap_or_default() {
        for event in &sealed.entry.events {
            if let Event::ResultRefused(late) = event {
                go.insert(late.draft);
            }
        }
    }
    for proposal in run.proposals().values() {
        stay.extend(proposal.draft.into_iter().chain(proposal.summary).chain([proposal.gist]));
        match &proposal.verdict {
            Some(verdict) if verdict.outcome == Ruling::Approve => go.insert(verdict.reason),
            Some(verdict) => stay.insert(verdict.reason),
            None => false,
        };
    }
    go.difference(&stay).copied().collect()
}

/// What an entry says is redacted.
pub(super) fn redacted_in(sealed: &Sealed) -> impl Iterator<Item = Digest> + '_ {
    sealed
        .entry
        .events
        .iter()
        .filter_map(|event| if let Event::BlobRedacted(gone) = event { Some(gone.blob) } else { None })
}

/// What the entries of a batch say is redacted.
pub(super) fn redacted_by(batch: &[Append]) -> Vec<Digest> {
    batch.iter().flat_map(|append| redacted_in(&append.entry)).collect()
}

/// Takes bytes away; gives of how many blobs.
pub(super) fn erase(disk: &mut Disk, gone: &[Digest]) -> Result<usize, Broken> {
    let mut erased = 0;
    for hash in gone {
        let done = disk.erase(hash).map_err(|error| Broken::new("I-14", error.to_string()))?;
        erased += usize::from(done);
    }
    Ok(erased)
}
