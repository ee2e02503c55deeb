//! `delm unfold`: what lies behind a fact or a unit, as agents may read it; it writes nothing.
//!
//! Refuses text without its place: the documents' own words stand under their document and byte range.

use delm_core::entry::Blobs;
use delm_core::event::{Evidence, Level};
use delm_core::ids::{Digest, FactId, Label, Subject, UnitId};
use delm_core::run::Run;
use delm_wire::name::Word;
use delm_wire::view::{QuoteView, UnfoldTag, Unfolded};

use super::fold::whole;
use super::meant;
use super::words::{heading, paragraph};
use crate::access::{Reading, text_or};
use crate::args::read::{LevelArg, Unfold};
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::text::one_line;

pub(super) fn unfold(args: &Unfold, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let run = meant(args.run.as_ref(), reading)?;
    let loaded = reading.load(run)?;
    let (state, blobs) = (&loaded.run, &*loaded.blobs);
    let view = match args.label {
        Label::Fact(fact) => of_fact(state, blobs, run, fact, args.level),
        Label::Unit(unit) => of_unit(state, blobs, run, unit, args.level),
    }?;
    whole(blobs)?;
    if output.mode().is_json() {
        output.json(&view)?;
    } else {
        say(&view, output)?;
    }
    Ok(Exit::Success)
}

fn none(label: Label, run: Digest) -> CliError {
    CliError::new("not_found", Exit::NotFound, format!("the run has no {label}"))
        .hint("`delm facts` lists facts and the units they stand in")
        .run(run.to_string())
}

fn of_fact(
    state: &Run,
    blobs: &dyn Blobs,
    run: Digest,
    label: FactId,
    level: LevelArg,
) -> Result<Unfolded, CliError> {
    let fact = state.fact(label).ok_or_else(|| none(Label::Fact(label), run))?;
    let gist = &fact.proposal;
    let mut view = Unfolded {
        schema: UnfoldTag,
        run: Word(run),
        label: Word(Label::Fact(label)),
        gist: Some(text_or(blobs, &gist.gist)),
        level: Word(Level::Summary),
        summary: None,
        raw: Vec::new(),
    };
    match (level, gist.summary.or(gist.draft)) {
        (LevelArg::Summary, Some(below)) => view.summary = Some(text_or(blobs, &below)),
        // A fact that the log itself wrote has neither; what it stands on, if anything, is in the documents.
        (LevelArg::Summary, None) | (LevelArg::Raw, _) => {
            view.level = Word(Level::Raw);
            view.raw = gist.evidence.iter().map(|evidence| QuoteView::of(state, blobs, evidence)).collect();
        }
    }
    Ok(view)
}

fn of_unit(
    state: &Run,
    blobs: &dyn Blobs,
    run: Digest,
    label: UnitId,
    level: LevelArg,
) -> Result<Unfolded, CliError> {
    if state.unit(label).is_none() {
        return Err(none(Label::Unit(label), run));
    }
    let about = state.facts().iter().find(|fact| fact.proposal.subject == Subject::Unit(label));
    let mut view = Unfolded {
        schema: UnfoldTag,
        run: Word(run),
        label: Word(Label::Unit(label)),
        gist: about.map(|fact| text_or(blobs, &fact.proposal.gist)),
        level: Word(Level::Summary),
        summary: None,
        raw: Vec::new(),
    };
    match level {
        LevelArg::Summary => {
            let summary = state.summary(label).ok_or_else(|| {
                CliError::new(
                    "not_found",
                    Exit::NotFound,
                    format!("{label} has no summary: it was not read before planning"),
                )
                .hint(format!("delm unfold {} {label} --level raw", run.short(12)))
                .run(run.to_string())
            })?;
            view.summary = Some(text_or(blobs, &summary));
        }
        LevelArg::Raw => {
            view.level = Word(Level::Raw);
            view.raw = neighbours(state, label).map(|near| QuoteView::of(state, blobs, &near)).collect();
        }
    }
    Ok(view)
}

/// A unit with the one before and the one after it, each whole.
fn neighbours(state: &Run, unit: UnitId) -> impl Iterator<Item = Evidence> + '_ {
    let around = [unit.index.checked_sub(1), Some(unit.index), unit.index.checked_add(1)];
    around.into_iter().flatten().filter_map(move |index| {
        let id = UnitId { source: unit.source, index };
        state.unit(id).map(|unit| Evidence { unit: id, start: unit.start, end: unit.end })
    })
}

fn say(view: &Unfolded, output: &mut Output) -> Result<(), CliError> {
    let label = view.label.0;
    if let Some(gist) = &view.gist {
        paragraph(output, 0, &format!("{label}: {}", one_line(gist)))?;
    }
    if let Some(summary) = &view.summary {
        let what = match label {
            Label::Fact(_) if summary.starts_with('{') => "the draft it was taken from",
            Label::Fact(_) | Label::Unit(_) => "summary",
        };
        heading(output, &format!("behind {label}: {what}"))?;
        return paragraph(output, 2, &pretty(summary));
    }
    if view.raw.is_empty() {
        return paragraph(output, 0, "nothing lies behind it: the log itself wrote it");
    }
    for quote in &view.raw {
        let name = quote.name.as_deref().map_or_else(|| "(redacted)".to_owned(), one_line);
        heading(output, &format!("{}  {name}, bytes {} to {}", quote.unit.0, quote.start, quote.end))?;
        paragraph(output, 2, quote.quote.as_deref().unwrap_or("(redacted)"))?;
    }
    Ok(())
}

/// A draft is JSON on one line, which nobody reads; anything else stays as it is.
fn pretty(text: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(text).ok();
    json.and_then(|json| serde_json::to_string_pretty(&json).ok()).unwrap_or_else(|| text.to_owned())
}
