//! Gists and verdicts: what may be proposed, on what a verdict may rest, and who may give it.
//!
//! Refuses to break two laws where one will do.

use delm_oracle::Invariant as I;
use serde_json::{Value, json};

use super::{Story, drained, finds, fits_or_finds, lawful};
use crate::kit::Export;

#[test]
fn i22_a_summary_is_of_the_unit_that_was_read_with_so_many_bullets() {
    let sample = Export::sample("models");
    let (seq, place) = sample.first("summary_checked");
    for (unit, more, fits) in [("S3.1", 0, true), ("S3.1", 1, false), ("S1.1", 0, false)] {
        let mut run = sample.clone();
        run.cut_after(seq);
        let most = run.data((0, 0))["limits"]["bullets_max"].as_u64().unwrap();
        run.data((seq, place))["unit"] = json!(unit);
        run.data((seq, place))["bullets"] = json!(most + more);
        fits_or_finds(fits, &run, I::GistBounded, seq);
    }
}

#[test]
fn i04_a_gist_under_another_fence_than_its_draft() {
    let mut run = Export::sample("alone");
    let at = run.first("gist_proposed");
    run.data(at)["fence"] = json!(1);
    run.cut_after(at.0);
    finds(&run, &[(I::StaleNeverLands, at.0)]);
}

#[test]
fn i04_a_gist_of_another_task_than_its_draft() {
    let mut story = Story::of(&["p", "q"]).planned(&["T1", "T2"]);
    let fence = story.claims("a1", "reason:T1", 1);
    let events = [story.draft(fence, &[]), story.proposal("T1", fence), story.proposal("T2", fence)].concat();
    let seq = story.tell("a1", events);
    finds(&story.run, &[(I::StaleNeverLands, seq)]);
}

#[test]
fn i24_a_failure_is_of_what_was_given_up_and_nothing_else_by_nobody() {
    for (task, kind) in [("T2", "failure"), ("T1", "finding")] {
        let mut story = Story::of(&["p", "q"]).planned(&["T1", "T2"]);
        let fence = story.claims("a1", "reason:T1", 1);
        let gist = story.run.blob("a gist");
        let data = json!({"task": task, "fence": null, "gist": gist, "kind": kind, "evidence": []});
        let proposed = vec![("gist_proposed", data)];
        let events = [story.draft(fence, &[]), story.proposal("T1", fence), proposed].concat();
        let seq = story.tell("a1", events);
        finds(&story.run, &[(I::AbandonedOnce, seq)]);
    }
}

#[test]
fn i22_evidence_holds_something() {
    let sample = Export::sample("alone");
    let at = sample.first("gist_proposed");
    for (length, fits) in [(1, true), (0, false)] {
        let mut run = sample.clone();
        run.cut_after(at.0);
        let piece = &mut run.data(at)["evidence"][0];
        piece["end"] = json!(piece["start"].as_u64().unwrap() + length);
        fits_or_finds(fits, &run, I::GistBounded, at.0);
    }
}

/// `a1` proposed T1, and `a2` holds its review; the entry of the proposal and the fence.
fn in_review() -> (Story, usize, usize) {
    let mut story = Story::of(&["p", "q"]).planned(&["T1", "T2"]);
    let proposal = story.reasoned("a1", "T1", &[]);
    let fence = story.claims("a2", &format!("review:{proposal}"), 1);
    (story, proposal, fence)
}

#[test]
fn i12_the_log_approves_of_failures_only() {
    let (mut story, proposal, _) = in_review();
    let events = [
        story.verdict("T1", proposal, None, "log", "approve"),
        story.admission("T1", proposal, Some("a1"), "none"),
    ]
    .concat();
    let seq = story.tell("", events);
    finds(&story.run, &[(I::Independence, seq)]);
}

#[test]
fn i12_nobody_approves_by_checks_alone() {
    let (mut story, proposal, _) = in_review();
    let events = [
        story.verdict("T1", proposal, None, "mechanical", "approve"),
        story.admission("T1", proposal, Some("a1"), "mechanical"),
    ]
    .concat();
    let seq = story.tell("", events);
    finds(&story.run, &[(I::Independence, seq)]);
}

#[test]
fn i12_checks_say_nothing_of_a_failure() {
    let mut story = Story::of(&["p", "q"]).limit("attempts_max", 1).planned(&["T1", "T2"]);
    let fence = story.claims("a1", "reason:T1", 1);
    let draft = story.draft(fence, &[]);
    let mut given_up = story.given_up("T1", 1);
    given_up[2].1["method"] = json!("mechanical");
    given_up[2].1["checks"] = json!([{"check": "spans", "passed": true}]);
    given_up[3].1["grade"] = json!("mechanical");
    let seq = story.tell("a1", [draft, given_up].concat());
    finds(&story.run, &[(I::Independence, seq)]);
}

#[test]
fn i16_an_approval_rests_on_a_check() {
    let (mut story, proposal, fence) = in_review();
    let mut events = story.approval("T1", proposal, "a1", ("a2", fence));
    let seq = story.tell("a2", events.clone());
    lawful(&story.run);
    story.run.cut_after(seq - 1);
    events[1].1["checks"] = json!([]);
    story.tell("a2", events);
    finds(&story.run, &[(I::VerdictsReplay, seq)]);
}

/// What `a2` rejects by `method` with these checks.
fn rejected(method: &str, checks: &Value) -> (Story, usize) {
    let (mut story, proposal, fence) = in_review();
    let mut events = [
        story.draft(fence, &[]),
        story.verdict("T1", proposal, Some(("a2", fence)), method, "reject"),
        story.failure("task_reopened", "T1", 1),
    ]
    .concat();
    events[1].1["checks"] = checks.clone();
    let seq = story.tell("a2", events);
    (story, seq)
}

#[test]
fn a_rejection_may_rest_on_no_check_and_one_by_a_program_on_any() {
    lawful(&rejected("mechanical", &json!([])).0.run);
    lawful(&rejected("program", &json!([{"check": "spans", "passed": true}])).0.run);
    lawful(&rejected("program", &json!([{"check": "spans", "passed": false}])).0.run);
}

#[test]
fn i16_a_program_approves_in_spite_of_a_check() {
    for (passed, fits) in [(true, true), (false, false)] {
        let (mut story, proposal, fence) = in_review();
        let mut events = story.approval("T1", proposal, "a1", ("a2", fence));
        events[1].1["method"] = json!("program");
        events[1].1["checks"] = json!([{"check": "spans", "passed": passed}]);
        events[2].1["grade"] = json!("judged");
        let seq = story.tell("a2", events);
        fits_or_finds(fits, &story.run, I::VerdictsReplay, seq);
    }
}

#[test]
fn i24_a_review_that_is_given_up_rejects_its_proposal() {
    for (rejects, fits) in [(true, true), (false, false)] {
        let mut story = Story::of(&["p", "q"]).limit("attempts_max", 2).planned(&["T1"]);
        let proposal = story.reasoned("a1", "T1", &[]);
        let review = format!("review:{proposal}");
        for attempt in [1, 2] {
            let fence = story.claims("a2", &review, attempt);
            let mut events = vec![("claim_expired", json!({"job": review, "fence": fence}))];
            let kind = if attempt == 2 { "task_abandoned" } else { "task_reopened" };
            events.extend(story.failure(kind, &review, attempt));
            if attempt == 2 && rejects {
                events.extend(story.verdict("T1", proposal, None, "log", "reject"));
                events.extend(story.failure("task_reopened", "T1", 1));
            }
            story.tell("", events);
            story.later(1_000);
        }
        let seq = story.next() - 1;
        fits_or_finds(fits, &story.run, I::AbandonedOnce, seq);
    }
}

#[test]
fn a_verdict_on_the_last_task_drains_the_round() {
    let mut story = Story::of(&["p", "q"]).planned(&["T1"]);
    let proposal = story.reasoned("a1", "T1", &[]);
    story.reviewed("a2", "T1", proposal, "a1", drained(1, "empty"));
    lawful(&story.run);
}
