//! A disk that is full, a store that can only be read, and a network that is not there: through namespaces of this machine.
//!
//! Refuses to pass in silence where they cannot be had: it says on standard error what was not tested.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::json;

use crate::kit::{World, binary, poll, script, text};

/// How to enter a namespace here: as root, or as a root of one's own.
fn namespace(kind: &str) -> Option<Vec<&'static str>> {
    let kind: &'static str = if kind == "mount" { "--mount" } else { "--net" };
    let ways = [vec!["unshare", kind], vec!["unshare", "--user", "--map-root-user", kind]];
    let trial = if kind == "--mount" { "mount -t tmpfs none /mnt" } else { "true" };
    let found = ways.into_iter().find(|way| {
        let ran =
            Command::new(way[0]).args(&way[1..]).args(["sh", "-c", trial]).stderr(Stdio::null()).status();
        ran.is_ok_and(|status| status.success())
    });
    if found.is_none() {
        // Past what the test runner keeps to itself of tests that pass.
        let words = format!("\n**** NOT TESTED: {kind} namespaces cannot be had here ****\n");
        std::io::stderr().write_all(words.as_bytes()).unwrap();
    }
    found
}

/// A disk of 60 MB in a mount namespace that a process keeps; something else on it leaves only a little free.
struct SmallDisk {
    holder: Child,
    inside: Vec<String>,
}

const DISK_KB: u64 = 60_000;

impl SmallDisk {
    fn new(world: &World, way: &[&str], free_kb: u64) -> Self {
        std::fs::create_dir(world.path("disk")).unwrap();
        let here = world.path("").display().to_string();
        let others_kb = DISK_KB - free_kb;
        let script = format!(
            "cd '{here}' && mount -t tmpfs -o size={DISK_KB}k none disk && head -c {others_kb}k /dev/zero >disk/others \
             && : >mounted && exec sleep 600"
        );
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).args(["sh", "-c", &script]).stdout(Stdio::null());
        let holder = command.spawn().unwrap();
        poll("the small disk", || world.path("mounted").exists().then_some(()));
        let pid = holder.id().to_string();
        let mut inside = vec!["nsenter".to_owned(), "--target".into(), pid, "--mount".into()];
        if way.contains(&"--user") {
            inside.extend(["--user".to_owned(), "--preserve-credentials".into()]);
        }
        inside.extend(["sh", "-c", &format!("cd '{here}' && exec \"$@\""), "sh"].map(str::to_owned));
        Self { holder, inside }
    }

    fn inside(&self) -> Vec<&str> {
        self.inside.iter().map(String::as_str).collect()
    }

    /// Takes the other things off the disk.
    fn free(&self) {
        let inside = self.inside();
        let status = Command::new(inside[0]).args(&inside[1..]).args(["rm", "disk/others"]).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _over = self.holder.kill();
        let _reaped = self.holder.wait();
    }
}

#[test]
fn a_disk_that_fills_up_stops_the_run_and_loses_nothing() {
    let Some(way) = namespace("mount") else { return };
    let world = World::with_notes();
    let plan = json!({"purpose": "plan", "plan_tasks": 700});
    let model = world.script("model", &script::script(0, vec![plan]));
    let disk = SmallDisk::new(&world, &way, 1_500);
    let inside = disk.inside();
    let call = |words: &str| world.delm(&format!("--store=disk/store {words}")).by(&inside);
    let full = call("run --jsonl --docs notes Who? --model").arg(&model).done().exit(1);
    let error = full.stderr.to_lowercase();
    assert!(error.contains("no space") || error.contains("full"), "{full}");
    full.error();
    let seen: Vec<&str> = full.stdout.lines().filter(|line| line.starts_with("{\"seq\":")).collect();
    assert!(seen.len() > 10, "it had come some way: {full}");

    // With no byte left it can still be read, or says that it cannot for want of space.
    let read = call("show --json").done();
    assert!(read.code == 0 || read.code == 1 && read.stderr.contains("space"), "{read}");

    disk.free();
    let resumed = call("resume --json").done().exit(0).json();
    assert_eq!(
        (&resumed["outcome"], &resumed["tasks"]["done"]),
        (&json!("answered"), &json!(700)),
        "{resumed}"
    );
    let export = call("export").done().exit(0).stdout;
    let exported: BTreeSet<&str> = export.lines().collect();
    for line in seen {
        assert!(exported.contains(line), "what it had said is not in the export: {line}");
    }
    call("verify").done().exit(0);
    call("replay").done().exit(0);
    world.unsound("it lies in a namespace of its own, and was looked at there");
}

#[test]
fn a_disk_without_a_byte_takes_no_run() {
    let Some(way) = namespace("mount") else { return };
    let world = World::with_notes();
    let disk = SmallDisk::new(&world, &way, 8);
    let inside = disk.inside();
    let call = |words: &str| world.delm(&format!("--store=disk/store {words}")).by(&inside);
    let done = call("demo --json").done().exit(1).hints();
    let message = text(&done.error()["error"]["message"]).to_lowercase();
    assert!(message.contains("space") || message.contains("full"), "{message}");
    disk.free();
    call("demo --json").done().exit(0);
    call("verify").done().exit(0);
    world.unsound("it lies in a namespace of its own, and was looked at there");
}

#[test]
fn a_store_that_can_only_be_read_says_so() {
    let Some(way) = namespace("mount") else { return };
    let world = World::with_notes();
    world.delm("demo -q").done().exit(0);
    let here = world.path("").display().to_string();
    let read_only =
        format!("cd '{here}' && mount --bind .delm .delm && mount -o remount,bind,ro .delm && exec \"$@\"");
    let by: Vec<&str> = way.iter().copied().chain(["sh", "-c", &read_only, "sh"]).collect();
    for words in ["demo --json", "resume --json", "ls --json"] {
        let done = world.delm(words).by(&by).done();
        let reads = words.starts_with("ls") && done.code == 0;
        if !reads {
            let done = done.exit(1).hints();
            let message = text(&done.error()["error"]["message"]);
            assert!(message.contains("read-only") || message.contains("only be read"), "{words}: {message}");
        }
    }
    world.sound();
}

#[test]
fn replay_needs_no_network() {
    let Some(way) = namespace("net") else { return };
    let world = World::with_notes();
    world.delm("demo -q").done().exit(0);
    let model = world.script("model", &script::good(3));
    world.delm("run --json --docs notes Who? --model").arg(model).done().exit(0);
    for run in world.runs() {
        let replayed = world.delm("replay --json").arg(&run).by(&way).done().exit(0).json();
        assert_eq!(replayed["differences"], 0);
        world.delm("verify --json").arg(&run).by(&way).done().exit(0);
    }
    world.delm("demo --json").by(&way).done().exit(0);
    assert!(binary().is_file());
    world.sound();
}
