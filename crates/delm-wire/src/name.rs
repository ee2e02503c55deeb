//! Core values spelled as JSON: hashes, labels, vocabularies, times.
//!
//! Refuses to invent spellings: a hash, label or word is written by the core's own `Display`, and nothing else.

use core::fmt;
use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use delm_core::event;
use delm_core::ids::{
    AgentId, CallId, Digest, FactId, Job, Label, Millis, SourceId, Subject, TaskId, UnitId,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};

/// A core value that JSON holds as a string.
pub trait Spelled: fmt::Display {
    /// Its name in schemas.
    const NAME: &'static str;

    /// Which strings are possible.
    fn strings() -> Schema;
}

/// A core value, written in JSON as its `Display` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word<T>(pub T);

impl<T> From<T> for Word<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: Spelled> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<T: Spelled> JsonSchema for Word<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::strings()
    }
}

/// A hash, in full: 64 lower-case hex digits.
pub type Hash = Word<Digest>;

macro_rules! patterns {
    ($($type:ty = $name:literal $pattern:literal;)+) => {
        $(impl Spelled for $type {
            const NAME: &'static str = $name;
            fn strings() -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        })+
    };
}

patterns! {
    Digest = "Hash" "^[0-9a-f]{64}$";
    SourceId = "SourceLabel" "^S[0-9]+$";
    UnitId = "UnitLabel" r"^S[0-9]+\.[0-9]+$";
    TaskId = "TaskLabel" "^T[0-9]+$";
    AgentId = "AgentLabel" "^a[0-9]+$";
    FactId = "FactLabel" "^F[0-9]+$";
    CallId = "CallLabel" "^c[0-9]+$";
    Subject = "Subject" r"^(T[0-9]+|S[0-9]+\.[0-9]+)$";
    Label = "Label" r"^(F[0-9]+|S[0-9]+\.[0-9]+)$";
    Job = "Job" r"^(plan|read:S[0-9]+\.[0-9]+|reason:T[0-9]+|review:[0-9]+|expand:[0-9]+|finalize)$";
    JobSubject = "JobSubject" r"^(plan|S[0-9]+\.[0-9]+|T[0-9]+|review:[0-9]+|expand:[0-9]+|finalize)$";
    Nonce = "Nonce" "^[0-9a-f]{32}$";
    Time = "Time" r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$";
}

macro_rules! vocabularies {
    ($($name:ident)+) => {
        $(impl Spelled for event::$name {
            const NAME: &'static str = stringify!($name);
            fn strings() -> Schema {
                let words: Vec<&str> = Self::ALL.iter().map(|word| word.as_str()).collect();
                json_schema!({ "type": "string", "enum": words })
            }
        })+

        /// Every vocabulary of the core by name, with its words in their order on disk.
        #[must_use]
        pub fn vocabularies() -> Vec<(&'static str, Vec<&'static str>)> {
            vec![$((stringify!($name), event::$name::ALL.iter().map(|word| word.as_str()).collect()),)+]
        }
    };
}

vocabularies!(PauseCause Outcome AgentKind Purpose Level Extractor GistKind Ruling Method Grade Check DrainCause
    AnswerKind Ablation CallFault Late);

/// A job in a field called `task`: `T7` or `S3.2` when it works towards a gist, else the job as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct JobSubject(pub Job);

impl fmt::Display for JobSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subject() {
            Some(subject) => subject.fmt(f),
            None => self.0.fmt(f),
        }
    }
}

/// Sixteen bytes as 32 lower-case hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nonce(pub [u8; 16]);

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A moment, RFC 3339 in UTC with milliseconds. What lies after the year 9999 is shown as its last millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Millis);

const YEAR_9999_END_MS: Millis = 253_402_300_799_999;

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since_1970 = Duration::from_millis(self.0.min(YEAR_9999_END_MS));
        // Every time up to the end of 9999 fits a `SystemTime` of Linux and macOS; the fallback is never reached there.
        let time = SystemTime::UNIX_EPOCH.checked_add(since_1970).unwrap_or(SystemTime::UNIX_EPOCH);
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        Self::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        Self::strings()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_in_utc_and_never_overflow() {
        assert_eq!(Time(0).to_string(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Time(1_795_363_321_007).to_string(), "2026-11-22T16:02:01.007Z");
        assert_eq!(Time(u64::MAX).to_string(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_job_in_a_task_field_is_its_subject() {
        for (job, task) in
            [("reason:T7", "T7"), ("read:S3.2", "S3.2"), ("review:14", "review:14"), ("plan", "plan")]
        {
            assert_eq!(JobSubject(job.parse().unwrap()).to_string(), task);
        }
    }
}
