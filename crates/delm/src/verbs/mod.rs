//! One verb at a time: what the command line asks for is handed to the module that does it.
//!
//! Refuses to do anything itself, and to end the process.

pub(crate) mod config;
pub(crate) mod flags;
mod upkeep;

use std::path::Path;

use delm_log::OpenError;

use crate::access::{LOOK_AGAIN, Opening, Reading, open_error};
use crate::args::value::Wait;
use crate::args::{Cli, Verb};
use crate::config::Settings;
use crate::doctor::doctor;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::live::{self, Live};
use crate::output::Output;
use crate::reading;
use crate::refs::RunRef;

/// What every verb is given.
pub(crate) struct Context<'a> {
    /// Variables and working directory.
    pub(crate) environment: &'a Environment,
    /// Settings, the flags of this call among them.
    pub(crate) settings: &'a Settings,
    /// Where it writes.
    pub(crate) output: &'a mut Output,
    /// The arguments of this call, without the program's name.
    pub(crate) arguments: &'a [String],
}

/// Runs a verb; gives the exit code.
///
/// # Errors
/// [`CliError`], not yet reported.
pub(crate) fn run(cli: Cli, context: Context<'_>) -> Result<Exit, CliError> {
    let Context { environment, settings, output, arguments } = context;
    let (wait, quiet) = (cli.global.wait, cli.global.quiet);
    let live = |output| Live { environment, settings, output, wait, quiet };
    match cli.verb {
        Verb::Doctor => doctor(settings, environment, output)?,
        Verb::Config(config) => config::config(&config.what, settings, environment, output)?,
        Verb::Completions(completions) => upkeep::completions(completions.shell, output)?,
        Verb::Schema(schema) => upkeep::schema(schema.name.as_deref(), output)?,
        Verb::Demo(demo) => return live::demo(demo, live(output)),
        Verb::Run(run) => return live::run(run, live(output)),
        Verb::Resume(resume) => return live::resume(&resume, arguments, live(output)),
        Verb::Cancel(cancel) => return live::cancel(&cancel, arguments, live(output)),
        verb @ (Verb::Ls(_) | Verb::Show(_) | Verb::Log(_) | Verb::Queue(_) | Verb::Agents(_) | Verb::Facts(_)
        | Verb::Calls(_) | Verb::Cat(_) | Verb::Unfold(_) | Verb::Export(_) | Verb::Verify(_) | Verb::Replay(_)
        | Verb::Rm(_) | Verb::Backup(_)) => return read(&verb, &settings.store(), wait, arguments, output),
    }
    Ok(Exit::Success)
}

/// Runs a reading verb: over an export, over the store, or in the process that owns the store.
fn read(verb: &Verb, path: &Path, wait: Option<Wait>, arguments: &[String], output: &mut Output) -> Result<Exit, CliError> {
    if let Some(RunRef::Export(export)) = reading::run_of(verb) {
        return reading::run(verb, &Reading::of_export(&export)?, output, &|| false);
    }
    let writes = matches!(verb, Verb::Rm(_));
    let mut told = false;
    loop {
        let opening = Opening { path, create: false, wait: if writes { wait } else { None }, note: "reading" };
        match opening.open(output) {
            Ok(store) => {
                let ended = reading::run(verb, &Reading::of_store(store.clone()), output, &|| false);
                live::close(store)?;
                return ended;
            }
            Err(error @ OpenError::Held { .. }) if writes => return Err(open_error(&error)),
            // The owner answers, or holds the store for a moment only, as this process would.
            Err(error @ OpenError::Held { .. }) => match live::ask_owner(path, arguments, output)? {
                Some(exit) => return Ok(exit),
                None => {
                    if !std::mem::replace(&mut told, true) {
                        tracing::info!("{error}; waiting for it");
                    }
                    std::thread::sleep(LOOK_AGAIN);
                }
            },
            Err(error) => return Err(open_error(&error)),
        }
    }
}
