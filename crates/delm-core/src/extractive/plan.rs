//! The fixed shape of a plan, the texts of its tasks, and what an expansion adds.
//!
//! Refuses to understand the question: two passages near it are looked for side by side, then two and one that follow
//! what the facts so far name. An expansion follows sources that the facts name and nobody has quoted.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Note;
use super::index::{Index, Title, terms_of};
use super::query::{is_named, named_words, term_of};
use crate::ids::{FactId, SourceId};
use crate::reply::{PlanReply, PlannedTask};
use crate::text::words;

/// Tasks of a plan: the figures of the reader are given for the first five passages.
const TASKS: usize = 5;
/// Tasks that one expansion adds, at most.
const FOLLOWED_MAX: usize = 2;
/// Words of the question that a task's text repeats.
const SHOWN_MAX: usize = 6;
/// The sign of a task that this reader planned.
const SIGN: &str = "Passage ";

/// The first tasks.
#[must_use]
pub fn plan(question: &str, index: &Index) -> PlanReply {
    let about = about(question, index);
    let count = index.len().clamp(1, TASKS);
    let tasks = (1..=count).map(|number| {
        let what = match number {
            1 => format!("what says most about {about}"),
            2 => format!("what else speaks of {about}"),
            _ => format!("what the facts so far lead to, about {about}"),
        };
        PlannedTask { text: format!("{SIGN}{number} of {count}: {what}"), needs: needs(number) }
    });
    PlanReply { tasks: tasks.collect() }
}

/// Two tasks side by side, two more that need both, then the last: three steps for five passages.
///
/// A longer chain sees more and found no more: on MuSiQue 89 hits for a chain from the third task on, 90 for this.
fn needs(number: usize) -> Vec<String> {
    match number {
        1 | 2 => Vec::new(),
        3 | 4 => alloc::vec!["1".to_string(), "2".to_string()],
        _ => alloc::vec!["3".to_string(), "4".to_string()],
    }
}

/// Tasks for sources that the facts name in full and nobody has quoted; none closes the queue.
///
/// A name that stands in the question was looked for by the plan already. The round changes nothing: what is quoted
/// is not followed again, so expansions end by themselves.
#[must_use]
pub fn expand(question: &str, round: u32, notes: &[Note<'_>], index: &Index) -> PlanReply {
    let _ = round;
    let quoted: BTreeSet<SourceId> =
        notes.iter().flat_map(|note| note.evidence).map(|span| span.unit.source).collect();
    let asked: BTreeSet<String> = terms_of(question).collect();
    let mut followed: Vec<(u64, SourceId, &Title, FactId)> = Vec::new();
    let namers = Namers::read(notes, index);
    for (source, title) in
        index.titles().filter(|(source, title)| !quoted.contains(source) && !title.terms.is_empty())
    {
        let new = terms_of(&title.text).any(|word| !asked.contains(&word));
        if let Some(fact) = namers.of(title).filter(|_| new) {
            let rarity = title.terms.iter().map(|term| index.rarity(*term)).sum();
            followed.push((rarity, source, title, fact));
        }
    }
    followed.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let first = notes.len() + 1;
    let tasks =
        followed.iter().take(FOLLOWED_MAX).zip(first..).map(|((_, _, title, fact), number)| PlannedTask {
            text: format!("{SIGN}{number}: what “{}” says, which {fact} names", title.text),
            needs: Vec::new(),
        });
    PlanReply { tasks: tasks.collect() }
}

/// Which facts have which words as names.
struct Namers(BTreeMap<u32, BTreeSet<FactId>>);

impl Namers {
    fn read(notes: &[Note<'_>], index: &Index) -> Self {
        let mut namers: BTreeMap<u32, BTreeSet<FactId>> = BTreeMap::new();
        for note in notes.iter().filter(|note| !note.failure) {
            for (word, _) in named_words(note.text).into_iter().filter(|(_, named)| *named) {
                if let Some(term) = term_of(&word, index) {
                    namers.entry(term).or_default().insert(note.fact);
                }
            }
        }
        Self(namers)
    }

    /// The first fact that holds all words of a title as names.
    fn of(&self, title: &Title) -> Option<FactId> {
        let (first, others) = title.terms.split_first()?;
        let holds = |fact: &FactId, term: &u32| self.0.get(term).is_some_and(|facts| facts.contains(fact));
        self.0.get(first)?.iter().find(|fact| others.iter().all(|term| holds(fact, term))).copied()
    }
}

/// The question's most telling words, in its order, for a person to read.
fn about(question: &str, index: &Index) -> String {
    let mut told: Vec<(u64, usize, &str)> = Vec::new();
    let mut seen = BTreeSet::new();
    for (at, word) in words(question).enumerate() {
        let Some(term) = term_of(&word, index).filter(|term| seen.insert(*term)) else { continue };
        let weight = if is_named(&word) { 2 } else { 1 };
        told.push((index.rarity(term) * weight, at, word.text));
    }
    told.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    told.truncate(SHOWN_MAX);
    told.sort_unstable_by_key(|(_, at, _)| *at);
    let shown: Vec<&str> = told.into_iter().map(|(_, _, word)| word).collect();
    if shown.is_empty() { String::from("the question") } else { shown.join(", ") }
}

/// What a task's text tells the reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Step<'a> {
    /// Its place among the passages, from one.
    pub(super) number: u32,
    /// Words to look for besides the question's.
    pub(super) further: &'a str,
}

impl<'a> Step<'a> {
    /// Reads a text written here; of any other, which a person, program or model wrote, every word is looked for.
    pub(super) fn of(task_text: &'a str) -> Self {
        let signed = task_text.strip_prefix(SIGN).and_then(|rest| rest.split_once(':'));
        let Some((head, rest)) = signed else { return Self { number: 1, further: task_text } };
        let quoted = rest.split_once('“').and_then(|(_, rest)| rest.split_once('”')).map(|(name, _)| name);
        match quoted {
            // The name says enough: such a task looks for that passage, whoever else is looking.
            Some(further) => Self { number: 1, further },
            None => {
                Self { number: head.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(1), further: "" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_from_the_texts_written_here_and_from_others() {
        let step = |number, further| Step { number, further };
        assert_eq!(Step::of("Passage 3 of 5: what the facts so far lead to, about x"), step(3, ""));
        assert_eq!(Step::of("Passage 6: what “The Lamp Act” says, which F2 names"), step(1, "The Lamp Act"));
        assert_eq!(Step::of("Find out who paid."), step(1, "Find out who paid."));
        assert_eq!(Step::of("Passage x of y: z"), step(1, ""));
        assert_eq!(Step::of(""), step(1, ""));
    }
}
