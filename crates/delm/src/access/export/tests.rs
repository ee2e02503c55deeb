//! Exports that are whole, damaged, no files at all, or written while they are read.

use super::*;
use crate::access::Reading;

/// The recorded run of this repository.
fn recorded() -> PathBuf {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../replays/harrow-light/runs");
    let mut found: Vec<_> = std::fs::read_dir(runs).unwrap().map(|file| file.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    found.sort();
    found.swap_remove(0)
}

fn copied() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    std::fs::copy(recorded(), &path).unwrap();
    (folder, path)
}

#[test]
fn lines_are_read_where_they_are_and_not_kept() {
    let path = recorded();
    let log = ExportLog::open(&path).unwrap();
    let (run, last) = (log.run(), log.info.head.seq);
    assert_eq!(Log::run(&log, &run).unwrap().unwrap().head, log.info.head);
    let all = log.entries(&run, 0, usize::MAX).unwrap();
    assert_eq!(all.len() as u64, last + 1);
    assert_eq!(all.last().unwrap().head(), log.info.head);
    assert_eq!(log.entries(&run, last - 1, 5).unwrap(), all[all.len() - 2..]);
    assert_eq!(log.entry(&run, 3).unwrap().unwrap(), all[3]);
    assert_eq!(log.entry(&run, last + 1).unwrap(), None);
    let (mut after, mut hashes) = (None, Vec::new());
    loop {
        let page = log.blobs(&run, after.as_ref(), 7).unwrap();
        let Some(end) = page.last() else { break };
        after = Some(end.hash);
        hashes.extend(page.into_iter().map(|info| info.hash));
    }
    assert!(hashes.len() > 10 && hashes.is_sorted());
    for hash in hashes {
        let Found::Present(bytes) = log.blob(&run, &hash).unwrap() else { panic!("{hash}") };
        assert_eq!(Digest::of_blob(&bytes), hash);
    }
    let other = Digest::of_blob(b"another");
    assert_eq!(log.blob(&run, &other).unwrap(), Found::Unknown);
    assert!(log.entries(&other, 0, 9).unwrap().is_empty() && Log::run(&log, &other).unwrap().is_none());
    assert_eq!(log.find(&run.to_string()[..9], 4).unwrap().len(), 1);
    assert!(log.acquire(&run).is_err());
}

#[test]
fn a_file_that_changes_is_refused_from_then_on() {
    let (_folder, path) = copied();
    let log = ExportLog::open(&path).unwrap();
    let run = log.run();
    assert!(log.entry(&run, 0).unwrap().is_some());
    let hash = log.blobs(&run, None, 1).unwrap()[0].hash;
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, [whole.as_slice(), b"x"].concat()).unwrap();
    for error in [log.entry(&run, 0).unwrap_err(), log.blob(&run, &hash).unwrap_err()] {
        assert!(error.to_string().contains("changed while it was read"), "{error}");
        assert!(error.to_string().contains("run.jsonl"), "{error}");
    }
}

#[test]
fn a_line_in_anothers_place_is_no_entry_of_this_run() {
    let (_folder, path) = copied();
    let mut log = ExportLog::open(&path).unwrap();
    // As if the times of the file did not show that it was written.
    log.entries.swap(1, 2);
    let ids: Vec<u64> = log.entries.iter().map(|place| place.id).collect();
    (log.entries[1].id, log.entries[2].id) = (ids[2], ids[1]);
    assert!(log.entries(&log.run(), 1, 1).unwrap_err().to_string().contains("changed"));
}

#[test]
fn what_is_no_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| Reading::of_export(path).err().unwrap();
    assert_eq!(refused(&folder.path().join("missing.jsonl")).exit, Exit::NotFound);
    for (path, why) in [(folder.path(), "a folder"), (Path::new("/dev/null"), "cannot be read twice")] {
        let error = refused(path);
        assert_eq!(error.exit, Exit::Usage);
        assert!(error.message.contains(why) && error.hint.unwrap().contains("save"), "{}", error.message);
    }
    let cut = folder.path().join("cut.jsonl");
    let whole = std::fs::read(recorded()).unwrap();
    std::fs::write(&cut, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(refused(&cut).exit, Exit::Integrity);
}

#[test]
fn what_a_newer_delm_wrote_is_told_from_what_is_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.jsonl");
    let whole = std::fs::read_to_string(recorded()).unwrap();
    let hint = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let error = Reading::of_export(&path).err().unwrap();
        assert_eq!(error.exit, Exit::Integrity, "{}", error.message);
        error.hint.unwrap()
    };
    let damaged = "it is not as delm wrote it; get another copy";
    assert_eq!(hint(&whole.replacen("delm.export/1", "delm.export/2", 1)), "install the delm that wrote it");
    assert_eq!(hint(&whole.replacen("delm.export/1", "delm.show/2", 1)), damaged);
    for spelled in [
        whole.trim_end().to_owned(),
        whole.replace('\n', "\r\n"),
        format!("\u{feff}{whole}"),
        format!("\n{whole}"),
        format!("{whole}\n"),
        whole.replacen(",\"origin\"", ", \"origin\"", 1),
    ] {
        assert_eq!(hint(&spelled), damaged);
    }
}
