//! Folding entries into state, and checking the law while doing so.
//!
//! Refuses an entry that breaks a law, and then leaves the state untouched; it never decides, never reads a blob, and
//! never panics. The numbers are those of the coordination invariants (I-1 to I-47).

pub(crate) mod calls;
mod claims;
mod forks;
mod lifecycle;
mod queue;
mod verified;

use alloc::format;
use alloc::string::String;

use crate::command::{Reply, command_of};
use crate::entry::{Entry, RULES, Sealed};
use crate::event::Event;
use crate::ids::{AgentId, Digest, Millis, Seq};
use crate::run::people::Known;
use crate::run::{Phase, Run};
pub(crate) use forks::tainted_tasks;
pub(crate) use lifecycle::spent_of;
pub(crate) use queue::close_plan;
pub(crate) use verified::grade_of;
pub(crate) use verified::taint_of;

/// A log that breaks a law.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq} breaks {law}: {what}")]
pub struct Fault {
    /// The entry.
    pub seq: Seq,
    /// The law's number.
    pub law: &'static str,
    /// What is wrong, with values.
    pub what: String,
}

/// A broken law, before it is known in which entry.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) law: &'static str,
    pub(crate) what: String,
}

pub(crate) type Lawful = Result<(), Broken>;

/// Refuses with a law's number and words unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $law:literal, $($words:tt)+) => {
        if !$condition {
            return Err($crate::apply::Broken { law: $law, what: alloc::format!($($words)+) });
        }
    };
}
pub(crate) use ensure;

pub(crate) fn broken(law: &'static str, what: impl Into<String>) -> Broken {
    Broken { law, what: what.into() }
}

/// What an event needs to know of its entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) seq: Seq,
    pub(crate) at: Millis,
    pub(crate) agent: Option<AgentId>,
}

/// Folds one entry into the state.
///
/// # Errors
/// [`Fault`] if the entry does not follow the head or breaks a law; `run` is then untouched.
pub fn apply(run: &mut Run, sealed: &Sealed) -> Result<(), Fault> {
    let mut next = run.clone();
    check_and_fold(&mut next, sealed).map_err(|broken| Fault {
        seq: sealed.entry.seq,
        law: broken.law,
        what: broken.what,
    })?;
    *run = next;
    Ok(())
}

/// Seals the state that a decision left: the same end as after folding its entry.
pub(crate) fn seal_after(run: &mut Run, sealed: &Sealed) -> Result<(), Fault> {
    end_entry(run, sealed).map_err(|broken| Fault {
        seq: sealed.entry.seq,
        law: broken.law,
        what: broken.what,
    })
}

fn check_and_fold(run: &mut Run, sealed: &Sealed) -> Lawful {
    let entry = &sealed.entry;
    begin_entry(run, entry)?;
    let place = Place { seq: entry.seq, at: entry.at, agent: entry.agent };
    for event in &entry.events {
        apply_event(run, event, place)?;
    }
    end_entry(run, sealed)
}

/// The chain and the clock: what must hold before any event of an entry.
fn begin_entry(run: &mut Run, entry: &Entry) -> Lawful {
    let (seq, parent) = run.head.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.id));
    ensure!(entry.seq == seq, "I-34", "seq {} where {seq} follows", entry.seq);
    let follows = entry.parent == parent || cfg!(sabotage = "parent_unchecked");
    ensure!(follows, "I-34", "parent {} where {parent} is the head", entry.parent);
    ensure!(entry.at >= run.at, "I-8", "time goes back from {} to {} ms", run.at, entry.at);
    ensure!(
        entry.rules == RULES,
        "I-42",
        "rules {} are unknown to this binary, which knows {RULES}",
        entry.rules
    );
    ensure!(!entry.events.is_empty(), "I-37", "no event");
    run.last_at = run.at;
    run.at = entry.at;
    Ok(())
}

/// What must hold after all events of an entry: nothing is half-done.
pub(crate) fn check_whole(run: &mut Run, events: &[Event]) -> Lawful {
    close_plan(run);
    if let Some((job, _)) = run.jobs.limbo.first() {
        return Err(broken("I-37", format!("{job} is left between two states")));
    }
    let mut claims = 0;
    if let Some(Event::RunForked(_)) = events.first() {
        forks::check_forked(run, events)?;
    }
    let late = events.iter().skip(1).any(|event| matches!(event, Event::RunForked(_)));
    ensure!(!late, "I-40", "a fork that is not the first event of its entry");
    for event in events {
        if let Event::Claimed(_) = event {
            claims += 1;
        } else if let Event::RunResumed(_) = event {
            lifecycle::check_resumed(run)?;
        } else if let Event::AgentLeft(left) = event {
            let held = run.agent(left.agent).and_then(|agent| agent.claim);
            ensure!(held.is_none(), "I-7", "{} left and still holds {held:?}", left.agent);
        }
    }
    ensure!(claims <= 1, "I-1", "{claims} claims in one entry");
    Ok(())
}

/// The end of an entry: nothing is half-done, the command is remembered, and the head moves.
fn end_entry(run: &mut Run, sealed: &Sealed) -> Lawful {
    let entry = &sealed.entry;
    check_whole(run, &entry.events)?;
    remember(run, sealed)?;
    run.tree.push(&sealed.id);
    run.head = Some(sealed.head());
    if run.id.is_none() || run.forks_at(entry.seq) {
        run.id = Some(sealed.id);
    }
    Ok(())
}

/// Keeps the command and its reply, so that a repetition is answered alike (I-36).
fn remember(run: &mut Run, sealed: &Sealed) -> Lawful {
    let entry = &sealed.entry;
    let envelope = command_of(entry);
    let last = run.agents.sent(entry.agent).map(crate::run::people::Sent::last);
    let last = last.ok_or_else(|| broken("I-9", "the entry names an agent that never joined"))?;
    ensure!(
        last.is_none_or(|last| entry.command > last),
        "I-36",
        "command {} of its sender does not follow {last:?}",
        entry.command
    );
    let kept_max = run.limits.commands_kept;
    let known = Known { command: envelope.command.digest(), reply: Reply::of(entry), entry: sealed.id };
    run.agents.keep(entry.agent, entry.command, known, kept_max);
    Ok(())
}

/// Folds one event; the laws that one event can break are checked here.
pub(crate) fn apply_event(run: &mut Run, event: &Event, place: Place) -> Lawful {
    let born = run.phase != Phase::Unborn;
    ensure!(
        born != matches!(event, Event::RunStarted(_)),
        "I-28",
        "{} at the wrong end of a run",
        event.kind()
    );
    if matches!(run.phase, Phase::Ended(_)) {
        let allowed = matches!(event, Event::GistWithdrawn(_) | Event::BlobRedacted(_));
        ensure!(allowed, "I-28", "{} after the run ended", event.kind());
    }
    match event {
        Event::RunStarted(started) => lifecycle::run_started(run, started, place),
        Event::RunForked(forked) => forks::run_forked(run, forked, place),
        Event::RunPaused(paused) => lifecycle::run_paused(run, paused),
        Event::RunResumed(resumed) => lifecycle::run_resumed(run, resumed, place),
        Event::RunEnded(ended) => lifecycle::run_ended(run, ended),
        Event::SourceAdded(added) => lifecycle::source_added(run, added, place),
        Event::SourceSkipped(skipped) => lifecycle::source_skipped(run, skipped, place),
        Event::UnitAdded(added) => lifecycle::unit_added(run, added, place),
        Event::AgentJoined(joined) => lifecycle::agent_joined(run, joined),
        Event::AgentLeft(left) => lifecycle::agent_left(run, left, place),
        Event::TaskAdded(added) => queue::task_added(run, added),
        Event::Claimed(claimed) => claims::claimed(run, claimed, place),
        Event::LeaseRenewed(renewed) => claims::lease_renewed(run, renewed, place),
        Event::ClaimExpired(expired) => claims::claim_expired(run, expired, place),
        Event::ClaimReleased(released) => claims::claim_released(run, released, place),
        Event::ContextRead(read) => claims::context_read(run, read),
        Event::Unfolded(unfolded) => claims::unfolded(run, unfolded),
        Event::CallStarted(started) => calls::call_started(run, started),
        Event::CallFinished(finished) => calls::call_finished(run, finished, place),
        Event::CallFailed(failed) if run.forks_at(place.seq) => forks::call_let_go(run, failed),
        Event::CallFailed(failed) => calls::call_failed(run, failed),
        Event::DraftSubmitted(draft) => verified::draft_submitted(run, draft, place),
        Event::ResultRefused(refused) => verified::result_refused(run, refused, place),
        Event::SummaryChecked(checked) => verified::summary_checked(run, checked),
        Event::GistProposed(proposed) => verified::gist_proposed(run, proposed, place),
        Event::VerdictGiven(given) => verified::verdict_given(run, given, place),
        Event::GistAdmitted(admitted) => verified::gist_admitted(run, admitted, place),
        Event::GistWithdrawn(withdrawn) => verified::gist_withdrawn(run, withdrawn),
        Event::BlobRedacted(redacted) => verified::blob_redacted(run, redacted),
        Event::TaskReopened(reopened) if run.forks_at(place.seq) => forks::task_reopened(run, reopened),
        Event::TaskReopened(reopened) => queue::task_reopened(run, reopened, place),
        Event::TaskAbandoned(abandoned) => queue::task_abandoned(run, abandoned, place),
        Event::Drained(drained) => queue::drained(run, drained),
        Event::Expanded(expanded) => queue::expanded(run, expanded),
        Event::LimitReached(reached) => lifecycle::limit_reached(run, reached),
        Event::AnswerGiven(answer) => lifecycle::answer_given(run, answer),
    }
}
