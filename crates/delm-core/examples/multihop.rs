//! Measures the built-in reader on questions that need several documents: the share of a question's supporting
//! documents among the first five that admitted findings quote.
//!
//! `cargo run --release -p delm-core --example multihop -- [--pooled] [--agents=8] FILE.jsonl…`, a question a line:
//! `{"question", "documents": [{"title", "text" | "sentences"}], "supporting": [{"title"} | {"document": n}]}`.
//! Each document is a source of one unit. The loop is the engine's without the engine: tasks whose needs are settled
//! run side by side, as many as there are agents, on one snapshot of the context; a finding is admitted if its quote and the mechanical checks hold.
//! `--pooled` searches the documents of all questions of a file at once. Refuses to know the answers while it works.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use delm_core::check::check;
use delm_core::event::Evidence;
use delm_core::extractive::{Index, Note, Unit, expand, finalize, plan, reason};
use delm_core::ids::{FactId, SourceId, UnitId};
use delm_core::reply::PlannedTask;
use delm_core::text::{find_quote, stem, words};
use serde_json::Value;

const CITED: usize = 5;

/// A document: title and text.
type Document = (String, String);

/// A question, its documents, and the places of those that support its answer.
struct Item {
    question: String,
    documents: Vec<Document>,
    supporting: BTreeSet<Document>,
}

/// An admitted finding.
struct Fact {
    text: String,
    evidence: Vec<Evidence>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let (options, files): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg.starts_with("--"));
    let pooled = options.iter().any(|option| option == "--pooled");
    let shown = options.iter().any(|option| option == "--show");
    let agents = options
        .iter()
        .find_map(|option| option.strip_prefix("--agents="))
        .map_or(Ok(8), str::parse::<usize>)?;
    for file in files {
        let items = read(&std::fs::read_to_string(&file)?)?;
        let mut figures: BTreeMap<&str, (usize, usize, f64)> = BTreeMap::new();
        let all: Vec<Document> = items
            .iter()
            .flat_map(|item| item.documents.clone())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let everything = Corpus::build(&all, agents);
        for item in &items {
            let own = if pooled { None } else { Some(Corpus::build(&item.documents, agents)) };
            let corpus = own.as_ref().unwrap_or(&everything);
            for (arm, cited) in [
                ("plain BM25", corpus.plain(&item.question)),
                ("without sharing", corpus.run(&item.question, false, false)),
                ("with sharing", corpus.run(&item.question, true, shown)),
            ] {
                let hits =
                    cited.iter().take(CITED).filter(|document| item.supporting.contains(**document)).count();
                let figure = figures.entry(arm).or_default();
                *figure = (
                    figure.0 + hits,
                    figure.1 + 1,
                    figure.2 + hits as f64 / item.supporting.len().max(1) as f64,
                );
            }
        }
        for (arm, (hits, questions, shares)) in figures {
            println!(
                "{file}: {arm}: {:.3} of the supporting documents ({hits} hits, {questions} questions)",
                shares / questions as f64
            );
        }
    }
    Ok(())
}

fn read(text: &str) -> Result<Vec<Item>, Box<dyn Error>> {
    let mut items = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let value: Value = serde_json::from_str(line)?;
        let string = |value: &Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
        let list = |key: &str| value[key].as_array().cloned().unwrap_or_default();
        let documents: Vec<Document> = list("documents")
            .iter()
            .map(|document| {
                let sentences = document["sentences"].as_array().cloned().unwrap_or_default();
                let joined =
                    sentences.iter().filter_map(Value::as_str).map(str::trim).collect::<Vec<_>>().join(" ");
                let text = document["text"].as_str().map_or(joined, str::to_owned);
                (string(document, "title"), text)
            })
            .collect();
        let supports = list("supporting");
        let supporting = supports.iter().filter_map(|support| {
            let named = || documents.iter().find(|document| document.0 == string(support, "title"));
            let numbered =
                support["document"].as_u64().and_then(|at| documents.get(usize::try_from(at).ok()?));
            numbered.or_else(named).cloned()
        });
        let supporting = supporting.collect();
        items.push(Item { question: string(&value, "question"), documents, supporting });
    }
    Ok(items)
}

/// Documents with their index.
struct Corpus<'a> {
    documents: &'a [Document],
    units: Vec<Unit<'a>>,
    index: Index,
    agents: usize,
}

impl<'a> Corpus<'a> {
    fn build(documents: &'a [Document], agents: usize) -> Self {
        let units: Vec<Unit<'a>> = (1..)
            .zip(documents)
            .map(|(n, (name, text))| Unit { id: UnitId { source: SourceId(n), index: 1 }, name, text })
            .collect();
        Self { documents, index: Index::build(&units), units, agents }
    }

    /// The documents in the order in which admitted findings first quote them.
    fn run(&self, question: &str, sharing: bool, shown: bool) -> Vec<&'a Document> {
        let mut facts: Vec<Fact> = Vec::new();
        let mut tasks = plan(question, &self.index).tasks;
        for round in 1..=3 {
            self.drain(question, &tasks, sharing, &mut facts);
            tasks =
                expand(question, round, &if sharing { notes(&facts) } else { Vec::new() }, &self.index).tasks;
        }
        if shown {
            println!("{question}\n{}\n", finalize(question, &notes(&facts)).answer);
        }
        let mut cited = Vec::new();
        for span in facts.iter().flat_map(|fact| &fact.evidence) {
            cited.extend(
                self.documents.get(span.unit.source.index()).filter(|document| !cited.contains(document)),
            );
        }
        cited
    }

    /// Works out tasks, wave after wave.
    fn drain(&self, question: &str, tasks: &[PlannedTask], sharing: bool, facts: &mut Vec<Fact>) {
        let mut done: BTreeSet<usize> = BTreeSet::new();
        while done.len() < tasks.len() {
            let settled = |task: &PlannedTask| {
                task.needs.iter().all(|need| need.parse().is_ok_and(|n: usize| done.contains(&(n - 1))))
            };
            let wave: Vec<usize> = (0..tasks.len())
                .filter(|at| !done.contains(at) && settled(&tasks[*at]))
                .take(self.agents.max(1))
                .collect();
            assert!(!wave.is_empty(), "the plan is stuck");
            let snapshot = if sharing { notes(facts) } else { Vec::new() };
            let found: Vec<Fact> =
                wave.iter().filter_map(|at| self.work(question, &tasks[*at].text, &snapshot)).collect();
            facts.extend(found);
            done.extend(wave);
        }
    }

    /// One task: up to three attempts until a finding is admitted.
    fn work(&self, question: &str, task: &str, notes: &[Note<'_>]) -> Option<Fact> {
        (1..=3).find_map(|attempt| {
            let reply = reason(question, task, attempt, &self.index, &self.units, notes)?;
            let mut evidence = Vec::new();
            for quote in &reply.evidence {
                let unit = self.units.iter().find(|unit| unit.id.to_string() == quote.unit)?;
                let (start, end) = find_quote(unit.text, &quote.quote)?;
                evidence.push(Evidence { unit: unit.id, start: start as u64, end: end as u64 });
            }
            let texts: Vec<&str> = reply.evidence.iter().map(|quote| quote.quote.as_str()).collect();
            let passed = check(&reply.finding, &texts, 100).iter().all(|finding| finding.passed);
            passed.then_some(Fact { text: reply.finding, evidence })
        })
    }

    /// The ranking of plain BM25 over title and text (k₁ = 1.2, b = 0.75), by arithmetic of its own.
    fn plain(&self, question: &str) -> Vec<&'a Document> {
        let terms = |text: &str| {
            words(text)
                .map(|word| stem(&word.normalized()).to_owned())
                .filter(|w| w.len() > 2 || w.parse::<u32>().is_ok())
                .collect::<Vec<_>>()
        };
        let texts: Vec<Vec<String>> =
            self.documents.iter().map(|(title, text)| terms(&format!("{title} {text}"))).collect();
        let mean = texts.iter().map(Vec::len).sum::<usize>() as f64 / texts.len().max(1) as f64;
        let mut scores: Vec<(f64, &Document)> =
            self.documents.iter().map(|document| (0.0, document)).collect();
        for term in terms(question).into_iter().collect::<BTreeSet<_>>() {
            let with = texts.iter().filter(|text| text.contains(&term)).count() as f64;
            let rarity = ((texts.len() as f64 + 1.0) / (with + 0.5)).ln();
            for (text, score) in texts.iter().zip(&mut scores) {
                let times = text.iter().filter(|word| **word == term).count() as f64;
                score.0 += rarity * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * text.len() as f64 / mean));
            }
        }
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        scores.into_iter().map(|(_, document)| document).collect()
    }
}

fn notes(facts: &[Fact]) -> Vec<Note<'_>> {
    let labelled = (1..).zip(facts);
    labelled
        .map(|(n, fact)| Note { fact: FactId(n), text: &fact.text, evidence: &fact.evidence, failure: false })
        .collect()
}
