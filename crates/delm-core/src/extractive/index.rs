//! The words of all units, built once a run: who has which word how often.
//!
//! Refuses to keep text: postings are gaps and counts in variable-length bytes, about three bytes for each distinct
//! word of a unit.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::Unit;
use super::fixed::{rarity, saturation};
use crate::ids::{SourceId, UnitId};
use crate::text::{is_function_word, stem, words};

/// BM25 statistics over the units of a run.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Labels in the order given.
    units: Vec<UnitId>,
    /// Words of each unit, its name included.
    lengths: Vec<u32>,
    words_total: u64,
    terms: BTreeMap<String, u32>,
    postings: Vec<Posting>,
    titles: BTreeMap<SourceId, Title>,
}

/// The name of a source.
#[derive(Clone, Debug, Default)]
pub(super) struct Title {
    /// As a person would say it: no folder, no ending.
    pub(super) text: String,
    /// Its distinct words.
    pub(super) terms: Vec<u32>,
}

/// Where a word stands: for each unit the gap to the one before and the count, as variable-length numbers.
#[derive(Clone, Debug, Default)]
struct Posting {
    units: u32,
    last: u32,
    bytes: Vec<u8>,
}

impl Index {
    /// Reads all units.
    #[must_use]
    pub fn build(units: &[Unit<'_>]) -> Self {
        let mut index = Self::default();
        for (place, unit) in (0_u32..).zip(units) {
            index.add(place, unit);
        }
        index.postings.iter_mut().for_each(|posting| posting.bytes.shrink_to_fit());
        index
    }

    fn add(&mut self, place: u32, unit: &Unit<'_>) {
        let title = title_of(unit.name);
        let mut found: Vec<String> = terms_of(title).chain(terms_of(unit.text)).collect();
        let length = u32::try_from(found.len()).unwrap_or(u32::MAX);
        self.units.push(unit.id);
        self.lengths.push(length);
        self.words_total = self.words_total.saturating_add(u64::from(length));
        found.sort_unstable();
        for same in found.chunk_by(|a, b| a == b) {
            let Some(word) = same.first() else { continue };
            let term = self.intern(word);
            if let Some(posting) = self.postings.get_mut(term as usize) {
                posting.push(place, u32::try_from(same.len()).unwrap_or(u32::MAX));
            }
        }
        if !self.titles.contains_key(&unit.id.source) {
            let mut terms: Vec<u32> =
                terms_of(without_brackets(title)).map(|word| self.intern(&word)).collect();
            terms.sort_unstable();
            terms.dedup();
            self.titles.insert(unit.id.source, Title { text: title.into(), terms });
        }
    }

    fn intern(&mut self, word: &str) -> u32 {
        if let Some(term) = self.terms.get(word) {
            return *term;
        }
        let term = u32::try_from(self.postings.len()).unwrap_or(u32::MAX);
        self.terms.insert(word.into(), term);
        self.postings.push(Posting::default());
        term
    }

    /// How many units there are.
    pub(super) fn len(&self) -> usize {
        self.units.len()
    }

    /// The label of the unit at a place.
    pub(super) fn unit(&self, place: usize) -> Option<UnitId> {
        self.units.get(place).copied()
    }

    /// The number of a stemmed word, if any unit has it.
    pub(super) fn term(&self, word: &str) -> Option<u32> {
        self.terms.get(word).copied()
    }

    /// How telling a word is.
    pub(super) fn rarity(&self, term: u32) -> u64 {
        let with = self.postings.get(term as usize).map_or(0, |posting| posting.units);
        rarity(self.units.len() as u64, u64::from(with))
    }

    /// The name of a unit's source.
    pub(super) fn title(&self, source: SourceId) -> Option<&Title> {
        self.titles.get(&source)
    }

    /// All sources with their names, in order.
    pub(super) fn titles(&self) -> impl Iterator<Item = (SourceId, &Title)> {
        self.titles.iter().map(|(source, title)| (*source, title))
    }

    /// The places of the units with a word, with what it earns each, in 1/1024ths of its rarity.
    pub(super) fn earnings(&self, term: u32) -> impl Iterator<Item = (usize, u64)> {
        let mean = self.words_total / (self.units.len() as u64).max(1);
        self.postings.get(term as usize).into_iter().flat_map(Posting::read).map(move |(place, times)| {
            let length = self.lengths.get(place as usize).copied().unwrap_or(0);
            (place as usize, saturation(u64::from(times), u64::from(length), mean))
        })
    }
}

impl Posting {
    fn push(&mut self, place: u32, times: u32) {
        self.write(place - self.last);
        self.write(times);
        self.last = place;
        self.units += 1;
    }

    fn write(&mut self, mut value: u32) {
        loop {
            let [low, ..] = value.to_le_bytes();
            value >>= 7;
            if value == 0 {
                self.bytes.push(low & 0x7f);
                return;
            }
            self.bytes.push(low | 0x80);
        }
    }

    fn read(&self) -> impl Iterator<Item = (u32, u32)> {
        let mut bytes = self.bytes.iter();
        let mut number = move || {
            let mut value = 0;
            for shift in (0..32).step_by(7) {
                let byte = bytes.next()?;
                value |= u32::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            Some(value)
        };
        let mut place = 0;
        core::iter::from_fn(move || {
            place += number()?;
            Some((place, number()?))
        })
    }
}

/// The stems of the words that say something.
pub(super) fn terms_of(text: &str) -> impl Iterator<Item = String> {
    words(text).filter_map(|word| {
        let mut normal = word.normalized();
        let kept = stem(&normal).len();
        if is_function_word(&normal) {
            return None;
        }
        // A stem is a prefix of its word.
        normal.truncate(kept);
        Some(normal)
    })
}

/// What a source's name says: the last part of a path, without its ending and without a number in front, `07-` or `3_`.
pub(super) fn title_of(name: &str) -> &str {
    let ending_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let last = name.trim_end_matches(['/', '\\']).rsplit(['/', '\\']).next().unwrap_or(name);
    let bare = match last.rsplit_once('.') {
        Some((stem, ending))
            if !stem.is_empty() && matches!(ending.len(), 1..=8) && ending.bytes().all(ending_byte) =>
        {
            stem
        }
        _ => last,
    };
    let named = bare.trim_start_matches(|c: char| c.is_ascii_digit());
    named.strip_prefix(['-', '_']).filter(|rest| named.len() < bare.len() && !rest.is_empty()).unwrap_or(bare)
}

/// The name without what stands in brackets at its end: `Brand (play)` is named for `Brand`.
fn without_brackets(title: &str) -> &str {
    let cut = title.trim_end().strip_suffix(')').and_then(|_| title.rfind('('));
    cut.and_then(|at| title.get(..at)).filter(|rest| !rest.trim().is_empty()).unwrap_or(title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_a_name_without_its_place_number_and_ending() {
        for (name, title) in [
            ("docs/07-harbour.md", "harbour"),
            ("3_x.txt", "x"),
            ("07-", "07-"),
            ("07", "07"),
            ("-x", "-x"),
            ("1874.md", "1874"),
            (".profile", ".profile"),
            ("v1.Final", "v1.Final"),
            ("a.verylongending", "a.verylongending"),
            ("a\\b\\c.txt", "c"),
            ("folder/", "folder"),
            ("7harbour.md", "7harbour"),
        ] {
            assert_eq!(title_of(name), title, "{name}");
        }
    }

    #[test]
    fn brackets_at_the_end_are_no_name() {
        for (title, name) in
            [("Brand (play)", "Brand "), ("(play)", "(play)"), ("Brand", "Brand"), ("a (b) c", "a (b) c")]
        {
            assert_eq!(without_brackets(title), name, "{title}");
        }
    }
}
