//! What runs of the kit are made of: how they begin, what agents, engine, clock and crashes do; all of it shrinks.
//!
//! Refuses nothing that a run can meet: a step that is not lawful where it lands is refused by the core, as it should be.

use delm_core::event::Ablation;
use delm_core::ids::AgentId;
use delm_core::limits::Limits;
use proptest::prelude::*;

use crate::disk::Tear;
use crate::script::{Ask, Line, Manner, OfClaim, Script};
use crate::setup::Setup;

/// Runs: how they begin, and up to so many steps of agents, engine, clock and crashes.
pub fn scripts(steps_max: usize) -> impl Strategy<Value = Script> {
    (setups(), prop::collection::vec(steps(), 0..=steps_max)).prop_map(|(setup, steps)| {
        let mut at = setup.at;
        let mut script = Script::new(setup);
        for (wait, step) in steps {
            at += wait;
            script.lines.extend(step.lines(at));
        }
        script
    })
}

/// How runs begin.
pub fn setups() -> impl Strategy<Value = Setup> {
    let programs = prop::collection::vec(prop_oneof![Just("bob"), Just("eve")], 0..3);
    let switches = (any::<bool>(), any::<bool>(), 0u8..8);
    (2usize..4, programs, limits(), switches, any::<u64>()).prop_map(
        |(agents, programs, limits, (own, reading, ablated), nonce)| Setup {
            agents,
            programs: programs.into_iter().map(String::from).collect(),
            limits,
            self_review: own,
            reading,
            ablations: match ablated {
                0 => vec![Ablation::Verdicts],
                1 => vec![Ablation::Sharing],
                _ => Vec::new(),
            },
            nonce,
            ..Setup::default()
        },
    )
}

/// Limits small enough to be met.
pub fn limits() -> impl Strategy<Value = Limits> {
    let counts = (1u64..4, 0u64..4, 0u64..3, 0u64..3, 0u64..3);
    let lease = prop_oneof![Just(1_000u64), Just(50), Just(2)];
    let budget = prop_oneof![6 => Just(0u64), 1 => 1u64..4_000];
    let deadline = prop_oneof![8 => Just(0u64), 1 => 1u64..3_000];
    let kept = prop_oneof![Just(64u64), Just(4), Just(1)];
    (counts, lease, budget, deadline, kept).prop_map(
        |(counts, lease_ms, budget_tokens, deadline_ms, kept)| {
            let (attempts_max, releases_max, rounds_max, asks_max, unfold_rounds_max) = counts;
            Limits {
                attempts_max,
                releases_max,
                rounds_max,
                asks_max,
                unfold_rounds_max,
                lease_ms,
                budget_tokens,
                deadline_ms,
                commands_kept: kept,
                ..Setup::default().limits
            }
        },
    )
}

/// One step, before it has a time.
#[derive(Clone, Debug)]
pub enum Step {
    /// Somebody asks for something.
    Ask {
        /// Who; none for the engine.
        who: Option<AgentId>,
        /// What.
        ask: Ask,
        /// The wish for the next job.
        next: bool,
        /// It quotes another claim than its own.
        forged: bool,
    },
    /// Time passes to the next deadline.
    Tick,
    /// The process dies and another takes over.
    Crash(Tear),
}

impl Step {
    fn lines(&self, at: u64) -> Vec<Line> {
        match self {
            Self::Ask { who, ask, next, forged } => vec![Line::Send {
                at,
                who: *who,
                number: None,
                ask: ask.clone(),
                next: *next,
                forged: *forged,
            }],
            Self::Tick => vec![Line::Tick { at }],
            Self::Crash(tear) => {
                vec![Line::Crash { tear: *tear }, Line::Resume { at, changes: Vec::new() }]
            }
        }
    }
}

/// Steps with the time that passes before each.
pub fn steps() -> impl Strategy<Value = (u64, Step)> {
    let wait = prop_oneof![6 => 0u64..5, 2 => 10u64..100, 1 => 400u64..2_500];
    let agent = (1u32..6).prop_map(|agent| Some(AgentId(agent)));
    let asked = (agent, asks(), any::<bool>(), prop::bool::weighted(0.05));
    let asked = asked.prop_map(|(who, ask, next, forged)| Step::Ask { who, ask, next, forged });
    let engine = prop_oneof![
        2 => any::<bool>().prop_map(Ask::Interrupt),
        1 => Just(Ask::Cancel),
        3 => (1u32..4).prop_map(|fact| Ask::Retract(delm_core::ids::FactId(fact))),
    ];
    let engine = engine.prop_map(|ask| Step::Ask { who: None, ask, next: false, forged: false });
    let crash = prop_oneof![Just(Tear::Lost), Just(Tear::Kept), (0u64..900).prop_map(Tear::Torn)];
    let step = prop_oneof![40 => asked, 1 => engine, 4 => Just(Step::Tick), 2 => crash.prop_map(Step::Crash)];
    (wait, step)
}

/// What agents ask for: mostly that they do their work, in one manner or another.
pub fn asks() -> impl Strategy<Value = Ask> {
    let manner = prop_oneof![
        12 => Just(Manner::Good),
        2 => Just(Manner::Wrong),
        1 => Just(Manner::Garbage),
        2 => Just(Manner::Reject),
        1 => Just(Manner::Rewrite),
        1 => Just(Manner::Unfold),
        1 => Just(Manner::Fail),
    ];
    let claim = prop_oneof![3 => Just(OfClaim::Own), 1 => (0u64..40).prop_map(OfClaim::Fence)];
    prop_oneof![
        20 => (manner, any::<u16>()).prop_map(|(manner, choice)| Ask::Work(manner, u64::from(choice))),
        3 => Just(Ask::Claim(None)),
        2 => claim.clone().prop_map(Ask::Renew),
        2 => claim.clone().prop_map(Ask::Release),
        1 => claim.prop_map(|claim| Ask::Submit(claim, Some(String::from("{}")))),
        1 => Just(Ask::Leave),
    ]
}
