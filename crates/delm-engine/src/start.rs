//! Beginning a run, of itself or from a prefix of another, and going on with one whose writer is gone.
//!
//! Refuses to begin before everything the run needs is durable: its first entry holds all its sources, units and limits.

use std::sync::Arc;

use delm_core::command::{Command, ForkRun, StartRun};
use delm_core::decide::Refusal;
use delm_core::dispatcher::{Dispatcher, Staged};
use delm_core::entry::{Blob, Head, Sealed};
use delm_core::event::{Change, PolicyName, Purpose};
use delm_core::ids::Digest;
use delm_core::policy::policy;
use delm_core::prompt::{is_builtin, warm};
use delm_core::reader::Corpus;
use delm_core::run::Run;
use delm_log::{Append, AppendError, Log, LogError, Term, WholeLog};

use crate::agents::Workers;
use crate::blobs::BlobCache;
use crate::clock::{Clock, NoEarlier};
use crate::drive::{Driver, EngineError, Running};
use crate::load::{LoadError, Loaded, load};

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A lawful no: what is wrong with the run as it was asked for.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The policy it names is not in this binary.
    #[error("this binary has no policy {} {}; it can verify such a run, not decide it", .0.name, .0.version)]
    UnknownPolicy(PolicyName),
    /// It cannot be folded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The log refused its first entry.
    #[error(transparent)]
    Append(Box<AppendError>),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// It cannot be driven.
    #[error(transparent)]
    Engine(Box<EngineError>),
    /// A document's text is gone, so the built-in reader cannot read it.
    #[error("the documents cannot be read: {0}")]
    Corpus(delm_core::prompt::RenderError),
}

/// Begins a run: once this returns, its first entry is durable and its agents work.
///
/// # Errors
/// [`StartError`]; nothing is written unless it is an engine error.
pub fn start(
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    workers: Workers,
    start: StartRun,
    blobs: Vec<Blob>,
) -> Result<Running, StartError> {
    let name = start.run.policy.clone();
    let policy = policy(&name).ok_or(StartError::UnknownPolicy(name))?;
    let dispatcher = Dispatcher::new(policy, Run::default());
    let nothing = std::collections::BTreeMap::new();
    begin(log, clock, workers, dispatcher, Command::Start(start), blobs, &nothing, None)
}

/// Goes on with a run that paused, or whose writer died: what that writer held is released.
///
/// # Errors
/// [`StartError`].
pub fn resume(
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    workers: Workers,
    run: Digest,
    engine: &str,
    changes: Vec<Change>,
) -> Result<Running, StartError> {
    let mut loaded = load(&whole(&log), run)?;
    warm(&mut loaded.run, &*loaded.blobs);
    let name = loaded.run.started().map(|started| started.policy.clone());
    let name = name.unwrap_or(PolicyName { name: String::new(), version: 0 });
    let policy = policy(&name).ok_or(StartError::UnknownPolicy(name))?;
    let clock: Arc<dyn Clock> = Arc::new(NoEarlier::than(clock, loaded.run.at()));
    let dispatcher = Dispatcher::new(policy, loaded.run);
    let command = Command::Resume { engine: engine.into(), changes };
    let blobs = loaded.blobs.clone();
    begin(log, clock, workers, dispatcher, command, Vec::new(), &*blobs, Some(run))
}

/// Begins a run from the state in which another stood: its first own entry is durable once this returns, and its agents
/// work. The other run is not changed.
///
/// # Errors
/// [`StartError`]; nothing is written unless it is an engine error.
pub fn fork(
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    workers: Workers,
    origin: Loaded,
    fork: ForkRun,
    blobs: Vec<Blob>,
) -> Result<Running, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(NoEarlier::than(clock, origin.run.at()));
    let dispatcher = leaving(&origin, &fork)?;
    begin(log, clock, workers, dispatcher, Command::Fork(fork), blobs, &*origin.blobs, None)
}

/// The first entry that such a run would have now; nothing is written.
///
/// # Errors
/// [`StartError::Refused`] with what is wrong, [`StartError::UnknownPolicy`].
pub fn foresee(
    clock: &dyn Clock,
    origin: &Loaded,
    fork: ForkRun,
    blobs: Vec<Blob>,
) -> Result<Sealed, StartError> {
    let mut dispatcher = leaving(origin, &fork)?;
    let at = clock.now_ms().max(origin.run.at());
    dispatcher.engine(&*origin.blobs, Command::Fork(fork), blobs, at);
    let staged = dispatcher.take_staged().into_iter().next();
    staged.map(|staged| staged.entry).ok_or_else(|| StartError::Refused(refusal(&mut dispatcher)))
}

/// Why nothing was staged.
fn refusal(dispatcher: &mut Dispatcher) -> Refusal {
    let refusal = dispatcher.idle_answers().into_iter().find_map(|answered| answered.outcome.err());
    refusal.unwrap_or(Refusal::NoWork)
}

/// Begins such a run and leaves it paused, for somebody to go on with.
///
/// # Errors
/// [`StartError`]; nothing is written.
pub fn fork_at_rest(
    log: &Arc<dyn Log>,
    clock: &dyn Clock,
    origin: &Loaded,
    fork: ForkRun,
    blobs: Vec<Blob>,
) -> Result<Digest, StartError> {
    let mut dispatcher = leaving(origin, &fork)?;
    let at = clock.now_ms().max(origin.run.at());
    dispatcher.engine(&*origin.blobs, Command::Fork(fork), blobs, at);
    let mut staged = dispatcher.take_staged();
    if !staged.is_empty() {
        // Nobody works for it yet, and its state says so.
        dispatcher.engine(&*origin.blobs, Command::Interrupt { hard: true }, Vec::new(), at);
        staged.append(&mut dispatcher.take_staged());
    }
    write_first(log, &mut dispatcher, staged, None).map(|first| first.run)
}

/// A dispatcher that stands where the fork leaves.
fn leaving(origin: &Loaded, fork: &ForkRun) -> Result<Dispatcher, StartError> {
    let own = origin.run.started().map(|started| started.policy.clone());
    let name = fork.run.policy.clone().or(own);
    let name = name.unwrap_or(PolicyName { name: String::new(), version: 0 });
    let policy = policy(&name).ok_or(StartError::UnknownPolicy(name))?;
    Ok(Dispatcher::new(policy, origin.run.clone()))
}

/// The log as runs are read from it: with what a fork shares.
fn whole(log: &Arc<dyn Log>) -> Arc<dyn Log> {
    Arc::new(WholeLog::new(log.clone()))
}

/// The first entries of a writer, durable.
struct First {
    run: Digest,
    term: Term,
    blobs: Arc<BlobCache>,
}

/// Makes durable what is staged, of a run that is known or begins with it.
fn write_first(
    log: &Arc<dyn Log>,
    dispatcher: &mut Dispatcher,
    staged: Vec<Staged>,
    known: Option<Digest>,
) -> Result<First, StartError> {
    let Some(first) = staged.first() else {
        return Err(StartError::Refused(refusal(dispatcher)));
    };
    let run = known.unwrap_or(first.entry.id);
    let term = log.acquire(&run)?;
    let blobs = Arc::new(BlobCache::new(whole(log), run));
    blobs.keep(staged.iter().flat_map(|staged| staged.blobs.iter().cloned()));
    let count = staged.len();
    // What a fork leaves is no head of its own.
    let own = |after: Option<Head>, place: usize| after.filter(|_| known.is_some() || place > 0);
    let append = |(place, staged): (usize, Staged)| {
        let after = own(staged.after, place);
        Append { run, after, term, entry: staged.entry, blobs: staged.blobs }
    };
    let batch = staged.into_iter().enumerate().map(append).collect();
    if let Some(error) = log.commit(batch).into_iter().find_map(Result::err) {
        return Err(StartError::Append(Box::new(error)));
    }
    let answered = dispatcher.durable(count);
    if let Some(refusal) = answered.into_iter().find_map(|answered| answered.outcome.err()) {
        return Err(refusal.into());
    }
    Ok(First { run, term, blobs })
}

/// Makes the engine's first command durable, then sets the agents to work.
#[expect(clippy::too_many_arguments, reason = "the three ways to begin differ in just these")]
fn begin(
    log: Arc<dyn Log>,
    clock: Arc<dyn Clock>,
    workers: Workers,
    mut dispatcher: Dispatcher,
    command: Command,
    blobs: Vec<Blob>,
    stored: &dyn delm_core::entry::Blobs,
    known: Option<Digest>,
) -> Result<Running, StartError> {
    dispatcher.engine(stored, command, blobs, clock.now_ms());
    let staged = dispatcher.take_staged();
    let First { run, term, blobs: cache } = write_first(&log, &mut dispatcher, staged, known)?;
    let published = dispatcher.published();
    let builtin = Purpose::ALL.iter().any(|purpose| is_builtin(published, *purpose));
    let corpus = if builtin {
        Corpus::build(published, &*cache).map_err(StartError::Corpus)?
    } else {
        Corpus::default()
    };
    let driver =
        Driver { log, clock, run, term, dispatcher, blobs: cache, corpus: Arc::new(corpus), workers };
    driver.spawn().map_err(|error| StartError::Engine(Box::new(error)))
}
