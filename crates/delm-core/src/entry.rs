//! The entry: all events of one accepted command, sealed into the chain.
//!
//! Refuses bytes that are not canonical; never changes what is sealed. Layout: `schemas/entry-v1.md`.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bincode::{Decode, Encode};

use crate::codec::{self, CodecError};
use crate::event::{Event, EventError, RawEvent};
use crate::ids::{AgentId, Digest, Millis, Seq};

/// The entry layout this crate writes.
pub const ENTRY_FORMAT: u8 = 1;

/// The rules this crate decides under.
pub const RULES: u32 = 1;

/// The newest entry of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its place.
    pub seq: Seq,
    /// Its id.
    pub id: Digest,
}

/// All events of one accepted command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Id of the entry before; zero for the first.
    pub parent: Digest,
    /// Its place in the run, from zero.
    pub seq: Seq,
    /// When, by the shell's clock; never earlier than the entry before.
    pub at: Millis,
    /// Who commanded; none for the engine itself.
    pub agent: Option<AgentId>,
    /// The command's number among those of its sender.
    pub command: u64,
    /// The rules it was decided under.
    pub rules: u32,
    /// What happened; never empty.
    pub events: Vec<Event>,
}

#[derive(Encode, Decode)]
struct RawEntry {
    format: u8,
    parent: Digest,
    seq: Seq,
    at: Millis,
    agent: Option<AgentId>,
    command: u64,
    rules: u32,
    events: Vec<RawEvent>,
}

/// An entry with its bytes and their id. The bytes are what is stored, hashed and exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// BLAKE3 `derive_key("delm entry v1")` of `bytes`.
    pub id: Digest,
    /// The stored bytes.
    pub bytes: Arc<[u8]>,
    /// What they say.
    pub entry: Entry,
}

impl Sealed {
    /// The entry as a run's head.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { seq: self.entry.seq, id: self.id }
    }

    /// Reads an entry from its bytes.
    ///
    /// # Errors
    /// [`EntryError`] if the bytes are not the one encoding of an entry this binary knows.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        let raw: RawEntry = codec::decode(bytes, "entry")?;
        if raw.format != ENTRY_FORMAT {
            return Err(EntryError::UnknownFormat { format: raw.format });
        }
        if raw.events.is_empty() {
            return Err(EntryError::Empty { seq: raw.seq });
        }
        let events = raw.events.iter().map(Event::from_raw).collect::<Result<_, _>>()?;
        let entry = Entry {
            parent: raw.parent,
            seq: raw.seq,
            at: raw.at,
            agent: raw.agent,
            command: raw.command,
            rules: raw.rules,
            events,
        };
        Ok(Self { id: entry_id(bytes), bytes: bytes.into(), entry })
    }
}

/// The id of an entry with these bytes.
#[must_use]
pub fn entry_id(bytes: &[u8]) -> Digest {
    Digest(blake3::derive_key("delm entry v1", bytes))
}

impl Entry {
    /// Fixes the entry's bytes and id.
    #[must_use]
    pub fn seal(self) -> Sealed {
        let raw = RawEntry {
            format: ENTRY_FORMAT,
            parent: self.parent,
            seq: self.seq,
            at: self.at,
            agent: self.agent,
            command: self.command,
            rules: self.rules,
            events: self.events.iter().map(Event::to_raw).collect(),
        };
        let bytes = codec::encode(&raw);
        Sealed { id: entry_id(&bytes), bytes: bytes.into(), entry: self }
    }
}

/// Why bytes are not an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not the encoding of an entry.
    #[error(transparent)]
    Bytes(#[from] CodecError),
    /// One of its events is unknown or malformed.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Written by a newer delm, or damaged.
    #[error("unknown entry format {format}; a newer delm may know it")]
    UnknownFormat {
        /// The format found.
        format: u8,
    },
    /// An entry without events.
    #[error("entry {seq} holds no event")]
    Empty {
        /// Its place.
        seq: Seq,
    },
}

/// Bytes under their hash. Drafts, gists, texts, raw replies: everything that can be redacted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// BLAKE3 of `bytes`.
    pub hash: Digest,
    /// The bytes.
    pub bytes: Arc<[u8]>,
}

impl Blob {
    /// Names bytes by their hash.
    #[must_use]
    pub fn new(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { hash: Digest::of_blob(&bytes), bytes }
    }
}

/// Where bytes are found by hash.
pub trait Blobs {
    /// The bytes, or none if they are unknown here or redacted.
    fn blob(&self, hash: &Digest) -> Option<Arc<[u8]>>;
}

impl Blobs for alloc::collections::BTreeMap<Digest, Arc<[u8]>> {
    fn blob(&self, hash: &Digest) -> Option<Arc<[u8]>> {
        self.get(hash).cloned()
    }
}
