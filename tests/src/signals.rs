//! Ctrl-C once and twice, SIGTERM, and whoever read the output going away.
//!
//! Refuses a stop that is not recorded, and one that cannot be resumed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::{Child, World, poll, script};

fn begun(world: &World, delay_ms: u64, facts: usize) -> Child {
    let plan = json!({"purpose": "plan", "plan_tasks": 12});
    let model = world.script("model", &script::script(delay_ms, vec![plan]));
    let mut child = world.delm("run --jsonl --agents 3 --docs notes --model").arg(model).arg("Who?").start();
    let what = if facts == 0 { "call_started" } else { "gist_admitted" };
    child.wait_written(what, |written| written.matches(what).count() > facts);
    child
}

fn events(world: &World) -> Vec<Value> {
    let kinds = "run_paused,run_resumed,limit_reached,claim_released,call_failed,run_ended";
    let log = world.delm("log --json --limit 500 --kind").arg(kinds).done().exit(0).json();
    log["items"].as_array().unwrap().iter().map(|item| item["event"].clone()).collect()
}

fn has(events: &[Value], kind: &str) -> bool {
    events.iter().any(|event| event["kind"] == kind)
}

/// The pause is recorded, and the run goes on to its end with nothing twice.
fn goes_on(world: &World) {
    let paused = world.delm("show --json").done().exit(0).json();
    assert_eq!((&paused["outcome"], &paused["cause"]), (&json!("paused"), &json!("interrupt")), "{paused}");
    assert!(has(&events(world), "run_paused"));
    world.script("model", &script::script(0, vec![json!({"purpose": "plan", "plan_tasks": 12})]));
    let ended = world.delm("resume --json").done().exit(0).json();
    assert_eq!((&ended["outcome"], &ended["tasks"]["done"]), (&json!("answered"), &json!(12)), "{ended}");
    assert_eq!(ended["facts"]["admitted"], 14, "twelve tasks and two readings: {ended}");
    assert!(has(&events(world), "run_resumed"));
    world.sound();
}

#[test]
fn one_ctrl_c_lets_work_in_flight_end() {
    let world = World::with_notes();
    let child = begun(&world, 60, 3);
    child.signal("INT");
    let done = child.done().exit(130);
    assert_eq!(done.lines().last().unwrap()["cause"], "interrupt", "{done}");
    assert!(!has(&events(&world), "call_failed"), "calls in flight came to their end");
    goes_on(&world);
}

#[test]
fn two_ctrl_c_release_and_leave() {
    let world = World::with_notes();
    let child = begun(&world, 20_000, 0);
    let began = Instant::now();
    child.signal("INT");
    let mut child = child;
    // The owner itself says so, to another process.
    poll("the first to be recorded", || has(&events(&world), "limit_reached").then_some(()));
    assert!(!child.is_over(), "work in flight goes on");
    child.signal("INT");
    child.done().exit(130);
    assert!(began.elapsed() < Duration::from_secs(15), "it waited for a call of 20 s");
    let events = events(&world);
    assert!(has(&events, "claim_released") || has(&events, "call_failed"), "{events:?}");
    goes_on(&world);
}

#[test]
fn a_run_that_is_still_reading_its_documents_is_left_at_once() {
    let world = World::with_notes();
    let pipe = world.path("notes/pipe.md");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (signal, exit) in [("INT", 130), ("TERM", 143)] {
        let child = world.delm("run --json --docs notes/lamp.md notes/pipe.md -- Who?").start();
        // Opening the other end waits until the documents are being read.
        let writer = std::fs::OpenOptions::new().write(true).open(&pipe).unwrap();
        child.signal(signal);
        let done = child.done().exit(exit);
        assert_eq!(done.error()["error"]["code"], "interrupted", "{done}");
        assert!(done.stderr.contains("no run was begun"), "{done}");
        assert!(!world.path(".delm").exists(), "nothing is written");
        drop(writer);
    }
    world.sound();
}

#[test]
fn a_supervisor_stops_a_run() {
    let world = World::with_notes();
    let child = begun(&world, 60, 3);
    child.signal("TERM");
    child.done().exit(143);
    goes_on(&world);
}

#[test]
fn a_closed_pipe_is_quiet() {
    let world = World::with_notes();
    world.delm("demo -q").done().exit(0);
    // `head` goes away after a line; what delm ended with is said on standard error.
    let through_head = &["sh", "-c", "{ \"$@\"; echo \"ended $?\" >&2; } | head -n 1", "sh"];
    for words in
        ["export", "log -p", "log --jsonl", "facts --json", "cat S1", "schema run", "completions bash"]
    {
        let done = world.delm(words).by(through_head).done();
        assert_eq!(done.stderr, "ended 0\n", "{words}: {done}");
    }
    let model = world.script("model", &script::good(3));
    let run = world.delm("run --jsonl -q --docs notes Who? --model").arg(model).by(through_head).done();
    assert!(!run.stderr.contains("error"), "{run}");
    world.sound();
}
