//! The local socket of a store: a process that finds the store held asks the owner to run a verb for it.
//!
//! Refuses to know any verb: a request is an argument list and what the asker's terminal is like; the answer is what
//! the verb wrote, in chunks, and its exit code. Only the owner of the files may ask: the store's folder has mode 0700,
//! the socket 0600, and the peer's user is looked at.

pub(crate) mod client;
pub(crate) mod frame;
pub(crate) mod path;
pub(crate) mod server;

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::access::held;
use crate::args::Global;
use crate::error::{CliError, Exit};
use crate::output::style::Style;

/// The version of the protocol. Both sides must speak the same.
pub(crate) const PROTOCOL: u32 = 1;

/// What a process asks the owner of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    /// [`PROTOCOL`].
    pub(crate) protocol: u32,
    /// The asker's version of delm, for messages.
    pub(crate) version: String,
    /// The argument list, without the program's name.
    pub(crate) arguments: Vec<String>,
    /// Columns of the asker's terminal; none if its standard output is not one.
    pub(crate) columns: Option<u16>,
    /// Colour on its standard output.
    pub(crate) colour: bool,
    /// Colour on its standard error.
    pub(crate) error_colour: bool,
}

impl Request {
    /// A request of this binary.
    pub(crate) fn new(arguments: Vec<String>, style: Style) -> Self {
        Self {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").into(),
            arguments,
            columns: style.columns,
            colour: style.colour,
            error_colour: style.progress_colour,
        }
    }

    /// How the asker wants its output, given the flags among its arguments.
    pub(crate) fn style(&self, global: &Global) -> Style {
        Style {
            mode: global.mode(),
            quiet: global.quiet,
            columns: self.columns,
            colour: self.colour,
            progress_tty: false,
            progress_colour: self.error_colour,
        }
    }
}

/// Why the owner gives no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// What is wrong.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: String,
}

/// Why the socket is of no use.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// Nobody listens: the store has no owner, or one that does not answer.
    #[error("nobody answers at {}", path.display())]
    Nobody {
        /// The socket.
        path: PathBuf,
    },
    /// The operating system refused something.
    #[error("the socket {}: cannot {doing}: {error}", path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What was tried.
        doing: &'static str,
        /// Why not.
        error: io::Error,
    },
    /// The owner went away before it said how the verb ended.
    #[error("the process that holds the store went away before it had answered")]
    CutOff,
    /// The other side speaks another protocol.
    #[error("the process that holds the store does not speak this protocol: {what}")]
    Protocol {
        /// What was wrong.
        what: String,
    },
    /// The owner will not answer this.
    #[error("{}", refusal.message)]
    Refused {
        /// Why.
        refusal: Refusal,
    },
    /// What came back could not be written.
    #[error(transparent)]
    Output(#[from] crate::output::OutputError),
}

impl From<SocketError> for CliError {
    fn from(error: SocketError) -> Self {
        match error {
            SocketError::Output(error) => error.into(),
            SocketError::Io { .. } => Self::new("io", Exit::Unexpected, error.to_string()),
            SocketError::Refused { refusal } => held(refusal.message).hint(refusal.hint),
            SocketError::Nobody { .. } | SocketError::CutOff | SocketError::Protocol { .. } => {
                held(error.to_string()).hint("try again")
            }
        }
    }
}

#[cfg(test)]
mod tests;
