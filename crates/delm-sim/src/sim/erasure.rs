//! Bytes taken away while a run goes on, and what may still happen once it has ended: withdrawals and redactions.
//!
//! Refuses to take away what a prompt still shows while the run goes on: no agent could be asked anything any more. Its
//! chance is a stream of its own, so that a seed's run is the same whether or not anything is taken from it.

use delm_core::command::Command;
use delm_core::entry::Blob;
use delm_core::ids::FactId;
use delm_core::run::Phase;

use super::Sim;
use crate::broken::{Broken, holds};
use crate::disk::Tear;
use crate::marks::Mark;
use crate::rng::Rng;

/// Whom it meets, how often, and with which chance.
pub(super) struct Erasure {
    rng: Rng,
    /// In thousandths of an event, while the run goes on.
    often: u64,
    /// Commands after the end.
    after: u64,
}

impl Erasure {
    pub(super) fn draw(seed: u64) -> Self {
        let mut rng = Rng::new(seed ^ 0x6572_6173_7572_6521);
        let often = if rng.chance(700) { 0 } else { rng.within(1, 40) };
        let after = if rng.chance(600) { 0 } else { rng.within(1, 4) };
        Self { rng, often, after }
    }
}

impl Sim {
    /// Maybe bytes are taken away that nobody is asked about again.
    pub(super) fn erase(&mut self) {
        if self.erasure.rng.chance(self.erasure.often) && self.world.process.is_some() {
            let (choice, at) = (self.erasure.rng.next_u64(), self.at());
            self.faults += u64::from(self.world.redact(choice, at).is_some());
        }
    }

    /// The run has ended: somebody opens it again, more than once, to withdraw facts and to take bytes away.
    pub(super) fn afterwards(&mut self) -> Result<(), Broken> {
        let answer = self.world.published().phase();
        for _ in 0..self.erasure.after {
            self.world.leave();
            self.gone();
            self.resumed_in_vain()?;
            self.world.open()?;
            for _ in 0..self.erasure.rng.within(1, 2) {
                self.change_an_ended_run();
            }
            self.world.hand_over()?;
            if self.erasure.rng.chance(300) {
                self.faults += 1;
                let tear = if self.erasure.rng.chance(500) { Tear::Kept } else { Tear::Lost };
                self.world.crash(tear)?;
                continue;
            }
            drop(self.world.synced()?);
            drop(self.world.hand_over()?);
        }
        let now = self.world.published().phase();
        holds(now == answer, "I-28", || format!("the run ended as {answer:?}, and is {now:?} now"))
    }

    /// Nobody goes on with a run that has ended, cancelled or otherwise.
    fn resumed_in_vain(&mut self) -> Result<(), Broken> {
        let at = self.at().max(self.world.published().at());
        // Not what was published last: a crash may have kept entries that nobody was told of.
        let before = self.world.entries()?.len();
        let refusal = self.world.resume(Vec::new(), at)?;
        let same = self.world.entries()?.len() == before && self.is_closed();
        holds(refusal.is_some() && same, "I-28", || {
            format!("a run that has ended was resumed: {refusal:?}")
        })?;
        self.world.marks.hit(Mark::ResumedInVain);
        Ok(())
    }

    fn change_an_ended_run(&mut self) {
        let at = self.at().max(self.world.published().at());
        let facts = self.world.published().facts().len();
        let place = self.erasure.rng.place(facts.max(1));
        if facts > 0 && self.erasure.rng.chance(400) {
            let label = FactId(u32::try_from(place).unwrap_or(0) + 1);
            let reason = Blob::new(&b"because"[..]);
            let command = Command::Retract { label, reason: reason.hash };
            let _nobody_waits = self.world.engine(command, vec![reason], at);
        } else {
            let choice = self.erasure.rng.next_u64();
            let _nobody_waits = self.world.redact(choice, at);
        }
    }

    /// Whether anything may follow the end of this run.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.world.published().phase(), Phase::Ended(_))
    }
}
