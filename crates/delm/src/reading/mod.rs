//! The verbs that read: each finds its run, folds it from the log as far as it must, and writes to the output it is given.
//!
//! Refuses to change a run, to call a model, and to touch the process: the owner of a live store runs these for others, so
//! nothing here writes to the process's own streams, ends it, or takes a run for over.

mod agents;
mod blame;
mod calls;
mod cat;
pub(crate) mod check;
mod export;
mod facts;
mod fold;
mod log;
mod ls;
pub(crate) mod next;
mod prompt;
mod queue;
mod replay;
mod show;
mod unfold;
mod upkeep;
mod verify;
mod what_if;
mod why;
mod words;

use delm_core::ids::{BadName, Digest};

use crate::access::Reading;
use crate::args::Read;
use crate::args::read::{OneRun, Page};
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::refs::{RunAt, RunRef, Thing};

/// Runs a verb that reads, or one of upkeep that needs no more than a store. `gone` says that nothing more can come, or
/// that nobody listens any more: `log -f` ends then, once it has written what there is.
///
/// # Errors
/// [`CliError`], not yet reported.
pub(crate) fn run(
    verb: &Read,
    reading: &Reading,
    output: &mut Output,
    gone: &dyn Fn() -> bool,
) -> Result<Exit, CliError> {
    let named = verb.run().and_then(|named| named.at.map(|at| (named.run, at)));
    let Some((run, at)) = named else { return read(verb, reading, output, gone) };
    if matches!(verb, Read::Log(log) if log.follow) {
        return Err(CliError::usage("log -f goes on as entries come, and a position stands still")
            .hint("leave -f out, or @POS"));
    }
    read(verb, &reading.cut(&run, &at)?, output, gone)
}

fn read(
    verb: &Read,
    reading: &Reading,
    output: &mut Output,
    gone: &dyn Fn() -> bool,
) -> Result<Exit, CliError> {
    match verb {
        Read::Ls(args) => ls::ls(args, reading, output),
        Read::Show(args) => show::show(args, reading, output),
        Read::Log(args) => log::log(args, reading, output, gone),
        Read::Queue(args) => queue::queue(args, reading, output),
        Read::Agents(args) => agents::agents(args, reading, output),
        Read::Facts(args) => facts::facts(args, reading, output),
        Read::Why(args) => why::why(args, reading, output),
        Read::WhatIf(args) => what_if::what_if(args, reading, output),
        Read::Blame(args) => blame::blame(args, reading, output),
        Read::Calls(args) => calls::calls(args, reading, output),
        Read::Cat(args) => cat::cat(args, reading, output),
        Read::Unfold(args) => unfold::unfold(args, reading, output),
        Read::Export(args) => export::export(args, reading, output),
        Read::Verify(args) => verify::verify(args, reading, output),
        Read::Replay(args) => replay::replay(args, reading, output),
        Read::Check(_) => check::of_run(meant(verb.run().as_ref(), reading)?, reading, output),
        Read::Rm(args) => upkeep::rm(args, reading, output),
        Read::Backup(args) => upkeep::backup(args, reading, output),
    }
}

/// The run that a verb is about.
fn found(of: &OneRun, reading: &Reading) -> Result<Digest, CliError> {
    meant(of.run.as_ref(), reading)
}

/// The run of this name, or the one begun last. Where in it, the reading knows.
fn meant(named: Option<&RunAt>, reading: &Reading) -> Result<Digest, CliError> {
    named.map_or_else(|| reading.find(&RunRef::Last), |named| reading.find(&named.run))
}

/// What a run does not have.
fn none(label: &Thing, run: Digest) -> CliError {
    let what = if *label == Thing::Answer {
        "the run has given no answer".to_owned()
    } else {
        format!("the run has no {label}")
    };
    CliError::new("not_found", Exit::NotFound, what)
        .hint("`delm show`, `delm facts`, `delm queue` and `delm log` name what it has")
        .run(run.to_string())
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
