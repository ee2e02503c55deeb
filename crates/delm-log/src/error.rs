//! What can go wrong, one enum an operation, each with the place and what to do.
//!
//! Refuses vagueness: damage names segment and offset, a refusal names what was expected and what was given.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use delm_core::entry::Head;
use delm_core::ids::{Digest, Seq};

use crate::log::Term;

/// A place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Number of the segment file, from one.
    pub segment: u32,
    /// Offset in that file, in bytes.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {} offset {}", self.segment, self.offset)
    }
}

/// Damage: bytes that this log never wrote so. Nothing was changed; restore a backup, or export what still reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} is damaged{}: {what}", path.display(), place.map(|place| format!(" at {place}")).unwrap_or_default())]
pub struct Corruption {
    /// The file.
    pub path: PathBuf,
    /// Where in the journal, if it is there.
    pub place: Option<Place>,
    /// What is wrong.
    pub what: String,
}

/// Why the log cannot be read or written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `sync`, …
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What it said.
        source: Arc<io::Error>,
    },
    /// Something is damaged.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// The index failed and could not be rebuilt; the journal is whole.
    #[error("the index in {} fails ({why}) and could not be rebuilt; the journal is whole: make space, then open the store again", path.display())]
    Index {
        /// Its directory.
        path: PathBuf,
        /// What it said.
        why: String,
    },
    /// An earlier write or sync failed, and nothing may follow it.
    #[error("the log accepts nothing more since an earlier failure: {cause}")]
    Poisoned {
        /// The first failure.
        cause: Arc<LogError>,
    },
}

/// Why an entry was not appended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// Somebody acquired the run since: the caller is no longer its writer and must stop.
    #[error("term {} of run {run} is over: the current one is {}", given.0, current.0)]
    TermLost {
        /// The run.
        run: Digest,
        /// The caller's.
        given: Term,
        /// The current one; zero if nobody ever acquired the run.
        current: Term,
    },
    /// The run's head is not the one this entry was decided on.
    #[error("the head of run {run} is {}, and the entry was decided on {}", head.map_or("none".into(), |head| head.seq.to_string()), after.map_or("none".into(), |seq| seq.to_string()))]
    HeadMoved {
        /// The run.
        run: Digest,
        /// Seq of the head it was decided on.
        after: Option<Seq>,
        /// The head there is.
        head: Option<Head>,
    },
    /// The entry's own seq or parent does not follow the head.
    #[error(
        "entry {seq} of run {run} does not follow: expected seq {expected_seq} and parent {expected_parent}, found parent {parent}"
    )]
    Misplaced {
        /// The run.
        run: Digest,
        /// The entry's seq.
        seq: Seq,
        /// The entry's parent.
        parent: Digest,
        /// The seq that would follow.
        expected_seq: Seq,
        /// The parent that would follow.
        expected_parent: Digest,
    },
    /// The first entry of a run names the run: its id is the run's.
    #[error("the first entry has id {id}, and so begins that run, not {run}")]
    OtherRun {
        /// The run given.
        run: Digest,
        /// The entry's id.
        id: Digest,
    },
    /// A fork's first entry names an entry that is not here.
    #[error("run {run} leaves run {owner} at entry {seq}, which this log does not hold with that id")]
    NoOrigin {
        /// The run.
        run: Digest,
        /// The run it leaves.
        owner: Digest,
        /// The entry it leaves from.
        seq: Seq,
    },
    /// The id is not the hash of the bytes.
    #[error("entry {seq} of run {run} is sealed as {id}, but its bytes have id {actual}")]
    EntryMismatch {
        /// The run.
        run: Digest,
        /// The entry's seq.
        seq: Seq,
        /// The id given.
        id: Digest,
        /// The id of the bytes.
        actual: Digest,
    },
    /// The hash is not that of the bytes.
    #[error("a blob of run {run} is named {hash}, but its bytes have hash {actual}")]
    BlobMismatch {
        /// The run.
        run: Digest,
        /// The name given.
        hash: Digest,
        /// The hash of the bytes.
        actual: Digest,
    },
    /// The log failed; whether the batch is durable is unknown until it is opened again.
    #[error(transparent)]
    Failed(#[from] LogError),
}

/// Why a blob was not redacted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum RedactError {
    /// No such run.
    #[error("there is no run {run} here")]
    NoRun {
        /// The run.
        run: Digest,
    },
    /// The run never wrote a blob of this hash; a fork's prefix is redacted in its owner.
    #[error("run {run} has no blob {hash} of its own")]
    NoBlob {
        /// The run.
        run: Digest,
        /// The hash.
        hash: Digest,
    },
    /// The log failed.
    #[error(transparent)]
    Failed(#[from] LogError),
}

/// Why a run was not taken out.
#[derive(Clone, Debug, thiserror::Error)]
pub enum HideError {
    /// No such run.
    #[error("there is no run {run} here")]
    NoRun {
        /// The run.
        run: Digest,
    },
    /// A fork reads its entries.
    #[error("run {run} cannot go: run {fork} was forked from it and uses its entries; remove that first")]
    Forked {
        /// The run.
        run: Digest,
        /// The fork, the first of them.
        fork: Digest,
    },
    /// The log failed.
    #[error(transparent)]
    Failed(#[from] LogError),
}
