//! Typed replies: what an agent gives back for a job, whoever or whatever it is, as one canonical JSON document.
//!
//! Refuses unknown fields and other shapes; a model's wrapping of its JSON in prose or fences is cut away first.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::event::Purpose;

/// A task as planned: its text and the numbers, from one, of earlier tasks of the same list or labels of old ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedTask {
    /// What is to be found out.
    pub text: String,
    /// Tasks it depends on: `"1"` is the first of this list, `"T3"` a task that exists already.
    #[serde(default)]
    pub needs: Vec<String>,
}

/// First tasks, or more of them; none closes the queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanReply {
    /// The tasks, in order.
    pub tasks: Vec<PlannedTask>,
}

/// A claim of a summary with the first and last words of the span that supports it (paper §3, App. A).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bullet {
    /// What the span says.
    pub text: String,
    /// Its first words, verbatim.
    pub head: String,
    /// Its last words, verbatim.
    pub tail: String,
}

/// A unit, read: reference-grounded bullets and the gist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadReply {
    /// The summary.
    pub bullets: Vec<Bullet>,
    /// What agents read.
    pub gist: String,
}

/// A verbatim quote from a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quote {
    /// The unit's label.
    pub unit: String,
    /// Its words.
    pub quote: String,
}

/// A finding for a task, or a wish to read behind labels first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReasonReply {
    /// The gist.
    #[serde(default)]
    pub finding: String,
    /// Labels of facts it builds on.
    #[serde(default)]
    pub cites: Vec<String>,
    /// Quotes it stands on.
    #[serde(default)]
    pub evidence: Vec<Quote>,
    /// Labels to read behind before answering; everything else is ignored then.
    #[serde(default)]
    pub unfold: Vec<String>,
}

/// A verdict on exactly the gist that was shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewReply {
    /// `approve`, `rewrite` or `reject`.
    pub outcome: String,
    /// Why; the next attempt sees it.
    pub reason: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FinalizeReply {
    /// False if the context does not answer the question; `answer` then says what is missing.
    pub answered: bool,
    /// The text.
    pub answer: String,
    /// Labels of the facts it builds on, in its order.
    #[serde(default)]
    pub cites: Vec<String>,
}

/// A typed reply to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To `plan`, and to `expand`.
    Plan(PlanReply),
    /// To `read`.
    Read(ReadReply),
    /// To `reason`.
    Reason(ReasonReply),
    /// To `review`.
    Review(ReviewReply),
    /// To `finalize`.
    Finalize(FinalizeReply),
}

/// Why a text is no reply to a job.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// Not UTF-8.
    #[error("the reply is not UTF-8 text")]
    NotText,
    /// No JSON object in it.
    #[error("the reply holds no JSON object")]
    NoObject,
    /// JSON of another shape.
    #[error("the reply is not the JSON asked for: {0}")]
    Shape(String),
}

impl Reply {
    /// Reads the typed reply to a job of this purpose from a model's text.
    ///
    /// # Errors
    /// [`ReplyError`], in words that can be shown to the model when it is asked again.
    pub fn parse(purpose: Purpose, bytes: &[u8]) -> Result<Self, ReplyError> {
        let text = core::str::from_utf8(bytes).map_err(|_| ReplyError::NotText)?;
        let (start, end) = text.find('{').zip(text.rfind('}')).ok_or(ReplyError::NoObject)?;
        let object = text.get(start..=end).ok_or(ReplyError::NoObject)?;
        let shape = |error: serde_json::Error| ReplyError::Shape(alloc::format!("{error}"));
        match purpose {
            Purpose::Plan | Purpose::Expand => serde_json::from_str(object).map(Self::Plan).map_err(shape),
            Purpose::Read => serde_json::from_str(object).map(Self::Read).map_err(shape),
            Purpose::Reason => serde_json::from_str(object).map(Self::Reason).map_err(shape),
            Purpose::Review => serde_json::from_str(object).map(Self::Review).map_err(shape),
            Purpose::Finalize => serde_json::from_str(object).map(Self::Finalize).map_err(shape),
        }
    }

    /// The reply's one spelling: JSON, fields in order, no spaces. This is what a draft blob holds.
    #[must_use]
    pub fn to_canonical(&self) -> Vec<u8> {
        let written = match self {
            Self::Plan(reply) => serde_json::to_vec(reply),
            Self::Read(reply) => serde_json::to_vec(reply),
            Self::Reason(reply) => serde_json::to_vec(reply),
            Self::Review(reply) => serde_json::to_vec(reply),
            Self::Finalize(reply) => serde_json::to_vec(reply),
        };
        // Strings, lists and booleans always serialize; an empty draft would be refused by its own parse.
        written.unwrap_or_default()
    }
}

/// The JSON Schema of the reply to a purpose, as sent to providers that can be held to one.
#[must_use]
pub fn schema(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Plan | Purpose::Expand => PLAN_SCHEMA,
        Purpose::Read => READ_SCHEMA,
        Purpose::Reason => REASON_SCHEMA,
        Purpose::Review => REVIEW_SCHEMA,
        Purpose::Finalize => FINALIZE_SCHEMA,
    }
}

const PLAN_SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["tasks"],"properties":{"tasks":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["text","needs"],"properties":{"text":{"type":"string"},"needs":{"type":"array","items":{"type":"string"}}}}}}}"#;
const READ_SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["bullets","gist"],"properties":{"bullets":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["text","head","tail"],"properties":{"text":{"type":"string"},"head":{"type":"string"},"tail":{"type":"string"}}}},"gist":{"type":"string"}}}"#;
const REASON_SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["finding","cites","evidence","unfold"],"properties":{"finding":{"type":"string"},"cites":{"type":"array","items":{"type":"string"}},"evidence":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["unit","quote"],"properties":{"unit":{"type":"string"},"quote":{"type":"string"}}}},"unfold":{"type":"array","items":{"type":"string"}}}}"#;
const REVIEW_SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["outcome","reason"],"properties":{"outcome":{"type":"string","enum":["approve","rewrite","reject"]},"reason":{"type":"string"}}}"#;
const FINALIZE_SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"required":["answered","answer","cites"],"properties":{"answered":{"type":"boolean"},"answer":{"type":"string"},"cites":{"type":"array","items":{"type":"string"}}}}"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_and_fences_around_the_object_are_cut_away() {
        let text = "Sure:\n```json\n{\"outcome\":\"approve\",\"reason\":\"it says so\"}\n```";
        let reply = Reply::parse(Purpose::Review, text.as_bytes()).unwrap();
        assert_eq!(reply.to_canonical(), br#"{"outcome":"approve","reason":"it says so"}"#);
    }

    #[test]
    fn other_shapes_are_refused() {
        assert_eq!(Reply::parse(Purpose::Review, b"PASS"), Err(ReplyError::NoObject));
        assert_eq!(Reply::parse(Purpose::Review, b"\xff{}"), Err(ReplyError::NotText));
        assert!(matches!(Reply::parse(Purpose::Review, b"{}"), Err(ReplyError::Shape(_))));
        assert!(matches!(Reply::parse(Purpose::Plan, br#"{"tasks":[],"x":1}"#), Err(ReplyError::Shape(_))));
    }

    #[test]
    fn schemas_are_json() {
        for purpose in Purpose::ALL {
            serde_json::from_str::<serde_json::Value>(schema(*purpose)).unwrap();
        }
    }
}
