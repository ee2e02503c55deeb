//! The rows of the index: what a key and a value look like, with a check in each value.
//!
//! Refuses rows whose check is wrong: sled's word is taken for nothing that the journal could say better.
//!
//! | key | value |
//! | --- | --- |
//! | `a` | how far the journal is applied, and totals |
//! | `r` run | number, seq of the first own entry, origin |
//! | `n` number | run |
//! | `h` number | head: seq, id |
//! | `e` number seq | id, place in the journal, and the bytes if they are not too many |
//! | `b` number hash | seq of the entry that brought it, place, length, whether it is redacted |

use delm_core::entry::Head;
use delm_core::ids::{Digest, Seq};

use crate::bytes::{Take, put_varint};
use crate::error::Place;
use crate::journal::layout::End;
use crate::log::Origin;

/// Entries longer than this stay in the journal alone: sled keeps oversized nodes in files it never syncs.
pub(crate) const INLINE_BYTES_MAX: usize = 8 << 10;
/// Bytes of the check at the end of a value.
const CHECK_BYTES: usize = 4;

pub(crate) const APPLIED_KEY: &[u8] = b"a";

pub(crate) fn run_key(run: &Digest) -> Vec<u8> {
    [b"r".as_slice(), &run.0].concat()
}

pub(crate) fn number_key(number: u32) -> Vec<u8> {
    [b"n".as_slice(), &number.to_be_bytes()].concat()
}

pub(crate) fn head_key(number: u32) -> Vec<u8> {
    [b"h".as_slice(), &number.to_be_bytes()].concat()
}

pub(crate) fn entry_key(number: u32, seq: Seq) -> Vec<u8> {
    [b"e".as_slice(), &number.to_be_bytes(), &seq.to_be_bytes()].concat()
}

pub(crate) fn blob_key(number: u32, hash: &Digest) -> Vec<u8> {
    [b"b".as_slice(), &number.to_be_bytes(), &hash.0].concat()
}

/// The number in an `n` key.
pub(crate) fn number_of_key(key: &[u8]) -> Option<u32> {
    key.strip_prefix(b"n")?.try_into().ok().map(u32::from_be_bytes)
}

/// The hash in a `b` key.
pub(crate) fn hash_of_key(key: &[u8]) -> Option<Digest> {
    key.get(5..)?.try_into().ok().map(Digest)
}

/// The seq in an `e` key.
pub(crate) fn seq_of_key(key: &[u8]) -> Option<Seq> {
    key.get(5..)?.try_into().ok().map(Seq::from_be_bytes)
}

fn check_of(key: &[u8], value: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key).update(value);
    *hasher.finalize().as_bytes()
}

/// Adds the check.
fn sealed(key: &[u8], mut value: Vec<u8>) -> Vec<u8> {
    let check = check_of(key, &value);
    value.extend_from_slice(check.split_at(CHECK_BYTES).0);
    value
}

/// Takes the check away, if it is right.
fn opened<'a>(key: &[u8], value: &'a [u8]) -> Option<Take<'a>> {
    let at = value.len().checked_sub(CHECK_BYTES)?;
    let (value, check) = value.split_at_checked(at)?;
    check_of(key, value).starts_with(check).then_some(Take(value))
}

/// How far the index follows the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The end of the last record applied.
    pub(crate) end: End,
    /// Runs ever begun: the next one's number is one more.
    pub(crate) begun: u32,
    /// Entries of the runs there are.
    pub(crate) entries: u64,
    /// Blobs of the runs there are, redacted ones too.
    pub(crate) blobs: u64,
}

impl Applied {
    pub(crate) const NONE: Self = Self { end: End::EMPTY, begun: 0, entries: 0, blobs: 0 };

    pub(crate) fn to_value(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        put_place(&mut out, self.end.place);
        put_varint(&mut out, self.end.count);
        out.extend(self.end.hash.0);
        put_varint(&mut out, u64::from(self.begun));
        put_varint(&mut out, self.entries);
        put_varint(&mut out, self.blobs);
        sealed(APPLIED_KEY, out)
    }

    pub(crate) fn from_value(value: &[u8]) -> Option<Self> {
        let mut take = opened(APPLIED_KEY, value)?;
        let end = End { place: take_place(&mut take)?, count: take.varint()?, hash: take.digest()? };
        Some(Self { end, begun: take.varint32()?, entries: take.varint()?, blobs: take.varint()? })
    }
}

/// A run, as far as it never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RunRow {
    pub(crate) number: u32,
    pub(crate) first: Seq,
    pub(crate) origin: Option<Origin>,
}

impl RunRow {
    pub(crate) fn to_value(self, key: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        put_varint(&mut out, u64::from(self.number));
        put_varint(&mut out, self.first);
        if let Some(origin) = self.origin {
            out.extend(origin.owner.0);
            put_varint(&mut out, origin.seq);
        }
        sealed(key, out)
    }

    pub(crate) fn from_value(key: &[u8], value: &[u8]) -> Option<Self> {
        let mut take = opened(key, value)?;
        let (number, first) = (take.varint32()?, take.varint()?);
        let origin = match take.0 {
            [] => None,
            _ => Some(Origin { owner: take.digest()?, seq: take.varint()? }),
        };
        Some(Self { number, first, origin })
    }
}

/// The value of an `n` row.
pub(crate) fn number_value(key: &[u8], run: &Digest) -> Vec<u8> {
    sealed(key, run.0.to_vec())
}

pub(crate) fn number_from_value(key: &[u8], value: &[u8]) -> Option<Digest> {
    opened(key, value)?.digest()
}

/// The value of an `h` row.
pub(crate) fn head_value(key: &[u8], head: Head) -> Vec<u8> {
    let mut out = head.id.0.to_vec();
    put_varint(&mut out, head.seq);
    sealed(key, out)
}

pub(crate) fn head_from_value(key: &[u8], value: &[u8]) -> Option<Head> {
    let mut take = opened(key, value)?;
    let id = take.digest()?;
    Some(Head { seq: take.varint()?, id })
}

/// Where an entry is, and its bytes if the row has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryRow<'a> {
    /// The entry's id.
    pub(crate) id: Digest,
    /// Where its record begins.
    pub(crate) record: Place,
    /// Where its bytes begin, counted from there.
    pub(crate) offset: u64,
    /// How many.
    pub(crate) len: u64,
    /// The bytes; empty if only the journal has them.
    pub(crate) bytes: &'a [u8],
}

impl<'a> EntryRow<'a> {
    /// Length of the checked part comes first; the bytes are checked by the entry's id.
    pub(crate) fn to_value(self, key: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(52 + self.bytes.len());
        out.extend(self.id.0);
        put_place(&mut out, self.record);
        put_varint(&mut out, self.offset);
        put_varint(&mut out, self.len);
        let mut value = sealed(key, out);
        value.extend_from_slice(self.bytes);
        value
    }

    pub(crate) fn from_value(key: &[u8], value: &'a [u8]) -> Option<Self> {
        let mut take = Take(value);
        let row = (take.digest()?, take_place(&mut take)?, take.varint()?, take.varint()?);
        let checked = value.len().checked_sub(take.0.len())?.checked_add(CHECK_BYTES)?;
        let (front, bytes) = value.split_at_checked(checked)?;
        opened(key, front)?;
        let (id, record, offset, len) = row;
        Some(Self { id, record, offset, len, bytes })
    }

    /// Where the entry's bytes begin.
    pub(crate) fn place(&self) -> Place {
        Place { segment: self.record.segment, offset: self.record.offset.saturating_add(self.offset) }
    }
}

/// Where a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlobRow {
    /// Seq of the entry that brought it.
    pub(crate) seq: Seq,
    /// Where its bytes begin.
    pub(crate) place: Place,
    /// How many.
    pub(crate) len: u64,
    /// Whether they are zeroes by now.
    pub(crate) redacted: bool,
}

impl BlobRow {
    pub(crate) fn to_value(self, key: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(20);
        put_varint(&mut out, self.seq);
        put_place(&mut out, self.place);
        put_varint(&mut out, self.len);
        out.push(u8::from(self.redacted));
        sealed(key, out)
    }

    pub(crate) fn from_value(key: &[u8], value: &[u8]) -> Option<Self> {
        let mut take = opened(key, value)?;
        let (seq, place, len) = (take.varint()?, take_place(&mut take)?, take.varint()?);
        let redacted = match take.u8()? {
            0 => false,
            1 => true,
            _ => return None,
        };
        Some(Self { seq, place, len, redacted })
    }
}

fn put_place(out: &mut Vec<u8>, place: Place) {
    put_varint(out, u64::from(place.segment));
    put_varint(out, place.offset);
}

fn take_place(take: &mut Take<'_>) -> Option<Place> {
    Some(Place { segment: take.varint32()?, offset: take.varint()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever sled changes in a row, or puts under another key, is noticed.
    #[test]
    fn a_row_with_any_wrong_byte_or_under_another_key_is_none() {
        let key = head_key(7);
        let head = Head { seq: 300, id: Digest::of_blob(b"entry") };
        let value = head_value(&key, head);
        assert_eq!(head_from_value(&key, &value), Some(head));
        for at in 0..value.len() {
            let mut wrong = value.clone();
            wrong[at] ^= 1;
            assert_eq!(head_from_value(&key, &wrong), None, "{at}");
        }
        assert_eq!(head_from_value(&head_key(8), &value), None);
    }
}
