//! Damaged stores, by their bytes: what the journal lost is said with its place, what can be made anew is.
//!
//! Refuses to heal in silence, and to go on over what is lost. Every byte is tried by `delm-log`'s own tests; here a few of
//! each file are, through the binary.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::kit::{World, script, text};

/// A store with two runs, closed in order.
fn store() -> (World, String) {
    let world = World::with_notes();
    world.delm("demo -q").done().exit(0);
    let model = world.script("model", &script::good(4));
    let run = world.delm("run --json --docs notes Who? --model").arg(model).done().exit(0).json();
    (world, text(&run["run"]))
}

fn journal(world: &World) -> PathBuf {
    let mut segments: Vec<_> =
        fs::read_dir(world.path(".delm/journal")).unwrap().map(|item| item.unwrap().path()).collect();
    segments.sort();
    assert_eq!(segments.len(), 1);
    segments.remove(0)
}

fn flip(path: &Path, offset: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[offset] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_byte_in_the_journal_is_named_with_its_place() {
    let (world, _) = store();
    let segment = journal(&world);
    let whole = fs::read(&segment).unwrap();
    for part in 0..24 {
        let offset = whole.len() * part / 24 + part;
        flip(&segment, offset);
        let done = world.delm("verify --all --json").done().exit(4);
        let message = text(&done.error()["error"]["message"]);
        assert!(message.contains("byte") || message.contains("offset"), "no place: {message}");
        assert!(message.contains("00000001") || message.contains("segment 1"), "no segment: {message}");
        done.hints();
        assert_eq!(fs::read(&segment).unwrap().len(), whole.len(), "nothing is cut");
        fs::write(&segment, &whole).unwrap();
    }
    world.sound();
}

#[test]
fn one_run_is_verified_without_the_blobs_of_others_and_says_so() {
    let (world, run) = store();
    let one = world.delm("verify --json").arg(&run).done().exit(0).json();
    assert_eq!((&one["run"], &one["runs"]), (&json!(run), &json!(1)));
    assert!(text(&one["not_looked_at"][0]).contains("1 other run"), "{one}");
    world.delm("verify").arg(&run).done().exit(0).shows("not seen").shows("delm verify --all");
    let all = world.delm("verify --all --json").done().exit(0).json();
    assert_eq!((&all["run"], &all["runs"], &all["not_looked_at"]), (&json!(null), &json!(2), &json!([])));
    assert!(
        all["entries"].as_u64() > one["entries"].as_u64() && all["blobs"].as_u64() > one["blobs"].as_u64()
    );
    world.delm("verify --all").done().exit(0).shows("2 runs");

    // A document of the demo, which the other run does not have.
    let segment = journal(&world);
    let whole = fs::read(&segment).unwrap();
    let words = b"Harrow Light";
    let offset = whole.windows(words.len()).position(|bytes| bytes == words).unwrap();
    flip(&segment, offset);
    world.delm("verify").arg(&run).done().exit(0).shows("not seen");
    world.delm("verify --all").done().exit(4).hints();
    fs::write(&segment, &whole).unwrap();

    let lamp = world.write("lamp.jsonl", world.delm("export").arg(&run).done().exit(0).stdout);
    assert_eq!(world.delm("verify --json").arg(&lamp).done().exit(0).json()["not_looked_at"], json!([]));
    world.delm("verify --all").arg(&lamp).done().exit(2);
    world.sound();
}

#[test]
fn a_journal_that_lost_its_end_is_not_taken_for_whole() {
    let (world, run) = store();
    let segment = journal(&world);
    let whole = fs::read(&segment).unwrap();
    for len in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&segment, &whole[..len]).unwrap();
        world.delm("show --json").arg(&run).done().exit(4).hints();
        world.delm("demo --json").done().exit(4).hints();
        assert_eq!(fs::read(&segment).unwrap().len(), len, "nothing is cut or written");
    }
    fs::remove_file(&segment).unwrap();
    world.delm("ls --json").done().exit(4).hints();
    fs::write(&segment, &whole).unwrap();
    world.sound();
}

#[test]
fn a_record_cut_short_behind_the_anchor_is_cut_off_and_said() {
    let (world, run) = store();
    let segment = journal(&world);
    let mut bytes = fs::read(&segment).unwrap();
    bytes.extend_from_slice(&[0xab; 57]);
    fs::write(&segment, bytes).unwrap();
    let done = world.delm("verify").arg(&run).done().exit(0);
    assert!(done.stderr.contains("cut off") || done.stdout.contains("cut off"), "{done}");
    world.sound();
}

#[test]
fn one_bad_anchor_slot_is_healed_and_two_are_corruption() {
    let (world, run) = store();
    let anchor = world.path(".delm/anchor");
    let whole = fs::read(&anchor).unwrap();
    let slots: Vec<usize> = [0, whole.len() - 96].to_vec();
    for slot in &slots {
        flip(&anchor, slot + 20);
        let done = world.delm("verify").arg(&run).done().exit(0);
        assert!(
            done.stderr.contains("anchor") || done.stdout.contains("anchor slot"),
            "healed in silence: {done}"
        );
        world.delm("verify --json").arg(&run).done().exit(0);
    }
    let whole = fs::read(&anchor).unwrap();
    for slot in &slots {
        flip(&anchor, slot + 20);
    }
    let error = world.delm("verify --json").arg(&run).done().exit(4).hints().error();
    assert!(text(&error["error"]["message"]).contains("anchor"), "{error}");
    fs::write(&anchor, whole).unwrap();
    world.sound();
}

/// Every file under a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let walk = ignore::WalkBuilder::new(folder).standard_filters(false).build();
    let items = walk.map(Result::unwrap).filter(|item| item.file_type().is_some_and(|kind| kind.is_file()));
    items.map(ignore::DirEntry::into_path).collect()
}

#[test]
fn the_index_is_made_anew_whatever_happened_to_it() {
    let (world, run) = store();
    let wanted = world.delm("export").arg(&run).done().exit(0).stdout;
    let same = |what: &str| {
        let verified = world.delm("verify --json").arg(&run).done().exit(0);
        assert_eq!(world.delm("export").arg(&run).done().exit(0).stdout, wanted, "{what}: {verified}");
    };
    for file in files(&world.path(".delm/index")) {
        // Making the index anew may have replaced it.
        if !file.exists() {
            continue;
        }
        let len = fs::read(&file).unwrap().len();
        let name = file.display().to_string();
        for offset in [0, len / 3, len / 2, len.saturating_sub(1)] {
            if file.exists() && offset < fs::read(&file).unwrap().len() {
                flip(&file, offset);
                same(&format!("{name} {offset}"));
            }
        }
        if file.exists() {
            fs::write(&file, b"").unwrap();
            same(&format!("{name}, emptied"));
        }
        if file.exists() {
            fs::remove_file(&file).unwrap();
            same(&format!("{name}, removed"));
        }
    }
    fs::remove_dir_all(world.path(".delm/index")).unwrap();
    let done = world.delm("verify").arg(&run).done().exit(0);
    let said = format!("{}{}", done.stdout, done.stderr).matches("index was made anew").count();
    assert_eq!(said, 1, "made anew in silence, or said again: {done}");
    assert_eq!(done.stderr.lines().count(), 1, "{done}");
    same("the whole index, removed");
    world.sound();
}

#[test]
fn a_store_of_a_newer_version_is_left_alone() {
    let (world, _) = store();
    let format = world.path(".delm/format");
    let whole = fs::read_to_string(&format).unwrap();
    // With the check that a binary of format 999 would write: eight bytes of BLAKE3.
    let newer = "delm store format 999 7d0907aa70a28f67\n";
    fs::write(&format, newer).unwrap();
    for words in ["ls --json", "demo --json", "verify --json", "resume --json"] {
        let done = world.delm(words).done().exit(2).hints();
        let message = text(&done.error()["error"]["message"]);
        assert!(message.contains("999"), "{message}");
    }
    assert_eq!(fs::read_to_string(&format).unwrap(), newer);
    fs::write(&format, whole).unwrap();
    world.sound();
}

#[test]
fn half_a_store_is_healed_or_refused_and_never_a_surprise() {
    for gone in ["format", "lock", ".gitignore", "anchor", "index", "journal"] {
        let (world, run) = store();
        let path = world.path(".delm").join(gone);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
        let done = world.delm("verify --json").arg(&run).done();
        let lost = matches!(gone, "anchor" | "journal");
        let done = done.exit(if lost { 4 } else { 0 });
        if lost {
            done.hints();
            world.unsound("its journal or anchor is gone");
        } else {
            world.sound();
        }
    }
    let world = World::with_notes();
    world.write("file", "not a folder");
    world.delm("ls --json --store file").done().exit(2).hints();
    world.delm("ls --json --store notes").done().exit(2).hints();
    world.delm("ls --json --store nowhere").done().exit(8).hints();
    world.delm("demo --json --store file").done().exit(2).hints();
    world.delm("demo --json --store notes").done().exit(2).hints();
    assert_eq!(fs::read_dir(world.path("notes")).unwrap().count(), 2, "nothing is written among documents");
    fs::create_dir(world.path(".delm")).unwrap();
    world.delm("demo --json").done().exit(0);
    world.sound();
}
