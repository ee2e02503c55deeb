//! What is looked at once a run is over: every entry decided again, every state, every attribution, and the marks.
//!
//! Refuses to believe the process that wrote the log: all of it starts from the durable entries and their blobs.

mod removed;

use std::collections::BTreeSet;

use delm_core::audit::{Divergence, audit};
use delm_core::entry::Sealed;
use delm_core::event::{AgentKind, CallFault, DrainCause, Event, Method, Outcome, PauseCause, Ruling};
use delm_core::ids::{AgentId, Job};
use delm_core::run::{Phase, Run};

use crate::broken::{Broken, holds};
use crate::laws::{self, Law, Seen};
use crate::marks::{Mark, Marks};
use crate::world::World;
use removed::Kept;

/// Judges a run by its durable log.
///
/// # Errors
/// The first [`Broken`] invariant.
pub fn judge(world: &mut World, own: &[&dyn Law]) -> Result<(), Broken> {
    let entries = world.entries()?;
    let mut run = Run::default();
    let live = world.published().clone();
    let mut met = false;
    for sealed in &entries {
        let before = run.clone();
        let kept = Kept { disk: &world.disk, before: &before, entry: sealed };
        audit(world.policy, &mut run, &kept, sealed).map_err(diverges)?;
        let shown = removed::withdrawals_shown(&run, &kept)?;
        if live.head() == Some(sealed.head()) {
            met = true;
            holds(live == run, "I-33", || {
                format!("the fold up to entry {} is not the state that was live", sealed.entry.seq)
            })?;
        }
        let seen = Seen { before: &before, after: &run, entry: sealed };
        laws::check(&seen)?;
        if !world.truth.picked(sealed.entry.agent, sealed.entry.command) {
            laws::turns(&seen)?;
        }
        for law in own {
            law.check(&seen).map_err(|what| Broken::new(law.name(), what))?;
        }
        world.truth.attribution(sealed, |proposal| run.proposal_of(proposal).and_then(|of| of.author))?;
        mark(sealed, &before, &run, &mut world.marks);
        removed::mark(
            &Kept { disk: &world.disk, before: &before, entry: sealed },
            &run,
            shown,
            &mut world.marks,
        );
        if sealed
            .entry
            .events
            .iter()
            .any(|event| matches!(event, Event::ClaimExpired(gone) if world.dead.contains(&gone.fence)))
        {
            world.marks.hit(Mark::DeadExpired);
        }
    }
    removed::nobody_reads(&run, world)?;
    // A crash may have kept entries that no process saw; the state that was live is the one at its own head.
    holds(met, "I-33", || String::from("the state that was live at the end is none that the log folds to"))
}

fn diverges(divergence: Divergence) -> Broken {
    match &divergence {
        Divergence::Fault(fault) => Broken::new(fault.law, divergence.to_string()),
        Divergence::Refused { .. } | Divergence::Differs { .. } | Divergence::Blob { .. } => {
            Broken::new("I-35", divergence.to_string())
        }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "only some events leave a mark")]
fn mark(sealed: &Sealed, before: &Run, run: &Run, marks: &mut Marks) {
    let mut expired = 0;
    let mut given_up = BTreeSet::new();
    for event in &sealed.entry.events {
        match event {
            Event::ClaimExpired(_) => expired += 1,
            Event::TaskAbandoned(gone) => {
                given_up.insert(gone.task);
                marks.hit(exhausted(&gone.task));
                if after_a_cascade(before, &gone.task) {
                    marks.hit(Mark::Cascade);
                }
            }
            Event::ResultRefused(_) => marks.hit(Mark::LateKept),
            Event::VerdictGiven(given) => {
                match given.outcome {
                    Ruling::Rewrite => marks.hit(Mark::Rewrite),
                    Ruling::Reject if given.method == Method::Mechanical => marks.hit(Mark::MechanicalReject),
                    Ruling::Reject => marks.hit(Mark::Reject),
                    Ruling::Approve => {}
                }
                let author = run.proposal(given.proposal, given.task).and_then(|proposal| proposal.author);
                let principal = |agent: AgentId| run.agent(agent).map(|agent| agent.principal.clone());
                if given.verifier.is_some()
                    && given.verifier.and_then(principal) == author.and_then(principal)
                {
                    marks.hit(Mark::SelfReview);
                }
            }
            Event::RunEnded(ended) => marks.hit(match ended.outcome {
                Outcome::Answered => Mark::Answered,
                Outcome::Unanswered => Mark::Unanswered,
                Outcome::Failed => Mark::Failed,
                Outcome::Cancelled => Mark::Cancelled,
            }),
            Event::RunPaused(paused) => marks.hit(match paused.cause {
                PauseCause::Budget => Mark::Budget,
                PauseCause::Deadline => Mark::Deadline,
                PauseCause::Interrupt => Mark::Interrupt,
                PauseCause::Provider => Mark::Provider,
            }),
            Event::CallFailed(call) if call.fault == CallFault::Lost && call.charged_tokens > 0 => {
                marks.hit(Mark::LostCharged);
            }
            Event::CallStarted(call) if call.request.recipe.prior.is_some() => marks.hit(Mark::AskedAgain),
            Event::LeaseRenewed(_) => marks.hit(Mark::Renewed),
            Event::ClaimReleased(_) if sealed.entry.agent.is_some() => marks.hit(Mark::Released),
            Event::GistWithdrawn(gone) => {
                marks.hit(Mark::Withdrawn);
                if !gone.tainted.is_empty() {
                    marks.hit(Mark::Tainted);
                }
            }
            Event::Unfolded(_) => marks.hit(Mark::Unfolded),
            Event::Drained(drained) if drained.cause == DrainCause::Stuck => marks.hit(Mark::Stuck),
            Event::Expanded(expanded) if !expanded.tasks.is_empty() => marks.hit(Mark::Expanded),
            _ => {}
        }
    }
    if expired > 1 {
        marks.hit(Mark::DoubleExpiry);
        if given_up.len() > 1 {
            marks.hit(Mark::DoubleExhaustion);
        }
    }
}

/// Whether a task that is given up needs one that was given up before it.
fn after_a_cascade(run: &Run, job: &Job) -> bool {
    let Job::Reason(task) = job else { return false };
    let gone = |need| {
        let status = run.jobs().get(&Job::Reason(need)).map(|job| job.status);
        status == Some(delm_core::run::Status::Abandoned)
    };
    run.task(*task).is_some_and(|task| task.needs.iter().any(|need| gone(*need)))
}

fn exhausted(job: &Job) -> Mark {
    match job {
        Job::Plan => Mark::PlanExhausted,
        Job::Read(_) => Mark::ReadExhausted,
        Job::Reason(_) => Mark::ReasonExhausted,
        Job::Review(_) => Mark::ReviewExhausted,
        Job::Expand(_) => Mark::ExpandExhausted,
        Job::Finalize => Mark::FinalizeExhausted,
    }
}

/// How a run ended, in a word.
#[must_use]
pub fn outcome(run: &Run) -> String {
    match run.phase() {
        Phase::Ended(outcome) => outcome.to_string(),
        phase @ (Phase::Unborn | Phase::Running | Phase::Stopping(_) | Phase::Paused(_)) => {
            format!("{phase:?}")
        }
    }
}

/// Whether an agent of a run is a program.
#[must_use]
pub fn is_program(run: &Run, agent: AgentId) -> bool {
    run.agent(agent).is_some_and(|agent| agent.kind == AgentKind::Program)
}
