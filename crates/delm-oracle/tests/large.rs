//! A stream of any length, generated: to measure time and memory at a million entries, by hand.
//!
//! Refuses to run by itself: `DELM_STREAM=FILE DELM_ENTRIES=N cargo test --release -p delm-oracle -- --ignored large`
//! writes the stream, and `/usr/bin/time -v …/examples/check FILE` measures the audit of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::kit::{Export, check, entry_line, hex};

/// Tasks of a round.
const ROUND: usize = 1_000;

/// Writes entries as they are made, and keeps what the last lines need.
struct Stream<W> {
    out: W,
    seq: u64,
    parent: [u8; 32],
    tree: Vec<([u8; 32], u64)>,
    blobs: BTreeMap<[u8; 32], String>,
    command: u64,
}

impl<W: Write> Stream<W> {
    fn blob(&mut self, text: String) -> String {
        let hash = *blake3::hash(text.as_bytes()).as_bytes();
        self.blobs.insert(hash, text);
        hex(&hash)
    }

    fn entry(&mut self, agent: Value, events: Vec<(&str, Value)>) {
        let events: Vec<Value> =
            events.into_iter().map(|(kind, data)| json!({"kind": kind, "data": data})).collect();
        let (at, command) = (1_795_375_926_000 + self.seq, self.command);
        let entry = json!({"at_ms": at, "agent": agent, "command": command, "rules": 1, "events": events});
        self.command += 1;
        self.line(&entry);
    }

    fn line(&mut self, entry: &Value) {
        let (id, line) = entry_line(entry, self.seq, self.parent);
        if self.seq == 0 {
            let engine = &entry["events"][0]["data"]["engine"];
            writeln!(
                self.out,
                r#"{{"schema":"delm.export/1","run":"{}","origin":null,"engine":{engine}}}"#,
                hex(&id)
            )
            .unwrap();
        }
        writeln!(self.out, "{line}").unwrap();
        self.parent = id;
        self.seq += 1;
        let mut node: [u8; 32] = Sha256::new().chain_update([0]).chain_update(id).finalize().into();
        let mut size = 1;
        while let Some((left, of)) = self.tree.pop_if(|(_, of)| *of == size) {
            node = Sha256::new().chain_update([1]).chain_update(left).chain_update(node).finalize().into();
            size += of;
        }
        self.tree.push((node, size));
    }

    fn claim(&self, job: &str, length: u64) -> Vec<(&'static str, Value)> {
        let deadline = 1_795_375_926_000 + self.seq + 120_000;
        let claim =
            json!({"job": job, "agent": "a1", "fence": self.seq, "deadline_ms": deadline, "attempt": 1});
        vec![("claimed", claim), ("context_read", json!({"fence": self.seq, "length": length}))]
    }

    fn end(mut self) {
        for (hash, text) in &self.blobs {
            let base64 = STANDARD.encode(text);
            writeln!(self.out, r#"{{"blob":"{}","len":{},"base64":"{base64}"}}"#, hex(hash), text.len())
                .unwrap();
        }
        let mut nodes = self.tree.iter().rev().map(|(node, _)| *node);
        let last = nodes.next().unwrap();
        let root = nodes.fold(last, |right, left| {
            Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
        });
        let (seq, size) = (self.seq - 1, self.seq);
        let (id, root) = (hex(&self.parent), hex(&root));
        writeln!(
            self.out,
            r#"{{"head":{{"seq":{seq},"id":"{id}"}},"tree":{{"size":{size},"root":"{root}"}}}}"#
        )
        .unwrap();
    }
}

/// One agent that reasons and reviews, a task every two entries, a round every thousand tasks.
fn generate(out: impl Write, entries: u64) {
    let mut sample = Export::sample("alone");
    sample.cut_after(0);
    sample.events(0).retain(|event| event["kind"] == "run_started" || event["kind"] == "agent_joined");
    sample.data((0, 0))["templates"] = json!([]);
    sample.data((0, 0))["limits"]["tasks_max"] = json!(1_000_000);
    sample.data((0, 0))["limits"]["rounds_max"] = json!(1_000);
    let mut stream =
        Stream { out, seq: 0, parent: [0; 32], tree: Vec::new(), blobs: BTreeMap::new(), command: 0 };
    for field in ["question", "name"] {
        let text = format!("the {field}");
        sample.data((0, 0))[field] = json!(stream.blob(text));
    }
    stream.line(&sample.entries[0]);
    let reason = stream.blob("it is so".into());
    let plan = stream.claim("plan", 0);
    stream.entry(json!("a1"), plan);
    let (mut round, mut tasks) = (0, 0);
    while stream.seq < entries {
        let fence = stream.seq - 1;
        let job = if round == 0 { "plan".to_owned() } else { format!("expand:{round}") };
        let length = tasks as u64;
        let draft = stream.blob(format!("draft of round {round}"));
        let mut events = vec![(
            "draft_submitted",
            json!({"job": job, "fence": fence, "agent": "a1", "draft": draft, "cites": [], "length": length}),
        )];
        let new: Vec<String> = (1..=ROUND).map(|n| format!("T{}", tasks + n)).collect();
        for task in &new {
            let text = stream.blob(format!("task {task}"));
            events.push(("task_added", json!({"task": task, "text": text, "needs": [], "round": round})));
        }
        if round > 0 {
            events.push(("expanded", json!({"round": round, "fence": fence, "tasks": new})));
        }
        events.extend(stream.claim(&format!("reason:T{}", tasks + 1), length));
        stream.entry(json!("a1"), events);
        for n in 1..=ROUND {
            task(&mut stream, tasks + n, (n == ROUND).then_some(round + 1), &reason);
        }
        tasks += ROUND;
        round += 1;
    }
    stream.end();
}

/// Reasons about one task and reviews its gist; claims the next one, or expands `round` after a drain.
fn task(stream: &mut Stream<impl Write>, n: usize, round: Option<usize>, reason: &str) {
    let (subject, before) = (format!("T{n}"), n as u64 - 1);
    let draft = stream.blob(format!("draft {n}"));
    let gist = stream.blob(format!("gist {n}"));
    let fence = stream.seq - 1;
    let proposal = stream.seq;
    let cites: Vec<String> = (before > 0).then(|| format!("F{before}")).into_iter().collect();
    let mut events = vec![
        (
            "draft_submitted",
            json!({"job": format!("reason:T{n}"), "fence": fence, "agent": "a1", "draft": draft, "cites": cites, "length": before}),
        ),
        (
            "gist_proposed",
            json!({"task": subject, "fence": fence, "gist": gist, "kind": "finding", "evidence": []}),
        ),
    ];
    events.extend(stream.claim(&format!("review:{proposal}"), 0));
    stream.entry(json!("a1"), events);
    let verdict = stream.blob("approve".into());
    let mut events = vec![
        (
            "draft_submitted",
            json!({"job": format!("review:{proposal}"), "fence": proposal, "agent": "a1", "draft": verdict, "cites": [], "length": 0}),
        ),
        (
            "verdict_given",
            json!({"task": subject, "proposal": proposal, "fence": proposal, "gist": gist, "outcome": "approve", "verifier": "a1",
                "method": "mechanical", "checks": [{"check": "length", "passed": true}], "reason": reason}),
        ),
        (
            "gist_admitted",
            json!({"label": format!("F{n}"), "task": subject, "proposal": proposal, "gist": gist, "author": "a1", "grade": "self", "note": before}),
        ),
    ];
    let job = match round {
        Some(round) => {
            events.push(("drained", json!({"round": round, "cause": "empty"})));
            format!("expand:{round}")
        }
        None => format!("reason:T{}", n + 1),
    };
    events.extend(stream.claim(&job, n as u64));
    stream.entry(json!("a1"), events);
}

#[test]
fn a_generated_stream_is_clean() {
    let mut text = Vec::new();
    generate(&mut text, 3_000);
    let report = check(&String::from_utf8(text).unwrap());
    assert!(report.is_clean(), "{report:#?}");
    assert!(report.entries > 3_000);
}

#[test]
#[ignore = "writes a file to measure with: see the top of this file"]
fn large() {
    let path = std::env::var("DELM_STREAM").unwrap();
    let entries = std::env::var("DELM_ENTRIES").unwrap().parse().unwrap();
    generate(BufWriter::new(File::create(path).unwrap()), entries);
}
