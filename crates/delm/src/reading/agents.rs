//! `delm agents`: workers, what they hold, what came of their work, how long they worked and waited.
//!
//! Refuses private counters: all of it is folded from the log.

use delm_core::ids::AgentId;
use delm_wire::view::{AgentView, AgentsTag, WorkFold};

use super::fold::{fold, info};
use super::{cursor, found};
use crate::access::Reading;
use crate::args::read::RunPage;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{count, span};
use crate::output::listing::{Column, Layout, Listing};

const COLUMNS: &[Column] = &[
    Column::text("agent"),
    Column::text("model"),
    Column::text("doing"),
    Column::number("claims"),
    Column::text("admitted"),
    Column::number("judged"),
    Column::number("tokens"),
    Column::text("worked"),
    Column::text("waited"),
];

pub(super) fn agents(args: &RunPage, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let run = found(&args.of, reading)?;
    let after = cursor::<AgentId>(&args.page)?;
    let mut work = WorkFold::default();
    let last = info(reading, run)?.head.seq;
    let loaded = fold(reading, run, last, |state, sealed| work.entry(state, sealed))?;
    let id = run.to_string();
    let layout = Layout {
        schema: AgentsTag::TEXT,
        run: Some(&id),
        columns: COLUMNS,
        wrap: false,
        limit: args.page.limit,
    };
    let mut listing = Listing::begin(output, layout)?;
    let (mut shown, mut next) = (None, None);
    for (label, agent) in
        loaded.run.agents().iter().filter(|(label, _)| after.is_none_or(|after| *label > after))
    {
        if listing.is_full() {
            next = shown;
            break;
        }
        let view = AgentView::of(&loaded.run, label, agent, &work);
        listing.push(&view, || cells(&view))?;
        shown = Some(label.to_string());
    }
    listing.finish(next.as_deref())?;
    Ok(Exit::Success)
}

fn cells(view: &AgentView) -> Vec<String> {
    let judged = view.admitted.saturating_add(view.rejected);
    vec![
        view.agent.0.to_string(),
        view.program.clone().unwrap_or_else(|| view.model.clone()),
        view.job.as_ref().map_or_else(|| view.state.0.to_string(), |job| job.0.to_string()),
        view.claims.to_string(),
        format!("{} of {judged}", view.admitted),
        view.verdicts.to_string(),
        count(view.tokens),
        span(view.worked_ms),
        span(view.waited_ms),
    ]
}
