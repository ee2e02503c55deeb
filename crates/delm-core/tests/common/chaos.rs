//! Agents and an engine that do anything at any time: right and wrong fences, calls and senders, repetitions, late and
//! bad replies, stops, and time that jumps.
//!
//! Refuses to choose by itself: each choice is a number it is given, so that a failing run can be shrunk.
#![expect(clippy::panic, reason = "a test stops at the first thing that is not as it must be")]

use delm_core::command::{CallDone, CallLost, Command, DroppedFact, Envelope, ForkRun};
use delm_core::entry::Blob;
use delm_core::event::{AgentKind, CallFault, Change, RunForked, Tokens};
use delm_core::ids::{AgentId, CallId, FactId, Fence, Job, Millis};
use delm_core::run::Phase;

use super::begin::{Begin, agent};
use super::replies::reply;
use super::{Outcome, World, laws};

/// One thing that somebody does, as numbers: read against the state it meets, whatever that is.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub who: u8,
    pub act: u8,
    pub first: u8,
    pub second: u8,
}

/// A run with somebody at its mercy.
pub struct Chaos {
    pub world: World,
    pub at: Millis,
    pub refused: usize,
    sent: Vec<(Envelope, Vec<Blob>)>,
}

const QUOTES: [&str; 3] = [
    "The harbour light was built in 1874 by Ada Quill. {S1.1: The harbour light was built in 1874 by Ada Quill.}",
    "Ada Quill was born in Penmarrow. {S1.1: Ada Quill was born in the village of Penmarrow.}",
    "Penmarrow did not burn in 1881. {S1.1: Penmarrow did not burn in 1881.}",
];

const BAD: [(&str, &str); 8] = [
    ("prose", "PASS"),
    ("finding", "It was Bob Quill in 1999. {S1.1: nowhere}"),
    ("finding", "Ada Quill built it. [F1, F2, F99]"),
    ("plan", "a <2; b <1"),
    ("unfold", "F1, S1.1"),
    ("reject", "no"),
    ("rewrite", "other words"),
    ("plan", ""),
];

impl Chaos {
    pub fn begin(begin: &Begin) -> Self {
        let mut chaos = Self { world: World::default(), at: 1_000, refused: 0, sent: Vec::new() };
        let (command, blobs) = begin.command();
        assert!(chaos.give(None, command, blobs, false).is_some(), "the run begins");
        chaos
    }

    /// Gives a command under the sender's next number; none if it was refused.
    fn give(
        &mut self,
        sender: Option<AgentId>,
        command: Command,
        blobs: Vec<Blob>,
        next: bool,
    ) -> Option<Outcome> {
        let number = self.world.next_number(sender);
        self.send(Envelope { agent: sender, number, command, claim: None, next }, blobs)
    }

    fn send(&mut self, envelope: Envelope, blobs: Vec<Blob>) -> Option<Outcome> {
        let outcome = self.world.give(&envelope, &blobs, self.at);
        if let Outcome::Refused(_) = outcome {
            self.refused += 1;
            return None;
        }
        laws::check(&self.world);
        self.sent.push((envelope, blobs));
        Some(outcome)
    }

    /// Leaves the run behind an entry of it, dropping facts; none if the law refuses that.
    pub fn fork(&mut self, seq: u64, labels: &[FactId], agents: usize) -> Option<Outcome> {
        self.world.back(seq);
        // What was sent since is no repetition here.
        self.sent.clear();
        let run = &self.world.run;
        let mut fork = RunForked::unchanged([9; 16], run.id()?, run.head()?, "fork".into());
        // A resume may have lowered it below what had failed by then.
        let value = run.started()?.limits.attempts_max.max(run.limits().attempts_max);
        fork.changes.push(Change { limit: "attempts_max".into(), value });
        self.at = self.at.max(run.at());
        let reason = Blob::new(&b"it does not hold"[..]);
        let drops = labels.iter().map(|label| DroppedFact { label: *label, reason: reason.hash }).collect();
        let agents = vec![agent(AgentKind::Model, ""); agents];
        let command = Command::Fork(ForkRun { run: fork, drops, agents });
        let blobs = if labels.is_empty() { Vec::new() } else { vec![reason] };
        self.give(None, command, blobs, false)
    }

    /// Takes one step.
    pub fn step(&mut self, step: Step) {
        match step.act % 32 {
            0 | 1 => self.wait(step),
            2 => drop(self.give(None, Command::Tick, Vec::new(), false)),
            3 => self.again(step),
            4 => self.engine(step),
            _ if !step.second.is_multiple_of(4) && self.is_paused() => self.lift_limits(),
            _ => self.agent(step),
        }
    }

    fn is_paused(&self) -> bool {
        matches!(self.world.run.phase(), Phase::Paused(_))
    }

    /// Time passes: not at all, to just before a deadline, to it, or somewhere.
    fn wait(&mut self, step: Step) {
        let deadline = self.world.run.next_deadline().unwrap_or(self.at);
        self.at = match step.first % 5 {
            0 => self.at,
            1 => self.at.max(deadline.saturating_sub(1)),
            2 => self.at.max(deadline),
            3 => self.at + u64::from(step.second) * 7,
            // A clock that goes back is refused.
            _ => return drop(self.send_back()),
        };
    }

    fn send_back(&mut self) -> Option<Outcome> {
        let (now, before) = (self.at, self.world.run.at().checked_sub(1)?);
        self.at = before;
        let outcome = self.give(None, Command::Interrupt { hard: false }, Vec::new(), false);
        self.at = now;
        assert!(outcome.is_none(), "I-8: a command in the past is accepted");
        outcome
    }

    /// An old command, as it was, or with another content under its number, or from another sender.
    fn again(&mut self, step: Step) {
        let len = self.sent.len().max(1);
        let Some((mut envelope, blobs)) = self.sent.get(usize::from(step.first) % len).cloned() else {
            return;
        };
        let entries = self.world.log.len();
        match step.second % 4 {
            0 => envelope.command = Command::Leave,
            1 => envelope.agent = Some(AgentId(u32::from(step.who % 6) + 1)),
            _ => {}
        }
        let same = step.second % 4 > 1;
        drop(self.send(envelope, blobs));
        assert!(!same || self.world.log.len() == entries, "I-36: a repetition adds an entry");
    }

    fn engine(&mut self, step: Step) {
        let changes = |limit: &str, value| vec![Change { limit: limit.into(), value }];
        let more = match step.second % 5 {
            0 => changes("attempts_max", u64::from(step.who % 3) + 1),
            1 => changes("budget_tokens", u64::from(step.who) * 40),
            2 => changes("deadline_ms", u64::from(step.who) * 10),
            3 => changes("releases_max", u64::from(step.who % 3)),
            _ => Vec::new(),
        };
        let reason = Blob::new(&b"because"[..]);
        let (command, blobs) = match step.first % 16 {
            0 | 1 => (Command::Interrupt { hard: step.second.is_multiple_of(2) }, Vec::new()),
            2 if step.second.is_multiple_of(4) => (Command::Cancel, Vec::new()),
            3 | 4 => (Command::Join(agent(AgentKind::Model, "")), Vec::new()),
            5 => (
                Command::Join(agent(AgentKind::Program, ["bob", "eve"][usize::from(step.second % 2)])),
                Vec::new(),
            ),
            6 => {
                let label = FactId(u32::from(step.second % 4));
                (Command::Retract { label, reason: reason.hash }, vec![reason])
            }
            _ => (Command::Resume { engine: "again".into(), changes: more }, Vec::new()),
        };
        drop(self.give(None, command, blobs, false));
    }

    fn agent(&mut self, step: Step) {
        let agents = u32::try_from(self.world.run.agents().len()).unwrap_or(0);
        // Now and then one that does not exist.
        let who = AgentId(u32::from(step.who % 32) % (agents + u32::from(step.who < 8)).max(1) + 1);
        if !step.first.is_multiple_of(4) {
            self.tick();
        }
        let next = step.second.is_multiple_of(2);
        let own = self.world.run.agent(who).and_then(|agent| agent.claim);
        let fence = match step.first % 8 {
            0 => u64::from(step.second),
            1 => self.world.run.jobs().claims().map(|(fence, _)| *fence).last().unwrap_or(9),
            _ => own.unwrap_or(u64::from(step.second % 16)),
        };
        let plain = |command| (command, Vec::new());
        let (command, blobs) = match step.act % 32 {
            5 => plain(Command::Claim { job: self.some_job(step.second) }),
            6 => plain(Command::Renew { fence }),
            7 => plain(Command::Release { fence }),
            8 if step.second.is_multiple_of(8) => plain(Command::Leave),
            9 | 10 => self.failure(who, step),
            11 => self.answer(who, step),
            12..=29 if own.is_none() => plain(Command::Claim { job: None }),
            12..=29 if own.and_then(|fence| self.world.run.claim(fence)?.call).is_some() => {
                self.answer(who, step)
            }
            _ => {
                let job = self.world.run.claim(fence).map_or(Job::Plan, |claim| claim.job);
                let draft = Blob::new(self.words(job, fence, step));
                (Command::Submit { fence, draft: draft.hash }, vec![draft])
            }
        };
        drop(self.give(Some(who), command, blobs, next));
    }

    fn some_job(&self, place: u8) -> Option<Job> {
        let jobs = self.world.run.jobs();
        let count = jobs.iter().count().max(1);
        jobs.iter().nth(usize::from(place) % count).map(|(job, _)| *job)
    }

    /// A call: mostly the sender's own, sometimes another's or none's.
    fn call(&self, who: AgentId, step: Step) -> (CallId, Job, Fence) {
        let open: Vec<_> = self.world.run.ledger().open().collect();
        let own =
            open.iter().rev().find(|(_, call)| call.agent == who).filter(|_| !step.first.is_multiple_of(16));
        let any = own.or_else(|| open.get(usize::from(step.second) % open.len().max(1)));
        any.map_or((CallId(77), Job::Plan, 0), |(id, call)| (**id, call.job, call.fence))
    }

    fn failure(&self, who: AgentId, step: Step) -> (Command, Vec<Blob>) {
        let fault = [CallFault::Provider, CallFault::Request, CallFault::Lost][usize::from(step.second % 3)];
        let error = Blob::new(&b"it failed"[..]);
        let call = self.call(who, step).0;
        let tries = u32::from(step.first % 4);
        let billable = u32::from(step.second % 3);
        let reply = Some(error.hash).filter(|_| step.first.is_multiple_of(5));
        (Command::Fail(CallLost { call, fault, error: error.hash, reply, tries, billable }), vec![error])
    }

    fn answer(&self, who: AgentId, step: Step) -> (Command, Vec<Blob>) {
        let (call, job, fence) = self.call(who, step);
        let blob = Blob::new(self.words(job, fence, step));
        let tokens = (!step.first.is_multiple_of(11)).then(|| Tokens {
            input: 90,
            output: u64::from(step.second),
            cached: 5,
        });
        (Command::Answer(done(call, &blob, tokens)), vec![blob])
    }

    /// What is said to a job: mostly something that can be used.
    fn words(&self, job: Job, fence: Fence, step: Step) -> Vec<u8> {
        if step.first.is_multiple_of(4) {
            let (kind, words) = BAD[usize::from(step.second) % BAD.len()];
            return reply(kind, words);
        }
        self.good(job, fence, step.second)
    }

    fn good(&self, job: Job, fence: Fence, choice: u8) -> Vec<u8> {
        let seen = self.world.run.claim(fence).and_then(|claim| claim.length).unwrap_or(0);
        let holds = |fact: &delm_core::run::Fact| fact.note < seen && fact.withdrawn.is_none();
        let fact = self.world.run.facts().iter().rev().find(|fact| holds(fact)).map(|fact| fact.label);
        let cites = fact.map_or(String::new(), |label| format!("[{label}]"));
        match job {
            Job::Plan => reply(
                "plan",
                ["one; two", "one; two; three <1,2; four", "one; two <1"][usize::from(choice % 3)],
            ),
            Job::Expand(round) if choice.is_multiple_of(3) => {
                reply("plan", &format!("more of round {round}"))
            }
            Job::Expand(_) => reply("plan", ""),
            Job::Read(unit) => reply("read", &read_words(unit)),
            Job::Reason(_) => reply("finding", &format!("{} {cites}", QUOTES[usize::from(choice % 3)])),
            Job::Review(_) => reply("approve", "it says so"),
            Job::Finalize if fact.is_some() => reply("final", &format!("In Penmarrow. {cites}")),
            Job::Finalize => reply("nothing", "no fact"),
        }
    }

    /// Faults stop: everybody works well, and limits are lifted. The run must come to its end.
    pub fn heal(&mut self) {
        for round in 0..600 {
            if let Phase::Ended(_) = self.world.run.phase() {
                return;
            }
            self.tick();
            let before = self.world.log.len();
            match self.world.run.phase() {
                Phase::Paused(_) => self.lift_limits(),
                Phase::Ended(_) => return,
                _ => self.everybody_works(round),
            }
            if self.world.log.len() == before {
                self.somebody_must_come_or_time_must_pass();
            }
        }
        panic!(
            "I-44: the run does not end: {:?}, {:?}",
            self.world.run.phase(),
            super::words::jobs(&self.world.run)
        );
    }

    fn tick(&mut self) {
        if self.world.run.next_deadline().is_some_and(|deadline| deadline <= self.at) {
            assert!(
                self.give(None, Command::Tick, Vec::new(), false).is_some(),
                "I-44: a tick that is due is refused"
            );
        }
    }

    fn lift_limits(&mut self) {
        let lift = |limit: &str, value| Change { limit: limit.into(), value };
        let budgets = [lift("budget_tokens", 0), lift("budget_microusd", 0)];
        let changes = budgets.into_iter().chain([lift("deadline_ms", 0), lift("lease_ms", 1_000)]).collect();
        let resumed =
            self.give(None, Command::Resume { engine: "healed".into(), changes }, Vec::new(), false);
        assert!(resumed.is_some(), "I-29: a paused run does not resume");
    }

    fn everybody_works(&mut self, round: u32) {
        let agents: Vec<AgentId> =
            self.world.run.agents().iter().filter(|(_, agent)| !agent.left).map(|(id, _)| id).collect();
        for who in agents {
            let choice = u8::try_from(round % 3).unwrap_or(1).max(1);
            let calls: Vec<CallId> = self
                .world
                .run
                .ledger()
                .open()
                .filter(|(_, call)| call.agent == who)
                .map(|(id, _)| *id)
                .collect();
            for call in calls {
                let Some(open) = self.world.run.open_call(call) else { continue };
                let blob = Blob::new(self.good(open.job, open.fence, choice));
                let tokens = Some(Tokens { input: 10, output: 10, cached: 0 });
                drop(self.give(Some(who), Command::Answer(done(call, &blob, tokens)), vec![blob], true));
            }
            match self.world.run.agent(who).and_then(|agent| agent.claim) {
                // A program may hold a claim whose call a resume has closed.
                Some(fence) if self.world.run.claim(fence).is_some_and(|claim| claim.call.is_none()) => {
                    let Some(job) = self.world.run.claim(fence).map(|claim| claim.job) else { continue };
                    let draft = Blob::new(self.good(job, fence, choice));
                    let command = Command::Submit { fence, draft: draft.hash };
                    drop(self.give(Some(who), command, vec![draft], true));
                }
                Some(_) => {}
                None => drop(self.give(Some(who), Command::Claim { job: None }, Vec::new(), false)),
            }
        }
    }

    fn somebody_must_come_or_time_must_pass(&mut self) {
        match self.world.run.next_deadline() {
            Some(deadline) => self.at = self.at.max(deadline),
            None => {
                let joined = self.give(None, Command::Join(agent(AgentKind::Model, "")), Vec::new(), false);
                assert!(joined.is_some(), "I-44: nobody may join a run that stands still");
            }
        }
    }
}

fn read_words(unit: delm_core::ids::UnitId) -> String {
    match unit.source.0 {
        1 => "The harbour light was built in 1874 by Ada Quill. {Built | The harbour light was built | in 1874 by Ada Quill}",
        _ => "Nothing.",
    }
    .into()
}

fn done(call: CallId, reply: &Blob, tokens: Option<Tokens>) -> CallDone {
    CallDone {
        call,
        reply: reply.hash,
        model_reported: None,
        request_id: None,
        tokens,
        latency_ms: 1,
        tries: 1,
        billable: 0,
    }
}
