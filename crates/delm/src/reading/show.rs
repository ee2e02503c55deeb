//! `delm show`: one run, what it was asked, what it came to, and what to do next.
//!
//! Refuses to call quotes an answer that was reasoned, and an unknown cost nothing.

use delm_core::event::{AnswerKind, PauseCause};
use delm_core::ids::FactId;
use delm_core::limits::LIMITS;
use delm_core::run::{Phase, Run};
use delm_wire::view::{Citation, ModelView, RunOutcome, ShowView};

use super::fold::whole;
use super::found;
use super::words::{heading, named, paragraph};
use crate::access::Reading;
use crate::args::read::OneRun;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{count, money, plural, span, time};
use crate::output::text::{harmless, one_line};

/// Ready jobs that people are shown.
const READY_SHOWN: usize = 6;

pub(super) fn show(args: &OneRun, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let run = found(args, reading)?;
    let loaded = reading.load(run)?;
    let view = ShowView::of(&loaded.run, &*loaded.blobs)
        .ok_or_else(|| CliError::new("internal", Exit::Unexpected, "the run has no first entry"))?;
    whole(&loaded.blobs)?;
    if output.mode().is_json() {
        output.json(&view)?;
        return Ok(Exit::Success);
    }
    named(output, "question", view.question.as_deref().unwrap_or("(redacted)"))?;
    outcome(&loaded.run, &view, reading, output)?;
    answer(&view, output)?;
    citations(&view.citations, output)?;
    heading(output, "the run")?;
    decided_under(&loaded.run, &view, output)?;
    work(&loaded.run, &view, output)?;
    left_out(&view, output)?;
    next(&loaded.run, &view, reading, output)?;
    Ok(Exit::Success)
}

fn outcome(run: &Run, view: &ShowView, reading: &Reading, output: &mut Output) -> Result<(), CliError> {
    let cause = |cause: PauseCause| match cause {
        PauseCause::Budget => "its budget is spent",
        PauseCause::Deadline => "its deadline is reached",
        PauseCause::Interrupt => "it was interrupted",
        PauseCause::Provider => "a provider failed",
    };
    let words = match run.phase() {
        Phase::Paused(why) => format!("paused: {}", cause(why)),
        Phase::Stopping(why) => format!("stopping: {}", cause(why)),
        Phase::Running | Phase::Unborn if reading.cut.is_some() => "live, at this entry".to_owned(),
        // One process holds a store: what it does not drive, nobody does.
        Phase::Running | Phase::Unborn if reading.store.is_none() => {
            "live: it had not ended when it was exported".to_owned()
        }
        Phase::Running | Phase::Unborn if reading.driven == run.id() => "live: under way".to_owned(),
        Phase::Running | Phase::Unborn => "live: its process died, and it can go on".to_owned(),
        Phase::Ended(outcome) => outcome.to_string(),
    };
    let words = match &view.reason {
        Some(reason) => format!("{words}: {}", one_line(reason)),
        None => words,
    };
    named(output, "outcome", &words)
}

fn answer(view: &ShowView, output: &mut Output) -> Result<(), CliError> {
    let Some(kind) = &view.answer_kind else { return Ok(()) };
    let kind = match kind.0 {
        AnswerKind::Quotes => "answer (quotes: verbatim sentences; the built-in reader does not reason)",
        AnswerKind::Text => "answer (text: written by a model from verified facts)",
    };
    heading(output, kind)?;
    paragraph(output, 2, view.answer.as_deref().unwrap_or("(redacted)"))
}

fn citations(citations: &[Citation], output: &mut Output) -> Result<(), CliError> {
    if citations.is_empty() {
        return Ok(());
    }
    heading(output, "cited")?;
    let mut before: Option<FactId> = None;
    for cited in citations {
        let label = if before == Some(cited.fact.0) { String::new() } else { cited.fact.0.to_string() };
        before = Some(cited.fact.0);
        let name = cited.name.as_deref().map_or_else(|| "(redacted)".to_owned(), one_line);
        paragraph(
            output,
            2,
            &format!("{label:<4}  {name}, {}, bytes {} to {}", cited.unit.0, cited.start, cited.end),
        )?;
        let quote = cited
            .quote
            .as_deref()
            .map_or_else(|| "(redacted)".to_owned(), |quote| format!("\"{}\"", one_line(quote)));
        paragraph(output, 8, &quote)?;
    }
    Ok(())
}

fn decided_under(run: &Run, view: &ShowView, output: &mut Output) -> Result<(), CliError> {
    named(output, "id", &view.run.0.to_string())?;
    if let Some(name) = &view.name {
        named(output, "name", name)?;
    }
    if let Some(origin) = &view.origin {
        named(output, "forked from", &format!("{} behind entry {}", origin.run.0, origin.seq))?;
    }
    named(
        output,
        "begun",
        &format!("{}, ran {}, by {}", time(view.began.0), span(view.ran_ms), view.engine),
    )?;
    named(output, "head", &format!("{} {}", view.head.seq, view.head.id.0))?;
    named(output, "tree", &format!("{} {}", view.tree.size, view.tree.root.0))?;
    let (worker, judge) = (model(&view.models.worker), model(&view.models.judge));
    let models = if worker == judge { worker } else { format!("{worker}; judge {judge}") };
    named(output, "models", &models)?;
    if !view.hosts.is_empty() {
        named(output, "hosts", &view.hosts.join(", "))?;
    }
    let changed = LIMITS.iter().filter_map(|limit| {
        let value = run.limits().get(limit.name)?;
        (value != limit.default).then(|| format!("{}={value}", limit.name))
    });
    let mut rules: Vec<String> = changed.collect();
    rules.extend(view.ablations.iter().map(|ablation| format!("without {}", ablation.0)));
    if view.self_review {
        rules.push("an author may judge its own gists".to_owned());
    }
    if !rules.is_empty() {
        named(output, "limits", &rules.join(", "))?;
    }
    Ok(())
}

fn model(view: &ModelView) -> String {
    let params: Vec<String> = view.params.iter().map(|(key, value)| format!("{key}={value}")).collect();
    if params.is_empty() { view.model.clone() } else { format!("{} ({})", view.model, params.join(", ")) }
}

fn work(run: &Run, view: &ShowView, output: &mut Output) -> Result<(), CliError> {
    named(
        output,
        "read",
        &format!(
            "{} in {}, {} left out",
            plural(view.sources.read, "document"),
            plural(view.units, "unit"),
            count(view.sources.skipped)
        ),
    )?;
    named(output, "agents", &format!("{}, {}", count(view.agents), plural(view.claims, "live claim")))?;
    let of = |counts: &delm_wire::view::Counts| {
        format!("{}: {} done, {} given up, {} open", counts.total, counts.done, counts.abandoned, counts.open)
    };
    named(output, "tasks", &of(&view.tasks))?;
    if view.readings.total > 0 {
        named(output, "readings", &of(&view.readings))?;
    }
    let grades: Vec<String> =
        view.facts.by_grade.iter().map(|(grade, number)| format!("{number} {grade}")).collect();
    let mut facts = count(view.facts.admitted);
    if !grades.is_empty() {
        facts.push_str(&format!(" ({})", grades.join(", ")));
    }
    facts.push_str(&format!(", {} rejected", count(view.facts.rejected)));
    if view.facts.withdrawn > 0 {
        facts.push_str(&format!(", {} withdrawn, {} tainted", view.facts.withdrawn, view.facts.tainted));
    }
    named(output, "facts", &facts)?;
    let tokens = &view.tokens;
    // What no provider counted is charged at the most it could be, and is no count.
    let charged = match run.ledger().tokens_charged {
        0 => String::new(),
        tokens => format!(", at most {} that nobody counted", count(tokens)),
    };
    named(
        output,
        "calls",
        &format!(
            "{}; tokens {} in ({} cached), {} out{charged}; cost {}",
            count(view.calls),
            count(tokens.input),
            count(tokens.cached),
            count(tokens.output),
            money(view.cost_microusd)
        ),
    )?;
    if view.redacted > 0 {
        named(output, "redacted", &plural(view.redacted, "text"))?;
    }
    Ok(())
}

fn left_out(view: &ShowView, output: &mut Output) -> Result<(), CliError> {
    if view.left_out.is_empty() {
        return Ok(());
    }
    heading(output, "left out")?;
    let words = |text: &Option<String>| text.as_deref().map_or_else(|| "(redacted)".to_owned(), one_line);
    for document in &view.left_out {
        paragraph(output, 2, &format!("{}: {}", words(&document.name), words(&document.reason)))?;
    }
    let more = view.sources.skipped.saturating_sub(view.left_out.len() as u64);
    if more > 0 {
        paragraph(output, 2, &format!("and {} more: delm log --kind source_skipped -p", count(more)))?;
    }
    Ok(())
}

/// Lines to paste.
fn next(run: &Run, view: &ShowView, reading: &Reading, output: &mut Output) -> Result<(), CliError> {
    heading(output, "next")?;
    if matches!(view.outcome.0, RunOutcome::Live | RunOutcome::Paused) && !view.ready.is_empty() {
        let ready: Vec<String> = view.ready.iter().take(READY_SHOWN).map(|job| job.0.to_string()).collect();
        let more = if view.ready.len() > READY_SHOWN { ", …" } else { "" };
        paragraph(output, 2, &format!("ready: {}{more}", ready.join(", ")))?;
    }
    if let Some(cut) = &reading.cut {
        let what = format!("this is entry {}; the head of the run is {}", cut.seq, cut.head);
        return paragraph(output, 2, &what);
    }
    if reading.store.is_none() {
        return paragraph(
            output,
            2,
            "delm facts, delm replay and every other reading verb take this export too",
        );
    }
    let name = view.name.clone().unwrap_or_else(|| view.run.0.short(12));
    for line in super::next::lines(run, &name, &*reading.log, reading.driven == run.id())? {
        // Not broken at the terminal's edge: what is pasted must be one line.
        output.line(&format!("  {}", harmless(&output.paste(&line))))?;
    }
    Ok(())
}
