//! The index behind the journal: records that are durable and not in the index yet, and the thread that applies them.
//!
//! Refuses to let a commit wait for the index, which is never what makes an entry durable, and to let a reader see the
//! index before all that was committed is in it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use crate::error::LogError;
use crate::journal::files::{Segments, io_error};
use crate::journal::layout::End;
use crate::journal::scan::Record;
use crate::store::index::{Index, Trouble};
use crate::store::rows::Applied;
use crate::store::{apply, fill};

/// The thread wakes once the bodies of the records behind have this many bytes: waking costs more than a small record.
const BEHIND_BYTES: usize = 128 << 10;
/// A commit applies records itself once there are this many bytes, so that memory is bounded.
const BEHIND_BYTES_MAX: usize = 8 << 20;

/// The index, and what it lacks.
pub(crate) struct Following {
    pub(crate) index: Index,
    segments: Segments,
    /// Held while records move into the index, and while it is made anew; taken before `behind`.
    applied: Mutex<Applied>,
    behind: Mutex<Behind>,
    /// There is work for the thread, or an end of it.
    called: Condvar,
}

#[derive(Default)]
struct Behind {
    /// In the order of the journal.
    records: VecDeque<Record>,
    bytes: usize,
    /// Why the index does not follow: the next commit makes it anew.
    trouble: Option<Trouble>,
    over: bool,
}

/// The thread that applies records.
pub(crate) struct Follower(JoinHandle<()>);

impl Following {
    /// An index that holds all up to `applied`.
    pub(crate) fn new(index: Index, segments: Segments, applied: Applied) -> Self {
        let (applied, behind) = (Mutex::new(applied), Mutex::default());
        Self { index, segments, applied, behind, called: Condvar::new() }
    }

    /// Starts the thread.
    pub(crate) fn start(self: &Arc<Self>) -> Result<Follower, LogError> {
        let theirs = Arc::clone(self);
        let thread = thread::Builder::new().name("delm-index".into()).spawn(move || theirs.follow());
        thread.map(Follower).map_err(|error| io_error("start a thread for", self.index.root(), error))
    }

    /// Ends the thread. What it did not apply stays behind.
    pub(crate) fn stop(&self, Follower(thread): Follower) {
        self.behind().over = true;
        self.called.notify_all();
        if thread.join().is_err() {
            // It holds nothing but the lock, and what it left half done is looked at by whoever reads next.
            tracing::warn!("the thread that applies records to the index panicked");
        }
    }

    fn behind(&self) -> MutexGuard<'_, Behind> {
        self.behind.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn applying(&self) -> MutexGuard<'_, Applied> {
        self.applied.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a durable record, to be applied before anybody reads.
    pub(crate) fn push(&self, record: Record) {
        let bytes = {
            let mut behind = self.behind();
            behind.bytes += record.body.len();
            behind.records.push_back(record);
            behind.bytes
        };
        if bytes >= BEHIND_BYTES_MAX {
            // The trouble is kept for the next commit.
            drop(self.catch_up());
        } else if bytes >= BEHIND_BYTES {
            self.called.notify_one();
        }
    }

    /// Why the index does not follow the journal, if it does not; asked by whoever may make it anew.
    pub(crate) fn take_trouble(&self) -> Option<Trouble> {
        self.behind().trouble.take()
    }

    /// Applies all that is behind. When this succeeds, the index holds everything committed before the call.
    pub(crate) fn catch_up(&self) -> Result<(), Trouble> {
        let mut applied = self.applying();
        loop {
            let Some(record) = self.behind().records.pop_front() else { return Ok(()) };
            let Err(trouble) = apply::apply(&self.index, &self.segments, &mut applied, &record) else {
                self.behind().bytes -= record.body.len();
                continue;
            };
            let mut behind = self.behind();
            behind.trouble = Some(trouble.clone());
            // Sled may refuse rows that readers find in memory all the same.
            if applied.end == record.end() {
                behind.bytes -= record.body.len();
                continue;
            }
            behind.records.push_front(record);
            return Err(trouble);
        }
    }

    /// Makes the index anew from the journal, which ends at `end`; the caller lets nobody commit meanwhile.
    pub(crate) fn rebuild(&self, end: End) -> Result<(), Trouble> {
        let mut applied = self.applying();
        self.index.replace()?;
        let over = self.behind().over;
        *self.behind() = Behind { over, ..Behind::default() };
        *applied = fill(&self.index, &self.segments, end)?;
        Ok(self.index.forget_earlier()?)
    }

    fn follow(&self) {
        let mut behind = self.behind();
        while !behind.over {
            if behind.bytes < BEHIND_BYTES || behind.trouble.is_some() {
                behind = self.called.wait(behind).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            drop(behind);
            // The trouble is kept for the next commit.
            drop(self.catch_up());
            behind = self.behind();
        }
    }
}
