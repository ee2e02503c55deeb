//! `kill -9` at drawn moments of a run, and of the run that goes on after it.
//!
//! Refuses moments that a timer chooses alone: half of them are told by how much has been written.

use std::time::{Duration, Instant};

use super::after::{Reference, Stood, Truth, recovers, reference};
use super::draw::Draw;
use super::world::{Running, World};
use super::{Outcome, Plan, Report, Try, counted, each};

const NAME: &str = "kills";
const TASKS: usize = 24;
const DELAY_MS: u64 = 6;

/// Kills runs at drawn moments.
#[must_use]
pub fn kills(plan: &Plan) -> Report {
    let wanted = match World::new(&plan.delm, TASKS, DELAY_MS).and_then(|world| reference(&world, 3)) {
        Ok(wanted) => wanted,
        Err(why) => return Report::failed(NAME, format!("an undisturbed run: {why}")),
    };
    each(NAME, plan, plan.from.., |number| {
        let again = format!("crash {NAME} --seed {} --from {number} --points 1", plan.seed);
        one(plan, number, &wanted).map_err(|why| format!("kill {number}: {why}; again: {again}"))
    })
}

fn one(plan: &Plan, number: u64, wanted: &Reference) -> Outcome {
    let mut draw = Draw::of(plan.seed, number);
    let world = World::new(&plan.delm, TASKS, DELAY_MS)?;
    let mut truth = Truth::default();
    let running = world.start(&[], &World::run_words(1 + draw.below(4)))?;
    kill_somewhere(running, &mut draw, wanted, &mut truth)?;
    let mut kills = 1;
    while draw.below(3) == 0 && truth.run.is_some() {
        let running = world.start(&[], &["resume".to_owned(), "--jsonl".to_owned()])?;
        kill_somewhere(running, &mut draw, wanted, &mut truth)?;
        kills += 1;
    }
    let stood = recovers(&world, &mut truth, &wanted.facts, draw.number())?;
    let mut outcome = counted(&["points", stood_name(stood)])?;
    outcome.push(("kills".into(), kills));
    outcome.push(("acknowledged".into(), truth.acknowledged()));
    Ok(outcome)
}

/// For the summary.
pub(super) fn stood_name(stood: Stood) -> &'static str {
    match stood {
        Stood::Unborn => "unborn",
        Stood::Open => "open",
        Stood::Answered => "answered",
    }
}

/// Waits for a moment that is drawn: a part of the time a run takes, or of what it writes and a little more.
pub(super) fn wait_somewhere(running: &mut Running, draw: &mut Draw, wanted: &Reference) {
    let patience = Instant::now() + Duration::from_secs(20);
    if draw.below(2) == 0 {
        std::thread::sleep(Duration::from_micros(draw.below(wanted.took_us)));
        return;
    }
    let bytes = draw.below(wanted.written);
    while running.written() < bytes && !running.is_over() && Instant::now() < patience {
        std::thread::sleep(Duration::from_micros(200));
    }
    std::thread::sleep(Duration::from_micros(draw.below(3_000)));
}

fn kill_somewhere(mut running: Running, draw: &mut Draw, wanted: &Reference, truth: &mut Truth) -> Try<()> {
    wait_somewhere(&mut running, draw, wanted);
    let killed = running.kill()?;
    let over = killed.code == 2 && killed.err.contains("the run is over");
    if !over && killed.code != 0 && killed.code != -9 {
        return Err(format!("it ended by itself: {killed}"));
    }
    truth.hear(&killed.out)
}
