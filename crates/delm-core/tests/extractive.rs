//! The built-in reader: what a team of it finds, and what it must never do.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use delm_core::check::check;
use delm_core::event::Evidence;
use delm_core::extractive::{Index, Note, Unit, expand, finalize, plan, reason};
use delm_core::ids::{FactId, SourceId, UnitId};
use delm_core::reply::ReasonReply;
use delm_core::text::{find_quote, gist_tokens, split};
use proptest::prelude::*;

const DOCUMENTS: &[(&str, &str)] = &[
    ("harbour.md", "The harbour of Sole has two piers. Ships from Orm call every week."),
    (
        "docs/02-the-orm-ferry.md",
        "# The Orm ferry\n\nThe Orm ferry was built in 1911 by the yard of Ida Vance. It carries cattle.",
    ),
    ("Ida Vance", "Ida Vance learned her trade in Tarn. She never married."),
    ("Tarn", "Tarn lies on the river Wend. Its mayor keeps bees."),
    ("Bees", "Bees dance. A mayor of Orm once wrote a book about the ferry of another town."),
];

/// A corpus of one unit a document.
fn units<'a>(documents: &[(&'a str, &'a str)]) -> Vec<Unit<'a>> {
    let numbered = (1..).zip(documents);
    numbered
        .map(|(n, (name, text))| Unit { id: UnitId { source: SourceId(n), index: 1 }, name, text })
        .collect()
}

/// A finding with the places of its quotes.
struct Fact(ReasonReply, Vec<Evidence>);

fn admit(reply: ReasonReply, units: &[Unit<'_>]) -> Fact {
    let evidence = reply.evidence.iter().map(|quote| {
        let unit = units.iter().find(|unit| unit.id.to_string() == quote.unit).unwrap();
        let (start, end) = find_quote(unit.text, &quote.quote).unwrap();
        Evidence { unit: unit.id, start: start as u64, end: end as u64 }
    });
    let evidence = evidence.collect();
    Fact(reply, evidence)
}

fn notes(facts: &[Fact]) -> Vec<Note<'_>> {
    (1..)
        .zip(facts)
        .map(|(n, fact)| Note { fact: FactId(n), text: &fact.0.finding, evidence: &fact.1, failure: false })
        .collect()
}

/// Works out the plan, and what expansions add: the first two tasks see nothing, each later one everything before it.
fn team(question: &str, units: &[Unit<'_>]) -> Vec<Fact> {
    let index = Index::build(units);
    let mut facts: Vec<Fact> = Vec::new();
    let mut tasks = plan(question, &index).tasks;
    for round in 1..=3 {
        for (at, task) in tasks.iter().enumerate() {
            let seen = if round == 1 && at < 2 { Vec::new() } else { notes(&facts) };
            if let Some(reply) = reason(question, &task.text, 1, &index, units, &seen) {
                facts.push(admit(reply, units));
            }
        }
        tasks = expand(question, round, &notes(&facts), &index).tasks;
    }
    facts
}

#[test]
fn the_second_agent_finds_the_second_hop() {
    let units = units(DOCUMENTS);
    let index = Index::build(&units);
    let question = "Where did the woman whose yard built the Orm ferry learn her trade?";
    let first = reason(question, &plan(question, &index).tasks[0].text, 1, &index, &units, &[]).unwrap();
    assert_eq!(first.finding, "The Orm ferry was built in 1911 by the yard of Ida Vance. It carries cattle.");
    assert_eq!(first.cites, [""; 0]);
    let facts = [admit(first, &units)];
    let third = &plan(question, &index).tasks[2].text;
    let second =
        reason(question, third, 1, &index, &units, &notes(&facts)).map(|reply| (reply.finding, reply.cites));
    // The task is the third, but it sees one note only, so it leaves the best passage to the second.
    assert_ne!(second.unwrap().0, "Ida Vance learned her trade in Tarn. She never married.");
    let second = reason(question, "Find the next passage.", 1, &index, &units, &notes(&facts)).unwrap();
    assert_eq!(second.finding, "Ida Vance learned her trade in Tarn. She never married.");
    assert_eq!(second.cites, ["F1"]);
}

#[test]
fn a_plan_has_parallel_and_dependent_tasks_that_a_person_can_read() {
    let units = units(DOCUMENTS);
    let tasks = plan("Where did the builder of the Orm ferry learn?", &Index::build(&units)).tasks;
    assert_eq!(tasks.len(), 5);
    assert_eq!(
        tasks[0].text,
        "Passage 1 of 5: what says most about builder, Orm, ferry, learn".replace("builder, ", "")
    );
    let needs: Vec<Vec<String>> = tasks.into_iter().map(|task| task.needs).collect();
    assert_eq!(needs, [vec![], vec![], vec!["1", "2"], vec!["1", "2"], vec!["3", "4"]]);
    assert_eq!(plan("Why?", &Index::build(&units[..2])).tasks.len(), 2);
    assert_eq!(
        plan("Why?", &Index::default()).tasks[0].text,
        "Passage 1 of 1: what says most about the question"
    );
}

#[test]
fn without_notes_each_task_takes_its_own_passage() {
    let units = units(DOCUMENTS);
    let index = Index::build(&units);
    let question = "Which ferry of Orm did the mayor of Tarn write about, and who was Ida Vance?";
    let found: Vec<Option<String>> = plan(question, &index)
        .tasks
        .iter()
        .map(|task| {
            reason(question, &task.text, 1, &index, &units, &[]).map(|reply| reply.evidence[0].unit.clone())
        })
        .collect();
    let distinct: BTreeSet<&Option<String>> = found.iter().collect();
    assert_eq!(distinct.len(), 5, "{found:?}");
}

#[test]
fn nothing_is_found_where_no_word_matches() {
    let units = units(DOCUMENTS);
    let index = Index::build(&units);
    for question in ["", "Zyzzyva?", "the of and", "\u{0}", "🦀"] {
        assert_eq!(reason(question, "Passage 1 of 5: x", 1, &index, &units, &[]), None, "{question:?}");
    }
    assert_eq!(reason("ferry", "Passage 1 of 1: x", 1, &Index::default(), &[], &[]), None);
    assert_eq!(
        reason("ferry", "Passage 1 of 1: x", 1, &index, &[], &[]),
        None,
        "units that the index does not know"
    );
    let answer = finalize("ferry", &[]);
    assert!(!answer.answered && answer.cites.is_empty() && !answer.answer.is_empty());
}

#[test]
fn further_attempts_take_other_and_shorter_passages() {
    let long =
        "Orm ".to_string() + &"ferry carried cattle and timber to the piers of Sole and Tarn ".repeat(20);
    let documents = [("a", long.as_str()), ("b", "The Orm ferry sank. Nobody drowned. It was raised.")];
    let units = units(&documents);
    let index = Index::build(&units);
    let replies: Vec<ReasonReply> = (1..=9)
        .map(|attempt| reason("Orm ferry?", "Passage 1 of 2: x", attempt, &index, &units, &[]).unwrap())
        .collect();
    assert_ne!(replies[0].evidence[0].unit, replies[1].evidence[0].unit);
    for (reply, limit) in replies.iter().zip([100, 50, 25, 12, 6, 3, 1, 1, 1]) {
        assert!(gist_tokens(&reply.finding) <= limit, "{limit}: {}", reply.finding);
    }
}

#[test]
fn a_sentence_is_not_quoted_twice_while_there_is_another() {
    let documents = [("a", "The ferry\nis old. The ferry is red.\n\n- The ferry\n  is slow.")];
    let units = units(&documents);
    let index = Index::build(&units);
    let mut facts: Vec<Fact> = Vec::new();
    while let Some(reply) = reason("ferry", "ferry", 1, &index, &units, &notes(&facts)) {
        assert!(facts.iter().all(|fact| fact.0.finding != reply.finding), "{}", reply.finding);
        facts.push(admit(reply, &units));
    }
    assert_eq!(facts.len(), 2);
}

#[test]
fn failures_in_the_context_lend_nothing() {
    let units = units(DOCUMENTS);
    let index = Index::build(&units);
    let failure = Note { fact: FactId(1), text: "Given up: Ida Vance, Tarn", evidence: &[], failure: true };
    let reply = reason("harbour piers", "harbour", 1, &index, &units, &[failure]).unwrap();
    assert_eq!((reply.evidence[0].unit.as_str(), reply.cites.len()), ("S1.1", 0));
    assert!(!finalize("harbour", &[failure]).answered);
    assert_eq!(expand("harbour", 1, &[failure], &index).tasks, []);
}

#[test]
fn expansion_follows_named_sources_and_ends() {
    let units = units(DOCUMENTS);
    let index = Index::build(&units);
    let evidence = [Evidence { unit: units[1].id, start: 0, end: 1 }];
    let note =
        Note { fact: FactId(7), text: "It was built by Ida Vance.", evidence: &evidence, failure: false };
    let tasks = expand("Who built the Orm ferry?", 1, &[note], &index).tasks;
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].text, "Passage 2: what “Ida Vance” says, which F7 names");
    let reply = reason("Who built the Orm ferry?", &tasks[0].text, 1, &index, &units, &[note]).unwrap();
    assert_eq!(reply.evidence[0].unit, "S3.1");
    let evidence = [evidence[0], Evidence { unit: units[2].id, start: 0, end: 1 }];
    assert_eq!(expand("Who?", 2, &[Note { evidence: &evidence, ..note }], &index).tasks, []);
}

#[test]
fn answers_are_quotes_with_labels_in_order() {
    let note = |n, text| Note { fact: FactId(n), text, evidence: &[], failure: false };
    let notes = [
        note(1, "The ferry left Orm."),
        note(2, "The ferry left Orm."),
        note(3, "Snow fell."),
        note(4, "A ferry."),
        note(5, "Orm is a town."),
        note(6, "The ferry of Orm is old."),
        note(7, "A ferry in Orm."),
    ];
    let reply = finalize("Which ferry left Orm?", &notes);
    assert!(reply.answered);
    assert_eq!(reply.cites, ["F1", "F4", "F5", "F6", "F7"]);
    assert_eq!(reply.answer.lines().next(), Some("“The ferry left Orm.” [F1]"));
}

#[test]
fn the_corpus_of_our_own_is_answered_with_every_sentence_needed() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../replays/harrow-light/");
    let Ok(questions) = std::fs::read_to_string(folder.to_owned() + "questions.json") else { return };
    let mut names: Vec<_> =
        std::fs::read_dir(folder.to_owned() + "sources").unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    let texts: Vec<(String, String)> = names
        .iter()
        .map(|path| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    let mut units = Vec::new();
    for (n, (name, text)) in (1..).zip(&texts) {
        for (index, (start, end)) in (1..).zip(split(text, 6_000)) {
            let text = &text[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
            units.push(Unit { id: UnitId { source: SourceId(n), index }, name, text });
        }
    }
    let questions: serde_json::Value = serde_json::from_str(&questions).unwrap();
    for question in questions["questions"].as_array().unwrap() {
        let facts = team(question["question"].as_str().unwrap(), &units);
        for support in question["support"].as_array().unwrap() {
            let sentence = support["sentence"].as_str().unwrap();
            assert!(
                facts.iter().any(|fact| find_quote(&fact.0.finding, sentence).is_some()),
                "{}: {sentence}\n{:#?}",
                question["id"],
                facts.iter().map(|fact| &fact.0.finding).collect::<Vec<_>>()
            );
        }
    }
}

#[test]
fn many_units_are_indexed_and_searched() {
    let texts: Vec<String> = (0..20_000)
        .map(|n| format!("Keeper number{n} of lamp{} kept watch over the rocks.", n % 97))
        .collect();
    let units: Vec<Unit<'_>> = (1..)
        .zip(&texts)
        .map(|(n, text)| Unit { id: UnitId { source: SourceId(1), index: n }, name: "log", text })
        .collect();
    let index = Index::build(&units);
    let reply = reason("Where was number19999 on watch?", "x", 1, &index, &units, &[]).unwrap();
    assert_eq!(reply.evidence[0].unit, "S1.20000");
}

proptest! {
    #[test]
    fn every_finding_is_verbatim_and_passes_the_checks(
        texts in proptest::collection::vec("([A-Da-d]{1,3}[ ,.\n#’-]{1,2}|not |12 |é |\u{0}|東京){0,30}", 1..6),
        question in "([A-Da-d]{1,3} |12 |東){0,6}",
        attempt in 1_u32..5,
    ) {
        let documents: Vec<(&str, &str)> = texts.iter().map(|text| ("A b.md", text.as_str())).collect();
        let units = units(&documents);
        let index = Index::build(&units);
        let mut facts: Vec<Fact> = Vec::new();
        for task in plan(&question, &index).tasks {
            let reply = reason(&question, &task.text, attempt, &index, &units, &notes(&facts));
            prop_assert_eq!(&reply, &reason(&question, &task.text, attempt, &index, &units, &notes(&facts)));
            let Some(reply) = reply else { continue };
            let quotes: Vec<&str> = reply.evidence.iter().map(|quote| quote.quote.as_str()).collect();
            for finding in check(&reply.finding, &quotes, 100) {
                prop_assert!(finding.passed, "{:?} of {:?} in {:?}", finding, reply.finding, quotes);
            }
            facts.push(admit(reply, &units));
        }
        prop_assert!(expand(&question, 1, &notes(&facts), &index).tasks.len() <= 2);
        prop_assert_eq!(finalize(&question, &notes(&facts)).answered, !facts.is_empty());
    }
}
