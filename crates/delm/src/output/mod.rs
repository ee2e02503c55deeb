//! Standard output for data, standard error for messages, both behind one value that a verb is given.
//!
//! Refuses to write data to standard error or messages to standard output; a verb never touches the process's own
//! streams, so the owner of a store can answer for another process.

pub(crate) mod human;
pub(crate) mod listing;
pub(crate) mod style;
pub(crate) mod text;

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::error::CliError;
use style::{Mode, Style};

/// Where a verb writes.
pub(crate) struct Output {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    style: Style,
    /// What lines to paste need to find the same store.
    store: String,
}

/// Why output could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The reader has gone, or the disk behind a redirection is full.
    #[error("standard output: {0}")]
    Write(#[from] io::Error),
    /// A value without a JSON spelling.
    #[error("output as JSON: {0}")]
    Json(#[source] serde_json::Error),
}

impl From<OutputError> for CliError {
    fn from(error: OutputError) -> Self {
        match error {
            OutputError::Write(error) if error.kind() == io::ErrorKind::BrokenPipe => Self::closed_pipe(),
            OutputError::Write(error) => Self::io("standard output", &error)
                .hint("what is in the store stays there; write to a place that takes it"),
            OutputError::Json(_) => Self::new("internal", crate::error::Exit::Unexpected, error.to_string()),
        }
    }
}

impl Output {
    /// Output to these two streams, in this style.
    pub(crate) fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, style: Style) -> Self {
        Self { out, err, style, store: String::new() }
    }

    /// The same, with lines to paste that name the store as this call's `--store` did: without it they would not find it.
    pub(crate) fn of_store(mut self, store: Option<&Path>) -> Self {
        self.store = store
            .map(|store| format!(" --store {}", text::quoted(&store.to_string_lossy())))
            .unwrap_or_default();
        self
    }

    /// A command line for people to paste.
    pub(crate) fn paste(&self, line: &str) -> String {
        format!("{line}{}", self.store)
    }

    /// How it is to look.
    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// Whom it is for.
    pub(crate) fn mode(&self) -> Mode {
        self.style.mode
    }

    /// A line of data for people. The caller has made it harmless, if it is not ours.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), OutputError> {
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.write_all(b"\n")?)
    }

    /// Bytes of data. On a terminal they are shown as harmless text, elsewhere they go out as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        if self.style.is_tty() {
            let text = String::from_utf8_lossy(bytes);
            self.out.write_all(text::harmless(&text).as_bytes())?;
            if !bytes.is_empty() && !bytes.ends_with(b"\n") {
                self.out.write_all(b"\n")?;
            }
            return Ok(());
        }
        Ok(self.out.write_all(bytes)?)
    }

    /// One JSON value on a line of its own.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), OutputError> {
        let mut line = serde_json::to_vec(value).map_err(OutputError::Json)?;
        line.push(b'\n');
        Ok(self.out.write_all(&line)?)
    }

    /// A message on standard error, made harmless. Programs are told nothing but errors, so JSON modes leave it out, as
    /// does `--quiet`.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), OutputError> {
        if self.style.mode.is_json() || self.style.quiet {
            return Ok(());
        }
        // Messages are not data: standard error may be closed while data flows.
        let _gone = writeln!(self.err, "{}", text::harmless(text));
        Ok(())
    }

    /// Data that another process has shaped for this output already.
    pub(crate) fn forwarded(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.out.write_all(bytes)?;
        // The other process decides when there is something to see, as with `log -f`.
        self.flush()
    }

    /// Messages that another process has shaped for this output already.
    pub(crate) fn forwarded_error(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.flush()?;
        let _gone = self.err.write_all(bytes).and_then(|()| self.err.flush());
        Ok(())
    }

    /// Says an error on standard error, and gives the exit code.
    pub(crate) fn report(&mut self, error: &CliError) -> crate::error::Exit {
        error.report(&mut self.err, self.style.mode.is_json(), self.style.progress_colour)
    }

    /// Makes all of it visible now.
    pub(crate) fn flush(&mut self) -> Result<(), OutputError> {
        Ok(self.out.flush()?)
    }
}

#[cfg(test)]
pub(crate) mod capture {
    //! Output into memory, for tests.

    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was written so far.
    #[derive(Clone, Default)]
    pub(crate) struct Captured(Arc<Mutex<Vec<u8>>>);

    impl Captured {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Output that can be read again: itself, standard output, standard error.
    pub(crate) fn output(style: Style) -> (Output, Captured, Captured) {
        let (out, err) = (Captured::default(), Captured::default());
        (Output::new(Box::new(out.clone()), Box::new(err.clone()), style), out, err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_reader_that_has_gone_ends_the_verb_quietly() {
        let mut output = Output::new(Box::new(Closed), Box::new(Closed), Style::default());
        let error = CliError::from(output.line("x").unwrap_err());
        assert_eq!(error, CliError::closed_pipe());
        output.note("standard error may be closed while data flows").unwrap();
    }

    #[test]
    fn bytes_are_harmless_on_a_terminal_and_untouched_elsewhere() {
        let (mut output, out, _) = capture::output(Style { columns: Some(80), ..Style::default() });
        output.bytes(b"a\x1b[2J\xff").unwrap();
        assert_eq!(out.text(), "a␛[2J\u{fffd}\n");
        let (mut output, out, _) = capture::output(Style::default());
        output.bytes(b"a\x1b[2J").unwrap();
        assert_eq!(out.text(), "a\u{1b}[2J");
    }

    #[test]
    fn programs_and_whoever_wants_quiet_get_no_messages() {
        for style in [
            Style { mode: Mode::Json, ..Style::default() },
            Style { mode: Mode::Jsonl, ..Style::default() },
            Style { quiet: true, ..Style::default() },
        ] {
            let (mut output, _, err) = capture::output(style);
            output.note("for people").unwrap();
            assert_eq!(err.text(), "");
        }
    }

    #[test]
    fn lines_to_paste_find_the_store_of_the_call() {
        let (output, ..) = capture::output(Style::default());
        assert_eq!(output.paste("delm ls"), "delm ls");
        let output = output.of_store(Some(Path::new("my store's")));
        assert_eq!(output.paste("delm ls"), r"delm ls --store 'my store'\''s'");
    }
}
