//! A run with an event of every kind, made from the vectors in `schemas/`: real runs of a few entries have half of them.
//!
//! Refuses to be lawful, which a log and the reader of exports do not ask for: it chains, its hashes are right, and every blob
//! that is named is there.

use std::collections::BTreeMap;

use delm_core::blobs::named_by;
use delm_core::codec;
use delm_core::entry::{Blob, Entry, Sealed};
use delm_core::event::{Event, KINDS, RawEvent};
use delm_core::ids::Digest;
use delm_wire::export::{Stored, write};

use crate::crash::{Say, Try};

const VECTORS: &str = include_str!("../../../../schemas/vectors-v1.jsonl");

/// An entry and the blobs it brings.
pub(super) type Brought = (Sealed, Vec<Blob>);

/// The entries of the run, an event each.
pub(super) fn entries() -> Try<Vec<Brought>> {
    let mut made: Vec<Brought> = Vec::new();
    for line in VECTORS.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).say("a vector")?;
        // The last one is an entry.
        let Some(kind) = vector["kind"].as_str() else { continue };
        if kind == "run_started" && !made.is_empty() {
            continue;
        }
        let bytes = unhex(vector["bytes"].as_str().unwrap_or_default())?;
        let raw: RawEvent = codec::decode(&bytes, "a vector").say(kind)?;
        let event = after(Event::from_raw(&raw).say(kind)?, &made);
        let (event, blobs) = with_blobs(event, made.len())?;
        made.push((entry(event, made.last().map(|(last, _)| last)), blobs));
    }
    let missing = KINDS.iter().find(|(code, _)| !made.iter().any(|(entry, _)| holds(entry, *code)));
    missing.map_or(Ok(made), |(_, name)| Err(format!("no vector of {name}")))
}

fn holds(entry: &Sealed, code: u16) -> bool {
    entry.entry.events.iter().any(|event| event.code() == code)
}

/// A fork names the entry it leaves from.
fn after(event: Event, made: &[Brought]) -> Event {
    match (event, made.first(), made.last()) {
        (Event::RunForked(mut fork), Some((first, _)), Some((last, _))) => {
            (fork.owner, fork.seq, fork.head) = (first.id, last.entry.seq, last.id);
            fork.into()
        }
        (event, ..) => event,
    }
}

fn entry(event: Event, last: Option<&Sealed>) -> Sealed {
    let seq = last.map_or(0, |last| last.entry.seq + 1);
    let parent = last.map_or(Digest::ZERO, |last| last.id);
    let at = 1_700_000_000_000 + seq;
    Entry { parent, seq, at, agent: None, command: seq, rules: 1, events: vec![event] }.seal()
}

/// The same event, naming blobs that there are: nobody knows the texts that a vector names.
fn with_blobs(event: Event, number: usize) -> Try<(Event, Vec<Blob>)> {
    let named = named_by(&entry(event.clone(), None).entry);
    let mut raw = event.to_raw();
    let mut blobs = Vec::new();
    for (nth, hash) in named.iter().enumerate() {
        let blob = Blob::new(format!("text {nth} of entry {number}, {}", event.kind()).as_bytes());
        let places: Vec<usize> = raw
            .body
            .windows(32)
            .enumerate()
            .filter(|(_, bytes)| *bytes == hash.0)
            .map(|(at, _)| at)
            .collect();
        for at in places {
            raw.body.splice(at..at + 32, blob.hash.0);
        }
        blobs.push(blob);
    }
    Ok((Event::from_raw(&raw).say("a vector with blobs")?, blobs))
}

/// The run as an export.
pub(super) fn export(entries: &[Brought]) -> Try<Vec<u8>> {
    let blobs: BTreeMap<Digest, &Blob> =
        entries.iter().flat_map(|(_, blobs)| blobs).map(|blob| (blob.hash, blob)).collect();
    let forked = entries
        .iter()
        .map(|(entry, _)| entry)
        .rfind(|entry| matches!(entry.entry.events.first(), Some(Event::RunForked(_))));
    let first_own = forked.or(entries.first().map(|(first, _)| first)).ok_or("no entry")?;
    let stored = |blob: &&Blob| Stored { len: blob.bytes.len() as u64, bytes: Some(blob.bytes.clone()) };
    let mut export = Vec::new();
    write(
        first_own,
        entries.iter().map(|(entry, _)| Ok::<_, String>(entry.clone())),
        |hash| Ok(blobs.get(hash).map(stored)),
        |line| {
            export.extend_from_slice(line.as_bytes());
            Ok(())
        },
    )
    .say("export")?;
    Ok(export)
}

fn unhex(text: &str) -> Try<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).say("hex"));
    digits.map(|pair| u8::from_str_radix(pair?, 16).say("hex")).collect()
}
