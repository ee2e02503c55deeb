//! Damage and crashes: every flipped byte is named, healed, or harmless; every torn end is cut and said; never a panic.
//!
//! Refuses luck: places are tried in order, and what is drawn is drawn from a fixed seed.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should say where")]

mod kit;

use std::fs::{self, File, OpenOptions as Files};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use delm_core::entry::Blobs as _;
use delm_log::{Found, Log, LogError, OpenError, OpenOptions, RunBlobs, Scope, Store};
use kit::{Writer, blob, copy_tree, open, small};

/// A small store with two runs, a redaction and several segments; closed in order.
fn template(dir: &Path, segment_bytes: u64) -> (PathBuf, Vec<Writer>) {
    let path = dir.join("store");
    let options = OpenOptions { segment_bytes, ..small() };
    let (store, _) = Store::open(&path, &options).unwrap();
    let mut one = Writer::begin(&store, 1);
    let mut two = Writer::begin(&store, 2);
    one.add(&store, &["first text", "a secret"]);
    two.add(&store, &["second text"]);
    one.add_batch(&store, 3);
    store.redact(&one.run, &blob("a secret").hash).unwrap();
    two.add(&store, &["last text"]);
    one.blobs[0].pop();
    store.close().unwrap();
    (path, vec![one, two])
}

fn segments(store: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(store.join("journal")).unwrap().map(|item| item.unwrap().path()).collect();
    paths.sort();
    paths
}

fn flip(path: &Path, offset: u64) {
    let file = Files::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    byte[0] ^= 1 << (offset % 8);
    file.write_all_at(&byte, offset).unwrap();
}

fn corrupt(outcome: Result<(Store, delm_log::OpenReport), OpenError>) -> delm_log::Corruption {
    match outcome {
        Err(OpenError::Corrupt(corruption)) => corruption,
        Err(other) => panic!("not corruption: {other}"),
        Ok((_, report)) => panic!("opened: {report:?}"),
    }
}

#[test]
fn every_flipped_byte_of_the_journal_is_named_by_verify() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = template(dir.path(), 500);
    let (store, _) = Store::open(&path, &OpenOptions { segment_bytes: 500, ..small() }).unwrap();
    let clean = store.verify(Scope::All).unwrap();
    assert!(clean.is_whole() && clean.blobs_redacted == 1 && clean.index_healed.is_none(), "{clean:?}");
    assert!(segments(&path).len() > 2);
    for (number, segment) in (1u32..).zip(segments(&path)) {
        for offset in 0..fs::metadata(&segment).unwrap().len() {
            flip(&segment, offset);
            let report = store.verify(Scope::All).unwrap();
            if report.erasures_finished == 1 {
                assert!(report.is_whole(), "a redacted byte is zero again");
                continue;
            }
            let place =
                report.damage.first().unwrap_or_else(|| panic!("{segment:?} {offset}")).place.unwrap();
            assert!(place.segment == number && place.offset <= offset, "{place} for {number} {offset}");
            assert!(!report.is_whole());
            assert_eq!(report.index_healed, None);
            flip(&segment, offset);
        }
    }
    let healed = store.verify(Scope::All).unwrap();
    assert!(healed.is_whole() && healed.index_healed.is_none(), "{healed:?}");
}

#[test]
fn every_flipped_byte_of_the_last_segment_is_refused_or_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, writers) = template(dir.path(), 64 << 20);
    let segment = segments(&path).pop().unwrap();
    let before = fs::read(&segment).unwrap();
    let mut opened = 0;
    for offset in 0..before.len() as u64 {
        flip(&segment, offset);
        match Store::open(&path, &small()) {
            Err(OpenError::Corrupt(corruption)) => {
                assert!(corruption.place.unwrap().offset <= offset, "{corruption}");
            }
            Err(other) => panic!("{offset}: {other}"),
            // Only the bytes of blobs: they are looked at when they are read.
            Ok((store, report)) => {
                opened += 1;
                assert_eq!(report, delm_log::OpenReport::default());
                let bad = writers.iter().any(|writer| {
                    writer.blobs.iter().flatten().any(|blob| {
                        matches!(store.blob(&writer.run, &blob.hash), Err(LogError::Corrupt(at)) if at.place.is_some())
                    })
                });
                let report = store.verify(Scope::All).unwrap();
                assert!(bad != (report.erasures_finished == 1), "{offset}: {report:?}");
                assert_eq!(bad, !report.is_whole());
            }
        }
        fs::write(&segment, &before).unwrap();
    }
    let blob_bytes: usize =
        writers.iter().flat_map(|w| w.blobs.iter().flatten()).map(|b| b.bytes.len()).sum();
    assert_eq!(opened, blob_bytes + "a secret".len());
    writers.iter().for_each(|writer| writer.assert_in(&open(&path).0));
}

/// To the core a damaged blob and an unknown one are both none; whoever asked must not take one for the other.
#[test]
fn a_damaged_blob_is_not_said_to_be_unknown() {
    let dir = tempfile::tempdir().unwrap();
    let (path, writers) = template(dir.path(), 64 << 20);
    let segment = segments(&path).pop().unwrap();
    let at = fs::read(&segment).unwrap().windows(10).position(|bytes| bytes == b"first text").unwrap();
    let (store, _) = open(&path);
    flip(&segment, at as u64);
    let blobs = RunBlobs::new(&store, writers[0].run);
    assert_eq!(blobs.blob(&blob("never written").hash), None);
    assert_eq!(blobs.blob(&blob("first text").hash), None);
    let error = blobs.finish().unwrap_err().to_string();
    assert!(error.contains(&format!("is damaged at segment 1 offset {at}")), "{error}");
}

#[test]
fn a_lost_suffix_is_noticed_at_every_length() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = template(dir.path(), 64 << 20);
    let segment = segments(&path).pop().unwrap();
    let before = fs::read(&segment).unwrap();
    for len in 0..before.len() {
        fs::write(&segment, &before[..len]).unwrap();
        let corruption = corrupt(Store::open(&path, &small()));
        assert!(len < 96 || corruption.what.contains("a suffix is lost"), "{len}: {corruption}");
        assert_eq!(fs::metadata(&segment).unwrap().len(), len as u64, "nothing is cut");
    }
    fs::remove_file(&segment).unwrap();
    assert!(corrupt(Store::open(&path, &small())).what.contains("a suffix is lost"));
}

/// With its format file gone as well, a shortened journal must not be taken for a store that was never whole.
#[test]
fn a_store_whose_anchor_names_records_is_never_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let (path, writers) = template(dir.path(), 64 << 20);
    let segment = segments(&path).pop().unwrap();
    let before = fs::read(&segment).unwrap();
    for len in [Some(96), Some(40), Some(0), None] {
        fs::remove_file(path.join("format")).unwrap();
        match len {
            Some(len) => fs::write(&segment, &before[..len]).unwrap(),
            None => fs::remove_dir_all(path.join("journal")).unwrap(),
        }
        let corruption = corrupt(Store::open(&path, &small()));
        assert!(
            len.is_some_and(|len| len < 96) || corruption.what.contains("a suffix is lost"),
            "{corruption}"
        );
    }
    fs::create_dir(path.join("journal")).unwrap();
    fs::write(&segment, &before).unwrap();
    let (store, _) = open(&path);
    writers.iter().for_each(|writer| writer.assert_in(&store));
}

#[test]
fn a_missing_or_shortened_earlier_segment_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = template(dir.path(), 500);
    let second = segments(&path).remove(1);
    let before = fs::read(&second).unwrap();
    fs::write(&second, &before[..before.len() - 1]).unwrap();
    assert_eq!(corrupt(Store::open(&path, &small())).place.unwrap().segment, 2);
    fs::remove_file(&second).unwrap();
    let corruption = corrupt(Store::open(&path, &small()));
    assert!(corruption.what.contains("missing") && corruption.place.unwrap().segment == 2, "{corruption}");
}

#[test]
fn one_bad_anchor_slot_is_healed_and_two_are_corruption() {
    let dir = tempfile::tempdir().unwrap();
    let (path, writers) = template(dir.path(), 64 << 20);
    let anchor = path.join("anchor");
    for offset in [0, 95, 4096, 4096 + 20] {
        flip(&anchor, offset);
        let (store, report) = open(&path);
        let said = report.anchor_healed.unwrap();
        assert!(said.starts_with(if offset < 4096 { "slot 0" } else { "slot 1" }), "{said}");
        writers.iter().for_each(|writer| writer.assert_in(&store));
        assert!(store.verify(Scope::All).unwrap().anchor_healed.is_none());
        drop(store);
        assert_eq!(open(&path).1, delm_log::OpenReport::default());
    }
    flip(&anchor, 1000);
    assert_eq!(open(&path).1, delm_log::OpenReport::default(), "nothing lies between the slots");
    let before = fs::read(&anchor).unwrap();
    flip(&anchor, 7);
    flip(&anchor, 4096 + 90);
    assert!(corrupt(Store::open(&path, &small())).what.contains("both anchor slots"));
    fs::remove_file(&anchor).unwrap();
    assert!(corrupt(Store::open(&path, &small())).what.contains("the anchor is missing"));
    for len in [0, 50, 4096, 4100] {
        fs::write(&anchor, &before[..len]).unwrap();
        match Store::open(&path, &small()) {
            Ok((_, report)) => assert!(len >= 96 && report.anchor_healed.is_some()),
            Err(error) => assert!(len < 96, "{error}"),
        }
        fs::write(&anchor, &before).unwrap();
    }
}

/// A closed store has its end in both slots: without one of them, its last record is not taken for a torn write.
#[test]
fn a_bad_slot_does_not_hide_a_bad_last_record() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    Writer::begin(&store, 1).add_batch(&store, 3);
    Writer::begin(&store, 2).add(&store, &["the last"]);
    store.close().unwrap();
    let (anchor, segment) = (path.join("anchor"), segments(&path).pop().unwrap());
    let (slots, bytes) = (fs::read(&anchor).unwrap(), fs::read(&segment).unwrap());
    for slot in [10, 4096 + 10] {
        flip(&anchor, slot);
        fs::write(&segment, &bytes[..bytes.len() - 3]).unwrap();
        assert!(corrupt(Store::open(&path, &small())).what.contains("a suffix is lost"));
        fs::write(&anchor, &slots).unwrap();
    }
}

/// A store killed after two commits that its anchor does not know yet, as a machine that stops may leave it.
fn behind(dir: &Path) -> (PathBuf, Writer, [u64; 3]) {
    let path = dir.join("store");
    let (store, _) = open(&path);
    let mut one = Writer::begin(&store, 1);
    one.add_batch(&store, 2);
    let anchor = fs::read(path.join("anchor")).unwrap();
    let len = |path: &Path| fs::metadata(segments(path).pop().unwrap()).unwrap().len();
    let first = len(&path);
    one.add(&store, &["one more"]);
    let second = len(&path);
    one.add(&store, &["and the last"]);
    let third = len(&path);
    let killed = dir.join("killed");
    copy_tree(&path, &killed);
    fs::write(killed.join("anchor"), anchor).unwrap();
    fs::remove_dir_all(killed.join("index")).unwrap();
    drop(store);
    (killed, one, [first, second, third])
}

#[test]
fn a_torn_end_past_the_anchor_is_cut_at_every_length() {
    let dir = tempfile::tempdir().unwrap();
    let (killed, one, [first, second, third]) = behind(dir.path());
    let bytes = fs::read(segments(&killed).pop().unwrap()).unwrap();
    for len in first..=third {
        // Most lengths would only make sled's files anew; every length is tried without them in `recover`.
        if len % 16 != 0 && ![first, second - 1, second, second + 1, third - 1, third].contains(&len) {
            continue;
        }
        let path = dir.path().join(format!("cut{len}"));
        copy_tree(&killed, &path);
        fs::write(segments(&path).pop().unwrap(), &bytes[..usize::try_from(len).unwrap()]).unwrap();
        let (store, report) = open(&path);
        let kept = [first, second, third].into_iter().rfind(|end| *end <= len).unwrap();
        assert_eq!(report.cut.map_or(0, |cut| cut.bytes), len - kept);
        let entries = if kept == first {
            2
        } else if kept == second {
            3
        } else {
            4
        };
        assert_eq!(store.entries(&one.run, 0, 99).unwrap(), one.sealed[..entries]);
        let mut heir = Writer::resume(&store, 1, one.run);
        heir.add(&store, &["goes on"]);
        drop(store);
        let (store, report) = open(&path);
        assert_eq!((report.cut, store.head(&one.run).unwrap()), (None, heir.head));
        assert!(store.verify(Scope::All).unwrap().is_whole());
    }
}

#[test]
fn damage_past_the_anchor_with_a_whole_record_after_it_is_no_torn_end() {
    let dir = tempfile::tempdir().unwrap();
    let (killed, _, [first, second, third]) = behind(dir.path());
    let segment = segments(&killed).pop().unwrap();
    let before = fs::read(&segment).unwrap();
    for offset in first..second {
        flip(&segment, offset);
        let corruption = corrupt(Store::open(&killed, &small()));
        assert!(corruption.place.unwrap().offset >= first, "{corruption}");
        assert_eq!(fs::metadata(&segment).unwrap().len(), third, "nothing is cut");
        fs::write(&segment, &before).unwrap();
    }
}

#[test]
fn a_segment_that_was_being_begun_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    let (path, writers) = template(dir.path(), 64 << 20);
    fs::write(path.join("journal/00000002.seg"), [7; 40]).unwrap();
    let (store, report) = open(&path);
    assert_eq!(report.cut.unwrap().bytes, 40);
    writers.iter().for_each(|writer| writer.assert_in(&store));
}

#[test]
fn an_interrupted_redaction_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    let mut one = Writer::begin(&store, 1);
    one.add(&store, &["kept", "gone soon"]);
    store.close().unwrap();
    let (before, killed) = (dir.path().join("before"), dir.path().join("killed"));
    copy_tree(&path, &before);
    let (store, _) = open(&path);
    store.redact(&one.run, &blob("gone soon").hash).unwrap();
    copy_tree(&path, &killed);
    // The record is there, the bytes are too, and the index knows nothing: a crash right after the sync.
    let segment = segments(&killed).pop().unwrap();
    let old = fs::read(segments(&before).pop().unwrap()).unwrap();
    File::options().write(true).open(&segment).unwrap().write_all_at(&old, 0).unwrap();
    assert!(holds(&killed, b"gone soon"));
    older_index(&before, &killed);
    let (store, report) = open(&killed);
    assert_eq!((report.records_replayed, report.index_rebuilt), (1, None));
    assert_eq!(store.blob(&one.run, &blob("gone soon").hash).unwrap(), Found::Redacted { len: 9 });
    assert!(store.verify(Scope::All).unwrap().is_whole());
    assert!(!holds(&killed, b"gone soon") && holds(&killed, b"kept"));
}

#[test]
fn an_interrupted_removal_is_finished() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    let mut one = Writer::begin(&store, 1);
    let mut two = Writer::begin(&store, 2);
    for step in 0..20 {
        one.add(&store, &[&format!("private {step}")]);
        two.add(&store, &[&format!("public {step}")]);
    }
    store.close().unwrap();
    let (before, killed) = (dir.path().join("before"), dir.path().join("killed"));
    copy_tree(&path, &before);
    let (store, _) = open(&path);
    store.hide(&one.run).unwrap();
    copy_tree(&path, &killed);
    let segment = segments(&killed).pop().unwrap();
    let old = fs::read(segments(&before).pop().unwrap()).unwrap();
    File::options().write(true).open(&segment).unwrap().write_all_at(&old, 0).unwrap();
    older_index(&before, &killed);
    for rebuilt in [false, true] {
        let (store, report) = open(&killed);
        assert_eq!(report.index_rebuilt.is_some(), rebuilt);
        assert_eq!(store.run(&one.run).unwrap(), None);
        two.assert_in(&store);
        let verified = store.verify(Scope::All).unwrap();
        assert!(verified.is_whole() && verified.index_healed.is_none() && verified.blobs_redacted == 20);
        assert!(!holds(&killed, b"private 1"));
        store.close().unwrap();
        fs::remove_dir_all(killed.join("index")).unwrap();
    }
}

/// Gives a killed store the index it had before, as sled's own recovery may.
fn older_index(before: &Path, killed: &Path) {
    let mark = fs::read(killed.join("index/boot")).unwrap();
    fs::remove_dir_all(killed.join("index")).unwrap();
    copy_tree(&before.join("index"), &killed.join("index"));
    fs::write(killed.join("index/boot"), mark).unwrap();
}

/// Whether these bytes are in any file of a store.
fn holds(path: &Path, needle: &[u8]) -> bool {
    fs::read_dir(path).unwrap().any(|item| {
        let path = item.unwrap().path();
        if path.is_dir() {
            return holds(&path, needle);
        }
        fs::read(&path).unwrap().windows(needle.len()).any(|window| window == needle)
    })
}
