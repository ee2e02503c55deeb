//! An export reads back as what was written, and nothing else does.
//!
//! Refuses to sample where it can be complete: every byte, every line, every neighbour of a small export.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod common;

use common::{blob, blob_counts, chain, lines, run_started, sample, samples, small_run, store};
use delm_core::entry::{Entry, Sealed};
use delm_core::event::{Event, RunForked, RunPaused};
use delm_core::ids::Digest;
use delm_wire::export::{ExportError, ReadError, ReadFault, Reader, Record, Stored, Summary, Writer};
use proptest::prelude::*;

fn read(lines: &[impl AsRef<[u8]>]) -> Result<(Vec<Record>, Summary), ReadError> {
    let mut reader = Reader::new();
    let records = lines.iter().map(|line| reader.line(line.as_ref())).collect::<Result<Vec<_>, _>>()?;
    Ok((records, reader.finish()?))
}

fn refused(lines: &[impl AsRef<[u8]>]) -> (u64, String) {
    let error = read(lines).map(|(_, summary)| summary).unwrap_err();
    (error.line, error.fault.to_string())
}

/// Splits a file into lines as a program would: each with its newline, the last perhaps without.
fn split(file: &[u8]) -> Vec<&[u8]> {
    file.split_inclusive(|byte| *byte == b'\n').collect()
}

#[test]
fn a_run_with_every_kind_of_event_reads_back_as_itself() {
    let entries = small_run(samples());
    let lines = lines(0, &entries);
    let (records, summary) = read(&lines).unwrap();
    let back: Vec<&Sealed> = records
        .iter()
        .filter_map(|record| if let Record::Entry(sealed) = record { Some(sealed) } else { None })
        .collect();
    assert!(back.into_iter().eq(entries.iter()));
    let (blobs, redacted) = blob_counts(&entries);
    assert_eq!((summary.blobs, summary.redacted), (blobs as u64, redacted as u64));
    assert_eq!((summary.run, summary.head), (entries[0].id, entries.last().unwrap().head()));
    assert_eq!(redacted, 1);
    for record in &records {
        if let Record::Blob { hash, len, bytes } = record {
            let stored = &store()[hash];
            assert_eq!(*len, stored.len() as u64);
            assert_eq!(bytes.as_deref().is_none(), *hash == blob(2), "only what was redacted is gone");
            assert!(bytes.as_deref().is_none_or(|bytes| bytes == &**stored));
        }
    }
}

#[test]
fn a_fork_carries_its_prefix_and_names_its_origin() {
    let entries = forked(|fork| fork);
    let lines = lines(2, &entries);
    assert!(lines[0].contains(r#""origin":{"run":""#), "{}", lines[0]);
    assert_eq!(read(&lines).unwrap().1.run, entries[2].id);

    let elsewhere = forked(|fork| RunForked { seq: 0, ..fork });
    let (line, fault) = refused(&self::lines(2, &elsewhere));
    assert_eq!((line, fault.as_str()), (4, "entry 2 begins a fork of another place than entry 1 of its run"));
}

/// Two entries of a run, then a fork that leaves from the second.
fn forked(change: impl Fn(RunForked) -> RunForked) -> Vec<Sealed> {
    let mut entries = chain([vec![run_started().into()], vec![sample("run_resumed")]]);
    let fork = RunForked::unchanged([1; 16], entries[0].id, entries[1].head(), "0.1.0".into());
    let fork = Entry {
        parent: entries[1].id,
        seq: 2,
        events: vec![change(fork).into()],
        ..entries[1].entry.clone()
    };
    entries.push(fork.seal());
    entries
}

#[test]
fn every_byte_changed_in_any_way_is_refused_at_its_line() {
    let entries = small_run([sample("run_paused"), sample("run_ended"), sample("blob_redacted")]);
    let lines = lines(0, &entries);
    let file = lines.concat().into_bytes();
    let free = redacted_len(&lines);
    let mut place = (1, 0);
    for at in 0..file.len() {
        for mask in [1u8, 32, 255] {
            let mut altered = file.clone();
            altered[at] ^= mask;
            if free.contains(&at) && altered[at].is_ascii_digit() {
                continue;
            }
            let error = read(&split(&altered)).map(|(_, summary)| summary).unwrap_err();
            assert_eq!(error.line, place.0, "byte {at}, mask {mask}: {error}");
        }
        place = if file[at] == b'\n' { (place.0 + 1, 0) } else { place };
    }
}

/// Where the digits of a redacted blob's length are: the one thing in an export that nothing can vouch for.
fn redacted_len(lines: &[String]) -> core::ops::Range<usize> {
    let line = lines.iter().position(|line| line.contains("\"redacted\":true")).unwrap();
    let before: usize = lines[..line].iter().map(String::len).sum();
    let start = before + lines[line].find("\"len\":").unwrap() + 6;
    start..start + lines[line][start - before..].find(',').unwrap()
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let file = lines(0, &small_run([sample("run_paused")])).concat();
    for end in 0..file.len() {
        let cut = &file.as_bytes()[..end];
        let error = read(&split(cut)).map(|(_, summary)| summary).unwrap_err();
        assert!(
            matches!(error.fault, ReadFault::Truncated { .. } | ReadFault::Unterminated),
            "{end}: {error}"
        );
        let whole = cut.iter().filter(|byte| **byte == b'\n').count() as u64;
        assert_eq!(error.line, whole + 1);
    }
}

#[test]
fn lines_dropped_doubled_or_swapped_are_refused() {
    let lines = lines(0, &small_run(samples()));
    let last_entry = lines.iter().rposition(|line| line.starts_with("{\"seq\"")).unwrap();
    for n in 0..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(n);
        let line = refused(&dropped).0;
        // That the last entry is missing shows at the first line that no longer fits.
        assert!(line == n as u64 + 1 || (n == last_entry && line > n as u64), "line {n} dropped: {line}");

        let mut doubled = lines.clone();
        doubled.insert(n, lines[n].clone());
        assert_eq!(refused(&doubled).0, n as u64 + 2, "line {n} doubled");
    }
    for n in 1..lines.len() {
        let mut swapped = lines.clone();
        swapped.swap(n - 1, n);
        let line = refused(&swapped).0;
        assert!(
            line == n as u64 || (n - 1 == last_entry && line == n as u64 + 1),
            "lines {n} swapped: {line}"
        );
    }
}

#[test]
fn every_refusal_names_what_is_wrong() {
    let lines = lines(0, &small_run([sample("run_paused"), sample("blob_redacted")]));
    let altered = |line: usize, from: &str, to: &str| {
        let mut lines = lines.clone();
        assert!(lines[line].contains(from), "{}", lines[line]);
        lines[line] = lines[line].replacen(from, to, 1);
        refused(&lines)
    };
    let says = |(line, fault): (u64, String), expected: (u64, &str)| {
        assert!(line == expected.0 && fault.starts_with(expected.1), "line {line}: {fault}");
    };
    says(altered(0, "export/1", "export/2"), (1, "the export has the format \"delm.export/2\""));
    says(altered(0, "delm.export/1", "other"), (1, "the first line does not say that this is an export"));
    says(
        altered(0, "\"engine\":\"0.1.0\"", "\"engine\":\"9\""),
        (1, "the header does not name the run of the entries: engine"),
    );
    says(altered(0, "}", ",\"x\":1}"), (1, "unknown field x"));
    says(
        altered(2, "\"cause\":\"budget\"", "\"cause\":\"deadline\""),
        (3, "events[0].data.cause is \"deadline\", not \"budget\""),
    );
    says(altered(2, "\"seq\":1", "\"seq\":2"), (3, "seq is 2, not 1"));
    says(
        altered(2, "\"rules\":1", "\"rules\": 1"),
        (3, "the line is not spelled as an export spells it, from its byte"),
    );
    says(altered(2, "\"rules\":1", "\"rules\":1,\"rules\":1"), (3, "the line is not spelled"));
    says(altered(2, "\"bytes\":\"A", "\"bytes\":\"B"), (3, "the entry was altered: it says its id is"));
    says(altered(2, "\"bytes\":\"", "\"bytes\":\"?"), (3, "bytes is not base64"));
    let blob = lines.iter().position(|line| line.contains("\"base64\"")).unwrap();
    says(
        altered(blob, "\"base64\":\"dGV4d", "\"base64\":\"dGV4e"),
        (blob as u64 + 1, "the blob was altered: it says its hash is"),
    );
    says(altered(lines.len() - 1, "\"size\":3", "\"size\":4"), (lines.len() as u64, "tree.size is 4, not 3"));
    let gone = lines.iter().position(|line| line.contains("\"redacted\"")).unwrap();
    says(altered(gone, "\"redacted\":true", "\"base64\":\"\""), (gone as u64 + 1, "blob "));
}

#[test]
fn an_event_of_a_newer_delm_is_refused_not_skipped() {
    let entries = small_run([sample("run_paused")]);
    let mut bytes = entries[1].bytes.to_vec();
    let kind = bytes.len() - entries[1].entry.events[0].to_raw().body.len() - 3;
    assert_eq!(u16::from(bytes[kind]), entries[1].entry.events[0].code());
    bytes[kind] = 99;
    let id = delm_core::entry::entry_id(&bytes);
    let mut lines = lines(0, &entries);
    let old = base64(&entries[1].bytes);
    lines[2] = lines[2].replace(&entries[1].id.to_string(), &id.to_string()).replace(&old, &base64(&bytes));
    assert_eq!(refused(&lines), (3, "unknown event kind 99; a newer delm may know it".into()));
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_run_that_does_not_hang_together_is_not_written() {
    let entries = small_run([sample("run_paused"), sample("run_resumed")]);
    assert!(matches!(Writer::begin(&entries[1]), Err(ExportError::NoBeginning { seq: 1 })));
    let begin = || Writer::begin(&entries[0]).unwrap().0;
    assert!(matches!(begin().entry(&entries[1]), Err(ExportError::OutOfPlace { expected: 0, found: 1 })));
    assert!(matches!(begin().end(), Err(ExportError::NotItsOwn { .. })));
    let mut writer = begin();
    writer.entry(&entries[0]).unwrap();
    let stranger = Entry { parent: blob(0), ..entries[1].entry.clone() }.seal();
    assert!(matches!(writer.entry(&stranger), Err(ExportError::Unchained { seq: 1 })));
    let hash = blob(1);
    assert!(matches!(writer.blob(&hash, None), Err(ExportError::BlobMissing { .. })));
    let gone = Stored { len: 6, bytes: None };
    assert!(matches!(writer.blob(&hash, Some(&gone)), Err(ExportError::BlobMissing { .. })));
    let wrong = Stored { len: 5, bytes: Some(b"other".as_slice().into()) };
    assert!(matches!(writer.blob(&hash, Some(&wrong)), Err(ExportError::BlobDamaged { .. })));
}

#[test]
fn a_second_beginning_is_refused() {
    let twice = chain([vec![run_started().into()], vec![run_started().into()]]);
    assert_eq!(refused(&lines(0, &twice)), (3, "entry 1 must not begin a run".into()));
    let inside = chain([vec![run_started().into(), run_started().into()]]);
    assert_eq!(refused(&lines(0, &inside)).0, 2);
    let never = RunPaused { cause: delm_core::event::PauseCause::Budget, open: vec![] };
    let entry = |parent, seq, event: Event| {
        Entry { parent, seq, at: 0, agent: None, command: 0, rules: 1, events: vec![event] }.seal()
    };
    let first = entry(Digest::ZERO, 0, never.into());
    let mut lines = lines(0, &chain([vec![run_started().into()]]));
    lines[1] = format!("{}\n", serde_json::to_string(&delm_wire::export::EntryLine::of(&first)).unwrap());
    assert_eq!(refused(&lines), (2, "entry 0 must begin a run".into()));
}

prop_compose! {
    fn any_run()(picks in proptest::collection::vec(0..samples().len(), 0..24)) -> Vec<Sealed> {
        let samples = samples();
        small_run(picks.into_iter().map(|pick| samples[pick].clone()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn export_then_read_is_identity(entries in any_run()) {
        let lines = lines(0, &entries);
        let (records, summary) = read(&lines).unwrap();
        prop_assert_eq!(summary.head, entries.last().unwrap().head());
        let back: Vec<Sealed> = records.into_iter().filter_map(|record| match record {
            Record::Entry(sealed) => Some(sealed),
            Record::Header(_) | Record::Blob { .. } | Record::End(_) => None,
        }).collect();
        prop_assert_eq!(self::lines(0, &back), lines);
    }

    #[test]
    fn any_byte_of_any_export_counts(entries in any_run(), at: prop::sample::Index, mask in 1u8..) {
        prop_assume!(blob_counts(&entries).1 == 0);
        let file = lines(0, &entries).concat().into_bytes();
        let mut altered = file.clone();
        let at = at.index(file.len());
        altered[at] ^= mask;
        let line = file[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        prop_assert_eq!(read(&split(&altered)).map(|(_, summary)| summary).unwrap_err().line, line);
    }
}
