//! Random runs: whatever agents, engine and clock do, the invariants hold, and once faults stop the run comes to its end.
//!
//! Refuses nothing but broken laws. `PROPTEST_CASES` scales the number of cases.
#![expect(clippy::wildcard_enum_match_arm, reason = "only some events leave a mark")]

mod common;

use std::collections::BTreeMap;

use common::begin::{Begin, agent};
use common::chaos::{Chaos, Step};
use delm_core::apply::apply;
use delm_core::audit::audit;
use delm_core::command::{Command, Envelope};
use delm_core::decide::decide;
use delm_core::entry::{Entry, Sealed};
use delm_core::event::{Ablation, AgentKind, Event, RawEvent};
use delm_core::ids::AgentId;
use delm_core::limits::Limits;
use delm_core::policy::Fifo;
use delm_core::run::{Phase, Run};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

fn config(cases: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 4_000, ..ProptestConfig::default() }
}

fn step() -> impl Strategy<Value = Step> {
    any::<(u8, u8, u8, u8)>().prop_map(|(who, act, first, second)| Step { who, act, first, second })
}

fn limits() -> impl Strategy<Value = Limits> {
    let counts = (1u64..4, 0u64..4, 0u64..3, 0u64..3, 0u64..3);
    let lease = prop_oneof![Just(1u64), Just(10), Just(1_000), Just(120_000)];
    let budget = prop_oneof![4 => Just(0u64), 1 => 1u64..20_000];
    let deadline = prop_oneof![6 => Just(0u64), 1 => 1u64..3_000];
    let kept = prop_oneof![Just(1u64), Just(4), Just(64)];
    (counts, lease, budget, deadline, kept).prop_map(|(counts, lease, budget, deadline, kept)| {
        let (attempts_max, releases_max, rounds_max, asks_max, unfold_rounds_max) = counts;
        Limits {
            attempts_max,
            releases_max,
            rounds_max,
            asks_max,
            unfold_rounds_max,
            lease_ms: lease,
            budget_tokens: budget,
            deadline_ms: deadline,
            commands_kept: kept,
            output_tokens_max: 500,
            ..Limits::default()
        }
    })
}

fn begin() -> impl Strategy<Value = Begin> {
    let switches = (any::<bool>(), any::<bool>(), 0u8..8, 0u8..8, any::<bool>());
    (limits(), prop_oneof![1 => Just(0usize), 1 => Just(1), 6 => 2usize..5], switches).prop_map(
        |(limits, agents, (own, reading, ablated, builtin, priced))| {
            let mut begin = Begin {
                limits,
                agents: vec![agent(AgentKind::Model, ""); agents],
                self_review: own,
                reading,
                ..Begin::default()
            };
            match ablated {
                0 => begin.ablations.push(Ablation::Verdicts),
                1 => begin.ablations.push(Ablation::Sharing),
                _ => {}
            }
            match builtin {
                0 => (begin.worker, begin.judge) = ("extractive".into(), "extractive".into()),
                1 => begin.judge = "extractive".into(),
                2 | 3 => begin.judge = "script:judge".into(),
                _ => {}
            }
            if priced {
                begin.prices.push(("script:judge".into(), 2_000_000, 3_000_000));
                begin.prices.push(("script:test".into(), 1_000_000, 2_000_000));
                begin.limits.budget_microusd = begin.limits.budget_tokens * 2;
            }
            begin
        },
    )
}

proptest! {
    #![proptest_config(config(300))]

    /// I-1 to I-6, I-8, I-10 to I-13, I-17, I-18, I-20, I-23 to I-33, I-36, and I-44 for the tail.
    #[test]
    fn laws_hold_and_a_healed_run_ends(begin in begin(), steps in prop::collection::vec(step(), 1..90)) {
        let mut chaos = Chaos::begin(&begin);
        for step in steps {
            chaos.step(step);
        }
        chaos.heal();
        prop_assert!(matches!(chaos.world.run.phase(), Phase::Ended(_)));
    }
}

/// What must have happened somewhere in many random runs: otherwise that the laws held means nothing.
fn marks(world: &common::World, seen: &mut BTreeMap<String, u32>) {
    let mut mark = |name: String| *seen.entry(name).or_default() += 1;
    for sealed in &world.log {
        let count = |test: fn(&Event) -> bool| sealed.entry.events.iter().filter(|event| test(event)).count();
        for event in &sealed.entry.events {
            mark(event.kind().into());
            match event {
                Event::RunPaused(paused) => mark(format!("paused for {}", paused.cause)),
                Event::RunEnded(ended) => mark(format!("ended {}", ended.outcome)),
                Event::Drained(drained) => mark(format!("drained {}", drained.cause)),
                Event::VerdictGiven(given) => mark(format!("{} by {}", given.outcome, given.method)),
                Event::GistAdmitted(fact) => mark(format!("grade {}", fact.grade)),
                Event::TaskAbandoned(gone) => {
                    mark(format!("abandoned {}", gone.task.to_string().split(':').next().unwrap_or("")));
                }
                Event::CallFailed(call) => mark(format!("call {}", call.fault)),
                Event::GistWithdrawn(gone) if !gone.tainted.is_empty() => mark("tainted".into()),
                _ => {}
            }
        }
        if count(|event| matches!(event, Event::ClaimExpired(_))) > 1 {
            mark("two leases expire at once".into());
        }
        if count(|event| matches!(event, Event::TaskAbandoned(task) if task.task.subject().is_some())) > 1 {
            mark("two tasks abandoned at once".into());
        }
        if count(|event| matches!(event, Event::GistProposed(_))) > 1 {
            mark("two gists in one entry".into());
        }
    }
}

const MARKS: &[&str] = &[
    "two leases expire at once",
    "two tasks abandoned at once",
    "two gists in one entry",
    "tainted",
    "paused for budget",
    "paused for deadline",
    "paused for interrupt",
    "paused for provider",
    "ended answered",
    "ended unanswered",
    "ended failed",
    "ended cancelled",
    "drained empty",
    "drained stuck",
    "approve by judge",
    "approve by mechanical",
    "approve by log",
    "approve by ablated",
    "rewrite by judge",
    "reject by judge",
    "reject by mechanical",
    "reject by log",
    "grade judged",
    "grade judged-same-model",
    "grade self",
    "grade mechanical",
    "grade none",
    "abandoned plan",
    "abandoned read",
    "abandoned reason",
    "abandoned review",
    "abandoned expand",
    "abandoned finalize",
    "call provider",
    "call request",
    "call lost",
    "result_refused",
    "unfolded",
    "summary_checked",
    "lease_renewed",
    "agent_left",
];

#[test]
fn random_runs_reach_what_they_are_to_test() {
    let mut seen = BTreeMap::new();
    let mut runner = TestRunner::deterministic();
    let runs = (begin(), prop::collection::vec(step(), 40..120));
    for _ in 0..200 {
        let (begin, steps) = runs.new_tree(&mut runner).unwrap().current();
        let mut chaos = Chaos::begin(&begin);
        steps.into_iter().for_each(|step| chaos.step(step));
        chaos.heal();
        marks(&chaos.world, &mut seen);
    }
    let missed: Vec<&&str> = MARKS.iter().filter(|mark| !seen.contains_key(**mark)).collect();
    assert!(missed.is_empty(), "never reached: {missed:?}; reached: {seen:?}");
}

/// One change to an entry.
#[derive(Clone, Debug)]
enum Change {
    Drop(usize),
    Double(usize),
    Swap(usize, usize),
    /// An event of another entry.
    Borrow(usize, usize, usize),
    /// A byte of an event's body.
    Byte(usize, usize, u8),
    /// A small number becomes the largest of its kind.
    Large(usize, usize, bool),
    At(u64),
    Agent(Option<u32>),
    Command(u64),
}

fn change() -> impl Strategy<Value = Change> {
    let place = 0usize..32;
    prop_oneof![
        1 => place.clone().prop_map(Change::Drop),
        1 => place.clone().prop_map(Change::Double),
        1 => (place.clone(), place.clone()).prop_map(|(a, b)| Change::Swap(a, b)),
        3 => (place.clone(), 0usize..200, place.clone()).prop_map(|(a, b, c)| Change::Borrow(a, b, c)),
        4 => (place.clone(), 0usize..80, any::<u8>()).prop_map(|(a, b, c)| Change::Byte(a, b, c)),
        4 => (place, 0usize..80, any::<bool>()).prop_map(|(a, b, c)| Change::Large(a, b, c)),
        1 => prop_oneof![any::<u64>(), Just(u64::MAX)].prop_map(Change::At),
        1 => prop::option::of(0u32..7).prop_map(Change::Agent),
        1 => prop_oneof![any::<u64>(), Just(u64::MAX)].prop_map(Change::Command),
    ]
}

fn with_body(event: &mut Event, edit: impl FnOnce(&mut Vec<u8>)) {
    let mut raw: RawEvent = event.to_raw();
    edit(&mut raw.body);
    if let Ok(changed) = Event::from_raw(&raw) {
        *event = changed;
    }
}

fn forge(entry: &mut Entry, log: &[Sealed], change: &Change) {
    let len = entry.events.len().max(1);
    match change {
        Change::Drop(at) => drop(entry.events.remove(at % len)),
        Change::Double(at) => entry.events.insert(at % len, entry.events[at % len].clone()),
        Change::Swap(a, b) => entry.events.swap(a % len, b % len),
        Change::Borrow(at, other, place) => {
            let other = &log[other % log.len()].entry.events;
            entry.events.insert(at % len, other[place % other.len()].clone());
        }
        Change::Byte(at, place, byte) => with_body(&mut entry.events[at % len], |body| {
            let size = body.len().max(1);
            if let Some(old) = body.get_mut(place % size) {
                *old = *byte;
            }
        }),
        Change::Large(at, place, wide) => with_body(&mut entry.events[at % len], |body| {
            let place = place % body.len().max(1);
            let large: &[u8] = if *wide {
                &[253, 255, 255, 255, 255, 255, 255, 255, 255]
            } else {
                &[252, 255, 255, 255, 255]
            };
            if place < body.len() {
                body.splice(place..=place, large.iter().copied());
            }
        }),
        Change::At(at) => entry.at = *at,
        Change::Agent(agent) => entry.agent = agent.map(AgentId),
        Change::Command(number) => entry.command = *number,
    }
}

/// Everything that reads a state goes over one that a forged entry made.
fn look_at(run: &Run, world: &common::World) {
    let at = run.at();
    for command in [Command::Tick, Command::Claim { job: None }, Command::Leave, Command::Cancel] {
        for agent in [None, Some(AgentId(1)), Some(AgentId(2))] {
            let number = run.agents().sent(agent).map_or(0, delm_core::run::people::Sent::next_number);
            let envelope = Envelope { agent, number, command: command.clone(), claim: None, next: true };
            drop(decide(&Fifo, run, &world.stored, &envelope, at));
            drop(decide(&Fifo, run, &world.stored, &envelope, at.saturating_add(1_000_000)));
        }
    }
    drop((run.work().count(), run.next_deadline(), run.ran_ms(), run.open_subjects()));
}

proptest! {
    #![proptest_config(config(300))]

    /// I-35: a forged entry is folded or refused, never a panic; refused, it leaves the state as it was.
    #[test]
    fn forged_entries_are_folded_or_refused(
        begin in begin(),
        steps in prop::collection::vec(step(), 1..60),
        forgeries in prop::collection::vec((0usize..200, prop::collection::vec(change(), 1..4)), 1..12),
    ) {
        let mut chaos = Chaos::begin(&begin);
        for step in steps {
            chaos.step(step);
        }
        let log = chaos.world.log.clone();
        let mut states = vec![Run::default()];
        for sealed in &log {
            let mut next = states.last().unwrap().clone();
            apply(&mut next, sealed).unwrap();
            states.push(next);
        }
        for (place, changes) in forgeries {
            let place = place % log.len();
            let mut entry = log[place].entry.clone();
            for change in &changes {
                if !entry.events.is_empty() {
                    forge(&mut entry, &log, change);
                }
            }
            let sealed = entry.seal();
            if let Ok(read) = Sealed::from_bytes(&sealed.bytes) {
                prop_assert_eq!(&read, &sealed);
            }
            let before = &states[place];
            let mut run = before.clone();
            let mut audited = before.clone();
            match apply(&mut run, &sealed) {
                Ok(()) => look_at(&run, &chaos.world),
                Err(_) => prop_assert!(run == *before, "a refused entry changes the state"),
            }
            if audit(&Fifo, &mut audited, &chaos.world.stored, &sealed).is_err() {
                prop_assert!(audited == *before, "an entry that diverges changes the state");
            }
        }
    }
}
