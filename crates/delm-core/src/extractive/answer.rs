//! The answer: the quotes that say most about the question, with their labels.
//!
//! Refuses to answer in words of its own, and to answer without a finding.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Note;
use super::index::terms_of;
use super::query::is_named;
use crate::reply::FinalizeReply;
use crate::text::{stem, words};

/// Quotes in an answer.
const QUOTES_MAX: usize = 5;

/// The best quotes in the order in which they were found, each with its label; unanswered without any.
#[must_use]
pub fn finalize(question: &str, notes: &[Note<'_>]) -> FinalizeReply {
    let mut seen = BTreeSet::new();
    let findings: Vec<&Note<'_>> =
        notes.iter().filter(|note| !note.failure && seen.insert(note.text)).collect();
    if findings.is_empty() {
        let answer = String::from("No passage of the documents shares a word with the question.");
        return FinalizeReply { answered: false, answer, cites: Vec::new() };
    }
    let asked: BTreeSet<String> = terms_of(question).collect();
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    for name in findings.iter().flat_map(|note| names_of(note)) {
        *named.entry(name).or_default() += 1;
    }
    let bearings = findings.iter().map(|note| bearing(note, &asked, &named));
    let mut chosen: Vec<(usize, usize)> = bearings.enumerate().map(|(at, bearing)| (bearing, at)).collect();
    chosen.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    chosen.truncate(QUOTES_MAX);
    chosen.sort_unstable_by_key(|(_, at)| *at);
    let quotes: Vec<&&Note<'_>> = chosen.iter().filter_map(|(_, at)| findings.get(*at)).collect();
    let lines: Vec<String> = quotes.iter().map(|note| format!("“{}” [{}]", note.text, note.fact)).collect();
    FinalizeReply {
        answered: true,
        answer: lines.join("\n"),
        cites: quotes.iter().map(|note| note.fact.to_string()).collect(),
    }
}

/// How much a quote bears on the question: the question's words in it, and further names it shares with other quotes.
fn bearing(note: &Note<'_>, asked: &BTreeSet<String>, named: &BTreeMap<String, usize>) -> usize {
    let held: BTreeSet<String> = terms_of(note.text).collect();
    let links = names_of(note).into_iter().filter(|name| named.get(name).is_some_and(|notes| *notes > 1));
    let linked = links.filter(|name| !asked.contains(name)).count();
    held.intersection(asked).count() * 2 + linked.min(asked.len())
}

fn names_of(note: &Note<'_>) -> BTreeSet<String> {
    words(note.text).filter(is_named).map(|word| String::from(stem(&word.normalized()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::FactId;

    #[test]
    fn a_quote_bears_by_the_questions_words_and_by_names_others_have() {
        let note = Note { fact: FactId(1), text: "Ada Quill rowed home", evidence: &[], failure: false };
        let asked: BTreeSet<String> = terms_of("Who rowed home?").collect();
        let of = |counts: &[(&str, usize)]| {
            let named = counts.iter().map(|(name, count)| (String::from(*name), *count)).collect();
            bearing(&note, &asked, &named)
        };
        assert_eq!(of(&[]), 4, "two words of the question");
        assert_eq!(of(&[("ada", 1), ("quill", 1)]), 4, "names of this quote alone");
        assert_eq!(of(&[("ada", 2), ("quill", 1)]), 5);
        assert_eq!(of(&[("ada", 2), ("quill", 3)]), 6);
        let of_name: BTreeSet<String> = terms_of("Ada?").collect();
        let named = BTreeMap::from([(String::from("ada"), 2), (String::from("quill"), 2)]);
        assert_eq!(bearing(&note, &of_name, &named), 3, "a name that is asked for is counted once");
    }
}
