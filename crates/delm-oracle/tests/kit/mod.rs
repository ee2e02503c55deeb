//! Runs taken apart, changed in one thing, and written again with every id, parent, hash, tree and rendering right.
//!
//! Refuses to leave a trace of the change but the change: only the law is broken, never the stream.

mod layout;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use delm_oracle::{Invariant, Report, audit};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) use self::layout::{Layout, integer};

/// The layout of the document.
pub(crate) static LAYOUT: LazyLock<Layout> =
    LazyLock::new(|| Layout::of(&read(&workspace().join("schemas/entry-v1.md"))));

/// The root of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file as text.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A run recorded for these tests.
pub(crate) fn sample(name: &str) -> String {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/runs").join(format!("{name}.jsonl")))
}

/// Audits a text.
pub(crate) fn check(text: &str) -> Report {
    audit(text.as_bytes()).unwrap()
}

/// Hexadecimal digits as bytes.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An export taken apart.
#[derive(Clone)]
pub(crate) struct Export {
    /// Entries as in an export, of which `seq`, `id`, `parent`, `hash` and `bytes` are written anew.
    pub(crate) entries: Vec<Value>,
    /// Texts by hash.
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
}

impl Export {
    /// Takes an intact export apart.
    pub(crate) fn of(text: &str) -> Self {
        let mut export = Self { entries: Vec::new(), blobs: BTreeMap::new() };
        for line in text.lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            if value.get("events").is_some() {
                export.entries.push(value);
            } else if let Some(blob) = value.get("blob") {
                let bytes = value.get("base64").map(|text| STANDARD.decode(text.as_str().unwrap()).unwrap());
                export.blobs.insert(blob.as_str().unwrap().to_owned(), bytes.unwrap_or_default());
            }
        }
        export
    }

    /// A sample taken apart.
    pub(crate) fn sample(name: &str) -> Self {
        Self::of(&sample(name))
    }

    /// Adds a text; its hash.
    pub(crate) fn blob(&mut self, text: &str) -> Value {
        let hash = blake3::hash(text.as_bytes()).to_hex().to_string();
        self.blobs.insert(hash.clone(), text.as_bytes().to_vec());
        json!(hash)
    }

    /// Where the events are that are of `kind` and fit.
    pub(crate) fn all(&self, kind: &str, fits: impl Fn(&Value) -> bool) -> Vec<(usize, usize)> {
        let events = self.entries.iter().enumerate().flat_map(|(seq, entry)| {
            entry["events"]
                .as_array()
                .unwrap()
                .iter()
                .enumerate()
                .map(move |(place, event)| (seq, place, event))
        });
        let fitting = events.filter(|(_, _, event)| event["kind"] == kind && fits(&event["data"]));
        fitting.map(|(seq, place, _)| (seq, place)).collect()
    }

    /// The `nth` of them, from zero.
    #[track_caller]
    pub(crate) fn find(&self, kind: &str, nth: usize, fits: impl Fn(&Value) -> bool) -> (usize, usize) {
        *self.all(kind, fits).get(nth).unwrap_or_else(|| panic!("no such {kind}"))
    }

    /// The first event of `kind`.
    pub(crate) fn first(&self, kind: &str) -> (usize, usize) {
        self.find(kind, 0, |_| true)
    }

    /// The events of an entry.
    pub(crate) fn events(&mut self, seq: usize) -> &mut Vec<Value> {
        self.entries[seq]["events"].as_array_mut().unwrap()
    }

    /// The data of an event.
    pub(crate) fn data(&mut self, (seq, place): (usize, usize)) -> &mut Value {
        &mut self.entries[seq]["events"][place]["data"]
    }

    /// Puts an event into an entry.
    pub(crate) fn insert(&mut self, (seq, place): (usize, usize), kind: &str, data: Value) {
        self.events(seq).insert(place, json!({"kind": kind, "data": data}));
    }

    /// Takes an event out of its entry.
    pub(crate) fn remove(&mut self, (seq, place): (usize, usize)) -> Value {
        self.events(seq).remove(place)
    }

    /// Adds an entry at the end; its seq.
    pub(crate) fn push(&mut self, agent: Value, command: u64, events: Vec<(&str, Value)>) -> usize {
        let at = self.entries.last().unwrap()["at_ms"].clone();
        let events: Vec<Value> =
            events.into_iter().map(|(kind, data)| json!({"kind": kind, "data": data})).collect();
        self.entries
            .push(json!({"at_ms": at, "agent": agent, "command": command, "rules": 1, "events": events}));
        self.entries.len() - 1
    }

    /// Ends the run after entry `seq`.
    pub(crate) fn cut_after(&mut self, seq: usize) {
        self.entries.truncate(seq + 1);
    }

    /// Writes it as an intact export.
    pub(crate) fn write(&self) -> String {
        let mut lines = Vec::new();
        let mut ids: Vec<[u8; 32]> = Vec::new();
        let mut named = BTreeSet::new();
        let mut redacted = BTreeSet::new();
        let (mut run, mut origin, mut engine) = (String::new(), "null".to_owned(), String::new());
        for entry in &self.entries {
            let (id, line) = entry_line(entry, ids.len() as u64, ids.last().copied().unwrap_or_default());
            ids.push(id);
            for event in entry["events"].as_array().unwrap() {
                let (kind, data) = (event["kind"].as_str().unwrap(), &event["data"]);
                named.extend(LAYOUT.blobs(kind, data));
                match kind {
                    "blob_redacted" => drop(redacted.insert(data["blob"].as_str().unwrap().to_owned())),
                    "run_started" | "run_forked" => {
                        run = hex(&id);
                        engine = data["engine"].to_string();
                        if kind == "run_forked" {
                            let from = &data["origin"];
                            origin = format!(
                                r#"{{"run":{},"seq":{},"head":{}}}"#,
                                from["run"], from["seq"], from["head"]
                            );
                        }
                    }
                    _ => {}
                }
            }
            lines.push(line);
        }
        lines.insert(
            0,
            format!(r#"{{"schema":"delm.export/1","run":"{run}","origin":{origin},"engine":{engine}}}"#),
        );
        for hash in named {
            let bytes = self.blobs.get(&hash).unwrap_or_else(|| panic!("no text for {hash}"));
            let end = if redacted.contains(&hash) {
                "\"redacted\":true".to_owned()
            } else {
                format!("\"base64\":\"{}\"", STANDARD.encode(bytes))
            };
            lines.push(format!(r#"{{"blob":"{hash}","len":{},{end}}}"#, bytes.len()));
        }
        let (seq, size) = (ids.len() - 1, ids.len());
        let (head, root) = (hex(&ids[seq]), hex(&root(&ids)));
        lines.push(format!(
            r#"{{"head":{{"seq":{seq},"id":"{head}"}},"tree":{{"size":{size},"root":"{root}"}}}}"#
        ));
        lines.join("\n") + "\n"
    }

    /// Audits it as it is now: it must break `law` at entry `seq`, and nothing else.
    #[track_caller]
    pub(crate) fn breaks(&self, law: Invariant, seq: usize) {
        let report = self.report();
        let found: Vec<_> = report.findings.iter().map(|it| (it.invariant, it.seq)).collect();
        assert_eq!(found, [(law, seq as u64)], "{:#?}", report.findings);
    }

    /// Audits it: it must be an intact stream.
    #[track_caller]
    pub(crate) fn report(&self) -> Report {
        let report = check(&self.write());
        assert_eq!(report.fault, None);
        report
    }
}

/// An entry's id and line.
pub(crate) fn entry_line(entry: &Value, seq: u64, parent: [u8; 32]) -> ([u8; 32], String) {
    let agent = entry["agent"].as_str();
    let events = entry["events"].as_array().unwrap();
    let mut bytes = vec![1];
    bytes.extend(parent);
    integer(seq, &mut bytes);
    integer(entry["at_ms"].as_u64().unwrap(), &mut bytes);
    match agent {
        None => bytes.push(0),
        Some(agent) => {
            bytes.push(1);
            integer(agent[1..].parse().unwrap(), &mut bytes);
        }
    }
    integer(entry["command"].as_u64().unwrap(), &mut bytes);
    integer(entry["rules"].as_u64().unwrap(), &mut bytes);
    integer(events.len() as u64, &mut bytes);
    let mut shown = Vec::new();
    for event in events {
        let (kind, data) = (event["kind"].as_str().unwrap(), &event["data"]);
        let event = LAYOUT.event(kind, data);
        let hash = blake3::derive_key("delm event v1", &event);
        shown.push(format!(
            r#"{{"kind":"{kind}","version":1,"hash":"{}","data":{}}}"#,
            hex(&hash),
            LAYOUT.data(kind, data)
        ));
        bytes.extend(event);
    }
    let id = blake3::derive_key("delm entry v1", &bytes);
    let parent = if seq == 0 { "null".to_owned() } else { format!("\"{}\"", hex(&parent)) };
    let line = format!(
        r#"{{"seq":{seq},"id":"{}","parent":{parent},"at_ms":{},"agent":{},"command":{},"rules":{},"events":[{}],"bytes":"{}"}}"#,
        hex(&id),
        entry["at_ms"],
        entry["agent"],
        entry["command"],
        entry["rules"],
        shown.join(","),
        STANDARD.encode(&bytes)
    );
    (id, line)
}

/// RFC 6962, as it defines it.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    match leaves {
        [] => Sha256::digest([]).into(),
        [one] => Sha256::new().chain_update([0]).chain_update(one).finalize().into(),
        many => {
            let k = many.len().next_power_of_two() / 2;
            let (left, right) = many.split_at(k);
            Sha256::new()
                .chain_update([1])
                .chain_update(root(left))
                .chain_update(root(right))
                .finalize()
                .into()
        }
    }
}
