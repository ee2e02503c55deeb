//! Doing a script again: each line is given to a fresh run, then honest agents bring it to its end.
//!
//! Refuses nothing: a line that means nothing any more is refused by the core, or left out.

use std::collections::{BTreeMap, VecDeque};

use delm_core::agent::{Input, Machine, Output, View};
use delm_core::command::{Command, Envelope};
use delm_core::decide::Refusal;
use delm_core::dispatcher::Ticket;
use delm_core::entry::Blob;
use delm_core::event::{AgentKind, Change, Tokens};
use delm_core::ids::{AgentId, Digest, Millis};
use delm_core::policy::Policy;
use delm_core::run::Phase;

use crate::broken::Broken;
use crate::disk::Tear;
use crate::rng::Rng;
use crate::script::{Ask, Line, Manner, Script, done, lost};
use crate::setup::agent;
use crate::words::{Manners, Model};
use crate::world::{Answer, World};

/// Steps of the honest agents, at most; a run of the kit needs a few dozen.
const ROUNDS_MAX: u32 = 3_000;

/// A script that was done again, and what broke on the way if anything did.
pub struct Replayed {
    /// The run; none if it could not begin.
    pub world: Option<World>,
    /// What broke.
    pub broken: Option<Broken>,
    /// Lines of the world's own script that come from the script; the rest is what honest agents did after.
    pub scripted: usize,
}

/// Does a script, then lets honest agents end the run (I-44).
#[must_use]
pub fn replay(policy: &'static dyn Policy, script: &Script) -> Replayed {
    let mut world = match World::begin(policy, &script.setup) {
        Ok(world) => world,
        Err(broken) => return Replayed { world: None, broken: Some(broken), scripted: 0 },
    };
    let steady = !script.lines.iter().any(|line| matches!(line, Line::Write | Line::Sync));
    let broken = script.lines.iter().find_map(|line| step(&mut world, line, steady).err());
    let scripted = world.script.lines.len();
    let broken = broken.or_else(|| heal(&mut world).err());
    Replayed { world: Some(world), broken, scripted }
}

fn step(world: &mut World, line: &Line, steady: bool) -> Result<(), Broken> {
    match line {
        Line::Open => world.open()?,
        Line::Send { at, ask: Ask::Redact(choice), .. } => drop(world.redact(*choice, *at)),
        Line::Send { at, who, number, ask, next, forged } => {
            if let Some((command, blobs)) = command_of(world, *who, ask) {
                send(world, *at, *who, *number, (command, blobs), *next, *forged);
            }
        }
        Line::Tick { at } => world.tick(*at),
        Line::Write => drop(world.hand_over()?),
        Line::Sync => drop(world.synced()?),
        Line::Crash { tear } => world.crash(*tear)?,
        Line::Resume { at, changes } => {
            if world.is_over() && !world.is_writing() {
                world.leave();
            } else if world.process.is_some() {
                world.crash(Tear::Lost)?;
            }
            let _refused = world.resume(changes.clone(), *at)?;
        }
    }
    world.bounded()?;
    if steady {
        world.hand_over()?;
        world.synced()?;
        world.hand_over()?;
    }
    Ok(())
}

fn send(
    world: &mut World,
    at: Millis,
    who: Option<AgentId>,
    number: Option<u64>,
    (command, blobs): (Command, Vec<Blob>),
    next: bool,
    forged: bool,
) {
    let Some(sender) = who else {
        let _ticket = world.engine(command, blobs, at);
        return;
    };
    let Some(process) = &world.process else { return };
    let number = number.unwrap_or_else(|| process.dispatcher.next_number(sender));
    let quoted = process.dispatcher.quoted_claim(sender, &command);
    let claim = if forged { Some(Digest::of_blob(b"another")) } else { quoted };
    blobs.iter().for_each(|blob| world.truth.made(blob.hash, sender));
    let _ticket = world.command(Envelope { agent: who, number, command, claim, next }, blobs, at);
}

fn command_of(world: &World, who: Option<AgentId>, ask: &Ask) -> Option<(Command, Vec<Blob>)> {
    let Ask::Work(manner, choice) = ask else { return ask.command(who, world.published()) };
    let run = world.published();
    let Some(fence) = run.agent(who?)?.claim else { return Some((Command::Claim { job: None }, Vec::new())) };
    let claim = run.claim(fence)?;
    if *manner == Manner::Fail
        && let Some(call) = claim.call
    {
        let error = Blob::new(&b"it failed"[..]);
        let fault = delm_core::event::CallFault::Request;
        return Some((Command::Fail(lost(call, fault, error.hash)), vec![error]));
    }
    let mut model = Model::new(manner.manners(), Rng::new(*choice));
    model.skip(*choice);
    let said = if claim.call.is_some() {
        model.reply(run, fence, claim.job)
    } else {
        model.draft(run, fence, claim.job)
    };
    let blobs = vec![said.blob.clone()];
    Some(match claim.call {
        Some(call) => {
            let tokens = Some(Tokens { input: 20, output: 9, cached: 2 });
            (Command::Answer(done(call, said.blob.hash, tokens)), blobs)
        }
        None => (Command::Submit { fence, draft: said.blob.hash }, blobs),
    })
}

/// Honest agents at work until the run ends.
struct Healer<'a> {
    world: &'a mut World,
    machines: BTreeMap<AgentId, Machine>,
    inputs: VecDeque<(AgentId, Input)>,
    waiting: BTreeMap<Ticket, AgentId>,
    model: Model,
    at: Millis,
}

/// Lets honest agents bring a run to its end.
///
/// # Errors
/// I-44 if it does not come, or whatever else breaks on the way.
pub fn heal(world: &mut World) -> Result<(), Broken> {
    let at = world.published().at().max(world.script.setup.at);
    let model = Model::new(Manners { tasks_max: 1, ..Manners::good() }, Rng::new(1));
    let mut healer = Healer {
        world,
        machines: BTreeMap::new(),
        inputs: VecDeque::new(),
        waiting: BTreeMap::new(),
        model,
        at,
    };
    healer.model.skip(1_000_000);
    healer.begin()?;
    for _ in 0..ROUNDS_MAX {
        if matches!(healer.world.published().phase(), Phase::Ended(_)) {
            return Ok(());
        }
        healer.round()?;
    }
    Err(healer.stuck("it goes round in a circle"))
}

impl Healer<'_> {
    fn stuck(&self, why: &str) -> Broken {
        let run = self.world.published();
        let open = run.jobs().iter().filter(|(_, state)| !state.status.is_settled());
        let open: Vec<String> = open.map(|(job, state)| format!("{job} {:?}", state.status)).collect();
        let phase = run.phase();
        Broken::new("I-44", format!("the run does not end: {why}; {phase:?}, open: {}", open.join(", ")))
    }

    /// What lives goes on, unless an agent of the process is in the middle of something: then the process is replaced.
    fn begin(&mut self) -> Result<(), Broken> {
        self.settle()?;
        let run = self.world.published();
        let busy = run.jobs().claimed() > 0 || run.ledger().open().next().is_some();
        let waits = self.world.process.as_ref().is_none_or(|process| process.dispatcher.waiting() > 0);
        let limited = run.limits().budget_tokens > 0 || run.limits().budget_microusd > 0;
        let limited = limited || run.limits().deadline_ms > 0 || run.limits().lease_ms < 1_000;
        if busy || waits || limited || self.world.is_over() {
            return self.replace();
        }
        self.wake()
    }

    fn settle(&mut self) -> Result<(), Broken> {
        self.world.synced()?;
        self.world.hand_over()?;
        drop(self.world.synced()?);
        Ok(())
    }

    fn replace(&mut self) -> Result<(), Broken> {
        if matches!(self.world.published().phase(), Phase::Ended(_)) {
            return Ok(());
        }
        if self.world.is_over() {
            self.world.leave();
        } else if self.world.process.is_some() {
            self.world.crash(Tear::Lost)?;
        }
        let change = |limit: &str, value| Change { limit: limit.into(), value };
        let none = ["budget_tokens", "budget_microusd", "deadline_ms"].map(|limit| change(limit, 0));
        let changes = none.into_iter().chain([change("lease_ms", 1_000)]).collect();
        if let Some(refusal) = self.world.resume(changes, self.at)? {
            let over = matches!(self.world.published().phase(), Phase::Ended(_));
            return if over {
                Ok(())
            } else {
                Err(self.stuck(&format!("a new process is refused: {refusal}")))
            };
        }
        self.wake()
    }

    fn wake(&mut self) -> Result<(), Broken> {
        (self.machines, self.inputs, self.waiting) = Default::default();
        let need = if self.world.published().self_review() { 1 } else { 2 };
        while self.world.inside().len() < need && self.world.process.is_some() {
            let before = self.world.inside().len();
            let spec = agent(AgentKind::Model, "");
            let _ticket = self.world.engine(Command::Join(spec), Vec::new(), self.at);
            self.settle()?;
            if self.world.inside().len() == before {
                return Err(self.stuck("nobody may join"));
            }
        }
        for agent in self.world.inside() {
            let Some(process) = &self.world.process else { continue };
            self.machines.insert(agent, Machine::new(agent, process.dispatcher.next_number(agent)));
            self.inputs.push_back((agent, Input::Begin));
        }
        Ok(())
    }

    fn round(&mut self) -> Result<(), Broken> {
        if matches!(self.world.published().phase(), Phase::Paused(_)) || self.world.process.is_none() {
            return self.replace();
        }
        if let Some((agent, input)) = self.inputs.pop_front() {
            self.tell(agent, input)?;
        } else {
            let due = self.world.process.as_ref().and_then(|process| process.dispatcher.next_deadline());
            let Some(deadline) = due else { return Err(self.stuck("nobody has anything to do")) };
            self.at = self.at.max(deadline);
            self.world.tick(self.at);
        }
        for _ in 0..2 {
            let (_, answers) = self.world.hand_over()?;
            self.hear(answers);
            let answers = self.world.synced()?;
            self.hear(answers);
        }
        Ok(())
    }

    fn hear(&mut self, answers: Vec<Answer>) {
        for answer in answers {
            if let Some(agent) = self.waiting.remove(&answer.ticket) {
                self.inputs.push_back((agent, Input::Answered(answer.answered.outcome)));
            }
        }
    }

    fn tell(&mut self, agent: AgentId, input: Input) -> Result<(), Broken> {
        let (Some(machine), Some(process)) = (self.machines.get_mut(&agent), &self.world.process) else {
            return Ok(());
        };
        let run = process.dispatcher.published();
        let view = View { run, blobs: &self.world.disk, corpus: &process.corpus };
        match machine.on(input, &view) {
            Output::Send(envelope, blobs) => {
                blobs.iter().for_each(|blob| self.world.truth.made(blob.hash, agent));
                if let Some(ticket) = self.world.command(envelope, blobs, self.at) {
                    self.waiting.insert(ticket, agent);
                }
            }
            Output::Call(calling) => {
                let said = self.model.reply(run, calling.fence, calling.job);
                let tokens = Some(Tokens { input: 20, output: 9, cached: 2 });
                let answer = done(calling.call, said.blob.hash, tokens);
                self.inputs.push_back((agent, Input::Replied(answer, said.blob)));
            }
            Output::Continue => self.inputs.push_back((agent, Input::Begin)),
            Output::Stop(Refusal::NotRunning { .. } | Refusal::NoWork) => {}
            Output::Stop(refusal) => return Err(self.stuck(&format!("{agent} stops for good: {refusal}"))),
        }
        Ok(())
    }
}
