//! The kit for others: a policy and invariants of your own, checked over generated runs that shrink to a short script.
//!
//! Refuses to be lenient for a policy's sake: the core's laws, ours, and yours all hold for every run, and every run that is
//! let alone ends. [`check`] is what a test calls; [`scripts`] are the strategies behind it, to be combined with others.

use std::panic::{AssertUnwindSafe, catch_unwind};

use delm_core::event::Ablation;
use delm_core::ids::AgentId;
use delm_core::limits::Limits;
use delm_core::policy::Policy;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::broken::Broken;
use crate::disk::Tear;
use crate::export::{audited, export};
use crate::judge::judge;
use crate::laws::Law;
use crate::marks::Marks;
use crate::replay::replay;
use crate::script::{Ask, Line, Manner, OfClaim, Script};
use crate::seed::panicked;
use crate::setup::Setup;
use crate::shrink::shrink;

/// A failure, with all that is needed to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The invariant, and how it broke.
    pub broken: Broken,
    /// The shortest script found that breaks it.
    pub script: Script,
    /// What honest agents did after it, until it showed.
    pub after: Vec<Line>,
    /// The seed of the cases.
    pub seed: u64,
    /// Which case of the seed it was, from one.
    pub case: u32,
    /// The run as an export stream.
    pub export: String,
}

impl Failure {
    /// Commands of the script and of the honest agents after it.
    #[must_use]
    pub fn commands(&self) -> usize {
        self.script.lines.iter().chain(&self.after).filter(|line| line.is_command()).count()
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(out, "{}", self.broken)?;
        if let Some(sentence) = self.broken.sentence() {
            writeln!(out, "{} says: {sentence}", self.broken.law)?;
        }
        writeln!(out, "the shortest script that breaks it (case {} of seed {}):", self.case, self.seed)?;
        write!(out, "{}", self.script)?;
        if !self.after.is_empty() {
            writeln!(out, "what agents that do as they should did then:")?;
            self.after.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        Ok(())
    }
}

/// What is checked.
pub struct Kit<'a> {
    /// Who is next, for how long, and who may review.
    pub policy: &'static dyn Policy,
    /// Invariants beside ours.
    pub laws: Vec<&'a dyn Law>,
    /// How many runs.
    pub cases: u32,
    /// What the runs follow from.
    pub seed: u64,
    /// Steps of a run before it is let alone, at most.
    pub steps_max: usize,
}

impl Kit<'_> {
    /// Five hundred runs under a policy.
    #[must_use]
    pub fn new(policy: &'static dyn Policy) -> Self {
        Self { policy, laws: Vec::new(), cases: 500, seed: 1, steps_max: 60 }
    }
}

/// Checks a policy over generated runs: the first that breaks an invariant is shrunk and given back.
///
/// # Errors
/// The [`Failure`].
pub fn check(kit: &Kit<'_>) -> Result<Marks, Box<Failure>> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&kit.seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = scripts(kit.steps_max);
    let mut marks = Marks::default();
    for case in 1..=kit.cases {
        let Ok(tree) = strategy.new_tree(&mut runner) else { continue };
        let script = tree.current();
        let tried = play(kit.policy, &script, &kit.laws);
        match tried.broken {
            None => marks.add_run(&tried.marks),
            Some(broken) => return Err(Box::new(smallest(kit, &script, &broken, case))),
        }
    }
    Ok(marks)
}

fn smallest(kit: &Kit<'_>, script: &Script, broken: &Broken, case: u32) -> Failure {
    let breaks = |script: &Script| {
        play(kit.policy, script, &kit.laws).broken.is_some_and(|other| other.law == broken.law)
    };
    let script = shrink(script, breaks).map_or_else(|| script.clone(), |shrunk| shrunk.script);
    let played = play(kit.policy, &script, &kit.laws);
    Failure {
        broken: played.broken.unwrap_or_else(|| broken.clone()),
        script,
        after: played.after,
        seed: kit.seed,
        case,
        export: played.export,
    }
}

/// One script, played.
#[derive(Clone, Debug)]
pub struct Played {
    /// What broke, if anything did.
    pub broken: Option<Broken>,
    /// What was reached.
    pub marks: Marks,
    /// What honest agents did after the script.
    pub after: Vec<Line>,
    /// The run as an export stream; empty unless something broke.
    pub export: String,
}

/// Plays a script under a policy and judges the run, by our invariants and by others beside them.
#[must_use]
pub fn play(policy: &'static dyn Policy, script: &Script, own: &[&dyn Law]) -> Played {
    let nothing = |broken| Played {
        broken: Some(broken),
        marks: Marks::default(),
        after: Vec::new(),
        export: String::new(),
    };
    let replayed = match catch_unwind(AssertUnwindSafe(|| replay(policy, script))) {
        Ok(replayed) => replayed,
        Err(panic) => return nothing(panicked(&*panic)),
    };
    let Some(mut world) = replayed.world else {
        return nothing(replayed.broken.unwrap_or_else(|| Broken::new("I-44", "the run cannot begin")));
    };
    // What a log shows is judged in a run that was cut short, too.
    let judged = catch_unwind(AssertUnwindSafe(|| {
        judge(&mut world, own)?;
        audited(&world)
    }));
    let judged = judged.unwrap_or_else(|panic| Err(panicked(&*panic)));
    let broken = replayed.broken.or_else(|| judged.err());
    let export = if broken.is_some() { export(&world).unwrap_or_default() } else { String::new() };
    let after = world.script.lines.split_off(replayed.scripted.min(world.script.lines.len()));
    let after = after.into_iter().filter(|line| !matches!(line, Line::Write | Line::Sync)).collect();
    Played { broken, marks: world.marks, after, export }
}

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
