//! Times, durations, sizes, money and numbers, in the one spelling each has on screen.
//!
//! Refuses floats: everything is integer arithmetic, so the same log reads the same everywhere. An unknown cost is
//! "unknown", never zero.

use std::time::{Duration, UNIX_EPOCH};

/// The last millisecond of the year 9999, after which RFC 3339 has no spelling.
const LAST_MS: u64 = 253_402_300_799_999;

/// A time as RFC 3339 in UTC, to the millisecond: `2026-11-22T15:49:00.123Z`.
pub(crate) fn time(at_ms: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at_ms.min(LAST_MS))).to_string()
}

/// A span of time in at most two units: `350 ms`, `14 s`, `2m 11s`, `1h 02m`, `3d 04h`.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1_000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// A span of time as a clock shows it: `02:11`, `1:02:11`.
pub(crate) fn clock(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// A size: `17 B`, `4.2 kB`, `1.3 MB`, in powers of ten.
pub(crate) fn size(bytes: u64) -> String {
    let scales = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    for (scale, unit) in scales {
        if bytes >= scale {
            let tenths = u128::from(bytes) * 10 / scale as u128;
            return format!("{}.{} {unit}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} B")
}

/// Money: `$1.09` from a dollar up, `$0.0123` below, `$0.000012` where that would say nothing, `unknown` for none.
pub(crate) fn money(microusd: Option<u64>) -> String {
    let Some(micro) = microusd else { return "unknown".into() };
    let places = match micro {
        0 => return "$0.00".into(),
        1..100 => 6,
        100..1_000_000 => 4,
        _ => 2,
    };
    let unit = 10_u64.pow(6 - places);
    let rounded = u128::from(micro).saturating_add(u128::from(unit / 2)) / u128::from(unit);
    let whole = 10_u128.pow(places);
    format!("${}.{:0width$}", rounded / whole, rounded % whole, width = places as usize)
}

/// A number with thin groups of three: `6,114`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 source`, `3 sources`.
pub(crate) fn plural(number: u64, noun: &str) -> String {
    let end = if number == 1 { "" } else { "s" };
    format!("{} {noun}{end}", count(number))
}

/// So many entries.
pub(crate) fn entries(number: u64) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{} entries", count(number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc() {
        assert_eq!(time(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(1_795_362_540_123), "2026-11-22T15:49:00.123Z");
        assert_eq!(time(u64::MAX), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let spans = [0, 999, 14_000, 59_999, 131_000, 3_725_000, 273_600_000].map(span);
        assert_eq!(spans, ["0 ms", "999 ms", "14 s", "59 s", "2m 11s", "1h 02m", "3d 04h"]);
        assert_eq!([0, 131_000, 3_731_000].map(clock), ["00:00", "02:11", "1:02:11"]);
    }

    #[test]
    fn sizes_are_rounded_down() {
        let sizes = [0, 999, 1_000, 4_299, 1_999_999, 200_000_000, u64::MAX].map(size);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "4.2 kB", "1.9 MB", "200.0 MB", "18446744.0 TB"]);
    }

    #[test]
    fn money_is_never_shown_as_zero_unless_it_is() {
        let sums = [0, 1, 12, 99, 100, 12_345, 999_949, 1_090_000, 1_999_999].map(|micro| money(Some(micro)));
        let want = [
            "$0.00",
            "$0.000001",
            "$0.000012",
            "$0.000099",
            "$0.0001",
            "$0.0123",
            "$0.9999",
            "$1.09",
            "$2.00",
        ];
        assert_eq!(sums, want);
        assert_eq!(money(Some(999_999)), "$1.0000");
        assert_eq!(money(None), "unknown");
        assert!(money(Some(u64::MAX)).starts_with("$18446744073709.55"));
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(plural(1, "source"), "1 source");
        assert_eq!(plural(0, "source"), "0 sources");
    }
}
