//! Helpers shared by the tests of the whole and by the benches.
//!
//! Refuses what only one topic needs: that stays in its module.
