//! Every rate and size of one simulated run, drawn from its seed (swarm: some faults often, others not at all).
//!
//! Refuses rates that no seed can reach twice: all of it is a function of the seed.

use delm_core::event::Ablation;
use delm_core::limits::Limits;

use crate::rng::Rng;
use crate::setup::Setup;
use crate::words::Manners;

/// The knobs of one run; rates are in thousandths of an occasion.
#[derive(Clone, Debug)]
pub struct Knobs {
    /// How the run begins.
    pub setup: Setup,
    /// How the model behaves.
    pub manners: Manners,
    /// The longest a call takes, in milliseconds.
    pub think_ms: u64,
    /// The longest a sync takes, in milliseconds.
    pub sync_ms: u64,
    /// Events before faults stop.
    pub steps: u64,
    /// A call that takes longer than the lease.
    pub slow: u64,
    /// An agent that does not renew while it waits.
    pub stalled: u64,
    /// An agent that never wakes again.
    pub dead: u64,
    /// A crash between two events.
    pub crash: u64,
    /// A write that fails.
    pub write_fails: u64,
    /// A clock that jumps.
    pub jump: u64,
    /// How far, at most, in milliseconds.
    pub jump_ms: u64,
    /// An interrupt.
    pub interrupt: u64,
    /// A cancellation.
    pub cancel: u64,
    /// A retraction.
    pub retract: u64,
    /// A program that joins later.
    pub join: u64,
    /// A resume that lifts the limit that paused the run.
    pub lift: u64,
    /// A message that is lost.
    pub net_loss: u64,
    /// A message that comes twice.
    pub net_twice: u64,
    /// The longest a message takes, in milliseconds.
    pub net_ms: u64,
    /// A program that does something it must not.
    pub mischief: u64,
    /// A program that gives a claim back.
    pub release: u64,
    /// A program that leaves.
    pub leave: u64,
    /// How programs behave: honest, slow, or dead from some point on.
    pub program_slow: u64,
}

impl Knobs {
    /// The knobs of a seed.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let setup = setup(rng);
        let lease = setup.limits.lease_ms;
        Self {
            manners: manners(rng),
            think_ms: rng.within(1, (lease / 2).max(2)),
            sync_ms: rng.pick(&[1, 5, 50], 5),
            steps: rng.within(150, 600),
            slow: rate(rng, 90),
            stalled: rate(rng, 400),
            dead: rate(rng, 40),
            crash: rate(rng, 20),
            write_fails: rate(rng, 20),
            jump: rate(rng, 20),
            jump_ms: rng.pick(&[10, lease, lease * 4], lease),
            interrupt: rate(rng, 6),
            cancel: if rng.chance(120) { rng.within(1, 6) } else { 0 },
            retract: rate(rng, 15),
            join: rate(rng, 8),
            lift: rng.pick(&[300, 900], 500),
            net_loss: rate(rng, 200),
            net_twice: rate(rng, 300),
            net_ms: rng.pick(&[1, 20, lease, lease * 3], 20),
            mischief: rate(rng, 400),
            release: rate(rng, 200),
            leave: rate(rng, 20),
            program_slow: rate(rng, 400),
            setup,
        }
    }
}

/// Half of all rates are zero, so that faults are met alone as well as together.
fn rate(rng: &mut Rng, most: u64) -> u64 {
    if rng.chance(500) { 0 } else { rng.within(1, most) }
}

fn manners(rng: &mut Rng) -> Manners {
    Manners {
        garbage: rate(rng, 100),
        truncated: rate(rng, 100),
        repeated: rate(rng, 60),
        wrong: rate(rng, 120),
        unfold: rate(rng, 300),
        cites_bad: rate(rng, 100),
        reject: rate(rng, 500),
        rewrite: rate(rng, 300),
        shrug: rate(rng, 200),
        expand: rng.pick(&[0, 500, 1_000], 500),
        unanswered: rate(rng, 400),
        tasks_max: rng.within(5, 11),
        needs: rng.pick(&[0, 300, 700, 1_000], 300),
        fault_provider: rate(rng, 20),
        fault_request: rate(rng, 60),
        fault_lost: rate(rng, 150),
        uncounted: rate(rng, 200),
    }
}

fn setup(rng: &mut Rng) -> Setup {
    let self_review = rng.chance(150);
    let agents = rng.pick(&[1, 2, 2, 3, 3, 4], 2);
    let names = ["bob", "eve", "ida"];
    let programs = if rng.chance(550) { rng.within(1, 3) } else { 0 };
    let programs = (0..programs).map(|_| rng.pick(&names, "bob").to_owned()).collect();
    let mut ablations = Vec::new();
    match rng.below(20) {
        0 => ablations.push(Ablation::Verdicts),
        1 => ablations.push(Ablation::Sharing),
        _ => {}
    }
    let builtin = rng.below(20);
    let priced = rng.chance(300);
    Setup {
        agents: usize::try_from(agents).unwrap_or(2),
        programs,
        limits: limits(rng, priced),
        self_review,
        reading: rng.chance(300),
        builtin_worker: builtin == 0,
        builtin_judge: builtin <= 1,
        ablations,
        priced,
        nonce: rng.next_u64(),
        at: 1_000_000,
    }
}

fn limits(rng: &mut Rng, priced: bool) -> Limits {
    let budget_tokens = if rng.chance(200) { rng.within(1, 3_000) } else { 0 };
    let bullets_max = rng.within(1, 3);
    Limits {
        attempts_max: rng.pick(&[1, 2, 3, 4, 6, 8, 8], 3),
        releases_max: rng.within(0, 4),
        lease_ms: rng.pick(&[30, 200, 1_000, 5_000], 300),
        deadline_ms: if rng.chance(120) { rng.within(1, 1_500) } else { 0 },
        budget_tokens,
        budget_microusd: if priced && rng.chance(500) { rng.within(1, 3_000) } else { 0 },
        gist_tokens_max: rng.pick(&[12, 60, 100], 60),
        output_tokens_max: rng.within(16, 64),
        rounds_max: rng.within(0, 2),
        unfold_rounds_max: rng.within(0, 2),
        unfold_labels_max: rng.within(1, 3),
        asks_max: rng.within(0, 2),
        commands_kept: rng.pick(&[1, 2, 8, 64], 8),
        needs_max: rng.pick(&[0, 2, 4, 8], 4),
        tasks_max: rng.within(6, 30),
        agents_max: rng.within(7, 9),
        unit_bytes: rng.pick(&[64, 6_000], 64),
        bullets_max,
        reference_words_min: rng.within(1, 2),
        evidence_max: rng.within(bullets_max, 4),
        ..Limits::default()
    }
}
