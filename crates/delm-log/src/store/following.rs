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

impl Behind {
    /// Whether the thread has something to do. An index in trouble is made anew by others.
    fn is_work(&self) -> bool {
        self.bytes >= BEHIND_BYTES && self.trouble.is_none()
    }
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
        {
            let mut behind = self.behind();
            behind.records.clear();
            behind.bytes = 0;
            behind.trouble = None;
        }
        *applied = fill(&self.index, &self.segments, end)?;
        Ok(self.index.forget_earlier()?)
    }

    fn follow(&self) {
        let mut behind = self.behind();
        while !behind.over {
            if !behind.is_work() {
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

#[cfg(test)]
impl Following {
    /// How many records and bytes of them are behind.
    pub(crate) fn lacks(&self) -> (usize, usize) {
        let behind = self.behind();
        (behind.records.len(), behind.bytes)
    }

    /// As if a record could not be applied.
    pub(crate) fn fail(&self, why: &str) {
        self.behind().trouble = Some(Trouble::Index(why.into()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::kit::{self, Writer};
    use crate::store::index::Rows;

    #[test]
    fn there_is_work_when_much_is_behind_and_the_index_is_in_no_trouble() {
        for (bytes, trouble, work) in [
            (BEHIND_BYTES - 1, false, false),
            (BEHIND_BYTES, false, true),
            (BEHIND_BYTES + 1, false, true),
            (BEHIND_BYTES, true, false),
            (0, true, false),
        ] {
            let trouble = trouble.then(|| Trouble::Index("no".into()));
            assert_eq!(Behind { bytes, trouble, ..Behind::default() }.is_work(), work, "{bytes}");
        }
    }

    /// Nobody reads and nothing is closed: the thread alone brings the index up, again and again.
    #[test]
    fn the_thread_applies_what_is_much() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = Writer::begin(&store, 1);
        for _ in 0..3 {
            one.add_batch(&store, 900);
            // Far more than it takes; only a thread that never comes makes it last.
            let limit = Instant::now() + Duration::from_secs(60);
            while store.following.lacks() != (0, 0) {
                assert!(Instant::now() < limit, "nobody applies {:?}", store.following.lacks());
                thread::yield_now();
            }
        }
        one.assert_in(&store);
    }

    /// Memory is bounded even if the thread does not come: then a commit applies the records itself.
    #[test]
    fn a_commit_applies_what_is_too_much_itself() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = Writer::begin(&store, 1);
        one.add(&store, &[]);
        let follower = store.writer().follower.take().unwrap();
        store.following.stop(follower);
        store.following.behind().bytes += BEHIND_BYTES_MAX - 1_000;
        one.add(&store, &[]);
        assert_eq!(store.following.lacks().0, 2);
        one.add_batch(&store, 10);
        assert_eq!(store.following.lacks().0, 0);
    }

    /// Sled may refuse rows that are in memory: they are applied, and the trouble is told to the next commit.
    #[test]
    fn a_record_whose_rows_sled_refuses_is_applied_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let following = &store.following;
        let mut one = Writer::begin(&store, 1);
        one.add(&store, &[]);
        following.catch_up().unwrap();
        following.index.abandon();
        following.index.put(Rows::from([(b"x".to_vec(), Some(vec![0; 600 << 10]))]));
        one.add(&store, &[]);
        following.catch_up().unwrap();
        assert_eq!(following.lacks(), (0, 0));
        assert!(following.take_trouble().is_some());
        // Of another run nothing is in memory, so its record cannot be applied: it stays where it is.
        let mut two = Writer::begin(&store, 2);
        following.index.abandon();
        store.writer().seats.get_mut(&two.run).unwrap().term = two.term;
        two.add(&store, &[]);
        let lacks = following.lacks();
        assert_eq!(lacks.0, 1);
        assert!(following.catch_up().is_err());
        assert_eq!(following.lacks(), lacks);
        two.assert_in(&store);
        one.assert_in(&store);
        assert_eq!(following.lacks(), (0, 0));
    }
}
