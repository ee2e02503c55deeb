//! What a finding says: the law, the entry, what belongs there and what is there.
//!
//! Refuses to compare loosely: a message is held to the letter.

use delm_oracle::{Invariant as I, Report};
use serde_json::json;

use super::Story;
use crate::kit::Export;

/// The one finding of a run, as it is shown.
#[track_caller]
fn says(run: &Export, what: &str) {
    let report = run.report();
    assert!(!report.is_clean());
    let shown: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    assert_eq!(shown, [what]);
}

#[test]
fn a_sender_is_an_agent_or_the_engine() {
    let mut story = Story::of(&["p", "q"]);
    story.claims("a1", "plan", 1);
    let draft = |story: &mut Story, sender: &str| {
        let events = [story.draft(1, &[]), story.tasks(&["T1"], 0)].concat();
        story.tell(sender, events);
        story.run.clone()
    };
    let expected = "I-9 (attribution) is broken at entry 2: expected a draft by a1, who holds fence 1; found one by a1 in an \
                    entry of";
    let run = draft(&mut Story { run: story.run.clone(), number: 9 }, "a2");
    says(&run, &format!("{expected} a2"));
    says(&draft(&mut story, ""), &format!("{expected} the engine"));
}

#[test]
fn what_is_open_is_listed() {
    let mut run = Export::sample("budget");
    let at = run.first("run_ended");
    run.data(at)["open"] = json!(["T2"]);
    let expected =
        "I-23 (no lost task) is broken at entry 26: expected [T2, T3] as open, once each; found [T2]";
    says(&run, expected);
}

#[test]
fn a_gist_is_named_by_its_hash() {
    let mut run = Export::sample("alone");
    let at = run.first("verdict_given");
    let other = run.blob("another gist");
    let gist = run.data(at)["gist"].clone();
    run.data(at)["gist"] = other.clone();
    run.cut_after(at.0);
    let (gist, other) = (gist.as_str().unwrap(), other.as_str().unwrap());
    says(
        &run,
        &format!(
            "I-11 (one approving verdict, on that hash) is broken at entry 4: expected a verdict on gist {gist} of entry 3; \
             found one on gist {other} of entry 3"
        ),
    );
}

#[test]
fn a_job_is_named_with_what_it_is_about() {
    let mut run = Export::sample("alone");
    run.cut_after(1);
    for (job, expected, found) in [
        ("reason:T3", "reason:T3", "there is no T3"),
        ("read:S1.2", "read:S1.2", "there is no S1.2"),
        ("review:5", "review:5", "no proposal of that entry waits for a verdict"),
        ("expand:1", "expand:1", "no such round has drained and waits to be expanded"),
        ("finalize", "finalize", "the run is not closed, or answered"),
    ] {
        run.data((1, 0))["job"] = json!(job);
        says(
            &run,
            &format!(
                "I-2 (ready only) is broken at entry 1: expected a job that is ready, not {expected}; found {found}"
            ),
        );
    }
    run.entries[1]["events"][0]["data"]["job"] = json!("plan");
    run.entries[1]["events"][0]["data"]["deadline_ms"] = json!(1);
    let at = run.entries[1]["at_ms"].clone();
    says(
        &run,
        &format!("I-7 (every job is leased) is broken at entry 1: expected a deadline after {at}; found 1"),
    );
}

#[test]
fn a_law_that_is_broken_again_is_counted() {
    let mut run = Export::sample("alone");
    run.cut_after(2);
    for seq in [1, 2] {
        let at = run.find("claimed", seq - 1, |_| true);
        run.data(at)["attempt"] = json!(2);
    }
    let report = run.report();
    let counted: Vec<_> = report.findings.iter().map(|it| (it.invariant, it.seq, it.more)).collect();
    assert_eq!(counted, [(I::AttemptsBounded, 1, 1)]);
}

#[test]
fn a_report_names_the_run_and_its_head_and_counts() {
    let run = Export::sample("alone");
    let text = run.write();
    let report = run.report();
    let line: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(json!(report.run), line["run"]);
    let line: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(json!(report.head), line["head"]["id"]);
    let events: usize = run.entries.iter().map(|entry| entry["events"].as_array().unwrap().len()).sum();
    assert_eq!((report.entries, report.events), (15, events as u64));
    assert!(report.is_clean() && !Report { findings: vec![], ..crate::kit::check("") }.is_clean());
    assert_eq!((Report::default().run, Report::default().head), (None, None));
}
