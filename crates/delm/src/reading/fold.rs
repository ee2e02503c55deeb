//! A run's entries, a page at a time, and its state folded from them.
//!
//! Refuses to hold more than a page of entries, and to go past the head as it was when the call came.

use std::collections::VecDeque;
use std::sync::Arc;

use delm_core::apply::apply;
use delm_core::entry::Sealed;
use delm_core::ids::{Digest, Seq};
use delm_core::run::Run;
use delm_engine::{BlobCache, LoadError, Loaded};
use delm_log::{Log, RunInfo};

use crate::access::{Reading, load_error, log_error};
use crate::error::CliError;

/// Entries read in one step.
const PAGE: usize = 256;

/// Entries of a run, in order.
pub(super) struct Walk<'a> {
    log: &'a dyn Log,
    run: Digest,
    next: Seq,
    last: Seq,
    page: VecDeque<Sealed>,
}

impl<'a> Walk<'a> {
    /// Those from one seq to another, both included.
    pub(super) fn new(reading: &'a Reading, run: Digest, first: Seq, last: Seq) -> Self {
        Self { log: &*reading.log, run, next: first, last, page: VecDeque::new() }
    }

    fn read(&mut self) -> Result<(), CliError> {
        let gap = || load_error(&LoadError::Gap { run: self.run, seq: self.next }, self.run);
        self.page = self.log.entries(&self.run, self.next, PAGE).map_err(log_error)?.into();
        if self.page.front().is_none_or(|first| first.entry.seq != self.next) { Err(gap()) } else { Ok(()) }
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Sealed, CliError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.last {
            return None;
        }
        if self.page.is_empty()
            && let Err(error) = self.read()
        {
            self.last = 0;
            self.next = 1;
            return Some(Err(error));
        }
        let sealed = self.page.pop_front()?;
        self.next = sealed.entry.seq + 1;
        Some(Ok(sealed))
    }
}

/// A run as the log knows it at this moment.
pub(super) fn info(reading: &Reading, run: Digest) -> Result<RunInfo, CliError> {
    let info = reading.log.run(&run).map_err(log_error)?;
    info.ok_or_else(|| load_error(&LoadError::Unknown { run }, run))
}

/// Its blobs.
pub(super) fn blobs(reading: &Reading, run: Digest) -> Arc<BlobCache> {
    Arc::new(BlobCache::new(reading.log.clone(), run))
}

/// Folds a run up to `last`, showing each entry with the state after it.
pub(super) fn fold(
    reading: &Reading,
    run: Digest,
    last: Seq,
    mut each: impl FnMut(&Run, &Sealed),
) -> Result<Loaded, CliError> {
    let mut state = Run::default();
    for sealed in Walk::new(reading, run, 0, last) {
        let sealed = sealed?;
        apply(&mut state, &sealed).map_err(|fault| load_error(&LoadError::Fault(fault), run))?;
        each(&state, &sealed);
    }
    Ok(Loaded { run: state, blobs: blobs(reading, run) })
}

/// The log's first failure while texts were looked up, if any: until this is asked, "redacted" may mean "unreadable".
pub(super) fn whole(blobs: &BlobCache) -> Result<(), CliError> {
    blobs.take_error().map_or(Ok(()), |error| Err(log_error(error)))
}
