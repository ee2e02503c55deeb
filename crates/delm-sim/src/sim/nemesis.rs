//! What goes wrong between two events, and the moment when it stops.
//!
//! Refuses to act once faults have stopped; what it has broken for good stays broken.

use delm_core::command::Command;
use delm_core::entry::Blob;
use delm_core::event::{AgentKind, Change};
use delm_core::ids::{FactId, Job};
use delm_core::run::Phase;

use super::clock::Clock;
use super::{Healed, Sim};
use crate::broken::Broken;
use crate::disk::Tear;
use crate::marks::Mark;
use crate::setup::agent;

impl Sim {
    /// Maybe something happens to the process, the clock or the run.
    pub(super) fn nemesis(&mut self) -> Result<(), Broken> {
        if self.healed.is_some() {
            return Ok(());
        }
        if self.rng.chance(self.knobs.jump) {
            self.jump();
        }
        if self.world.process.is_none() {
            return Ok(());
        }
        if self.rng.chance(self.knobs.interrupt) {
            let hard = self.rng.chance(300);
            self.control(Command::Interrupt { hard }, Vec::new());
        }
        if self.rng.chance(self.knobs.cancel) {
            self.control(Command::Cancel, Vec::new());
        }
        if self.rng.chance(self.knobs.retract) {
            self.retract();
        }
        self.erase();
        // A place is kept for the one that a lone agent needs to come to an end.
        let places = self.world.published().limits().agents_max;
        let full = self.world.published().agents().len() as u64 + 2 > places;
        if self.rng.chance(self.knobs.join) && !full {
            let name = self.rng.pick(&["bob", "zoe"], "bob");
            self.control(Command::Join(agent(AgentKind::Program, name)), Vec::new());
        }
        if self.rng.chance(self.knobs.crash) {
            let tear = self.tear();
            self.crash(tear)?;
        }
        Ok(())
    }

    fn control(&mut self, command: Command, blobs: Vec<Blob>) {
        self.faults += 1;
        let at = self.at();
        let _nobody_waits = self.world.engine(command, blobs, at);
    }

    fn retract(&mut self) {
        let facts = self.world.published().facts().len();
        if facts > 0 {
            let place = u32::try_from(self.rng.place(facts)).unwrap_or(0);
            let reason = Blob::new(&b"because"[..]);
            self.control(Command::Retract { label: FactId(place + 1), reason: reason.hash }, vec![reason]);
        }
    }

    fn jump(&mut self) {
        self.faults += 1;
        let far = i64::try_from(self.rng.within(1, self.knobs.jump_ms)).unwrap_or(1);
        let lease = i64::try_from(self.world.published().limits().lease_ms).unwrap_or(i64::MAX);
        if self.rng.chance(500) {
            self.skew = self.skew.saturating_add(far).min(1_000_000);
            if far >= lease {
                self.world.marks.hit(Mark::ClockForward);
            }
        } else {
            self.skew = self.skew.saturating_sub(far).max(-500_000);
            self.world.marks.hit(Mark::ClockBack);
        }
    }

    fn tear(&mut self) -> Tear {
        match self.rng.below(4) {
            0 => Tear::Lost,
            1 => Tear::Kept,
            2 => Tear::Torn(self.rng.below(900)),
            _ => Tear::Scrambled(self.rng.below(1 << 16)),
        }
    }

    fn crash(&mut self, tear: Tear) -> Result<(), Broken> {
        self.faults += 1;
        self.world.crash(tear)?;
        self.gone();
        self.restart_soon();
        Ok(())
    }

    /// Maybe the disk fails under the write that was just synced: the process ends.
    pub(super) fn write_fails(&mut self) -> Result<bool, Broken> {
        if self.healed.is_some() || !self.rng.chance(self.knobs.write_fails) {
            return Ok(false);
        }
        let tear = if self.rng.chance(500) {
            self.world.marks.hit(Mark::Enospc);
            Tear::Torn(self.rng.below(600))
        } else {
            self.world.marks.hit(Mark::Eio);
            self.tear()
        };
        self.crash(tear)?;
        Ok(true)
    }

    /// A new process takes the run over.
    pub(super) fn restart(&mut self) -> Result<(), Broken> {
        self.restarting = false;
        if self.world.process.is_some() {
            return Ok(());
        }
        let crashed = matches!(self.world.published().phase(), Phase::Running | Phase::Stopping(_));
        let changes = self.changes();
        let wall = self.wall();
        self.clock = Clock::new(self.now, wall);
        let at = self.at();
        if let Some(refusal) = self.world.resume(changes, at)? {
            let ended = matches!(self.world.published().phase(), Phase::Ended(_));
            return if ended {
                Ok(())
            } else {
                Err(Broken::new("I-44", format!("a new process cannot go on: {refusal}")))
            };
        }
        if crashed {
            self.world.marks.hit(Mark::ResumedAfterCrash);
        }
        self.clock.no_earlier(self.world.published().at(), self.now, wall);
        if self.healed.is_some() && self.lonely() {
            // I-44 promises an end to two agents; one that joins is set to work by the next process.
            let at = self.at();
            let _nobody_waits = self.world.engine(Command::Join(agent(AgentKind::Model, "")), Vec::new(), at);
            self.world.hand_over()?;
            self.world.synced()?;
            if !self.lonely() {
                self.world.crash(Tear::Kept)?;
                return self.restart();
            }
        }
        self.wake_agents();
        Ok(())
    }

    fn lonely(&self) -> bool {
        self.world.inside().len() < 2 && !self.world.published().self_review()
    }

    fn changes(&mut self) -> Vec<Change> {
        let change = |limit: &str, value| Change { limit: limit.into(), value };
        if self.healed.is_some() {
            return vec![
                change("budget_tokens", 0),
                change("budget_microusd", 0),
                change("deadline_ms", 0),
                change("lease_ms", 1_000),
            ];
        }
        let mut changes = Vec::new();
        let limits = self.world.published().limits().clone();
        if self.rng.chance(self.knobs.lift) {
            if limits.deadline_ms > 0 {
                changes.push(change("deadline_ms", limits.deadline_ms + self.rng.within(1, 2_000)));
            }
            if limits.budget_tokens > 0 {
                changes.push(change("budget_tokens", limits.budget_tokens + self.rng.within(1, 2_000)));
            }
            if limits.budget_microusd > 0 {
                changes.push(change("budget_microusd", limits.budget_microusd + self.rng.within(1, 2_000)));
            }
        }
        if self.rng.chance(50) {
            changes.push(change("attempts_max", limits.attempts_max + self.rng.within(0, 2)));
        }
        changes
    }

    /// Faults stop: the process starts anew without limits on money and time, programs do what they should or stay dead.
    pub(super) fn heal(&mut self) -> Result<(), Broken> {
        if self.world.process.is_some() {
            self.world.crash(Tear::Kept)?;
            self.gone();
        }
        self.model.manners = crate::words::Manners::good();
        self.knobs.think_ms = 100;
        self.knobs.sync_ms = 5;
        self.heal_programs();
        let run = self.world.published();
        let jobs = run.jobs().iter().filter(|(job, _)| matches!(job, Job::Read(_) | Job::Reason(_))).count();
        // Each job, and those that one more plan may add, reviewed, as often as it may fail or be given back; leases of the
        // dead, and a clock that stands still until the wall clock has caught up.
        let limits = run.limits();
        let tries = limits.attempts_max + limits.releases_max + 1;
        let each = 1_000 + limits.lease_ms + self.knobs.think_ms;
        let work = (jobs as u64 + 16) * 2 * tries * each;
        let still = self.skew.unsigned_abs() + run.at().saturating_sub(self.now);
        self.healed = Some(Healed { until: self.now + work + still, steps: self.steps });
        self.restart_soon();
        Ok(())
    }
}
