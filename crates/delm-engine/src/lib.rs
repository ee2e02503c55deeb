//! The shell around the pure core: runs the dispatcher, the agents and the log on tokio, and tells the time.
//!
//! Refuses terminals, inbound sockets and environment variables; decides nothing: it carries commands to the dispatcher,
//! entries to the log, requests to models, and answers back.

mod agents;
mod blobs;
mod clock;
mod committer;
mod drive;
mod load;
mod start;

pub use agents::Workers;
pub use blobs::BlobCache;
pub use clock::{Clock, SystemClock};
pub use drive::{Control, ControlError, EngineError, Running};
pub use load::{LoadError, Loaded, load, load_at};
pub use start::{StartError, foresee, fork, fork_at_rest, resume, start};
