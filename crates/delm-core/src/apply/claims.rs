//! Laws of claims: who may hold a job, until when, and under which fence.
//!
//! Refuses a second holder, an unready job, a lease that shrinks, an expiry before its time.

use alloc::format;
use alloc::sync::Arc;

use super::lifecycle::unknown_agent;
use super::{Broken, Lawful, Place, broken, ensure};
use crate::event::{
    Ablation, AgentKind, ClaimExpired, ClaimReleased, Claimed, ContextRead, LeaseRenewed, Unfolded,
};
use crate::ids::{Fence, Job, Label};
use crate::run::{Claim, JobState, Limbo, Note, Phase, Run, Status};

pub(super) fn claimed(run: &mut Run, claimed: &Claimed, place: Place) -> Lawful {
    let job = claimed.job;
    ensure!(run.phase == Phase::Running, "I-29", "a claim while {:?}", run.phase);
    ensure!(claimed.fence == place.seq, "I-3", "fence {} in entry {}", claimed.fence, place.seq);
    ensure!(
        Some(claimed.agent) == place.agent,
        "I-9",
        "{} claims in the name of {:?}",
        claimed.agent,
        place.agent
    );
    ensure!(
        claimed.deadline_ms > place.at,
        "I-5",
        "a lease that ends at {} begins at {}",
        claimed.deadline_ms,
        place.at
    );
    let agent = run.agent(claimed.agent).ok_or_else(|| unknown_agent(claimed.agent))?;
    ensure!(!agent.left && agent.claim.is_none(), "I-1", "{} left, or holds another claim", claimed.agent);
    let state = state_of(run, job)?;
    ensure!(state.status == Status::Ready, "I-2", "{job} is {:?}, not ready", state.status);
    ensure!(
        !run.waits_for_answer(&job),
        "I-28",
        "{job} is claimed while others work, or while the answer is worked out"
    );
    ensure!(claimed.attempt == state.failures + 1, "I-10", "attempt {} of {job}", claimed.attempt);
    if let (Job::Review(_), Some(author)) = (job, state.author.as_ref()) {
        let own = author.as_ref() == agent.principal.as_ref();
        ensure!(!own || run.self_review(), "I-12", "{author} would judge its own gist in {job}");
    }
    let claim = Claim {
        job,
        agent: claimed.agent,
        since_ms: place.at,
        deadline_ms: claimed.deadline_ms,
        attempt: claimed.attempt,
        length: None,
        call: None,
        asks: 0,
        unfolds: 0,
        unfolded: Arc::from([]),
    };
    run.jobs.put_claim(claimed.fence, claim);
    run.jobs.set_status(job, Status::Claimed(claimed.fence));
    run.agents.change(claimed.agent, |agent| {
        agent.claim = Some(claimed.fence);
        agent.claims += 1;
    });
    Ok(())
}

pub(super) fn state_of(run: &Run, job: Job) -> Result<&JobState, Broken> {
    run.jobs.get(&job).ok_or_else(|| broken("I-2", format!("there is no job {job}")))
}

/// The live claim under a fence, which must hold the job named.
pub(super) fn live(run: &Run, fence: Fence, job: Option<Job>) -> Result<&Claim, Broken> {
    let claim =
        run.claim(fence).ok_or_else(|| broken("I-4", format!("no claim is live under fence {fence}")))?;
    if job.is_some_and(|job| job != claim.job) {
        return Err(broken("I-4", format!("fence {fence} holds {}, not the job named", claim.job)));
    }
    Ok(claim)
}

pub(super) fn lease_renewed(run: &mut Run, renewed: &LeaseRenewed, place: Place) -> Lawful {
    let claim = live(run, renewed.fence, Some(renewed.job))?;
    ensure!(
        claim.agent == renewed.agent && place.agent == Some(claim.agent),
        "I-6",
        "renewed by another than its holder"
    );
    ensure!(renewed.attempt == claim.attempt, "I-10", "a renewal changes the attempt");
    ensure!(renewed.deadline_ms >= claim.deadline_ms, "I-6", "the lease shrinks to {}", renewed.deadline_ms);
    let mut claim = claim.clone();
    claim.deadline_ms = renewed.deadline_ms;
    run.jobs.put_claim(renewed.fence, claim);
    Ok(())
}

pub(super) fn claim_expired(run: &mut Run, expired: &ClaimExpired, place: Place) -> Lawful {
    let claim = live(run, expired.fence, Some(expired.job))?;
    ensure!(place.agent.is_none(), "I-5", "{:?} expires a claim; only time does", place.agent);
    ensure!(claim.deadline_ms <= place.at, "I-5", "expired at {}, due at {}", place.at, claim.deadline_ms);
    let agent = claim.agent;
    run.agents.change(agent, |agent| agent.expired += 1);
    end_claim(run, expired.fence, None);
    Ok(())
}

pub(super) fn claim_released(run: &mut Run, released: &ClaimReleased, place: Place) -> Lawful {
    live(run, released.fence, Some(released.job))?;
    end_claim(run, released.fence, None);
    if run.forks_at(place.seq) {
        // Its holder did not give it back: it goes on with it in the origin.
        reopen(run, released.job);
        return Ok(());
    }
    let exhausted = u64::from(state_of(run, released.job)?.releases) >= run.limits.releases_max;
    run.jobs.change(released.job, |state| state.releases += 1);
    if exhausted {
        // Past the bound a release counts as an attempt, and the entry must say so, or end the run.
        if let Some(mut limbo) = run.jobs.limbo.get(&released.job).cloned() {
            limbo.released = true;
            run.jobs.limbo.insert_mut(released.job, limbo);
        }
    } else {
        reopen(run, released.job);
    }
    Ok(())
}

/// Takes a job out of limbo: it can be claimed again, at once or when what it needs is settled again.
pub(super) fn reopen(run: &mut Run, job: Job) {
    run.jobs.limbo.remove_mut(&job);
    let waits = matches!(job, Job::Reason(task) if run.task(task).is_some_and(|task| task.waiting > 0));
    run.jobs.set_status(job, if waits { Status::Waiting } else { Status::Ready });
}

/// Takes a claim away and leaves its job between two states, for the rest of the entry to resolve.
pub(super) fn end_claim(
    run: &mut Run,
    fence: Fence,
    draft: Option<(crate::ids::Digest, Arc<[crate::ids::FactId]>, u64)>,
) {
    let Some(claim) = run.jobs.drop_claim(fence) else { return };
    if let Some(call) = claim.call {
        // Its answer will quote the claim when its agent may have made others.
        let made = run.agent(claim.agent).and_then(|agent| agent.sent.claim_entry(fence));
        run.ledger.outlive(call, made);
    }
    run.agents.change(claim.agent, |agent| agent.claim = None);
    run.jobs.set_status(claim.job, Status::Limbo);
    let limbo = Limbo {
        fence: Some(fence),
        agent: Some(claim.agent),
        attempt: claim.attempt,
        draft,
        abandoned: false,
        released: false,
    };
    run.jobs.limbo.insert_mut(claim.job, limbo);
}

pub(super) fn context_read(run: &mut Run, read: &ContextRead) -> Lawful {
    let claim = live(run, read.fence, None)?;
    ensure!(claim.length.is_none(), "I-19", "the claim under {} reads twice", read.fence);
    let notes = run.notes.len() as u64;
    ensure!(read.length <= notes, "I-19", "{} notes read where there are {notes}", read.length);
    let blind = run.ablated(Ablation::Sharing) && matches!(claim.job, Job::Reason(_));
    ensure!(!blind || read.length == 0, "I-19", "context is read although sharing is switched off");
    let mut claim = claim.clone();
    claim.length = Some(read.length);
    run.jobs.put_claim(read.fence, claim);
    Ok(())
}

pub(super) fn unfolded(run: &mut Run, unfolded: &Unfolded) -> Lawful {
    let claim = live(run, unfolded.fence, None)?;
    let length = claim.length.unwrap_or(0);
    match unfolded.label {
        Label::Unit(unit) => ensure!(run.unit(unit).is_some(), "I-22", "there is no unit {unit}"),
        Label::Fact(label) => {
            let visible = run.fact(label).is_some_and(|fact| fact.note < length);
            ensure!(visible, "I-20", "{label} is not in the context that was read");
        }
    }
    let mut claim = claim.clone();
    let more = core::iter::once((unfolded.label, unfolded.level));
    claim.unfolded = claim.unfolded.iter().copied().chain(more).collect();
    run.jobs.put_claim(unfolded.fence, claim);
    Ok(())
}

impl Run {
    /// Whether a joined agent may take any job now: then the queue has not drained.
    #[must_use]
    pub fn takeable(&self) -> bool {
        if self.agents.principals() == 0 {
            return false;
        }
        let blind = |job: &Job| cfg!(sabotage = "drain_twice") && matches!(job, Job::Expand(_));
        if self.jobs.first_work().is_some_and(|job| !blind(&job)) {
            return true;
        }
        let only = self.agents.only_principal().filter(|_| !self.self_review());
        self.jobs.first_review(only).is_some()
    }

    /// Whether a job must wait: the answer is given when nobody works, and while it is worked out nobody begins.
    #[must_use]
    pub fn waits_for_answer(&self, job: &Job) -> bool {
        let answering =
            matches!(self.jobs.get(&Job::Finalize).map(|state| state.status), Some(Status::Claimed(_)));
        answering || *job == Job::Finalize && self.jobs.claimed() > 0
    }

    /// The facts and withdrawals in the first `length` notes of the context.
    pub fn context(&self, length: u64) -> impl Iterator<Item = Note> + '_ {
        self.notes.iter().copied().take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    /// Whether an agent is a program, which outlives the process that serves it.
    pub(crate) fn outlives(&self, agent: crate::ids::AgentId) -> bool {
        self.agent(agent).is_some_and(|agent| agent.kind == AgentKind::Program)
    }
}
