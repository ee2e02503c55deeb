//! The pure core of delm: what happens in a run, what may happen next, and whether a log obeyed the law.
//!
//! Refuses `std`: no clock, file, socket, thread, float, random source, hash map or `async`. Time, ids and order
//! enter as data, so the same log gives the same state on any machine, for ever.
#![no_std]
#![deny(clippy::float_arithmetic)]

extern crate alloc;

pub mod agent;
pub mod apply;
pub mod audit;
pub mod blobs;
pub mod check;
pub mod codec;
pub mod command;
pub mod decide;
pub mod dispatcher;
pub mod entry;
pub mod event;
pub mod extractive;
pub mod ids;
pub mod influence;
pub mod limits;
pub mod policy;
pub mod prompt;
pub mod reader;
pub mod reply;
pub mod request;
pub mod run;
pub mod text;
pub mod tree;
