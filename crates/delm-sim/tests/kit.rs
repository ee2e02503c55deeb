//! The simulator and the kit on themselves: seeds repeat, scripts of old bugs hold, and mistakes made on purpose are found.
//!
//! Refuses to take the simulator's word for its own eyes: a policy that is wrong and answers given too early must be caught.

use delm_core::event::PolicyName;
use delm_core::ids::{AgentId, Job, Millis};
use delm_core::policy::{Fifo, Policy};
use delm_core::run::Run;
use delm_sim::kit::{Kit, check, play};
use delm_sim::seed::{seed, seed_hasty, seed_with, shrunk};
use delm_sim::{Script, law};

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
    let failure = check(&Kit::new(&NoReview)).unwrap_err();
    assert_eq!(failure.broken.law, "I-44", "{failure}");
    assert!(failure.commands() <= 6, "{failure}");
    assert!(failure.to_string().contains("once faults stop, the run comes to its end"), "{failure}");
    assert!(failure.export.lines().count() > 3);
}

#[test]
fn ones_own_invariant_stands_beside_ours() {
    let own = law("nobody ever finds anything", |seen| match seen.after.facts().len() {
        0 => Ok(()),
        facts => Err(format!("{facts} facts after entry {}", seen.entry.entry.seq)),
    });
    let mut kit = Kit::new(&Fifo);
    kit.laws.push(&own);
    let failure = check(&kit).unwrap_err();
    assert_eq!(failure.broken.law, "nobody ever finds anything");
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
