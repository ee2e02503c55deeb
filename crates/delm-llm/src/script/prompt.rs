//! What a script can find in a prompt without rendering it: a text, a label, the first sentence of a unit.
//!
//! Refuses to know how prompts are worded: it looks for labels, which are the same in every template.

use delm_core::ids::{FactId, UnitId};
use delm_core::request::Request;

/// Whether a text stands in one part of the prompt: what is asked, the reply before, the preamble, one note.
pub(super) fn contains(request: &Request, text: &str) -> bool {
    let again =
        || request.again.iter().any(|(reply, problem)| reply.contains(text) || problem.contains(text));
    let notes = || request.notes.iter().take(request.length).any(|note| note.contains(text));
    request.ask.contains(text) || again() || request.preamble.contains(text) || notes()
}

/// The label of the newest fact in the context shown.
pub(super) fn newest_fact(request: &Request) -> Option<&str> {
    let shown = request.length.min(request.notes.len());
    (0..shown).rev().find_map(|place| label::<FactId>(request.notes.get(place)?))
}

/// The first unit named.
pub(super) fn first_unit(text: &str) -> Option<&str> {
    label::<UnitId>(text)
}

/// The first sentence of the unit's text: what follows its label, on the same line if words follow there, else on the
/// next line that is not empty. The label's last line that has such text counts, for the unit comes after its mentions.
pub(super) fn first_sentence<'a>(text: &'a str, unit: &str) -> Option<&'a str> {
    let mut found = None;
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find(unit)).map(|at| from + at) {
        from = at + unit.len();
        if stands_alone(text, at, from) {
            found = text.get(from..).and_then(sentence_after).or(found);
        }
    }
    found
}

/// The first sentence behind a label.
fn sentence_after(rest: &str) -> Option<&str> {
    let line_end = rest.find('\n').unwrap_or(rest.len());
    let (line, below) = rest.split_at(line_end);
    // What closes the label, then what leads up to the text; a text may begin with a quotation mark.
    let line = line.trim_start_matches(|c: char| !c.is_alphanumeric() && !c.is_whitespace());
    let line = line.trim_start_matches(|c: char| !c.is_alphanumeric() && c != '"');
    // Fewer than three words on the label's line are its heading, not the unit's text.
    let text = if line.split_whitespace().count() >= 3 { line } else { below.trim_start() };
    let line = text.lines().next()?;
    let end = line.find(". ").map_or(line.len(), |end| end + 1);
    line.get(..end).map(str::trim).filter(|sentence| !sentence.is_empty())
}

/// The first word that reads as a label of this kind.
fn label<T: std::str::FromStr>(text: &str) -> Option<&str> {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '.';
    text.split(|c: char| !inside(c))
        .map(|word| word.trim_end_matches('.'))
        .find(|word| word.parse::<T>().is_ok())
}

/// Whether no letter, digit or further part of a label touches the word at these bytes.
fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text.get(..start).and_then(|before| before.chars().next_back());
    let mut after = text.get(end..).into_iter().flat_map(str::chars);
    let next = after.next();
    let part = next == Some('.') && after.next().is_some_and(|c| c.is_ascii_digit());
    !before.is_some_and(char::is_alphanumeric) && !next.is_some_and(char::is_alphanumeric) && !part
}
