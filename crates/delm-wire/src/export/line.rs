//! The four kinds of lines of an export, and their one spelling.
//!
//! Refuses choice: fields stand in a fixed order, with no spaces and no optional fields but a redacted blob's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use delm_core::entry::{Head, Sealed};
use delm_core::event::Event;
use delm_core::ids::{AgentId, Digest};
use delm_core::tree::Tree;
use schemars::JsonSchema;
use serde::Serialize;

use crate::data::{EventView, Origin};
use crate::name::{Hash, Word};

/// What the first line says it is.
pub const SCHEMA: &str = "delm.export/1";

/// The longest line that is read, its newline included: room for a source of 1 GiB.
pub const LINE_BYTES_MAX: u64 = 2 << 30;

crate::view::tag!(
    /// The schema of an export's first line.
    ExportTag = SCHEMA
);

/// The first line: which run this is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct Header {
    /// What this file is.
    pub schema: ExportTag,
    /// Id of the run's first own entry.
    pub run: Hash,
    /// Where it was forked from.
    pub origin: Option<Origin>,
    /// Version of the binary that began it, as recorded.
    pub engine: String,
}

impl Header {
    /// The header of the run that this entry begins, if it begins one.
    #[must_use]
    pub fn of(first_own: &Sealed) -> Option<Self> {
        let first = first_own.entry.events.first()?;
        let (origin, engine) = if let Event::RunStarted(body) = first {
            (None, &body.engine)
        } else if let Event::RunForked(body) = first {
            (Some(body.into()), &body.engine)
        } else {
            return None;
        };
        Some(Self { schema: ExportTag, run: Word(first_own.id), origin, engine: engine.clone() })
    }
}

/// An entry. Everything but `bytes` is a rendering of `bytes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct EntryLine {
    /// Its place in the run, from zero.
    pub seq: u64,
    /// BLAKE3 of the bytes, key-derivation context `delm entry v1`.
    pub id: Hash,
    /// Id of the entry before; null for the first.
    pub parent: Option<Hash>,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub at_ms: u64,
    /// Who commanded; null for the engine itself.
    pub agent: Option<Word<AgentId>>,
    /// The command's number among those of its sender.
    pub command: u64,
    /// The rules it was decided under.
    pub rules: u32,
    /// What happened.
    pub events: Vec<EventView>,
    /// The stored bytes, base64.
    pub bytes: String,
}

impl EntryLine {
    /// Renders an entry.
    #[must_use]
    pub fn of(sealed: &Sealed) -> Self {
        let entry = &sealed.entry;
        Self {
            seq: entry.seq,
            id: Word(sealed.id),
            parent: (entry.parent != Digest::ZERO).then_some(Word(entry.parent)),
            at_ms: entry.at,
            agent: entry.agent.map(Word),
            command: entry.command,
            rules: entry.rules,
            events: entry.events.iter().map(EventView::of).collect(),
            bytes: STANDARD.encode(&sealed.bytes),
        }
    }
}

/// A blob: its bytes, or the word that they were redacted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false, "oneOf" = [{"required": ["base64"]}, {"required": ["redacted"]}]))]
pub struct BlobLine {
    /// BLAKE3 of the bytes.
    pub blob: Hash,
    /// How many bytes there are, or were.
    pub len: u64,
    /// The bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Stands here, true, instead of the bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redacted: Option<bool>,
}

impl BlobLine {
    /// A blob with its bytes.
    #[must_use]
    pub fn present(hash: Digest, bytes: &[u8]) -> Self {
        let base64 = Some(STANDARD.encode(bytes));
        Self { blob: Word(hash), len: bytes.len() as u64, base64, redacted: None }
    }

    /// A blob whose bytes are gone.
    #[must_use]
    pub fn redacted(hash: Digest, len: u64) -> Self {
        Self { blob: Word(hash), len, base64: None, redacted: Some(true) }
    }
}

/// The last line: what everything before must come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct End {
    /// The newest entry.
    pub head: HeadView,
    /// The history tree over all entry ids.
    pub tree: TreeView,
}

impl End {
    /// The end of a run with this head and tree.
    #[must_use]
    pub fn of(head: Head, tree: &Tree) -> Self {
        Self { head: head.into(), tree: tree.into() }
    }
}

/// The newest entry of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HeadView {
    /// Its place.
    pub seq: u64,
    /// Its id.
    pub id: Hash,
}

impl From<Head> for HeadView {
    fn from(head: Head) -> Self {
        Self { seq: head.seq, id: Word(head.id) }
    }
}

/// An RFC 6962 tree: how many entries, and its root (SHA-256).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TreeView {
    /// Leaves: seq of the head plus one.
    pub size: u64,
    /// The tree head.
    pub root: Hash,
}

impl From<&Tree> for TreeView {
    fn from(tree: &Tree) -> Self {
        Self { size: tree.size(), root: Word(Digest(tree.root())) }
    }
}

/// A line as it is written, its newline included.
pub(crate) fn spell(line: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(line)?;
    text.push('\n');
    Ok(text)
}
