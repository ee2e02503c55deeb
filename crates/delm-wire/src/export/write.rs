//! Writes an export, line by line: entries as they come, then every blob they named, then the end.
//!
//! Refuses a run that does not hang together: an entry out of its place, a blob that is neither there nor redacted.

use std::collections::BTreeSet;
use std::sync::Arc;

use delm_core::blobs::named_by;
use delm_core::entry::{Head, Sealed};
use delm_core::event::Event;
use delm_core::ids::{Digest, Seq};
use delm_core::tree::Tree;

use super::line::{BlobLine, End, EntryLine, Header, spell};
use crate::data::redacted_by;

/// A blob as a log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// How many bytes there are, or were.
    pub len: u64,
    /// The bytes; none if they are gone.
    pub bytes: Option<Arc<[u8]>>,
}

/// Why a run cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The entry given as the run's first own one begins no run.
    #[error("entry {seq} begins no run: its first event is neither run_started nor run_forked")]
    NoBeginning {
        /// Its place.
        seq: Seq,
    },
    /// An entry is missing, or came twice.
    #[error("entry {found} was given where entry {expected} belongs")]
    OutOfPlace {
        /// The place it was given in.
        expected: u64,
        /// Its own place.
        found: Seq,
    },
    /// The entry does not continue the one before.
    #[error("entry {seq} does not continue the entry before it")]
    Unchained {
        /// Its place.
        seq: Seq,
    },
    /// The run's first own entry was not among the entries.
    #[error("run {run} has no entry of that id among those exported")]
    NotItsOwn {
        /// The run.
        run: Digest,
    },
    /// A blob has no bytes and no event that redacted it.
    #[error("blob {hash} is named by the run, but its bytes are not there")]
    BlobMissing {
        /// The blob.
        hash: Digest,
    },
    /// The log gave other bytes than those asked for.
    #[error("blob {hash} is damaged: its bytes have the hash {computed}")]
    BlobDamaged {
        /// The blob.
        hash: Digest,
        /// The hash of the bytes given.
        computed: Digest,
    },
    /// A value could not be written.
    #[error("a line could not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Why an export stopped: the run itself, or the place it comes from or goes to.
#[derive(Debug, thiserror::Error)]
pub enum WriteError<E> {
    /// The run cannot be exported.
    #[error(transparent)]
    Run(#[from] ExportError),
    /// Reading the log or writing the lines failed.
    #[error("{0}")]
    Outside(E),
}

/// Writes a whole export: `entries` from 0 to the head, `blob` answers for any hash they name, `out` takes the lines.
///
/// # Errors
/// [`WriteError::Run`] when the run does not hang together; [`WriteError::Outside`] with the caller's own error.
pub fn write<E>(
    first_own: &Sealed,
    entries: impl IntoIterator<Item = Result<Sealed, E>>,
    mut blob: impl FnMut(&Digest) -> Result<Option<Stored>, E>,
    mut out: impl FnMut(&str) -> Result<(), E>,
) -> Result<Head, WriteError<E>> {
    let (mut writer, header) = Writer::begin(first_own)?;
    out(&header).map_err(WriteError::Outside)?;
    for sealed in entries {
        let line = writer.entry(&sealed.map_err(WriteError::Outside)?)?;
        out(&line).map_err(WriteError::Outside)?;
    }
    for hash in writer.blobs() {
        let stored = blob(hash).map_err(WriteError::Outside)?;
        out(&writer.blob(hash, stored.as_ref())?).map_err(WriteError::Outside)?;
    }
    let (head, end) = writer.end()?;
    out(&end).map_err(WriteError::Outside)?;
    Ok(head)
}

/// An export being written. It holds the hashes of blobs seen so far, and nothing of the entries.
#[derive(Clone, Debug)]
pub struct Writer {
    run: Digest,
    own: bool,
    head: Option<Head>,
    tree: Tree,
    named: BTreeSet<Digest>,
    redacted: BTreeSet<Digest>,
    /// Blobs of the prefix of a fork: its origin may have redacted them since.
    shared: BTreeSet<Digest>,
}

impl Writer {
    /// Begins the export of the run whose first own entry this is, and gives the first line.
    ///
    /// # Errors
    /// [`ExportError::NoBeginning`] if that entry begins no run.
    pub fn begin(first_own: &Sealed) -> Result<(Self, String), ExportError> {
        let header = Header::of(first_own).ok_or(ExportError::NoBeginning { seq: first_own.entry.seq })?;
        let writer = Self {
            run: first_own.id,
            own: false,
            head: None,
            tree: Tree::default(),
            named: BTreeSet::new(),
            redacted: BTreeSet::new(),
            shared: BTreeSet::new(),
        };
        Ok((writer, spell(&header)?))
    }

    /// The line of the next entry.
    ///
    /// # Errors
    /// [`ExportError::OutOfPlace`] or [`ExportError::Unchained`] if it is not the next one.
    pub fn entry(&mut self, sealed: &Sealed) -> Result<String, ExportError> {
        let (expected, found) = (self.tree.size(), sealed.entry.seq);
        if found != expected {
            return Err(ExportError::OutOfPlace { expected, found });
        }
        if sealed.entry.parent != self.head.map_or(Digest::ZERO, |head| head.id) {
            return Err(ExportError::Unchained { seq: found });
        }
        let line = spell(&EntryLine::of(sealed))?;
        if let Some(Event::RunForked(_)) = sealed.entry.events.first() {
            self.shared = self.named.clone();
        }
        self.named.extend(named_by(&sealed.entry));
        self.redacted.extend(redacted_by(&sealed.entry));
        self.own |= sealed.id == self.run;
        self.head = Some(sealed.head());
        self.tree.push(&sealed.id);
        Ok(line)
    }

    /// Every blob named so far, ascending: these lines follow the entries, in this order.
    pub fn blobs(&self) -> impl Iterator<Item = &Digest> {
        self.named.iter()
    }

    /// The line of a blob; bytes that an event redacted are left out even if the log still has them.
    ///
    /// # Errors
    /// [`ExportError::BlobMissing`] if the log has no bytes and no event says that they were redacted;
    /// [`ExportError::BlobDamaged`] if it has others.
    pub fn blob(&self, hash: &Digest, stored: Option<&Stored>) -> Result<String, ExportError> {
        let missing = || ExportError::BlobMissing { hash: *hash };
        let stored = stored.ok_or_else(missing)?;
        let elsewhere = stored.bytes.is_none() && self.shared.contains(hash);
        let gone = self.redacted.contains(hash) && !cfg!(sabotage = "redacted_exported");
        let line = if gone || elsewhere {
            BlobLine::redacted(*hash, stored.len)
        } else {
            let bytes = stored.bytes.as_ref().ok_or_else(missing)?;
            let computed = Digest::of_blob(bytes);
            if computed != *hash {
                return Err(ExportError::BlobDamaged { hash: *hash, computed });
            }
            BlobLine::present(*hash, bytes)
        };
        Ok(spell(&line)?)
    }

    /// The head, and the last line.
    ///
    /// # Errors
    /// [`ExportError::NotItsOwn`] if the run's first own entry was not written.
    pub fn end(self) -> Result<(Head, String), ExportError> {
        let head = self.head.filter(|_| self.own).ok_or(ExportError::NotItsOwn { run: self.run })?;
        Ok((head, spell(&End::of(head, &self.tree))?))
    }
}
