//! Laws of the queue: tasks and their needs, attempts, drains and expansions.
//!
//! Refuses unknown needs, a sixth attempt where five are allowed, a drain while somebody works, a second expansion.

use alloc::format;
use alloc::sync::Arc;

use super::claims::{end_claim, live, reopen};
use super::{Lawful, Place, broken, ensure};
use crate::event::{DrainCause, Drained, Expanded, TaskAbandoned, TaskAdded, TaskReopened};
use crate::ids::{Digest, Job, Subject, TaskId};
use crate::run::{Phase, Run, Status, Task};

pub(super) fn task_added(run: &mut Run, added: &TaskAdded) -> Lawful {
    let next = TaskId::after(run.tasks.len());
    ensure!(added.task == next, "I-25", "task {} where {next} follows", added.task);
    ensure!(
        (run.tasks.len() as u64) < run.limits.tasks_max,
        "I-46",
        "more than {} tasks",
        run.limits.tasks_max
    );
    ensure!(
        added.needs.len() as u64 <= run.limits.needs_max,
        "I-46",
        "more than {} needs",
        run.limits.needs_max
    );
    ensure!(added.needs.is_sorted_by(|a, b| a < b), "I-25", "the needs of {} are not ascending", added.task);
    ensure!(
        added.needs.iter().all(|need| *need < added.task),
        "I-25",
        "{} needs itself or a later task",
        added.task
    );
    planned_by(run, added)?;
    let mut waiting = 0;
    for need in &added.needs {
        if run.jobs.get(&Job::Reason(*need)).is_some_and(|state| !state.status.is_settled()) {
            waiting += 1;
        }
        if let Some(mut task) = run.task(*need).cloned() {
            task.dependants.push_back_mut(added.task);
            run.tasks.set_mut(need.index(), task);
        }
    }
    run.tasks.push_back_mut(Task {
        text: added.text,
        needs: Arc::from(&added.needs[..]),
        round: added.round,
        waiting,
        dependants: rpds::VectorSync::new_sync(),
    });
    let status = if waiting == 0 { Status::Ready } else { Status::Waiting };
    run.jobs.add(Job::Reason(added.task), status, None);
    Ok(())
}

/// Tasks come from the plan, or from the expansion after this round's drain.
fn planned_by(run: &Run, added: &TaskAdded) -> Lawful {
    ensure!(added.round == run.round, "I-27", "a task of round {} in round {}", added.round, run.round);
    let job = if added.round == 0 { Job::Plan } else { Job::Expand(added.round) };
    let limbo = run.jobs.limbo.get(&job);
    let drafted = limbo.is_some_and(|limbo| limbo.draft.is_some() && !limbo.abandoned);
    ensure!(drafted, "I-27", "a task that no {job} added");
    Ok(())
}

/// A plan is done when the entry of its draft has added its tasks.
pub(crate) fn close_plan(run: &mut Run) {
    let drafted = run.jobs.limbo.get(&Job::Plan).is_some_and(|limbo| limbo.draft.is_some());
    if drafted && !run.tasks.is_empty() {
        run.jobs.limbo.remove_mut(&Job::Plan);
        run.jobs.set_status(Job::Plan, Status::Done);
        run.planned = true;
    }
}

/// The attempt of a job in limbo failed: counts it, and checks what the law makes of the count.
///
/// A live claim that brought nothing ends here, by its own holder's command.
fn fail_attempt(run: &mut Run, job: Job, attempt: u32, reason: Digest, last: bool, place: Place) -> Lawful {
    if let Some(Status::Claimed(fence)) = run.jobs.get(&job).map(|state| state.status) {
        let claim = live(run, fence, Some(job))?;
        ensure!(
            place.agent == Some(claim.agent),
            "I-9",
            "{:?} gives up a claim of {}",
            place.agent,
            claim.agent
        );
        ensure!(claim.call.is_none(), "I-32", "given up while a call is in flight");
        end_claim(run, fence, None);
    }
    let limbo = run.jobs.limbo.get(&job).cloned();
    let limbo = limbo.ok_or_else(|| broken("I-10", format!("{job} failed though nobody worked on it")))?;
    ensure!(!limbo.abandoned, "I-24", "{job} is abandoned twice");
    ensure!(limbo.attempt == attempt, "I-10", "attempt {attempt} failed where {} was made", limbo.attempt);
    let failures = run.jobs.get(&job).map_or(0, |state| state.failures) + 1;
    let exhausted = u64::from(failures) >= run.limits.attempts_max;
    ensure!(
        exhausted == last,
        "I-10",
        "{job} failed {failures} times of {} and is {}",
        run.limits.attempts_max,
        if last { "abandoned" } else { "reopened" }
    );
    run.jobs.change(job, |state| {
        state.failures = failures - u32::from(cfg!(sabotage = "attempts_uncounted") && place.agent.is_none());
        state.feedback = Some(reason);
    });
    Ok(())
}

pub(super) fn task_reopened(run: &mut Run, reopened: &TaskReopened, place: Place) -> Lawful {
    fail_attempt(run, reopened.task, reopened.attempt, reopened.reason, false, place)?;
    reopen(run, reopened.task);
    Ok(())
}

pub(super) fn task_abandoned(run: &mut Run, abandoned: &TaskAbandoned, place: Place) -> Lawful {
    let job = abandoned.task;
    fail_attempt(run, job, abandoned.attempt, abandoned.reason, true, place)?;
    match job {
        // These leave a trace the same entry must write: a gist, a verdict, a closed queue.
        Job::Read(_) | Job::Reason(_) | Job::Review(_) | Job::Expand(_) => {
            if let Some(mut limbo) = run.jobs.limbo.get(&job).cloned() {
                limbo.abandoned = true;
                run.jobs.limbo.insert_mut(job, limbo);
            }
        }
        // These end the run, which `run_ended` checks.
        Job::Plan | Job::Finalize => {
            run.jobs.limbo.remove_mut(&job);
            run.jobs.set_status(job, Status::Abandoned);
        }
    }
    Ok(())
}

/// A task or reading is over: whatever waited for it may become ready.
pub(super) fn settle(run: &mut Run, subject: Subject, status: Status) {
    run.jobs.limbo.remove_mut(&Job::from(subject));
    run.jobs.set_status(Job::from(subject), status);
    if let Subject::Task(task) = subject {
        let dependants = run.task(task).map(|task| task.dependants.clone());
        for dependant in dependants.iter().flatten() {
            let Some(mut task) = run.task(*dependant).cloned() else { continue };
            task.waiting = task.waiting.saturating_sub(1);
            let ready = task.waiting == 0;
            run.tasks.set_mut(dependant.index(), task);
            // One that is done, or under review, does not wait: its need was settled before and was reopened in a fork.
            let waits =
                run.jobs.get(&Job::Reason(*dependant)).is_some_and(|job| job.status == Status::Waiting);
            if ready && waits {
                run.jobs.set_status(Job::Reason(*dependant), Status::Ready);
            }
        }
    }
    // Before the plan, only readings are unsettled; it waits for the last of them.
    let plan_waits = run.jobs.get(&Job::Plan).is_some_and(|state| state.status == Status::Waiting);
    if plan_waits && run.jobs.unsettled() == 0 {
        run.jobs.set_status(Job::Plan, Status::Ready);
    }
}

pub(super) fn drained(run: &mut Run, drained: &Drained) -> Lawful {
    ensure!(run.phase == Phase::Running, "I-26", "drained while {:?}", run.phase);
    ensure!(
        drained.round == run.round + 1,
        "I-26",
        "drain {} where {} follows",
        drained.round,
        run.round + 1
    );
    ensure!(!run.closed, "I-26", "drained after the queue was closed");
    ensure!(run.jobs.claims.is_empty() && run.jobs.limbo.is_empty(), "I-26", "drained while somebody works");
    let joined = run.agents.principals() > 0;
    ensure!(
        joined && !run.takeable(),
        "I-26",
        "drained though a joined agent may take a job, or nobody has joined"
    );
    let empty = run.jobs.unsettled() == 0;
    let cause = if empty { DrainCause::Empty } else { DrainCause::Stuck };
    ensure!(
        drained.cause == cause,
        "I-26",
        "drained as {} with {} open",
        drained.cause,
        run.jobs.unsettled()
    );
    run.round = drained.round;
    // It waited for readings that nobody who is here may settle: the expansion plans in its stead.
    if run.jobs.get(&Job::Plan).is_some_and(|state| state.status == Status::Waiting) {
        run.jobs.set_status(Job::Plan, Status::Abandoned);
    }
    run.jobs.add(Job::Expand(drained.round), Status::Ready, None);
    Ok(())
}

pub(super) fn expanded(run: &mut Run, expanded: &Expanded) -> Lawful {
    let job = Job::Expand(expanded.round);
    let state = run.jobs.get(&job).map(|state| state.status);
    ensure!(
        expanded.round == run.round && state.is_some(),
        "I-27",
        "an expansion of round {}",
        expanded.round
    );
    let added = run.tasks.iter().rev().take_while(|task| task.round == expanded.round).count();
    ensure!(added == expanded.tasks.len(), "I-27", "{} tasks named, {added} added", expanded.tasks.len());
    let first = run.tasks.len() - added;
    let named = expanded.tasks.iter().enumerate().all(|(place, task)| *task == TaskId::after(first + place));
    ensure!(named, "I-27", "the tasks named are not those added");
    match expanded.fence {
        Some(fence) => {
            let limbo = run.jobs.limbo.get(&job);
            let drafted = limbo.is_some_and(|limbo| limbo.fence == Some(fence) && limbo.draft.is_some());
            ensure!(drafted, "I-4", "an expansion for another claim");
        }
        None => {
            let given_up = run.jobs.limbo.get(&job).is_some_and(|limbo| limbo.abandoned);
            let bounded = u64::from(expanded.round) > run.limits.rounds_max && state == Some(Status::Ready);
            ensure!((given_up || bounded) && added == 0, "I-27", "an expansion that nobody claimed");
        }
    }
    run.jobs.limbo.remove_mut(&job);
    run.jobs.set_status(job, if expanded.fence.is_some() { Status::Done } else { Status::Abandoned });
    if expanded.tasks.is_empty() {
        run.closed = true;
        // In a fork it may have been there before the queue was opened again.
        if run.jobs.get(&Job::Finalize).is_some() {
            run.jobs.set_status(Job::Finalize, Status::Ready);
        } else {
            run.jobs.add(Job::Finalize, Status::Ready, None);
        }
    }
    Ok(())
}
