//! Values of flags: durations, dollars, limits, parameters, times.
//!
//! Refuses floats and bare numbers where a unit is needed; every message says what would have been right.

use std::time::{Duration, UNIX_EPOCH};

use delm_core::limits::{LIMITS, Limits};

/// Why a value of a flag is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ValueError {
    /// Not an amount of dollars.
    #[error("{text:?} is no amount of dollars: give digits and at most six decimals, such as 2.50")]
    Dollars {
        /// What was given.
        text: String,
    },
    /// Zero, where zero would mean "without end".
    #[error("nothing can be done with {what} of 0; leave it out for none")]
    Zero {
        /// What it would be.
        what: &'static str,
    },
    /// Not a span of time.
    #[error("{text:?} is no span of time: give a number and its unit, such as 90s, 15m or 1h30m")]
    Span {
        /// What was given.
        text: String,
    },
    /// Not a number of items, or none of them.
    #[error("{text:?} is no number of items: give 1 or more, or leave it out for all of them")]
    Items {
        /// What was given.
        text: String,
    },
    /// Not a point in time.
    #[error(
        "{text:?} is no time: give RFC 3339 such as 2026-11-22T15:00:00Z, a day such as 2026-11-22, or how long ago, such as 2h"
    )]
    Time {
        /// What was given.
        text: String,
    },
    /// Not `KEY=VALUE`.
    #[error("{text:?} is not {expected}")]
    Pair {
        /// What was given.
        text: String,
        /// The shape asked for.
        expected: &'static str,
    },
    /// A limit that is not, or a value it cannot have.
    #[error("{0}")]
    Limit(String),
}

/// Dollars as decimal text, in millionths. Zero is allowed here; budgets refuse it.
pub(crate) fn microusd(text: &str) -> Result<u64, ValueError> {
    let bad = || ValueError::Dollars { text: text.into() };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 6 {
        return Err(bad());
    }
    let whole: u64 = whole.parse().map_err(|_| bad())?;
    let decimals: u64 = format!("{decimals:0<6}").parse().map_err(|_| bad())?;
    whole.checked_mul(1_000_000).and_then(|micro| micro.checked_add(decimals)).ok_or_else(bad)
}

/// A budget in dollars, in millionths; never zero.
pub(crate) fn budget_usd(text: &str) -> Result<u64, ValueError> {
    microusd(text).and_then(|micro| nonzero(micro, "a budget"))
}

/// A budget in tokens; never zero. Groups of digits may be parted by `_`.
pub(crate) fn budget_tokens(text: &str) -> Result<u64, ValueError> {
    let pair = || ValueError::Pair { text: text.into(), expected: "a number of tokens, such as 200000" };
    text.replace('_', "").parse().map_err(|_| pair()).and_then(|tokens| nonzero(tokens, "a budget"))
}

/// A span of time in milliseconds; never zero.
pub(crate) fn span_ms(text: &str) -> Result<u64, ValueError> {
    nonzero(duration_ms(text)?, "a time")
}

fn duration_ms(text: &str) -> Result<u64, ValueError> {
    let bad = || ValueError::Span { text: text.into() };
    let duration = humantime::parse_duration(text).map_err(|_| bad())?;
    u64::try_from(duration.as_millis()).map_err(|_| bad())
}

/// How many items a page shows; never zero, which would look like the end of the list.
pub(crate) fn page_items(text: &str) -> Result<u64, ValueError> {
    let bad = || ValueError::Items { text: text.into() };
    text.parse().ok().filter(|items| *items > 0).ok_or_else(bad)
}

fn nonzero(value: u64, what: &'static str) -> Result<u64, ValueError> {
    if value == 0 { Err(ValueError::Zero { what }) } else { Ok(value) }
}

/// How long to wait for a store that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// As long as it takes.
    Forever,
    /// At most so long.
    AtMost(Duration),
}

/// The value of `--wait`.
pub(crate) fn wait(text: &str) -> Result<Wait, ValueError> {
    if text == "forever" {
        Ok(Wait::Forever)
    } else {
        duration_ms(text).map(|ms| Wait::AtMost(Duration::from_millis(ms)))
    }
}

/// A point in time, or how long ago it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// Milliseconds since 1970-01-01 UTC.
    AtMs(u64),
    /// Milliseconds before now.
    AgoMs(u64),
}

impl Since {
    /// The point in time, given what time it is.
    pub(crate) fn at_ms(self, now_ms: u64) -> u64 {
        match self {
            Self::AtMs(at) => at,
            Self::AgoMs(ago) => now_ms.saturating_sub(ago),
        }
    }
}

/// The value of `--since`.
pub(crate) fn since(text: &str) -> Result<Since, ValueError> {
    let bad = || ValueError::Time { text: text.into() };
    if let Ok(ago) = duration_ms(text) {
        return Ok(Since::AgoMs(ago));
    }
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let at = humantime::parse_rfc3339(&whole).map_err(|_| bad())?;
    let ms = at.duration_since(UNIX_EPOCH).map_err(|_| bad())?.as_millis();
    u64::try_from(ms).map(Since::AtMs).map_err(|_| bad())
}

/// One limit and its value, of `--set`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetLimit {
    /// The limit.
    pub(crate) name: &'static str,
    /// Its value.
    pub(crate) value: u64,
}

/// The value of `--set`: a limit there is, at a value it can have.
pub(crate) fn set_limit(text: &str) -> Result<SetLimit, ValueError> {
    let expected = "LIMIT=VALUE, such as lease_ms=30000";
    let pair = || ValueError::Pair { text: text.into(), expected };
    let (name, value) = text.split_once('=').ok_or_else(pair)?;
    let value = value.replace('_', "").parse().map_err(|_| pair())?;
    limit(name, value)
}

/// A limit by name, checked against its range.
pub(crate) fn limit(name: &str, value: u64) -> Result<SetLimit, ValueError> {
    Limits::default()
        .set(name, value)
        .map_err(|error| ValueError::Limit(format!("{error} (see `delm config limits`)")))?;
    let info = LIMITS.iter().find(|info| info.name == name);
    info.map(|info| SetLimit { name: info.name, value })
        .ok_or_else(|| ValueError::Limit(format!("there is no limit called {name:?}")))
}

/// A parameter of a model, as the decimal text given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Param {
    /// For the judge, not the workers.
    pub(crate) judge: bool,
    /// Its name.
    pub(crate) key: String,
    /// Its value.
    pub(crate) value: String,
}

/// The value of `--param`: `KEY=VALUE`, or `judge.KEY=VALUE`.
pub(crate) fn param(text: &str) -> Result<Param, ValueError> {
    let expected = "KEY=VALUE or judge.KEY=VALUE, such as temperature=0";
    let pair = || ValueError::Pair { text: text.into(), expected };
    let (key, value) = text.split_once('=').ok_or_else(pair)?;
    let (judge, key) = key.strip_prefix("judge.").map_or((false, key), |key| (true, key));
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-' | b'.');
    if key.is_empty() || value.is_empty() || !key.bytes().all(plain) {
        return Err(pair());
    }
    Ok(Param { judge, key: key.into(), value: value.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_read_without_floats() {
        let sums = ["2", "2.5", "0.000001", "0", "007.10", "18446744073709.551615"]
            .map(|text| microusd(text).unwrap());
        assert_eq!(sums, [2_000_000, 2_500_000, 1, 0, 7_100_000, u64::MAX]);
        for bad in ["", ".5", "2.", "-1", "+1", "1e3", "1,5", "0.0000001", "$2", "18446744073709.551616", "٣"]
        {
            assert!(microusd(bad).is_err(), "{bad}");
        }
        assert_eq!(budget_usd("0.00"), Err(ValueError::Zero { what: "a budget" }));
        assert_eq!(budget_tokens("200_000"), Ok(200_000));
        assert!(
            budget_tokens("0").is_err() && budget_tokens("many").is_err() && budget_tokens("-1").is_err()
        );
    }

    #[test]
    fn spans_need_their_unit() {
        assert_eq!(
            ["90s", "15m", "1h30m", "250ms"].map(|text| span_ms(text).unwrap()),
            [90_000, 900_000, 5_400_000, 250]
        );
        for bad in ["", "90", "-1s", "soon", "0s", "99999999999999y"] {
            assert!(span_ms(bad).is_err(), "{bad}");
        }
        assert_eq!(wait("forever"), Ok(Wait::Forever));
        assert_eq!(wait("0s"), Ok(Wait::AtMost(Duration::ZERO)));
        assert!(wait("5").is_err());
    }

    #[test]
    fn since_is_a_time_a_day_or_an_age() {
        assert_eq!(since("2026-11-22T15:49:00Z"), Ok(Since::AtMs(1_795_362_540_000)));
        assert_eq!(since("1970-01-02"), Ok(Since::AtMs(86_400_000)));
        assert_eq!(since("2h"), Ok(Since::AgoMs(7_200_000)));
        assert_eq!(Since::AgoMs(10).at_ms(4), 0);
        assert_eq!(Since::AtMs(10).at_ms(4), 10);
        for bad in ["", "yesterday", "1969-12-31", "2026-13-01", "éééééé"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn limits_are_checked_when_they_are_given() {
        assert_eq!(set_limit("lease_ms=30_000"), Ok(SetLimit { name: "lease_ms", value: 30_000 }));
        let message = set_limit("lease=1").unwrap_err().to_string();
        assert!(
            message.contains("no limit called \"lease\"") && message.contains("delm config limits"),
            "{message}"
        );
        assert!(set_limit("attempts_max=0").unwrap_err().to_string().contains("1..=100"));
        assert!(set_limit("lease_ms").is_err() && set_limit("lease_ms=soon").is_err());
    }

    #[test]
    fn parameters_may_be_for_the_judge() {
        let of = |judge, key: &str, value: &str| Param { judge, key: key.into(), value: value.into() };
        assert_eq!(param("temperature=0.7"), Ok(of(false, "temperature", "0.7")));
        assert_eq!(param("judge.seed=1"), Ok(of(true, "seed", "1")));
        assert_eq!(param("stop=a=b"), Ok(of(false, "stop", "a=b")));
        for bad in ["temperature", "=1", "judge.=1", "x=", "a b=1"] {
            assert!(param(bad).is_err(), "{bad}");
        }
    }
}
