//! Commands: requests to change a run, as data, and how each is read back from the entry it became.
//!
//! Refuses nothing itself: `decide` does. A command holds hashes, not texts; the bytes come beside it.

use alloc::string::String;
use alloc::vec::Vec;

use bincode::{Decode, Encode};

use crate::codec;
use crate::entry::Entry;
use crate::event::{
    AgentJoined, AgentKind, CallFailed, CallFault, CallFinished, Change, Event, Extractor, Outcome,
    PauseCause, RunForked, RunStarted, SourceSkipped, Tokens,
};
use crate::ids::{AgentId, CallId, Digest, FactId, Fence, Job, Seq};

/// A request to change a run.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Command {
    /// Begin the run.
    Start(StartRun),
    /// Add a worker.
    Join(AgentSpec),
    /// A worker goes; what it holds is released.
    Leave,
    /// Take a job: this one, or whichever comes first.
    Claim {
        /// The job wanted, or none for the policy's choice.
        job: Option<Job>,
    },
    /// More time for a claim.
    Renew {
        /// The claim.
        fence: Fence,
    },
    /// Give a claim back.
    Release {
        /// The claim.
        fence: Fence,
    },
    /// A model replied; what follows from its words is decided here.
    Answer(CallDone),
    /// A reply worked out without a model.
    Submit {
        /// The claim.
        fence: Fence,
        /// Blob: the typed reply, canonical.
        draft: Digest,
    },
    /// A call brought no reply.
    Fail(CallLost),
    /// Time has passed: expire what is due.
    Tick,
    /// Stop claiming; when `hard`, release what is claimed too.
    Interrupt {
        /// Do not wait for claims in flight.
        hard: bool,
    },
    /// End the run without an answer.
    Cancel,
    /// Go on under a new writer.
    Resume {
        /// Version of the binary.
        engine: String,
        /// Limits that change.
        changes: Vec<Change>,
    },
    /// Begin another run from here.
    Fork(ForkRun),
    /// Withdraw a fact.
    Retract {
        /// The fact.
        label: FactId,
        /// Blob: why.
        reason: Digest,
    },
    /// Let a blob's bytes go.
    Redact {
        /// Its hash.
        blob: Digest,
        /// Blob: why.
        reason: Digest,
    },
}

/// The end of a call that brought a reply.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallDone {
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
    /// From sending to the last byte, in milliseconds.
    pub latency_ms: u64,
    /// Requests sent, the last included.
    pub tries: u32,
    /// Of those before the last, the ones the provider may bill.
    pub billable: u32,
}

/// The end of a call that brought no reply.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CallLost {
    /// Which call.
    pub call: CallId,
    /// Why, as a class.
    pub fault: CallFault,
    /// Blob: why, in words, scrubbed of keys.
    pub error: Digest,
    /// Blob: what had come of a reply, scrubbed of keys and cut at `reply_bytes_max`.
    pub reply: Option<Digest>,
    /// Requests sent.
    pub tries: u32,
    /// Of those, the ones the provider may bill.
    pub billable: u32,
}

/// Everything a run begins with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StartRun {
    /// What it is decided under.
    pub run: RunStarted,
    /// Its documents.
    pub sources: Vec<SourceSpec>,
    /// Documents left out.
    pub skipped: Vec<SourceSkipped>,
    /// Its workers.
    pub agents: Vec<AgentSpec>,
}

/// Everything a fork begins with beside its prefix.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ForkRun {
    /// Where it leaves from, and what it changes.
    pub run: RunForked,
    /// Facts that do not hold in it, in the order in which they are withdrawn.
    pub drops: Vec<DroppedFact>,
    /// Its workers: those of the prefix are history.
    pub agents: Vec<AgentSpec>,
}

/// A fact that does not hold in a fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DroppedFact {
    /// The fact.
    pub label: FactId,
    /// Blob: why.
    pub reason: Digest,
}

/// A document, before it has a label.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SourceSpec {
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

/// A worker, before it has a label. A builtin's or model's principal is itself and is given by decide.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AgentSpec {
    /// What it is.
    pub kind: AgentKind,
    /// Who answers for it; empty for one that answers for itself.
    pub principal: String,
    /// The model it works with.
    pub model: String,
    /// The program it is.
    pub program: Option<String>,
}

/// A command with its sender and number, and the wish to claim the next job in the same entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Who commands; none for the engine itself.
    pub agent: Option<AgentId>,
    /// Its number among the sender's commands; growing.
    pub number: u64,
    /// What is wanted.
    pub command: Command,
    /// Id of the entry that made the claim which the command quotes, by its fence or its call; none if it quotes none.
    /// The dispatcher compares it and the log keeps the fence alone: a fence may be given anew after entries were lost.
    pub claim: Option<Digest>,
    /// Claim the sender's next job in the same entry, if there is one. A wish: not part of the command's identity.
    pub next: bool,
}

impl Command {
    /// The call that the command ends, if it ends one.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        if let Self::Answer(CallDone { call, .. }) | Self::Fail(CallLost { call, .. }) = self {
            Some(*call)
        } else {
            None
        }
    }

    /// The fence that the command quotes, if it quotes one.
    #[must_use]
    pub fn fence(&self) -> Option<Fence> {
        if let Self::Renew { fence } | Self::Release { fence } | Self::Submit { fence, .. } = self {
            Some(*fence)
        } else {
            None
        }
    }

    /// The command's identity, by which a repetition is known.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Which job was wanted is not kept once another was given, nor whether an interrupt that found nobody at work
        // was a hard one: those two are repeated by their number.
        let (any_job, any_interrupt) = (Self::Claim { job: None }, Self::Interrupt { hard: false });
        let identity = if matches!(self, Self::Claim { .. }) {
            &any_job
        } else if matches!(self, Self::Interrupt { .. }) {
            &any_interrupt
        } else {
            self
        };
        Digest(blake3::derive_key("delm command v1", &codec::encode(identity)))
    }
}

/// What an accepted command brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The entry it became.
    pub seq: Seq,
    /// The claim its sender got, if any; the fence is `seq`.
    pub claimed: Option<Job>,
    /// The call its sender is to make, if any.
    pub call: Option<CallId>,
    /// The result came too late and was kept, not used.
    pub late: bool,
}

impl Reply {
    /// The reply to the command that became this entry.
    #[must_use]
    pub fn of(entry: &Entry) -> Self {
        let mut reply = Self { seq: entry.seq, claimed: None, call: None, late: false };
        for event in &entry.events {
            if let Event::Claimed(claimed) = event {
                reply.claimed = Some(claimed.job);
            } else if let Event::CallStarted(call) = event {
                reply.call = Some(call.call);
            } else if let Event::ResultRefused(_) = event {
                reply.late = true;
            }
        }
        reply
    }
}

/// The command an entry came from, told by its first event. Total: any entry, also a forged one, gives some command;
/// `decide` then tells whether that command gives that entry.
#[must_use]
pub fn command_of(entry: &Entry) -> Envelope {
    let command = entry.events.first().map_or(Command::Tick, |first| command_from(entry, first));
    // A wish for the next job shows in the claim it led to, or in the budget that forbade the claim and stopped the run;
    // if something else stopped it, the wish is idle.
    let wished = |event: &Event| matches!(event, Event::Claimed(_)) || stops_for_budget(event);
    let next = !matches!(command, Command::Claim { .. }) && entry.events.iter().any(wished);
    Envelope { agent: entry.agent, number: entry.command, command, claim: None, next }
}

fn stops_for_budget(event: &Event) -> bool {
    matches!(event, Event::LimitReached(limit) if limit.cause == PauseCause::Budget)
}

fn command_from(entry: &Entry, first: &Event) -> Command {
    if entry.agent.is_none() && cancels(entry) {
        return Command::Cancel;
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "only events that speak a request begin an entry")]
    match first {
        Event::RunStarted(run) => Command::Start(start_of(entry, run)),
        Event::RunForked(run) => Command::Fork(fork_of(entry, run)),
        Event::AgentJoined(joined) => Command::Join(spec_of(joined)),
        Event::AgentLeft(_) => Command::Leave,
        Event::RunResumed(resumed) => {
            Command::Resume { engine: resumed.engine.clone(), changes: resumed.changes.clone() }
        }
        Event::Claimed(claimed) => Command::Claim { job: Some(claimed.job) },
        Event::LeaseRenewed(renewed) => Command::Renew { fence: renewed.fence },
        Event::CallFinished(call) => Command::Answer(done_of(call)),
        Event::CallFailed(call) => Command::Fail(lost_of(call)),
        Event::DraftSubmitted(draft) => Command::Submit { fence: draft.fence, draft: draft.draft },
        Event::ResultRefused(late) => Command::Submit { fence: late.fence, draft: late.draft },
        Event::GistWithdrawn(gone) => Command::Retract { label: gone.label, reason: gone.reason },
        Event::BlobRedacted(gone) => Command::Redact { blob: gone.blob, reason: gone.reason },
        Event::ClaimReleased(released) if entry.agent.is_some() => Command::Release { fence: released.fence },
        Event::ClaimReleased(_) => Command::Interrupt { hard: true },
        // A claim that no budget bears stops the run; only a claim of any job does.
        Event::LimitReached(_) if entry.agent.is_some() => Command::Claim { job: None },
        Event::LimitReached(limit) if limit.cause == PauseCause::Interrupt => Command::Interrupt {
            hard: entry.events.iter().any(|event| matches!(event, Event::ClaimReleased(_))),
        },
        _ => Command::Tick,
    }
}

fn cancels(entry: &Entry) -> bool {
    entry
        .events
        .iter()
        .any(|event| matches!(event, Event::RunEnded(end) if end.outcome == Outcome::Cancelled))
}

fn done_of(call: &CallFinished) -> CallDone {
    CallDone {
        call: call.call,
        reply: call.reply,
        model_reported: call.model_reported.clone(),
        request_id: call.request_id.clone(),
        tokens: call.tokens,
        latency_ms: call.latency_ms,
        tries: call.tries,
        billable: call.billable,
    }
}

fn lost_of(call: &CallFailed) -> CallLost {
    CallLost {
        call: call.call,
        fault: call.fault,
        error: call.error,
        reply: call.reply,
        tries: call.tries,
        billable: call.billable,
    }
}

fn start_of(entry: &Entry, run: &RunStarted) -> StartRun {
    let mut start =
        StartRun { run: run.clone(), sources: Vec::new(), skipped: Vec::new(), agents: Vec::new() };
    for event in &entry.events {
        if let Event::SourceAdded(added) = event {
            start.sources.push(SourceSpec {
                name: added.name,
                original_hash: added.original_hash,
                original_len: added.original_len,
                extractor: added.extractor,
                text: added.text,
            });
        } else if let Event::SourceSkipped(skipped) = event {
            start.skipped.push(skipped.clone());
        } else if let Event::AgentJoined(joined) = event {
            start.agents.push(spec_of(joined));
        }
    }
    start
}

fn fork_of(entry: &Entry, run: &RunForked) -> ForkRun {
    let mut fork = ForkRun { run: run.clone(), drops: Vec::new(), agents: Vec::new() };
    let mut dropping = true;
    for event in &entry.events {
        // What is withdrawn once a task is reopened was found by that task, and follows from the drops.
        dropping &= !matches!(event, Event::TaskReopened(_));
        if let (Event::GistWithdrawn(gone), true) = (event, dropping) {
            fork.drops.push(DroppedFact { label: gone.label, reason: gone.reason });
        } else if let Event::AgentJoined(joined) = event {
            fork.agents.push(spec_of(joined));
        }
    }
    fork
}

fn spec_of(joined: &AgentJoined) -> AgentSpec {
    let own = joined.principal == principal_of(joined.agent);
    AgentSpec {
        kind: joined.kind,
        principal: if own { String::new() } else { joined.principal.clone() },
        model: joined.model.clone(),
        program: joined.program.clone(),
    }
}

/// The principal of an agent that answers for itself.
#[must_use]
pub fn principal_of(agent: AgentId) -> String {
    alloc::format!("{agent}")
}
