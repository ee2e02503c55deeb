//! Names: capitalised words and acronyms.
//!
//! Refuses dictionaries of names: a capital within a sentence is the mark, and the evidence is the only list.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::evidence::{Evidence, Statement};
use crate::text::{Word, is_function_word};

/// Endings that turn a place or a person into an adjective, with what the place then ends in.
const ADJECTIVES: &[&str] = &["an", "ean", "ese", "i", "ian", "ic", "ish", "n", "s"];
const PLACES: &[&str] = &["", "a", "e", "ia", "y"];

/// The names of the statements that the evidence does not have.
pub(super) fn missing(statements: &[Statement<'_>], known: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    for statement in statements {
        for (at, token) in statement.tokens.iter().enumerate() {
            if is_name(statement, at) && !is_known(&token.word, &token.normal, known) {
                wrong.push(token.word.text.to_string());
            }
        }
    }
    wrong
}

fn is_name(statement: &Statement<'_>, at: usize) -> bool {
    let Some(token) = statement.tokens.get(at).filter(|token| token.word.is_capitalized()) else {
        return false;
    };
    // Single letters are initials, enumerations and pronouns.
    if token.normal.chars().nth(1).is_none() || is_function_word(&token.normal) || is_title(&token.normal) {
        return false;
    }
    let begins = at == 0 || statement.gap_before(at).contains(['"', '“', '‘', ':', '—', '[', '*', '#', '|']);
    if !begins || is_acronym(&token.word) {
        return true;
    }
    let next = statement.tokens.get(at + 1);
    let together = statement.gap_before(at + 1).chars().all(|c| c == ' ' || c == '-');
    let named = next.is_some_and(|next| {
        next.word.is_capitalized() || matches!(next.normal.as_ref(), "is" | "was" | "has" | "had" | "became")
    });
    token.word.text.ends_with("'s") || token.word.text.ends_with("’s") || (together && named)
}

/// Titles of address, which a gist may add or leave out.
fn is_title(normal: &str) -> bool {
    matches!(normal, "mr" | "mrs" | "ms" | "dr" | "prof" | "sir" | "st")
}

/// Two capitals or more and no small letter.
fn is_acronym(word: &Word<'_>) -> bool {
    let mut letters = word.text.chars().filter(|c| c.is_alphabetic());
    letters.clone().count() > 1 && letters.all(char::is_uppercase)
}

fn is_known(word: &Word<'_>, normal: &str, known: &Evidence<'_>) -> bool {
    known.has_word(normal) || (is_acronym(word) && known.has_initials(normal)) || has_cognate(normal, known)
}

/// Whether the evidence has the place of an adjective, or the adjective of a place.
fn has_cognate(normal: &str, known: &Evidence<'_>) -> bool {
    let Some(prefix) = normal.get(..4) else { return false };
    known.words_with(prefix).any(|word| {
        let same = normal.char_indices().zip(word.chars()).take_while(|((_, a), b)| a == b).last();
        let shared = same.map_or(0, |((at, c), _)| at + c.len_utf8());
        let (mine, theirs) =
            (normal.get(shared..).unwrap_or_default(), word.get(shared..).unwrap_or_default());
        let pair = |a: &str, p: &str| ADJECTIVES.contains(&a) && PLACES.contains(&p);
        pair(mine, theirs) || pair(theirs, mine)
    })
}
