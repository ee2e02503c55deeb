//! Laws of a fork's first entry: what a run that leaves another inherits, lets go and changes (I-40).
//!
//! Refuses a fork of another place than the one it stands at, one that keeps a claim, a call or a worker of its origin, one
//! that is charged for them, and one that reopens other tasks than those tainted by what it drops, or keeps what they found.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::calls::{close, not_open};
use super::{Lawful, Place, broken, ensure};
use crate::event::{CallFailed, CallFault, Event, RunForked, TaskReopened};
use crate::ids::{FactId, Job, Subject};
use crate::limits::Limits;
use crate::run::{Fact, Origin, Phase, Run, Status};

pub(super) fn run_forked(run: &mut Run, forked: &RunForked, place: Place) -> Lawful {
    ensure!(place.agent.is_none(), "I-9", "{:?} forks a run", place.agent);
    let (Some(head), Some(owner), Some(started)) = (run.head, run.id, run.started.clone()) else {
        return Err(broken("I-40", "a fork of nothing"));
    };
    ensure!(
        (forked.owner, forked.seq, forked.head) == (owner, head.seq, head.id),
        "I-40",
        "a fork of entry {} ({}) of {}, which stands behind entry {} ({}) of {owner}",
        forked.seq,
        forked.head,
        forked.owner,
        head.seq,
        head.id
    );
    let mut limits = Limits::clone(&run.limits);
    for change in &forked.changes {
        limits.set(&change.limit, change.value).map_err(|error| broken("I-29", format!("{error}")))?;
    }
    run.started = Some(Arc::new(forked.settings(&started, limits.clone())));
    run.limits = Arc::new(limits);
    run.origin = Some(Origin { run: owner, head });
    run.agents.all_leave();
    run.ledger.begin_anew();
    run.phase = Phase::Running;
    (run.began_at, run.running_since, run.ran_ms) = (place.at, place.at, 0);
    // It holds the preamble, and that may have changed.
    run.memo.cached = None;
    Ok(())
}

/// A call of the origin: the fork does not wait for its reply and pays nothing for it.
pub(super) fn call_let_go(run: &mut Run, failed: &CallFailed) -> Lawful {
    let open = run.ledger.let_go(failed.call).ok_or_else(|| not_open(failed.call))?;
    let free = failed.charged_microusd == Some(0) && failed.charged_tokens == 0;
    ensure!(
        free && failed.fault == CallFault::Lost
            && (failed.tries, failed.billable, failed.reply) == (0, 0, None),
        "I-40",
        "{}, a call of the origin, ends as {} and is charged {:?} microusd and {} tokens",
        failed.call,
        failed.fault,
        failed.charged_microusd,
        failed.charged_tokens
    );
    close(run, &open);
    Ok(())
}

/// Tasks whose newest fact is among those tainted and is not gone itself, ascending, each with that fact.
#[must_use]
pub(crate) fn tainted_tasks(
    run: &Run,
    tainted: &BTreeSet<FactId>,
    gone: impl Fn(&Fact) -> bool,
) -> Vec<(Job, FactId)> {
    if tainted.is_empty() {
        return Vec::new();
    }
    let mut newest: BTreeMap<Subject, &Arc<Fact>> = BTreeMap::new();
    newest.extend(run.facts.iter().map(|fact| (fact.proposal.subject, fact)));
    let falls = |fact: &&Arc<Fact>| tainted.contains(&fact.label) && !gone(fact);
    newest.values().filter(|fact| falls(fact)).map(|f| (Job::from(f.proposal.subject), f.label)).collect()
}

/// A task whose finding is tainted is worked out again: no attempt of it failed.
pub(super) fn task_reopened(run: &mut Run, reopened: &TaskReopened) -> Lawful {
    let job = reopened.task;
    let status = run.jobs.get(&job).map(|state| state.status);
    ensure!(status == Some(Status::Done), "I-40", "{job} is reopened, which is {status:?}");
    let of_job = |fact: &&Arc<Fact>| Job::from(fact.proposal.subject) == job;
    let attempt = run.facts.iter().rev().find(of_job).map(|fact| fact.proposal.attempt);
    ensure!(
        attempt == Some(reopened.attempt),
        "I-10",
        "attempt {} of {job} is undone, and {attempt:?} settled it",
        reopened.attempt
    );
    run.jobs.change(job, |state| {
        state.feedback = Some(reopened.reason);
        state.releases = 0;
    });
    super::claims::reopen(run, job);
    if let Job::Reason(task) = job {
        let dependants = run.task(task).map(|task| task.dependants.clone());
        for dependant in dependants.iter().flatten() {
            let Some(mut task) = run.task(*dependant).cloned() else { continue };
            task.waiting += 1;
            run.tasks.set_mut(dependant.index(), task);
            let waiting = Job::Reason(*dependant);
            if run.jobs.get(&waiting).is_some_and(|state| state.status == Status::Ready) {
                run.jobs.set_status(waiting, Status::Waiting);
            }
        }
    }
    open_queue(run);
    Ok(())
}

/// There is work again: what followed from the last drain is void, and the next drain is another round's.
fn open_queue(run: &mut Run) {
    run.closed = false;
    for (job, status) in [(Job::Finalize, Status::Waiting), (Job::Expand(run.round), Status::Abandoned)] {
        if run.jobs.get(&job).is_some_and(|state| state.status == Status::Ready) {
            run.jobs.set_status(job, status);
        }
    }
}

/// What must hold when a fork's first entry ends.
pub(super) fn check_forked(run: &Run, events: &[Event]) -> Lawful {
    if let Some(claim) = run.jobs.claims.values().next() {
        return Err(broken("I-40", format!("{} still holds {} in a fork", claim.agent, claim.job)));
    }
    if let Some(call) = run.ledger.open.keys().next() {
        return Err(broken("I-40", format!("{call} is still open in a fork")));
    }
    let (mut tainted, mut reopened, mut replaced) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for event in events {
        if let Event::GistWithdrawn(withdrawn) = event {
            tainted.extend(withdrawn.tainted.iter().copied());
            // What is withdrawn once something is reopened was found by what is reopened.
            if !reopened.is_empty() {
                replaced.insert(withdrawn.label);
            }
        } else if let Event::TaskReopened(task) = event {
            reopened.insert(task.task);
        }
    }
    let gone = |fact: &Fact| fact.withdrawn.is_some() && !replaced.contains(&fact.label);
    let falls = tainted_tasks(run, &tainted, gone);
    let found: BTreeSet<FactId> =
        falls.iter().filter(|(job, _)| reopened.contains(job)).map(|(_, fact)| *fact).collect();
    ensure!(found == replaced, "I-40", "{replaced:?} is withdrawn, and what is reopened had found {found:?}");
    let all: BTreeSet<Job> = falls.into_iter().map(|(job, _)| job).collect();
    let extra = reopened.iter().find(|job| !all.contains(job));
    ensure!(extra.is_none(), "I-40", "{extra:?} is reopened, and nothing it found is tainted");
    let done = |job: &&Job| run.jobs.get(job).is_some_and(|state| state.status == Status::Done);
    let left = all.iter().filter(|job| !reopened.contains(job)).find(done);
    ensure!(left.is_none(), "I-40", "{left:?} stays done on a tainted finding");
    Ok(())
}
