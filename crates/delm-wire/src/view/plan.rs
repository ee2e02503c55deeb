//! What a run would read, call and take at most: `run --dry-run`.
//!
//! Refuses to call a bound a forecast: null stands where nothing bounds it.

use schemars::JsonSchema;
use serde::Serialize;

use super::{LeftOut, tag};

tag!(/// The schema of `delm run --dry-run`.
    DryRunTag = "delm.dry-run/1");

/// A run that was not begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DryRun {
    /// What this document is.
    pub schema: DryRunTag,
    /// What would be asked.
    pub question: String,
    /// How many agents would work.
    pub agents: u32,
    /// The model that would work.
    pub model: String,
    /// The model that would review.
    pub judge: String,
    /// Hosts that would be called.
    pub hosts: Vec<String>,
    /// Documents that would be read.
    pub sources: u64,
    /// Documents that would be left out.
    pub skipped: Vec<LeftOut>,
    /// Units they would be read in.
    pub units: u64,
    /// Bytes of those documents.
    pub bytes: u64,
    /// Calls at most; null if nothing bounds them.
    pub calls_max: Option<u64>,
    /// Tokens at most, in and out.
    pub tokens_max: Option<u64>,
    /// Money at most; null if a model has no price.
    pub cost_microusd_max: Option<u64>,
}
