//! The bytes of the journal, see `schemas/journal-v1.md`: segment headers, records, anchor slots.
//!
//! Refuses files: bytes in, values out. Whatever does not check is `None` or a sentence saying what is wrong.

use delm_core::entry::entry_id;
use delm_core::ids::{Digest, Seq};

use crate::bytes::Take;
use crate::error::Place;

/// The journal layout this crate writes.
pub(crate) const JOURNAL_FORMAT: u32 = 1;
/// Bytes of a segment header.
pub(crate) const SEGMENT_HEADER_BYTES: u64 = 96;
/// Bytes of a record header.
pub(crate) const RECORD_HEADER_BYTES: usize = 96;
/// Bytes of an anchor slot.
pub(crate) const SLOT_BYTES: usize = 96;
/// Where the two slots are: in different disk blocks, so that one torn write cannot take both.
pub(crate) const SLOT_OFFSETS: [u64; 2] = [0, 4096];
/// How every record begins.
pub(crate) const RECORD_MAGIC: [u8; 4] = *b"dRec";

const SEGMENT_MAGIC: [u8; 8] = *b"delm-seg";
const SLOT_MAGIC: [u8; 8] = *b"delm-anc";
const SEGMENT_CONTEXT: &str = "delm journal segment v1";
const RECORD_CONTEXT: &str = "delm journal record v1";
const SLOT_CONTEXT: &str = "delm journal anchor v1";
/// Bytes before the check in all three layouts.
const CHECKED_BYTES: usize = 64;

/// The end of a journal: where the next record goes and what it chains to. An anchor slot says one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The end of the newest record, or of the header of an empty segment.
    pub(crate) place: Place,
    /// Records so far.
    pub(crate) count: u64,
    /// Hash of the newest record; zero before the first.
    pub(crate) hash: Digest,
}

impl End {
    /// The end of a journal that holds nothing.
    pub(crate) const EMPTY: Self =
        Self { place: Place { segment: 1, offset: SEGMENT_HEADER_BYTES }, count: 0, hash: Digest::ZERO };
}

/// The first bytes of a segment: it says where the one before ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// Its own number.
    pub(crate) segment: u32,
    /// Records before it.
    pub(crate) count: u64,
    /// Length of the segment before; zero for the first.
    pub(crate) previous_bytes: u64,
    /// Hash of the record before.
    pub(crate) previous: Digest,
}

impl SegmentHeader {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(96);
        out.extend(SEGMENT_MAGIC);
        out.extend(JOURNAL_FORMAT.to_le_bytes());
        out.extend(self.segment.to_le_bytes());
        out.extend(self.count.to_le_bytes());
        out.extend(self.previous_bytes.to_le_bytes());
        out.extend(self.previous.0);
        sealed(out, SEGMENT_CONTEXT)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let take = opened(bytes, SEGMENT_MAGIC, SEGMENT_CONTEXT, "segment header")?;
        Self::fields(take).ok_or_else(|| "the segment header is too short".into())
    }

    fn fields(mut take: Take<'_>) -> Option<Self> {
        Some(Self {
            segment: take.u32()?,
            count: take.u64()?,
            previous_bytes: take.u64()?,
            previous: take.digest()?,
        })
    }
}

impl End {
    pub(crate) fn to_slot(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(SLOT_BYTES);
        out.extend(SLOT_MAGIC);
        out.extend(JOURNAL_FORMAT.to_le_bytes());
        out.extend(self.place.segment.to_le_bytes());
        out.extend(self.place.offset.to_le_bytes());
        out.extend(self.count.to_le_bytes());
        out.extend(self.hash.0);
        sealed(out, SLOT_CONTEXT)
    }

    pub(crate) fn from_slot(bytes: &[u8]) -> Result<Self, String> {
        let take = opened(bytes, SLOT_MAGIC, SLOT_CONTEXT, "anchor slot")?;
        Self::fields(take).ok_or_else(|| "the anchor slot is too short".into())
    }

    fn fields(mut take: Take<'_>) -> Option<Self> {
        let place = Place { segment: take.u32()?, offset: take.u64()? };
        Some(Self { place, count: take.u64()?, hash: take.digest()? })
    }
}

/// Appends the check over all bytes so far.
fn sealed(mut out: Vec<u8>, context: &str) -> Vec<u8> {
    let check = blake3::derive_key(context, &out);
    out.extend(check);
    out
}

/// Checks magic, check sum and format, in an order that tells damage from a newer version.
fn opened<'a>(bytes: &'a [u8], magic: [u8; 8], context: &str, what: &str) -> Result<Take<'a>, String> {
    let mut take = Take(bytes);
    let checked = take.bytes(CHECKED_BYTES).ok_or_else(|| format!("the {what} is cut short"))?;
    let check = take.digest().ok_or_else(|| format!("the {what} is cut short"))?;
    if blake3::derive_key(context, checked) != check.0 {
        return Err(format!("the check sum of the {what} is wrong"));
    }
    let mut take = Take(checked);
    if take.bytes(8) != Some(&magic[..]) {
        return Err(format!("this is no {what}"));
    }
    match take.u32() {
        Some(JOURNAL_FORMAT) => Ok(take),
        Some(newer) => Err(format!("the {what} has format {newer}, this binary knows {JOURNAL_FORMAT}")),
        None => Err(format!("the {what} is cut short")),
    }
}

/// What a record holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Entries with their blobs: one commit.
    Entries = 1,
    /// A blob whose bytes are to be zero.
    Redact = 2,
    /// A run that is gone.
    Hide = 3,
}

/// The fixed first bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    /// What it holds.
    pub(crate) kind: Kind,
    /// Its number in the journal, from zero.
    pub(crate) count: u64,
    /// Bytes of the body that follows.
    pub(crate) body_bytes: u64,
    /// Bytes of the blobs that follow the body.
    pub(crate) blob_bytes: u64,
    /// Hash of the record before.
    pub(crate) parent: Digest,
    /// Hash of this one: header but for the hash itself, then body.
    pub(crate) hash: Digest,
}

impl RecordHeader {
    /// Makes the header of a record with this body; `blob_bytes` follow it on disk.
    pub(crate) fn seal(kind: Kind, count: u64, parent: Digest, body: &[u8], blob_bytes: u64) -> Self {
        let zero = Digest::ZERO;
        let mut header = Self { kind, count, body_bytes: body.len() as u64, blob_bytes, parent, hash: zero };
        header.hash = header.hash_with(body);
        header
    }

    /// The hash these header fields and this body should have.
    pub(crate) fn hash_with(&self, body: &[u8]) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key(RECORD_CONTEXT);
        hasher.update(&self.checked_bytes());
        hasher.update(body);
        Digest(*hasher.finalize().as_bytes())
    }

    fn checked_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(RECORD_HEADER_BYTES);
        out.extend(RECORD_MAGIC);
        out.extend((self.kind as u32).to_le_bytes());
        out.extend(self.count.to_le_bytes());
        out.extend(self.body_bytes.to_le_bytes());
        out.extend(self.blob_bytes.to_le_bytes());
        out.extend(self.parent.0);
        out
    }

    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut out = self.checked_bytes();
        out.extend(self.hash.0);
        out
    }

    /// Reads the fields; whether the hash is right is known only with the body.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut take = Take(bytes);
        if take.bytes(4)? != RECORD_MAGIC {
            return None;
        }
        let kind = match take.u32()? {
            1 => Kind::Entries,
            2 => Kind::Redact,
            3 => Kind::Hide,
            _ => return None,
        };
        Some(Self {
            kind,
            count: take.u64()?,
            body_bytes: take.u64()?,
            blob_bytes: take.u64()?,
            parent: take.digest()?,
            hash: take.digest()?,
        })
    }

    /// Bytes of the whole record, if they can be counted.
    pub(crate) fn record_bytes(&self) -> Option<u64> {
        (RECORD_HEADER_BYTES as u64).checked_add(self.body_bytes)?.checked_add(self.blob_bytes)
    }
}

/// One entry in the body of a record, with the names of the blobs it brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part<'a> {
    /// The run.
    pub(crate) run: Digest,
    /// The entry's seq, as the entry says too.
    pub(crate) seq: Seq,
    /// The entry's bytes.
    pub(crate) entry: &'a [u8],
    /// Where they begin in the body.
    pub(crate) entry_offset: u64,
    /// Hash and length of each blob; their bytes follow the body, all parts' in this order.
    pub(crate) blobs: Vec<(Digest, u64)>,
}

impl Part<'_> {
    /// The entry's id.
    pub(crate) fn id(&self) -> Digest {
        entry_id(self.entry)
    }
}

/// Appends one part to a body.
pub(crate) fn put_part(body: &mut Vec<u8>, run: &Digest, seq: Seq, entry: &[u8], blobs: &[(Digest, u64)]) {
    body.extend(run.0);
    body.extend(seq.to_le_bytes());
    body.extend((entry.len() as u64).to_le_bytes());
    body.extend((blobs.len() as u64).to_le_bytes());
    body.extend(entry);
    for (hash, len) in blobs {
        body.extend(hash.0);
        body.extend(len.to_le_bytes());
    }
}

/// The parts of a body, or none if it is not one: they must fill it exactly, and there is at least one.
pub(crate) fn parts(body: &[u8]) -> Option<Vec<Part<'_>>> {
    let mut take = Take(body);
    let mut parts = Vec::new();
    while !take.0.is_empty() {
        let run = take.digest()?;
        let seq = take.u64()?;
        let entry_bytes = usize::try_from(take.u64()?).ok()?;
        let blob_count = usize::try_from(take.u64()?).ok()?;
        let entry_offset = (body.len() - take.0.len()) as u64;
        let entry = take.bytes(entry_bytes)?;
        // A count beyond the bytes left must not reserve memory.
        let mut blobs = Vec::with_capacity(blob_count.min(take.0.len() / 40));
        for _ in 0..blob_count {
            blobs.push((take.digest()?, take.u64()?));
        }
        parts.push(Part { run, seq, entry, entry_offset, blobs });
    }
    (!parts.is_empty()).then_some(parts)
}

/// The body of a [`Kind::Redact`] record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Redaction {
    /// The run.
    pub(crate) run: Digest,
    /// The blob.
    pub(crate) hash: Digest,
    /// Where its bytes are.
    pub(crate) place: Place,
    /// How many.
    pub(crate) len: u64,
}

impl Redaction {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(84);
        out.extend(self.run.0);
        out.extend(self.hash.0);
        out.extend(self.place.segment.to_le_bytes());
        out.extend(self.place.offset.to_le_bytes());
        out.extend(self.len.to_le_bytes());
        out
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut take = Take(bytes);
        let run = take.digest()?;
        let hash = take.digest()?;
        let place = Place { segment: take.u32()?, offset: take.u64()? };
        let len = take.u64()?;
        take.0.is_empty().then_some(Self { run, hash, place, len })
    }
}

/// The body of a [`Kind::Hide`] record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hiding {
    /// The run.
    pub(crate) run: Digest,
    /// Its number: a run begun again under the same id has another.
    pub(crate) number: u32,
}

impl Hiding {
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut out = self.run.0.to_vec();
        out.extend(self.number.to_le_bytes());
        out
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut take = Take(bytes);
        let run = take.digest()?;
        let number = take.u32()?;
        take.0.is_empty().then_some(Self { run, number })
    }
}
