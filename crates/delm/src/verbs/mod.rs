//! One verb at a time: what the command line asks for is handed to the module that does it.
//!
//! Refuses to do anything itself, and to end the process.

mod check;
pub(crate) mod config;
pub(crate) mod flags;
mod upkeep;

use std::path::Path;

use delm_log::OpenError;

use crate::access::{LOOK_AGAIN, LOOKS_A_SECOND, Opening, READING, Reading, open_error};
use crate::args::value::Wait;
use crate::args::{Aside, Cli, Read, Verb};
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
    match cli.verb {
        Verb::Drive(drive) => {
            live::run(drive, arguments, Live { environment, settings, output, wait, quiet })
        }
        Verb::Read(Read::Check(check)) if check::is_of_no_store(&check) => {
            check::check(&check, environment, output)
        }
        Verb::Read(verb) => {
            read(&verb, (&settings.store(), environment.directory()), wait, arguments, output)
        }
        Verb::Aside(aside) => {
            match aside {
                Aside::Doctor => doctor(settings, environment, output)?,
                Aside::Config(config) => config::config(&config.what, settings, environment, output)?,
                Aside::Completions(completions) => upkeep::completions(completions.shell, output)?,
                Aside::Schema(schema) => upkeep::schema(schema.name.as_deref(), output)?,
            }
            Ok(Exit::Success)
        }
    }
}

/// Runs a reading verb: over an export, over the store, or in the process that owns the store.
fn read(
    verb: &Read,
    (path, here): (&Path, &Path),
    wait: Option<Wait>,
    arguments: &[String],
    output: &mut Output,
) -> Result<Exit, CliError> {
    if let Some(RunRef::Export(export)) = verb.run().map(|named| named.run) {
        return reading::run(verb, &Reading::of_export(&export)?, output, &|| true);
    }
    let writes = verb.writes();
    let mut looked: u32 = 0;
    loop {
        let opening = Opening::new(path, false, if writes { wait } else { None }, READING);
        match opening.open() {
            Ok((store, repairs)) => {
                repairs.iter().try_for_each(|line| output.note(line))?;
                // Nobody else can write while this process holds the store: nothing more can come.
                let ended = reading::run(verb, &Reading::of_store(store.clone()), output, &|| true);
                live::close(store)?;
                return ended;
            }
            Err(error @ OpenError::Held { .. }) if writes => return Err(open_error(&error)),
            // The owner answers, or holds the store for a moment only, as this process would.
            Err(error @ OpenError::Held { .. }) => {
                match live::ask_owner(path, &forwarded(verb, arguments, here, output.mode()), output)? {
                    Some(exit) => return Ok(exit),
                    None => {
                        looked = looked.saturating_add(1);
                        let waited = LOOK_AGAIN.saturating_mul(looked);
                        if matches!(wait, Some(Wait::AtMost(most)) if waited > most) {
                            return Err(open_error(&error));
                        }
                        if looked == LOOKS_A_SECOND {
                            tracing::warn!("{error}; waiting for it");
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
fn forwarded(verb: &Read, arguments: &[String], here: &Path, mode: Mode) -> Vec<String> {
    let Read::Backup(backup) = verb else { return arguments.to_vec() };
    let mode = match mode {
        Mode::People => None,
        Mode::Json => Some("--json"),
        Mode::Jsonl => Some("--jsonl"),
    };
    let dir = here.join(&backup.dir).to_string_lossy().into_owned();
    let words = std::iter::once("backup").chain(mode).chain(["--"]).map(str::to_owned);
    words.chain([dir]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_is_told_where_a_copy_goes_from_here() {
        let told = |list: &[&str]| {
            let list: Vec<String> = list.iter().map(|word| (*word).to_owned()).collect();
            let cli = Cli::parse_from_list(std::iter::once("delm".to_owned()).chain(list.clone())).unwrap();
            let Verb::Read(verb) = &cli.verb else { panic!("{list:?}") };
            forwarded(verb, &list, Path::new("/srv"), cli.global.mode())
        };
        assert_eq!(told(&["backup", "backup", "--json"]), ["backup", "--json", "--", "/srv/backup"]);
        assert_eq!(told(&["backup", "/mnt/x"]), ["backup", "--", "/mnt/x"]);
        assert_eq!(told(&["show", "last"]), ["show", "last"]);
    }
}
