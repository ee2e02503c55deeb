//! `delm queue`: every job by where it stands, who holds it, and how much of the lease is left.
//!
//! Refuses this machine's clock: a lease is measured against the time of the run's newest entry.

use std::cmp::Ordering;

use delm_core::ids::{BadName, Job};
use delm_core::run::{JobState, Status};
use delm_wire::view::{JobView, QueueTag};

use super::fold::whole;
use super::{cursor, found};
use crate::access::Reading;
use crate::args::read::RunPage;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::span;
use crate::output::listing::{Column, Layout, Listing};

const COLUMNS: &[Column] = &[
    Column::text("job"),
    Column::text("status"),
    Column::text("agent"),
    Column::text("left"),
    Column::number("failed"),
    Column::text("needs"),
    Column::text("text"),
];

/// Where jobs stand, in the order they are listed: what moves first.
const RANKS: &[&str] = &["claimed", "in-review", "ready", "waiting", "abandoned", "done"];

/// A place in the list: `claimed/reason:T7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    rank: usize,
    job: Job,
}

impl Place {
    fn order(self, other: Self) -> Ordering {
        self.rank.cmp(&other.rank).then(self.job.cmp(&other.job))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", RANKS.get(self.rank).copied().unwrap_or_default(), self.job)
    }
}

impl std::str::FromStr for Place {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad =
            || BadName { text: text.into(), expected: "a place in the queue such as claimed/reason:T7" };
        let (rank, job) = text.split_once('/').ok_or_else(bad)?;
        let rank = RANKS.iter().position(|name| *name == rank).ok_or_else(bad)?;
        Ok(Self { rank, job: job.parse().map_err(|_| bad())? })
    }
}

fn rank(state: &JobState) -> usize {
    match state.status {
        Status::Claimed(_) | Status::Limbo => 0,
        Status::InReview(_) => 1,
        Status::Ready => 2,
        Status::Waiting => 3,
        Status::Abandoned => 4,
        Status::Done => 5,
    }
}

pub(super) fn queue(args: &RunPage, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let run = found(&args.of, reading)?;
    let after: Option<Place> = cursor(&args.page)?;
    let loaded = reading.load(run)?;
    let (state, blobs) = (&loaded.run, &*loaded.blobs);
    let id = run.to_string();
    let layout = Layout {
        schema: QueueTag::TEXT,
        run: Some(&id),
        columns: COLUMNS,
        wrap: false,
        limit: args.page.limit,
    };
    let mut listing = Listing::begin(output, layout)?;
    let ranked = (0..RANKS.len()).flat_map(|wanted| {
        let jobs = state.jobs().iter().filter(move |(_, job)| rank(job) == wanted);
        jobs.map(move |(job, state)| (Place { rank: wanted, job: *job }, state))
    });
    let (mut last, mut next) = (None, None);
    for (place, job) in ranked {
        if after.is_some_and(|after| place.order(after) != Ordering::Greater) {
            continue;
        }
        if listing.is_full() {
            next = last;
            break;
        }
        let view = JobView::of(state, blobs, &place.job, job);
        listing.push(&view, || cells(&view, state.at()))?;
        last = Some(place.to_string());
    }
    listing.finish(next.as_deref())?;
    whole(blobs)?;
    Ok(Exit::Success)
}

fn cells(view: &JobView, now_ms: u64) -> Vec<String> {
    let dash = || "-".to_owned();
    let left = view.deadline.as_ref().map_or_else(dash, |deadline| match deadline.0.checked_sub(now_ms) {
        Some(left) => span(left),
        None => "over".to_owned(),
    });
    let needs: Vec<String> = view.needs.iter().map(|need| need.0.to_string()).collect();
    let text = match (&view.text, &view.feedback) {
        (Some(text), Some(why)) => format!("{text} (failed before: {why})"),
        (Some(text), None) => text.clone(),
        (None, Some(why)) => format!("(failed before: {why})"),
        (None, None) => String::new(),
    };
    vec![
        view.job.0.to_string(),
        view.status.0.to_string(),
        view.agent.as_ref().map_or_else(dash, |agent| agent.0.to_string()),
        left,
        view.failures.to_string(),
        if needs.is_empty() { dash() } else { needs.join(" ") },
        text,
    ]
}
