//! Tasks, attempts, drains, expansions, stops and ends, forged.
//!
//! Refuses to take the law's word for a bound: a value on the bound is tried beside one past it.

use delm_core::entry::{Entry, Sealed};
use delm_core::event::{DrainCause, Event, Expanded, Outcome, PauseCause, RunEnded};
use delm_core::ids::{AgentId, FactId, Job, Subject, TaskId};

use super::{at, change, find, law, law_in, log_of};

const A2: AgentId = AgentId(2);
const FINDING: &str = "finding: Ada Quill built the harbour light in 1874. {S1.1: The harbour light was built in 1874 by Ada Quill.}";

/// One task found out, an expansion that adds a task, another that adds none, and an answer.
fn answered() -> Vec<Sealed> {
    let finding = format!("a1 answer . {FINDING}");
    log_of(&[
        "engine start agents=2",
        "a1 claim",
        "a1 answer . plan: Who built the light?",
        "a1 claim",
        &finding,
        "a2 claim",
        "a2 answer . approve: it says so",
        "a1 claim",
        "a1 answer . plan: Who else?; When?",
        "a1 claim",
        &finding,
        "a2 claim",
        "a2 answer . approve: it says so",
        "a1 claim",
        &finding,
        "a2 claim",
        "a2 answer . approve: it says so",
        "a1 claim",
        "a1 answer . plan:",
        "a1 claim",
        "a1 answer . final: Ada Quill. [F1]",
    ])
}

#[test]
fn a_task_is_next_and_needs_what_was_before() {
    let first =
        |change: fn(&mut delm_core::event::TaskAdded)| law(change!(TaskAdded, added => change(added)));
    assert_eq!(first(|_| ()), "no law");
    assert_eq!(first(|added| added.task = TaskId(2)), "I-25");
    assert_eq!(first(|added| added.round = 1), "I-27");
    assert_eq!(first(|added| added.needs = vec![TaskId(1)]), "I-25", "itself");
    let second = |needs: &'static [u32]| {
        at(2, move |entry| {
            let mut added = entry
                .events
                .iter_mut()
                .filter_map(|event| if let Event::TaskAdded(added) = event { Some(added) } else { None });
            added.nth(1)?.needs = needs.iter().copied().map(TaskId).collect();
            Some(())
        })
    };
    assert_eq!(law(second(&[1])), "no law");
    assert_eq!(law(second(&[1, 1])), "I-25");
    assert_eq!(law(second(&[2])), "I-25");
    let planless = at(3, |entry| {
        let task =
            delm_core::event::TaskAdded { task: TaskId(3), text: super::OTHER, needs: vec![], round: 0 };
        entry.events.push(task.into());
        Some(())
    });
    assert_eq!(law(planless), "I-27");
    let limit = |name: &'static str, value: u64| change!(RunStarted, started => started.limits.set(name, value).unwrap());
    let refused = |name: &'static str, value: u64, log: &[Sealed]| {
        // The start is changed alone: what it forbids comes later, so the rest is folded after it.
        let mut run = delm_core::run::Run::default();
        let mut parent = None;
        for sealed in log {
            let mut entry = sealed.entry.clone();
            limit(name, value)(&mut entry);
            entry.parent = parent.unwrap_or(entry.parent);
            let sealed = entry.seal();
            parent = Some(sealed.id);
            if let Err(fault) = delm_core::apply::apply(&mut run, &sealed) {
                return fault.law;
            }
        }
        "no law"
    };
    let log = log_of(&["engine start agents=1", "a1 claim", "a1 answer . plan: one; two; three <1,2"]);
    assert_eq!(refused("tasks_max", 3, &log), "no law");
    assert_eq!(refused("tasks_max", 2, &log), "I-46");
    assert_eq!(refused("needs_max", 2, &log), "no law");
    assert_eq!(refused("needs_max", 1, &log), "I-46");
}

#[test]
fn an_attempt_is_the_one_that_was_made_and_the_last_gives_up() {
    let lines = [
        "engine start agents=2 attempts_max=2",
        "a1 claim",
        "a1 fail . request no",
        "a2 claim",
        "a2 fail . request no",
    ];
    let log = log_of(&lines);
    assert_eq!(law_in(&log, change!(TaskReopened, reopened => reopened.attempt += 1)), "I-10");
    assert_eq!(law_in(&log, change!(TaskAbandoned, abandoned => abandoned.attempt -= 1)), "I-10");
    assert_eq!(law_in(&log, change!(TaskReopened, reopened => reopened.task = Job::Finalize)), "I-10");
    let exchanged = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::TaskReopened(_)))?;
        let Event::TaskReopened(reopened) = entry.events[place].clone() else { return None };
        let delm_core::event::TaskReopened { task, attempt, reason } = reopened;
        entry.events[place] = delm_core::event::TaskAbandoned { task, attempt, reason }.into();
        Some(())
    };
    assert_eq!(law_in(&log, exchanged), "I-10", "too soon");
    let again = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::TaskAbandoned(_)))?;
        let Event::TaskAbandoned(abandoned) = entry.events[place].clone() else { return None };
        let delm_core::event::TaskAbandoned { task, attempt, reason } = abandoned;
        entry.events[place] = delm_core::event::TaskReopened { task, attempt, reason }.into();
        Some(())
    };
    assert_eq!(law_in(&log, again), "I-10", "too often");
    let in_flight = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::TaskReopened(_)))?;
        entry.events.drain(..place);
        Some(())
    };
    assert_eq!(law_in(&log, in_flight), "I-32");
    let other = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::TaskReopened(_)))?;
        entry.events.drain(..place);
        entry.agent = Some(A2);
        Some(())
    };
    assert_eq!(law_in(&log, other), "I-9");
    let twice = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::TaskAbandoned(_)))?;
        entry.events.insert(place, entry.events[place].clone());
        Some(())
    };
    let read = log_of(&[
        "engine start agents=2 attempts_max=1",
        "a1 claim",
        "a1 answer . plan: Who?",
        "a1 claim",
        "a1 fail . request no",
    ]);
    assert_eq!(law_in(&read, twice), "I-24");
}

#[test]
fn a_queue_drains_when_nothing_is_left_and_says_why() {
    let log = answered();
    assert_eq!(law_in(&log, change!(Drained, drained => drained.round -= 1)), "I-26");
    assert_eq!(law_in(&log, change!(Drained, drained => drained.cause = DrainCause::Stuck)), "I-26");
    let early = at(3, |entry| {
        entry.events.push(delm_core::event::Drained { round: 1, cause: DrainCause::Empty }.into());
        Some(())
    });
    assert_eq!(law_in(&log, early), "I-26", "somebody works");
    let (at_end, _) = find(&log, |event| matches!(event, Event::RunEnded(_)));
    let closed = at(at_end - 1, |entry| {
        entry.events = vec![delm_core::event::Drained { round: 3, cause: DrainCause::Empty }.into()];
        Some(())
    });
    assert_eq!(law_in(&log, closed), "I-26", "the queue is closed");
    let left = log_of(&["engine start agents=1", "a1 claim", "a1 release .", "a1 leave", "engine interrupt"]);
    let alone = at(4, |entry| {
        entry.events = vec![delm_core::event::Drained { round: 1, cause: DrainCause::Empty }.into()];
        Some(())
    });
    assert_eq!(law_in(&left, alone), "I-26", "nobody is here");
}

#[test]
fn an_expansion_names_what_it_added() {
    let log = answered();
    let of = |change: fn(&mut Expanded)| law_in(&log, change!(Expanded, expanded => change(expanded)));
    assert_eq!(of(|_| ()), "no law");
    assert_eq!(of(|expanded| expanded.round = 2), "I-27");
    assert_eq!(of(|expanded| expanded.fence = None), "I-27");
    assert_eq!(of(|expanded| expanded.fence = expanded.fence.map(|fence| fence - 1)), "I-4");
    assert_eq!(of(|expanded| expanded.tasks.truncate(1)), "I-27");
    assert_eq!(of(|expanded| expanded.tasks.reverse()), "I-27");
    assert_eq!(of(|expanded| expanded.tasks[0] = TaskId(1)), "I-27");
    let undrained = at(1, |entry| {
        entry.events.push(Expanded { round: 0, fence: None, tasks: Vec::new() }.into());
        Some(())
    });
    assert_eq!(law_in(&log, undrained), "I-27");
    let unclaimed = &at(6, |entry| {
        entry.events.push(Expanded { round: 1, fence: None, tasks: Vec::new() }.into());
        Some(())
    });
    assert_eq!(law_in(&log, unclaimed), "I-27", "there is a round left");
    let finding = format!("a1 answer . {FINDING}");
    let last = log_of(&[
        "engine start agents=2 rounds_max=1",
        "a1 claim",
        "a1 answer . plan: Who built the light?",
        "a1 claim",
        &finding,
        "a2 claim",
        "a2 answer . approve: it says so",
    ]);
    assert_eq!(law_in(&last, unclaimed), "I-27", "this round is the last, and is left");
}

#[test]
fn an_answer_stands_on_its_draft() {
    let log = answered();
    let of = |change: fn(&mut delm_core::event::AnswerGiven)| {
        law_in(&log, change!(AnswerGiven, answer => change(answer)))
    };
    assert_eq!(of(|_| ()), "no law");
    assert_eq!(of(|answer| answer.fence -= 1), "I-4");
    assert_eq!(of(|answer| answer.cites.push(FactId(2))), "I-20");
    assert_eq!(of(|answer| answer.cites.clear()), "I-20");
    let nothing = |entry: &mut Entry| {
        change!(AnswerGiven, answer => answer.cites.clear())(entry)?;
        change!(DraftSubmitted, draft => draft.cites.clear())(entry)
    };
    assert_eq!(law_in(&log, nothing), "I-28");
    let unclaimed = at(3, |entry| {
        let answer =
            log.last().unwrap().entry.events.iter().find(|event| matches!(event, Event::AnswerGiven(_)));
        entry.events.push(answer?.clone());
        Some(())
    });
    assert_eq!(law_in(&log, unclaimed), "I-28");
}

#[test]
fn an_end_is_what_it_says() {
    let log = answered();
    let of = |change: fn(&mut RunEnded)| law_in(&log, change!(RunEnded, ended => change(ended)));
    assert_eq!(of(|_| ()), "no law");
    assert_eq!(of(|ended| ended.open = vec![Subject::Task(TaskId(1))]), "I-23");
    assert_eq!(of(|ended| ended.outcome = Outcome::Unanswered), "I-28");
    assert_eq!(of(|ended| ended.outcome = Outcome::Failed), "I-28");
    let answerless = |outcome: Outcome| {
        change_end(move |entry| {
            entry.events.retain(|event| !matches!(event, Event::AnswerGiven(_)));
            change!(RunEnded, ended => ended.outcome = outcome)(entry)
        })
    };
    assert_eq!(law_in(&log, answerless(Outcome::Answered)), "I-28");
    assert_eq!(law_in(&log, answerless(Outcome::Unanswered)), "no law", "the finalizer may give up");
    let early = at(2, |entry| {
        entry.events.push(RunEnded { outcome: Outcome::Unanswered, reason: None, open: subjects(1) }.into());
        Some(())
    });
    assert_eq!(law_in(&log, early), "I-28");
    let held = at(3, |entry| {
        entry.events.push(RunEnded { outcome: Outcome::Cancelled, reason: None, open: subjects(1) }.into());
        Some(())
    });
    assert_eq!(law_in(&log, held), "I-29");
    let after =
        log_of(&["engine start agents=1", "engine cancel", "engine redact Where was the builder born?"]);
    let join = at(2, |entry| {
        let joined =
            after[0].entry.events.iter().find(|event| matches!(event, Event::AgentJoined(_)))?.clone();
        entry.events = vec![joined];
        Some(())
    });
    assert_eq!(law_in(&after, join), "I-28", "it is over");
    assert_eq!(law_in(&after, at(2, |_| Some(()))), "no law");
}

fn subjects(tasks: u32) -> Vec<Subject> {
    (1..=tasks).map(|task| Subject::Task(TaskId(task))).collect()
}

fn change_end(change: impl Fn(&mut Entry) -> Option<()>) -> impl Fn(&mut Entry) -> Option<()> {
    move |entry| {
        let ends = entry.events.iter().any(|event| matches!(event, Event::RunEnded(_)));
        ends.then(|| change(entry)).flatten()
    }
}

#[test]
fn a_limit_is_reached_when_it_is() {
    let spent = log_of(&[
        "engine start agents=2 budget_tokens=2400",
        "a1 claim",
        "a1 answer . tokens=400/100 plan: Who built the light?; Who else?",
        "a1 claim",
    ]);
    let of = |change: fn(&mut delm_core::event::LimitReached)| {
        law_in(&spent, change!(LimitReached, reached => change(reached)))
    };
    assert_eq!(of(|_| ()), "no law");
    assert_eq!(of(|reached| reached.spent += 1), "I-29");
    assert_eq!(of(|reached| reached.value += 1), "I-29");
    assert_eq!(of(|reached| reached.needed = 0), "I-29", "not spent to the last");
    assert_eq!(of(|reached| reached.needed = 1900), "I-29", "that fits");
    assert_eq!(of(|reached| reached.limit = "budget_microusd".into()), "I-29");
    assert_eq!(of(|reached| reached.cause = PauseCause::Deadline), "I-29");
    assert_eq!(of(|reached| reached.cause = PauseCause::Interrupt), "I-29");
    let unlimited = log_of(&["engine start agents=2", "engine interrupt"]);
    let none = change!(LimitReached, reached => {
        (reached.limit, reached.cause, reached.needed) = ("budget_tokens".into(), PauseCause::Budget, 1)
    });
    assert_eq!(law_in(&unlimited, none), "I-29", "there is no such limit");
    let overspent = log_of(&[
        "engine start agents=2 budget_tokens=2400",
        "a1 claim",
        "a1 answer . tokens=2000/400 plan: Who built the light?; Who else?",
    ]);
    let of = |change: fn(&mut delm_core::event::LimitReached)| {
        law_in(&overspent, change!(LimitReached, reached => change(reached)))
    };
    assert_eq!(of(|_| ()), "no law", "spent to the last");
    let late = log_of(&["engine start agents=2 deadline_ms=1000", "@2000 engine tick"]);
    let of = |change: fn(&mut delm_core::event::LimitReached)| {
        law_in(&late, change!(LimitReached, reached => change(reached)))
    };
    assert_eq!(of(|_| ()), "no law", "at the very instant");
    assert_eq!(of(|reached| reached.needed = 1), "I-29");
    assert_eq!(of(|reached| reached.spent -= 1), "I-29");
    assert_eq!(of(|reached| reached.cause = PauseCause::Budget), "I-29");
    let early = |entry: &mut Entry| {
        change!(LimitReached, reached => reached.spent -= 1)(entry)?;
        entry.at -= 1;
        Some(())
    };
    assert_eq!(law_in(&late, early), "I-29", "a moment before");
    let twice = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::LimitReached(_)))?;
        entry.events.insert(place, entry.events[place].clone());
        Some(())
    };
    assert_eq!(law_in(&late, twice), "I-29");
}

#[test]
fn a_pause_is_for_what_stopped_the_run() {
    let log = log_of(&[
        "engine start agents=2",
        "a1 claim",
        "a1 answer . plan: Who?",
        "engine interrupt",
        "engine resume",
    ]);
    let of = |change: fn(&mut delm_core::event::RunPaused)| {
        law_in(&log, change!(RunPaused, paused => change(paused)))
    };
    assert_eq!(of(|_| ()), "no law");
    assert_eq!(of(|paused| paused.cause = PauseCause::Provider), "I-29");
    assert_eq!(of(|paused| paused.open.clear()), "I-29");
    let unknown = change!(RunResumed, resumed => resumed.changes.push(delm_core::event::Change { limit: "beer".into(), value: 1 }));
    assert_eq!(law_in(&log, unknown), "I-29");
    let held = log_of(&["engine start agents=2", "a1 claim", "engine interrupt", "a1 release ."]);
    let early = |entry: &mut Entry| {
        change!(LimitReached, _reached => ())(entry)?;
        entry
            .events
            .push(delm_core::event::RunPaused { cause: PauseCause::Interrupt, open: Vec::new() }.into());
        Some(())
    };
    assert_eq!(law_in(&held, early), "I-29");
    let stopping = |entry: &mut Entry| {
        if entry.seq != 3 {
            return None;
        }
        let mut again = held[1].entry.events[0].clone();
        if let Event::Claimed(claimed) = &mut again {
            (claimed.fence, claimed.agent) = (3, A2);
        }
        entry.agent = Some(A2);
        entry.events = vec![again];
        Some(())
    };
    assert_eq!(law_in(&held, stopping), "I-29", "no claim while it stops");
    let crashed = log_of(&["engine start agents=2", "a1 claim", "engine resume"]);
    let holds = |entry: &mut Entry| {
        change!(RunResumed, _resumed => ())(entry)?;
        entry.events.retain(|event| matches!(event, Event::RunResumed(_)));
        Some(())
    };
    assert_eq!(law_in(&crashed, holds), "I-29");
    let open = |entry: &mut Entry| {
        change!(RunResumed, _resumed => ())(entry)?;
        entry.events.retain(|event| !matches!(event, Event::CallFailed(_)));
        Some(())
    };
    assert_eq!(law_in(&crashed, open), "I-32");
}
