//! The simulator and the kit on themselves: seeds repeat, scripts of old bugs hold, and mistakes made on purpose are found.
//!
//! Refuses to take the simulator's word for its own eyes: a policy that is wrong and answers given too early must be caught.

use std::path::Path;

use delm_core::event::PolicyName;
use delm_core::ids::{AgentId, Job, Millis};
use delm_core::policy::{Fifo, Policy};
use delm_core::run::Run;
use delm_sim::kit::{Failure, Kit, check, play};
use delm_sim::seed::{seed, seed_hasty, seed_with, shrunk};
use delm_sim::{Mark, Script, law, reached};

#[test]
fn a_seed_is_the_whole_run() {
    for number in 1..=25 {
        let (first, second) = (seed(number), seed(number));
        assert_eq!((first.head, first.entries, first.faults), (second.head, second.entries, second.faults));
        assert_eq!(first.marks, second.marks, "seed {number}");
    }
}

#[test]
fn scripts_of_old_bugs_hold() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts");
    let mut played = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let script: Script = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        let said: Script = script.to_string().parse().unwrap();
        assert_eq!(said, script, "{}", path.display());
        if let Some(broken) = play(&Fifo, &script, &[]).broken {
            panic!("{}: {broken}", path.display());
        }
        played += 1;
    }
    assert!(played >= 4, "{played} scripts in {folder}");
}

struct NoReview;

impl Policy for NoReview {
    fn name(&self) -> PolicyName {
        PolicyName { name: "no-review".into(), version: 1 }
    }
    fn next(&self, run: &Run, _agent: AgentId) -> Option<Job> {
        run.jobs().first_work().filter(|job| !run.waits_for_answer(job))
    }
    fn lease_ms(&self, run: &Run, _job: &Job) -> Millis {
        run.limits().lease_ms
    }
    fn may_take(&self, _run: &Run, _agent: AgentId, job: &Job) -> bool {
        !matches!(job, Job::Review(_))
    }
}

#[test]
fn a_policy_that_never_hands_out_a_review_is_found_in_six_commands() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_review");
    std::fs::create_dir_all(&folder).unwrap();
    let kit = Kit { out: Some(folder), ..Kit::new(&NoReview) };
    let failure = check(&kit).unwrap_err();
    let case = failure.case().unwrap();
    assert_eq!(failure.law(), "I-44", "{failure}");
    assert!(case.commands() <= 6, "{failure}");
    let said = failure.to_string();
    let lines = [
        "I-44: the run does not end",
        "I-44 says: once faults stop, the run comes to its end",
        "of seed 1):",
        "again: cargo test a_policy_that_never_hands_out_a_review_is_found_in_six_commands",
        "`delm check ",
    ];
    lines.iter().for_each(|line| assert!(said.contains(line), "{line:?} is not in:\n{said}"));
    let written = case.written.as_ref().unwrap();
    assert_eq!(written.error, None);
    let export = std::fs::read(&written.export).unwrap();
    let audit = delm_oracle::audit(&export[..]).unwrap();
    assert!(audit.fault.is_none() && audit.findings.is_empty(), "the log itself breaks no law: {audit:?}");
    let script: Script = std::fs::read_to_string(&written.script).unwrap().parse().unwrap();
    assert_eq!(play(&NoReview, &script, &[]).broken.unwrap().law, "I-44");
}

#[test]
fn a_mark_that_was_named_and_never_hit_is_a_failure() {
    let mut kit = Kit { cases: 40, out: None, ..Kit::new(&Fifo) };
    kit.marks = vec![Mark::Answered, Mark::Eio];
    let never = reached("a run of a million entries", |seen| seen.entry.entry.seq > 1_000_000);
    let often = reached("a claim", |seen| seen.after.jobs().claimed() > 0);
    kit.laws = vec![&never, &often];
    let failure = check(&kit).unwrap_err();
    let Failure::Missed(missed) = &failure else { panic!("{failure}") };
    // The kit's disk never fails: that mark is of the simulator's seeds.
    assert_eq!(missed.marks, ["a write failed with EIO", "a run of a million entries"]);
    assert_eq!(failure.law(), "marks");
    assert!(
        failure.to_string().starts_with("never hit in 40 runs of seed 1: a write failed with EIO; a run")
    );
    kit.marks.pop();
    kit.laws = vec![&often];
    check(&kit).unwrap();
}

#[test]
fn ones_own_invariant_stands_beside_ours() {
    let own = law("nobody ever finds anything", |seen| match seen.after.facts().len() {
        0 => Ok(()),
        facts => Err(format!("{facts} facts after entry {}", seen.entry.entry.seq)),
    });
    let mut kit = Kit { out: None, ..Kit::new(&Fifo) };
    kit.laws.push(&own);
    let failure = check(&kit).unwrap_err();
    assert_eq!(failure.law(), "nobody ever finds anything");
    let report = (1..20).map(|number| seed_with(&Fifo, number, &[&own])).find_map(|report| report.failure);
    let failure = report.expect("some seed finds a fact");
    let shrunk = shrunk(&Fifo, &failure, &[&own]).expect("its script breaks it too");
    assert!(shrunk.script.lines.len() < failure.script.lines.len());
}

/// `invariants.md`, lesson 3: acknowledged before the sync. No log shows it; the ground truth does.
#[test]
fn answers_before_the_sync_are_found() {
    let broken = (1..200).find_map(|number| seed_hasty(number).failure).expect("200 seeds find it");
    assert!(["I-38", "I-3", "I-33", "I-21"].contains(&broken.broken.law.as_str()), "{}", broken.broken);
}
