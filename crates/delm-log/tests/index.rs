//! The index when it lies, fails or is gone: answers stay those of the journal, and the store says what it put right.
//!
//! Refuses to count on sled's own checks: rows are changed through sled itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod kit;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use delm_log::{Health, Log, Scope};
use kit::{Writer, copy_tree, open};

fn template(dir: &Path) -> (PathBuf, Vec<Writer>) {
    let path = dir.join("store");
    let (store, _) = open(&path);
    let mut one = Writer::begin(&store, 1);
    let mut two = Writer::begin(&store, 2);
    for step in 0..30 {
        one.add(&store, &[&format!("one {step}")]);
        two.add_batch(&store, 3);
    }
    store.close().unwrap();
    (path, vec![one, two])
}

fn generation(store: &Path) -> PathBuf {
    let items = fs::read_dir(store.join("index")).unwrap().map(|item| item.unwrap().path());
    let dirs: Vec<_> = items.filter(|path| path.is_dir()).collect();
    assert_eq!(dirs.len(), 1, "one generation is left");
    dirs[0].clone()
}

/// Changes rows behind the store's back.
fn tamper(store: &Path, change: impl Fn(&sled::Db)) {
    let db = sled::Config::new().path(generation(store)).cache_capacity(4 << 20).open().unwrap();
    change(&db);
    db.flush().unwrap();
}

fn flip_last(db: &sled::Db, prefix: &[u8], nth: usize) {
    let (key, value) = db.scan_prefix(prefix).nth(nth).unwrap().unwrap();
    let mut value = value.to_vec();
    *value.last_mut().unwrap() ^= 4;
    db.insert(key, value).unwrap();
}

#[test]
fn an_entry_that_is_wrong_is_healed_from_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let (path, writers) = template(dir.path());
    tamper(&path, |db| flip_last(db, b"e", 7));
    let (store, report) = open(&path);
    assert_eq!(report.index_rebuilt, None);
    writers[0].assert_in(&store);
    assert_eq!((store.health().entries_healed, store.health().index_rebuilds), (1, 0));
    writers[0].assert_in(&store);
    assert_eq!(store.health().entries_healed, 1, "it was put back");
    store.close().unwrap();
    let (store, _) = open(&path);
    writers[0].assert_in(&store);
    assert_eq!(store.health().entries_healed, 0);
}

#[test]
fn rows_that_cannot_be_right_make_the_index_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (path, writers) = template(dir.path());
    let changes: [&dyn Fn(&sled::Db); 6] = [
        &|db| flip_last(db, b"b", 3),
        &|db| flip_last(db, b"r", 0),
        &|db| flip_last(db, b"h", 0),
        &|db| flip_last(db, b"n", 1),
        &|db| drop(db.remove(db.scan_prefix(b"e").nth(5).unwrap().unwrap().0).unwrap()),
        &|db| drop(db.remove(db.scan_prefix(b"e").next_back().unwrap().unwrap().0).unwrap()),
    ];
    for (case, change) in changes.iter().enumerate() {
        let copy = dir.path().join(format!("case{case}"));
        copy_tree(&path, &copy);
        tamper(&copy, change);
        let (store, _) = open(&copy);
        assert_eq!(store.runs(None, 9).unwrap().len(), 2);
        writers.iter().for_each(|writer| writer.assert_in(&store));
        assert_eq!(store.health().index_rebuilds, 1, "case {case}");
        let report = store.verify(Scope::All).unwrap();
        assert!(report.is_whole() && report.index_healed.is_none());
        drop(store);
        generation(&copy);
        let again = dir.path().join(format!("verify{case}"));
        copy_tree(&path, &again);
        tamper(&again, change);
        let report = open(&again).0.verify(Scope::All).unwrap();
        assert!(report.is_whole() && report.index_healed.is_some(), "case {case}: {report:?}");
    }
}

#[test]
fn an_index_that_is_gone_empty_foreign_or_of_another_boot_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (path, writers) = template(dir.path());
    let (other, _) = {
        let elsewhere = dir.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        let (store, _) = open(&elsewhere.join("store"));
        let mut writer = Writer::begin(&store, 9);
        for _ in 0..60 {
            writer.add(&store, &["x"]);
        }
        store.close().unwrap();
        (elsewhere.join("store"), writer)
    };
    let changes: [&dyn Fn(&Path); 5] = [
        &|path| fs::remove_dir_all(path.join("index")).unwrap(),
        &|path| {
            fs::remove_dir_all(path.join("index")).unwrap();
            copy_tree(&other.join("index"), &path.join("index"));
        },
        &|path| fs::write(path.join("index/boot"), "another boot").unwrap(),
        &|path| tamper(path, |db| drop(db.remove(b"a").unwrap())),
        &|path| tamper(path, |db| flip_last(db, b"a", 0)),
    ];
    for (case, change) in changes.iter().enumerate() {
        let copy = dir.path().join(format!("case{case}"));
        copy_tree(&path, &copy);
        change(&copy);
        let (store, report) = open(&copy);
        assert!(report.index_rebuilt.is_some(), "case {case}");
        writers.iter().for_each(|writer| writer.assert_in(&store));
        store.close().unwrap();
        generation(&copy);
        assert_eq!(open(&copy).1, delm_log::OpenReport::default(), "case {case}");
    }
}

/// A third of such flips make sled 0.34 panic; none may reach the caller, or change an answer.
#[test]
fn flipped_bytes_in_sleds_files_change_no_answer() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(24u64);
    let dir = tempfile::tempdir().unwrap();
    let (path, writers) = template(dir.path());
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut put_right = 0;
    for case in 0..cases {
        let copy = dir.path().join("copy");
        if copy.exists() {
            fs::remove_dir_all(&copy).unwrap();
        }
        copy_tree(&path, &copy);
        let db = generation(&copy).join("db");
        let bytes = fs::read(&db).unwrap();
        // Most of a young file is zero; damage what says something.
        let told: Vec<u64> = (0u64..).zip(&bytes).filter(|(_, byte)| **byte != 0).map(|(at, _)| at).collect();
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(case);
        let at = told[usize::try_from(random >> 33).unwrap() % told.len()];
        let byte = bytes[usize::try_from(at).unwrap()] ^ 0x10;
        fs::File::options().write(true).open(&db).unwrap().write_all_at(&[byte], at).unwrap();
        let (store, report) = open(&copy);
        writers.iter().for_each(|writer| writer.assert_in(&store));
        let verified = store.verify(Scope::All).unwrap();
        assert!(verified.is_whole(), "case {case}: {verified:?}");
        let health = store.health();
        put_right += u64::from(report.index_rebuilt.is_some() || health != Health::default());
        let mut heir = Writer::resume(&store, 1, writers[0].run);
        heir.add(&store, &["after"]);
    }
    assert!(put_right > 0 || cases < 8, "no flip did anything: the test looks at the wrong bytes");
}

/// The index follows on a thread of its own, many records behind; no reader may see that.
#[test]
fn readers_find_what_was_committed_however_far_behind_the_index_is() {
    const BATCHES: usize = 40;
    const ENTRIES: usize = 100;
    let dir = tempfile::tempdir().unwrap();
    let (store, _) = open(&dir.path().join("store"));
    let mut writer = Writer::begin(&store, 1);
    let (run, committed) = (writer.run, AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut seen = 0;
            while seen < BATCHES * ENTRIES {
                let least = committed.load(Ordering::SeqCst);
                seen = store.head(&run).unwrap().map_or(0, |head| usize::try_from(head.seq).unwrap() + 1);
                assert!(seen >= least, "{seen} entries are seen when {least} were committed");
            }
        });
        for batch in 1..=BATCHES {
            writer.add_batch(&store, ENTRIES);
            committed.store(batch * ENTRIES, Ordering::SeqCst);
        }
    });
    writer.assert_in(&store);
    let report = store.verify(Scope::All).unwrap();
    assert!(report.is_whole() && report.index_healed.is_none());
    assert_eq!(store.health(), Health::default());
    store.close().unwrap();
    let (store, report) = open(&dir.path().join("store"));
    assert_eq!((report.records_replayed, report.index_rebuilt), (0, None));
    writer.assert_in(&store);
}

/// Without a reader nothing asks the index before it is closed.
#[test]
fn what_nobody_read_is_in_the_index_after_a_close_and_in_the_journal_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    let mut writer = Writer::begin(&store, 1);
    (0..5).for_each(|_| writer.add_batch(&store, 3));
    let killed = dir.path().join("killed");
    copy_tree(&path, &killed);
    store.close().unwrap();
    for (path, replayed) in [(path, 0), (killed, 5)] {
        let (store, report) = open(&path);
        assert_eq!((report.records_replayed, report.index_rebuilt), (replayed, None));
        writer.assert_in(&store);
    }
}

#[test]
fn a_blob_that_a_resumed_run_holds_is_not_stored_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    let mut writer = Writer::begin(&store, 1);
    writer.add(&store, &["once", "twice"]);
    store.close().unwrap();
    let (store, _) = open(&path);
    let mut writer = Writer::resume(&store, 1, writer.run);
    writer.add(&store, &["twice", "new"]);
    let mut writer = Writer::resume(&store, 1, writer.run);
    writer.add(&store, &["twice", "new", "newer"]);
    assert_eq!(store.usage().unwrap().blobs, 4);
}

/// sled's own threads let go of its files some time after it was closed.
#[test]
fn an_index_that_is_still_held_is_waited_for_and_not_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (path, writers) = template(dir.path());
    let held = fs::File::open(generation(&path).join("db")).unwrap();
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let (opened, wait) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| opened.send(open(&path)).unwrap());
        let early = wait.recv_timeout(std::time::Duration::from_millis(100));
        assert!(early.is_err(), "opened while it was held");
        drop(held);
        let (store, report) = wait.recv().unwrap();
        assert_eq!(report.index_rebuilt, None);
        writers[0].assert_in(&store);
    });
}
