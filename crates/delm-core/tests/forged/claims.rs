//! Claims, leases, fences and calls, forged.
//!
//! Refuses to take the law's word for a bound: a value on the bound is tried beside one past it.

use delm_core::entry::{Entry, Sealed};
use delm_core::event::{CallFailed, CallFault, ContextRead, Event};
use delm_core::ids::{AgentId, CallId, FactId, Job, Label, TaskId, UnitId};

use super::{OTHER, at, change, find, law, law_in, log, log_of};

const A1: AgentId = AgentId(1);
const A2: AgentId = AgentId(2);

/// a1 reads behind F1, and then gives its job back; a2 has left; a3 is a program that submits.
fn unfolding() -> Vec<Sealed> {
    log_of(&[
        "engine start agents=2",
        "a1 claim",
        "a1 answer . plan: Who built the light?; Where was she born? <1",
        "a1 claim",
        "a1 answer . finding: Ada Quill built the harbour light in 1874. {S1.1: The harbour light was built in 1874 by Ada Quill.}",
        "a2 claim",
        "a2 answer . approve: it says so",
        "a1 claim",
        "a1 answer . unfold: F1, S1.1",
        "a1 release .",
        "a2 leave",
        "engine join program bob",
        "a3 claim",
        "a3 submit . finding: Ada Quill was born in Penmarrow. {S1.1: Ada Quill was born in the village of Penmarrow.}",
        "a1 claim",
    ])
}

#[test]
fn a_claim_is_of_a_ready_job_by_one_who_is_free() {
    let lease = |entry: &mut Entry| {
        let at = entry.at;
        change!(Claimed, claimed => claimed.deadline_ms = at)(entry)
    };
    assert_eq!(law(lease), "I-5", "a lease of no time");
    assert_eq!(law(change!(Claimed, claimed => claimed.job = Job::Reason(TaskId(1)))), "I-2", "no such job");
    let log = log();
    let second = find(&log, |event| matches!(event, Event::Claimed(claimed) if claimed.agent == A2)).0;
    let held = at(second, change!(Claimed, claimed => claimed.job = Job::Reason(TaskId(1))));
    assert_eq!(law(held), "I-2", "a1 holds it");
    let by = |agent: AgentId| {
        move |entry: &mut Entry| {
            entry.agent = Some(agent);
            entry.command = 99;
            change!(Claimed, claimed => claimed.agent = agent)(entry)
        }
    };
    assert_eq!(law(at(second, by(A1))), "I-1", "a1 holds another");
    assert_eq!(law(at(second, by(AgentId(4)))), "I-9", "nobody");
    let review =
        find(&log, |event| matches!(event, Event::Claimed(claimed) if matches!(claimed.job, Job::Review(_))))
            .0;
    assert_eq!(law(at(review, by(A1))), "I-12", "its own gist");
    let log = unfolding();
    let last = log.last().unwrap().entry.seq;
    assert_eq!(law_in(&log, at(last, by(A2))), "I-1", "it left");
}

#[test]
fn a_renewal_is_its_holders_and_gives_no_less_time() {
    let renewal = |of: AgentId, by: AgentId| {
        move |entry: &mut Entry| {
            change!(LeaseRenewed, renewed => renewed.agent = of)(entry)?;
            entry.agent = Some(by);
            entry.command = 99;
            Some(())
        }
    };
    assert_eq!(law(renewal(A1, A1)), "no law");
    assert_eq!(law(renewal(A2, A1)), "I-6");
    assert_eq!(law(renewal(A1, A2)), "I-6");
    assert_eq!(law(renewal(A2, A2)), "I-6");
    assert_eq!(law(change!(LeaseRenewed, renewed => renewed.attempt += 1)), "I-10");
    assert_eq!(law(change!(LeaseRenewed, renewed => renewed.job = Job::Plan)), "I-4");
    let log = log();
    let (claim, _) =
        find(&log, |event| matches!(event, Event::Claimed(claimed) if claimed.job == Job::Reason(TaskId(1))));
    let mut until = 0;
    for event in &log[usize::try_from(claim).unwrap()].entry.events {
        if let Event::Claimed(claimed) = event {
            until = claimed.deadline_ms;
        }
    }
    assert_eq!(law(change!(LeaseRenewed, renewed => renewed.deadline_ms = until)), "no law", "the same time");
    assert_eq!(law(change!(LeaseRenewed, renewed => renewed.deadline_ms = until - 1)), "I-6");
}

#[test]
fn only_time_expires_a_claim_and_only_its_own_job_is_given_back() {
    let by_agent = |entry: &mut Entry| {
        change!(ClaimExpired, _expired => ())(entry)?;
        entry.agent = Some(A1);
        Some(())
    };
    assert_eq!(law(by_agent), "I-5");
    assert_eq!(law(change!(ClaimExpired, expired => expired.job = Job::Plan)), "I-4");
    let log = unfolding();
    assert_eq!(law_in(&log, change!(ClaimReleased, released => released.job = Job::Plan)), "I-4");
    assert_eq!(law_in(&log, change!(ClaimReleased, released => released.fence -= 1)), "I-4");
}

#[test]
fn a_claim_reads_once_and_what_there_is() {
    assert_eq!(law(change!(ContextRead, read => read.length = 1)), "I-19", "there is no note yet");
    let twice = |entry: &mut Entry| {
        let (place, fence) = entry.events.iter().enumerate().find_map(|(place, event)| {
            if let Event::ContextRead(read) = event { Some((place, read.fence)) } else { None }
        })?;
        entry.events.insert(place + 1, ContextRead { fence, length: 0 }.into());
        Some(())
    };
    assert_eq!(law(twice), "I-19");
    let blind = log_of(&[
        "engine start agents=2 ablate=sharing",
        "a1 claim",
        "a1 answer . plan: Who built the light?; Where was she born? <1",
        "a1 claim",
        "a1 answer . finding: Ada Quill built the harbour light in 1874. {S1.1: The harbour light was built in 1874 by Ada Quill.}",
        "a2 claim",
        "a2 answer . approve: it says so",
        "a1 claim",
    ]);
    let last = blind.last().unwrap().entry.seq;
    let reads = at(last, change!(ContextRead, read => read.length = 1));
    assert_eq!(law_in(&blind, reads), "I-19", "sharing is switched off");
}

#[test]
fn what_is_unfolded_is_there_and_was_read() {
    let log = unfolding();
    let none = change!(Unfolded, unfolded => unfolded.label = Label::Fact(FactId(2)));
    assert_eq!(law_in(&log, none), "I-20");
    let unit = UnitId { source: delm_core::ids::SourceId(1), index: 2 };
    assert_eq!(law_in(&log, change!(Unfolded, unfolded => unfolded.label = Label::Unit(unit))), "I-22");
    assert_eq!(law_in(&log, change!(Unfolded, unfolded => unfolded.fence -= 1)), "I-4");
    // F1 is there, but was admitted after the claim was made.
    let mut lines = super::LINES[..9].to_vec();
    lines.push("a2 answer . unfold: S1.1");
    let log = log_of(&lines);
    assert_eq!(law_in(&log, change!(Unfolded, unfolded => unfolded.label = Label::Fact(FactId(1)))), "I-20");
}

#[test]
fn a_call_is_next_and_asks_for_its_claim() {
    assert_eq!(law(change!(CallStarted, started => started.call = CallId(2))), "I-32");
    assert_eq!(
        law(change!(CallStarted, started => started.purpose = delm_core::event::Purpose::Read)),
        "I-19"
    );
    assert_eq!(law(change!(CallStarted, started => started.request.recipe.length += 1)), "I-19");
    assert_eq!(law(change!(CallStarted, started => started.request.recipe.attempt += 1)), "I-10");
    assert_eq!(law(change!(CallStarted, started => started.request.recipe.job = Job::Finalize)), "I-4");
    let label = Label::Fact(FactId(1));
    let unfolded = (label, delm_core::event::Level::Raw);
    assert_eq!(law(change!(CallStarted, started => started.request.recipe.unfolded.push(unfolded))), "I-19");
    let twice = |entry: &mut Entry| {
        let mut call = entry.events.iter().find(|event| matches!(event, Event::CallStarted(_)))?.clone();
        if let Event::CallStarted(started) = &mut call {
            started.call = CallId(2);
        }
        entry.events.push(call);
        Some(())
    };
    assert_eq!(law(twice), "I-32");
}

#[test]
fn a_call_ends_once_by_its_maker_and_with_its_price() {
    assert_eq!(law(change!(CallFinished, finished => finished.billable = 1)), "I-30");
    assert_eq!(law(change!(CallFinished, finished => (finished.tries, finished.billable) = (2, 2))), "I-30");
    assert_eq!(
        law(change!(CallFinished, finished => (finished.tries, finished.billable) = (2, 1))),
        "no law"
    );
    assert_eq!(
        law(change!(CallFinished, finished => (finished.tries, finished.billable) = (0, 0))),
        "no law"
    );
    assert_eq!(law(change!(CallFinished, finished => (finished.tries, finished.billable) = (0, 1))), "I-30");
    assert_eq!(law(change!(CallFinished, finished => finished.call = CallId(2))), "I-32");
    let other = |entry: &mut Entry| {
        change!(CallFinished, _finished => ())(entry)?;
        entry.agent = Some(A2);
        Some(())
    };
    assert_eq!(law(other), "I-9");
}

#[test]
fn a_failed_call_is_charged_for_each_billable_try() {
    const NO_PRICE: [&str; 3] =
        ["engine start agents=2", "a1 claim", "a1 fail . provider tries=2 billable=2 the line was cut"];
    let fails = |log: &[Sealed], charge: fn(&mut CallFailed)| {
        law_in(log, change!(CallFailed, failed => charge(failed)))
    };
    let log = log_of(&NO_PRICE);
    assert_eq!(fails(&log, |_| ()), "no law");
    assert_eq!(fails(&log, |failed| failed.charged_tokens += 1), "I-30");
    assert_eq!(fails(&log, |failed| failed.charged_microusd = Some(1)), "I-30");
    assert_eq!(fails(&log, |failed| failed.billable = 3), "I-30");
    assert_eq!(fails(&log, |failed| failed.call = CallId(2)), "I-32");
    assert_eq!(fails(&log, |failed| failed.error = OTHER), "no law", "why is not the law's");
    let priced = log_of(&["engine start agents=2 price=1000000/2000000", NO_PRICE[1], NO_PRICE[2]]);
    assert_eq!(fails(&priced, |_| ()), "no law");
    assert_eq!(fails(&priced, |failed| failed.charged_microusd = Some(0)), "I-30");
    assert_eq!(
        fails(&priced, |failed| failed.charged_microusd = None),
        "no law",
        "unknown, without a budget"
    );
    let kept = log_of(&[
        "engine start agents=2 price=1000000/2000000 budget_microusd=100000000",
        NO_PRICE[1],
        NO_PRICE[2],
    ]);
    assert_eq!(fails(&kept, |_| ()), "no law");
    assert_eq!(fails(&kept, |failed| failed.charged_microusd = None), "I-30", "a budget has to be kept");
    let more =
        |failed: &mut CallFailed| failed.charged_microusd = failed.charged_microusd.map(|money| money + 1);
    assert_eq!(fails(&kept, more), "I-30");
    let free = log_of(&[
        "engine start agents=2 price=1000000/2000000",
        NO_PRICE[1],
        "a1 fail . request tries=1 billable=0 no such model",
    ]);
    assert_eq!(fails(&free, |_| ()), "no law");
    assert_eq!(
        fails(&free, |failed| failed.charged_microusd = None),
        "I-30",
        "no try was billed: that is known"
    );
    assert_eq!(fails(&free, |failed| failed.fault = CallFault::Provider), "no law");
}
