//! The durable log of delm: one trait, a log in memory, and (feature `store`) a journal with a sled in front of readers.
//!
//! Refuses domain decisions and sockets: it keeps entries in their chain and bytes under their hash, and knows no queue,
//! no fact and no policy. Acknowledged means durable: written to the journal and synced.

mod check;
mod error;
mod log;
mod memory;

pub use error::{AppendError, Corruption, HideError, LogError, Place, RedactError};
pub use log::{Append, BlobInfo, Found, Log, Origin, RunBlobs, RunInfo, Term};
pub use memory::MemoryLog;
