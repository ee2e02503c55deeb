//! The invariants that a state shows, and those that others add: looked at after every entry of a finished run.
//!
//! Refuses to trust `apply`: each is computed from the public projections and the entries alone.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use delm_core::entry::Sealed;
use delm_core::event::{AgentKind, Event, GistKind, Method};
use delm_core::ids::{AgentId, Job, TaskId};
use delm_core::run::{Phase, Run, Status};

use crate::broken::{Broken, holds};

/// One entry with the state before and after it.
pub struct Seen<'a> {
    /// The state before.
    pub before: &'a Run,
    /// The state after.
    pub after: &'a Run,
    /// The entry.
    pub entry: &'a Sealed,
}

/// An invariant of somebody's own, beside ours. Any closure of that shape is one.
pub trait Law: Send + Sync {
    /// What it is called when it is broken.
    fn name(&self) -> &str;

    /// Looks at one entry.
    ///
    /// # Errors
    /// A sentence that says how it is broken.
    fn check(&self, seen: &Seen<'_>) -> Result<(), String>;

    /// Whether it is a mark that no entry has reached yet; see [`reached`].
    fn missed(&self) -> bool {
        false
    }
}

/// A closure as a mark of one's own.
pub struct Reached<F> {
    name: &'static str,
    check: F,
    hit: AtomicBool,
}

/// A mark of one's own: something that some entry of some run must show, or [`crate::kit::check`] fails.
pub fn reached<F>(name: &'static str, check: F) -> Reached<F>
where
    F: Fn(&Seen<'_>) -> bool + Send + Sync,
{
    Reached { name, check, hit: AtomicBool::new(false) }
}

impl<F> Law for Reached<F>
where
    F: Fn(&Seen<'_>) -> bool + Send + Sync,
{
    fn name(&self) -> &str {
        self.name
    }

    fn check(&self, seen: &Seen<'_>) -> Result<(), String> {
        if (self.check)(seen) {
            self.hit.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    fn missed(&self) -> bool {
        !self.hit.load(Ordering::Relaxed)
    }
}

/// A closure as an invariant.
pub struct Own<F> {
    name: &'static str,
    check: F,
}

/// An invariant from a closure over each entry with the states around it.
pub fn law<F>(name: &'static str, check: F) -> Own<F>
where
    F: Fn(&Seen<'_>) -> Result<(), String> + Send + Sync,
{
    Own { name, check }
}

impl<F> Law for Own<F>
where
    F: Fn(&Seen<'_>) -> Result<(), String> + Send + Sync,
{
    fn name(&self) -> &str {
        self.name
    }

    fn check(&self, seen: &Seen<'_>) -> Result<(), String> {
        (self.check)(seen)
    }
}

/// All that one state and the entry before it show.
///
/// # Errors
/// [`Broken`].
pub fn check(seen: &Seen<'_>) -> Result<(), Broken> {
    let run = seen.after;
    claims(run)?;
    queue(run)?;
    ledger(run)?;
    newest_facts(seen)?;
    phase(seen)
}

fn claims(run: &Run) -> Result<(), Broken> {
    let mut jobs = BTreeSet::new();
    let mut agents = BTreeSet::new();
    for (fence, claim) in run.jobs().claims() {
        holds(jobs.insert(claim.job), "I-1", || format!("{} is held twice", claim.job))?;
        holds(agents.insert(claim.agent), "I-1", || format!("{} holds two claims", claim.agent))?;
        let status = run.jobs().get(&claim.job).map(|job| job.status);
        holds(status == Some(Status::Claimed(*fence)), "I-1", || format!("{}: {status:?}", claim.job))?;
        // A new writer's resume comes before the tick that is due.
        let program = run.agent(claim.agent).is_some_and(|agent| agent.kind == AgentKind::Program);
        holds(program || claim.deadline_ms > run.at(), "I-5", || {
            format!(
                "the lease of {} on {} until {} lives at {}",
                claim.agent,
                claim.job,
                claim.deadline_ms,
                run.at()
            )
        })?;
    }
    Ok(())
}

fn queue(run: &Run) -> Result<(), Broken> {
    let begun = run.started().map_or(0, |started| started.limits.attempts_max);
    let attempts_max = run.limits().attempts_max.max(begun);
    let mut unsettled = 0;
    for (job, state) in run.jobs().iter() {
        let failures = u64::from(state.failures);
        holds(failures <= attempts_max, "I-10", || {
            format!("{job} failed {failures} times of {attempts_max}")
        })?;
        holds(state.status != Status::Limbo, "I-37", || format!("{job} is in limbo between two entries"))?;
        unsettled += u64::from(job.subject().is_some() && !state.status.is_settled());
    }
    let counted = run.jobs().unsettled();
    holds(unsettled == counted, "I-23", || format!("{counted} tasks are counted open, {unsettled} are"))?;
    for (place, task) in run.tasks().iter().enumerate() {
        let id = TaskId::after(place);
        let status = |task: &TaskId| run.jobs().get(&Job::Reason(*task)).map(|job| job.status);
        let settled = task.needs.iter().all(|need| status(need).is_some_and(Status::is_settled));
        let waits = status(&id) == Some(Status::Waiting);
        // What was found before a need of it was reopened in a fork stays found.
        let found = matches!(status(&id), Some(Status::Done | Status::Abandoned | Status::InReview(_)));
        let before = run.origin().is_some() && found;
        holds(waits != settled || before, "I-2", || {
            format!("{id} waits: {waits}; its needs are settled: {settled}")
        })?;
    }
    Ok(())
}

fn ledger(run: &Run) -> Result<(), Broken> {
    let ledger = run.ledger();
    let (mut tokens, mut money, mut open) = (0, 0, 0);
    for (_, call) in ledger.open() {
        tokens += call.started.reserved_tokens;
        money += call.started.reserved_microusd.unwrap_or(0);
        open += 1;
    }
    let reserved = (ledger.reserved_tokens, ledger.reserved_microusd);
    holds(reserved == (tokens, money), "I-30", || {
        format!("{reserved:?} are reserved, open calls reserve {:?}", (tokens, money))
    })?;
    let ended = ledger.finished + ledger.failed;
    holds(ledger.own_calls() == ended + open, "I-32", || {
        format!("{} calls began, {ended} ended and {open} are open", ledger.own_calls())
    })
}

fn newest_facts(seen: &Seen<'_>) -> Result<(), Broken> {
    let run = seen.after;
    for fact in run.facts().iter().skip(seen.before.facts().len()) {
        let Some(verdict) = &fact.proposal.verdict else {
            return Err(Broken::new("I-11", format!("{} was admitted without a verdict", fact.label)));
        };
        if matches!(verdict.method, Method::Log | Method::Ablated) {
            continue;
        }
        let principal = |agent: AgentId| run.agent(agent).map(|agent| agent.principal.clone());
        let same = verdict.verifier.and_then(principal) == fact.proposal.author.and_then(principal);
        holds(!same || run.self_review(), "I-12", || {
            format!("{} is judged by its author's own principal", fact.label)
        })?;
        for cited in fact.proposal.cites.iter() {
            let before = run.fact(*cited).is_some_and(|cited| cited.note < fact.proposal.length);
            holds(before, "I-20", || format!("{} cites {cited}, which its author had not read", fact.label))?;
        }
    }
    Ok(())
}

fn phase(seen: &Seen<'_>) -> Result<(), Broken> {
    let run = seen.after;
    let at_work = run.jobs().claimed() > 0;
    match run.phase() {
        Phase::Paused(_) | Phase::Ended(_) => {
            let open = run.ledger().open().count();
            holds(!at_work && open == 0, "I-29", || format!("work goes on in {:?}", run.phase()))
        }
        Phase::Stopping(_) => holds(at_work, "I-29", || String::from("it stops with nothing to wait for")),
        Phase::Running => {
            let works = at_work || run.takeable() || run.agents().principals() == 0;
            holds(works, "I-26", || String::from("nobody works, nothing can be taken, and no drain is said"))
        }
        Phase::Unborn => Err(Broken::new("I-33", "a run with entries is not begun")),
    }?;
    for event in &seen.entry.entry.events {
        if let Event::RunEnded(ended) = event {
            let open: BTreeSet<_> = ended.open.iter().copied().collect();
            let left: BTreeSet<_> = run.open_subjects().into_iter().collect();
            holds(open == left, "I-23", || format!("listed open: {open:?}; open: {left:?}"))?;
        }
    }
    Ok(())
}

/// An agent that asked for any job got none that came after another it might have had, of the same kind.
///
/// # Errors
/// [`Broken`] I-45.
pub fn turns(seen: &Seen<'_>) -> Result<(), Broken> {
    let fifo = seen.before.started().is_some_and(|started| started.policy.name == "fifo");
    let Some(Event::Claimed(claimed)) = seen.entry.entry.events.first().filter(|_| fifo) else {
        return Ok(());
    };
    let Some(taken) = seen.before.jobs().get(&claimed.job) else { return Ok(()) };
    let same_kind = |job: &Job| std::mem::discriminant(job) == std::mem::discriminant(&claimed.job);
    let author = |job: &Job| {
        let Job::Review(seq) = job else { return None };
        let author = seen.before.proposal_of(*seq)?.author?;
        seen.before.agent(author).map(|agent| agent.principal.clone())
    };
    let own = seen.before.agent(claimed.agent).map(|agent| agent.principal.clone());
    for (job, state) in seen.before.jobs().iter().filter(|(job, _)| same_kind(job)) {
        let sooner = state.status == Status::Ready && state.order < taken.order;
        let allowed = seen.before.self_review() || author(job).is_none() || author(job) != own;
        holds(!sooner || !allowed, "I-45", || {
            format!("{} took {} while {job} waited longer", claimed.agent, claimed.job)
        })?;
    }
    Ok(())
}

/// Whether an entry admits a finding: something another agent's work went into.
#[must_use]
pub fn admits_finding(run: &Run) -> bool {
    run.facts().iter().any(|fact| fact.proposal.kind == GistKind::Finding)
}
