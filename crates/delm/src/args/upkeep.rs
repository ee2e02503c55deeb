//! Arguments of the verbs of upkeep: `rm`, `backup`, `doctor`, `config`, `schema`, `completions`.
//!
//! Refuses to guess what is to be removed: `rm` has no default run.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use clap_complete::Shell;

use crate::refs::RunRef;

/// `delm rm`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Rm {
    /// The run: a prefix of its id, its name, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: RunRef,
}

/// `delm backup`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Backup {
    /// A folder that is not there yet, or is empty
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,
}

/// `delm config`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) what: ConfigVerb,
}

/// What of the settings.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Every setting and its value; keys are never shown
    Show {
        /// And where each value comes from
        #[arg(long)]
        origin: bool,
    },
    /// Every limit of a run: its default, its range, what it bounds
    Limits,
    /// Write the built-in prompt templates, to change them and give the folder to `run --prompts`
    Prompts {
        /// Where to; files that are there are not overwritten
        #[arg(short, long, value_name = "DIR")]
        output: PathBuf,
    },
}

/// `delm schema`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Schema {
    /// Which one; their names if not given
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// `delm completions`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}
