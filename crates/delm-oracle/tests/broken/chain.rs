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
