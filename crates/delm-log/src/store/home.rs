//! The directory of a store: its format file, its lock and owner, what else lies in it, and who may look.
//!
//! Refuses a second owner, a newer format, and a directory that holds other things.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::error::LogError;
use crate::journal::anchor::Anchor;
use crate::journal::files::{Segments, io_error, sync_dir};
use crate::journal::layout::{End, SEGMENT_HEADER_BYTES};
use crate::journal::{FIRST_SEGMENT, create_segment};
use crate::store::error::{OpenError, Owner};

/// The store format this binary writes, and the newest it knows.
pub const STORE_FORMAT: u32 = 1;
/// How often a waiter looks whether a store is free.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// How long to wait for a store that another process holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wait {
    /// Not at all: the owner is named at once.
    #[default]
    No,
    /// At most so long.
    For(Duration),
    /// Until it is free.
    Forever,
}

/// The paths of a store.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(crate) path: PathBuf,
}

impl Home {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf() }
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.path.join("journal")
    }

    pub(crate) fn anchor(&self) -> PathBuf {
        self.path.join("anchor")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.path.join("index")
    }

    fn format(&self) -> PathBuf {
        self.path.join("format")
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join("lock")
    }

    fn owner(&self) -> PathBuf {
        self.path.join("owner")
    }

    /// Creates the directory if that is asked for, and looks that it is one.
    pub(crate) fn prepare(&self, create: bool) -> Result<(), OpenError> {
        match fs::metadata(&self.path) {
            Ok(meta) if meta.is_dir() => {
                self.refuse_foreign(create)?;
                let unsure = if create { self.unsure_names()? } else { Vec::new() };
                unsure.into_iter().try_for_each(|path| self.name_durably(path))
            }
            Ok(_) => Err(OpenError::NotDirectory { path: self.path.clone() }),
            Err(error) if error.kind() == ErrorKind::NotFound && create => {
                let fresh = self.unmade();
                let created = DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
                created.map_err(|error| self.failed("create", &self.path, error))?;
                fresh.into_iter().try_for_each(|path| self.name_durably(path))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(OpenError::Missing { path: self.path.clone() })
            }
            Err(error) => Err(self.failed("stat", &self.path, error)),
        }
    }

    /// Folders that are to be made for this one, and itself.
    fn unmade(&self) -> Vec<&Path> {
        self.path.ancestors().take_while(|path| !path.exists()).collect()
    }

    /// Folders whose names may not be durable: a directory that has no store yet may have been made by a process that
    /// ended before it had synced its name, or that of a folder it lies in.
    fn unsure_names(&self) -> Result<Vec<&Path>, OpenError> {
        if self.format().exists() {
            return Ok(Vec::new());
        }
        let disk_of = |path: &Path| fs::metadata(path).map(|meta| meta.dev());
        let disk = disk_of(&self.path).map_err(|error| self.failed("stat", &self.path, error))?;
        // What lies on another disk was there before.
        let near = self.path.ancestors().take_while(|path| disk_of(path).is_ok_and(|other| other == disk));
        Ok(near.filter(|path| path.parent().is_some()).collect())
    }

    /// Makes a new directory's own name durable: a power cut must not take it with all that was synced inside. Where
    /// others' names may not be listed, that is left to the file system.
    fn name_durably(&self, path: &Path) -> Result<(), OpenError> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match File::open(parent) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
            opened => {
                opened.and_then(|dir| dir.sync_all()).map_err(|error| self.failed("sync", parent, error))
            }
        }
    }

    /// A directory that is neither a store, nor the beginning of one, nor empty, is somebody else's.
    fn refuse_foreign(&self, create: bool) -> Result<(), OpenError> {
        const OURS: [&str; 8] =
            ["format", "format.new", "lock", "owner", "journal", "anchor", "index", ".gitignore"];
        if self.format().exists() || self.journal().exists() {
            return Ok(());
        }
        let failed = |error| self.failed("list", &self.path, error);
        for item in fs::read_dir(&self.path).map_err(failed)? {
            let found = item.map_err(failed)?.file_name().to_string_lossy().into_owned();
            if !OURS.contains(&found.as_str()) {
                return Err(OpenError::NotStore { path: self.path.clone(), found });
            }
        }
        if create { Ok(()) } else { Err(OpenError::Missing { path: self.path.clone() }) }
    }

    fn failed(&self, action: &'static str, path: &Path, error: std::io::Error) -> OpenError {
        OpenError::of(&self.path, io_error(action, path, error))
    }

    /// Takes the lock, or says who has it.
    pub(crate) fn lock(&self, wait: Wait) -> Result<File, OpenError> {
        let path = self.lock_file();
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open.map_err(|error| self.failed("open", &path, error))?;
        let began = Instant::now();
        loop {
            let tried = flock(&file, FlockOperation::NonBlockingLockExclusive);
            if taken(tried).map_err(|error| self.failed("lock", &path, error.into()))? {
                return Ok(file);
            }
            let over = match wait {
                Wait::No => true,
                Wait::For(limit) => began.elapsed() >= limit,
                Wait::Forever => false,
            };
            if over {
                return Err(OpenError::Held { path: self.path.clone(), owner: self.read_owner() });
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    /// Writes down who holds the store. A full disk must not keep anyone from reading, so this may fail.
    pub(crate) fn write_owner(&self, note: &str) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let note: String = note.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let text = format!("pid {}\nsince {since}\nnote {note}\n", std::process::id());
        if let Err(error) = fs::write(self.owner(), text) {
            tracing::warn!("cannot write {}: {error}", self.owner().display());
        }
    }

    pub(crate) fn forget_owner(&self) {
        if let Err(error) = fs::remove_file(self.owner()) {
            tracing::debug!("cannot remove {}: {error}", self.owner().display());
        }
    }

    /// The owner as it wrote itself down; none if it has not, or the file is damaged.
    pub(crate) fn read_owner(&self) -> Option<Owner> {
        let text = fs::read_to_string(self.owner()).ok()?;
        let mut lines = text.lines();
        let pid = lines.next()?.strip_prefix("pid ")?.parse().ok()?;
        let since = lines.next()?.strip_prefix("since ")?.parse().ok()?;
        let note = lines.next()?.strip_prefix("note")?.trim().to_owned();
        Some(Owner { pid, since, note })
    }

    /// Makes an empty store, or begins again one whose creation was interrupted.
    pub(crate) fn create(&self) -> Result<(), LogError> {
        let journal = self.journal();
        fs::create_dir_all(&journal).map_err(|error| io_error("create", &journal, error))?;
        let segments = Segments::new(&journal);
        let first = segments.path(1);
        if first.exists() {
            fs::remove_file(&first).map_err(|error| io_error("remove", &first, error))?;
        }
        create_segment(&segments, FIRST_SEGMENT)?;
        self.finish(End::EMPTY)
    }

    /// Puts everything around a journal that ends at `end`. The format file comes last: it says the store is whole.
    pub(crate) fn finish(&self, end: End) -> Result<(), LogError> {
        let index = self.index();
        fs::create_dir_all(&index).map_err(|error| io_error("create", &index, error))?;
        fs::set_permissions(&self.path, Permissions::from_mode(0o700))
            .map_err(|error| io_error("protect", &self.path, error))?;
        write_file(&self.path.join(".gitignore"), b"*\n")?;
        Anchor::create(&self.anchor(), end)?;
        sync_dir(&self.path)?;
        self.write_format()
    }

    fn write_format(&self) -> Result<(), LogError> {
        let fresh = self.path.join("format.new");
        write_file(&fresh, format_line(STORE_FORMAT).as_bytes())?;
        fs::rename(&fresh, self.format()).map_err(|error| io_error("rename", &fresh, error))?;
        sync_dir(&self.path)
    }

    /// Whether a whole store is here. Also says whether the format file was damaged, and has been written again.
    pub(crate) fn check_format(&self) -> Result<Presence, OpenError> {
        let path = self.format();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return self.check_unborn(),
            Err(error) => return Err(self.failed("read", &path, error)),
        };
        match parse_format(&text) {
            Some(STORE_FORMAT) => Ok(Presence::Whole { format_healed: false }),
            Some(found) => Err(OpenError::Newer { path: self.path.clone(), found, known: STORE_FORMAT }),
            // Its check is wrong. Every segment header says the format too, and is looked at when the journal opens.
            None => {
                self.write_format().map_err(|error| OpenError::of(&self.path, error))?;
                Ok(Presence::Whole { format_healed: true })
            }
        }
    }

    /// Without a format file this is a store that was never whole, unless its journal holds anything, or should.
    fn check_unborn(&self) -> Result<Presence, OpenError> {
        let failed = |error| OpenError::of(&self.path, error);
        if matches!(Anchor::read(&self.anchor()), Ok(read) if read.end != End::EMPTY) {
            self.write_format().map_err(failed)?;
            return Ok(Presence::Whole { format_healed: true });
        }
        if !self.journal().exists() {
            return Ok(Presence::Unborn);
        }
        let segments = Segments::new(&self.journal());
        let numbers = segments.list().map_err(failed)?;
        let mut bytes = 0;
        for number in &numbers {
            bytes += segments.len(*number).map_err(failed)?;
        }
        if bytes <= SEGMENT_HEADER_BYTES {
            return Ok(Presence::Unborn);
        }
        // The journal checks itself; only the name of the format was lost.
        self.write_format().map_err(failed)?;
        Ok(Presence::Whole { format_healed: true })
    }
}

/// Whether a lock was got; that somebody else has it is no error.
fn taken(tried: Result<(), Errno>) -> Result<bool, Errno> {
    match tried {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
        Err(error) => Err(error),
    }
}

/// What is in a store's directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Nothing yet, or a creation that never finished.
    Unborn,
    /// A store.
    Whole {
        /// Whether the format file was missing or damaged, and is whole again.
        format_healed: bool,
    },
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), LogError> {
    let written = File::create(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| io_error("write", path, error))
}

/// The content of a format file.
fn format_line(format: u32) -> String {
    let text = format!("delm store format {format}");
    let check = blake3::hash(text.as_bytes()).to_hex();
    format!("{text} {}\n", check.split_at(16).0)
}

fn parse_format(text: &[u8]) -> Option<u32> {
    let text = std::str::from_utf8(text).ok()?;
    let format = text.strip_prefix("delm store format ")?.split(' ').next()?.parse().ok()?;
    (format_line(format) == text).then_some(format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_line_is_pinned_and_checked() {
        assert_eq!(parse_format(format_line(1).as_bytes()), Some(1));
        assert_eq!(parse_format(format_line(3).as_bytes()), Some(3));
        assert_eq!(parse_format(format_line(1).replace("format 1", "format 3").as_bytes()), None);
        assert_eq!(parse_format(b""), None);
    }

    #[test]
    fn names_are_synced_again_until_there_is_a_store() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/store");
        fs::create_dir_all(&path).unwrap();
        let home = Home::new(&path);
        let unsure = home.unsure_names().unwrap();
        assert_eq!(unsure.get(..3), Some([path.as_path(), &dir.path().join("a"), dir.path()].as_slice()));
        home.prepare(true).unwrap();
        home.create().unwrap();
        assert_eq!(home.unsure_names().unwrap(), [] as [&Path; 0]);
        home.prepare(true).unwrap();
    }

    #[test]
    fn a_lock_that_fails_is_not_taken_for_one_that_is_held() {
        assert_eq!(taken(Ok(())), Ok(true));
        assert_eq!(taken(Err(Errno::WOULDBLOCK)), Ok(false));
        assert_eq!(taken(Err(Errno::INTR)), Ok(false));
        assert_eq!(taken(Err(Errno::NOLCK)), Err(Errno::NOLCK));
    }

    #[test]
    fn every_folder_that_is_made_gets_a_durable_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/store");
        let home = Home::new(&path);
        assert_eq!(home.unmade(), [path.as_path(), &dir.path().join("a/b"), &dir.path().join("a")]);
        fs::create_dir(dir.path().join("a")).unwrap();
        assert_eq!(home.unmade(), [path.as_path(), &dir.path().join("a/b")]);
    }

    /// Where a folder opens, and cannot be synced: who leaves the sync out does not notice.
    #[test]
    fn a_name_that_cannot_be_made_durable_is_told() {
        let home = Home::new(Path::new("store"));
        let sync = |path: &str| home.name_durably(Path::new(path)).map_err(|error| error.to_string());
        assert!(sync("/proc/self/store").unwrap_err().starts_with("cannot sync /proc/self:"));
        assert!(sync("/nowhere at all/store").is_err());
        sync("store").unwrap();
        // To be listed by nobody, root included; where there is no such file, nobody is asked.
        let closed = Path::new("/proc/sys/vm/compact_memory");
        if File::open(closed).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied) {
            home.name_durably(&closed.join("store")).unwrap();
        }
    }
}
