//! Why an export is refused, in words, with the line it is about.
//!
//! Refuses "invalid file": every fault names the thing, what was found, and what belongs there.

use delm_core::entry::EntryError;
use delm_core::event::EventError;
use delm_core::ids::{Digest, Seq};

use super::differ::Difference;
use super::line::SCHEMA;

/// Why an export is refused, and at which line, from one.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct ReadError {
    /// The first line that is wrong; one past the last if lines are missing at the end.
    pub line: u64,
    /// What is wrong with it.
    pub fault: ReadFault,
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum ReadFault {
    /// The file ends early.
    #[error("the export ends here, after {entries} entries and before its last line: it was cut")]
    Truncated {
        /// Entries read.
        entries: u64,
    },
    /// The line has no newline at its end.
    #[error("the line has no newline at its end: it was cut")]
    Unterminated,
    /// Something follows the last line.
    #[error("a line follows the last line of the export")]
    AfterEnd,
    /// Not UTF-8.
    #[error("the line is not UTF-8 text")]
    NotText,
    /// Not JSON, or not of the expected shape.
    #[error("the line is not a line of an export: {0}")]
    NotALine(String),
    /// Not an export at all.
    #[error("the first line does not say that this is an export of delm ({found:?})")]
    NotAnExport {
        /// The `schema` found.
        found: String,
    },
    /// Written by a newer delm.
    #[error(
        "the export has the format {found:?}, which only a newer delm can read (this one reads {SCHEMA})"
    )]
    Newer {
        /// The `schema` found.
        found: String,
    },
    /// A value of the line is not what the bytes or the lines before say.
    #[error(transparent)]
    Differs(#[from] Difference),
    /// The header speaks of another run than the entries.
    #[error("the header does not name the run of the entries: {0}")]
    Header(Difference),
    /// The bytes are not the base64 of anything.
    #[error("{field} is not base64: {why}")]
    Base64 {
        /// The field.
        field: &'static str,
        /// What the decoder said.
        why: String,
    },
    /// The bytes are not those of the id.
    #[error("the entry was altered: it says its id is {said}, but its bytes have the id {computed}")]
    Altered {
        /// The id in the line.
        said: String,
        /// The id of the bytes.
        computed: Digest,
    },
    /// The bytes are not an entry this binary knows.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// An entry is missing, twice there, or in another's place.
    #[error("entry {found} stands where entry {expected} belongs")]
    Order {
        /// The place.
        expected: u64,
        /// The entry found there.
        found: Seq,
    },
    /// An entry of another history.
    #[error("entry {seq} continues {parent}, which is not the entry before it")]
    Parent {
        /// Its place.
        seq: Seq,
        /// The parent it names.
        parent: Digest,
    },
    /// The first entry begins no run, or a later one begins a second.
    #[error("entry {seq} must{} begin a run", if *seq == 0 { "" } else { " not" })]
    Beginning {
        /// Its place.
        seq: Seq,
    },
    /// A fork that names another place than the one it stands at.
    #[error("entry {seq} begins a fork of another place than entry {} of its run", seq.saturating_sub(1))]
    Fork {
        /// Its place.
        seq: Seq,
    },
    /// Entries come before blobs.
    #[error("an entry stands after the first blob")]
    EntryAfterBlob,
    /// A blob is not there.
    #[error("blob {hash} is named by an entry and is not in its place")]
    BlobMissing {
        /// The blob.
        hash: Digest,
    },
    /// A blob that no entry names, that came before, or that is out of order.
    #[error("blob {hash} is out of order, twice there, or named by no entry")]
    BlobUnexpected {
        /// The blob.
        hash: Digest,
    },
    /// The bytes are not those of the hash.
    #[error("the blob was altered: it says its hash is {said}, but its bytes have the hash {computed}")]
    BlobAltered {
        /// The hash in the line.
        said: Digest,
        /// The hash of the bytes.
        computed: Digest,
    },
    /// Bytes that an event says are gone, or gone without an event.
    #[error("blob {hash} {}", if *present { "was redacted, but its bytes are here" } else { "has no bytes, though no entry redacted it" })]
    Redaction {
        /// The blob.
        hash: Digest,
        /// Whether its bytes are here.
        present: bool,
    },
}

impl ReadFault {
    /// Whether a newer delm may be able to read the line.
    #[must_use]
    pub fn is_newer(&self) -> bool {
        use EventError::{UnknownKind, UnknownVersion};
        let entry = matches!(
            self,
            Self::Entry(
                EntryError::UnknownFormat { .. }
                    | EntryError::Event(UnknownKind { .. } | UnknownVersion { .. })
            )
        );
        entry || matches!(self, Self::Newer { .. })
    }
}
