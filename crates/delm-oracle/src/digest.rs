//! Hashes of entries, events and blobs, and the RFC 6962 tree as a frontier of one hash a level.
//!
//! Refuses nothing; a caller compares.

use sha2::{Digest, Sha256};

use crate::bytes::Hash;

/// The key-derivation contexts, prepared once.
#[derive(Clone)]
pub(crate) struct Keys {
    entry: blake3::Hasher,
    event: blake3::Hasher,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            entry: blake3::Hasher::new_derive_key("delm entry v1"),
            event: blake3::Hasher::new_derive_key("delm event v1"),
        }
    }
}

impl Keys {
    pub(crate) fn entry(&self, bytes: &[u8]) -> Hash {
        Hash(*self.entry.clone().update(bytes).finalize().as_bytes())
    }

    pub(crate) fn event(&self, bytes: &[u8]) -> Hash {
        Hash(*self.event.clone().update(bytes).finalize().as_bytes())
    }
}

/// The hash of a blob.
pub(crate) fn blob(bytes: &[u8]) -> Hash {
    Hash(*blake3::hash(bytes).as_bytes())
}

/// The roots of the complete subtrees so far, the largest first: one a bit of the size.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    size: u64,
    roots: Vec<[u8; 32]>,
}

impl Tree {
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends an entry's id.
    pub(crate) fn push(&mut self, id: &Hash) {
        let mut node: [u8; 32] = Sha256::new().chain_update([0]).chain_update(id.0).finalize().into();
        // Each one at the low end of the old size is a complete subtree that the new leaf completes to a larger one.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.roots.pop() {
                node = inner(&left, &node);
            }
        }
        self.roots.push(node);
        self.size += 1;
    }

    /// The tree head; of an empty tree the hash of nothing.
    pub(crate) fn root(&self) -> Hash {
        let mut from_right = self.roots.iter().rev();
        let Some(last) = from_right.next() else {
            return Hash(Sha256::digest([]).into());
        };
        Hash(from_right.fold(*last, |right, left| inner(left, &right)))
    }
}

fn inner(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, section 2.1, as it is written there.
    fn by_definition(leaves: &[Hash]) -> [u8; 32] {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => Sha256::new().chain_update([0]).chain_update(one.0).finalize().into(),
            many => {
                let mut k = 1;
                while k * 2 < many.len() {
                    k *= 2;
                }
                inner(&by_definition(&many[..k]), &by_definition(&many[k..]))
            }
        }
    }

    #[test]
    fn the_frontier_gives_the_root_of_the_definition() {
        let mut tree = Tree::default();
        let mut leaves = Vec::new();
        assert_eq!(tree.root().0, by_definition(&leaves));
        for n in 0..70_u8 {
            let leaf = Hash([n; 32]);
            tree.push(&leaf);
            leaves.push(leaf);
            assert_eq!(tree.root().0, by_definition(&leaves), "{} leaves", n + 1);
            assert!(tree.roots.len() <= 7);
        }
    }
}
