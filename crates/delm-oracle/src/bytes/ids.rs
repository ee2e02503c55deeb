//! Hashes, ordinals, labels and jobs: what events name things by, and how each is written.
//!
//! Refuses nothing that fits its field: whether a name names anything is for the laws.

use std::fmt;

use super::{Bad, Bytes, Field};
use crate::json::{Json, hex};

/// Thirty-two bytes: of an entry, a blob or a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Hash(pub(crate) [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex(&self.0))
    }
}

impl Field for Hash {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        bytes.array().map(Self)
    }
    fn show(&self, out: &mut Json) {
        out.hex(&self.0);
    }
}

/// Sixteen bytes of chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Nonce([u8; 16]);

impl Field for Nonce {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        bytes.array().map(Self)
    }
    fn show(&self, out: &mut Json) {
        out.hex(&self.0);
    }
}

macro_rules! ordinals {
    ($($name:ident = $letter:literal),+ $(,)?) => {$(
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) struct $name(pub(crate) u32);

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!($letter, "{}"), self.0)
            }
        }

        impl $name {
            fn bare(self, out: &mut Json) {
                out.raw($letter);
                out.number(u64::from(self.0));
            }
        }

        impl Field for $name {
            fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
                u32::read(bytes).map(Self)
            }
            fn show(&self, out: &mut Json) {
                out.raw("\"");
                self.bare(out);
                out.raw("\"");
            }
        }
    )+};
}

ordinals!(SourceId = "S", TaskId = "T", AgentId = "a", FactId = "F", CallId = "c");

/// A slice of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct UnitId {
    pub(crate) source: SourceId,
    pub(crate) index: u32,
}

impl fmt::Display for UnitId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.source, self.index)
    }
}

impl UnitId {
    fn bare(self, out: &mut Json) {
        self.source.bare(out);
        out.raw(".");
        out.number(u64::from(self.index));
    }
}

impl Field for UnitId {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        Ok(Self { source: Field::read(bytes)?, index: Field::read(bytes)? })
    }
    fn show(&self, out: &mut Json) {
        out.raw("\"");
        self.bare(out);
        out.raw("\"");
    }
}

/// What a gist is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Task(TaskId),
    Unit(UnitId),
}

impl fmt::Display for Subject {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Task(task) => task.fmt(out),
            Self::Unit(unit) => unit.fmt(out),
        }
    }
}

impl Subject {
    /// The job that works towards its gist.
    pub(crate) fn job(self) -> Job {
        match self {
            Self::Task(task) => Job::Reason(task),
            Self::Unit(unit) => Job::Read(unit),
        }
    }
}

impl Field for Subject {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        match bytes.place("Subject", 2)? {
            0 => Field::read(bytes).map(Self::Task),
            _ => Field::read(bytes).map(Self::Unit),
        }
    }
    fn show(&self, out: &mut Json) {
        match self {
            Self::Task(task) => task.show(out),
            Self::Unit(unit) => unit.show(out),
        }
    }
}

/// What may be read behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label {
    Fact(FactId),
    Unit(UnitId),
}

impl Field for Label {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        match bytes.place("Label", 2)? {
            0 => Field::read(bytes).map(Self::Fact),
            _ => Field::read(bytes).map(Self::Unit),
        }
    }
    fn show(&self, out: &mut Json) {
        match self {
            Self::Fact(fact) => fact.show(out),
            Self::Unit(unit) => unit.show(out),
        }
    }
}

/// What a claim holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    Plan,
    Read(UnitId),
    Reason(TaskId),
    Review(u64),
    Expand(u32),
    Finalize,
}

impl Job {
    /// The task or unit whose gist it works towards, if it is one that proposes.
    pub(crate) fn subject(self) -> Option<Subject> {
        match self {
            Self::Read(unit) => Some(Subject::Unit(unit)),
            Self::Reason(task) => Some(Subject::Task(task)),
            Self::Plan | Self::Review(_) | Self::Expand(_) | Self::Finalize => None,
        }
    }

    pub(crate) fn purpose(self) -> super::Purpose {
        match self {
            Self::Plan => super::Purpose::Plan,
            Self::Read(_) => super::Purpose::Read,
            Self::Reason(_) => super::Purpose::Reason,
            Self::Review(_) => super::Purpose::Review,
            Self::Expand(_) => super::Purpose::Expand,
            Self::Finalize => super::Purpose::Finalize,
        }
    }
}

impl fmt::Display for Job {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan => out.write_str("plan"),
            Self::Read(unit) => write!(out, "read:{unit}"),
            Self::Reason(task) => write!(out, "reason:{task}"),
            Self::Review(proposal) => write!(out, "review:{proposal}"),
            Self::Expand(round) => write!(out, "expand:{round}"),
            Self::Finalize => out.write_str("finalize"),
        }
    }
}

impl Field for Job {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        match bytes.place("Job", 6)? {
            0 => Ok(Self::Plan),
            1 => Field::read(bytes).map(Self::Read),
            2 => Field::read(bytes).map(Self::Reason),
            3 => Field::read(bytes).map(Self::Review),
            4 => Field::read(bytes).map(Self::Expand),
            _ => Ok(Self::Finalize),
        }
    }
    fn show(&self, out: &mut Json) {
        out.raw("\"");
        match self {
            Self::Plan => out.raw("plan"),
            Self::Finalize => out.raw("finalize"),
            Self::Read(unit) => {
                out.raw("read:");
                unit.bare(out);
            }
            Self::Reason(task) => {
                out.raw("reason:");
                task.bare(out);
            }
            Self::Review(proposal) => {
                out.raw("review:");
                out.number(*proposal);
            }
            Self::Expand(round) => {
                out.raw("expand:");
                out.number(u64::from(*round));
            }
        }
        out.raw("\"");
    }
}

/// The job of `task_reopened` and `task_abandoned`: written as the task or unit alone where there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShortJob(pub(crate) Job);

impl Field for ShortJob {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        Job::read(bytes).map(Self)
    }
    fn show(&self, out: &mut Json) {
        match self.0.subject() {
            Some(subject) => subject.show(out),
            None => self.0.show(out),
        }
    }
}
