//! Entries, limits, sources, workers and ends, forged; and what a run counts.
//!
//! Refuses to take the law's word for a bound: a value on the bound is tried beside one past it.

use delm_core::entry::{Entry, Sealed};
use delm_core::event::{AgentKind, Event, PolicyName};
use delm_core::ids::{AgentId, Job, SourceId, UnitId};
use delm_core::policy::{Fifo, Policy, policy};
use delm_core::run::Run;

use super::{LINES, Script, Setups, at, change, find, law, law_in, log, log_of};

const A1: AgentId = AgentId(1);

fn run_of(lines: &[&str]) -> Run {
    let mut script = Script::new();
    for line in lines {
        script.line(line, &Setups::new()).unwrap();
    }
    script.world.run
}

#[test]
fn an_entry_makes_one_claim_and_brings_something() {
    let empty = |entry: &mut Entry| (entry.seq > 0).then(|| entry.events.clear());
    assert_eq!(law(empty), "I-37");
    // A claim, given back, and made again.
    let log = log_of(&["engine start model=extractive", "a1 claim"]);
    let twice = at(1, |entry| {
        let claim = entry.events.clone();
        let fence = entry.seq;
        entry.events.push(delm_core::event::ClaimReleased { job: Job::Plan, fence }.into());
        entry.events.extend(claim);
        Some(())
    });
    assert_eq!(law_in(&log, twice), "I-1");
    assert_eq!(
        law_in(
            &log,
            at(1, |entry| {
                entry.command = 0;
                entry.agent = Some(AgentId(3));
                Some(())
            })
        ),
        "I-9"
    );
    assert_eq!(
        law(at(3, |entry| {
            entry.command = 1;
            Some(())
        })),
        "I-36",
        "a command that was answered"
    );
    assert_eq!(
        law(at(3, |entry| {
            entry.command += 5;
            Some(())
        })),
        "no law"
    );
}

#[test]
fn nothing_comes_before_the_start_or_starts_twice() {
    let log = log();
    let start = log[0].entry.events[0].clone();
    assert_eq!(
        law(at(1, move |entry| {
            entry.events.push(start.clone());
            Some(())
        })),
        "I-28"
    );
    assert_eq!(
        law(at(0, |entry| {
            entry.events.remove(0);
            Some(())
        })),
        "I-28"
    );
}

#[test]
fn limits_are_within_their_range() {
    for info in delm_core::limits::LIMITS {
        let set = |value: u64| {
            move |entry: &mut Entry| {
                let started = entry.events.iter_mut().find_map(|event| {
                    if let Event::RunStarted(started) = event { Some(started) } else { None }
                })?;
                started.limits.set(info.name, value).ok()?;
                Some(())
            }
        };
        let log = log_of(&["engine start agents=0"]);
        assert_eq!(law_in(&log, set(info.low)), "no law", "{}", info.name);
        assert_eq!(law_in(&log, set(info.high)), "no law", "{}", info.name);
    }
}

#[test]
fn sources_and_units_come_first_and_in_order() {
    let log = log();
    let of = |wanted: fn(&Event) -> bool| {
        let (_, place) = find(&log, wanted);
        log[0].entry.events[place].clone()
    };
    let (source, unit) = (
        of(|event| matches!(event, Event::SourceAdded(_))),
        of(|event| matches!(event, Event::UnitAdded(_))),
    );
    for late in [source, unit] {
        assert_eq!(
            law(at(1, move |entry| {
                entry.events.push(late.clone());
                Some(())
            })),
            "I-19"
        );
    }
    assert_eq!(law(change!(SourceAdded, added => added.source = SourceId(2))), "I-19");
    assert_eq!(
        law(change!(UnitAdded, added => added.unit = UnitId { source: SourceId(1), index: 2 })),
        "I-19"
    );
    assert_eq!(
        law(change!(UnitAdded, added => added.unit = UnitId { source: SourceId(2), index: 1 })),
        "I-19"
    );
    assert_eq!(law(change!(UnitAdded, added => added.end = added.start)), "I-19", "empty");
    let sourceless = at(0, |entry| {
        entry.events.retain(|event| !matches!(event, Event::SourceAdded(_)));
        Some(())
    });
    assert_eq!(law(sourceless), "I-19");
    let skipped = log_of(&["skip b.bin not text", "engine start agents=1", "a1 claim"]);
    let (_, place) = find(&skipped, |event| matches!(event, Event::SourceSkipped(_)));
    let event = skipped[0].entry.events[place].clone();
    assert_eq!(
        law_in(
            &skipped,
            at(1, move |entry| {
                entry.events.push(event.clone());
                Some(())
            })
        ),
        "I-19"
    );
    let two = log_of(&[
        "nodocs",
        "doc a.md The harbour light was built in 1874 by Ada Quill.\\n\\nAda Quill was born in the village of Penmarrow, not far from it.",
        "engine start agents=1 unit_bytes=64",
    ]);
    let second = |start: i64, end: i64| {
        at(0, move |entry| {
            let mut units = entry
                .events
                .iter_mut()
                .filter_map(|event| if let Event::UnitAdded(added) = event { Some(added) } else { None });
            let first = units.next()?.end;
            let added = units.next()?;
            added.start = first.checked_add_signed(start)?;
            added.end = first.checked_add_signed(end)?;
            Some(())
        })
    };
    assert_eq!(law_in(&two, second(0, 1)), "no law");
    assert_eq!(law_in(&two, second(-1, 1)), "I-19", "they overlap");
    assert_eq!(law_in(&two, second(1, 1)), "I-19", "empty");
    assert_eq!(law_in(&two, second(1, 0)), "I-19", "backwards");
}

#[test]
fn there_are_no_more_units_workers_or_tasks_than_the_limits_say() {
    let limit = |name: &'static str, value: u64| {
        at(0, move |entry| {
            let started = entry.events.iter_mut().find_map(|event| {
                if let Event::RunStarted(started) = event { Some(started) } else { None }
            })?;
            started.limits.set(name, value).unwrap();
            Some(())
        })
    };
    assert_eq!(law(limit("agents_max", 3)), "no law");
    assert_eq!(law(limit("agents_max", 2)), "I-46");
    let two = log_of(&[
        "nodocs",
        "doc a.md The harbour light was built in 1874 by Ada Quill.\\n\\nAda Quill was born in the village of Penmarrow, far away.",
        "engine start agents=1 unit_bytes=64",
    ]);
    let units =
        two[0].entry.events.iter().filter(|event| matches!(event, Event::UnitAdded(_))).count() as u64;
    assert_eq!(law_in(&two, limit("units_max", units)), "no law");
    assert_eq!(law_in(&two, limit("units_max", units - 1)), "I-46");
}

#[test]
fn an_agent_answers_for_itself_and_leaves_by_itself() {
    assert_eq!(law(change!(AgentJoined, joined => joined.agent = AgentId(2))), "I-9");
    assert_eq!(law(change!(AgentJoined, joined => joined.principal = "bob".into())), "I-12");
    assert_eq!(law(change!(AgentJoined, joined => joined.principal = "a2".into())), "I-12");
    let program = |principal: &'static str| change!(AgentJoined, joined => (joined.kind, joined.principal) = (AgentKind::Program, principal.into()));
    assert_eq!(law(program("bob")), "no law");
    assert_eq!(law(program("a1")), "no law");
    assert_eq!(law(program("a2")), "I-12", "the name of another");
    let log = log_of(&["engine start agents=2", "a2 leave"]);
    assert_eq!(law_in(&log, change!(AgentLeft, left => left.agent = A1)), "I-9");
    assert_eq!(law_in(&log, change!(AgentLeft, left => left.agent = AgentId(7))), "I-9");
    let twice = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::AgentLeft(_)))?;
        entry.events.push(entry.events[place].clone());
        Some(())
    };
    assert_eq!(law_in(&log, twice), "I-9");
    let holds = log_of(&["engine start agents=2", "a2 claim", "a2 leave"]);
    let kept = |entry: &mut Entry| {
        change!(AgentLeft, _left => ())(entry)?;
        entry.events.retain(|event| matches!(event, Event::AgentLeft(_)));
        Some(())
    };
    assert_eq!(law_in(&holds, kept), "I-7");
}

#[test]
fn a_run_counts_what_its_agents_did() {
    let run = run_of(&LINES);
    let counts = |id: u32| {
        let agent = run.agent(AgentId(id)).unwrap();
        (agent.claims, agent.admitted, agent.rejected, agent.verdicts, agent.expired)
    };
    assert_eq!([counts(1), counts(2), counts(3)], [(3, 1, 0, 0, 0), (1, 1, 0, 0, 0), (3, 0, 0, 2, 1)]);
    assert!(run.agents().iter().all(|(_, agent)| agent.tokens > 0));
    let rejecting = run_of(&[
        "engine start agents=2",
        "a1 claim",
        "a1 answer . plan: Who built the light?; Who else?",
        "a1 claim",
        "a1 answer . finding: Ada Quill built the harbour light in 1874. {S1.1: The harbour light was built in 1874 by Ada Quill.}",
        "a2 claim",
        "a2 answer . reject: it is no answer",
        "a1 claim",
        "a1 answer . finding: Ada Quill built it in 1999. {S1.1: The harbour light was built in 1874 by Ada Quill.}",
    ]);
    assert_eq!(rejecting.rejected().len(), 2);
    let agents = rejecting.agents();
    assert_eq!(
        agents.iter().map(|(_, agent)| (agent.rejected, agent.verdicts)).collect::<Vec<_>>(),
        [(2, 0), (0, 1)]
    );
    assert!(run.rejected().is_empty());
}

#[test]
fn a_run_is_named_by_its_first_entry_and_equal_to_itself_alone() {
    let log = log();
    let run = run_of(&LINES);
    assert_eq!((run.id(), Run::default().id()), (Some(log[0].id), None));
    assert_eq!(run.head(), log.last().map(Sealed::head));
    assert_eq!((run.began_at(), run.at()), (log[0].entry.at, log[15].entry.at));
    assert!(Run::default().agents().is_empty() && !run.agents().is_empty());
    assert!(run == run_of(&LINES) && run != run_of(&LINES[..15]) && run != Run::default());
    let gone = run_of(&["engine start agents=2", "a1 leave", "a2 leave"]);
    assert_eq!((gone.agents().principals(), gone.takeable()), (0, false));
    assert_eq!(run_of(&["engine start agents=2", "a1 leave"]).agents().principals(), 1);
    let mut of_bob = vec!["engine start agents=1", "engine join program bob", "engine join program bob"];
    for (leaves, left) in [("a1 leave", 1), ("a2 leave", 1), ("a3 leave", 0)] {
        of_bob.push(leaves);
        let run = run_of(&of_bob);
        assert_eq!(run.agents().principals(), left, "{leaves}");
        assert_eq!(run.agents().only_principal(), (left == 1).then_some("bob"), "{leaves}");
    }
}

#[test]
fn a_policy_is_known_by_name_and_version() {
    let fifo = Fifo.name();
    assert_eq!(policy(&fifo).map(Policy::name), Some(fifo.clone()));
    assert!(policy(&PolicyName { version: 2, ..fifo.clone() }).is_none());
    assert!(policy(&PolicyName { name: "lifo".into(), ..fifo }).is_none());
}
