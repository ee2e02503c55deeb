//! The vectors, the schema of the export and the layout in `schemas/` say what the code does.
//!
//! Refuses a layout that only reads well: every vector is decoded by the layout's own text. `DELM_BLESS=1` writes
//! the generated files anew; the layout is written by hand.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod common;
mod layout;

use std::path::PathBuf;

use common::{chain, run_started, sample, samples};
use delm_core::event::KINDS;
use delm_core::limits::LIMITS;
use delm_wire::data::EventView;
use delm_wire::export::EntryLine;
use delm_wire::name::vocabularies;
use layout::{Layout, Leaf, leaves};
use serde::Serialize;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas").join(name)
}

/// Compares a generated file with the one that is kept, or writes it when asked to.
fn kept(name: &str, generated: &str) {
    let path = path(name);
    if std::env::var_os("DELM_BLESS").is_some() {
        std::fs::write(&path, generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = kept.lines().zip(generated.lines()).position(|(kept, made)| kept != made);
    assert!(
        kept == generated,
        "schemas/{name} is out of date from line {:?}; DELM_BLESS=1 writes it",
        differs
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of an event: kind, version, length, body.
fn event_bytes(event: &delm_core::event::Event) -> Vec<u8> {
    delm_core::codec::encode(&event.to_raw())
}

#[derive(Serialize)]
struct EventVector {
    kind: &'static str,
    version: u8,
    bytes: String,
    hash: delm_wire::name::Hash,
    data: delm_wire::data::Data,
}

#[derive(Serialize)]
struct EntryVector {
    entry: EntryLine,
    bytes: String,
}

#[test]
fn the_vectors_are_those_of_this_code() {
    let mut text = String::new();
    for event in samples() {
        let EventView { kind, version, hash, data } = EventView::of(&event);
        let vector = EventVector { kind, version, bytes: hex(&event_bytes(&event)), hash, data };
        text += &(serde_json::to_string(&vector).unwrap() + "\n");
    }
    let entry = &chain([vec![run_started().into()], vec![sample("claimed"), sample("context_read")]])[1];
    let vector = EntryVector { entry: EntryLine::of(entry), bytes: hex(&entry.bytes) };
    text += &(serde_json::to_string(&vector).unwrap() + "\n");
    kept("vectors-v1.jsonl", &text);
}

#[test]
fn the_schema_of_the_export_is_that_of_this_code() {
    let schema = delm_wire::schema::schema("export").unwrap();
    kept("export-v1.schema.json", &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
}

#[test]
fn every_kind_has_a_vector() {
    let samples = samples();
    for (code, kind) in KINDS {
        assert!(samples.iter().any(|event| event.code() == *code), "{kind}");
    }
}

fn read_layout() -> Layout {
    let text = std::fs::read_to_string(path("entry-v1.md")).unwrap();
    let block = text.split("```layout\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    Layout::parse(block)
}

#[test]
fn the_layout_lists_the_kinds_words_and_limits_of_the_code() {
    let layout = read_layout();
    let kinds: Vec<(u16, &str)> = KINDS.to_vec();
    assert_eq!(layout.kinds(), kinds);
    for (name, words) in vocabularies() {
        assert_eq!(layout.words(name), words, "{name}");
    }
    let limits: Vec<&str> = LIMITS.iter().map(|info| info.name).collect();
    assert_eq!(layout.fields("Limits"), limits);
}

#[test]
fn the_layout_alone_decodes_every_vector() {
    let layout = read_layout();
    for event in samples() {
        let body = event.to_raw().body;
        let (decoded, rest) = layout.event(event.code(), &body);
        assert!(rest.is_empty(), "{}: {} bytes left over", event.kind(), rest.len());
        let data = serde_json::to_string(&EventView::of(&event).data).unwrap();
        assert_eq!(decoded, as_fields(event.kind(), leaves(&data)), "{}", event.kind());
    }
}

/// Undoes what `entry-v1.md` lists as renderings that are more than a field each.
fn as_fields(kind: &str, mut rendered: Vec<Leaf>) -> Vec<Leaf> {
    let rename: &[(&str, Option<&str>)] = match kind {
        "run_forked" => &[("origin", None), ("run", Some("owner"))],
        "source_added" => {
            &[("original", None), ("hash", Some("original_hash")), ("len", Some("original_len"))]
        }
        _ => &[],
    };
    for (from, to) in rename {
        let at = rendered.iter().position(|leaf| *leaf == Leaf::Name((*from).into())).unwrap();
        rendered.splice(at..=at, to.map(|to| Leaf::Name(to.into())));
    }
    if kind == "unit_added" {
        let source: Vec<Leaf> = rendered.drain(2..4).collect();
        assert_eq!(source, [Leaf::Name("source".into()), Leaf::Text("S3".into())]);
    }
    if kind == "task_reopened" || kind == "task_abandoned" {
        let Some(Leaf::Text(task)) = rendered.get_mut(1) else { panic!("{kind} begins with a task") };
        let prefix = [('T', "reason:"), ('S', "read:")].into_iter().find(|(sign, _)| task.starts_with(*sign));
        task.insert_str(0, prefix.map_or("", |(_, prefix)| prefix));
    }
    rendered
}
