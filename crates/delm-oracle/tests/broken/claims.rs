//! A. Claims, leases, fencing, each law broken.
//!
//! Refuses to break two at once: what hangs on the change is changed with it.

use delm_oracle::Invariant;
use serde_json::json;

use crate::kit::Export;

/// Gives the claim of entry `seq` another job, and its request with it.
fn other_job(run: &mut Export, seq: usize, job: &str) {
    for event in run.events(seq) {
        if event["kind"] == "claimed" {
            event["data"]["job"] = json!(job);
        }
        if event["kind"] == "call_started" {
            event["data"]["request"]["recipe"]["job"] = json!(job);
        }
    }
}

#[test]
fn i01_a_job_is_claimed_twice() {
    let mut run = Export::sample("models");
    let (first, _) = run.find("claimed", 0, |_| true);
    let held = run.data((first, 0))["job"].clone();
    let (second, _) = run.find("claimed", 1, |_| true);
    other_job(&mut run, second, held.as_str().unwrap());
    run.cut_after(second);
    run.breaks(Invariant::OneLiveClaim, second);
}

#[test]
fn i02_a_task_is_claimed_before_what_it_needs() {
    let mut run = Export::sample("alone");
    other_job(&mut run, 2, "reason:T3");
    run.cut_after(2);
    run.breaks(Invariant::ReadyOnly, 2);
}

#[test]
fn i02_a_task_is_claimed_when_it_is_done() {
    let mut run = Export::sample("alone");
    let (seq, _) = run.find("claimed", 0, |data| data["job"] == "reason:T3");
    other_job(&mut run, seq, "reason:T1");
    run.cut_after(seq);
    run.breaks(Invariant::ReadyOnly, seq);
}

#[test]
fn i02_a_review_of_nothing_is_claimed() {
    let mut run = Export::sample("alone");
    let (seq, _) = run.find("claimed", 0, |data| data["job"] == "review:3");
    other_job(&mut run, seq, "review:2");
    run.cut_after(seq);
    run.breaks(Invariant::ReadyOnly, seq);
}

#[test]
fn i03_a_fence_is_no_seq_of_its_entry() {
    let mut run = Export::sample("alone");
    run.cut_after(1);
    for event in run.events(1) {
        event["data"]["fence"] = json!(7);
    }
    run.breaks(Invariant::FencesIncrease, 1);
}

#[test]
fn i04_a_draft_lands_under_an_old_fence() {
    let mut run = Export::sample("alone");
    run.cut_after(3);
    for place in 0..2 {
        run.data((3, place))["fence"] = json!(1);
    }
    run.breaks(Invariant::StaleNeverLands, 3);
}

#[test]
fn i04_a_verdict_lands_under_an_old_fence() {
    let mut run = Export::sample("alone");
    let at = run.first("verdict_given");
    run.data(at)["fence"] = json!(1);
    run.cut_after(at.0);
    run.breaks(Invariant::StaleNeverLands, at.0);
}

#[test]
fn i04_a_call_is_made_under_an_expired_fence() {
    let mut run = Export::sample("lease");
    let (seq, place) = run.first("claim_expired");
    let fence = run.data((seq, place))["fence"].clone();
    let at = run.find("call_started", 0, |data| data["fence"] == fence);
    let mut call = run.data(at).clone();
    let next = run.find("call_started", 0, |data| data["fence"].as_u64() > fence.as_u64());
    call["call"] = run.data(next)["call"].clone();
    let agent = run.entries[at.0]["agent"].clone();
    run.cut_after(seq);
    let seq = run.push(agent, 9_999, vec![("call_started", call)]);
    run.breaks(Invariant::StaleNeverLands, seq);
}

#[test]
fn i05_a_claim_expires_before_its_deadline() {
    let mut run = Export::sample("lease");
    let (seq, place) = run.first("claim_expired");
    let fence = run.data((seq, place))["fence"].clone();
    let held = |data: &serde_json::Value| data["fence"] == fence;
    let last = *run.all("lease_renewed", held).last().unwrap_or(&run.find("claimed", 0, held));
    let deadline = run.data(last)["deadline_ms"].as_u64().unwrap();
    run.entries[seq]["at_ms"] = json!(deadline - 1);
    run.cut_after(seq);
    run.breaks(Invariant::ExpiryIsCaused, seq);
}

#[test]
fn i05_a_draft_comes_at_its_deadline() {
    let mut run = Export::sample("alone");
    let at = run.first("claimed");
    let claimed_at = run.entries[at.0]["at_ms"].as_u64().unwrap();
    run.data(at)["deadline_ms"] = json!(claimed_at + 1);
    run.cut_after(2);
    run.entries[2]["at_ms"] = json!(claimed_at + 1);
    run.breaks(Invariant::ExpiryIsCaused, 2);
}

#[test]
fn i06_a_renewal_shortens_the_lease() {
    let mut run = Export::sample("lease");
    let at = run.first("lease_renewed");
    let fence = run.data(at)["fence"].clone();
    let claim = run.find("claimed", 0, |data| data["fence"] == fence);
    let deadline = run.data(claim)["deadline_ms"].as_u64().unwrap();
    run.data(at)["deadline_ms"] = json!(deadline - 1);
    run.cut_after(at.0);
    run.breaks(Invariant::LeaseNeverShrinks, at.0);
}

#[test]
fn i06_a_renewal_of_another_attempt() {
    let mut run = Export::sample("lease");
    let at = run.first("lease_renewed");
    run.data(at)["attempt"] = json!(2);
    run.cut_after(at.0);
    run.breaks(Invariant::LeaseNeverShrinks, at.0);
}

#[test]
fn i07_a_claim_without_a_time_to_come() {
    let mut run = Export::sample("alone");
    let at = run.first("claimed");
    let now = run.entries[at.0]["at_ms"].clone();
    run.data(at)["deadline_ms"] = now;
    run.cut_after(at.0);
    run.breaks(Invariant::EveryJobIsLeased, at.0);
}

#[test]
fn i09_a_draft_of_somebody_else() {
    let mut run = Export::sample("models");
    let at = run.first("draft_submitted");
    let other = if run.data(at)["agent"] == "a1" { "a2" } else { "a1" };
    run.data(at)["agent"] = json!(other);
    run.cut_after(at.0);
    run.breaks(Invariant::Attribution, at.0);
}

#[test]
fn i09_a_fact_is_credited_to_somebody_else() {
    let mut run = Export::sample("models");
    let at = run.first("gist_admitted");
    let other = if run.data(at)["author"] == "a1" { "a2" } else { "a1" };
    run.data(at)["author"] = json!(other);
    run.cut_after(at.0);
    run.breaks(Invariant::Attribution, at.0);
}

#[test]
fn i09_a_claim_for_an_agent_that_left() {
    let mut run = Export::sample("alone");
    run.cut_after(0);
    run.push(json!("a1"), 0, vec![("agent_left", json!({"agent": "a1"}))]);
    let at = run.entries[0]["at_ms"].as_u64().unwrap();
    let claim = json!({"job": "plan", "agent": "a1", "fence": 2, "deadline_ms": at + 1, "attempt": 1});
    let seq = run.push(
        json!("a1"),
        1,
        vec![("claimed", claim), ("context_read", json!({"fence": 2, "length": 0}))],
    );
    run.breaks(Invariant::Attribution, seq);
}

#[test]
fn i10_an_attempt_is_skipped() {
    let mut run = Export::sample("models");
    let (seq, place) = run.find("claimed", 0, |data| data["attempt"] == 2);
    run.data((seq, place))["attempt"] = json!(3);
    let call = run.find("call_started", 0, |data| data["fence"] == seq as u64);
    run.data(call)["request"]["recipe"]["attempt"] = json!(3);
    run.cut_after(seq);
    run.breaks(Invariant::AttemptsBounded, seq);
}

#[test]
fn i10_an_attempt_is_counted_for_nothing() {
    let mut run = Export::sample("alone");
    let (seq, place) = run.find("claimed", 0, |data| data["job"] == "reason:T2");
    let reason = run.blob("it did not fail");
    run.data((seq, place))["attempt"] = json!(2);
    run.insert((seq, place), "task_reopened", json!({"task": "T2", "attempt": 1, "reason": reason}));
    run.cut_after(seq);
    run.breaks(Invariant::AttemptsBounded, seq);
}

#[test]
fn i10_a_rejection_is_not_counted() {
    let mut run = Export::sample("models");
    let at = run.first("task_reopened");
    run.cut_after(at.0);
    run.events(at.0).truncate(at.1);
    run.breaks(Invariant::AttemptsBounded, at.0);
}
