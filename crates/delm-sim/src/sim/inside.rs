//! Agents that live in the process: the engine's task around the core's machine, as events.
//!
//! Refuses to know what an agent will do: the machine decides, from what it is told and the published state.

use delm_core::agent::{Input, Machine, Output, View};
use delm_core::command::Command;
use delm_core::decide::Refusal;
use delm_core::entry::Blob;
use delm_core::event::Tokens;
use delm_core::ids::{AgentId, CallId, Fence, Job};

use super::{Client, Event, Sim};
use crate::broken::Broken;
use crate::script::{done, lost};

/// One agent at work.
pub(super) struct Inside {
    machine: Machine,
    calling: Option<Calling>,
    /// A renewal is on its way, and its answer is awaited.
    renewing: bool,
    /// The call ended while a renewal was awaited.
    ended: bool,
    /// It never wakes again.
    pub(super) dead: bool,
    told: Option<u64>,
}

#[derive(Clone, Copy)]
struct Calling {
    call: CallId,
    fence: Fence,
    job: Job,
    stalled: bool,
}

impl Sim {
    /// Sets the agents of a new process to work.
    pub(super) fn wake_agents(&mut self) {
        let life = self.world.life;
        for agent in self.world.inside() {
            let Some(process) = &self.world.process else { return };
            let machine = Machine::new(agent, process.dispatcher.next_number(agent));
            let inside =
                Inside { machine, calling: None, renewing: false, ended: false, dead: false, told: None };
            self.inside.insert(agent, inside);
            let after = self.rng.below(3);
            self.push(after, Event::Tell { life, agent, input: Box::new(Input::Begin) });
        }
    }

    /// Tells an agent something, in view of the newest published state, and does what it then wants.
    pub(super) fn tell(&mut self, agent: AgentId, input: Input) -> Result<(), Broken> {
        let Some(inside) = self.inside.get_mut(&agent).filter(|inside| !inside.dead) else { return Ok(()) };
        let Some(process) = &self.world.process else { return Ok(()) };
        if let Input::Answered(Ok(accepted)) = &input {
            inside.told = Some(accepted.reply.seq);
        }
        let published = process.dispatcher.published();
        let head = published.head().map_or(0, |head| head.seq);
        self.world.truth.sees(agent, head, inside.told)?;
        let answered = matches!(input, Input::Answered(_));
        let view = View { run: published, blobs: &self.world.disk, corpus: &process.corpus };
        let output = inside.machine.on(input, &view);
        if answered && inside.renewing {
            // The answer to a renewal: the call goes on, or has ended meanwhile.
            inside.renewing = false;
            if inside.ended {
                return self.ended(agent);
            }
            return Ok(());
        }
        self.carry_out(agent, output)
    }

    fn carry_out(&mut self, agent: AgentId, output: Output) -> Result<(), Broken> {
        let life = self.world.life;
        match output {
            Output::Send(envelope, blobs) => {
                if let Command::Submit { draft, .. } = &envelope.command {
                    self.world.truth.made(*draft, agent);
                }
                let after = self.rng.below(2);
                let client = Client::Inside(agent);
                self.push(after, Event::Arrive { life, client, envelope: Box::new(envelope), blobs });
                Ok(())
            }
            Output::Call(calling) => {
                self.call(agent, calling.call, calling.fence, calling.job);
                Ok(())
            }
            Output::Continue => self.tell(agent, Input::Begin),
            Output::Stop(Refusal::NotRunning { .. } | Refusal::NoWork) => Ok(()),
            Output::Stop(refusal) => Err(Broken::new(
                "I-44",
                format!("{agent} stops for good, and the process with it: {refusal}"),
            )),
        }
    }

    fn call(&mut self, agent: AgentId, call: CallId, fence: Fence, job: Job) {
        let (life, lease) = (self.world.life, self.world.published().limits().lease_ms.max(3));
        let slow = self.healed.is_none() && self.rng.chance(self.knobs.slow);
        let stalled = self.healed.is_none() && self.rng.chance(self.knobs.stalled);
        let dead = self.healed.is_none() && self.rng.chance(self.knobs.dead);
        self.faults += u64::from(slow) + u64::from(dead);
        let think_ms =
            if slow { self.rng.within(lease, lease * 3) } else { self.rng.within(0, self.knobs.think_ms) };
        if let Some(inside) = self.inside.get_mut(&agent) {
            inside.calling = Some(Calling { call, fence, job, stalled });
            inside.dead = dead;
        }
        if dead {
            self.world.dead.insert(fence);
        } else {
            self.push(think_ms, Event::Called { life, agent, call });
            self.push(lease / 3, Event::Renew { life, agent, call });
        }
    }

    /// The agent asks for more time, if its call is still in flight.
    pub(super) fn renew(&mut self, agent: AgentId, call: CallId) -> Result<(), Broken> {
        let Some(inside) = self.inside.get_mut(&agent) else { return Ok(()) };
        let waits = inside.calling.filter(|calling| calling.call == call && !calling.stalled);
        if waits.is_none() || inside.ended || inside.renewing {
            return Ok(());
        }
        inside.renewing = true;
        let (life, lease) = (self.world.life, self.world.published().limits().lease_ms.max(3));
        self.push(lease / 3, Event::Renew { life, agent, call });
        let Some(process) = &self.world.process else { return Ok(()) };
        let view =
            View { run: process.dispatcher.published(), blobs: &self.world.disk, corpus: &process.corpus };
        let Some(inside) = self.inside.get_mut(&agent) else { return Ok(()) };
        match inside.machine.on(Input::Renew, &view) {
            Output::Continue => {
                inside.renewing = false;
                Ok(())
            }
            output @ (Output::Send(..) | Output::Call(_) | Output::Stop(_)) => self.carry_out(agent, output),
        }
    }

    /// The agent's call is over; an agent that waits for a renewal hears of it after.
    pub(super) fn called(&mut self, agent: AgentId, call: CallId) -> Result<(), Broken> {
        let Some(inside) = self.inside.get_mut(&agent) else { return Ok(()) };
        if inside.calling.is_none_or(|calling| calling.call != call) {
            return Ok(());
        }
        inside.ended = true;
        if inside.renewing { Ok(()) } else { self.ended(agent) }
    }

    fn ended(&mut self, agent: AgentId) -> Result<(), Broken> {
        let Some(inside) = self.inside.get_mut(&agent) else { return Ok(()) };
        inside.ended = false;
        let Some(Calling { call, fence, job, .. }) = inside.calling.take() else { return Ok(()) };
        let input = match self.model.fault() {
            Some(fault) => {
                let error = Blob::new(&b"it failed"[..]);
                Input::Lost(lost(call, fault, error.hash), vec![error])
            }
            None => {
                let said = self.model.reply(self.world.published(), fence, job);
                self.world.truth.made(said.blob.hash, agent);
                if let Some(gist) = said.gist {
                    self.world.truth.made(gist, agent);
                }
                let tokens = self.model.counts().then_some(Tokens { input: 20, output: 9, cached: 2 });
                Input::Replied(done(call, said.blob.hash, tokens), said.blob)
            }
        };
        self.tell(agent, input)
    }
}
