//! Logarithms and shares in whole numbers.
//!
//! Refuses floats and overflow: values are 1/1024ths, and everything saturates.

/// One, in 1/1024ths.
pub(super) const ONE: u64 = 1 << 10;

/// The binary logarithm of a whole number of at least one, in 1/1024ths, rounded down; zero for zero.
pub(super) fn log2(value: u64) -> u64 {
    let Some(whole) = value.checked_ilog2() else { return 0 };
    // The mantissa in 1..2, as 31 bits behind the point; each squaring gives one more bit of the logarithm.
    let mut mantissa = if whole > 31 { value >> (whole - 31) } else { value << (31 - whole) };
    let mut bits = 0;
    for _ in 0..10 {
        mantissa = (mantissa * mantissa) >> 31;
        bits <<= 1;
        if mantissa >> 32 != 0 {
            mantissa >>= 1;
            bits |= 1;
        }
    }
    u64::from(whole) * ONE + bits
}

/// How telling a word is that stands in `with` of `all` units: log₂((all + 1) / (with + ½)), as in BM25.
pub(super) fn rarity(all: u64, with: u64) -> u64 {
    log2(all.saturating_mul(2).saturating_add(2))
        .saturating_sub(log2(with.saturating_mul(2).saturating_add(1)))
}

/// The share of its rarity that a word earns by standing `times` times in a unit of `length` words: BM25's saturation
/// with its customary k₁ = 1.2 and b = 0.75, in 1/1024ths, at most 2.2.
pub(super) fn saturation(times: u64, length: u64, mean_length: u64) -> u64 {
    // f·(k₁+1) / (f + k₁·(1 − b + b·length/mean)), both sides times 10·mean.
    let mean = mean_length.max(1);
    let above = times.saturating_mul(22).saturating_mul(mean).saturating_mul(ONE);
    let below = times.saturating_mul(10).saturating_mul(mean);
    let below = below.saturating_add(mean.saturating_mul(3)).saturating_add(length.saturating_mul(9));
    above / below.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_right_to_a_thousandth() {
        for (value, expected) in
            [(0, 0), (1, 0), (2, 1024), (3, 1623), (10, 3401), (1 << 40, 40_960), (u64::MAX, 65_535)]
        {
            assert_eq!(log2(value), expected, "{value}");
        }
    }

    #[test]
    fn rare_words_tell_more_and_repetition_saturates() {
        assert!(rarity(100, 1) > rarity(100, 2) && rarity(100, 50) > rarity(100, 100));
        assert_eq!(rarity(0, 0), 1024);
        let once = saturation(1, 100, 100);
        assert!(
            once == ONE && saturation(2, 100, 100) > once && saturation(1_000_000, 100, 100) <= ONE * 22 / 10
        );
        assert!(saturation(1, 200, 100) < once && saturation(1, 50, 100) > once);
        assert!(saturation(u64::MAX, u64::MAX, u64::MAX) <= ONE * 22 / 10);
    }
}
