//! Every limit of a run, by name, with its default and range: recorded in the first entry, changed only by `run_resumed`.
//!
//! Refuses unknown names and values outside their range; no limit is read from anywhere else.

use alloc::string::String;

use bincode::{Decode, Encode};

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident = $default:literal in $low:literal ..= $high:expr;)+) => {
        /// The limits of one run. Zero means "none" where the range admits it for a budget or deadline.
        #[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
        pub struct Limits {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        /// Name, default, lowest, highest and meaning of every limit, in their order on disk.
        pub const LIMITS: &[LimitInfo] = &[
            $(LimitInfo {
                name: stringify!($name), default: $default, low: $low, high: $high, about: concat!($($doc),+),
            },)+
        ];

        impl Limits {
            /// The value of the limit called `name`.
            #[must_use]
            pub fn get(&self, name: &str) -> Option<u64> {
                match name {
                    $(stringify!($name) => Some(self.$name),)+
                    _ => None,
                }
            }

            /// Sets one limit.
            ///
            /// # Errors
            /// [`LimitError`] when no limit has that name, or the value is outside its range.
            pub fn set(&mut self, name: &str, value: u64) -> Result<(), LimitError> {
                let info = LIMITS.iter().find(|info| info.name == name)
                    .ok_or_else(|| LimitError::Unknown { name: name.into() })?;
                if value < info.low || value > info.high {
                    return Err(LimitError::OutOfRange { name: info.name, value, low: info.low, high: info.high });
                }
                match name {
                    $(stringify!($name) => self.$name = value,)+
                    _ => {}
                }
                Ok(())
            }
        }
    };
}

/// One limit, described.
#[derive(Clone, Copy, Debug)]
pub struct LimitInfo {
    /// Its name, unit last.
    pub name: &'static str,
    /// Its default.
    pub default: u64,
    /// The lowest value allowed.
    pub low: u64,
    /// The highest value allowed.
    pub high: u64,
    /// What it bounds.
    pub about: &'static str,
}

/// Why a limit cannot be set so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// No such limit.
    #[error("there is no limit called {name:?}")]
    Unknown {
        /// What was given.
        name: String,
    },
    /// Outside its range.
    #[error("{name} = {value} is outside {low}..={high}")]
    OutOfRange {
        /// The limit.
        name: &'static str,
        /// What was given.
        value: u64,
        /// The lowest value allowed.
        low: u64,
        /// The highest value allowed.
        high: u64,
    },
}

// Values marked [paper] are those of arXiv 2606.10662 v1; it publishes none of the others, so they are ours.
limits! {
    /// Agents that may ever join the run.
    agents_max = 4096 in 1 ..= 65_536;
    /// Rejections, expiries and failures after which a job is given up.
    attempts_max = 3 in 1 ..= 100;
    /// Orderly releases of one job; at the bound further ones count as attempts.
    releases_max = 20 in 0 ..= 10_000;
    /// How long a claim lasts without renewal, in milliseconds.
    lease_ms = 120_000 in 1 ..= 86_400_000;
    /// Running time after which the run pauses, in milliseconds; 0 is none.
    deadline_ms = 0 in 0 ..= 31_536_000_000;
    /// Money that may be spent, in millionths of a US dollar; 0 is none.
    budget_microusd = 0 in 0 ..= 1_000_000_000_000;
    /// Tokens in and out that may be spent; 0 is none.
    budget_tokens = 0 in 0 ..= 1_000_000_000_000;
    /// Length of a gist in tokens, by `gist_tokens` of the rules [paper: 100].
    gist_tokens_max = 100 in 8 ..= 1_000;
    /// Tokens a model may write in one reply.
    output_tokens_max = 2_048 in 16 ..= 1_000_000;
    /// Tasks the run may ever have.
    tasks_max = 2_000 in 1 ..= 1_000_000;
    /// Needs one task may have.
    needs_max = 64 in 0 ..= 10_000;
    /// Rounds of expansion after the first drain.
    rounds_max = 3 in 0 ..= 1_000;
    /// Calls that one claim may make beyond its first to read behind labels.
    unfold_rounds_max = 2 in 0 ..= 100;
    /// Labels one call may ask to read behind [paper's code: 5].
    unfold_labels_max = 5 in 1 ..= 100;
    /// Times an unusable reply is asked for again within one claim.
    asks_max = 1 in 0 ..= 10;
    /// Commands an agent may send twice and get the same reply.
    commands_kept = 64 in 1 ..= 4_096;
    /// Bullets in the summary of a unit [paper's code: 12].
    bullets_max = 12 in 1 ..= 200;
    /// Words at the head and at the tail of a reference that must be found verbatim [paper: 5].
    reference_words_min = 5 in 1 ..= 50;
    /// Evidence spans one draft may cite.
    evidence_max = 16 in 1 ..= 1_000;
    /// Length aimed at for a unit, in bytes.
    unit_bytes = 6_000 in 64 ..= 1_000_000;
    /// Units all sources may have together.
    units_max = 100_000 in 1 ..= 1_000_000;
    /// The longest source that is read, in bytes; a longer one is skipped.
    source_bytes_max = 33_554_432 in 1 ..= 1_073_741_824;
    /// All sources together, in bytes; what is over is skipped.
    sources_bytes_max = 268_435_456 in 1 ..= 4_294_967_296;
    /// The longest question, in bytes.
    question_bytes_max = 100_000 in 1 ..= 10_000_000;
    /// The longest reply that is kept whole, in bytes.
    reply_bytes_max = 4_194_304 in 1_024 ..= 67_108_864;
    /// Bytes counted as one token when a prompt's size is bounded before a call.
    bytes_per_token = 3 in 1 ..= 16;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_in_its_range_and_settable() {
        let mut limits = Limits::default();
        for info in LIMITS {
            assert_eq!(limits.get(info.name), Some(info.default));
            limits.set(info.name, info.default).unwrap();
            assert!(limits.set(info.name, info.high + 1).is_err(), "{}", info.name);
        }
        assert!(limits.set("no_such", 1).is_err());
    }
}
