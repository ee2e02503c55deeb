//! What an agent looks for: the question's words, widened and narrowed by what the context already holds.
//!
//! Refuses to learn: a few weights, each for one plain reason, the same for every corpus.
//!
//! * A name in the question (a capital or a digit) tells more of what it asks than a common word: [`NAME`].
//! * A word of a quoted passage's source name is found: its source has been read. More of the same is rarely the next
//!   hop, so it keeps little weight, whether it came from the question or from a quote: [`SPENT`].
//! * A quote lends the query the names in it, which is how one passage leads to another: [`LENT_NAME`]; its other
//!   words say what it is about and count a little: [`LENT_WORD`].
//! * A source named for the words looked for is likely to be about them: it earns half of what its
//!   name's words are worth, times the share of the name they make up.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::index::{Index, terms_of};
use super::{Note, fixed};
use crate::ids::FactId;
use crate::text::{Word, is_function_word, sentences, stem, words};

/// The weight of a common word of the question; all others are shares of it.
const WORD: u64 = 100;
/// The weight of a name of the question.
const NAME: u64 = 200;
/// What a word keeps, in hundredths, once a quoted source is named for it.
const SPENT: u64 = 20;
/// The weight of a name that a quote lends.
const LENT_NAME: u64 = 60;
/// The weight of another word that a quote lends.
const LENT_WORD: u64 = 20;
/// Words that quotes may lend together: the most telling ones; a long context must not make long queries.
const LENT_MAX: usize = 96;

/// A weighted set of words.
#[derive(Debug, Default)]
pub(super) struct Query {
    /// Weight times rarity of each word, in 1/1024ths.
    pub(super) values: BTreeMap<u32, u64>,
    /// The facts that lent a name which the question does not have.
    lenders: BTreeMap<u32, BTreeSet<FactId>>,
}

impl Query {
    /// The query for a question, further words of a task, and the notes of the context.
    pub(super) fn new(question: &str, further: &str, index: &Index, notes: &[Note<'_>]) -> Self {
        let mut asked = BTreeMap::new();
        for word in words(question).chain(words(further)) {
            if let Some(term) = term_of(&word, index) {
                let weight = if is_named(&word) { NAME } else { WORD };
                asked.entry(term).and_modify(|known: &mut u64| *known = weight.max(*known)).or_insert(weight);
            }
        }
        let context = Context::read(index, notes);
        let mut query = Self::default();
        for (term, weight) in &asked {
            query.values.insert(*term, context.kept(*term, *weight) * index.rarity(*term));
        }
        query.borrow(&context, &asked, index);
        query
    }

    /// Adds the most telling words that the quotes lend.
    fn borrow(&mut self, context: &Context, asked: &BTreeMap<u32, u64>, index: &Index) {
        let lent = context.words.iter().filter(|(term, _)| !asked.contains_key(term));
        let mut valued: Vec<(u64, u32)> = lent
            .map(|(term, lenders)| {
                let weight = if lenders.is_empty() { LENT_WORD } else { LENT_NAME };
                (context.kept(*term, weight) * index.rarity(*term), *term)
            })
            .collect();
        valued.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        for (value, term) in valued.into_iter().take(LENT_MAX) {
            self.values.insert(term, value);
            if let Some(lenders) = context.words.get(&term).filter(|lenders| !lenders.is_empty()) {
                self.lenders.insert(term, lenders.clone());
            }
        }
    }

    /// What the words of a text are worth together, each counted once.
    pub(super) fn worth(&self, text: &str, index: &Index) -> u64 {
        let found: BTreeSet<u32> = terms_of(text).filter_map(|word| index.term(&word)).collect();
        found.iter().filter_map(|term| self.values.get(term)).fold(0, |sum, value| sum.saturating_add(*value))
    }

    /// The facts that lent a name which stands in this text, the earliest first.
    pub(super) fn lenders_for(&self, text: &str, index: &Index) -> BTreeSet<FactId> {
        let terms = terms_of(text).filter_map(|word| index.term(&word));
        terms.filter_map(|term| self.lenders.get(&term)).flatten().copied().collect()
    }

    /// What each unit earns, by place: BM25 with this query's weights, and a bonus for its source's name.
    pub(super) fn scores(&self, index: &Index) -> Vec<u64> {
        let mut scores = alloc::vec![0_u64; index.len()];
        for (term, value) in &self.values {
            for (place, earned) in index.earnings(*term) {
                if let Some(score) = scores.get_mut(place) {
                    *score = score.saturating_add(value.saturating_mul(earned) / fixed::ONE);
                }
            }
        }
        let bonuses: BTreeMap<_, u64> =
            index.titles().map(|(source, title)| (source, self.title_bonus(&title.terms, index))).collect();
        for (place, score) in scores.iter_mut().enumerate().filter(|(_, score)| **score > 0) {
            let bonus = index.unit(place).and_then(|unit| bonuses.get(&unit.source)).copied().unwrap_or(0);
            *score = score.saturating_add(bonus);
        }
        scores
    }

    /// Half of what the words of a name are worth here, times the share of its rarity that they make up.
    fn title_bonus(&self, title: &[u32], index: &Index) -> u64 {
        let all: u64 = title.iter().map(|term| index.rarity(*term)).sum();
        let found = || title.iter().filter_map(|term| Some((self.values.get(term)?, index.rarity(*term))));
        let worth = found().fold(0_u64, |sum, (value, _)| sum.saturating_add(*value));
        let covered: u64 = found().map(|(_, rarity)| rarity).sum();
        (worth / 2).saturating_mul(covered) / all.max(1)
    }
}

/// What the quotes of the context say.
#[derive(Debug, Default)]
struct Context {
    /// Words in the names of the sources quoted from.
    spent: BTreeSet<u32>,
    /// Words of the quotes; for names the facts that have them.
    words: BTreeMap<u32, BTreeSet<FactId>>,
}

impl Context {
    /// What is left of a word's weight.
    fn kept(&self, term: u32, weight: u64) -> u64 {
        if self.spent.contains(&term) { weight * SPENT / 100 } else { weight }
    }

    fn read(index: &Index, notes: &[Note<'_>]) -> Self {
        let mut context = Self::default();
        for note in notes.iter().filter(|note| !note.failure) {
            let titles = note.evidence.iter().filter_map(|span| index.title(span.unit.source));
            context.spent.extend(titles.flat_map(|title| &title.terms));
            for (word, named) in named_words(note.text) {
                if let Some(term) = term_of(&word, index) {
                    let lenders = context.words.entry(term).or_default();
                    if named {
                        lenders.insert(note.fact);
                    }
                }
            }
        }
        context
    }
}

/// The number of a word that says something, if a unit has it.
pub(super) fn term_of(word: &Word<'_>, index: &Index) -> Option<u32> {
    let normal = word.normalized();
    if is_function_word(&normal) { None } else { index.term(stem(&normal)) }
}

/// Whether a word is written like a name or number.
pub(super) fn is_named(word: &Word<'_>) -> bool {
    word.is_capitalized() || word.text.starts_with(|c: char| c.is_numeric())
}

/// The words of a text, and whether each is a name; the first of a sentence is one only if the second is.
pub(super) fn named_words(text: &str) -> Vec<(Word<'_>, bool)> {
    let mut out = Vec::new();
    for (start, end) in sentences(text) {
        let sentence: Vec<Word<'_>> = words(text.get(start..end).unwrap_or_default()).collect();
        let second = sentence.get(1).is_some_and(is_named);
        out.extend(
            sentence.iter().enumerate().map(|(at, word)| (*word, is_named(word) && (at > 0 || second))),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_word_of_a_sentence_is_a_name_if_the_second_is() {
        let names = |text: &str| -> Vec<alloc::string::String> {
            named_words(text)
                .into_iter()
                .filter(|(_, named)| *named)
                .map(|(word, _)| word.text.into())
                .collect()
        };
        assert_eq!(
            names("Ada Quill rowed. She met Penmarrow in 1874."),
            ["Ada", "Quill", "Penmarrow", "1874"]
        );
        assert_eq!(names("Light was seen."), [""; 0]);
        assert_eq!(names("light Was seen."), ["Was"]);
        assert_eq!(named_words("One two. Three").len(), 3);
    }

    #[test]
    fn a_word_whose_source_was_read_keeps_a_fifth() {
        let context = Context { spent: BTreeSet::from([7]), words: BTreeMap::new() };
        assert_eq!((context.kept(7, 200), context.kept(8, 200)), (40, 200));
    }
}
