//! The corpus of our own, and the runs recorded over it: every question finds its documents, every run replays.
//!
//! Refuses a recorded run whose head is not written down here: `BLESS` does not reach these.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::kit::{World, text, top};

/// Head id of every recorded run under `replays/harrow-light/runs`, by file name.
const HEADS: &[(&str, &str)] = &[
    ("bell-today.jsonl", "655b8f535b948607506fb9d47f262391c34c0c04a1a5fc3f3e35cad349bff747"),
    ("keeper-journals.jsonl", "fd75f5427a34e4bb14836af8195a99607d370afcab016662cb07151995363057"),
    ("scripted.jsonl", "2b7addea66ede528449ca3531e4f6291ea179511ee30f80dade31ba59836244a"),
    ("siren-school.jsonl", "c69b7fd7ddef3119785377572936313fcaa9fb321dff0b9a1753d706b84e216f"),
    ("wreck-dead.jsonl", "ec60ab409437259585526c469b10aea6eef1c454f48b99499917155c495258b1"),
];

fn questions() -> Vec<Value> {
    let path = top().join("replays/harrow-light/questions.json");
    let file: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let questions = file["questions"].as_array().unwrap().clone();
    assert!(questions.iter().any(|question| question["id"] == file["demo"]));
    questions
}

#[test]
fn support_stands_verbatim_in_the_sources() {
    let mut by_support = [0; 4];
    for question in questions() {
        let support = question["support"].as_array().unwrap();
        by_support[support.len()] += 1;
        for place in support {
            let source = top().join("replays/harrow-light/sources").join(text(&place["source"]));
            let words = fs::read_to_string(&source).unwrap();
            assert!(words.contains(&text(&place["sentence"])), "{}: {place}", question["id"]);
        }
    }
    assert!(
        by_support[2] > 0 && by_support[3] > 0,
        "questions of two and of three documents: {by_support:?}"
    );
}

#[test]
fn every_question_cites_all_its_documents() {
    let world = World::new();
    let sources = top().join("replays/harrow-light/sources");
    let mut missed = Vec::new();
    for question in questions() {
        let call = world.delm("run --json --docs").arg(&sources).arg("--").arg(text(&question["question"]));
        let run = call.done().exit(0).json();
        assert_eq!(run["answer_kind"], "quotes");
        let names = |list: &Value, name: &str| -> BTreeSet<String> {
            list.as_array().unwrap().iter().map(|item| text(&item[name])).collect()
        };
        let (cited, support) = (names(&run["citations"], "name"), names(&question["support"], "source"));
        if !support.is_subset(&cited) {
            missed.push(format!("{}: cites {cited:?}, not all of {support:?}", question["id"]));
        }
    }
    world.sound();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn recorded_runs_replay_to_their_pinned_heads() {
    let world = World::new();
    let folder = top().join("replays/harrow-light/runs");
    let mut files: Vec<String> = match fs::read_dir(&folder) {
        Ok(items) => items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    files.retain(|file| file.ends_with(".jsonl"));
    files.sort();
    let pinned: Vec<&str> = HEADS.iter().map(|(file, _)| *file).collect();
    assert_eq!(
        files, pinned,
        "every recorded run has its head in HEADS, sorted by name, and none is missing"
    );
    for (file, head) in HEADS {
        let path = folder.join(file);
        let verified = world.delm("verify --json").arg(&path).done().exit(0).json();
        let replayed = world.delm("replay --json").arg(&path).done().exit(0).json();
        assert_eq!(
            (text(&verified["head"]["id"]), text(&replayed["head"]["id"])),
            ((*head).into(), (*head).into())
        );
        assert_eq!(replayed["differences"], 0);
        let again = world.delm("export").arg(&path).done().exit(0);
        assert_eq!(
            again.stdout.as_bytes(),
            fs::read(&path).unwrap(),
            "{file}: an export of an export is the same bytes"
        );
    }
    world.unsound("no store is made");
}
