//! Laws of a run's beginning, pauses and end, of its sources and of its workers.
//!
//! Refuses sources after the first entry, pauses with live claims, and ends that hide open tasks.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::claims::reopen;
use super::{Broken, Lawful, Place, broken, ensure};
use crate::command::principal_of;
use crate::event::{
    AgentJoined, AgentKind, AgentLeft, AnswerGiven, LimitReached, Outcome, PauseCause, RunEnded, RunPaused,
    RunResumed, RunStarted, SourceAdded, SourceSkipped, UnitAdded,
};
use crate::ids::{AgentId, Job, SourceId, UnitId};
use crate::limits::{LIMITS, Limits};
use crate::run::people::Sent;
use crate::run::{Agent, Phase, Run, Source, Status, Unit};

pub(super) fn run_started(run: &mut Run, started: &RunStarted, place: Place) -> Lawful {
    check_limits(&started.limits)?;
    run.phase = Phase::Running;
    run.began_at = place.at;
    run.running_since = place.at;
    run.limits = Arc::new(started.limits.clone());
    run.started = Some(Arc::new(started.clone()));
    run.jobs.add(Job::Plan, Status::Ready, None);
    Ok(())
}

fn check_limits(limits: &Limits) -> Lawful {
    for info in LIMITS {
        let value = limits.get(info.name).unwrap_or(0);
        ensure!(
            (info.low..=info.high).contains(&value),
            "I-29",
            "{} = {value} is out of its range",
            info.name
        );
    }
    Ok(())
}

pub(super) fn source_added(run: &mut Run, added: &SourceAdded, place: Place) -> Lawful {
    ensure!(place.seq == 0, "I-19", "a source after the first entry");
    let next = SourceId::after(run.sources.len());
    ensure!(added.source == next, "I-19", "source {} where {next} follows", added.source);
    let source = Source { added: added.clone(), first_unit: run.units.len(), units: 0 };
    run.sources.push_back_mut(Arc::new(source));
    Ok(())
}

pub(super) fn source_skipped(run: &mut Run, skipped: &SourceSkipped, place: Place) -> Lawful {
    ensure!(place.seq == 0, "I-19", "a skipped source after the first entry");
    run.skipped.push_back_mut((skipped.name, skipped.reason));
    Ok(())
}

pub(super) fn unit_added(run: &mut Run, added: &UnitAdded, place: Place) -> Lawful {
    ensure!(place.seq == 0, "I-19", "a unit after the first entry");
    ensure!(
        (run.units.len() as u64) < run.limits.units_max,
        "I-46",
        "more than {} units",
        run.limits.units_max
    );
    let last =
        run.sources.len().checked_sub(1).and_then(|place| Some((place, run.sources.get(place)?.clone())));
    let (at, source) = last.ok_or_else(|| broken("I-19", "a unit without a source"))?;
    let next = UnitId { source: source.added.source, index: source.units + 1 };
    ensure!(added.unit == next, "I-19", "unit {} where {next} follows", added.unit);
    let floor = if source.units == 0 { 0 } else { run.units.last().map_or(0, |unit| unit.end) };
    ensure!(
        added.start >= floor && added.end > added.start,
        "I-19",
        "unit {} overlaps or is empty",
        added.unit
    );
    run.units.push_back_mut(Unit { id: added.unit, start: added.start, end: added.end });
    let mut source = Source::clone(&source);
    source.units += 1;
    run.sources.set_mut(at, Arc::new(source));
    if run.started.as_ref().is_some_and(|started| started.reading) {
        run.jobs.add(Job::Read(added.unit), Status::Ready, None);
        run.jobs.set_status(Job::Plan, Status::Waiting);
    }
    Ok(())
}

pub(super) fn agent_joined(run: &mut Run, joined: &AgentJoined) -> Lawful {
    let next = AgentId::after(run.agents.len());
    ensure!(joined.agent == next, "I-9", "agent {} where {next} follows", joined.agent);
    ensure!(
        ((run.agents.len() - run.agents.inherited) as u64) < run.limits.agents_max,
        "I-46",
        "more than {} agents",
        run.limits.agents_max
    );
    let own = joined.principal == principal_of(joined.agent);
    // The name of an agent stands for that agent alone: a program cannot borrow it, or be lent it in advance.
    let borrowed = !own && joined.principal.parse::<AgentId>().is_ok();
    ensure!(!borrowed, "I-12", "{} is the name of an agent, not of {}", joined.principal, joined.agent);
    ensure!(
        own || joined.kind == AgentKind::Program,
        "I-12",
        "{} is no program, but {} answers for it",
        joined.agent,
        joined.principal
    );
    run.agents.push(Agent {
        kind: joined.kind,
        principal: joined.principal.as_str().into(),
        model: joined.model.as_str().into(),
        program: joined.program.as_deref().map(Into::into),
        left: false,
        claim: None,
        claims: 0,
        admitted: 0,
        rejected: 0,
        verdicts: 0,
        expired: 0,
        tokens: 0,
        sent: Sent::default(),
    });
    Ok(())
}

pub(super) fn agent_left(run: &mut Run, left: &AgentLeft, place: Place) -> Lawful {
    let agent = run.agent(left.agent).ok_or_else(|| unknown_agent(left.agent))?;
    ensure!(place.agent == Some(left.agent), "I-9", "{:?} leaves in the name of {}", place.agent, left.agent);
    ensure!(!agent.left, "I-9", "{} left twice", left.agent);
    run.agents.change(left.agent, |agent| agent.left = true);
    Ok(())
}

pub(super) fn unknown_agent(agent: AgentId) -> Broken {
    broken("I-9", format!("{agent} never joined"))
}

pub(super) fn limit_reached(run: &mut Run, reached: &LimitReached) -> Lawful {
    ensure!(run.phase == Phase::Running, "I-29", "a limit reached while {:?}", run.phase);
    let (limit, value) = (reached.limit.as_str(), reached.value);
    let (spent, needed) = (reached.spent, reached.needed);
    let known = run.limits.get(limit) == Some(value) && value > 0 && spent == spent_of(run, limit);
    let true_cause = match reached.cause {
        PauseCause::Deadline => known && limit == "deadline_ms" && spent >= value && needed == 0,
        // Spent to the last, or too little left for the next call beside what open calls have reserved.
        PauseCause::Budget => run.ledger.of_budget(limit).is_some_and(|(_, reserved)| {
            let short = spent.saturating_add(reserved).saturating_add(needed) > value;
            known && if needed == 0 { spent >= value } else { short }
        }),
        PauseCause::Interrupt | PauseCause::Provider => {
            limit.is_empty() && (value, spent, needed) == (0, 0, 0)
        }
    };
    ensure!(true_cause, "I-29", "{limit} = {value} is not reached with {spent} spent and {needed} needed");
    run.phase = Phase::Stopping(reached.cause);
    Ok(())
}

/// What is spent of a limit now, what open calls have reserved left out; nothing of what is no budget or deadline.
pub(crate) fn spent_of(run: &Run, limit: &str) -> u64 {
    match limit {
        "deadline_ms" => run.ran_ms(),
        budget => run.ledger.of_budget(budget).map_or(0, |(spent, _)| spent),
    }
}

pub(super) fn run_paused(run: &mut Run, paused: &RunPaused) -> Lawful {
    ensure!(
        run.phase == Phase::Stopping(paused.cause),
        "I-29",
        "paused for {} while {:?}",
        paused.cause,
        run.phase
    );
    check_no_claims(run)?;
    ensure!(
        paused.open == run.open_subjects(),
        "I-29",
        "the tasks said to be open are not the ones that are"
    );
    run.ran_ms = run.ran_ms();
    run.phase = Phase::Paused(paused.cause);
    Ok(())
}

pub(super) fn run_resumed(run: &mut Run, resumed: &RunResumed, place: Place) -> Lawful {
    // After a crash the time from the last entry to the death is not known and not counted.
    let (ran_ms, before) = (run.ran_ms, run.running_since);
    let mut limits = Limits::clone(&run.limits);
    for change in &resumed.changes {
        limits.set(&change.limit, change.value).map_err(|error| broken("I-29", format!("{error}")))?;
    }
    if matches!(run.phase, Phase::Running | Phase::Stopping(_)) {
        run.ran_ms = ran_ms + run.last_at.saturating_sub(before);
    }
    run.limits = Arc::new(limits);
    run.running_since = place.at;
    run.phase = Phase::Running;
    Ok(())
}

/// After a resume nobody of the dead process holds anything, and none of its calls is open.
pub(super) fn check_resumed(run: &Run) -> Lawful {
    let held = run
        .jobs
        .claims
        .values()
        .find(|claim| run.agent(claim.agent).is_some_and(|agent| agent.kind != AgentKind::Program));
    if let Some(claim) = held {
        return Err(broken("I-29", format!("{} still holds {} after a resume", claim.agent, claim.job)));
    }
    ensure!(run.ledger.open.is_empty(), "I-32", "calls are still open after a resume");
    Ok(())
}

pub(super) fn answer_given(run: &mut Run, answer: &AnswerGiven) -> Lawful {
    let limbo =
        run.jobs.limbo.get(&Job::Finalize).ok_or_else(|| broken("I-28", "an answer without its claim"))?;
    let cited = limbo.draft.as_ref().map(|(_, cites, _)| cites);
    ensure!(limbo.fence == Some(answer.fence) && cited.is_some(), "I-4", "an answer for another claim");
    ensure!(
        cited.is_some_and(|cites| cites[..] == answer.cites[..]),
        "I-20",
        "the answer cites other facts than its draft"
    );
    ensure!(
        answer.cites.iter().any(|label| run.bears(*label)),
        "I-28",
        "the answer cites no fact that states a finding and stands"
    );
    run.jobs.limbo.remove_mut(&Job::Finalize);
    run.jobs.set_status(Job::Finalize, Status::Done);
    run.answer = Some(Arc::new(answer.clone()));
    Ok(())
}

pub(super) fn run_ended(run: &mut Run, ended: &RunEnded) -> Lawful {
    check_no_claims(run)?;
    ensure!(run.ledger.open.is_empty(), "I-32", "calls are open at the end");
    ensure!(ended.open == run.open_subjects(), "I-23", "the tasks said to be open are not the ones that are");
    let finalized = run.jobs.get(&Job::Finalize).map(|state| state.status);
    match ended.outcome {
        Outcome::Answered => ensure!(run.answer.is_some(), "I-28", "answered without an answer"),
        Outcome::Unanswered => {
            let drafted = run.jobs.limbo.get(&Job::Finalize).is_some_and(|limbo| limbo.draft.is_some());
            let over = drafted || finalized == Some(Status::Abandoned);
            ensure!(over && run.answer.is_none(), "I-28", "unanswered before the finalizer gave up");
        }
        Outcome::Failed => {
            let plan = run.jobs.get(&Job::Plan).map(|state| state.status);
            ensure!(plan == Some(Status::Abandoned), "I-28", "failed although the plan was not given up");
        }
        Outcome::Cancelled => {}
    }
    // Nothing is attempted any more, so what was given back once too often is merely open.
    let released: Vec<Job> =
        run.jobs.limbo.iter().filter(|(_, limbo)| limbo.released).map(|(job, _)| *job).collect();
    released.into_iter().for_each(|job| reopen(run, job));
    if run.jobs.limbo.contains_key(&Job::Finalize) {
        run.jobs.limbo.remove_mut(&Job::Finalize);
        run.jobs.set_status(Job::Finalize, Status::Done);
    }
    run.ran_ms = run.ran_ms();
    run.phase = Phase::Ended(ended.outcome);
    run.end = Some(Arc::new(ended.clone()));
    Ok(())
}

fn check_no_claims(run: &Run) -> Lawful {
    let mut holders = String::new();
    for (fence, claim) in run.jobs.claims.iter().take(3) {
        holders.push_str(&format!(" {} holds {} under {fence};", claim.agent, claim.job));
    }
    ensure!(run.jobs.claims.is_empty(), "I-29", "claims are live:{holders}");
    Ok(())
}
