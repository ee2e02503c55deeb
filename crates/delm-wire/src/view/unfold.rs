//! What lies behind a label: `delm unfold`.
//!
//! Refuses text without its place: what is raw names its document and byte range.

use delm_core::event::Level;
use delm_core::ids::Label;
use schemars::JsonSchema;
use serde::Serialize;

use super::{QuoteView, tag};
use crate::name::{Hash, Word};

tag!(/// The schema of `delm unfold`.
    UnfoldTag = "delm.unfold/1");

/// What lies behind a label.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Unfolded {
    /// What this document is.
    pub schema: UnfoldTag,
    /// The run.
    pub run: Hash,
    /// The label.
    pub label: Word<Label>,
    /// The statement that agents read under it.
    pub gist: Option<String>,
    /// How far it was unfolded.
    pub level: Word<Level>,
    /// At level summary: the checked bullets of the unit, or the draft behind a finding.
    pub summary: Option<String>,
    /// At level raw: the documents' own words.
    pub raw: Vec<QuoteView>,
}
