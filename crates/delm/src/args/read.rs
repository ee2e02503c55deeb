//! Arguments of the verbs that read: `ls`, `show`, `log`, `queue`, `agents`, `facts`, `calls`, `cat`, `unfold`, `why`,
//! `blame`, `what-if`, `export`, `verify`, `replay`, `check`.
//!
//! Refuses what later versions will bring, by name, so that nobody takes silence for a result.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use clap::builder::PossibleValuesParser;
use delm_core::event::KINDS;
use delm_core::ids::{AgentId, BadName, FactId, Label, Subject};

use super::Later;
use super::value::{Since, page_items, since};
use crate::refs::{Made, RefError, RunAt, Thing};

/// How much of a list to show.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Page")]
pub(crate) struct Page {
    /// At most so many items
    #[arg(long, value_name = "N", value_parser = page_items)]
    pub(crate) limit: Option<u64>,

    /// Go on after this item: the `next` of the page before
    #[arg(long, value_name = "CURSOR")]
    pub(crate) after: Option<String>,
}

/// How a run ended, or that it did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OutcomeFilter {
    /// With an answer.
    Answered,
    /// The finalizer had none to give.
    Unanswered,
    /// No plan could be made.
    Failed,
    /// Somebody cancelled it.
    Cancelled,
    /// It can go on.
    Paused,
    /// It is under way, or its process died.
    Live,
}

/// `delm ls`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Ls {
    /// Only runs with this outcome; may be given again
    #[arg(long, value_name = "OUTCOME", value_enum)]
    pub(crate) outcome: Vec<OutcomeFilter>,

    /// Only runs that `resume` would take
    #[arg(long)]
    pub(crate) resumable: bool,

    /// Only runs begun since: a time, a day, or how long ago (2h)
    #[arg(long, value_name = "TIME", value_parser = since)]
    pub(crate) since: Option<Since>,

    /// Only runs whose name matches, with * and ?
    #[arg(long, value_name = "GLOB")]
    pub(crate) name: Option<String>,

    #[command(flatten)]
    pub(crate) page: Page,
}

/// A run alone: `delm show`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OneRun {
    /// The run: a prefix of its id, its name, `last`, or a path to an export; the one begun last if not given. Behind `@`
    /// an entry, to see the run as it stood there: a seq, `head~N`, an entry's id, or a label (the entry that made it)
    #[arg(value_name = "RUN[@POS]")]
    pub(crate) run: Option<RunAt>,
}

/// A run and a page of a list of it: `delm queue`, `delm agents`, `delm calls`, `delm blame`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunPage {
    #[command(flatten)]
    pub(crate) of: OneRun,

    #[command(flatten)]
    pub(crate) page: Page,
}

/// `delm facts`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Facts {
    #[command(flatten)]
    pub(crate) of: OneRun,

    /// The gists that were not admitted, and why, instead
    #[arg(long)]
    pub(crate) rejected: bool,

    #[command(flatten)]
    pub(crate) page: Page,
}

/// `delm log`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Log {
    #[command(flatten)]
    pub(crate) of: OneRun,

    /// Go on as entries come, until the run pauses or ends
    #[arg(short, long, conflicts_with = "reverse")]
    pub(crate) follow: bool,

    /// Only events of this kind; may be given again, or with commas
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kinds(), hide_possible_values = true)]
    pub(crate) kind: Vec<String>,

    /// Only entries of this agent, such as a3
    #[arg(long, value_name = "AGENT")]
    pub(crate) agent: Option<AgentId>,

    /// Only events about this task or unit, such as T7 or S3.2
    #[arg(long, value_name = "TASK")]
    pub(crate) task: Option<Subject>,

    /// Newest first
    #[arg(long)]
    pub(crate) reverse: bool,

    /// With the texts behind the hashes
    #[arg(short, long)]
    pub(crate) patch: bool,

    #[command(flatten)]
    pub(crate) page: Page,
}

/// `delm cat`.
#[derive(Clone, Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Cat {
    /// The run; the one begun last if not given
    #[arg(value_name = "RUN[@POS]")]
    pub(crate) run: Option<RunAt>,

    /// A label (S3.2, F12, T7, a3, c5, answer) or the hash of a blob
    #[arg(value_name = "WHAT", required = true)]
    pub(crate) what: Thing,

    /// Of a call: what the model was asked, rebuilt from the log and checked against the recorded hash
    #[arg(long, conflicts_with = "reply")]
    pub(crate) prompt: bool,

    /// Of a call: what the model replied, raw
    #[arg(long)]
    pub(crate) reply: bool,
}

/// How far to read behind a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LevelArg {
    /// The checked summary.
    #[default]
    Summary,
    /// The source's own words, with neighbouring units.
    Raw,
}

/// `delm unfold`.
#[derive(Clone, Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Unfold {
    /// The run; the one begun last if not given
    #[arg(value_name = "RUN[@POS]")]
    pub(crate) run: Option<RunAt>,

    /// A fact or unit, such as F12 or S3.2
    #[arg(value_name = "LABEL", required = true)]
    pub(crate) label: Label,

    /// How far
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
    pub(crate) level: LevelArg,
}

/// `delm why`.
#[derive(Clone, Debug, Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Why {
    /// The run; the one begun last if not given
    #[arg(value_name = "RUN[@POS]")]
    pub(crate) run: Option<RunAt>,

    /// A fact such as F12, or `answer`
    #[arg(value_name = "LABEL", required = true)]
    pub(crate) label: Made,

    /// At most so many citations away
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<u32>,

    /// As a graph for Graphviz
    #[arg(long)]
    pub(crate) dot: bool,

    #[command(flatten)]
    pub(crate) page: Page,
}

/// `delm what-if`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct WhatIf {
    #[command(flatten)]
    pub(crate) of: OneRun,

    /// As if this agent, such as a3, had done nothing; may be given again
    #[arg(long, value_name = "AGENT")]
    pub(crate) without_agent: Vec<AgentId>,

    /// As if this fact, such as F12, had never been found; may be given again
    #[arg(long, value_name = "LABEL")]
    pub(crate) without: Vec<FactId>,

    /// As if the verdict on this fact had been another: F12=reject; may be given again
    #[arg(long, value_name = "LABEL=reject")]
    pub(crate) verdict: Vec<Turned>,

    #[command(flatten)]
    pub(crate) page: Page,
}

/// A fact whose approval is thought to have been a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turned(pub(crate) FactId);

impl FromStr for Turned {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad =
            || BadName { text: text.into(), expected: "a fact and what its verdict is to be: F12=reject" };
        let (label, ruling) = text.split_once('=').ok_or_else(bad)?;
        // Asking for other words is a rejection too. Every fact's verdict is an approval already.
        if !matches!(ruling, "reject" | "rewrite") {
            return Err(bad());
        }
        label.parse().map(Self).map_err(|_| bad())
    }
}

/// In what form to export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Every entry and blob, self-contained.
    #[default]
    Jsonl,
    /// Not in this version.
    #[value(hide = true)]
    Md,
}

/// `delm export`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) of: OneRun,

    /// In what form
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    pub(crate) format: Format,

    #[arg(long, hide = true)]
    pub(crate) no_blobs: bool,
}

impl Export {
    /// What was asked for and comes later.
    pub(super) fn later(&self) -> Later {
        match (self.format, self.no_blobs) {
            (Format::Md, _) => Some(("--format md", "`--format jsonl` is there, and `delm show` for people")),
            (Format::Jsonl, true) => Some(("--no-blobs", "leave it out")),
            (Format::Jsonl, false) => None,
        }
    }
}

/// `delm verify`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) of: OneRun,

    /// The whole store: every record of its journal, every run, every blob
    #[arg(long, conflicts_with = "run")]
    pub(crate) all: bool,

    #[arg(long, value_name = "ID", hide = true)]
    pub(crate) head: Option<String>,

    #[arg(long, value_name = "FILE", hide = true)]
    pub(crate) checkpoint: Option<PathBuf>,

    #[arg(long, value_name = "VKEY", hide = true)]
    pub(crate) trust: Option<String>,

    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = ".")]
    pub(crate) sources: Option<PathBuf>,
}

impl Verify {
    /// What was asked for and comes later.
    pub(super) fn later(&self) -> Later {
        if self.head.is_some() {
            return Some(("--head", "compare the id that `delm verify` prints"));
        }
        if self.checkpoint.is_some() || self.trust.is_some() {
            return Some(("--checkpoint", "keep the head that `delm verify` prints, and compare it"));
        }
        let sources = self.sources.is_some();
        sources.then_some(("--sources", "`delm cat RUN S1` gives a source as it was read"))
    }
}

/// What `delm check` reads.
#[derive(Clone, Debug)]
pub(crate) enum Checkable {
    /// Standard input.
    Stdin,
    /// A run of the store, or an export in a file.
    Run(RunAt),
}

impl FromStr for Checkable {
    type Err = RefError;

    fn from_str(text: &str) -> Result<Self, RefError> {
        if text == "-" { Ok(Self::Stdin) } else { text.parse().map(Self::Run) }
    }
}

/// `delm check`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Check {
    /// The run: a prefix of its id, its name, `last`, a path to an export, or `-` for an export on standard input,
    /// also one that delm did not make; the one begun last if not given
    #[arg(value_name = "RUN[@POS]")]
    pub(crate) run: Option<Checkable>,

    /// Say what each invariant demands, and who can judge it
    #[arg(long, conflicts_with = "run")]
    pub(crate) list: bool,
}

/// `delm replay`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) of: OneRun,

    #[arg(long, hide = true)]
    pub(crate) today: bool,
}

impl Replay {
    /// What was asked for and comes later.
    pub(super) fn later(&self) -> Later {
        self.today.then_some(("--today", "`delm replay` goes by the rules the run recorded"))
    }
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(KINDS.iter().map(|(_, name)| *name))
}
