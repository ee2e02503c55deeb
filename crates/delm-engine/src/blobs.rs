//! Blobs of one run, read from the log and kept for a while.
//!
//! Refuses to grow without bound: it holds what was asked for last, up to a number of bytes. Keeps the log's first error,
//! since the core asks for bytes or nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delm_core::entry::{Blob, Blobs};
use delm_core::ids::Digest;
use delm_log::{Log, LogError};

/// Bytes kept at most: a run's sources should fit, as every prompt of a reading cuts from them.
const KEPT_BYTES_MAX: usize = 256 << 20;

/// A cache in front of one run's blobs.
pub struct BlobCache {
    log: Arc<dyn Log>,
    run: Digest,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    blobs: BTreeMap<Digest, Arc<[u8]>>,
    order: VecDeque<Digest>,
    bytes: usize,
    error: Option<LogError>,
}

impl BlobCache {
    /// A cache for the blobs of `run`.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, run: Digest) -> Self {
        Self { log, run, kept: Mutex::new(Kept::default()) }
    }

    /// Keeps blobs that were just made durable: a reviewer will ask for them next.
    pub fn keep(&self, blobs: impl IntoIterator<Item = Blob>) {
        let mut kept = self.lock();
        for blob in blobs {
            kept.insert(blob.hash, blob.bytes);
        }
    }

    /// The first error the log gave, if any. Until it is asked, "unknown" may mean "unreadable".
    pub fn take_error(&self) -> Option<LogError> {
        self.lock().error.take()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn insert(&mut self, hash: Digest, bytes: Arc<[u8]>) {
        if bytes.len() > KEPT_BYTES_MAX || self.blobs.contains_key(&hash) {
            return;
        }
        self.bytes += bytes.len();
        self.blobs.insert(hash, bytes);
        self.order.push_back(hash);
        while self.bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some(bytes) = self.blobs.remove(&oldest) {
                self.bytes -= bytes.len();
            }
        }
    }
}

impl Blobs for BlobCache {
    fn blob(&self, hash: &Digest) -> Option<Arc<[u8]>> {
        if let Some(bytes) = self.lock().blobs.get(hash) {
            return Some(bytes.clone());
        }
        match self.log.blob(&self.run, hash) {
            Ok(found) => {
                let bytes = found.bytes()?;
                self.lock().insert(*hash, bytes.clone());
                Some(bytes)
            }
            Err(error) => {
                self.lock().error.get_or_insert(error);
                None
            }
        }
    }
}
