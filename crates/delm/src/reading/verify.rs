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
use crate::output::human::{entries, plural, size};

/// Places of damage that a message names.
const DAMAGE_SHOWN: usize = 5;

/// Blobs listed in one step.
const PAGE: usize = 1_000;

pub(super) fn verify(args: &Verify, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let view = if args.all { of_store(reading)? } else { of_run(found(&args.of, reading)?, reading)? };
    if output.mode().is_json() {
        output.json(&view)?;
    } else {
        say(&view, output)?;
    }
    Ok(Exit::Success)
}

/// One run, and of its store the journal from end to end.
fn of_run(run: Digest, reading: &Reading) -> Result<Verified, CliError> {
    let report = match &reading.store {
        Some(store) => Some(checked(store, Scope::Run(run)).map_err(|error| error.run(run.to_string()))?),
        None => None,
    };
    let (loaded, named) = law(run, reading)?;
    let state = &loaded.run;
    let head = state.head();
    let head =
        head.ok_or_else(|| CliError::new("internal", Exit::Unexpected, "the run has no first entry"))?;
    let redacted = state.redacted().size() as u64;
    let others = match &reading.store {
        Some(_) => runs(reading)?.saturating_sub(1),
        None => 0,
    };
    let others = (others > 0).then(|| {
        format!("the chain and the blobs of {}: `delm verify --all` does", plural(others, "other run"))
    });
    // The store's own check is of the whole run; the law was held against the entries up to the position.
    let cut = reading.cut.as_ref().filter(|cut| cut.seq < cut.head);
    let beyond = cut.map(|cut| format!("the law of entries {} to {}", cut.seq + 1, cut.head));
    let blobs = report.as_ref().filter(|_| cut.is_none()).map(|(report, _)| report.blobs);
    Ok(Verified {
        run: Some(Word(run)),
        head: Some(head.into()),
        tree: Some(state.tree().into()),
        runs: 1,
        entries: state.tree().size(),
        blobs: blobs.unwrap_or(named.saturating_sub(redacted)),
        redacted,
        not_looked_at: beyond.into_iter().chain(others).collect(),
        ..seen(report.as_ref())
    })
}

/// Everything in a store: every record, and every run by the law.
fn of_store(reading: &Reading) -> Result<Verified, CliError> {
    let store = reading.store.as_ref().ok_or_else(|| {
        CliError::usage("--all is of a store; an export holds one run").hint("leave --all out")
    })?;
    let report = checked(store, Scope::All)?;
    let mut broken = Broken::default();
    // Of removed runs the records are there and checked, but nothing of them counts as a run, or as redacted.
    let (mut runs, mut entries, mut redacted, mut after) = (0, 0, 0, None);
    loop {
        let page = reading.log.runs(after, PAGE).map_err(log_error)?;
        let Some(last) = page.last() else { break };
        after = Some(last.number);
        for info in &page {
            runs += 1;
            match law(info.run, reading) {
                Ok((loaded, _)) => {
                    entries += loaded.run.tree().size();
                    redacted += loaded.run.redacted().size() as u64;
                }
                Err(error) if error.exit == Exit::Integrity => {
                    broken.add(format!("run {}: {}", info.run, error.message));
                }
                Err(error) => return Err(error),
            }
        }
    }
    broken.none()?;
    let (counts, _) = &report;
    Ok(Verified { runs, entries, blobs: counts.blobs, redacted, ..seen(Some(&report)) })
}

/// A run folded, with the number of blobs it names, each of which is there.
fn law(run: Digest, reading: &Reading) -> Result<(Loaded, u64), CliError> {
    let head = info(reading, run)?.head.seq;
    let mut names = BTreeSet::new();
    let loaded = fold(reading, run, head, |_, sealed| names.extend(named_by(&sealed.entry)))?;
    let missing = missing(reading, run, &loaded, &names)?;
    if let Some(hash) = missing {
        let what = format!("blob {hash} is named by the run, but its bytes are not there");
        return Err(damaged(what).run(run.to_string()));
    }
    Ok((loaded, names.len() as u64))
}

/// How many runs the store has.
fn runs(reading: &Reading) -> Result<u64, CliError> {
    let (mut count, mut after) = (0, None);
    loop {
        let page = reading.log.runs(after, PAGE).map_err(log_error)?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(last.number);
        count += page.len() as u64;
    }
}

/// The store's own check, and of the journal from end to end; with it the values of the index put back meanwhile.
fn checked(store: &Store, scope: Scope) -> Result<(VerifyReport, u64), CliError> {
    let before = store.health().entries_healed;
    let report = store.verify(scope).map_err(log_error)?;
    let mut broken = Broken { places: Vec::new(), more: report.damaged };
    report.damage.iter().for_each(|place| broken.name(place.to_string()));
    broken.none()?;
    let healed = store.health().entries_healed.saturating_sub(before);
    Ok((report, healed))
}

/// Places that are damaged: the first are named, the rest counted.
#[derive(Default)]
struct Broken {
    places: Vec<String>,
    more: u64,
}

impl Broken {
    fn add(&mut self, place: String) {
        self.more += 1;
        self.name(place);
    }

    /// Names one of those counted.
    fn name(&mut self, place: String) {
        if self.places.len() < DAMAGE_SHOWN {
            self.places.push(place);
            self.more = self.more.saturating_sub(1);
        }
    }

    fn none(self) -> Result<(), CliError> {
        if self.places.is_empty() && self.more == 0 {
            return Ok(());
        }
        let more =
            if self.more > 0 { format!("\nand {}", plural(self.more, "place")) } else { String::new() };
        Err(damaged(format!("{}{more}", self.places.join("\n"))))
    }
}

fn damaged(what: String) -> CliError {
    CliError::new("corrupt", Exit::Integrity, what)
        .hint("keep the store as it is, and go on from a backup or an export")
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
    // What was redacted after the position is gone there too.
    let redacted = match &reading.cut {
        Some(cut) => cut.whole.load(run)?.run.redacted().clone(),
        None => loaded.run.redacted().clone(),
    };
    let (mut wanted, mut after) = (names.clone(), None);
    loop {
        let page = reading.log.blobs(&run, after.as_ref(), PAGE).map_err(log_error)?;
        let Some(last) = page.last() else { break };
        after = Some(last.hash);
        for blob in &page {
            // What is of a fork's prefix its origin may have redacted since, and says so itself.
            let shared = loaded.run.origin().is_some_and(|origin| blob.seq <= origin.head.seq);
            if !blob.redacted || shared || redacted.contains_key(&blob.hash) {
                wanted.remove(&blob.hash);
            }
        }
    }
    Ok(wanted.first().copied())
}

/// A document of nothing yet but the store.
fn seen(report: Option<&(VerifyReport, u64)>) -> Verified {
    let store = report.map(|(report, healed)| StoreChecked {
        journal_bytes: report.journal_bytes,
        journal_records: report.records,
        healed: healings(report, *healed),
    });
    Verified {
        schema: VerifyTag,
        run: None,
        head: None,
        tree: None,
        runs: 0,
        entries: 0,
        blobs: 0,
        redacted: 0,
        store,
        not_looked_at: Vec::new(),
    }
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
    match &view.run {
        Some(run) => named(output, "run", &run.0.to_string())?,
        None => named(output, "store", &format!("{}, all of it", plural(view.runs, "run")))?,
    }
    let redacted = if view.redacted > 0 { format!(", {} redacted", view.redacted) } else { String::new() };
    let counts = format!("{}, {}{redacted}", entries(view.entries), plural(view.blobs, "blob"));
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
    if let (Some(head), Some(tree)) = (&view.head, &view.tree) {
        named(output, "head", &format!("{} {}", head.seq, head.id.0))?;
        named(output, "tree", &format!("{} {}", tree.size, tree.root.0))?;
    }
    view.not_looked_at.iter().try_for_each(|what| named(output, "not seen", what))
}
