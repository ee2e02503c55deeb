//! The directory of a store: what opening refuses and with which words, who holds it, and copies of it.
//!
//! Refuses to depend on the user: what only an unprivileged user can see is not tested here.

mod kit;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use delm_log::{AppendError, Log, LogError, OpenError, OpenOptions, OpenReport, Scope, Store, Wait};
use kit::{Writer, blob, open, small};

#[test]
fn a_store_is_private_and_ignored_by_git() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b/store");
    drop(open(&path));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(fs::read_to_string(path.join(".gitignore")).unwrap(), "*\n");
    assert_eq!(fs::read_to_string(path.join("format")).unwrap(), "delm store format 1 fe3c3e10e2b410c0\n");
    assert!(!path.join("owner").exists());
}

#[test]
fn a_second_owner_is_refused_and_told_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let options = OpenOptions { note: "run abc".into(), ..small() };
    let (store, _) = Store::open(&path, &options).unwrap();
    for wait in [Wait::No, Wait::For(Duration::ZERO), Wait::For(Duration::from_millis(1))] {
        let Err(error) = Store::open(&path, &OpenOptions { wait, ..small() }) else { panic!("two owners") };
        let said = error.to_string();
        assert!(said.contains(&format!("process {} (run abc)", std::process::id())), "{said}");
        let OpenError::Held { owner: Some(owner), .. } = error else { panic!("{error:?}") };
        assert!(owner.since > 1_600_000_000_000 && owner.note == "run abc");
    }
    store.set_note("run def");
    assert!(Store::open(&path, &small()).is_err_and(|error| error.to_string().contains("run def")));
    let waiting = std::thread::spawn({
        let path = path.clone();
        move || Store::open(&path, &OpenOptions { wait: Wait::Forever, ..small() }).map(|_| ())
    });
    drop(store);
    waiting.join().unwrap().unwrap();
}

#[test]
fn what_is_no_store_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let never = OpenOptions { create: false, ..small() };
    let missing = dir.path().join("missing");
    assert!(matches!(Store::open(&missing, &never), Err(OpenError::Missing { .. })) && !missing.exists());
    assert!(matches!(Store::open(dir.path(), &never), Err(OpenError::Missing { .. })));
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    assert!(matches!(Store::open(&file, &small()), Err(OpenError::NotDirectory { .. })));
    assert!(matches!(Store::open(&file.join("below"), &small()), Err(OpenError::NotDirectory { .. })));
    let foreign = Store::open(dir.path(), &small());
    assert!(matches!(foreign, Err(OpenError::NotStore { found, .. }) if found == "file"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_newer_format_is_refused_and_a_damaged_one_healed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    let mut one = Writer::begin(&store, 1);
    one.add(&store, &["x"]);
    store.close().unwrap();
    let format = path.join("format");
    let before = fs::read(&format).unwrap();
    for at in 0..before.len() {
        let mut bytes = before.clone();
        bytes[at] ^= 2;
        fs::write(&format, bytes).unwrap();
        let (store, report) = open(&path);
        assert!(report.format_healed, "byte {at}");
        one.assert_in(&store);
    }
    fs::remove_file(&format).unwrap();
    assert!(open(&path).1.format_healed);
    let check = blake3::hash(b"delm store format 3").to_hex();
    fs::write(&format, format!("delm store format 3 {}\n", &check[..16])).unwrap();
    let Err(error) = Store::open(&path, &small()) else { panic!("opened") };
    assert!(error.to_string().contains("written by a newer delm (format 3, this binary knows 1)"), "{error}");
}

/// Without its format file a directory is judged by what it should hold, and nothing in it is begun again.
#[test]
fn a_store_that_lost_more_than_its_format_file_is_not_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, report) = open(&path);
    assert_eq!(report, OpenReport { created: true, ..OpenReport::default() });
    let mut one = Writer::begin(&store, 1);
    one.add(&store, &["x"]);
    store.close().unwrap();
    let (format, anchor, segment) =
        (path.join("format"), path.join("anchor"), path.join("journal/00000001.seg"));
    let (journal, slots) = (fs::read(&segment).unwrap(), fs::read(&anchor).unwrap());
    // A file of somebody else's does not make it somebody else's store.
    fs::write(path.join("notes.txt"), "mine").unwrap();
    fs::remove_file(&format).unwrap();
    assert!(open(&path).1.format_healed);
    for anchor_is in ["gone", "a directory"] {
        fs::remove_file(&format).unwrap();
        fs::remove_file(&anchor).unwrap();
        if anchor_is == "a directory" {
            fs::create_dir(&anchor).unwrap();
        }
        let refused = Store::open(&path, &small()).map(|_| ()).unwrap_err();
        assert_eq!(matches!(refused, OpenError::Corrupt(_)), anchor_is == "gone", "{refused}");
        assert!(fs::read(&segment).unwrap() == journal, "{anchor_is}");
        drop(fs::remove_dir(&anchor));
        fs::write(&anchor, &slots).unwrap();
    }
    // What cannot be read is not said to be absent.
    fs::remove_file(&format).unwrap();
    fs::create_dir(&format).unwrap();
    let refused = Store::open(&path, &small()).map(|_| ()).unwrap_err();
    assert!(refused.to_string().starts_with("cannot read"), "{refused}");
    fs::remove_dir(&format).unwrap();
    one.assert_in(&open(&path).0);
    fs::remove_dir_all(path.join("journal")).unwrap();
    assert!(matches!(Store::open(&path, &small()), Err(OpenError::Corrupt(_))));
}

#[test]
fn what_was_never_a_whole_store_is_missing_to_those_who_only_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    fs::create_dir_all(path.join("journal")).unwrap();
    let never = OpenOptions { create: false, ..small() };
    assert!(matches!(Store::open(&path, &never), Err(OpenError::Missing { .. })));
    assert!(!path.join("format").exists() && fs::read_dir(path.join("journal")).unwrap().count() == 0);
}

/// Only a full disk is a reason to read from memory; whatever else the disk says is told.
#[test]
fn an_index_that_cannot_be_put_on_disk_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    Writer::begin(&store, 1).add(&store, &["x"]);
    store.close().unwrap();
    fs::remove_dir_all(path.join("index/1")).unwrap();
    fs::write(path.join("index/1"), "in the way").unwrap();
    assert!(matches!(Store::open(&path, &small()), Err(OpenError::Failed(LogError::Io { .. }))));
}

/// Reading takes no room on the disk: the index is made in memory, and the report says so.
#[test]
fn on_a_full_disk_the_index_is_made_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    let mut one = Writer::begin(&store, 1);
    one.add(&store, &["x"]);
    store.close().unwrap();
    fs::remove_dir_all(path.join("index/1")).unwrap();
    fs::create_dir(path.join("index/1")).unwrap();
    // Whatever is written to the first file that sled makes finds no room.
    std::os::unix::fs::symlink("/dev/full", path.join("index/1/conf")).unwrap();
    let (store, report) = open(&path);
    assert_eq!(report, OpenReport { index_in_memory: true, ..OpenReport::default() });
    one.assert_in(&store);
    store.close().unwrap();
    // Nobody trusts what such a disk was left with.
    fs::remove_file(path.join("index/1/conf")).unwrap();
    let (store, report) = open(&path);
    assert!(report.index_rebuilt.is_some() && !report.index_in_memory, "{report:?}");
    one.assert_in(&store);
}

#[test]
fn an_anchor_slot_that_went_bad_is_written_again_by_verify() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    Writer::begin(&store, 1).add(&store, &["x"]);
    let anchor = path.join("anchor");
    let mut slots = fs::read(&anchor).unwrap();
    slots[4_100] ^= 1;
    fs::write(&anchor, &slots).unwrap();
    let healed = store.verify(Scope::All).unwrap();
    assert!(healed.is_whole() && healed.anchor_healed.is_some(), "{healed:?}");
    assert_eq!(store.verify(Scope::All).unwrap().anchor_healed, None);
}

/// A journal is read again and again; what was zeroed once is not written again.
#[test]
fn a_redaction_that_was_carried_out_is_not_written_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    let mut one = Writer::begin(&store, 1);
    one.add(&store, &["secret", "open"]);
    store.redact(&one.run, &blob("secret").hash).unwrap();
    store.close().unwrap();
    let segment = fs::File::options().write(true).open(path.join("journal/00000001.seg")).unwrap();
    let then = std::time::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    segment.set_modified(then).unwrap();
    fs::remove_dir_all(path.join("index")).unwrap();
    let (_store, report) = open(&path);
    assert!(report.index_rebuilt.is_some());
    assert_eq!(segment.metadata().unwrap().modified().unwrap(), then);
}

#[test]
fn a_store_whose_creation_was_interrupted_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    fs::create_dir_all(path.join("journal")).unwrap();
    fs::write(path.join("journal/00000001.seg"), [1; 20]).unwrap();
    fs::write(path.join("lock"), "").unwrap();
    let (store, report) = open(&path);
    assert!(report.created);
    Writer::begin(&store, 1).add(&store, &[]);
}

#[test]
fn after_a_failed_write_nothing_is_accepted_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = Store::open(&path, &OpenOptions { segment_bytes: 1, ..small() }).unwrap();
    let mut one = Writer::begin(&store, 1);
    one.add(&store, &["first"]);
    // The next segment cannot be begun: its name is taken.
    let obstacle = path.join("journal/00000002.seg");
    fs::create_dir(&obstacle).unwrap();
    let failed = store.commit(vec![one.next(&["second"])]).remove(0).unwrap_err();
    assert!(matches!(&failed, AppendError::Failed(LogError::Io { action: "create", .. })), "{failed}");
    fs::remove_dir(&obstacle).unwrap();
    let refused = store.commit(vec![one.next(&[])]).remove(0).unwrap_err();
    assert!(matches!(&refused, AppendError::Failed(LogError::Poisoned { .. })));
    assert!(refused.to_string().contains("00000002.seg"), "{refused}");
    assert!(store.redact(&one.run, &blob("first").hash).is_err());
    one.assert_in(&store);
    drop(store);
    let (store, report) = open(&path);
    assert_eq!(report.cut, None);
    one.assert_in(&store);
    Writer::resume(&store, 1, one.run).add(&store, &["second"]);
}

#[test]
fn a_backup_is_a_store_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (path, copy) = (dir.path().join("store"), dir.path().join("copy"));
    let (store, _) = Store::open(&path, &OpenOptions { segment_bytes: 900, ..small() }).unwrap();
    let mut one = Writer::begin(&store, 1);
    let mut gone = Writer::begin(&store, 2);
    one.add_batch(&store, 9);
    gone.add(&store, &["removed"]);
    one.add(&store, &["redacted"]);
    store.hide(&gone.run).unwrap();
    store.redact(&one.run, &blob("redacted").hash).unwrap();
    let report = store.backup(&copy).unwrap();
    assert!(report.segments > 1 && report.records == 5);
    assert!(matches!(store.backup(&copy), Err(OpenError::NotStore { .. })));
    for inside in ["", "copy", "journal/a/b", "../store/copy"] {
        let inside = path.join(inside);
        assert!(matches!(store.backup(&inside), Err(OpenError::Inside { .. })), "{}", inside.display());
        assert!(!path.join("copy").exists() && !path.join("journal/a").exists());
    }
    let kept = one.head;
    one.add(&store, &["later"]);
    let (backup, opened) = open(&copy);
    // Its index is made anew, as was meant when it was copied: there is nothing to say.
    assert_eq!(opened, OpenReport { records_replayed: 5, ..OpenReport::default() });
    assert_eq!(backup.head(&one.run).unwrap(), kept);
    assert_eq!(backup.run(&gone.run).unwrap(), None);
    let verified = backup.verify(Scope::All).unwrap();
    assert!(verified.is_whole() && verified.blobs_redacted == 2, "{verified:?}");
    assert_eq!(backup.usage().unwrap().entries, 10);
    assert_eq!(backup.usage().unwrap().journal_bytes, report.bytes);
    // A copy that lacks what the store has lost meanwhile is no copy.
    let last = path.join(format!("journal/{:08}.seg", store.usage().unwrap().segments));
    let whole = fs::read(&last).unwrap();
    fs::write(&last, &whole[..whole.len() - 1]).unwrap();
    let short = store.backup(&dir.path().join("short"));
    assert!(
        matches!(&short, Err(OpenError::Failed(error)) if error.to_string().contains("cannot read")),
        "{short:?}"
    );
    fs::write(&last, whole).unwrap();
}

#[test]
fn nothing_is_put_right_when_nothing_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let (store, _) = open(&path);
    let mut one = Writer::begin(&store, 1);
    one.add_batch(&store, 50);
    let large = "x".repeat(3 << 20);
    one.add(&store, &[&large, &large[1..], "small"]);
    let usage = store.usage().unwrap();
    assert_eq!((usage.segments, usage.entries, usage.blobs), (1, 51, 53));
    store.close().unwrap();
    let (store, report) = open(&path);
    assert_eq!(report, OpenReport::default());
    one.assert_in(&store);
    assert_eq!(store.health(), delm_log::Health::default());
    let verified = store.verify(Scope::Run(one.run)).unwrap();
    assert_eq!((verified.runs, verified.entries, verified.blobs), (1, 51, 53));
    assert_eq!(store.verify(Scope::Run(blob("none").hash)).unwrap().runs, 0);
}
