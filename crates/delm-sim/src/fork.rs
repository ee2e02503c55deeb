//! Beside some runs, a fork of each: from anywhere in it, brought to its end by honest agents, then judged like any run.
//!
//! Refuses runs whose bytes were redacted, and those that are over at their first entry.

use delm_core::event::Event;

use crate::broken::{Broken, holds};
use crate::export::audited;
use crate::judge::judge;
use crate::laws::Law;
use crate::marks::Mark;
use crate::replay::heal;
use crate::rng::Rng;
use crate::world::World;

/// Of a thousand runs so many are forked.
const FORKED_PER_MILLE: u64 = 125;

/// Told apart from what else a seed is used for.
const SALT: u64 = 0x0066_6f72_6b00;

/// Forks a run that was judged, if the seed says so.
///
/// # Errors
/// [`Broken`], of the fork.
pub(crate) fn also(world: &mut World, seed: u64, own: &[&dyn Law]) -> Result<(), Broken> {
    let mut rng = Rng::new(seed ^ SALT);
    if !rng.chance(FORKED_PER_MILLE) {
        return Ok(());
    }
    let entries = world.entries()?;
    // A crash may have kept a redaction that no process published, and its bytes are gone all the same.
    let redacts = |event: &Event| matches!(event, Event::BlobRedacted(_));
    if entries.iter().any(|sealed| sealed.entry.events.iter().any(redacts)) {
        return Ok(());
    }
    let ends = |event: &Event| matches!(event, Event::RunEnded(_));
    let end = entries.iter().position(|sealed| sealed.entry.events.iter().any(ends)).unwrap_or(entries.len());
    if end == 0 {
        return Ok(());
    }
    let seq = rng.below(end as u64);
    let in_fork =
        |broken: Broken| Broken::new(&broken.law, format!("in a fork behind entry {seq}: {}", broken.what));
    let mut fork = World::forked(world, seq, &mut rng).map_err(in_fork)?;
    heal(&mut fork).map_err(in_fork)?;
    judge(&mut fork, own).map_err(in_fork)?;
    audited(&fork).map_err(in_fork)?;
    let prefix = fork.entries()?;
    let shared = usize::try_from(seq + 1).unwrap_or(usize::MAX);
    holds(prefix.get(..shared) == entries.get(..shared), "I-40", || {
        format!("a fork behind entry {seq} has another prefix than its origin")
    })?;
    for mark in [Mark::ForkReleased, Mark::ForkClosed, Mark::ForkReopened] {
        if fork.marks.count(mark) > 0 {
            world.marks.hit(mark);
        }
    }
    world.marks.hit(Mark::Forked);
    Ok(())
}
