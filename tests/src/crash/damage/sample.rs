//! Stores to damage: entries of real runs, laid down in other ways than the binary happened to choose.
//!
//! Refuses entries that no run made: what is drawn is how they are batched, which segments they lie in, which blob was
//! redacted, which run removed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use delm_core::entry::{Blob, Head, Sealed};
use delm_core::ids::Digest;
use delm_log::{Append, Found, Log, LogError, OpenOptions, RunInfo, Store, Wait};
use tempfile::TempDir;

use super::every::{self, Brought};
use crate::crash::draw::Draw;
use crate::crash::journal::{self, Record};
use crate::crash::syscalls::copy_tree;
use crate::crash::world::{World, folder};
use crate::crash::{Say, Try};

pub(super) fn options(segment_bytes: u64) -> OpenOptions {
    // A process that another test starts holds this one's locks from fork to exec.
    let wait = Wait::For(Duration::from_secs(10));
    OpenOptions { segment_bytes, cache_bytes: 1 << 20, wait, ..OpenOptions::default() }
}

/// What a store holds.
#[derive(Clone, Default)]
pub(super) struct Truth {
    runs: Vec<Run>,
}

#[derive(Clone)]
struct Run {
    run: Digest,
    entries: Vec<Sealed>,
    /// With the seq of the entry that brought it; no bytes if it was redacted.
    blobs: Vec<(u64, Digest, Option<Vec<u8>>)>,
}

impl Truth {
    /// Whether all of it, and no more, is in a store. The inner error is damage that the store names.
    ///
    /// # Errors
    /// What is silently otherwise.
    pub(super) fn is_in(&self, store: &Store) -> Try<Result<(), String>> {
        let named = |error: LogError| match error {
            LogError::Corrupt(corruption) => Ok(Err(corruption.to_string())),
            other @ (LogError::Io { .. } | LogError::Index { .. } | LogError::Poisoned { .. }) => {
                Err(format!("a read: {other}"))
            }
        };
        let runs = match store.runs(None, 99) {
            Ok(runs) => runs,
            Err(error) => return named(error),
        };
        if runs.len() != self.runs.len() {
            return Err(format!("{} runs, not {}, without a word", runs.len(), self.runs.len()));
        }
        for (info, run) in runs.iter().zip(&self.runs) {
            match store.entries(&info.run, 0, usize::MAX) {
                Ok(entries) if entries == run.entries && info.run == run.run => {}
                Ok(entries) => {
                    let (found, were) = (entries.len(), run.entries.len());
                    return Err(format!("other entries without a word: {found}, and {were} were written"));
                }
                Err(error) => return named(error),
            }
            for (_, hash, bytes) in &run.blobs {
                match (store.blob(&run.run, hash), bytes) {
                    (Ok(Found::Present(found)), Some(bytes)) if *found == **bytes => {}
                    (Ok(Found::Redacted { .. }), None) => {}
                    (Ok(other), _) => {
                        return Err(format!("blob {hash} is otherwise without a word: {other:?}"));
                    }
                    (Err(error), _) => return named(error),
                }
            }
        }
        Ok(Ok(()))
    }

    /// What it was when the journal had these records only. Not for stores with erasures.
    pub(super) fn up_to(&self, records: &[Record]) -> Self {
        let mut shorter = Self::default();
        for part in records.iter().flat_map(|record| &record.parts) {
            let Some(run) = self.runs.iter().find(|run| run.run.0 == part.run) else { continue };
            if !shorter.runs.iter().any(|known| known.run == run.run) {
                shorter.runs.push(Run { run: run.run, entries: Vec::new(), blobs: Vec::new() });
            }
            let Some(short) = shorter.runs.iter_mut().find(|known| known.run == run.run) else { continue };
            short.entries.extend(run.entries.iter().find(|entry| entry.entry.seq == part.seq).cloned());
            short.blobs.extend(run.blobs.iter().filter(|(seq, ..)| *seq == part.seq).cloned());
        }
        shorter
    }

    /// Notes another entry of a run, with the one blob it brings.
    pub(super) fn add(&mut self, run: &Digest, entry: Sealed, blobs: &[Blob]) {
        let seq = entry.entry.seq;
        if let Some(run) = self.runs.iter_mut().find(|known| known.run == *run) {
            run.entries.push(entry);
            run.blobs.extend(blobs.iter().map(|blob| (seq, blob.hash, Some(blob.bytes.to_vec()))));
        }
    }

    /// The first run and its newest entry.
    pub(super) fn first(&self) -> Option<(Digest, Sealed)> {
        self.runs.first().and_then(|run| Some((run.run, run.entries.last()?.clone())))
    }

    /// Entries of all runs.
    pub(super) fn entries(&self) -> usize {
        self.runs.iter().map(|run| run.entries.len()).sum()
    }

    /// Whether a run is in it: one that was removed is not.
    pub(super) fn knows(&self, run: &[u8; 32]) -> bool {
        self.runs.iter().any(|known| known.run.0 == *run)
    }

    /// The same with the first run's entries cut to so many more than none.
    pub(super) fn prefix(&self, entries: usize) -> Self {
        let mut shorter = self.clone();
        if let Some(run) = shorter.runs.first_mut() {
            run.entries.truncate(entries);
            run.blobs.retain(|(seq, ..)| *seq < entries as u64);
        }
        shorter
    }
}

/// A closed store, what it holds, and an export of a run.
pub(super) struct Sample {
    folder: TempDir,
    pub(super) truth: Truth,
    pub(super) segment_bytes: u64,
    pub(super) export: Vec<u8>,
    /// Whether something in it was redacted or removed.
    pub(super) erased: bool,
    /// Whether the auditor finds nothing in the export.
    pub(super) lawful: bool,
}

/// What a sample is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One run, as short as one can be, in one segment.
    Small,
    /// An event of every kind.
    EveryKind,
    /// Short runs, as they are drawn.
    Drawn,
    /// A run of some hundred entries.
    Large,
}

/// Tasks of a large one.
const TASKS_LARGE: usize = 40;

impl Sample {
    /// Makes one, by what is drawn.
    pub(super) fn make(delm: &Path, draw: &mut Draw, shape: Shape) -> Try<Self> {
        let segment_bytes = if shape == Shape::Small || draw.below(2) == 0 { 64 << 20 } else { 4_096 };
        let (runs, export) = match shape {
            Shape::EveryKind => {
                let entries = every::entries()?;
                let export = every::export(&entries)?;
                (vec![entries], export)
            }
            Shape::Small | Shape::Drawn | Shape::Large => ran(delm, draw, shape)?,
        };
        let (truth, lawful) = (Truth::default(), shape != Shape::EveryKind);
        let mut sample = Self { folder: folder()?, truth, segment_bytes, export, erased: false, lawful };
        let (store, _) = Store::open(&sample.store(), &options(segment_bytes)).say("make a store")?;
        for entries in runs {
            sample.truth.runs.push(lay(&store, entries, draw)?);
        }
        if matches!(shape, Shape::Drawn | Shape::Large) {
            sample.erase(&store, draw)?;
        }
        store.close().say("close")?;
        Ok(sample)
    }

    /// Redacts a blob or removes a run, of some.
    fn erase(&mut self, store: &Store, draw: &mut Draw) -> Try<()> {
        if draw.below(3) == 0 {
            let run = draw.place(self.truth.runs.len());
            if let Some(run) = self.truth.runs.get_mut(run) {
                let one = draw.place(run.blobs.len());
                if let Some((_, hash, bytes)) = run.blobs.get_mut(one) {
                    store.redact(&run.run, hash).say("redact")?;
                    *bytes = None;
                    self.erased = true;
                }
            }
        }
        if self.truth.runs.len() > 1 && draw.below(3) == 0 {
            let gone = self.truth.runs.remove(draw.place(self.truth.runs.len()));
            store.hide(&gone.run).say("remove")?;
            self.erased = true;
        }
        Ok(())
    }

    /// Where it is.
    pub(super) fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    /// A copy to damage, and the folder that keeps it.
    pub(super) fn copy(&self) -> Try<(TempDir, PathBuf)> {
        let folder = folder()?;
        let store = folder.path().join("store");
        copy_tree(&self.store(), &store)?;
        Ok((folder, store))
    }

    /// Its segments' names, in order.
    pub(super) fn segments(&self) -> Try<Vec<String>> {
        let mut names = Vec::new();
        for item in fs::read_dir(self.store().join("journal")).say("the journal")? {
            names.push(format!("journal/{}", item.say("the journal")?.file_name().to_string_lossy()));
        }
        names.sort();
        Ok(names)
    }

    /// Bytes of its segments.
    pub(super) fn journal_bytes(&self) -> Try<u64> {
        let lens = self.segments()?.into_iter().map(|name| fs::metadata(self.store().join(&name)).say(&name));
        lens.map(|meta| Ok(meta?.len())).sum()
    }

    /// The bytes and records of a segment.
    pub(super) fn segment(&self, name: &str) -> Try<(Vec<u8>, Vec<Record>)> {
        let bytes = fs::read(self.store().join(name)).say(name)?;
        let records = journal::records(&bytes)?;
        Ok((bytes, records))
    }
}

/// Runs of the binary: their entries, and an export of the last one.
fn ran(delm: &Path, draw: &mut Draw, shape: Shape) -> Try<(Vec<Vec<Brought>>, Vec<u8>)> {
    let tasks = match shape {
        Shape::Small | Shape::EveryKind => 1,
        Shape::Drawn => 1 + draw.place(3),
        Shape::Large => TASKS_LARGE,
    };
    let world = World::new(delm, tasks, 0)?;
    let many = if shape == Shape::Drawn { 1 + draw.below(2) } else { 1 };
    for _ in 0..many {
        let quoting = shape == Shape::Small || shape == Shape::Drawn && draw.below(2) == 0;
        let words = if quoting { World::quoting_words() } else { World::run_words(1 + draw.below(3)) };
        world.start(&[], &words)?.ended()?.exit(0)?;
    }
    let export = world.call("export")?.exit(0)?.out.into_bytes();
    let (source, _) = Store::open(&world.store, &options(64 << 20)).say("open")?;
    let infos = source.runs(None, 9).say("runs")?;
    let runs = infos.iter().map(|info| taken(&source, info)).collect::<Try<_>>()?;
    Ok((runs, export))
}

/// The entries of a run in a store, with their blobs.
fn taken(source: &Store, info: &RunInfo) -> Try<Vec<Brought>> {
    let listed = source.blobs(&info.run, None, usize::MAX).say("blobs")?;
    let mut taken = Vec::new();
    for entry in source.entries(&info.run, 0, usize::MAX).say("entries")? {
        let mut blobs = Vec::new();
        for blob in listed.iter().filter(|blob| blob.seq == entry.entry.seq) {
            let bytes = source.blob(&info.run, &blob.hash).say("blob")?.bytes().ok_or("a blob is gone")?;
            blobs.push(Blob { hash: blob.hash, bytes });
        }
        taken.push((entry, blobs));
    }
    Ok(taken)
}

/// Lays a run down in a store, in batches that are drawn.
fn lay(into: &Store, entries: Vec<Brought>, draw: &mut Draw) -> Try<Run> {
    let run = entries.first().ok_or("a run without entries")?.0.id;
    let term = into.acquire(&run).say("acquire")?;
    let mut laid = Run { run, entries: Vec::new(), blobs: Vec::new() };
    let mut after: Option<Head> = None;
    let mut left = entries.into_iter().peekable();
    while left.peek().is_some() {
        let mut batch = Vec::new();
        for (entry, blobs) in left.by_ref().take(1 + draw.place(4)) {
            let seq = entry.entry.seq;
            laid.blobs.extend(blobs.iter().map(|blob| (seq, blob.hash, Some(blob.bytes.to_vec()))));
            let head = entry.head();
            laid.entries.push(entry.clone());
            batch.push(Append { run, after, term, entry, blobs });
            after = Some(head);
        }
        for outcome in into.commit(batch) {
            outcome.say("commit")?;
        }
    }
    Ok(laid)
}
