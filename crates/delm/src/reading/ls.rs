//! `delm ls`: the runs of a store, the one begun last first.
//!
//! Refuses to let one run that cannot be read hide the others: it is named, and the exit code says it.

use std::time::{SystemTime, UNIX_EPOCH};

use delm_log::RunInfo;
use delm_wire::view::{LsItem, LsTag, RunOutcome};

use super::fold::whole;
use crate::access::{Reading, log_error, name_given};
use crate::args::read::{Ls, OutcomeFilter};
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{count, money, time};
use crate::output::listing::{Column, Layout, Listing};

const COLUMNS: &[Column] = &[
    Column::text("run"),
    Column::text("name"),
    Column::text("outcome"),
    Column::number("facts"),
    Column::text("cost"),
    Column::text("begun"),
    Column::text("question"),
];

/// Runs looked at in one step.
const PAGE: usize = 32;

/// Hex digits of a run's id that people are shown.
const SHORT: usize = 10;

pub(super) fn ls(args: &Ls, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let mut before = after(args, reading)?;
    let tty = output.style().is_tty();
    let layout =
        Layout { schema: LsTag::TEXT, run: None, columns: COLUMNS, wrap: false, limit: args.page.limit };
    let mut listing = Listing::begin(output, layout)?;
    let (mut last, mut next, mut broken) = (None, None, None);
    'pages: loop {
        let page = reading.log.runs_back(before, PAGE).map_err(log_error)?;
        let Some(end) = page.last() else { break };
        before = Some(end.number);
        for info in &page {
            let item = match item(args, reading, info) {
                Ok(Some(item)) => item,
                Ok(None) => continue,
                Err(error) => {
                    broken.get_or_insert(error);
                    continue;
                }
            };
            if listing.is_full() {
                next = last;
                break 'pages;
            }
            listing.push(&item, || cells(&item, tty))?;
            last = Some(info.run.to_string());
        }
    }
    listing.finish(next.as_deref())?;
    broken.map_or(Ok(Exit::Success), Err)
}

/// The number of the run that `--after` names.
fn after(args: &Ls, reading: &Reading) -> Result<Option<u32>, CliError> {
    let Some(cursor) = super::cursor(&args.page)? else { return Ok(None) };
    let info = reading.log.run(&cursor).map_err(log_error)?;
    let gone = || {
        CliError::new("not_found", Exit::NotFound, format!("--after: there is no run {cursor}"))
            .hint("begin again without --after")
    };
    info.map(|info| Some(info.number)).ok_or_else(gone)
}

/// A run, unless a filter leaves it out. What its first entry tells is asked before it is folded.
fn item(args: &Ls, reading: &Reading, info: &RunInfo) -> Result<Option<LsItem>, CliError> {
    if args.since.is_some() || args.name.is_some() {
        let first = reading.log.entry(&info.run, info.first).map_err(log_error)?;
        let Some(first) = first else { return Ok(None) };
        if args.since.is_some_and(|since| first.entry.at < since.at_ms(now_ms())) {
            return Ok(None);
        }
        if let Some(glob) = &args.name {
            let Some(name) = name_given(&first) else { return Ok(None) };
            let name = reading.log.blob(&info.run, &name).map_err(log_error)?.bytes();
            if !name.is_some_and(|name| fast_glob::glob_match(glob.as_bytes(), &*name)) {
                return Ok(None);
            }
        }
    }
    let loaded = reading.load(info.run)?;
    let item = LsItem::of(&loaded.run, &*loaded.blobs);
    whole(&loaded.blobs)?;
    let wanted = |item: &LsItem| {
        (args.outcome.is_empty() || args.outcome.iter().any(|outcome| same(*outcome, item.outcome.0)))
            && (!args.resumable || item.resumable)
    };
    Ok(item.filter(wanted))
}

fn same(filter: OutcomeFilter, outcome: RunOutcome) -> bool {
    let of = match filter {
        OutcomeFilter::Answered => RunOutcome::Answered,
        OutcomeFilter::Unanswered => RunOutcome::Unanswered,
        OutcomeFilter::Failed => RunOutcome::Failed,
        OutcomeFilter::Cancelled => RunOutcome::Cancelled,
        OutcomeFilter::Paused => RunOutcome::Paused,
        OutcomeFilter::Live => RunOutcome::Live,
    };
    of == outcome
}

fn cells(item: &LsItem, tty: bool) -> Vec<String> {
    let outcome = match &item.cause {
        Some(cause) => format!("{}: {}", item.outcome.0, cause.0),
        None => item.outcome.0.to_string(),
    };
    let began = time(item.began.0);
    vec![
        if tty { item.run.0.short(SHORT) } else { item.run.0.to_string() },
        item.name.clone().unwrap_or_else(|| "-".to_owned()),
        outcome,
        count(item.facts),
        money(item.cost_microusd),
        // The minute is enough for people; programs get all of it.
        if tty { began.get(5..16).unwrap_or(&began).replace('T', " ") } else { began },
        item.question.clone().unwrap_or_else(|| "(redacted)".to_owned()),
    ]
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
