//! `delm export`: a run as lines of JSON, self-contained, the same bytes each time.
//!
//! Refuses to hold it: entries and blobs go out as they are read; a live run is written up to its head at the call.

use delm_core::ids::Digest;
use delm_log::Found;
use delm_wire::export::{ExportError, Stored, WriteError, write};

use super::fold::{Walk, info};
use super::found;
use crate::access::{Reading, load_error, log_error};
use crate::args::read::Export;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::style::Mode;

pub(super) fn export(args: &Export, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    if output.mode() == Mode::Json {
        return Err(CliError::usage("an export is many lines of JSON, not one document")
            .hint("leave --json out, or give --jsonl"));
    }
    let run = found(&args.of, reading)?;
    lines(run, reading, |line| Ok(output.bytes(line.as_bytes())?))?;
    Ok(Exit::Success)
}

/// Gives each line of the export of `run`, as it is read.
///
/// # Errors
/// Exit 4 if the run in the log is damaged; what `take` says.
pub(super) fn lines(
    run: Digest,
    reading: &Reading,
    take: impl FnMut(&str) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let info = info(reading, run)?;
    let first = reading.log.entry(&run, info.first).map_err(log_error)?;
    let first =
        first.ok_or_else(|| load_error(&delm_engine::LoadError::Gap { run, seq: info.first }, run))?;
    let entries = Walk::new(reading, run, 0, info.head.seq);
    let blob = |hash: &_| {
        Ok(match reading.log.blob(&run, hash).map_err(log_error)? {
            Found::Present(bytes) => Some(Stored { len: bytes.len() as u64, bytes: Some(bytes) }),
            Found::Redacted { len } => Some(Stored { len, bytes: None }),
            Found::Unknown => None,
        })
    };
    write(&first, entries, blob, take).map(drop).map_err(|error| match error {
        WriteError::Outside(error) => error,
        WriteError::Run(ExportError::BlobMissing { hash }) if reading.cut.is_some() => {
            let what =
                format!("blob {hash} was redacted later than this position, and no entry up to it says so");
            CliError::new("redacted", Exit::NotFound, what)
                .hint("take the whole run, or a position behind the redaction")
                .run(run.to_string())
        }
        WriteError::Run(error) => CliError::new("corrupt", Exit::Integrity, error.to_string())
            .hint("`delm verify` names every place that is damaged")
            .run(run.to_string()),
    })
}
