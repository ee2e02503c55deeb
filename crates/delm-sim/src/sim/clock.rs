//! The simulated machine's clock, wall and monotonic, and what the engine makes of it.
//!
//! Refuses to go back: like the engine's, it stands still until the wall clock has caught up.

use delm_core::ids::Millis;

/// How long the monotonic clock is trusted before the wall clock is asked again: the engine's minute, scaled as all times here.
const RESYNC_MS: Millis = 20;

/// A process's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    synced_at: Millis,
    wall_ms: Millis,
    last_ms: Millis,
    ahead_ms: Millis,
}

impl Clock {
    /// A new process asks the wall clock, which shows `wall` at the true time `now`.
    pub(super) fn new(now: Millis, wall: Millis) -> Self {
        Self { synced_at: now, wall_ms: wall, last_ms: 0, ahead_ms: 0 }
    }

    /// Leases go on from the run's newest entry, whatever the machine says.
    pub(super) fn no_earlier(&mut self, at: Millis, now: Millis, wall: Millis) {
        self.ahead_ms = at.saturating_sub(self.raw(now, wall));
    }

    fn raw(&mut self, now: Millis, wall: Millis) -> Millis {
        if now - self.synced_at > RESYNC_MS {
            self.synced_at = now;
            self.wall_ms = wall;
        }
        self.last_ms = self.last_ms.max(self.wall_ms + (now - self.synced_at));
        self.last_ms
    }

    /// What it says.
    pub(super) fn now(&mut self, now: Millis, wall: Millis) -> Millis {
        self.raw(now, wall).saturating_add(self.ahead_ms)
    }
}
