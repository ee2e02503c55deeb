//! Placeholder by the lead so that the binary links; the helper who owns this folder replaces it.

use std::path::PathBuf;
use crate::access::Reading;
use crate::args::Verb;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::refs::RunRef;

pub(crate) fn run_of(_verb: &Verb) -> Option<RunRef> {
    let _: Option<PathBuf> = None;
    None
}

pub(crate) fn run(_: &Verb, _: &Reading, _: &mut Output, _: &dyn Fn() -> bool) -> Result<Exit, CliError> {
    Err(CliError::new("internal", Exit::Unexpected, "not wired"))
}
