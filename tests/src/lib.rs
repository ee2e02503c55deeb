//! Helpers shared by the tests of the whole and by the benches.
//!
//! Refuses what only one topic needs: that stays in its module. The crash harness is here because a program and tests use it.

pub mod crash;
