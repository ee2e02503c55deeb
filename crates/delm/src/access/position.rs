//! From a position in a run, as people write it, to the seq of an entry.
//!
//! Refuses a position past the head, one that several entries share, and one that no entry has. An entry that is named by
//! its id or by what it made is looked for from the first on.

use std::ops::ControlFlow;

use delm_core::entry::Sealed;
use delm_core::event::Event;
use delm_core::ids::{Digest, Seq};

use super::{Reading, load_error, log_error};
use crate::error::{CliError, Exit};
use crate::refs::{Position, Thing};

/// Entries read in one step.
const PAGE: usize = 256;

/// Ids that a message about an ambiguous one names.
const IDS_SHOWN: usize = 3;

impl Reading {
    /// The seq of the entry that a position means, in a run with this head.
    ///
    /// # Errors
    /// Exit 8 if there is no such entry, or several; 4 if the log is damaged.
    pub(crate) fn seq_at(&self, run: Digest, at: &Position) -> Result<Seq, CliError> {
        let info = self.log.run(&run).map_err(log_error)?;
        let info = info.ok_or_else(|| load_error(&delm_engine::LoadError::Unknown { run }, run))?;
        let head = info.head.seq;
        let none = |what: String| {
            CliError::new("not_found", Exit::NotFound, what)
                .hint("`delm log` shows the entries of a run")
                .run(run.to_string())
        };
        match at {
            Position::Head => Ok(head),
            Position::Seq(seq) if *seq <= head => Ok(*seq),
            Position::Seq(seq) => {
                Err(none(format!("there is no entry {seq}: the head of the run is {head}")))
            }
            Position::Back(back) => head.checked_sub(*back).ok_or_else(|| {
                none(format!("there is nothing {back} entries before the head of the run, which is {head}"))
            }),
            Position::Entry(prefix) => self.entry_named(run, head, prefix).map_err(|found| match found {
                Unnamed::Failed(error) => error,
                Unnamed::None => none(format!("no entry of the run begins with {prefix}")),
                Unnamed::Several(ids) => {
                    let shown: Vec<String> = ids.iter().take(IDS_SHOWN).map(|id| id.short(16)).collect();
                    let more = if ids.len() > IDS_SHOWN { ", …" } else { "" };
                    let shown = shown.join(", ");
                    let what = format!("{prefix} is the beginning of several entries: {shown}{more}");
                    CliError::new("ambiguous", Exit::NotFound, what)
                        .hint("give more of the id, or the seq")
                        .run(run.to_string())
                }
            }),
            Position::Made(thing) => {
                let mut made = None;
                self.each_entry(run, head, |sealed| {
                    if sealed.entry.events.iter().any(|event| makes(event, thing)) {
                        made = Some(sealed.entry.seq);
                        return ControlFlow::Break(());
                    }
                    ControlFlow::Continue(())
                })?;
                made.ok_or_else(|| none(format!("no entry of the run made {thing}")))
            }
        }
    }

    fn entry_named(&self, run: Digest, head: Seq, prefix: &str) -> Result<Seq, Unnamed> {
        let (mut seq, mut ids) = (0, Vec::new());
        let read = self.each_entry(run, head, |sealed| {
            if sealed.id.to_string().starts_with(prefix) {
                seq = sealed.entry.seq;
                ids.push(sealed.id);
            }
            if ids.len() > IDS_SHOWN { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        read.map_err(Unnamed::Failed)?;
        match ids.len() {
            0 => Err(Unnamed::None),
            1 => Ok(seq),
            _ => Err(Unnamed::Several(ids)),
        }
    }

    /// Shows each entry from the first to `last`, until it is told to stop.
    fn each_entry(
        &self,
        run: Digest,
        last: Seq,
        mut show: impl FnMut(&Sealed) -> ControlFlow<()>,
    ) -> Result<(), CliError> {
        let mut next = 0;
        while next <= last {
            let page = self.log.entries(&run, next, PAGE).map_err(log_error)?;
            if page.first().is_none_or(|first| first.entry.seq != next) {
                return Err(load_error(&delm_engine::LoadError::Gap { run, seq: next }, run));
            }
            for sealed in page.iter().take_while(|sealed| sealed.entry.seq <= last) {
                if show(sealed).is_break() {
                    return Ok(());
                }
            }
            next += page.len() as u64;
        }
        Ok(())
    }
}

/// Why the beginning of an id names no entry.
enum Unnamed {
    None,
    Several(Vec<Digest>),
    Failed(CliError),
}

/// Whether an event is the one that a thing came with.
fn makes(event: &Event, thing: &Thing) -> bool {
    match thing {
        Thing::Source(label) => matches!(event, Event::SourceAdded(added) if added.source == *label),
        Thing::Unit(label) => matches!(event, Event::UnitAdded(added) if added.unit == *label),
        Thing::Fact(label) => matches!(event, Event::GistAdmitted(admitted) if admitted.label == *label),
        Thing::Task(label) => matches!(event, Event::TaskAdded(added) if added.task == *label),
        Thing::Agent(label) => matches!(event, Event::AgentJoined(joined) if joined.agent == *label),
        Thing::Call(label) => matches!(event, Event::CallStarted(started) if started.call == *label),
        Thing::Answer => matches!(event, Event::AnswerGiven(_)),
        Thing::Blob(_) => false,
    }
}

#[cfg(test)]
mod tests;
