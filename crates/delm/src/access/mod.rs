//! How a verb gets at runs: the store opened for this call, the process that owns it, or an export in a file.
//!
//! Refuses to write: it opens, waits, and finds the run that a reference means.

mod cut;
mod export;
mod open;
mod position;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use delm_core::entry::{Blobs, Sealed};
use delm_core::event::Event;
use delm_core::ids::{Digest, Seq};
use delm_engine::{Loaded, load, load_at};
use delm_log::{Found, Log, LogError, RunInfo, Store, WholeLog};

use crate::error::{CliError, Exit};
use crate::refs::{RunName, RunRef};
pub(crate) use cut::Cut;
use export::ExportLog;
pub(crate) use export::unopened;
pub(crate) use open::{Holder, LOOKS_A_SECOND, Opened, Opening, READING, held, open_error};

/// Runs looked at in one step when a name is searched for.
const PAGE: usize = 64;

/// Runs that can be read.
#[derive(Clone)]
pub(crate) struct Reading {
    /// Where their entries and blobs are.
    pub(crate) log: Arc<dyn Log>,
    /// The store, unless they come from an export.
    pub(crate) store: Option<Arc<Store>>,
    /// The run that this process drives meanwhile, as the owner of the store.
    pub(crate) driven: Option<Digest>,
    /// The one run of an export, or that was cut.
    only: Option<Digest>,
    /// Where that run is cut.
    pub(crate) cut: Option<Cut>,
}

impl Reading {
    /// The runs of an open store.
    pub(crate) fn of_store(store: Arc<Store>) -> Self {
        let log: Arc<dyn Log> = store.clone();
        Self { log: Arc::new(WholeLog::new(log)), store: Some(store), driven: None, only: None, cut: None }
    }

    /// The same, in the process that drives a run of the store.
    pub(crate) fn driving(self, run: Digest) -> Self {
        Self { driven: Some(run), ..self }
    }

    /// The run in an export, every line of it checked.
    ///
    /// # Errors
    /// Exit 8 if there is no such file, 4 if it is not whole.
    pub(crate) fn of_export(path: &Path) -> Result<Self, CliError> {
        let export = ExportLog::open(path)?;
        let only = Some(export.run());
        Ok(Self { log: Arc::new(export), store: None, driven: None, only, cut: None })
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
                    [] => Err(none(format!("no run begins with {prefix}")).hint(unknown_prefix(prefix))),
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
        let Some(name) = first.as_ref().and_then(name_given) else { return Ok(None) };
        let found = self.log.blob(&info.run, &name).map_err(log_error)?;
        Ok(found.bytes().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// A run folded up to and with one of its entries.
    ///
    /// # Errors
    /// Exit 4 if an entry breaks a law.
    pub(crate) fn load_at(&self, run: Digest, seq: Seq) -> Result<Loaded, CliError> {
        load_at(&self.log, run, seq).map_err(|error| load_error(&error, run))
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

/// What to do where nothing begins with this: a label such as F12 is hex too, and stands where a run should.
fn unknown_prefix(prefix: &str) -> &'static str {
    let digits = prefix.strip_prefix(['a', 'c', 'f']);
    match digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|c| c.is_ascii_digit())) {
        true => "`delm ls` lists the runs; a label of the last run goes to `delm cat LABEL`",
        false => "`delm ls` lists the runs",
    }
}

/// The name that a run's first own entry gives it, as a blob.
pub(crate) fn name_given(first: &Sealed) -> Option<Digest> {
    let first = first.entry.events.first()?;
    if let Event::RunStarted(started) = first {
        started.name
    } else if let Event::RunForked(forked) = first {
        forked.name
    } else {
        None
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

/// How often a held store is looked at again.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(40);

/// What people call a run: its name, or the beginning of its id.
pub(crate) fn named(loaded: &Loaded) -> String {
    let name = loaded.run.started().and_then(|started| started.name);
    let name = name.and_then(|name| loaded.blobs.blob(&name));
    name.map_or_else(
        || loaded.run.id().map(|id| id.short(12)).unwrap_or_default(),
        |name| String::from_utf8_lossy(&name).into_owned(),
    )
}

/// The text of a blob, or words that say why it is not there.
pub(crate) fn text_or(blobs: &dyn Blobs, hash: &Digest) -> String {
    blobs
        .blob(hash)
        .map_or_else(|| "(redacted)".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
}
