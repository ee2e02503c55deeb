//! One seed from beginning to end: the run, its judgement, the auditors, and what is told of it.
//!
//! Refuses to lose a failure: a panic is one too, and what broke comes with the script that broke it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use delm_core::ids::Digest;
use delm_core::policy::{Fifo, Policy};

use crate::broken::Broken;
use crate::export::{audited, export};
use crate::fork::also;
use crate::judge::{judge, outcome};
use crate::kit::play;
use crate::laws::Law;
use crate::marks::Marks;
use crate::script::Script;
use crate::shrink::{Shrunk, shrink};
use crate::sim::Sim;

/// What came of one seed.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The run's newest entry.
    pub head: Digest,
    /// How it ended, in a word.
    pub outcome: String,
    /// Entries in its log.
    pub entries: u64,
    /// Faults injected.
    pub faults: u64,
    /// What was reached.
    pub marks: Marks,
    /// What broke, if anything did.
    pub failure: Option<Failure>,
}

/// What broke, and how to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The invariant.
    pub broken: Broken,
    /// Everything that was done to the run.
    pub script: Script,
    /// The run as an export stream, as far as it can be written.
    pub export: String,
}

/// Runs one seed under the built-in policy.
#[must_use]
pub fn seed(number: u64) -> Report {
    seed_with(&Fifo, number, &[])
}

/// Runs one seed under a policy, with invariants beside ours.
#[must_use]
pub fn seed_with(policy: &'static dyn Policy, number: u64, own: &[&dyn Law]) -> Report {
    match Sim::new(policy, number) {
        Ok(sim) => finish(sim, number, own),
        Err(broken) => unbegun(number, broken),
    }
}

/// Runs one seed with answers that go out before the sync, to see whether that is found.
#[must_use]
pub fn seed_hasty(number: u64) -> Report {
    match Sim::new(&Fifo, number) {
        Ok(mut sim) => {
            sim.world.hasty = true;
            finish(sim, number, &[])
        }
        Err(broken) => unbegun(number, broken),
    }
}

fn finish(mut sim: Sim, number: u64, own: &[&dyn Law]) -> Report {
    let outcome_of_run = catch_unwind(AssertUnwindSafe(|| sim.run()));
    let run = outcome_of_run.unwrap_or_else(|panic| Err(panicked(&*panic)));
    let judged = run.and_then(|()| {
        let judged = catch_unwind(AssertUnwindSafe(|| {
            judge(&mut sim.world, own)?;
            audited(&sim.world)?;
            also(&mut sim.world, number, own)
        }));
        judged.unwrap_or_else(|panic| Err(panicked(&*panic)))
    });
    let faults = sim.faults();
    let world = &sim.world;
    let published = world.published();
    let head = published.head();
    Report {
        seed: number,
        head: head.map_or(Digest::ZERO, |head| head.id),
        outcome: outcome(published),
        entries: head.map_or(0, |head| head.seq + 1),
        faults,
        marks: world.marks.clone(),
        failure: judged.err().map(|broken| Failure {
            broken,
            script: world.script.clone(),
            export: export(world).unwrap_or_else(|error| format!("{error}\n")),
        }),
    }
}

/// The shortest script found that breaks the same invariant as a seed did; none if the script of the seed, played again
/// without the machines that wrote it, does not break it: then the seed is the only way to see it.
#[must_use]
pub fn shrunk(policy: &'static dyn Policy, failure: &Failure, own: &[&dyn Law]) -> Option<Shrunk> {
    shrink(&failure.script, |script| {
        play(policy, script, own).broken.is_some_and(|broken| broken.law == failure.broken.law)
    })
}

fn unbegun(seed: u64, broken: Broken) -> Report {
    let script = Script::new(crate::setup::Setup::default());
    Report {
        seed,
        head: Digest::ZERO,
        outcome: String::from("not begun"),
        entries: 0,
        faults: 0,
        marks: Marks::default(),
        failure: Some(Failure { broken, script, export: String::new() }),
    }
}

/// A panic is a broken law too: no input may panic.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> Broken {
    let said = panic.downcast_ref::<String>().cloned();
    let said = said.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    Broken::new("I-35", format!("a panic: {}", said.unwrap_or_default()))
}
