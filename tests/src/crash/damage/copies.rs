//! Copies of a store that is being written, as `cp -r` makes them.
//!
//! Refuses a copy that opens and holds less than had been acknowledged when the copying began.

use std::sync::atomic::{AtomicUsize, Ordering};

use delm_core::entry::{Blob, Entry};
use delm_core::event::{BlobRedacted, Event};
use delm_log::{Append, Log as _, Store};

use super::sample::{Sample, Truth, options};
use super::watch::Watch;
use super::{Verdict, counts, judge};
use crate::crash::draw::Draw;
use crate::crash::syscalls::copy_tree;
use crate::crash::{Outcome, Say, Try};

/// Copies of one case.
pub(super) const LOT: u64 = 8;
/// Entries written meanwhile.
const ENTRIES: usize = 400;

/// Copies a store again and again while entries are added to it.
pub(super) fn copies(sample: &Sample, draw: &mut Draw, watch: &Watch) -> Outcome {
    let (folder, store) = sample.copy()?;
    let done = AtomicUsize::new(0);
    let pauses: Vec<usize> = (0..LOT).map(|_| draw.place(ENTRIES / 2)).collect();
    let (truth, taken) = std::thread::scope(|scope| -> Try<_> {
        let writer = scope.spawn(|| write(sample, &store, &done));
        let mut taken = Vec::new();
        for (number, pause) in pauses.iter().enumerate() {
            let until = (done.load(Ordering::SeqCst) + pause / 4).min(ENTRIES);
            while done.load(Ordering::SeqCst) < until && !writer.is_finished() {
                std::thread::yield_now();
            }
            let acknowledged = done.load(Ordering::SeqCst);
            let copy = folder.path().join(format!("copy{number}"));
            copy_tree(&store, &copy)?;
            taken.push((copy, acknowledged, done.load(Ordering::SeqCst)));
        }
        let truth = writer.join().map_err(|_| "the writer panicked".to_owned())??;
        Ok((truth, taken))
    })?;
    let before = sample.truth.entries();
    let (mut whole, mut named) = (0, 0);
    for (copy, acknowledged, after) in taken {
        watch.step();
        let mut verdict = Err("it holds no number of entries that it could".to_owned());
        // How many it should hold is known up to what was written while it was copied.
        for many in acknowledged..=(after + 1).min(ENTRIES) {
            verdict = judge(&copy, sample.segment_bytes, &truth.prefix(first(&sample.truth) + many));
            if verdict.is_ok() {
                break;
            }
        }
        let said = |why| format!("a copy begun at {acknowledged} of {before}+{ENTRIES} entries: {why}");
        match verdict.map_err(said)? {
            Verdict::Whole(_) => whole += 1,
            Verdict::Named(_) => named += 1,
        }
    }
    counts(&[("points", whole + named), ("copies-whole", whole), ("copies-named", named)])
}

/// Entries of the first run.
fn first(truth: &Truth) -> usize {
    truth.first().map_or(0, |(_, head)| usize::try_from(head.entry.seq).unwrap_or(0) + 1)
}

/// Adds entries to the first run of a store.
fn write(sample: &Sample, path: &std::path::Path, done: &AtomicUsize) -> Try<Truth> {
    let (store, _) = Store::open(path, &options(sample.segment_bytes)).say("open")?;
    let mut truth = sample.truth.clone();
    let (run, mut last) = truth.first().ok_or("no run")?;
    let term = store.acquire(&run).say("acquire")?;
    for number in 0..ENTRIES {
        let blob = Blob::new(format!("what was added as number {number}").as_bytes());
        let event: Event = BlobRedacted { blob: blob.hash, reason: blob.hash }.into();
        let (parent, seq) = (last.id, last.entry.seq + 1);
        let entry = Entry {
            parent,
            seq,
            at: last.entry.at,
            agent: None,
            command: seq,
            rules: 1,
            events: vec![event],
        };
        let entry = entry.seal();
        let after = Some(last.head());
        let append = Append { run, after, term, entry: entry.clone(), blobs: vec![blob.clone()] };
        store.commit(vec![append]).remove(0).say("commit")?;
        truth.add(&run, entry.clone(), &[blob]);
        last = entry;
        done.store(number + 1, Ordering::SeqCst);
    }
    Ok(truth)
}
