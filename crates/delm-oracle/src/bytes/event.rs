//! Every kind of event with its number, name and fields, as `entry-v1.md` lays them out.
//!
//! Refuses a number without a name and a version other than 1; a field is rendered under its own name, in its order.

use super::{
    Ablation, AgentId, AgentKind, AnswerKind, Bad, BadBytes, Bytes, CallFault, CallId, Check, DrainCause,
    Extractor, FactId, Field, GistKind, Grade, Hash, Job, Label, Late, Level, Method, Nonce, Outcome,
    PauseCause, Purpose, Ruling, ShortJob, SourceId, Subject, TaskId, UnitId,
};
use crate::json::Json;

/// Writes `"name":` with what must stand before it.
fn key(out: &mut Json, first: &mut bool, name: &str) {
    out.raw(if *first { "\"" } else { ",\"" });
    *first = false;
    // `in` is a word of Rust: the field is spelled `r#in`.
    out.raw(name.strip_prefix("r#").unwrap_or(name));
    out.raw("\":");
}

macro_rules! fields {
    ($name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) struct $name { $(pub(crate) $field: $type),* }
    };
}

macro_rules! record {
    ($($name:ident { $($field:ident: $type:ty),* $(,)? })+) => {$(
        fields! { $name { $($field: $type),* } }

        impl Field for $name {
            fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
                Ok(Self { $($field: Field::read(bytes)?),* })
            }
            fn show(&self, out: &mut Json) {
                let mut first = true;
                out.raw("{");
                $(key(out, &mut first, stringify!($field)); self.$field.show(out);)*
                out.raw("}");
            }
        }
    )+};
}

/// A record whose rendering is not a field each.
macro_rules! record_shown {
    ($name:ident { $($field:ident: $type:ty),* $(,)? } $show:expr) => {
        fields! { $name { $($field: $type),* } }

        impl Field for $name {
            fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
                Ok(Self { $($field: Field::read(bytes)?),* })
            }
            fn show(&self, out: &mut Json) {
                let show: fn(&Self, &mut Json) = $show;
                show(self, out);
            }
        }
    };
}

record! {
    PolicyName { name: String, version: u32 }
    Param { key: String, value: String }
    ModelChoice { model: String, params: Vec<Param> }
    Models { worker: ModelChoice, judge: ModelChoice }
    Template { part: String, text: Hash }
    Price { model: String, version: String, in_microusd: u64, cached_microusd: u64, out_microusd: u64 }
    Change { limit: String, value: u64 }
    Behind { label: Label, level: Level }
    Recipe {
        renderer: u32, preamble: Hash, template: Hash, length: u64, job: Job, attempt: u32, feedback: Option<Hash>,
        unfolded: Vec<Behind>, prior: Option<Hash>, problem: Option<Hash>,
    }
    RequestRef { hash: Hash, recipe: Recipe }
    Tokens { r#in: u64, out: u64, cached: u64 }
    Evidence { unit: UnitId, start: u64, end: u64 }
    Checked { check: Check, passed: bool }
    Limits {
        agents_max: u64, attempts_max: u64, releases_max: u64, lease_ms: u64, deadline_ms: u64, budget_microusd: u64,
        budget_tokens: u64, gist_tokens_max: u64, output_tokens_max: u64, tasks_max: u64, needs_max: u64,
        rounds_max: u64, unfold_rounds_max: u64, unfold_labels_max: u64, asks_max: u64, commands_kept: u64,
        bullets_max: u64, reference_words_min: u64, evidence_max: u64, unit_bytes: u64, units_max: u64,
        source_bytes_max: u64, sources_bytes_max: u64, question_bytes_max: u64, reply_bytes_max: u64,
        bytes_per_token: u64,
    }
    RunStarted {
        nonce: Nonce, question: Hash, name: Option<Hash>, policy: PolicyName, limits: Limits, models: Models,
        hosts: Vec<String>, engine: String, self_review: bool, reading: bool, ablations: Vec<Ablation>,
        templates: Vec<Template>, prices: Vec<Price>,
    }
    RunPaused { cause: PauseCause, open: Vec<Subject> }
    RunResumed { engine: String, changes: Vec<Change> }
    RunEnded { outcome: Outcome, reason: Option<Hash>, open: Vec<Subject> }
    SourceSkipped { name: Hash, reason: Hash }
    AgentJoined { agent: AgentId, kind: AgentKind, principal: String, model: String, program: Option<String> }
    AgentLeft { agent: AgentId }
    TaskAdded { task: TaskId, text: Hash, needs: Vec<TaskId>, round: u32 }
    Claimed { job: Job, agent: AgentId, fence: u64, deadline_ms: u64, attempt: u32 }
    LeaseRenewed { job: Job, agent: AgentId, fence: u64, deadline_ms: u64, attempt: u32 }
    ClaimExpired { job: Job, fence: u64 }
    ClaimReleased { job: Job, fence: u64 }
    ContextRead { fence: u64, length: u64 }
    Unfolded { fence: u64, label: Label, level: Level }
    CallStarted {
        call: CallId, fence: u64, purpose: Purpose, model: String, request: RequestRef,
        reserved_microusd: Option<u64>, reserved_tokens: u64,
    }
    CallFinished {
        call: CallId, reply: Hash, model_reported: Option<String>, request_id: Option<String>, tokens: Option<Tokens>,
        cost_microusd: Option<u64>, latency_ms: u64, tries: u32, billable: u32,
    }
    CallFailed {
        call: CallId, fault: CallFault, error: Hash, reply: Option<Hash>, charged_microusd: Option<u64>,
        charged_tokens: u64, tries: u32, billable: u32,
    }
    DraftSubmitted { job: Job, fence: u64, agent: AgentId, draft: Hash, cites: Vec<FactId>, length: u64 }
    ResultRefused {
        job: Option<Job>, fence: u64, agent: AgentId, draft: Hash, cites: Vec<FactId>, length: u64, why: Late,
    }
    SummaryChecked { unit: UnitId, summary: Hash, bullets: u32, dropped: u32 }
    GistProposed { task: Subject, fence: Option<u64>, gist: Hash, kind: GistKind, evidence: Vec<Evidence> }
    VerdictGiven {
        task: Subject, proposal: u64, fence: Option<u64>, gist: Hash, outcome: Ruling, verifier: Option<AgentId>,
        method: Method, checks: Vec<Checked>, reason: Hash,
    }
    GistAdmitted {
        label: FactId, task: Subject, proposal: u64, gist: Hash, author: Option<AgentId>, grade: Grade, note: u64,
    }
    GistWithdrawn { label: FactId, reason: Hash, tainted: Vec<FactId>, note: u64 }
    BlobRedacted { blob: Hash, reason: Hash }
    TaskReopened { task: ShortJob, attempt: u32, reason: Hash }
    TaskAbandoned { task: ShortJob, attempt: u32, reason: Hash }
    Drained { round: u32, cause: DrainCause }
    Expanded { round: u32, fence: Option<u64>, tasks: Vec<TaskId> }
    LimitReached { cause: PauseCause, limit: String, value: u64, spent: u64, needed: u64 }
    AnswerGiven { fence: u64, answer: Hash, answer_kind: AnswerKind, cites: Vec<FactId> }
}

record_shown! {
    RunForked {
        nonce: Nonce, name: Option<Hash>, owner: Hash, seq: u64, head: Hash, engine: String, changes: Vec<Change>,
        policy: Option<PolicyName>, models: Option<Models>, hosts: Option<Vec<String>>, self_review: Option<bool>,
        ablations: Option<Vec<Ablation>>, templates: Option<Vec<Template>>, prices: Option<Vec<Price>>,
    }
    |fork, out| {
        out.raw("{\"nonce\":");
        fork.nonce.show(out);
        out.raw(",\"name\":");
        fork.name.show(out);
        out.raw(",\"origin\":{\"run\":");
        fork.owner.show(out);
        out.raw(",\"seq\":");
        fork.seq.show(out);
        out.raw(",\"head\":");
        fork.head.show(out);
        out.raw("},\"engine\":");
        fork.engine.show(out);
        out.raw(",\"changes\":");
        fork.changes.show(out);
        out.raw(",\"policy\":");
        fork.policy.show(out);
        out.raw(",\"models\":");
        fork.models.show(out);
        out.raw(",\"hosts\":");
        fork.hosts.show(out);
        out.raw(",\"self_review\":");
        fork.self_review.show(out);
        out.raw(",\"ablations\":");
        fork.ablations.show(out);
        out.raw(",\"templates\":");
        fork.templates.show(out);
        out.raw(",\"prices\":");
        fork.prices.show(out);
        out.raw("}");
    }
}

record_shown! {
    SourceAdded {
        source: SourceId, name: Hash, original_hash: Hash, original_len: u64, extractor: Extractor, text: Hash,
    }
    |added, out| {
        out.raw("{\"source\":");
        added.source.show(out);
        out.raw(",\"name\":");
        added.name.show(out);
        out.raw(",\"original\":{\"hash\":");
        added.original_hash.show(out);
        out.raw(",\"len\":");
        added.original_len.show(out);
        out.raw("},\"extractor\":");
        added.extractor.show(out);
        out.raw(",\"text\":");
        added.text.show(out);
        out.raw("}");
    }
}

record_shown! {
    UnitAdded { unit: UnitId, start: u64, end: u64 }
    |added, out| {
        out.raw("{\"unit\":");
        added.unit.show(out);
        out.raw(",\"source\":");
        added.unit.source.show(out);
        out.raw(",\"start\":");
        added.start.show(out);
        out.raw(",\"end\":");
        added.end.show(out);
        out.raw("}");
    }
}

macro_rules! events {
    ($($code:literal $name:literal $variant:ident),+ $(,)?) => {
        /// Something that happened.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub(crate) enum Event { $($variant(Box<$variant>)),+ }

        impl Event {
            /// The name that `code` has, if it has one.
            pub(crate) fn name_of(code: u16) -> Option<&'static str> {
                match code { $($code => Some($name),)+ _ => None }
            }

            pub(crate) fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name),+ }
            }

            /// The body of the kind `code`, and nothing after it.
            pub(crate) fn read(code: u16, bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
                let event = match code {
                    $($code => Self::$variant(Box::new(Field::read(bytes)?)),)+
                    _ => return Err(bytes.bad(BadBytes::Kind(code))),
                };
                bytes.end()?;
                Ok(event)
            }

            /// Its `data`.
            pub(crate) fn show(&self, out: &mut Json) {
                match self { $(Self::$variant(body) => body.show(out)),+ }
            }
        }
    };
}

events! {
    1 "run_started" RunStarted,
    2 "run_forked" RunForked,
    3 "run_paused" RunPaused,
    4 "run_resumed" RunResumed,
    5 "run_ended" RunEnded,
    10 "source_added" SourceAdded,
    11 "source_skipped" SourceSkipped,
    12 "unit_added" UnitAdded,
    20 "agent_joined" AgentJoined,
    21 "agent_left" AgentLeft,
    30 "task_added" TaskAdded,
    40 "claimed" Claimed,
    41 "lease_renewed" LeaseRenewed,
    42 "claim_expired" ClaimExpired,
    43 "claim_released" ClaimReleased,
    44 "context_read" ContextRead,
    45 "unfolded" Unfolded,
    50 "call_started" CallStarted,
    51 "call_finished" CallFinished,
    52 "call_failed" CallFailed,
    60 "draft_submitted" DraftSubmitted,
    61 "result_refused" ResultRefused,
    62 "summary_checked" SummaryChecked,
    63 "gist_proposed" GistProposed,
    64 "verdict_given" VerdictGiven,
    65 "gist_admitted" GistAdmitted,
    66 "gist_withdrawn" GistWithdrawn,
    67 "blob_redacted" BlobRedacted,
    70 "task_reopened" TaskReopened,
    71 "task_abandoned" TaskAbandoned,
    72 "drained" Drained,
    73 "expanded" Expanded,
    80 "limit_reached" LimitReached,
    81 "answer_given" AnswerGiven,
}

impl Limits {
    /// The limit called `name`, to be changed.
    pub(crate) fn named(&mut self, name: &str) -> Option<&mut u64> {
        let limit = match name {
            "agents_max" => &mut self.agents_max,
            "attempts_max" => &mut self.attempts_max,
            "releases_max" => &mut self.releases_max,
            "lease_ms" => &mut self.lease_ms,
            "deadline_ms" => &mut self.deadline_ms,
            "budget_microusd" => &mut self.budget_microusd,
            "budget_tokens" => &mut self.budget_tokens,
            "gist_tokens_max" => &mut self.gist_tokens_max,
            "output_tokens_max" => &mut self.output_tokens_max,
            "tasks_max" => &mut self.tasks_max,
            "needs_max" => &mut self.needs_max,
            "rounds_max" => &mut self.rounds_max,
            "unfold_rounds_max" => &mut self.unfold_rounds_max,
            "unfold_labels_max" => &mut self.unfold_labels_max,
            "asks_max" => &mut self.asks_max,
            "commands_kept" => &mut self.commands_kept,
            "bullets_max" => &mut self.bullets_max,
            "reference_words_min" => &mut self.reference_words_min,
            "evidence_max" => &mut self.evidence_max,
            "unit_bytes" => &mut self.unit_bytes,
            "units_max" => &mut self.units_max,
            "source_bytes_max" => &mut self.source_bytes_max,
            "sources_bytes_max" => &mut self.sources_bytes_max,
            "question_bytes_max" => &mut self.question_bytes_max,
            "reply_bytes_max" => &mut self.reply_bytes_max,
            "bytes_per_token" => &mut self.bytes_per_token,
            _ => return None,
        };
        Some(limit)
    }
}
