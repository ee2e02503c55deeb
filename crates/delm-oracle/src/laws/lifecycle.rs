//! D. Queue and lifecycle: I-23, I-25 to I-29, and how a run begins.
//!
//! A round drains, is expanded once, and a round that brings nothing closes the run; pausing is not ending.

use std::collections::{BTreeMap, BTreeSet};

use super::{Court, list};
use crate::bytes::{
    AgentKind, AnswerGiven, Claimed, DrainCause, Drained, Entry, Event, Expanded, Job, LimitReached, Outcome,
    PauseCause, RunEnded, RunPaused, RunResumed, RunStarted, Subject, TaskAdded, TaskId,
};
use crate::invariant::Invariant as I;
use crate::run::{Phase, Setup, Status, Work};

impl Court {
    pub(super) fn run_started(&mut self, entry: &Entry, started: &RunStarted) {
        self.frame.began = true;
        self.run.id = entry.id;
        self.run.setup = Setup {
            limits: Some(started.limits.clone()),
            self_review: started.self_review,
            reading: started.reading,
            ablated_verdicts: started.ablations.contains(&crate::bytes::Ablation::Verdicts),
            prices: started.prices.clone(),
            begun_at: entry.at,
            gist_tokens_most: started.limits.gist_tokens_max,
        };
    }

    pub(super) fn task_added(&mut self, added: &TaskAdded) {
        let landing = self.frame.landing.as_ref().map(|landing| landing.job);
        let round = match landing {
            Some(Job::Plan) => Some(0),
            Some(Job::Expand(round)) => Some(round),
            Some(Job::Read(_) | Job::Reason(_) | Job::Review(_) | Job::Finalize) | None => None,
        };
        // I-27: tasks come from the plan or from the one expansion of a round.
        self.require(
            round == Some(added.round),
            I::ExpandOnce,
            |_| "a task from the plan or expansion whose draft is in the entry, in its round".to_owned(),
            |_| format!("{} of round {}", added.task, added.round),
        );
        let next = u64::from(self.run.tasks) + 1;
        let needs: BTreeSet<TaskId> = added.needs.iter().copied().collect();
        let most = self.run.limit(|limits| limits.needs_max);
        // I-25: numbered without a gap, needing others, each once, and not too many.
        self.require(
            u64::from(added.task.0) == next
                && needs.len() == added.needs.len()
                && needs.len() as u64 <= most
                && !needs.contains(&added.task),
            I::AcyclicNeeds,
            |_| format!("T{next}, needing at most {most} other tasks, each once"),
            |_| format!("{} needing {}", added.task, list(&added.needs)),
        );
        // I-46: the limit of tasks holds.
        let most = self.run.limit(|limits| limits.tasks_max);
        self.require(
            next <= most,
            I::BoundedMemory,
            |_| format!("at most {most} tasks"),
            |_| format!("task {next}"),
        );
        self.run.tasks = self.run.tasks.max(added.task.0);
        let subject = Subject::Task(added.task);
        self.run.work.insert(subject, Work { status: Status::Open, needs: added.needs.clone() });
        self.run.open.insert(subject);
        self.frame.added.push(added.task);
    }

    /// I-25: the needs of this entry's tasks exist, and lead nowhere in a circle.
    pub(super) fn needs_closed(&mut self) {
        if self.frame.added.is_empty() {
            return;
        }
        let added: BTreeSet<TaskId> = self.frame.added.iter().copied().collect();
        let mut waits: BTreeMap<TaskId, usize> = BTreeMap::new();
        let mut needed_by: BTreeMap<TaskId, Vec<TaskId>> = BTreeMap::new();
        let mut missing = None;
        for task in &added {
            let needs = self
                .run
                .work
                .get(&Subject::Task(*task))
                .map(|work| work.needs.as_slice())
                .unwrap_or_default();
            missing = missing
                .or(needs.iter().find(|need| !self.run.work.contains_key(&Subject::Task(**need))).copied());
            // A task added before cannot need one of these: only those among themselves can go round.
            let inner = needs.iter().filter(|need| added.contains(*need));
            waits.insert(*task, inner.clone().count());
            inner.for_each(|need| needed_by.entry(*need).or_default().push(*task));
        }
        let mut free: Vec<TaskId> =
            waits.iter().filter(|(_, count)| **count == 0).map(|(task, _)| *task).collect();
        while let Some(task) = free.pop() {
            waits.remove(&task);
            for next in needed_by.remove(&task).unwrap_or_default() {
                if let Some(count) = waits.get_mut(&next) {
                    *count = count.saturating_sub(1);
                    if *count == 0 {
                        free.push(next);
                    }
                }
            }
        }
        self.require(
            missing.is_none() && waits.is_empty(),
            I::AcyclicNeeds,
            |_| "needs that exist and go round in no circle".to_owned(),
            |_| match missing {
                Some(task) => format!("{task}, which does not exist"),
                None => format!("tasks that wait for each other: {}", list(waits.keys())),
            },
        );
    }

    pub(super) fn drained(&mut self, drained: &Drained) {
        let next = self.run.round + 1;
        // I-26: once a round, and the next only after the last was expanded by something.
        self.require(
            drained.round == next && self.run.phase == Phase::Working,
            I::DrainIsExact,
            |_| format!("round {next} to drain, once"),
            |run| format!("round {} drains while the run is {:?}", drained.round, run.phase),
        );
        let cause = if self.run.open.is_empty() { DrainCause::Empty } else { DrainCause::Stuck };
        // I-26: nothing is held or could be taken; the cause says whether all is settled.
        let held = self.run.live.values().next().map(|claim| claim.job);
        let busy = held.or_else(|| self.run.takable());
        self.require(
            busy.is_none() && drained.cause == cause,
            I::DrainIsExact,
            |_| format!("a drain for {} when no job is held or may be taken", cause.word()),
            |_| match busy {
                Some(job) => format!("{job} is held or may be taken"),
                None => format!("one for {}", drained.cause.word()),
            },
        );
        self.run.round = drained.round;
        self.run.phase = Phase::Drained;
    }

    /// I-26, the other way round: when nothing is left to take, the round has drained.
    pub(super) fn drain_closed(&mut self) {
        let run = &self.run;
        let idle = run.phase == Phase::Working && run.live.is_empty() && !run.principals.is_empty();
        if !idle || self.stopped() || self.run.takable().is_some() {
            return;
        }
        self.require(
            false,
            I::DrainIsExact,
            |run| format!("round {} to drain: no job is held and none may be taken", run.round + 1),
            |run| format!("it does not, with {} open", list(&run.open)),
        );
    }

    fn stopped(&self) -> bool {
        // A pause is for a stop, which stays until the run is resumed.
        self.run.ended || !self.run.stops.is_empty()
    }

    pub(super) fn expanded(&mut self, expanded: &Expanded) {
        self.frame.expanded = true;
        let landed = self.frame.landing.as_ref().map(|landing| (landing.job, landing.fence));
        let by_claim = expanded.fence.map(|fence| (Job::Expand(expanded.round), fence));
        if by_claim.is_some() {
            // I-4: by who held the claim.
            self.require(
                landed == by_claim,
                I::StaleNeverLands,
                |_| "an expansion by the holder of its claim, whose draft is in the entry".to_owned(),
                |_| format!("one under fence {}", expanded.fence.unwrap_or_default()),
            );
        }
        let most = self.run.limit(|limits| limits.rounds_max);
        // I-27: once after the drain, with the tasks of this entry, and none past the limit or by nobody.
        self.require(
            self.run.phase == Phase::Drained
                && self.run.round == expanded.round
                && expanded.tasks == self.frame.added
                && (expanded.tasks.is_empty() || (by_claim.is_some() && u64::from(expanded.round) <= most)),
            I::ExpandOnce,
            |run| {
                format!(
                    "one expansion of drained round {}, with the tasks added, up to round {most}",
                    run.round
                )
            },
            |run| {
                format!(
                    "round {} with {} while the run is {:?}",
                    expanded.round,
                    list(&expanded.tasks),
                    run.phase
                )
            },
        );
        self.run.attempts.remove(&Job::Expand(expanded.round));
        self.run.phase = if expanded.tasks.is_empty() { Phase::Closed } else { Phase::Working };
    }

    pub(super) fn answer_given(&mut self, answer: &AnswerGiven) {
        self.frame.answered = true;
        let landing = self.frame.landing.as_ref().map(|landing| (landing.job, landing.fence, landing.length));
        // I-4: by who held the claim to finalize.
        self.require(
            landing.is_some_and(|(job, fence, _)| (job, fence) == (Job::Finalize, answer.fence)),
            I::StaleNeverLands,
            |_| "an answer by the holder of finalize, whose draft is in the entry".to_owned(),
            |_| format!("one under fence {}", answer.fence),
        );
        // I-28: one answer.
        let again = self.run.answered;
        self.require(!again, I::EndOnce, |_| "one answer".to_owned(), |_| "a second one".to_owned());
        self.run.answered = true;
        let length = landing.map_or(0, |(_, _, length)| length);
        self.facts_are_before(&answer.cites, length, "what an answer cites");
    }

    pub(super) fn run_ended(&mut self, ended: &RunEnded) {
        self.frame.ended = true;
        let again = self.run.ended;
        // I-28: once.
        self.require(!again, I::EndOnce, |_| "one end".to_owned(), |_| "a second one".to_owned());
        let finalized = self.frame.landing.as_ref().is_some_and(|landing| landing.job == Job::Finalize)
            || self.frame.abandoned.contains(&Job::Finalize);
        let drained = self.run.phase == Phase::Closed;
        let fits = match ended.outcome {
            Outcome::Answered => self.frame.answered && drained,
            Outcome::Unanswered => finalized && drained && !self.run.answered,
            Outcome::Failed | Outcome::Cancelled => !self.run.answered,
        };
        let answered = self.frame.answered;
        // I-28: answered with the answer, and either way only when drained and closed.
        self.require(
            fits,
            I::EndOnce,
            |run| format!("an end that fits a run that is {:?}", run.phase),
            |_| format!("{}{}", ended.outcome.word(), if answered { "" } else { " without an answer" }),
        );
        // I-23: what is open is listed, and nothing else.
        let said: BTreeSet<Subject> = ended.open.iter().copied().collect();
        self.require(
            said == self.run.open && said.len() == ended.open.len(),
            I::NoLostTask,
            |run| format!("{} as open, once each", list(&run.open)),
            |_| list(&ended.open),
        );
        self.run.ended = true;
        self.run.stops.clear();
    }

    /// I-28: what may follow the end.
    pub(super) fn after_the_end(&mut self, event: &Event) {
        let late = self.run.ended
            && !matches!(
                event,
                Event::GistWithdrawn(_) | Event::BlobRedacted(_) | Event::RunEnded(_) | Event::AnswerGiven(_)
            );
        self.require(
            !late,
            I::EndOnce,
            |_| "withdrawals and redactions only, after the end".to_owned(),
            |_| event.name().to_owned(),
        );
    }

    pub(super) fn limit_reached(&mut self, reached: &LimitReached) {
        let again = self.run.stops.contains(&reached.cause);
        // I-29: once until the run is resumed.
        self.require(
            !again && !self.run.paused,
            I::StopsAreHonest,
            |_| "a limit to be reached once, in a run that is not paused".to_owned(),
            |_| format!("{} again", reached.cause.word()),
        );
        self.limit_is_true(reached);
        self.run.stops.push(reached.cause);
    }

    /// I-29: no claim once the run stops.
    pub(super) fn claim_while_running(&mut self, claim: &Claimed) {
        let stops = list(self.run.stops.iter().map(|cause| cause.word()));
        self.require(
            self.run.stops.is_empty() && !self.run.paused,
            I::StopsAreHonest,
            |_| "no claim until the run is resumed".to_owned(),
            |_| format!("a claim of {} after {stops}", claim.job),
        );
    }

    pub(super) fn run_paused(&mut self, paused: &RunPaused) {
        let known = self.run.stops.contains(&paused.cause);
        let held = self.run.live.values().map(|claim| claim.job).next();
        let said: BTreeSet<Subject> = paused.open.iter().copied().collect();
        let whole = said == self.run.open && said.len() == paused.open.len();
        // I-29: for a cause that is recorded, when nothing is held, listing what is open.
        self.require(
            known && held.is_none() && whole && !self.run.paused,
            I::StopsAreHonest,
            |run| {
                let stops = list(run.stops.iter().map(|cause| cause.word()));
                format!("one pause for one of {stops}, with no claim live, listing {}", list(&run.open))
            },
            |_| match held {
                Some(job) => format!("{} is held", job),
                None => format!("a pause for {}, listing {}", paused.cause.word(), list(&paused.open)),
            },
        );
        self.run.paused = true;
    }

    pub(super) fn run_resumed(&mut self, resumed: &RunResumed) {
        self.frame.resumed = true;
        self.change_limits(&resumed.changes);
        self.run.stops.clear();
        self.run.paused = false;
    }

    /// I-29: a changed limit is one that there is.
    pub(super) fn change_limits(&mut self, changes: &[crate::bytes::Change]) {
        for change in changes {
            match self.run.setup.limits.as_mut().and_then(|limits| limits.named(&change.limit)) {
                Some(limit) => *limit = change.value,
                None => self.broken(I::StopsAreHonest, "a limit by its name to be changed", &change.limit),
            }
        }
        let most = self.run.limit(|limits| limits.gist_tokens_max);
        self.run.setup.gist_tokens_most = self.run.setup.gist_tokens_most.max(most);
    }

    /// I-29, I-32: a stop ends in a pause; a new writer takes over nothing that lived in the old one.
    pub(super) fn stop_closed(&mut self) {
        let idle = self.run.live.is_empty() && !self.run.ended;
        // I-29: when no claim is live any more, the run pauses.
        let owed = idle && !self.run.stops.is_empty() && !self.run.paused;
        self.require(
            !owed,
            I::StopsAreHonest,
            |_| "the run to pause: it stops, and no claim lives".to_owned(),
            |_| "it does not".to_owned(),
        );
        if self.frame.resumed {
            let outside =
                |agent| self.run.agents.get(agent).is_some_and(|agent| agent.kind == AgentKind::Program);
            let held = self.run.live.values().find(|claim| !outside(&claim.agent)).map(|claim| claim.job);
            let call = self.run.calls.iter().find(|(_, call)| !outside(&call.agent)).map(|(id, _)| *id);
            // I-29: what the old process held is released.
            self.require(
                held.is_none(),
                I::StopsAreHonest,
                |_| "claims of agents of the old process to be released".to_owned(),
                |_| format!("{} is held still", held.map(|job| job.to_string()).unwrap_or_default()),
            );
            // I-32: and what it called is closed.
            self.require(
                call.is_none(),
                I::NoMoneyLost,
                |_| "calls of the old process to be closed".to_owned(),
                |_| format!("{} is open still", call.map(|call| call.to_string()).unwrap_or_default()),
            );
        }
        if self.frame.ended {
            let held = self.run.live.values().map(|claim| claim.job).next();
            // I-23: nothing is held by the dead.
            self.require(
                held.is_none(),
                I::NoLostTask,
                |_| "no claim to outlive the run".to_owned(),
                |_| format!("{} is held still", held.map(|job| job.to_string()).unwrap_or_default()),
            );
            let call = self.run.calls.keys().next().copied();
            // I-32: a call that the end overtakes is closed, since nothing can be recorded of it later.
            self.require(
                call.is_none(),
                I::NoMoneyLost,
                |_| "no call to outlive the run".to_owned(),
                |_| format!("{} is open still", call.map(|call| call.to_string()).unwrap_or_default()),
            );
        }
    }

    /// I-37: a draft and what it leads to are one entry.
    pub(super) fn draft_closed(&mut self) {
        let Some(landing) = &self.frame.landing else { return };
        let job = landing.job;
        let counted = self.frame.counted.contains(&job);
        let led = match job {
            Job::Plan => !self.frame.added.is_empty(),
            Job::Read(_) | Job::Reason(_) => {
                job.subject().is_some_and(|it| self.frame.proposed.contains(&it))
            }
            Job::Review(_) => self.frame.judged,
            Job::Expand(_) => self.frame.expanded,
            Job::Finalize => self.frame.ended,
        };
        self.require(
            led || counted,
            I::AtomicFrames,
            |_| format!("what the draft of {job} leads to, in its entry"),
            |_| "nothing".to_owned(),
        );
    }

    /// I-29: what a deadline says of the running time can be true.
    pub(super) fn deadline_is_true(&mut self, reached: &LimitReached) {
        let limit = self.run.limit(|limits| limits.deadline_ms);
        let most = self.run.at.saturating_sub(self.run.setup.begun_at);
        self.require(
            reached.cause != PauseCause::Deadline
                || (reached.limit == "deadline_ms"
                    && reached.value == limit
                    && (limit..=most).contains(&reached.spent)),
            I::StopsAreHonest,
            |_| format!("deadline_ms of {limit} reached after at most {most} ms of running"),
            |_| format!("{} of {} after {}", reached.limit, reached.value, reached.spent),
        );
    }
}
