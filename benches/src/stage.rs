//! What a run begins with, put together for benches.
//!
//! Refuses nothing: a wrong start is refused by the core when the run begins.

use delm_core::command::{AgentSpec, SourceSpec, StartRun};
use delm_core::entry::Blob;
use delm_core::event::{Ablation, AgentKind, Extractor, ModelChoice, Models, RunStarted, Template};
use delm_core::ids::Digest;
use delm_core::limits::Limits;
use delm_core::policy::{Fifo, Policy};
use delm_core::prompt::TEMPLATES;

/// A run to be begun.
#[derive(Clone, Debug)]
pub struct Stage<'a> {
    /// What is asked.
    pub question: &'a str,
    /// Name and text of each document.
    pub documents: &'a [(String, String)],
    /// The model that works and judges.
    pub model: &'a str,
    /// What the agents are.
    pub kind: AgentKind,
    /// How many of them.
    pub agents: u32,
    /// Whether units are read before the plan.
    pub reading: bool,
    /// Limits.
    pub limits: Limits,
    /// What is switched off.
    pub ablations: Vec<Ablation>,
}

impl Stage<'_> {
    /// The command that begins it, and the bytes it names.
    #[must_use]
    pub fn command(&self) -> (StartRun, Vec<Blob>) {
        let mut blobs = Vec::new();
        let mut keep = |text: &str| {
            let blob = Blob::new(text.as_bytes());
            let hash = blob.hash;
            blobs.push(blob);
            hash
        };
        let templates = TEMPLATES
            .iter()
            .map(|(part, text)| Template { part: (*part).into(), text: keep(text) })
            .collect();
        let choice = ModelChoice { model: self.model.into(), params: Vec::new() };
        let run = RunStarted {
            nonce: [7; 16],
            question: keep(self.question),
            name: None,
            policy: Fifo.name(),
            limits: self.limits.clone(),
            models: Models { worker: choice.clone(), judge: choice },
            hosts: Vec::new(),
            engine: "bench".into(),
            self_review: self.agents == 1,
            reading: self.reading,
            ablations: self.ablations.clone(),
            templates,
            prices: Vec::new(),
        };
        let sources = self.documents.iter().map(|(name, text)| SourceSpec {
            name: keep(name),
            original_hash: Digest::of_blob(text.as_bytes()),
            original_len: text.len() as u64,
            extractor: Extractor::Text,
            text: keep(text),
        });
        let sources = sources.collect();
        let agents = (1..=self.agents).map(|number| self.agent(number)).collect();
        (StartRun { run, sources, skipped: Vec::new(), agents }, blobs)
    }

    fn agent(&self, number: u32) -> AgentSpec {
        // A program answers to the holder of its secret; the others answer for themselves.
        let principal =
            if self.kind == AgentKind::Program { format!("program {number}") } else { String::new() };
        let program = (self.kind == AgentKind::Program).then(|| "bench".to_owned());
        AgentSpec { kind: self.kind, principal, model: self.model.into(), program }
    }
}
