//! What verification, replay and audit found: `delm verify`, `delm replay`, `delm check`.
//!
//! Refuses to print a failure as a document: what is broken is an error, with its exit code.

use schemars::JsonSchema;
use serde::Serialize;

use super::tag;
use crate::export::{HeadView, TreeView};
use crate::name::Hash;

tag!(/// The schema of `delm verify`.
    VerifyTag = "delm.verify/1");
tag!(/// The schema of `delm replay`.
    ReplayTag = "delm.replay/1");
tag!(/// The schema of `delm check`.
    CheckTag = "delm.check/1");
tag!(/// The schema of `delm check --list`.
    LawsTag = "delm.laws/1");

/// A run, or with `--all` a store, whose bytes are what they say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Verified {
    /// What this document is.
    pub schema: VerifyTag,
    /// The run; null where all of them were looked at.
    pub run: Option<Hash>,
    /// Its newest entry.
    pub head: Option<HeadView>,
    /// Its history tree.
    pub tree: Option<TreeView>,
    /// Runs looked at.
    pub runs: u64,
    /// Entries read.
    pub entries: u64,
    /// Blobs read.
    pub blobs: u64,
    /// Blobs whose bytes are gone, as an event says.
    pub redacted: u64,
    /// The store it is in; null for an export.
    pub store: Option<StoreChecked>,
    /// What was not looked at, in words.
    pub not_looked_at: Vec<String>,
}

/// A store whose parts agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct StoreChecked {
    /// Bytes of the journal that were read.
    pub journal_bytes: u64,
    /// Its records.
    pub journal_records: u64,
    /// What was put right, in words: a rewritten anchor slot, values of the sled that disagreed.
    pub healed: Vec<String>,
}

/// A run that was folded and decided again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Replayed {
    /// What this document is.
    pub schema: ReplayTag,
    /// The run.
    pub run: Hash,
    /// Its newest entry.
    pub head: HeadView,
    /// Entries folded.
    pub entries: u64,
    /// Entries decided again.
    pub decisions: u64,
    /// Events that came out of those decisions again.
    pub events: u64,
    /// Prompts rebuilt and compared.
    pub prompts: u64,
    /// Mechanical verdicts given again.
    pub verdicts: u64,
    /// Replies of the built-in reader worked out again.
    pub replies: u64,
    /// Model calls that the replay made: none, ever.
    pub calls: u64,
    /// What was not looked at, and why: a redacted text, a policy that this binary lacks.
    pub skipped: Vec<String>,
    /// Entries that came out otherwise.
    pub differences: u64,
    /// The first of them.
    pub diverged: Option<Diverged>,
}

/// Where a replay came out otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Diverged {
    /// Seq of the entry.
    pub seq: u64,
    /// What differs: `decision`, `prompt`, `verdict`, `blob` or `reply`.
    pub what: String,
    /// What the log holds.
    pub expected: String,
    /// What came out.
    pub found: String,
}

/// An intact run, judged by its log alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Checked {
    /// What this document is.
    pub schema: CheckTag,
    /// The run.
    pub run: Hash,
    /// Its newest entry.
    pub head: HeadView,
    /// Entries judged.
    pub entries: u64,
    /// Events in them.
    pub events: u64,
    /// Blobs whose bytes were compared with their hash.
    pub blobs: u64,
    /// Blobs whose bytes are gone, as an event says.
    pub redacted: u64,
    /// The invariants that are broken, in the order in which they were first; empty if none is.
    pub findings: Vec<BrokenLaw>,
}

/// An invariant that is broken, where it is first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BrokenLaw {
    /// Its number, such as `I-12`.
    pub invariant: String,
    /// Its name.
    pub name: String,
    /// What it demands.
    pub sentence: String,
    /// Seq of the entry that breaks it.
    pub seq: u64,
    /// What belongs there.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// How often it is broken later on.
    pub more: u64,
}

/// An invariant, and who can judge it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LawView {
    /// Its number, such as `I-12`.
    pub invariant: String,
    /// Its name.
    pub name: String,
    /// `log`, `log in part` or `elsewhere`: whether a log shows that it is kept.
    pub judge: String,
    /// What it demands.
    pub sentence: String,
}
