//! `delm facts`: what was admitted and on whose word, or what was rejected and why.
//!
//! Refuses a fact without its grounds: where it stands in the documents is beside it.

use std::collections::BTreeSet;
use std::sync::Arc;

use delm_core::entry::Blobs;
use delm_core::ids::{BadName, Digest, FactId, Seq};
use delm_core::run::{Fact, Proposal, Run};
use delm_wire::view::{BlameTag, CallFold, FactView, FactsTag, fences_of};

use super::fold::{Walk, whole};
use super::{blame, cursor, found};
use crate::access::{Reading, log_error};
use crate::args::read::{Facts, OneRun, Page};
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::listing::{Column, Layout, Listing};

const ADMITTED: &[Column] = &[
    Column::text("fact"),
    Column::text("grade"),
    Column::text("by"),
    Column::text("about"),
    Column::text("from"),
    Column::text("text"),
];

const REJECTED: &[Column] = &[
    Column::text("entry"),
    Column::text("by"),
    Column::text("about"),
    Column::number("attempt"),
    Column::text("text"),
    Column::text("why not"),
];

/// Facts whose calls are gathered together.
const CHUNK: usize = 256;

/// A fact, or a gist that was rejected; its cursor.
enum Item {
    Admitted(Arc<Fact>),
    Rejected(Arc<Proposal>),
}

impl Item {
    fn proposal(&self) -> &Proposal {
        match self {
            Self::Admitted(fact) => &fact.proposal,
            Self::Rejected(proposal) => proposal,
        }
    }

    /// The entry that admitted it, or proposed what was rejected.
    fn seq(&self) -> Seq {
        match self {
            Self::Admitted(fact) => fact.seq,
            Self::Rejected(proposal) => proposal.seq,
        }
    }
}

/// Which list is made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Facts, with their grounds.
    Admitted,
    /// Gists that were rejected.
    Rejected,
    /// Facts, with who answers for them.
    Blame,
}

impl Form {
    fn rejected(self) -> bool {
        self == Self::Rejected
    }

    fn layout(self) -> (&'static str, &'static [Column]) {
        match self {
            Self::Admitted => (FactsTag::TEXT, ADMITTED),
            Self::Rejected => (FactsTag::TEXT, REJECTED),
            Self::Blame => (BlameTag::TEXT, blame::COLUMNS),
        }
    }

    fn cells(self, view: &FactView) -> Vec<String> {
        match self {
            Self::Admitted => cells(view),
            Self::Rejected => rejected_cells(view),
            Self::Blame => blame::cells(view),
        }
    }
}

pub(super) fn facts(args: &Facts, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let form = if args.rejected { Form::Rejected } else { Form::Admitted };
    list(form, &args.of, &args.page, reading, output)
}

/// A page of facts or of rejected gists.
pub(super) fn list(
    form: Form,
    of: &OneRun,
    page: &Page,
    reading: &Reading,
    output: &mut Output,
) -> Result<Exit, CliError> {
    let run = found(of, reading)?;
    let mut place = if form.rejected() {
        page.after.as_deref().map_or(Ok(0), rejected_cursor)?
    } else {
        cursor::<FactId>(page)?.map_or(0, |after| after.index() + 1)
    };
    let loaded = reading.load(run)?;
    // People are not shown what a fact cost; which model was asked, only its calls say.
    let calls = output.mode().is_json() || form == Form::Blame;
    let id = run.to_string();
    let (schema, columns) = form.layout();
    let layout = Layout { schema, run: Some(&id), columns, wrap: true, limit: page.limit };
    let mut listing = Listing::begin(output, layout)?;
    let mut next = None;
    'all: loop {
        let chunk = chunk(&loaded.run, form.rejected(), place);
        if chunk.is_empty() {
            break;
        }
        let spent = spent(reading, run, &loaded.run, &*loaded.blobs, &chunk, calls)?;
        for item in &chunk {
            if listing.is_full() {
                next = (place > 0).then(|| cursor_at(form.rejected(), place));
                break 'all;
            }
            let view = view(reading, run, &loaded.run, &*loaded.blobs, item, &spent, calls)?;
            listing.push(&view, || form.cells(&view))?;
            place += 1;
        }
    }
    listing.finish(next.as_deref())?;
    whole(&loaded.blobs)?;
    Ok(Exit::Success)
}

/// Rejected gists have no label: their cursor is their number in the order of rejection.
fn rejected_cursor(text: &str) -> Result<usize, CliError> {
    let expected = "the number of a rejected gist";
    text.parse().map_err(|_| {
        CliError::usage(format!("--after: {}", BadName { text: text.into(), expected }))
            .hint("give the `next` of the page before")
    })
}

fn cursor_at(rejected: bool, place: usize) -> String {
    if rejected { place.to_string() } else { FactId::after(place.saturating_sub(1)).to_string() }
}

fn chunk(run: &Run, rejected: bool, place: usize) -> Vec<Item> {
    if rejected {
        let keys = run.rejected().iter().skip(place).take(CHUNK);
        return keys.filter_map(|key| run.proposals().get(key).cloned()).map(Item::Rejected).collect();
    }
    let places = place..place.saturating_add(CHUNK);
    places.map_while(|place| run.facts().get(place).cloned()).map(Item::Admitted).collect()
}

/// The calls of the claims that made and judged these, folded from the entries in which they lie.
fn spent(
    reading: &Reading,
    run: Digest,
    state: &Run,
    blobs: &dyn Blobs,
    chunk: &[Item],
    wanted: bool,
) -> Result<CallFold, CliError> {
    let fences = fences_of(chunk.iter().map(Item::proposal));
    if !wanted || state.ledger().calls == 0 {
        return Ok(CallFold::of_claims(if wanted { fences } else { BTreeSet::new() }));
    }
    let first = fences.first().copied().unwrap_or(0);
    let ends = chunk
        .iter()
        .map(Item::proposal)
        .map(|gist| gist.verdict.as_ref().map_or(gist.seq, |verdict| verdict.seq));
    let last = ends.max().unwrap_or(0);
    let mut calls = CallFold::of_claims(fences);
    for sealed in Walk::new(reading, run, first, last) {
        calls.entry(&sealed?, blobs);
    }
    Ok(calls)
}

fn view(
    reading: &Reading,
    run: Digest,
    state: &Run,
    blobs: &dyn Blobs,
    item: &Item,
    calls: &CallFold,
    ids: bool,
) -> Result<FactView, CliError> {
    // People are shown the entry's number, which the fact itself knows.
    let entry = if ids { reading.log.entry(&run, item.seq()).map_err(log_error)? } else { None };
    let entry = entry.map_or(Digest::ZERO, |sealed| sealed.id);
    Ok(match item {
        Item::Admitted(fact) => FactView::admitted(state, blobs, fact, entry, calls),
        Item::Rejected(proposal) => FactView::proposed(state, blobs, proposal, entry, calls),
    })
}

fn text(text: &Option<String>) -> String {
    text.clone().unwrap_or_else(|| "(redacted)".to_owned())
}

fn author(view: &FactView) -> String {
    view.author.as_ref().map_or_else(|| "the log".to_owned(), |author| author.agent.0.to_string())
}

fn cells(view: &FactView) -> Vec<String> {
    let mut grade = view.grade.as_ref().map(|grade| grade.0.to_string()).unwrap_or_default();
    if view.withdrawn {
        grade.push_str(", withdrawn");
    }
    if view.tainted {
        grade.push_str(", tainted");
    }
    let judged: Vec<String> = view
        .verifiers
        .iter()
        .filter_map(|judge| judge.agent.as_ref())
        .map(|agent| agent.0.to_string())
        .collect();
    let by =
        if judged.is_empty() { author(view) } else { format!("{}, {}", author(view), judged.join(", ")) };
    let units: BTreeSet<String> = view.evidence.iter().map(|quote| quote.unit.0.to_string()).collect();
    let from: Vec<String> =
        units.into_iter().chain(view.cites.iter().map(|cited| cited.0.to_string())).collect();
    vec![
        view.label.as_ref().map(|label| label.0.to_string()).unwrap_or_default(),
        grade,
        by,
        view.task.0.to_string(),
        if from.is_empty() { "-".to_owned() } else { from.join(" ") },
        text(&view.text),
    ]
}

fn rejected_cells(view: &FactView) -> Vec<String> {
    let why = view.verifiers.iter().map(|judge| {
        let failed: Vec<String> = judge.failed.iter().map(|check| check.0.to_string()).collect();
        let failed = if failed.is_empty() { String::new() } else { format!(" ({})", failed.join(", ")) };
        format!("{}{failed}: {}", judge.outcome.0, text(&judge.reason))
    });
    vec![
        view.seq.to_string(),
        author(view),
        view.task.0.to_string(),
        view.attempt.to_string(),
        text(&view.text),
        why.collect::<Vec<_>>().join("; "),
    ]
}
