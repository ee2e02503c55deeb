//! The dispatcher: commands in, entries and effects out, in one order, as a machine without IO.
//!
//! Refuses to let anything out before it is durable: it decides on *staged* state and publishes *durable* state, so that
//! commits of one run share a sync; replies, refusals too, and model calls wait for the entry they rest on.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::apply::seal_after;
use crate::audit::Either;
use crate::command::{Command, Envelope, Reply};
use crate::decide::{Refusal, decide, entry_of};
use crate::entry::{Blob, Blobs, Head, Sealed};
use crate::ids::{AgentId, Digest, Millis};
use crate::policy::Policy;
use crate::prompt;
use crate::request::Request;
use crate::run::{Phase, Run};

/// Entries longer than this are read back before they are written.
const ENTRY_BYTES_CHECKED: usize = 1 << 20;

/// Names one command given to the dispatcher until it is answered.
pub type Ticket = u64;

/// An entry to be made durable, with the blobs it names that the run does not have yet.
#[derive(Clone, Debug)]
pub struct Staged {
    /// The head it follows.
    pub after: Option<Head>,
    /// The entry.
    pub entry: Sealed,
    /// Its blobs.
    pub blobs: Vec<Blob>,
}

/// What a sender is told, once everything it rests on is durable.
#[derive(Debug)]
pub struct Answered {
    /// Which command.
    pub ticket: Ticket,
    /// What came of it; a refusal changed nothing.
    pub outcome: Result<Accepted, Refusal>,
}

/// An accepted command.
#[derive(Debug)]
pub struct Accepted {
    /// For the sender.
    pub reply: Reply,
    /// The call it is to make now, if any.
    pub request: Option<Request>,
}

/// A command that waits for work: an agent that found none.
#[derive(Debug)]
struct Parked {
    ticket: Ticket,
    envelope: Envelope,
}

#[expect(clippy::large_enum_variant, reason = "a handful wait at a time, and most are entries")]
enum Pending {
    /// An entry to be made durable; its snapshot is published then.
    Entry { run: Run, blobs: Vec<Digest>, answered: Answered },
    /// An answer that rests on the entries before it.
    Answer(Answered),
}

/// Decides on staged state, publishes durable state.
pub struct Dispatcher {
    policy: &'static dyn Policy,
    staged: Run,
    published: Run,
    /// Blobs of staged entries, until they can be read from the log.
    fresh: BTreeMap<Digest, Arc<[u8]>>,
    /// Entries that were not handed out yet.
    unwritten: VecDeque<Staged>,
    pending: VecDeque<Pending>,
    parked: VecDeque<Parked>,
    tickets: Ticket,
}

impl Dispatcher {
    /// A dispatcher for a run as the log has it: all of `run` is durable.
    #[must_use]
    pub fn new(policy: &'static dyn Policy, run: Run) -> Self {
        Self {
            policy,
            staged: run.clone(),
            published: run,
            fresh: BTreeMap::new(),
            unwritten: VecDeque::new(),
            pending: VecDeque::new(),
            parked: VecDeque::new(),
            tickets: 0,
        }
    }

    /// The durable state: all that may be shown or acted on.
    #[must_use]
    pub fn published(&self) -> &Run {
        &self.published
    }

    /// When `tick` is due, on staged state.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.staged.next_deadline()
    }

    /// The number for the next command of a sender.
    #[must_use]
    pub fn next_number(&self, agent: AgentId) -> u64 {
        self.number_of(Some(agent))
    }

    fn number_of(&self, sender: Option<AgentId>) -> u64 {
        self.staged.agents().sent(sender).map_or(0, crate::run::people::Sent::next_number)
    }

    /// Takes a command with the blobs it brings. A claim that finds no work waits for some.
    pub fn command(
        &mut self,
        stored: &dyn Blobs,
        envelope: Envelope,
        brought: Vec<Blob>,
        at: Millis,
    ) -> Ticket {
        let at = at.max(self.staged.at());
        // A new writer's first entry is its resume, which releases what the dead one held, due or not.
        if !matches!(envelope.command, Command::Resume { .. }) {
            self.tick_if_due(stored, at);
        }
        let ticket = self.ticket();
        self.decide_one(stored, ticket, envelope, &brought, at, true);
        self.unpark(stored, at);
        ticket
    }

    /// Takes a command of the engine itself.
    pub fn engine(&mut self, stored: &dyn Blobs, command: Command, brought: Vec<Blob>, at: Millis) -> Ticket {
        // The tick that may have to come first takes a number too.
        if !matches!(command, Command::Resume { .. }) {
            self.tick_if_due(stored, at.max(self.staged.at()));
        }
        let envelope = Envelope { agent: None, number: self.number_of(None), command, next: false };
        self.command(stored, envelope, brought, at)
    }

    /// Lets time pass: expires what is due.
    pub fn tick(&mut self, stored: &dyn Blobs, at: Millis) {
        let at = at.max(self.staged.at());
        self.tick_if_due(stored, at);
        self.unpark(stored, at);
    }

    /// Takes a parked claim back; it is answered with `NoWork`.
    pub fn unwait(&mut self, ticket: Ticket) {
        let Some(place) = self.parked.iter().position(|parked| parked.ticket == ticket) else { return };
        self.parked.remove(place);
        self.answer(Answered { ticket, outcome: Err(Refusal::NoWork) });
    }

    /// Claims that wait for work.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.parked.len()
    }

    /// Every entry staged since the last call, to be committed in this order.
    pub fn take_staged(&mut self) -> Vec<Staged> {
        self.unwritten.drain(..).collect()
    }

    /// The first `count` entries handed out and not yet durable are durable now. Gives the answers that may go out.
    pub fn durable(&mut self, count: usize) -> Vec<Answered> {
        let mut left = count;
        let mut out = Vec::new();
        while let Some(next) = self.pending.pop_front() {
            match next {
                Pending::Answer(answered) => out.push(answered),
                Pending::Entry { run, blobs, answered } if left > 0 => {
                    left -= 1;
                    self.published = run;
                    // From now on the log has them.
                    blobs.iter().for_each(|hash| drop(self.fresh.remove(hash)));
                    out.push(answered);
                }
                entry @ Pending::Entry { .. } => {
                    self.pending.push_front(entry);
                    break;
                }
            }
        }
        out
    }

    /// Answers that rest on durable state alone: refusals when nothing is in flight.
    pub fn idle_answers(&mut self) -> Vec<Answered> {
        self.durable(0)
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        self.tickets
    }

    fn tick_if_due(&mut self, stored: &dyn Blobs, at: Millis) {
        // Each pass moves every due deadline, so one pass is enough unless a lease is shorter than a millisecond.
        if self.staged.next_deadline().is_some_and(|deadline| deadline <= at) {
            let ticket = self.ticket();
            let envelope =
                Envelope { agent: None, number: self.number_of(None), command: Command::Tick, next: false };
            self.decide_one(stored, ticket, envelope, &[], at, false);
        }
    }

    fn unpark(&mut self, stored: &dyn Blobs, at: Millis) {
        let mut waiting = self.parked.len();
        while waiting > 0 && (self.staged.phase() != Phase::Running || self.staged.takeable()) {
            waiting -= 1;
            let Some(parked) = self.parked.pop_front() else { break };
            self.decide_one(stored, parked.ticket, parked.envelope, &[], at, true);
        }
    }

    fn decide_one(
        &mut self,
        stored: &dyn Blobs,
        ticket: Ticket,
        envelope: Envelope,
        brought: &[Blob],
        at: Millis,
        may_park: bool,
    ) {
        let given: BTreeMap<Digest, Arc<[u8]>> =
            brought.iter().map(|blob| (blob.hash, blob.bytes.clone())).collect();
        let near = Either(&given, &self.fresh);
        let known = Either(&near, stored);
        match decide(self.policy, &self.staged, &known, &envelope, at) {
            Err(Refusal::NoWork | Refusal::BudgetReserved) if may_park => {
                self.parked.push_back(Parked { ticket, envelope });
            }
            Err(refusal) => self.answer(Answered { ticket, outcome: Err(refusal) }),
            Ok(decision) if decision.events.is_empty() => {
                let outcome = Ok(Accepted { reply: decision.reply, request: None });
                self.answer(Answered { ticket, outcome });
            }
            Ok(decision) => {
                let entry = entry_of(&self.staged, &envelope, decision.events, at).seal();
                // Only a first entry with very many documents comes near the bound; what could not be read back is not written.
                if entry.bytes.len() > ENTRY_BYTES_CHECKED
                    && let Err(error) = Sealed::from_bytes(&entry.bytes)
                {
                    let what = alloc::format!("too many documents for one run: {error}");
                    return self.answer(Answered { ticket, outcome: Err(Refusal::Invalid { what }) });
                }
                let named = crate::blobs::named_by(&entry.entry);
                let made = decision.blobs.into_iter().chain(brought.iter().cloned());
                let blobs: Vec<Blob> = made.filter(|blob| named.contains(&blob.hash)).collect();
                let after = self.staged.head();
                let Some(mut run) = decision.after else { return };
                if let Err(fault) = seal_after(&mut run, &entry) {
                    let refusal = Refusal::Unlawful { law: fault.law, what: fault.what };
                    return self.answer(Answered { ticket, outcome: Err(refusal) });
                }
                self.fresh.extend(blobs.iter().map(|blob| (blob.hash, blob.bytes.clone())));
                let fresh = Either(&self.fresh, stored);
                prompt::warm(&mut run, &fresh);
                self.staged = run.clone();
                let hashes = blobs.iter().map(|blob| blob.hash).collect();
                self.unwritten.push_back(Staged { after, entry, blobs });
                let outcome = Ok(Accepted { reply: decision.reply, request: decision.request });
                self.pending.push_back(Pending::Entry {
                    run,
                    blobs: hashes,
                    answered: Answered { ticket, outcome },
                });
            }
        }
    }

    fn answer(&mut self, answered: Answered) {
        self.pending.push_back(Pending::Answer(answered));
    }
}
