//! A failure, as programs read it on standard error.
//!
//! Refuses codes without words: every failure names the thing and, where there is one, what to do.

use schemars::JsonSchema;
use serde::Serialize;

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorView {
    /// The failure.
    pub error: ErrorBody,
}

/// What failed and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorBody {
    /// A word for programs.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
    /// The exit code.
    pub exit: u8,
    /// The run it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
}
