//! Time as data: the wall clock, monotonic between syncs with it.
//!
//! Refuses to go back: an NTP step or a suspended laptop changes no order.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use delm_core::ids::Millis;

/// How long the monotonic clock is trusted before the wall clock is asked again.
const RESYNC: Duration = Duration::from_secs(60);

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01 UTC, never less than it said before.
    fn now_ms(&self) -> Millis;
}

/// This machine's clock.
pub struct SystemClock {
    state: Mutex<Synced>,
}

struct Synced {
    at: Instant,
    wall_ms: Millis,
    last_ms: Millis,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { state: Mutex::new(Synced { at: Instant::now(), wall_ms: wall_ms(), last_ms: 0 }) }
    }
}

fn wall_ms() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}

impl Clock for SystemClock {
    fn now_ms(&self) -> Millis {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = state.at.elapsed();
        if passed > RESYNC {
            state.at = Instant::now();
            state.wall_ms = wall_ms();
        }
        let passed_ms = Millis::try_from(state.at.elapsed().as_millis()).unwrap_or(Millis::MAX);
        let now = state.wall_ms.saturating_add(passed_ms).max(state.last_ms);
        state.last_ms = now;
        now
    }
}

/// A clock that begins no earlier than a run's newest entry, whatever the machine says: leases go on from there.
pub(crate) struct NoEarlier {
    clock: Arc<dyn Clock>,
    ahead_ms: Millis,
}

impl NoEarlier {
    pub(crate) fn than(clock: Arc<dyn Clock>, at_ms: Millis) -> Self {
        let ahead_ms = at_ms.saturating_sub(clock.now_ms());
        Self { clock, ahead_ms }
    }
}

impl Clock for NoEarlier {
    fn now_ms(&self) -> Millis {
        self.clock.now_ms().saturating_add(self.ahead_ms)
    }
}
