//! Events of a run's beginning, pauses and end, of its sources, its workers and its answer.
//!
//! Refuses to hold what a run can be decided without: a first entry holds all limits, models, templates and prices.

use alloc::string::String;
use alloc::vec::Vec;

use bincode::{Decode, Encode};

use super::words::{Ablation, AgentKind, AnswerKind, Extractor, Outcome, PauseCause};
use crate::entry::Head;
use crate::ids::{AgentId, Digest, FactId, Fence, MicroUsd, Seq, SourceId, Subject, UnitId};
use crate::limits::Limits;

/// A run began: everything it was decided under. Sources, units and agents follow in the same entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunStarted {
    /// Sixteen random bytes from the shell, so that equal runs differ.
    pub nonce: [u8; 16],
    /// Blob: the question.
    pub question: Digest,
    /// Blob: the name given to the run, if any.
    pub name: Option<Digest>,
    /// The policy, by name and version.
    pub policy: PolicyName,
    /// All limits.
    pub limits: Limits,
    /// Models by purpose.
    pub models: Models,
    /// Hosts that would be called.
    pub hosts: Vec<String>,
    /// Version of the binary.
    pub engine: String,
    /// A verdict may come from the author's own principal.
    pub self_review: bool,
    /// Units are read (summary and gist) before planning.
    pub reading: bool,
    /// What is switched off.
    pub ablations: Vec<Ablation>,
    /// Prompt templates: by part, sorted.
    pub templates: Vec<Template>,
    /// Prices known when the run began, sorted by model.
    pub prices: Vec<Price>,
}

/// A policy by name and version.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PolicyName {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
}

/// Which model does what: `extractive`, `script:FILE` or `provider::name`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Models {
    /// Plans, reads, reasons, expands and finalizes.
    pub worker: ModelChoice,
    /// Reviews.
    pub judge: ModelChoice,
}

/// A model and the parameters it is called with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ModelChoice {
    /// `extractive`, `script:FILE` or `provider::name`.
    pub model: String,
    /// Parameters, as the decimal text given; sorted by key.
    pub params: Vec<(String, String)>,
}

/// One prompt template.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Template {
    /// The part it renders: `preamble`, or a purpose.
    pub part: String,
    /// Blob: its text.
    pub text: Digest,
}

/// What a model costs, in millionths of a dollar for a million tokens.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Price {
    /// `provider::name`.
    pub model: String,
    /// The version of the price list this comes from.
    pub version: String,
    /// For a million tokens in.
    pub in_microusd: MicroUsd,
    /// For a million tokens in that the provider had cached.
    pub cached_microusd: MicroUsd,
    /// For a million tokens out.
    pub out_microusd: MicroUsd,
}

/// A run began from a prefix of another, under what that one was decided under but for what is changed here. What a fork
/// inherits and lets go follows in the same entry: claims, calls, facts that are dropped, tasks that are tainted by it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunForked {
    /// Sixteen random bytes from the shell, so that equal forks differ.
    pub nonce: [u8; 16],
    /// Blob: the name given to the fork, if any; that of its origin is not inherited.
    pub name: Option<Digest>,
    /// The run that wrote the entry it leaves from.
    pub owner: Digest,
    /// Seq of that entry.
    pub seq: Seq,
    /// Id of that entry.
    pub head: Digest,
    /// Version of the binary.
    pub engine: String,
    /// Limits that change.
    pub changes: Vec<Change>,
    /// Another policy.
    pub policy: Option<PolicyName>,
    /// Other models.
    pub models: Option<Models>,
    /// Other hosts that would be called.
    pub hosts: Option<Vec<String>>,
    /// Whether, other than before, a verdict may come from the author's own principal.
    pub self_review: Option<bool>,
    /// Other things that are switched off.
    pub ablations: Option<Vec<Ablation>>,
    /// Other templates, all of them.
    pub templates: Option<Vec<Template>>,
    /// Other prices, all of them.
    pub prices: Option<Vec<Price>>,
}

impl RunForked {
    /// A fork that leaves `owner` behind this entry and changes nothing.
    #[must_use]
    pub fn unchanged(nonce: [u8; 16], owner: Digest, head: Head, engine: String) -> Self {
        Self {
            nonce,
            name: None,
            owner,
            seq: head.seq,
            head: head.id,
            engine,
            changes: Vec::new(),
            policy: None,
            models: None,
            hosts: None,
            self_review: None,
            ablations: None,
            templates: None,
            prices: None,
        }
    }

    /// What the fork is decided under: as its origin was, but for what it changes. Its `limits` are those given.
    #[must_use]
    pub fn settings(&self, origin: &RunStarted, limits: Limits) -> RunStarted {
        RunStarted {
            nonce: self.nonce,
            question: origin.question,
            name: self.name,
            policy: self.policy.clone().unwrap_or_else(|| origin.policy.clone()),
            limits,
            models: self.models.clone().unwrap_or_else(|| origin.models.clone()),
            hosts: self.hosts.clone().unwrap_or_else(|| origin.hosts.clone()),
            engine: self.engine.clone(),
            self_review: self.self_review.unwrap_or(origin.self_review),
            reading: origin.reading,
            ablations: self.ablations.clone().unwrap_or_else(|| origin.ablations.clone()),
            templates: self.templates.clone().unwrap_or_else(|| origin.templates.clone()),
            prices: self.prices.clone().unwrap_or_else(|| origin.prices.clone()),
        }
    }
}

/// One limit changed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Change {
    /// The limit.
    pub limit: String,
    /// Its new value.
    pub value: u64,
}

/// A run stopped in a way that can go on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunPaused {
    /// Why.
    pub cause: PauseCause,
    /// Tasks and readings neither done nor abandoned.
    pub open: Vec<Subject>,
}

/// A run goes on under a new writer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunResumed {
    /// Version of the binary.
    pub engine: String,
    /// Limits that changed.
    pub changes: Vec<Change>,
}

/// A run ended.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunEnded {
    /// How.
    pub outcome: Outcome,
    /// Blob: why, for failed runs.
    pub reason: Option<Digest>,
    /// Tasks and readings neither done nor abandoned.
    pub open: Vec<Subject>,
}

/// A document is part of the run.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SourceAdded {
    /// Its label.
    pub source: SourceId,
    /// Blob: its name.
    pub name: Digest,
    /// BLAKE3 of the file as it was found.
    pub original_hash: Digest,
    /// Bytes of that file.
    pub original_len: u64,
    /// How its text was got.
    pub extractor: Extractor,
    /// Blob: its text.
    pub text: Digest,
}

/// A document was left out.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SourceSkipped {
    /// Blob: its name.
    pub name: Digest,
    /// Blob: why.
    pub reason: Digest,
}

/// A slice of a source got a label.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct UnitAdded {
    /// Its label.
    pub unit: UnitId,
    /// Byte offset of its start in the source's text.
    pub start: u64,
    /// Byte offset just past its end.
    pub end: u64,
}

/// A worker joined.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AgentJoined {
    /// Its label.
    pub agent: AgentId,
    /// What it is.
    pub kind: AgentKind,
    /// Who answers for it.
    pub principal: String,
    /// The model it works with.
    pub model: String,
    /// The program it is, if it is one.
    pub program: Option<String>,
}

/// A worker left.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AgentLeft {
    /// Its label.
    pub agent: AgentId,
}

/// No new claim from here on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LimitReached {
    /// What stopped the run.
    pub cause: PauseCause,
    /// The limit by name; empty for interrupts and provider failures.
    pub limit: String,
    /// Its value.
    pub value: u64,
    /// What was spent of it at this moment; what open calls have reserved does not count.
    pub spent: u64,
    /// The most the call could take for which a claim found too little left; 0 where the limit itself is spent.
    pub needed: u64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AnswerGiven {
    /// The finalizer's claim.
    pub fence: Fence,
    /// Blob: its text.
    pub answer: Digest,
    /// What kind of answer it is.
    pub answer_kind: AnswerKind,
    /// Facts it builds on, in its order.
    pub cites: Vec<FactId>,
}
