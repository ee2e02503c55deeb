//! Opening the store of a call: what had to be put right, and why it does not open, in words.
//!
//! Refuses to retry or repair: `delm_log` does what can be done, and this says it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use delm_log::{OpenError, OpenOptions, OpenReport, Store, Wait};

use super::LOOK_AGAIN;
use crate::args::value;
use crate::error::{CliError, Exit};
use crate::output::human::time;

/// What a store that does not open means to people.
pub(crate) fn open_error(error: &OpenError) -> CliError {
    let (code, exit, hint) = match error {
        OpenError::Held { path, owner } => {
            let holder = owner.as_ref().map_or_else(
                || "another process, which has not said who it is".to_owned(),
                |owner| {
                    Holder { pid: owner.pid, since_ms: owner.since, note: owner.note.clone() }.to_string()
                },
            );
            return held(format!("the store {} is held by {holder}", path.display()));
        }
        OpenError::Missing { .. } => {
            ("no_store", Exit::NotFound, "`delm demo` makes one here; --store names another")
        }
        OpenError::NotDirectory { .. } | OpenError::NotStore { .. } | OpenError::Inside { .. } => {
            ("store", Exit::Usage, "--store names the folder")
        }
        OpenError::Newer { .. } => ("newer", Exit::Usage, "install the delm that wrote it"),
        OpenError::ReadOnly { .. } => {
            ("read_only", Exit::Unexpected, "copy it to a place that can be written")
        }
        OpenError::NoSpace { .. } => {
            ("no_space", Exit::Unexpected, "free some space and try again: nothing is lost")
        }
        OpenError::Denied { .. } => ("denied", Exit::Unexpected, "its owner can open it"),
        OpenError::Corrupt(_) => {
            ("corrupt", Exit::Integrity, "keep the store as it is, and go on from a backup or an export")
        }
        OpenError::Failed(_) => ("io", Exit::Unexpected, "see the cause above"),
    };
    CliError::new(code, exit, error.to_string()).hint(hint)
}

/// Who holds a store, for messages.
pub(crate) struct Holder {
    /// Its process.
    pub(crate) pid: u32,
    /// Since when, in milliseconds since 1970-01-01 UTC.
    pub(crate) since_ms: u64,
    /// What it does: `run 7f3a…`, `reading`.
    pub(crate) note: String,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "process {} since {}", self.pid, time(self.since_ms))?;
        if self.note.is_empty() { Ok(()) } else { write!(f, " ({})", self.note) }
    }
}

/// The conflict of two processes over one store.
pub(crate) fn held(what: impl Into<String>) -> CliError {
    CliError::new("held", Exit::Conflict, what)
        .hint("--wait waits until it is free; another --store does not have to")
}

/// What a verb that only reads says it does with the store.
pub(crate) const READING: &str = "reading";

/// How often a held store is looked at in a second.
pub(crate) const LOOKS_A_SECOND: u32 = 25;

/// An open store, and what had to be put right.
pub(crate) type Opened = (Arc<Store>, Vec<String>);

/// How the store of a call is opened.
#[derive(Clone)]
pub(crate) struct Opening {
    /// Its folder.
    pub(crate) path: PathBuf,
    /// Whether a new one is made.
    pub(crate) create: bool,
    /// `--wait`.
    pub(crate) wait: Option<value::Wait>,
    /// What is done with it, for others to read.
    pub(crate) note: String,
}

impl Opening {
    /// An opening of the store at `path`.
    pub(crate) fn new(path: &Path, create: bool, wait: Option<value::Wait>, note: &str) -> Self {
        Self { path: path.to_owned(), create, wait, note: note.to_owned() }
    }

    /// Opens the store for a writer, which waits for whoever only reads: that one cannot be asked, and ends soon.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn past_readers(self) -> Result<Opened, OpenError> {
        let mut looked = 0;
        loop {
            match self.clone().open() {
                Err(OpenError::Held { path, owner }) if self.wait.is_none() => {
                    looked += 1;
                    // One that holds the store and has not said for what may be about to.
                    let reads = owner.as_ref().map_or(looked < LOOKS_A_SECOND, |owner| owner.note == READING);
                    let error = OpenError::Held { path, owner };
                    if !reads {
                        return Err(error);
                    }
                    if looked == LOOKS_A_SECOND {
                        tracing::warn!("{error}; waiting for it");
                    }
                    std::thread::sleep(LOOK_AGAIN);
                }
                opened => return opened,
            }
        }
    }

    /// Opens the store; with it comes what had to be put right, a line each.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(self) -> Result<Opened, OpenError> {
        let wait = match self.wait {
            None => Wait::No,
            Some(value::Wait::Forever) => Wait::Forever,
            Some(value::Wait::AtMost(time)) => Wait::For(time),
        };
        let options = OpenOptions { create: self.create, wait, note: self.note, ..OpenOptions::default() };
        let (store, report) = Store::open(&self.path, &options)?;
        let repairs = repairs(&report).into_iter().map(|line| format!("note: {line}"));
        Ok((Arc::new(store), repairs.collect()))
    }
}

/// What opening put right, in words.
fn repairs(report: &OpenReport) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(cut) = &report.cut {
        let (place, bytes, why) = (&cut.place, cut.bytes, &cut.why);
        lines.push(format!(
            "a record that was being written when its process died was cut off: {bytes} bytes at {place}: {why}"
        ));
    }
    if let Some(why) = &report.anchor_healed {
        lines.push(format!("one anchor slot was bad and was written again from the other: {why}"));
    }
    if report.format_healed {
        lines.push("the format file was damaged or missing and was written again".to_owned());
    }
    if let Some(why) = &report.index_rebuilt {
        lines.push(format!("the index was made anew from the journal: {why}"));
    }
    lines
}
