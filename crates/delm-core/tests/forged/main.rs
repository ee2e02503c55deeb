//! Entries that decide would never write: one field of one event changed, sealed again, and refused by its law's number.
//!
//! Refuses to break two laws at once: an entry as it was written is folded, the same with one change is not.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it must be")]

#[path = "../common/mod.rs"]
mod common;

mod claims;
mod gists;
mod queue;
mod runs;

use common::script::{Script, Setups};
use delm_core::apply::apply;
use delm_core::entry::{Entry, Sealed};
use delm_core::event::{Event, Grade};
use delm_core::ids::{AgentId, Digest, FactId};
use delm_core::run::Run;

/// Three agents, two tasks at a time: a2 reads before F1 is admitted and submits after; a review expires; F1 is withdrawn.
const LINES: [&str; 16] = [
    "engine start agents=3",
    "a1 claim",
    "a1 answer . plan: Who built the light?; Where was she born?",
    "a1 claim",
    "a2 claim",
    "a1 renew .",
    "a1 answer . finding: Ada Quill built the harbour light in 1874. {S1.1: The harbour light was built in 1874 by Ada Quill.}",
    "a3 claim",
    "a3 answer . approve: it says so",
    "a2 answer . finding: Ada Quill was born in Penmarrow. {S1.1: Ada Quill was born in the village of Penmarrow.}",
    "a3 claim",
    "@200000 engine tick",
    "a3 claim",
    "a3 answer . approve: it says so",
    "a1 claim",
    "engine retract F1 it was another light",
];

fn log() -> Vec<Sealed> {
    log_of(&LINES)
}

/// What a conversation wrote.
fn log_of(lines: &[&str]) -> Vec<Sealed> {
    let mut script = Script::new();
    for line in lines {
        let came = script.line(line, &Setups::new()).unwrap();
        assert!(!came.iter().any(|line| line.starts_with('!')), "{line}: {came:?}");
    }
    script.world.log
}

/// The law that refuses the first entry the change fits, once it is changed.
#[track_caller]
fn law(change: impl Fn(&mut Entry) -> Option<()>) -> &'static str {
    law_in(&log(), change)
}

/// The same in another log.
#[track_caller]
fn law_in(log: &[Sealed], change: impl Fn(&mut Entry) -> Option<()>) -> &'static str {
    let mut run = Run::default();
    for sealed in log {
        let mut entry = sealed.entry.clone();
        if change(&mut entry).is_some() {
            let before = run.clone();
            let Err(fault) = apply(&mut run, &entry.seal()) else { return "no law" };
            assert!(run == before, "I-35: a refused entry changes the state");
            apply(&mut run, sealed).unwrap();
            return fault.law;
        }
        apply(&mut run, sealed).unwrap();
    }
    "no entry"
}

/// Changes the entry of a seq.
fn at(seq: u64, change: impl Fn(&mut Entry) -> Option<()>) -> impl Fn(&mut Entry) -> Option<()> {
    move |entry| (entry.seq == seq).then(|| change(entry).unwrap())
}

/// The place of the first entry with such an event, and of the event in it.
fn find(log: &[Sealed], wanted: impl Fn(&Event) -> bool) -> (u64, usize) {
    let places = log
        .iter()
        .filter_map(|sealed| Some((sealed.entry.seq, sealed.entry.events.iter().position(&wanted)?)));
    places.into_iter().next().unwrap()
}

/// Changes the first event that `pick` finds in an entry.
macro_rules! change {
    ($kind:ident, $event:ident => $edit:expr) => {
        move |entry: &mut delm_core::entry::Entry| {
            let found = entry.events.iter_mut().find_map(|event| {
                if let delm_core::event::Event::$kind(found) = event { Some(found) } else { None }
            });
            found.map(|$event| $edit)
        }
    };
}

pub(crate) use change;

const OTHER: Digest = Digest([7; 32]);

#[test]
fn an_entry_follows_its_head_in_place_and_time() {
    assert_eq!(law(|entry| (entry.seq > 0).then(|| entry.parent = OTHER)), "I-34");
    assert_eq!(law(|entry| (entry.seq > 0).then(|| entry.seq += 1)), "I-34");
    assert_eq!(law(|entry| (entry.seq > 0).then(|| entry.at = 0)), "I-8");
    assert_eq!(law(|entry| (entry.seq > 0).then(|| entry.rules += 1)), "I-42");
}

#[test]
fn a_claim_is_its_senders_under_its_own_fence() {
    assert_eq!(law(change!(Claimed, claimed => claimed.fence -= 1)), "I-3");
    assert_eq!(law(change!(Claimed, claimed => claimed.agent = AgentId(2))), "I-9");
    assert_eq!(law(change!(Claimed, claimed => claimed.attempt += 1)), "I-10");
    assert_eq!(law(change!(Claimed, claimed => claimed.deadline_ms = 0)), "I-5");
    assert_eq!(law(change!(LeaseRenewed, renewed => renewed.deadline_ms = 0)), "I-6");
    assert_eq!(law(change!(LeaseRenewed, renewed => renewed.fence -= 1)), "I-4");
}

#[test]
fn a_lease_expires_when_it_is_due() {
    assert_eq!(law(change!(ClaimExpired, expired => expired.fence += 1)), "I-4");
    let early = |entry: &mut Entry| {
        let expires = entry.events.iter().any(|event| matches!(event, Event::ClaimExpired(_)));
        expires.then(|| entry.at = 100_000)
    };
    assert_eq!(law(early), "I-5");
    assert_eq!(law(change!(TaskReopened, reopened => reopened.attempt += 1)), "I-10");
}

#[test]
fn a_draft_cites_what_its_author_had_read() {
    // F1 is there by now; a2 had read a context without it.
    let ahead = change!(DraftSubmitted, draft => draft.cites = vec![FactId(1)]);
    let log = log();
    let mut of_a2 = log.iter().filter(|sealed| sealed.entry.agent == Some(AgentId(2)) && submits(sealed));
    let at = of_a2.next().unwrap().entry.seq;
    let late = |entry: &mut Entry| (entry.seq == at).then(|| ahead(entry)).flatten();
    assert_eq!(law(late), "I-20");
    assert_eq!(law(change!(DraftSubmitted, draft => draft.length += 1)), "I-19");
}

fn submits(sealed: &Sealed) -> bool {
    sealed.entry.events.iter().any(|event| matches!(event, Event::DraftSubmitted(_)))
}

#[test]
fn a_verdict_is_on_the_gist_that_was_proposed() {
    assert_eq!(law(change!(VerdictGiven, given => given.gist = OTHER)), "I-11");
    assert_eq!(law(change!(VerdictGiven, given => given.verifier = Some(AgentId(1)))), "I-4");
    assert_eq!(law(change!(GistAdmitted, admitted => admitted.gist = OTHER)), "I-11");
    assert_eq!(law(change!(GistAdmitted, admitted => admitted.author = Some(AgentId(3)))), "I-9");
    assert_eq!(law(change!(GistAdmitted, admitted => admitted.grade = Grade::Mechanical)), "I-12");
}

#[test]
fn a_queue_drains_once_and_a_withdrawal_marks_every_citer() {
    assert_eq!(law(change!(Drained, drained => drained.round += 1)), "I-26");
    assert_eq!(law(change!(GistWithdrawn, withdrawn => withdrawn.tainted.push(FactId(2)))), "I-18");
    let twice = |entry: &mut Entry| {
        let drained = entry.events.iter().find(|event| matches!(event, Event::Drained(_)))?.clone();
        entry.events.push(drained);
        Some(())
    };
    assert_eq!(law(twice), "I-26");
}
