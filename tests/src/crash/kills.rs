//! `kill -9` at drawn moments of a run, of the run that goes on after it, and of `rm`, `backup` and `cancel`.
//!
//! Refuses moments that a timer chooses alone: half of them are told by how much has been written. A kill that nobody was
//! there to feel is no point.

use std::time::{Duration, Instant};

use super::after::{Reference, Stood, Truth, recovers, reference};
use super::draw::Draw;
use super::upkeep::{Verb, prepare};
use super::world::{Running, World};
use super::{Outcome, Plan, Report, Try, counted, each};

const NAME: &str = "kills";
const TASKS: usize = 24;
const DELAY_MS: u64 = 6;
/// One in so many points is a verb of upkeep.
const UPKEEP: u64 = 4;
/// Such a verb takes about so long.
const UPKEEP_US: u64 = 25_000;

/// Kills runs at drawn moments.
#[must_use]
pub fn kills(plan: &Plan) -> Report {
    let wanted = match World::new(&plan.delm, TASKS, DELAY_MS).and_then(|world| reference(&world, 3)) {
        Ok(wanted) => wanted,
        Err(why) => return Report::failed(NAME, format!("an undisturbed run: {why}")),
    };
    each(NAME, plan, plan.from.., |number| {
        let again = format!("crash {NAME} --seed {} --from {number} --points 1", plan.seed);
        let done =
            if number % UPKEEP == UPKEEP - 1 { upkeep(plan, number) } else { one(plan, number, &wanted) };
        done.map_err(|why| format!("kill {number}: {why}; again: {again}"))
    })
}

fn one(plan: &Plan, number: u64, wanted: &Reference) -> Outcome {
    let mut draw = Draw::of(plan.seed, number);
    let world = World::new(&plan.delm, TASKS, DELAY_MS)?;
    let mut truth = Truth::default();
    let running = world.start(&[], &World::run_words(1 + draw.below(4)))?;
    let struck = kill_somewhere(running, &mut draw, wanted, &mut truth)?;
    let mut kills = u64::from(struck);
    while draw.below(3) == 0 && truth.run.is_some() {
        let running = world.start(&[], &["resume".to_owned(), "--jsonl".to_owned()])?;
        kills += u64::from(kill_somewhere(running, &mut draw, wanted, &mut truth)?);
    }
    let stood = recovers(&world, &mut truth, &wanted.facts, draw.number())?;
    let mut outcome = counted(&[if struck { "points" } else { "besides-after-all" }, stood_name(stood)])?;
    outcome.push(("kills".into(), kills));
    outcome.push(("acknowledged".into(), truth.acknowledged()));
    Ok(outcome)
}

/// A verb of upkeep, killed.
fn upkeep(plan: &Plan, number: u64) -> Outcome {
    let mut draw = Draw::of(plan.seed, number);
    let world = World::new(&plan.delm, TASKS, DELAY_MS)?;
    let verb = [Verb::Rm, Verb::Backup, Verb::Cancel].get(draw.place(3)).copied().unwrap_or(Verb::Rm);
    let before = prepare(&world, verb, |world, truth| {
        let mut running = world.start(&[], &World::run_words(2))?;
        while running.written() < 4_000 && !running.is_over() {
            std::thread::sleep(Duration::from_micros(200));
        }
        let killed = running.kill()?;
        truth.hear(&killed.out)
    })?;
    let running = world.start(&[], &before.words())?;
    std::thread::sleep(Duration::from_micros(draw.below(UPKEEP_US)));
    let killed = running.kill()?;
    if killed.code != 0 && killed.code != -9 {
        return Err(format!("it ended by itself: {killed}"));
    }
    let became = before.judge(&world, &killed, draw.number())?;
    let point = if killed.code == 0 { "besides-after-all" } else { "points" };
    counted(&[point, &format!("{}-{}", before.name(), became.name())])
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

/// Gives whether it was still there.
fn kill_somewhere(mut running: Running, draw: &mut Draw, wanted: &Reference, truth: &mut Truth) -> Try<bool> {
    wait_somewhere(&mut running, draw, wanted);
    let killed = running.kill()?;
    let over = killed.code == 2 && killed.err.contains("\"code\":\"over\"");
    if !over && killed.code != 0 && killed.code != -9 {
        return Err(format!("it ended by itself: {killed}"));
    }
    truth.hear(&killed.out)?;
    Ok(killed.code == -9)
}
