//! B. Verification and admission, each law broken.
//!
//! Refuses to break two at once: what hangs on the change is changed with it.

use delm_oracle::Invariant;
use serde_json::json;

use crate::kit::{Export, read, workspace};

#[test]
fn i11_a_verdict_on_another_hash() {
    let mut run = Export::sample("alone");
    let at = run.first("verdict_given");
    let other = run.blob("another gist");
    run.data(at)["gist"] = other;
    run.cut_after(at.0);
    run.breaks(Invariant::OneVerdict, at.0);
}

#[test]
fn i11_another_hash_is_admitted() {
    let mut run = Export::sample("alone");
    let at = run.first("gist_admitted");
    let other = run.blob("another gist");
    run.data(at)["gist"] = other;
    run.cut_after(at.0);
    run.breaks(Invariant::OneVerdict, at.0);
}

#[test]
fn i11_a_second_approval() {
    let mut run = Export::sample("alone");
    let (seq, place) = run.first("verdict_given");
    let again = run.data((seq, place)).clone();
    run.insert((seq, place + 2), "verdict_given", again);
    run.cut_after(seq);
    run.breaks(Invariant::OneVerdict, seq);
}

#[test]
fn i12_a_review_of_ones_own_that_nobody_recorded() {
    let mut run = Export::sample("alone");
    run.data((0, 0))["self_review"] = json!(false);
    let (seq, _) = run.first("verdict_given");
    run.cut_after(seq);
    run.breaks(Invariant::Independence, seq);
    // The tests of the binary read it from a file; `BLESS=1` writes it anew.
    let path = workspace().join("crates/delm-oracle/tests/runs/broken/i12.jsonl");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, run.write()).unwrap();
    }
    assert_eq!(read(&path), run.write());
}

#[test]
fn i12_a_grade_better_than_its_verdict() {
    let mut run = Export::sample("alone");
    let at = run.first("gist_admitted");
    run.data(at)["grade"] = json!("mechanical");
    run.cut_after(at.0);
    run.breaks(Invariant::Independence, at.0);
}

#[test]
fn i12_an_exemption_that_nobody_recorded() {
    let mut run = Export::sample("alone");
    let (seq, place) = run.first("verdict_given");
    run.data((seq, place))["method"] = json!("ablated");
    run.data((seq, place + 1))["grade"] = json!("none");
    run.cut_after(seq);
    run.breaks(Invariant::Independence, seq);
}

#[test]
fn i13_an_admission_without_a_verdict() {
    let mut run = Export::sample("alone");
    let at = run.first("verdict_given");
    run.remove(at);
    run.cut_after(at.0);
    run.breaks(Invariant::NoVerdictNoAdmission, at.0);
}

#[test]
fn i13_an_approval_without_an_admission() {
    let mut run = Export::sample("alone");
    let at = run.first("gist_admitted");
    run.cut_after(at.0);
    run.events(at.0).truncate(at.1);
    run.breaks(Invariant::NoVerdictNoAdmission, at.0);
}

#[test]
fn i15_a_rejection_with_an_empty_reason() {
    let mut run = Export::sample("models");
    let at = run.find("verdict_given", 0, |data| data["outcome"] == "reject");
    let empty = run.blob("");
    run.data(at)["reason"] = empty;
    run.cut_after(at.0);
    run.breaks(Invariant::RejectionRecorded, at.0);
}

#[test]
fn i15_what_was_rejected_is_admitted() {
    let mut run = Export::sample("models");
    let (seq, place) = run.find("verdict_given", 0, |data| data["outcome"] == "reject");
    let verdict = run.data((seq, place)).clone();
    let facts = run.entries[..seq].iter().flat_map(|entry| entry["events"].as_array().unwrap());
    let facts = facts.filter(|event| event["kind"] == "gist_admitted").count();
    let end = run.events(seq).len();
    let admitted = json!({
        "label": format!("F{}", facts + 1), "task": verdict["task"], "proposal": verdict["proposal"],
        "gist": verdict["gist"], "author": run.entries[seq]["agent"], "grade": "mechanical", "note": facts,
    });
    run.insert((seq, end), "gist_admitted", admitted);
    run.cut_after(seq);
    run.breaks(Invariant::RejectionRecorded, seq);
}

#[test]
fn i16_a_rejection_by_checks_that_passed() {
    let mut run = Export::sample("models");
    let at =
        run.find("verdict_given", 0, |data| data["method"] == "mechanical" && data["outcome"] == "reject");
    for check in run.data(at)["checks"].as_array_mut().unwrap() {
        check["passed"] = json!(true);
    }
    run.cut_after(at.0);
    run.breaks(Invariant::VerdictsReplay, at.0);
}

#[test]
fn i16_an_approval_in_spite_of_a_check() {
    let mut run = Export::sample("alone");
    let at = run.first("verdict_given");
    run.data(at)["checks"][0]["passed"] = json!(false);
    run.cut_after(at.0);
    run.breaks(Invariant::VerdictsReplay, at.0);
}

#[test]
fn i16_a_verdict_that_the_judge_did_not_give() {
    let mut run = Export::sample("models");
    let at = run.find("verdict_given", 0, |data| data["method"] == "judge" && data["outcome"] == "rewrite");
    for check in run.data(at)["checks"].as_array_mut().unwrap() {
        check["passed"] = json!(true);
    }
    run.cut_after(at.0);
    run.breaks(Invariant::VerdictsReplay, at.0);
}

#[test]
fn i22_evidence_outside_its_unit() {
    let mut run = Export::sample("alone");
    let at = run.first("gist_proposed");
    let unit = run.data(at)["evidence"][0]["unit"].clone();
    let of = run.find("unit_added", 0, |data| data["unit"] == unit);
    let end = run.data(of)["end"].as_u64().unwrap();
    run.data(at)["evidence"][0]["end"] = json!(end + 1);
    run.cut_after(at.0);
    run.breaks(Invariant::GistBounded, at.0);
}

#[test]
fn i22_a_gist_longer_than_the_limit() {
    let mut run = Export::sample("alone");
    let long = run.blob(&"word ".repeat(101));
    let proposed = run.first("gist_proposed");
    for kind in ["gist_proposed", "verdict_given", "gist_admitted"] {
        let at = run.first(kind);
        run.data(at)["gist"] = long.clone();
        run.cut_after(run.first("gist_admitted").0);
    }
    run.breaks(Invariant::GistBounded, proposed.0);
}

#[test]
fn i22_a_unit_past_the_end_of_its_source() {
    let mut run = Export::sample("models");
    let at = run.find("unit_added", 3, |_| true);
    let end = run.data(at)["end"].as_u64().unwrap();
    run.data(at)["end"] = json!(end + 1);
    run.breaks(Invariant::GistBounded, 0);
}
