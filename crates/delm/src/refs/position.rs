//! `RUN@POS`: a run and an entry of it, as people write them.
//!
//! Refuses to look anything up: whether there is such an entry, and which, `access` says.

use std::fmt;
use std::str::FromStr;

use delm_core::ids::Seq;

use super::{EXPORT, RefError, RunRef, Thing};

/// Hex digits from which on they are the beginning of an entry's id whatever else they could be: no seq and no label has as
/// many.
const ID_DIGITS: usize = 16;

/// An entry of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Position {
    /// The newest.
    #[default]
    Head,
    /// So many before the newest.
    Back(u64),
    /// The one with this seq.
    Seq(Seq),
    /// The one whose id begins with these lower-case hex digits.
    Entry(String),
    /// The one that made this: a fact, task, agent, call, source, unit, or the answer.
    Made(Thing),
}

impl FromStr for Position {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        let none = || RefError::NoPosition { text: text.into() };
        if text == "head" {
            return Ok(Self::Head);
        }
        if let Some(back) = text.strip_prefix("head~") {
            return number(back).map(Self::Back).ok_or_else(none);
        }
        let hex = !text.is_empty() && text.len() <= 64 && text.bytes().all(|c| c.is_ascii_hexdigit());
        let id = || Self::Entry(text.to_ascii_lowercase());
        if hex && text.len() >= ID_DIGITS {
            return Ok(id());
        }
        if let Some(seq) = number(text) {
            return Ok(Self::Seq(seq));
        }
        // A label that is wrong (F0) is not taken for the beginning of an id: ids are written in lower case.
        let lower = !text.bytes().any(|c| c.is_ascii_uppercase());
        match text.parse() {
            Ok(Thing::Blob(_)) => Err(none()),
            Ok(thing) => Ok(Self::Made(thing)),
            Err(_) if hex && lower => Ok(id()),
            Err(_) => Err(none()),
        }
    }
}

/// A number as it is written here: digits alone.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.bytes().all(|c| c.is_ascii_digit()))
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("head"),
            Self::Back(back) => write!(f, "head~{back}"),
            Self::Seq(seq) => seq.fmt(f),
            Self::Entry(prefix) => f.write_str(prefix),
            Self::Made(thing) => thing.fmt(f),
        }
    }
}

/// A run, and where in it if that was said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunAt {
    /// The run.
    pub(crate) run: RunRef,
    /// The part after `@`, if there is one.
    pub(crate) at: Option<Position>,
}

impl FromStr for RunAt {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        match split(text) {
            Some((run, position)) => Ok(Self { run: run.parse()?, at: Some(position.parse()?) }),
            None => Ok(Self { run: text.parse()?, at: None }),
        }
    }
}

impl fmt::Display for RunAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            Some(at) => write!(f, "{}@{at}", self.run),
            None => self.run.fmt(f),
        }
    }
}

/// Run and position, if a text names one. An `@` within a path is none.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let (run, position) = text.rsplit_once('@')?;
    let path = position.contains('/') || position.contains(EXPORT);
    (!path && !run.is_empty()).then_some((run, position))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<Position, RefError> {
        text.parse()
    }

    #[test]
    fn every_kind_of_position_is_told_apart_and_written_again() {
        for (text, position) in [
            ("head", Position::Head),
            ("head~0", Position::Back(0)),
            ("head~12", Position::Back(12)),
            ("0", Position::Seq(0)),
            ("187", Position::Seq(187)),
            ("7f3a", Position::Entry("7f3a".into())),
            ("abc", Position::Entry("abc".into())),
            ("F12", Position::Made("F12".parse().unwrap())),
            ("S3.2", Position::Made("S3.2".parse().unwrap())),
            ("S3", Position::Made("S3".parse().unwrap())),
            ("T7", Position::Made("T7".parse().unwrap())),
            ("answer", Position::Made(Thing::Answer)),
        ] {
            assert_eq!(at(text), Ok(position), "{text}");
            assert_eq!(at(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_reads_as_a_label_or_number_is_one_until_it_is_too_long_for_either() {
        assert_eq!(at("a3"), Ok(Position::Made("a3".parse().unwrap())));
        assert_eq!(at("c5"), Ok(Position::Made("c5".parse().unwrap())));
        assert_eq!(at("a3f"), Ok(Position::Entry("a3f".into())));
        assert_eq!(at("123456789012345"), Ok(Position::Seq(123_456_789_012_345)));
        for id in ["1234567890123456", "a123456789012345", &"5".repeat(64), &"A".repeat(64)] {
            assert_eq!(at(id), Ok(Position::Entry(id.to_ascii_lowercase())), "{id}");
        }
    }

    #[test]
    fn what_is_no_position_is_refused() {
        for text in
            ["", "head~", "head~-1", "head~x", "head+1", "+5", "-5", "F", "F0", "BEEF", "last", "é", "12 "]
        {
            assert!(matches!(at(text), Err(RefError::NoPosition { .. })), "{text:?}: {:?}", at(text));
        }
        assert!(at(&"a".repeat(65)).is_err());
    }

    #[test]
    fn a_run_stands_before_the_last_at() {
        let parse = |text: &str| text.parse::<RunAt>();
        assert_eq!(parse("last").unwrap(), RunAt::default());
        let both = parse("7f3a@head~2").unwrap();
        assert_eq!((both.run, both.at), (RunRef::Prefix("7f3a".into()), Some(Position::Back(2))));
        assert_eq!(parse("bugs@F12").unwrap().to_string(), "bugs@F12");
        let export = parse("dir/run.jsonl@3").unwrap();
        assert_eq!((export.run, export.at), (RunRef::Export("dir/run.jsonl".into()), Some(Position::Seq(3))));
        let path = parse("./a@b/one.jsonl").unwrap();
        assert_eq!((path.run, path.at), (RunRef::Export("./a@b/one.jsonl".into()), None));
        for bad in ["@3", "bugs@", "Bugs@3", "a@b@3", "bugs@nowhere", "dir/run@"] {
            assert!(parse(bad).is_err(), "{bad}: {:?}", parse(bad));
        }
    }
}
