//! The dispatcher: commands in, entries and effects out, in one order, as a machine without IO.
//!
//! Refuses to let anything out before it is durable: it decides on *staged* state and publishes *durable* state, so that
//! commits of one run share a sync; replies, refusals too, and model calls wait for the entry they rest on. Refuses, before
//! it is decided, a command that quotes a claim its sender was never given.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::apply::seal_after;
use crate::audit::Either;
use crate::command::{Command, Envelope, Reply};
use crate::decide::{Decision, Refusal, decide, entry_of};
use crate::entry::{Blob, Blobs, Head, Sealed};
use crate::event::{AgentKind, Event};
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
    /// Id of the entry it became. Where the reply holds a claim, this names the claim beside its fence, and every command
    /// that quotes the claim has to carry it.
    pub entry: Digest,
    /// The call it is to make now, if any.
    pub request: Option<Request>,
}

/// A command that waits for work: an agent that found none.
#[derive(Debug)]
struct Parked {
    ticket: Ticket,
    envelope: Envelope,
}

/// What a command that was not answered waits for.
enum Waits {
    /// A job for its sender.
    Work,
    /// What calls in flight have reserved.
    Budget,
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
    /// Something happened since parked claims were looked at that may let one of them succeed.
    stirred: bool,
    /// The claim that comes first waits for a budget, not for work.
    short: bool,
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
            stirred: false,
            short: false,
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

    /// What a command of this sender that quotes a claim has to carry: for whoever keeps no claims of its own. An agent
    /// carries what it learned with its claim's reply instead.
    #[must_use]
    pub fn quoted_claim(&self, agent: AgentId, command: &Command) -> Option<Digest> {
        self.staged.quoted_claim(Some(agent), command)
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
        // A new writer's first entry is its resume, which releases what the dead one held, due or not; so is a fork's own.
        if !takes_over(&envelope.command) {
            self.tick_if_due(stored, at);
        }
        let ticket = self.ticket();
        match self.bound(&envelope) {
            Err(refusal) => self.answer(Answered { ticket, outcome: Err(refusal) }),
            Ok(()) => {
                self.unwait_agent(&envelope);
                if let Some(waits) = self.decide_one(stored, ticket, &envelope, &brought, at) {
                    self.short |= matches!(waits, Waits::Budget);
                    self.parked.push_back(Parked { ticket, envelope });
                }
            }
        }
        self.unpark(stored, at);
        ticket
    }

    /// An agent waits once (I-46): what it waited for before is answered with `NoWork`, before its new claim is decided.
    fn unwait_agent(&mut self, envelope: &Envelope) {
        if !matches!(envelope.command, Command::Claim { .. }) {
            return;
        }
        let place = self.parked.iter().position(|parked| parked.envelope.agent == envelope.agent);
        if let Some(parked) = place.and_then(|place| self.parked.remove(place)) {
            self.answer(Answered { ticket: parked.ticket, outcome: Err(Refusal::NoWork) });
        }
    }

    /// Takes a command of the engine itself.
    pub fn engine(&mut self, stored: &dyn Blobs, command: Command, brought: Vec<Blob>, at: Millis) -> Ticket {
        // The tick that may have to come first takes a number too.
        if !takes_over(&command) {
            self.tick_if_due(stored, at.max(self.staged.at()));
        }
        let number = self.number_of(None);
        let envelope = Envelope { agent: None, number, command, claim: None, next: false };
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
        let mut left = if cfg!(sabotage = "answer_before_sync") { usize::MAX } else { count };
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
            let (ticket, number) = (self.ticket(), self.number_of(None));
            let envelope = Envelope { agent: None, number, command: Command::Tick, claim: None, next: false };
            self.decide_one(stored, ticket, &envelope, &[], at);
        }
    }

    /// Whether a command that quotes a claim quotes the one its sender was given (I-9): a fence is a number, and may be
    /// given anew when entries were lost that somebody had seen. A command that was accepted before is told by its number.
    fn bound(&self, envelope: &Envelope) -> Result<(), Refusal> {
        let (command, sender) = (&envelope.command, envelope.agent);
        let call = command.call().and_then(|call| self.staged.open_call(call));
        let Some(fence) = command.fence().or(call.map(|open| open.fence)) else { return Ok(()) };
        let sent = self.staged.agents().sent(sender);
        let known = sent.is_none_or(|sent| sent.next_number() > envelope.number);
        match self.staged.quoted_claim(sender, command) {
            Some(claim) if envelope.claim == Some(claim) || cfg!(sabotage = "no_claim_check") => Ok(()),
            // Its number is taken: it gets its reply again, or is another command under that number.
            _ if known => Ok(()),
            Some(_) => Err(Refusal::WrongClaim { fence }),
            None if call.is_some() => Ok(()),
            None => Err(Refusal::StaleFence { fence }),
        }
    }

    /// Decides parked claims again, first come first, if something happened that may let one succeed.
    fn unpark(&mut self, stored: &dyn Blobs, at: Millis) {
        if !core::mem::take(&mut self.stirred) {
            return;
        }
        self.short = false;
        let (mut place, mut without) = (0, BTreeSet::new());
        loop {
            let running = self.staged.phase() == Phase::Running;
            if !running {
                // Everybody is told.
                place = 0;
            } else if !self.staged.takeable() {
                break;
            }
            let Some(parked) = self.parked.get(place) else { break };
            let agent = parked.envelope.agent.and_then(|agent| self.staged.agent(agent));
            let principal = agent.map(|agent| agent.principal.clone());
            // What is ready for one agent of a principal is ready for all of them, unless it asks for one job by name.
            let any = matches!(parked.envelope.command, Command::Claim { job: None });
            // Whoever comes first gets what is freed first. A program makes no calls and takes none of it away.
            let behind = self.short && agent.is_none_or(|agent| agent.kind != AgentKind::Program);
            if running && (behind || any && without.contains(&principal)) {
                place += 1;
                continue;
            }
            let Some(parked) = self.parked.remove(place) else { break };
            let waits = self.decide_one(stored, parked.ticket, &parked.envelope, &[], at);
            match waits {
                None => {}
                Some(Waits::Work) => {
                    self.parked.insert(place, parked);
                    if any {
                        without.insert(principal);
                    }
                    place += 1;
                }
                Some(Waits::Budget) => {
                    self.parked.insert(place, parked);
                    self.short = true;
                    place += 1;
                }
            }
        }
        self.stirred = false;
    }

    /// Decides a command, and stages or answers it; what cannot be answered yet has to wait.
    fn decide_one(
        &mut self,
        stored: &dyn Blobs,
        ticket: Ticket,
        envelope: &Envelope,
        brought: &[Blob],
        at: Millis,
    ) -> Option<Waits> {
        let given: BTreeMap<Digest, Arc<[u8]>> =
            brought.iter().map(|blob| (blob.hash, blob.bytes.clone())).collect();
        let near = Either(&given, &self.fresh);
        let known = Either(&near, stored);
        let outcome = match decide(self.policy, &self.staged, &known, envelope, at) {
            Err(Refusal::NoWork) => return Some(Waits::Work),
            Err(Refusal::BudgetReserved) => return Some(Waits::Budget),
            Ok(decision) if decision.events.is_empty() => {
                let sent = self.staged.agents().sent(envelope.agent);
                let entry = sent.and_then(|sent| sent.entry(envelope.number)).unwrap_or(Digest::ZERO);
                Ok(Accepted { reply: decision.reply, entry, request: None })
            }
            Ok(decision) => match self.stage(stored, envelope, brought, decision, at) {
                Ok((run, blobs, accepted)) => {
                    let answered = Answered { ticket, outcome: Ok(accepted) };
                    self.pending.push_back(Pending::Entry { run, blobs, answered });
                    return None;
                }
                Err(refusal) => Err(refusal),
            },
            Err(refusal) => Err(refusal),
        };
        self.answer(Answered { ticket, outcome });
        None
    }

    /// Seals what was decided and stages it; gives the state after it, the blobs it brings, and what its sender is told.
    fn stage(
        &mut self,
        stored: &dyn Blobs,
        envelope: &Envelope,
        brought: &[Blob],
        decision: Decision,
        at: Millis,
    ) -> Result<(Run, Vec<Digest>, Accepted), Refusal> {
        let entry = entry_of(&self.staged, envelope, decision.events, at).seal();
        // Only a first entry with very many documents comes near the bound; what could not be read back is not written.
        if entry.bytes.len() > ENTRY_BYTES_CHECKED
            && let Err(error) = Sealed::from_bytes(&entry.bytes)
        {
            let what = alloc::format!("too many documents for one run: {error}");
            return Err(Refusal::Invalid { what });
        }
        let named = crate::blobs::named_by(&entry.entry);
        let made = decision.blobs.into_iter().chain(brought.iter().cloned());
        let blobs: Vec<Blob> = made.filter(|blob| named.contains(&blob.hash)).collect();
        let after = self.staged.head();
        let Some(mut run) = decision.after else { return Err(Refusal::NoWork) };
        seal_after(&mut run, &entry)
            .map_err(|fault| Refusal::Unlawful { law: fault.law, what: fault.what })?;
        self.fresh.extend(blobs.iter().map(|blob| (blob.hash, blob.bytes.clone())));
        let fresh = Either(&self.fresh, stored);
        prompt::warm(&mut run, &fresh);
        self.staged = run.clone();
        self.stirred |= entry.entry.events.iter().any(|event| stirs(event, self.short));
        let hashes = blobs.iter().map(|blob| blob.hash).collect();
        let accepted = Accepted { reply: decision.reply, entry: entry.id, request: decision.request };
        self.unwritten.push_back(Staged { after, entry, blobs });
        Ok((run, hashes, accepted))
    }

    fn answer(&mut self, answered: Answered) {
        self.pending.push_back(Pending::Answer(answered));
    }
}

/// Whether a command is the first of a new writer, which leaves nothing of what was held before.
fn takes_over(command: &Command) -> bool {
    matches!(command, Command::Resume { .. } | Command::Fork(_))
}

/// Whether an event may let a claim succeed that found no work, or, where one waits for that, no budget; or tells it that
/// the run stops.
fn stirs(event: &Event, short: bool) -> bool {
    match event {
        Event::TaskAdded(_)
        | Event::ClaimExpired(_)
        | Event::ClaimReleased(_)
        | Event::DraftSubmitted(_)
        | Event::GistProposed(_)
        | Event::VerdictGiven(_)
        | Event::GistAdmitted(_)
        | Event::TaskReopened(_)
        | Event::TaskAbandoned(_)
        | Event::Drained(_)
        | Event::Expanded(_)
        | Event::AgentJoined(_)
        | Event::AgentLeft(_)
        | Event::LimitReached(_)
        | Event::RunPaused(_)
        | Event::RunResumed(_)
        | Event::RunEnded(_) => true,
        Event::CallFinished(_) | Event::CallFailed(_) => short,
        Event::RunStarted(_)
        | Event::RunForked(_)
        | Event::SourceAdded(_)
        | Event::SourceSkipped(_)
        | Event::UnitAdded(_)
        | Event::Claimed(_)
        | Event::LeaseRenewed(_)
        | Event::ContextRead(_)
        | Event::Unfolded(_)
        | Event::CallStarted(_)
        | Event::ResultRefused(_)
        | Event::SummaryChecked(_)
        | Event::GistWithdrawn(_)
        | Event::BlobRedacted(_)
        | Event::AnswerGiven(_) => false,
    }
}
