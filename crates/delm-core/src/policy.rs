//! The choices the law leaves open: who is next, and how long a lease lasts.
//!
//! Refuses what the law forbids: a policy is asked within it, and `apply` checks what came of it. Policies are recorded
//! by name and version; a binary without one can verify a run, and says that it cannot decide it again.

use alloc::string::ToString;

use crate::event::PolicyName;
use crate::ids::{AgentId, Job, Millis};
use crate::run::Run;

/// Who is next, for how long, and who may review.
pub trait Policy: Send + Sync {
    /// Name and version, as recorded.
    fn name(&self) -> PolicyName;
    /// The job an agent takes next, or none if there is none for it now. Agents of one principal are offered alike: once
    /// there is nothing for one of them, the dispatcher does not ask for the others until something happened.
    fn next(&self, run: &Run, agent: AgentId) -> Option<Job>;
    /// How long a claim on this job lasts without renewal, in milliseconds; at least one.
    fn lease_ms(&self, run: &Run, job: &Job) -> Millis;
    /// Whether an agent may take this job, beyond what the law says.
    fn may_take(&self, run: &Run, agent: AgentId, job: &Job) -> bool;
}

/// First come, first served; finishing what is begun (reviews) before beginning more, and deciding what comes after (an
/// expansion, the answer) only when nothing else is to be done.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

impl Policy for Fifo {
    fn name(&self) -> PolicyName {
        PolicyName { name: "fifo".to_string(), version: 1 }
    }

    fn next(&self, run: &Run, agent: AgentId) -> Option<Job> {
        let principal = run.agent(agent)?.principal.clone();
        let other_than = if run.self_review() { None } else { Some(principal.as_ref()) };
        let jobs = run.jobs();
        jobs.first_review(other_than).or_else(|| jobs.first_work()).filter(|job| !run.waits_for_answer(job))
    }

    fn lease_ms(&self, run: &Run, _job: &Job) -> Millis {
        run.limits().lease_ms
    }

    fn may_take(&self, _run: &Run, _agent: AgentId, _job: &Job) -> bool {
        true
    }
}

/// The policy of that name and version, if this binary has it.
#[must_use]
pub fn policy(name: &PolicyName) -> Option<&'static dyn Policy> {
    (*name == Fifo.name()).then_some(&Fifo)
}
