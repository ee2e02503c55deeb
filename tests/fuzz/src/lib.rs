//! What several targets share: parts of an input, and a chain of entries made of whatever bytes there are.
//!
//! Refuses to judge: a target says what must hold.

pub mod journal;

use std::collections::BTreeMap;
use std::sync::Arc;

use delm_core::entry::{Blob, Sealed};
use delm_core::ids::Digest;

/// What parts of a text input are separated by.
pub const SEPARATOR: char = '\u{1}';

/// The parts of a text input, and empty ones after its end.
pub fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(SEPARATOR).chain(std::iter::repeat(""))
}

/// Entries and blobs, as an input of [`chunks`] gives them.
#[derive(Clone, Debug, Default)]
pub struct Content {
    /// Entries that decode, in a chain: places, parents and times are put right, all else is the input's.
    pub entries: Vec<Sealed>,
    /// Blobs.
    pub blobs: BTreeMap<Digest, Arc<[u8]>>,
}

/// The tag of a chunk that is an entry; every other is a blob.
pub const ENTRY: u8 = 0;

/// Cuts an input into chunks: a tag, a length of two bytes, little-endian, and so many bytes or what is left.
pub fn chunks(mut input: &[u8]) -> Vec<(u8, &[u8])> {
    let mut chunks = Vec::new();
    while let Some(([tag, low, high], rest)) = input.split_first_chunk::<3>() {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        let (chunk, after) = rest.split_at(length);
        chunks.push((*tag, chunk));
        input = after;
    }
    chunks
}

/// The other way: what [`chunks`] reads as this.
#[must_use]
pub fn chunk(tag: u8, bytes: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(bytes.len()).ok()?;
    let [low, high] = length.to_le_bytes();
    Some([&[tag, low, high], bytes].concat())
}

impl Content {
    /// Reads an input.
    pub fn of(input: &[u8]) -> Self {
        let mut content = Self::default();
        for (tag, bytes) in chunks(input) {
            if tag != ENTRY {
                let blob = Blob::new(bytes);
                content.blobs.insert(blob.hash, blob.bytes);
            } else if let Ok(sealed) = Sealed::from_bytes(bytes) {
                let follows = content.follow(sealed);
                content.entries.push(follows);
            }
        }
        content
    }

    fn follow(&self, sealed: Sealed) -> Sealed {
        let mut entry = sealed.entry;
        let head = self.entries.last();
        entry.seq = self.entries.len() as u64;
        entry.parent = head.map_or(Digest::ZERO, |head| head.id);
        entry.at = entry.at.max(head.map_or(0, |head| head.entry.at));
        entry.seal()
    }
}
