//! Laws of model calls: intent before the call, one at a time for a claim, every end accounted for.
//!
//! Refuses a call without a claim and an end without a call.

use alloc::format;
use alloc::sync::Arc;

use super::claims::live;
use super::{Lawful, Place, broken, ensure};
use crate::event::{AgentKind, CallFailed, CallFinished, CallStarted, Purpose};
use crate::ids::{CallId, Job};
use crate::run::{OpenCall, Run};

/// What a model is asked for when it works on a job.
#[must_use]
pub(crate) fn purpose_of(job: &Job) -> Purpose {
    match job {
        Job::Plan => Purpose::Plan,
        Job::Read(_) => Purpose::Read,
        Job::Reason(_) => Purpose::Reason,
        Job::Review(_) => Purpose::Review,
        Job::Expand(_) => Purpose::Expand,
        Job::Finalize => Purpose::Finalize,
    }
}

pub(super) fn call_started(run: &mut Run, started: &CallStarted) -> Lawful {
    let claim = live(run, started.fence, Some(started.request.recipe.job))?;
    let next = CallId(run.ledger.calls.saturating_add(1));
    ensure!(started.call == next, "I-32", "call {} where {next} follows", started.call);
    ensure!(claim.call.is_none(), "I-32", "the claim under {} has a call in flight", started.fence);
    ensure!(
        started.purpose == purpose_of(&claim.job),
        "I-19",
        "a {} call for {}",
        started.purpose,
        claim.job
    );
    let recipe = &started.request.recipe;
    ensure!(
        Some(recipe.length) == claim.length,
        "I-19",
        "the prompt shows {} notes, not those read",
        recipe.length
    );
    let program = run.agent(claim.agent).is_some_and(|agent| agent.kind == AgentKind::Program);
    ensure!(!program, "I-32", "a call for {}, a program, which is asked nothing", claim.agent);
    ensure!(recipe.attempt == claim.attempt, "I-10", "the prompt is for attempt {}", recipe.attempt);
    ensure!(
        recipe.unfolded[..] == claim.unfolded[..],
        "I-19",
        "the prompt shows other text than was unfolded"
    );
    let (agent, job) = (claim.agent, claim.job);
    let mut claim = claim.clone();
    claim.call = Some(started.call);
    if recipe.problem.is_some() {
        claim.asks += 1;
    } else if !recipe.unfolded.is_empty() {
        claim.unfolds += 1;
    }
    run.jobs.put_claim(started.fence, claim);
    let started = Arc::new(started.clone());
    let purpose = started.purpose;
    run.ledger.start(OpenCall { fence: started.fence, agent, job, purpose, started, claim: None });
    Ok(())
}

pub(super) fn call_finished(run: &mut Run, finished: &CallFinished, place: Place) -> Lawful {
    ensure!(
        finished.billable < finished.tries.max(1),
        "I-30",
        "{} tries billed beside the reply, of {}",
        finished.billable,
        finished.tries
    );
    let open = run.ledger.finish(finished).ok_or_else(|| not_open(finished.call))?;
    ensure!(place.agent == Some(open.agent), "I-9", "{:?} answers a call of {}", place.agent, open.agent);
    close(run, &open);
    let tokens = finished.tokens.map_or(0, |tokens| tokens.input.saturating_add(tokens.output));
    run.agents.change(open.agent, |agent| agent.tokens = agent.tokens.saturating_add(tokens));
    Ok(())
}

pub(super) fn call_failed(run: &mut Run, failed: &CallFailed) -> Lawful {
    let budget = run.limits.budget_microusd;
    let open = run.ledger.fail(failed).ok_or_else(|| not_open(failed.call))?;
    ensure!(failed.billable <= failed.tries, "I-30", "{} tries billed of {}", failed.billable, failed.tries);
    let (tries, reserved) = (failed.charged_tries(), open.started.reserved_tokens);
    ensure!(
        failed.charged_tokens == reserved.saturating_mul(tries),
        "I-30",
        "{} tokens charged for {tries} tries at {reserved}",
        failed.charged_tokens
    );
    let reserved = open.started.reserved_microusd;
    let unknown = failed.charged_microusd.is_none() && tries > 0 && budget == 0;
    ensure!(
        unknown || failed.charged_microusd == reserved.map(|money| money.saturating_mul(tries)),
        "I-30",
        "{:?} microusd charged for {tries} tries at {reserved:?}",
        failed.charged_microusd
    );
    close(run, &open);
    Ok(())
}

pub(super) fn not_open(call: CallId) -> super::Broken {
    broken("I-32", format!("{call} is not open"))
}

pub(super) fn close(run: &mut Run, open: &OpenCall) {
    if let Some(claim) = run.claim(open.fence).filter(|claim| claim.call == Some(open.started.call)) {
        let mut claim = claim.clone();
        claim.call = None;
        run.jobs.put_claim(open.fence, claim);
    }
}
