//! Questions that need several documents, a JSON object a line, and what a search engine alone would find.
//!
//! Refuses to show the answers to anything but the count of hits.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use delm_core::ids::SourceId;
use delm_core::run::{Fact, Run};
use delm_core::text::{stem, words};
use serde_json::Value;

use crate::Outcome;

/// Documents that count: the first so many.
pub const CITED: usize = 5;

/// A question, its documents by title and text, and the places of those that support its answer.
#[derive(Clone, Debug)]
pub struct Item {
    /// What is asked.
    pub question: String,
    /// Title and text of each document.
    pub documents: Vec<(String, String)>,
    /// Those that support the answer, by their place.
    pub supporting: BTreeSet<usize>,
}

/// Reads a file of questions.
///
/// # Errors
/// With the line that is no question.
pub fn read(path: &Path) -> Outcome<Vec<Item>> {
    let text = std::fs::read_to_string(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let items = lines.map(|(at, line)| {
        let value: Value = serde_json::from_str(line)?;
        item(&value).ok_or_else(|| format!("{} line {}: not a question", path.display(), at + 1).into())
    });
    items.collect()
}

fn item(value: &Value) -> Option<Item> {
    let documents: Vec<(String, String)> =
        value.get("documents")?.as_array()?.iter().map(document).collect::<Option<_>>()?;
    let place = |support: &Value| {
        let title = support.get("title").and_then(Value::as_str);
        match support.get("document").and_then(Value::as_u64) {
            Some(place) => usize::try_from(place).ok().filter(|place| *place < documents.len()),
            // Several documents may bear one title; then the place is given.
            None => documents.iter().position(|(own, _)| Some(own.as_str()) == title),
        }
    };
    let supporting: BTreeSet<usize> =
        value.get("supporting")?.as_array()?.iter().map(place).collect::<Option<_>>()?;
    let question = value.get("question")?.as_str()?.to_owned();
    (!supporting.is_empty()).then_some(Item { question, documents, supporting })
}

fn document(value: &Value) -> Option<(String, String)> {
    let title = value.get("title")?.as_str()?.to_owned();
    let text = match value.get("text").and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => {
            let sentences = value.get("sentences")?.as_array()?;
            sentences.iter().filter_map(Value::as_str).map(str::trim).collect::<Vec<_>>().join(" ")
        }
    };
    Some((title, text))
}

impl Item {
    /// The share of the supporting documents among the first that were cited.
    #[must_use]
    pub fn share(&self, cited: &[usize]) -> f64 {
        let hits = cited.iter().take(CITED).filter(|place| self.supporting.contains(place)).count();
        hits as f64 / self.supporting.len() as f64
    }

    /// The ranking of plain BM25 over title and text (k₁ = 1.2, b = 0.75), by arithmetic of its own.
    #[must_use]
    pub fn plain(&self) -> Vec<usize> {
        let texts: Vec<Vec<String>> =
            self.documents.iter().map(|(title, text)| terms(&format!("{title} {text}"))).collect();
        let mean = texts.iter().map(Vec::len).sum::<usize>() as f64 / texts.len().max(1) as f64;
        let mut scores: BTreeMap<usize, f64> = (0..texts.len()).map(|place| (place, 0.0)).collect();
        for term in terms(&self.question).into_iter().collect::<BTreeSet<_>>() {
            let with = texts.iter().filter(|text| text.contains(&term)).count() as f64;
            let rarity = ((texts.len() as f64 + 1.0) / (with + 0.5)).ln();
            for (text, score) in texts.iter().zip(scores.values_mut()) {
                let times = text.iter().filter(|word| **word == term).count() as f64;
                *score += rarity * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * text.len() as f64 / mean));
            }
        }
        let mut ranking: Vec<(usize, f64)> = scores.into_iter().collect();
        ranking.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranking.into_iter().map(|(place, _)| place).collect()
    }
}

fn terms(text: &str) -> Vec<String> {
    let stems = words(text).map(|word| stem(&word.normalized()).to_owned());
    stems.filter(|word| word.len() > 2 || word.parse::<u32>().is_ok()).collect()
}

/// The documents in the order in which facts first quote them.
#[must_use]
pub fn cited<'a>(facts: impl IntoIterator<Item = &'a Fact>) -> Vec<usize> {
    let mut cited = Vec::new();
    for span in facts.into_iter().flat_map(|fact| fact.proposal.evidence.iter()) {
        let place = SourceId::index(span.unit.source);
        if !cited.contains(&place) {
            cited.push(place);
        }
    }
    cited
}

/// The same in the order in which the answer cites the facts.
#[must_use]
pub fn cited_by_answer(run: &Run) -> Vec<usize> {
    let labels = run.answer().map(|answer| answer.cites.as_slice()).unwrap_or_default();
    cited(labels.iter().filter_map(|label| run.fact(*label)).map(AsRef::as_ref))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"question": "Who built the lock?", "documents": [
        {"title": "Weather", "text": "It rained."},
        {"title": "Lock", "sentences": ["Ada built the lock. ", " It held."]}],
        "supporting": [{"title": "Lock", "sentence": 0}, {"title": "Lock", "sentence": 1}]}"#;

    #[test]
    fn a_question_is_read_and_ranked() {
        let item = item(&serde_json::from_str(LINE).unwrap()).unwrap();
        assert_eq!(item.documents[1].1, "Ada built the lock. It held.");
        assert_eq!(item.plain(), [1, 0]);
        assert_eq!((item.share(&[0]), item.share(&[0, 1])), (0.0, 1.0));
        assert_eq!(item.share(&[0, 0, 0, 0, 0, 1]), 0.0, "only the first five count");
    }
}
