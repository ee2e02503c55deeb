//! Ctrl-C and SIGTERM: the first asks the run to stop claiming and let work in flight end, the second to leave now.
//!
//! Refuses to end the process: it says what was asked, and whoever drives the run does it and records it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::Exit;

/// What the person at the keyboard, or a supervisor, wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Claim nothing more, let work in flight end.
    Drain,
    /// Release everything and leave.
    Leave,
}

/// Which signal came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

/// Signals counted: what each asks for, and what the process ends with because of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stops {
    first: Option<Came>,
}

impl Stops {
    /// What this signal asks for.
    pub(crate) fn take(&mut self, came: Came) -> Stop {
        match self.first {
            None => {
                self.first = Some(came);
                Stop::Drain
            }
            Some(_) => Stop::Leave,
        }
    }

    /// What the process ends with, if a signal is why it ends: the first decides.
    pub(crate) fn exit(&self) -> Option<Exit> {
        self.first.map(|came| match came {
            Came::Interrupt => Exit::Interrupted,
            Came::Terminate => Exit::Terminated,
        })
    }
}

/// Listens for signals from now on; the process no longer ends by them alone.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    stops: Stops,
}

impl Signals {
    /// Begins to listen. Must be called within the runtime.
    ///
    /// # Errors
    /// The operating system refused a handler.
    pub(crate) fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        Ok(Self { interrupt, terminate, stops: Stops::default() })
    }

    /// Waits for the next signal, and says what it asks for. Can be dropped and called again without losing one.
    pub(crate) async fn next(&mut self) -> Stop {
        let came = tokio::select! {
            Some(()) = self.interrupt.recv() => Came::Interrupt,
            Some(()) = self.terminate.recv() => Came::Terminate,
            // The runtime is ending: nobody will be asked any more.
            else => std::future::pending().await,
        };
        self.stops.take(came)
    }

    /// What the process ends with, if a signal is why it ends.
    pub(crate) fn exit(&self) -> Option<Exit> {
        self.stops.exit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_drains_the_second_leaves_and_the_first_decides_the_exit() {
        let mut stops = Stops::default();
        assert_eq!(stops.exit(), None);
        assert_eq!(stops.take(Came::Interrupt), Stop::Drain);
        assert_eq!(stops.exit(), Some(Exit::Interrupted));
        assert_eq!(stops.take(Came::Terminate), Stop::Leave);
        assert_eq!(stops.take(Came::Interrupt), Stop::Leave);
        assert_eq!(stops.exit(), Some(Exit::Interrupted));
        let mut stops = Stops::default();
        stops.take(Came::Terminate);
        assert_eq!(stops.exit(), Some(Exit::Terminated));
    }

    #[tokio::test]
    async fn real_signals_arrive() {
        let mut signals = Signals::listen().unwrap();
        let kill = |name: &str| {
            let status =
                std::process::Command::new("kill").args([name, &std::process::id().to_string()]).status();
            assert!(status.unwrap().success());
        };
        kill("-TERM");
        assert_eq!(signals.next().await, Stop::Drain);
        kill("-INT");
        assert_eq!(signals.next().await, Stop::Leave);
        assert_eq!(signals.exit(), Some(Exit::Terminated));
    }
}
