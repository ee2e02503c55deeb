//! Bad input: documents, questions, numbers and models that cannot be. Each is refused by name, before anything is written.
//!
//! Refuses a message that does not name the thing, and a refusal that leaves a store behind.

use serde_json::json;

use crate::kit::{World, text};

const ASK: &str = "Who lit the lamp?";

/// A refusal: exit 2, naming every word, with a hint; both for people and for programs; nothing written.
#[track_caller]
fn refused(world: &World, arguments: &[&str], names: &[&str]) {
    let people = world.delm("run").args(arguments).done().exit(2);
    let programs = world.delm("run --json").args(arguments).done().exit(2);
    let error = programs.error();
    let message = error["error"]["message"].as_str().unwrap().to_owned();
    for name in names {
        assert!(message.contains(name), "the message does not name {name:?}: {programs}");
        assert!(people.stderr.contains(name), "the message does not name {name:?}: {people}");
    }
    assert!(error["error"]["hint"].is_string(), "it does not say what to do: {programs}");
    assert!(people.stderr.contains("hint: ") || people.stderr.contains("--help"), "{people}");
    assert!(people.stdout.is_empty() && programs.stdout.is_empty(), "{people}{programs}");
    assert!(!world.path(".delm").exists(), "a store was made: {people}");
}

#[test]
fn a_folder_that_is_empty_or_missing() {
    let world = World::with_notes();
    std::fs::create_dir(world.path("empty")).unwrap();
    world.write("hidden/.secret.md", "not read");
    refused(&world, &[ASK, "--docs", "empty"], &["empty", "no file"]);
    refused(&world, &[ASK, "--docs", "hidden"], &["hidden", "no file"]);
    refused(&world, &[ASK, "--docs", "nowhere"], &["nowhere"]);
    refused(&world, &[ASK, "--docs", "notes", "nowhere"], &["nowhere"]);
    refused(&world, &[ASK], &["documents"]);
    world.sound();
}

#[test]
fn files_that_are_no_text_are_left_out_and_said() {
    let world = World::with_notes();
    world.write("mixed/binary.dat", [0x7f, b'E', b'L', b'F', 0, 1, 2, 3]);
    world.write("mixed/latin.txt", b"caf\xe9 au lait");
    let huge = std::fs::File::create(world.path("mixed/huge.txt")).unwrap();
    huge.set_len(200 << 20).unwrap();
    // An address space is a file that even root cannot read at its beginning.
    #[cfg(target_os = "linux")]
    std::os::unix::fs::symlink("/proc/self/mem", world.path("mixed/unreadable.txt")).unwrap();
    std::os::unix::fs::symlink("nowhere", world.path("mixed/dangling.txt")).unwrap();
    let mut bad = vec![
        ("binary.dat", "not text"),
        ("latin.txt", "not UTF-8"),
        ("huge.txt", "source_bytes_max"),
        ("dangling.txt", "dangling.txt"),
    ];
    if cfg!(target_os = "linux") {
        bad.push(("unreadable.txt", "unreadable.txt"));
    }
    for (file, why) in &bad {
        refused(&world, &[ASK, "--docs", &format!("mixed/{file}")], &[file, why]);
    }
    refused(
        &world,
        &[ASK, "--docs", "notes", "mixed", "--docs-strict"],
        &["binary.dat", "latin.txt", "huge.txt"],
    );
    let run = world.delm("run --docs notes mixed --").arg(ASK).done().exit(0);
    for (file, _) in &bad {
        assert!(run.stderr.contains(file), "left out silently: {file}: {run}");
    }
    let run = world.delm("show --json").done().exit(0).json();
    assert_eq!(run["sources"]["skipped"], bad.len(), "{run}");
    let skipped = world.delm("log --json --kind source_skipped").done().exit(0).json();
    assert_eq!(skipped["items"].as_array().unwrap().len(), bad.len());
    world.sound();
}

#[test]
fn what_is_too_long_comes_with_the_flags_that_would_read_it() {
    let world = World::with_notes();
    let line = "The lamp of the tower burns colza oil in a brass reservoir.\n";
    world.write("notes/long.md", line.repeat(20));
    let limits = "--set source_bytes_max=500 --set sources_bytes_max=600";
    let strict =
        world.delm("run --docs-strict --docs notes --json").args(&limits.split(' ').collect::<Vec<_>>());
    let error = strict.args(&["--", "Who?"]).done().exit(2).error();
    let hint = text(&error["error"]["hint"]);
    let given = hint.strip_prefix("to read it all: ").unwrap_or_else(|| panic!("{error}")).to_owned();
    assert!(given.starts_with("--set source_bytes_max=1200 --set sources_bytes_max="), "{given}");
    let said =
        world.delm("run --docs notes").args(&limits.split(' ').collect::<Vec<_>>()).args(&["--", "lamp"]);
    said.done().exit(0).says(&format!("to read it all: {given}"));
    let all = world.delm("run --docs-strict --docs notes --json").args(&given.split(' ').collect::<Vec<_>>());
    let run = all.args(&["--", "lamp"]).done().exit(0).json();
    assert_eq!((&run["sources"]["read"], &run["sources"]["skipped"]), (&json!(3), &json!(0)));
    let piped = world.delm("run --docs - --json --set source_bytes_max=500 -- Who?").stdin(line.repeat(20));
    let error = piped.done().exit(2).error();
    assert!(text(&error["error"]["hint"]).contains("--set source_bytes_max=N"), "{error}");
    world.sound();
}

#[test]
fn no_question() {
    let world = World::with_notes();
    refused(&world, &["--docs", "notes"], &["question"]);
    refused(&world, &["", "--docs", "notes"], &["question"]);
    refused(&world, &[" \t\n", "--docs", "notes"], &["question"]);
    refused(&world, &["-", "--docs", "notes"], &["question"]);
    let long = "why ".repeat(30_000);
    let done = world.delm("run - --docs notes --json").stdin(long).done().exit(2);
    assert!(done.error()["error"]["message"].as_str().unwrap().contains("100000"), "{done}");
    let done = world.delm("run - --docs notes --json").stdin(b"\xff?").done().exit(2);
    assert!(done.error()["error"]["message"].as_str().unwrap().contains("UTF-8"), "{done}");
    let done = world.delm("run - --docs - --json").stdin("Who?").done().exit(2);
    assert!(done.error()["error"]["message"].as_str().unwrap().contains("standard input"), "{done}");
    assert!(!world.path(".delm").exists());
    world.sound();
}

#[test]
fn agents_limits_and_names_out_of_range() {
    let world = World::with_notes();
    let with = |more: &[&'static str]| [&[ASK, "--docs", "notes"], more].concat();
    refused(&world, &with(&["--agents", "0"]), &["0", "--agents"]);
    refused(&world, &with(&["--agents", "10000"]), &["10000", "4096"]);
    refused(&world, &with(&["--agents", "-1"]), &["-1"]);
    refused(&world, &with(&["--agents", "many"]), &["many"]);
    refused(&world, &with(&["--set", "agents_max=2", "--agents", "3"]), &["agents_max", "3"]);
    refused(&world, &with(&["--set", "no_such=1"]), &["no_such", "limits"]);
    refused(&world, &with(&["--set", "attempts_max=0"]), &["attempts_max", "1..=100"]);
    refused(&world, &with(&["--set", "attempts_max"]), &["attempts_max"]);
    refused(&world, &with(&["--deadline", "soon"]), &["soon"]);
    refused(&world, &with(&["--budget-tokens", "0"]), &["0"]);
    refused(&world, &with(&["--budget-usd", "lots"]), &["lots"]);
    refused(&world, &with(&["--name", "abc"]), &["abc"]);
    refused(&world, &with(&["--name", "Up"]), &["Up"]);
    refused(&world, &with(&["--ablate", "hierarchy"]), &["hierarchy"]);
    refused(&world, &with(&["--prompts", "nowhere"]), &["nowhere"]);
    world.sound();
}

#[test]
fn models_that_are_not_there() {
    let world = World::with_notes();
    world.write("wrong.json", "{\"schema\": \"delm.script/1\", \"rules\": [{\"purpos\": \"plan\"}]}");
    world.write("array.json", "[]");
    let with = |model: &'static str| [ASK, "--docs", "notes", "--model", model];
    refused(&world, &with("gpt-5"), &["gpt-5", "provider::name"]);
    refused(&world, &with("acme::gpt-5"), &["acme", "openai"]);
    refused(&world, &with("openai::"), &["openai"]);
    refused(&world, &with("script:nowhere.json"), &["nowhere.json"]);
    refused(&world, &with("script:wrong.json"), &["wrong.json", "purpos"]);
    refused(&world, &with("script:array.json"), &["array.json"]);
    refused(&world, &with("openai::gpt-4.1-mini"), &["OPENAI_API_KEY"]);
    refused(&world, &with("anthropic::claude"), &["ANTHROPIC_API_KEY"]);
    refused(&world, &with("gemini::pro"), &["GEMINI_API_KEY"]);
    refused(&world, &[ASK, "--docs", "notes", "--judge", "openai::m"], &["OPENAI_API_KEY"]);
    refused(&world, &[&with("openai::m")[..], &["--budget-usd", "1"]].concat(), &["openai::m", "price"]);
    world.sound();
}

#[test]
fn references_that_mean_nothing() {
    let world = World::with_notes();
    world.delm("show --json").done().exit(8).hints();
    world.delm("demo -q").done().exit(0);
    world.delm("run -q --name lamp --docs notes --").arg(ASK).done().exit(0);
    for (words, exit, says) in [
        ("show nobody", 8, "nobody"),
        ("show ffffffff", 8, "ffffffff"),
        ("show nowhere.jsonl", 8, "nowhere.jsonl"),
        ("show last@999", 8, "999"),
        ("show last@", 2, "last@"),
        ("show UP", 2, "UP"),
        ("cat last F99", 8, "F99"),
        ("cat last T99", 8, "T99"),
        ("cat last c99", 8, "c99"),
        ("cat last S9.9", 8, "S9.9"),
        ("cat last nonsense", 2, "nonsense"),
        ("unfold last F99", 8, "F99"),
        ("log --kind nothing", 2, "nothing"),
        ("facts --after nonsense", 2, "nonsense"),
        ("ls --since whenever", 2, "whenever"),
        ("resume nobody", 8, "nobody"),
        ("cancel nobody", 8, "nobody"),
        ("rm nobody", 8, "nobody"),
        ("resume lamp", 2, "over"),
        ("cancel lamp", 2, "over"),
        ("replay --today", 2, "--today"),
        ("export --format md", 2, "--format md"),
        ("export --no-blobs", 2, "--no-blobs"),
        ("verify --head abc", 2, "--head"),
        ("verify --sources notes", 2, "--sources"),
        ("schema nothing", 8, "nothing"),
    ] {
        world.delm(words).done().exit(exit).says(says);
        let error = world.delm(words).arg("--json").done().exit(exit).error();
        assert!(error["error"]["hint"].is_string(), "{words}: {error}");
    }
    world.delm("run --json --name lamp --docs notes --").arg(ASK).done().exit(2).says("lamp").hints();
    world.delm("run --json --name other --docs .delm --").arg(ASK).done().exit(2).says("store").hints();
    world.sound();
}

#[test]
fn exports_that_are_not_whole() {
    let world = World::with_notes();
    world.delm("demo -q").done().exit(0);
    let export = world.delm("export").done().exit(0).stdout;
    let whole = world.write("whole.jsonl", &export);
    for verb in ["show", "verify", "replay", "facts", "ls"] {
        let call = if verb == "ls" { world.delm(verb) } else { world.delm(verb).arg(&whole) };
        call.done().exit(0);
    }
    // It is read more than once, so it must be a file.
    world.delm("show /dev/stdin").stdin(&export).done().exit(2).says("cannot be read twice").hints();
    world.delm("show ./notes.jsonl/").done().exit(8).hints();
    let lines: Vec<&str> = export.lines().collect();
    let cut_in_half = &export[..export.len() / 2];
    let without = |gone: usize| -> String {
        lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| format!("{line}\n")).collect()
    };
    for (name, text) in [
        ("empty", String::new()),
        ("half", cut_in_half.to_owned()),
        ("no-end", without(lines.len() - 1)),
        ("no-blob", without(lines.len() - 2)),
        ("no-entry", without(5)),
        ("no-header", without(0)),
        ("other-bytes", export.replacen("\"seq\":7,", "\"seq\":8,", 1)),
        ("other-data", export.replacen("\"agent\":\"a1\"", "\"agent\":\"a2\"", 1)),
        ("no-json", "{}\nnonsense\n".to_owned()),
    ] {
        let path = world.write(&format!("{name}.jsonl"), text);
        for verb in ["verify", "replay", "show", "facts"] {
            let done =
                world.delm(verb).arg("--json").arg(&path).done().exit(4).says(&format!("{name}.jsonl"));
            assert!(done.stdout.is_empty(), "{done}");
        }
    }
    world.delm("cancel").arg(&whole).done().exit(2).says("export");
    world.delm("resume").arg(&whole).done().exit(2).says("export");
    world.sound();
}

#[test]
fn what_is_not_there_is_not_an_empty_list() {
    let world = World::new();
    world.delm("demo -q").done().exit(0);
    for label in ["--agent a99", "--task T99", "--task S99.1"] {
        for way in ["", "--reverse", "-f"] {
            let words = format!("log {label} {way}");
            let done = world.delm(&words).done().exit(8).hints();
            let label = label.rsplit(' ').next().unwrap_or_default();
            assert!(done.stderr.contains(&format!("the run has no {label}")), "{words}: {done}");
        }
    }
    for words in ["log --agent a1", "log --task T1", "log --task S1.1"] {
        world.delm(words).done().exit(0);
    }
    for verb in ["ls", "log", "queue", "agents", "facts", "facts --rejected", "calls"] {
        let done = world.delm(&format!("{verb} --limit 0 --json")).done().exit(2).hints();
        assert!(text(&done.error()["error"]["message"]).contains("give 1 or more"), "{verb}: {done}");
    }
    let label = world.delm("facts F1 --json").done().exit(8).hints().error();
    assert!(text(&label["error"]["hint"]).contains("delm cat"), "{label}");
    world.sound();
}

#[test]
fn a_store_is_not_copied_into_itself() {
    let world = World::new();
    world.delm("demo -q").done().exit(0);
    std::os::unix::fs::symlink(".delm", world.path("link")).unwrap();
    for place in [".delm", ".delm/copy", ".delm/journal/a/b", "link/copy", "link/../.delm/copy"] {
        let done = world.delm("backup").arg(place).done().exit(2).hints();
        assert!(done.stderr.contains("lies in the store"), "{place}: {done}");
    }
    assert!(!world.path(".delm/copy").exists() && !world.path(".delm/journal/a").exists());
    world.delm("backup copy").done().exit(0);
    world.sound();
}

#[test]
fn a_setting_that_cannot_be_is_told_with_its_place_and_range() {
    let world = World::with_notes();
    for agents in ["0", "4097", "many"] {
        let done = world.delm("run --json --docs notes -- Who?").env("DELM_AGENTS", agents).done().exit(2);
        let error = done.error();
        assert!(text(&error["error"]["message"]).contains("from 1 to 4096"), "{error}");
        assert_eq!(error["error"]["hint"], "correct DELM_AGENTS, or leave it out");
    }
    world.write("notes/binary", b"\0");
    let strict =
        world.delm("run --docs notes -- Who?").env("DELM_DOCS_STRICT", "true").done().exit(2).hints();
    assert!(strict.stderr.contains("which DELM_DOCS_STRICT forbids"), "{strict}");
    world.sound();
}
