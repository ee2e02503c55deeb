//! The command line as a tree: global flags, verbs, their flags, and the refusals of what comes later.
//!
//! Refuses to act: parsing gives a value, and the verbs act on it.

pub(crate) mod ask;
pub(crate) mod help;
pub(crate) mod read;
pub(crate) mod upkeep;
pub(crate) mod value;

use std::path::PathBuf;

use clap::{ArgAction, Args, FromArgMatches, Parser, Subcommand};

use crate::error::{CliError, Exit};
use crate::output::style::{ColorChoice, Mode};
use crate::refs::RunAt;
use value::{Wait, wait};

/// Agents work a question out over documents; every step is in a durable, replayable log
#[derive(Clone, Debug, Parser)]
#[command(name = "delm", version, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,

    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Flags of every verb.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The store [default: .delm here; DELM_STORE]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,

    /// One JSON document on standard output; a failure is one JSON object on standard error
    #[arg(long, global = true, conflicts_with = "jsonl")]
    pub(crate) json: bool,

    /// One JSON object a line, as they come
    #[arg(long, global = true)]
    pub(crate) jsonl: bool,

    /// When to use colour [default: auto; NO_COLOR, CLICOLOR_FORCE, TERM=dumb]
    #[arg(long, global = true, value_name = "WHEN", value_enum, hide_possible_values = true)]
    pub(crate) color: Option<ColorChoice>,

    /// If another process holds the store, wait for it instead of failing; with a time such as 30s, at most so long
    #[arg(long, global = true, value_name = "TIME", num_args = 0..=1, require_equals = true, default_missing_value = "forever", value_parser = wait)]
    pub(crate) wait: Option<Wait>,

    /// Say more on standard error: -v what is done, -vv how, -vvv everything
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// No progress and no warnings on standard error
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
}

impl Global {
    /// Whom the output is for.
    pub(crate) fn mode(&self) -> Mode {
        match (self.json, self.jsonl) {
            (true, _) => Mode::Json,
            (false, true) => Mode::Jsonl,
            (false, false) => Mode::People,
        }
    }
}

/// What to do. A verb stands in one list only, by what it needs: whoever acts on a list names all of it and no more.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Verb {
    #[command(flatten)]
    Drive(Drive),
    #[command(flatten)]
    Read(Read),
    #[command(flatten)]
    Aside(Aside),
}

/// Verbs that drive a run: they write to a store, and models may be called.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Drive {
    /// Answer one question over a small corpus that comes with delm; needs no key
    Demo(ask::Demo),
    /// Ask a question over documents; agents work out the answer
    Run(Box<ask::RunArgs>),
    /// Go on with a run after a crash, a stop or a spent budget
    Resume(ask::Resume),
    /// Begin another run from where one stood, with something changed
    Fork(Box<ask::ForkArgs>),
    /// End a live or paused run
    Cancel(ask::Cancel),
}

/// Verbs over runs that are there, in a store or an export.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Read {
    /// The runs of the store
    Ls(read::Ls),
    /// One run: question, answer, citations, what it took
    Show(read::OneRun),
    /// The events of a run
    Log(read::Log),
    /// Jobs of a run and who holds them
    Queue(read::RunPage),
    /// Agents of a run: what each did, what it took, what was admitted
    Agents(read::RunPage),
    /// Facts of a run: what was admitted, on whose word
    Facts(read::Facts),
    /// What a fact or the answer comes from: authors, verdicts, evidence, influences
    Why(read::Why),
    /// A line a fact: who found it, with which model, and on whose word it stands
    Blame(read::RunPage),
    /// What would fall without an agent, a fact or a verdict; calls no model
    WhatIf(read::WhatIf),
    /// Model calls of a run
    Calls(read::RunPage),
    /// The bytes behind a label, a blob's hash or a call
    Cat(read::Cat),
    /// Read behind a fact or unit: its summary, or the source's own words
    Unfold(read::Unfold),
    /// Write a run out, self-contained
    Export(read::Export),
    /// Check the stored bytes: chain, blobs, tree, journal, anchor, index
    Verify(read::Verify),
    /// Work every state, decision and prompt out again from the log; calls no model
    Replay(read::Replay),
    /// Judge a run by its log alone: every invariant, by an independent auditor
    Check(read::Check),
    /// Remove a run from the store
    Rm(upkeep::Rm),
    /// Copy the store
    Backup(upkeep::Backup),
}

/// Verbs that need no run.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Aside {
    /// Check this machine: store, disk, keys, settings, terminal
    Doctor,
    /// Settings, limits and prompt templates
    Config(upkeep::Config),
    /// JSON Schemas of what delm writes and reads
    Schema(upkeep::Schema),
    /// Completions for a shell
    Completions(upkeep::Completions),
}

impl Read {
    /// The run it names, if it is about one: an export is read, and no store opened.
    pub(crate) fn run(&self) -> Option<RunAt> {
        let named = match self {
            Self::Show(of) => &of.run,
            Self::Log(log) => &log.of.run,
            Self::Queue(page) | Self::Agents(page) | Self::Calls(page) | Self::Blame(page) => &page.of.run,
            Self::Why(why) => &why.run,
            Self::WhatIf(what_if) => &what_if.of.run,
            Self::Facts(facts) => &facts.of.run,
            Self::Cat(cat) => &cat.run,
            Self::Unfold(unfold) => &unfold.run,
            Self::Export(export) => &export.of.run,
            Self::Verify(verify) if verify.all => return None,
            Self::Verify(verify) => &verify.of.run,
            Self::Replay(replay) => &replay.of.run,
            Self::Check(check) => match &check.run {
                Some(read::Checkable::Run(run)) => return Some(run.clone()),
                Some(read::Checkable::Stdin) | None => return None,
            },
            Self::Rm(rm) => return Some(RunAt { run: rm.run.clone(), at: None }),
            Self::Ls(_) | Self::Backup(_) => return None,
        };
        Some(named.clone().unwrap_or_default())
    }

    /// Whether it takes something out of a store, which only its owner may.
    pub(crate) fn writes(&self) -> bool {
        matches!(self, Self::Rm(_))
    }
}

/// What this version does not do yet: the flag, and what is there instead.
type Later = Option<(&'static str, &'static str)>;

impl Cli {
    /// Parses an argument list, program name first.
    ///
    /// # Errors
    /// What clap says, help and version included: they are for standard output.
    pub(crate) fn parse_from_list<T>(list: impl IntoIterator<Item = T>) -> Result<Self, clap::Error>
    where
        T: Into<std::ffi::OsString> + Clone,
    {
        let mut list: Vec<std::ffi::OsString> = list.into_iter().map(Into::into).collect();
        // What many type first: `delm help`, `delm help run`.
        if list.get(1).is_some_and(|word| word == "help") {
            list.remove(1);
            list.push("--help".into());
        }
        Self::from_arg_matches(&help::command().try_get_matches_from(list)?)
    }

    /// Refuses what this version does not do yet.
    ///
    /// # Errors
    /// Exit 2, naming the flag.
    pub(crate) fn refuse_later(&self) -> Result<(), CliError> {
        let later = match &self.verb {
            Verb::Drive(Drive::Run(run)) => ask::later(&run.ablate),
            Verb::Drive(Drive::Fork(fork)) => ask::later(&fork.ablate),
            Verb::Read(Read::Export(export)) => export.later(),
            Verb::Read(Read::Verify(verify)) => verify.later(),
            Verb::Read(Read::Replay(replay)) => replay.later(),
            Verb::Drive(_) | Verb::Read(_) | Verb::Aside(_) => None,
        };
        let Some((flag, instead)) = later else { return Ok(()) };
        Err(CliError::new("not_yet", Exit::Usage, format!("{flag} is not in this version")).hint(instead))
    }
}

/// True if an argument list asks for JSON, for when it cannot be parsed.
pub(crate) fn asks_for_json(list: &[std::ffi::OsString]) -> bool {
    list.iter().take_while(|arg| *arg != "--").any(|arg| arg == "--json" || arg == "--jsonl")
}

/// What clap says about a wrong argument list, as an error of ours.
pub(crate) fn usage_error(error: &clap::Error) -> CliError {
    let text = error.to_string();
    let mut parts =
        text.trim_start_matches("error: ").split("\n\n").map(str::trim).filter(|part| !part.is_empty());
    let message = parts.next().unwrap_or("the arguments are not understood").replace("\n  ", " ");
    let hint: Vec<_> = parts.filter_map(|part| part.strip_prefix("tip: ")).collect();
    let hint =
        if hint.is_empty() { "see `delm --help`, or `delm VERB --help`".to_owned() } else { hint.join("; ") };
    CliError::usage(message).hint(hint)
}

#[cfg(test)]
mod tests;
