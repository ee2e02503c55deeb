//! Agents as machines without IO: what an agent does next, given what it was told last.
//!
//! Refuses to keep anything that is not in the log: an agent that dies is replaced by a fresh machine that claims. The
//! engine and the simulator drive this same code.

use alloc::vec::Vec;

use crate::apply::calls::purpose_of;
use crate::command::{CallDone, CallLost, Command, Envelope};
use crate::decide::Refusal;
use crate::dispatcher::Accepted;
use crate::entry::{Blob, Blobs};
use crate::event::Purpose;
use crate::ids::{AgentId, CallId, Digest, Fence, Job};
use crate::reader::Corpus;
use crate::request::Request;
use crate::run::Run;

/// What an agent sees: the published state, the stored blobs, and the documents' index.
pub struct View<'a> {
    /// The published state, at least as new as the answer the agent just got.
    pub run: &'a Run,
    /// The stored blobs.
    pub blobs: &'a dyn Blobs,
    /// The documents, indexed, for the built-in reader.
    pub corpus: &'a Corpus,
}

/// What an agent is told.
#[derive(Debug)]
pub enum Input {
    /// Begin, or begin again after a pause.
    Begin,
    /// What came of its last command.
    Answered(Result<Accepted, Refusal>),
    /// Its call brought a reply; the bytes come beside.
    Replied(CallDone, Blob),
    /// Its call brought none; the words come beside, and what had come of a reply.
    Lost(CallLost, Vec<Blob>),
    /// Time to ask for more time, while a call is in flight.
    Renew,
}

/// What an agent does.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "one at a time is made and taken apart at once")]
pub enum Output {
    /// Give this command, with the blobs it brings.
    Send(Envelope, Vec<Blob>),
    /// Call the model, and tell what came of it.
    Call(Calling),
    /// Wait: the call goes on.
    Continue,
    /// Nothing more to do in this run, now or ever: the refusal says why.
    Stop(Refusal),
}

/// A call to be made.
#[derive(Debug)]
pub struct Calling {
    /// Its label.
    pub call: CallId,
    /// What for.
    pub purpose: Purpose,
    /// The job of the claim it works for.
    pub job: Job,
    /// The attempt at that job.
    pub attempt: u32,
    /// Its place within the claim, from one.
    pub ask: u32,
    /// The claim.
    pub fence: Fence,
    /// What is asked.
    pub request: Request,
}

/// One agent.
#[derive(Debug)]
pub struct Machine {
    agent: AgentId,
    number: u64,
    /// The claim it was given last, by the id of its entry: what it says of that claim carries it.
    claim: Option<Digest>,
    calling: Option<Fence>,
    renewing: bool,
}

impl Machine {
    /// A machine for an agent that has joined; `number` is the next one of its commands.
    #[must_use]
    pub fn new(agent: AgentId, number: u64) -> Self {
        Self { agent, number, claim: None, calling: None, renewing: false }
    }

    /// Which agent it is.
    #[must_use]
    pub fn agent(&self) -> AgentId {
        self.agent
    }

    /// What the agent does next.
    pub fn on(&mut self, input: Input, view: &View<'_>) -> Output {
        match input {
            Input::Begin => self.send(Command::Claim { job: None }, Vec::new(), false),
            Input::Answered(_) if self.renewing => {
                self.renewing = false;
                Output::Continue
            }
            Input::Answered(Ok(accepted)) => self.go_on(accepted, view),
            Input::Answered(Err(refusal)) => self.refused(refusal),
            Input::Replied(done, reply) => {
                self.calling = None;
                self.send(Command::Answer(done), alloc::vec![reply], true)
            }
            Input::Lost(lost, blobs) => {
                self.calling = None;
                self.send(Command::Fail(lost), blobs, true)
            }
            Input::Renew => match self.calling {
                Some(fence) => {
                    self.renewing = true;
                    self.send(Command::Renew { fence }, Vec::new(), false)
                }
                None => Output::Continue,
            },
        }
    }

    fn send(&mut self, command: Command, blobs: Vec<Blob>, next: bool) -> Output {
        let quotes = command.fence().is_some() || command.call().is_some();
        let claim = self.claim.filter(|_| quotes);
        let envelope = Envelope { agent: Some(self.agent), number: self.number, command, claim, next };
        self.number += 1;
        Output::Send(envelope, blobs)
    }

    fn go_on(&mut self, accepted: Accepted, view: &View<'_>) -> Output {
        let reply = accepted.reply;
        if reply.claimed.is_some() {
            self.claim = Some(accepted.entry);
        }
        if let (Some(call), Some(request)) = (reply.call, accepted.request) {
            return self.call(call, request, view);
        }
        match reply.claimed {
            Some(job) => self.work(reply.seq, job, view),
            None => self.send(Command::Claim { job: None }, Vec::new(), false),
        }
    }

    fn call(&mut self, call: CallId, request: Request, view: &View<'_>) -> Output {
        // The call may have been closed, by an expiry or a stop, between its start and this moment.
        let Some(open) = view.run.open_call(call) else {
            return self.send(Command::Claim { job: None }, Vec::new(), false);
        };
        let claim = view.run.claim(open.fence);
        self.calling = Some(open.fence);
        Output::Call(Calling {
            call,
            purpose: purpose_of(&open.job),
            job: open.job,
            attempt: open.started.request.recipe.attempt,
            ask: claim.map_or(1, |claim| 1 + claim.asks + claim.unfolds),
            fence: open.fence,
            request,
        })
    }

    /// The built-in reader answers at once.
    fn work(&mut self, fence: Fence, job: Job, view: &View<'_>) -> Output {
        match view.corpus.reply(view.run, view.blobs, fence, job) {
            Ok(reply) => {
                let draft = Blob::new(reply.to_canonical());
                let command = Command::Submit { fence, draft: draft.hash };
                self.send(command, alloc::vec![draft], true)
            }
            // Not possible while the claim lives: what it needs is durable. A lost claim is claimed anew.
            Err(_) => self.send(Command::Release { fence }, Vec::new(), true),
        }
    }

    fn refused(&mut self, refusal: Refusal) -> Output {
        // What it worked for is over; there may be other work.
        if matches!(
            refusal,
            Refusal::StaleFence { .. } | Refusal::WrongClaim { .. } | Refusal::UnknownCall { .. }
        ) {
            return self.send(Command::Claim { job: None }, Vec::new(), false);
        }
        Output::Stop(refusal)
    }
}
