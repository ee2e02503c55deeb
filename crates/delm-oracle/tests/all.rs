//! The auditor against recorded runs, runs that break one law each, damaged streams and arbitrary bytes.
//!
//! Refuses help from the code that writes exports: runs are taken apart and written again by the document alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    reason = "tests fail by panicking"
)]

mod broken;
mod edges;
mod kit;
mod large;
mod runs;
mod tamper;
mod vectors;
mod walls;
