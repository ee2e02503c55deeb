//! How output is to look: for people or programs, how wide, with colour or without.
//!
//! Refuses to ask the environment: what it says is handed in, so the policy is a function that tests can call.

use crate::environment::Environment;

/// Whom the output is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Tables and sentences.
    #[default]
    People,
    /// One JSON document.
    Json,
    /// One JSON object a line, as they come.
    Jsonl,
}

impl Mode {
    /// True if a program reads the output.
    pub(crate) fn is_json(self) -> bool {
        self != Self::People
    }
}

/// When to use colour, as `--color` says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How output is to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// Whom it is for.
    pub(crate) mode: Mode,
    /// Columns of the terminal on standard output; none if it is not one.
    pub(crate) columns: Option<u16>,
    /// Colour on standard output.
    pub(crate) colour: bool,
    /// Standard error is a terminal.
    pub(crate) progress_tty: bool,
    /// Colour on standard error.
    pub(crate) progress_colour: bool,
    /// `--quiet`: errors are the only messages.
    pub(crate) quiet: bool,
}

impl Style {
    /// True if people read standard output on a terminal.
    pub(crate) fn is_tty(&self) -> bool {
        self.columns.is_some()
    }
}

/// Whether to use colour on a stream. `--color` decides, then `NO_COLOR`, `CLICOLOR_FORCE`, `TERM=dumb`, the terminal.
pub(crate) fn colour(choice: ColorChoice, environment: &Environment, is_terminal: bool) -> bool {
    let says = |name: &str| environment.text(name).filter(|value| !value.is_empty());
    match choice {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if says("NO_COLOR").is_some() => false,
        ColorChoice::Auto if says("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        ColorChoice::Auto if says("TERM").is_some_and(|value| value == "dumb") => false,
        ColorChoice::Auto => is_terminal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)], choice: ColorChoice, terminal: bool) -> bool {
        colour(choice, &Environment::of(pairs), terminal)
    }

    #[test]
    fn the_flag_decides_before_the_environment() {
        assert!(with(&[("NO_COLOR", "1")], ColorChoice::Always, false));
        assert!(!with(&[("CLICOLOR_FORCE", "1")], ColorChoice::Never, true));
    }

    #[test]
    fn the_environment_decides_before_the_terminal() {
        let auto = ColorChoice::Auto;
        assert!(with(&[], auto, true));
        assert!(!with(&[], auto, false));
        assert!(!with(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], auto, true));
        assert!(with(&[("NO_COLOR", "")], auto, true), "an empty NO_COLOR says nothing");
        assert!(with(&[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], auto, false));
        assert!(!with(&[("CLICOLOR_FORCE", "0")], auto, false));
        assert!(!with(&[("TERM", "dumb")], auto, true));
    }
}
