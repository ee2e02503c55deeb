//! The index: sled under rows that are not in it yet. Everything is read from here.
//!
//! Refuses to be the only copy of anything, and to be waited for: a commit is acknowledged by the journal, and its rows
//! are kept in memory until there are enough of them for one batch. A crash loses them and the next open replays.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::error::{Corruption, LogError};
use crate::journal::files::io_error;
use crate::store::quiet::{Failure, fenced};
use crate::store::rows::{APPLIED_KEY, Applied};

/// Rows are given to sled once they have this many bytes. Measured with commits of two entries, CPU an entry with the
/// sync: 375 us with a sled batch a commit, 235 us at 64 KiB, 205 us here, 210 us at 4 MiB.
const PENDING_BYTES_MAX: usize = 512 << 10;

/// The generation of an index that has no files. Those with files count from one.
const IN_MEMORY: u32 = 0;

/// What went wrong with the index. Never the end: the journal has everything.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The journal or the file system failed; making the index anew would not help.
    Log(LogError),
    /// The index failed or said something that cannot be; it is to be made anew.
    Index(String),
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl From<Corruption> for Trouble {
    fn from(error: Corruption) -> Self {
        Self::Log(error.into())
    }
}

/// How long sled may take to write what it holds when it is closed.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long sled's threads may take to let go of files after it was closed, and what it says until then: it has no kind
/// of error for it.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(2);
const LOCKED: &str = "could not acquire lock";

/// Key and value.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// Rows to be put, or with `None` removed.
pub(crate) type Rows = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

#[derive(Default)]
struct Pending {
    rows: Rows,
    bytes: usize,
}

/// Runs what sled may wait in for ever, when one of its writes failed: after a while it is left to itself.
fn in_time(operation: impl FnOnce() -> sled::Result<()> + Send + 'static) -> Result<(), String> {
    let (done, wait) = std::sync::mpsc::channel();
    let spawned = std::thread::Builder::new().name("sled-close".into()).spawn(move || {
        // Who waited may have gone.
        let _gone = done.send(fenced(operation));
    });
    spawned.map_err(|error| format!("no thread to wait in: {error}"))?;
    match wait.recv_timeout(CLOSE_TIMEOUT) {
        Ok(outcome) => outcome.map_err(|failure| failure.why),
        Err(_) => Err("it does not end; what it lacks is made again from the journal".into()),
    }
}

/// One sled directory. Dropping it closes sled, unless sled is broken: then it is left alone, since closing would
/// only panic or wait again.
struct Tree {
    db: Option<sled::Db>,
    broken: bool,
}

impl Drop for Tree {
    fn drop(&mut self) {
        let Some(db) = self.db.take() else { return };
        if self.broken {
            std::mem::forget(db);
        } else if let Err(why) = in_time(move || {
            drop(db);
            Ok(())
        }) {
            tracing::warn!("closing the index: {why}");
        }
    }
}

/// The index of an open store.
pub(crate) struct Index {
    root: PathBuf,
    cache_bytes: u64,
    tree: RwLock<(u32, Arc<Tree>)>,
    pending: RwLock<Pending>,
    /// Held while rows move into sled, and while a reader heals one: a healed row must neither be lost on the way nor
    /// bring back a row that was just removed.
    moving: Mutex<()>,
}

impl Index {
    /// Opens the newest generation below `root`, or begins the first.
    pub(crate) fn open(root: &Path, cache_bytes: u64) -> Result<Self, Trouble> {
        let newest = generations(root)?.into_iter().next_back().unwrap_or(1);
        let db = open_tree(Some(&root.join(newest.to_string())), cache_bytes)?;
        Ok(Self::holding(root, cache_bytes, newest, db))
    }

    /// Removes every generation, which may make the space it takes, and begins an empty one.
    pub(crate) fn begin_anew(root: &Path, cache_bytes: u64) -> Result<Self, Trouble> {
        let mut next = 1;
        for generation in generations(root)? {
            next = generation.saturating_add(1);
            remove_generation(root, generation)?;
        }
        let db = open_tree(Some(&root.join(next.to_string())), cache_bytes)?;
        Ok(Self::holding(root, cache_bytes, next, db))
    }

    /// Begins an empty index in memory (sled puts it below `/dev/shm` on Linux), for reading from a full disk.
    pub(crate) fn begin_in_memory(root: &Path, cache_bytes: u64) -> Result<Self, Trouble> {
        Ok(Self::holding(root, cache_bytes, IN_MEMORY, open_tree(None, cache_bytes)?))
    }

    fn holding(root: &Path, cache_bytes: u64, generation: u32, db: sled::Db) -> Self {
        Self {
            root: root.to_path_buf(),
            cache_bytes,
            tree: RwLock::new((generation, Arc::new(Tree { db: Some(db), broken: false }))),
            pending: RwLock::default(),
            moving: Mutex::default(),
        }
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        self.current() == IN_MEMORY
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The number of times this index has been made.
    pub(crate) fn current(&self) -> u32 {
        self.tree.read().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Replaces a broken index by an empty one; what is in it must be filled from the journal.
    pub(crate) fn replace(&self) -> Result<(), Trouble> {
        let (generation, path) = match self.current() {
            IN_MEMORY => (IN_MEMORY, None),
            current => {
                let next = current.saturating_add(1);
                (next, Some(self.root.join(next.to_string())))
            }
        };
        let db = open_tree(path.as_deref(), self.cache_bytes)?;
        let fresh = Arc::new(Tree { db: Some(db), broken: false });
        // In the order in which `range` takes the two.
        let mut pending = self.pending.write().unwrap_or_else(PoisonError::into_inner);
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        *pending = Pending::default();
        let (_, old) = std::mem::replace(&mut *tree, (generation, fresh));
        // A reader may still hold it; then it closes when the reader is done.
        if let Ok(mut old) = Arc::try_unwrap(old) {
            old.broken = true;
        }
        Ok(())
    }

    /// Removes the directories of earlier generations.
    pub(crate) fn forget_earlier(&self) -> Result<(), LogError> {
        let current = self.current();
        for generation in generations(&self.root)? {
            if generation < current {
                remove_generation(&self.root, generation)?;
            }
        }
        Ok(())
    }

    fn with_tree<T>(&self, operation: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, Trouble> {
        let tree = Arc::clone(&self.tree.read().unwrap_or_else(PoisonError::into_inner).1);
        let db = tree.db.as_ref().ok_or_else(|| Trouble::Index("the index is closed".into()))?;
        fenced(|| operation(db)).map_err(|failure| trouble(&self.root, failure))
    }

    /// Leaves sled as it is: nothing more is read from it or written to it, and it is not closed.
    pub(crate) fn abandon(&self) {
        let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut tree.1, Arc::new(Tree { db: None, broken: false }));
        // Somebody else may be reading still: then it is never dropped.
        match Arc::try_unwrap(old) {
            Ok(mut old) => old.broken = true,
            Err(shared) => std::mem::forget(shared),
        }
    }

    /// The value of a row.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Trouble> {
        if let Some(value) = self.pending.read().unwrap_or_else(PoisonError::into_inner).rows.get(key) {
            return Ok(value.clone());
        }
        self.with_tree(|db| Ok(db.get(key)?.map(|value| value.to_vec())))
    }

    /// Rows within the bounds, ascending or (`back`) descending, at most `limit`.
    pub(crate) fn range(
        &self,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        back: bool,
        limit: usize,
    ) -> Result<Vec<Row>, Trouble> {
        // Held to the end: rows must not move into sled between the two looks.
        let pending = self.pending.read().unwrap_or_else(PoisonError::into_inner);
        let newer = pending.rows.range::<[u8], _>((from, to));
        let mut newer: Box<dyn Iterator<Item = _>> =
            if back { Box::new(newer.rev()) } else { Box::new(newer) };
        self.with_tree(|db| {
            let older = db.range::<&[u8], _>((from, to));
            let mut older: Box<dyn Iterator<Item = _>> =
                if back { Box::new(older.rev()) } else { Box::new(older) };
            let mut found = Vec::new();
            let (mut left, mut right) = (newer.next(), older.next().transpose()?);
            while found.len() < limit {
                let order = match (&left, &right) {
                    (None, None) => break,
                    (Some(_), None) => std::cmp::Ordering::Less,
                    (None, Some(_)) => std::cmp::Ordering::Greater,
                    (Some((key, _)), Some((other, _))) if back => other.as_ref().cmp(key.as_slice()),
                    (Some((key, _)), Some((other, _))) => key.as_slice().cmp(other.as_ref()),
                };
                if order.is_le() {
                    if let Some((key, Some(value))) = left {
                        found.push((key.clone(), value.clone()));
                    }
                    left = newer.next();
                } else if let Some((key, value)) = &right {
                    found.push((key.to_vec(), value.to_vec()));
                }
                if order.is_ge() {
                    right = older.next().transpose()?;
                }
            }
            Ok(found)
        })
    }

    /// Rows whose key begins with `prefix` and is above `after`, at most `limit`.
    pub(crate) fn prefixed(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<Row>, Trouble> {
        let end = prefix_end(prefix);
        let to = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        self.range(after.map_or(Bound::Included(prefix), Bound::Excluded), to, false, limit)
    }

    /// Puts rows where readers see them; sled gets them later.
    pub(crate) fn put(&self, rows: Rows) {
        let mut pending = self.pending.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in rows {
            pending.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
            pending.rows.insert(key, value);
        }
    }

    /// Puts a row in the place of a bad one, unless that has changed meanwhile.
    pub(crate) fn heal(&self, key: &[u8], bad: &[u8], good: Vec<u8>) -> Result<(), Trouble> {
        let _moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        if self.get(key)?.as_deref() == Some(bad) {
            self.put(Rows::from([(key.to_vec(), Some(good))]));
        }
        Ok(())
    }

    /// Gives sled the pending rows if they are many. Called between records only, so that sled always holds whole ones.
    pub(crate) fn settle_if_full(&self) -> Result<(), Trouble> {
        let full = self.pending.read().unwrap_or_else(PoisonError::into_inner).bytes >= PENDING_BYTES_MAX;
        if full { self.settle() } else { Ok(()) }
    }

    /// Gives sled the pending rows. Only the writer calls this, so no row changes meanwhile.
    pub(crate) fn settle(&self) -> Result<(), Trouble> {
        let _moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        let mut batch = sled::Batch::default();
        {
            let pending = self.pending.read().unwrap_or_else(PoisonError::into_inner);
            for (key, value) in &pending.rows {
                match value {
                    Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                    None => batch.remove(key.as_slice()),
                }
            }
        }
        self.with_tree(|db| db.apply_batch(batch))?;
        *self.pending.write().unwrap_or_else(PoisonError::into_inner) = Pending::default();
        Ok(())
    }

    /// How far the index follows the journal; none in an index that holds nothing.
    pub(crate) fn applied(&self) -> Result<Option<Applied>, Trouble> {
        match self.get(APPLIED_KEY)? {
            Some(value) => Applied::from_value(&value).map(Some).ok_or_else(|| {
                Trouble::Index("the row that says how far the journal is applied is damaged".into())
            }),
            None if self.with_tree(|db| Ok(db.is_empty()))? => Ok(None),
            None => Err(Trouble::Index("the row that says how far the journal is applied is missing".into())),
        }
    }

    /// Settles, closes sled and makes its files durable.
    pub(crate) fn close(&self) -> Result<(), Trouble> {
        if self.is_in_memory() {
            return Ok(());
        }
        self.settle()?;
        let db = self.with_tree(|db| Ok(db.clone()))?;
        in_time(move || db.flush().map(drop)).map_err(Trouble::Index)?;
        let (generation, closed) = {
            let mut tree = self.tree.write().unwrap_or_else(PoisonError::into_inner);
            let generation = tree.0;
            (generation, std::mem::replace(&mut tree.1, Arc::new(Tree { db: None, broken: false })))
        };
        drop(closed);
        Ok(sync_files(&self.root.join(generation.to_string()))?)
    }
}

/// The end of the keys that begin with `prefix`: the least key above them all.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte += 1;
    }
    Some(end)
}

fn open_tree(path: Option<&Path>, cache_bytes: u64) -> Result<sled::Db, Trouble> {
    // Measured in `storage.md`: compression costs 2.3 times the CPU, the other knobs make no difference.
    let config = sled::Config::new()
        .mode(sled::Mode::HighThroughput)
        .flush_every_ms(Some(500))
        .cache_capacity(cache_bytes)
        .use_compression(false);
    let config = match path {
        None => config.temporary(true),
        Some(path) => {
            fs::create_dir_all(path).map_err(|error| io_error("create", path, error))?;
            config.path(path)
        }
    };
    let began = Instant::now();
    loop {
        match fenced(|| config.open()) {
            // Nobody but us may open it, since the store's lock is ours: so it is what we closed a moment ago.
            Err(failure) if failure.why.contains(LOCKED) && began.elapsed() < RELEASE_TIMEOUT => {
                std::thread::sleep(Duration::from_millis(1));
            }
            opened => {
                return opened.map_err(|failure| trouble(path.unwrap_or(Path::new("memory")), failure));
            }
        }
    }
}

/// A full disk is no reason to make the index anew.
fn trouble(path: &Path, Failure { why, io }: Failure) -> Trouble {
    match io {
        Some(error) if is_full(&error) => Trouble::Log(io_error("write", path, error)),
        _ => Trouble::Index(why),
    }
}

/// Whether the file system has no room.
pub(crate) fn is_full(error: &std::io::Error) -> bool {
    [ErrorKind::StorageFull, ErrorKind::QuotaExceeded].contains(&error.kind())
}

fn remove_generation(root: &Path, generation: u32) -> Result<(), LogError> {
    let path = root.join(generation.to_string());
    fs::remove_dir_all(&path).map_err(|error| io_error("remove", &path, error))
}

fn generations(root: &Path) -> Result<Vec<u32>, LogError> {
    let failed = |error| io_error("list", root, error);
    let mut found = Vec::new();
    for item in fs::read_dir(root).map_err(failed)? {
        found.extend(item.map_err(failed)?.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

/// Makes every file below a directory durable: sled's own flush does not (it asks for `sync_file_range`).
fn sync_files(dir: &Path) -> Result<(), LogError> {
    let failed = |error| io_error("sync", dir, error);
    for item in fs::read_dir(dir).map_err(failed)? {
        let path = item.map_err(failed)?.path();
        if path.is_dir() {
            sync_files(&path)?;
        } else {
            fs::File::open(&path)
                .and_then(|file| file.sync_all())
                .map_err(|error| io_error("sync", &path, error))?;
        }
    }
    fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)
}

/// Bytes of all files below a directory.
pub(crate) fn files_bytes(dir: &Path) -> Result<u64, LogError> {
    let failed = |error| io_error("list", dir, error);
    let mut bytes = 0;
    for item in fs::read_dir(dir).map_err(failed)? {
        let path = item.map_err(failed)?.path();
        // sled renames and removes files of its own while this looks.
        let Ok(meta) = fs::metadata(&path) else { continue };
        bytes += if meta.is_dir() { files_bytes(&path)? } else { meta.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_index(dir: &Path) -> Index {
        Index::begin_anew(dir, 1 << 20).unwrap()
    }

    fn row(key: u8, value: Option<u8>) -> Rows {
        Rows::from([(vec![key], value.map(|value| vec![value]))])
    }

    #[test]
    fn rows_in_memory_and_in_sled_are_read_as_one_either_way() {
        let dir = tempfile::tempdir().unwrap();
        let index = new_index(dir.path());
        [1, 3, 5, 7].into_iter().for_each(|key| index.put(row(key, Some(key))));
        index.settle().unwrap();
        [2, 5, 6].into_iter().for_each(|key| index.put(row(key, Some(key + 10))));
        index.put(row(3, None));
        let read = |back, limit| {
            let rows = index.range(Bound::Unbounded, Bound::Unbounded, back, limit).unwrap();
            rows.into_iter().map(|(key, value)| (key[0], value[0])).collect::<Vec<_>>()
        };
        let mut all = [(1, 1), (2, 12), (5, 15), (6, 16), (7, 7)];
        assert_eq!((read(false, 9), read(false, 3)), (all.to_vec(), all[..3].to_vec()));
        all.reverse();
        assert_eq!((read(true, 9), read(true, 3)), (all.to_vec(), all[..3].to_vec()));
    }

    #[test]
    fn rows_go_to_sled_once_keys_and_values_are_many_bytes() {
        let dir = tempfile::tempdir().unwrap();
        for (key, value, kept) in [
            (100, Some(PENDING_BYTES_MAX - 101), true),
            (100, Some(PENDING_BYTES_MAX - 100), false),
            (PENDING_BYTES_MAX - 1, None, true),
        ] {
            let index = new_index(dir.path());
            index.put(Rows::from([(vec![1; key], value.map(|bytes| vec![2; bytes]))]));
            index.settle_if_full().unwrap();
            assert_eq!(!index.pending.read().unwrap().rows.is_empty(), kept, "{key} {value:?}");
        }
        let index = new_index(dir.path());
        for _ in 0..PENDING_BYTES_MAX / 1_000 {
            index.put(Rows::from([(vec![1; 200], Some(vec![2; 800]))]));
            index.settle_if_full().unwrap();
        }
        assert!(!index.pending.read().unwrap().rows.is_empty());
        index.put(Rows::from([(vec![1; 200], Some(vec![2; 800]))]));
        index.settle_if_full().unwrap();
        assert!(index.pending.read().unwrap().rows.is_empty());
    }

    #[test]
    fn rows_without_the_one_that_says_how_far_they_go_are_not_an_empty_index() {
        let dir = tempfile::tempdir().unwrap();
        let index = new_index(dir.path());
        assert_eq!(index.applied().unwrap(), None);
        index.put(row(b'e', Some(1)));
        index.settle().unwrap();
        assert!(matches!(index.applied(), Err(Trouble::Index(_))));
    }

    #[test]
    fn an_index_says_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!new_index(dir.path()).is_in_memory());
        assert!(Index::begin_in_memory(dir.path(), 1 << 20).unwrap().is_in_memory());
    }

    /// Sled would panic or wait again if it were closed: it holds its lock as long as the process lives.
    #[test]
    fn an_index_that_is_abandoned_is_read_no_more_and_not_closed() {
        let dir = tempfile::tempdir().unwrap();
        let index = new_index(dir.path());
        index.put(row(1, Some(1)));
        index.settle().unwrap();
        index.abandon();
        assert!(matches!(index.get(&[1]), Err(Trouble::Index(_))));
        drop(index);
        assert!(matches!(Index::open(dir.path(), 1 << 20), Err(Trouble::Index(_))), "it was closed");
    }

    #[test]
    fn what_sled_says_in_time_is_told() {
        let failed = in_time(|| Err(sled::Error::Unsupported("this".into())));
        assert!(failed.unwrap_err().contains("this"));
        in_time(|| Ok(())).unwrap();
    }

    /// Making an index anew takes more room: a full disk is the caller's to handle.
    #[test]
    fn a_full_disk_is_no_trouble_of_the_index() {
        let kinds = [
            (ErrorKind::StorageFull, true),
            (ErrorKind::QuotaExceeded, true),
            (ErrorKind::UnexpectedEof, false),
        ];
        for (kind, full) in kinds {
            let said = trouble(Path::new("x"), Failure { why: "why".into(), io: Some(kind.into()) });
            assert_eq!(matches!(said, Trouble::Log(LogError::Io { action: "write", .. })), full, "{kind:?}");
        }
        let panicked = trouble(Path::new("x"), Failure { why: "why".into(), io: None });
        assert!(matches!(panicked, Trouble::Index(why) if why == "why"));
    }

    #[test]
    fn files_are_synced_and_counted_below_their_folders_too() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        for (name, bytes) in [("x", 3), ("a/y", 4), ("a/b/z", 5)] {
            fs::write(dir.path().join(name), vec![0; bytes]).unwrap();
        }
        assert_eq!(files_bytes(dir.path()).unwrap(), 12);
        sync_files(dir.path()).unwrap();
        // It opens, and cannot be synced.
        std::os::unix::fs::symlink("/dev/null", dir.path().join("a/b/n")).unwrap();
        assert!(matches!(sync_files(dir.path()), Err(LogError::Io { action: "sync", .. })));
    }
}
