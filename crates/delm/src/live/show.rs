//! How a run that paused or ended is shown: the answer with what it stands on, what it took, and what to do next.
//!
//! Refuses to call quotes an answer that was reasoned: the kind stands beside it.

use std::path::Path;

use delm_core::entry::Blobs;
use delm_core::event::{AnswerKind, PauseCause};
use delm_core::ids::Digest;
use delm_core::run::Phase;
use delm_engine::Loaded;
use delm_log::Log;
use delm_wire::view::{Began, Citation, RunView};

use super::{Ended, store_path};
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{count, money, plural, span};
use crate::output::text::{harmless, one_line};
use crate::reading::next;

/// The first line of a stream.
///
/// # Errors
/// Output that cannot be written.
pub(super) fn began(run: Digest, store: &Path, output: &mut Output) -> Result<(), CliError> {
    let store = store_path(store).to_string_lossy().into_owned();
    output.json(&Began::of(delm_wire::name::Word(run), store))?;
    Ok(output.flush()?)
}

/// The document of a run at rest, for programs; nothing for people.
///
/// # Errors
/// Output that cannot be written.
pub(super) fn document(loaded: &Loaded, output: &mut Output) -> Result<(), CliError> {
    match RunView::of(&loaded.run, &*loaded.blobs) {
        Some(view) if output.mode().is_json() => Ok(output.json(&view)?),
        _ => Ok(()),
    }
}

/// What a driven run came to.
///
/// # Errors
/// Output that cannot be written.
pub(super) fn ended(ended: &Ended, log: &dyn Log, demo: bool, output: &mut Output) -> Result<(), CliError> {
    let view = RunView::of(&ended.run, &*ended.blobs)
        .ok_or_else(|| CliError::new("internal", Exit::Unexpected, "the run has no first entry"))?;
    if output.mode().is_json() {
        return Ok(output.json(&view)?);
    }
    question(ended, output)?;
    outcome(ended, &view, output)?;
    citations(&view.citations, output)?;
    totals(ended, &view, output)?;
    next(ended, &view, log, demo, output)
}

/// The question comes first: what is kept of a screen says what it answers.
fn question(ended: &Ended, output: &mut Output) -> Result<(), CliError> {
    let question = ended.run.started().and_then(|started| ended.blobs.blob(&started.question));
    if let Some(question) = question {
        output.line(&format!("question  {}", one_line(&String::from_utf8_lossy(&question))))?;
        output.line("")?;
    }
    Ok(())
}

fn outcome(ended: &Ended, view: &RunView, output: &mut Output) -> Result<(), CliError> {
    match (&view.answer, ended.run.answer().map(|answer| answer.answer_kind)) {
        (Some(answer), Some(kind)) => {
            let what = match kind {
                AnswerKind::Quotes => {
                    "answer (quotes: verbatim sentences, chosen by words they share; nothing was reasoned)"
                }
                AnswerKind::Text => "answer (text: written by a model from verified facts)",
            };
            output.line(what)?;
            output.line("")?;
            for line in harmless(answer).lines() {
                output.line(&format!("  {line}"))?;
            }
            output.line("")?;
        }
        _ => {
            output.line(&format!("no answer: the run is {}", stands(ended)))?;
            if let Some(reason) = &view.reason {
                output.line(&format!("  {}", one_line(reason)))?;
            }
            output.line("")?;
        }
    }
    Ok(())
}

/// Where the run stands, in words.
fn stands(ended: &Ended) -> &'static str {
    match ended.run.phase() {
        Phase::Paused(PauseCause::Budget) => "paused: its budget is spent",
        Phase::Paused(PauseCause::Deadline) => "paused: its deadline is reached",
        Phase::Paused(PauseCause::Interrupt) => "paused: it was interrupted",
        Phase::Paused(PauseCause::Provider) => "paused: a provider failed",
        Phase::Ended(outcome) => outcome.as_str(),
        Phase::Unborn | Phase::Running | Phase::Stopping(_) => "not over",
    }
}

fn citations(citations: &[Citation], output: &mut Output) -> Result<(), CliError> {
    if citations.is_empty() {
        return Ok(());
    }
    output.line("cited")?;
    for citation in citations {
        let name = citation.name.as_deref().map(one_line).unwrap_or_default();
        output.line(&format!(
            "  {}  {name} [{}] bytes {}-{}",
            citation.fact.0, citation.unit.0, citation.start, citation.end
        ))?;
        if let Some(quote) = &citation.quote {
            output.line(&format!("      \"{}\"", one_line(quote)))?;
        }
    }
    output.line("")?;
    Ok(())
}

fn totals(ended: &Ended, view: &RunView, output: &mut Output) -> Result<(), CliError> {
    let grades: Vec<String> =
        view.facts.by_grade.iter().map(|(grade, number)| format!("{number} {grade}")).collect();
    let grades = if grades.is_empty() { String::new() } else { format!(" ({})", grades.join(", ")) };
    let cost = view.cost_microusd.map_or_else(|| "cost unknown".to_owned(), |cost| money(Some(cost)));
    output.line(&format!(
        "took   {} {}{grades}, {} rejected; {}, {} tokens, {}; {}",
        count(view.facts.admitted),
        if view.facts.admitted == 1 { "fact" } else { "facts" },
        count(view.facts.rejected),
        plural(view.calls, "model call"),
        count(view.tokens.input + view.tokens.output),
        cost,
        span(ended.run.ran_ms()),
    ))?;
    if view.sources.skipped > 0 {
        output.line(&format!(
            "read   {}, {} left out",
            plural(view.sources.read, "document"),
            count(view.sources.skipped)
        ))?;
    }
    let name = view.name.as_deref().map(|name| format!("{name}  ")).unwrap_or_default();
    output.line(&format!("run    {name}{}", view.run.0))?;
    output.line(&format!("head   {} {}", view.head.seq, view.head.id.0))?;
    Ok(())
}

fn next(
    ended: &Ended,
    view: &RunView,
    log: &dyn Log,
    demo: bool,
    output: &mut Output,
) -> Result<(), CliError> {
    let run = view.name.clone().unwrap_or_else(|| view.run.0.short(12));
    let mut lines = next::lines(&ended.run, &run, log, false)?;
    if demo {
        lines.push("delm run --docs notes/ \"Your question?\"".to_owned());
    }
    output.line("")?;
    output.line("next")?;
    for line in lines {
        output.line(&format!("  {}", harmless(&output.paste(&line))))?;
    }
    Ok(())
}
