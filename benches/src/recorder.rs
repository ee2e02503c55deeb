//! A log that notes of each commit how long it took and what it added to the journal, and the plain file beside it.
//!
//! Refuses to change what it watches: it passes everything on, and looks at one file's length after each commit.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use delm_core::entry::Head;
use delm_log::{Append, AppendError, Before, Log, OpenOptions, Store};

use crate::Outcome;

/// One commit.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    /// Entries of the batch.
    pub entries: usize,
    /// Bytes the journal grew by.
    pub bytes: u64,
    /// From the call to its return.
    pub took: Duration,
}

/// A store that is watched.
pub struct Recorder {
    store: Store,
    journal: File,
    journal_path: PathBuf,
    notes: Mutex<Notes>,
}

#[derive(Default)]
struct Notes {
    commits: Vec<Commit>,
    journal_bytes: u64,
}

impl Recorder {
    /// Opens a new store at `path`, whose journal stays in one file.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Outcome<Self> {
        let options = OpenOptions { segment_bytes: 1 << 40, note: "bench".into(), ..OpenOptions::default() };
        let (store, _) = Store::open(path, &options)?;
        let journal_path = only_file(&path.join("journal"))?;
        let journal = File::open(&journal_path)?;
        let notes = Notes { commits: Vec::new(), journal_bytes: journal.metadata()?.len() };
        Ok(Self { store, journal, journal_path, notes: Mutex::new(notes) })
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the store; gives what was noted and where the journal lies.
    ///
    /// # Errors
    /// When the store cannot be closed.
    pub fn close(self) -> Outcome<(Vec<Commit>, PathBuf)> {
        self.store.close()?;
        let notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok((notes.commits, self.journal_path))
    }
}

fn only_file(dir: &Path) -> Outcome<PathBuf> {
    let files =
        std::fs::read_dir(dir)?.map(|item| item.map(|item| item.path())).collect::<Result<Vec<_>, _>>()?;
    let [file] = files.as_slice() else {
        return Err(format!("{} holds {} files, not one segment", dir.display(), files.len()).into());
    };
    Ok(file.clone())
}

impl Before for Recorder {
    fn log(&self) -> &dyn Log {
        &self.store
    }

    fn commit(&self, batch: Vec<Append>) -> Vec<Result<Head, AppendError>> {
        let (entries, began) = (batch.len(), Instant::now());
        let outcomes = self.store.commit(batch);
        let took = began.elapsed();
        let mut notes = self.notes();
        // A length that cannot be had shows as a commit of no bytes, which the raw run refuses.
        let length = self.journal.metadata().map_or(notes.journal_bytes, |meta| meta.len());
        let bytes = length.saturating_sub(notes.journal_bytes);
        notes.journal_bytes = length;
        notes.commits.push(Commit { entries, bytes, took });
        outcomes
    }
}

/// What bounds a durable log: the very bytes of a journal in the very same batches, each one write and one fdatasync.
///
/// # Errors
/// When the file cannot be written, or the batches are not the journal's.
pub fn raw(dir: &Path, journal: &[u8], commits: &[Commit]) -> Outcome<Vec<Duration>> {
    let path = dir.join("raw");
    let mut file = File::create_new(&path)?;
    let total: u64 = commits.iter().map(|commit| commit.bytes).sum();
    let header =
        (journal.len() as u64).checked_sub(total).ok_or("the commits have more bytes than the journal")?;
    if commits.iter().any(|commit| commit.bytes == 0) {
        return Err("a commit added nothing to the journal".into());
    }
    let (head, mut rest) = journal.split_at(usize::try_from(header)?);
    file.write_all(head)?;
    file.sync_all()?;
    let mut took = Vec::with_capacity(commits.len());
    for commit in commits {
        let (batch, behind) = rest.split_at(usize::try_from(commit.bytes)?);
        rest = behind;
        let began = Instant::now();
        file.write_all(batch)?;
        file.sync_data()?;
        took.push(began.elapsed());
    }
    std::fs::remove_file(&path)?;
    Ok(took)
}
