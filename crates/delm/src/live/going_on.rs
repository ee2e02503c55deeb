//! Going on with a run that nobody drives, and ending one: what it takes, and why it may not be.
//!
//! Refuses a run that is over, naming it and how it ended; a server the run never named; money for what has no price.

use delm_core::command::Command;
use delm_core::dispatcher::Dispatcher;
use delm_core::event::{Change, Outcome};
use delm_core::ids::Digest;
use delm_core::policy::policy;
use delm_core::run::{Phase, Run};
use delm_engine::{Clock, SystemClock, Workers};
use delm_log::{Append, AppendError};

use super::begin::engine;
use super::{Ended, models};
use crate::access::{Reading, log_error, named};
use crate::args::ask::{Budget, Resume};
use crate::config::Settings;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::refs::RunRef;

/// A lawful no.
pub(super) fn refused(what: &str, run: Digest) -> CliError {
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
    refuse_over(&loaded.run, &named(&loaded), run)?;
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
        Some(AppendError::Failed(error)) => Err(log_error(error).run(run.to_string())),
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
    refuse_over(&loaded.run, &named(&loaded), run)?;
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
    Ok((workers, totals(&args.budget, &loaded.run, run)?))
}

/// A run that is over, for whoever waited for the process that drove it: that one says of a run that was over before
/// that there is nothing to wait for.
///
/// # Errors
/// Exit 8 if there is no such run.
pub(super) fn ended_meanwhile(reading: &Reading, reference: &RunRef) -> Result<Option<Ended>, CliError> {
    let loaded = reading.load(reading.find(reference)?)?;
    let over = matches!(loaded.run.phase(), Phase::Ended(_));
    Ok(over.then_some(Ended { run: loaded.run, blobs: loaded.blobs, signal: None }))
}

/// New totals as changes of limits.
///
/// # Errors
/// Exit 2 for money where a model has no price.
pub(super) fn totals(budget: &Budget, run: &Run, id: Digest) -> Result<Vec<Change>, CliError> {
    if budget.budget_usd.is_some() {
        refuse_unpriced(run, id)?;
    }
    let totals = [
        ("budget_microusd", budget.budget_usd),
        ("budget_tokens", budget.budget_tokens),
        ("deadline_ms", budget.deadline),
    ];
    let change =
        |(limit, value): (&str, Option<u64>)| value.map(|value| Change { limit: limit.to_owned(), value });
    Ok(totals.into_iter().filter_map(change).collect())
}

/// Refuses a run that is over: nothing can be added to it but retractions and redactions.
///
/// # Errors
/// Exit 2, saying how it ended.
pub(super) fn refuse_over(run: &Run, name: &str, id: Digest) -> Result<(), CliError> {
    let Phase::Ended(outcome) = run.phase() else { return Ok(()) };
    let how = match outcome {
        Outcome::Answered => "it was answered",
        Outcome::Unanswered => "it ended unanswered",
        Outcome::Failed => "it failed",
        Outcome::Cancelled => "it was cancelled",
    };
    Err(CliError::new("over", Exit::Usage, format!("the run {name} is over: {how}"))
        .hint(format!("`delm show {name}` says what it came to; ask anew with `delm run`"))
        .run(id.to_string()))
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
