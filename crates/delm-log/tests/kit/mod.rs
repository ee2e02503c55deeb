//! What the tests of the log share: small runs, made up without a core that decides.
//!
//! Refuses randomness: the same arguments make the same run, byte for byte.
#![allow(dead_code, reason = "each test binary uses a part of the kit")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where; unit tests may anyway")]

use delm_core::entry::{Blob, Entry, Head, Sealed};
use delm_core::event::{BlobRedacted, Event, RunForked};
use delm_core::ids::Digest;
use delm_log::{Append, Log, OpenOptions, OpenReport, Store, Term};
use std::path::Path;

/// A run under construction: its next entry follows the last.
pub(crate) struct Writer {
    pub(crate) run: Digest,
    pub(crate) term: Term,
    pub(crate) head: Option<Head>,
    pub(crate) sealed: Vec<Sealed>,
    pub(crate) blobs: Vec<Vec<Blob>>,
    salt: u64,
}

pub(crate) fn blob(text: &str) -> Blob {
    Blob::new(text.as_bytes())
}

/// Any event will do: the log does not look inside, but for forks.
fn event(salt: u64, seq: u64) -> Event {
    let name = blob(&format!("{salt}/{seq}")).hash;
    BlobRedacted { blob: name, reason: name }.into()
}

pub(crate) fn entry(salt: u64, parent: Option<Head>) -> Sealed {
    let (seq, parent) = parent.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.id));
    let events = vec![event(salt, seq)];
    Entry { parent, seq, at: 1_000 + seq, agent: None, command: seq, rules: 1, events }.seal()
}

/// The first entry of a run that leaves `owner` at `left`.
pub(crate) fn fork_entry(salt: u64, owner: Digest, left: Head) -> Sealed {
    let nonce = [u8::try_from(salt % 251).unwrap(); 16];
    let forked = RunForked::unchanged(nonce, owner, left, "test".into());
    let (parent, seq, events) = (left.id, left.seq + 1, vec![forked.into()]);
    Entry { parent, seq, at: 5_000, agent: None, command: 0, rules: 1, events }.seal()
}

impl Writer {
    /// Makes the first entry of a run and acquires it.
    pub(crate) fn begin(log: &dyn Log, salt: u64) -> Self {
        let first = entry(salt, None);
        let term = log.acquire(&first.id).unwrap();
        Self { run: first.id, term, head: None, sealed: Vec::new(), blobs: Vec::new(), salt }
    }

    /// Goes on with a run in a log that was opened again.
    pub(crate) fn resume(log: &dyn Log, salt: u64, run: Digest) -> Self {
        let term = log.acquire(&run).unwrap();
        Self { run, term, head: log.head(&run).unwrap(), sealed: Vec::new(), blobs: Vec::new(), salt }
    }

    /// A run that leaves `owner` at its head.
    pub(crate) fn fork(log: &dyn Log, salt: u64, owner: &Self) -> Self {
        let first = fork_entry(salt, owner.run, owner.head.unwrap());
        let term = log.acquire(&first.id).unwrap();
        let mut fork = Self { run: first.id, term, head: None, sealed: Vec::new(), blobs: Vec::new(), salt };
        let append = Append { run: fork.run, after: None, term, entry: first.clone(), blobs: vec![] };
        assert_eq!(ids(&log.commit(vec![append])), [Some(first.head())]);
        fork.took(first, vec![]);
        fork
    }

    /// The next append, not yet committed.
    pub(crate) fn next(&self, texts: &[&str]) -> Append {
        let blobs = texts.iter().map(|text| blob(text)).collect();
        Append { run: self.run, after: self.head, term: self.term, entry: entry(self.salt, self.head), blobs }
    }

    /// Notes that an append was accepted.
    pub(crate) fn took(&mut self, sealed: Sealed, blobs: Vec<Blob>) {
        self.head = Some(sealed.head());
        self.sealed.push(sealed);
        self.blobs.push(blobs);
    }

    /// Commits one entry with these blobs.
    pub(crate) fn add(&mut self, log: &dyn Log, texts: &[&str]) -> Head {
        let append = self.next(texts);
        let (sealed, blobs) = (append.entry.clone(), append.blobs.clone());
        let head = log.commit(vec![append]).remove(0).unwrap();
        self.took(sealed, blobs);
        head
    }

    /// Commits several entries of one blob each in one batch.
    pub(crate) fn add_batch(&mut self, log: &dyn Log, count: usize) {
        let mut batch = Vec::new();
        for _ in 0..count {
            let text = format!("text {} of {}", self.sealed.len(), self.salt);
            let append = self.next(&[&text]);
            self.took(append.entry.clone(), append.blobs.clone());
            batch.push(append);
        }
        assert!(log.commit(batch).iter().all(Result::is_ok));
    }

    /// What the log says of this run is what was committed, to the byte.
    pub(crate) fn assert_in(&self, log: &dyn Log) {
        let info = log.run(&self.run).unwrap().unwrap();
        assert_eq!(Some(info.head), self.head);
        let entries = log.entries(&self.run, 0, usize::MAX).unwrap();
        assert_eq!(entries, self.sealed);
        for blob in self.blobs.iter().flatten() {
            assert_eq!(log.blob(&self.run, &blob.hash).unwrap().bytes().as_deref(), Some(&*blob.bytes));
        }
    }
}

pub(crate) fn ids<E>(outcomes: &[Result<Head, E>]) -> Vec<Option<Head>> {
    outcomes.iter().map(|outcome| outcome.as_ref().ok().copied()).collect()
}

pub(crate) fn small() -> OpenOptions {
    OpenOptions { cache_bytes: 4 << 20, ..OpenOptions::default() }
}

pub(crate) fn open(path: &Path) -> (Store, OpenReport) {
    Store::open(path, &small()).unwrap()
}

/// Copies a store directory as a crash would leave it: nothing is closed first.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap() {
        let item = item.unwrap();
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy_tree(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}
