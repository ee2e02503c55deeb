//! What stands while a run begins: threads, signals, and a gate that the first record goes through.
//!
//! Refuses to lose a signal: until the gate is passed the first one ends the verb and nothing was written for it; after
//! that it stops the run as any other does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use delm_core::ids::Digest;
use delm_log::{Before, Log, LogError, Store, Term};
use tokio::runtime::{Handle, Runtime};

use crate::error::{CliError, Exit};
use crate::signals::{Signals, Stop};

/// Threads and signals of a verb that drives a run.
pub(super) struct Stage {
    runtime: Option<Runtime>,
    /// Signals of this process.
    pub(super) signals: Signals,
    /// A signal that came when the run had as good as begun: the run is to be told.
    pub(super) pending: Option<Stop>,
    gate: Arc<Gate>,
}

impl Stage {
    /// Begins to listen for signals, which from now on do not end the process by themselves.
    ///
    /// # Errors
    /// Exit 1 if the system gives no threads, or no handlers.
    pub(super) fn new() -> Result<Self, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|error| CliError::io("starting threads", &error))?;
        let entered = runtime.enter();
        let signals = Signals::listen().map_err(|error| CliError::io("listening for Ctrl-C", &error))?;
        drop(entered);
        Ok(Self { runtime: Some(runtime), signals, pending: None, gate: Arc::default() })
    }

    /// A log through which a run can begin as long as no signal has come.
    pub(super) fn gated(&self, store: Arc<Store>) -> Arc<dyn Log> {
        Arc::new(GatedLog { store, gate: self.gate.clone() })
    }

    /// Does what may take long on a thread of its own, and leaves it there if a signal comes first.
    ///
    /// # Errors
    /// What the work fails with; exit 130 or 143 if a signal came before anything was begun.
    pub(super) fn until_signal<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> Result<T, CliError> + Send + 'static,
    ) -> Result<T, CliError> {
        let Some(runtime) = &self.runtime else { return Err(gone()) };
        let (signals, gate, pending) = (&mut self.signals, &self.gate, &mut self.pending);
        runtime.block_on(async {
            let mut work = tokio::task::spawn_blocking(work);
            loop {
                let stop = tokio::select! {
                    biased;
                    done = &mut work => return done.map_err(|_| gone())?,
                    stop = signals.next() => stop,
                };
                if gate.shut() {
                    return Err(interrupted(signals.exit()));
                }
                *pending = Some(stop);
            }
        })
    }

    /// What the rest of the verb runs on, when signals are the run's.
    pub(super) fn handle(&self) -> Result<Handle, CliError> {
        self.runtime.as_ref().map(|runtime| runtime.handle().clone()).ok_or_else(gone)
    }

    /// Waits for all threads, so that nothing holds the store any more.
    pub(super) fn end(mut self) {
        drop(self.runtime.take());
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What was left behind when a signal came must not hold the process up.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn gone() -> CliError {
    CliError::new("internal", Exit::Unexpected, "a thread of this process ended without a word")
}

fn interrupted(exit: Option<Exit>) -> CliError {
    let exit = exit.unwrap_or(Exit::Interrupted);
    CliError::new("interrupted", exit, "interrupted before anything was written: no run was begun or changed")
}

const OPEN: u8 = 0;
const PASSED: u8 = 1;
const SHUT: u8 = 2;

/// Passed once, by the first record of a run, or shut before by a signal.
#[derive(Default)]
struct Gate(AtomicU8);

impl Gate {
    /// Whether a run may begin, or has.
    fn pass(&self) -> bool {
        let passed = self.0.compare_exchange(OPEN, PASSED, Ordering::SeqCst, Ordering::SeqCst);
        matches!(passed, Ok(_) | Err(PASSED))
    }

    /// Shuts it; false if it was passed.
    fn shut(&self) -> bool {
        let shut = self.0.compare_exchange(OPEN, SHUT, Ordering::SeqCst, Ordering::SeqCst);
        matches!(shut, Ok(_) | Err(SHUT))
    }
}

/// The store, which lets nobody become a writer once the gate is shut: that comes right before the first record.
struct GatedLog {
    store: Arc<Store>,
    gate: Arc<Gate>,
}

impl Before for GatedLog {
    fn log(&self) -> &dyn Log {
        &*self.store
    }

    fn acquire(&self, run: &Digest) -> Result<Term, LogError> {
        if self.gate.pass() {
            return self.store.acquire(run);
        }
        // Whoever began this run has gone; nobody is there to read these words.
        let source = Arc::new(std::io::ErrorKind::Interrupted.into());
        Err(LogError::Io { action: "begin in", path: "the store".into(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_passed_or_shut_and_stays_so() {
        let gate = Gate::default();
        assert!(gate.pass() && gate.pass());
        assert!(!gate.shut(), "what has begun is stopped, not left");
        let gate = Gate::default();
        assert!(gate.shut() && gate.shut());
        assert!(!gate.pass());
    }

    #[test]
    fn a_signal_leaves_work_behind_that_has_written_nothing() {
        let mut stage = Stage::new().unwrap();
        let (release, held) = std::sync::mpsc::channel::<()>();
        let pid = std::process::id().to_string();
        let error = stage
            .until_signal(move || {
                let sent = std::process::Command::new("kill").args(["-INT", &pid]).status();
                assert!(sent.unwrap().success());
                // As a corpus that takes long to read.
                held.recv().map_err(|_| gone())
            })
            .unwrap_err();
        assert_eq!((error.code, error.exit), ("interrupted", Exit::Interrupted));
        assert!(!stage.gate.pass(), "no run can begin any more");
        drop(release);
    }
}
