//! Why a store cannot be opened or copied: each names the path and what to do.
//!
//! Refuses to guess: a store that is not understood is left as it is.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Corruption, LogError};

/// Who holds a store, as it wrote itself down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its process.
    pub pid: u32,
    /// Since when, in milliseconds since 1970-01-01 UTC.
    pub since: u64,
    /// What it said it does, such as the run it works on.
    pub note: String,
}

/// Why a store was not opened.
#[derive(Clone, Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process holds it.
    #[error("the store {} is held by {}; wait for it to end", path.display(), held_by(owner.as_ref()))]
    Held {
        /// The store.
        path: PathBuf,
        /// Its owner, if it has written itself down yet.
        owner: Option<Owner>,
    },
    /// There is none, and none was to be created.
    #[error("there is no store at {}; begin a run to create one, or name another", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The path is something else.
    #[error("{} is not a directory; name one for the store", path.display())]
    NotDirectory {
        /// The path.
        path: PathBuf,
    },
    /// The directory holds other things.
    #[error("{} is not a store, and not empty (it holds {found:?}); name an empty or a new directory", path.display())]
    NotStore {
        /// The directory.
        path: PathBuf,
        /// One of the things it holds.
        found: String,
    },
    /// A copy of a store into itself.
    #[error("{} lies in the store it is to be a copy of; name a directory outside", path.display())]
    Inside {
        /// Where the copy was to go.
        path: PathBuf,
    },
    /// A newer delm wrote it.
    #[error("the store {} was written by a newer delm (format {found}, this binary knows {known}); use that one", path.display())]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest this binary knows.
        known: u32,
    },
    /// The file system cannot be written.
    #[error("the store {} is on a read-only file system, and opening it takes writing; copy it elsewhere", path.display())]
    ReadOnly {
        /// The store.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("no space is left for {}; free some on that file system, nothing that was acknowledged is lost", path.display())]
    NoSpace {
        /// What could not be written.
        path: PathBuf,
    },
    /// The user may not.
    #[error("permission denied for {}; the store belongs to another user, or its mode was changed", path.display())]
    Denied {
        /// What could not be opened.
        path: PathBuf,
    },
    /// It is damaged.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// Anything else.
    #[error(transparent)]
    Failed(LogError),
}

fn held_by(owner: Option<&Owner>) -> String {
    owner.map_or_else(
        || "another process".into(),
        |owner| {
            let note = if owner.note.is_empty() { String::new() } else { format!(" ({})", owner.note) };
            format!("process {}{note}", owner.pid)
        },
    )
}

impl OpenError {
    /// The error of opening `store` that this failure is.
    pub(crate) fn of(store: &Path, error: LogError) -> Self {
        let store = store.to_path_buf();
        match error {
            LogError::Corrupt(corruption) => Self::Corrupt(corruption),
            LogError::Io { ref source, ref path, .. } => {
                let is = |kinds: &[ErrorKind]| kinds.contains(&source.kind());
                if is(&[ErrorKind::ReadOnlyFilesystem]) {
                    Self::ReadOnly { path: store }
                } else if is(&[ErrorKind::StorageFull, ErrorKind::QuotaExceeded]) {
                    Self::NoSpace { path: path.clone() }
                } else if is(&[ErrorKind::PermissionDenied]) {
                    Self::Denied { path: path.clone() }
                } else if is(&[ErrorKind::NotADirectory]) {
                    Self::NotDirectory { path: store }
                } else {
                    Self::Failed(error)
                }
            }
            LogError::Index { .. } | LogError::Poisoned { .. } => Self::Failed(error),
        }
    }
}
