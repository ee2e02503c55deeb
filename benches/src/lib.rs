//! What the benches share: options, clocks, the workload W1, a log that takes notes, questions over documents.
//!
//! Refuses to judge: it measures and counts; what the figures mean stands in the README beside it.

pub mod direct;
pub mod measure;
pub mod options;
pub mod questions;
pub mod recorder;
pub mod stage;
pub mod workload;

/// What a bench gives back: it prints its error and ends.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
