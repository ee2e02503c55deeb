//! A policy of one's own that holds: the newest work first, and every lease twice as long for a review.
//!
//! `cargo run --release -p delm-sim --example right_policy` checks it over generated runs, with an invariant and a mark beside ours.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to whoever runs it")]

use std::process::ExitCode;

use delm_core::event::PolicyName;
use delm_core::ids::{AgentId, Job, Millis};
use delm_core::policy::{Fifo, Policy};
use delm_core::run::Run;
use delm_sim::kit::{Kit, check};
use delm_sim::{Mark, law, reached};

/// Last come, first served, among tasks; everything else as it comes.
struct NewestFirst;

impl Policy for NewestFirst {
    fn name(&self) -> PolicyName {
        PolicyName { name: "newest-first".into(), version: 1 }
    }

    fn next(&self, run: &Run, agent: AgentId) -> Option<Job> {
        let usual = Fifo.next(run, agent)?;
        let tasks = run.work().filter(|job| matches!(job, Job::Reason(_)));
        if matches!(usual, Job::Reason(_)) { tasks.max() } else { Some(usual) }
    }

    fn lease_ms(&self, run: &Run, job: &Job) -> Millis {
        let review = matches!(job, Job::Review(_));
        run.limits().lease_ms * if review { 2 } else { 1 }
    }

    fn may_take(&self, _run: &Run, _agent: AgentId, _job: &Job) -> bool {
        true
    }
}

fn main() -> ExitCode {
    let law = law("nobody is credited with more facts than it proposed", |seen| {
        for (id, agent) in seen.after.agents().iter() {
            let proposed =
                seen.after.proposals().values().filter(|proposal| proposal.author == Some(id)).count();
            if agent.admitted as usize > proposed {
                return Err(format!("{id} has {} facts of {proposed} proposals", agent.admitted));
            }
        }
        Ok(())
    });
    let mut kit = Kit::new(&NewestFirst);
    let busy = reached("two tasks are worked at", |seen| {
        seen.after.jobs().claims().filter(|(_, claim)| matches!(claim.job, Job::Reason(_))).count() > 1
    });
    kit.laws = vec![&law, &busy];
    kit.marks = vec![Mark::Answered, Mark::Reject, Mark::DoubleExpiry];
    kit.again = "cargo run --release -p delm-sim --example right_policy".into();
    match check(&kit) {
        Ok(_) => {
            println!("{} runs: every invariant held, every mark was hit", kit.cases);
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprint!("{failure}");
            ExitCode::FAILURE
        }
    }
}
