//! Every bit of the journal and of the anchor's slots.
//!
//! Refuses to open the index for each: what opening a store checks in the journal is tried by opening it; what lies in a
//! blob, or in a segment that is full, by reading it in a store that is open. One in 61 of those is opened as well.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use delm_core::ids::Digest;
use delm_log::{Found, Log as _, LogError, OpenError, Scope, Store};

use super::sample::{Sample, options};
use super::watch::Watch;
use super::{Verdict, counts, judge};
use crate::crash::journal::{RECORD_HEADER, Record, SEGMENT_HEADER, SLOTS};
use crate::crash::{Outcome, Say, Try};

/// Bytes of a chunk.
const CHUNK: usize = 256;
/// Of the bits that opening a store does not look at, every so manieth is tried by opening it nevertheless.
const REOPENED: u64 = 61;

/// How many chunks a sample has: those of its segments, then those of its anchor.
pub(super) fn chunks(sample: &Sample) -> usize {
    files(sample).map_or(1, |files| files.iter().map(|(_, len)| len.div_ceil(CHUNK)).sum())
}

fn files(sample: &Sample) -> Try<Vec<(String, usize)>> {
    let mut files = Vec::new();
    for name in sample.segments()?.into_iter().chain(["anchor".to_owned()]) {
        let len = fs::metadata(sample.store().join(&name)).say(&name)?.len();
        files.push((name, usize::try_from(len).say("length")?));
    }
    Ok(files)
}

/// Flips every bit of one chunk, one at a time.
pub(super) fn flips(sample: &Sample, chunk: usize, watch: &Watch) -> Outcome {
    let mut chunk = chunk;
    for (name, len) in files(sample)? {
        let chunks = len.div_ceil(CHUNK);
        if chunk < chunks {
            let from = chunk * CHUNK;
            let range = from..len.min(from + CHUNK);
            return if name == "anchor" {
                anchor(sample, range, watch)
            } else {
                segment(sample, &name, range, watch)
            };
        }
        chunk -= chunks;
    }
    Err("no such chunk".into())
}

/// What a byte of a segment belongs to.
enum Region {
    /// What opening the store checks.
    Checked,
    /// A record of a segment that is full.
    Full,
    /// A blob of a run.
    Blob(Digest, Digest),
    /// A blob of a run that was removed.
    Nobodys,
}

fn region(sample: &Sample, records: &[Record], last: bool, at: usize) -> Region {
    for part in records.iter().flat_map(|record| &record.parts) {
        for (hash, from, len) in &part.blobs {
            if (*from..from + len).contains(&at) {
                let known = sample.truth.knows(&part.run);
                return if known { Region::Blob(Digest(part.run), Digest(*hash)) } else { Region::Nobodys };
            }
        }
    }
    if last || at < SEGMENT_HEADER { Region::Checked } else { Region::Full }
}

fn segment(sample: &Sample, name: &str, range: std::ops::Range<usize>, watch: &Watch) -> Outcome {
    let (bytes, records) = sample.segment(name)?;
    let last = sample.segments()?.last().is_some_and(|last| last == name);
    let (_closed_folder, closed) = sample.copy()?;
    let (_open_folder, open_path) = sample.copy()?;
    let (open, _) = Store::open(&open_path, &options(sample.segment_bytes)).say("open")?;
    let files = [&closed, &open_path].map(|store| File::options().write(true).open(store.join(name)));
    let [closed_file, open_file] = files;
    let (closed_file, open_file) = (closed_file.say(name)?, open_file.say(name)?);
    let (mut flips, mut reopened) = (0, 0);
    for at in range {
        let region = region(sample, &records, last, at);
        let place = |bit| format!("bit {bit} of byte {at} of {name}");
        let Some(byte) = bytes.get(at) else { continue };
        for bit in 0..8 {
            watch.step();
            let flipped = [byte ^ (1 << bit)];
            let tried = match &region {
                Region::Checked => with(&closed_file, at, flipped, *byte, || refused(&closed, sample, at)),
                Region::Full | Region::Blob(..) | Region::Nobodys => {
                    with(&open_file, at, flipped, *byte, || read(&open, &region, bit == 0))
                }
            };
            tried.map_err(|why| format!("{}: {why}", place(bit)))?;
            flips += 1;
            if !matches!(region, Region::Checked) && (at as u64 * 8 + bit).is_multiple_of(REOPENED) {
                let (_folder, store) = sample.copy()?;
                let file = File::options().write(true).open(store.join(name)).say(name)?;
                file.write_all_at(&flipped, at as u64).say("flip")?;
                one(&store, sample).map_err(|why| format!("{}, opened: {why}", place(bit)))?;
                reopened += 1;
            }
        }
    }
    counts(&[("points", flips), ("journal-flips", flips), ("journal-flips-opened", reopened)])
}

fn with<T>(file: &File, at: usize, flipped: [u8; 1], was: u8, look: impl FnOnce() -> Try<T>) -> Try<T> {
    file.write_all_at(&flipped, at as u64).say("flip")?;
    let looked = look();
    file.write_all_at(&[was], at as u64).say("flip back")?;
    looked
}

/// Opening names the damage, at this byte or before it.
fn refused(store: &Path, sample: &Sample, at: usize) -> Try<()> {
    match Store::open(store, &options(sample.segment_bytes)) {
        Err(OpenError::Corrupt(corruption)) => match corruption.place {
            Some(place)
                if place.offset <= at as u64 || place.offset < (SEGMENT_HEADER + RECORD_HEADER) as u64 =>
            {
                Ok(())
            }
            place => Err(format!("it is placed at {place:?}: {corruption}")),
        },
        Err(error) => Err(format!("not called damage: {error}")),
        Ok((_, report)) => Err(format!("it opens: {report:?}")),
    }
}

/// Reading names the damage; so does verifying, or it heals what should be zero.
fn read(store: &Store, region: &Region, verify: bool) -> Try<()> {
    let mut gone = matches!(region, Region::Nobodys);
    if let Region::Blob(run, hash) = region {
        match store.blob(run, hash) {
            Err(LogError::Corrupt(_)) => {}
            Ok(Found::Redacted { .. }) => gone = true,
            other => return Err(format!("blob {hash} is read: {other:?}")),
        }
    }
    if verify || matches!(region, Region::Full) {
        let report = store.verify(Scope::All).say("verify")?;
        if report.is_whole() != gone || (report.erasures_finished > 0) != gone {
            return Err(format!("verify: {report:?}"));
        }
    }
    Ok(())
}

fn one(store: &Path, sample: &Sample) -> Try<()> {
    judge(store, sample.segment_bytes, &sample.truth).map(drop)
}

/// Bits of a slot: healed from the other one, and nothing is lost. Bytes between the slots mean nothing.
fn anchor(sample: &Sample, range: std::ops::Range<usize>, watch: &Watch) -> Outcome {
    let (_folder, store) = sample.copy()?;
    let path = store.join("anchor");
    let whole = fs::read(&path).say("anchor")?;
    let (mut healed, mut between) = (0, 0);
    for at in range {
        let in_slot = SLOTS.iter().any(|slot| (*slot..slot + RECORD_HEADER).contains(&at));
        // Nothing is read there; one in a chunk shows it.
        if !in_slot && at % CHUNK != 0 {
            continue;
        }
        for bit in 0..8 {
            watch.step();
            let mut bytes = whole.clone();
            bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << bit);
            fs::write(&path, bytes).say("flip")?;
            let verdict = judge(&store, sample.segment_bytes, &sample.truth);
            match verdict.map_err(|why| format!("bit {bit} of byte {at} of the anchor: {why}"))? {
                Verdict::Whole(report) if report.anchor_healed.is_some() == in_slot => {}
                Verdict::Whole(report) => return Err(format!("byte {at} of the anchor: {report:?}")),
                Verdict::Named(named) => {
                    return Err(format!("byte {at} of the anchor, with the other slot whole: {named}"));
                }
            }
            // The next is tried on the same store: it is as it was.
            if in_slot && fs::read(&path).say("anchor")? != whole {
                return Err(format!("bit {bit} of byte {at} of the anchor: healed to something else"));
            }
            if in_slot { healed += 1 } else { between += 1 }
        }
    }
    counts(&[("points", healed), ("anchor-flips", healed), ("anchor-flips-of-nothing", between)])
}
