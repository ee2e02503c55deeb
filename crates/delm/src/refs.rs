//! How runs, and things in a run, are named on the command line: `RUN`, `RUN@POS`, labels, hashes.
//!
//! Refuses to look anything up: it says what kind of name a text is, or why it is none.

mod position;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use delm_core::ids::{AgentId, CallId, Digest, FactId, SourceId, TaskId, UnitId};

pub(crate) use position::{Position, RunAt};

/// Why a text names nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RefError {
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// `RUN@POS` where only a run will do.
    #[error("{text:?} names a position ({position:?}); this verb takes no RUN@POS, name the run alone")]
    Position {
        /// What was given.
        text: String,
        /// The part after `@`.
        position: String,
    },
    /// Neither an id nor a name.
    #[error(
        "{text:?} is no run: give a prefix of its id (hex), its name (1-64 of a-z 0-9 . _ - with a letter that is not a hex digit), `last`, or a path to an export"
    )]
    NoRun {
        /// What was given.
        text: String,
    },
    /// No position in a run.
    #[error(
        "{text:?} is no position: give a seq, `head`, `head~N`, the beginning of an entry's id (hex), or a label (F12, T7, S3.2, a3, c5, answer)"
    )]
    NoPosition {
        /// What was given.
        text: String,
    },
    /// Not a name a run can have.
    #[error("{text:?} cannot name a run: {why}")]
    BadName {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Nothing that comes from other things.
    #[error("{text:?} has no ancestors: give the label of a fact (F12) or `answer`")]
    NotMade {
        /// What was given.
        text: String,
    },
    /// Not a label, hash or call.
    #[error(
        "{text:?} names nothing in a run: give a label (S3 source, S3.2 unit, F12 fact, T7 task, a3 agent, c5 call, answer) or a blob's hash (64 hex digits)"
    )]
    NoThing {
        /// What was given.
        text: String,
    },
}

/// The name of a run, as `--name` gives it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RunName(String);

impl RunName {
    /// The name.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunName {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        let bad = |why| Err(RefError::BadName { text: text.into(), why });
        if text.is_empty() || text.len() > 64 {
            return bad("it must have 1 to 64 characters");
        }
        if !text.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-')) {
            return bad("only a-z 0-9 . _ - may be in it");
        }
        if !text.bytes().any(|c| matches!(c, b'g'..=b'z')) {
            return bad("it needs a letter from g to z, or it could be the id of a run");
        }
        if matches!(text, "last" | "head") {
            return bad("that word means a run already");
        }
        if text.contains(EXPORT) {
            return bad("with .jsonl it would be the path of an export");
        }
        Ok(Self(text.into()))
    }
}

/// Which run is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum RunRef {
    /// The run that began last.
    #[default]
    Last,
    /// A prefix of a run's id, in lower-case hex.
    Prefix(String),
    /// A run's name.
    Name(RunName),
    /// An export in a file.
    Export(PathBuf),
}

/// What makes an argument the path of an export.
const EXPORT: &str = ".jsonl";

impl FromStr for RunRef {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        if text.is_empty() {
            return Err(RefError::Empty);
        }
        if let Some((_, position)) = position::split(text) {
            return Err(RefError::Position { text: text.into(), position: position.into() });
        }
        if text.contains('/') || text.contains(EXPORT) {
            return Ok(Self::Export(text.into()));
        }
        if text == "last" {
            return Ok(Self::Last);
        }
        if text.len() <= 64 && text.bytes().all(|c| c.is_ascii_hexdigit()) {
            return Ok(Self::Prefix(text.to_ascii_lowercase()));
        }
        text.parse().map(Self::Name).map_err(|_: RefError| RefError::NoRun { text: text.into() })
    }
}

impl fmt::Display for RunRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Last => f.write_str("last"),
            Self::Prefix(prefix) => f.write_str(prefix),
            Self::Name(name) => f.write_str(name.as_str()),
            Self::Export(path) => path.display().fmt(f),
        }
    }
}

/// Something in a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// A document.
    Source(SourceId),
    /// A slice of a document.
    Unit(UnitId),
    /// An admitted gist.
    Fact(FactId),
    /// A subtask.
    Task(TaskId),
    /// A worker.
    Agent(AgentId),
    /// A model call.
    Call(CallId),
    /// The answer.
    Answer,
    /// A blob by its hash.
    Blob(Digest),
}

impl FromStr for Thing {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        if text == "answer" {
            return Ok(Self::Answer);
        }
        let label = match text.as_bytes().first() {
            Some(b'S') if text.contains('.') => text.parse().ok().map(Self::Unit),
            Some(b'S') => text.parse().ok().map(Self::Source),
            Some(b'F') => text.parse().ok().map(Self::Fact),
            Some(b'T') => text.parse().ok().map(Self::Task),
            _ => text.parse().ok().map(Self::Agent),
        };
        label
            .or_else(|| text.parse().ok().map(Self::Call))
            .or_else(|| text.parse().ok().map(Self::Blob))
            .ok_or_else(|| RefError::NoThing { text: text.into() })
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(label) => label.fmt(f),
            Self::Unit(label) => label.fmt(f),
            Self::Fact(label) => label.fmt(f),
            Self::Task(label) => label.fmt(f),
            Self::Agent(label) => label.fmt(f),
            Self::Call(label) => label.fmt(f),
            Self::Answer => f.write_str("answer"),
            Self::Blob(hash) => hash.fmt(f),
        }
    }
}

/// What agents made out of others' words: it has ancestors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    /// An admitted gist.
    Fact(FactId),
    /// The answer.
    Answer,
}

impl FromStr for Made {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        match text.parse() {
            Ok(Thing::Fact(label)) => Ok(Self::Fact(label)),
            Ok(Thing::Answer) => Ok(Self::Answer),
            Ok(_) | Err(_) => Err(RefError::NotMade { text: text.into() }),
        }
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Thing::from(*self).fmt(f)
    }
}

impl From<Made> for Thing {
    fn from(made: Made) -> Self {
        match made {
            Made::Fact(label) => Self::Fact(label),
            Made::Answer => Self::Answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> Result<RunRef, RefError> {
        text.parse()
    }

    #[test]
    fn hex_is_an_id_and_anything_else_a_name() {
        assert_eq!(run("7f3a"), Ok(RunRef::Prefix("7f3a".into())));
        assert_eq!(run("BEEF"), Ok(RunRef::Prefix("beef".into())));
        assert_eq!(run("last"), Ok(RunRef::Last));
        assert_eq!(run("harrow-light.2"), Ok(RunRef::Name(RunName("harrow-light.2".into()))));
        assert_eq!(run(&"a".repeat(64)), Ok(RunRef::Prefix("a".repeat(64))));
    }

    #[test]
    fn a_slash_or_jsonl_makes_a_path() {
        assert_eq!(run("run.jsonl"), Ok(RunRef::Export("run.jsonl".into())));
        assert_eq!(run("replays/light/one"), Ok(RunRef::Export("replays/light/one".into())));
        assert_eq!(run("./a@b/one.jsonl"), Ok(RunRef::Export("./a@b/one.jsonl".into())));
        assert_eq!(run("x@1.jsonl"), Ok(RunRef::Export("x@1.jsonl".into())));
    }

    #[test]
    fn positions_are_refused_by_name() {
        for text in ["last@5", "7f3a@head~2", "bugs@F12", "run.jsonl@3", "dir/run@", "a@b@3"] {
            assert!(matches!(run(text), Err(RefError::Position { .. })), "{text}: {:?}", run(text));
        }
    }

    #[test]
    fn what_is_neither_is_said_to_be_neither() {
        for text in ["head", "Bugs", "a b", "é", "12-34", &"a".repeat(65), "@", "@3", "-"] {
            assert!(matches!(run(text), Err(RefError::NoRun { .. })), "{text}: {:?}", run(text));
        }
        assert_eq!(run(""), Err(RefError::Empty));
    }

    #[test]
    fn names_keep_their_rule() {
        for good in ["bugs", "a.b_c-z", "0g", &"z".repeat(64)] {
            assert_eq!(good.parse::<RunName>().unwrap().as_str(), good);
        }
        for bad in ["", "abc", "last", "head", "Upper", "a b", "run.jsonl", "ab-12", &"z".repeat(65), "é"] {
            assert!(bad.parse::<RunName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn things_are_told_apart_by_their_first_letter() {
        let hash = "0123456789abcdef".repeat(4);
        for text in ["S3", "S3.2", "F12", "T7", "a3", "c5", "answer", &hash] {
            assert_eq!(text.parse::<Thing>().unwrap().to_string(), text);
        }
        // Sixty-four hex digits that begin like an agent or a call are a hash all the same.
        for first in ["a", "c"] {
            let hash = format!("{first}{}", "1".repeat(63));
            assert!(matches!(hash.parse(), Ok(Thing::Blob(_))));
        }
        for text in ["", "S", "S3.", "S03", "F0", "F-1", "T+1", "a", "x9", "Answer", "f12"] {
            assert!(text.parse::<Thing>().is_err(), "{text}");
        }
    }
}
