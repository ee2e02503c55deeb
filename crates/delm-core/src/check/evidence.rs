//! A gist and its evidence, read into statements and sets of words.
//!
//! Refuses to judge: it says what stands where.

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
    pub(super) normal: String,
    /// How many bytes of the normal form are the stem: it is compared far more often than it changes, which is never.
    stem_bytes: usize,
}

impl<'a> Token<'a> {
    fn new(word: Word<'a>) -> Self {
        let normal = word.normalized();
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
    /// The sentences of a text.
    pub(super) fn all(text: &'a str) -> impl Iterator<Item = Self> {
        sentences(text).filter_map(move |(start, end)| {
            let text = text.get(start..end)?;
            let tokens = words(text).map(Token::new).collect();
            Some(Self { text, tokens })
        })
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
    pub(super) statements: Vec<Statement<'a>>,
    pub(super) numbers: BTreeSet<String>,
    words: BTreeSet<String>,
    stems: BTreeSet<String>,
    /// First letters of the capitalised words of each text, a blank between texts.
    initials: String,
}

impl<'a> Evidence<'a> {
    pub(super) fn read(texts: &[&'a str]) -> Self {
        let statements: Vec<Statement<'a>> = texts.iter().flat_map(|text| Statement::all(text)).collect();
        let tokens = || statements.iter().flat_map(|statement| &statement.tokens);
        let mut initials = String::new();
        for text in texts {
            initials.extend(
                words(text).filter(Word::is_capitalized).filter_map(|word| word.normalized().chars().next()),
            );
            initials.push(' ');
        }
        Self {
            numbers: statements.iter().flat_map(numbers::of).flat_map(|number| number.values).collect(),
            words: tokens().map(|token| token.normal.clone()).collect(),
            stems: tokens().map(|token| token.stem().into()).collect(),
            statements,
            initials,
        }
    }

    /// Whether a word, or a form of it, stands in the evidence.
    pub(super) fn has_word(&self, normal: &str) -> bool {
        self.words.contains(normal)
            || self.stems.contains(stem(normal))
            || self.stems.contains(stem(stem(normal)))
    }

    /// Words of the evidence that begin so.
    pub(super) fn words_with(&self, prefix: &str) -> impl Iterator<Item = &str> {
        let from = self.words.range(String::from(prefix)..);
        from.map(String::as_str).take_while(move |word| word.starts_with(prefix))
    }

    /// Whether capitalised words in a row begin with these letters.
    pub(super) fn has_initials(&self, letters: &str) -> bool {
        self.initials.contains(letters)
    }
}
