//! Runs driven over a log in memory with scripted models.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use delm_core::command::{AgentSpec, SourceSpec, StartRun};
use delm_core::entry::Blob;
use delm_core::event::{
    AgentKind, CallFault, Event, Extractor, GistKind, ModelChoice, Models, Outcome, PauseCause, RunStarted,
    Template,
};
use delm_core::ids::{Digest, Job, TaskId};
use delm_core::limits::Limits;
use delm_core::policy::{Fifo, Policy};
use delm_core::prompt::TEMPLATES;
use delm_core::run::{Phase, Run};
use delm_engine::{Clock, Workers, load, resume, start};
use delm_llm::Providers;
use delm_log::{Log, MemoryLog};

const DOCUMENT: &str = "The harbour light was built in 1874 by Ada Quill. Ada Quill was born in Penmarrow.";

/// A clock that ticks a millisecond at each look, so that tests do not depend on the machine's.
#[derive(Default)]
struct Counter(AtomicU64);

impl Clock for Counter {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

fn script(rules: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!(r#"{{"schema":"delm.script/1","rules":[{rules}]}}"#)).unwrap();
    file
}

const GOOD: &str = r#"
  {"purpose":"plan","plan_tasks":20},
  {"purpose":"read","reply":{"bullets":[{"text":"the light","head":"The harbour light was built","tail":"in 1874 by Ada Quill"}],"gist":"The harbour light was built in 1874."}},
  {"purpose":"reason","reply":{"finding":"Ada Quill built the light.","cites":[],"unfold":[],"evidence":[{"unit":"S1.1","quote":"The harbour light was built in 1874 by Ada Quill."}]}},
  {"purpose":"review","reply":{"outcome":"approve","reason":"it says so"}},
  {"purpose":"expand","reply":{"tasks":[]}},
  {"purpose":"finalize","reply":{"answered":true,"answer":"Ada Quill.","cites":["F1"]}}"#;

fn begin(model: &str, agents: u32, limits: Limits) -> (StartRun, Vec<Blob>) {
    let mut blobs = Vec::new();
    let mut keep = |text: &str| {
        let blob = Blob::new(text.as_bytes());
        blobs.push(blob.clone());
        blob.hash
    };
    let templates =
        TEMPLATES.iter().map(|(part, text)| Template { part: (*part).into(), text: keep(text) }).collect();
    let choice = ModelChoice { model: model.into(), params: Vec::new() };
    let run = RunStarted {
        nonce: [1; 16],
        question: keep("Who built the harbour light?"),
        name: None,
        policy: Fifo.name(),
        limits,
        models: Models { worker: choice.clone(), judge: choice },
        hosts: Vec::new(),
        engine: "test".into(),
        self_review: agents == 1,
        reading: true,
        ablations: Vec::new(),
        templates,
        prices: Vec::new(),
    };
    let source = SourceSpec {
        name: keep("harbour.md"),
        original_hash: Digest::of_blob(DOCUMENT.as_bytes()),
        original_len: DOCUMENT.len() as u64,
        extractor: Extractor::Text,
        text: keep(DOCUMENT),
    };
    let spec =
        AgentSpec { kind: AgentKind::Model, principal: String::new(), model: model.into(), program: None };
    let agents = (0..agents).map(|_| spec.clone()).collect();
    (StartRun { run, sources: vec![source], skipped: Vec::new(), agents }, blobs)
}

fn workers(file: &tempfile::NamedTempFile) -> (String, Workers) {
    let model = format!("script:{}", file.path().display());
    let choice = delm_llm::ModelChoice { model: model.clone(), params: Vec::new() };
    let built = delm_llm::build(&choice, &Providers::default()).unwrap();
    (model, Workers { worker: Some(built.clone()), judge: Some(built) })
}

async fn run(rules: &str, agents: u32, limits: Limits) -> (Arc<dyn Log>, Digest, Run) {
    run_file(&script(rules), agents, limits).await
}

async fn run_file(
    file: &tempfile::NamedTempFile,
    agents: u32,
    limits: Limits,
) -> (Arc<dyn Log>, Digest, Run) {
    let (model, workers) = workers(file);
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let (command, blobs) = begin(&model, agents, limits);
    let running = start(log.clone(), Arc::new(Counter::default()), workers, command, blobs).unwrap();
    let id = running.run;
    let last = running.wait().await.unwrap();
    (log, id, last)
}

#[tokio::test(start_paused = true)]
async fn any_number_of_agents_answers() {
    for agents in [1, 8, 64] {
        let (log, id, last) = run(GOOD, agents, Limits::default()).await;
        assert_eq!(last.phase(), Phase::Ended(Outcome::Answered), "{agents} agents");
        assert_eq!(last.facts().len(), 21);
        let again = load(&log, id).unwrap().run;
        assert!(again == last, "what the log says is what was published");
    }
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_down_pauses_the_run_and_resume_ends_it() {
    let down =
        format!(r#"{{"purpose":"finalize","error":{{"fault":"provider","message":"no route"}}}},{GOOD}"#);
    let (log, id, last) = run(&down, 4, Limits::default()).await;
    assert_eq!(last.phase(), Phase::Paused(PauseCause::Provider));
    let file = script(GOOD);
    let (_, workers) = workers(&file);
    let clock = Arc::new(Counter(AtomicU64::new(1_000_000)));
    let running = resume(log.clone(), clock, workers, id, "test 2", Vec::new()).unwrap();
    let ended = running.wait().await.unwrap();
    assert_eq!(ended.phase(), Phase::Ended(Outcome::Answered));
    assert_eq!(ended.facts().len(), 21, "no fact is admitted twice, none is lost");
    assert!(load(&log, id).unwrap().run == ended);
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_keeps_its_lease_and_an_interrupt_waits_for_it() {
    let slow = format!(r#"{{"purpose":"plan","plan_tasks":1,"delay_ms":600000}},{GOOD}"#);
    let file = script(&slow);
    let (model, workers) = workers(&file);
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let (command, blobs) = begin(&model, 2, Limits::default());
    let running = start(log.clone(), Arc::new(Counter::default()), workers, command, blobs).unwrap();
    let control = running.control.clone();
    let mut published = running.published.clone();
    let planning = |run: &Run| run.ledger().open().any(|(_, call)| call.job == Job::Plan);
    published.wait_for(planning).await.unwrap();
    control.interrupt(false).await.unwrap();
    let last = running.wait().await.unwrap();
    assert_eq!(last.phase(), Phase::Paused(PauseCause::Interrupt));
    assert_eq!(last.tasks().len(), 1, "the plan in flight was kept");
}

#[tokio::test(start_paused = true)]
async fn a_hard_interrupt_releases_what_is_claimed() {
    let slow = format!(r#"{{"purpose":"plan","plan_tasks":1,"delay_ms":600000}},{GOOD}"#);
    let file = script(&slow);
    let (model, workers) = workers(&file);
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let (command, blobs) = begin(&model, 2, Limits::default());
    let running = start(log.clone(), Arc::new(Counter::default()), workers, command, blobs).unwrap();
    let control = running.control.clone();
    let mut published = running.published.clone();
    let planning = |run: &Run| run.ledger().open().any(|(_, call)| call.job == Job::Plan);
    published.wait_for(planning).await.unwrap();
    control.interrupt(true).await.unwrap();
    let last = running.wait().await.unwrap();
    assert_eq!(last.phase(), Phase::Paused(PauseCause::Interrupt));
    assert_eq!((last.tasks().len(), last.jobs().claimed()), (0, 0));
    assert_eq!(last.ledger().open().count(), 0, "no call is left open");
}

#[tokio::test(start_paused = true)]
async fn the_examples_in_the_description_of_scripts_run() {
    let description = include_str!("../../../schemas/script.md");
    let blocks = description.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let examples: Vec<&str> = blocks.collect();
    assert!(!examples.is_empty(), "the description shows what a script looks like");
    for example in examples {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), example).unwrap();
        let last = run_file(&file, 2, Limits::default()).await.2;
        assert_eq!(last.phase(), Phase::Ended(Outcome::Answered));
        // The note in the example says what becomes of its tasks.
        let failures = |task| last.jobs().get(&Job::Reason(TaskId(task))).map(|job| job.failures);
        assert_eq!((failures(1), failures(2)), (Some(0), Some(2)));
        let kinds: Vec<GistKind> = last.facts().iter().map(|fact| fact.proposal.kind).collect();
        assert_eq!(kinds, [GistKind::Reading, GistKind::Finding, GistKind::Finding]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_had_come_of_a_reply_is_kept_and_cut() {
    let part = "x".repeat(2_000);
    let cut = format!(r#"{{"error":{{"fault":"provider","message":"cut off","partial":"{part}"}}}}"#);
    let long = r#"{"reply":"{{words:900}}"}"#;
    for (rules, fault) in [(cut.as_str(), CallFault::Provider), (long, CallFault::Request)] {
        let mut limits = Limits::default();
        limits.set("reply_bytes_max", 1_024).unwrap();
        limits.set("attempts_max", 1).unwrap();
        let (log, id, _) = run(rules, 1, limits).await;
        let entries = log.entries(&id, 0, 100).unwrap();
        let events = entries.iter().flat_map(|sealed| &sealed.entry.events);
        let mut failed = events.filter_map(|event| {
            let Event::CallFailed(failed) = event else { return None };
            Some((failed.fault, failed.reply.unwrap(), failed.billable))
        });
        let (found, reply, billable) = failed.next().unwrap();
        assert_eq!(billable, 1);
        let kept = log.blob(&id, &reply).unwrap();
        assert_eq!((found, kept.bytes().map(|bytes| bytes.len())), (fault, Some(1_024)));
    }
}
