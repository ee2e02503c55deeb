//! Lists: `{"schema", "run", "items", "next"}`.
//!
//! Refuses to be whole-run: a list is a page, and `next` is what `--after` takes to go on.

use schemars::JsonSchema;
use serde::Serialize;

use super::tag;
use crate::name::Hash;

tag!(/// The schema of `delm facts`.
    FactsTag = "delm.facts/1");
tag!(/// The schema of `delm blame`.
    BlameTag = "delm.blame/1");
tag!(/// The schema of `delm queue`.
    QueueTag = "delm.queue/1");
tag!(/// The schema of `delm agents`.
    AgentsTag = "delm.agents/1");
tag!(/// The schema of `delm calls`.
    CallsTag = "delm.calls/1");
tag!(/// The schema of `delm log`.
    LogTag = "delm.log/1");
tag!(/// The schema of `delm ls`.
    LsTag = "delm.ls/1");

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct List<S, T> {
    /// What this document is.
    pub schema: S,
    /// The run it is about; left out of lists of runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Hash>,
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// What `--after` takes to go on; null at the end.
    pub next: Option<String>,
}
