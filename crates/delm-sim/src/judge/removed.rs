//! What was taken back: withdrawals are shown in every prompt after them, and redacted bytes in none.
//!
//! Refuses to give a decision bytes that were gone by then: it is decided again without them.

use std::sync::Arc;

use delm_core::blobs::named_by;
use delm_core::entry::{Blobs, Sealed};
use delm_core::event::Event;
use delm_core::ids::{Digest, FactId};
use delm_core::prompt::{hash, render};
use delm_core::run::{Note, Phase, Run};

use crate::broken::{Broken, holds};
use crate::disk::Disk;
use crate::marks::{Mark, Marks};
use crate::world::World;

/// What was there to read when an entry was decided.
pub(super) struct Kept<'a> {
    pub(super) disk: &'a Disk,
    pub(super) before: &'a Run,
    pub(super) entry: &'a Sealed,
}

impl Blobs for Kept<'_> {
    fn blob(&self, hash: &Digest) -> Option<Arc<[u8]>> {
        // A command may bring again what was taken away before; the log does not keep it then.
        let gone = self.before.redacted().contains_key(hash) && !named_by(&self.entry.entry).contains(hash);
        if gone { None } else { self.disk.blob(hash).or_else(|| self.disk.erased(hash)) }
    }
}

/// Withdrawals that the prompts of an entry show: all that come before the end of their context, and no other.
pub(super) fn withdrawals_shown(run: &Run, kept: &Kept<'_>) -> Result<usize, Broken> {
    let calls = |event: &&Event| matches!(event, Event::CallStarted(_));
    if !kept.entry.entry.events.iter().any(|event| calls(&event)) || run.facts().len() == run.notes().len() {
        return Ok(0);
    }
    let withdrawn: Vec<(usize, FactId)> = (0..)
        .zip(run.notes().iter())
        .filter_map(|(place, note)| match note {
            Note::Withdrawn(label) => Some((place, *label)),
            Note::Admitted(_) => None,
        })
        .collect();
    let mut shown = 0;
    for event in kept.entry.entry.events.iter().filter(calls) {
        let Event::CallStarted(call) = event else { continue };
        let seq = kept.entry.entry.seq;
        let request = render(run, kept, &call.request.recipe);
        let request =
            request.map_err(|error| Broken::new("I-19", format!("the prompt of entry {seq}: {error}")))?;
        holds(hash(run, &request) == call.request.hash, "I-19", || {
            format!("the prompt of entry {seq}, rendered again, has another hash")
        })?;
        let system = request.system();
        for (place, label) in &withdrawn {
            let says = system.contains(&format!("\n[{label} IS WITHDRAWN] "));
            let should = *place < request.length;
            holds(says == should, "I-18", || {
                format!(
                    "the prompt of entry {seq} says that {label} is withdrawn: {says}; it should: {should}"
                )
            })?;
            shown += usize::from(says);
        }
    }
    Ok(shown)
}

/// At the end of a run: what was redacted is in no reader's hands.
pub(super) fn nobody_reads(run: &Run, world: &World) -> Result<(), Broken> {
    for (hash, _) in run.redacted() {
        holds(world.disk.blob(hash).is_none(), "I-14", || {
            format!("blob {hash} is redacted, and can be read")
        })?;
    }
    Ok(())
}

/// Marks of what was taken back.
pub(super) fn mark(kept: &Kept<'_>, run: &Run, shown: usize, marks: &mut Marks) {
    if shown > 0 {
        marks.hit(Mark::WithdrawalShown);
    }
    let over = matches!(kept.before.phase(), Phase::Ended(_));
    let mut taken_back = false;
    for event in kept.entry.entry.events.iter().filter(|_| over) {
        taken_back |= matches!(event, Event::GistWithdrawn(_));
        if matches!(event, Event::BlobRedacted(_)) {
            marks.hit(Mark::RedactedAfterEnd);
        }
    }
    if taken_back {
        marks.hit(Mark::WithdrawnAfterEnd);
        let fallen =
            |label: &FactId| run.fact(*label).is_some_and(|fact| fact.withdrawn.is_some() || fact.tainted);
        if run.answer().is_some_and(|answer| answer.cites.iter().any(fallen)) {
            marks.hit(Mark::AnswerTainted);
        }
    }
}
