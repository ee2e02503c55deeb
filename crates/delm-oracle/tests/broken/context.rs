//! C. Context and causality, each law broken.
//!
//! Refuses to break two at once: what hangs on the change is changed with it.

use delm_oracle::Invariant;
use serde_json::{Value, json};

use crate::kit::Export;

#[test]
fn i17_a_note_is_left_out() {
    let mut run = Export::sample("alone");
    let at = run.first("gist_admitted");
    run.data(at)["note"] = json!(1);
    run.cut_after(at.0);
    run.breaks(Invariant::AppendOnly, at.0);
}

#[test]
fn i17_a_label_is_left_out() {
    let mut run = Export::sample("alone");
    let at = run.first("gist_admitted");
    run.data(at)["label"] = json!("F2");
    run.cut_after(at.0);
    run.breaks(Invariant::AppendOnly, at.0);
}

/// Withdraws a fact of the run that ended, saying that `tainted` builds on it.
fn withdraw(run: &mut Export, label: &str, tainted: &[&str], note: u64) -> usize {
    let reason = run.blob("it was wrong");
    let data = json!({"label": label, "reason": reason, "tainted": tainted, "note": note});
    run.push(Value::Null, 100 + note, vec![("gist_withdrawn", data)])
}

#[test]
fn i18_a_withdrawal_forgets_what_builds_on_it() {
    let mut run = Export::sample("alone");
    let notes = run.entries.iter().flat_map(|it| it["events"].as_array().unwrap());
    let notes = notes.filter(|it| it["kind"] == "gist_admitted").count() as u64;
    let mut right = run.clone();
    withdraw(&mut right, "F1", &["F2", "F4", "F5"], notes);
    assert!(right.report().is_clean(), "{:#?}", right.report());
    let seq = withdraw(&mut run, "F1", &["F2", "F4"], notes);
    run.breaks(Invariant::WithdrawalIsAnEvent, seq);
}

#[test]
fn i18_a_withdrawal_taints_what_does_not_build_on_it() {
    let mut run = Export::sample("alone");
    let seq = withdraw(&mut run, "F1", &["F2", "F3", "F4", "F5"], 5);
    run.breaks(Invariant::WithdrawalIsAnEvent, seq);
}

#[test]
fn i18_a_fact_is_withdrawn_twice() {
    let mut run = Export::sample("alone");
    withdraw(&mut run, "F5", &[], 5);
    let seq = withdraw(&mut run, "F5", &[], 6);
    run.breaks(Invariant::WithdrawalIsAnEvent, seq);
}

#[test]
fn i19_a_claim_reads_notes_that_are_not_there() {
    let mut run = Export::sample("alone");
    let at = run.first("context_read");
    run.data(at)["length"] = json!(1);
    run.cut_after(at.0);
    run.breaks(Invariant::SnapshotsArePrefixes, at.0);
}

#[test]
fn i19_a_claim_does_not_say_what_it_reads() {
    let mut run = Export::sample("alone");
    let at = run.first("context_read");
    run.remove(at);
    run.cut_after(at.0);
    run.breaks(Invariant::SnapshotsArePrefixes, at.0);
}

#[test]
fn i19_a_draft_read_something_else() {
    let mut run = Export::sample("alone");
    let at = run.find("draft_submitted", 0, |data| data["length"] == 1);
    run.data(at)["length"] = json!(0);
    run.cut_after(at.0);
    run.breaks(Invariant::SnapshotsArePrefixes, at.0);
}

#[test]
fn i19_a_request_over_another_context() {
    let mut run = Export::sample("models");
    let at = run.find("call_started", 0, |data| data["purpose"] == "plan");
    run.data(at)["request"]["recipe"]["length"] = json!(0);
    run.cut_after(at.0);
    run.breaks(Invariant::SnapshotsArePrefixes, at.0);
}

#[test]
fn i20_a_draft_cites_what_it_did_not_read() {
    let mut run = Export::sample("alone");
    let at = run.find("draft_submitted", 0, |data| data["length"] == 1);
    run.data(at)["cites"] = json!(["F2"]);
    run.cut_after(at.0);
    run.breaks(Invariant::Causality, at.0);
}

#[test]
fn i20_an_answer_cites_what_is_no_fact() {
    let mut run = Export::sample("alone");
    let at = run.first("answer_given");
    run.data(at)["cites"] = json!(["F9"]);
    run.breaks(Invariant::Causality, at.0);
}
