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
        "why answer",
        "why F4 --dot",
        "blame",
        "what-if --without F1",
        "show lamp@F2",
        "facts lamp@head~4",
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
        "why answer --limit 2",
        "blame --limit 1",
        "what-if --without F1 --limit 2",
        "facts lamp@F1",
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

/// Calls that give a document, at least one a verb; what is no verb of theirs gives lines, not a document.
const DOCUMENTS: &[&str] = &[
    "demo -q --agents 1",
    "run --agents 1 --docs notes -- lamp",
    "run --dry-run --docs notes -- Who?",
    "fork --dry-run --drop F1",
    "check",
    "check --list",
    "ls",
    "show",
    "log",
    "queue",
    "agents",
    "facts",
    "blame",
    "why answer",
    "what-if --without F1",
    "calls",
    "cat answer",
    "unfold F1",
    "verify",
    "verify --all",
    "replay",
    "doctor",
    "config show",
    "config limits",
    "config prompts -o written",
    "schema",
    "schema run",
    "completions bash",
    "backup copy",
    "rm last",
];

#[test]
fn every_document_is_named_and_in_the_list_of_schemas() {
    let world = World::with_notes();
    let names = |items: &serde_json::Value| -> std::collections::BTreeSet<String> {
        items["items"].as_array().unwrap().iter().map(|item| text(&item["name"])).collect()
    };
    let listed = names(&world.delm("schema --json").done().exit(0).json());
    let mut unseen = listed.clone();
    // Lines of a stream, a failure, and what delm reads: none is what a verb gives with --json.
    for other in ["export", "began", "error", "script"] {
        assert!(unseen.remove(other), "{other}");
    }
    let mut verbs = std::collections::BTreeSet::new();
    for words in DOCUMENTS {
        // Every document is held against its schema as it is read.
        let document = world.delm("--json").args(&words.split(' ').collect::<Vec<_>>()).done().exit(0).json();
        let name = text(&document["schema"]).replace("delm.", "").replace("/1", "");
        assert!(listed.contains(&name), "{words}: {name} is not in `delm schema`");
        unseen.remove(&name);
        verbs.insert(words.split(' ').next().unwrap().to_owned());
    }
    assert_eq!(unseen, std::collections::BTreeSet::new(), "schemas that no call above gives");
    let model = world.script(
        "down",
        &script::script(
            0,
            vec![json!({"purpose": "plan", "error": {"fault": "provider", "message": "down"}})],
        ),
    );
    let paused = world.delm("run --json --docs notes Who? --model").arg(model).done().exit(9).json();
    let resumed = world.delm("resume --json").done().exit(9).json();
    let cancelled = world.delm("cancel last --json").done().exit(0).json();
    assert_eq!((&paused["run"], &resumed["run"]), (&cancelled["run"], &cancelled["run"]));
    let export = world.delm("export --json").done().exit(2).hints();
    assert!(export.stderr.contains("--jsonl"), "many lines are no document: {export}");
    verbs.extend(["resume", "cancel", "export"].map(str::to_owned));
    let help = world.delm("--help").done().exit(0).stdout;
    let in_help =
        help.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with([' ', '-']));
    let in_help: std::collections::BTreeSet<String> = in_help
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| *word != "delm")
        .map(str::to_owned)
        .collect();
    assert_eq!(in_help, verbs, "a verb of the help that no call above gives");
    world.sound();
}

#[test]
fn quiet_is_quiet_and_lines_to_paste_find_the_store_and_the_budget() {
    let world = World::with_notes();
    world.write("notes/scan.pdf", "x");
    world.write("delm.toml", "[price.\"script:model.json\"]\nin = 1\nout = 1\nversion = \"1\"\n");
    let model = world.script("model", &script::good(3));
    let run = "--store kept run --agents 1 --docs notes --budget-usd 0.012 --budget-tokens 900000 --model";
    let quiet = world.delm(run).arg(&model).args(&["-q", "Who?"]).done().exit(10);
    assert_eq!(quiet.stderr, "");
    for next in ["--budget-usd DOLLARS --store kept\n", "delm replay ", " --store kept\n"] {
        assert!(quiet.stdout.contains(next), "{next}: {quiet}");
    }
    let line = quiet
        .stdout
        .lines()
        .find(|line| line.contains("delm resume"))
        .unwrap()
        .trim()
        .replace("DOLLARS", "2");
    let said = world.delm(line.strip_prefix("delm ").unwrap()).done().exit(0);
    assert!(said.stdout.contains("answer (text"), "the line that was pasted did not find the run: {said}");
    world.delm("show --store kept").done().exit(0).shows("delm why").shows(" --store kept");
    let loud = world.delm("run --agents 1 --docs notes -- lamp").done().exit(0);
    assert!(loud.stderr.contains("left out: scan.pdf"), "{loud}");
    assert!(!loud.stdout.contains("--store"), "{loud}");
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
        ("show last@3", 8),
        ("show last@nowhere", 2),
        ("rm last@3", 2),
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
