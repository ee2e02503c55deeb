//! `delm-sim`: seeds in, a line a seed out; what breaks is named, and can be done again from its seed and commit.
//!
//! Refuses to pass over a mark that was to be hit. Exit codes: 0 all held; 2 the command line; 6 an invariant broke, or a
//! mark was never hit.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line of its own")]

mod command;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match command::Options::read(&arguments) {
        Ok(options) => command::run(&options),
        Err(problem) => {
            eprintln!("delm-sim: {problem}\n{}", command::USAGE);
            ExitCode::from(2)
        }
    }
}
