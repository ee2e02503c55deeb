//! The store: a journal that commits and an index that is read, in one directory with one owner.
//!
//! Refuses to acknowledge before the journal is synced, to go on after a write failed, and to answer from an index that
//! contradicts itself: then it reads the journal, and makes the index anew.

mod apply;
mod backup;
mod boot;
mod commit;
mod erase;
mod error;
mod following;
pub(crate) mod home;
mod index;
mod open;
mod quiet;
mod read;
mod rows;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delm_core::entry::{Head, Sealed};
use delm_core::ids::{Digest, Seq};

use crate::error::{AppendError, HideError, LogError, RedactError};
use crate::journal::Journal;
use crate::journal::files::Segments;
use crate::journal::layout::End;
use crate::journal::scan::Scan;
use crate::log::{Append, BlobInfo, Found, Log, RunInfo, Term};
use following::{Follower, Following};
use home::Home;
use index::{Index, Trouble};
use rows::Applied;

pub use backup::BackupReport;
pub use error::{OpenError, Owner};
pub use home::{STORE_FORMAT, Wait};
pub use open::{OpenOptions, OpenReport};
pub use verify::{Scope, VerifyReport};

/// An open store. It is closed when dropped; [`Store::close`] says whether that went well.
pub struct Store {
    home: Home,
    segments: Segments,
    following: Arc<Following>,
    writer: Mutex<Writer>,
    /// Held by those who take bytes away and by those who read the whole journal; taken before the writer.
    erasing: Mutex<()>,
    health: Counters,
    /// Locked as long as the store is open.
    _lock: File,
}

/// What only one caller at a time may touch.
pub(crate) struct Writer {
    journal: Journal,
    seats: BTreeMap<Digest, Seat>,
    /// Until the store is closed.
    follower: Option<Follower>,
    /// A run of more blobs than this is asked in the index for each.
    known_max: usize,
}

/// A run that somebody acquired.
struct Seat {
    term: Term,
    head: Option<Head>,
    /// All its blobs; none if they are too many to keep.
    known: Option<BTreeSet<Digest>>,
}

#[derive(Default)]
pub(crate) struct Counters {
    entries_healed: AtomicU64,
    index_rebuilds: AtomicU64,
}

/// What the store had to put right since it was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Entries whose bytes in the index were wrong, and were read from the journal instead and put back.
    pub entries_healed: u64,
    /// Times the index failed or contradicted itself, and was made anew from the journal.
    pub index_rebuilds: u64,
}

/// What the store takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Segment files.
    pub segments: u32,
    /// Bytes of all of them.
    pub journal_bytes: u64,
    /// Bytes of the index's files.
    pub index_bytes: u64,
    /// Entries of the runs there are.
    pub entries: u64,
    /// Blobs of the runs there are, redacted ones too.
    pub blobs: u64,
}

impl Store {
    fn writer(&self) -> MutexGuard<'_, Writer> {
        // Whatever a panic left half done ends at the journal's poison or is made anew with the index.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn no_erasing(&self) -> MutexGuard<'_, ()> {
        self.erasing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What had to be put right so far.
    #[must_use]
    pub fn health(&self) -> Health {
        Health {
            entries_healed: self.health.entries_healed.load(Ordering::Relaxed),
            index_rebuilds: self.health.index_rebuilds.load(Ordering::Relaxed),
        }
    }

    /// Runs a read; on trouble once more while nothing is written, and at last on an index made anew.
    fn reading<T>(&self, read: impl Fn(&Index) -> Result<T, Trouble>) -> Result<T, LogError> {
        match self.caught_up(&read) {
            Ok(value) => Ok(value),
            // A redaction, a removal or another reader's rebuild may have been under way: wait for it, look again.
            Err(_) => self.locked(&mut self.writer(), read),
        }
    }

    /// Reads what was committed, all of it.
    fn caught_up<T>(&self, read: impl Fn(&Index) -> Result<T, Trouble>) -> Result<T, Trouble> {
        self.following.catch_up()?;
        read(&self.following.index)
    }

    /// As [`Store::reading`], for those who hold the writer.
    fn locked<T>(
        &self,
        writer: &mut Writer,
        read: impl Fn(&Index) -> Result<T, Trouble>,
    ) -> Result<T, LogError> {
        let why = match self.caught_up(&read) {
            Ok(value) => return Ok(value),
            Err(Trouble::Log(error)) => return Err(error),
            Err(Trouble::Index(why)) => why,
        };
        tracing::warn!("making the index anew: {why}");
        self.rebuild(writer)?;
        self.caught_up(&read).map_err(|trouble| self.index_error(trouble))
    }

    fn index_error(&self, trouble: Trouble) -> LogError {
        match trouble {
            Trouble::Log(error) => error,
            Trouble::Index(why) => LogError::Index { path: self.following.index.root().to_path_buf(), why },
        }
    }

    /// Makes the index anew from the journal. That it was wrong is the caller's to say.
    fn rebuild(&self, writer: &mut Writer) -> Result<(), LogError> {
        self.health.index_rebuilds.fetch_add(1, Ordering::Relaxed);
        let rebuilt = self.following.rebuild(writer.journal.end());
        rebuilt.map_err(|trouble| self.index_error(trouble))
    }

    /// Cheap numbers: file sizes and totals, no scan of what is there.
    ///
    /// # Errors
    /// [`LogError`] when the files cannot be looked at.
    pub fn usage(&self) -> Result<Usage, LogError> {
        let mut writer = self.writer();
        let last = writer.journal.end().place.segment;
        let mut journal_bytes = 0;
        for segment in 1..=last {
            journal_bytes += self.segments.len(segment)?;
        }
        let applied = self.locked(&mut writer, Index::applied)?;
        let Applied { entries, blobs, .. } = applied.unwrap_or(Applied::NONE);
        let index_bytes = index::files_bytes(self.following.index.root())?;
        Ok(Usage { segments: last, journal_bytes, index_bytes, entries, blobs })
    }

    /// Gives pending rows to the index, syncs all, and lets the store go.
    ///
    /// # Errors
    /// [`LogError`] when the anchor or the index could not be synced; nothing acknowledged is lost by that.
    pub fn close(self) -> Result<(), LogError> {
        let mut writer = self.writer();
        self.shut(&mut writer)
    }

    fn shut(&self, writer: &mut Writer) -> Result<(), LogError> {
        let Some(follower) = writer.follower.take() else { return Ok(()) };
        self.following.stop(follower);
        let anchored = writer.journal.close();
        let index = &self.following.index;
        if anchored.is_err() {
            // Its disk fails: sled would only fail too, and has been seen to wait for ever then. What sled wrote to such
            // a disk may be lost though this machine lives on, so the next owner must not trust it.
            index.abandon();
            if let Err(error) = boot::mark_unsure(&open::boot_mark(&self.home)) {
                tracing::debug!("the index could not be marked: {error}");
            }
            self.home.forget_owner();
            return anchored;
        }
        let caught_up = self.locked(writer, |_| Ok(()));
        let closed = caught_up.and_then(|()| index.close().map_err(|trouble| self.index_error(trouble)));
        let marked = closed.and_then(|()| {
            // An index in memory says nothing about the one on disk.
            if index.is_in_memory() { Ok(()) } else { boot::mark_clean(&open::boot_mark(&self.home)) }
        });
        self.home.forget_owner();
        marked
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let mut writer = self.writer();
        if let Err(error) = self.shut(&mut writer) {
            tracing::warn!("closing the store: {error}");
        }
    }
}

/// Applies the whole journal up to `end` to an empty index.
fn fill(index: &Index, segments: &Segments, end: End) -> Result<Applied, Trouble> {
    let mut applied = Applied::NONE;
    let mut scan = Scan::from_segment(segments, 1, end.place.segment)?;
    while scan.at().place < end.place {
        let Some(record) = scan.next()? else { break };
        apply::apply(index, segments, &mut applied, &record)?;
    }
    if (applied.end.count, applied.end.hash) != (end.count, end.hash) {
        let what = format!("the journal ends at {}, and should at {}", applied.end.place, end.place);
        return Err(segments.corrupt(applied.end.place, what).into());
    }
    index.settle()?;
    Ok(applied)
}

impl Log for Store {
    fn acquire(&self, run: &Digest) -> Result<Term, LogError> {
        self.take_seat(run)
    }

    fn commit(&self, batch: Vec<Append>) -> Vec<Result<Head, AppendError>> {
        self.commit_batch(&batch)
    }

    fn run(&self, run: &Digest) -> Result<Option<RunInfo>, LogError> {
        self.reading(|index| read::run(index, run))
    }

    fn runs(&self, after: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        self.reading(|index| read::runs(index, after, limit))
    }

    fn runs_back(&self, before: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        self.reading(|index| read::runs_back(index, before, limit))
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        self.reading(|index| read::find(index, prefix, limit))
    }

    fn entries(&self, run: &Digest, from: Seq, limit: usize) -> Result<Vec<Sealed>, LogError> {
        self.reading(|index| read::entries(index, &self.segments, &self.health, run, from, limit))
    }

    fn blob(&self, run: &Digest, hash: &Digest) -> Result<Found, LogError> {
        self.reading(|index| read::blob(index, &self.segments, run, hash))
    }

    fn blobs(&self, run: &Digest, after: Option<&Digest>, limit: usize) -> Result<Vec<BlobInfo>, LogError> {
        self.reading(|index| read::blobs(index, run, after, limit))
    }

    fn redact(&self, run: &Digest, hash: &Digest) -> Result<(), RedactError> {
        self.redact_blob(run, hash)
    }

    fn hide(&self, run: &Digest) -> Result<(), HideError> {
        self.hide_run(run)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! What unit tests of the journal need of a store.

    use super::home::Home;
    use std::path::Path;

    /// An empty store's directory.
    pub(crate) fn new_home(dir: &Path) -> Home {
        let home = Home::new(dir);
        home.create().unwrap();
        home
    }
}

#[cfg(test)]
mod tests {
    use super::boot::{self, LastOwner};
    use super::*;
    use crate::kit::{self, small};

    #[test]
    fn what_sled_left_on_a_disk_that_fails_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let options = OpenOptions { cache_bytes: 1 << 20, ..OpenOptions::default() };
        let (store, _) = Store::open(&path, &options).unwrap();
        let mark = open::boot_mark(&store.home);
        assert_eq!(boot::last_owner(&mark), LastOwner::Killed);
        store.writer().journal.fail_anchor().unwrap();
        assert!(store.close().is_err());
        assert_eq!(boot::last_owner(&mark), LastOwner::Unknown);
        let (store, _) = Store::open(&path, &options).unwrap();
        store.close().unwrap();
        assert_eq!(boot::last_owner(&mark), LastOwner::Closed);
    }

    /// What lies behind the journal's end was never acknowledged: a write that failed, or one that is under way.
    #[test]
    fn what_lies_behind_the_end_is_no_part_of_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = kit::Writer::begin(&store, 1);
        one.add_batch(&store, 3);
        let segment = store.segments.path(1);
        let mut bytes = std::fs::read(&segment).unwrap();
        bytes.extend([7; 200]);
        std::fs::write(&segment, &bytes).unwrap();
        let verified = store.verify(Scope::All).unwrap();
        assert!(verified.is_whole() && verified.index_healed.is_none(), "{verified:?}");
        assert_eq!((verified.records, verified.journal_bytes), (1, bytes.len() as u64 - 96 - 200));
        store.rebuild(&mut store.writer()).unwrap();
        one.assert_in(&store);
    }

    /// An index made of other records than those that were committed is not given out.
    #[test]
    fn an_index_is_not_made_of_another_journal() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        kit::Writer::begin(&store, 1).add_batch(&store, 3);
        let end = store.writer().journal.end();
        store.following.index.replace().unwrap();
        let others =
            [End { hash: Digest::of_blob(b"another record"), ..end }, End { count: end.count + 1, ..end }];
        for other in others {
            let refused = fill(&store.following.index, &store.segments, other);
            assert!(matches!(refused, Err(Trouble::Log(LogError::Corrupt(_)))));
        }
        store.following.index.replace().unwrap();
        assert_eq!(fill(&store.following.index, &store.segments, end).unwrap().entries, 3);
    }

    #[test]
    fn usage_counts_every_segment() {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { segment_bytes: 500, ..small() };
        let (store, _) = Store::open(&dir.path().join("store"), &options).unwrap();
        let mut one = kit::Writer::begin(&store, 1);
        for _ in 0..9 {
            one.add(&store, &["text"]);
        }
        let usage = store.usage().unwrap();
        assert!(usage.segments > 2);
        let bytes = (1..=usage.segments).map(|segment| store.segments.len(segment).unwrap()).sum::<u64>();
        assert_eq!(usage.journal_bytes, bytes);
        assert!(usage.index_bytes > 96);
    }

    /// Nothing of a store is left at work once it is closed.
    #[test]
    fn the_thread_ends_with_the_store() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let following = Arc::clone(&store.following);
        store.close().unwrap();
        assert_eq!(Arc::strong_count(&following), 1);
    }
}
