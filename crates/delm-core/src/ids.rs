//! Names of things: hashes for content, ordinals for what a run numbers itself.
//!
//! Refuses to make any of them up: ordinals are given by `decide`, hashes by `blake3`, nonces by the shell.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use bincode::{Decode, Encode};

/// A 32-byte BLAKE3 hash: of a blob's bytes, of an event, or of an entry (then it is the entry's id).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The parent of the first entry: thirty-two zero bytes, `null` in JSON.
    pub const ZERO: Self = Self([0; 32]);

    /// The name of a blob: plain BLAKE3 of its bytes.
    #[must_use]
    pub fn of_blob(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Lower-case hex of the first `n` characters (at most 64), for people.
    #[must_use]
    pub fn short(&self, n: usize) -> String {
        let mut hex = alloc::format!("{self}");
        hex.truncate(n);
        hex
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}…", self.short(12))
    }
}

/// Why a text is not a name of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {expected}")]
pub struct BadName {
    /// What was given.
    pub text: String,
    /// What would have been right.
    pub expected: &'static str,
}

impl FromStr for Digest {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.into(), expected: "64 lower-case hex digits" };
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(bad());
        }
        let nibble = |c: u8| match c {
            b'0'..=b'9' => Ok(c - b'0'),
            b'a'..=b'f' => Ok(c - b'a' + 10),
            _ => Err(bad()),
        };
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = (nibble(pair[0])? << 4) | nibble(pair[1])?;
        }
        Ok(Self(out))
    }
}

macro_rules! ordinal {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        pub struct $name(pub u32);

        impl $name {
            /// The place of this ordinal in a list that starts at zero; ordinals start at one.
            #[must_use]
            pub fn index(self) -> usize {
                (self.0 as usize).wrapping_sub(1)
            }

            /// The ordinal of the item that a list of `len` items would get next.
            ///
            /// Saturates at `u32::MAX`, which no run reaches: every list has a limit below it.
            #[must_use]
            pub fn after(len: usize) -> Self {
                Self(u32::try_from(len).unwrap_or(u32::MAX).saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadName;
            fn from_str(text: &str) -> Result<Self, BadName> {
                let bad = || BadName { text: text.into(), expected: $expected };
                let digits = text.strip_prefix($prefix).ok_or_else(bad)?;
                if digits.starts_with('0') || digits.starts_with('+') {
                    return Err(bad());
                }
                digits.parse().map(Self).map_err(|_| bad())
            }
        }
    };
}

ordinal!(/// A document the run reads: `S3`.
    SourceId, "S", "a source label such as S3");
ordinal!(/// A subtask in the queue: `T7`.
    TaskId, "T", "a task label such as T7");
ordinal!(/// A worker that claims jobs: `a3`.
    AgentId, "a", "an agent label such as a3");
ordinal!(/// An admitted gist: `F12`.
    FactId, "F", "a fact label such as F12");
ordinal!(/// One recorded model call: `c5`.
    CallId, "c", "a call label such as c5");

/// A labelled slice of a source: `S3.2`, the second unit of the third source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub struct UnitId {
    /// The source the unit is cut from.
    pub source: SourceId,
    /// The place within the source, from one.
    pub index: u32,
}

impl fmt::Display for UnitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.source, self.index)
    }
}

impl FromStr for UnitId {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.into(), expected: "a unit label such as S3.2" };
        let (source, index) = text.split_once('.').ok_or_else(bad)?;
        if index.starts_with('0') || index.starts_with('+') {
            return Err(bad());
        }
        Ok(Self { source: source.parse().map_err(|_| bad())?, index: index.parse().map_err(|_| bad())? })
    }
}

/// The place of an entry in its run, from zero.
pub type Seq = u64;

/// The number that outlaws late results: the seq of the entry that made the claim.
pub type Fence = u64;

/// Milliseconds since 1970-01-01 UTC when it is a time, a span of time elsewhere.
pub type Millis = u64;

/// Millionths of a US dollar.
pub type MicroUsd = u64;

/// What a gist is about: a task, or a unit that was read. `T7` or `S3.2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Subject {
    /// A reasoned task.
    Task(TaskId),
    /// A unit that was read.
    Unit(UnitId),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(task) => task.fmt(f),
            Self::Unit(unit) => unit.fmt(f),
        }
    }
}

impl FromStr for Subject {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        text.parse().map(Self::Task).or_else(|_: BadName| text.parse().map(Self::Unit)).map_err(
            |_: BadName| BadName { text: text.into(), expected: "a task or unit label such as T7 or S3.2" },
        )
    }
}

/// A label that can be read behind: a fact or a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Label {
    /// An admitted gist.
    Fact(FactId),
    /// A slice of a source.
    Unit(UnitId),
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fact(fact) => fact.fmt(f),
            Self::Unit(unit) => unit.fmt(f),
        }
    }
}

impl FromStr for Label {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        text.parse().map(Self::Fact).or_else(|_: BadName| text.parse().map(Self::Unit)).map_err(
            |_: BadName| BadName { text: text.into(), expected: "a fact or unit label such as F12 or S3.2" },
        )
    }
}

/// What a claim holds. `plan`, `read:S3.2`, `reason:T7`, `review:14`, `expand:1`, `finalize`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Job {
    /// Write the first tasks.
    Plan,
    /// Summarize a unit and give its gist.
    Read(UnitId),
    /// Work a task out.
    Reason(TaskId),
    /// Judge the gist proposed by the entry of this seq.
    Review(Seq),
    /// After the drain of this round: add tasks, or close.
    Expand(u32),
    /// Give the answer.
    Finalize,
}

impl Job {
    /// The task or unit whose gist this job works towards, if it is one of those two.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        match self {
            Self::Read(unit) => Some(Subject::Unit(*unit)),
            Self::Reason(task) => Some(Subject::Task(*task)),
            Self::Plan | Self::Review(_) | Self::Expand(_) | Self::Finalize => None,
        }
    }
}

impl From<Subject> for Job {
    fn from(subject: Subject) -> Self {
        match subject {
            Subject::Task(task) => Self::Reason(task),
            Subject::Unit(unit) => Self::Read(unit),
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => f.write_str("plan"),
            Self::Read(unit) => write!(f, "read:{unit}"),
            Self::Reason(task) => write!(f, "reason:{task}"),
            Self::Review(seq) => write!(f, "review:{seq}"),
            Self::Expand(round) => write!(f, "expand:{round}"),
            Self::Finalize => f.write_str("finalize"),
        }
    }
}

impl FromStr for Job {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.into(), expected: "a job such as plan, reason:T7 or review:14" };
        match text.split_once(':') {
            None if text == "plan" => Ok(Self::Plan),
            None if text == "finalize" => Ok(Self::Finalize),
            Some(("read", unit)) => unit.parse().map(Self::Read),
            Some(("reason", task)) => task.parse().map(Self::Reason),
            Some(("review", seq)) => seq.parse().map(Self::Review).map_err(|_| bad()),
            Some(("expand", round)) => round.parse().map(Self::Expand).map_err(|_| bad()),
            _ => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn labels_are_written_and_read_the_same() {
        for text in ["plan", "read:S3.2", "reason:T7", "review:14", "expand:1", "finalize"] {
            assert_eq!(text.parse::<Job>().unwrap().to_string(), text);
        }
        assert_eq!("S3.2".parse::<Label>().unwrap().to_string(), "S3.2");
        assert_eq!("T7".parse::<Subject>().unwrap().to_string(), "T7");
        for bad in ["", "T", "T0", "T07", "T+7", "S1.0", "f1", "F99999999999"] {
            assert!(bad.parse::<Label>().is_err() && bad.parse::<Subject>().is_err(), "{bad}");
        }
    }

    #[test]
    fn digests_are_lower_case_hex_in_full() {
        let digest = Digest::of_blob(b"delm");
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert!(digest.to_string().to_uppercase().parse::<Digest>().is_err());
        assert_eq!(Some(digest.short(6).as_str()), digest.to_string().get(..6));
    }
}
