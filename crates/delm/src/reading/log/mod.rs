//! `delm log`: the events of a run, forwards, backwards, or as they come.
//!
//! Refuses to hold events back: each is written as it is read, and `-f` ends when the run pauses or ends.

mod about;
mod sink;

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use delm_core::entry::{Blobs, Sealed};
use delm_core::event::Event;
use delm_core::ids::{AgentId, BadName, Digest, Seq, Subject};
use delm_core::run::Phase;
use delm_wire::view::LogItem;

use self::about::About;
use self::sink::Sink;
use super::fold::{Walk, blobs, info, whole};
use super::{cursor, found, none};
use crate::access::Reading;
use crate::args::read::Log;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::refs::Thing;

/// How often a run that is followed is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Entries read in one step, newest first.
const PAGE: u64 = 256;

/// An event's place in its run: `12.3`, the fourth event of entry 12; `12` is the whole entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    seq: Seq,
    event: Option<usize>,
}

impl Place {
    /// Whether an event lies after this place.
    fn precedes(self, seq: Seq, event: usize) -> bool {
        seq > self.seq || (seq == self.seq && self.event.is_some_and(|last| event > last))
    }

    /// Whether an event lies before this place.
    fn follows(self, seq: Seq, event: usize) -> bool {
        seq < self.seq || (seq == self.seq && self.event.is_some_and(|last| event < last))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.event {
            Some(event) => write!(f, "{}.{event}", self.seq),
            None => write!(f, "{}", self.seq),
        }
    }
}

impl FromStr for Place {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = |_| BadName { text: text.into(), expected: "a place in the log such as 12 or 12.3" };
        let (seq, event) = match text.split_once('.') {
            Some((seq, event)) => (seq, Some(event.parse().map_err(bad)?)),
            None => (text, None),
        };
        Ok(Self { seq: seq.parse().map_err(bad)?, event })
    }
}

/// Which events are wanted.
struct Filter<'a> {
    kinds: &'a [String],
    agent: Option<AgentId>,
    about: Option<About>,
}

impl Filter<'_> {
    /// Whether an event is wanted. With a task, events must come in the order of the log, from the first.
    fn wants(&mut self, sealed: &Sealed, event: &Event) -> bool {
        let about = self.about.as_mut().is_none_or(|about| about.sees(sealed.entry.seq, event));
        about
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == event.kind()))
            && self.agent.is_none_or(|agent| sealed.entry.agent == Some(agent))
    }
}

/// What the events of a call are read with.
struct Reader<'a> {
    reading: &'a Reading,
    run: Digest,
    after: Option<Place>,
    filter: Filter<'a>,
    patch: bool,
    blobs: &'a dyn Blobs,
}

pub(super) fn log(
    args: &Log,
    reading: &Reading,
    output: &mut Output,
    gone: &dyn Fn() -> bool,
) -> Result<Exit, CliError> {
    let run = found(&args.of, reading)?;
    refuse_unknown(args, reading, run)?;
    let blobs = blobs(reading, run);
    let mut reader = Reader {
        reading,
        run,
        after: cursor(&args.page)?,
        filter: Filter { kinds: &args.kind, agent: args.agent, about: args.task.map(About::new) },
        patch: args.patch,
        blobs: &*blobs,
    };
    let id = run.to_string();
    let limit = args.page.limit;
    let mut sink = Sink::begin(output, &id, limit, args.follow, args.patch)?;
    let next = match (args.reverse, args.task) {
        (false, _) => reader.forwards(&mut sink, args.follow, gone)?,
        (true, None) => reader.backwards(&mut sink)?,
        (true, Some(_)) => reader.task_backwards(&mut sink, limit)?,
    };
    sink.finish(next.map(|next| next.to_string()).as_deref())?;
    whole(&blobs)?;
    Ok(Exit::Success)
}

/// Refuses an agent or a task that the run does not have. One that is followed may come to have it.
fn refuse_unknown(args: &Log, reading: &Reading, run: Digest) -> Result<(), CliError> {
    if args.agent.is_none() && args.task.is_none() {
        return Ok(());
    }
    let state = reading.load(run)?.run;
    if args.follow && !rests(state.phase()) {
        return Ok(());
    }
    if let Some(agent) = args.agent.filter(|agent| state.agent(*agent).is_none()) {
        return Err(none(&Thing::Agent(agent), run));
    }
    match args.task {
        Some(Subject::Task(task)) if state.task(task).is_none() => Err(none(&Thing::Task(task), run)),
        Some(Subject::Unit(unit)) if state.unit(unit).is_none() => Err(none(&Thing::Unit(unit), run)),
        Some(Subject::Task(_) | Subject::Unit(_)) | None => Ok(()),
    }
}

fn rests(phase: Phase) -> bool {
    matches!(phase, Phase::Paused(_) | Phase::Ended(_))
}

impl Reader<'_> {
    /// Writes an event, or says that the page is full.
    fn write(&self, sink: &mut Sink<'_>, sealed: &Sealed, event: &Event) -> Result<bool, CliError> {
        if sink.is_full() {
            return Ok(false);
        }
        let mut item = LogItem::of(sealed, event);
        if self.patch {
            item = item.with_texts(sealed, event, self.blobs);
        }
        sink.push(&item, self.blobs)?;
        Ok(true)
    }

    fn forwards(
        &mut self,
        sink: &mut Sink<'_>,
        follow: bool,
        gone: &dyn Fn() -> bool,
    ) -> Result<Option<Place>, CliError> {
        let mut next = match (&self.filter.about, self.after) {
            (None, Some(after)) => after.seq,
            (Some(_), _) | (None, None) => 0,
        };
        let mut over = follow && self.is_over()?;
        let mut last = None;
        loop {
            let head = info(self.reading, self.run)?.head.seq;
            for sealed in Walk::new(self.reading, self.run, next, head) {
                let sealed = sealed?;
                next = sealed.entry.seq + 1;
                for (place, event) in sealed.entry.events.iter().enumerate() {
                    over = ends(event).unwrap_or(over);
                    let wanted = self.filter.wants(&sealed, event);
                    if !wanted || self.after.is_some_and(|after| !after.precedes(sealed.entry.seq, place)) {
                        continue;
                    }
                    if !self.write(sink, &sealed, event)? {
                        return Ok(last);
                    }
                    last = Some(Place { seq: sealed.entry.seq, event: Some(place) });
                }
            }
            if !follow || over {
                return Ok(None);
            }
            sink.flush()?;
            if gone() {
                return Ok(None);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Whether the run rests, as its newest entry leaves it.
    fn is_over(&self) -> Result<bool, CliError> {
        Ok(rests(self.reading.load(self.run)?.run.phase()))
    }

    fn backwards(&mut self, sink: &mut Sink<'_>) -> Result<Option<Place>, CliError> {
        let head = info(self.reading, self.run)?.head.seq;
        let mut end = self.after.map_or(head, |after| after.seq.min(head)).saturating_add(1);
        let mut last = None;
        while end > 0 {
            let first = end.saturating_sub(PAGE);
            let page: Vec<Sealed> =
                Walk::new(self.reading, self.run, first, end - 1).collect::<Result<_, CliError>>()?;
            for sealed in page.iter().rev() {
                for (place, event) in sealed.entry.events.iter().enumerate().rev() {
                    let past = self.after.is_some_and(|after| !after.follows(sealed.entry.seq, place));
                    if past || !self.filter.wants(sealed, event) {
                        continue;
                    }
                    if !self.write(sink, sealed, event)? {
                        return Ok(last);
                    }
                    last = Some(Place { seq: sealed.entry.seq, event: Some(place) });
                }
            }
            end = first;
        }
        Ok(None)
    }

    /// What an event is about is known only from those before it: a pass forwards finds the last places, and no more
    /// of them are kept than a page shows.
    fn task_backwards(&mut self, sink: &mut Sink<'_>, limit: Option<u64>) -> Result<Option<Place>, CliError> {
        let head = info(self.reading, self.run)?.head.seq;
        let kept_max = usize::try_from(limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX).saturating_add(1);
        let mut kept: VecDeque<(Seq, usize)> = VecDeque::new();
        for sealed in Walk::new(self.reading, self.run, 0, head) {
            let sealed = sealed?;
            for (place, event) in sealed.entry.events.iter().enumerate() {
                let before = self.after.is_none_or(|after| after.follows(sealed.entry.seq, place));
                if self.filter.wants(&sealed, event) && before {
                    kept.push_back((sealed.entry.seq, place));
                    if kept.len() > kept_max {
                        kept.pop_front();
                    }
                }
            }
        }
        let mut last = None;
        while let Some((seq, place)) = kept.pop_back() {
            let sealed = Walk::new(self.reading, self.run, seq, seq).next().transpose()?;
            let Some(sealed) = sealed else { continue };
            let Some(event) = sealed.entry.events.get(place) else { continue };
            if !self.write(sink, &sealed, event)? {
                return Ok(last);
            }
            last = Some(Place { seq, event: Some(place) });
        }
        Ok(None)
    }
}

/// Whether a run rests after this event; none if the event says nothing of it.
fn ends(event: &Event) -> Option<bool> {
    if matches!(event, Event::RunPaused(_) | Event::RunEnded(_)) {
        Some(true)
    } else if matches!(event, Event::RunResumed(_)) {
        Some(false)
    } else {
        None
    }
}
