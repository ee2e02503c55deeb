//! Reading: rows into answers, each checked against its hash before anybody sees it.
//!
//! Refuses to return bytes that are not those the hash names. What the index has wrong is taken from the journal; what
//! the journal has wrong is corruption.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use delm_core::entry::{Head, Sealed, entry_id};
use delm_core::ids::{Digest, Seq};

use crate::error::LogError;
use crate::journal::files::Segments;
use crate::log::{BlobInfo, Found, RunInfo, prefix_range};
use crate::store::Counters;
use crate::store::apply::damaged;
use crate::store::index::{Index, Row, Trouble};
use crate::store::rows::{
    BlobRow, EntryRow, RunRow, blob_key, entry_key, hash_of_key, head_from_value, head_key,
    number_from_value, number_key, number_of_key, run_key, seq_of_key,
};

/// Rows asked for at a time, whatever the caller's limit.
const PAGE_ROWS: usize = 1_000;

pub(crate) fn run_row(index: &Index, run: &Digest) -> Result<Option<RunRow>, Trouble> {
    let key = run_key(run);
    match index.get(&key)? {
        None => Ok(None),
        Some(value) => RunRow::from_value(&key, &value).map(Some).ok_or_else(|| damaged("run", run)),
    }
}

fn head(index: &Index, run: &Digest, number: u32) -> Result<Head, Trouble> {
    let key = head_key(number);
    let value = index.get(&key)?.ok_or_else(|| damaged("head", run))?;
    head_from_value(&key, &value).ok_or_else(|| damaged("head", run))
}

/// A run with its head. The head row and the newest entry row must agree: sled was seen to lose one of two.
pub(crate) fn run(index: &Index, run: &Digest) -> Result<Option<RunInfo>, Trouble> {
    let Some(RunRow { number, first, origin }) = run_row(index, run)? else { return Ok(None) };
    let head = head(index, run, number)?;
    let key = entry_key(number, head.seq);
    let value = index.get(&key)?.ok_or_else(|| damaged("newest entry", run))?;
    let agrees = EntryRow::from_value(&key, &value).is_some_and(|row| row.id == head.id);
    if !agrees {
        return Err(damaged("newest entry", run));
    }
    Ok(Some(RunInfo { run: *run, number, first, head, origin }))
}

pub(crate) fn runs(index: &Index, after: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, Trouble> {
    let from = after.map(number_key);
    let from = from.as_deref().map_or(Bound::Included(b"n".as_slice()), Bound::Excluded);
    listed(index, index.range(from, Bound::Excluded(b"o"), false, limit)?)
}

pub(crate) fn runs_back(index: &Index, before: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, Trouble> {
    let to = before.map(number_key);
    let to = Bound::Excluded(to.as_deref().unwrap_or(b"o"));
    listed(index, index.range(Bound::Included(b"n"), to, true, limit)?)
}

fn listed(index: &Index, rows: Vec<Row>) -> Result<Vec<RunInfo>, Trouble> {
    let mut found = Vec::with_capacity(rows.len());
    for (key, value) in rows {
        let named = number_from_value(&key, &value).zip(number_of_key(&key));
        let (id, number) =
            named.ok_or_else(|| Trouble::Index("a row that numbers a run is damaged".into()))?;
        let info = run(index, &id)?.filter(|info| info.number == number);
        found.push(info.ok_or_else(|| damaged("run", &id))?);
    }
    Ok(found)
}

pub(crate) fn find(index: &Index, prefix: &str, limit: usize) -> Result<Vec<RunInfo>, Trouble> {
    let Some((low, high)) = prefix_range(prefix) else { return Ok(Vec::new()) };
    let (low, high) = (run_key(&low), run_key(&high));
    let rows = index.range(Bound::Included(&low), Bound::Included(&high), false, limit)?;
    let mut found = Vec::with_capacity(rows.len());
    for (key, _) in rows {
        let id = key.get(1..).and_then(|id| id.try_into().ok()).map(Digest);
        let id = id.ok_or_else(|| Trouble::Index("a run row has a key of another length".into()))?;
        found.push(run(index, &id)?.ok_or_else(|| damaged("run", &id))?);
    }
    Ok(found)
}

/// Own entries from `from` on. They must follow each other without a gap up to the head or the limit.
pub(crate) fn entries(
    index: &Index,
    segments: &Segments,
    health: &Counters,
    run_id: &Digest,
    from: Seq,
    limit: usize,
) -> Result<Vec<Sealed>, Trouble> {
    let Some(info) = run(index, run_id)? else { return Ok(Vec::new()) };
    let mut next = from.max(info.first);
    let mut found: Vec<Sealed> = Vec::new();
    while next <= info.head.seq && found.len() < limit {
        let (low, high) = (entry_key(info.number, next), entry_key(info.number, info.head.seq));
        let page = PAGE_ROWS.min(limit - found.len());
        let rows = index.range(Bound::Included(&low), Bound::Included(&high), false, page)?;
        if rows.is_empty() {
            return Err(damaged("entry", run_id));
        }
        for (key, value) in rows {
            if seq_of_key(&key) != Some(next) {
                return Err(damaged("entry", run_id));
            }
            let sealed = entry(index, segments, health, run_id, &key, &value)?;
            let follows = found.last().is_none_or(|before| before.id == sealed.entry.parent);
            if sealed.entry.seq != next || !follows {
                return Err(damaged("entry", run_id));
            }
            found.push(sealed);
            next += 1;
        }
    }
    Ok(found)
}

/// One entry from its row, or from the journal if the bytes in the row are not there or wrong.
fn entry(
    index: &Index,
    segments: &Segments,
    health: &Counters,
    run_id: &Digest,
    key: &[u8],
    value: &[u8],
) -> Result<Sealed, Trouble> {
    let row = EntryRow::from_value(key, value).ok_or_else(|| damaged("entry", run_id))?;
    if !row.bytes.is_empty() && entry_id(row.bytes) == row.id {
        return decoded(segments, &row, row.bytes);
    }
    let bytes = segments.read(row.place(), row.len)?;
    if entry_id(&bytes) != row.id {
        let what = format!("the bytes of entry {} are not its own", row.id);
        return Err(segments.corrupt(row.place(), what).into());
    }
    if !row.bytes.is_empty() {
        tracing::warn!("an entry of run {run_id} was wrong in the index, and is healed from the journal");
        health.entries_healed.fetch_add(1, Ordering::Relaxed);
        let healed = EntryRow { bytes: &bytes, ..row }.to_value(key);
        index.heal(key, value, healed)?;
    }
    decoded(segments, &row, &bytes)
}

fn decoded(segments: &Segments, row: &EntryRow<'_>, bytes: &[u8]) -> Result<Sealed, Trouble> {
    Sealed::from_bytes(bytes).map_err(|error| {
        // The hash is right, so these are the bytes that were committed.
        LogError::from(segments.corrupt(row.place(), format!("entry {} cannot be read: {error}", row.id)))
            .into()
    })
}

/// The id of an own entry.
pub(crate) fn entry_id_at(index: &Index, run: &Digest, seq: Seq) -> Result<Option<Digest>, Trouble> {
    let Some(row) = run_row(index, run)? else { return Ok(None) };
    let key = entry_key(row.number, seq);
    match index.get(&key)? {
        None => Ok(None),
        Some(value) => {
            let row = EntryRow::from_value(&key, &value).ok_or_else(|| damaged("entry", run))?;
            Ok(Some(row.id))
        }
    }
}

pub(crate) fn blob_row(
    index: &Index,
    run: &Digest,
    number: u32,
    hash: &Digest,
) -> Result<Option<BlobRow>, Trouble> {
    let key = blob_key(number, hash);
    match index.get(&key)? {
        None => Ok(None),
        Some(value) => BlobRow::from_value(&key, &value).map(Some).ok_or_else(|| damaged("blob", run)),
    }
}

pub(crate) fn blob(
    index: &Index,
    segments: &Segments,
    run: &Digest,
    hash: &Digest,
) -> Result<Found, Trouble> {
    let Some(RunRow { number, .. }) = run_row(index, run)? else { return Ok(Found::Unknown) };
    let Some(row) = blob_row(index, run, number, hash)? else { return Ok(Found::Unknown) };
    if row.redacted {
        return Ok(Found::Redacted { len: row.len });
    }
    let bytes = segments.read(row.place, row.len)?;
    if Digest::of_blob(&bytes) != *hash {
        let what = format!("the bytes of blob {hash} are not its own");
        return Err(segments.corrupt(row.place, what).into());
    }
    Ok(Found::Present(Arc::from(bytes)))
}

pub(crate) fn blobs(
    index: &Index,
    run: &Digest,
    after: Option<&Digest>,
    limit: usize,
) -> Result<Vec<BlobInfo>, Trouble> {
    let Some(RunRow { number, .. }) = run_row(index, run)? else { return Ok(Vec::new()) };
    let prefix = [b"b".as_slice(), &number.to_be_bytes()].concat();
    let after = after.map(|hash| blob_key(number, hash));
    let mut found = Vec::new();
    for (key, value) in index.prefixed(&prefix, after.as_deref(), limit)? {
        let row = BlobRow::from_value(&key, &value).ok_or_else(|| damaged("blob", run))?;
        let hash = hash_of_key(&key).ok_or_else(|| damaged("blob", run))?;
        found.push(BlobInfo { hash, len: row.len, seq: row.seq, redacted: row.redacted });
    }
    Ok(found)
}
