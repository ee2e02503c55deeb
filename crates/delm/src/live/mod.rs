//! The verbs that drive a run: `demo`, `run`, `resume`, `cancel`.
//!
//! Refuses to decide and to write entries: it gathers what a run begins with, hands it to the engine, shows what is
//! published, and turns the end into an exit code.

mod begin;
mod demo;
mod models;
mod owner;
mod plan;
mod show;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use delm_core::entry::Blob;
use delm_core::event::{Change, Outcome, PauseCause};
use delm_core::run::{Phase, Run};
use delm_engine::{BlobCache, Clock, Running, StartError, SystemClock, Workers};
use delm_log::{Log, Store};
use tokio::runtime::Runtime;

use crate::access::{Opening, Reading, log_error, open_error};
use crate::args::ask::{Cancel, Demo, Resume, RunArgs};
use crate::args::value::Wait;
use crate::config::Settings;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::style::Mode;
use crate::progress::Progress;
use crate::refs::{RunName, RunRef};
use crate::signals::Signals;
use begin::Plan;
use owner::Owner;
pub(crate) use owner::ask_owner;
use watch::Watch;

/// What a verb that drives a run is given.
pub(crate) struct Live<'a> {
    /// Variables and working directory.
    pub(crate) environment: &'a Environment,
    /// Settings, flags among them.
    pub(crate) settings: &'a Settings,
    /// Where it writes.
    pub(crate) output: &'a mut Output,
    /// `--wait`.
    pub(crate) wait: Option<Wait>,
    /// `--quiet`.
    pub(crate) quiet: bool,
}

/// A driven run that paused or ended.
pub(crate) struct Ended {
    /// Its last state.
    run: Run,
    /// Its blobs.
    blobs: Arc<BlobCache>,
    /// The exit code of the signal that stopped it, if one did.
    signal: Option<Exit>,
}

impl Ended {
    /// The contract's exit code.
    fn exit(&self) -> Exit {
        match self.run.phase() {
            Phase::Ended(Outcome::Answered) => Exit::Success,
            Phase::Ended(_) => Exit::NoAnswer,
            Phase::Paused(PauseCause::Provider) => Exit::Provider,
            Phase::Paused(PauseCause::Budget | PauseCause::Deadline) => Exit::Limit,
            Phase::Paused(PauseCause::Interrupt) => self.signal.unwrap_or(Exit::Interrupted),
            Phase::Unborn | Phase::Running | Phase::Stopping(_) => Exit::Unexpected,
        }
    }
}

/// `delm demo`.
///
/// # Errors
/// [`CliError`].
pub(crate) fn demo(_: Demo, mut live: Live<'_>) -> Result<Exit, CliError> {
    let plan = demo::plan(live.settings)?;
    live.output
        .note("demo: the built-in reader over a small corpus of our own; it quotes, it does not reason")?;
    live.begin(plan, Workers::default(), true)
}

/// `delm run`.
///
/// # Errors
/// [`CliError`].
pub(crate) fn run(args: RunArgs, mut live: Live<'_>) -> Result<Exit, CliError> {
    let dry = args.dry_run;
    let (plan, providers) = plan::of_run(args, live.settings, live.environment)?;
    if dry {
        plan::DryRun::of(&plan).show(live.output)?;
        return Ok(Exit::Success);
    }
    let workers = models::workers(&plan.worker, &plan.judge, &providers)?;
    live.begin(plan, workers, false)
}

/// `delm resume`.
///
/// # Errors
/// [`CliError`].
pub(crate) fn resume(args: &Resume, list: &[String], mut live: Live<'_>) -> Result<Exit, CliError> {
    let reference = args.run.clone().unwrap_or_default();
    refuse_export(&reference)?;
    let path = live.settings.store();
    let Some(store) = live.open_or_ask(&path, false, "resume", list)? else {
        return live.forward(&path, list);
    };
    let reading = Reading::of_store(store.clone());
    let run = reading.find(&reference)?;
    let (workers, changes) = live.resumption(&reading, run, args)?;
    live.drive(
        &path,
        store,
        move |log, clock| delm_engine::resume(log, clock, workers, run, &begin::engine(), changes),
        false,
    )
}

/// `delm cancel`.
///
/// # Errors
/// [`CliError`].
pub(crate) fn cancel(args: &Cancel, list: &[String], mut live: Live<'_>) -> Result<Exit, CliError> {
    refuse_export(&args.run)?;
    let path = live.settings.store();
    // Waiting for the store would be waiting for the end of what is to be cancelled: its owner is asked at once.
    live.wait = None;
    let Some(store) = live.open_or_ask(&path, false, "cancel", list)? else {
        return live.forward(&path, list);
    };
    let reading = Reading::of_store(store.clone());
    let run = reading.find(&args.run)?;
    owner::cancel_at_rest(&reading, run)?;
    live.output.note(&format!("cancelled {}", run.short(12)))?;
    show::document(&reading.load(run)?, live.output)?;
    Ok(Exit::Success)
}

fn refuse_export(reference: &RunRef) -> Result<(), CliError> {
    match reference {
        RunRef::Export(path) => {
            Err(CliError::usage(format!("{} is an export: it can be read, not changed", path.display())))
        }
        RunRef::Last | RunRef::Prefix(_) | RunRef::Name(_) => Ok(()),
    }
}

impl Live<'_> {
    fn begin(&mut self, plan: Plan, workers: Workers, demo: bool) -> Result<Exit, CliError> {
        let path = self.settings.store();
        let skipped = plan.documents.skipped.len();
        for file in plan.documents.skipped.iter().take(SKIPPED_SHOWN) {
            self.output.note(&format!("left out: {}: {}", file.name, file.reason))?;
        }
        if skipped > SKIPPED_SHOWN {
            self.output.note(&format!("left out: {} more", skipped - SKIPPED_SHOWN))?;
        }
        let name = plan.name.clone();
        let (start, blobs) = plan.command(nonce()?)?;
        let opening = Opening { path: &path, create: true, wait: self.wait, note: "run" };
        let store = opening.open(self.output).map_err(|error| open_error(&error))?;
        if let Some(name) = name {
            self.refuse_taken(&Reading::of_store(store.clone()), &name)?;
        }
        self.drive(&path, store, move |log, clock| begin_run(log, clock, workers, start, blobs), demo)
    }

    fn refuse_taken(&self, reading: &Reading, name: &str) -> Result<(), CliError> {
        let Ok(parsed) = name.parse::<RunName>() else { return Ok(()) };
        match reading.named(&parsed)? {
            None => Ok(()),
            Some(run) => Err(CliError::usage(format!("a run of this store is called {name} already"))
                .hint("give another --name")
                .run(run.to_string())),
        }
    }

    /// Opens the store; none if another process owns it and can be asked.
    fn open_or_ask(
        &mut self,
        path: &Path,
        create: bool,
        note: &str,
        _list: &[String],
    ) -> Result<Option<Arc<Store>>, CliError> {
        let opening = Opening { path, create, wait: self.wait, note };
        match opening.open(self.output) {
            Ok(store) => Ok(Some(store)),
            Err(delm_log::OpenError::Held { .. }) if crate::socket::path::socket_of(path).exists() => {
                Ok(None)
            }
            Err(error) => Err(open_error(&error)),
        }
    }

    /// Has the owner of the store run this verb.
    fn forward(&mut self, path: &Path, list: &[String]) -> Result<Exit, CliError> {
        owner::forward(path, list, self.output)
    }

    /// Models and changed limits of a run that goes on.
    fn resumption(
        &self,
        reading: &Reading,
        run: delm_core::ids::Digest,
        args: &Resume,
    ) -> Result<(Workers, Vec<Change>), CliError> {
        owner::resumption(reading, run, args, self.settings, self.environment)
    }

    /// Drives a run to its pause or end, answering for the store meanwhile.
    fn drive(
        &mut self,
        path: &Path,
        store: Arc<Store>,
        start: impl FnOnce(Arc<dyn Log>, Arc<dyn Clock>) -> Result<Running, StartError>,
        demo: bool,
    ) -> Result<Exit, CliError> {
        let runtime = runtime()?;
        let ended = runtime.block_on(self.driven(path, store.clone(), start));
        // What answers for other processes ends with the runtime; the store is closed after it.
        drop(runtime);
        let ended = ended?;
        let shown = show::ended(&ended, demo, self.output);
        let exit = ended.exit();
        // Whoever read may have gone; how the run ended does not depend on it.
        shown.or_else(|error| if error.is_closed_pipe() { Ok(()) } else { Err(error) })?;
        drop(ended);
        close(store)?;
        Ok(exit)
    }

    async fn driven(
        &mut self,
        path: &Path,
        store: Arc<Store>,
        start: impl FnOnce(Arc<dyn Log>, Arc<dyn Clock>) -> Result<Running, StartError>,
    ) -> Result<Ended, CliError> {
        let mut signals = Signals::listen().map_err(|error| CliError::io("listening for Ctrl-C", &error))?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let log: Arc<dyn Log> = store.clone();
        let running = start(log.clone(), clock.clone()).map_err(start_error)?;
        store.set_note(&format!("run {}", running.run.short(16)));
        let first = running.published.borrow().head().map_or(0, |head| head.seq);
        let resumed = first > 0;
        if self.output.mode() == Mode::Jsonl {
            show::began(running.run, path, self.output)?;
        }
        let owner = Owner::new(store, running.run, running.control.clone());
        let server = owner.listen(path, self.output)?;
        let progress = if self.quiet || self.output.mode().is_json() {
            Progress::silent()
        } else {
            Progress::on_stderr(self.output.style().progress_tty)
        };
        let watch = Watch {
            log: &log,
            clock: &*clock,
            progress,
            signals: Some(&mut signals),
            next: if resumed { first } else { 0 },
            unread: false,
        };
        let ended = watch.follow(running, self.output).await;
        if let Some(server) = server {
            server.end().await;
        }
        ended
    }
}

/// Files left out that are named on screen; all are in the run.
const SKIPPED_SHOWN: usize = 10;

fn begin_run(
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    workers: Workers,
    start: delm_core::command::StartRun,
    blobs: Vec<Blob>,
) -> Result<Running, StartError> {
    delm_engine::start(log, clock, workers, start, blobs)
}

fn runtime() -> Result<Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| CliError::io("starting threads", &error))
}

/// Sixteen bytes that tell equal runs apart.
fn nonce() -> Result<[u8; 16], CliError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| {
        CliError::new("random", Exit::Unexpected, format!("the system gives no random bytes: {error}"))
    })?;
    Ok(bytes)
}

/// Closes the store, so that the next open has nothing to catch up with.
pub(crate) fn close(store: Arc<Store>) -> Result<(), CliError> {
    match Arc::try_unwrap(store) {
        Ok(store) => store.close().map_err(log_error),
        // Somebody who was asking still holds it; it closes with the process, and nothing acknowledged is at stake.
        Err(_) => Ok(()),
    }
}

/// What a run that does not begin means to people.
fn start_error(error: StartError) -> CliError {
    use delm_engine::LoadError;
    match error {
        StartError::Refused(refusal) => CliError::new("refused", Exit::Usage, refusal.to_string())
            .hint("`delm show` says where the run stands"),
        StartError::UnknownPolicy(_) => CliError::usage(error.to_string()),
        StartError::Load(LoadError::Log(error)) | StartError::Log(error) => log_error(error),
        StartError::Load(error) => {
            CliError::new("run", Exit::Integrity, error.to_string()).hint("`delm verify` names the place")
        }
        StartError::Corpus(_) => CliError::new("redacted", Exit::Integrity, error.to_string()),
        StartError::Append(_) | StartError::Engine(_) => {
            CliError::new("engine", Exit::Unexpected, error.to_string())
                .hint("nothing that was acknowledged is lost")
        }
    }
}

/// The store of a call, for messages and documents.
pub(crate) fn store_path(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}
