//! The built-in reader and the mechanical checks on any documents and gists: total, repeatable, quotes that are there,
//! tasks that need earlier ones only, and a sentence of the evidence passes the checks against it.
//!
//! An input is a question, a gist and up to six units, separated.
#![no_main]

use delm_core::check::check;
use delm_core::event::{Check, Evidence};
use delm_core::extractive::{Index, Note, Unit, expand, finalize, plan, reason};
use delm_core::ids::{FactId, SourceId, UnitId};
use delm_core::reply::PlanReply;
use delm_core::text::{find_quote, sentences};
use delm_fuzz::SEPARATOR;
use libfuzzer_sys::fuzz_target;

const UNITS_MAX: usize = 6;

fuzz_target!(|input: &str| {
    let mut parts = input.splitn(UNITS_MAX + 2, SEPARATOR);
    let question = parts.next().unwrap_or_default();
    let gist = parts.next().unwrap_or_default();
    let texts: Vec<&str> = parts.collect();
    let units: Vec<Unit<'_>> = (1..).zip(&texts).map(|(number, text)| unit(number, text)).collect();
    checks(gist, &texts);
    read(question, gist, &units);
});

/// Two units a source; a source is named by the first line of its first unit.
fn unit(number: u32, text: &str) -> Unit<'_> {
    let id = UnitId { source: SourceId(number.div_ceil(2)), index: 2 - number % 2 };
    Unit { id, name: text.lines().next().unwrap_or_default(), text }
}

fn checks(gist: &str, evidence: &[&str]) {
    let findings = check(gist, evidence, 200);
    assert_eq!(findings, check(gist, evidence, 200));
    for finding in &findings {
        assert_eq!(finding.passed, finding.detail.is_empty());
    }
    let Some(text) = evidence.first() else { return };
    for (start, end) in sentences(text).take(4) {
        let sentence = &text[start..end];
        let findings = check(sentence, &[text], u64::MAX);
        let failed = findings.iter().find(|finding| !finding.passed && finding.check != Check::Length);
        assert!(failed.is_none(), "{sentence:?} is word for word in its evidence: {failed:?}");
    }
}

fn read(question: &str, gist: &str, units: &[Unit<'_>]) {
    let index = Index::build(units);
    let planned = plan(question, &index);
    assert!(!planned.tasks.is_empty());
    needs_earlier(&planned);
    let mut found: Vec<(String, Vec<Evidence>)> = vec![(gist.to_owned(), Vec::new())];
    for task in planned.tasks.iter().take(3) {
        let notes = notes(&found);
        for attempt in 1..3 {
            let reply = reason(question, &task.text, attempt, &index, units, &notes);
            assert_eq!(reply, reason(question, &task.text, attempt, &index, units, &notes));
            let Some(reply) = reply else { continue };
            let [quote] = &reply.evidence[..] else { panic!("{:?}", reply.evidence) };
            let unit = units.iter().find(|unit| unit.id.to_string() == quote.unit).expect("a unit given");
            assert!(find_quote(unit.text, &quote.quote).is_some(), "{:?} is not in its unit", quote.quote);
            assert!(reply.cites.iter().all(|label| label.parse::<FactId>().is_ok()));
        }
        if let Some(reply) = reason(question, &task.text, 1, &index, units, &notes) {
            let unit = reply.evidence[0].unit.parse().expect("a unit's label");
            found.push((reply.finding, vec![Evidence { unit, start: 0, end: 1 }]));
        }
    }
    let notes = notes(&found);
    for round in 1..3 {
        needs_earlier(&expand(question, round, &notes, &index));
    }
    let last = finalize(question, &notes);
    assert!(
        last.cites.iter().all(|label| label.parse::<FactId>().is_ok_and(|fact| fact.index() < notes.len()))
    );
}

fn notes(found: &[(String, Vec<Evidence>)]) -> Vec<Note<'_>> {
    let facts = (1..).map(FactId).zip(found);
    facts.map(|(fact, (text, evidence))| Note { fact, text, evidence, failure: false }).collect()
}

/// `1` is the first task of the same list; a label is an old task.
fn needs_earlier(planned: &PlanReply) {
    for (place, task) in (1_usize..).zip(&planned.tasks) {
        for need in &task.needs {
            assert!(!need.parse().is_ok_and(|need: usize| need >= place), "task {place} needs {need}");
        }
    }
}
