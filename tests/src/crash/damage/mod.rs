//! Damage of closed stores and exports: every flipped bit, every length, drawn edits, lost index files, live copies.
//! In this process, on copies in memory, through `delm-log` and `delm-wire`.
//!
//! Refuses a store that opens with less, or other, than was written, and says nothing: damage is named, or healed so that
//! all is there. A panic is a failure, and a case that does not end stops the harness with its name.

mod copies;
mod edits;
mod every;
mod exports;
mod flips;
mod lengths;
mod sample;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use delm_log::{LogError, OpenError, OpenReport, Scope, Store};

use super::draw::Draw;
use super::{Outcome, Plan, Report, Try, each};
use sample::{Sample, Shape, Truth};

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Logs that are made: what follows is done to the first so many of them.
    pub logs: u64,
    /// Logs of which every bit of journal and anchor is flipped.
    pub logs_flipped: u64,
    /// Logs of which every bit of an export is flipped.
    pub exports_flipped: u64,
    /// Logs cut at every entry boundary and every byte of their last record.
    pub logs_cut: u64,
    /// Drawn edits, some of logs of a few hundred entries.
    pub edits: u64,
    /// Stores whose index files are each removed, emptied, shortened and zeroed.
    pub indexes: u64,
    /// Copies made while a store is written.
    pub copies: u64,
    /// The smallest logs there are, one run and one segment each.
    pub small: bool,
}

/// One thing to try.
enum Case {
    Flips { log: u64, chunk: usize },
    Export { log: u64, chunk: usize },
    Lengths { log: u64, chunk: usize },
    Edits { number: u64 },
    Index { log: u64 },
    Copies { number: u64 },
}

/// Logs of some hundred entries, which are edited, and not flipped bit by bit.
const LARGE: u64 = 2;

/// What is damaged.
struct Samples {
    all: Vec<Sample>,
    /// So many of them are not large.
    logs: u64,
}

impl Samples {
    fn make(plan: &Plan, extent: &Extent) -> Try<Self> {
        let Extent { logs, edits, small, .. } = *extent;
        let logs = logs.max(1);
        let large = if small || edits == 0 { 0 } else { LARGE };
        let shape = |log: u64| match log {
            _ if small => Shape::Small,
            0 => Shape::EveryKind,
            _ if log >= logs => Shape::Large,
            _ => Shape::Drawn,
        };
        let made =
            (0..logs + large).map(|log| Sample::make(&plan.delm, &mut Draw::of(plan.seed, log), shape(log)));
        Ok(Self { all: made.collect::<Try<_>>()?, logs })
    }

    fn get(&self, log: u64) -> Try<&Sample> {
        let sample = usize::try_from(log).ok().and_then(|log| self.all.get(log));
        sample.ok_or_else(|| "no such log".into())
    }

    /// How large those are of which every bit is flipped.
    fn sizes(&self, extent: &Extent, report: &mut Report) -> Try<()> {
        for sample in self.all.iter().take(usize::try_from(extent.logs_flipped).unwrap_or(usize::MAX)) {
            report.add("journal-bits", 8 * sample.journal_bytes()?);
        }
        for sample in self.all.iter().take(usize::try_from(extent.exports_flipped).unwrap_or(usize::MAX)) {
            report.add("export-bits", 8 * sample.export.len() as u64);
        }
        report.add("logs", self.logs);
        Ok(())
    }
}

/// Damages stores and exports. What is left when the time is up is said.
#[must_use]
pub fn damage(plan: &Plan, extent: &Extent) -> Report {
    const NAME: &str = "damage";
    let samples = match Samples::make(plan, extent) {
        Ok(samples) => samples,
        Err(why) => return Report::failed(NAME, format!("a log: {why}")),
    };
    let cases = cases(&samples, extent);
    let (all, done) = (cases.len() as u64, AtomicU64::new(0));
    let mut report = each(NAME, plan, cases.into_iter(), |case| {
        let (log, name) = case.name(&samples);
        let sample = samples.get(log)?;
        let watch = watch::begin(&name);
        let outcome = match &case {
            Case::Flips { chunk, .. } => flips::flips(sample, *chunk, &watch),
            Case::Export { chunk, .. } => exports::flips(sample, *chunk, &watch),
            Case::Lengths { chunk, .. } => lengths::lengths(sample, *chunk, &watch),
            Case::Edits { number } => edits::edits(sample, plan.seed, *number, &watch),
            Case::Index { .. } => edits::index(sample, &watch),
            Case::Copies { number } => copies::copies(sample, &mut Draw::of(plan.seed, 77 + number), &watch),
        };
        done.fetch_add(1, Ordering::Relaxed);
        outcome.map_err(|why| format!("{name}: {why}; again: crash damage --seed {}", plan.seed))
    });
    if let Err(why) = samples.sizes(extent, &mut report) {
        report.failures.push(why);
    }
    let left = all - done.into_inner();
    if left > 0 {
        report.add("NOT-ALL-cases-left", left);
    }
    report
}

impl Case {
    /// The log it is about, and words for it.
    fn name(&self, samples: &Samples) -> (u64, String) {
        let many = samples.all.len() as u64;
        match self {
            Self::Flips { log, chunk } => (*log, format!("log {log}, flips from chunk {chunk}")),
            Self::Export { log, chunk } => (*log, format!("log {log}, its export, flips from chunk {chunk}")),
            Self::Lengths { log, chunk } => (*log, format!("log {log}, lengths from chunk {chunk}")),
            Self::Edits { number } => {
                (number % many, format!("log {}, edits of lot {number}", number % many))
            }
            Self::Index { log } => (*log, format!("log {log}, its index")),
            Self::Copies { number } => {
                let log = number % samples.logs;
                (log, format!("log {log}, live copies {number}"))
            }
        }
    }
}

/// Every case, those of all kinds in turn, so that a short budget has some of each.
fn cases(samples: &Samples, extent: &Extent) -> Vec<Case> {
    let logs = |many: u64| (0..many).zip(&samples.all);
    let mut kinds: Vec<Vec<Case>> = Vec::new();
    let flipped = logs(extent.logs_flipped);
    kinds.push(
        flipped
            .flat_map(|(log, s)| (0..flips::chunks(s)).map(move |chunk| Case::Flips { log, chunk }))
            .collect(),
    );
    let exported = logs(extent.exports_flipped);
    kinds.push(
        exported
            .flat_map(|(log, s)| (0..exports::chunks(s)).map(move |chunk| Case::Export { log, chunk }))
            .collect(),
    );
    let cut = logs(extent.logs_cut);
    kinds.push(
        cut.flat_map(|(log, s)| (0..lengths::chunks(s)).map(move |chunk| Case::Lengths { log, chunk }))
            .collect(),
    );
    kinds.push((0..extent.edits.div_ceil(edits::LOT)).map(|number| Case::Edits { number }).collect());
    kinds.push(logs(extent.indexes).map(|(log, _)| Case::Index { log }).collect());
    kinds.push((0..extent.copies.div_ceil(copies::LOT)).map(|number| Case::Copies { number }).collect());
    let mut kinds: Vec<_> = kinds.into_iter().map(Vec::into_iter).collect();
    let mut cases = Vec::new();
    loop {
        let before = cases.len();
        cases.extend(kinds.iter_mut().filter_map(Iterator::next));
        if cases.len() == before {
            return cases;
        }
    }
}

/// What became of a damaged store.
enum Verdict {
    /// It says so.
    Named(String),
    /// All is there, and `verify` finds nothing (any more).
    Whole(Box<OpenReport>),
}

/// Opens a store and reads all of it.
///
/// # Errors
/// What is missing or wrong without a word, or how it failed otherwise than by naming damage.
fn judge(store: &Path, segment_bytes: u64, truth: &Truth) -> Try<Verdict> {
    let looked = catch_unwind(AssertUnwindSafe(|| look(store, segment_bytes, truth)));
    looked.unwrap_or_else(|_| Err("it panicked".into()))
}

fn look(path: &Path, segment_bytes: u64, truth: &Truth) -> Try<Verdict> {
    let (store, report) = match Store::open(path, &sample::options(segment_bytes)) {
        Ok(opened) => opened,
        Err(OpenError::Corrupt(corruption)) => return Ok(Verdict::Named(corruption.to_string())),
        Err(newer @ OpenError::Newer { .. }) => return Ok(Verdict::Named(newer.to_string())),
        Err(error) => return Err(format!("it does not open, and not for damage: {error}")),
    };
    let named = truth.is_in(&store)?.err();
    let verified = match store.verify(Scope::All) {
        Ok(verified) => verified,
        Err(LogError::Corrupt(corruption)) => return Ok(Verdict::Named(corruption.to_string())),
        Err(error) => return Err(format!("verify: {error}")),
    };
    match (named, verified.damage.first()) {
        (_, Some(corruption)) => Ok(Verdict::Named(corruption.to_string())),
        (Some(named), None) => Err(format!("a read names damage that verify does not find: {named}")),
        (None, None) => Ok(Verdict::Whole(Box::new(report))),
    }
}

/// Counts of one case.
fn counts(of: &[(&str, u64)]) -> Outcome {
    Ok(of.iter().filter(|(_, by)| *by > 0).map(|(name, by)| ((*name).to_owned(), *by)).collect())
}
