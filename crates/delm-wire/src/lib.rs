//! Core to JSON and back: events as `data`, the export stream, what the verbs print, and the schemas of it all.
//!
//! Refuses all IO: lines go in and come out as text. No core type is serialized itself; each has a counterpart here,
//! so that a change inside the core can never change what programs read.

pub mod data;
pub mod export;
pub mod name;
mod render;
pub mod schema;
pub mod view;
