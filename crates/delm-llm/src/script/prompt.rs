//! What a script can find in a prompt without rendering it: a text, the newest fact, the first sentence of a passage.
//!
//! Refuses to guess what a passage is: its label stands in brackets, either on the line before a block between `<<<` and
//! `>>>`, or at the beginning of the line that holds its words.

use delm_core::ids::{FactId, UnitId};
use delm_core::request::Request;

const OPEN: &str = "<<<";

/// Whether a text stands in one part of the prompt: what is asked, the reply before, the preamble, one note.
pub(super) fn contains(request: &Request, text: &str) -> bool {
    let again =
        || request.again.iter().any(|(reply, problem)| reply.contains(text) || problem.contains(text));
    let notes = || request.notes.iter().take(request.length).any(|note| note.contains(text));
    request.ask.contains(text) || again() || request.preamble.contains(text) || notes()
}

/// The label of the newest fact in the context shown that is not withdrawn there.
pub(super) fn newest_fact(request: &Request) -> Option<&str> {
    let shown = request.length.min(request.notes.len());
    let mut withdrawn = Vec::new();
    for place in (0..shown).rev() {
        let Some((label, rest)) = request.notes.get(place).and_then(|note| fact(note)) else { continue };
        match rest.starts_with(']') {
            true if !withdrawn.contains(&label) => return Some(label),
            true => {}
            // The label of a withdrawal is followed by words within its brackets.
            false => withdrawn.push(label),
        }
    }
    None
}

/// The label a note begins with, and what follows it.
fn fact(note: &str) -> Option<(&str, &str)> {
    let inner = note.strip_prefix('[')?;
    let (label, rest) = inner.split_at(inner.find([']', ' '])?);
    label.parse::<FactId>().ok().map(|_| (label, rest))
}

/// The first passage shown, or that of one unit: its label and its first sentence.
pub(super) fn passage<'a>(text: &'a str, unit: Option<&str>) -> Option<(&'a str, &'a str)> {
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let (label, words) = if lines.peek() == Some(&OPEN) {
            let Some(label) = last_unit(line) else { continue };
            lines.next();
            (label, lines.find(|line| !line.trim().is_empty())?)
        } else {
            let Some((label, words)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) else {
                continue;
            };
            (label, words)
        };
        let wanted = unit.is_none_or(|unit| unit == label) && label.parse::<UnitId>().is_ok();
        if wanted && !words.trim().is_empty() {
            return Some((label, sentence(words)));
        }
    }
    None
}

/// The last unit named in brackets on a line.
fn last_unit(line: &str) -> Option<&str> {
    let named = line.rsplit('[').filter_map(|rest| rest.split_once(']').map(|(label, _)| label));
    let mut units = named.filter(|label| label.parse::<UnitId>().is_ok());
    units.next()
}

fn sentence(words: &str) -> &str {
    let ends = [". ", "? ", "! "].iter().filter_map(|end| words.find(end));
    let end = ends.min().map_or(words.len(), |end| end + 1);
    words.get(..end).unwrap_or(words).trim()
}

/// So many words from the beginning of a sentence.
pub(super) fn head(sentence: &str, words: usize) -> &str {
    let last = sentence.split_whitespace().nth(words.saturating_sub(1));
    last.and_then(|word| sentence.get(..end_of(sentence, word))).unwrap_or(sentence)
}

/// So many words from the end of a sentence.
pub(super) fn tail(sentence: &str, words: usize) -> &str {
    let first = sentence.split_whitespace().rev().nth(words.saturating_sub(1));
    let start = first.map_or(0, |word| end_of(sentence, word).saturating_sub(word.len()));
    sentence.get(start..).unwrap_or(sentence)
}

/// Where a word, which is a slice of the text, ends in it.
fn end_of(text: &str, word: &str) -> usize {
    (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize) + word.len()
}
