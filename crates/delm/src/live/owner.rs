//! The owner of a store answers for it: other processes ask it to read, to cancel and to resume.
//!
//! Refuses what only one process at a time can do with a store; it says who holds it instead.

use std::path::Path;
use std::sync::Arc;

use delm_core::command::Command;
use delm_core::dispatcher::Dispatcher;
use delm_core::event::Change;
use delm_core::ids::Digest;
use delm_core::policy::policy;
use delm_core::run::Run;
use delm_engine::{Clock, Control, SystemClock, Workers};
use delm_log::{Append, Store};

use super::begin::engine;
use super::models;
use crate::access::{Reading, log_error};
use crate::args::ask::Resume;
use crate::args::{Cli, Verb};
use crate::config::Settings;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::refs::RunRef;
use crate::socket::server::{Answer, Asker, Server};
use crate::socket::{Request, SocketError, client};

/// Answers for a store while a run is driven.
pub(super) struct Owner {
    store: Arc<Store>,
    run: Digest,
    control: Control,
    handle: tokio::runtime::Handle,
}

impl Owner {
    pub(super) fn new(store: Arc<Store>, run: Digest, control: Control) -> Self {
        Self { store, run, control, handle: tokio::runtime::Handle::current() }
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
        let reading = Reading::of_store(self.store.clone());
        if let Verb::Cancel(cancel) = &cli.verb {
            let run = reading.find(&cancel.run)?;
            if run == self.run {
                self.handle
                    .block_on(self.control.cancel())
                    .map_err(|error| refused(&error.to_string(), run))?;
            } else {
                cancel_at_rest(&reading, run)?;
            }
            output.note(&format!("cancelled {}", run.short(12)))?;
            super::show::document(&reading.load(run)?, output)?;
            return Ok(Exit::Success);
        }
        if let Verb::Resume(resume) = &cli.verb {
            let run = reading.find(resume.run.as_ref().unwrap_or(&RunRef::Last))?;
            let own = if run == self.run {
                "this run is going on already"
            } else {
                "another run goes on in this store"
            };
            return Err(self.held(own));
        }
        if matches!(cli.verb, Verb::Run(_) | Verb::Demo(_) | Verb::Rm(_)) {
            return Err(self.held("another run goes on in this store"));
        }
        crate::reading::run(&cli.verb, &reading, output, &|| asker.has_gone())
    }

    fn held(&self, what: &str) -> CliError {
        CliError::new("held", Exit::Conflict, format!("{what}: process {} holds it", std::process::id()))
            .hint("--wait waits for it; another --store does not have to")
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
        let style = request.style(cli.global.mode());
        let mut output = Output::new(asker.stdout(), asker.stderr(), style);
        let ended = self.run_verb(&cli, &mut output, asker);
        let flushed = output.flush().map_err(CliError::from);
        match ended.and_then(|exit| flushed.map(|()| exit)) {
            Ok(exit) => exit.code(),
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

/// As [`ask_owner`], for verbs that need the owner.
///
/// # Errors
/// Exit 7 if nobody answers.
pub(super) fn forward(path: &Path, list: &[String], output: &mut Output) -> Result<Exit, CliError> {
    ask_owner(path, list, output)?.ok_or_else(|| {
        CliError::new("held", Exit::Conflict, "the store is held, and its owner does not answer")
            .hint("--wait waits for it")
    })
}

fn refused(what: &str, run: Digest) -> CliError {
    CliError::new("refused", Exit::Usage, what)
        .hint("`delm show` says where the run stands")
        .run(run.to_string())
}

/// Ends a run that nobody drives.
///
/// # Errors
/// Exit 2 if it is over already.
pub(super) fn cancel_at_rest(reading: &Reading, run: Digest) -> Result<(), CliError> {
    let loaded = reading.load(run)?;
    let name = loaded.run.started().map(|started| started.policy.clone());
    let policy = name.as_ref().and_then(policy).ok_or_else(|| {
        refused("this binary does not have the run's policy, so it cannot decide for it", run)
    })?;
    let mut dispatcher = Dispatcher::new(policy, loaded.run);
    let clock = SystemClock::default();
    // The first entry of a new writer says so, and releases what its dead forerunner held.
    let resume = Command::Resume { engine: engine(), changes: Vec::new() };
    dispatcher.engine(&*loaded.blobs, resume, Vec::new(), clock.now_ms());
    dispatcher.engine(&*loaded.blobs, Command::Cancel, Vec::new(), clock.now_ms());
    let staged = dispatcher.take_staged();
    if staged.is_empty() {
        let refusal = dispatcher.idle_answers().into_iter().find_map(|answered| answered.outcome.err());
        return Err(refused(&refusal.map(|refusal| refusal.to_string()).unwrap_or_default(), run));
    }
    let term = reading.log.acquire(&run).map_err(log_error)?;
    let batch = staged
        .into_iter()
        .map(|staged| Append { run, after: staged.after, term, entry: staged.entry, blobs: staged.blobs })
        .collect();
    match reading.log.commit(batch).into_iter().find_map(Result::err) {
        None => Ok(()),
        Some(error) => Err(CliError::new("append", Exit::Unexpected, error.to_string()).run(run.to_string())),
    }
}

/// Models and changed limits of a run that goes on.
///
/// # Errors
/// Exit 2 for a missing key, or a budget in money without a price.
pub(super) fn resumption(
    reading: &Reading,
    run: Digest,
    args: &Resume,
    settings: &Settings,
    environment: &Environment,
) -> Result<(Workers, Vec<Change>), CliError> {
    let loaded = reading.load(run)?;
    let started = loaded.run.started().cloned();
    let started = started.ok_or_else(|| refused("the run has no first entry", run))?;
    let (worker, judge) = (&started.models.worker, &started.models.judge);
    let providers = models::providers(settings, environment, &[worker, judge])?;
    let hosts = models::hosts(worker, judge, &providers);
    if let Some(other) = hosts.iter().find(|host| !started.hosts.contains(host)) {
        let what = format!("{other} would be called, but the run recorded {}", started.hosts.join(", "));
        return Err(CliError::usage(what)
            .hint("name the same server with --base-url, or begin another run")
            .run(run.to_string()));
    }
    let workers = models::workers(worker, judge, &providers)?;
    let mut changes = Vec::new();
    let mut change = |limit: &str, value: Option<u64>| {
        if let Some(value) = value {
            changes.push(Change { limit: limit.to_owned(), value });
        }
    };
    change("budget_microusd", args.budget.budget_usd);
    change("budget_tokens", args.budget.budget_tokens);
    change("deadline_ms", args.budget.deadline);
    if args.budget.budget_usd.is_some_and(|budget| budget > 0) {
        refuse_unpriced(&loaded.run, run)?;
    }
    Ok((workers, changes))
}

fn refuse_unpriced(run: &Run, id: Digest) -> Result<(), CliError> {
    let Some(started) = run.started() else { return Ok(()) };
    for choice in [&started.models.worker, &started.models.judge] {
        let builtin = choice.model == delm_core::prompt::BUILTIN;
        if !builtin && !started.prices.iter().any(|price| price.model == choice.model) {
            let what =
                format!("{} had no price when the run began, so --budget-usd cannot be kept", choice.model);
            return Err(CliError::usage(what).hint("give --budget-tokens").run(id.to_string()));
        }
    }
    Ok(())
}
