//! `delm calls`: every recorded model call, with tokens, cost and what became of it.
//!
//! Refuses to show an unknown cost as nothing, and to hold more than a page of calls.

use delm_core::ids::CallId;
use delm_wire::view::{CallFold, CallView, CallsTag};

use super::fold::{Walk, blobs, info, whole};
use super::{cursor, found};
use crate::access::Reading;
use crate::args::read::RunPage;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{count, money, span};
use crate::output::listing::{Column, Layout, Listing};

const COLUMNS: &[Column] = &[
    Column::text("call"),
    Column::text("state"),
    Column::text("job"),
    Column::text("agent"),
    Column::text("model"),
    Column::number("in"),
    Column::number("out"),
    Column::text("cost"),
    Column::text("took"),
    Column::text("error"),
];

/// Calls gathered in one pass.
const CHUNK: u64 = 512;

pub(super) fn calls(args: &RunPage, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let run = found(&args.of, reading)?;
    let head = info(reading, run)?.head.seq;
    let blobs = blobs(reading, run);
    let mut after: Option<CallId> = cursor(&args.page)?;
    let id = run.to_string();
    let layout = Layout {
        schema: CallsTag::TEXT,
        run: Some(&id),
        columns: COLUMNS,
        wrap: false,
        limit: args.page.limit,
    };
    let mut listing = Listing::begin(output, layout)?;
    let mut from = 0;
    let next = 'all: loop {
        let mut page = CallFold::page(after, CHUNK);
        for sealed in Walk::new(reading, run, from, head) {
            page.entry(&sealed?, &*blobs);
            // Later entries can tell nothing more of these.
            if page.has_more() && page.calls().all(|call| call.ended.is_some()) {
                break;
            }
        }
        for call in page.calls() {
            if listing.is_full() {
                break 'all after.map(|after| after.to_string());
            }
            listing.push(call, || cells(call))?;
            after = Some(call.call.0);
            from = call.seq;
        }
        if !page.has_more() {
            break None;
        }
    };
    listing.finish(next.as_deref())?;
    whole(&blobs)?;
    Ok(Exit::Success)
}

fn cells(call: &CallView) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let tokens =
        |of: fn(&delm_wire::view::TokenCounts) -> u64| or_dash(call.tokens.as_ref().map(|t| count(of(t))));
    let error = match (&call.fault, &call.error) {
        (Some(fault), Some(error)) => format!("{}: {error}", fault.0),
        (Some(fault), None) => format!("{}: (redacted)", fault.0),
        (None, _) => String::new(),
    };
    vec![
        call.call.0.to_string(),
        call.state.0.to_string(),
        call.job.0.to_string(),
        or_dash(call.agent.as_ref().map(|agent| agent.0.to_string())),
        call.model_reported.clone().unwrap_or_else(|| call.model.clone()),
        tokens(|tokens| tokens.input),
        tokens(|tokens| tokens.output),
        // What an open call will cost nobody knows yet.
        if call.ended.is_some() { money(call.cost_microusd) } else { "-".to_owned() },
        or_dash(call.latency_ms.map(span)),
        error,
    ]
}
