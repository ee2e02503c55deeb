//! Working out a task: the best unit that nobody has quoted yet, and the best words in it.
//!
//! Refuses to say anything of its own: the finding is the quote, blanks evened out.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::index::Index;
use super::plan::Step;
use super::query::Query;
use super::{Note, Unit};
use crate::ids::UnitId;
use crate::reply::{Quote, ReasonReply};
use crate::text::{cuts, gist_tokens, sentences};

/// Tokens a quote may have at the first attempt; half of that at each further one, in case it was too long.
const QUOTE_TOKENS: u64 = 100;
/// Tokens up to which neighbouring sentences are quoted along, for what pronouns stand for.
const PASSAGE_TOKENS: u64 = 60;
/// Facts a finding may say it builds on.
const CITES_MAX: usize = 4;

/// The finding for a task: the most telling sentences of the most telling unit not quoted yet, with the facts whose
/// names led there. `None` if no unit has a word looked for.
///
/// Task *n* of the plan takes the passage of rank *n*, less one for each note it sees, so that tasks which cannot see
/// each other do not find the same passage. Each further attempt takes the next passage, and a shorter quote.
#[must_use]
pub fn reason(
    question: &str,
    task_text: &str,
    attempt: u32,
    index: &Index,
    units: &[Unit<'_>],
    notes: &[Note<'_>],
) -> Option<ReasonReply> {
    let step = Step::of(task_text);
    let query = Query::new(question, step.further, index, notes);
    let ranking = ranking(&query, index, notes);
    let missing = usize::try_from(step.number.saturating_sub(1)).ok()?.saturating_sub(notes.len());
    let tried = usize::try_from(attempt.saturating_sub(1)).ok()?;
    if missing >= ranking.len() {
        return None;
    }
    // Past the end of the ranking a further attempt only shortens the quote.
    let first = missing.saturating_add(tried).min(ranking.len() - 1);
    let after = ranking.get(first..)?.iter().chain(ranking.get(..first)?.iter().rev());
    after.copied().find_map(|place| quote_from(place, attempt, &query, index, units, notes))
}

/// The places of all units that earn something, best first: those nobody has quoted before the others.
fn ranking(query: &Query, index: &Index, notes: &[Note<'_>]) -> Vec<usize> {
    let quoted: BTreeSet<UnitId> =
        notes.iter().flat_map(|note| note.evidence).map(|span| span.unit).collect();
    let scored = query.scores(index).into_iter().enumerate().filter(|(_, score)| *score > 0);
    let mut ranked: Vec<(bool, u64, usize)> = scored
        .map(|(place, score)| (index.unit(place).is_some_and(|unit| quoted.contains(&unit)), score, place))
        .collect();
    ranked.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2)));
    ranked.into_iter().map(|(_, _, place)| place).collect()
}

/// The reply that quotes a unit, unless all it has to say is in the context already.
fn quote_from(
    place: usize,
    attempt: u32,
    query: &Query,
    index: &Index,
    units: &[Unit<'_>],
    notes: &[Note<'_>],
) -> Option<ReasonReply> {
    let unit = units.get(place).filter(|unit| index.unit(place) == Some(unit.id))?;
    let shrink = attempt.saturating_sub(1).min(6);
    let (start, end) = passage(unit.text, query, index, notes, PASSAGE_TOKENS >> shrink)?;
    let text = trimmed(unit.text.get(start..end)?, query, index, QUOTE_TOKENS >> shrink)?;
    let finding = evened(text);
    let lenders = query.lenders_for(unit.text, index);
    Some(ReasonReply {
        finding,
        cites: lenders.iter().take(CITES_MAX).map(ToString::to_string).collect(),
        evidence: alloc::vec![Quote { unit: unit.id.to_string(), quote: String::from(text) }],
        unfold: Vec::new(),
    })
}

/// Single spaces for all blanks, as a finding is written.
fn evened(text: &str) -> String {
    let parts = text.split(|c: char| c.is_whitespace() || c == '\0').filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(" ")
}

/// The most telling sentence that no note holds yet, with its neighbours in the same paragraph as far as they fit.
fn passage(
    text: &str,
    query: &Query,
    index: &Index,
    notes: &[Note<'_>],
    tokens_max: u64,
) -> Option<(usize, usize)> {
    let part = |range: (usize, usize)| text.get(range.0..range.1).unwrap_or_default();
    let known = |range: &(usize, usize)| {
        let even = evened(part(*range));
        notes.iter().any(|note| note.text.contains(&even))
    };
    let all: Vec<(usize, usize)> = sentences(text).collect();
    let fresh = all
        .iter()
        .enumerate()
        .filter(|(_, range)| !known(range) && part(**range).chars().any(char::is_alphanumeric));
    let worths =
        fresh.map(|(at, range)| (!is_heading(part(*range)), query.worth(part(*range), index), Reverse(at)));
    let Reverse(best) = worths.max()?.2;
    let (mut first, mut last) = (best, best);
    let mut tokens = all.get(best).map_or(0, |range| gist_tokens(part(*range)));
    // The sentence before says what a pronoun stands for, so it goes first.
    for step in 0..all.len().min(16) {
        let (a, b) = if step % 2 == 0 { (first.wrapping_sub(1), first) } else { (last, last + 1) };
        let added = if step % 2 == 0 { a } else { b };
        let (Some(left), Some(right), Some(new)) = (all.get(a), all.get(b), all.get(added)) else { continue };
        let more = gist_tokens(part(*new));
        if parted(text, *left, *right) || tokens + more > tokens_max {
            continue;
        }
        tokens += more;
        (first, last) = (first.min(added), last.max(added));
    }
    Some((all.get(first)?.0, all.get(last)?.1))
}

fn is_heading(sentence: &str) -> bool {
    sentence.starts_with(['#', '|'])
}

/// Whether a blank line, a heading or a list item stands between two sentences.
fn parted(text: &str, left: (usize, usize), right: (usize, usize)) -> bool {
    let gap = text.get(left.1..right.0).unwrap_or_default();
    let marked = |range: (usize, usize)| {
        text.get(range.0..range.1).unwrap_or_default().starts_with(['#', '|', '>', '-', '*', '+'])
    };
    gap.matches('\n').count() > 1 || marked(left) || marked(right)
}

/// The passage, or as much of it as the tokens allow: from its start if that reaches the most telling word, else from
/// that word on. `None` if not even one word fits.
fn trimmed<'a>(passage: &'a str, query: &Query, index: &Index, tokens_max: u64) -> Option<&'a str> {
    if gist_tokens(passage) <= tokens_max {
        return Some(passage);
    }
    let mut best = (0, 0, 0);
    let mut start = 0;
    for end in cuts(passage) {
        let worth = query.worth(passage.get(start..end)?, index);
        if worth > best.0 {
            best = (worth, start, end);
        }
        start = end;
    }
    let from_start = prefix(passage, tokens_max);
    let kept =
        if from_start.len() >= best.2 { from_start } else { prefix(passage.get(best.1..)?, tokens_max) };
    Some(kept.trim()).filter(|kept| kept.chars().any(char::is_alphanumeric))
}

/// The longest part from the start within so many tokens that may be quoted; nothing if the first word is too long.
fn prefix(text: &str, tokens_max: u64) -> &str {
    let mut end = 0;
    let mut tokens = 0;
    for cut in cuts(text) {
        tokens += gist_tokens(text.get(end..cut).unwrap_or_default());
        if tokens > tokens_max {
            break;
        }
        end = cut;
    }
    text.get(..end).unwrap_or_default()
}
