//! `data` of the events that begin, stop and end a run, and of its sources, units and agents.
//!
//! Refuses text: what was said is a blob, named here by its hash.

use delm_core::event::{self, Ablation, AgentKind, Extractor, Outcome, PauseCause};
use delm_core::ids::{AgentId, SourceId, Subject, UnitId};
use delm_core::limits::{LIMITS, Limits};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::name::{Hash, Nonce, Word};
use crate::render::{Render, counterparts};

counterparts! {
    /// A run began: everything it was decided under.
    RunStarted {
        nonce: Word<Nonce> = |core| Word(Nonce(core.nonce)),
        question: Hash,
        name: Option<Hash>,
        policy: PolicyName,
        limits: LimitValues,
        models: Models,
        hosts: Vec<String>,
        engine: String,
        self_review: bool,
        reading: bool,
        ablations: Vec<Word<Ablation>>,
        templates: Vec<Template>,
        prices: Vec<Price>,
    }
    /// A policy by name and version.
    PolicyName {
        name: String,
        version: u32,
    }
    /// Which model does what.
    Models {
        worker: ModelChoice,
        judge: ModelChoice,
    }
    /// A model and the parameters it is called with.
    ModelChoice {
        model: String,
        params: Vec<Param>,
    }
    /// A prompt template.
    Template {
        part: String,
        text: Hash,
    }
    /// What a model costs, in millionths of a dollar for a million tokens.
    Price {
        model: String,
        version: String,
        in_microusd: u64,
        cached_microusd: u64,
        out_microusd: u64,
    }
    /// A run began from a prefix of another.
    RunForked {
        nonce: Word<Nonce> = |core| Word(Nonce(core.nonce)),
        name: Option<Hash>,
        origin: Origin = |core| Origin { run: Word(core.owner), seq: core.seq, head: Word(core.head) },
        engine: String,
        /// Limits that change; what else is not null replaces what the origin had.
        changes: Vec<Change>,
        policy: Option<PolicyName>,
        models: Option<Models>,
        hosts: Option<Vec<String>>,
        self_review: Option<bool>,
        ablations: Option<Vec<Word<Ablation>>>,
        templates: Option<Vec<Template>>,
        prices: Option<Vec<Price>>,
    }
    /// A limit and its new value.
    Change {
        limit: String,
        value: u64,
    }
    /// A run stopped in a way that can go on.
    RunPaused {
        cause: Word<PauseCause>,
        open: Vec<Word<Subject>>,
    }
    /// A run goes on under a new writer.
    RunResumed {
        engine: String,
        changes: Vec<Change>,
    }
    /// A run ended.
    RunEnded {
        outcome: Word<Outcome>,
        reason: Option<Hash>,
        open: Vec<Word<Subject>>,
    }
    /// A document is part of the run.
    SourceAdded {
        source: Word<SourceId>,
        name: Hash,
        original: Original = |core| Original { hash: Word(core.original_hash), len: core.original_len },
        extractor: Word<Extractor>,
        text: Hash,
    }
    /// A document was left out.
    SourceSkipped {
        name: Hash,
        reason: Hash,
    }
    /// A slice of a source got a label.
    UnitAdded {
        unit: Word<UnitId>,
        /// The source of the unit's label.
        source: Word<SourceId> = |core| Word(core.unit.source),
        start: u64,
        end: u64,
    }
    /// A worker joined.
    AgentJoined {
        agent: Word<AgentId>,
        kind: Word<AgentKind>,
        principal: String,
        model: String,
        program: Option<String>,
    }
    /// A worker left.
    AgentLeft {
        agent: Word<AgentId>,
    }
}

/// One parameter of a model, as the text given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Param {
    key: String,
    value: String,
}

impl Render<(String, String)> for Param {
    fn render((key, value): &(String, String)) -> Self {
        Self { key: key.clone(), value: value.clone() }
    }
}

/// The file as it was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Original {
    /// BLAKE3 of the file; not a blob.
    hash: Hash,
    /// Its bytes.
    len: u64,
}

/// The place a fork leaves from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Origin {
    /// The run that wrote the entry it leaves from.
    pub run: Hash,
    /// Seq of that entry.
    pub seq: u64,
    /// Id of that entry.
    pub head: Hash,
}

impl From<&delm_core::run::Origin> for Origin {
    fn from(core: &delm_core::run::Origin) -> Self {
        Self { run: Word(core.run), seq: core.head.seq, head: Word(core.head.id) }
    }
}

impl From<&event::RunForked> for Origin {
    fn from(core: &event::RunForked) -> Self {
        Self { run: Word(core.owner), seq: core.seq, head: Word(core.head) }
    }
}

/// All limits by name, in their order on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitValues(Limits);

impl Render<Limits> for LimitValues {
    fn render(value: &Limits) -> Self {
        Self(value.clone())
    }
}

impl Serialize for LimitValues {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(LIMITS.len()))?;
        for info in LIMITS {
            map.serialize_entry(info.name, &self.0.get(info.name))?;
        }
        map.end()
    }
}

impl JsonSchema for LimitValues {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limits".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let integer = || serde_json::json!({ "type": "integer", "minimum": 0 });
        let properties: serde_json::Map<_, _> =
            LIMITS.iter().map(|info| (info.name.into(), integer())).collect();
        let required: Vec<_> = LIMITS.iter().map(|info| info.name).collect();
        json_schema!({ "type": "object", "properties": properties, "required": required })
    }
}
