//! E. Budget, each law broken.
//!
//! Refuses to break two at once: what hangs on the change is changed with it.

use delm_oracle::Invariant;
use serde_json::json;

use crate::kit::Export;

#[test]
fn i30_a_failed_call_is_charged_too_much() {
    let mut run = Export::sample("models");
    let at = run.find("call_failed", 0, |data| data["fault"] != "lost");
    let charged = run.data(at)["charged_tokens"].as_u64().unwrap();
    run.data(at)["charged_tokens"] = json!(charged + 1);
    run.cut_after(at.0);
    run.breaks(Invariant::CostsSum, at.0);
}

#[test]
fn i30_a_cost_without_a_price() {
    let mut run = Export::sample("models");
    let at = run.first("call_finished");
    run.data(at)["cost_microusd"] = json!(12);
    run.cut_after(at.0);
    run.breaks(Invariant::CostsSum, at.0);
}

#[test]
fn i30_a_sum_that_leaves_calls_out() {
    let mut run = Export::sample("budget");
    let at = run.find("limit_reached", 0, |data| data["cause"] == "budget");
    let spent = run.data(at)["spent"].as_u64().unwrap();
    run.data(at)["spent"] = json!(spent - 1);
    run.cut_after(at.0);
    run.breaks(Invariant::CostsSum, at.0);
}

#[test]
fn i31_a_claim_that_the_budget_does_not_bear() {
    let mut run = Export::sample("models");
    run.data((0, 0))["limits"]["budget_tokens"] = json!(1000);
    run.cut_after(1);
    run.breaks(Invariant::OvershootBounded, 1);
}

#[test]
fn i31_a_claim_once_the_budget_is_spent() {
    let mut run = Export::sample("budget");
    run.data((0, 0))["limits"]["budget_tokens"] = json!(6000);
    let report = run.report();
    let first = report.findings.first().map(|it| it.invariant);
    assert_eq!(first, Some(Invariant::OvershootBounded), "{report:#?}");
}

#[test]
fn i32_a_lost_call_is_charged_less() {
    let mut run = Export::sample("crash");
    let at = run.find("call_failed", 0, |data| data["fault"] == "lost");
    let charged = run.data(at)["charged_tokens"].as_u64().unwrap();
    run.data(at)["charged_tokens"] = json!(charged - 1);
    run.cut_after(at.0);
    run.breaks(Invariant::NoMoneyLost, at.0);
}

#[test]
fn i32_a_lost_call_is_forgotten() {
    let mut run = Export::sample("crash");
    let at = run.find("call_failed", 0, |data| data["fault"] == "lost");
    run.remove(at);
    run.cut_after(at.0);
    run.breaks(Invariant::NoMoneyLost, at.0);
}

#[test]
fn i32_a_call_ends_twice() {
    let mut run = Export::sample("models");
    let at = run.first("call_finished");
    let again = run.data(at).clone();
    run.insert((at.0, at.1 + 1), "call_finished", again);
    run.cut_after(at.0);
    run.breaks(Invariant::NoMoneyLost, at.0);
}

#[test]
fn i32_a_call_number_is_left_out() {
    let mut run = Export::sample("models");
    let at = run.first("call_started");
    run.data(at)["call"] = json!("c2");
    run.cut_after(at.0);
    run.breaks(Invariant::NoMoneyLost, at.0);
}
