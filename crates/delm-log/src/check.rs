//! What every log checks before it appends: the writer's term, the head, the chain, and bytes against their hashes.
//!
//! Refuses to look inside events, save the first of a fork, which says where its chain comes from.

use delm_core::entry::{Head, entry_id};
use delm_core::ids::{Digest, Seq};

use crate::error::{AppendError, LogError};
use crate::log::{Append, Term, origin_of};

/// What a log knows of a run when an append comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The current term; zero if nobody acquired the run.
    pub(crate) term: Term,
    /// The head, with what was accepted before in the same batch.
    pub(crate) head: Option<Head>,
}

/// Checks one append; `id_of` gives the id of another run's own entry, for forks.
pub(crate) fn check(
    append: &Append,
    standing: Standing,
    id_of: impl FnOnce(&Digest, Seq) -> Result<Option<Digest>, LogError>,
) -> Result<(), AppendError> {
    let Append { run, after, term, entry: sealed, blobs } = append;
    if *term != standing.term {
        return Err(AppendError::TermLost { run: *run, given: *term, current: standing.term });
    }
    if *after != standing.head {
        return Err(AppendError::HeadMoved {
            run: *run,
            after: after.map(|head| head.seq),
            head: standing.head,
        });
    }
    let actual = entry_id(&sealed.bytes);
    if actual != sealed.id {
        return Err(AppendError::EntryMismatch { run: *run, seq: sealed.entry.seq, id: sealed.id, actual });
    }
    check_place(append, id_of)?;
    for blob in blobs {
        let actual = Digest::of_blob(&blob.bytes);
        if actual != blob.hash {
            return Err(AppendError::BlobMismatch { run: *run, hash: blob.hash, actual });
        }
    }
    Ok(())
}

/// Seq and parent of the entry must be those that follow the head, the origin, or nothing.
fn check_place(
    append: &Append,
    id_of: impl FnOnce(&Digest, Seq) -> Result<Option<Digest>, LogError>,
) -> Result<(), AppendError> {
    let sealed = &append.entry;
    let run = append.run;
    let (expected_seq, expected_parent) = match (append.after, origin_of(sealed)) {
        (Some(head), _) => (head.seq.saturating_add(1), head.id),
        (None, None) => (0, Digest::ZERO),
        (None, Some(origin)) => match id_of(&origin.owner, origin.seq)? {
            Some(id) if id == sealed.entry.parent => (origin.seq.saturating_add(1), id),
            _ => return Err(AppendError::NoOrigin { run, owner: origin.owner, seq: origin.seq }),
        },
    };
    if append.after.is_none() && sealed.id != run {
        return Err(AppendError::OtherRun { run, id: sealed.id });
    }
    if (sealed.entry.seq, sealed.entry.parent) != (expected_seq, expected_parent) {
        return Err(AppendError::Misplaced {
            run,
            seq: sealed.entry.seq,
            parent: sealed.entry.parent,
            expected_seq,
            expected_parent,
        });
    }
    Ok(())
}
