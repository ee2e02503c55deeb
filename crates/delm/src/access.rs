//! How a verb gets at runs: the store opened for this call, the process that owns it, or an export in a file.
//!
//! Refuses to write: it opens, waits, and finds the run that a reference means.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use delm_core::entry::{Blob, Blobs};
use delm_core::event::Event;
use delm_core::ids::Digest;
use delm_engine::{Loaded, load};
use delm_log::{
    Append, Found, Log, LogError, MemoryLog, OpenError, OpenOptions, OpenReport, RunInfo, Store, Wait,
};
use delm_wire::export::{Reader, Record};

use crate::args::value;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::refs::{RunName, RunRef};

/// Runs looked at in one step when a name is searched for.
const PAGE: usize = 64;

/// The longest line of an export, in bytes: a blob at its greatest, as base64.
const LINE_BYTES_MAX: u64 = 2 << 30;

/// Runs that can be read.
#[derive(Clone)]
pub(crate) struct Reading {
    /// Where their entries and blobs are.
    pub(crate) log: Arc<dyn Log>,
    /// The store, unless they come from an export.
    pub(crate) store: Option<Arc<Store>>,
    /// The one run of an export.
    only: Option<Digest>,
}

impl Reading {
    /// The runs of an open store.
    pub(crate) fn of_store(store: Arc<Store>) -> Self {
        Self { log: store.clone(), store: Some(store), only: None }
    }

    /// The run in an export, every line of it checked.
    ///
    /// # Errors
    /// Exit 8 if there is no such file, 4 if it is not whole.
    pub(crate) fn of_export(path: &Path) -> Result<Self, CliError> {
        let run = read_export(path)?;
        Ok(Self { log: Arc::new(run.0), store: None, only: Some(run.1) })
    }

    /// The run that a reference means.
    ///
    /// # Errors
    /// Exit 8 if none or several are meant.
    pub(crate) fn find(&self, reference: &RunRef) -> Result<Digest, CliError> {
        if let Some(only) = self.only {
            return Ok(only);
        }
        let none =
            |what: String| CliError::new("not_found", Exit::NotFound, what).hint("`delm ls` lists the runs");
        match reference {
            RunRef::Last => {
                let last = self.log.runs_back(None, 1).map_err(log_error)?.first().map(|info| info.run);
                last.ok_or_else(|| {
                    CliError::new("not_found", Exit::NotFound, "there is no run in this store")
                        .hint("`delm demo` makes one")
                })
            }
            RunRef::Prefix(prefix) => {
                let found = self.log.find(prefix, 4).map_err(log_error)?;
                match found.as_slice() {
                    [] => Err(none(format!("no run begins with {prefix}"))),
                    [one] => Ok(one.run),
                    several => Err(ambiguous(prefix, several)),
                }
            }
            RunRef::Name(name) => {
                self.named(name)?.ok_or_else(|| none(format!("no run is called {}", name.as_str())))
            }
            RunRef::Export(path) => {
                Err(none(format!("{} is an export, not a run of the store", path.display())))
            }
        }
    }

    /// The run of this name, if there is one.
    ///
    /// # Errors
    /// The log cannot be read.
    pub(crate) fn named(&self, name: &RunName) -> Result<Option<Digest>, CliError> {
        let mut before = None;
        loop {
            let page = self.log.runs_back(before, PAGE).map_err(log_error)?;
            for info in &page {
                if self.name_of(info)?.as_deref() == Some(name.as_str()) {
                    return Ok(Some(info.run));
                }
            }
            match page.last() {
                Some(last) => before = Some(last.number),
                None => return Ok(None),
            }
        }
    }

    fn name_of(&self, info: &RunInfo) -> Result<Option<String>, CliError> {
        let first = self.log.entry(&info.run, info.first).map_err(log_error)?;
        let Some(Event::RunStarted(started)) = first.as_ref().and_then(|first| first.entry.events.first())
        else {
            return Ok(None);
        };
        let Some(name) = started.name else { return Ok(None) };
        let found = self.log.blob(&info.run, &name).map_err(log_error)?;
        Ok(found.bytes().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// A run folded to its head.
    ///
    /// # Errors
    /// Exit 4 if an entry breaks a law.
    pub(crate) fn load(&self, run: Digest) -> Result<Loaded, CliError> {
        load(&self.log, run).map_err(|error| load_error(&error, run))
    }

    /// The bytes of a blob of a run.
    ///
    /// # Errors
    /// Exit 8 if the run has no such blob or it was redacted.
    pub(crate) fn blob(&self, run: Digest, hash: &Digest) -> Result<Arc<[u8]>, CliError> {
        match self.log.blob(&run, hash).map_err(log_error)? {
            Found::Present(bytes) => Ok(bytes),
            Found::Redacted { len } => {
                let what = format!("blob {hash} was redacted; it had {len} bytes");
                Err(CliError::new("redacted", Exit::NotFound, what).run(run.to_string()))
            }
            Found::Unknown => {
                let what = format!("the run has no blob {hash}");
                Err(CliError::new("not_found", Exit::NotFound, what).run(run.to_string()))
            }
        }
    }
}

fn ambiguous(prefix: &str, found: &[RunInfo]) -> CliError {
    let ids: Vec<String> = found.iter().take(3).map(|info| info.run.short(16)).collect();
    let more = if found.len() > 3 { ", …" } else { "" };
    let what = format!("{prefix} is the beginning of several runs: {}{more}", ids.join(", "));
    CliError::new("ambiguous", Exit::NotFound, what).hint("give more of the id")
}

/// What a failure of the log means to people.
pub(crate) fn log_error(error: LogError) -> CliError {
    let words = error.to_string();
    match error {
        LogError::Corrupt(_) => CliError::new("corrupt", Exit::Integrity, words)
            .hint("keep the store as it is, and go on from a backup or an export"),
        LogError::Io { .. } | LogError::Index { .. } | LogError::Poisoned { .. } => {
            CliError::new("io", Exit::Unexpected, words)
                .hint("nothing that was acknowledged is lost; try again once the cause is gone")
        }
    }
}

/// What a run that cannot be folded means to people.
pub(crate) fn load_error(error: &delm_engine::LoadError, run: Digest) -> CliError {
    let exit = match error {
        delm_engine::LoadError::Unknown { .. } => Exit::NotFound,
        delm_engine::LoadError::Log(LogError::Corrupt(_))
        | delm_engine::LoadError::Fault(_)
        | delm_engine::LoadError::Gap { .. } => Exit::Integrity,
        delm_engine::LoadError::Log(_) => Exit::Unexpected,
    };
    CliError::new("run", exit, error.to_string()).run(run.to_string())
}

/// What a store that does not open means to people.
pub(crate) fn open_error(error: &OpenError) -> CliError {
    let (code, exit, hint) = match error {
        OpenError::Held { .. } => {
            ("held", Exit::Conflict, "--wait waits for it; another --store does not have to")
        }
        OpenError::Missing { .. } => {
            ("no_store", Exit::NotFound, "`delm demo` makes one here; --store names another")
        }
        OpenError::NotDirectory { .. } | OpenError::NotStore { .. } => {
            ("store", Exit::Usage, "--store names the folder")
        }
        OpenError::Newer { .. } => ("newer", Exit::Usage, "install the delm that wrote it"),
        OpenError::ReadOnly { .. } => {
            ("read_only", Exit::Unexpected, "copy it to a place that can be written")
        }
        OpenError::NoSpace { .. } => {
            ("no_space", Exit::Unexpected, "free some space and try again: nothing is lost")
        }
        OpenError::Denied { .. } => ("denied", Exit::Unexpected, "its owner can open it"),
        OpenError::Corrupt(_) => {
            ("corrupt", Exit::Integrity, "keep the store as it is, and go on from a backup or an export")
        }
        OpenError::Failed(_) => ("io", Exit::Unexpected, "see the cause above"),
    };
    CliError::new(code, exit, error.to_string()).hint(hint)
}

/// How the store of a call is opened.
pub(crate) struct Opening<'a> {
    /// Its folder.
    pub(crate) path: &'a Path,
    /// Whether a new one is made.
    pub(crate) create: bool,
    /// `--wait`.
    pub(crate) wait: Option<value::Wait>,
    /// What is done with it, for others to read.
    pub(crate) note: &'a str,
}

impl Opening<'_> {
    /// Opens the store, and says what had to be put right.
    ///
    /// # Errors
    /// [`OpenError`].
    pub(crate) fn open(&self, output: &mut Output) -> Result<Arc<Store>, OpenError> {
        let wait = match self.wait {
            None => Wait::No,
            Some(value::Wait::Forever) => Wait::Forever,
            Some(value::Wait::AtMost(time)) => Wait::For(time),
        };
        let options =
            OpenOptions { create: self.create, wait, note: self.note.to_owned(), ..OpenOptions::default() };
        let (store, report) = Store::open(self.path, &options)?;
        for line in repairs(&report) {
            // A message that cannot be shown is no reason to fail: the store is whole.
            let _shown = output.note(&format!("note: {line}"));
        }
        Ok(Arc::new(store))
    }
}

/// What opening put right, in words.
fn repairs(report: &OpenReport) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(cut) = &report.cut {
        lines.push(format!("a record that was being written when its process died was cut off: {cut:?}"));
    }
    if let Some(why) = &report.anchor_healed {
        lines.push(format!("one anchor slot was bad and was written again from the other: {why}"));
    }
    if report.format_healed {
        lines.push("the format file was damaged or missing and was written again".to_owned());
    }
    if let Some(why) = &report.index_rebuilt {
        lines.push(format!("the index was made anew from the journal: {why}"));
    }
    lines
}

/// How often a held store is looked at again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(40);

fn read_export(path: &Path) -> Result<(MemoryLog, Digest), CliError> {
    let file = File::open(path).map_err(|error| {
        let exit =
            if error.kind() == std::io::ErrorKind::NotFound { Exit::NotFound } else { Exit::Unexpected };
        CliError::new("export", exit, format!("{}: {error}", path.display()))
            .hint("name an export that is there")
    })?;
    let mut lines = BufReader::new(file);
    let mut reader = Reader::new();
    let (mut entries, mut blobs) = (Vec::new(), Vec::new());
    let damaged = |error: String| {
        CliError::new("export", Exit::Integrity, format!("{}: {error}", path.display()))
            .hint("it is not as delm wrote it; get another copy")
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = std::io::Read::take(&mut lines, LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if read.map_err(|error| CliError::io(path.display(), &error))? == 0 {
            break;
        }
        match reader.line(&line).map_err(|error| damaged(error.to_string()))? {
            Record::Entry(sealed) => entries.push(sealed),
            Record::Blob { bytes: Some(bytes), .. } => blobs.push(Blob::new(bytes)),
            Record::Header(_) | Record::Blob { bytes: None, .. } | Record::End(_) => {}
        }
    }
    let summary = reader.finish().map_err(|error| damaged(error.to_string()))?;
    let log = MemoryLog::default();
    let term = log.acquire(&summary.run).map_err(log_error)?;
    let mut after = None;
    let mut batch = Vec::with_capacity(entries.len());
    for entry in entries {
        let next = entry.head();
        // An export does not say which entry brought a blob: the first brings them all.
        let blobs = std::mem::take(&mut blobs);
        batch.push(Append { run: summary.run, after, term, entry, blobs });
        after = Some(next);
    }
    match log.commit(batch).into_iter().find_map(Result::err) {
        Some(error) => Err(damaged(error.to_string())),
        None => Ok((log, summary.run)),
    }
}

/// The text of a blob, or words that say why it is not there.
pub(crate) fn text_or(blobs: &dyn Blobs, hash: &Digest) -> String {
    blobs
        .blob(hash)
        .map_or_else(|| "(redacted)".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}
