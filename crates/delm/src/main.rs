//! The command line of delm: reads arguments, environment and keys, runs one verb, ends with its exit code.
//!
//! Refuses to decide anything about a run and to write a log: that is the engine's.

mod access;
mod args;
mod config;
mod docs;
mod doctor;
mod environment;
mod error;
mod live;
mod output;
mod progress;
mod reading;
mod refs;
mod signals;
mod socket;
mod verbs;

use std::ffi::OsString;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use args::{Cli, Global};
use config::Settings;
use environment::Environment;
use error::{CliError, Exit};
use output::Output;
use output::style::{ColorChoice, Style, colour};

fn main() -> ExitCode {
    let list: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::parse_from_list(list.clone()) {
        Ok(cli) => cli,
        Err(error) => return explain(&error, args::asks_for_json(&list)).into(),
    };
    let mut stderr = io::stderr();
    let arguments: Vec<String> =
        list.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let ended = run(cli, &arguments);
    match ended {
        Ok(exit) => exit.into(),
        Err((error, style)) => error.report(&mut stderr, style.mode.is_json(), style.progress_colour).into(),
    }
}

/// Runs what was asked; an error comes with the style it is to be told in.
fn run(cli: Cli, arguments: &[String]) -> Result<Exit, (CliError, Style)> {
    let mut style = Style { mode: cli.global.mode(), quiet: cli.global.quiet, ..Style::default() };
    let environment = Environment::of_process().map_err(|error| {
        (CliError::io("the working directory", &error).hint("go to a folder that is there"), style)
    })?;
    style = style_of(&cli.global, cli.global.color.unwrap_or_default(), &environment);
    cli.refuse_later().map_err(|error| (error, style))?;
    let settings =
        Settings::load(&environment, verbs::flags::layer(&cli)).map_err(|error| (error.into(), style))?;
    style = style_of(&cli.global, settings.color(), &environment);
    trace(&cli.global, style);
    let out = BufWriter::new(io::stdout());
    let mut output =
        Output::new(Box::new(out), Box::new(io::stderr()), style).of_store(cli.global.store.as_deref());
    let context =
        verbs::Context { environment: &environment, settings: &settings, output: &mut output, arguments };
    let ended = verbs::run(cli, context);
    // What was written before a failure is shown too; the failure itself is the more important news.
    let flushed = output.flush().map_err(CliError::from);
    // A reader that has gone changes nothing about how a verb ended.
    let flushed = flushed.or_else(|error| if error.is_closed_pipe() { Ok(()) } else { Err(error) });
    ended.and_then(|exit| flushed.map(|()| exit)).map_err(|error| (error, style))
}

/// Help and version go to standard output; wrong usage is an error, in the shape that was asked for.
fn explain(error: &clap::Error, json: bool) -> Exit {
    if !error.use_stderr() {
        // A closed pipe is quiet.
        let _gone = error.print();
        return Exit::Success;
    }
    if json {
        return args::usage_error(error).report(&mut io::stderr(), true, false);
    }
    let _gone = error.print();
    Exit::Usage
}

fn style_of(global: &Global, choice: ColorChoice, environment: &Environment) -> Style {
    let (out, err) = (io::stdout(), io::stderr());
    let columns =
        out.is_terminal().then(|| terminal_size::terminal_size_of(&out).map_or(80, |(width, _)| width.0));
    Style {
        mode: global.mode(),
        columns,
        colour: colour(choice, environment, columns.is_some()),
        progress_tty: err.is_terminal() && environment.text("TERM").is_none_or(|term| term != "dumb"),
        progress_colour: colour(choice, environment, err.is_terminal()),
        quiet: global.quiet,
    }
}

/// Tracing goes to standard error: warnings of ours, more with `-v`, only errors with `-q`.
fn trace(global: &Global, style: Style) {
    use tracing::level_filters::LevelFilter;
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::SubscriberExt;

    let ours = match (global.quiet, global.verbose) {
        (true, _) => LevelFilter::ERROR,
        (false, 0) => LevelFilter::WARN,
        (false, 1) => LevelFilter::INFO,
        (false, 2) => LevelFilter::DEBUG,
        (false, _) => LevelFilter::TRACE,
    };
    let others = if global.verbose > 2 { LevelFilter::DEBUG } else { LevelFilter::ERROR };
    let targets = Targets::new().with_default(others).with_target("delm", ours);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(style.progress_colour)
        .without_time()
        .with_target(global.verbose > 1);
    let subscriber = tracing_subscriber::registry().with(targets).with(lines);
    if tracing::subscriber::set_global_default(subscriber).is_err() {
        let _gone = writeln!(io::stderr(), "tracing is set up already");
    }
}
