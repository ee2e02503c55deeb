//! The owner of a store answers for it: other processes ask it to read, to cancel and to resume.
//!
//! Refuses what only one process at a time can do with a store; it says who holds it instead.

use std::path::Path;
use std::sync::Arc;

use delm_core::ids::Digest;
use delm_engine::{Clock, SystemClock};
use delm_log::Store;

use super::desk::{Desk, Unwished};
use super::going_on::{cancel_at_rest, refuse_over, refused, totals};
use crate::access::{Holder, Reading, named};
use crate::args::ask::{Cancel, Resume};
use crate::args::{Cli, Drive, Verb};
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::socket::server::{Answer, Asker, Server};
use crate::socket::{Request, SocketError, client};

/// Answers for a store while a run is driven.
pub(super) struct Owner {
    store: Arc<Store>,
    run: Digest,
    desk: Arc<Desk>,
    since_ms: u64,
    handle: tokio::runtime::Handle,
}

impl Owner {
    pub(super) fn new(store: Arc<Store>, run: Digest, desk: Arc<Desk>) -> Self {
        let (since_ms, handle) = (SystemClock::default().now_ms(), tokio::runtime::Handle::current());
        Self { store, run, desk, since_ms, handle }
    }

    /// Listens in the store. A socket that cannot be had is said and no reason to stop: the run is what matters.
    pub(super) fn listen(self, path: &Path, output: &mut Output) -> Result<Option<Server>, CliError> {
        match Server::listen(path, Arc::new(self)) {
            Ok(server) => Ok(Some(server)),
            Err(error) => {
                output.note(&format!(
                    "note: other processes cannot look at this run while it goes on: {error}"
                ))?;
                Ok(None)
            }
        }
    }

    fn run_verb(&self, cli: &Cli, output: &mut Output, asker: &Asker) -> Result<Exit, CliError> {
        let reading = Reading::of_store(self.store.clone()).driving(self.run);
        match &cli.verb {
            Verb::Drive(Drive::Cancel(cancel)) => self.cancel(cancel, &reading, output),
            Verb::Drive(Drive::Resume(resume)) => self.resume(resume, &reading, output),
            Verb::Read(verb) if !verb.writes() => {
                crate::reading::run(verb, &reading, output, &|| asker.has_gone())
            }
            Verb::Drive(_) | Verb::Read(_) | Verb::Aside(_) => Err(self.held(None)),
        }
    }

    fn cancel(&self, args: &Cancel, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
        let run = reading.find(&args.run)?;
        if run == self.run {
            self.handle
                .block_on(self.desk.control().cancel())
                .map_err(|error| refused(&error.to_string(), run))?;
        } else {
            cancel_at_rest(reading, run)?;
        }
        output.note(&format!("cancelled {}", run.short(12)))?;
        super::show::document(&reading.load(run)?, output)?;
        Ok(Exit::Success)
    }

    /// Goes on with the run that is driven here, once it has paused because a total was reached: for the asker this is as
    /// if it had resumed it itself.
    fn resume(&self, args: &Resume, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
        let run = reading.find(&args.run.clone().unwrap_or_default())?;
        let loaded = reading.load(run)?;
        let name = named(&loaded);
        if run != self.run {
            // To wait for this process would not help.
            refuse_over(&loaded.run, &name, run)?;
            return Err(self.held(None));
        }
        let wish = self.desk.wish(totals(&args.budget, &loaded.run, run)?);
        let told = wish.map_err(|unwished| match unwished {
            Unwished::Running => self.held(Some(format!("the run {name} is going on already"))),
            Unwished::Stopping(cause) => {
                self.held(Some(format!("the run {name} is about to pause ({cause})")))
            }
            Unwished::Closed => self.held(Some(format!("the run {name} has just come to rest"))),
        })?;
        let gone = |_| self.held(Some(format!("the run {name} was not gone on with")));
        let ended = self.handle.block_on(told).map_err(gone)??;
        super::show::ended(&ended, &*self.store, false, output)?;
        Ok(ended.exit())
    }

    fn held(&self, what: Option<String>) -> CliError {
        let pid = std::process::id();
        let holder = Holder { pid, since_ms: self.since_ms, note: format!("run {}", self.run.short(16)) };
        let what = what.map_or_else(
            || format!("the store is held by {holder}"),
            |what| format!("{what}; the store is held by {holder}"),
        );
        crate::access::held(what)
    }
}

impl Answer for Owner {
    fn answer(&self, request: Request, asker: &Asker) -> u8 {
        let list = std::iter::once("delm".to_owned()).chain(request.arguments.iter().cloned());
        let cli = match Cli::parse_from_list(list) {
            Ok(cli) => cli,
            // The asker has parsed the same list: this is another version of delm.
            Err(_) => return Exit::Usage.code(),
        };
        let style = request.style(&cli.global);
        let mut output =
            Output::new(asker.stdout(), asker.stderr(), style).of_store(cli.global.store.as_deref());
        let ended = self.run_verb(&cli, &mut output, asker);
        let flushed = output.flush().map_err(CliError::from);
        match ended.and_then(|exit| flushed.map(|()| exit)) {
            Ok(exit) => exit.code(),
            // Who waits for the store tries again when it is free, and needs no words meanwhile.
            Err(error) if error.exit == Exit::Conflict && cli.global.wait.is_some() => error.exit.code(),
            Err(error) => output.report(&error).code(),
        }
    }
}

/// Has the owner of a store run a verb for this process; none if nobody listens.
///
/// # Errors
/// The owner cannot be asked.
pub(crate) fn ask_owner(path: &Path, list: &[String], output: &mut Output) -> Result<Option<Exit>, CliError> {
    match client::ask(path, &Request::new(list.to_vec(), output.style()), output) {
        Ok(code) => Ok(Some(Exit::of_code(code))),
        Err(SocketError::Nobody { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
