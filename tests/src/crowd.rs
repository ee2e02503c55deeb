//! Many processes at one store: eight that begin at once, readers beside a run that goes on, `cancel` and `run` from others.
//!
//! Refuses a store that two write, and a reader that has to wait for the end.

use serde_json::json;

use crate::kit::{Child, World, poll, script, text};

/// A run that would take a minute, and has begun.
fn slow(world: &World, store: &[&str]) -> Child {
    let plan = json!({"purpose": "plan", "plan_tasks": 400, "plan_needs": 1});
    let model = world.script("slow", &script::script(50, vec![plan]));
    let call = world.delm("run --jsonl --agents 3 --docs notes --model").arg(model).args(store).arg("Who?");
    let mut child = call.start();
    child.wait_written("a fact of a task", |written| written.matches("gist_admitted").count() > 3);
    child
}

#[test]
fn eight_at_once_each_end_with_an_answer_or_the_name_of_the_owner() {
    let world = World::new();
    let children: Vec<Child> = (0..8).map(|_| world.delm("demo --json").start()).collect();
    let ended: Vec<_> = children.into_iter().map(Child::done).collect();
    let mut answered = 0;
    for done in ended {
        if done.code == 7 {
            let error = done.error();
            let message = text(&error["error"]["message"]);
            assert!(
                message.contains("process") || message.contains("pid"),
                "it does not name the owner: {done}"
            );
            assert!(error["error"]["hint"].is_string(), "{done}");
        } else {
            assert_eq!(done.exit(0).json()["outcome"], "answered");
            answered += 1;
        }
    }
    assert!(answered >= 1);
    assert_eq!(world.runs().len(), answered);
    world.sound();
}

#[test]
fn eight_at_once_all_succeed_if_they_wait() {
    let world = World::new();
    let children: Vec<Child> = (0..8).map(|_| world.delm("demo --json --wait").start()).collect();
    for child in children {
        assert_eq!(child.done().exit(0).json()["outcome"], "answered");
    }
    assert_eq!(world.runs().len(), 8);
    world.sound();
}

/// What others can do while a run goes on, then end it.
fn beside(world: &World, store: &[&str]) {
    let child = slow(world, store);
    let pid = child.pid().to_string();
    let ask = |words: &str| world.delm(words).args(store).done();
    let listed = ask("ls --json").exit(0).json();
    assert_eq!(listed["items"][0]["outcome"], "live", "{listed}");
    let shown = ask("show --json").exit(0).json();
    assert_eq!(shown["run"], listed["items"][0]["run"]);
    ask("show").exit(0).shows("live: under way").shows("log ").shows(" -f");
    for words in [
        "log --json",
        "facts --json",
        "queue --json",
        "agents --json",
        "calls --json --limit 3",
        "verify --json",
    ] {
        let document = ask(words).exit(0).json();
        assert_eq!(document["run"], shown["run"], "{words}");
    }
    ask("cat S1").exit(0).shows("Ines Varga");
    ask("unfold F1 --level raw --json").exit(0);
    ask("export").exit(0).shows("delm.export/1");
    let error = ask("run --docs notes Who?").exit(7);
    assert!(error.stderr.contains(&pid), "it does not name the owner {pid}: {error}");
    let id = text(&shown["run"]);
    // Three ways to the same conflict: the lock, the owner asked in vain, the owner asked for what only one can do.
    for words in ["demo --json", "resume --json", "rm last --json"] {
        let error = ask(words).exit(7).error();
        assert_eq!(error["error"]["code"], "held", "{words}");
        let message = text(&error["error"]["message"]);
        for named in [pid.as_str(), " since 20", &id[..16]] {
            assert!(message.contains(named), "{words} does not name {named}: {message}");
        }
    }
    ask("show nobody --json").exit(8);
    let mut following = world.delm("log -f --jsonl").args(store).start();
    following.wait_lines(3);
    let run = text(&shown["run"]);
    let cancelled = world.delm("cancel --json").arg(&run[..12]).args(store).done().exit(0).json();
    assert_eq!(cancelled["outcome"], "cancelled", "{cancelled}");
    let ended = child.done().exit(3);
    assert_eq!(ended.lines().last().unwrap()["outcome"], "cancelled", "the last line is the document");
    let followed = following.done().exit(0);
    assert!(followed.stdout.contains("run_ended"), "{}", followed.stdout.lines().last().unwrap_or_default());
    let shown = ask("show --json").exit(0).json();
    assert_eq!(shown["outcome"], "cancelled");
}

#[test]
fn others_read_and_cancel_a_run_that_goes_on() {
    let world = World::with_notes();
    beside(&world, &[]);
    world.sound();
}

#[test]
fn a_store_that_lies_deep_is_held_and_read_all_the_same() {
    let world = World::with_notes();
    let deep = format!("{}/{}/store", "d".repeat(90), "e".repeat(90));
    beside(&world, &["--store", &deep]);
    world.delm("verify --store").arg(&deep).done().exit(0);
    world.delm("replay --store").arg(&deep).done().exit(0);
    world.sound();
}

/// A run whose deadline is reached while its first calls go on for some seconds: it is about to pause.
fn about_to_pause(world: &World) -> Child {
    let slow = json!({"purpose": "read", "attempt": 1, "delay_ms": 6_000, "reply": {
        "bullets": [{"text": "{{evidence}}", "head": "{{head}}", "tail": "{{tail}}"}], "gist": "{{evidence}}"}});
    let model = world.script("pauses", &script::script(0, vec![slow]));
    let run = "run --jsonl --agents 3 --docs notes --deadline 300ms --model";
    let mut child = world.delm(run).arg(model).arg("Who?").start();
    child.wait_written("that the deadline is reached", |written| written.contains("limit_reached"));
    child
}

#[test]
fn the_owner_goes_on_with_its_own_run_when_it_is_given_a_new_total() {
    let world = World::with_notes();
    let child = about_to_pause(&world);
    let error = world.delm("resume --json").done().exit(7).error();
    assert!(text(&error["error"]["message"]).contains("about to pause (deadline)"), "{error}");
    let resumed = world.delm("resume --json --deadline 10m").done().exit(0).json();
    assert_eq!(resumed["outcome"], "answered", "{resumed}");
    let owner = child.done().exit(0);
    assert_eq!(owner.lines().last().unwrap()["run"], resumed["run"]);
    assert_eq!(
        owner.lines().last().unwrap()["outcome"],
        "answered",
        "one process drove it to its end: {owner}"
    );
    let log = world.delm("log --json --kind run_paused,run_resumed").done().exit(0).json();
    let kinds: Vec<_> = log["items"].as_array().unwrap().iter().map(|item| &item["event"]["kind"]).collect();
    assert_eq!(kinds, ["run_paused", "run_resumed"], "{log}");
    let over = world.delm("resume --json --deadline 10m").done().exit(2).hints().error();
    assert!(text(&over["error"]["message"]).contains("is over: it was answered"), "{over}");
    assert_eq!(over["error"]["run"], resumed["run"]);
    world.sound();
}

#[test]
fn whoever_waits_resumes_when_the_owner_has_gone() {
    let world = World::with_notes();
    let model = world.script("model", &script::good(3));
    let run = "run --json --docs notes --name first --budget-tokens 6000 --agents 1 --model";
    world.delm(run).arg(&model).arg("Who?").done().exit(10);
    let child = slow(&world, &[]);
    let resume = "resume first --json --budget-tokens 900000";
    assert_eq!(world.delm(resume).done().exit(7).error()["error"]["code"], "held");
    world.delm(resume).arg("--wait=50ms").done().exit(7).error();
    let waiting = world.delm(resume).arg("--wait").start();
    child.signal("INT");
    child.done().exit(130);
    let resumed = waiting.done().exit(0);
    assert_eq!(resumed.stderr, "", "who waits is not told off first");
    assert_eq!((&resumed.json()["name"], &resumed.json()["outcome"]), (&json!("first"), &json!("answered")));
    world.sound();
}

#[test]
fn whoever_waits_to_resume_a_run_that_ends_meanwhile_ends_as_it_does() {
    let world = World::with_notes();
    world.delm("demo -q").done().exit(0);
    let over = world.runs().remove(0);
    let (child, run) = (slow(&world, &[]), world.runs().remove(0));
    // A run that was over before is not waited for.
    let refused = world.delm("resume --json --wait").arg(&over).done().exit(2).error();
    assert!(text(&refused["error"]["message"]).contains("is over: it was answered"), "{refused}");
    let waiting = world.delm("resume --json --wait -v").arg(&run).start();
    poll("that it waits", || waiting.said().contains("waiting").then_some(()));
    world.delm("cancel").arg(&run).done().exit(0);
    child.done().exit(3);
    let ended = waiting.done().exit(3);
    let document = ended.json();
    assert_eq!((&document["run"], &document["outcome"]), (&json!(run), &json!("cancelled")), "{ended}");
    world.sound();
}

#[test]
fn a_deep_store_is_reached_though_the_temporary_folder_is_missing() {
    let world = World::with_notes();
    let deep = format!("{}/{}/store", "d".repeat(90), "e".repeat(90));
    let nowhere = world.path("nowhere");
    let plan = json!({"purpose": "plan", "plan_tasks": 400, "plan_needs": 1});
    let model = world.script("slow", &script::script(50, vec![plan]));
    let call = world.delm("run --jsonl --agents 3 --docs notes --model").arg(model).args(&["--store", &deep]);
    let mut child = call.env("TMPDIR", &nowhere).arg("Who?").start();
    child.wait_written("a fact of a task", |written| written.matches("gist_admitted").count() > 3);
    let shown = world.delm("show --json --store").arg(&deep).env("TMPDIR", &nowhere).done().exit(0).json();
    assert_eq!(shown["outcome"], "live");
    child.signal("INT");
    let ended = child.done().exit(130);
    assert!(!ended.stderr.contains("cannot"), "{ended}");
    world.sound();
}

#[test]
fn waiting_has_an_end() {
    let world = World::with_notes();
    let child = slow(&world, &[]);
    let error = world.delm("demo --json --wait=200ms").done().exit(7).error();
    assert!(text(&error["error"]["message"]).contains(&child.pid().to_string()), "{error}");
    child.kill();
    // What the dead owner left behind holds nobody up.
    poll("the lock of the dead", || (world.delm("ls --json").done().code == 0).then_some(()));
    world.delm("show").done().exit(0).shows("live: its process died, and it can go on").shows("delm resume");
    let export = world.write("cut.jsonl", world.delm("export").done().exit(0).stdout);
    world.delm("show").arg(export).done().exit(0).shows("live: it had not ended when it was exported");
    world.delm("demo --json").done().exit(0);
    world.sound();
}

#[test]
fn a_waiting_run_begins_when_the_store_is_free() {
    let world = World::with_notes();
    let child = slow(&world, &[]);
    let waiting = world.delm("demo --json --wait").start();
    child.signal("INT");
    child.done().exit(130);
    waiting.done().exit(0);
    world.delm("resume --json").arg(&world.runs()[1]).start().signal("INT");
    world.sound();
}
