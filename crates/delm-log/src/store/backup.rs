//! A copy of a store: the journal up to its end, with an anchor that names it.
//!
//! Refuses to copy the index: measured, 2 of 12 copies of a live sled opened empty without an error. It is made anew
//! when the copy is opened.

use std::fs::{self, File};
use std::io::{Read as _, copy};
use std::path::Path;

use crate::journal::files::{Segments, io_error, sync_dir};
use crate::store::error::OpenError;
use crate::store::home::Home;
use crate::store::open::boot_mark;
use crate::store::{Store, boot};

/// What a backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Segment files.
    pub segments: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Records in them.
    pub records: u64,
}

impl Store {
    /// Copies the store as it is now to a new or empty directory, durably; commits go on meanwhile.
    ///
    /// # Errors
    /// [`OpenError`] when `dest` holds anything, lies in the store itself, or cannot be written.
    pub fn backup(&self, dest: &Path) -> Result<BackupReport, OpenError> {
        self.refuse_inside(dest)?;
        // Whoever takes bytes away waits: a copy must not miss the record that says so.
        let _no_erasing = self.no_erasing();
        let end = self.writer().journal.end();
        let failed = |error| OpenError::of(dest, error);
        let home = Home::new(dest);
        home.prepare(true)?;
        if let Some(found) = first_name(dest)? {
            return Err(OpenError::NotStore { path: dest.to_path_buf(), found });
        }
        let journal = home.journal();
        fs::create_dir_all(&journal).map_err(|error| failed(io_error("create", &journal, error)))?;
        let copies = Segments::new(&journal);
        let mut bytes = 0;
        for segment in 1..=end.place.segment {
            let whole = self.segments.len(segment).map_err(failed)?;
            let len = if segment == end.place.segment { end.place.offset } else { whole };
            copy_file(&self.segments.path(segment), &copies.path(segment), len)?;
            bytes += len;
        }
        sync_dir(&journal).map_err(failed)?;
        home.finish(end).map_err(failed)?;
        boot::mark_none(&boot_mark(&home)).map_err(failed)?;
        Ok(BackupReport { segments: end.place.segment, bytes, records: end.count })
    }
}

impl Store {
    /// Refuses a place in the store itself: whatever damages the store, or removes it, would take the copy with it.
    fn refuse_inside(&self, dest: &Path) -> Result<(), OpenError> {
        let failed = |path: &Path, error| OpenError::of(dest, io_error("look at", path, error));
        let store = fs::canonicalize(&self.home.path).map_err(|error| failed(&self.home.path, error))?;
        let around = |path: &Path| match path.as_os_str().is_empty() {
            true => Path::new(".").to_path_buf(),
            false => path.to_path_buf(),
        };
        // What is not there yet lies where the nearest folder that is there lies.
        let there = dest.ancestors().map(around).find(|path| path.exists());
        let Some(there) = there else { return Ok(()) };
        let there = fs::canonicalize(&there).map_err(|error| failed(&there, error))?;
        if there.starts_with(&store) { Err(OpenError::Inside { path: dest.to_path_buf() }) } else { Ok(()) }
    }
}

fn first_name(dir: &Path) -> Result<Option<String>, OpenError> {
    let failed = |error| OpenError::of(dir, io_error("list", dir, error));
    let first = fs::read_dir(dir).map_err(failed)?.next();
    Ok(first.transpose().map_err(failed)?.map(|item| item.file_name().to_string_lossy().into_owned()))
}

fn copy_file(from: &Path, to: &Path, len: u64) -> Result<(), OpenError> {
    let source = File::open(from).map_err(|error| OpenError::of(from, io_error("open", from, error)))?;
    let copied = File::create_new(to).and_then(|mut file| {
        let copied = copy(&mut source.take(len), &mut file)?;
        file.sync_all()?;
        Ok(copied)
    });
    let copied = copied.map_err(|error| OpenError::of(to, io_error("write", to, error)))?;
    if copied < len {
        let short =
            std::io::Error::new(std::io::ErrorKind::UnexpectedEof, format!("{copied} of {len} bytes"));
        return Err(OpenError::of(from, io_error("read", from, short)));
    }
    Ok(())
}
