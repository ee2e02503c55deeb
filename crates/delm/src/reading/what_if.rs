//! `delm what-if`: which facts and which parts of the answer would fall, stand or become unknown without some.
//!
//! Refuses to call a model and to write: it is worked out from the log, and says what a log cannot tell.

use delm_core::ids::{Digest, FactId};
use delm_core::influence::{Change, Readings, what_if as fates_of};
use delm_core::run::Run;
use delm_wire::name::Word;
use delm_wire::view::{
    AnswerFate, CauseWord, FateCounts, FateView, FateWord, InfluenceFold, WhatIf, WhatIfTag, cannot_know,
};

use super::fold::{fold, info, whole};
use super::words::{branch, heading, named, paragraph};
use super::{cursor, found, none};
use crate::access::Reading;
use crate::args::read;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{count, plural};
use crate::output::listing::PAGE_ITEMS;
use crate::output::text::one_line;
use crate::refs::Thing;

/// Cut facts that people are shown.
const CUTS_SHOWN: usize = 20;

pub(super) fn what_if(args: &read::WhatIf, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let run = found(&args.of, reading)?;
    let after = cursor::<FactId>(&args.page)?;
    let mut influence = InfluenceFold::default();
    let last = info(reading, run)?.head.seq;
    let loaded = fold(reading, run, last, |_, sealed| influence.entry(sealed))?;
    let (state, blobs) = (&loaded.run, &*loaded.blobs);
    let change = change(args, state, run)?;
    let readings = Readings::of(state);
    let facts = influence.facts(state, &readings);
    let fates = fates_of(&facts, &change);
    let counts = FateCounts::of(&fates);
    let answer = influence.answer(state, &readings);
    let answer = answer.and_then(|made| AnswerFate::of(state, blobs, &made, &facts, &fates, &change));
    let head = state
        .head()
        .ok_or_else(|| CliError::new("internal", Exit::Unexpected, "the run has no first entry"))?;
    let people = !output.mode().is_json();
    // People are shown what changes; what stands is a number to them.
    let all = (0..).map(FactId::after).zip(&fates).skip(after.map_or(0, |after| after.index() + 1));
    let mut shown = all.filter(|(_, fate)| !people || **fate != delm_core::influence::Fate::Stands);
    let limit = usize::try_from(args.page.limit.unwrap_or(PAGE_ITEMS)).unwrap_or(usize::MAX);
    let items: Vec<FateView> = shown
        .by_ref()
        .take(limit)
        .filter_map(|(label, fate)| FateView::of(state, blobs, label, *fate))
        .collect();
    let next = shown.next().and_then(|_| items.last()).map(|last| last.label.0.to_string());
    let view = WhatIf {
        schema: WhatIfTag,
        run: Word(run),
        head: head.into(),
        change: (&change).into(),
        cannot_know: cannot_know(state, &change, &counts),
        counts,
        answer,
        items,
        next,
    };
    whole(blobs)?;
    if !people {
        output.json(&view)?;
        return Ok(Exit::Success);
    }
    say(&view, output)?;
    if reading.store.is_some() {
        find_out(&change, run, output)?;
    }
    Ok(Exit::Success)
}

/// What is thought away, all of which the run must have.
fn change(args: &read::WhatIf, state: &Run, run: Digest) -> Result<Change, CliError> {
    let agents = args.without_agent.iter().copied().collect();
    let facts = args.without.iter().copied().collect();
    let rejected = args.verdict.iter().map(|turned| turned.0).collect();
    let change = Change { agents, facts, rejected };
    if let Some(agent) = change.agents.iter().find(|agent| state.agent(**agent).is_none()) {
        return Err(none(&Thing::Agent(*agent), run));
    }
    let named = change.facts.iter().chain(&change.rejected);
    for fact in named {
        if state.fact(*fact).is_none() {
            return Err(none(&Thing::Fact(*fact), run));
        }
    }
    Ok(change)
}

/// How to know what a log cannot tell: let others work it out again.
fn find_out(change: &Change, run: Digest, output: &mut Output) -> Result<(), CliError> {
    let dropped: Vec<String> =
        change.facts.union(&change.rejected).map(|label| format!(" --drop {label}")).collect();
    if dropped.is_empty() {
        return Ok(());
    }
    heading(output, "to work them out again")?;
    let line = output.paste(&format!("delm fork {}{}", run.short(12), dropped.concat()));
    Ok(output.line(&format!("  {line}"))?)
}

fn say(view: &WhatIf, output: &mut Output) -> Result<(), CliError> {
    named(output, "without", &without(view))?;
    let counts = &view.counts;
    let sight = match counts.unknown_by_sight {
        0 => String::new(),
        number => format!(" ({} merely by what their authors had in sight)", count(number)),
    };
    named(
        output,
        "facts",
        &format!(
            "{} fall, {} unknown{sight}, {} stand",
            count(counts.falls),
            count(counts.unknown),
            count(counts.stands)
        ),
    )?;
    of_answer(view, output)?;
    for (word, title) in [(FateWord::Falls, "falls"), (FateWord::Unknown, "unknown")] {
        let such: Vec<&FateView> = view.items.iter().filter(|item| item.fate.0 == word).collect();
        if such.is_empty() {
            continue;
        }
        heading(output, title)?;
        for item in such {
            let text = item.text.as_deref().map_or_else(|| "(redacted)".to_owned(), one_line);
            let by = item.author.as_ref().map_or_else(|| "the log".to_owned(), |author| author.0.to_string());
            branch(output, "  ", "      ", &format!("{}  {}; by {by}: {text}", item.label.0, why(item)))?;
        }
    }
    if !view.cannot_know.is_empty() {
        heading(output, "what a log cannot tell")?;
        view.cannot_know.iter().try_for_each(|line| branch(output, "  ", "    ", line))?;
    }
    if let Some(next) = &view.next {
        output.note(&format!("more facts behind --after {next}"))?;
    }
    Ok(())
}

fn without(view: &WhatIf) -> String {
    let change = &view.change;
    let agents = change.without_agents.iter().map(|agent| agent.0.to_string());
    let facts = change.without.iter().map(|fact| fact.0.to_string());
    let turned = change.rejected.iter().map(|fact| format!("the approval of {}", fact.0));
    let all: Vec<String> = agents.chain(facts).chain(turned).collect();
    if all.is_empty() { "nothing: --without-agent, --without, --verdict".to_owned() } else { all.join(", ") }
}

fn why(item: &FateView) -> String {
    let of = item.of.as_ref().map(|fact| fact.0.to_string()).unwrap_or_default();
    match item.cause.as_ref().map(|cause| cause.0) {
        None => "stands".to_owned(),
        Some(CauseWord::Named) => "taken away".to_owned(),
        Some(CauseWord::Rejected) => "rejected".to_owned(),
        Some(CauseWord::Author) => "its author did nothing".to_owned(),
        Some(CauseWord::Cites) => format!("cites {of}"),
        Some(CauseWord::Reviewer) => "its reviewer did nothing".to_owned(),
        Some(CauseWord::Planner) => "who asked for its task did nothing".to_owned(),
        Some(CauseWord::Unfolded) => format!("its author read behind {of}"),
        Some(CauseWord::Visible) => format!("its author had {of} in sight"),
    }
}

fn of_answer(view: &WhatIf, output: &mut Output) -> Result<(), CliError> {
    let Some(answer) = &view.answer else { return named(output, "answer", "the run has given none") };
    let gone = answer.parts.iter().filter(|part| part.fate.0 == FateWord::Falls).count() as u64;
    let cited = plural(answer.parts.len() as u64, "cited fact");
    let of = answer.of.as_ref().map(|fact| format!(" {}", fact.0)).unwrap_or_default();
    let words = match answer.fate.0 {
        FateWord::Falls => format!("falls: each of its {cited} does"),
        FateWord::Partly => format!("falls in part: {} of its {cited}", count(gone)),
        FateWord::Stands => format!("stands, with its {cited}"),
        FateWord::Unknown => {
            let cause = answer.cause.as_ref().map(|cause| cause.0.to_string()).unwrap_or_default();
            format!("unknown ({cause}{of}); none of its {cited} falls")
        }
    };
    named(output, "answer", &words)?;
    for part in &answer.parts {
        let text = part.text.as_deref().map(|text| format!("  {}", one_line(text))).unwrap_or_default();
        branch(output, "          ", "            ", &format!("{} {}{text}", part.fact.0, part.fate.0))?;
    }
    let mut cuts: Vec<String> = answer.cuts.iter().take(CUTS_SHOWN).map(|cut| cut.0.to_string()).collect();
    let all = answer.cuts.len() as u64 + answer.cuts_left_out;
    if all > CUTS_SHOWN as u64 {
        cuts.push(format!("… ({} in all)", count(all)));
    }
    let cuts = if cuts.is_empty() { "none".to_owned() } else { cuts.join(", ") };
    paragraph(output, 10, &format!("facts whose removal alone takes all of it away: {cuts}"))
}
