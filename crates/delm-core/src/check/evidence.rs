//! A gist and its evidence, read into statements and sets of words.
//!
//! Refuses to judge: it says what stands where.

use alloc::borrow::Cow;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use super::numbers;
use crate::text::{Word, is_function_word, sentences, stem, words};

/// A word of a statement.
#[derive(Clone, Debug)]
pub(super) struct Token<'a> {
    /// The word where it stands in its statement.
    pub(super) word: Word<'a>,
    /// Its normal form.
    pub(super) normal: Cow<'a, str>,
    /// How many bytes of the normal form are the stem: it is compared far more often than it changes, which is never.
    stem_bytes: usize,
}

impl<'a> Token<'a> {
    fn new(word: Word<'a>) -> Self {
        let normal = word.normal();
        Self { stem_bytes: stem(&normal).len(), word, normal }
    }

    /// What its forms have in common.
    pub(super) fn stem(&self) -> &str {
        self.normal.get(..self.stem_bytes).unwrap_or(&self.normal)
    }

    /// Whether it says what a sentence is about.
    pub(super) fn is_content(&self) -> bool {
        let digits = self.normal.bytes().all(|b| b.is_ascii_digit());
        (self.normal.len() > 2 || digits) && !is_function_word(&self.normal)
    }
}

/// One sentence.
#[derive(Clone, Debug)]
pub(super) struct Statement<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token<'a>>,
}

impl<'a> Statement<'a> {
    /// One sentence, taken apart.
    pub(super) fn new(text: &'a str) -> Self {
        let mut tokens = Vec::with_capacity(text.len() / 5);
        tokens.extend(words(text).map(Token::new));
        Self { text, tokens }
    }

    /// The sentences of a text.
    pub(super) fn all(text: &'a str) -> impl Iterator<Item = Self> {
        sentences(text).filter_map(move |(start, end)| text.get(start..end)).map(Self::new)
    }

    /// What stands between a token and the one before it, or before the first.
    pub(super) fn gap_before(&self, at: usize) -> &'a str {
        let from =
            at.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(0, |token| token.word.end);
        let to = self.tokens.get(at).map_or(self.text.len(), |token| token.word.start);
        self.text.get(from..to).unwrap_or_default()
    }

    /// Whether it holds a word with this stem.
    pub(super) fn has_stem(&self, wanted: &str) -> bool {
        self.tokens.iter().any(|token| token.stem() == wanted)
    }
}

/// All that a gist may say.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub(super) statements: &'a [Statement<'a>],
    pub(super) numbers: BTreeSet<String>,
    /// Each once, in order.
    words: Vec<&'a str>,
    /// Each once, in order.
    stems: Vec<&'a str>,
    /// First letters of the capitalised words of each text, a blank between texts.
    initials: String,
}

impl<'a> Evidence<'a> {
    /// The sentences of all texts, for [`Evidence::read`].
    pub(super) fn statements(texts: &[&'a str]) -> Vec<Statement<'a>> {
        texts.iter().flat_map(|text| Statement::all(text)).collect()
    }

    /// Reads the sentences of `texts`.
    pub(super) fn read(statements: &'a [Statement<'a>], texts: &[&str]) -> Self {
        let tokens = || statements.iter().flat_map(|statement| &statement.tokens);
        let mut initials = String::new();
        for text in texts {
            initials.extend(
                words(text).filter(Word::is_capitalized).filter_map(|word| word.normal().chars().next()),
            );
            initials.push(' ');
        }
        Self {
            numbers: statements.iter().flat_map(numbers::of).flat_map(|number| number.values).collect(),
            words: sorted(tokens().map(|token| token.normal.as_ref())),
            stems: sorted(tokens().map(Token::stem)),
            statements,
            initials,
        }
    }

    /// Whether a word, or a form of it, stands in the evidence.
    pub(super) fn has_word(&self, normal: &str) -> bool {
        let has_stem = |wanted: &str| self.stems.binary_search(&wanted).is_ok();
        self.words.binary_search(&normal).is_ok() || has_stem(stem(normal)) || has_stem(stem(stem(normal)))
    }

    /// Words of the evidence that begin so.
    pub(super) fn words_with(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let from = self.words.partition_point(|word| *word < prefix);
        let from = self.words.get(from..).unwrap_or_default().iter().copied();
        from.take_while(move |word| word.starts_with(prefix))
    }

    /// Whether capitalised words in a row begin with these letters.
    pub(super) fn has_initials(&self, letters: &str) -> bool {
        self.initials.contains(letters)
    }
}

fn sorted<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut words: Vec<&str> = words.collect();
    words.sort_unstable();
    words.dedup();
    words
}
