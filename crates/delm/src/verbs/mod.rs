//! One verb at a time: what the command line asks for is handed to the module that does it.
//!
//! Refuses to do anything itself, and to end the process.

mod check;
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
use crate::output::style::Mode;
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
        Verb::Check(check) if check::is_of_no_store(&check) => {
            return check::check(&check, environment, output);
        }
        verb @ (Verb::Ls(_)
        | Verb::Show(_)
        | Verb::Log(_)
        | Verb::Queue(_)
        | Verb::Agents(_)
        | Verb::Facts(_)
        | Verb::Calls(_)
        | Verb::Cat(_)
        | Verb::Unfold(_)
        | Verb::Export(_)
        | Verb::Verify(_)
        | Verb::Replay(_)
        | Verb::Check(_)
        | Verb::Rm(_)
        | Verb::Backup(_)) => {
            return read(&verb, (&settings.store(), environment.directory()), wait, arguments, output);
        }
    }
    Ok(Exit::Success)
}

/// The arguments for another process: paths do not depend on where that one runs.
fn absolute(verb: &Verb, arguments: &[String], here: &Path) -> Vec<String> {
    let Verb::Backup(backup) = verb else { return arguments.to_vec() };
    let relative = backup.dir.to_string_lossy();
    let whole = here.join(&backup.dir).to_string_lossy().into_owned();
    arguments.iter().map(|word| if *word == relative { whole.clone() } else { word.clone() }).collect()
}

/// Runs a reading verb: over an export, over the store, or in the process that owns the store.
fn read(
    verb: &Verb,
    (path, here): (&Path, &Path),
    wait: Option<Wait>,
    arguments: &[String],
    output: &mut Output,
) -> Result<Exit, CliError> {
    if let Some(RunRef::Export(export)) = reading::run_of(verb) {
        return reading::run(verb, &Reading::of_export(&export)?, output, &|| true);
    }
    let writes = matches!(verb, Verb::Rm(_));
    let arguments = &absolute(verb, arguments, here);
    let mut told = false;
    loop {
        let opening =
            Opening { path, create: false, wait: if writes { wait } else { None }, note: "reading" };
        match opening.open(output) {
            Ok(store) => {
                // Nobody else can write while this process holds the store: nothing more can come.
                let ended = reading::run(verb, &Reading::of_store(store.clone()), output, &|| true);
                live::close(store)?;
                return ended;
            }
            Err(error @ OpenError::Held { .. }) if writes => return Err(open_error(&error)),
            // The owner answers, or holds the store for a moment only, as this process would.
            Err(error @ OpenError::Held { .. }) => {
                match live::ask_owner(path, &forwarded(verb, arguments, output.mode())?, output)? {
                    Some(exit) => return Ok(exit),
                    None => {
                        if !std::mem::replace(&mut told, true) {
                            tracing::info!("{error}; waiting for it");
                        }
                        std::thread::sleep(LOOK_AGAIN);
                    }
                }
            }
            Err(error) => return Err(open_error(&error)),
        }
    }
}

/// The arguments as the owner of the store is given them: its working directory is another one.
fn forwarded(verb: &Verb, arguments: &[String], mode: Mode) -> Result<Vec<String>, CliError> {
    let Verb::Backup(backup) = verb else { return Ok(arguments.to_vec()) };
    let dir = std::path::absolute(&backup.dir).map_err(|error| CliError::io(backup.dir.display(), &error))?;
    let mode = match mode {
        Mode::People => None,
        Mode::Json => Some("--json"),
        Mode::Jsonl => Some("--jsonl"),
    };
    let words = std::iter::once("backup").chain(mode).chain(["--"]).map(str::to_owned);
    Ok(words.chain([dir.to_string_lossy().into_owned()]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_told_where_a_copy_goes_from_here() {
        let list = ["backup", "backup", "--json"].map(str::to_owned);
        let cli = Cli::parse_from_list(std::iter::once("delm".to_owned()).chain(list.clone())).unwrap();
        let told = forwarded(&cli.verb, &list, Mode::Json).unwrap();
        let here = std::env::current_dir().unwrap().join("backup").to_string_lossy().into_owned();
        assert_eq!(told, ["backup", "--json", "--", here.as_str()]);
        let list = ["show", "last"].map(str::to_owned);
        let cli = Cli::parse_from_list(std::iter::once("delm".to_owned()).chain(list.clone())).unwrap();
        assert_eq!(forwarded(&cli.verb, &list, Mode::People).unwrap(), list);
    }
}
