//! The blobs that entries name, until the blobs come: sorted hashes, 38 bytes each, and nothing of the entries.
//!
//! Refuses to forget one. This is the one thing an audit keeps that grows with the log: blobs follow all entries in a
//! stream, so that each is there can only be told by who remembers the names.

use crate::bytes::Hash;

/// What else is asked of a blob: its bytes are seen when only this is known of it.
pub(crate) mod role {
    /// Any text.
    pub(crate) const PLAIN: u8 = 0;
    /// A reason: must not be empty.
    pub(crate) const REASON: u8 = 1;
    /// A gist: bounded in tokens.
    pub(crate) const GIST: u8 = 2;
}

/// A named blob, the first entry that names it, and its roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub(crate) hash: [u8; 32],
    /// Forty bits, big-endian.
    seq: [u8; 5],
    pub(crate) roles: u8,
}

impl Named {
    fn new(hash: &Hash, seq: u64, roles: u8) -> Self {
        let [_, _, _, seq @ ..] = seq.min((1 << 40) - 1).to_be_bytes();
        Self { hash: hash.0, seq, roles }
    }

    pub(crate) fn seq(&self) -> u64 {
        let [a, b, c, d, e] = self.seq;
        u64::from_be_bytes([0, 0, 0, a, b, c, d, e])
    }
}

const RECENT_MIN: usize = 4_096;
const CACHE: usize = 512;

/// All names so far.
pub(crate) struct Names {
    /// Sorted without doubles up to `settled`, then as they came.
    names: Vec<Named>,
    settled: usize,
    /// Names seen lately, by their first bytes: templates, preambles and stock reasons are named again and again.
    cache: Vec<Option<Named>>,
}

impl Default for Names {
    fn default() -> Self {
        Self { names: Vec::new(), settled: 0, cache: vec![None; CACHE] }
    }
}

impl Names {
    pub(crate) fn add(&mut self, hash: &Hash, seq: u64, roles: u8) {
        let [low, high, ..] = hash.0;
        let slot = self.cache.get_mut(usize::from(u16::from_le_bytes([low, high])) % CACHE);
        if let Some(slot) = slot {
            if slot.is_some_and(|known| known.hash == hash.0 && known.roles & roles == roles) {
                return;
            }
            *slot = Some(Named::new(hash, seq, roles));
        }
        if self.names.len() - self.settled >= RECENT_MIN.max(self.settled / 2) {
            self.settle();
        }
        self.names.push(Named::new(hash, seq, roles));
    }

    fn settle(&mut self) {
        self.names.sort_unstable();
        // Of equal hashes the first in order has the lowest seq; it takes on the roles of the others.
        self.names.dedup_by(|later, kept| {
            let same = later.hash == kept.hash;
            if same {
                kept.roles |= later.roles;
            }
            same
        });
        self.settled = self.names.len();
    }

    /// All of them, ascending by hash.
    pub(crate) fn sorted(mut self) -> Vec<Named> {
        self.settle();
        self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_kept_once_with_its_first_seq_and_all_roles() {
        let mut names = Names::default();
        let hash = |n: u32| {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&n.wrapping_mul(0x9E37_79B9).to_be_bytes());
            Hash(bytes)
        };
        for round in 0..3_u64 {
            for n in 0..20_000 {
                let roles = if round == 1 { role::GIST } else { role::REASON };
                names.add(&hash(n), round * 20_000 + u64::from(n), roles);
            }
        }
        let sorted = names.sorted();
        assert_eq!(sorted.len(), 20_000);
        assert!(sorted.windows(2).all(|pair| pair[0].hash < pair[1].hash));
        let seventh = sorted.iter().find(|named| named.hash == hash(7).0).unwrap();
        assert_eq!((seventh.seq(), seventh.roles), (7, role::GIST | role::REASON));
        let last = sorted.iter().find(|named| named.hash == hash(19_999).0).unwrap();
        assert_eq!((last.seq(), last.roles), (19_999, role::GIST | role::REASON));
        assert_eq!(size_of::<Named>(), 38);
    }
    #[test]
    fn what_is_held_stays_near_what_is_known_and_is_seldom_sorted() {
        let mut names = Names::default();
        let (mut most, mut sorted) = (0, 0);
        for n in 0..60_000_u32 {
            let mut bytes = [0; 32];
            bytes[..4].copy_from_slice(&(n % 20_000).wrapping_mul(0x9E37_79B9).to_be_bytes());
            names.add(&Hash(bytes), u64::from(n), role::PLAIN);
            most = most.max(names.names.len());
            sorted += usize::from(names.names.len() == names.settled + 1);
        }
        assert!(most <= 30_000, "{most} names held of 20,000");
        assert!(sorted <= 10, "sorted {sorted} times");
    }

    #[test]
    fn names_that_come_again_and_again_are_held_once() {
        let mut names = Names::default();
        for seq in 0..1_000 {
            for first in [1, 2] {
                let mut bytes = [0; 32];
                bytes[0] = first;
                names.add(&Hash(bytes), seq, role::PLAIN);
            }
        }
        assert_eq!(names.names.len(), 2);
    }
}
