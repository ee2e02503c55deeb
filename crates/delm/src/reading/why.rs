//! `delm why`: what a fact or the answer comes from, and by what strength of influence.
//!
//! Refuses to list what was merely in sight: that is a count and ranges. A page of facts is held, and of the log only what
//! lies within their claims is read.

mod dot;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use delm_core::event::Event;
use delm_core::ids::{Digest, FactId, Fence, Seq};
use delm_core::influence::{Context, Readings, ancestors};
use delm_core::run::Run;
use delm_engine::Loaded;
use delm_wire::name::Word;
use delm_wire::view::{ClaimFold, Grounds, Why, WhyAnswer, WhyTag};

use super::fold::{Walk, info, whole};
use super::{cursor, meant, none};
use crate::access::{Reading, log_error};
use crate::args::read;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::listing::PAGE_ITEMS;
use crate::refs::{Made, Thing};

pub(super) fn why(args: &read::Why, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    if args.dot && output.mode().is_json() {
        return Err(CliError::usage("--dot is a drawing, and no JSON").hint("leave --json or --dot out"));
    }
    let run = meant(args.run.as_ref(), reading)?;
    let after = cursor::<FactId>(&args.page)?;
    let loaded = reading.load(run)?;
    let steps =
        steps(&loaded.run, &args.label, args.depth).ok_or_else(|| none(&Thing::from(args.label), run))?;
    let limit = usize::try_from(args.page.limit.unwrap_or(PAGE_ITEMS)).unwrap_or(usize::MAX);
    let below = |label: &FactId| after.is_none_or(|after| *label < after);
    let mut labels: Vec<FactId> =
        steps.keys().rev().copied().filter(below).take(limit.saturating_add(1)).collect();
    let more = labels.len() > limit;
    labels.truncate(limit);
    let answered = after.is_none() && args.label == Made::Answer;
    let view = Why {
        label: args.label.to_string(),
        facts: steps.len() as u64,
        next: labels.last().filter(|_| more).map(ToString::to_string),
        ..page(reading, run, &loaded, &steps, &labels, answered)?
    };
    whole(&loaded.blobs)?;
    if output.mode().is_json() {
        output.json(&view)?;
    } else if args.dot {
        dot::draw(&view, output)?;
    } else {
        tree::say(&view, after.is_some(), output)?;
    }
    Ok(Exit::Success)
}

/// The facts to be shown, with the citations between them and what was asked about; none if there is no such thing.
fn steps(run: &Run, label: &Made, depth: Option<u32>) -> Option<BTreeMap<FactId, u32>> {
    let depth = depth.unwrap_or(u32::MAX);
    match label {
        Made::Answer => Some(ancestors(run, &run.answer()?.cites, depth)),
        Made::Fact(label) => {
            run.fact(*label)?;
            let mut steps = ancestors(run, &[*label], depth.saturating_add(1));
            steps.values_mut().for_each(|steps| *steps -= 1);
            Some(steps)
        }
    }
}

fn page(
    reading: &Reading,
    run: Digest,
    loaded: &Loaded,
    steps: &BTreeMap<FactId, u32>,
    labels: &[FactId],
    answered: bool,
) -> Result<Why, CliError> {
    let state = &loaded.run;
    let head = state.head();
    let head =
        head.ok_or_else(|| CliError::new("internal", Exit::Unexpected, "the run has no first entry"))?;
    let asked = state.answer().filter(|_| answered).map(|answer| answer.fence);
    let mut spans = spans(state, labels);
    let mut fences: BTreeSet<Fence> = spans.iter().map(|(fence, _)| *fence).collect();
    fences.extend(asked);
    let mut claims = ClaimFold::of(fences);
    // The answer's claim is the last one, and its end is found on the way.
    let given = asked.map(|fence| given(reading, run, fence)).transpose()?.flatten();
    spans.extend(asked.zip(given.map(|(seq, _)| seq)));
    for (first, last) in merged(spans) {
        for sealed in Walk::new(reading, run, first, last) {
            claims.entry(&sealed?, &*loaded.blobs);
        }
    }
    let (context, readings) = (Context::of(state), Readings::of(state));
    let grounds = Grounds {
        run: state,
        blobs: &*loaded.blobs,
        context: &context,
        readings: &readings,
        claims: &claims,
    };
    let answer: Option<WhyAnswer> = given.and_then(|(seq, entry)| grounds.answer(entry, seq));
    let mut items = Vec::with_capacity(labels.len());
    for label in labels {
        let Some(fact) = state.fact(*label) else { continue };
        let entry = reading.log.entry(&run, fact.seq).map_err(log_error)?;
        let entry = entry.map_or(Digest::ZERO, |sealed| sealed.id);
        items.extend(grounds.fact(*label, entry, steps.get(label).copied().unwrap_or(0)));
    }
    Ok(Why {
        schema: WhyTag,
        run: Word(run),
        head: head.into(),
        label: String::new(),
        answer,
        facts: 0,
        items,
        next: None,
    })
}

/// Where in the log the claims of these facts' authors and reviewers lie, each from the entry that made it.
fn spans(run: &Run, labels: &[FactId]) -> Vec<(Fence, Seq)> {
    let gists = labels.iter().filter_map(|label| run.fact(*label)).map(|fact| &fact.proposal);
    let both = gists.flat_map(|gist| {
        let review =
            gist.verdict.as_ref().and_then(|verdict| verdict.fence.map(|fence| (fence, verdict.seq)));
        [gist.fence.map(|fence| (fence, gist.seq)), review]
    });
    both.flatten().collect()
}

/// Spans that overlap or touch, put together.
fn merged(mut spans: Vec<(Seq, Seq)>) -> Vec<(Seq, Seq)> {
    spans.sort_unstable();
    let mut merged: Vec<(Seq, Seq)> = Vec::new();
    for (first, last) in spans {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// The entry that gave the answer, under the claim with this fence.
fn given(reading: &Reading, run: Digest, fence: Fence) -> Result<Option<(Seq, Digest)>, CliError> {
    for sealed in Walk::new(reading, run, fence, info(reading, run)?.head.seq) {
        let sealed = sealed?;
        if sealed.entry.events.iter().any(|event| matches!(event, Event::AnswerGiven(_))) {
            return Ok(Some((sealed.entry.seq, sealed.id)));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_once() {
        assert_eq!(merged(vec![(7, 9), (1, 3), (2, 5), (6, 6), (20, 21), (20, 20)]), [(1, 9), (20, 21)]);
        assert_eq!(merged(Vec::new()), []);
    }
}
