//! Claims, leases, fences: who may hold, renew, give back and land what.
//!
//! Refuses to break two laws where one will do.

use delm_oracle::Invariant as I;
use serde_json::json;

use super::{Events, Story, drained, finds, fits_or_finds, joined, lawful};

fn left(agent: &str) -> Events {
    vec![("agent_left", json!({"agent": agent}))]
}

fn released(job: &str, fence: usize) -> Events {
    vec![("claim_released", json!({"job": job, "fence": fence}))]
}

fn expired(job: &str, fence: usize) -> Events {
    vec![("claim_expired", json!({"job": job, "fence": fence}))]
}

#[test]
fn i09_an_agent_leaves_twice() {
    let mut story = Story::of(&["p", "q"]);
    story.tell("a1", left("a1"));
    lawful(&story.run);
    let seq = story.tell("a1", left("a1"));
    finds(&story.run, &[(I::Attribution, seq)]);
}

#[test]
fn a_round_drains_when_the_last_reviewer_leaves() {
    let mut story = Story::of(&["p", "q", "q"]).planned(&["T1"]);
    story.reasoned("a1", "T1", &[]);
    story.tell("a2", left("a2"));
    lawful(&story.run);
    story.tell("a3", [left("a3"), drained(1, "stuck")].concat());
    lawful(&story.run);
}

#[test]
fn no_round_drains_when_everybody_left() {
    let mut story = Story::of(&["p", "q"]).planned(&["T1"]);
    story.reasoned("a1", "T1", &[]);
    story.tell("", [left("a1"), left("a2")].concat());
    lawful(&story.run);
}

#[test]
fn i06_a_renewal_until_now() {
    let mut story = Story::of(&["p"]);
    let fence = story.claims("a1", "plan", 1);
    let deadline = story.at() + 1_000;
    let renewed = |deadline: u64| json!({"job": "plan", "agent": "a1", "fence": fence, "deadline_ms": deadline, "attempt": 1});
    story.tell("a1", vec![("lease_renewed", renewed(deadline))]);
    lawful(&story.run);
    let seq = story.tell("a1", vec![("lease_renewed", renewed(deadline))]);
    story.later(1_000);
    finds(&story.run, &[(I::LeaseNeverShrinks, seq), (I::ExpiryIsCaused, seq)]);
}

#[test]
fn i05_a_renewal_that_comes_late() {
    let mut story = Story::of(&["p"]);
    let fence = story.claims("a1", "plan", 1);
    let deadline = story.at() + 5_000;
    let renewed =
        json!({"job": "plan", "agent": "a1", "fence": fence, "deadline_ms": deadline, "attempt": 1});
    let seq = story.tell("a1", vec![("lease_renewed", renewed)]);
    story.later(1_000);
    finds(&story.run, &[(I::ExpiryIsCaused, seq)]);
}

#[test]
fn i05_something_else_while_a_deadline_is_due() {
    let mut story = Story::of(&["p"]);
    story.claims("a1", "plan", 1);
    story.tell("", vec![("agent_joined", joined(2, "q"))]);
    story.later(999);
    lawful(&story.run);
    story.later(1);
    finds(&story.run, &[(I::ExpiryIsCaused, 2)]);
}

#[test]
fn a_new_writer_may_resume_while_a_deadline_is_due() {
    let mut story = Story::of(&["p"]);
    story.run.data((0, 1))["kind"] = json!("program");
    story.run.data((0, 1))["program"] = json!("a program");
    let fence = story.claims("a1", "plan", 1);
    story.tell("", vec![("run_resumed", json!({"engine": "other 1", "changes": []}))]);
    story.later(1_000);
    lawful(&story.run);
    let again = story.failure("task_reopened", "plan", 1);
    story.tell("", [expired("plan", fence), again].concat());
    lawful(&story.run);
}

#[test]
fn i09_a_claim_is_given_back_by_somebody_else() {
    for (sender, fits) in [("a1", true), ("", true), ("a2", false)] {
        let mut story = Story::of(&["p", "q"]);
        let fence = story.claims("a1", "plan", 1);
        let seq = story.tell(sender, released("plan", fence));
        fits_or_finds(fits, &story.run, I::Attribution, seq);
    }
}

#[test]
fn i10_releases_count_past_their_bound_only() {
    let mut story = Story::of(&["p"]).limit("releases_max", 1);
    let fence = story.claims("a1", "plan", 1);
    let again = story.failure("task_reopened", "plan", 1);
    let mut early = Story { run: story.run.clone(), number: 9 };
    let seq = early.tell("a1", [released("plan", fence), again.clone()].concat());
    finds(&early.run, &[(I::AttemptsBounded, seq)]);

    story.tell("a1", released("plan", fence));
    let fence = story.claims("a1", "plan", 1);
    story.tell("a1", [released("plan", fence), again].concat());
    story.claims("a1", "plan", 2);
    lawful(&story.run);
}

#[test]
fn i09_a_draft_is_sent_by_somebody_else() {
    let mut story = Story::of(&["p", "q"]);
    let fence = story.claims("a1", "plan", 1);
    let events = [story.draft(fence, &[]), story.tasks(&["T1"], 0)].concat();
    let seq = story.tell("a2", events);
    finds(&story.run, &[(I::Attribution, seq)]);
}

/// A late result of `agent` under `fence`.
fn refused(story: &mut Story, agent: &str, fence: usize) -> Events {
    let draft = story.run.blob("too late");
    let data = json!({"job": "plan", "fence": fence, "agent": agent, "draft": draft, "cites": [], "length": 0, "why": "stale"});
    vec![("result_refused", data)]
}

#[test]
fn i09_a_late_result_of_somebody_else() {
    let mut story = Story::of(&["p", "q"]);
    let fence = story.claims("a1", "plan", 1);
    story.tell("a1", released("plan", fence));
    let late = refused(&mut story, "a1", fence);
    story.tell("a1", late.clone());
    lawful(&story.run);
    let seq = story.tell("a2", late);
    finds(&story.run, &[(I::Attribution, seq)]);
}

#[test]
fn i04_a_result_is_refused_that_is_not_late() {
    let mut story = Story::of(&["p", "q"]);
    let fence = story.claims("a1", "plan", 1);
    let late = refused(&mut story, "a2", fence);
    story.tell("a2", late);
    lawful(&story.run);
    let late = refused(&mut story, "a1", fence);
    let seq = story.tell("a1", late);
    finds(&story.run, &[(I::StaleNeverLands, seq)]);
}

/// A task is done and a second one open; the fact is withdrawn, and `again` is opened in the same entry.
fn withdrawn(again: &str, attempt: u32) -> Story {
    let mut story = Story::of(&["p", "q"]).planned(&["T1", "T2"]);
    let proposal = story.reasoned("a1", "T1", &[]);
    story.reviewed("a2", "T1", proposal, "a1", Vec::new());
    let reason = story.run.blob("it was wrong");
    let gone = vec![("gist_withdrawn", json!({"label": "F1", "reason": reason, "tainted": [], "note": 1}))];
    let again = story.failure("task_reopened", again, attempt);
    story.tell("", [gone, again].concat());
    story
}

#[test]
fn i10_a_withdrawal_opens_what_is_settled_and_counts_nothing() {
    let mut story = withdrawn("T1", 1);
    lawful(&story.run);
    story.claims("a1", "reason:T2", 1);
    lawful(&story.run);
    let story = withdrawn("T2", 1);
    finds(&story.run, &[(I::AttemptsBounded, story.next() - 1)]);
}

#[test]
fn i24_what_is_settled_is_opened_again() {
    let mut story = Story::of(&["p", "q"]).planned(&["T1", "T2"]);
    let proposal = story.reasoned("a1", "T1", &[]);
    story.reviewed("a2", "T1", proposal, "a1", Vec::new());
    let again = story.failure("task_reopened", "T1", 1);
    let seq = story.tell("", again);
    finds(&story.run, &[(I::AttemptsBounded, seq), (I::AbandonedOnce, seq)]);
}

#[test]
fn a_plan_and_a_review_are_tried_twice() {
    let mut story = Story::of(&["p", "q"]);
    let fence = story.claims("a1", "plan", 1);
    let events = [story.draft(fence, &[]), story.failure("task_reopened", "plan", 1)].concat();
    story.tell("a1", events);
    let fence = story.claims("a1", "plan", 2);
    let events = [story.draft(fence, &[]), story.tasks(&["T1"], 0)].concat();
    story.tell("a1", events);
    let proposal = story.reasoned("a1", "T1", &[]);
    let review = format!("review:{proposal}");
    let fence = story.claims("a2", &review, 1);
    let again = story.failure("task_reopened", &review, 1);
    story.tell("", [expired(&review, fence), again].concat());
    story.later(1_000);
    let fence = story.claims("a2", &review, 2);
    let events = [story.approval("T1", proposal, "a1", ("a2", fence)), drained(1, "empty")].concat();
    story.tell("a2", events);
    lawful(&story.run);
}

#[test]
fn i02_a_plan_is_claimed_when_one_was_made() {
    let mut story = Story::of(&["p"]).planned(&["T1"]);
    let seq = story.claims("a1", "plan", 1);
    finds(&story.run, &[(I::ReadyOnly, seq)]);
}

#[test]
fn i24_a_task_that_is_done_is_given_up() {
    let mut story = Story::of(&["p", "q"]).limit("attempts_max", 1).planned(&["T1", "T2"]);
    let fence = story.claims("a1", "reason:T2", 1);
    let events = [expired("reason:T2", fence), story.given_up("T2", 1)].concat();
    story.tell("", events);
    story.later(1_000);
    lawful(&story.run);
    let proposal = story.reasoned("a1", "T1", &[]);
    story.reviewed("a2", "T1", proposal, "a1", drained(1, "empty"));
    lawful(&story.run);
    let events = story.given_up("T1", 1);
    let seq = story.tell("", events);
    finds(&story.run, &[(I::AbandonedOnce, seq)]);
}

#[test]
fn i24_a_plan_is_given_up_twice_in_an_entry() {
    let mut story = Story::of(&["p"]).limit("attempts_max", 1);
    let fence = story.claims("a1", "plan", 1);
    let over = story.failure("task_abandoned", "plan", 1);
    let reason = over[0].1["reason"].clone();
    let end = vec![("run_ended", json!({"outcome": "failed", "reason": reason, "open": []}))];
    let draft = story.draft(fence, &[]);
    let mut once = Story { run: story.run.clone(), number: 9 };
    once.tell("a1", [draft.clone(), over.clone(), end.clone()].concat());
    lawful(&once.run);
    let seq = story.tell("a1", [draft, over.clone(), over, end].concat());
    finds(&story.run, &[(I::AbandonedOnce, seq)]);
}

#[test]
fn i10_an_expiry_is_counted_unless_the_run_ends_with_it() {
    let end = vec![("run_ended", json!({"outcome": "cancelled", "reason": null, "open": []}))];
    for (more, fits) in [(Vec::new(), false), (end, true)] {
        let mut story = Story::of(&["p"]);
        let fence = story.claims("a1", "plan", 1);
        let seq = story.tell("", [expired("plan", fence), more].concat());
        story.later(1_000);
        fits_or_finds(fits, &story.run, I::AttemptsBounded, seq);
    }
}
