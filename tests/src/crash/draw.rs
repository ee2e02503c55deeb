//! Numbers that look drawn and are the same each time (splitmix64).
//!
//! Refuses to be a source of chance: the seed says all.

/// A row of numbers.
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// The row of a seed, and of one thing in it.
    #[must_use]
    pub fn of(seed: u64, thing: u64) -> Self {
        let mut draw = Self(seed ^ thing.wrapping_mul(0xd134_2543_de82_ef95));
        draw.number();
        draw
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 if there is none.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number().checked_rem(end).unwrap_or(0)
    }

    /// A place in something of this length.
    pub fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }
}
