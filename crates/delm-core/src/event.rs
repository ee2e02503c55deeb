//! Everything that can happen in a run, as immutable events.
//!
//! Refuses free text: question, task, draft, gist, reason, error, answer and names are blobs, named here by hash,
//! so that all of them can be redacted. Code numbers and field order are on disk for ever.

mod gist;
mod run;
mod words;
mod work;

use alloc::vec::Vec;

use bincode::{Decode, Encode};

use crate::codec::{self, CodecError};
use crate::ids::Digest;

pub use gist::*;
pub use run::*;
pub use words::*;
pub use work::*;

macro_rules! events {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal $name:literal,)+) => {
        /// One thing that happened. Each variant holds a struct of the same name.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Event {
            $($(#[doc = $doc])+ $variant($variant),)+
        }

        /// Code on disk and name in exports of every kind of event.
        pub const KINDS: &[(u16, &str)] = &[$(($code, $name),)+];

        impl Event {
            /// The kind's number on disk.
            #[must_use]
            pub fn code(&self) -> u16 {
                match self { $(Self::$variant(_) => $code,)+ }
            }

            /// The kind's name in exports.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)+ }
            }

            /// The event as it lies on disk.
            #[must_use]
            pub fn to_raw(&self) -> RawEvent {
                let body = match self { $(Self::$variant(body) => codec::encode(body),)+ };
                RawEvent { kind: self.code(), version: EVENT_VERSION, body }
            }

            /// Reads an event from disk.
            ///
            /// # Errors
            /// An unknown kind or version is refused, never skipped; so is a body that is not canonical.
            pub fn from_raw(raw: &RawEvent) -> Result<Self, EventError> {
                if raw.version != EVENT_VERSION {
                    return Err(EventError::UnknownVersion { kind: raw.kind, version: raw.version });
                }
                match raw.kind {
                    $($code => Ok(Self::$variant(codec::decode(&raw.body, $name)?)),)+
                    kind => Err(EventError::UnknownKind { kind }),
                }
            }
        }

        $(impl From<$variant> for Event {
            fn from(body: $variant) -> Self { Self::$variant(body) }
        })+
    };
}

/// The version all kinds are written with so far.
pub const EVENT_VERSION: u8 = 1;

/// An event as it lies on disk: kind, version, length and body.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RawEvent {
    /// Code of the kind, see [`KINDS`].
    pub kind: u16,
    /// Version of the body's layout.
    pub version: u8,
    /// The body's `bincode`.
    pub body: Vec<u8>,
}

impl RawEvent {
    /// The event's hash: BLAKE3 `derive_key("delm event v1")` of its bytes on disk.
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest(blake3::derive_key("delm event v1", &codec::encode(self)))
    }
}

/// Why stored bytes are not an event this binary knows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Written by a newer delm, or damaged.
    #[error("unknown event kind {kind}; a newer delm may know it")]
    UnknownKind {
        /// The number found.
        kind: u16,
    },
    /// Written by a newer delm, or damaged.
    #[error("unknown version {version} of event kind {kind}; a newer delm may know it")]
    UnknownVersion {
        /// The kind.
        kind: u16,
        /// The version found.
        version: u8,
    },
    /// The body is not what its kind says.
    #[error(transparent)]
    Body(#[from] CodecError),
}

events! {
    /// A run began.
    RunStarted = 1 "run_started",
    /// A run began from a prefix of another.
    RunForked = 2 "run_forked",
    /// A run stopped in a way that can go on.
    RunPaused = 3 "run_paused",
    /// A paused run goes on, or a new writer took it over.
    RunResumed = 4 "run_resumed",
    /// A run ended.
    RunEnded = 5 "run_ended",
    /// A document is part of the run.
    SourceAdded = 10 "source_added",
    /// A document was left out.
    SourceSkipped = 11 "source_skipped",
    /// A slice of a source got a label.
    UnitAdded = 12 "unit_added",
    /// A worker joined.
    AgentJoined = 20 "agent_joined",
    /// A worker left.
    AgentLeft = 21 "agent_left",
    /// A subtask entered the queue.
    TaskAdded = 30 "task_added",
    /// An agent holds a job for a while.
    Claimed = 40 "claimed",
    /// The holder got more time.
    LeaseRenewed = 41 "lease_renewed",
    /// The holder's time ran out.
    ClaimExpired = 42 "claim_expired",
    /// The holder gave the job back, or was made to; no attempt is counted.
    ClaimReleased = 43 "claim_released",
    /// The holder reads the first `length` notes of the context.
    ContextRead = 44 "context_read",
    /// The holder read behind a label.
    Unfolded = 45 "unfolded",
    /// A model is about to be called.
    CallStarted = 50 "call_started",
    /// A model replied.
    CallFinished = 51 "call_finished",
    /// A call brought no reply.
    CallFailed = 52 "call_failed",
    /// Reasoning produced a draft.
    DraftSubmitted = 60 "draft_submitted",
    /// A late result was kept and not used.
    ResultRefused = 61 "result_refused",
    /// A unit's summary passed the check of its references.
    SummaryChecked = 62 "summary_checked",
    /// A gist asks to be admitted.
    GistProposed = 63 "gist_proposed",
    /// Somebody judged a gist.
    VerdictGiven = 64 "verdict_given",
    /// A gist became a fact.
    GistAdmitted = 65 "gist_admitted",
    /// A fact was withdrawn.
    GistWithdrawn = 66 "gist_withdrawn",
    /// A blob's bytes went; its hash stays.
    BlobRedacted = 67 "blob_redacted",
    /// An attempt failed and another may follow.
    TaskReopened = 70 "task_reopened",
    /// The last attempt failed.
    TaskAbandoned = 71 "task_abandoned",
    /// Nothing is ready, claimed or in flight.
    Drained = 72 "drained",
    /// The one decision after a drain: tasks, or none, which closes the queue.
    Expanded = 73 "expanded",
    /// A budget, a deadline or an interrupt: no new claim.
    LimitReached = 80 "limit_reached",
    /// The answer.
    AnswerGiven = 81 "answer_given",
}
