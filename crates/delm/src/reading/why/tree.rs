//! The ancestors of a fact or the answer as a tree, for people: each fact once in full, then by its label.
//!
//! Refuses to run over: what is deeper than the margin allows stands at the margin, and what a page leaves out is counted.

use std::collections::{BTreeMap, BTreeSet};

use delm_core::ids::FactId;
use delm_wire::view::{CallView, ClaimView, Judgement, QuoteView, VisibleView, Why, WhyAnswer, WhyFact};

use crate::error::CliError;
use crate::output::Output;
use crate::output::human::{count, money, plural, time};
use crate::output::text::one_line;
use crate::reading::words::branch;

/// Levels that are set in; what is deeper stands as deep as these.
const LEVELS_MAX: usize = 16;

/// Ranges of facts in sight that people are shown.
const RANGES_SHOWN: usize = 6;

/// A fact still to be said, and the margins of its first and further lines.
struct Left {
    label: FactId,
    first: String,
    rest: String,
    level: usize,
}

/// `flat` is a page that goes on after another one: its facts stand side by side.
pub(super) fn say(view: &Why, flat: bool, output: &mut Output) -> Result<(), CliError> {
    let facts: BTreeMap<FactId, &WhyFact> =
        view.items.iter().filter_map(|item| Some((item.fact.label?.0, item))).collect();
    if let Some(answer) = &view.answer {
        of_answer(answer, output)?;
    }
    let roots: Vec<FactId> = match &view.answer {
        Some(answer) => answer.cites.iter().map(|cited| cited.0).collect(),
        None if flat => facts.keys().rev().copied().collect(),
        None => facts.keys().next_back().copied().into_iter().collect(),
    };
    let (mut said, mut left) = (BTreeSet::new(), Vec::new());
    match &view.answer {
        Some(_) => push(&mut left, &roots, "", 1),
        None => left.extend(roots.iter().rev().map(|label| Left {
            label: *label,
            first: String::new(),
            rest: String::new(),
            level: 0,
        })),
    }
    while let Some(next) = left.pop() {
        let Some(item) = facts.get(&next.label) else {
            let far = format!("{}  (not on this page)", next.label);
            branch(output, &next.first, &next.rest, &far)?;
            continue;
        };
        if !said.insert(next.label) {
            branch(output, &next.first, &next.rest, &format!("{}  (above)", next.label))?;
            continue;
        }
        let cites: Vec<FactId> = item.fact.cites.iter().map(|cited| cited.0).collect();
        let cites = if flat { Vec::new() } else { cites };
        of_fact(item, &next, !cites.is_empty(), output)?;
        push(&mut left, &cites, &next.rest, next.level + 1);
    }
    if let Some(next) = &view.next {
        let more = view.facts.saturating_sub(view.items.len() as u64);
        output.note(&format!("{} in all; more behind --after {next}", plural(more.max(1), "more fact")))?;
    }
    Ok(())
}

/// Puts what something cites where it is said next, in its order.
fn push(left: &mut Vec<Left>, cites: &[FactId], margin: &str, level: usize) {
    for (place, label) in cites.iter().enumerate().rev() {
        let last = place + 1 == cites.len();
        let (first, rest) = match (level > LEVELS_MAX, last) {
            (true, _) => (margin.to_owned(), margin.to_owned()),
            (false, true) => (format!("{margin}└─ "), format!("{margin}   ")),
            (false, false) => (format!("{margin}├─ "), format!("{margin}│  ")),
        };
        left.push(Left { label: *label, first, rest, level });
    }
}

fn of_answer(answer: &WhyAnswer, output: &mut Output) -> Result<(), CliError> {
    branch(output, "", "│  ", &format!("answer  {}, entry {}", answer.kind.0, answer.seq))?;
    let text = answer.text.as_deref().unwrap_or("(redacted)");
    for line in text.lines() {
        branch(output, "│  ", "│  ", &one_line(line))?;
    }
    let margin = if answer.cites.is_empty() { "   " } else { "│  " };
    let by = answer.author.as_ref().map(|author| {
        worker(
            &author.agent.0.to_string(),
            &author.principal,
            &author.model,
            author.model_reported.as_deref(),
        )
    });
    detail(output, margin, "by", &held(by, answer.claim.as_ref()))?;
    taken_in(answer.claim.as_ref(), &answer.visible, margin, output)
}

fn of_fact(item: &WhyFact, at: &Left, cites: bool, output: &mut Output) -> Result<(), CliError> {
    let fact = &item.fact;
    let mut head = fact.grade.as_ref().map(|grade| grade.0.to_string()).unwrap_or_default();
    if fact.withdrawn {
        head.push_str(", withdrawn");
    }
    if fact.tainted {
        head.push_str(", tainted");
    }
    let text = fact.text.as_deref().map_or_else(|| "(redacted)".to_owned(), one_line);
    branch(output, &at.first, &at.rest, &format!("{}  {head}: {text}", at.label))?;
    let margin = format!("{}{}", at.rest, if cites && at.level < LEVELS_MAX { "│  " } else { "   " });
    if let Some(reason) = &fact.withdrawn_reason {
        detail(output, &margin, "withdrawn", reason)?;
    }
    let by = fact.author.as_ref().map(|author| {
        worker(
            &author.agent.0.to_string(),
            &author.principal,
            &author.model,
            author.model_reported.as_deref(),
        )
    });
    let by = by.or_else(|| Some("the log itself".to_owned()));
    let held = held(by, item.claim.as_ref());
    detail(output, &margin, "by", &format!("{held}, for {}, admitted in entry {}", fact.task.0, fact.seq))?;
    for judge in &fact.verifiers {
        detail(output, &margin, "judged", &judged(judge))?;
        for call in item.review.iter().flat_map(|review| &review.calls) {
            detail(output, &margin, "judge", &exchange(call))?;
        }
    }
    for quote in &fact.evidence {
        detail(output, &margin, "evidence", &evidence(quote))?;
    }
    taken_in(item.claim.as_ref(), &item.visible, &margin, output)
}

/// Exchanges, what was read behind, what was merely in sight.
fn taken_in(
    claim: Option<&ClaimView>,
    visible: &VisibleView,
    margin: &str,
    output: &mut Output,
) -> Result<(), CliError> {
    for call in claim.iter().flat_map(|claim| &claim.calls) {
        detail(output, margin, "asked", &exchange(call))?;
    }
    for read in claim.iter().flat_map(|claim| &claim.unfolded) {
        let what = format!("{} ({}), entry {}", read.label.0, read.level.0, read.seq);
        detail(output, margin, "unfolded", &what)?;
    }
    if visible.notes > 0 {
        detail(output, margin, "in sight", &in_sight(visible))?;
    }
    Ok(())
}

fn in_sight(visible: &VisibleView) -> String {
    let ranges = visible.ranges.iter().take(RANGES_SHOWN).map(|range| {
        let (first, last) = (range.first.0, range.last.0);
        if first == last { first.to_string() } else { format!("{first} to {last}") }
    });
    let mut ranges: Vec<String> = ranges.collect();
    if visible.ranges.len() > RANGES_SHOWN || visible.ranges_left_out > 0 {
        ranges.push("…".to_owned());
    }
    let ranges = if ranges.is_empty() { String::new() } else { format!(" ({})", ranges.join(", ")) };
    let withdrawn = match visible.withdrawn {
        0 => String::new(),
        number => format!(", {} withdrawn", count(number)),
    };
    let read = format!("of {} read", plural(visible.notes, "note"));
    match visible.facts {
        0 => format!("no other fact, {read}{withdrawn}"),
        number => format!("merely {}{ranges}, {read}{withdrawn}", plural(number, "fact")),
    }
}

fn detail(output: &mut Output, margin: &str, name: &str, text: &str) -> Result<(), CliError> {
    let further = format!("{margin}{:<10}", "");
    branch(output, &format!("{margin}{name:<10}"), &further, text)
}

fn worker(agent: &str, principal: &str, model: &str, reported: Option<&str>) -> String {
    let principal = if principal == agent { String::new() } else { format!(", for {principal}") };
    let reported = reported
        .filter(|reported| *reported != model)
        .map(|reported| format!(", reported {reported}"))
        .unwrap_or_default();
    format!("{agent} ({model}{reported}{principal})")
}

fn held(by: Option<String>, claim: Option<&ClaimView>) -> String {
    let by = by.unwrap_or_else(|| "nobody known".to_owned());
    match claim {
        Some(claim) => {
            let at = time(claim.at.0);
            format!("{by}, attempt {}, claimed in entry {} at {at}", claim.attempt, claim.fence)
        }
        None => by,
    }
}

fn judged(judge: &Judgement) -> String {
    let by = match (&judge.agent, &judge.principal, &judge.model) {
        (Some(agent), Some(principal), Some(model)) => {
            worker(&agent.0.to_string(), principal, model, judge.model_reported.as_deref())
        }
        _ => "nobody".to_owned(),
    };
    let failed: Vec<String> = judge.failed.iter().map(|check| check.0.to_string()).collect();
    let failed = if failed.is_empty() { String::new() } else { format!(", failed {}", failed.join(", ")) };
    let reason = judge.reason.as_deref().map_or_else(|| "(redacted)".to_owned(), one_line);
    format!("{} by {by}, {}{failed}, entry {}: {reason}", judge.outcome.0, judge.method.0, judge.seq)
}

fn exchange(call: &CallView) -> String {
    let tokens = call.tokens.as_ref().map_or_else(
        || "tokens unknown".to_owned(),
        |tokens| format!("{} in, {} out", count(tokens.input), count(tokens.output)),
    );
    let reported = call.model_reported.as_deref().filter(|reported| *reported != call.model);
    let reported = reported.map(|reported| format!(", reported {reported}")).unwrap_or_default();
    let cost = money(call.cost_microusd);
    format!(
        "{} {}: {}{reported}, {}, {tokens}, {cost}",
        call.call.0, call.purpose.0, call.model, call.state.0
    )
}

fn evidence(quote: &QuoteView) -> String {
    let name = quote.name.as_deref().map_or_else(|| "(redacted)".to_owned(), one_line);
    let words = quote
        .quote
        .as_deref()
        .map_or_else(|| "(redacted)".to_owned(), |words| format!("\"{}\"", one_line(words)));
    format!("{name} [{}] bytes {}-{}: {words}", quote.unit.0, quote.start, quote.end)
}
