//! `delm verify`: the stored bytes of a run, the chain, the law, and the parts of the store against each other.
//!
//! Refuses to call a run whole while anything that it names is missing; what is broken is named with its place.

use std::collections::BTreeSet;

use delm_core::blobs::named_by;
use delm_core::ids::Digest;
use delm_engine::Loaded;
use delm_log::{Scope, Store, VerifyReport};
use delm_wire::name::Word;
use delm_wire::view::{StoreChecked, Verified, VerifyTag};

use super::fold::{fold, info};
use super::found;
use super::words::named;
use crate::access::{Reading, log_error};
use crate::args::read::Verify;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{plural, size};

/// Places of damage that a message names.
const DAMAGE_SHOWN: usize = 5;

/// Blobs listed in one step.
const PAGE: usize = 1_000;

pub(super) fn verify(args: &Verify, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let run = found(&args.of, reading)?;
    let report = match &reading.store {
        Some(store) => Some(checked(store, run)?),
        None => None,
    };
    let head = info(reading, run)?.head.seq;
    let mut names = BTreeSet::new();
    let loaded = fold(reading, run, head, |_, sealed| names.extend(named_by(&sealed.entry)))?;
    let missing = missing(reading, run, &loaded, &names)?;
    if let Some(hash) = missing {
        return Err(damaged(format!("blob {hash} is named by the run, but its bytes are not there"), run));
    }
    let view = view(run, &loaded, report.as_ref(), names.len() as u64)?;
    if output.mode().is_json() {
        output.json(&view)?;
        return Ok(Exit::Success);
    }
    say(&view, output)?;
    Ok(Exit::Success)
}

/// The store's own check of this run, and of the journal from end to end.
fn checked(store: &Store, run: Digest) -> Result<(VerifyReport, u64), CliError> {
    let before = store.health().entries_healed;
    let report = store.verify(Scope::Run(run)).map_err(log_error)?;
    if report.is_whole() {
        let healed = store.health().entries_healed.saturating_sub(before);
        return Ok((report, healed));
    }
    let places: Vec<String> = report.damage.iter().take(DAMAGE_SHOWN).map(ToString::to_string).collect();
    let more = report.damaged.saturating_sub(places.len() as u64);
    let more = if more > 0 { format!("\nand {}", plural(more, "place")) } else { String::new() };
    Err(damaged(format!("{}{more}", places.join("\n")), run))
}

fn damaged(what: String, run: Digest) -> CliError {
    CliError::new("corrupt", Exit::Integrity, what)
        .hint("keep the store as it is, and go on from a backup or an export")
        .run(run.to_string())
}

/// A blob that the run names and the log does not have. An export was held against its names when it was read.
fn missing(
    reading: &Reading,
    run: Digest,
    loaded: &Loaded,
    names: &BTreeSet<Digest>,
) -> Result<Option<Digest>, CliError> {
    if reading.store.is_none() {
        return Ok(None);
    }
    let (mut wanted, mut after) = (names.clone(), None);
    loop {
        let page = reading.log.blobs(&run, after.as_ref(), PAGE).map_err(log_error)?;
        let Some(last) = page.last() else { break };
        after = Some(last.hash);
        for blob in &page {
            if !blob.redacted || loaded.run.redacted().contains_key(&blob.hash) {
                wanted.remove(&blob.hash);
            }
        }
    }
    Ok(wanted.first().copied())
}

fn view(
    run: Digest,
    loaded: &Loaded,
    report: Option<&(VerifyReport, u64)>,
    named: u64,
) -> Result<Verified, CliError> {
    let state = &loaded.run;
    let redacted = state.redacted().size() as u64;
    let head = state.head();
    let head =
        head.ok_or_else(|| CliError::new("internal", Exit::Unexpected, "the run has no first entry"))?;
    let store = report.map(|(report, healed)| StoreChecked {
        journal_bytes: report.journal_bytes,
        journal_records: report.records,
        healed: healings(report, *healed),
    });
    Ok(Verified {
        schema: VerifyTag,
        run: Word(run),
        head: head.into(),
        tree: state.tree().into(),
        entries: state.tree().size(),
        blobs: report.map_or(named.saturating_sub(redacted), |(report, _)| report.blobs),
        redacted,
        store,
    })
}

/// What was put right, in words.
fn healings(report: &VerifyReport, entries: u64) -> Vec<String> {
    let mut healed = Vec::new();
    if let Some(why) = &report.anchor_healed {
        healed.push(format!("an anchor slot was written again from the other ({why})"));
    }
    if report.format_healed {
        healed.push("the format file was written again".to_owned());
    }
    if let Some(why) = &report.index_healed {
        healed.push(format!("the index was made anew from the journal ({why})"));
    }
    if entries > 0 {
        healed.push(format!("values of the index were put back from the journal: {entries}"));
    }
    if report.erasures_finished > 0 {
        healed.push(format!("redactions that were not finished were: {}", report.erasures_finished));
    }
    healed
}

fn say(view: &Verified, output: &mut Output) -> Result<(), CliError> {
    named(output, "run", &view.run.0.to_string())?;
    let redacted = if view.redacted > 0 { format!(", {} redacted", view.redacted) } else { String::new() };
    let counts = format!("{}, {}{redacted}", plural_entries(view.entries), plural(view.blobs, "blob"));
    named(output, "whole", &format!("{counts}: every hash, the chain, and the law of every entry"))?;
    match &view.store {
        None => named(
            output,
            "export",
            "every line is as delm writes it, and every blob is the one that is named",
        )?,
        Some(store) => {
            let journal = format!(
                "{} in {}, anchored",
                size(store.journal_bytes),
                plural(store.journal_records, "record")
            );
            named(output, "journal", &journal)?;
            if store.healed.is_empty() {
                named(output, "index", "agrees with the journal")?;
            }
            for healed in &store.healed {
                named(output, "healed", healed)?;
            }
        }
    }
    named(output, "head", &format!("{} {}", view.head.seq, view.head.id.0))?;
    named(output, "tree", &format!("{} {}", view.tree.size, view.tree.root.0))
}

fn plural_entries(entries: u64) -> String {
    if entries == 1 {
        "1 entry".to_owned()
    } else {
        format!("{} entries", crate::output::human::count(entries))
    }
}
