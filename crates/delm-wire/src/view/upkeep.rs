//! What lies behind a name, and what upkeep did: `delm cat`, `delm rm`, `delm backup`.
//!
//! Refuses to pass bytes off as text: what is no UTF-8 comes as base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use delm_core::ids::Digest;
use schemars::JsonSchema;
use serde::Serialize;

use super::tag;
use crate::name::{Hash, Word};

tag!(/// The schema of `delm cat`.
    CatTag = "delm.cat/1");
tag!(/// The schema of `delm rm`.
    RmTag = "delm.rm/1");
tag!(/// The schema of `delm backup`.
    BackupTag = "delm.backup/1");

/// The bytes behind a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Shown {
    /// What this document is.
    pub schema: CatTag,
    /// The run.
    pub run: Hash,
    /// The label or hash asked for.
    pub what: String,
    /// The blob they are, or are cut from; null for what was put together from events.
    pub blob: Option<Hash>,
    /// The bytes as text; null if they are none.
    pub text: Option<String>,
    /// The bytes, where they are no text.
    pub base64: Option<String>,
}

impl Shown {
    /// These bytes, as text if they are UTF-8.
    #[must_use]
    pub fn of(run: Digest, what: impl Into<String>, blob: Option<Digest>, bytes: &[u8]) -> Self {
        let text = core::str::from_utf8(bytes).ok().map(str::to_owned);
        let base64 = text.is_none().then(|| STANDARD.encode(bytes));
        Self { schema: CatTag, run: Word(run), what: what.into(), blob: blob.map(Word), text, base64 }
    }
}

/// A run that is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Removed {
    /// What this document is.
    pub schema: RmTag,
    /// The run.
    pub run: Hash,
    /// Its name.
    pub name: Option<String>,
    /// Entries it had.
    pub entries: u64,
}

/// A copy of a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BackedUp {
    /// What this document is.
    pub schema: BackupTag,
    /// Where the copy is.
    pub dir: String,
    /// Segment files of its journal.
    pub segments: u32,
    /// Their bytes.
    pub bytes: u64,
    /// Records in them.
    pub records: u64,
}
