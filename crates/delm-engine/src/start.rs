//! Beginning a run, and going on with one whose writer is gone.
//!
//! Refuses to begin before everything the run needs is durable: its first entry holds all its sources, units and limits.

use std::sync::Arc;

use delm_core::command::{Command, StartRun};
use delm_core::decide::Refusal;
use delm_core::dispatcher::Dispatcher;
use delm_core::entry::Blob;
use delm_core::event::{Change, PolicyName, Purpose};
use delm_core::ids::Digest;
use delm_core::policy::policy;
use delm_core::prompt::{is_builtin, warm};
use delm_core::reader::Corpus;
use delm_core::run::Run;
use delm_log::{Append, AppendError, Log, LogError};

use crate::agents::Workers;
use crate::blobs::BlobCache;
use crate::clock::{Clock, NoEarlier};
use crate::drive::{Driver, EngineError, Running};
use crate::load::{LoadError, load};

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
    let mut loaded = load(&log, run)?;
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

/// Makes the engine's first command durable, then sets the agents to work.
#[expect(clippy::too_many_arguments, reason = "the two ways to begin differ in just these")]
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
    let Some(first) = staged.first() else {
        let refusal = dispatcher.idle_answers().into_iter().find_map(|answered| answered.outcome.err());
        return Err(StartError::Refused(refusal.unwrap_or(Refusal::NoWork)));
    };
    let run = known.unwrap_or(first.entry.id);
    let term = log.acquire(&run)?;
    let cache = Arc::new(BlobCache::new(log.clone(), run));
    cache.keep(staged.iter().flat_map(|staged| staged.blobs.iter().cloned()));
    let count = staged.len();
    let batch = staged
        .into_iter()
        .map(|staged| Append { run, after: staged.after, term, entry: staged.entry, blobs: staged.blobs })
        .collect();
    if let Some(error) = log.commit(batch).into_iter().find_map(Result::err) {
        return Err(StartError::Append(Box::new(error)));
    }
    let answered = dispatcher.durable(count);
    if let Some(refusal) = answered.into_iter().find_map(|answered| answered.outcome.err()) {
        return Err(refusal.into());
    }
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
