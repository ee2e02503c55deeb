//! Every bit of an export.
//!
//! Read by the reader of exports, and one in 61 by the auditor as well, which has to be read from its first line.
//!
//! Refuses nothing but the length of a blob that was redacted, which only the exporter knew; these samples have none.

use delm_wire::export::Reader;

use super::counts;
use super::sample::Sample;
use super::watch::Watch;
use crate::crash::{Outcome, Say};

/// Bytes of a chunk.
const CHUNK: usize = 512;

/// Every so manieth flip is given to the auditor too.
const AUDITED: u64 = 61 * 7;

/// How many chunks an export has.
pub(super) fn chunks(sample: &Sample) -> usize {
    sample.export.len().div_ceil(CHUNK)
}

/// Flips every bit of a chunk, one at a time.
pub(super) fn flips(sample: &Sample, chunk: usize, watch: &Watch) -> Outcome {
    let from = chunk * CHUNK;
    let until = sample.export.len().min(from + CHUNK);
    let mut reader = Reader::new();
    let mut start = 0;
    let (mut flips, mut audited) = (0, 0);
    for line in sample.export.split_inclusive(|byte| *byte == b'\n') {
        let end = start + line.len();
        let here = from.max(start)..until.min(end);
        for at in here {
            for bit in 0..8 {
                watch.step();
                let mut flipped = line.to_vec();
                flipped.get_mut(at - start).into_iter().for_each(|byte| *byte ^= 1 << bit);
                if whole(reader.clone(), &flipped, sample.export.get(end..).unwrap_or_default()) {
                    return Err(format!("bit {bit} of byte {at} of an export is not missed"));
                }
                if sample.lawful && (at as u64 * 7 + bit).is_multiple_of(AUDITED) {
                    let mut whole = sample.export.clone();
                    whole.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << bit);
                    if delm_oracle::audit(&*whole).say("audit")?.is_clean() {
                        return Err(format!(
                            "bit {bit} of byte {at} of an export is not missed by the auditor"
                        ));
                    }
                    audited += 1;
                }
                flips += 1;
            }
        }
        if end >= until {
            break;
        }
        reader.line(line).say("an export that nobody damaged")?;
        start = end;
    }
    counts(&[("points", flips), ("export-flips", flips), ("export-flips-audited", audited)])
}

/// Whether the rest of an export is taken for whole. A flip may end a line early, or join it with the next.
fn whole(mut reader: Reader, flipped: &[u8], rest: &[u8]) -> bool {
    let ends = flipped.last() == Some(&b'\n');
    if ends && flipped.split_inclusive(|byte| *byte == b'\n').any(|line| reader.line(line).is_err()) {
        return false;
    }
    let rest = if ends { rest.to_vec() } else { [flipped, rest].concat() };
    rest.split_inclusive(|byte| *byte == b'\n').all(|line| reader.line(line).is_ok())
        && reader.finish().is_ok()
}
