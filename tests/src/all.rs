//! The tests of the whole, one module a topic, in one binary.
//!
//! Refuses a test outside of `#[cfg(test)]`: what is in there may unwrap.

#[cfg(test)]
mod tidy;
