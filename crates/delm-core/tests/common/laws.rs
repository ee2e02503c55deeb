//! The invariants that a state or its newest entry can show, by number.
//!
//! Refuses to trust `apply`: each is computed from the public projections and the entries alone.
#![expect(clippy::panic, reason = "a broken law ends the test, named by its number")]

use std::collections::{BTreeMap, BTreeSet};

use delm_core::event::{AgentKind, DrainCause, Event, Method, Outcome, Ruling};
use delm_core::ids::{AgentId, Job, Subject};
use delm_core::run::{Note, Phase, ProposalState, Run, Status};

use super::World;

/// Checks everything after an accepted command.
pub fn check(world: &World) {
    claims(&world.run);
    queue(world);
    context(&world.run);
    ledger(&world.run);
    newest(world);
}

fn claims(run: &Run) {
    let mut held = BTreeSet::new();
    let mut holders = BTreeSet::new();
    for (fence, claim) in run.jobs().claims() {
        assert!(held.insert(claim.job), "I-1: {} is held twice", claim.job);
        assert!(holders.insert(claim.agent), "I-1: {} holds two claims", claim.agent);
        assert_eq!(run.agent(claim.agent).and_then(|agent| agent.claim), Some(*fence), "I-9");
        assert_eq!(run.jobs().get(&claim.job).map(|job| job.status), Some(Status::Claimed(*fence)), "I-1");
        assert!(
            run.agent(claim.agent).is_some_and(|agent| !agent.left),
            "I-7: {} left with a claim",
            claim.agent
        );
        let program = run.agent(claim.agent).is_some_and(|agent| agent.kind == AgentKind::Program);
        let live = claim.deadline_ms > run.at();
        assert!(live || program, "I-5: a lease until {} is live at {}", claim.deadline_ms, run.at());
        assert!(*fence <= run.head().map_or(0, |head| head.seq), "I-3");
    }
    for (job, state) in run.jobs().iter() {
        assert!(!matches!(state.status, Status::Limbo), "I-37: {job} is in limbo");
        if let Status::Claimed(_) = state.status {
            assert!(held.contains(job), "I-7: {job} is claimed without a deadline");
        }
    }
    if let Phase::Paused(_) | Phase::Ended(_) = run.phase() {
        assert!(
            held.is_empty() && run.ledger().open().next().is_none(),
            "I-29: work goes on in {:?}",
            run.phase()
        );
    }
    assert!(
        !matches!(run.phase(), Phase::Stopping(_)) || !held.is_empty(),
        "I-29: stopping with nothing to wait for"
    );
}

/// The most attempts that the run ever allowed: a limit that is lowered leaves what had failed before.
fn attempts_ever(world: &World) -> u64 {
    let events = world.log.iter().flat_map(|sealed| &sealed.entry.events);
    let most = events.flat_map(|event| match event {
        Event::RunStarted(started) => vec![started.limits.attempts_max],
        Event::RunResumed(delm_core::event::RunResumed { changes, .. })
        | Event::RunForked(delm_core::event::RunForked { changes, .. }) => changes
            .iter()
            .filter(|change| change.limit == "attempts_max")
            .map(|change| change.value)
            .collect(),
        _ => Vec::new(),
    });
    // The newest entry may not be in the log yet.
    most.chain([world.run.limits().attempts_max]).max().unwrap_or(0)
}

fn queue(world: &World) {
    let (run, attempts_max) = (&world.run, attempts_ever(world));
    let mut unsettled = 0;
    for (job, state) in run.jobs().iter() {
        assert!(u64::from(state.failures) <= attempts_max, "I-10: {job} failed {} times", state.failures);
        unsettled += u64::from(job.subject().is_some() && !state.status.is_settled());
        if let Status::InReview(seq) = state.status {
            let review = run.jobs().get(&Job::Review(seq)).map(|review| review.status);
            assert!(
                matches!(review, Some(Status::Ready | Status::Claimed(_))),
                "I-13: {job} awaits no review"
            );
        }
    }
    assert_eq!(unsettled, run.jobs().unsettled(), "I-23");
    for (place, task) in run.tasks().iter().enumerate() {
        let id = delm_core::ids::TaskId::after(place);
        let needs = |need: &delm_core::ids::TaskId| run.jobs().get(&Job::Reason(*need)).map(|job| job.status);
        let settled = task.needs.iter().all(|need| needs(need).is_some_and(Status::is_settled));
        assert!(task.needs.iter().all(|need| *need < id), "I-25: {id} needs a later task");
        let status = run.jobs().get(&Job::Reason(id)).map(|job| job.status);
        let waiting = status == Some(Status::Waiting);
        // What was found before a need of it was reopened in a fork stays found.
        let found = matches!(status, Some(Status::Done | Status::Abandoned | Status::InReview(_)));
        let before = run.origin().is_some() && found;
        assert!(waiting != settled || before, "I-2: {id} is {status:?}, its needs being settled: {settled}");
    }
    let working = run.jobs().claimed() > 0 || run.takeable() || run.agents().principals() == 0;
    assert!(
        run.phase() != Phase::Running || working,
        "I-26: nobody works, nothing can be taken, and no drain is said"
    );
}

fn context(run: &Run) {
    let mut place = 0;
    for (at, note) in run.notes().iter().enumerate() {
        if let Note::Admitted(label) = note {
            assert_eq!(label.index(), place, "I-17: labels are dense");
            place += 1;
            let Some(fact) = run.fact(*label) else { panic!("I-17: {label} is no fact") };
            assert_eq!(fact.note, at as u64, "I-17");
            fact_holds(run, fact);
        }
    }
    assert_eq!(place, run.facts().len(), "I-17");
}

fn fact_holds(run: &Run, fact: &delm_core::run::Fact) {
    let proposal = &fact.proposal;
    let Some(verdict) = &proposal.verdict else { panic!("I-11: {} without a verdict", fact.label) };
    assert_eq!(verdict.outcome, Ruling::Approve, "I-11");
    assert_eq!(proposal.state, ProposalState::Admitted(fact.label), "I-13");
    let principal = |agent: AgentId| run.agent(agent).map(|agent| agent.principal.clone());
    if !matches!(verdict.method, Method::Log | Method::Ablated) {
        let same = verdict.verifier.and_then(principal) == proposal.author.and_then(principal);
        assert!(!same || run.self_review(), "I-12: {} is judged by its author's principal", fact.label);
    }
    for cited in proposal.cites.iter() {
        let before = run.fact(*cited).is_some_and(|cited| cited.note < proposal.length);
        assert!(before, "I-20: {} cites {cited}, which its author had not read", fact.label);
    }
    let tainting =
        |cited: &delm_core::ids::FactId| run.fact(*cited).is_some_and(|f| f.tainted || f.withdrawn.is_some());
    assert_eq!(fact.tainted, proposal.cites.iter().any(tainting), "I-18: {}", fact.label);
}

fn ledger(run: &Run) {
    let ledger = run.ledger();
    let (mut tokens, mut money, mut open) = (0, 0, 0);
    for (_, call) in ledger.open() {
        tokens += call.started.reserved_tokens;
        money += call.started.reserved_microusd.unwrap_or(0);
        open += 1;
    }
    assert_eq!((tokens, money), (ledger.reserved_tokens, ledger.reserved_microusd), "I-30");
    assert_eq!(ledger.own_calls(), ledger.finished + ledger.failed + open, "I-32");
}

/// What is spent may pass a budget, for calls in flight are charged each billable try; but no call begins beyond it.
fn begins_within(run: &Run) {
    let bound = run.limits().budget_tokens;
    let known = run.ledger().spent_tokens().saturating_add(run.ledger().reserved_tokens);
    assert!(bound == 0 || known <= bound, "I-31: a call begins with {known} of {bound}");
}

/// What the newest entry shows, against all before it.
fn newest(world: &World) {
    let Some(entry) = world.log.last().map(|sealed| &sealed.entry) else { return };
    for event in &entry.events {
        match event {
            Event::Claimed(claimed) => assert_eq!(claimed.fence, entry.seq, "I-3"),
            Event::CallStarted(call) if call.reserved_tokens > 0 => begins_within(&world.run),
            Event::Drained(drained) => {
                let empty = drained.cause == DrainCause::Empty;
                assert_eq!(drained.round, rounds(world), "I-27: rounds are counted from one");
                let open = world.run.jobs().unsettled();
                assert!(!empty || open == 0, "I-26: empty with {open} open");
            }
            Event::RunEnded(ended) => {
                let mut classes: BTreeMap<Subject, u32> = ended.open.iter().map(|open| (*open, 1)).collect();
                for (job, state) in world.run.jobs().iter() {
                    if let Some(subject) = job.subject().filter(|_| state.status.is_settled()) {
                        *classes.entry(subject).or_default() += 1;
                    }
                }
                assert!(
                    classes.values().all(|count| *count == 1),
                    "I-23: a task is in two classes at the end"
                );
                let drained = ended.outcome != Outcome::Answered || rounds(world) > 0;
                assert!(drained, "I-28: answered without a drain");
            }
            Event::TaskAbandoned(_) => {
                let all = world.log.iter().flat_map(|sealed| &sealed.entry.events);
                let times = all.filter(|other| *other == event).count();
                assert_eq!(times, 1, "I-24");
            }
            _ => {}
        }
    }
}

fn rounds(world: &World) -> u32 {
    let all = world.log.iter().flat_map(|sealed| &sealed.entry.events);
    let count = all.filter(|event| matches!(event, Event::Drained(_))).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
