//! A whole run in memory, decided by the core: agents answer by rule, and every entry is durable at once.
//!
//! Refuses to be a model of anything but one small question over one document.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::collections::BTreeMap;
use std::sync::Arc;

use delm_core::apply::apply;
use delm_core::command::{AgentSpec, CallDone, CallLost, Command, Envelope, SourceSpec, StartRun};
use delm_core::dispatcher::{Accepted, Dispatcher};
use delm_core::entry::{Blob, Sealed};
use delm_core::event::*;
use delm_core::ids::*;
use delm_core::limits::Limits;
use delm_core::policy::Fifo;
use delm_core::prompt::TEMPLATES;
use delm_core::run::{Phase, Run};

pub(crate) const DOCUMENT: &str =
    "The harbour light was built in 1874 by Ada Quill. Ada Quill was born in the village of Penmarrow.";

pub(crate) struct World {
    dispatcher: Dispatcher,
    pub(crate) stored: BTreeMap<Digest, Arc<[u8]>>,
    pub(crate) log: Vec<Sealed>,
    at: u64,
    numbers: BTreeMap<u32, u64>,
}

fn start() -> (StartRun, Vec<Blob>) {
    let mut blobs = Vec::new();
    let mut keep = |text: &str| {
        let blob = Blob::new(text.as_bytes());
        blobs.push(blob.clone());
        blob.hash
    };
    let choice = ModelChoice { model: "script:test".into(), params: vec![("seed".into(), "7".into())] };
    let run = RunStarted {
        nonce: [7; 16],
        question: keep("Where was the builder of the harbour light born?"),
        name: Some(keep("harbour")),
        policy: PolicyName { name: "fifo".into(), version: 1 },
        limits: Limits::default(),
        models: Models { worker: choice.clone(), judge: choice },
        hosts: Vec::new(),
        engine: "test".into(),
        self_review: false,
        reading: false,
        ablations: Vec::new(),
        templates: TEMPLATES
            .iter()
            .map(|(part, text)| Template { part: (*part).into(), text: keep(text) })
            .collect(),
        prices: Vec::new(),
    };
    let source = SourceSpec {
        name: keep("harbour.md"),
        original_hash: Digest::of_blob(DOCUMENT.as_bytes()),
        original_len: DOCUMENT.len() as u64,
        extractor: Extractor::Markdown,
        text: keep(DOCUMENT),
    };
    let agent = AgentSpec {
        kind: AgentKind::Model,
        principal: String::new(),
        model: "script:test".into(),
        program: None,
    };
    (StartRun { run, sources: vec![source], skipped: Vec::new(), agents: vec![agent.clone(), agent] }, blobs)
}

pub(crate) fn reply_to(job: &Job) -> &'static str {
    match job {
        Job::Plan => {
            r#"{"tasks":[{"text":"Who built the light?","needs":[]},{"text":"Where was she born?","needs":["1"]}]}"#
        }
        Job::Reason(task) if task.0 == 1 => {
            r#"{"finding":"Ada Quill built the harbour light in 1874.","cites":[],"evidence":[{"unit":"S1.1","quote":"The harbour light was built in 1874 by Ada Quill."}],"unfold":[]}"#
        }
        Job::Reason(_) | Job::Read(_) => {
            r#"{"finding":"Ada Quill was born in Penmarrow.","cites":["F1"],"evidence":[{"unit":"S1.1","quote":"Ada Quill was born in the village of Penmarrow."}],"unfold":[]}"#
        }
        Job::Review(_) => r#"{"outcome":"approve","reason":"it says so"}"#,
        Job::Expand(_) => r#"{"tasks":[]}"#,
        Job::Finalize => r#"{"answered":true,"answer":"In Penmarrow.","cites":["F1","F2"]}"#,
    }
}

impl World {
    /// A run before its first entry.
    pub(crate) fn new() -> Self {
        let dispatcher = Dispatcher::new(&Fifo, Run::default());
        let (stored, numbers) = (BTreeMap::new(), BTreeMap::new());
        let mut world = Self { dispatcher, stored, log: Vec::new(), at: 1_000, numbers };
        let (start, blobs) = start();
        world.dispatcher.engine(&world.stored, Command::Start(start), blobs, world.at);
        assert_eq!(world.flush().len(), 0, "the engine asks for no call");
        world
    }

    /// The calls that agents may now make.
    fn flush(&mut self) -> Vec<CallId> {
        let staged = self.dispatcher.take_staged();
        let count = staged.len();
        for entry in staged {
            self.stored.extend(entry.blobs.into_iter().map(|blob| (blob.hash, blob.bytes)));
            self.log.push(entry.entry);
        }
        let accepted =
            self.dispatcher.durable(count).into_iter().filter_map(|answered| answered.outcome.ok());
        accepted.filter_map(|Accepted { reply, .. }| reply.call).collect()
    }

    fn say(&mut self, agent: u32, command: Command, blobs: Vec<Blob>, next: bool) -> Vec<CallId> {
        let number = self.numbers.entry(agent).or_insert(0);
        let claim = self.dispatcher.quoted_claim(AgentId(agent), &command);
        let envelope = Envelope { agent: Some(AgentId(agent)), number: *number, command, claim, next };
        *number += 1;
        self.at += 100;
        self.dispatcher.command(&self.stored, envelope, blobs, self.at);
        self.flush()
    }

    /// Lets both agents work until the run is over; the first call fails.
    pub(crate) fn work(&mut self) {
        self.work_by(reply_to);
    }

    /// The same with other replies.
    #[allow(dead_code, reason = "each test binary uses a part")]
    pub(crate) fn work_by(&mut self, reply_to: fn(&Job) -> &'static str) {
        let mut calls = self.say(1, Command::Claim { job: None }, Vec::new(), false);
        calls.extend(self.say(2, Command::Claim { job: None }, Vec::new(), false));
        let mut failed = false;
        for _ in 0..200 {
            let Some(call) = calls.pop() else { break };
            let open = self.run().open_call(call).unwrap().clone();
            if !core::mem::replace(&mut failed, true) {
                let error = Blob::new(b"no answer for this prompt".as_slice());
                let fault = CallFault::Request;
                let lost = CallLost { call, fault, error: error.hash, reply: None, tries: 1, billable: 1 };
                calls.extend(self.say(open.agent.0, Command::Fail(lost), vec![error], true));
            } else {
                let reply = Blob::new(reply_to(&open.job).as_bytes());
                let done = CallDone {
                    call,
                    reply: reply.hash,
                    model_reported: Some("test-1".into()),
                    request_id: None,
                    tokens: Some(Tokens { input: 10, output: 5, cached: 2 }),
                    latency_ms: 80,
                    tries: 1,
                    billable: 0,
                };
                calls.extend(self.say(open.agent.0, Command::Answer(done), vec![reply], true));
            }
            if self.run().phase() != Phase::Running {
                break;
            }
            let idle: Vec<u32> = self
                .run()
                .agents()
                .iter()
                .filter(|(_, agent)| agent.claim.is_none())
                .map(|(id, _)| id.0)
                .collect();
            for agent in idle {
                calls.extend(self.say(agent, Command::Claim { job: None }, Vec::new(), false));
            }
        }
    }

    pub(crate) fn run(&self) -> &Run {
        self.dispatcher.published()
    }

    /// Folds the log, showing each entry right after it was applied.
    pub(crate) fn fold(&self, mut seen: impl FnMut(&Run, &Sealed)) -> Run {
        let mut run = Run::default();
        for sealed in &self.log {
            apply(&mut run, sealed).unwrap();
            seen(&run, sealed);
        }
        run
    }
}
