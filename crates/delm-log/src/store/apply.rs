//! From journal records to index rows: at commit, at replay and when the index is made anew, by the same code.
//!
//! Refuses to depend on anything but the record and the rows before it, so that the index is a function of the journal.

use std::collections::BTreeSet;

use delm_core::entry::{Head, Sealed};
use delm_core::ids::Digest;

use crate::error::Place;
use crate::journal::files::Segments;
use crate::journal::layout::{Hiding, Kind, Part, Redaction, parts};
use crate::journal::scan::{BlobState, Record, blob_state};
use crate::log::origin_of;
use crate::store::index::{Index, Rows, Trouble};
use crate::store::rows::{
    APPLIED_KEY, Applied, BlobRow, EntryRow, INLINE_BYTES_MAX, RunRow, blob_key, entry_key, hash_of_key,
    head_key, head_value, number_key, number_value, run_key,
};

/// Rows of a hidden run are removed in batches of this many.
const HIDE_ROWS: usize = 2_000;

/// Applies one record. The journal holds it already, so an error means the index is to be made anew.
pub(crate) fn apply(
    index: &Index,
    segments: &Segments,
    applied: &mut Applied,
    record: &Record,
) -> Result<(), Trouble> {
    let mut next = *applied;
    let mut rows = match record.header.kind {
        Kind::Entries => apply_entries(index, &mut next, record)?,
        Kind::Redact => apply_redaction(index, segments, record)?,
        Kind::Hide => apply_hiding(index, segments, &mut next, record)?,
    };
    next.end = record.end();
    rows.insert(APPLIED_KEY.to_vec(), Some(next.to_value()));
    index.put(rows);
    *applied = next;
    index.settle_if_full()
}

fn malformed(record: &Record) -> Trouble {
    // `Scan` and the writer let no such record through.
    Trouble::Index(format!("the record at {} has no body of its kind", record.place))
}

fn apply_entries(index: &Index, applied: &mut Applied, record: &Record) -> Result<Rows, Trouble> {
    let mut rows = Rows::new();
    let mut blob_offset = record.blob_offset();
    for part in parts(&record.body).ok_or_else(|| malformed(record))? {
        let number = number_of(index, applied, &mut rows, &part)?;
        let id = part.id();
        let key = entry_key(number, part.seq);
        let inline = part.entry.len() <= INLINE_BYTES_MAX;
        let row = EntryRow {
            id,
            record: record.place,
            offset: record
                .body_offset()
                .saturating_add(part.entry_offset)
                .saturating_sub(record.place.offset),
            len: part.entry.len() as u64,
            bytes: if inline { part.entry } else { &[] },
        };
        let value = row.to_value(&key);
        rows.insert(key, Some(value));
        let key = head_key(number);
        let value = head_value(&key, Head { seq: part.seq, id });
        rows.insert(key, Some(value));
        for (hash, len) in &part.blobs {
            let key = blob_key(number, hash);
            let place = Place { segment: record.place.segment, offset: blob_offset };
            let value = BlobRow { seq: part.seq, place, len: *len, redacted: false }.to_value(&key);
            rows.insert(key, Some(value));
            blob_offset = blob_offset.saturating_add(*len);
        }
        applied.entries = applied.entries.saturating_add(1);
        applied.blobs = applied.blobs.saturating_add(part.blobs.len() as u64);
    }
    Ok(rows)
}

/// The run's number; the first entry of an unknown run begins it.
fn number_of(index: &Index, applied: &mut Applied, rows: &mut Rows, part: &Part<'_>) -> Result<u32, Trouble> {
    let key = run_key(&part.run);
    let known = match rows.get(&key) {
        Some(value) => value.clone(),
        None => index.get(&key)?,
    };
    if let Some(value) = known {
        let row = RunRow::from_value(&key, &value);
        return row.map(|row| row.number).ok_or_else(|| damaged("run", &part.run));
    }
    let first = Sealed::from_bytes(part.entry).map_err(|error| {
        Trouble::Index(format!("the first entry of run {} cannot be read: {error}", part.run))
    })?;
    applied.begun = applied.begun.saturating_add(1);
    let number = applied.begun;
    let value = RunRow { number, first: part.seq, origin: origin_of(&first) }.to_value(&key);
    rows.insert(key, Some(value));
    let key = number_key(number);
    let value = number_value(&key, &part.run);
    rows.insert(key, Some(value));
    Ok(number)
}

pub(crate) fn damaged(what: &str, run: &Digest) -> Trouble {
    Trouble::Index(format!("a {what} row of run {run} is damaged"))
}

fn apply_redaction(index: &Index, segments: &Segments, record: &Record) -> Result<Rows, Trouble> {
    let redaction = Redaction::from_bytes(&record.body).ok_or_else(|| malformed(record))?;
    let Redaction { run, hash, place, len } = redaction;
    if zero_unless_zeroed(segments, place, &hash, len)? {
        segments.sync(place.segment)?;
    }
    let mut rows = Rows::new();
    let Some(value) = index.get(&run_key(&run))? else { return Ok(rows) };
    let row = RunRow::from_value(&run_key(&run), &value).ok_or_else(|| damaged("run", &run))?;
    let key = blob_key(row.number, &hash);
    let Some(value) = index.get(&key)? else { return Ok(rows) };
    let mut row = BlobRow::from_value(&key, &value).ok_or_else(|| damaged("blob", &run))?;
    row.redacted = true;
    let value = row.to_value(&key);
    rows.insert(key, Some(value));
    Ok(rows)
}

/// Whether anything had to be written.
fn zero_unless_zeroed(segments: &Segments, place: Place, hash: &Digest, len: u64) -> Result<bool, Trouble> {
    if len == 0 || blob_state(segments, place, hash, len)? == BlobState::Zeroed {
        return Ok(false);
    }
    segments.zero(place, len)?;
    Ok(true)
}

/// Zeroes the run's blobs, then removes its rows: those that name the run last and together with the mark that this
/// record is applied, so that a crash half-way repeats all of it under the same number.
fn apply_hiding(
    index: &Index,
    segments: &Segments,
    applied: &mut Applied,
    record: &Record,
) -> Result<Rows, Trouble> {
    let Hiding { run, number } = Hiding::from_bytes(&record.body).ok_or_else(|| malformed(record))?;
    index.settle()?;
    zero_blobs(index, segments, &run, number)?;
    for kind in [b'e', b'b'] {
        let prefix = [[kind].as_slice(), &number.to_be_bytes()].concat();
        loop {
            let found = index.prefixed(&prefix, None, HIDE_ROWS)?;
            if found.is_empty() {
                break;
            }
            let total = if kind == b'e' { &mut applied.entries } else { &mut applied.blobs };
            *total = total.saturating_sub(found.len() as u64);
            let mut rows: Rows = found.into_iter().map(|(key, _)| (key, None)).collect();
            // The mark still names the record before, but its totals must fit the rows there are.
            rows.insert(APPLIED_KEY.to_vec(), Some(applied.to_value()));
            index.put(rows);
            index.settle()?;
        }
    }
    Ok([run_key(&run), number_key(number), head_key(number)].into_iter().map(|key| (key, None)).collect())
}

fn zero_blobs(index: &Index, segments: &Segments, run: &Digest, number: u32) -> Result<(), Trouble> {
    let prefix = [b"b".as_slice(), &number.to_be_bytes()].concat();
    let mut touched = BTreeSet::new();
    let mut after: Option<Vec<u8>> = None;
    loop {
        let found = index.prefixed(&prefix, after.as_deref(), HIDE_ROWS)?;
        let Some((last, _)) = found.last() else { break };
        after = Some(last.clone());
        for (key, value) in &found {
            let row = BlobRow::from_value(key, value).ok_or_else(|| damaged("blob", run))?;
            let hash = hash_of_key(key).ok_or_else(|| damaged("blob", run))?;
            if zero_unless_zeroed(segments, row.place, &hash, row.len)? {
                touched.insert(row.place.segment);
            }
        }
    }
    for segment in touched {
        segments.sync(segment)?;
    }
    Ok(())
}
