//! The simulated run: events in one queue, ordered by time and a tie-break from the seed, until the run ends or a law breaks.
//!
//! Refuses threads, waiting and any clock but its own: a seed and a commit are the whole run, to the bit.

mod clock;
mod erasure;
mod inside;
mod knobs;
mod nemesis;
mod outside;

use std::collections::BTreeMap;

use delm_core::agent::Input;
use delm_core::command::Envelope;
use delm_core::decide::Refusal;
use delm_core::dispatcher::{Accepted, Ticket};
use delm_core::entry::Blob;
use delm_core::ids::{AgentId, CallId, Millis};
use delm_core::policy::Policy;
use delm_core::run::Phase;

use crate::broken::{Broken, holds};
use crate::rng::Rng;
use crate::words::Model;
use crate::world::World;
use clock::Clock;
use erasure::Erasure;
use inside::Inside;
pub use knobs::Knobs;
use outside::Outside;

/// Events after faults stop, at most: more of them means that the run goes round in a circle.
const HEALED_STEPS_MAX: u64 = 6_000;

/// Who waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Client {
    /// An agent of the process.
    Inside(AgentId),
    /// A program, by its place.
    Outside(usize),
}

type Outcome = Result<Accepted, Refusal>;

/// Something that happens at its time.
enum Event {
    /// A message reaches the dispatcher of a process.
    Arrive { life: u64, client: Client, envelope: Box<Envelope>, blobs: Vec<Blob> },
    /// An agent of a process is told something.
    Tell { life: u64, agent: AgentId, input: Box<Input> },
    /// An agent's call is over.
    Called { life: u64, agent: AgentId, call: CallId },
    /// An agent asks for more time.
    Renew { life: u64, agent: AgentId, call: CallId },
    /// The disk has synced.
    Synced { life: u64 },
    /// The dispatcher's timer.
    Timer { life: u64, number: u64 },
    /// A program acts.
    Wake { place: usize },
    /// A program hears of its command.
    Heard { place: usize, number: u64, outcome: Box<Outcome> },
    /// A new process starts.
    Restart,
}

/// A run under simulation.
pub struct Sim {
    /// The run and its disk.
    pub world: World,
    knobs: Knobs,
    rng: Rng,
    model: Model,
    erasure: Erasure,
    /// The true time.
    now: Millis,
    /// How far the wall clock is from it.
    skew: i64,
    clock: Clock,
    queue: BTreeMap<(Millis, u64, u64), Event>,
    pushed: u64,
    clients: BTreeMap<Ticket, Client>,
    inside: BTreeMap<AgentId, Inside>,
    outside: Vec<Outside>,
    timers: u64,
    steps: u64,
    healed: Option<Healed>,
    restarting: bool,
    faults: u64,
}

/// Since when faults have stopped.
#[derive(Clone, Copy)]
struct Healed {
    until: Millis,
    steps: u64,
}

impl Sim {
    /// A run of this seed under this policy.
    ///
    /// # Errors
    /// [`Broken`] when it cannot begin.
    pub fn new(policy: &'static dyn Policy, seed: u64) -> Result<Self, Broken> {
        let mut rng = Rng::new(seed);
        let knobs = Knobs::draw(&mut rng.part());
        let world = World::begin(policy, &knobs.setup)?;
        let model = Model::new(knobs.manners.clone(), rng.part());
        let now = knobs.setup.at;
        let mut sim = Self {
            world,
            model,
            erasure: Erasure::draw(seed),
            now,
            skew: 0,
            clock: Clock::new(now, now),
            queue: BTreeMap::new(),
            pushed: 0,
            clients: BTreeMap::new(),
            inside: BTreeMap::new(),
            outside: Vec::new(),
            timers: 0,
            steps: 0,
            healed: None,
            restarting: false,
            faults: 0,
            knobs,
            rng,
        };
        sim.meet_programs();
        sim.wake_agents();
        Ok(sim)
    }

    /// Faults injected so far.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.faults + self.model.faults
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// The first [`Broken`] invariant; I-44 if the run does not end after faults stopped.
    pub fn run(&mut self) -> Result<(), Broken> {
        self.turn()?;
        while !self.is_ended() {
            if self.healed.is_none() && self.steps >= self.knobs.steps {
                self.heal()?;
            }
            let Some(((at, ..), event)) = self.queue.pop_first() else {
                holds(self.healed.is_none(), "I-44", || self.stuck("nothing is on its way any more"))?;
                self.heal()?;
                continue;
            };
            self.now = self.now.max(at);
            self.steps += 1;
            self.handle(event)?;
            self.nemesis()?;
            self.turn()?;
            self.bounded()?;
        }
        self.afterwards()
    }

    fn is_ended(&self) -> bool {
        self.is_closed() && !self.world.is_writing()
    }

    fn stuck(&self, why: &str) -> String {
        let run = self.world.published();
        let open: Vec<String> = run
            .jobs()
            .iter()
            .filter(|(_, state)| !state.status.is_settled())
            .map(|(job, state)| format!("{job} {:?}", state.status))
            .collect();
        format!("the run does not end once faults stop: {why}; {:?}, open: {}", run.phase(), open.join(", "))
    }

    fn bounded(&self) -> Result<(), Broken> {
        self.world.bounded()?;
        let Some(healed) = self.healed else { return Ok(()) };
        holds(self.now <= healed.until, "I-44", || self.stuck("its time is over"))?;
        let steps = self.steps - healed.steps;
        holds(steps <= HEALED_STEPS_MAX, "I-44", || self.stuck("it goes round in a circle"))
    }

    fn push(&mut self, after: Millis, event: Event) {
        self.pushed += 1;
        let tie = self.rng.next_u64();
        self.queue.insert((self.now + after, tie, self.pushed), event);
    }

    fn wall(&self) -> Millis {
        self.now.saturating_add_signed(self.skew)
    }

    /// What the process's clock says.
    fn at(&mut self) -> Millis {
        let wall = self.wall();
        self.clock.now(self.now, wall)
    }

    fn handle(&mut self, event: Event) -> Result<(), Broken> {
        let current = self.world.life;
        let alive = self.world.process.is_some();
        match event {
            Event::Arrive { life, client, envelope, blobs } => {
                // A message to a process that is gone is lost; a program's next one finds the new process.
                let reached = alive && (life == current || matches!(client, Client::Outside(_)));
                if reached {
                    let at = self.at();
                    if let Some(ticket) = self.world.command(*envelope, blobs, at) {
                        self.clients.insert(ticket, client);
                    }
                }
                Ok(())
            }
            Event::Tell { life, agent, input } if alive && life == current => self.tell(agent, *input),
            Event::Called { life, agent, call } if alive && life == current => self.called(agent, call),
            Event::Renew { life, agent, call } if alive && life == current => self.renew(agent, call),
            Event::Synced { life } if alive && life == current => self.synced(),
            Event::Timer { life, number } if alive && life == current && number == self.timers => {
                self.timer();
                Ok(())
            }
            Event::Tell { .. }
            | Event::Called { .. }
            | Event::Renew { .. }
            | Event::Synced { .. }
            | Event::Timer { .. } => Ok(()),
            Event::Wake { place } => self.wake(place),
            Event::Heard { place, number, outcome } => {
                self.heard(place, number, *outcome);
                Ok(())
            }
            Event::Restart => self.restart(),
        }
    }

    fn timer(&mut self) {
        let at = self.at();
        let due = self.world.process.as_ref().and_then(|process| process.dispatcher.next_deadline());
        if due.is_some_and(|deadline| deadline <= at) {
            self.world.tick(at);
        }
    }

    fn synced(&mut self) -> Result<(), Broken> {
        if self.write_fails()? {
            return Ok(());
        }
        let answers = self.world.synced()?;
        self.let_out(answers);
        Ok(())
    }

    /// What the engine does at the top of its loop: hands over, ends, and sets its timer.
    fn turn(&mut self) -> Result<(), Broken> {
        let (writes, answers) = self.world.hand_over()?;
        self.let_out(answers);
        let life = self.world.life;
        if writes {
            let sync_ms = self.rng.within(0, self.knobs.sync_ms);
            self.push(sync_ms, Event::Synced { life });
        }
        if self.world.process.is_none() || self.world.is_writing() {
            return Ok(());
        }
        if self.world.is_over() {
            self.world.leave();
            self.gone();
            if !matches!(self.world.published().phase(), Phase::Ended(_)) {
                self.restart_soon();
            }
            return Ok(());
        }
        self.set_timer();
        Ok(())
    }

    fn set_timer(&mut self) {
        let at = self.at();
        let due = self.world.process.as_ref().and_then(|process| process.dispatcher.next_deadline());
        self.timers += 1;
        if let Some(deadline) = due {
            let (life, number) = (self.world.life, self.timers);
            self.push(deadline.saturating_sub(at), Event::Timer { life, number });
        }
    }

    /// The process is gone: nobody in it waits for an answer, and its agents are gone with it.
    fn gone(&mut self) {
        self.clients.clear();
        self.inside.clear();
    }

    fn restart_soon(&mut self) {
        if !self.restarting {
            self.restarting = true;
            let after = self.rng.within(1, 100);
            self.push(after, Event::Restart);
        }
    }

    fn let_out(&mut self, answers: Vec<crate::world::Answer>) {
        for answer in answers {
            let outcome = answer.answered.outcome;
            match self.clients.remove(&answer.ticket) {
                Some(Client::Inside(agent)) => {
                    let (life, after) = (self.world.life, self.rng.below(2));
                    let input = Box::new(Input::Answered(outcome));
                    self.push(after, Event::Tell { life, agent, input });
                }
                Some(Client::Outside(place)) => self.reply_to(place, outcome, answer.number),
                None => {}
            }
        }
    }
}
