//! `delm rm` and `delm backup`: a run taken out of the store, and a copy of the store.
//!
//! Refuses to remove what a fork still uses, and to copy over anything. That nobody else holds the store is the caller's
//! to see to.

use std::sync::Arc;

use delm_log::{HideError, Log as _, OpenError, Store};
use delm_wire::name::Word;
use delm_wire::view::{BackedUp, BackupTag, Removed, RmTag};

use super::fold::info;
use crate::access::{Reading, log_error, name_given, open_error};
use crate::args::upkeep::{Backup, Rm};
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{entries, plural, size};

/// The store; an export has none.
fn store(reading: &Reading) -> Result<&Arc<Store>, CliError> {
    reading.store.as_ref().ok_or_else(|| CliError::usage("an export is a file: it is not in a store"))
}

pub(super) fn rm(args: &Rm, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let store = store(reading)?;
    let run = reading.find(&args.run)?;
    let info = info(reading, run)?;
    let first = reading.log.entry(&run, info.first).map_err(log_error)?;
    let mut name = None;
    if let Some(hash) = first.as_ref().and_then(name_given) {
        name = reading.log.blob(&run, &hash).map_err(log_error)?.bytes();
    }
    let name = name.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    store.hide(&run).map_err(|error| match error {
        HideError::NoRun { .. } => CliError::new("not_found", Exit::NotFound, error.to_string()),
        HideError::Forked { .. } => CliError::new("forked", Exit::Conflict, error.to_string()),
        HideError::Failed(error) => log_error(error),
    })?;
    let removed = Removed { schema: RmTag, run: Word(run), name, entries: info.head.seq + 1 - info.first };
    if output.mode().is_json() {
        output.json(&removed)?;
        return Ok(Exit::Success);
    }
    let name = removed.name.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
    let gone = entries(removed.entries);
    output.note(&format!("removed {run}{name}: {gone}; the bytes of its texts are gone for ever"))?;
    Ok(Exit::Success)
}

pub(super) fn backup(args: &Backup, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let report = store(reading)?.backup(&args.dir).map_err(|error| {
        if matches!(
            error,
            OpenError::NotStore { .. } | OpenError::NotDirectory { .. } | OpenError::Inside { .. }
        ) {
            return CliError::usage(error.to_string()).hint("a backup goes to a new or an empty folder");
        }
        open_error(&error)
    })?;
    let dir = args.dir.display().to_string();
    let copied = BackedUp {
        schema: BackupTag,
        dir,
        segments: report.segments,
        bytes: report.bytes,
        records: report.records,
    };
    if output.mode().is_json() {
        output.json(&copied)?;
        return Ok(Exit::Success);
    }
    let (bytes, records) = (size(copied.bytes), plural(copied.records, "record"));
    output.note(&format!(
        "copied {bytes} of journal, {records}, to {}; its index is made when it is opened",
        copied.dir
    ))?;
    Ok(Exit::Success)
}
