//! The durable log of delm: one trait, a log in memory, and (feature `store`) a journal with a sled in front of readers.
//!
//! Refuses domain decisions and sockets: it keeps entries in their chain and bytes under their hash, and knows no queue,
//! no fact and no policy. Acknowledged means durable: written to the journal and synced.

#[cfg(all(test, feature = "store"))]
extern crate self as delm_log;

mod before;
#[cfg(feature = "store")]
mod bytes;
mod check;
mod error;
#[cfg(all(fuzzing, feature = "store"))]
pub mod fuzz;
#[cfg(feature = "store")]
mod journal;
#[cfg(all(test, feature = "store"))]
#[path = "../tests/kit/mod.rs"]
mod kit;
mod log;
mod memory;
#[cfg(feature = "store")]
mod store;
mod whole;

#[cfg(feature = "store")]
pub use crate::{
    journal::recover::Cut,
    store::{
        BackupReport, Health, OpenError, OpenOptions, OpenReport, Owner, STORE_FORMAT, Scope, Store, Usage,
        VerifyReport, Wait,
    },
};
pub use before::Before;
pub use error::{AppendError, Corruption, HideError, LogError, Place, RedactError};
pub use log::{Append, BlobInfo, Found, Log, Origin, RunBlobs, RunInfo, Term};
pub use memory::MemoryLog;
pub use whole::WholeLog;
