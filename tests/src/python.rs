//! `schemas/delm_check.py`: what it says of recorded runs is what delm says, and what is damaged it refuses as delm does.
//!
//! Refuses to pass in silence where there is no Python: it says so on standard error, and under `CI=true` it fails.
//! `python/damage.py` makes the damaged files.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use serde_json::Value;

use crate::kit::{World, text, top};

const PYTHON: &str = "python3";
const ENOUGH: &str = "import sys; sys.exit(sys.version_info < (3, 9))";

/// Whether there is a Python that is new enough.
fn can_run() -> bool {
    let found = Command::new(PYTHON).args(["-c", ENOUGH]).stdin(Stdio::null()).output();
    if found.is_ok_and(|output| output.status.success()) {
        return true;
    }
    assert!(env::var_os("CI").is_none_or(|ci| ci != "true"), "no {PYTHON} of 3.9 or newer in CI");
    // Not by `eprintln!`: of a test that passes, that is never seen.
    let skipped = format!("SKIPPED, not tested: schemas/delm_check.py; no {PYTHON} of 3.9 or newer here\n");
    std::io::stderr().write_all(skipped.as_bytes()).unwrap();
    false
}

/// Runs a script of the workspace.
fn python(script: &str, arguments: &[&OsStr]) -> Output {
    let mut command = Command::new(PYTHON);
    command.arg("-B").arg(top().join(script)).args(arguments).stdin(Stdio::null());
    command.output().unwrap()
}

/// Runs one that must not fail, and gives what it printed.
fn prepare(arguments: &[&OsStr]) -> String {
    let output = python("tests/src/python/damage.py", arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Exit code, standard output and standard error of the checker.
fn check(arguments: &[&OsStr]) -> (i32, String, String) {
    let output = python("schemas/delm_check.py", arguments);
    let [said, complained] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(!complained.contains("Traceback"), "{arguments:?}: {complained}");
    (output.status.code().unwrap(), said, complained)
}

fn document(arguments: &[&OsStr]) -> Value {
    let (code, said, complained) = check(arguments);
    assert_eq!(code, 0, "{arguments:?}: {complained}");
    serde_json::from_str(&said).unwrap()
}

/// Every recorded run of every corpus.
fn recorded() -> Vec<PathBuf> {
    let corpora = fs::read_dir(top().join("replays")).unwrap();
    let runs = corpora.map(|item| item.unwrap().path().join("runs")).filter(|folder| folder.is_dir());
    let mut files: Vec<PathBuf> =
        runs.flat_map(|folder| fs::read_dir(folder).unwrap()).map(|item| item.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "jsonl"));
    files.sort();
    assert!(files.len() >= 5, "only {} recorded runs found", files.len());
    files
}

fn a_run() -> PathBuf {
    recorded().into_iter().find(|file| file.ends_with("bell-today.jsonl")).unwrap()
}

/// What stands between two marks.
fn between<'a>(whole: &'a str, begin: &str, end: &str) -> &'a str {
    let start = whole.find(begin).unwrap_or_else(|| panic!("no {begin:?}")) + begin.len();
    &whole[start..start + whole[start..].find(end).unwrap_or_else(|| panic!("no {end:?}"))]
}

#[test]
fn it_has_the_layout_of_the_document_word_for_word() {
    let [layout, script] = ["entry-v1.md", "delm_check.py"]
        .map(|file| fs::read_to_string(top().join("schemas").join(file)).unwrap());
    let wanted = between(&layout, "```layout\n", "```");
    let found = between(&script, "LAYOUT = \"\"\"\\\n", "\"\"\"");
    assert_eq!(
        found, wanted,
        "copy the layout block of schemas/entry-v1.md into LAYOUT of schemas/delm_check.py"
    );
}

#[test]
fn it_decodes_every_vector_and_its_hashes_are_right() {
    if can_run() {
        let vectors = top().join("schemas/vectors-v1.jsonl");
        prepare(&["vectors".as_ref(), vectors.as_os_str()]);
    }
}

#[test]
fn it_finds_recorded_runs_intact_and_says_of_them_what_delm_says() {
    if !can_run() {
        return;
    }
    let world = World::new();
    for file in recorded() {
        let name = file.display();
        let (code, said, complained) = check(&[file.as_os_str(), "--facts".as_ref()]);
        assert_eq!(code, 0, "{name}: {complained}");
        let found = document(&[file.as_os_str(), "--json".as_ref()]);
        let verified = world.delm("verify --json").arg(&file).done().exit(0).json();
        for field in ["run", "head", "tree", "entries", "blobs", "redacted"] {
            assert_eq!(found[field], verified[field], "{name}: {field}");
        }
        let first = said.lines().next().unwrap();
        let parts = [&verified["head"]["id"], &verified["tree"]["root"]].map(text);
        assert!(first.starts_with("OK ") && parts.iter().all(|part| first.contains(part)), "{name}: {first}");
        same_facts(&world, &file, &found, &said);
        let shown = world.delm("show --json").arg(&file).done().exit(0).json();
        let answer = &found["answer"];
        let answered = [&found["question"], &found["outcome"], &answer["text"], &answer["citations"]];
        let wanted = ["question", "outcome", "answer", "citations"].map(|field| &shown[field]);
        assert_eq!(answered, wanted, "{name}");
    }
    world.unsound("no store is made");
}

/// Fact for fact, what delm prints; the cost is the sum of calls, which the checker does not make.
fn same_facts(world: &World, file: &PathBuf, found: &Value, said: &str) {
    let page = world.delm("facts --json --limit 1000").arg(file).done().exit(0).json();
    assert_eq!(page["next"], Value::Null);
    let facts = found["facts"].as_array().unwrap();
    let mut wanted = page["items"].as_array().unwrap().clone();
    assert!(!wanted.is_empty(), "{}: a run without facts shows nothing", file.display());
    for fact in &mut wanted {
        fact.as_object_mut().unwrap().remove("cost_microusd");
        assert!(said.contains(&text(&fact["text"]).replace('\n', "\n    ")), "{fact}");
    }
    assert_eq!(facts, &wanted, "{}", file.display());
}

#[test]
fn damage_is_refused_with_its_place_by_it_and_by_delm() {
    if !can_run() {
        return;
    }
    let world = World::new();
    let folder = world.path("");
    let made = prepare(&["damage".as_ref(), a_run().as_os_str(), folder.as_os_str()]);
    let mut count = 0;
    for (name, says) in made.lines().map(|line| line.split_once('\t').unwrap()) {
        let file = world.path(&format!("{name}.jsonl"));
        let (code, said, complained) = check(&[file.as_os_str()]);
        assert_eq!((code, said.as_str()), (4, ""), "{name}: {complained}");
        assert!(complained.contains(says), "{name} should say {says:?}: {complained}");
        assert!(complained.contains("line ") && complained.contains(" hint: "), "{name}: {complained}");
        world.delm("verify --json").arg(&file).done().exit(4).hints();
        count += 1;
    }
    assert!(count > 40, "only {count} damaged files");
    let file = world.path("data.jsonl");
    let (_, _, complained) = check(&[file.as_os_str(), "--json".as_ref()]);
    let error = &serde_json::from_str::<Value>(&complained).unwrap()["error"];
    let place = ["exit", "line", "seq", "expected", "found"].map(|field| error[field].as_u64());
    assert_eq!(place, [4, 3, 1, 1, 2].map(Some), "{error}");
    world.unsound("no store is made");
}

#[test]
fn a_rewritten_history_is_told_by_its_head_alone() {
    if !can_run() {
        return;
    }
    let world = World::new();
    let (whole, rewritten) = (a_run(), world.path("rewritten.jsonl"));
    prepare(&["lawful".as_ref(), whole.as_os_str(), world.path("").as_os_str()]);
    let head = |file: &PathBuf| text(&document(&[file.as_os_str(), "--json".as_ref()])["head"]["id"]);
    let told = head(&whole);
    assert_ne!(head(&rewritten), told, "it is intact, and another history");
    let with_head = |file: &PathBuf, head: &str| {
        check(&[file.as_os_str(), "--head".as_ref(), OsString::from(head).as_os_str()])
    };
    assert_eq!(with_head(&whole, &told).0, 0);
    let (code, _, complained) = with_head(&rewritten, &told);
    assert_eq!(code, 4, "{complained}");
    assert!(complained.contains(&told), "{complained}");
    let second = fs::read_to_string(&whole).unwrap().lines().nth(2).map(str::to_owned).unwrap();
    let older = text(&serde_json::from_str::<Value>(&second).unwrap()["id"]);
    let (code, said, _) = with_head(&rewritten, &older);
    assert_eq!(code, 0, "an older head is a prefix of both");
    assert!(said.contains("entries after it"), "{said}");
    world.unsound("no store is made");
}

#[test]
fn a_redaction_and_a_fork_are_histories_like_others() {
    if !can_run() {
        return;
    }
    let world = World::new();
    prepare(&["lawful".as_ref(), a_run().as_os_str(), world.path("").as_os_str()]);
    let redacted = world.path("redacted.jsonl");
    let found = document(&[redacted.as_os_str(), "--json".as_ref()]);
    let verified = world.delm("verify --json").arg(&redacted).done().exit(0).json();
    assert_eq!([&found["blobs"], &found["redacted"]], [&verified["blobs"], &verified["redacted"]]);
    assert_eq!(
        (found["redacted"].as_u64(), &found["question"]),
        (Some(1), &Value::Null),
        "its words are gone"
    );
    let forked = document(&[world.path("forked.jsonl").as_os_str(), "--json".as_ref()]);
    let origin = document(&[a_run().as_os_str(), "--json".as_ref()]);
    assert_eq!(forked["origin"]["run"], origin["run"]);
    assert_eq!(forked["run"], forked["head"]["id"], "it begins with its own first entry");
    assert_ne!(forked["engine"], origin["engine"], "the engine is the one that began the fork");
    world.unsound("no store is made");
}

#[test]
fn wrong_usage_is_told_from_damage() {
    if !can_run() {
        return;
    }
    let missing = top().join("schemas/no-such-export.jsonl");
    let file = a_run();
    let wrong: [&[&OsStr]; 4] = [
        &[],
        &[missing.as_os_str()],
        &[file.as_os_str(), "--head".as_ref(), "abc".as_ref()],
        &[file.as_os_str(), "--nonsense".as_ref()],
    ];
    for arguments in wrong {
        let (code, said, complained) = check(arguments);
        assert_eq!((code, said.as_str()), (2, ""), "{arguments:?}: {complained}");
        assert!(!complained.is_empty());
    }
    // Standard input is closed here, so `-` reads an empty file.
    let (code, _, complained) = check(&["-".as_ref()]);
    assert_eq!(code, 4, "{complained}");
}

/// `delm check -` is for every engine that follows the export contract: this one's is 200 lines of Python.
#[test]
fn a_stream_that_delm_never_made_is_judged_from_standard_input() {
    if !can_run() {
        return;
    }
    let foreign = |story: &str| {
        let output = python("tests/src/python/foreign.py", &[story.as_ref()]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let world = World::new();
    let lawful = world.delm("check - --json").stdin(foreign("lawful")).done().exit(0).json();
    assert_eq!((&lawful["findings"], &lawful["entries"]), (&Value::Array(Vec::new()), &Value::from(8)));
    let selfish = world.delm("check -").stdin(foreign("selfish")).done().exit(6);
    let said = &selfish.stdout;
    for words in ["one invariant is broken", "I-12 independence: entry 6", "a program verdict by a1"] {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
    world.unsound("no store is made");
}
