//! The verbs that read: each finds its run, folds it from the log as far as it must, and writes to the output it is given.
//!
//! Refuses to change a run, to call a model, and to touch the process: the owner of a live store runs these for others, so
//! nothing here writes to the process's own streams, ends it, or takes a run for over.

mod agents;
mod calls;
mod cat;
pub(crate) mod check;
mod export;
mod facts;
mod fold;
mod log;
mod ls;
mod prompt;
mod queue;
mod replay;
mod show;
mod unfold;
mod upkeep;
mod verify;
mod words;

use delm_core::ids::{BadName, Digest};

use crate::access::Reading;
use crate::args::Verb;
use crate::args::read::{Checkable, OneRun, Page};
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::refs::RunRef;

/// The run that a reading verb names, if it is about one. Where it is an export, give `run` a [`Reading::of_export`].
pub(crate) fn run_of(verb: &Verb) -> Option<RunRef> {
    let named = match verb {
        Verb::Show(show) => show.run.clone(),
        Verb::Log(log) => log.of.run.clone(),
        Verb::Queue(page) | Verb::Agents(page) | Verb::Calls(page) => page.of.run.clone(),
        Verb::Facts(facts) => facts.of.run.clone(),
        Verb::Cat(cat) => cat.run.clone(),
        Verb::Unfold(unfold) => unfold.run.clone(),
        Verb::Export(export) => export.of.run.clone(),
        Verb::Verify(verify) => verify.of.run.clone(),
        Verb::Replay(replay) => replay.of.run.clone(),
        Verb::Check(check) => match &check.run {
            Some(Checkable::Run(run)) => Some(run.clone()),
            Some(Checkable::Stdin) | None => None,
        },
        Verb::Demo(_)
        | Verb::Run(_)
        | Verb::Resume(_)
        | Verb::Cancel(_)
        | Verb::Ls(_)
        | Verb::Rm(_)
        | Verb::Backup(_)
        | Verb::Doctor
        | Verb::Config(_)
        | Verb::Schema(_)
        | Verb::Completions(_) => return None,
    };
    Some(named.unwrap_or_default())
}

/// Runs a verb that reads, or one of upkeep that needs no more than a store. `gone` says that nothing more can come, or
/// that nobody listens any more: `log -f` ends then, once it has written what there is.
///
/// # Errors
/// [`CliError`], not yet reported.
pub(crate) fn run(
    verb: &Verb,
    reading: &Reading,
    output: &mut Output,
    gone: &dyn Fn() -> bool,
) -> Result<Exit, CliError> {
    match verb {
        Verb::Ls(args) => ls::ls(args, reading, output),
        Verb::Show(args) => show::show(args, reading, output),
        Verb::Log(args) => log::log(args, reading, output, gone),
        Verb::Queue(args) => queue::queue(args, reading, output),
        Verb::Agents(args) => agents::agents(args, reading, output),
        Verb::Facts(args) => facts::facts(args, reading, output),
        Verb::Calls(args) => calls::calls(args, reading, output),
        Verb::Cat(args) => cat::cat(args, reading, output),
        Verb::Unfold(args) => unfold::unfold(args, reading, output),
        Verb::Export(args) => export::export(args, reading, output),
        Verb::Verify(args) => verify::verify(args, reading, output),
        Verb::Replay(args) => replay::replay(args, reading, output),
        Verb::Check(_) => check::of_run(&run_of(verb).unwrap_or_default(), reading, output),
        Verb::Rm(args) => upkeep::rm(args, reading, output),
        Verb::Backup(args) => upkeep::backup(args, reading, output),
        Verb::Demo(_)
        | Verb::Run(_)
        | Verb::Resume(_)
        | Verb::Cancel(_)
        | Verb::Doctor
        | Verb::Config(_)
        | Verb::Schema(_)
        | Verb::Completions(_) => Err(CliError::new("internal", Exit::Unexpected, "this verb does not read")),
    }
}

/// The run that a verb is about.
fn found(of: &OneRun, reading: &Reading) -> Result<Digest, CliError> {
    reading.find(&of.run.clone().unwrap_or_default())
}

/// The cursor of `--after`, read as what the list is made of.
fn cursor<T: std::str::FromStr<Err = BadName>>(page: &Page) -> Result<Option<T>, CliError> {
    let parse = |text: &str| {
        text.parse().map_err(|error: BadName| {
            CliError::usage(format!("--after: {error}")).hint("give the `next` of the page before")
        })
    };
    page.after.as_deref().map(parse).transpose()
}

#[cfg(test)]
mod tests;
