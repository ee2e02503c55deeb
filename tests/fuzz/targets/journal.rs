//! A journal, right or with anything in it, and damaged: opened, cut past the anchor, or refused with a reason. Never a
//! panic or a hang, and never a history that is shorter than the anchor says, or another one.
#![no_main]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use delm_fuzz::journal::{Edit, Files, HEADER_BYTES, Plan};
use delm_log::{Log, OpenOptions, Scope, Store, fuzz};
use libfuzzer_sys::fuzz_target;

/// A folder of this process's own; `.ci/fuzz` puts it in memory.
static STORE: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("delm-fuzz-{}", std::process::id())));

/// Whole stores that one process opens: sled keeps about a megabyte of each for good.
const OPENED_MAX: u64 = 1_000;
static OPENED: AtomicU64 = AtomicU64::new(0);

fuzz_target!(|plan: Plan| {
    let store = STORE.as_path();
    let _ = std::fs::remove_dir_all(store);
    let mut files = Files::of(&plan);
    let anchored = files.anchored(&plan);
    plan.edits.iter().take(8).for_each(|edit| files.damage(edit));
    files.write(store).expect("a folder to write in");
    recovered(store, &plan, &files, anchored);
    // An input that ends early has a zero here, and is not to cost more for that.
    if plan.whole % 32 == 1 && OPENED.fetch_add(1, Ordering::Relaxed) < OPENED_MAX {
        // Recovery may have mended it: the store gets the files as they were.
        let _ = std::fs::remove_dir_all(store);
        files.write(store).expect("a folder to write in");
        opened(store, &plan, &files);
    }
});

fn recovered(store: &Path, plan: &Plan, files: &Files, anchored: usize) {
    let whole = plan.edits.is_empty();
    let found = match fuzz::recover_in(store) {
        Ok(found) => found,
        Err(error) => return assert!(!(whole && files.lawful), "a right journal is refused: {error}"),
    };
    let records = usize::try_from(found.records).expect("a small number");
    let anchor_whole = !plan.edits.iter().any(|edit| matches!(edit, Edit::Anchor(..)));
    assert!(!anchor_whole || records >= anchored, "{records} records, and the anchor names {anchored}");
    let (segment, offset, hash) = *files.ends.get(records).expect("no record was added");
    assert_eq!(found.hash.0, hash, "it is another history");
    // A segment may have been begun behind its last record.
    let begun = found.place.segment > segment && found.place.offset == HEADER_BYTES as u64;
    assert!(begun || (found.place.segment, found.place.offset) == (segment, offset), "{:?}", found.place);
    assert!(!(whole && files.lawful) || records + 1 == files.ends.len(), "a whole journal is cut");
    let again = fuzz::recover_in(store).expect("what was opened opens again");
    assert_eq!((again.place, again.records, again.hash), (found.place, found.records, found.hash));
    assert_eq!(again.cut, None, "what was cut is cut again");
    if let Ok(read) = fuzz::records_in(store) {
        assert_eq!(read, found.records);
    }
}

fn opened(path: &Path, plan: &Plan, files: &Files) {
    let right = plan.edits.is_empty() && files.lawful;
    let options = OpenOptions { create: false, cache_bytes: 1 << 20, ..OpenOptions::default() };
    let store = match Store::open(path, &options) {
        Ok((store, _)) => store,
        Err(error) => return assert!(!right, "a right store is refused: {error}"),
    };
    let mut entries = 0;
    for run in store.runs(None, 100).unwrap_or_default() {
        let own = store.entries(&run.run, 0, 10_000);
        entries += own.as_ref().map_or(0, |own| own.len() as u64);
        for pair in own.unwrap_or_default().windows(2) {
            assert_eq!(pair[1].entry.parent, pair[0].id, "entries that do not chain are given as a run");
        }
        for blob in store.blobs(&run.run, None, 1_000).unwrap_or_default() {
            if let Ok(delm_log::Found::Present(bytes)) = store.blob(&run.run, &blob.hash) {
                assert_eq!(delm_core::ids::Digest::of_blob(&bytes), blob.hash, "a blob is another");
            }
        }
    }
    let verified = store.verify(Scope::All);
    if right {
        assert_eq!(entries, files.entries, "entries are missing, or too many");
        assert!(verified.as_ref().is_ok_and(|report| report.is_whole()), "{verified:?}");
    }
    let _ = store.close();
}
