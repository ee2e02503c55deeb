//! The store against a model that is a map: append, redact, remove, close, kill, cut the power, open again.
//!
//! Refuses to lose what the anchor names: after a power cut the store is exactly as it was after some commit at or past
//! the anchor that survived.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod kit;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use delm_core::entry::Sealed;
use delm_core::ids::Digest;
use delm_log::{Found, Health, Log, OpenOptions, Scope, Store};
use kit::{Writer, blob, copy_tree, small};
use proptest::prelude::*;

const RUNS: u64 = 3;

#[derive(Clone, Debug)]
enum Step {
    Add { run: u64, count: usize, blobs: usize },
    Redact { run: u64, nth: usize },
    Hide { run: u64 },
    Close,
    Kill,
    PowerCut { anchor: usize, cut: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..RUNS, 1usize..5, 0usize..4).prop_map(|(run, count, blobs)| Step::Add { run, count, blobs }),
        2 => (0..RUNS, 0usize..9).prop_map(|(run, nth)| Step::Redact { run, nth }),
        1 => (0..RUNS).prop_map(|run| Step::Hide { run }),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
        2 => (0usize..9, any::<u64>()).prop_map(|(anchor, cut)| Step::PowerCut { anchor, cut }),
    ];
    prop::collection::vec(step, 1..24)
}

#[derive(Clone, Debug, Default)]
struct ModelRun {
    entries: Vec<Sealed>,
    blobs: BTreeMap<Digest, Option<Vec<u8>>>,
}

type Model = BTreeMap<Digest, ModelRun>;

/// What a power cut may go back to: the journal and anchor after a commit, and what the store held then.
struct Point {
    journal_bytes: u64,
    anchor: Vec<u8>,
    model: Model,
}

struct Harness {
    dir: tempfile::TempDir,
    opened: u32,
    store: Option<Store>,
    model: Model,
    points: Vec<Point>,
    segments: usize,
}

impl Harness {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (model, points) = (Model::new(), Vec::new());
        let mut harness = Self { dir, opened: 0, store: None, model, points, segments: 0 };
        harness.open();
        harness
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join(format!("store{}", self.opened))
    }

    fn open(&mut self) {
        let options = OpenOptions { segment_bytes: 4_000, ..small() };
        let (store, _) = Store::open(&self.path(), &options).unwrap();
        self.store = Some(store);
        self.points.clear();
        self.note();
        self.check();
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn last_segment(path: &Path) -> (usize, PathBuf) {
        let mut all: Vec<_> =
            fs::read_dir(path.join("journal")).unwrap().map(|item| item.unwrap().path()).collect();
        all.sort();
        (all.len(), all.pop().unwrap())
    }

    /// Notes where a power cut may go back to; a roll or an erasure pins the anchor.
    fn note(&mut self) {
        let (segments, last) = Self::last_segment(&self.path());
        if segments != self.segments {
            self.points.clear();
        }
        self.segments = segments;
        let journal_bytes = fs::metadata(last).unwrap().len();
        let anchor = fs::read(self.path().join("anchor")).unwrap();
        self.points.push(Point { journal_bytes, anchor, model: self.model.clone() });
    }

    fn run_of(salt: u64) -> Digest {
        kit::entry(salt, None).id
    }

    fn add(&mut self, salt: u64, count: usize, blobs: usize) {
        let mut writer = Writer::resume(self.store(), salt, Self::run_of(salt));
        let mut batch = Vec::new();
        for nth in 0..count {
            let seq = writer.head.map_or(0, |head| head.seq + 1);
            // Some texts repeat within the run and between runs.
            let texts: Vec<String> =
                (0..blobs).map(|at| format!("text {}", (seq + at as u64) % 11 + nth as u64 / 3)).collect();
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let append = writer.next(&texts);
            writer.took(append.entry.clone(), append.blobs.clone());
            batch.push(append);
        }
        let run = self.model.entry(writer.run).or_default();
        for append in &batch {
            run.entries.push(append.entry.clone());
            for blob in &append.blobs {
                run.blobs.entry(blob.hash).or_insert(Some(blob.bytes.to_vec()));
            }
        }
        assert!(self.store().commit(batch).iter().all(Result::is_ok));
        self.note();
    }

    fn redact(&mut self, salt: u64, nth: usize) {
        let id = Self::run_of(salt);
        let Some(run) = self.model.get_mut(&id) else { return };
        let Some((hash, bytes)) = run.blobs.iter_mut().nth(nth) else { return };
        let (hash, known) = (*hash, bytes.take().is_some());
        self.store().redact(&id, &hash).unwrap();
        if known {
            self.points.clear();
            self.note();
        }
    }

    fn hide(&mut self, salt: u64) {
        let id = Self::run_of(salt);
        assert_eq!(self.store().hide(&id).is_ok(), self.model.remove(&id).is_some());
        self.points.clear();
        self.note();
    }

    /// Opens a copy of the files as they are, with nothing closed.
    fn kill(&mut self, damage: impl FnOnce(&Path)) {
        let from = self.path();
        self.opened += 1;
        copy_tree(&from, &self.path());
        drop(self.store.take());
        damage(&self.path());
        self.open();
    }

    fn power_cut(&mut self, anchor: usize, cut: u64) {
        let point = &self.points[anchor % self.points.len()];
        let end = self.points.last().unwrap().journal_bytes;
        let len = point.journal_bytes + cut % (end - point.journal_bytes + 1);
        let kept = self.points.iter().rfind(|point| point.journal_bytes <= len).unwrap();
        let (anchor, model) = (point.anchor.clone(), kept.model.clone());
        self.model = model;
        self.kill(|path| {
            fs::write(path.join("anchor"), anchor).unwrap();
            fs::File::options().write(true).open(Self::last_segment(path).1).unwrap().set_len(len).unwrap();
            fs::write(path.join("index/boot"), "an earlier boot").unwrap();
        });
    }

    fn check(&self) {
        let store = self.store();
        let infos = store.runs(None, 99).unwrap();
        assert_eq!(infos.len(), self.model.len());
        for (id, run) in &self.model {
            assert_eq!(store.entries(id, 0, usize::MAX).unwrap(), run.entries);
            assert_eq!(store.head(id).unwrap(), run.entries.last().map(Sealed::head));
            for (hash, bytes) in &run.blobs {
                match (store.blob(id, hash).unwrap(), bytes) {
                    (Found::Present(found), Some(bytes)) => assert_eq!(&*found, bytes.as_slice()),
                    (Found::Redacted { .. }, None) => {}
                    other => unreachable!("{other:?}"),
                }
            }
            let listed: Vec<_> = store.blobs(id, None, 999).unwrap().iter().map(|info| info.hash).collect();
            assert_eq!(listed, run.blobs.keys().copied().collect::<Vec<_>>());
        }
        assert_eq!(store.blob(&Self::run_of(99), &blob("text 1").hash).unwrap(), Found::Unknown);
        let verified = store.verify(Scope::All).unwrap();
        assert!(verified.is_whole() && verified.index_healed.is_none(), "{verified:?}");
        assert_eq!(verified.erasures_finished, 0);
        assert_eq!(store.health(), Health::default());
        let usage = store.usage().unwrap();
        let entries: usize = self.model.values().map(|run| run.entries.len()).sum();
        let blobs: usize = self.model.values().map(|run| run.blobs.len()).sum();
        assert_eq!((usage.entries, usage.blobs), (entries as u64, blobs as u64));
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Add { run, count, blobs } => self.add(run, count, blobs),
            Step::Redact { run, nth } => self.redact(run, nth),
            Step::Hide { run } => self.hide(run),
            Step::Close => {
                self.store.take().unwrap().close().unwrap();
                self.open();
            }
            Step::Kill => self.kill(|_| {}),
            Step::PowerCut { anchor, cut } => self.power_cut(anchor, cut),
        }
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(48)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_the_map_whatever_happens(steps in steps()) {
        let mut harness = Harness::new();
        for step in &steps {
            harness.step(step);
        }
        harness.check();
    }
}
