//! How runs of the tests begin: one document, short templates, two agents, unless something else is asked for.
//!
//! Refuses to use the built-in templates: their words may change, the scripts' expectations then stay.

use delm_core::command::{AgentSpec, Command, SourceSpec, StartRun};
use delm_core::entry::Blob;
use delm_core::event::{
    Ablation, AgentKind, Extractor, ModelChoice, Models, PolicyName, Price, RunStarted, SourceSkipped,
    Template,
};
use delm_core::ids::Digest;
use delm_core::limits::Limits;

/// The document that runs read unless they name others.
pub const DOCUMENT: &str = "The harbour light was built in 1874 by Ada Quill. Ada Quill was born in the village of \
Penmarrow. Penmarrow did not burn in 1881.";

/// Short templates that show what they are given.
pub const TEMPLATES: [(&str, &str); 7] = [
    ("expand", "expand, {{cause}}: {{tasks}}{{feedback}}"),
    ("finalize", "finalize: {{question}}{{feedback}}"),
    ("plan", "plan: {{question}} {{sources}}{{feedback}}"),
    ("preamble", "NOTES\n"),
    ("read", "read {{label}}: {{text}}{{feedback}}"),
    ("reason", "reason {{label}}: {{task}}{{unfolded}}{{feedback}}"),
    ("review", "review {{label}}: {{gist}} on {{evidence}} and {{cited}}{{feedback}}"),
];

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct Begin {
    pub question: String,
    pub documents: Vec<(String, String)>,
    pub skipped: Vec<(String, String)>,
    pub agents: Vec<AgentSpec>,
    pub limits: Limits,
    pub self_review: bool,
    pub reading: bool,
    pub ablations: Vec<Ablation>,
    pub worker: String,
    pub judge: String,
    pub prices: Vec<(String, u64, u64)>,
    pub templates: Vec<(String, String)>,
}

impl Default for Begin {
    fn default() -> Self {
        Self {
            question: "Where was the builder born?".into(),
            documents: vec![("harbour.md".into(), DOCUMENT.into())],
            skipped: Vec::new(),
            agents: vec![agent(AgentKind::Model, ""); 2],
            limits: Limits::default(),
            self_review: false,
            reading: false,
            ablations: Vec::new(),
            worker: "script:test".into(),
            judge: "script:test".into(),
            prices: Vec::new(),
            templates: TEMPLATES.iter().map(|(part, text)| ((*part).into(), (*text).into())).collect(),
        }
    }
}

/// A worker that is about to join.
pub fn agent(kind: AgentKind, principal: &str) -> AgentSpec {
    let program = (kind == AgentKind::Program).then(|| "prog".into());
    AgentSpec { kind, principal: principal.into(), model: "script:test".into(), program }
}

impl Begin {
    /// The command that begins the run, with the blobs it names.
    pub fn command(&self) -> (Command, Vec<Blob>) {
        let mut blobs = Vec::new();
        let mut keep = |text: &str| {
            let blob = Blob::new(text.as_bytes());
            blobs.push(blob.clone());
            blob.hash
        };
        let choice = |model: &String| ModelChoice { model: model.clone(), params: Vec::new() };
        let template = |(part, text): &(String, String), keep: &mut dyn FnMut(&str) -> Digest| Template {
            part: part.clone(),
            text: keep(text),
        };
        let price = |(model, input, output): &(String, u64, u64)| Price {
            model: model.clone(),
            version: "test".into(),
            in_microusd: *input,
            cached_microusd: *input / 10,
            out_microusd: *output,
        };
        let run = RunStarted {
            nonce: [7; 16],
            question: keep(&self.question),
            name: None,
            policy: PolicyName { name: "fifo".into(), version: 1 },
            limits: self.limits.clone(),
            models: Models { worker: choice(&self.worker), judge: choice(&self.judge) },
            hosts: Vec::new(),
            engine: "test".into(),
            self_review: self.self_review,
            reading: self.reading,
            ablations: self.ablations.clone(),
            templates: self.templates.iter().map(|given| template(given, &mut keep)).collect(),
            prices: self.prices.iter().map(price).collect(),
        };
        let source = |(name, text): &(String, String), keep: &mut dyn FnMut(&str) -> Digest| SourceSpec {
            name: keep(name),
            original_hash: Digest::of_blob(text.as_bytes()),
            original_len: text.len() as u64,
            extractor: Extractor::Markdown,
            text: keep(text),
        };
        let sources = self.documents.iter().map(|given| source(given, &mut keep)).collect();
        let skip =
            |(name, reason): &(String, String)| SourceSkipped { name: keep(name), reason: keep(reason) };
        let skipped = self.skipped.iter().map(skip).collect();
        (Command::Start(StartRun { run, sources, skipped, agents: self.agents.clone() }), blobs)
    }
}
