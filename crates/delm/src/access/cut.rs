//! `RUN@POS`: a run as it stood at one of its entries. Whoever reads it finds no entry after that one.
//!
//! Refuses every write, and a position before the run's own first entry: that is its origin's.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use delm_core::entry::{Head, Sealed};
use delm_core::ids::{Digest, Seq};
use delm_log::{Append, AppendError, BlobInfo, Found, HideError, Log, LogError, RedactError, RunInfo, Term};

use super::{Reading, load_error, log_error};
use crate::error::{CliError, Exit};
use crate::refs::{Position, RunRef};

/// Where a run is cut.
#[derive(Clone)]
pub(crate) struct Cut {
    /// The last entry that is seen.
    pub(crate) seq: Seq,
    /// The run's newest entry.
    pub(crate) head: Seq,
    /// The same runs, uncut.
    pub(crate) whole: Box<Reading>,
}

impl Reading {
    /// The same, with one run as it stood at a position. Nobody drives it there.
    ///
    /// # Errors
    /// Exit 8 if there is no such run or entry, or it is the run's origin's.
    pub(crate) fn cut(&self, reference: &RunRef, at: &Position) -> Result<Self, CliError> {
        let run = self.find(reference)?;
        let seq = self.seq_at(run, at)?;
        let info = self.log.run(&run).map_err(log_error)?;
        let info = info.ok_or_else(|| load_error(&delm_engine::LoadError::Unknown { run }, run))?;
        if let Some(origin) = info.origin.filter(|_| seq < info.first) {
            let what = format!("entry {seq} is of run {}, which this one was forked from", origin.owner);
            return Err(CliError::new("not_found", Exit::NotFound, what)
                .hint(format!("name that run: {}@{seq}", origin.owner.short(12)))
                .run(run.to_string()));
        }
        let entry = self.log.entry(&run, seq).map_err(log_error)?;
        let head = entry.ok_or_else(|| load_error(&delm_engine::LoadError::Gap { run, seq }, run))?.head();
        let log = CutLog { log: self.log.clone(), run, head };
        let cut = Cut { seq, head: info.head.seq, whole: Box::new(self.clone()) };
        Ok(Self {
            log: Arc::new(log),
            store: self.store.clone(),
            driven: None,
            only: Some(run),
            cut: Some(cut),
        })
    }

    /// The same with every entry.
    pub(crate) fn uncut(&self) -> &Self {
        self.cut.as_ref().map_or(self, |cut| &cut.whole)
    }
}

/// A log in which one run ends early.
struct CutLog {
    log: Arc<dyn Log>,
    run: Digest,
    head: Head,
}

impl CutLog {
    fn seen(&self, info: RunInfo) -> RunInfo {
        if info.run == self.run { RunInfo { head: self.head, ..info } } else { info }
    }

    fn read_only(&self) -> LogError {
        let source = Arc::new(io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        let path = PathBuf::from(format!("{}@{}", self.run, self.head.seq));
        LogError::Io { action: "write", path, source }
    }
}

impl Log for CutLog {
    fn acquire(&self, _: &Digest) -> Result<Term, LogError> {
        Err(self.read_only())
    }

    fn commit(&self, batch: Vec<Append>) -> Vec<Result<Head, AppendError>> {
        batch.iter().map(|_| Err(AppendError::Failed(self.read_only()))).collect()
    }

    fn run(&self, run: &Digest) -> Result<Option<RunInfo>, LogError> {
        Ok(self.log.run(run)?.map(|info| self.seen(info)))
    }

    fn runs(&self, after: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        Ok(self.log.runs(after, limit)?.into_iter().map(|info| self.seen(info)).collect())
    }

    fn runs_back(&self, before: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        Ok(self.log.runs_back(before, limit)?.into_iter().map(|info| self.seen(info)).collect())
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        Ok(self.log.find(prefix, limit)?.into_iter().map(|info| self.seen(info)).collect())
    }

    fn entries(&self, run: &Digest, from: Seq, limit: usize) -> Result<Vec<Sealed>, LogError> {
        if *run != self.run {
            return self.log.entries(run, from, limit);
        }
        let left = (self.head.seq + 1).saturating_sub(from);
        if left == 0 {
            return Ok(Vec::new());
        }
        self.log.entries(run, from, limit.min(usize::try_from(left).unwrap_or(usize::MAX)))
    }

    fn blob(&self, run: &Digest, hash: &Digest) -> Result<Found, LogError> {
        self.log.blob(run, hash)
    }

    fn blobs(&self, run: &Digest, after: Option<&Digest>, limit: usize) -> Result<Vec<BlobInfo>, LogError> {
        self.log.blobs(run, after, limit)
    }

    fn redact(&self, _: &Digest, _: &Digest) -> Result<(), RedactError> {
        Err(RedactError::Failed(self.read_only()))
    }

    fn hide(&self, _: &Digest) -> Result<(), HideError> {
        Err(HideError::Failed(self.read_only()))
    }
}
