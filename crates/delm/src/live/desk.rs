//! Where other processes leave their wish that a run goes on, for the process that drives it.
//!
//! Refuses a wish once the driver has gone home, and loses none before: each is told what came of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use delm_core::event::{Change, PauseCause};
use delm_core::run::{Phase, Run};
use delm_engine::{Control, Running};
use tokio::sync::{oneshot, watch};

use super::Ended;
use crate::error::CliError;

/// How a wish came out: where the run stood when it paused again or ended.
pub(super) type Told = Result<Arc<Ended>, CliError>;

/// One desk a driven run.
pub(super) struct Desk {
    inside: Mutex<Inside>,
}

struct Inside {
    control: Control,
    published: watch::Receiver<Run>,
    wishes: Vec<Wish>,
    closed: bool,
}

struct Wish {
    changes: Vec<Change>,
    told: oneshot::Sender<Told>,
}

/// Why a wish is not taken.
pub(super) enum Unwished {
    /// The run goes on; there is nothing to go on with.
    Running,
    /// It is about to pause for another reason than a total that is reached, or with no new total given.
    Stopping(PauseCause),
    /// Its process is at its end.
    Closed,
}

impl Desk {
    pub(super) fn of(running: &Running) -> Self {
        let (control, published) = (running.control.clone(), running.published.clone());
        Self { inside: Mutex::new(Inside { control, published, wishes: Vec::new(), closed: false }) }
    }

    /// What stops the run as it is driven now.
    pub(super) fn control(&self) -> Control {
        self.lock().control.clone()
    }

    /// Leaves the wish that the run, once it has paused, goes on with these totals.
    pub(super) fn wish(&self, changes: Vec<Change>) -> Result<oneshot::Receiver<Told>, Unwished> {
        let mut inside = self.lock();
        let phase = inside.published.borrow().phase();
        match phase {
            _ if inside.closed => return Err(Unwished::Closed),
            Phase::Stopping(cause) | Phase::Paused(cause) => {
                let reached = matches!(cause, PauseCause::Budget | PauseCause::Deadline);
                if !reached || changes.is_empty() {
                    return Err(Unwished::Stopping(cause));
                }
            }
            Phase::Ended(_) => return Err(Unwished::Closed),
            Phase::Unborn | Phase::Running => return Err(Unwished::Running),
        }
        let (told, hears) = oneshot::channel();
        inside.wishes.push(Wish { changes, told });
        Ok(hears)
    }

    /// The run has paused or ended: gives the wishes there are as one, or closes the desk.
    pub(super) fn granted(&self, ended: &Ended) -> Option<Granted> {
        let mut inside = self.lock();
        let paused = matches!(ended.run.phase(), Phase::Paused(PauseCause::Budget | PauseCause::Deadline));
        if !paused || inside.wishes.is_empty() {
            inside.closed = true;
        }
        let wishes = std::mem::take(&mut inside.wishes);
        if wishes.is_empty() {
            return None;
        }
        let mut changes = BTreeMap::new();
        let mut waiting = Vec::new();
        for wish in wishes {
            changes.extend(wish.changes.into_iter().map(|change| (change.limit, change.value)));
            waiting.push(wish.told);
        }
        let changes = changes.into_iter().map(|(limit, value)| Change { limit, value }).collect();
        Some(Granted { changes, waiting, paused })
    }

    /// The run goes on.
    pub(super) fn goes_on(&self, running: &Running) {
        let mut inside = self.lock();
        inside.control = running.control.clone();
        inside.published = running.published.clone();
    }

    /// Nothing more is taken, whatever the reason. Whoever waits is let go: that nothing came of it is all there is to say.
    pub(super) fn close(&self) {
        let mut inside = self.lock();
        inside.closed = true;
        inside.wishes.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        // Each change above is whole before the lock is let go.
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wishes that the run goes on, put together.
pub(super) struct Granted {
    /// New totals; of two for one limit the later.
    pub(super) changes: Vec<Change>,
    /// Whether the run has paused, and so can go on.
    pub(super) paused: bool,
    waiting: Vec<oneshot::Sender<Told>>,
}

impl Granted {
    /// Tells everybody what came of it. Who has gone meanwhile is not told.
    pub(super) fn tell(self, told: &Told) {
        for waiting in self.waiting {
            let _gone = waiting.send(told.clone());
        }
    }
}
