//! Plans and expansions: from a list of planned tasks to tasks with labels and needs.
//!
//! Refuses cycles, unknown and doubled needs, doubled and empty tasks, and lists longer than the run allows; the words
//! of the refusal go to the next attempt.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::Refusal;
use super::builder::Builder;
use crate::event::{Expanded, TaskAdded};
use crate::ids::{Digest, Fence, Job, TaskId};
use crate::reply::{PlanReply, PlannedTask};
use crate::run::{Claim, Run};

/// A need of a planned task: a task of the same list, or one that exists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    Planned(usize),
    Existing(TaskId),
}

impl Builder<'_> {
    pub(super) fn plan(
        &mut self,
        fence: Fence,
        claim: &Claim,
        draft: Digest,
        reply: &PlanReply,
    ) -> Result<(), Refusal> {
        self.draft(fence, claim, draft, Vec::new())?;
        let empty_plan = claim.job == Job::Plan && reply.tasks.is_empty();
        let ordered = if empty_plan {
            Err(String::from("the plan holds no task"))
        } else {
            in_order(&self.run, &reply.tasks)
        };
        match ordered {
            Err(problem) => {
                let reason = self.keep(problem);
                self.attempt_failed(claim.job, reason)
            }
            Ok(ordered) => self.add_tasks(fence, claim.job, &reply.tasks, &ordered),
        }
    }

    fn add_tasks(
        &mut self,
        fence: Fence,
        job: Job,
        planned: &[PlannedTask],
        ordered: &[(usize, Vec<Need>)],
    ) -> Result<(), Refusal> {
        let mut labels: BTreeMap<usize, TaskId> = BTreeMap::new();
        let mut added = Vec::new();
        let round = self.run.round();
        for (place, needs) in ordered {
            let task = TaskId::after(self.run.tasks().len());
            let mut needs: Vec<TaskId> = needs
                .iter()
                .filter_map(|need| match need {
                    Need::Planned(other) => labels.get(other).copied(),
                    Need::Existing(task) => Some(*task),
                })
                .collect();
            needs.sort_unstable();
            let words = planned.get(*place).map_or("", |task| task.text.trim());
            let text = self.keep(words);
            self.emit(TaskAdded { task, text, needs, round })?;
            labels.insert(*place, task);
            added.push(task);
        }
        if let Job::Expand(round) = job {
            self.emit(Expanded { round, fence: Some(fence), tasks: added })?;
        }
        Ok(())
    }
}

/// The places of the planned tasks in an order in which needs come first, the given order kept where it can be.
fn in_order(run: &Run, planned: &[PlannedTask]) -> Result<Vec<(usize, Vec<Need>)>, String> {
    let (limits, have) = (run.limits(), run.tasks().len());
    let total = have.saturating_add(planned.len()) as u64;
    if total > limits.tasks_max {
        return Err(format!("{total} tasks are more than tasks_max = {} allows", limits.tasks_max));
    }
    let mut texts: BTreeMap<String, usize> = BTreeMap::new();
    let mut needs = Vec::with_capacity(planned.len());
    for (place, task) in planned.iter().enumerate() {
        let text = task.text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        if text.is_empty() {
            return Err(format!("task {} is empty", place + 1));
        }
        if let Some(first) = texts.insert(text, place) {
            return Err(format!("tasks {} and {} are the same", first + 1, place + 1));
        }
        needs.push(needs_of(run, planned.len(), place, task)?);
    }
    topological(&needs)
}

fn needs_of(run: &Run, planned: usize, place: usize, task: &PlannedTask) -> Result<Vec<Need>, String> {
    let mut needs = Vec::new();
    for word in &task.needs {
        let word = word.trim();
        let number: Option<usize> = word.parse().ok().filter(|number| (1..=planned).contains(number));
        let existing = word.parse::<TaskId>().ok().filter(|task| run.task(*task).is_some());
        let need = match (number, existing) {
            (Some(number), _) => Need::Planned(number - 1),
            (None, Some(task)) => Need::Existing(task),
            (None, None) => return Err(format!("task {} needs {word:?}, which is no task", place + 1)),
        };
        if need == Need::Planned(place) {
            return Err(format!("task {} needs itself", place + 1));
        }
        if needs.contains(&need) {
            return Err(format!("task {} needs {word} twice", place + 1));
        }
        needs.push(need);
    }
    let needs_max = run.limits().needs_max;
    if needs.len() as u64 > needs_max {
        return Err(format!(
            "task {} has {} needs, more than needs_max = {needs_max}",
            place + 1,
            needs.len()
        ));
    }
    Ok(needs)
}

/// Kahn's order, always taking the first task of the list whose needs are placed; a rest is a cycle, and is named.
fn topological(needs: &[Vec<Need>]) -> Result<Vec<(usize, Vec<Need>)>, String> {
    let mut waiting: Vec<usize> = Vec::with_capacity(needs.len());
    let mut dependants: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (place, list) in needs.iter().enumerate() {
        let mut count = 0;
        for need in list {
            if let Need::Planned(other) = need {
                dependants.entry(*other).or_default().push(place);
                count += 1;
            }
        }
        waiting.push(count);
    }
    let mut ready: alloc::collections::BTreeSet<usize> =
        waiting.iter().enumerate().filter(|(_, count)| **count == 0).map(|(place, _)| place).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(place) = ready.pop_first() {
        order.push((place, needs.get(place).cloned().unwrap_or_default()));
        for dependant in dependants.get(&place).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(*dependant) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(*dependant);
                }
            }
        }
    }
    if order.len() == needs.len() { Ok(order) } else { Err(cycle_words(needs, &waiting)) }
}

/// One cycle among the tasks that were never placed: following needs from any of them must come round.
fn cycle_words(needs: &[Vec<Need>], waiting: &[usize]) -> String {
    let stuck = |place: &usize| waiting.get(*place).is_some_and(|count| *count > 0);
    let mut path: Vec<usize> = (0..needs.len()).filter(|place| stuck(place)).take(1).collect();
    while let Some(last) = path.last() {
        let next = needs.get(*last).into_iter().flatten().find_map(|need| match need {
            Need::Planned(other) if stuck(other) => Some(*other),
            Need::Planned(_) | Need::Existing(_) => None,
        });
        let Some(next) = next else { break };
        let seen = path.iter().position(|place| *place == next);
        path.push(next);
        if let Some(start) = seen {
            path.drain(..start);
            break;
        }
    }
    let words: Vec<String> = path.iter().map(|place| (place + 1).to_string()).collect();
    format!("tasks need each other in a circle: {}", words.join(" needs "))
}
