//! The files of a journal: segments by number, opened once and read at offsets, and their names.
//!
//! Refuses to interpret what it reads, and never truncates: `recover` alone cuts, once it knows what is torn.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::{Corruption, LogError, Place};

/// Open segments kept at a time; a reader of old runs must not exhaust the process's descriptors.
const OPEN_FILES_MAX: usize = 32;
/// Zeroes are written in pieces of this many bytes.
const ZERO_CHUNK_BYTES: usize = 64 << 10;

/// An I/O error with what was tried and on which file.
pub(crate) fn io_error(action: &'static str, path: &Path, source: std::io::Error) -> LogError {
    LogError::Io { action, path: path.to_path_buf(), source: Arc::new(source) }
}

/// Makes names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), LogError> {
    File::open(dir).and_then(|file| file.sync_all()).map_err(|error| io_error("sync", dir, error))
}

/// The segments of one journal. Clones share the open files.
#[derive(Clone, Debug)]
pub(crate) struct Segments {
    dir: Arc<PathBuf>,
    open: Arc<Mutex<BTreeMap<u32, Arc<File>>>>,
}

impl Segments {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { dir: Arc::new(dir.to_path_buf()), open: Arc::default() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn path(&self, segment: u32) -> PathBuf {
        self.dir.join(format!("{segment:08}.seg"))
    }

    /// The numbers of the segments there are, ascending. Other files are left alone.
    pub(crate) fn list(&self) -> Result<Vec<u32>, LogError> {
        let failed = |error| io_error("list", &self.dir, error);
        let mut numbers = Vec::new();
        let items = match fs::read_dir(&*self.dir) {
            // A directory that is gone holds no segment; what the anchor names is missed then, as damage.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(numbers),
            items => items.map_err(failed)?,
        };
        for item in items {
            let name = item.map_err(failed)?.file_name();
            let number =
                name.to_str().and_then(|name| name.strip_suffix(".seg")).filter(|stem| stem.len() == 8);
            numbers.extend(number.and_then(|stem| stem.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// A segment, open for reading.
    pub(crate) fn file(&self, segment: u32) -> Result<Arc<File>, LogError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(&segment) {
            return Ok(Arc::clone(file));
        }
        let path = self.path(segment);
        let file = Arc::new(File::open(&path).map_err(|error| io_error("open", &path, error))?);
        if open.len() >= OPEN_FILES_MAX {
            open.pop_first();
        }
        open.insert(segment, Arc::clone(&file));
        Ok(file)
    }

    pub(crate) fn len(&self, segment: u32) -> Result<u64, LogError> {
        let path = self.path(segment);
        fs::metadata(&path).map(|meta| meta.len()).map_err(|error| io_error("stat", &path, error))
    }

    /// Exactly `len` bytes at a place; memory is reserved only for bytes that are there.
    pub(crate) fn read(&self, place: Place, len: u64) -> Result<Vec<u8>, LogError> {
        let there = self.len(place.segment)?.saturating_sub(place.offset);
        let Some(wanted) = usize::try_from(len).ok().filter(|_| len <= there) else {
            return Err(self
                .corrupt(place, format!("{len} bytes should be here, the file has {there}"))
                .into());
        };
        let mut bytes = vec![0; wanted];
        let file = self.file(place.segment)?;
        file.read_exact_at(&mut bytes, place.offset)
            .map_err(|error| io_error("read", &self.path(place.segment), error))?;
        Ok(bytes)
    }

    /// Overwrites bytes with zeroes; [`Segments::sync`] makes that durable.
    pub(crate) fn zero(&self, place: Place, len: u64) -> Result<(), LogError> {
        let path = self.path(place.segment);
        let there = self.len(place.segment)?;
        let end = place.offset.saturating_add(len);
        if end > there {
            return Err(self
                .corrupt(place, format!("{len} bytes should be here, the file ends at {there}"))
                .into());
        }
        let failed = |error| io_error("write", &path, error);
        let file = OpenOptions::new().write(true).open(&path).map_err(failed)?;
        let zeroes = vec![0; ZERO_CHUNK_BYTES];
        let mut offset = place.offset;
        while offset < end {
            let left = usize::try_from(end - offset).unwrap_or(ZERO_CHUNK_BYTES);
            let chunk = zeroes.get(..left).unwrap_or(&zeroes);
            file.write_all_at(chunk, offset).map_err(failed)?;
            offset += chunk.len() as u64;
        }
        Ok(())
    }

    /// Makes what was written to a segment durable.
    pub(crate) fn sync(&self, segment: u32) -> Result<(), LogError> {
        let path = self.path(segment);
        let file =
            OpenOptions::new().write(true).open(&path).map_err(|error| io_error("open", &path, error))?;
        file.sync_data().map_err(|error| io_error("sync", &path, error))
    }

    pub(crate) fn corrupt(&self, place: Place, what: impl Into<String>) -> Corruption {
        Corruption { path: self.path(place.segment), place: Some(place), what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal whose first segments hold these bytes each.
    fn segments_of(dir: &Path, count: u32, bytes: &[u8]) -> Segments {
        let segments = Segments::new(dir);
        (1..=count).for_each(|segment| fs::write(segments.path(segment), bytes).unwrap());
        segments
    }

    /// Where files and directories open, and cannot be synced: who leaves the sync out does not notice.
    #[test]
    fn a_sync_that_fails_is_told() {
        let unsynced = |outcome| matches!(outcome, Err(LogError::Io { action: "sync", .. }));
        assert!(unsynced(sync_dir(Path::new("/proc/self"))));
        let dir = tempfile::tempdir().unwrap();
        let segments = Segments::new(dir.path());
        std::os::unix::fs::symlink("/dev/null", segments.path(1)).unwrap();
        assert!(unsynced(segments.sync(1)));
    }

    #[test]
    fn a_directory_that_cannot_be_listed_is_not_empty() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(matches!(Segments::new(&file).list(), Err(LogError::Io { action: "list", .. })));
        assert_eq!(Segments::new(&dir.path().join("gone")).list().unwrap(), [0; 0]);
    }

    #[test]
    fn a_bounded_number_of_segments_stays_open() {
        let dir = tempfile::tempdir().unwrap();
        let segments = segments_of(dir.path(), 40, b"x");
        let open = || segments.open.lock().unwrap().len();
        for segment in 1..=40 {
            let file = segments.file(segment).unwrap();
            assert!(Arc::ptr_eq(&file, &segments.file(segment).unwrap()), "opened once");
            assert_eq!(open(), OPEN_FILES_MAX.min(usize::try_from(segment).unwrap()));
        }
    }

    /// Exactly the bytes that were named, up to the last one there is, and none if one is not there.
    #[test]
    fn zeroes_go_where_they_should_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let whole = vec![7; 2 * ZERO_CHUNK_BYTES + 100];
        let there = whole.len() as u64;
        for (offset, len) in [(0, 3), (1, 2), (5, 0), (90, ZERO_CHUNK_BYTES as u64 + 9), (10, there - 10)] {
            let segments = segments_of(dir.path(), 1, &whole);
            segments.zero(Place { segment: 1, offset }, len).unwrap();
            let mut expected = whole.clone();
            let range = usize::try_from(offset).unwrap()..usize::try_from(offset + len).unwrap();
            expected[range].fill(0);
            assert!(fs::read(segments.path(1)).unwrap() == expected, "{offset} {len}");
        }
        for (offset, len) in [(10, there - 9), (there + 1, 0), (u64::MAX, 2)] {
            let segments = segments_of(dir.path(), 1, &whole);
            let refused = segments.zero(Place { segment: 1, offset }, len);
            assert!(matches!(refused, Err(LogError::Corrupt(_))), "{offset} {len}");
            assert!(fs::read(segments.path(1)).unwrap() == whole, "nothing is written");
        }
    }
}
