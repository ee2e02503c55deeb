//! Golden sessions: every verb, for people and for programs, held against files under `tests/golden`.
//!
//! Refuses chance: one agent works, so that entries come in one order; what the clock and the nonce change is redacted.
//! `BLESS=1` writes the files anew.

use serde_json::json;

use crate::kit::golden::Session;
use crate::kit::{World, script, text};

/// A world with a scripted run of one agent, in which a task fails once.
fn scripted(session: &mut Session, world: &World) {
    let wrong = json!({"purpose": "reason", "task": "T1", "attempt": 1, "reply": {
        "finding": "Nine ships were lit by Ines Varga.", "cites": [], "unfold": [],
        "evidence": [{"unit": "S2.1", "quote": "The lamp of the tower was lit by Ines Varga."}]}});
    let model = world.script("model", &script::script(0, vec![wrong]));
    let run = "run -q --agents 1 --docs notes --name lamp --param temperature=0 --model";
    session.step(world.delm(run).arg(model).arg("Who lit the lamp?")).exit(0);
}

#[test]
fn demo_for_people_and_programs() {
    let world = World::new();
    let mut session = Session::new("demo", &world);
    session.step(world.delm("demo --agents 1")).exit(0).shows("Ada Merrow");
    session.step(world.delm("demo --agents 1 --json")).exit(0);
    session.step(world.delm("ls")).exit(0);
    session.step(world.delm("replay")).exit(0);
    session.end();
    world.sound();
}

#[test]
fn a_run_and_every_way_to_read_it() {
    let world = World::with_notes();
    let mut session = Session::new("reading", &world);
    scripted(&mut session, &world);
    for words in [
        "show lamp",
        "ls",
        "facts",
        "facts --rejected",
        "queue",
        "agents",
        "calls",
        "log --kind gist_proposed,verdict_given",
        "log --task T1 --kind gist_admitted -p",
        "log --reverse --limit 3",
        "cat S1",
        "cat S2.1",
        "cat F1",
        "cat T1",
        "cat answer",
        "cat c1 --prompt",
        "cat c1 --reply",
        "cat a1",
        "unfold F1",
        "unfold F1 --level raw",
        "unfold S1.1 --level raw",
        "verify",
        "replay",
    ] {
        session.step(world.delm(words)).exit(0);
    }
    session.end();
    world.sound();
}

#[test]
fn a_run_and_every_document_of_it() {
    let world = World::with_notes();
    let mut session = Session::new("documents", &world);
    scripted(&mut session, &world);
    for words in [
        "show",
        "ls",
        "facts",
        "facts --rejected",
        "queue --limit 2",
        "agents",
        "calls --limit 2",
        "log --kind run_started,run_ended",
        "log --task T2 -p --limit 2",
        "cat F1",
        "cat answer",
        "unfold F1",
        "unfold F1 --level raw",
        "verify",
        "replay",
    ] {
        session.step(world.delm(words).arg("--json")).exit(0);
    }
    session.end();
    world.sound();
}

#[test]
fn a_check_judges_runs_files_and_streams() {
    let world = World::with_notes();
    let mut session = Session::new("check", &world);
    scripted(&mut session, &world);
    session.step(world.delm("check lamp")).exit(0);
    session.step(world.delm("check --json")).exit(0);
    session.step(world.delm("check --list")).exit(0);
    let export = world.delm("export lamp").done().exit(0).stdout;
    let read = world.delm("check - --json").stdin(&export).done().exit(0).json();
    assert_eq!(read, world.delm("check lamp --json").done().exit(0).json());
    let broken = include_str!("../../crates/delm-oracle/tests/runs/broken/i12.jsonl");
    world.write("broken.jsonl", broken);
    session.step(world.delm("check broken.jsonl")).exit(6).shows("I-12");
    session.step(world.delm("check broken.jsonl --json")).exit(6);
    let cut = &export[..export.len() / 2];
    world.delm("check -").stdin(cut).done().exit(4);
    world.write("altered.jsonl", broken.replacen("\"attempt\":1", "\"attempt\":2", 1));
    session.step(world.delm("check altered.jsonl")).exit(4);
    session.step(world.delm("check altered.jsonl --json")).exit(4);
    session.step(world.delm("check nowhere.jsonl")).exit(8);
    session.end();
    world.sound();
}

#[test]
fn an_export_is_whole_and_the_same_each_time() {
    let world = World::with_notes();
    let mut session = Session::new("export", &world);
    scripted(&mut session, &world);
    let one = world.delm("export lamp").done().exit(0);
    assert_eq!(world.delm("export lamp").done().exit(0).stdout, one.stdout);
    let lines = one.lines();
    // A line a line of the export: what it is and, of an entry, its events.
    let kinds: String = lines
        .iter()
        .map(|line| match (&line["seq"], &line["blob"]) {
            (seq @ serde_json::Value::Number(_), _) => {
                let kinds: Vec<String> =
                    line["events"].as_array().unwrap().iter().map(|event| text(&event["kind"])).collect();
                format!("{seq}: {}\n", kinds.join(" "))
            }
            (_, serde_json::Value::String(_)) => format!("blob of {} bytes\n", line["len"]),
            _ => format!("{line}\n"),
        })
        .collect();
    let mut blobs: Vec<&str> = kinds.lines().filter(|line| line.starts_with("blob")).collect();
    blobs.sort_unstable();
    let rest: Vec<&str> = kinds.lines().filter(|line| !line.starts_with("blob")).collect();
    session.note(&one, &[rest, blobs].concat().join("\n"));
    let path = world.write("lamp.jsonl", &one.stdout);
    for verb in ["verify", "replay", "facts"] {
        session.step(world.delm(verb).arg(&path)).exit(0);
    }
    assert_eq!(
        world.delm("export").arg(&path).done().exit(0).stdout,
        one.stdout,
        "an export of an export is the same bytes"
    );
    session.end();
    world.sound();
}

#[test]
fn every_line_of_an_export_follows_its_schema() {
    let world = World::with_notes();
    scripted(&mut Session::new("none", &world), &world);
    for line in world.delm("export").done().exit(0).lines() {
        crate::kit::follows("export", &line);
    }
    let log = world.delm("log --jsonl").done().exit(0).lines();
    assert!(log.len() > 50, "{}", log.len());
    let streamed = world.delm("demo --jsonl").done().exit(0).lines();
    crate::kit::follows("began", &streamed[0]);
    crate::kit::follows("run", streamed.last().unwrap());
    streamed[1..streamed.len() - 1].iter().for_each(|line| crate::kit::follows("export", line));
    world.sound();
}

#[test]
fn a_budget_pauses_and_more_of_it_resumes() {
    let world = World::with_notes();
    let mut session = Session::new("budget", &world);
    let model = world.script("model", &script::good(3));
    let run = "run -q --agents 1 --docs notes --budget-tokens 12000 --model";
    session.step(world.delm(run).arg(&model).arg("Who lit the lamp?")).exit(10);
    session.step(world.delm("show --json")).exit(0);
    session.step(world.delm("resume -q")).exit(10);
    session.step(world.delm("resume -q --budget-tokens 100000")).exit(0);
    session.step(world.delm("log --kind limit_reached,run_paused,run_resumed,run_ended")).exit(0);
    session.step(world.delm("resume")).exit(2);
    session.end();
    world.sound();
}

#[test]
fn a_run_without_an_answer_and_a_cancelled_one() {
    let world = World::with_notes();
    let mut session = Session::new("ends", &world);
    let none = json!({"purpose": "finalize", "reply": {"answered": false, "answer": "The notes do not say.", "cites": []}});
    let model = world.script("model", &script::script(0, vec![none]));
    let run = "run -q --agents 1 --docs notes --model";
    session.step(world.delm(run).arg(&model).arg("Who sank?")).exit(3);
    let down = json!({"purpose": "plan", "error": {"fault": "provider", "message": "connection refused"}});
    let model = world.script("model", &script::script(0, vec![down]));
    session.step(world.delm(run).arg(&model).arg("Who sank?")).exit(9);
    session.step(world.delm("ls --resumable")).exit(0);
    session.step(world.delm("cancel").arg(&world.runs()[0])).exit(0);
    session.step(world.delm("show")).exit(0);
    session.step(world.delm("ls --outcome cancelled --json")).exit(0);
    session.step(world.delm("cancel --json").arg(&world.runs()[0])).exit(2);
    world.sound();
    session.step(world.delm("rm").arg(&world.runs()[1])).exit(0);
    session.step(world.delm("ls")).exit(0);
    session.step(world.delm("backup copy")).exit(0);
    session.step(world.delm("verify --store copy")).exit(0);
    session.end();
    world.sound();
}

#[test]
fn settings_schemas_and_completions() {
    let world = World::with_notes();
    world.write("delm.toml", "agents = 2\n[limit]\nattempts_max = 5\n");
    let mut session = Session::new("settings", &world);
    session.step(world.delm("config show --origin").env("DELM_MODEL", "extractive")).exit(0);
    session.step(world.delm("config show --json")).exit(0);
    session.step(world.delm("config limits")).exit(0);
    session.step(world.delm("config prompts -o prompts")).exit(0);
    session.step(world.delm("schema")).exit(0);
    session.step(world.delm("run --dry-run --docs notes Who?")).exit(0);
    session.step(world.delm("run --dry-run --json --docs notes Who?")).exit(0);
    session.step(world.delm("run -q --prompts prompts --docs notes --set attempts_max=1 --ablate sharing --agents 1 --").arg("Who lit the lamp?")).exit(0);
    world.write("delm.toml", "modle = \"x\"\n");
    session.step(world.delm("config show")).exit(2);
    session.step(world.delm("ls --json")).exit(2);
    session.step(world.delm("ls").env("DELM_MODLE", "x")).exit(2);
    std::fs::remove_file(world.path("delm.toml")).unwrap();
    session.end();
    for schema in world.delm("schema --json").done().exit(0).json()["items"].as_array().into_iter().flatten()
    {
        world.delm("schema").arg(text(&schema["name"])).done().exit(0).json();
    }
    for shell in ["bash", "zsh", "fish"] {
        world.delm("completions").arg(shell).done().exit(0).shows("delm");
    }
    world.delm("doctor --json").done().exit(0).json();
    world.delm("doctor").done().exit(0);
    world.sound();
}

#[test]
fn wrong_usage_in_both_forms() {
    let world = World::with_notes();
    let mut session = Session::new("usage", &world);
    for (words, exit) in [
        ("frobnicate", 2),
        ("run", 2),
        ("run --docs nowhere Who?", 2),
        ("run --docs notes --agents 0 Who?", 2),
        ("run --docs notes --model gpt-5 Who?", 2),
        ("run --docs notes --set no_such=1 Who?", 2),
        ("show", 8),
        ("show last@3", 2),
        ("cat", 2),
        ("cancel", 2),
        ("export --format md", 2),
        ("ls --json --jsonl", 2),
        ("verify nowhere.jsonl", 8),
    ] {
        session.step(world.delm(words)).exit(exit);
        if !words.contains("--json") {
            session.step(world.delm(words).arg("--json")).exit(exit);
        }
    }
    session.step(world.delm("--version")).exit(0);
    session.end();
    assert!(!world.path(".delm").exists());
    world.sound();
}
