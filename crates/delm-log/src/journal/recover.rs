//! Opening a journal: is everything there that the anchor names, and is what follows whole?
//!
//! Refuses to repair damage: it cuts one thing only, a record past the anchor that was being written when the process
//! or the machine stopped. Everything else that is bad is named with its place and left as it is.

use std::fs::OpenOptions;
use std::path::Path;

use crate::error::{LogError, Place};
use crate::journal::Journal;
use crate::journal::anchor::Anchor;
use crate::journal::files::{Segments, io_error, sync_dir};
use crate::journal::layout::{
    End, Kind, RECORD_HEADER_BYTES, RECORD_MAGIC, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader,
};
use crate::journal::scan::{BlobState, Record, Scan, blob_places, blob_state, segment_header};

/// A torn end that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Where the journal ends now.
    pub place: Place,
    /// How many bytes followed.
    pub bytes: u64,
    /// Why they are no record.
    pub why: String,
}

/// An opened journal, and what was found.
pub(crate) struct Recovered {
    pub(crate) journal: Journal,
    pub(crate) cut: Option<Cut>,
    /// The anchor slot that was bad (0 or 1), with the reason; it has been rewritten.
    pub(crate) bad_slot: Option<(usize, String)>,
}

/// Opens the journal in `dir` with its anchor in `anchor_path`.
pub(crate) fn recover(dir: &Path, anchor_path: &Path, roll_bytes: u64) -> Result<Recovered, LogError> {
    let segments = Segments::new(dir);
    let anchor = Anchor::read(anchor_path)?;
    let last = check_names(&segments, anchor.end)?;
    let mut cut = remove_torn_segment(&segments, last, anchor.end)?;
    let last = if cut.is_some() { last.saturating_sub(1) } else { last };
    check_headers(&segments, last)?;
    let mut scan = Scan::from_segment(&segments, anchor.end.place.segment, last)?;
    read_to_anchor(&segments, &mut scan, anchor.end)?;
    let (end, torn) = read_past_anchor(&segments, &mut scan, last)?;
    if let Some(why) = torn {
        cut = Some(cut_at(&segments, end.place, why)?);
    }
    // Both slots name the end now; records a crash left behind the old anchor count as committed from here on, so
    // they must be durable before the anchor says so.
    segments.sync(end.place.segment)?;
    let anchor_file = Anchor::create(anchor_path, end)?;
    let journal = Journal::at_end(segments, end, anchor_file, roll_bytes)?;
    Ok(Recovered { journal, cut, bad_slot: anchor.bad })
}

/// Segments are numbered from one without a gap, and the anchor's is among them.
fn check_names(segments: &Segments, anchor: End) -> Result<u32, LogError> {
    let numbers = segments.list()?;
    for (number, expected) in numbers.iter().zip(1u32..) {
        if *number != expected {
            return Err(segments
                .corrupt(Place { segment: expected, offset: 0 }, "the segment is missing")
                .into());
        }
    }
    let last = numbers.last().copied().unwrap_or(0);
    if last < anchor.place.segment {
        let end = Place { segment: last, offset: if last == 0 { 0 } else { segments.len(last)? } };
        return Err(lost(segments, anchor, end));
    }
    Ok(last)
}

fn lost(segments: &Segments, anchor: End, end: Place) -> LogError {
    let what = format!("a suffix is lost: the anchor names {}, the journal ends at {end}", anchor.place);
    segments.corrupt(end, what).into()
}

/// A crash while a segment was begun leaves a file without a whole header, past the anchor.
fn remove_torn_segment(segments: &Segments, last: u32, anchor: End) -> Result<Option<Cut>, LogError> {
    let bytes = segments.len(last)?;
    if last <= anchor.place.segment || bytes > SEGMENT_HEADER_BYTES {
        return Ok(None);
    }
    let header = segments.read(Place { segment: last, offset: 0 }, bytes)?;
    let Err(why) = SegmentHeader::from_bytes(&header) else { return Ok(None) };
    let path = segments.path(last);
    std::fs::remove_file(&path).map_err(|error| io_error("remove", &path, error))?;
    sync_dir(segments.dir())?;
    let before = last.saturating_sub(1);
    let place = Place { segment: before, offset: segments.len(before)? };
    Ok(Some(Cut { place, bytes, why }))
}

/// Every header is whole and names the length of the segment before.
fn check_headers(segments: &Segments, last: u32) -> Result<(), LogError> {
    let mut previous_bytes = 0;
    for segment in 1..=last {
        let header = segment_header(segments, segment)?;
        if header.previous_bytes != previous_bytes {
            let place = Place { segment: segment.saturating_sub(1), offset: previous_bytes };
            let what = format!("the segment has {previous_bytes} bytes, and had {}", header.previous_bytes);
            return Err(segments.corrupt(place, what).into());
        }
        previous_bytes = segments.len(segment)?;
    }
    Ok(())
}

/// Everything up to the anchor must be there and whole, and end exactly where the anchor says.
fn read_to_anchor(segments: &Segments, scan: &mut Scan, anchor: End) -> Result<(), LogError> {
    if scan.segment_bytes() < anchor.place.offset {
        let end = Place { segment: anchor.place.segment, offset: scan.segment_bytes() };
        return Err(lost(segments, anchor, end));
    }
    while scan.at().place < anchor.place {
        if scan.next()?.is_none() {
            return Err(lost(segments, anchor, scan.at().place));
        }
    }
    if scan.at() != anchor {
        let what = format!(
            "the anchor names record {} ending at {}, which is not there",
            anchor.count, anchor.place
        );
        return Err(segments.corrupt(scan.at().place, what).into());
    }
    Ok(())
}

/// Reads the records past the anchor, with their blobs. Gives the end, and why what follows it is torn if it is.
fn read_past_anchor(
    segments: &Segments,
    scan: &mut Scan,
    last: u32,
) -> Result<(End, Option<String>), LogError> {
    loop {
        let end = scan.at();
        let bad = match scan.next() {
            Ok(None) => return Ok((scan.at(), None)),
            Ok(Some(record)) => match bad_blob(segments, &record)? {
                None => continue,
                Some(bad) => bad,
            },
            Err(LogError::Corrupt(bad)) => bad,
            Err(other) => return Err(other),
        };
        // One record is written at a time, so only the very last thing in the journal can be torn.
        let torn = bad.place.is_some_and(|place| place.segment == last) && end.place.segment == last;
        if !torn || record_follows(segments, end)? {
            return Err(bad.into());
        }
        return Ok((end, Some(bad.what)));
    }
}

fn bad_blob(segments: &Segments, record: &Record) -> Result<Option<crate::error::Corruption>, LogError> {
    if record.header.kind != Kind::Entries {
        return Ok(None);
    }
    for (hash, len, place) in blob_places(record) {
        // Zeroes are lawful before the anchor only: a redaction pins the anchor before it zeroes anything.
        if blob_state(segments, place, &hash, len)? != BlobState::Whole {
            return Ok(Some(segments.corrupt(place, format!("the bytes of blob {hash} are not its own"))));
        }
    }
    Ok(None)
}

/// Whether a later record stands whole after the bad one at `end`: then that one is damage, not a torn end.
fn record_follows(segments: &Segments, end: End) -> Result<bool, LogError> {
    let place = end.place;
    let len = segments.len(place.segment)?.saturating_sub(place.offset);
    let tail = segments.read(place, len)?;
    let mut from = 1;
    while let Some(rest) = tail.get(from..) {
        let Some(found) = rest.windows(RECORD_MAGIC.len()).position(|window| window == RECORD_MAGIC) else {
            return Ok(false);
        };
        let candidate = rest.get(found..).unwrap_or_default();
        if whole_record(candidate, end.count) {
            return Ok(true);
        }
        from += found + 1;
    }
    Ok(false)
}

/// A blob may hold the image of a record; one with a number beyond `count` is no accident.
fn whole_record(bytes: &[u8], count: u64) -> bool {
    let Some(header) = bytes.get(..RECORD_HEADER_BYTES).and_then(RecordHeader::from_bytes) else {
        return false;
    };
    if header.count <= count {
        return false;
    }
    let rest = bytes.get(RECORD_HEADER_BYTES..).unwrap_or_default();
    let body = usize::try_from(header.body_bytes).ok().and_then(|len| rest.get(..len));
    body.is_some_and(|body| header.hash_with(body) == header.hash)
}

fn cut_at(segments: &Segments, place: Place, why: String) -> Result<Cut, LogError> {
    let path = segments.path(place.segment);
    let bytes = segments.len(place.segment)?.saturating_sub(place.offset);
    let file = OpenOptions::new().write(true).open(&path).map_err(|error| io_error("open", &path, error))?;
    file.set_len(place.offset).map_err(|error| io_error("cut", &path, error))?;
    file.sync_all().map_err(|error| io_error("sync", &path, error))?;
    Ok(Cut { place, bytes, why })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::layout::put_part;
    use crate::store::testing::new_home;
    use delm_core::ids::Digest;

    fn body(text: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        put_part(&mut body, &Digest::ZERO, 0, b"an entry", &[(Digest::of_blob(text), text.len() as u64)]);
        body
    }

    /// Every length of the journal past the anchor opens at the last whole record, and nothing else does.
    #[test]
    fn every_length_past_the_anchor_is_cut_to_a_whole_record() {
        let dir = tempfile::tempdir().unwrap();
        let home = new_home(dir.path());
        let mut journal = recover(&home.journal(), &home.anchor(), 1 << 20).unwrap().journal;
        let mut ends = Vec::new();
        let mut anchor = Vec::new();
        for text in ["one", "two and more", "three"] {
            journal.append(Kind::Entries, &body(text.as_bytes()), &[text.as_bytes()]).unwrap();
            ends.push(journal.end().place.offset);
            if ends.len() == 1 {
                anchor = std::fs::read(home.anchor()).unwrap();
            }
        }
        let path = journal.segments().path(1);
        let whole = std::fs::read(&path).unwrap();
        for len in 0..=whole.len() {
            std::fs::write(&path, &whole[..len]).unwrap();
            std::fs::write(home.anchor(), &anchor).unwrap();
            let recovered = recover(&home.journal(), &home.anchor(), 1 << 20);
            let Some(kept) = ends.iter().rfind(|end| **end <= len as u64) else {
                assert!(matches!(recovered, Err(LogError::Corrupt(_))), "{len}");
                continue;
            };
            let recovered = recovered.unwrap();
            assert_eq!(recovered.journal.end().place.offset, *kept, "{len}");
            assert_eq!(recovered.cut.map_or(0, |cut| cut.bytes), len as u64 - kept);
            assert_eq!(Anchor::read(&home.anchor()).unwrap().end, recovered.journal.end);
        }
    }

    /// Numbers that look drawn, the same each time (splitmix64).
    fn drawn(state: &mut u64, end: u64) -> usize {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end).unwrap()
    }

    /// A record of a drawn number of entries, each with drawn blobs; gives where in the segment each entry ends.
    fn append_drawn(journal: &mut Journal, state: &mut u64) -> Vec<u64> {
        let (mut body, mut blobs, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let start = journal.end().place.offset + RECORD_HEADER_BYTES as u64;
        for seq in 0..=drawn(state, 3) as u64 {
            let entry = vec![b'e'; 1 + drawn(state, 40)];
            let texts: Vec<Vec<u8>> = (0..drawn(state, 3)).map(|_| vec![b'b'; drawn(state, 60)]).collect();
            let listed: Vec<_> =
                texts.iter().map(|text| (Digest::of_blob(text), text.len() as u64)).collect();
            put_part(&mut body, &Digest::ZERO, seq, &entry, &listed);
            blobs.extend(texts);
            ends.push(start + body.len() as u64);
        }
        let blobs: Vec<&[u8]> = blobs.iter().map(Vec::as_slice).collect();
        journal.append(Kind::Entries, &body, &blobs).unwrap();
        ends
    }

    /// Twenty drawn logs, cut at every boundary of a record or an entry and at every byte of the last record: with the
    /// anchor behind, what is not whole is cut off; with the anchor ahead, the suffix is missed.
    #[test]
    fn twenty_logs_are_cut_to_whole_records() {
        let memory = Path::new("/dev/shm");
        let mut lengths = 0;
        for log in 0..20 {
            let dir =
                tempfile::tempdir_in(if memory.is_dir() { memory.into() } else { std::env::temp_dir() });
            let dir = dir.unwrap();
            let home = new_home(dir.path());
            let empty = std::fs::read(home.anchor()).unwrap();
            let mut journal = recover(&home.journal(), &home.anchor(), 1 << 20).unwrap().journal;
            let mut state = log;
            let mut wholes = vec![journal.end().place.offset];
            let mut cuts = wholes.clone();
            let mut behind = empty.clone();
            for _ in 0..2 + drawn(&mut state, 6) {
                behind = std::fs::read(home.anchor()).unwrap();
                cuts.extend(append_drawn(&mut journal, &mut state));
                wholes.push(journal.end().place.offset);
            }
            let ahead = std::fs::read(home.anchor()).unwrap();
            let path = journal.segments().path(1);
            let whole = std::fs::read(&path).unwrap();
            let last = wholes[wholes.len() - 2];
            cuts.extend(wholes.iter().chain(&(last..whole.len() as u64).collect::<Vec<_>>()));
            for len in cuts {
                let kept = *wholes.iter().rfind(|end| **end <= len).unwrap();
                // The anchor behind names the record before the last; for earlier cuts, none.
                let anchor = if len < last { &empty } else { &behind };
                for (anchor, lost) in [(anchor, false), (&ahead, len < whole.len() as u64)] {
                    std::fs::write(&path, &whole[..usize::try_from(len).unwrap()]).unwrap();
                    std::fs::write(home.anchor(), anchor).unwrap();
                    let recovered = recover(&home.journal(), &home.anchor(), 1 << 20);
                    lengths += 1;
                    if lost {
                        let Err(LogError::Corrupt(corruption)) = recovered else {
                            panic!("log {log}, {len}")
                        };
                        assert!(
                            corruption.what.contains("a suffix is lost"),
                            "log {log}, {len}: {corruption}"
                        );
                        continue;
                    }
                    let recovered = recovered.unwrap();
                    assert_eq!(recovered.journal.end().place.offset, kept, "log {log}, {len}");
                    assert_eq!(recovered.cut.map_or(0, |cut| cut.bytes), len - kept, "log {log}, {len}");
                }
            }
        }
        assert!(lengths > 10_000, "{lengths}");
    }

    /// A crash leaves a new segment with a part of its header, or with all its length and not its bytes.
    #[test]
    fn a_segment_without_a_whole_header_is_torn_and_a_longer_one_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let home = new_home(dir.path());
        let second = Segments::new(&home.journal()).path(2);
        for (bytes, torn) in [(0u64, true), (95, true), (96, true), (97, false), (500, false)] {
            std::fs::write(&second, vec![7; usize::try_from(bytes).unwrap()]).unwrap();
            let recovered = recover(&home.journal(), &home.anchor(), 1 << 20);
            if torn {
                assert_eq!(recovered.unwrap().cut.map(|cut| cut.bytes), Some(bytes));
            } else {
                assert!(matches!(recovered, Err(LogError::Corrupt(_))), "{bytes}");
            }
            assert_eq!(second.exists(), !torn, "{bytes}");
        }
    }

    /// Nothing is torn that lies before the last segment: what a whole header there contradicts is damage.
    #[test]
    fn a_segment_that_follows_another_record_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        let home = new_home(dir.path());
        let mut journal = recover(&home.journal(), &home.anchor(), 1 << 20).unwrap().journal;
        journal.append(Kind::Entries, &body(b"one"), &[b"one"]).unwrap();
        let End { place, count, .. } = journal.end();
        let previous = Digest::of_blob(b"another record");
        let header = SegmentHeader { segment: 2, count, previous_bytes: place.offset, previous };
        crate::journal::create_segment(journal.segments(), header).unwrap();
        let recovered = recover(&home.journal(), &home.anchor(), 1 << 20);
        let Err(LogError::Corrupt(corruption)) = recovered else { panic!("opened") };
        assert_eq!(corruption.place, Some(Place { segment: 2, offset: 0 }));
    }

    /// A blob may hold how records begin, and even an earlier record: torn stays torn. A record that was written later
    /// makes it damage, however many such images come before.
    #[test]
    fn images_of_records_in_a_torn_one_do_not_make_it_damage() {
        let dir = tempfile::tempdir().unwrap();
        let home = new_home(dir.path());
        let mut journal = recover(&home.journal(), &home.anchor(), 1 << 20).unwrap().journal;
        journal.append(Kind::Entries, &body(b"one"), &[b"one"]).unwrap();
        let anchor = std::fs::read(home.anchor()).unwrap();
        let path = journal.segments().path(1);
        let first = usize::try_from(journal.end().place.offset).unwrap();
        let image = std::fs::read(&path).unwrap()[96..].to_vec();
        let text = [b"dRec, dRec and ".as_slice(), &image, b"dRec"].concat();
        journal.append(Kind::Entries, &body(&text), &[&text]).unwrap();
        let torn = std::fs::read(&path).unwrap();
        journal.append(Kind::Entries, &body(b"three"), &[b"three"]).unwrap();
        let mut damaged = std::fs::read(&path).unwrap();
        for len in [torn.len() - 1, torn.len() - 4, torn.len() - 20] {
            std::fs::write(&path, &torn[..len]).unwrap();
            std::fs::write(home.anchor(), &anchor).unwrap();
            let recovered = recover(&home.journal(), &home.anchor(), 1 << 20).unwrap();
            assert_eq!(recovered.cut.unwrap().bytes, (len - first) as u64);
            assert_eq!(recovered.journal.end().place.offset, first as u64);
        }
        damaged[first + 100] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        std::fs::write(home.anchor(), &anchor).unwrap();
        assert!(matches!(recover(&home.journal(), &home.anchor(), 1 << 20), Err(LogError::Corrupt(_))));
        assert!(std::fs::read(&path).unwrap() == damaged, "nothing is cut");
    }

    /// Any byte of either slot may be wrong, as long as the other is right.
    #[test]
    fn every_byte_of_a_slot_may_be_wrong() {
        let dir = tempfile::tempdir().unwrap();
        let home = new_home(dir.path());
        let mut journal = recover(&home.journal(), &home.anchor(), 1 << 20).unwrap().journal;
        journal.append(Kind::Entries, &body(b"one"), &[b"one"]).unwrap();
        let end = journal.end();
        let before = std::fs::read(home.anchor()).unwrap();
        for (slot, start) in [(0, 0), (1, 4096)] {
            for at in 0..96 {
                let mut bytes = before.clone();
                bytes[start + at] ^= 8;
                std::fs::write(home.anchor(), &bytes).unwrap();
                let recovered = recover(&home.journal(), &home.anchor(), 1 << 20).unwrap();
                assert_eq!(recovered.bad_slot.map(|(slot, _)| slot), Some(slot), "{at}");
                assert_eq!(recovered.journal.end(), end);
            }
        }
    }
}
