//! Drains, ends and stops: when nothing is left to take, and what a run may say of why it stops.
//!
//! Refuses to break two laws where one will do.

use delm_oracle::Invariant as I;
use serde_json::{Value, json};

use super::{Events, Story, drained, finds, fits_or_finds, joined, lawful};
use crate::kit::Export;

fn expanded(round: u32, fence: usize, tasks: &[&str]) -> Events {
    vec![("expanded", json!({"round": round, "fence": fence, "tasks": tasks}))]
}

fn ended(outcome: &str, open: &[&str]) -> Events {
    vec![("run_ended", json!({"outcome": outcome, "reason": null, "open": open}))]
}

/// A unit is read by `a1` alone: nobody can review it, and the round drains. Nothing more is asked, and then `a2` joins.
fn drained_before_its_plan() -> (Story, usize) {
    let mut story = Story::of(&["p"]);
    story.run.data((0, 0))["reading"] = json!(true);
    let text = story.run.blob("a text of a line");
    let original = json!({"hash": text, "len": 16});
    let source =
        json!({"source": "S1", "name": text, "original": original, "extractor": "text", "text": text});
    story.run.insert((0, 1), "source_added", source);
    story.run.insert((0, 2), "unit_added", json!({"unit": "S1.1", "start": 0, "end": 16}));
    let fence = story.claims("a1", "read:S1.1", 1);
    let proposed = story.proposal("S1.1", fence);
    let events = [story.draft(fence, &[]), proposed, drained(1, "stuck")].concat();
    let proposal = story.tell("a1", events);
    let fence = story.claims("a1", "expand:1", 1);
    let events = [story.draft(fence, &[]), expanded(1, fence, &[])].concat();
    story.tell("a1", events);
    story.tell("", vec![("agent_joined", joined(2, "q"))]);
    (story, proposal)
}

#[test]
fn i02_a_plan_comes_before_the_first_drain_or_not_at_all() {
    let (mut story, proposal) = drained_before_its_plan();
    lawful(&story.run);
    story.reviewed("a2", "S1.1", proposal, "a1", Vec::new());
    lawful(&story.run);
    let seq = story.claims("a2", "plan", 1);
    finds(&story.run, &[(I::ReadyOnly, seq)]);
}

#[test]
fn i02_a_plan_comes_after_the_readings() {
    let mut run = Export::sample("models");
    run.cut_after(1);
    run.events(1).truncate(2);
    run.data((1, 0))["job"] = json!("plan");
    finds(&run, &[(I::ReadyOnly, 1)]);
}

#[test]
fn i26_a_round_drains_under_its_number() {
    let sample = Export::sample("alone");
    let at = sample.first("drained");
    for (round, fits) in [(1, true), (2, false)] {
        let mut run = sample.clone();
        run.cut_after(at.0);
        run.events(at.0).truncate(at.1 + 1);
        run.data(at)["round"] = json!(round);
        fits_or_finds(fits, &run, I::DrainIsExact, at.0);
    }
}

#[test]
fn i26_a_round_drains_once() {
    let mut run = Export::sample("alone");
    let at = run.first("drained");
    run.cut_after(at.0);
    run.events(at.0).truncate(at.1 + 1);
    run.insert((at.0, at.1 + 1), "drained", json!({"round": 2, "cause": "empty"}));
    // The job that is left is to expand the round.
    finds(&run, &[(I::DrainIsExact, at.0)]);
}

/// One task is done, and `a1` holds the claim to answer; its fence.
fn finalizing(story: &mut Story) -> usize {
    let proposal = story.reasoned("a1", "T1", &[]);
    story.reviewed("a2", "T1", proposal, "a1", drained(1, "empty"));
    let fence = story.claims("a1", "expand:1", 1);
    let events = [story.draft(fence, &[]), expanded(1, fence, &[])].concat();
    story.tell("a1", events);
    story.claims("a1", "finalize", 1)
}

#[test]
fn a_round_does_not_drain_while_a_job_is_held() {
    let mut story = Story::of(&["p", "q"]).planned(&["T1"]);
    finalizing(&mut story);
    let reason = story.run.blob("it was wrong");
    let gone = vec![("gist_withdrawn", json!({"label": "F1", "reason": reason, "tainted": [], "note": 1}))];
    let again = story.failure("task_reopened", "T1", 0);
    story.tell("", [gone, again].concat());
    story.tell("a2", vec![("agent_left", json!({"agent": "a2"}))]);
    story.tell("", vec![("agent_joined", joined(3, "p"))]);
    lawful(&story.run);
    let claim = story.claim("a3", "reason:T1", 1);
    let fence = story.tell("a3", claim);
    let events = [story.draft(fence, &[]), story.proposal("T1", fence)].concat();
    story.tell("a3", events);
    lawful(&story.run);
}

#[test]
fn i28_unanswered_is_said_by_who_was_to_answer_when_nothing_is_left() {
    let mut story = Story::of(&["p", "q"]).planned(&["T1"]);
    let fence = finalizing(&mut story);
    let mut by_claim = Story { run: story.run.clone(), number: 99 };
    let events = [by_claim.draft(fence, &[]), ended("unanswered", &[])].concat();
    by_claim.tell("a1", events);
    lawful(&by_claim.run);
    let released = vec![("claim_released", json!({"job": "finalize", "fence": fence}))];
    let seq = story.tell("", [released, ended("unanswered", &[])].concat());
    finds(&story.run, &[(I::EndOnce, seq)]);
}

#[test]
fn i28_unanswered_by_who_was_not_to_answer() {
    let mut story = Story::of(&["p", "q"]).planned(&["T1"]);
    let proposal = story.reasoned("a1", "T1", &[]);
    story.reviewed("a2", "T1", proposal, "a1", drained(1, "empty"));
    let fence = story.claims("a1", "expand:1", 1);
    let events = [story.draft(fence, &[]), expanded(1, fence, &[]), ended("unanswered", &[])].concat();
    let seq = story.tell("a1", events);
    finds(&story.run, &[(I::EndOnce, seq)]);
}

fn stop(cause: &str, limit: &str, value: u64, spent: u64) -> Events {
    let data = json!({"cause": cause, "limit": limit, "value": value, "spent": spent, "needed": 0});
    vec![("limit_reached", data)]
}

#[test]
fn i29_a_limit_is_reached_once() {
    let mut story = Story::of(&["p"]);
    story.claims("a1", "plan", 1);
    story.tell("", stop("interrupt", "", 0, 0));
    story.tell("", stop("provider", "", 0, 0));
    lawful(&story.run);
    let seq = story.tell("", stop("interrupt", "", 0, 0));
    finds(&story.run, &[(I::StopsAreHonest, seq)]);
}

#[test]
fn i29_a_limit_is_reached_in_a_pause() {
    let mut story = Story::of(&["p"]);
    let paused = vec![("run_paused", json!({"cause": "interrupt", "open": []}))];
    story.tell("", [stop("interrupt", "", 0, 0), paused].concat());
    lawful(&story.run);
    let seq = story.tell("", stop("provider", "", 0, 0));
    finds(&story.run, &[(I::StopsAreHonest, seq)]);
}

#[test]
fn i29_what_a_deadline_says_can_be_true() {
    for (limit, value, spent, fits) in [
        ("deadline_ms", 50, 50, true),
        ("deadline_ms", 50, 60, true),
        ("deadline_ms", 50, 61, false),
        ("deadline_ms", 50, 49, false),
        ("deadline_ms", 49, 55, false),
        ("deadline_ms", 51, 55, false),
        ("lease_ms", 50, 55, false),
    ] {
        let mut story = Story::of(&["p"]).limit("deadline_ms", 50);
        story.claims("a1", "plan", 1);
        let seq = story.tell("", stop("deadline", limit, value, spent));
        story.later(60);
        fits_or_finds(fits, &story.run, I::StopsAreHonest, seq);
    }
}

#[test]
fn a_stopped_run_pauses_and_does_not_drain() {
    let mut story = Story::of(&["p"]).planned(&["T1"]);
    let fence = story.claims("a1", "reason:T1", 1);
    story.tell("", stop("interrupt", "", 0, 0));
    let paused = vec![("run_paused", json!({"cause": "interrupt", "open": ["T1"]}))];
    let events = [story.draft(fence, &[]), story.proposal("T1", fence), paused].concat();
    story.tell("a1", events);
    lawful(&story.run);
    let seq = story.tell("", vec![("run_resumed", json!({"engine": "other 1", "changes": []}))]);
    finds(&story.run, &[(I::DrainIsExact, seq)]);
}

#[test]
fn a_run_that_ended_does_not_drain() {
    let mut story = Story::of(&["p"]).limit("attempts_max", 1);
    let fence = story.claims("a1", "plan", 1);
    let over = story.failure("task_abandoned", "plan", 1);
    let events = [story.draft(fence, &[]), over, ended("failed", &[])].concat();
    story.tell("a1", events);
    lawful(&story.run);
}

#[test]
fn i28_an_answered_run_is_not_said_to_fail() {
    for (outcome, fits) in [("answered", true), ("failed", false), ("cancelled", false)] {
        let mut run = Export::sample("alone");
        let at = run.first("run_ended");
        run.data(at)["outcome"] = json!(outcome);
        fits_or_finds(fits, &run, I::EndOnce, at.0);
    }
    let mut run = Export::sample("alone");
    let at = run.first("run_ended");
    run.cut_after(at.0 - 1);
    let released = json!({"job": "finalize", "fence": at.0 - 1});
    let end = json!({"outcome": "cancelled", "reason": null, "open": []});
    run.push(Value::Null, 50, vec![("claim_released", released), ("run_ended", end)]);
    finds(&run, &[]);
}
