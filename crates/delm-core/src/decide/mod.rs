//! Deciding: from a state, a command and a time to the events that follow, or a refusal that changes nothing.
//!
//! Refuses before writing what `apply` would refuse when reading: both walk the same code. Pure: the same arguments
//! give the same events, so to decide an entry's command again is to audit it.

mod attempts;
mod builder;
mod claim;
mod fork;
mod lifecycle;
mod propose;
mod submit;
mod tasks;

use alloc::string::String;
use alloc::vec::Vec;

use crate::command::{Command, Envelope, Reply};
use crate::entry::{Blob, Blobs, Entry, RULES};
use crate::event::{Event, PauseCause};
use crate::ids::{AgentId, CallId, Digest, Fence, Job, Millis};
use crate::limits::LimitError;
use crate::policy::Policy;
use crate::prompt::RenderError;
use crate::request::Request;
use crate::run::{Phase, Run};
use builder::Builder;

/// What follows from a command. No events: the command is a repetition, and `reply` is the one it got before.
#[derive(Debug)]
pub struct Decision {
    /// What happened, in order.
    pub events: Vec<Event>,
    /// Blobs that the events name and that decide itself made.
    pub blobs: Vec<Blob>,
    /// For the sender.
    pub reply: Reply,
    /// The request of the call that the sender is to make, if any.
    pub request: Option<Request>,
    /// The state after these events, before they are sealed.
    pub(crate) after: Option<Run>,
}

/// A lawful no, which changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no work for this agent now.
    #[error("there is no work for this agent now")]
    NoWork,
    /// The run is not running.
    #[error("the run is {}", phase_word(.phase))]
    NotRunning {
        /// Where it stands.
        phase: Phase,
    },
    /// Time has passed a deadline: `Tick` comes first.
    #[error("a deadline of {deadline_ms} is due at {at_ms}; Tick comes first")]
    DeadlineDue {
        /// The deadline.
        deadline_ms: Millis,
        /// The time given.
        at_ms: Millis,
    },
    /// Nothing is due.
    #[error("nothing is due")]
    NothingDue,
    /// The clock went back.
    #[error("time goes back from {last_ms} to {at_ms} ms")]
    ClockBack {
        /// Time of the head.
        last_ms: Millis,
        /// The time given.
        at_ms: Millis,
    },
    /// An agent that never joined, or left.
    #[error("{agent} never joined this run, or left it")]
    UnknownAgent {
        /// Who.
        agent: AgentId,
    },
    /// This command is not for this sender.
    #[error("this command is not for this sender")]
    WrongSender,
    /// The agent holds a claim already.
    #[error("the agent holds the claim under fence {fence} already")]
    HasClaim {
        /// Which.
        fence: Fence,
    },
    /// No live claim of the sender's under that fence.
    #[error("no claim of the sender is live under fence {fence}")]
    StaleFence {
        /// Which.
        fence: Fence,
    },
    /// The command quotes a claim that its sender never had under that fence.
    #[error("the claim under fence {fence} is not the one the sender was given")]
    WrongClaim {
        /// The fence it quotes.
        fence: Fence,
    },
    /// The call is over, or never was.
    #[error("{call} is not open")]
    UnknownCall {
        /// Which.
        call: CallId,
    },
    /// The number was used for another command, or is older than those remembered.
    #[error("command {number} was used for another command, or is too old to be known")]
    NumberUsed {
        /// Which.
        number: u64,
    },
    /// A budget is reserved to the last; a claim in flight must end first.
    #[error("the budget is reserved by calls in flight")]
    BudgetReserved,
    /// The budget does not bear the job that was asked for. A claim of any job would stop the run.
    #[error("{job} may take the run to {needed} of {limit} = {value}")]
    OverBudget {
        /// The job.
        job: Job,
        /// Which budget.
        limit: &'static str,
        /// Its value.
        value: u64,
        /// What would be spent.
        needed: u64,
    },
    /// A limit's new value is not possible.
    #[error(transparent)]
    Limit(#[from] LimitError),
    /// A blob the command names is not at hand.
    #[error("the bytes of {what} ({hash}) were not given and are not stored")]
    MissingBlob {
        /// Which text.
        what: &'static str,
        /// Its hash.
        hash: Digest,
    },
    /// A source or text of the command is not possible.
    #[error("{what}")]
    Invalid {
        /// What and why.
        what: String,
    },
    /// A prompt cannot be rendered.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The events would break a law.
    #[error("it would break {law}: {what}")]
    Unlawful {
        /// The law's number.
        law: &'static str,
        /// How.
        what: String,
    },
}

fn phase_word(phase: &Phase) -> &'static str {
    match phase {
        Phase::Unborn => "not begun",
        Phase::Running => "running",
        Phase::Stopping(PauseCause::Budget) => "stopping: its budget is spent",
        Phase::Stopping(PauseCause::Deadline) => "stopping: its deadline is reached",
        Phase::Stopping(PauseCause::Interrupt) => "stopping: it was interrupted",
        Phase::Stopping(PauseCause::Provider) => "stopping: a provider failed",
        Phase::Paused(_) => "paused",
        Phase::Ended(_) => "over",
    }
}

/// Decides one command.
///
/// # Errors
/// [`Refusal`]; the state is untouched and nothing is to be written.
pub fn decide(
    policy: &dyn Policy,
    run: &Run,
    blobs: &dyn Blobs,
    envelope: &Envelope,
    at: Millis,
) -> Result<Decision, Refusal> {
    if let Some(reply) = repeated(run, envelope)? {
        return Ok(Decision { events: Vec::new(), blobs: Vec::new(), reply, request: None, after: None });
    }
    if at < run.at() {
        return Err(Refusal::ClockBack { last_ms: run.at(), at_ms: at });
    }
    // A resume takes over from a dead writer and releases what it held, due or not; a fork has nothing of what was held.
    let waits = !matches!(envelope.command, Command::Tick | Command::Resume { .. } | Command::Fork(_));
    if let Some(deadline_ms) = run.next_deadline().filter(|deadline| waits && *deadline <= at) {
        return Err(Refusal::DeadlineDue { deadline_ms, at_ms: at });
    }
    let mut builder = Builder::new(policy, run, blobs, envelope.agent, at);
    let split = cfg!(sabotage = "split_entry");
    if split {
        builder.settle()?;
    }
    command(&mut builder, &envelope.command)?;
    if !split {
        builder.settle()?;
    }
    if envelope.next {
        builder.claim_next();
    }
    builder.finish(envelope)
}

/// The reply to a command that was accepted before.
fn repeated(run: &Run, envelope: &Envelope) -> Result<Option<Reply>, Refusal> {
    let number = envelope.number;
    if run.phase() == Phase::Unborn {
        return Ok(None);
    }
    let unknown = || envelope.agent.map_or(Refusal::WrongSender, |agent| Refusal::UnknownAgent { agent });
    let sent = run.agents().sent(envelope.agent).ok_or_else(unknown)?;
    match sent.get(number) {
        Some(known) if known.command == envelope.command.digest() => Ok(Some(known.reply)),
        Some(_) => Err(Refusal::NumberUsed { number }),
        None if sent.last().is_some_and(|last| number <= last) => Err(Refusal::NumberUsed { number }),
        None => Ok(None),
    }
}

fn command(builder: &mut Builder<'_>, command: &Command) -> Result<(), Refusal> {
    let born = builder.run.phase() != Phase::Unborn;
    if born == matches!(command, Command::Start(_)) {
        return Err(Refusal::NotRunning { phase: builder.run.phase() });
    }
    let over = matches!(builder.run.phase(), Phase::Ended(_));
    if over && !matches!(command, Command::Retract { .. } | Command::Redact { .. }) {
        return Err(Refusal::NotRunning { phase: builder.run.phase() });
    }
    match command {
        Command::Start(start) => builder.start(start),
        Command::Join(spec) => builder.join(spec),
        Command::Leave => builder.leave(),
        Command::Claim { job } => builder.claim(*job),
        Command::Renew { fence } => builder.renew(*fence),
        Command::Release { fence } => builder.release(*fence),
        Command::Answer(call) => builder.answer(call),
        Command::Submit { fence, draft } => builder.submit(*fence, *draft),
        Command::Fail(call) => builder.fail(call),
        Command::Tick => builder.tick(),
        Command::Interrupt { hard } => builder.interrupt(*hard),
        Command::Cancel => builder.cancel(),
        Command::Resume { engine, changes } => builder.resume(engine, changes),
        Command::Fork(fork) => builder.fork(fork),
        Command::Retract { label, reason } => builder.retract(*label, *reason),
        Command::Redact { blob, reason } => builder.redact(*blob, *reason),
    }
}

/// The entry that a decision becomes.
#[must_use]
pub fn entry_of(run: &Run, envelope: &Envelope, events: Vec<Event>, at: Millis) -> Entry {
    let (seq, parent) = run.head().map_or((0, Digest::ZERO), |head| (head.seq + 1, head.id));
    Entry { parent, seq, at, agent: envelope.agent, command: envelope.number, rules: RULES, events }
}
