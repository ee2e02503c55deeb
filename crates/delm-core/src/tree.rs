//! The history tree of a run: RFC 6962 over its raw entry ids, kept as the frontier of complete subtrees.
//!
//! Refuses to hold leaves: the root is at hand at any moment in O(log n) space; proofs are made elsewhere.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use crate::ids::Digest;

/// A growing RFC 6962 tree: `size` leaves and the roots of its complete subtrees, largest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    size: u64,
    peaks: Vec<[u8; 32]>,
}

impl Tree {
    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds one entry id as the next leaf.
    pub fn push(&mut self, id: &Digest) {
        let mut node = leaf(id);
        // Each trailing one bit of the old size is a complete subtree of equal height to merge with.
        let mut merges = self.size.trailing_ones();
        while merges > 0 {
            if let Some(left) = self.peaks.pop() {
                node = branch(&left, &node);
            }
            merges -= 1;
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// The RFC 6962 tree head; of no leaves, SHA-256 of nothing.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(*last, |right, left| branch(left, &right))
    }
}

fn leaf(id: &Digest) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(id.0).finalize().into()
}

fn branch(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962, section 2.1, word by word, by none of the functions above.
    fn by_the_book(leaves: &[Digest]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => Sha256::digest([&[0], &one.0[..]].concat()).into(),
            many => {
                let k = (many.len().next_power_of_two()) / 2;
                let (left, right) = (by_the_book(&many[..k]), by_the_book(&many[k..]));
                Sha256::digest([&[1], &left[..], &right[..]].concat()).into()
            }
        }
    }

    #[test]
    fn the_frontier_gives_the_root_of_the_definition() {
        let mut tree = Tree::default();
        let mut leaves = Vec::new();
        for n in 0u32..70 {
            assert_eq!(tree.root(), by_the_book(&leaves), "{n} leaves");
            let id = Digest::of_blob(&n.to_le_bytes());
            tree.push(&id);
            leaves.push(id);
            assert_eq!(tree.size(), leaves.len() as u64);
        }
    }
}
