//! The verbs that drive a run: `demo`, `run`, `resume`, `fork`, `cancel`.
//!
//! Refuses to decide and to write entries: it gathers what a run begins with, hands it to the engine, shows what is
//! published, and turns the end into an exit code.

mod begin;
mod demo;
mod desk;
mod dry_run;
mod fork;
mod going_on;
mod models;
mod owner;
mod plan;
mod show;
mod stage;
mod watch;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use delm_core::event::{Change, Outcome, PauseCause};
use delm_core::run::{Phase, Run};
use delm_engine::{BlobCache, Clock, Running, StartError, SystemClock, Workers};
use delm_log::{Log, OpenError, Store};

use crate::access::{Opened, Opening, Reading, log_error, open_error};
use crate::args::Drive;
use crate::args::ask::{Cancel, ForkArgs, Resume, RunArgs};
use crate::args::value::Wait;
use crate::config::Settings;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::style::Mode;
use crate::progress::Progress;
use crate::refs::{RunName, RunRef};
use crate::signals::{Signals, Stop};
use begin::Plan;
use desk::{Desk, Granted};
use owner::Owner;
pub(crate) use owner::ask_owner;
use stage::Stage;
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

/// Runs a verb that drives a run.
///
/// # Errors
/// [`CliError`].
pub(crate) fn run(drive: Drive, list: &[String], live: Live<'_>) -> Result<Exit, CliError> {
    match drive {
        Drive::Demo(_) => demo(live),
        Drive::Run(args) => begin(*args, live),
        Drive::Resume(args) => resume(args, list, live),
        Drive::Fork(args) => fork(*args, live),
        Drive::Cancel(args) => cancel(&args, list, live),
    }
}

fn demo(mut live: Live<'_>) -> Result<Exit, CliError> {
    let plan = demo::plan(live.settings)?;
    live.output
        .note("demo: the built-in reader over a small corpus of our own; it quotes, it does not reason")?;
    live.begin(Stage::new()?, plan, Workers::default(), true)
}

fn begin(args: RunArgs, mut live: Live<'_>) -> Result<Exit, CliError> {
    let mut stage = Stage::new()?;
    let dry = args.dry_run;
    let (settings, environment) = (live.settings.clone(), live.environment.clone());
    let (plan, providers) = stage.until_signal(move || plan::of_run(args, &settings, &environment))?;
    if dry {
        dry_run::show(&plan, live.output)?;
        return Ok(Exit::Success);
    }
    let workers = models::workers(&plan.worker, &plan.judge, &providers)?;
    live.begin(stage, plan, workers, false)
}

fn resume(args: Resume, list: &[String], mut live: Live<'_>) -> Result<Exit, CliError> {
    let reference = args.run.clone().unwrap_or_default();
    refuse_export(&reference)?;
    let path = live.settings.store();
    let (store, waited) = match live.open_or_ask(&path, "resume", list)? {
        Held::Ours(store) => (store, false),
        Held::OursNow(store) => (store, true),
        Held::Answered(exit) => return Ok(exit),
    };
    let mut stage = Stage::new()?;
    let reading = Reading::of_store(store.clone());
    if waited && let Some(ended) = going_on::ended_meanwhile(&reading, &reference)? {
        live.output.note("the run ended while this call waited for the process that drove it")?;
        show::ended(&ended, &*store, false, live.output)?;
        let exit = ended.exit();
        drop((reading, ended));
        close(store)?;
        return Ok(exit);
    }
    let (settings, environment) = (live.settings.clone(), live.environment.clone());
    let (run, workers, changes) = stage.until_signal(move || {
        let run = reading.find(&reference)?;
        let (workers, changes) = going_on::resumption(&reading, run, &args, &settings, &environment)?;
        Ok((run, workers, changes))
    })?;
    let start = {
        let workers = workers.clone();
        move |log, clock| delm_engine::resume(log, clock, workers, run, &begin::engine(), changes)
    };
    live.drive(stage, &path, store, workers, start, false)
}

fn fork(args: ForkArgs, mut live: Live<'_>) -> Result<Exit, CliError> {
    let at = args.run.clone().unwrap_or_default();
    refuse_export(&at.run)?;
    let path = live.settings.store();
    let mut stage = Stage::new()?;
    // Another process that holds the store is not asked: a fork needs the store for as long as it goes on.
    let opening = Opening::new(&path, false, live.wait, "fork");
    let opened = stage.until_signal(move || Ok(opening.past_readers()))?;
    let store = live.ours(opened)?;
    if let Some(name) = &args.name {
        live.refuse_taken(&Reading::of_store(store.clone()), name.as_str())?;
    }
    let (settings, environment) = (live.settings.clone(), live.environment.clone());
    let reading = Reading::of_store(store.clone());
    let (dry, at_rest) = (args.dry_run, args.no_start);
    let plan = stage.until_signal(move || fork::plan(&reading, &at, &args, &settings, &environment))?;
    fork::say(&plan, live.output)?;
    if dry {
        fork::document(&plan, live.output)?;
        drop(plan);
        return close(store).map(|()| Exit::Success);
    }
    let fork::Plan { origin, fork, blobs, workers, .. } = plan;
    if at_rest {
        let log: Arc<dyn Log> = store.clone();
        let begun = delm_engine::fork_at_rest(&log, &SystemClock::default(), &origin, fork, blobs);
        let run = begun.map_err(start_error)?;
        drop((log, origin));
        fork::begun(&Reading::of_store(store.clone()), run, live.output)?;
        return close(store).map(|()| Exit::Success);
    }
    let start = {
        let workers = workers.clone();
        move |log, clock| delm_engine::fork(log, clock, workers, origin, fork, blobs)
    };
    live.drive(stage, &path, store, workers, start, false)
}

fn cancel(args: &Cancel, list: &[String], mut live: Live<'_>) -> Result<Exit, CliError> {
    refuse_export(&args.run)?;
    let path = live.settings.store();
    let store = match live.open_or_ask(&path, "cancel", list)? {
        Held::Ours(store) | Held::OursNow(store) => store,
        Held::Answered(exit) => return Ok(exit),
    };
    let reading = Reading::of_store(store.clone());
    let run = reading.find(&args.run)?;
    going_on::cancel_at_rest(&reading, run)?;
    live.output.note(&format!("cancelled {}", run.short(12)))?;
    show::document(&reading.load(run)?, live.output)?;
    drop(reading);
    close(store)?;
    Ok(Exit::Success)
}

fn refuse_export(reference: &RunRef) -> Result<(), CliError> {
    match reference {
        RunRef::Export(path) => {
            Err(CliError::usage(format!("{} is an export: it can be read, not changed", path.display()))
                .hint("name a run of the store; `delm ls` lists them"))
        }
        RunRef::Last | RunRef::Prefix(_) | RunRef::Name(_) => Ok(()),
    }
}

/// Who does what was asked.
enum Held {
    /// This process: it holds the store.
    Ours(Arc<Store>),
    /// The same, but another held it, was asked, and let it go while this one waited.
    OursNow(Arc<Store>),
    /// The process that holds the store has done it, or has said why not.
    Answered(Exit),
}

impl Live<'_> {
    fn begin(
        &mut self,
        mut stage: Stage,
        plan: Plan,
        workers: Workers,
        demo: bool,
    ) -> Result<Exit, CliError> {
        let path = self.settings.store();
        let skipped = plan.documents.skipped.len();
        for file in plan.documents.skipped.iter().take(SKIPPED_SHOWN) {
            self.output.note(&format!("left out: {}: {}", file.name, file.reason))?;
        }
        if skipped > SKIPPED_SHOWN {
            self.output.note(&format!("left out: {} more", skipped - SKIPPED_SHOWN))?;
        }
        if let Some(remedy) = plan.documents.remedy(&plan.limits) {
            self.output.note(&remedy)?;
        }
        let name = plan.name.clone();
        let (start, blobs) = stage.until_signal(move || plan.command(nonce()?))?;
        let opening = Opening::new(&path, true, self.wait, "run");
        let opened = stage.until_signal(move || Ok(opening.past_readers()))?;
        let (store, repairs) = opened.map_err(|error| open_error(&error))?;
        repairs.iter().try_for_each(|line| self.output.note(line))?;
        if let Some(name) = name {
            self.refuse_taken(&Reading::of_store(store.clone()), &name)?;
        }
        let first = {
            let workers = workers.clone();
            move |log, clock| delm_engine::start(log, clock, workers, start, blobs)
        };
        self.drive(stage, &path, store, workers, first, demo)
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

    /// Opens the store, or has the process that holds it do what was asked. What that one cannot do, `--wait` waits for.
    /// Nothing is begun yet, so signals end this process as they end any other.
    fn open_or_ask(&mut self, path: &Path, note: &str, list: &[String]) -> Result<Held, CliError> {
        let mut opening = Opening::new(path, false, None, note);
        match opening.clone().open() {
            Err(OpenError::Held { .. }) => {}
            opened => return self.ours(opened).map(Held::Ours),
        }
        let asked = ask_owner(path, list, self.output)?;
        opening.wait = self.wait;
        match asked {
            // It says nothing when it is told of somebody who waits.
            Some(Exit::Conflict) if self.wait.is_some() => {
                tracing::info!("waiting until the process that holds the store lets it go");
                self.ours(opening.past_readers()).map(Held::OursNow)
            }
            Some(exit) => Ok(Held::Answered(exit)),
            // A process that reads, or one that begins or ends at this moment.
            None => self.ours(opening.past_readers()).map(Held::Ours),
        }
    }

    fn ours(&mut self, opened: Result<Opened, OpenError>) -> Result<Arc<Store>, CliError> {
        let (store, repairs) = opened.map_err(|error| open_error(&error))?;
        repairs.iter().try_for_each(|line| self.output.note(line))?;
        Ok(store)
    }

    /// Drives a run to its pause or end, answering for the store meanwhile.
    fn drive(
        &mut self,
        mut stage: Stage,
        path: &Path,
        store: Arc<Store>,
        workers: Workers,
        start: impl FnOnce(Arc<dyn Log>, Arc<dyn Clock>) -> Result<Running, StartError> + Send + 'static,
        demo: bool,
    ) -> Result<Exit, CliError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let (log, timed) = (stage.gated(store.clone()), clock.clone());
        let running = stage.until_signal(move || start(log, timed).map_err(start_error))?;
        let pending = stage.pending.take();
        let driven = Driven { path, store: store.clone(), clock, workers, pending };
        let ended = stage.handle()?.block_on(self.driven(driven, running, &mut stage.signals));
        // What answers for other processes ends with the threads; the store is closed after them.
        stage.end();
        let ended = ended?;
        let exit = ended.exit();
        // Whoever read may have gone; how the run ended does not depend on it.
        let shown = show::ended(&ended, &*store, demo, self.output);
        shown.or_else(|error| if error.is_closed_pipe() { Ok(()) } else { Err(error) })?;
        drop(ended);
        close(store)?;
        Ok(exit)
    }

    async fn driven(
        &mut self,
        driven: Driven<'_>,
        mut running: Running,
        signals: &mut Signals,
    ) -> Result<Arc<Ended>, CliError> {
        let Driven { path, store, clock, workers, pending } = driven;
        let log: Arc<dyn Log> = store.clone();
        let run = running.run;
        store.set_note(&format!("run {}", run.short(16)));
        let first = running.published.borrow().head().map_or(0, |head| head.seq);
        if self.output.mode() == Mode::Jsonl {
            show::began(run, path, self.output)?;
        }
        let desk = Arc::new(Desk::of(&running));
        let server = Owner::new(store, run, desk.clone()).listen(path, self.output)?;
        let progress = self.progress();
        let mut watch =
            Watch { log: &log, clock: &*clock, progress, signals, pending, next: first, unread: false };
        let mut waiting: Vec<Granted> = Vec::new();
        let ended = loop {
            let followed = watch.follow(running, self.output).await.map(Arc::new);
            // Who stops this process by a signal means it, whoever else wishes that it goes on.
            if followed.is_err() || watch.signals.exit().is_some() {
                desk.close();
            }
            let granted = followed.as_ref().ok().and_then(|ended| desk.granted(ended));
            waiting.drain(..).for_each(|waiting| waiting.tell(&followed));
            let (Ok(_), Some(granted)) = (&followed, granted) else { break followed };
            if !granted.paused {
                granted.tell(&followed);
                break followed;
            }
            let changes = granted.changes.clone();
            if let Err(error) =
                self.output.note(&format!("going on, as another process asked: {}", words(&changes)))
            {
                break Err(error.into());
            }
            let again = delm_engine::resume(
                log.clone(),
                clock.clone(),
                workers.clone(),
                run,
                &begin::engine(),
                changes,
            );
            running = match again {
                Ok(again) => again,
                Err(error) => {
                    granted.tell(&Err(start_error(error)));
                    desk.close();
                    break followed;
                }
            };
            desk.goes_on(&running);
            waiting.push(granted);
        };
        if let Some(server) = server {
            server.end().await;
        }
        ended
    }

    fn progress(&self) -> Progress {
        if self.quiet || self.output.mode().is_json() {
            return Progress::silent();
        }
        Progress::on_stderr(self.output.style().progress_tty)
    }
}

/// What a run is driven with.
struct Driven<'a> {
    path: &'a Path,
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    workers: Workers,
    pending: Option<Stop>,
}

fn words(changes: &[Change]) -> String {
    let words: Vec<String> =
        changes.iter().map(|change| format!("{}={}", change.limit, change.value)).collect();
    words.join(", ")
}

/// Files left out that are named on screen; all are in the run.
const SKIPPED_SHOWN: usize = 10;

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
