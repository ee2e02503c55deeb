//! Streams that are intact, id by id, and break exactly one law: each is found, by its number and at its entry.
//!
//! Refuses a test that would pass without its change: the samples themselves are clean (`runs`).

mod budget;
mod chain;
mod claims;
mod context;
mod forks;
mod lifecycle;
mod verification;
