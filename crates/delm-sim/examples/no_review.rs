//! A policy that is wrong: it never hands out a review, so that nothing is ever admitted and no run comes to its end.
//!
//! `cargo run --release -p delm-sim --example no_review` must fail, naming I-44, with a script of a few commands; it writes
//! the run that broke it and its script to files, and says which.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to whoever runs it")]

use std::process::ExitCode;

use delm_core::event::PolicyName;
use delm_core::ids::{AgentId, Job, Millis};
use delm_core::policy::Policy;
use delm_core::run::Run;
use delm_sim::kit::{Kit, check};

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

fn main() -> ExitCode {
    let mut kit = Kit::new(&NoReview);
    kit.again = "cargo run --release -p delm-sim --example no_review".into();
    match check(&kit) {
        Ok(_) => {
            println!("every invariant held");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprint!("{failure}");
            ExitCode::FAILURE
        }
    }
}
