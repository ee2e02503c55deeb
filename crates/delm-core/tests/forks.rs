//! Forks of random runs, anywhere in them: what they share, let go, drop and work out again; and forged first entries.
//!
//! Refuses nothing but broken laws. `PROPTEST_CASES` scales the number of cases.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]
#![expect(clippy::wildcard_enum_match_arm, reason = "only some events are forged")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use common::Outcome;
use common::begin::{Begin, agent};
use common::chaos::{Chaos, Step};
use delm_core::apply::apply;
use delm_core::entry::{Entry, Sealed};
use delm_core::event::{AgentKind, CallFault, Event, GistKind};
use delm_core::ids::{Digest, FactId, Job, Subject};
use delm_core::run::{Phase, Run, Status};
use proptest::prelude::*;

fn config(cases: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(cases);
    ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 4_000, ..ProptestConfig::default() }
}

fn step() -> impl Strategy<Value = Step> {
    any::<(u8, u8, u8, u8)>().prop_map(|(who, act, first, second)| Step { who, act, first, second })
}

fn begin() -> impl Strategy<Value = Begin> {
    (2usize..5, any::<bool>(), any::<bool>(), 1u64..4).prop_map(|(agents, own, reading, attempts_max)| {
        let mut begin = Begin {
            agents: vec![agent(AgentKind::Model, ""); agents],
            self_review: own,
            reading,
            ..Begin::default()
        };
        begin.limits.attempts_max = attempts_max;
        begin.limits.lease_ms = 1_000;
        begin.limits.output_tokens_max = 500;
        begin
    })
}

/// A run as it is folded from a log, its state after each entry.
fn states(log: &[Sealed]) -> Vec<Run> {
    let mut run = Run::default();
    let fold = |sealed| {
        apply(&mut run, sealed).unwrap();
        run.clone()
    };
    log.iter().map(fold).collect()
}

/// Facts that cite one of these, directly or not, found by going round until nothing is added.
fn closure(run: &Run, dropped: FactId) -> BTreeSet<FactId> {
    let mut tainted = BTreeSet::new();
    loop {
        let before = tainted.len();
        for fact in run.facts() {
            let cites = |cited: &FactId| *cited == dropped || tainted.contains(cited);
            if fact.label != dropped && fact.proposal.cites.iter().any(cites) {
                tainted.insert(fact.label);
            }
        }
        if tainted.len() == before {
            return tainted;
        }
    }
}

/// Tasks whose last word builds on a dropped fact and is not dropped itself.
fn to_reopen(run: &Run, dropped: &[FactId]) -> BTreeSet<Job> {
    let tainted: BTreeSet<FactId> = dropped.iter().flat_map(|label| closure(run, *label)).collect();
    let mut last: BTreeMap<Subject, FactId> = BTreeMap::new();
    for fact in run.facts() {
        assert!(fact.proposal.kind != GistKind::Failure || fact.proposal.cites.is_empty());
        last.insert(fact.proposal.subject, fact.label);
    }
    let done = |subject: &Subject| run.jobs().get(&Job::from(*subject)).unwrap().status == Status::Done;
    let falls = |label: &FactId| tainted.contains(label) && !dropped.contains(label);
    last.iter().filter(|(task, label)| falls(label) && done(task)).map(|(task, _)| Job::from(*task)).collect()
}

/// What a fork's first entry did, against the state it left.
fn check_first(before: &Run, after: &Run, sealed: &Sealed, dropped: &[FactId]) {
    let mut reopened = BTreeSet::new();
    let (mut withdrawn, mut replaced) = (Vec::new(), Vec::new());
    for event in &sealed.entry.events {
        match event {
            Event::GistWithdrawn(gone) => {
                let tainted: BTreeSet<FactId> = gone.tainted.iter().copied().collect();
                assert_eq!(tainted, closure(before, gone.label), "what {} taints", gone.label);
                if reopened.is_empty() { &mut withdrawn } else { &mut replaced }.push(gone.label);
            }
            Event::TaskReopened(task) => drop(reopened.insert(task.task)),
            Event::CallFailed(call) => {
                assert_eq!(
                    (call.fault, call.charged_tokens, call.charged_microusd),
                    (CallFault::Lost, 0, Some(0))
                );
            }
            _ => {}
        }
    }
    assert_eq!(withdrawn, dropped);
    let found = |label: &FactId| Job::from(before.fact(*label).unwrap().proposal.subject);
    assert!(replaced.iter().map(found).collect::<BTreeSet<_>>() == reopened, "what they found is withdrawn");
    assert_eq!(reopened, to_reopen(before, dropped), "exactly the tainted tasks are reopened");
    assert_eq!((after.jobs().claimed(), after.ledger().open().count()), (0, 0));
    assert_eq!(
        (after.ledger().own_calls(), after.ledger().spent_tokens(), after.ledger().spent_microusd),
        (0, 0, 0)
    );
    assert!(
        before.agents().iter().all(|(id, _)| after.agent(id).unwrap().left),
        "nobody of the origin is there"
    );
    for (old, new) in before.facts().iter().zip(after.facts()) {
        let falls = dropped.contains(&old.label)
            || dropped.iter().any(|label| closure(before, *label).contains(&old.label));
        assert!(falls || old == new, "{} stays as it was", old.label);
    }
    for (job, old) in before.jobs().iter() {
        let new = after.jobs().get(job).unwrap();
        assert_eq!((old.failures, old.order), (new.failures, new.order), "attempts of {job} as inherited");
        let kept = match old.status {
            Status::Done | Status::Abandoned if !reopened.contains(job) => new.status == old.status,
            Status::Done => matches!(new.status, Status::Ready | Status::Waiting),
            Status::InReview(_) => new.status == old.status,
            // What comes after a drain is void once there is work again.
            Status::Ready | Status::Claimed(_) if !reopened.is_empty() => !matches!(new.status, Status::Done),
            Status::Ready | Status::Claimed(_) => new.status == Status::Ready,
            _ => new.status == old.status,
        };
        assert!(kept, "{job} was {:?} and is {:?}", old.status, new.status);
        let needs =
            job.subject().and_then(|it| if let Subject::Task(task) = it { before.task(task) } else { None });
        let waits = |task: &&delm_core::ids::TaskId| {
            !after.jobs().get(&Job::Reason(**task)).unwrap().status.is_settled()
        };
        let waiting = needs.is_some_and(|task| task.needs.iter().any(|need| waits(&need)));
        assert!(!waiting || new.status != Status::Ready, "I-2: {job} is ready before what it needs");
    }
}

proptest! {
    #![proptest_config(config(128))]

    /// I-18, I-40, and I-44 of the fork. What the law itself checks is checked by what these runs pass through.
    #[test]
    fn a_fork_shares_its_prefix_and_changes_no_more_than_it_says(
        begin in begin(),
        steps in prop::collection::vec(step(), 1..120),
        heal in any::<bool>(),
        (place, mask, agents) in (any::<u16>(), any::<u8>(), 1usize..4),
        after in prop::collection::vec(step(), 0..40),
    ) {
        let mut chaos = Chaos::begin(&begin);
        steps.into_iter().for_each(|step| chaos.step(step));
        if heal {
            chaos.heal();
        }
        let (origin, states) = (chaos.world.log.clone(), states(&chaos.world.log));
        let seq = u64::from(place) % origin.len() as u64;
        let before = &states[usize::try_from(seq).unwrap()];
        let stands = |fact: &&std::sync::Arc<delm_core::run::Fact>| fact.withdrawn.is_none();
        let mut dropped: Vec<FactId> = before.facts().iter().filter(stands).map(|fact| fact.label).collect();
        let mut bit = 0;
        dropped.retain(|_| { bit += 1; mask & (1 << (bit % 8)) != 0 && bit < 4 });
        let outcome = chaos.fork(seq, &dropped, agents);
        if let Phase::Ended(_) = before.phase() {
            prop_assert!(outcome.is_none(), "a run that is over is forked");
            return Ok(());
        }
        let Some(Outcome::Entry(sealed)) = outcome else { panic!("the fork is refused") };
        check_first(before, &chaos.world.run, &sealed, &dropped);
        prop_assert_eq!(chaos.world.run.id(), Some(sealed.id));
        prop_assert_eq!(chaos.world.run.origin().map(|origin| (origin.run, origin.head.seq)), Some((origin[0].id, seq)));
        after.into_iter().for_each(|step| chaos.step(step));
        chaos.heal();
        prop_assert!(matches!(chaos.world.run.phase(), Phase::Ended(_)));
        // The prefix is the origin's, entry for entry, and the origin is what it was.
        let shared = usize::try_from(seq).unwrap() + 1;
        prop_assert!(chaos.world.log[..shared] == origin[..shared]);
        prop_assert!(self::states(&origin) == states);
        prop_assert_eq!(chaos.world.run.tree().size(), chaos.world.log.len() as u64);
        // A fork of the fork names the fork, where it leaves the fork's own entries, and the origin where it leaves its.
        let (log, whole) = (chaos.world.log.clone(), self::states(&chaos.world.log));
        for at in [seq, seq + 1] {
            let own = &whole[usize::try_from(at).unwrap()];
            if chaos.fork(at, &[], 2).is_some() {
                let named = chaos.world.run.origin().map(|origin| origin.run);
                prop_assert_eq!(named, Some(if at > seq { sealed.id } else { origin[0].id }));
                prop_assert_eq!(named, own.id());
            }
            chaos.world.log.clone_from(&log);
            chaos.world.back(log.len() as u64 - 1);
        }
    }
}

/// A run in the middle of its work, and the first entry of a fork that drops `F1` there.
fn forked() -> (Run, Sealed) {
    let mut chaos = Chaos::begin(&Begin::default());
    let script = ["given drained", "a1 claim", "a1 answer . next plan: What did not burn? <T2"];
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/setups.txt");
    let mut setups = common::script::Setups::new();
    let mut name = String::new();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        if let Some(new) = line.strip_prefix("setup ") {
            name = new.into();
        } else if let Some(step) = line.strip_prefix("  ") {
            setups.entry(name.clone()).or_default().push(step.into());
        }
    }
    let mut conversation = common::script::Script::new();
    script.iter().for_each(|line| drop(conversation.line(line, &setups).unwrap()));
    chaos.world = conversation.world;
    let before = chaos.world.run.clone();
    let seq = before.head().unwrap().seq;
    let Some(Outcome::Entry(sealed)) = chaos.fork(seq, &[FactId(1)], 2) else { panic!("it is refused") };
    (before, *sealed)
}

/// The law that a changed first entry breaks.
fn law(change: impl Fn(&mut Entry)) -> &'static str {
    let (mut run, sealed) = forked();
    let before = run.clone();
    let mut entry = sealed.entry;
    change(&mut entry);
    let fault = apply(&mut run, &entry.seal()).unwrap_err();
    assert!(run == before, "a refused entry leaves the state alone");
    fault.law
}

fn fork_of(entry: &mut Entry) -> &mut delm_core::event::RunForked {
    let Some(Event::RunForked(fork)) = entry.events.first_mut() else { panic!("no fork") };
    fork
}

fn without(entry: &mut Entry, kind: &str) {
    let before = entry.events.len();
    entry.events.retain(|event| event.kind() != kind);
    assert!(entry.events.len() < before, "there is no {kind}");
}

#[test]
fn a_forged_fork_breaks_the_law_of_forks() {
    let other = Digest([7; 32]);
    assert_eq!(law(|entry| fork_of(entry).owner = other), "I-40");
    assert_eq!(law(|entry| fork_of(entry).head = other), "I-40");
    assert_eq!(law(|entry| fork_of(entry).seq -= 1), "I-40");
    assert_eq!(law(|entry| without(entry, "claim_released")), "I-40");
    assert_eq!(law(|entry| without(entry, "call_failed")), "I-40");
    // Nothing is worked out again; what was found before is kept, or withdrawn though nothing is worked out again.
    let kept = |entry: &mut Entry| {
        without(entry, "task_reopened");
        let last = entry.events.iter().rposition(|event| event.kind() == "gist_withdrawn").unwrap();
        entry.events.remove(last);
    };
    assert_eq!(law(kept), "I-40");
    let replaced = |entry: &mut Entry| {
        let last = entry.events.iter().rposition(|event| event.kind() == "gist_withdrawn").unwrap();
        entry.events.remove(last);
    };
    assert_eq!(law(replaced), "I-40");
    assert_eq!(law(|entry| entry.events.swap(0, 1)), "I-40");
    assert_eq!(
        law(|entry| {
            let again = entry.events[0].clone();
            entry.events.push(again);
        }),
        "I-40"
    );
    assert_eq!(law(|entry| entry.agent = Some(delm_core::ids::AgentId(1))), "I-9");
    let charged = |entry: &mut Entry| {
        entry.events.iter_mut().for_each(|event| {
            if let Event::CallFailed(call) = event {
                call.charged_tokens = 1;
            }
        })
    };
    assert_eq!(law(charged), "I-40");
    let shallow = |entry: &mut Entry| {
        entry.events.iter_mut().for_each(|event| {
            if let Event::GistWithdrawn(gone) = event {
                gone.tainted.clear();
            }
        })
    };
    assert_eq!(law(shallow), "I-18");
    let of_another = |entry: &mut Entry| {
        entry.events.iter_mut().for_each(|event| {
            if let Event::TaskReopened(task) = event {
                task.task = Job::Reason(delm_core::ids::TaskId(1));
            }
        })
    };
    assert_eq!(law(of_another), "I-40");
    let other_attempt = |entry: &mut Entry| {
        entry.events.iter_mut().for_each(|event| {
            if let Event::TaskReopened(task) = event {
                task.attempt += 1;
            }
        })
    };
    assert_eq!(law(other_attempt), "I-10");
    let (mut run, sealed) = forked();
    apply(&mut run, &sealed).unwrap();
}
