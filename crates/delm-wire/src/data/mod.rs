//! Events as JSON: `kind`, `version`, `hash` and `data`, by the table of the export format.
//!
//! Refuses to read `data` back: it is a rendering of an entry's bytes, and the bytes alone are believed.

mod gist;
mod run;
mod work;

use std::borrow::Cow;

use delm_core::entry::Entry;
use delm_core::event::Event;
use delm_core::ids::Digest;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

pub use self::run::{LimitValues, Origin};
use crate::name::{Hash, Word};
use crate::render::Render;

/// An event of an entry, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventView {
    /// Its kind.
    pub kind: &'static str,
    /// The version of the stored body, which is the one rendered.
    pub version: u8,
    /// The event's own hash.
    pub hash: Hash,
    /// What the body says.
    pub data: Data,
}

impl EventView {
    /// Renders an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let raw = event.to_raw();
        Self { kind: event.kind(), version: raw.version, hash: Word(raw.hash()), data: Data::of(event) }
    }
}

impl JsonSchema for EventView {
    fn schema_name() -> Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "properties": {
                "kind": { "type": "string" },
                "version": { "const": 1 },
                "hash": generator.subschema_for::<Hash>(),
                "data": { "type": "object" },
            },
            "required": ["kind", "version", "hash", "data"],
            "oneOf": alternatives(generator),
        })
    }
}

/// The body of an event, as JSON: fields in the order of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Data(Body);

impl Data {
    /// Renders the body of an event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        Self(Body::of(event))
    }
}

/// The blobs whose bytes an entry takes away.
pub fn redacted_by(entry: &Entry) -> impl Iterator<Item = Digest> + '_ {
    entry
        .events
        .iter()
        .filter_map(|event| if let Event::BlobRedacted(body) = event { Some(body.blob) } else { None })
}

macro_rules! kinds {
    ($($variant:ident = $module:ident $kind:literal,)+) => {
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        enum Body { $($variant(Box<$module::$variant>),)+ }

        impl Body {
            fn of(event: &Event) -> Self {
                match event { $(Event::$variant(core) => Self::$variant(Box::new(Render::render(core))),)+ }
            }
        }

        /// The schemas of an event: its kind decides the schema of its data.
        fn alternatives(generator: &mut SchemaGenerator) -> Vec<Schema> {
            vec![$(alternative($kind, generator.subschema_for::<$module::$variant>()),)+]
        }

        #[cfg(test)]
        const RENDERED: &[&str] = &[$($kind,)+];
    };
}

fn alternative(kind: &str, data: Schema) -> Schema {
    json_schema!({ "properties": { "kind": { "const": kind }, "data": data } })
}

kinds! {
    RunStarted = run "run_started",
    RunForked = run "run_forked",
    RunPaused = run "run_paused",
    RunResumed = run "run_resumed",
    RunEnded = run "run_ended",
    SourceAdded = run "source_added",
    SourceSkipped = run "source_skipped",
    UnitAdded = run "unit_added",
    AgentJoined = run "agent_joined",
    AgentLeft = run "agent_left",
    TaskAdded = work "task_added",
    Claimed = work "claimed",
    LeaseRenewed = work "lease_renewed",
    ClaimExpired = work "claim_expired",
    ClaimReleased = work "claim_released",
    ContextRead = work "context_read",
    Unfolded = work "unfolded",
    CallStarted = work "call_started",
    CallFinished = work "call_finished",
    CallFailed = work "call_failed",
    DraftSubmitted = gist "draft_submitted",
    ResultRefused = gist "result_refused",
    SummaryChecked = gist "summary_checked",
    GistProposed = gist "gist_proposed",
    VerdictGiven = gist "verdict_given",
    GistAdmitted = gist "gist_admitted",
    GistWithdrawn = gist "gist_withdrawn",
    BlobRedacted = gist "blob_redacted",
    TaskReopened = work "task_reopened",
    TaskAbandoned = work "task_abandoned",
    Drained = work "drained",
    Expanded = work "expanded",
    LimitReached = work "limit_reached",
    AnswerGiven = gist "answer_given",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_as_the_core_names_them() {
        let core: Vec<&str> = delm_core::event::KINDS.iter().map(|(_, name)| *name).collect();
        assert_eq!(RENDERED, core);
    }
}
