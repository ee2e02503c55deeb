//! Reading the bytes of an entry, by `schemas/entry-v1.md`: integers, texts, lists, and nothing spelled in two ways.
//!
//! Refuses an integer longer than it must be, a text that is not UTF-8, a list longer than the bytes that are left, a
//! word without a name and bytes after the end. Written from the document alone; it shares no code with the encoder.

mod entry;
mod event;
mod ids;
mod words;

pub(crate) use self::entry::Entry;
pub(crate) use self::event::*;
pub(crate) use self::ids::*;
pub(crate) use self::words::*;

use crate::json::Json;

/// Why bytes are not an entry, at which byte of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {at} of the entry: {what}")]
pub struct Bad {
    /// The first byte of the value that is wrong, counted from zero.
    pub at: usize,
    /// What is wrong with it.
    pub what: BadBytes,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBytes {
    /// The bytes end inside it.
    #[error("the bytes end inside a value")]
    Short,
    /// Bytes follow the last field.
    #[error("{0} bytes follow the last field")]
    Left(usize),
    /// An integer with a longer spelling than it needs, or with a first byte nobody may write.
    #[error("an integer is not written in its one spelling")]
    Spelling,
    /// An integer that its field cannot hold.
    #[error("{0} does not fit its field")]
    Range(u64),
    /// A byte that is neither no nor yes.
    #[error("{0} is neither 0 nor 1")]
    Bool(u8),
    /// A text that is not UTF-8.
    #[error("a text is not UTF-8")]
    Text,
    /// A place that no word or alternative of the list has.
    #[error("{list} has no place {place}")]
    Word {
        /// The list.
        list: &'static str,
        /// The place.
        place: u64,
    },
    /// Another entry format.
    #[error("the entry has format {0}; this auditor reads format 1")]
    Format(u8),
    /// A kind of event without a name.
    #[error("no event has the number {0}")]
    Kind(u16),
    /// A version of an event that nobody wrote down.
    #[error("event {kind} has no version {version}")]
    Version {
        /// Its name.
        kind: &'static str,
        /// The version found.
        version: u8,
    },
    /// An entry without events.
    #[error("the entry holds no event")]
    NoEvents,
    /// Longer than an entry may be.
    #[error("the entry is {0} bytes long; 67108864 are allowed")]
    Long(usize),
}

/// Bytes being read.
pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    pub(crate) fn new(all: &'a [u8], at: usize) -> Self {
        Self { rest: all, at }
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn bad(&self, what: BadBytes) -> Bad {
        Bad { at: self.at, what }
    }

    pub(crate) fn take(&mut self, n: usize) -> Result<&'a [u8], Bad> {
        let Some((taken, rest)) = self.rest.split_at_checked(n) else {
            return Err(self.bad(BadBytes::Short));
        };
        self.rest = rest;
        self.at += n;
        Ok(taken)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Bad> {
        self.take(1).map(|taken| taken.first().copied().unwrap_or_default())
    }

    /// So many bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Bad> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A variable-length integer in its one spelling.
    pub(crate) fn integer(&mut self) -> Result<u64, Bad> {
        let start = self.at;
        let (value, least) = match self.byte()? {
            short @ 0..=250 => (u64::from(short), 0),
            251 => (u64::from(u16::from_le_bytes(self.array()?)), 251),
            252 => (u64::from(u32::from_le_bytes(self.array()?)), 1 << 16),
            253 => (u64::from_le_bytes(self.array()?), 1 << 32),
            _ => return Err(Bad { at: start, what: BadBytes::Spelling }),
        };
        if value < least {
            return Err(Bad { at: start, what: BadBytes::Spelling });
        }
        Ok(value)
    }

    /// An integer that a field of this type can hold.
    pub(crate) fn narrow<T: TryFrom<u64>>(&mut self) -> Result<T, Bad> {
        let at = self.at;
        let value = self.integer()?;
        T::try_from(value).map_err(|_| Bad { at, what: BadBytes::Range(value) })
    }

    /// A length, or a number of items of at least one byte each.
    pub(crate) fn length(&mut self) -> Result<usize, Bad> {
        let length = self.integer()?;
        match usize::try_from(length) {
            Ok(length) if length <= self.rest.len() => Ok(length),
            _ => Err(self.bad(BadBytes::Short)),
        }
    }

    /// The place of a word among `count`.
    pub(crate) fn place(&mut self, list: &'static str, count: usize) -> Result<usize, Bad> {
        let at = self.at;
        let place = self.integer()?;
        match usize::try_from(place) {
            Ok(found) if found < count => Ok(found),
            _ => Err(Bad { at, what: BadBytes::Word { list, place } }),
        }
    }

    pub(crate) fn end(&self) -> Result<(), Bad> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.bad(BadBytes::Left(self.rest.len()))) }
    }
}

/// A value with one encoding and one rendering.
pub(crate) trait Field: Sized {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad>;
    fn show(&self, out: &mut Json);
}

impl Field for u64 {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        bytes.integer()
    }
    fn show(&self, out: &mut Json) {
        out.number(*self);
    }
}

impl Field for u32 {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        bytes.narrow()
    }
    fn show(&self, out: &mut Json) {
        out.number(u64::from(*self));
    }
}

impl Field for bool {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        let at = bytes.at();
        match bytes.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(Bad { at, what: BadBytes::Bool(other) }),
        }
    }
    fn show(&self, out: &mut Json) {
        out.raw(if *self { "true" } else { "false" });
    }
}

impl Field for String {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        let at = bytes.at();
        let length = bytes.length()?;
        let text = std::str::from_utf8(bytes.take(length)?).map_err(|_| Bad { at, what: BadBytes::Text })?;
        Ok(text.to_owned())
    }
    fn show(&self, out: &mut Json) {
        out.text(self);
    }
}

impl<T: Field> Field for Option<T> {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        if bool::read(bytes)? { T::read(bytes).map(Some) } else { Ok(None) }
    }
    fn show(&self, out: &mut Json) {
        match self {
            None => out.raw("null"),
            Some(value) => value.show(out),
        }
    }
}

impl<T: Field> Field for Vec<T> {
    fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
        let count = bytes.length()?;
        // A count is bounded by the bytes left, but an item is bigger in memory than in bytes: grow as they come.
        let mut items = Self::with_capacity(count.min(64));
        for _ in 0..count {
            items.push(T::read(bytes)?);
        }
        Ok(items)
    }
    fn show(&self, out: &mut Json) {
        out.raw("[");
        for (place, item) in self.iter().enumerate() {
            if place > 0 {
                out.raw(",");
            }
            item.show(out);
        }
        out.raw("]");
    }
}
