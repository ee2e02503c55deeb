//! Caches beside the state: the rendered notes of the context with a hasher that has seen them, and what the mechanical
//! checks passed.
//!
//! Refuses to matter: it is left out of equality, can be empty at any time, and what it holds is made again from blobs.

use alloc::sync::Arc;
use alloc::vec::Vec;

use rpds::{RedBlackTreeSetSync, VectorSync};

use crate::check::{Finding, check, passed};
use crate::ids::Digest;
use crate::request::Notes;

/// Gists that passed and are remembered: many times as many as agents, and little memory.
const PASSED_MAX: usize = 4_096;

/// Rendered notes, as far as their blobs were seen, and gists that passed the checks and were not judged yet.
#[derive(Clone)]
pub struct Memo {
    pub(crate) cached: Option<Arc<Cached>>,
    /// Hashes of all that [`check`] looks at.
    passed: RedBlackTreeSetSync<Digest>,
}

impl Default for Memo {
    fn default() -> Self {
        Self { cached: None, passed: RedBlackTreeSetSync::new_sync() }
    }
}

impl Memo {
    /// What [`check`] finds. A gist that passed when it was proposed is not taken apart again when it is reviewed.
    pub(crate) fn check(&mut self, gist: &str, evidence: &[&str], gist_tokens_max: u64) -> Vec<Finding> {
        let key = key_of(gist, evidence, gist_tokens_max);
        if self.passed.remove_mut(&key) {
            return passed();
        }
        let findings = check(gist, evidence, gist_tokens_max);
        if findings.iter().all(|finding| finding.passed) {
            if self.passed.size() >= PASSED_MAX {
                self.passed = RedBlackTreeSetSync::new_sync();
            }
            self.passed.insert_mut(key);
        }
        findings
    }
}

fn key_of(gist: &str, evidence: &[&str], gist_tokens_max: u64) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&gist_tokens_max.to_le_bytes());
    for text in core::iter::once(&gist).chain(evidence) {
        hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
    }
    Digest(*hasher.finalize().as_bytes())
}

#[derive(Clone)]
pub(crate) struct Cached {
    pub(crate) preamble: Arc<str>,
    pub(crate) notes: Notes,
    /// Bytes of the block up to and with each note.
    pub(crate) ends: VectorSync<usize>,
    pub(crate) hasher: blake3::Hasher,
}

/// A cache makes no difference.
impl PartialEq for Memo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl core::fmt::Debug for Memo {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Memo")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gist_that_passed_passes_again_and_nothing_else_does() {
        let evidence = ["Each lamp was lit at dusk."];
        let gist = "The lamps were lit at dusk.";
        let mut memo = Memo::default();
        let found = check(gist, &evidence, 100);
        assert!(found.iter().all(|finding| finding.passed));
        for _ in 0..3 {
            assert_eq!(memo.check(gist, &evidence, 100), found);
        }
        let long = memo.check(gist, &evidence, 2);
        assert_eq!(long, check(gist, &evidence, 2), "another limit is another question");
        let other = ["Each lamp was not lit."];
        assert_eq!(memo.check(gist, &other, 100), check(gist, &other, 100));
        assert_eq!(memo.check("9 lamps were lit.", &evidence, 100).iter().filter(|f| !f.passed).count(), 1);
        assert_ne!(key_of("ab", &["c"], 1), key_of("a", &["bc"], 1));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut memo = Memo::default();
        for n in 0..PASSED_MAX + 10 {
            memo.check("Lit at dusk.", &[&alloc::format!("Lit at dusk. {n}")], 100);
        }
        assert!(memo.passed.size() <= PASSED_MAX);
    }
}
