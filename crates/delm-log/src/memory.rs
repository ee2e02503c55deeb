//! A log in memory, for tests and the simulator: the same answers as the store, and gone with the process.
//!
//! Refuses to forget what it acknowledged while it lives; has no faults of its own, since wrappers add those.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delm_core::entry::{Head, Sealed};
use delm_core::ids::{Digest, Seq};

use crate::check::{Standing, check};
use crate::error::{AppendError, HideError, LogError, RedactError};
use crate::log::{Append, BlobInfo, Found, Log, Origin, RunInfo, Term, origin_of, prefix_range};

/// A log in memory. Clones are the same log.
#[derive(Clone, Default)]
pub struct MemoryLog {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    runs: BTreeMap<Digest, MemoryRun>,
    numbers: BTreeMap<u32, Digest>,
    terms: BTreeMap<Digest, Term>,
    begun: u32,
}

struct MemoryRun {
    number: u32,
    first: Seq,
    head: Head,
    origin: Option<Origin>,
    entries: BTreeMap<Seq, Sealed>,
    blobs: BTreeMap<Digest, MemoryBlob>,
}

struct MemoryBlob {
    seq: Seq,
    len: u64,
    bytes: Option<Arc<[u8]>>,
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below is made whole after its checks, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn append(&mut self, append: Append) -> Result<Head, AppendError> {
        let standing = Standing {
            term: self.terms.get(&append.run).copied().unwrap_or(Term(0)),
            head: self.runs.get(&append.run).map(|run| run.head),
        };
        check(&append, standing, |owner, seq| {
            Ok(self.runs.get(owner).and_then(|run| run.entries.get(&seq)).map(|sealed| sealed.id))
        })?;
        let Append { run, entry: sealed, blobs, .. } = append;
        let head = sealed.head();
        let next = self.begun.saturating_add(1);
        let row = self.runs.entry(run).or_insert_with(|| MemoryRun {
            number: next,
            first: head.seq,
            head,
            origin: origin_of(&sealed),
            entries: BTreeMap::new(),
            blobs: BTreeMap::new(),
        });
        if row.number == next {
            self.begun = next;
            self.numbers.insert(next, run);
        }
        row.head = head;
        row.entries.insert(head.seq, sealed);
        for blob in blobs {
            let len = blob.bytes.len() as u64;
            row.blobs.entry(blob.hash).or_insert(MemoryBlob { seq: head.seq, len, bytes: Some(blob.bytes) });
        }
        Ok(head)
    }

    fn info(&self, run: &Digest) -> Option<RunInfo> {
        self.runs.get(run).map(|row| RunInfo {
            run: *run,
            number: row.number,
            first: row.first,
            head: row.head,
            origin: row.origin,
        })
    }
}

impl Log for MemoryLog {
    fn acquire(&self, run: &Digest) -> Result<Term, LogError> {
        let mut state = self.state();
        let term = state.terms.entry(*run).or_insert(Term(0));
        term.0 = term.0.saturating_add(1);
        Ok(*term)
    }

    fn commit(&self, batch: Vec<Append>) -> Vec<Result<Head, AppendError>> {
        let mut state = self.state();
        batch.into_iter().map(|append| state.append(append)).collect()
    }

    fn run(&self, run: &Digest) -> Result<Option<RunInfo>, LogError> {
        Ok(self.state().info(run))
    }

    fn runs(&self, after: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        let state = self.state();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let runs = state.numbers.range((from, Bound::Unbounded));
        Ok(runs.filter_map(|(_, run)| state.info(run)).take(limit).collect())
    }

    fn runs_back(&self, before: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        let state = self.state();
        let to = before.map_or(Bound::Unbounded, Bound::Excluded);
        let runs = state.numbers.range((Bound::Unbounded, to)).rev();
        Ok(runs.filter_map(|(_, run)| state.info(run)).take(limit).collect())
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        let state = self.state();
        let Some((low, high)) = prefix_range(prefix) else { return Ok(Vec::new()) };
        Ok(state.runs.range(low..=high).filter_map(|(run, _)| state.info(run)).take(limit).collect())
    }

    fn entries(&self, run: &Digest, from: Seq, limit: usize) -> Result<Vec<Sealed>, LogError> {
        let state = self.state();
        let Some(row) = state.runs.get(run) else { return Ok(Vec::new()) };
        Ok(row.entries.range(from..).map(|(_, sealed)| sealed.clone()).take(limit).collect())
    }

    fn blob(&self, run: &Digest, hash: &Digest) -> Result<Found, LogError> {
        let state = self.state();
        Ok(match state.runs.get(run).and_then(|row| row.blobs.get(hash)) {
            None => Found::Unknown,
            Some(MemoryBlob { bytes: Some(bytes), .. }) => Found::Present(Arc::clone(bytes)),
            Some(MemoryBlob { len, .. }) => Found::Redacted { len: *len },
        })
    }

    fn blobs(&self, run: &Digest, after: Option<&Digest>, limit: usize) -> Result<Vec<BlobInfo>, LogError> {
        let state = self.state();
        let Some(row) = state.runs.get(run) else { return Ok(Vec::new()) };
        let from = after.map_or(Bound::Unbounded, |hash| Bound::Excluded(*hash));
        let blobs = row.blobs.range((from, Bound::Unbounded)).map(|(hash, blob)| BlobInfo {
            hash: *hash,
            len: blob.len,
            seq: blob.seq,
            redacted: blob.bytes.is_none(),
        });
        Ok(blobs.take(limit).collect())
    }

    fn redact(&self, run: &Digest, hash: &Digest) -> Result<(), RedactError> {
        let mut state = self.state();
        let row = state.runs.get_mut(run).ok_or(RedactError::NoRun { run: *run })?;
        let blob = row.blobs.get_mut(hash).ok_or(RedactError::NoBlob { run: *run, hash: *hash })?;
        blob.bytes = None;
        Ok(())
    }

    fn hide(&self, run: &Digest) -> Result<(), HideError> {
        let mut state = self.state();
        let number = state.runs.get(run).ok_or(HideError::NoRun { run: *run })?.number;
        let forked = |row: &&MemoryRun| row.origin.is_some_and(|origin| origin.owner == *run);
        if let Some(fork) = state.runs.values().filter(forked).min_by_key(|row| row.number) {
            let fork = state.numbers.get(&fork.number).copied().unwrap_or(Digest::ZERO);
            return Err(HideError::Forked { run: *run, fork });
        }
        state.runs.remove(run);
        state.numbers.remove(&number);
        Ok(())
    }
}
