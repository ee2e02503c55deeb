//! A cache beside the state: the rendered notes of the context and a hasher that has seen them.
//!
//! Refuses to matter: it is left out of equality, can be empty at any time, and what it holds is rebuilt from blobs.

use alloc::sync::Arc;

use rpds::VectorSync;

use crate::request::Notes;

/// Rendered notes, as far as their blobs were seen.
#[derive(Clone, Default)]
pub struct Memo {
    pub(crate) cached: Option<Arc<Cached>>,
}

#[derive(Clone)]
pub(crate) struct Cached {
    pub(crate) preamble: Arc<str>,
    pub(crate) notes: Notes,
    /// Bytes of the block up to and with each note.
    pub(crate) ends: VectorSync<usize>,
    pub(crate) hasher: blake3::Hasher,
}

impl core::fmt::Debug for Memo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Memo")
    }
}
