//! The journal as `schemas/journal-v1.md` says it, read from its bytes: where records, entries and blobs lie.
//!
//! Refuses to share code with `delm-log`, whose mistakes it is to find; it reads whole journals only and checks little.

use super::Try;

/// Bytes before the first record of a segment.
pub const SEGMENT_HEADER: usize = 96;
/// Bytes before the body of a record, and of an anchor slot.
pub const RECORD_HEADER: usize = 96;
/// Where the two slots of an anchor begin.
pub const SLOTS: [usize; 2] = [0, 4096];

/// A record of a segment, by where it lies.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where it begins.
    pub start: usize,
    /// 1 entries, 2 redact, 3 hide.
    pub kind: u32,
    /// Its number in the journal.
    pub number: u64,
    /// Its hash.
    pub hash: [u8; 32],
    /// Where its blobs begin.
    pub blobs: usize,
    /// Where it ends.
    pub end: usize,
    /// The entries in it.
    pub parts: Vec<Part>,
}

/// An entry of a record.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its run.
    pub run: [u8; 32],
    /// Its seq.
    pub seq: u64,
    /// Where it and its list of blobs end in the segment.
    pub end: usize,
    /// The blobs it brings: hash, first byte in the segment, length.
    pub blobs: Vec<([u8; 32], usize, usize)>,
}

/// The records of a segment.
///
/// # Errors
/// Where it is not laid out as the format says.
pub fn records(bytes: &[u8]) -> Try<Vec<Record>> {
    let mut records = Vec::new();
    let mut start = SEGMENT_HEADER;
    while start < bytes.len() {
        let record =
            record(bytes, start).ok_or_else(|| format!("no record at {start} of {}", bytes.len()))?;
        start = record.end;
        records.push(record);
    }
    Ok(records)
}

fn record(bytes: &[u8], start: usize) -> Option<Record> {
    let header = bytes.get(start..start + RECORD_HEADER)?;
    if header.get(..4)? != b"dRec" {
        return None;
    }
    let kind = u32::from_le_bytes(header.get(4..8)?.try_into().ok()?);
    let blobs = start + RECORD_HEADER + number(header, 16)?;
    let end = blobs + number(header, 24)?;
    let body = bytes.get(start + RECORD_HEADER..blobs)?;
    bytes.get(blobs..end)?;
    let parts = if kind == 1 { parts(body, blobs)? } else { Vec::new() };
    let hash = header.get(64..96)?.try_into().ok()?;
    Some(Record { start, kind, number: number(header, 8)? as u64, hash, blobs, end, parts })
}

fn parts(body: &[u8], mut blob_at: usize) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let (body_at, mut at) = (blob_at - body.len(), 0);
    while at < body.len() {
        let head = body.get(at..at + 56)?;
        let (entry, many) = (number(head, 40)?, number(head, 48)?);
        let list = body.get(at + 56 + entry..at + 56 + entry + many * 40)?;
        let mut blobs = Vec::new();
        for one in list.chunks_exact(40) {
            let len = number(one, 32)?;
            blobs.push((one.get(..32)?.try_into().ok()?, blob_at, len));
            blob_at += len;
        }
        at += 56 + entry + many * 40;
        let (run, seq) = (head.get(..32)?.try_into().ok()?, number(head, 32)? as u64);
        parts.push(Part { run, seq, end: body_at + at, blobs });
    }
    Some(parts)
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?)).ok()
}

/// An anchor of which both slots name the end of a record (or, without one, an empty first segment).
#[must_use]
pub fn anchor(segment: u32, record: Option<&Record>) -> Vec<u8> {
    let (end, number, hash) =
        record.map_or((SEGMENT_HEADER, 0, [0; 32]), |record| (record.end, record.number + 1, record.hash));
    let mut slot = b"delm-anc\x01\0\0\0".to_vec();
    slot.extend(segment.to_le_bytes());
    slot.extend((end as u64).to_le_bytes());
    slot.extend(number.to_le_bytes());
    slot.extend(hash);
    let check = blake3::derive_key("delm journal anchor v1", &slot);
    slot.extend(check);
    let mut anchor = vec![0; SLOTS[1]];
    anchor.splice(..slot.len(), slot.iter().copied());
    anchor.extend(slot);
    anchor
}
