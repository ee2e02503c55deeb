//! The kit for others: a policy and invariants of your own, checked over generated runs that shrink to a short script.
//!
//! Refuses to be lenient for a policy's sake: the core's laws, ours, and yours all hold for every run, every run that is
//! let alone ends, and a mark that was named is reached. [`check`] is what a test calls; [`scripts`] are the strategies
//! behind it, to be combined with others. In the `Cargo.toml` of a crate of your own:
//!
//! ```toml
//! [dependencies]
//! delm-core = { git = "https://github.com/delm-engine/delm" }
//!
//! [dev-dependencies]
//! delm-sim = { git = "https://github.com/delm-engine/delm" }
//! ```
//!
//! and in a test of it, here with the policy that delm itself has:
//!
//! ```
//! use delm_core::policy::Fifo;
//! use delm_sim::kit::{Failure, Kit, check};
//! use delm_sim::{Mark, law, reached};
//!
//! fn the_policy_holds() -> Result<(), Failure> {
//!     let bounded = law("nobody holds two jobs", |seen| match seen.after.jobs().claimed() {
//!         held if held <= seen.after.agents().len() => Ok(()),
//!         held => Err(format!("{held} jobs are held after entry {}", seen.entry.entry.seq)),
//!     });
//!     let busy = reached("two jobs are held at a time", |seen| seen.after.jobs().claimed() > 1);
//!     let mut kit = Kit::new(&Fifo);
//!     kit.laws = vec![&bounded, &busy];
//!     kit.marks = vec![Mark::Answered, Mark::Reject];
//!     # kit.cases = 60;
//!     check(&kit)?;
//!     Ok(())
//! }
//! # the_policy_holds().unwrap();
//! ```
//!
//! A test that returns the [`Failure`] prints all of it: the invariant and what it says, the shortest script, the seed, the
//! command that does it again, and where the run was written, for `delm log FILE` and `delm check FILE`. The script goes into
//! a file of your own as a regression: [`play`] does it again.

mod failure;
mod strategies;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use delm_core::policy::Policy;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::broken::Broken;
use crate::export::{audited, export};
use crate::judge::judge;
use crate::laws::Law;
use crate::marks::{Mark, Marks};
use crate::replay::replay;
use crate::script::{Line, Script};
use crate::seed::panicked;
use crate::shrink::shrink;

pub use failure::{Case, Failure, Missed, Written};
pub use strategies::{Step, asks, limits, scripts, setups, steps};

/// What is checked.
pub struct Kit<'a> {
    /// Who is next, for how long, and who may review.
    pub policy: &'static dyn Policy,
    /// Invariants beside ours, and marks of your own ([`crate::reached`]).
    pub laws: Vec<&'a dyn Law>,
    /// Marks of ours that some run must hit: one that none hits is a failure.
    pub marks: Vec<Mark>,
    /// How many runs.
    pub cases: u32,
    /// What the runs follow from.
    pub seed: u64,
    /// Steps of a run before it is let alone, at most.
    pub steps_max: usize,
    /// The folder that a run that broke something is written to, with its script; none to write nothing.
    pub out: Option<PathBuf>,
    /// The command that does the check again, for the one who reads of a failure.
    pub again: String,
}

impl Kit<'_> {
    /// Five hundred runs under a policy. What breaks is written to the working directory.
    #[must_use]
    pub fn new(policy: &'static dyn Policy) -> Self {
        // A test has a thread of its own, of its name; anything else is a program.
        let test = std::thread::current().name().filter(|name| *name != "main").map(String::from);
        Self {
            policy,
            laws: Vec::new(),
            marks: Vec::new(),
            cases: 500,
            seed: 1,
            steps_max: 60,
            out: Some(PathBuf::new()),
            again: test.map_or_else(|| "cargo run".into(), |test| format!("cargo test {test}")),
        }
    }
}

/// Checks a policy over generated runs: the first that breaks an invariant is shrunk and given back.
///
/// # Errors
/// The [`Failure`]: an invariant that broke, or marks that were named and that no run hit.
pub fn check(kit: &Kit<'_>) -> Result<Marks, Failure> {
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
            Some(broken) => return Err(Failure::Broken(Box::new(smallest(kit, &script, &broken, case)))),
        }
    }
    let ours = kit.marks.iter().filter(|mark| marks.count(**mark) == 0).map(|mark| mark.name());
    let own = kit.laws.iter().filter(|law| law.missed()).map(|law| law.name());
    let missed: Vec<String> = ours.chain(own).map(String::from).collect();
    if missed.is_empty() {
        return Ok(marks);
    }
    let again = kit.again.clone();
    Err(Failure::Missed(Missed { marks: missed, cases: kit.cases, seed: kit.seed, again }))
}

fn smallest(kit: &Kit<'_>, script: &Script, broken: &Broken, case: u32) -> Case {
    let breaks = |script: &Script| {
        play(kit.policy, script, &kit.laws).broken.is_some_and(|other| other.law == broken.law)
    };
    let script = shrink(script, breaks).map_or_else(|| script.clone(), |shrunk| shrunk.script);
    let played = play(kit.policy, &script, &kit.laws);
    let written = kit.out.as_deref().map(|folder| {
        write(folder, &format!("delm-sim-seed-{}-case-{case}", kit.seed), &script, &played.export)
    });
    Case {
        broken: played.broken.unwrap_or_else(|| broken.clone()),
        script,
        after: played.after,
        seed: kit.seed,
        case,
        export: played.export,
        written,
        again: kit.again.clone(),
    }
}

fn write(folder: &Path, name: &str, script: &Script, export: &str) -> Written {
    let file = |end: &str| folder.join(format!("{name}.{end}"));
    let (to, lines) = (file("export.jsonl"), file("script.txt"));
    let error = std::fs::write(&to, export).and_then(|()| std::fs::write(&lines, script.to_string())).err();
    Written { export: to, script: lines, error: error.map(|error| error.to_string()) }
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
