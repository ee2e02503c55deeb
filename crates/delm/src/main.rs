//! The command line of delm: reads arguments, environment and keys, runs one verb, ends with its exit code.
//!
//! Refuses to decide anything about a run and to write a log: that is the engine's.

mod args;
mod config;
mod docs;
mod environment;
mod error;
mod output;
mod progress;
mod refs;
mod signals;
mod socket;

fn main() {}
