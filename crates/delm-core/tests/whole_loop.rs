//! The whole loop in memory: agents that answer by rule, a log that is always durable, and an audit of what came out.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a helper of a test fails as the test does, and looks at the events it is about"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use delm_core::apply::apply;
use delm_core::audit::audit;
use delm_core::command::{AgentSpec, CallDone, Command, Envelope, SourceSpec, StartRun};
use delm_core::decide::Refusal;
use delm_core::dispatcher::{Accepted, Dispatcher};
use delm_core::entry::{Blob, Sealed};
use delm_core::event::{
    AgentKind, Event, Extractor, ModelChoice, Models, Outcome, PolicyName, RunStarted, Template, Tokens,
};
use delm_core::ids::{AgentId, Digest, Job};
use delm_core::limits::Limits;
use delm_core::policy::Fifo;
use delm_core::prompt::TEMPLATES;
use delm_core::run::{Phase, Run};

const DOCUMENT: &str =
    "The harbour light was built in 1874 by Ada Quill. Ada Quill was born in the village of Penmarrow.";

struct World {
    dispatcher: Dispatcher,
    stored: BTreeMap<Digest, Arc<[u8]>>,
    log: Vec<Sealed>,
    at: u64,
    numbers: BTreeMap<AgentId, u64>,
}

impl World {
    fn new() -> Self {
        Self {
            dispatcher: Dispatcher::new(&Fifo, Run::default()),
            stored: BTreeMap::new(),
            log: Vec::new(),
            at: 1_000,
            numbers: BTreeMap::new(),
        }
    }

    fn flush(&mut self) -> Vec<delm_core::dispatcher::Answered> {
        let staged = self.dispatcher.take_staged();
        let count = staged.len();
        for entry in staged {
            self.stored.extend(entry.blobs.into_iter().map(|blob| (blob.hash, blob.bytes)));
            self.log.push(entry.entry);
        }
        self.dispatcher.durable(count)
    }

    /// Gives a command and says what came of it: none while it waits for work.
    fn say(&mut self, agent: u32, command: Command, blobs: Vec<Blob>, next: bool) -> Vec<(u64, Accepted)> {
        let agent = AgentId(agent);
        let number = self.numbers.entry(agent).or_insert(0);
        let claim = self.dispatcher.quoted_claim(agent, &command);
        let envelope = Envelope { agent: Some(agent), number: *number, command, claim, next };
        *number += 1;
        self.at += 1;
        self.dispatcher.command(&self.stored, envelope, blobs, self.at);
        let answered = self.flush().into_iter();
        answered
            .filter_map(|answered| match answered.outcome {
                Ok(accepted) => Some((answered.ticket, accepted)),
                // Agents that waited for work learn that the run is over.
                Err(Refusal::NotRunning { .. }) => None,
                Err(refusal) => panic!("{refusal}"),
            })
            .collect()
    }
}

fn start(question: &str, agents: u32, change: impl FnOnce(&mut RunStarted)) -> (Command, Vec<Blob>) {
    let mut blobs = Vec::new();
    let mut keep = |text: &str| {
        let blob = Blob::new(text.as_bytes());
        blobs.push(blob.clone());
        blob.hash
    };
    let templates =
        TEMPLATES.iter().map(|(part, text)| Template { part: (*part).into(), text: keep(text) }).collect();
    let choice = ModelChoice { model: "script:test".into(), params: Vec::new() };
    let mut run = RunStarted {
        nonce: [7; 16],
        question: keep(question),
        name: None,
        policy: PolicyName { name: "fifo".into(), version: 1 },
        limits: Limits::default(),
        models: Models { worker: choice.clone(), judge: choice },
        hosts: Vec::new(),
        engine: "test".into(),
        self_review: agents == 1,
        reading: false,
        ablations: Vec::new(),
        templates,
        prices: Vec::new(),
    };
    change(&mut run);
    let source = SourceSpec {
        name: keep("harbour.md"),
        original_hash: Digest::of_blob(DOCUMENT.as_bytes()),
        original_len: DOCUMENT.len() as u64,
        extractor: Extractor::Markdown,
        text: keep(DOCUMENT),
    };
    let spec = AgentSpec {
        kind: AgentKind::Model,
        principal: String::new(),
        model: "script:test".into(),
        program: None,
    };
    let agents = (0..agents).map(|_| spec.clone()).collect();
    (Command::Start(StartRun { run, sources: vec![source], skipped: Vec::new(), agents }), blobs)
}

fn reply_to(job: &Job) -> &'static str {
    match job {
        Job::Plan => {
            r#"{"tasks":[{"text":"Who built the light?","needs":[]},{"text":"Where was she born?","needs":["1"]}]}"#
        }
        Job::Read(_) => {
            r#"{"bullets":[{"text":"The light and its builder","head":"The harbour light was built","tail":"in 1874 by Ada Quill"}],"gist":"The harbour light was built in 1874 by Ada Quill."}"#
        }
        Job::Reason(task) if task.0 == 1 => {
            r#"{"finding":"Ada Quill built the harbour light in 1874.","cites":[],"evidence":[{"unit":"S1.1","quote":"The harbour light was built in 1874 by Ada Quill."}],"unfold":[]}"#
        }
        Job::Reason(_) => {
            r#"{"finding":"Ada Quill was born in Penmarrow.","cites":["F1"],"evidence":[{"unit":"S1.1","quote":"Ada Quill was born in the village of Penmarrow."}],"unfold":[]}"#
        }
        Job::Review(_) => r#"{"outcome":"approve","reason":"it says so"}"#,
        Job::Expand(_) => r#"{"tasks":[]}"#,
        Job::Finalize => r#"{"answered":true,"answer":"In Penmarrow.","cites":["F1","F2"]}"#,
    }
}

/// Lets agents work until the run is over, each answering by `rule`.
fn work(world: &mut World, agents: u32, rule: impl Fn(&Job) -> String) {
    let mut answers = Vec::new();
    let mut tickets = BTreeMap::new();
    for agent in 1..=agents {
        answers.extend(world.say(agent, Command::Claim { job: None }, Vec::new(), false));
        tickets.insert(u64::from(agent), agent);
    }
    let mut steps = 0;
    while let Some((_, accepted)) = answers.pop() {
        steps += 1;
        assert!(steps < 10_000, "the run does not end");
        let Some(call) = accepted.reply.call else { continue };
        let open = world.dispatcher.published().open_call(call).expect("an open call").clone();
        let request = accepted.request.expect("a request");
        assert_eq!(
            request.hash(),
            open.started.request.hash,
            "the kept hasher agrees with the whole request"
        );
        let reply = Blob::new(rule(&open.job).into_bytes());
        let done = CallDone {
            call,
            reply: reply.hash,
            model_reported: None,
            request_id: None,
            tokens: Some(Tokens { input: 100, output: 50, cached: 0 }),
            latency_ms: 1,
            tries: 1,
            billable: 0,
        };
        answers.extend(world.say(open.agent.0, Command::Answer(done), vec![reply], true));
        if !matches!(world.dispatcher.published().phase(), Phase::Running) {
            break;
        }
        // Whoever holds nothing and does not wait claims again.
        let idle: Vec<u32> = world
            .dispatcher
            .published()
            .agents()
            .iter()
            .filter(|(_, agent)| agent.claim.is_none())
            .map(|(id, _)| id.0)
            .collect();
        if world.dispatcher.waiting() < idle.len() {
            answers.extend(world.say(open.agent.0, Command::Claim { job: None }, Vec::new(), false));
        }
    }
}

fn check_log(world: &World) -> Run {
    let mut folded = Run::default();
    let mut audited = Run::default();
    for sealed in &world.log {
        let again = Sealed::from_bytes(&sealed.bytes).expect("canonical");
        assert_eq!(again.entry, sealed.entry);
        apply(&mut folded, sealed).expect("lawful");
        audit(&Fifo, &mut audited, &world.stored, sealed).expect("decided alike");
        assert!(folded == audited);
    }
    assert!(&folded == world.dispatcher.published(), "folding the log gives the live state");
    folded
}

fn run_with(
    agents: u32,
    change: impl FnOnce(&mut RunStarted),
    rule: impl Fn(&Job) -> String,
) -> (World, Run) {
    let mut world = World::new();
    let (command, blobs) = start("Where was the builder of the harbour light born?", agents, change);
    world.dispatcher.engine(&world.stored, command, blobs, world.at);
    for answered in world.flush() {
        answered.outcome.expect("started");
    }
    work(&mut world, agents, rule);
    let run = check_log(&world);
    (world, run)
}

#[test]
fn a_question_is_planned_reasoned_reviewed_and_answered() {
    for agents in [1, 2, 8] {
        let (world, run) = run_with(agents, |_| {}, |job| reply_to(job).into());
        assert_eq!(run.phase(), Phase::Ended(Outcome::Answered), "{agents} agents");
        assert_eq!(run.facts().len(), 2);
        let answer = run.answer().expect("an answer");
        assert_eq!(&*world.stored[&answer.answer], b"In Penmarrow.");
        assert_eq!(run.ledger().tokens_in, u64::from(run.ledger().calls) * 100);
    }
}

#[test]
fn units_are_read_before_the_plan_when_the_run_says_so() {
    let (_, run) =
        run_with(2, |run| run.reading = true, |job| reply_to(job).replace("\"F1\",\"F2\"", "\"F2\",\"F3\""));
    assert_eq!(run.phase(), Phase::Ended(Outcome::Answered));
    assert_eq!(run.facts().len(), 3);
}

#[test]
fn what_is_always_rejected_is_abandoned_and_leaves_a_failure_gist() {
    let reject = |job: &Job| match job {
        Job::Review(_) => r#"{"outcome":"reject","reason":"no"}"#.to_string(),
        Job::Finalize => r#"{"answered":false,"answer":"nothing held"}"#.to_string(),
        other => reply_to(other).to_string(),
    };
    let (world, run) = run_with(3, |_| {}, reject);
    assert_eq!(run.phase(), Phase::Ended(Outcome::Unanswered));
    let failures = run.facts().iter().filter(|fact| fact.proposal.author.is_none()).count();
    assert_eq!((failures, run.facts().len()), (2, 2));
    let gist = &world.stored[&run.facts().first().expect("a fact").proposal.gist];
    assert!(gist.starts_with(b"T1 was given up after 3 attempts: no"), "{}", String::from_utf8_lossy(gist));
}

#[test]
fn nonsense_is_asked_for_again_and_then_fails() {
    let (_, run) = run_with(2, |_| {}, |_| "PASS".to_string());
    assert_eq!(run.phase(), Phase::Ended(Outcome::Failed));
    // Three attempts at the plan, each asked twice.
    assert_eq!(run.ledger().calls, 6);
}

#[test]
fn a_plan_in_a_circle_is_named_and_refused() {
    let circle = r#"{"tasks":[{"text":"a","needs":["2"]},{"text":"b","needs":["1"]}]}"#;
    let (world, run) = run_with(2, |_| {}, |_| circle.to_string());
    assert_eq!(run.phase(), Phase::Ended(Outcome::Failed));
    let reason = run.end().expect("an end").reason.expect("a reason");
    assert_eq!(&*world.stored[&reason], b"tasks need each other in a circle: 1 needs 2 needs 1");
}

#[test]
fn a_token_budget_pauses_the_run() {
    let (_, run) = run_with(2, |run| run.limits.budget_tokens = 2_800, |job| reply_to(job).into());
    assert!(matches!(run.phase(), Phase::Paused(_)), "{:?}", run.phase());
    assert!(run.ledger().spent_tokens() <= 2_800);
}

#[test]
fn two_entries_a_task_in_the_steady_state() {
    let plan = |n: usize| {
        let tasks: Vec<String> =
            (1..=n).map(|k| format!(r#"{{"text":"Find thing {k}","needs":[]}}"#)).collect();
        format!(r#"{{"tasks":[{}]}}"#, tasks.join(","))
    };
    let entries = |n: usize| {
        let rule = |job: &Job| match job {
            Job::Plan => plan(n),
            Job::Reason(_) => reply_to(&Job::Reason(delm_core::ids::TaskId(1))).to_string(),
            other => reply_to(other).to_string(),
        };
        run_with(4, |_| {}, rule).0.log.len()
    };
    let (few, many) = (entries(50), entries(150));
    assert!(many - few <= 3 * 100, "{} entries for 100 tasks more", many - few);
}

#[test]
fn a_judge_is_not_moved_by_a_document_that_says_pass() {
    let events = |event: &Event| matches!(event, Event::GistAdmitted(_));
    let rule = |job: &Job| match job {
        Job::Review(_) => {
            "The document says: PASS. {\"outcome\":\"PASS\",\"reason\":\"told so\"}".to_string()
        }
        Job::Finalize => r#"{"answered":false,"answer":"nothing held"}"#.to_string(),
        other => reply_to(other).to_string(),
    };
    let (world, _) = run_with(2, |_| {}, rule);
    let admitted = world.log.iter().flat_map(|entry| &entry.entry.events).filter(|event| events(event));
    // Only the log's own failure gists are admitted.
    assert!(admitted.clone().count() > 0);
    assert!(
        admitted.into_iter().all(|event| matches!(event, Event::GistAdmitted(fact) if fact.author.is_none()))
    );
}
