//! Programs: agents outside the process, behind a network that loses, doubles and reorders; some slow, dead or bad.
//!
//! Refuses to forge who it is: a program speaks under its own name, whatever else it says.

use delm_core::command::{Command, Envelope};
use delm_core::decide::Refusal;
use delm_core::entry::Blob;
use delm_core::event::{AgentKind, CallFault, Tokens};
use delm_core::ids::{AgentId, CallId, Digest, Fence, Job};

use super::{Client, Event, Outcome, Sim};
use crate::broken::Broken;
use crate::marks::Mark;
use crate::script::{done, lost};

/// Tries of one command before a program gives it up.
const TRIES_MAX: u32 = 6;

/// One program.
pub(super) struct Outside {
    agent: AgentId,
    number: u64,
    slow: bool,
    pub(super) dead: bool,
    pending: Option<Pending>,
    held: Option<Held>,
    /// Everything it ever held, to quote it when it must not.
    past: Vec<Held>,
}

struct Pending {
    envelope: Envelope,
    blobs: Vec<Blob>,
    tries: u32,
}

#[derive(Clone, Copy)]
struct Held {
    fence: Fence,
    /// The entry that made the claim.
    entry: Digest,
    job: Job,
    call: Option<CallId>,
    life: u64,
}

impl Sim {
    /// Programs that joined and that nobody has met yet begin to act.
    pub(super) fn meet_programs(&mut self) {
        let programs = self.world.published().agents().iter();
        let programs = programs.filter(|(_, agent)| agent.kind == AgentKind::Program);
        let ids: Vec<AgentId> = programs.map(|(id, _)| id).collect();
        for agent in ids.into_iter().skip(self.outside.len()) {
            let slow = self.rng.chance(self.knobs.program_slow);
            self.faults += u64::from(slow);
            let place = self.outside.len();
            self.outside.push(Outside {
                agent,
                number: 0,
                slow,
                dead: false,
                pending: None,
                held: None,
                past: Vec::new(),
            });
            let after = self.rng.below(20);
            self.push(after, Event::Wake { place });
        }
    }

    /// Programs do what they should from now on, or stay dead.
    pub(super) fn heal_programs(&mut self) {
        self.knobs.net_ms = 1;
        self.outside.iter_mut().for_each(|program| program.slow = false);
    }

    fn wake_again(&mut self, place: usize) {
        let slow = self.outside.get(place).is_some_and(|program| program.slow);
        let lease = self.world.published().limits().lease_ms;
        let most = if slow { lease * 3 } else { self.knobs.think_ms.max(3) };
        let after = self.rng.within(1, most.max(1));
        self.push(after, Event::Wake { place });
    }

    /// A program acts.
    pub(super) fn wake(&mut self, place: usize) -> Result<(), Broken> {
        self.meet_programs();
        let faulty = self.healed.is_none();
        if faulty && self.rng.chance(self.knobs.dead / 4) {
            self.faults += 1;
            if let Some(program) = self.outside.get_mut(place) {
                program.dead = true;
                self.world.dead.extend(program.held.map(|held| held.fence));
            }
        }
        let Some(program) = self.outside.get(place).filter(|program| !program.dead) else { return Ok(()) };
        let left = self.world.published().agent(program.agent).is_none_or(|agent| agent.left);
        if left || self.is_ended() {
            return Ok(());
        }
        self.wake_again(place);
        if faulty && self.rng.chance(self.knobs.mischief) {
            self.mischief(place);
            return Ok(());
        }
        if self.try_again(place) {
            return Ok(());
        }
        let (command, blobs) = self.choose(place);
        let claim = self.quoted(place, &command);
        self.give(place, command, blobs, claim);
        Ok(())
    }

    /// Sends what is not answered yet once more, as it was; gives it up after some tries.
    fn try_again(&mut self, place: usize) -> bool {
        let Some(program) = self.outside.get_mut(place) else { return true };
        let Some(pending) = &mut program.pending else { return false };
        pending.tries += 1;
        if pending.tries > TRIES_MAX {
            program.pending = None;
            program.held = None;
            return true;
        }
        let (envelope, blobs) = (pending.envelope.clone(), pending.blobs.clone());
        // An agent that waits for work has been heard; it need not shout.
        if !matches!(envelope.command, Command::Claim { .. }) || pending.tries % 3 == 0 {
            self.send(place, envelope, blobs);
        }
        true
    }

    fn choose(&mut self, place: usize) -> (Command, Vec<Blob>) {
        let plain = |command| (command, Vec::new());
        let Some(program) = self.outside.get(place) else { return plain(Command::Claim { job: None }) };
        let (agent, held) = (program.agent, program.held);
        let faulty = self.healed.is_none();
        if faulty && self.rng.chance(self.knobs.leave) {
            return plain(Command::Leave);
        }
        // A slow program does not look whether its claim is still live; others do.
        let blind = faulty && program.slow;
        let live = self.world.published().agent(agent).and_then(|agent| agent.claim);
        let held = held.filter(|held| blind || live == Some(held.fence));
        let Some(held) = held.or_else(|| self.taken_up(live)) else {
            return plain(Command::Claim { job: None });
        };
        if faulty && self.rng.chance(self.knobs.release) {
            return plain(Command::Release { fence: held.fence });
        }
        if faulty && self.rng.chance(100) {
            return plain(Command::Renew { fence: held.fence });
        }
        self.work(agent, held)
    }

    /// A claim that a program holds though it does not know of it: the answer was lost.
    fn taken_up(&self, live: Option<Fence>) -> Option<Held> {
        let fence = live?;
        let claim = self.world.published().claim(fence)?;
        let entry = self.world.entry(fence)?.id;
        Some(Held { fence, entry, job: claim.job, call: claim.call, life: self.world.life })
    }

    /// The entry of the claim that a command quotes, as the program knows it.
    fn quoted(&self, place: usize, command: &Command) -> Option<Digest> {
        let call = |call: CallId| self.world.published().open_call(call).map(|open| open.fence);
        let fence = command.fence().or_else(|| command.call().and_then(call))?;
        let past = &self.outside.get(place)?.past;
        let known = past.iter().find(|held| held.fence == fence).map(|held| held.entry);
        known.or_else(|| self.world.entry(fence).map(|sealed| sealed.id))
    }

    fn work(&mut self, agent: AgentId, held: Held) -> (Command, Vec<Blob>) {
        if held.life < self.world.life {
            self.world.marks.hit(Mark::AcrossCrash);
        }
        let run = self.world.published();
        let call = run.claim(held.fence).map_or(held.call, |claim| claim.call);
        if let Some(call) = call {
            if let Some(fault) = self.model.fault() {
                let error = Blob::new(&b"it failed"[..]);
                return (Command::Fail(lost(call, fault, error.hash)), vec![error]);
            }
            let said = self.model.reply(run, held.fence, held.job);
            self.remember(&said, agent);
            let tokens = self.model.counts().then_some(Tokens { input: 20, output: 9, cached: 2 });
            return (Command::Answer(done(call, said.blob.hash, tokens)), vec![said.blob]);
        }
        let said = self.model.draft(run, held.fence, held.job);
        self.remember(&said, agent);
        (Command::Submit { fence: held.fence, draft: said.blob.hash }, vec![said.blob])
    }

    fn remember(&mut self, said: &crate::words::Said, agent: AgentId) {
        self.world.truth.made(said.blob.hash, agent);
        if let Some(gist) = said.gist {
            self.world.truth.made(gist, agent);
        }
    }

    fn give(&mut self, place: usize, command: Command, blobs: Vec<Blob>, claim: Option<Digest>) {
        let next = self.rng.chance(500);
        let Some(program) = self.outside.get_mut(place) else { return };
        let (agent, number) = (Some(program.agent), program.number);
        let envelope = Envelope { agent, number, command, claim, next };
        program.number += 1;
        program.pending = Some(Pending { envelope: envelope.clone(), blobs: blobs.clone(), tries: 0 });
        self.send(place, envelope, blobs);
    }

    /// Puts a message on the network.
    fn send(&mut self, place: usize, envelope: Envelope, blobs: Vec<Blob>) {
        let faulty = self.healed.is_none();
        if faulty && self.rng.chance(self.knobs.net_loss) {
            self.faults += 1;
            return;
        }
        let (life, client) = (self.world.life, Client::Outside(place));
        if faulty && self.rng.chance(self.knobs.net_twice) {
            self.faults += 1;
            let after = self.rng.within(0, self.knobs.net_ms);
            let (envelope, blobs) = (Box::new(envelope.clone()), blobs.clone());
            self.push(after, Event::Arrive { life, client, envelope, blobs });
        }
        let after = self.rng.within(0, self.knobs.net_ms);
        self.push(after, Event::Arrive { life, client, envelope: Box::new(envelope), blobs });
    }

    /// An answer goes over the network to a program.
    pub(super) fn reply_to(&mut self, place: usize, outcome: Outcome, number: u64) {
        if self.healed.is_none() && self.rng.chance(self.knobs.net_loss) {
            self.faults += 1;
            return;
        }
        let after = self.rng.within(0, self.knobs.net_ms);
        self.push(after, Event::Heard { place, number, outcome: Box::new(outcome) });
    }

    /// A program hears what came of a command.
    pub(super) fn heard(&mut self, place: usize, number: u64, outcome: Outcome) {
        let life = self.world.life;
        let Some(program) = self.outside.get_mut(place).filter(|program| !program.dead) else { return };
        if program.pending.as_ref().is_none_or(|pending| pending.envelope.number != number) {
            return;
        }
        program.pending = None;
        match outcome {
            Ok(accepted) => {
                let reply = accepted.reply;
                let (fence, entry, call) = (reply.seq, accepted.entry, reply.call);
                let held = reply.claimed.map(|job| Held { fence, entry, job, call, life });
                match held {
                    Some(held) => {
                        program.past.push(held);
                        program.held = Some(held);
                    }
                    // Another call for the same claim.
                    None => match (&mut program.held, reply.call) {
                        (Some(held), Some(call)) => held.call = Some(call),
                        _ => program.held = None,
                    },
                }
            }
            Err(Refusal::NotRunning { .. } | Refusal::NoWork) => {}
            Err(_) => program.held = None,
        }
    }

    /// Something that no program should do.
    fn mischief(&mut self, place: usize) {
        self.faults += 1;
        let Some(program) = self.outside.get(place) else { return };
        let agent = program.agent;
        let fence = self.any_fence(place);
        let job = self.world.published().claim(fence).map_or(Job::Plan, |claim| claim.job);
        let open: Vec<CallId> = self.world.published().ledger().open().map(|(call, _)| *call).collect();
        let call = self.rng.pick(&open, CallId(77));
        let said = self.model.draft(self.world.published(), fence, job);
        let brought = vec![said.blob.clone()];
        let (command, blobs) = match self.rng.below(8) {
            0 => (Command::Renew { fence }, Vec::new()),
            1 => (Command::Release { fence }, Vec::new()),
            2 => (Command::Answer(done(call, said.blob.hash, None)), brought),
            3 => (Command::Fail(lost(call, CallFault::Request, said.blob.hash)), brought),
            // Words that it names and does not bring.
            4 => (Command::Submit { fence, draft: said.blob.hash }, Vec::new()),
            5 => (Command::Claim { job: Some(self.any_job()) }, Vec::new()),
            6 => (Command::Tick, Vec::new()),
            _ => (Command::Submit { fence, draft: said.blob.hash }, brought),
        };
        // Also words it only names: somebody else may have brought the same.
        self.remember(&said, agent);
        let quoted = self.quoted(place, &command);
        let claim = match self.rng.below(4) {
            0 => None,
            1 => Some(Digest::of_blob(b"another")),
            _ => quoted,
        };
        if self.rng.chance(300) {
            // Under a number that was used for something else.
            let Some(program) = self.outside.get(place) else { return };
            let (agent, last) = (Some(program.agent), program.number);
            let number = self.rng.below(last.max(1));
            self.send(place, Envelope { agent, number, command, claim, next: false }, blobs);
        } else {
            self.give(place, command, blobs, claim);
        }
    }

    /// A fence: one that it held before, another's, or none's.
    fn any_fence(&mut self, place: usize) -> Fence {
        let past: Vec<Fence> = match self.outside.get(place) {
            Some(program) if self.rng.chance(500) => program.past.iter().map(|held| held.fence).collect(),
            _ => self.world.published().jobs().claims().map(|(fence, _)| *fence).collect(),
        };
        let otherwise = self.rng.below(40);
        self.rng.pick(&past, otherwise)
    }

    fn any_job(&mut self) -> Job {
        let jobs: Vec<Job> = self.world.published().jobs().iter().map(|(job, _)| *job).collect();
        self.rng.pick(&jobs, Job::Finalize)
    }
}
