//! Folding a run from the log: its state at the head, or at any entry before it.
//!
//! Refuses a log that breaks a law, naming the entry; reads a page at a time.

use std::sync::Arc;

use delm_core::apply::{Fault, apply};
use delm_core::ids::{Digest, Seq};
use delm_core::run::Run;
use delm_log::{Log, LogError};

use crate::blobs::BlobCache;

/// Entries read at a time.
const PAGE: usize = 1024;

/// A run's state with its blobs at hand.
pub struct Loaded {
    /// The state.
    pub run: Run,
    /// Its blobs.
    pub blobs: Arc<BlobCache>,
}

/// Why a run's state cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The log cannot be read, or is damaged.
    #[error(transparent)]
    Log(#[from] LogError),
    /// An entry breaks a law.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The log has no entry where one must be.
    #[error("the run {run} has no entry {seq}, though its head lies beyond")]
    Gap {
        /// The run.
        run: Digest,
        /// The missing entry.
        seq: Seq,
    },
    /// No such run.
    #[error("there is no run {run} in this log")]
    Unknown {
        /// The run.
        run: Digest,
    },
}

/// Folds a run up to its head. What a fork shares with its origin is looked for under the fork: read it through a
/// [`WholeLog`](delm_log::WholeLog).
///
/// # Errors
/// [`LoadError`].
pub fn load(log: &Arc<dyn Log>, id: Digest) -> Result<Loaded, LoadError> {
    let info = log.run(&id)?.ok_or(LoadError::Unknown { run: id })?;
    load_at(log, id, info.head.seq)
}

/// Folds a run up to and with the entry at `last`.
///
/// # Errors
/// [`LoadError`].
pub fn load_at(log: &Arc<dyn Log>, id: Digest, last: Seq) -> Result<Loaded, LoadError> {
    let blobs = Arc::new(BlobCache::new(log.clone(), id));
    let mut run = Run::default();
    let mut next: Seq = 0;
    while next <= last {
        let page = log.entries(&id, next, PAGE)?;
        if page.is_empty() {
            return Err(LoadError::Gap { run: id, seq: next });
        }
        for sealed in page.iter().take_while(|sealed| sealed.entry.seq <= last) {
            apply(&mut run, sealed)?;
            next += 1;
        }
    }
    Ok(Loaded { run, blobs })
}
