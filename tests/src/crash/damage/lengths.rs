//! Journals that end early: at every entry boundary, and at every byte of the last record.
//!
//! Refuses a shorter history past the anchor's promise: up to the anchor a lost suffix is damage, after it the torn record
//! is cut off and said.

use std::fs;

use super::sample::Sample;
use super::watch::Watch;
use super::{Verdict, counts, judge};
use crate::crash::journal::{Record, SEGMENT_HEADER, anchor};
use crate::crash::{Outcome, Say, Try};

/// Lengths of a chunk.
const CHUNK: usize = 64;

/// How a journal ends: its length, and the records that its anchor names.
struct Ending {
    len: usize,
    anchored: usize,
    whole: usize,
}

/// How many chunks a sample has.
pub(super) fn chunks(sample: &Sample) -> usize {
    endings(sample).map_or(1, |(_, _, endings)| endings.len().div_ceil(CHUNK))
}

/// Of the last segment: each end of a record with the anchor there, before it and behind it; each end of an entry, and each
/// byte of the last record, with the anchor at the record before, and behind it.
fn endings(sample: &Sample) -> Try<(Vec<u8>, Vec<Record>, Vec<Ending>)> {
    let name = sample.segments()?.pop().ok_or("no segment")?;
    let (bytes, records) = sample.segment(&name)?;
    let mut endings = Vec::new();
    for (before, record) in records.iter().enumerate() {
        endings.push(Ending { len: record.start, anchored: before, whole: before });
        endings.push(Ending { len: record.start, anchored: before.saturating_sub(1), whole: before });
        endings.push(Ending { len: record.start, anchored: records.len(), whole: before });
        // Without blobs, the last entry ends where the record does.
        for part in record.parts.iter().filter(|part| part.end < record.end) {
            endings.push(Ending { len: part.end, anchored: before, whole: before });
            endings.push(Ending { len: part.end, anchored: records.len(), whole: before });
        }
    }
    let before = records.len().saturating_sub(1);
    for len in records.last().map_or(0, |last| last.start)..bytes.len() {
        endings.push(Ending { len, anchored: before, whole: before });
        endings.push(Ending { len, anchored: records.len(), whole: before });
    }
    Ok((bytes, records, endings))
}

/// Tries the endings of a chunk.
pub(super) fn lengths(sample: &Sample, chunk: usize, watch: &Watch) -> Outcome {
    let names = sample.segments()?;
    let (bytes, records, endings) = endings(sample)?;
    let segment = u32::try_from(names.len()).say("segments")?;
    let last = names.last().ok_or("no segment")?;
    let mut earlier = Vec::new();
    for name in names.iter().take(names.len() - 1) {
        earlier.extend(sample.segment(name)?.1);
    }
    let (mut cut, mut lost) = (0, 0);
    for ending in endings.iter().skip(chunk * CHUNK).take(CHUNK) {
        watch.step();
        let Ending { len, anchored, whole } = *ending;
        let (_folder, store) = sample.copy()?;
        fs::write(store.join(last), bytes.get(..len).unwrap_or_default()).say("cut")?;
        let named = anchored.checked_sub(1).and_then(|one| records.get(one));
        // An anchor of a segment without records is not one that this crate can make up: it names the record before.
        if named.is_some() || segment == 1 {
            fs::write(store.join("anchor"), anchor(segment, named)).say("anchor")?;
        } else {
            continue;
        }
        fs::remove_dir_all(store.join("index")).say("index")?;
        let place =
            || format!("{len} of {} bytes of {last}, {anchored} of {} anchored", bytes.len(), records.len());
        if anchored > whole {
            match judge(&store, sample.segment_bytes, &sample.truth)
                .map_err(|why| format!("{}: {why}", place()))?
            {
                Verdict::Named(_) => lost += 1,
                Verdict::Whole(_) => return Err(format!("{}: taken for whole", place())),
            }
            continue;
        }
        if sample.erased {
            continue;
        }
        let mut there = earlier.clone();
        there.extend(records.iter().take(whole).cloned());
        let truth = sample.truth.up_to(&there);
        let kept =
            whole.checked_sub(1).and_then(|one| records.get(one)).map_or(SEGMENT_HEADER, |last| last.end);
        match judge(&store, sample.segment_bytes, &truth).map_err(|why| format!("{}: {why}", place()))? {
            Verdict::Whole(report)
                if report.cut.as_ref().map_or(0, |cut| cut.bytes) == (len - kept) as u64 =>
            {
                cut += 1
            }
            Verdict::Whole(report) => return Err(format!("{}: {report:?}", place())),
            Verdict::Named(named) => return Err(format!("{}: {named}", place())),
        }
    }
    counts(&[("points", cut + lost), ("lengths-cut", cut), ("lengths-lost", lost)])
}
