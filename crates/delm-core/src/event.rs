//! Everything that can happen in a run, as immutable events.
//!
//! Refuses free text: question, task, draft, gist, reason, error, answer and names are blobs, named here by hash,
//! so that all of them can be redacted. Code numbers and field order are on disk for ever.

use alloc::string::String;
use alloc::vec::Vec;

use bincode::{Decode, Encode};

use crate::codec::{self, CodecError};
use crate::ids::{AgentId, CallId, Digest, FactId, Fence, Job, Label, MicroUsd, Millis, Seq, SourceId, Subject, TaskId, UnitId};
use crate::limits::Limits;

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
    /// A run began from a prefix of another. Reserved: no rule of this version writes it.
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

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// All values, in their order on disk.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word used in exports and on screen.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value that a word stands for.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

vocabulary!(/// Why a run paused, or why it stops claiming.
    PauseCause {
        /// Money or tokens are spent.
        Budget = "budget",
        /// The running time is up.
        Deadline = "deadline",
        /// Somebody pressed Ctrl-C.
        Interrupt = "interrupt",
        /// A provider failed after retries.
        Provider = "provider",
    });
vocabulary!(/// How a run ended.
    Outcome {
        /// With an answer.
        Answered = "answered",
        /// The finalizer had none to give.
        Unanswered = "unanswered",
        /// No plan could be made.
        Failed = "failed",
        /// Somebody cancelled it.
        Cancelled = "cancelled",
    });
vocabulary!(/// What a worker is.
    AgentKind {
        /// The extractive reader.
        Builtin = "builtin",
        /// A language model.
        Model = "model",
        /// A program that speaks for itself.
        Program = "program",
    });
vocabulary!(/// What a model is asked for.
    Purpose {
        /// The first tasks.
        Plan = "plan",
        /// Summary and gist of a unit.
        Read = "read",
        /// A finding for a task.
        Reason = "reason",
        /// A verdict.
        Review = "review",
        /// More tasks, or none.
        Expand = "expand",
        /// The answer.
        Finalize = "finalize",
    });
vocabulary!(/// How far behind a label one reads.
    Level {
        /// The reference-grounded bullets, or the draft behind a finding.
        Summary = "summary",
        /// The source's own words, with neighbouring units.
        Raw = "raw",
    });
vocabulary!(/// How the text of a document was got.
    Extractor {
        /// The bytes are the text.
        Text = "text",
        /// Markdown, taken as it stands.
        Markdown = "markdown",
    });
vocabulary!(/// What a gist says.
    GistKind {
        /// Something found.
        Finding = "finding",
        /// What a unit holds.
        Reading = "reading",
        /// A task was given up.
        Failure = "failure",
    });
vocabulary!(/// What a verdict says.
    Ruling {
        /// Admit it.
        Approve = "approve",
        /// A rejection that asks for other words.
        Rewrite = "rewrite",
        /// It does not hold.
        Reject = "reject",
    });
vocabulary!(/// Who or what judged.
    Method {
        /// The core's own checks of spans, numbers, negations and names.
        Mechanical = "mechanical",
        /// A model, after the mechanical checks.
        Judge = "judge",
        /// A program, after the mechanical checks.
        Program = "program",
        /// The law itself: attempts were exhausted.
        Log = "log",
        /// Verification was switched off for this run.
        Ablated = "ablated",
    });
vocabulary!(/// What stood behind an admission.
    Grade {
        /// Another model judged it.
        Judged = "judged",
        /// The author's own model, called by another agent, judged it.
        JudgedSameModel = "judged-same-model",
        /// The author's principal judged it.
        SelfReview = "self",
        /// Only the mechanical checks.
        Mechanical = "mechanical",
        /// Nothing.
        None = "none",
    });
vocabulary!(/// One check of a gist.
    Check {
        /// Every cited span exists verbatim in its unit.
        Spans = "spans",
        /// Every number of the gist is in its evidence.
        Numbers = "numbers",
        /// The gist negates only where its evidence does.
        Negations = "negations",
        /// Every name of the gist is in its evidence.
        Names = "names",
        /// The gist is not empty and within its length.
        Length = "length",
        /// Every cited fact was in the context that was read.
        Cites = "cites",
        /// A model's or program's judgement.
        Judge = "judge",
    });
vocabulary!(/// Why the queue drained.
    DrainCause {
        /// Every task is done or abandoned.
        Empty = "empty",
        /// Tasks are left that nobody may take.
        Stuck = "stuck",
    });
vocabulary!(/// What kind of answer was given.
    AnswerKind {
        /// A text that a model wrote.
        Text = "text",
        /// Verbatim sentences.
        Quotes = "quotes",
    });
vocabulary!(/// Something switched off to see what it is worth.
    Ablation {
        /// No verification before admission.
        Verdicts = "verdicts",
        /// Agents do not see each other's facts.
        Sharing = "sharing",
        /// No summaries between gist and source.
        Hierarchy = "hierarchy",
    });
vocabulary!(/// Why a call brought no usable reply.
    CallFault {
        /// The provider was down, slow, out of quota or refused the key, after retries.
        Provider = "provider",
        /// The provider said that this one request cannot be answered.
        Request = "request",
        /// The process that made the call died or let it go.
        Lost = "lost",
    });
vocabulary!(/// Why a result was not used.
    Late {
        /// Its claim had expired or was released.
        Stale = "stale",
        /// The run had ended or was stopping.
        Closed = "closed",
    });

/// A run began: everything it was decided under. Sources, units and agents follow in the same entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunStarted {
    /// Sixteen random bytes from the shell, so that equal runs differ.
    pub nonce: [u8; 16],
    /// Blob: the question.
    pub question: Digest,
    /// Blob: the name given to the run, if any.
    pub name: Option<Digest>,
    /// The policy, by name and version.
    pub policy: PolicyName,
    /// All limits.
    pub limits: Limits,
    /// Models by purpose.
    pub models: Models,
    /// Hosts that would be called.
    pub hosts: Vec<String>,
    /// Version of the binary.
    pub engine: String,
    /// A verdict may come from the author's own principal.
    pub self_review: bool,
    /// Units are read (summary and gist) before planning.
    pub reading: bool,
    /// What is switched off.
    pub ablations: Vec<Ablation>,
    /// Prompt templates: by part, sorted.
    pub templates: Vec<Template>,
    /// Prices known when the run began, sorted by model.
    pub prices: Vec<Price>,
}

/// A policy by name and version.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PolicyName {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
}

/// Which model does what: `extractive`, `script:FILE` or `provider::name`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Models {
    /// Plans, reads, reasons, expands and finalizes.
    pub worker: ModelChoice,
    /// Reviews.
    pub judge: ModelChoice,
}

/// A model and the parameters it is called with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ModelChoice {
    /// `extractive`, `script:FILE` or `provider::name`.
    pub model: String,
    /// Parameters, as the decimal text given; sorted by key.
    pub params: Vec<(String, String)>,
}

/// One prompt template.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Template {
    /// The part it renders: `preamble`, or a purpose.
    pub part: String,
    /// Blob: its text.
    pub text: Digest,
}

/// What a model costs, in millionths of a dollar for a million tokens.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Price {
    /// `provider::name`.
    pub model: String,
    /// The version of the price list this comes from.
    pub version: String,
    /// For a million tokens in.
    pub in_microusd: MicroUsd,
    /// For a million tokens in that the provider had cached.
    pub cached_microusd: MicroUsd,
    /// For a million tokens out.
    pub out_microusd: MicroUsd,
}

/// A run began from a prefix of another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunForked {
    /// Sixteen random bytes from the shell.
    pub nonce: [u8; 16],
    /// The run that wrote the entry it leaves from.
    pub owner: Digest,
    /// Seq of that entry.
    pub seq: Seq,
    /// Id of that entry.
    pub head: Digest,
    /// Version of the binary.
    pub engine: String,
    /// What differs from the origin.
    pub changes: Vec<Change>,
}

/// One limit changed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Change {
    /// The limit.
    pub limit: String,
    /// Its new value.
    pub value: u64,
}

/// A run stopped in a way that can go on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunPaused {
    /// Why.
    pub cause: PauseCause,
    /// Tasks and readings neither done nor abandoned.
    pub open: Vec<Subject>,
}

/// A run goes on under a new writer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunResumed {
    /// Version of the binary.
    pub engine: String,
    /// Limits that changed.
    pub changes: Vec<Change>,
}

/// A run ended.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RunEnded {
    /// How.
    pub outcome: Outcome,
    /// Blob: why, for failed runs.
    pub reason: Option<Digest>,
    /// Tasks and readings neither done nor abandoned.
    pub open: Vec<Subject>,
}

/// A document is part of the run.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SourceAdded {
    /// Its label.
    pub source: SourceId,
    /// Blob: its name.
    pub name: Digest,
    /// BLAKE3 of the file as it was found.
    pub original_hash: Digest,
    /// Bytes of that file.
    pub original_len: u64,
    /// How its text was got.
    pub extractor: Extractor,
    /// Blob: its text.
    pub text: Digest,
}

/// A document was left out.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SourceSkipped {
    /// Blob: its name.
    pub name: Digest,
    /// Blob: why.
    pub reason: Digest,
}

/// A slice of a source got a label.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct UnitAdded {
    /// Its label.
    pub unit: UnitId,
    /// Byte offset of its start in the source's text.
    pub start: u64,
    /// Byte offset just past its end.
    pub end: u64,
}

/// A worker joined.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AgentJoined {
    /// Its label.
    pub agent: AgentId,
    /// What it is.
    pub kind: AgentKind,
    /// Who answers for it.
    pub principal: String,
    /// The model it works with.
    pub model: String,
    /// The program it is, if it is one.
    pub program: Option<String>,
}

/// A worker left.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AgentLeft {
    /// Its label.
    pub agent: AgentId,
}

/// A subtask entered the queue.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TaskAdded {
    /// Its label.
    pub task: TaskId,
    /// Blob: what is to be found out.
    pub text: Digest,
    /// Tasks it depends on, ascending.
    pub needs: Vec<TaskId>,
    /// 0 for the plan, r for the expansion after drain r.
    pub round: u32,
}

/// An agent holds a job. The fence is the seq of this entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Claimed {
    /// The job.
    pub job: Job,
    /// Who holds it.
    pub agent: AgentId,
    /// Seq of this entry.
    pub fence: Fence,
    /// When it expires unless renewed.
    pub deadline_ms: Millis,
    /// From one: failed attempts before this plus one.
    pub attempt: u32,
}

/// The holder got more time.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LeaseRenewed {
    /// The job.
    pub job: Job,
    /// Who holds it.
    pub agent: AgentId,
    /// The claim.
    pub fence: Fence,
    /// When it expires now.
    pub deadline_ms: Millis,
    /// Unchanged.
    pub attempt: u32,
}

/// The holder's time ran out.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClaimExpired {
    /// The job.
    pub job: Job,
    /// The claim that is over.
    pub fence: Fence,
}

/// The job was given back.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClaimReleased {
    /// The job.
    pub job: Job,
    /// The claim that is over.
    pub fence: Fence,
}

/// The holder reads a prefix of the context.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ContextRead {
    /// The claim.
    pub fence: Fence,
    /// Notes in the prefix.
    pub length: u64,
}

/// The holder read behind a label.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Unfolded {
    /// The claim.
    pub fence: Fence,
    /// What was unfolded.
    pub label: Label,
    /// How far.
    pub level: Level,
}

/// How the bytes of a request are rebuilt.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Recipe {
    /// Version of the renderer.
    pub renderer: u32,
    /// Blob: the preamble's template.
    pub preamble: Digest,
    /// Blob: the purpose's template.
    pub template: Digest,
    /// Notes of the context shown.
    pub length: u64,
    /// The job.
    pub job: Job,
    /// The attempt.
    pub attempt: u32,
    /// Blob: why the attempt before failed.
    pub feedback: Option<Digest>,
    /// What was unfolded for this call.
    pub unfolded: Vec<(Label, Level)>,
    /// Blob: the reply before, which could not be used.
    pub prior: Option<Digest>,
    /// Blob: what was wrong with it.
    pub problem: Option<Digest>,
}

/// The bytes a model is asked with, by hash and recipe.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RequestRef {
    /// BLAKE3 `derive_key("delm request v1")` of the request's bytes.
    pub hash: Digest,
    /// How to rebuild them.
    pub recipe: Recipe,
}

/// A model is about to be called.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallStarted {
    /// Its label.
    pub call: CallId,
    /// The claim it works for.
    pub fence: Fence,
    /// What for.
    pub purpose: Purpose,
    /// The model asked.
    pub model: String,
    /// With what.
    pub request: RequestRef,
    /// The most it can cost; none if the model has no price.
    pub reserved_microusd: Option<MicroUsd>,
    /// The most tokens it can take.
    pub reserved_tokens: u64,
}

/// Tokens of one call, as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Tokens {
    /// In, the cached ones included.
    pub input: u64,
    /// Out.
    pub output: u64,
    /// Of those in, read from the provider's cache.
    pub cached: u64,
}

/// A model replied.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallFinished {
    /// Which call.
    pub call: CallId,
    /// Blob: the reply, raw.
    pub reply: Digest,
    /// The model that says it replied.
    pub model_reported: Option<String>,
    /// The provider's own name of the request.
    pub request_id: Option<String>,
    /// Tokens; none if the provider did not say.
    pub tokens: Option<Tokens>,
    /// Cost; none if unknown, never zero for unknown.
    pub cost_microusd: Option<MicroUsd>,
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
    /// Requests sent, the last included.
    pub tries: u32,
}

/// A call brought no reply.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallFailed {
    /// Which call.
    pub call: CallId,
    /// Why, as a class.
    pub fault: CallFault,
    /// Blob: why, in words, scrubbed of keys.
    pub error: Digest,
    /// Charged all the same; none if the model has no price.
    pub charged_microusd: Option<MicroUsd>,
    /// Charged all the same.
    pub charged_tokens: u64,
    /// Requests sent.
    pub tries: u32,
}

/// Reasoning produced a draft: one canonical JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DraftSubmitted {
    /// The job.
    pub job: Job,
    /// The claim.
    pub fence: Fence,
    /// Who submitted it.
    pub agent: AgentId,
    /// Blob: the typed reply.
    pub draft: Digest,
    /// Facts it builds on.
    pub cites: Vec<FactId>,
    /// Notes of the context its author had read.
    pub length: u64,
}

/// A late result was kept and not used.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ResultRefused {
    /// The job it was meant for, if the claim is known.
    pub job: Option<Job>,
    /// The claim it quoted.
    pub fence: Fence,
    /// Who submitted it.
    pub agent: AgentId,
    /// Blob: the typed reply, or the raw one of a model.
    pub draft: Digest,
    /// Facts it builds on.
    pub cites: Vec<FactId>,
    /// Notes of the context its author had read, if known.
    pub length: u64,
    /// Why it was not used.
    pub why: Late,
}

/// A unit's summary passed the check of its references.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SummaryChecked {
    /// The unit.
    pub unit: UnitId,
    /// Blob: the bullets kept, a line each.
    pub summary: Digest,
    /// Bullets kept.
    pub bullets: u32,
    /// Bullets dropped, their reference not being in the unit.
    pub dropped: u32,
}

/// A stretch of a source's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct Evidence {
    /// The unit it lies in.
    pub unit: UnitId,
    /// Byte offset of its start in the source's text.
    pub start: u64,
    /// Byte offset just past its end.
    pub end: u64,
}

/// A gist asks to be admitted. The proposal is named by the seq of this entry.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GistProposed {
    /// What it is about.
    pub task: Subject,
    /// The author's claim; none if the law itself proposes it.
    pub fence: Option<Fence>,
    /// Blob: the statement agents read.
    pub gist: Digest,
    /// What it says.
    pub kind: GistKind,
    /// Where it stands in the sources.
    pub evidence: Vec<Evidence>,
}

/// Somebody judged a gist.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VerdictGiven {
    /// What the gist is about.
    pub task: Subject,
    /// Seq of the proposing entry.
    pub proposal: Seq,
    /// The reviewer's claim; none for methods `log`, `ablated`, and mechanical rejections.
    pub fence: Option<Fence>,
    /// Blob: exactly the gist that was judged.
    pub gist: Digest,
    /// What the verdict says.
    pub outcome: Ruling,
    /// Who judged.
    pub verifier: Option<AgentId>,
    /// How.
    pub method: Method,
    /// Which checks ran; whether each passed.
    pub checks: Vec<(Check, bool)>,
    /// Blob: why.
    pub reason: Digest,
}

/// A gist became a fact.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GistAdmitted {
    /// Its label.
    pub label: FactId,
    /// What it is about.
    pub task: Subject,
    /// Seq of the proposing entry.
    pub proposal: Seq,
    /// Blob: the statement.
    pub gist: Digest,
    /// Who found it; none if the law itself wrote it.
    pub author: Option<AgentId>,
    /// What stood behind its admission.
    pub grade: Grade,
    /// Its place in the context, from zero.
    pub note: u64,
}

/// A fact was withdrawn.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GistWithdrawn {
    /// The fact.
    pub label: FactId,
    /// Blob: why.
    pub reason: Digest,
    /// Every fact that cites it, directly or not, ascending.
    pub tainted: Vec<FactId>,
    /// The withdrawal's own place in the context.
    pub note: u64,
}

/// A blob's bytes went.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BlobRedacted {
    /// Its hash.
    pub blob: Digest,
    /// Blob: why.
    pub reason: Digest,
}

/// An attempt failed and another may follow. The job is a task or reading, or any other job that is claimed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TaskReopened {
    /// The job whose attempt failed.
    pub task: Job,
    /// The attempt that failed.
    pub attempt: u32,
    /// Blob: why; the next attempt sees it.
    pub reason: Digest,
}

/// The last attempt failed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TaskAbandoned {
    /// The job that is given up.
    pub task: Job,
    /// The attempt that failed.
    pub attempt: u32,
    /// Blob: why.
    pub reason: Digest,
}

/// Nothing is ready, claimed or in flight.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Drained {
    /// Drains are numbered from one.
    pub round: u32,
    /// Why.
    pub cause: DrainCause,
}

/// The one decision after a drain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Expanded {
    /// The drain it answers.
    pub round: u32,
    /// The claim; none if a limit or exhausted attempts closed the queue.
    pub fence: Option<Fence>,
    /// Tasks added; none closes the queue.
    pub tasks: Vec<TaskId>,
}

/// No new claim from here on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct LimitReached {
    /// What stopped the run.
    pub cause: PauseCause,
    /// The limit by name; empty for interrupts and provider failures.
    pub limit: String,
    /// Its value.
    pub value: u64,
    /// What was spent or reserved of it.
    pub spent: u64,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AnswerGiven {
    /// The finalizer's claim.
    pub fence: Fence,
    /// Blob: its text.
    pub answer: Digest,
    /// What kind of answer it is.
    pub answer_kind: AnswerKind,
    /// Facts it builds on, in its order.
    pub cites: Vec<FactId>,
}
