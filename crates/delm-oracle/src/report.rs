//! What an audit found: broken laws, and why a stream is not intact. The two are different things.
//!
//! Refuses to repeat itself: the first finding of a law is kept, further ones are counted.

use crate::bytes::{Bad, BadBytes, Hash};
use crate::invariant::Invariant;
use crate::json::hex;

/// A law that is broken, where it is first.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{invariant} ({}) is broken at entry {seq}: expected {expected}; found {found}", invariant.name())]
pub struct Finding {
    /// The law.
    pub invariant: Invariant,
    /// The entry that breaks it.
    pub seq: u64,
    /// What belongs there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// How often the same law is broken later on; what follows from the first breach is among it.
    pub more: u64,
}

/// Why a stream is not an intact export, and at which line, from one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Fault {
    /// The first line that is wrong; one past the last if lines are missing.
    pub line: u64,
    /// What is wrong with it.
    pub what: Damage,
}

/// What is wrong with a stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// It ends before its last line.
    #[error("the stream ends before its last line: it was cut")]
    Truncated,
    /// A line without its newline.
    #[error("the line has no newline at its end: it was cut")]
    Unterminated,
    /// Something follows the last line.
    #[error("a line follows the last line of the export")]
    AfterEnd,
    /// Longer than a line can be.
    #[error("the line is longer than {0} bytes, which no line of an export is")]
    LongLine(u64),
    /// Not a line of JSON.
    #[error("the line is not JSON: {0}")]
    NotJson(String),
    /// JSON, but not what belongs there.
    #[error("expected {expected}; found {found}")]
    Unexpected {
        /// What belongs there.
        expected: &'static str,
        /// The beginning of the line.
        found: String,
    },
    /// Not an export, or one of another format.
    #[error("the first line says that this is {0:?}, not \"delm.export/1\"")]
    Schema(String),
    /// Base64 that is none, or is spelled in another way.
    #[error("the base64 of the line: {0}")]
    Base64(String),
    /// The bytes are no entry.
    #[error(transparent)]
    Bytes(#[from] Bad),
    /// The bytes have another id than the line says.
    #[error("the entry was altered: the line says its id is {said}, but its bytes have the id {computed}")]
    Altered {
        /// What the line says.
        said: String,
        /// What its bytes give.
        computed: String,
    },
    /// The line says something else than its bytes do.
    #[error(
        "the line is not the rendering of its bytes: from byte {at} on, expected {expected:?}; found {found:?}"
    )]
    Rendering {
        /// The first byte of the line that differs.
        at: usize,
        /// What belongs there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// An entry missing, doubled or moved.
    #[error("entry {found} stands where entry {expected} belongs")]
    Order {
        /// The place.
        expected: u64,
        /// The entry found there.
        found: u64,
    },
    /// An entry of another history.
    #[error("entry {seq} continues {found}, and the entry before it is {expected}")]
    Parent {
        /// Its place.
        seq: u64,
        /// The id of the entry before.
        expected: String,
        /// The parent it names.
        found: String,
    },
    /// A first entry that begins no run, or a later one that begins one.
    #[error("entry {seq} must{} begin with run_started", if *seq == 0 { "" } else { " not" })]
    Beginning {
        /// Its place.
        seq: u64,
    },
    /// A law this auditor does not know.
    #[error("entry {seq} was decided under rules {rules}; this auditor knows rules 1")]
    Rules {
        /// Its place.
        seq: u64,
        /// The number.
        rules: u32,
    },
    /// A value of the header that the entries do not bear out.
    #[error("the header's {field} is {found}; the entries say {expected}")]
    Header {
        /// The field.
        field: &'static str,
        /// What the entries say.
        expected: String,
        /// What the header says.
        found: String,
    },
    /// A named blob that is not there.
    #[error("blob {hash}, named by entry {seq}, is not in its place")]
    BlobMissing {
        /// The blob.
        hash: String,
        /// The first entry that names it.
        seq: u64,
    },
    /// A blob that nobody named, or that stands twice or in another's place.
    #[error("blob {hash} is named by no entry, twice there, or out of order")]
    BlobUnexpected {
        /// The blob.
        hash: String,
    },
    /// Bytes of another hash or length.
    #[error("blob {said} was altered: its {len} bytes have the hash {computed}")]
    BlobAltered {
        /// The hash in the line.
        said: String,
        /// The hash of the bytes.
        computed: String,
        /// How many bytes there are.
        len: u64,
    },
    /// Another length than the bytes have.
    #[error("blob {hash} has {found} bytes, and the line says {said}")]
    BlobLength {
        /// The blob.
        hash: String,
        /// What the line says.
        said: u64,
        /// How many there are.
        found: u64,
    },
    /// Bytes that an event says are gone, or gone without an event.
    #[error("blob {hash} {}", if *present { "was redacted, but its bytes are here" } else { "has no bytes, and no entry redacted it" })]
    Redaction {
        /// The blob.
        hash: String,
        /// Whether its bytes are here.
        present: bool,
    },
    /// Another head or tree than the entries give.
    #[error("the last line's {field} is {found}; the entries give {expected}")]
    Head {
        /// The field.
        field: &'static str,
        /// What the entries give.
        expected: String,
        /// What the line says.
        found: String,
    },
}

impl Fault {
    /// The law that this damage breaks too, where one speaks of it.
    #[must_use]
    pub fn invariant(&self) -> Option<Invariant> {
        match &self.what {
            Damage::BlobMissing { .. }
            | Damage::BlobAltered { .. }
            | Damage::BlobLength { .. }
            | Damage::Redaction { .. } => Some(Invariant::WriteBeforePublish),
            Damage::Rules { .. } => Some(Invariant::Upcasting),
            Damage::Bytes(Bad { what, .. }) => match what {
                BadBytes::Format(_) | BadBytes::Kind(_) | BadBytes::Version { .. } => {
                    Some(Invariant::Upcasting)
                }
                BadBytes::Short
                | BadBytes::Left(_)
                | BadBytes::Spelling
                | BadBytes::Range(_)
                | BadBytes::Bool(_)
                | BadBytes::Text
                | BadBytes::Word { .. }
                | BadBytes::NoEvents
                | BadBytes::Long(_) => Some(Invariant::Chain),
            },
            Damage::Parent { .. } | Damage::Altered { .. } | Damage::Rendering { .. } => {
                Some(Invariant::Chain)
            }
            Damage::Truncated
            | Damage::Unterminated
            | Damage::AfterEnd
            | Damage::Order { .. }
            | Damage::Header { .. }
            | Damage::BlobUnexpected { .. }
            | Damage::Head { .. }
            | Damage::Beginning { .. } => Some(Invariant::TamperEvidence),
            Damage::LongLine(_)
            | Damage::NotJson(_)
            | Damage::Unexpected { .. }
            | Damage::Schema(_)
            | Damage::Base64(_) => None,
        }
    }
}

/// What an audit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The run's id, if an entry began one.
    pub run: Option<String>,
    /// Entries judged.
    pub entries: u64,
    /// Events in them.
    pub events: u64,
    /// Blobs whose bytes were compared with their hash.
    pub blobs: u64,
    /// Blobs that were redacted.
    pub redacted: u64,
    /// The id of the newest entry judged.
    pub head: Option<String>,
    /// Broken laws, in the order in which they were first broken.
    pub findings: Vec<Finding>,
    /// Why the stream is not an intact export; laws were judged up to there, blobs count as missing.
    pub fault: Option<Fault>,
}

impl Report {
    /// Whether the stream is intact and no law is broken in it.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.fault.is_none()
    }
}

/// Findings as they are made.
#[derive(Default)]
pub(crate) struct Findings {
    found: Vec<Finding>,
}

impl Findings {
    pub(crate) fn add(&mut self, invariant: Invariant, seq: u64, expected: String, found: String) {
        match self.found.iter_mut().find(|finding| finding.invariant == invariant) {
            Some(first) => first.more += 1,
            None => self.found.push(Finding { invariant, seq, expected, found, more: 0 }),
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Finding> {
        std::mem::take(&mut self.found)
    }
}

pub(crate) fn shown(hash: &Hash) -> String {
    hex(&hash.0)
}
