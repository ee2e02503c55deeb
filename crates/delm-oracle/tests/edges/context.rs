//! Units, what is read of the context, and what builds on what.
//!
//! Refuses to break two laws where one will do.

use delm_oracle::Invariant as I;
use serde_json::json;

use super::{Events, Story, finds, fits_or_finds, lawful};
use crate::kit::Export;

#[test]
fn i22_a_unit_is_the_next_of_its_source_and_does_not_end_before_it_starts() {
    let sample = Export::sample("alone");
    let at = sample.find("unit_added", 5, |_| true);
    for (field, value, fits) in [
        ("end", json!(1_277), true),
        ("end", json!(1_276), false),
        ("unit", json!("S1.7"), false),
        ("unit", json!("S2.1"), false),
    ] {
        let mut run = sample.clone();
        run.cut_after(0);
        run.data(at)[field] = value;
        run.events(0).truncate(at.1 + 1);
        fits_or_finds(fits, &run, I::GistBounded, 0);
    }
}

fn read(fence: usize, length: usize) -> Events {
    vec![("context_read", json!({"fence": fence, "length": length}))]
}

#[test]
fn i19_a_claim_says_once_and_at_once_what_it_reads() {
    let mut story = Story::of(&["p"]);
    let claim = story.claim("a1", "plan", 1);
    let seq = story.tell("a1", [claim, read(1, 0)].concat());
    finds(&story.run, &[(I::SnapshotsArePrefixes, seq)]);

    let mut story = Story::of(&["p"]);
    let claim = story.claim("a1", "plan", 1);
    story.tell("a1", claim[..1].to_vec());
    let seq = story.tell("a1", read(1, 0));
    finds(&story.run, &[(I::SnapshotsArePrefixes, seq - 1)]);
    assert_eq!(story.run.report().findings[0].more, 1);
}

#[test]
fn reading_behind_a_label_is_under_a_claim_that_lives_and_of_what_is_there() {
    let mut run = Export::sample("models");
    let at = run.first("unfolded");
    run.cut_after(at.0);
    // The call that read it is of no concern here.
    run.events(at.0).truncate(at.1 + 1);
    let fence = run.data(at)["fence"].as_u64().unwrap();
    for (fence, label, law) in [
        (fence, "S4.1", None),
        (fence, "F5", None),
        (fence - 1, "S4.1", Some(I::StaleNeverLands)),
        (fence, "S5.1", Some(I::GistBounded)),
        (fence, "F6", Some(I::Causality)),
    ] {
        let mut run = run.clone();
        run.data(at)["fence"] = json!(fence);
        run.data(at)["label"] = json!(label);
        let laws: Vec<_> = law.into_iter().map(|law| (law, at.0)).collect();
        finds(&run, &laws);
    }
}

/// Withdraws a fact, which taints those; the seq.
fn withdraw(story: &mut Story, label: &str, tainted: &[&str]) -> usize {
    let (reason, note) = (story.run.blob("it was wrong"), story.notes());
    let data = json!({"label": label, "reason": reason, "tainted": tainted, "note": note});
    story.tell("", vec![("gist_withdrawn", data)])
}

/// T1 and T2 are done; `a1` has a draft of T3 in review that cites F1 and F2.
fn built_on() -> (Story, usize) {
    let mut story = Story::of(&["p", "q"]).planned(&["T1", "T2", "T3", "T4"]);
    for task in ["T1", "T2"] {
        let proposal = story.reasoned("a1", task, &[]);
        story.reviewed("a2", task, proposal, "a1", Vec::new());
    }
    let proposal = story.reasoned("a1", "T3", &["F1", "F2"]);
    (story, proposal)
}

#[test]
fn i18_what_builds_on_a_withdrawn_fact_is_tainted_from_the_start() {
    let (mut story, proposal) = built_on();
    withdraw(&mut story, "F1", &[]);
    story.reviewed("a2", "T3", proposal, "a1", Vec::new());
    let mut untainted = Story { run: story.run.clone(), number: 99 };
    withdraw(&mut story, "F2", &[]);
    lawful(&story.run);
    withdraw(&mut untainted, "F2", &["F3"]);
    lawful(&untainted.run);
}

#[test]
fn i18_what_builds_on_a_tainted_fact_is_tainted_from_the_start() {
    let (mut story, proposal) = built_on();
    story.reviewed("a2", "T3", proposal, "a1", Vec::new());
    let proposal = story.reasoned("a1", "T4", &["F3", "F2"]);
    withdraw(&mut story, "F1", &["F3"]);
    let more = super::drained(1, "empty");
    story.reviewed("a2", "T4", proposal, "a1", more);
    // F4 builds on F2, and is tainted already, by F3.
    withdraw(&mut story, "F2", &[]);
    lawful(&story.run);
}

#[test]
fn i18_a_fact_that_stands_is_tainted_by_what_it_builds_on() {
    let (mut story, proposal) = built_on();
    story.reviewed("a2", "T3", proposal, "a1", Vec::new());
    let seq = withdraw(&mut story, "F2", &[]);
    finds(&story.run, &[(I::WithdrawalIsAnEvent, seq)]);
}

#[test]
fn i20_a_fact_that_cites_itself_builds_on_nothing() {
    let mut story = Story::of(&["p", "q"]).planned(&["T1", "T2"]);
    let proposal = story.reasoned("a1", "T1", &["F1"]);
    story.reviewed("a2", "T1", proposal, "a1", Vec::new());
    withdraw(&mut story, "F1", &[]);
    finds(&story.run, &[(I::Causality, proposal)]);
}
