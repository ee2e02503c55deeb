//! A log whose runs read whole: what a fork shares with its origin is found under the fork too.
//!
//! Refuses to show more of an origin than the fork shares: entries and blobs that came after are the origin's alone. Writing
//! goes to the log beneath, under the run that writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use delm_core::entry::{Head, Sealed};
use delm_core::ids::{Digest, Seq};

use crate::error::{AppendError, Corruption, HideError, LogError, RedactError};
use crate::log::{Append, BlobInfo, Found, Log, RunInfo, Term};

/// A log that is read through the origins of its forks. Clones are the same log.
#[derive(Clone)]
pub struct WholeLog {
    log: Arc<dyn Log>,
}

/// What a run has from one run: its own entries, or those that it shares with an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stretch {
    /// Who wrote them.
    owner: Digest,
    /// Seq of the first of them.
    first: Seq,
    /// Seq of the last of them.
    last: Seq,
}

impl WholeLog {
    /// Reads `log` through its origins.
    #[must_use]
    pub fn new(log: Arc<dyn Log>) -> Self {
        Self { log }
    }

    /// Where a run's entries are, the newest first. An unknown run has none.
    fn stretches(&self, run: &Digest) -> Stretches<'_> {
        Stretches { log: &*self.log, next: Some((*run, None)) }
    }

    /// A blob that an owner had brought by `last`.
    fn brought(&self, owner: &Digest, hash: &Digest, last: Seq) -> Result<bool, LogError> {
        let before = predecessor(hash);
        let found = self.log.blobs(owner, before.as_ref(), 1)?;
        Ok(found.first().is_some_and(|info| info.hash == *hash && info.seq <= last))
    }

    /// The first `limit` blobs above `after` of a stretch.
    fn blobs_of(
        &self,
        stretch: &Stretch,
        after: Option<&Digest>,
        limit: usize,
    ) -> Result<Vec<BlobInfo>, LogError> {
        let (mut found, mut after) = (Vec::new(), after.copied());
        while found.len() < limit {
            let page = self.log.blobs(&stretch.owner, after.as_ref(), limit)?;
            let Some(end) = page.last() else { break };
            after = Some(end.hash);
            found.extend(page.into_iter().filter(|info| info.seq <= stretch.last));
        }
        found.truncate(limit);
        Ok(found)
    }
}

/// Walks from a run to its origin, to that one's origin, and on.
struct Stretches<'a> {
    log: &'a dyn Log,
    /// Whose entries come next, and up to which.
    next: Option<(Digest, Option<Seq>)>,
}

impl Iterator for Stretches<'_> {
    type Item = Result<Stretch, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (owner, last) = self.next.take()?;
        let info = match self.log.run(&owner) {
            Ok(Some(info)) => info,
            Ok(None) if last.is_none() => return None,
            Ok(None) => return Some(Err(broken(format!("a fork's origin {owner} is not in this log")))),
            Err(error) => return Some(Err(error)),
        };
        let last = last.unwrap_or(info.head.seq);
        let origin = info.origin.map(|origin| (origin.owner, Some(origin.seq)));
        let shared = info.origin.map_or(0, |origin| origin.seq.saturating_add(1));
        if info.first > last || last > info.head.seq || shared != info.first {
            let (first, head) = (info.first, info.head.seq);
            let what = format!("run {owner} has entries {first} to {head}, and {last} is shared");
            return Some(Err(broken(what)));
        }
        self.next = origin;
        Some(Ok(Stretch { owner, first: info.first, last }))
    }
}

fn broken(what: String) -> LogError {
    LogError::Corrupt(Corruption { path: "the log".into(), place: None, what })
}

/// The digest just below, so that a list "above" it begins with this one; none for the lowest.
fn predecessor(hash: &Digest) -> Option<Digest> {
    let mut bytes = hash.0;
    for byte in bytes.iter_mut().rev() {
        let (less, borrowed) = byte.overflowing_sub(1);
        *byte = less;
        if !borrowed {
            return Some(Digest(bytes));
        }
    }
    None
}

impl Log for WholeLog {
    fn acquire(&self, run: &Digest) -> Result<Term, LogError> {
        self.log.acquire(run)
    }

    fn commit(&self, batch: Vec<Append>) -> Vec<Result<Head, AppendError>> {
        self.log.commit(batch)
    }

    fn run(&self, run: &Digest) -> Result<Option<RunInfo>, LogError> {
        self.log.run(run)
    }

    fn runs(&self, after: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        self.log.runs(after, limit)
    }

    fn runs_back(&self, before: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        self.log.runs_back(before, limit)
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        self.log.find(prefix, limit)
    }

    /// The run's entries from seq `from` on, those of its prefix among them.
    fn entries(&self, run: &Digest, from: Seq, limit: usize) -> Result<Vec<Sealed>, LogError> {
        let mut wanted = Vec::new();
        for stretch in self.stretches(run) {
            let stretch = stretch?;
            wanted.push(stretch);
            if stretch.first <= from {
                break;
            }
        }
        let mut found: Vec<Sealed> = Vec::new();
        for stretch in wanted.iter().rev() {
            let left = limit.saturating_sub(found.len());
            if left == 0 || from > stretch.last {
                continue;
            }
            let page = self.log.entries(&stretch.owner, from.max(stretch.first), left)?;
            found.extend(page.into_iter().filter(|sealed| sealed.entry.seq <= stretch.last));
        }
        Ok(found)
    }

    /// A blob that an entry of the run brought, one of its prefix among them.
    fn blob(&self, run: &Digest, hash: &Digest) -> Result<Found, LogError> {
        for stretch in self.stretches(run) {
            let stretch = stretch?;
            match self.log.blob(&stretch.owner, hash)? {
                Found::Unknown => {}
                found if stretch.owner == *run || self.brought(&stretch.owner, hash, stretch.last)? => {
                    return Ok(found);
                }
                Found::Present(_) | Found::Redacted { .. } => {}
            }
        }
        Ok(Found::Unknown)
    }

    /// The blobs of a run and of its prefix.
    fn blobs(&self, run: &Digest, after: Option<&Digest>, limit: usize) -> Result<Vec<BlobInfo>, LogError> {
        let mut found: BTreeMap<Digest, BlobInfo> = BTreeMap::new();
        for stretch in self.stretches(run) {
            for info in self.blobs_of(&stretch?, after, limit)? {
                found.entry(info.hash).or_insert(info);
            }
        }
        Ok(found.into_values().take(limit).collect())
    }

    fn redact(&self, run: &Digest, hash: &Digest) -> Result<(), RedactError> {
        self.log.redact(run, hash)
    }

    fn hide(&self, run: &Digest) -> Result<(), HideError> {
        self.log.hide(run)
    }
}
