//! F. Log and identity: what can be broken in a stream whose hashes are right.
//!
//! Refuses to break two at once: what hangs on the change is changed with it.

use delm_oracle::{Damage, Invariant};
use serde_json::{Value, json};

use crate::kit::{Export, check};

#[test]
fn i08_time_goes_back() {
    let mut run = Export::sample("alone");
    run.cut_after(2);
    let before = run.entries[1]["at_ms"].as_u64().unwrap();
    run.entries[2]["at_ms"] = json!(before - 1);
    run.breaks(Invariant::TimeMonotone, 2);
}

#[test]
fn i36_a_command_number_is_used_twice() {
    let mut run = Export::sample("alone");
    run.cut_after(3);
    run.entries[3]["command"] = run.entries[2]["command"].clone();
    run.breaks(Invariant::Idempotence, 3);
}

#[test]
fn i42_a_law_that_nobody_knows() {
    let mut run = Export::sample("alone");
    run.entries[5]["rules"] = json!(2);
    let fault = check(&run.write()).fault.unwrap();
    assert_eq!(fault.what, Damage::Rules { seq: 5, rules: 2 });
    assert_eq!((fault.line, fault.invariant()), (7, Some(Invariant::Upcasting)));
}

/// A fork of the run after entry 9, with `origin` as it should be and one claim that lives.
fn fork(change: impl FnOnce(&mut Value), released: bool) -> Export {
    let mut run = Export::sample("alone");
    run.cut_after(9);
    let text = run.write();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let mut origin = json!({"run": header["run"], "seq": 9, "head": last["head"]["id"]});
    change(&mut origin);
    let data = json!({"nonce": "00112233445566778899aabbccddeeff", "origin": origin, "engine": "other 1", "changes": []});
    let mut events = vec![("run_forked", data)];
    if released {
        events.push(("claim_released", json!({"job": "review:9", "fence": 9})));
    }
    run.push(Value::Null, 77, events);
    run
}

#[test]
fn i40_a_fork_of_another_place() {
    assert!(fork(|_| {}, true).report().is_clean(), "{:#?}", fork(|_| {}, true).report());
    fork(|origin| origin["seq"] = json!(8), true).breaks(Invariant::ForkIsolation, 10);
    fork(|origin| origin["head"] = origin["run"].clone(), true).breaks(Invariant::ForkIsolation, 10);
    fork(|origin| origin["run"] = origin["head"].clone(), true).breaks(Invariant::ForkIsolation, 10);
}

#[test]
fn i40_a_fork_keeps_a_claim_of_its_parent() {
    fork(|_| {}, false).breaks(Invariant::ForkIsolation, 10);
}

#[test]
fn a_redaction_takes_the_bytes_and_leaves_the_run_whole() {
    let mut run = Export::sample("alone");
    let at = run.first("answer_given");
    let blob = run.data(at)["answer"].clone();
    let reason = run.blob("a name was in it");
    run.push(Value::Null, 60, vec![("blob_redacted", json!({"blob": blob, "reason": reason}))]);
    let report = run.report();
    assert!(report.is_clean(), "{report:#?}");
    assert_eq!(report.redacted, 1);
}
