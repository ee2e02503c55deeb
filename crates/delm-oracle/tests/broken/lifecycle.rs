//! D. Queue and lifecycle, each law broken.
//!
//! Refuses to break two at once: what hangs on the change is changed with it.

use delm_oracle::Invariant;
use serde_json::{Value, json};

use crate::kit::Export;

#[test]
fn i23_a_task_is_lost_at_the_end() {
    let mut run = Export::sample("budget");
    let at = run.first("run_ended");
    run.data(at)["open"].as_array_mut().unwrap().pop().unwrap();
    run.breaks(Invariant::NoLostTask, at.0);
}

#[test]
fn i23_a_task_that_is_done_is_listed_as_open() {
    let mut run = Export::sample("alone");
    let at = run.first("run_ended");
    run.data(at)["open"] = json!(["T1"]);
    run.breaks(Invariant::NoLostTask, at.0);
}

#[test]
fn i24_a_task_is_given_up_too_soon() {
    let mut run = Export::sample("models");
    let (seq, _) = run.first("task_abandoned");
    run.data((0, 0))["limits"]["attempts_max"] = json!(4);
    run.cut_after(seq);
    run.breaks(Invariant::AbandonedOnce, seq);
}

#[test]
fn i24_a_task_is_given_up_without_a_failure() {
    let mut run = Export::sample("models");
    let (seq, place) = run.first("task_abandoned");
    run.cut_after(seq);
    run.events(seq).truncate(place + 1);
    run.breaks(Invariant::AbandonedOnce, seq);
}

#[test]
fn i25_tasks_that_wait_for_each_other() {
    let mut run = Export::sample("alone");
    let at = run.first("task_added");
    run.data(at)["needs"] = json!(["T5"]);
    let claim = run.find("claimed", 0, |data| data["job"] == "reason:T1");
    run.data(claim)["job"] = json!("reason:T2");
    run.cut_after(at.0);
    run.breaks(Invariant::AcyclicNeeds, at.0);
}

#[test]
fn i25_a_task_needs_what_does_not_exist() {
    let mut run = Export::sample("alone");
    let at = run.find("task_added", 4, |_| true);
    run.data(at)["needs"] = json!(["T9"]);
    run.cut_after(at.0);
    run.breaks(Invariant::AcyclicNeeds, at.0);
}

#[test]
fn i25_a_task_needs_another_twice() {
    let mut run = Export::sample("alone");
    let at = run.find("task_added", 4, |_| true);
    run.data(at)["needs"] = json!(["T3", "T3"]);
    run.cut_after(at.0);
    run.breaks(Invariant::AcyclicNeeds, at.0);
}

#[test]
fn i26_a_drain_while_a_task_is_ready() {
    let mut run = Export::sample("alone");
    let (seq, place) = run.find("claimed", 0, |data| data["job"] == "reason:T5");
    run.insert((seq, place), "drained", json!({"round": 1, "cause": "stuck"}));
    run.cut_after(seq);
    run.breaks(Invariant::DrainIsExact, seq);
}

#[test]
fn i26_a_drain_for_another_cause() {
    let mut run = Export::sample("alone");
    let at = run.first("drained");
    run.data(at)["cause"] = json!("stuck");
    run.cut_after(at.0);
    run.breaks(Invariant::DrainIsExact, at.0);
}

#[test]
fn i26_no_drain_when_nothing_is_left() {
    let mut run = Export::sample("alone");
    let at = run.first("drained");
    run.cut_after(at.0);
    run.events(at.0).truncate(at.1);
    run.breaks(Invariant::DrainIsExact, at.0);
}

#[test]
fn i27_a_round_is_expanded_twice() {
    let mut run = Export::sample("alone");
    let at = run.first("expanded");
    let again = run.data(at).clone();
    run.insert((at.0, at.1 + 1), "expanded", again);
    run.cut_after(at.0);
    run.breaks(Invariant::ExpandOnce, at.0);
}

#[test]
fn i27_a_task_from_nowhere() {
    let mut run = Export::sample("alone");
    let (seq, _) = run.first("drained");
    let end = run.events(seq).len();
    let text = run.blob("one more");
    run.insert((seq, end), "task_added", json!({"task": "T6", "text": text, "needs": [], "round": 1}));
    run.cut_after(seq);
    run.breaks(Invariant::ExpandOnce, seq);
}

#[test]
fn i27_a_round_more_than_allowed() {
    let mut run = Export::sample("models");
    run.data((0, 0))["limits"]["rounds_max"] = json!(0);
    let (seq, _) = run.find("expanded", 0, |data| data["tasks"] != json!([]));
    run.cut_after(seq);
    run.breaks(Invariant::ExpandOnce, seq);
}

#[test]
fn i28_a_second_end() {
    let mut run = Export::sample("alone");
    let end = json!({"outcome": "cancelled", "reason": null, "open": []});
    let seq = run.push(Value::Null, 50, vec![("run_ended", end)]);
    run.breaks(Invariant::EndOnce, seq);
}

#[test]
fn i28_something_happens_after_the_end() {
    let mut run = Export::sample("alone");
    let seq = run.push(json!("a1"), 50, vec![("agent_left", json!({"agent": "a1"}))]);
    run.breaks(Invariant::EndOnce, seq);
}

#[test]
fn i28_answered_without_an_answer() {
    let mut run = Export::sample("alone");
    let at = run.first("answer_given");
    run.remove(at);
    run.breaks(Invariant::EndOnce, at.0);
}

#[test]
fn i29_a_claim_after_the_run_stops() {
    let mut run = Export::sample("alone");
    let (seq, place) = run.find("claimed", 0, |data| data["job"] == "reason:T3");
    let stop = json!({"cause": "interrupt", "limit": "", "value": 0, "spent": 0, "needed": 0});
    run.insert((seq, place), "limit_reached", stop);
    run.cut_after(seq);
    run.breaks(Invariant::StopsAreHonest, seq);
}

#[test]
fn i29_a_pause_that_hides_a_task() {
    let mut run = Export::sample("budget");
    let at = run.first("run_paused");
    run.data(at)["open"].as_array_mut().unwrap().pop().unwrap();
    run.cut_after(at.0);
    run.breaks(Invariant::StopsAreHonest, at.0);
}

#[test]
fn i29_a_pause_for_another_cause() {
    let mut run = Export::sample("budget");
    let at = run.first("run_paused");
    run.data(at)["cause"] = json!("provider");
    run.cut_after(at.0);
    run.breaks(Invariant::StopsAreHonest, at.0);
}

#[test]
fn i29_no_pause_when_the_run_has_stopped() {
    let mut run = Export::sample("budget");
    let at = run.first("run_paused");
    run.remove(at);
    run.cut_after(at.0);
    run.breaks(Invariant::StopsAreHonest, at.0);
}

#[test]
fn i29_a_new_writer_leaves_a_claim_of_the_dead() {
    let mut run = Export::sample("crash");
    let at = run.first("claim_released");
    run.remove(at);
    run.cut_after(at.0);
    run.breaks(Invariant::StopsAreHonest, at.0);
}

#[test]
fn i37_a_draft_leads_to_nothing() {
    let mut run = Export::sample("alone");
    let at = run.first("expanded");
    run.cut_after(at.0);
    run.events(at.0).truncate(at.1);
    run.breaks(Invariant::AtomicFrames, at.0);
}

#[test]
fn i46_more_tasks_than_allowed() {
    let mut run = Export::sample("alone");
    run.data((0, 0))["limits"]["tasks_max"] = json!(4);
    let (seq, _) = run.first("task_added");
    run.cut_after(seq);
    run.breaks(Invariant::BoundedMemory, seq);
}
