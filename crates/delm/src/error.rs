//! The one error of the edge: a code for programs, what happened and what to do for people, and the exit code.
//!
//! Refuses to be printed on standard output, and knows no verb: every part of the binary turns its own errors into
//! this one.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;

use crate::output::text::harmless;

/// Exit codes, as the contract fixes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Success.
    Success = 0,
    /// Unexpected, or I/O.
    Unexpected = 1,
    /// Usage or configuration.
    Usage = 2,
    /// The run ended without an answer.
    NoAnswer = 3,
    /// Stored bytes are not what they should be.
    Integrity = 4,
    /// A replay diverged, or two runs differ.
    Differs = 5,
    /// An invariant is broken in a log that is intact.
    Broken = 6,
    /// The store is held, or a lease or term was lost: retry.
    Conflict = 7,
    /// Not found, or ambiguous.
    NotFound = 8,
    /// A provider failed after retries; the run is paused and can be resumed.
    Provider = 9,
    /// A budget or deadline was reached; the run is paused and can be resumed.
    Limit = 10,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// The number the process ends with.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    /// The exit that another process of ours ended a verb with.
    pub(crate) fn of_code(code: u8) -> Self {
        let all = [
            Self::Success,
            Self::Usage,
            Self::NoAnswer,
            Self::Integrity,
            Self::Differs,
            Self::Broken,
            Self::Conflict,
            Self::NotFound,
            Self::Provider,
            Self::Limit,
            Self::Interrupted,
            Self::Terminated,
        ];
        all.into_iter().find(|exit| exit.code() == code).unwrap_or(Self::Unexpected)
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What went wrong, as people and programs are told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct CliError {
    /// A word for programs, in lower case with underscores.
    pub(crate) code: &'static str,
    /// What happened, and to what.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// What the process ends with.
    pub(crate) exit: Exit,
    /// The run it is about, in full.
    pub(crate) run: Option<String>,
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    hint: Option<&'a str>,
    exit: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
}

impl CliError {
    /// An error with its code, exit code and message.
    pub(crate) fn new(code: &'static str, exit: Exit, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, exit, run: None }
    }

    /// Wrong usage: exit 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new("usage", Exit::Usage, message)
    }

    /// Something the operating system refused: exit 1.
    pub(crate) fn io(doing: impl std::fmt::Display, error: &std::io::Error) -> Self {
        Self::new("io", Exit::Unexpected, format!("{doing}: {error}"))
    }

    /// The quiet end when whoever read our output has gone.
    pub(crate) fn closed_pipe() -> Self {
        Self::new(CLOSED_PIPE, Exit::Success, "whoever read the output has gone")
    }

    /// True for the quiet end when whoever read our output has gone.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        self.code == CLOSED_PIPE
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Names the run it is about.
    pub(crate) fn run(mut self, run: impl Into<String>) -> Self {
        self.run = Some(run.into());
        self
    }

    /// Says it on `stderr`, as one JSON object or for people, and gives the exit code.
    ///
    /// A closed pipe is not spoken of. Nobody is left to tell when `stderr` itself fails, so that is ignored.
    pub(crate) fn report(&self, stderr: &mut dyn Write, json: bool, colour: bool) -> Exit {
        if self.code != CLOSED_PIPE {
            let text = if json { self.to_json() } else { self.for_people(colour) };
            let _gone = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
        }
        self.exit
    }

    fn to_json(&self) -> String {
        let body = ErrorBody {
            code: self.code,
            message: &self.message,
            hint: self.hint.as_deref(),
            exit: self.exit.code(),
            run: self.run.as_deref(),
        };
        // Strings and numbers always serialize; were that to fail, the plain text is better than silence.
        let document = serde_json::to_string(&ErrorDocument { error: body });
        document.map_or_else(|_| self.for_people(false), |text| text + "\n")
    }

    fn for_people(&self, colour: bool) -> String {
        let (red, dim, off) = if colour { ("\u{1b}[1;31m", "\u{1b}[2m", "\u{1b}[0m") } else { ("", "", "") };
        let mut text = format!("{red}error:{off} {}\n", indent(&harmless(&self.message), "       "));
        if let Some(run) = &self.run {
            text.push_str(&format!("{dim}  run:{off} {}\n", harmless(run)));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("{dim} hint:{off} {}\n", indent(&harmless(hint), "       ")));
        }
        text
    }
}

const CLOSED_PIPE: &str = "closed_pipe";

fn indent(text: &str, by: &str) -> String {
    text.trim_end().replace('\n', &format!("\n{by}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(error: &CliError, json: bool) -> (String, Exit) {
        let mut bytes = Vec::new();
        let exit = error.report(&mut bytes, json, false);
        (String::from_utf8(bytes).unwrap(), exit)
    }

    #[test]
    fn people_read_what_happened_and_what_to_do() {
        let error =
            CliError::new("not_found", Exit::NotFound, "no run begins with 7f3a").hint("see `delm ls`");
        assert_eq!(
            reported(&error, false),
            ("error: no run begins with 7f3a\n hint: see `delm ls`\n".into(), Exit::NotFound)
        );
    }

    #[test]
    fn programs_read_one_object_on_one_line() {
        let error = CliError::usage("say \"what\"\nto ask").run("7f3a");
        let (text, exit) = reported(&error, true);
        assert_eq!(exit, Exit::Usage);
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let want = serde_json::json!({"error": {"code": "usage", "message": "say \"what\"\nto ask", "hint": null, "exit": 2, "run": "7f3a"}});
        assert_eq!(value, want);
    }

    #[test]
    fn a_closed_pipe_is_quiet_and_a_success() {
        assert_eq!(reported(&CliError::closed_pipe(), true), (String::new(), Exit::Success));
        assert_eq!(reported(&CliError::closed_pipe(), false), (String::new(), Exit::Success));
    }

    #[test]
    fn names_from_outside_cannot_drive_the_terminal() {
        let (text, _) = reported(&CliError::usage("no file \u{1b}[2Jx"), false);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let table = [
            (Exit::Success, 0),
            (Exit::Unexpected, 1),
            (Exit::Usage, 2),
            (Exit::NoAnswer, 3),
            (Exit::Integrity, 4),
            (Exit::Differs, 5),
            (Exit::Conflict, 7),
            (Exit::NotFound, 8),
            (Exit::Provider, 9),
            (Exit::Limit, 10),
            (Exit::Interrupted, 130),
            (Exit::Terminated, 143),
        ];
        for (exit, code) in table {
            assert_eq!(exit.code(), code);
        }
    }
}
