//! From settings, documents and a question to the command that begins a run.
//!
//! Refuses to leave anything a run is decided under outside of it: limits, models, parameters, templates and prices all
//! go into its first entry.

use delm_core::command::{AgentSpec, SourceSpec, StartRun};
use delm_core::entry::Blob;
use delm_core::event::{
    Ablation, AgentKind, ModelChoice, Models, Price, RunStarted, SourceSkipped, Template,
};
use delm_core::ids::Digest;
use delm_core::limits::Limits;
use delm_core::policy::{Fifo, Policy};
use delm_core::prompt::{BUILTIN, TEMPLATES, check_template};

use crate::docs::Documents;
use crate::error::CliError;

/// Agents that work when nothing else is said: enough that a verdict comes from another than the author.
pub(crate) const AGENTS: u32 = 4;

/// What a run is begun with.
pub(crate) struct Plan {
    /// What is asked.
    pub(crate) question: String,
    /// What the run is called.
    pub(crate) name: Option<String>,
    /// Its documents.
    pub(crate) documents: Documents,
    /// How many agents work.
    pub(crate) agents: u32,
    /// Who works.
    pub(crate) worker: ModelChoice,
    /// Who reviews.
    pub(crate) judge: ModelChoice,
    /// Its limits.
    pub(crate) limits: Limits,
    /// What is switched off.
    pub(crate) ablations: Vec<Ablation>,
    /// Templates that replace built-in ones: part and text.
    pub(crate) templates: Vec<(String, String)>,
    /// What models cost.
    pub(crate) prices: Vec<Price>,
    /// Hosts that will be called.
    pub(crate) hosts: Vec<String>,
}

/// The version that is recorded in every run.
pub(crate) fn engine() -> String {
    concat!("delm ", env!("CARGO_PKG_VERSION")).to_owned()
}

impl Plan {
    /// Whether units are read, summary and gist, before planning: a model sees documents only so.
    pub(crate) fn reading(&self) -> bool {
        self.worker.model != BUILTIN
    }

    /// The command, and the bytes it names.
    ///
    /// # Errors
    /// Exit 2 for a template that asks for what is never given.
    pub(crate) fn command(self, nonce: [u8; 16]) -> Result<(StartRun, Vec<Blob>), CliError> {
        let mut blobs = Vec::new();
        let mut keep = |bytes: &[u8]| {
            let blob = Blob::new(bytes);
            let hash = blob.hash;
            blobs.push(blob);
            hash
        };
        let reading = self.reading();
        let templates = templates(&self.templates, &mut keep)?;
        let sources = self.documents.read.iter().map(|document| SourceSpec {
            name: keep(document.name.as_bytes()),
            original_hash: document.hash,
            original_len: document.text.len() as u64,
            extractor: document.extractor,
            text: keep(document.text.as_bytes()),
        });
        let sources: Vec<_> = sources.collect();
        let skipped = self.documents.skipped.iter().map(|skipped| SourceSkipped {
            name: keep(skipped.name.as_bytes()),
            reason: keep(skipped.reason.as_bytes()),
        });
        let skipped: Vec<_> = skipped.collect();
        let agent = agent(&self.worker.model);
        let mut ablations = self.ablations;
        ablations.sort();
        ablations.dedup();
        let run = RunStarted {
            nonce,
            question: keep(self.question.as_bytes()),
            name: self.name.as_deref().map(|name| keep(name.as_bytes())),
            policy: Fifo.name(),
            limits: self.limits,
            models: Models { worker: self.worker, judge: self.judge },
            hosts: self.hosts,
            engine: engine(),
            self_review: self.agents == 1,
            reading,
            ablations,
            templates,
            prices: self.prices,
        };
        let agents = (0..self.agents).map(|_| agent.clone()).collect();
        Ok((StartRun { run, sources, skipped, agents }, blobs))
    }
}

/// A worker with a model.
pub(super) fn agent(model: &str) -> AgentSpec {
    let kind = if model == BUILTIN { AgentKind::Builtin } else { AgentKind::Model };
    AgentSpec { kind, principal: String::new(), model: model.to_owned(), program: None }
}

/// The built-in templates with those of the caller's in their place, sorted by part.
fn templates(
    own: &[(String, String)],
    keep: &mut impl FnMut(&[u8]) -> Digest,
) -> Result<Vec<Template>, CliError> {
    let mut templates = Vec::with_capacity(TEMPLATES.len());
    for (part, text) in TEMPLATES {
        let text = own.iter().find(|(name, _)| name == part).map_or(*text, |(_, text)| text.as_str());
        check_template(text).map_err(|error| {
            CliError::usage(format!("the template {part}.txt cannot be used: {error}")).hint(
                "`delm config prompts -o DIR` writes the built-in templates with every placeholder there is",
            )
        })?;
        templates.push(Template { part: (*part).to_owned(), text: keep(text.as_bytes()) });
    }
    Ok(templates)
}
