//! Power cuts while a verb works: at a drawn number of bytes that `run`, or the `resume` after it, has said. The disk is
//! mounted again and looked at, as a machine would after its power came back.
//!
//! Refuses to count what struck nobody: a point is a cut that the verb met between its run's beginning and its end, and that
//! it ended by. Cuts while a store is made, opened or closed, and those after the answer, are said beside it.

use std::time::{Duration, Instant};

use super::after::{Reference, Truth, recovers, reference};
use super::draw::Draw;
use super::kills::stood_name;
use super::machine::{Machine, possible};
use super::world::{Ended, Running, World};
use super::{Outcome, Plan, Report, Try, each};

const NAME: &str = "power";
const TASKS: usize = 24;
const DELAY_MS: u64 = 6;
/// So many runs, each cut once or more, in one store on one image before the next is made.
const RUNS_A_DISK: u64 = 5;
/// A run is cut at most so often.
const CUTS_A_RUN: u64 = 3;
/// Longer than any verb needs to the next byte.
const PATIENCE: Duration = Duration::from_secs(20);

/// Cuts the power of runs at drawn moments.
#[must_use]
pub fn power(plan: &Plan) -> Report {
    if let Err(why) = possible() {
        return Report::not_run(NAME, why);
    }
    let wanted = match World::new(&plan.delm, TASKS, DELAY_MS).and_then(|world| reference(&world, 3)) {
        Ok(wanted) => wanted,
        Err(why) => return Report::failed(NAME, format!("an undisturbed run: {why}")),
    };
    each(NAME, plan, plan.from.., |number| life(plan, number, &wanted))
}

/// Several runs on one machine.
fn life(plan: &Plan, number: u64, wanted: &Reference) -> Outcome {
    let mut draw = Draw::of(plan.seed, number);
    let options = ["data=ordered", "data=writeback", "nodelalloc", "data=journal"];
    let mut machine =
        Machine::new(options.get(draw.place(options.len())).copied().unwrap_or("data=ordered"))?;
    let mut world = World::new(&plan.delm, TASKS, DELAY_MS)?;
    world.store = machine.disk().join("store");
    world.before = machine.on(&world.path(""));
    let mut outcome = Vec::new();
    for run in 0..RUNS_A_DISK {
        let came = one(&mut machine, &world, &mut draw, wanted);
        outcome.extend(came.map_err(|why| {
            let again = format!("crash {NAME} --seed {} --from {number} --points 1", plan.seed);
            format!("machine {number} ({}), run {run}: {why}; again: {again}", machine.options)
        })?);
    }
    Ok(outcome)
}

/// A run that is cut, in half of the cases again as it goes on, and then looked at and ended.
fn one(machine: &mut Machine, world: &World, draw: &mut Draw, wanted: &Reference) -> Outcome {
    let mut truth = Truth::default();
    let mut words = World::run_words(1 + draw.below(4));
    let mut said = 0;
    let mut outcome = Vec::new();
    for cuts in 1..=CUTS_A_RUN {
        // The last twentieth is left out: a run says a little less or more by how many agents it has.
        let left = (wanted.written - wanted.written / 20).saturating_sub(said);
        let aim = if draw.below(8) == 0 { Aim::Beginning } else { Aim::Said(draw.below(left)) };
        let ended = cut(machine, world, &words, aim, draw)?;
        truth.hear(&ended.out)?;
        said += ended.out.len() as u64;
        let met = Met::of(&ended)?;
        outcome.extend(met.counts().map(|name| (name.to_owned(), 1)));
        let goes_on = truth.run.is_some() && met != Met::Nobody && said < wanted.written * 4 / 5;
        if cuts == CUTS_A_RUN || !goes_on || draw.below(2) == 0 {
            break;
        }
        words = vec!["resume".to_owned(), "--jsonl".to_owned()];
    }
    let stood = recovers(world, &mut truth, &wanted.facts, draw.number())?;
    outcome.push((format!("then-{}", stood_name(stood)), 1));
    outcome.push((machine.options.to_owned(), 1));
    outcome.push(("acknowledged".into(), truth.acknowledged()));
    Ok(outcome)
}

/// When the power is to go.
#[derive(Clone, Copy)]
enum Aim {
    /// As the store is made, or opened.
    Beginning,
    /// As soon as the verb has said so many bytes.
    Said(u64),
}

/// Runs a verb, cuts its power, and brings it back once the verb has ended by itself.
fn cut(machine: &mut Machine, world: &World, words: &[String], aim: Aim, draw: &mut Draw) -> Try<Ended> {
    let switch = machine.arm()?;
    let mut running = world.start(&[], words)?;
    let until = Instant::now() + PATIENCE;
    let due = |running: &Running| match aim {
        Aim::Beginning => machine.has(&world.store.join("lock")),
        // The first byte is said when the run has begun.
        Aim::Said(bytes) => running.written() > bytes,
    };
    while !due(&running) && !running.is_over() && Instant::now() < until {
        std::thread::sleep(Duration::from_micros(100));
    }
    // Somewhere up to the next entries, or through the making of a store.
    std::thread::sleep(Duration::from_micros(draw.below(match aim {
        Aim::Beginning => 12_000,
        Aim::Said(_) => 2_500,
    })));
    switch.cut()?;
    let ended = running.ended()?;
    machine.back()?;
    Ok(ended)
}

/// What a cut met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    /// A run under way: what counts.
    Run,
    /// A resumed run under way: this too.
    Resume,
    /// The making or the opening of a store.
    Opening,
    /// The closing of a store, after the answer.
    Closing,
    /// A verb that had done all.
    Nobody,
}

impl Met {
    /// By what the verb said. A verb that sees its disk fail ends by itself, and names the cause.
    fn of(ended: &Ended) -> Try<Self> {
        if ended.code == 0 {
            return Ok(Self::Nobody);
        }
        if ended.code != 1 || !ended.err.contains("Input/output error") {
            return Err(format!("exit 0, or 1 and the cause by name: {ended}"));
        }
        let begun = ended.out.lines().any(|line| line.starts_with("{\"seq\":"));
        // The last document comes after the last entry.
        let answered = ended.out.contains("\"kind\":\"run_ended\"");
        Ok(match (begun, answered, ended.line.starts_with("resume")) {
            (_, true, _) => Self::Closing,
            (false, ..) => Self::Opening,
            (true, false, true) => Self::Resume,
            (true, false, false) => Self::Run,
        })
    }

    fn counts(self) -> impl Iterator<Item = &'static str> {
        let (point, name) = match self {
            Self::Run => (Some("points"), "mid-run"),
            Self::Resume => (Some("points"), "mid-resume"),
            Self::Opening => (None, "besides-opening"),
            Self::Closing => (None, "besides-closing"),
            Self::Nobody => (None, "besides-after-all"),
        };
        point.into_iter().chain([name])
    }
}
