//! Arguments of the verbs that work on a run: `demo`, `run`, `resume`, `fork`, `cancel`.
//!
//! Refuses to fill in what is missing: a flag that was not given leaves the matter to the settings.

use std::path::{Path, PathBuf};

use clap::Args;
use delm_core::ids::FactId;

use super::Later;
use super::value::{Param, SetLimit, budget_tokens, budget_usd, param, set_limit, span_ms};
use crate::error::CliError;
use crate::refs::{RunAt, RunName, RunRef};

/// Something switched off to see what it is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Ablate {
    /// Admit without verification.
    Verdicts,
    /// Agents do not see each other's facts.
    Sharing,
    /// No summaries between gist and source (not in this version).
    #[value(hide = true)]
    Hierarchy,
}

/// `delm demo`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Demo {
    /// Agents that work at the same time
    #[arg(long, value_name = "N", value_parser = agents())]
    pub(crate) agents: Option<u32>,
}

/// `delm run`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct RunArgs {
    /// What is asked; `-` reads it from standard input
    #[arg(value_name = "QUESTION")]
    pub(crate) question: Option<String>,

    /// Name the run: 1-64 of a-z 0-9 . _ - with a letter from g to z, unique in the store
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<RunName>,

    /// Set a limit of the run (see `delm config limits`); may be given again
    #[arg(long, value_name = "LIMIT=VALUE", value_parser = set_limit)]
    pub(crate) set: Vec<SetLimit>,

    /// Switch something off, to see what it is worth; recorded in the run
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) ablate: Vec<Ablate>,

    /// Say what would be read, which hosts would be called, and the most it can take; call nobody, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) input: Input,

    #[command(flatten)]
    pub(crate) team: Team,

    #[command(flatten)]
    pub(crate) budget: Budget,
}

/// What was asked for and comes later.
pub(super) fn later(ablate: &[Ablate]) -> Later {
    let hierarchy = ablate.contains(&Ablate::Hierarchy);
    hierarchy.then_some(("--ablate hierarchy", "`--ablate verdicts` and `--ablate sharing` are there"))
}

impl RunArgs {
    /// Finds the question: `run --docs notes/ "Who?"` gives it to `--docs`, which takes all it can get.
    ///
    /// The last value of `--docs` is the question if none was given elsewhere, it reads like one (white space, or a
    /// question mark at its end) and no file has that name.
    ///
    /// # Errors
    /// Exit 2 if there is no question, or only white space.
    pub(crate) fn settle_question(&mut self, exists: impl Fn(&Path) -> bool) -> Result<String, CliError> {
        if self.question.is_none() && self.input.docs.len() > 1 {
            let reads_like_one =
                |text: &str| text.ends_with('?') || text.trim().contains(char::is_whitespace);
            let last = self.input.docs.last().filter(|path| !exists(path)).and_then(|path| path.to_str());
            self.question = last.filter(|text| reads_like_one(text)).map(str::to_owned);
            if self.question.is_some() {
                self.input.docs.pop();
            }
        }
        let question = self.question.clone().filter(|question| !question.trim().is_empty());
        question.ok_or_else(|| {
            CliError::usage("there is no question")
                .hint("put it in quotes, before --docs or behind `--`: delm run \"Who repaired the lamp?\" --docs notes/")
        })
    }
}

/// Where documents come from.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Documents")]
pub(crate) struct Input {
    /// Text and Markdown: files, folders (recursively, without hidden files), or `-` for standard input
    #[arg(long, value_name = "PATH", num_args = 1.., action = clap::ArgAction::Append)]
    pub(crate) docs: Vec<PathBuf>,

    /// Fail if any file has to be left out
    #[arg(long)]
    pub(crate) docs_strict: bool,
}

/// Who works, and with what.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Agents and models")]
pub(crate) struct Team {
    /// Agents that work at the same time; with 1 it reviews its own work, and its facts have grade `self`
    #[arg(long, value_name = "N", value_parser = agents())]
    pub(crate) agents: Option<u32>,

    /// `extractive` (built in, needs no key), `provider::name`, or `script:FILE`
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,

    /// The model that reviews; the same as --model if not given
    #[arg(long, value_name = "MODEL")]
    pub(crate) judge: Option<String>,

    /// Address of an OpenAI-compatible server
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,

    /// A parameter of the model, or with judge.KEY of the judge; recorded as given; may be given again
    #[arg(long, value_name = "KEY=VALUE", value_parser = param)]
    pub(crate) param: Vec<Param>,

    /// Folder of prompt templates (see `delm config prompts`); recorded in the run
    #[arg(long, value_name = "DIR")]
    pub(crate) prompts: Option<PathBuf>,
}

/// What may be spent.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = "Budget")]
pub(crate) struct Budget {
    /// The most it may cost in US dollars; needs a price for each model
    #[arg(long, value_name = "DOLLARS", value_parser = budget_usd)]
    pub(crate) budget_usd: Option<u64>,

    /// The most tokens it may take, in and out together
    #[arg(long, value_name = "TOKENS", value_parser = budget_tokens)]
    pub(crate) budget_tokens: Option<u64>,

    /// The longest it may run, such as 90s or 15m; time spent paused does not count
    #[arg(long, value_name = "TIME", value_parser = span_ms)]
    pub(crate) deadline: Option<u64>,
}

/// `delm resume`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Resume {
    /// The run; the one begun last if not given
    #[arg(value_name = "RUN")]
    pub(crate) run: Option<RunRef>,

    /// New totals, recorded in the run
    #[command(flatten)]
    pub(crate) budget: Budget,

    /// Address of an OpenAI-compatible server
    #[arg(long, value_name = "URL")]
    pub(crate) base_url: Option<String>,
}

/// `delm fork`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct ForkArgs {
    /// The run, and behind `@` the entry it is left at: a seq, `head`, `head~N`, an entry's id, or a label; without, all of
    /// it, or of a run that ended all before its end
    #[arg(value_name = "RUN[@POS]")]
    pub(crate) run: Option<RunAt>,

    /// Withdraw a fact, and work out again what builds on it; may be given again
    #[arg(long, value_name = "LABEL")]
    pub(crate) drop: Vec<FactId>,

    /// Only begin it: `delm resume` goes on with it
    #[arg(long)]
    pub(crate) no_start: bool,

    /// Name the fork: 1-64 of a-z 0-9 . _ - with a letter from g to z, unique in the store
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<RunName>,

    /// Change a limit of the run (see `delm config limits`); may be given again
    #[arg(long, value_name = "LIMIT=VALUE", value_parser = set_limit)]
    pub(crate) set: Vec<SetLimit>,

    /// Switch something off; what was switched off before stays so
    #[arg(long, value_name = "WHAT", value_enum)]
    pub(crate) ablate: Vec<Ablate>,

    /// Say what would be shared, dropped and changed; call nobody, write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    #[command(flatten)]
    pub(crate) team: Team,

    /// What the fork may spend, counted from where it begins
    #[command(flatten)]
    pub(crate) budget: Budget,
}

/// `delm cancel`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Cancel {
    /// The run
    #[arg(value_name = "RUN")]
    pub(crate) run: RunRef,
}

/// The most agents that can be asked for; the limit `agents_max` of a run may allow fewer.
pub(crate) const AGENTS_MAX: u32 = 4_096;

fn agents() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=i64::from(AGENTS_MAX))
}
