//! The core against the sequential reference model: what anybody does, both say the same of every job.
//!
//! Refuses nothing but a difference. `PROPTEST_CASES` scales the number of cases.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a test stops at the first thing that is not as it must be"
)]

use std::collections::BTreeMap;

use delm_core::command::{Command, Envelope};
use delm_core::dispatcher::Ticket;
use delm_core::entry::Blob;
use delm_core::event::{GistKind, Tokens};
use delm_core::ids::{AgentId, Digest, Fence, Job, Subject};
use delm_core::limits::Limits;
use delm_core::policy::Fifo;
use delm_core::reply::{FinalizeReply, PlanReply, PlannedTask, Quote, ReasonReply, Reply, ReviewReply};
use delm_core::run::{Phase, Status};
use delm_sim::Setup;
use delm_sim::disk::Tear;
use delm_sim::judge::judge;
use delm_sim::reference::{Act, Meaning, Reference, Standing, Work};
use delm_sim::script::done;
use delm_sim::setup::coined;
use delm_sim::world::World;
use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

/// How a run of the model begins.
#[derive(Clone, Debug)]
struct Model {
    run: Reference,
    attempts_max: u32,
    rounds_max: u32,
}

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Self> {
        (2usize..4, 1u32..4, 0u32..3)
            .prop_map(|(agents, attempts_max, rounds_max)| Self {
                run: Reference::new(agents, attempts_max, rounds_max),
                attempts_max,
                rounds_max,
            })
            .boxed()
    }

    fn transitions(state: &Self) -> BoxedStrategy<Act> {
        let agent = 0..state.run.agents();
        let meaning = prop_oneof![
            6 => (0u32..4).prop_map(Meaning::Good),
            2 => Just(Meaning::Against),
            1 => Just(Meaning::Useless),
        ];
        prop_oneof![
            10 => agent.clone().prop_map(Act::Claim),
            12 => (agent.clone(), meaning).prop_map(|(agent, meaning)| Act::Reply(agent, meaning)),
            1 => agent.clone().prop_map(Act::Renew),
            1 => agent.clone().prop_map(Act::Release),
            1 => agent.prop_map(Act::Stale),
            1 => Just(Act::Expire),
            1 => Just(Act::Crash),
        ]
        .boxed()
    }

    fn apply(mut state: Self, act: &Act) -> Self {
        state.run.act(*act);
        state
    }
}

struct Core {
    world: World,
    at: u64,
    words: u64,
    accepted: bool,
    stale: BTreeMap<usize, (Fence, Digest)>,
}

impl Core {
    fn agent(place: usize) -> AgentId {
        AgentId(u32::try_from(place).expect("few agents") + 1)
    }

    fn next_number(&self, agent: AgentId) -> u64 {
        self.world.process.as_ref().expect("a process lives").dispatcher.next_number(agent)
    }

    fn send(&mut self, place: usize, command: Command, claim: Option<Digest>, blobs: Vec<Blob>) {
        let agent = Self::agent(place);
        let number = self.next_number(agent);
        let envelope = Envelope { agent: Some(agent), number, command, claim, next: false };
        let ticket = self.world.command(envelope, blobs, self.at).expect("a process lives");
        self.hear(ticket);
    }

    fn hear(&mut self, ticket: Ticket) {
        if let Some(process) = &mut self.world.process {
            process.dispatcher.unwait(ticket);
        }
        let mut answers = self.world.hand_over().expect("laws hold").1;
        answers.extend(self.world.synced().expect("laws hold"));
        answers.extend(self.world.hand_over().expect("laws hold").1);
        let ours =
            answers.into_iter().find(|answer| answer.ticket == ticket).expect("each command is answered");
        self.accepted = ours.answered.outcome.is_ok();
    }

    fn own(&self, place: usize) -> Option<Fence> {
        self.world.published().agent(Self::agent(place)).and_then(|agent| agent.claim)
    }

    fn entry(&self, fence: Fence) -> Digest {
        self.world.entry(fence).expect("a claim has its entry").id
    }

    fn reply(&mut self, place: usize, meaning: Meaning) {
        let run = self.world.published();
        let claim = self.own(place).and_then(|fence| Some((fence, run.claim(fence)?.clone())));
        self.words += 1;
        let Some((fence, claim)) = claim else {
            // It holds nothing: whatever it says of a call is refused.
            let blob = Blob::new(&b"{}"[..]);
            let answer = done(delm_core::ids::CallId(9_999), blob.hash, None);
            return self.send(place, Command::Answer(answer), None, vec![blob]);
        };
        let blob = Blob::new(self.said(claim.job, meaning));
        let tokens = Some(Tokens { input: 9, output: 9, cached: 0 });
        let answer = done(claim.call.expect("a model's claim has its call"), blob.hash, tokens);
        let entry = self.entry(fence);
        self.stale.insert(place, (fence, entry));
        self.send(place, Command::Answer(answer), Some(entry), vec![blob]);
    }

    fn said(&self, job: Job, meaning: Meaning) -> Vec<u8> {
        let mark = coined(self.words);
        let tasks = |count: u32| {
            let task = |place: u32| PlannedTask {
                text: format!("task {place} {mark}"),
                needs: if place > 1 { vec![(place - 1).to_string()] } else { Vec::new() },
            };
            Reply::Plan(PlanReply { tasks: (1..=count).map(task).collect() })
        };
        let reply = match (job, meaning) {
            (_, Meaning::Useless) => return b"PASS".to_vec(),
            (Job::Plan, Meaning::Good(count)) => tasks(count.max(1)),
            (Job::Plan, Meaning::Against) => tasks(1),
            (Job::Expand(_), Meaning::Good(count)) => tasks(count),
            (Job::Expand(_), Meaning::Against) => tasks(0),
            (Job::Review(_), _) => {
                let outcome = if meaning == Meaning::Against { "reject" } else { "approve" };
                Reply::Review(ReviewReply { outcome: outcome.into(), reason: mark })
            }
            (Job::Finalize, _) => {
                let run = self.world.published();
                let borne = run.facts().iter().map(|fact| fact.label).find(|label| run.bears(*label));
                let cites = vec![borne.map_or_else(|| "F1".into(), |label| label.to_string())];
                Reply::Finalize(FinalizeReply { answered: true, answer: mark, cites })
            }
            (Job::Reason(_) | Job::Read(_), _) => Reply::Reason(ReasonReply {
                finding: format!("Penmarrow did not burn in 1881 {mark}."),
                cites: Vec::new(),
                evidence: vec![Quote {
                    unit: "S1.1".into(),
                    quote: "Penmarrow did not burn in 1881.".into(),
                }],
                unfold: Vec::new(),
            }),
        };
        reply.to_canonical()
    }

    fn act(&mut self, act: Act) {
        self.at += 1;
        self.accepted = false;
        match act {
            Act::Claim(place) => self.send(place, Command::Claim { job: None }, None, Vec::new()),
            Act::Reply(place, meaning) => self.reply(place, meaning),
            Act::Renew(place) => {
                let fence = self.own(place).unwrap_or(9_999);
                let entry = self.own(place).map(|fence| self.entry(fence));
                self.send(place, Command::Renew { fence }, entry, Vec::new());
            }
            Act::Release(place) => {
                let fence = self.own(place).unwrap_or(9_999);
                let entry = self.own(place).map(|fence| self.entry(fence));
                self.send(place, Command::Release { fence }, entry, Vec::new());
            }
            Act::Stale(place) => {
                let (fence, entry) = self.stale.get(&place).copied().unwrap_or((9_999, Digest::ZERO));
                self.send(place, Command::Renew { fence }, Some(entry), Vec::new());
            }
            Act::Expire => self.expire(),
            Act::Crash => {
                self.world.crash(Tear::Lost).expect("laws hold");
                let refused = self.world.resume(Vec::new(), self.at).expect("laws hold");
                self.accepted = refused.is_none();
                if refused.is_some() {
                    // Over: a process is wanted to refuse what comes.
                    self.world.process = None;
                }
            }
        }
    }

    fn expire(&mut self) {
        self.accepted = self.world.published().jobs().claimed() > 0;
        let last = self.world.published().jobs().claims().map(|(_, claim)| claim.deadline_ms).max();
        self.at = self.at.max(last.unwrap_or(self.at));
        self.world.tick(self.at);
        self.world.hand_over().expect("laws hold");
        self.world.synced().expect("laws hold");
    }

    /// A job as the model names it.
    fn work(&self, job: Job) -> Work {
        let run = self.world.published();
        match job {
            Job::Plan => Work::Plan,
            Job::Reason(task) => Work::Reason(task.0),
            Job::Expand(round) => Work::Expand(round),
            Job::Finalize => Work::Finalize,
            Job::Read(unit) => panic!("nothing is read here, and {unit} is"),
            Job::Review(seq) => {
                let subject = run.proposal_of(seq).expect("a review has its proposal").subject;
                let Subject::Task(task) = subject else { panic!("{subject} is reviewed") };
                let drafted = |key: &&delm_core::run::ProposalKey| {
                    key.1 == subject && key.0 <= seq && key.2 == GistKind::Finding
                };
                let before = run.proposals().keys().filter(drafted).count();
                Work::Review(task.0, u32::try_from(before).expect("few proposals"))
            }
        }
    }

    fn compare(&self, model: &Reference) {
        let run = self.world.published();
        let mut jobs = BTreeMap::new();
        for (job, state) in run.jobs().iter() {
            let standing = match state.status {
                Status::Waiting => Standing::Waiting,
                Status::Ready => Standing::Ready,
                Status::Claimed(fence) => {
                    let holder = run.claim(fence).expect("a claimed job has its claim").agent;
                    Standing::Held(holder.index())
                }
                Status::InReview(_) => Standing::InReview,
                Status::Limbo => panic!("{job} is in limbo"),
                Status::Done => Standing::Done,
                Status::Abandoned => Standing::GivenUp,
            };
            jobs.insert(self.work(*job), (standing, state.failures));
        }
        let said: BTreeMap<_, _> = model.jobs().map(|(work, at, failures)| (work, (at, failures))).collect();
        let ended = match run.phase() {
            Phase::Ended(outcome) => Some(outcome.as_str()),
            Phase::Unborn | Phase::Running | Phase::Stopping(_) | Phase::Paused(_) => None,
        };
        assert_eq!(ended, model.ended, "how the run ended");
        // What an end lets go of is nobody's any more; the model does not say it.
        if ended.is_none() {
            assert_eq!(jobs, said, "where every job stands");
        }
        let findings = run.facts().iter().filter(|fact| fact.proposal.kind == GistKind::Finding).count();
        let facts = (findings, run.facts().len() - findings);
        assert_eq!(
            facts,
            (model.findings as usize, model.failures as usize),
            "findings and failures admitted"
        );
    }
}

impl StateMachineTest for Core {
    type SystemUnderTest = Self;
    type Reference = Model;

    fn init_test(state: &Model) -> Self {
        let limits = Limits {
            attempts_max: u64::from(state.attempts_max),
            rounds_max: u64::from(state.rounds_max),
            releases_max: 10_000,
            asks_max: 0,
            lease_ms: 10_000,
            ..Setup::default().limits
        };
        let setup = Setup { agents: state.run.agents(), limits, ..Setup::default() };
        let world = World::begin(&Fifo, &setup).expect("the run begins");
        Self { world, at: setup.at, words: 0, accepted: false, stale: BTreeMap::new() }
    }

    fn apply(mut core: Self, state: &Model, act: Act) -> Self {
        if core.world.process.is_none() {
            return core;
        }
        let ended = matches!(core.world.published().phase(), Phase::Ended(_));
        core.act(act);
        if ended {
            assert!(!core.accepted, "{act:?} is accepted though the run is over");
        }
        core.compare(&state.run);
        core
    }

    fn teardown(mut core: Self, _state: Model) {
        judge(&mut core.world, &[]).expect("every entry decided again gives the same, and laws hold");
    }
}

#[test]
fn the_core_and_the_reference_agree() {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(1_500);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |((initial, transitions, seen) in Model::sequential_strategy(1..80))| {
        Core::test_sequential(ProptestConfig::default(), initial, transitions, seen);
    });
}
