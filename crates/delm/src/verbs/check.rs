//! `delm check FILE`, `delm check -`, `delm check --list`: what needs no store.
//!
//! Refuses to judge anything itself: `delm-oracle` does, here and for runs of a store (`reading::check`).

use std::fs::File;
use std::io::{BufRead, BufReader, stdin};
use std::path::Path;

use delm_oracle::{Invariant, audit, invariants};
use delm_wire::view::LawView;

use crate::access::unopened;
use crate::args::read::{Check, Checkable};
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::listing::{Column, Layout, Listing};
use crate::reading::check::say;
use crate::refs::{RunAt, RunRef};

/// Whether a check is of no run of the store.
pub(super) fn is_of_no_store(check: &Check) -> bool {
    check.list
        || matches!(
            check.run,
            Some(Checkable::Stdin | Checkable::Run(RunAt { run: RunRef::Export(_), at: None }))
        )
}

pub(super) fn check(check: &Check, environment: &Environment, output: &mut Output) -> Result<Exit, CliError> {
    match &check.run {
        Some(Checkable::Stdin) => judged("standard input", stdin().lock(), output),
        Some(Checkable::Run(RunAt { run: RunRef::Export(path), at: None })) => {
            let file = opened(&environment.directory().join(path), path)?;
            judged(&path.display().to_string(), BufReader::new(file), output)
        }
        Some(Checkable::Run(_)) | None => laws(output).map(|()| Exit::Success),
    }
}

/// A file or a pipe; `said` is the path as it was given.
fn opened(path: &Path, said: &Path) -> Result<File, CliError> {
    if path.is_dir() {
        return Err(CliError::usage(format!("{}: it is a folder", said.display()))
            .hint("name a file; `delm export RUN` writes one"));
    }
    File::open(path).map_err(|error| unopened(said, &error))
}

fn judged(name: &str, stream: impl BufRead, output: &mut Output) -> Result<Exit, CliError> {
    let report = audit(stream).map_err(|error| CliError::io(name, &error))?;
    say(&report, Some(name), output)
}

/// Every law, and who can judge it.
fn laws(output: &mut Output) -> Result<(), CliError> {
    let columns =
        &[Column::text("invariant"), Column::text("name"), Column::text("judge"), Column::text("demands")];
    let layout = Layout { schema: "delm.laws/1", run: None, columns, wrap: true, limit: None };
    let mut listing = Listing::begin(output, layout)?;
    for law in invariants() {
        let item = shown(*law);
        listing.push(&item, || {
            [&item.invariant, &item.name, &item.judge, &item.sentence].map(|text| (*text).to_owned()).into()
        })?;
    }
    listing.finish(None)?;
    Ok(())
}

fn shown(law: Invariant) -> LawView {
    LawView {
        invariant: law.to_string(),
        name: law.name().to_owned(),
        judge: law.judge().word().to_owned(),
        sentence: law.sentence().to_owned(),
    }
}
