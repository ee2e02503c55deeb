//! What delm finds around itself and is told: `doctor`, `config`, `schema`, `completions`.
//!
//! Refuses secrets: a key is named by where it comes from, an address stands without what may be one.

use schemars::JsonSchema;
use serde::Serialize;

use super::tag;

tag!(/// The schema of `delm doctor`.
    DoctorTag = "delm.doctor/1");
tag!(/// The schema of `delm config show`.
    ConfigTag = "delm.config/1");
tag!(/// The schema of `delm config limits`.
    LimitsTag = "delm.config-limits/1");
tag!(/// The schema of `delm config prompts`.
    PromptsTag = "delm.config-prompts/1");
tag!(/// The schema of `delm schema`.
    SchemaTag = "delm.schema/1");
tag!(/// The schema of `delm completions`.
    CompletionsTag = "delm.completions/1");

/// What a run will find on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Doctor {
    /// What this document is.
    pub schema: DoctorTag,
    /// Version of the binary.
    pub version: String,
    /// The format of entries it writes.
    pub entry_format: u8,
    /// The rules it decides under.
    pub rules: u32,
    /// The store.
    pub store: DoctorStore,
    /// How long a durable write takes there; null if none could be made.
    pub durable_write: Option<DurableWrite>,
    /// Why none could be made.
    pub durable_write_error: Option<String>,
    /// Settings files that were looked for, highest first.
    pub settings: Vec<DoctorFile>,
    /// Providers, and where their keys would come from.
    pub keys: Vec<DoctorKey>,
    /// The model that works if no other is named.
    pub model: String,
    /// Standard output.
    pub terminal: DoctorTerminal,
}

/// A store, or the place for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DoctorStore {
    /// Its folder.
    pub path: String,
    /// Whether there is one.
    pub exists: bool,
}

/// Writes, each with its sync, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DurableWrite {
    /// How many were timed.
    pub writes: u64,
    /// Bytes of each.
    pub bytes: u64,
    /// The median.
    pub p50_us: u64,
    /// The 99th of a hundred.
    pub p99_us: u64,
    /// The longest.
    pub max_us: u64,
}

/// A settings file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DoctorFile {
    /// Where it was looked for.
    pub path: String,
    /// Whether it is there.
    pub found: bool,
}

/// A provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DoctorKey {
    /// Its name.
    pub provider: String,
    /// Where its key would come from; null if there is none.
    pub source: Option<String>,
    /// Its address, if it is not the built-in one.
    pub base_url: Option<String>,
}

/// A terminal, or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DoctorTerminal {
    /// Its columns; null if it is none.
    pub columns: Option<u16>,
    /// Whether colour is used.
    pub colour: bool,
    /// The variable TERM.
    pub term: Option<String>,
}

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ConfigItem {
    /// Its name.
    pub key: String,
    /// Its value, with nothing in it that may be a secret.
    pub value: String,
    /// Where the value comes from.
    pub origin: String,
}

/// A limit of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LimitItem {
    /// Its name.
    pub name: String,
    /// What it is set to.
    pub value: u64,
    /// What it is if nobody sets it.
    pub default: u64,
    /// The least it can be.
    pub low: u64,
    /// The most it can be.
    pub high: u64,
    /// What it bounds.
    pub about: String,
}

/// A prompt template that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PromptItem {
    /// The part of prompts that it is.
    pub part: String,
    /// The file it was written to.
    pub file: String,
}

/// A schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SchemaItem {
    /// Its name.
    pub name: String,
    /// What it describes.
    pub about: String,
    /// The schema, where one was asked for by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<serde_json::Value>,
}

/// Completions for a shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Completions {
    /// What this document is.
    pub schema: CompletionsTag,
    /// The shell.
    pub shell: String,
    /// What it is to be given.
    pub script: String,
}
