//! An export in a file as a log that can be read: checked from end to end once, then read where it is asked for. Of a fork
//! it holds the prefix too, as that run's.
//!
//! Refuses to hold more of it than where its lines are, what is not a regular file (it is read more than once), a file
//! that changes while it is read, and every write.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Take};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use delm_core::entry::{Head, Sealed};
use delm_core::event::Event;
use delm_core::ids::{Digest, Seq};
use delm_log::{
    Append, AppendError, BlobInfo, Corruption, Found, HideError, Log, LogError, Origin, RedactError, RunInfo,
    Term,
};
use delm_wire::export::{LINE_BYTES_MAX, ReadError, Reader, Record, blob_of_line, entry_of_line};

use crate::error::{CliError, Exit};

/// An export. What it holds in memory is a few words for each line.
pub(crate) struct ExportLog {
    path: PathBuf,
    file: File,
    stamp: Stamp,
    info: RunInfo,
    entries: Vec<EntryPlace>,
    /// Ascending by hash, as they stand in the file.
    blobs: Vec<BlobPlace>,
}

/// Where a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    offset: u64,
    len: u64,
}

struct EntryPlace {
    at: Place,
    /// The beginning of its id: another line in this place has another one.
    id: u64,
}

struct BlobPlace {
    at: Place,
    hash: Digest,
    len: u64,
    redacted: bool,
}

/// What of a file changes when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &File) -> std::io::Result<Self> {
        let data = file.metadata()?;
        let (modified, changed) = ((data.mtime(), data.mtime_nsec()), (data.ctime(), data.ctime_nsec()));
        Ok(Self { len: data.len(), modified, changed })
    }
}

impl ExportLog {
    /// Opens an export and checks every line of it.
    ///
    /// # Errors
    /// Exit 8 if there is no such file, 2 if it is none that can be read again, 4 if it is not whole.
    pub(crate) fn open(path: &Path) -> Result<Self, CliError> {
        let file = File::open(path).map_err(|error| unopened(path, &error))?;
        let data = file.metadata().map_err(|error| unopened(path, &error))?;
        if !data.is_file() {
            let what = if data.is_dir() {
                "it is a folder"
            } else {
                "it is a pipe or a device, and cannot be read twice"
            };
            return Err(CliError::usage(format!("{} is no export: {what}", path.display()))
                .hint("save the export to a file, and name that"));
        }
        let failed = |error| CliError::io(path.display(), &error);
        let stamp = Stamp::of(&file).map_err(failed)?;
        let mut lines = Lines::of(file.try_clone().map_err(failed)?);
        let mut reader = Reader::new();
        let (mut entries, mut blobs, mut head, mut origin) = (Vec::new(), Vec::new(), None, None);
        while let Some((at, line)) = lines.next().map_err(failed)? {
            match reader.line(line).map_err(|error| damaged(path, &error))? {
                Record::Entry(sealed) => {
                    if let Some(Event::RunForked(forked)) = sealed.entry.events.first() {
                        origin = Some(Origin { owner: forked.owner, seq: forked.seq });
                    }
                    head = Some(sealed.head());
                    entries.push(EntryPlace { at, id: beginning(&sealed.id) });
                }
                Record::Blob { hash, len, bytes } => {
                    blobs.push(BlobPlace { at, hash, len, redacted: bytes.is_none() });
                }
                Record::Header(_) | Record::End(_) => {}
            }
        }
        let summary = reader.finish().map_err(|error| damaged(path, &error))?;
        let head = head.unwrap_or(summary.head);
        let first = origin.map_or(0, |origin| origin.seq.saturating_add(1));
        let info = RunInfo { run: summary.run, number: 1, first, head, origin };
        let log = Self { path: path.to_owned(), file, stamp, info, entries, blobs };
        log.unchanged().map_err(super::log_error)?;
        Ok(log)
    }

    /// The run in it.
    pub(crate) fn run(&self) -> Digest {
        self.info.run
    }

    /// The line at a place, while the file is the one that was checked.
    fn line(&self, at: Place) -> Result<Vec<u8>, LogError> {
        self.unchanged()?;
        let mut line = vec![0; usize::try_from(at.len).unwrap_or(usize::MAX)];
        self.file.read_exact_at(&mut line, at.offset).map_err(|error| self.io(error))?;
        self.unchanged()?;
        Ok(line)
    }

    fn unchanged(&self) -> Result<(), LogError> {
        let now = Stamp::of(&self.file).map_err(|error| self.io(error))?;
        if now == self.stamp { Ok(()) } else { Err(self.changed()) }
    }

    fn changed(&self) -> LogError {
        let what = "it was changed while it was read; copy it first, then read the copy".to_owned();
        LogError::Corrupt(Corruption { path: self.path.clone(), place: None, what })
    }

    fn io(&self, source: std::io::Error) -> LogError {
        LogError::Io { action: "read", path: self.path.clone(), source: Arc::new(source) }
    }

    fn read_only(&self) -> LogError {
        self.io(std::io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn is(&self, run: &Digest) -> bool {
        *run == self.info.run
    }

    fn place_of(&self, hash: &Digest) -> Result<usize, usize> {
        self.blobs.binary_search_by(|blob| blob.hash.cmp(hash))
    }
}

impl Log for ExportLog {
    fn acquire(&self, _: &Digest) -> Result<Term, LogError> {
        Err(self.read_only())
    }

    fn commit(&self, batch: Vec<Append>) -> Vec<Result<Head, AppendError>> {
        batch.iter().map(|_| Err(AppendError::Failed(self.read_only()))).collect()
    }

    fn run(&self, run: &Digest) -> Result<Option<RunInfo>, LogError> {
        Ok(self.is(run).then_some(self.info))
    }

    fn runs(&self, after: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        let beyond = after.is_some_and(|after| after >= self.info.number);
        Ok([self.info].into_iter().filter(|_| !beyond).take(limit).collect())
    }

    fn runs_back(&self, before: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        let beyond = before.is_some_and(|before| before <= self.info.number);
        Ok([self.info].into_iter().filter(|_| !beyond).take(limit).collect())
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        let found = self.info.run.to_string().starts_with(prefix);
        Ok([self.info].into_iter().filter(|_| found).take(limit).collect())
    }

    fn entries(&self, run: &Digest, from: Seq, limit: usize) -> Result<Vec<Sealed>, LogError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let places = self.entries.iter().skip(from).take(if self.is(run) { limit } else { 0 });
        let read = |place: &EntryPlace| {
            let sealed = entry_of_line(&self.line(place.at)?).map_err(|_| self.changed())?;
            if beginning(&sealed.id) == place.id { Ok(sealed) } else { Err(self.changed()) }
        };
        places.map(read).collect()
    }

    fn blob(&self, run: &Digest, hash: &Digest) -> Result<Found, LogError> {
        let place = self.place_of(hash).ok().filter(|_| self.is(run)).and_then(|place| self.blobs.get(place));
        match place {
            None => Ok(Found::Unknown),
            Some(BlobPlace { len, redacted: true, .. }) => Ok(Found::Redacted { len: *len }),
            Some(BlobPlace { at, hash, .. }) => {
                let bytes = blob_of_line(&self.line(*at)?).map_err(|_| self.changed())?;
                if Digest::of_blob(&bytes) == *hash {
                    Ok(Found::Present(bytes.into()))
                } else {
                    Err(self.changed())
                }
            }
        }
    }

    fn blobs(&self, run: &Digest, after: Option<&Digest>, limit: usize) -> Result<Vec<BlobInfo>, LogError> {
        let from =
            after.map_or(0, |after| self.place_of(after).map_or_else(|place| place, |place| place + 1));
        let places = self.blobs.iter().skip(from).take(if self.is(run) { limit } else { 0 });
        // An export does not say which entry brought a blob.
        let info =
            |blob: &BlobPlace| BlobInfo { hash: blob.hash, len: blob.len, seq: 0, redacted: blob.redacted };
        Ok(places.map(info).collect())
    }

    fn redact(&self, _: &Digest, _: &Digest) -> Result<(), RedactError> {
        Err(RedactError::Failed(self.read_only()))
    }

    fn hide(&self, _: &Digest) -> Result<(), HideError> {
        Err(HideError::Failed(self.read_only()))
    }
}

/// Lines of a file, one at a time, each with its place.
struct Lines {
    from: Take<BufReader<File>>,
    line: Vec<u8>,
    offset: u64,
}

impl Lines {
    fn of(file: File) -> Self {
        Self { from: BufReader::new(file).take(0), line: Vec::new(), offset: 0 }
    }

    /// The next line with its newline; a longer one than any export has is given without, and refused for it.
    fn next(&mut self) -> std::io::Result<Option<(Place, &[u8])>> {
        self.line.clear();
        self.from.set_limit(LINE_BYTES_MAX);
        let len = self.from.read_until(b'\n', &mut self.line)? as u64;
        // What a long line took is not kept for the short ones after it.
        self.line.shrink_to(KEPT_BYTES_MAX.max(self.line.len()));
        let at = Place { offset: self.offset, len };
        self.offset += len;
        Ok((len > 0).then_some((at, self.line.as_slice())))
    }
}

/// Bytes kept for the next line.
const KEPT_BYTES_MAX: usize = 1 << 20;

/// The first eight bytes of an id.
fn beginning(id: &Digest) -> u64 {
    id.0.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Why an export cannot be opened.
pub(crate) fn unopened(path: &Path, error: &std::io::Error) -> CliError {
    let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Unexpected };
    CliError::new("export", exit, format!("{}: {error}", path.display()))
        .hint("name an export that is there; `delm export RUN` writes one")
}

fn damaged(path: &Path, error: &ReadError) -> CliError {
    let hint = if error.fault.is_newer() {
        "install the delm that wrote it"
    } else {
        "it is not as delm wrote it; get another copy"
    };
    CliError::new("export", Exit::Integrity, format!("{}: {error}", path.display())).hint(hint)
}

#[cfg(test)]
mod tests;
