//! What was done to a run, as lines of text: read back, each line is done again.
//!
//! Refuses lines it does not know. A sender's own claim and call are called `own`, so that a line still means something
//! when lines before it are gone.

mod text;

use delm_core::command::{CallDone, CallLost, Command, Envelope};
use delm_core::entry::Blob;
use delm_core::event::{AgentKind, CallFault, Change, Tokens};
use delm_core::ids::{AgentId, CallId, Digest, FactId, Fence, Job, Millis};
use delm_core::run::Run;

pub use text::ScriptError;

use crate::disk::Tear;
use crate::setup::{Setup, agent};
use crate::words::Manners;

/// A claim, as a command quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfClaim {
    /// The one its sender holds.
    Own,
    /// The one of this fence.
    Fence(Fence),
}

/// A call, as a command quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfCall {
    /// The newest open one of its sender.
    Own,
    /// This one.
    Call(CallId),
}

/// How somebody works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Well: findings that hold, verdicts that approve.
    Good,
    /// With findings, plans and answers that the checks refuse.
    Wrong,
    /// With words that are no reply.
    Garbage,
    /// Rejecting what it reviews.
    Reject,
    /// Asking for other words.
    Rewrite,
    /// Reading behind a label first.
    Unfold,
    /// With a call that brings no reply.
    Fail,
}

impl Manner {
    /// All of them.
    pub const ALL: &'static [Self] =
        &[Self::Good, Self::Wrong, Self::Garbage, Self::Reject, Self::Rewrite, Self::Unfold, Self::Fail];

    /// Its word in a script.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Wrong => "wrong",
            Self::Garbage => "garbage",
            Self::Reject => "reject",
            Self::Rewrite => "rewrite",
            Self::Unfold => "unfold",
            Self::Fail => "fail",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|manner| manner.as_str() == word)
    }

    /// The model that works so.
    #[must_use]
    pub fn manners(self) -> Manners {
        let good = Manners { tasks_max: 3, needs: 400, ..Manners::good() };
        match self {
            Self::Good | Self::Fail => good,
            Self::Wrong => Manners { wrong: 1_000, ..good },
            Self::Garbage => Manners { garbage: 1_000, ..good },
            Self::Reject => Manners { reject: 1_000, ..good },
            Self::Rewrite => Manners { rewrite: 1_000, ..good },
            Self::Unfold => Manners { unfold: 1_000, ..good },
        }
    }
}

/// What is asked, with the words it brings; none for words that it names and does not bring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Take a job.
    Claim(Option<Job>),
    /// More time.
    Renew(OfClaim),
    /// Give back.
    Release(OfClaim),
    /// A reply worked out without a call.
    Submit(OfClaim, Option<String>),
    /// A call's reply, with its tokens.
    Answer(OfCall, Option<Tokens>, Option<String>),
    /// A call without one.
    Fail(OfCall, CallFault, String),
    /// Join, as this kind under this principal.
    Join(AgentKind, String),
    /// Go.
    Leave,
    /// Stop claiming.
    Interrupt(bool),
    /// End.
    Cancel,
    /// Withdraw a fact.
    Retract(FactId),
    /// Take bytes away: of the blobs that may go, the one that the number chooses.
    Redact(u64),
    /// Do what the sender's claim asks, in this manner; take a job if it has none. The number chooses the words.
    Work(Manner, u64),
    /// What no script says: it is left out when lines are done again.
    Other,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// A command reaches the dispatcher.
    Send {
        /// When, by the process's clock.
        at: Millis,
        /// Who sends it; none for the engine.
        who: Option<AgentId>,
        /// Its number, where it is not the sender's next one.
        number: Option<u64>,
        /// What is asked.
        ask: Ask,
        /// The wish for the next job in the same entry.
        next: bool,
        /// It quotes the claim by another entry than the one its sender was given.
        forged: bool,
    },
    /// Time passes.
    Tick {
        /// What the clock says.
        at: Millis,
    },
    /// What is staged goes to the disk.
    Write,
    /// It is synced.
    Sync,
    /// The process dies.
    Crash {
        /// What the disk does with what was not synced.
        tear: Tear,
    },
    /// Another process opens a run that has ended.
    Open,
    /// A new process takes over.
    Resume {
        /// What its clock says.
        at: Millis,
        /// Limits that change.
        changes: Vec<Change>,
    },
}

impl Line {
    pub(crate) fn of(envelope: &Envelope, blobs: &[Blob], at: Millis, run: &Run, forged: bool) -> Self {
        let next = run.agents().sent(envelope.agent).map(delm_core::run::people::Sent::next_number);
        let number = (next != Some(envelope.number)).then_some(envelope.number);
        let ask = ask_of(&envelope.command, blobs, envelope.agent, run);
        Self::Send { at, who: envelope.agent, number, ask, next: envelope.next, forged }
    }

    pub(crate) fn of_engine(command: &Command, blobs: &[Blob], at: Millis) -> Self {
        let ask = ask_of(command, blobs, None, &Run::default());
        Self::Send { at, who: None, number: None, ask, next: false, forged: false }
    }

    pub(crate) fn redact(choice: u64, at: Millis) -> Self {
        Self::Send { at, who: None, number: None, ask: Ask::Redact(choice), next: false, forged: false }
    }

    /// Whether it is a command of somebody.
    #[must_use]
    pub fn is_command(&self) -> bool {
        matches!(self, Self::Send { .. } | Self::Resume { .. })
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "what a script cannot say")]
fn ask_of(command: &Command, blobs: &[Blob], who: Option<AgentId>, run: &Run) -> Ask {
    let own = who.and_then(|who| run.agent(who)?.claim);
    let claim = |fence: &Fence| if own == Some(*fence) { OfClaim::Own } else { OfClaim::Fence(*fence) };
    let newest = run.ledger().open().filter(|(_, open)| Some(open.agent) == who).last();
    let newest = newest.map(|(call, _)| *call);
    let call = |call: &CallId| if newest == Some(*call) { OfCall::Own } else { OfCall::Call(*call) };
    let words = |hash: &Digest| {
        let blob = blobs.iter().find(|blob| blob.hash == *hash);
        blob.map(|blob| String::from_utf8_lossy(&blob.bytes).into_owned())
    };
    match command {
        Command::Claim { job } => Ask::Claim(*job),
        Command::Renew { fence } => Ask::Renew(claim(fence)),
        Command::Release { fence } => Ask::Release(claim(fence)),
        Command::Submit { fence, draft } => Ask::Submit(claim(fence), words(draft)),
        Command::Answer(done) => Ask::Answer(call(&done.call), done.tokens, words(&done.reply)),
        Command::Fail(lost) => {
            Ask::Fail(call(&lost.call), lost.fault, words(&lost.error).unwrap_or_default())
        }
        Command::Join(spec) => Ask::Join(spec.kind, spec.principal.clone()),
        Command::Leave => Ask::Leave,
        Command::Interrupt { hard } => Ask::Interrupt(*hard),
        Command::Cancel => Ask::Cancel,
        Command::Retract { label, .. } => Ask::Retract(*label),
        _ => Ask::Other,
    }
}

impl Ask {
    /// The command, and the blobs it brings, as it is given to a run that stands so.
    #[must_use]
    pub fn command(&self, who: Option<AgentId>, run: &Run) -> Option<(Command, Vec<Blob>)> {
        let fence = |claim: &OfClaim| match claim {
            OfClaim::Fence(fence) => *fence,
            // A sender that holds nothing quotes what never was.
            OfClaim::Own => who.and_then(|who| run.agent(who)?.claim).unwrap_or(u64::MAX),
        };
        let call = |call: &OfCall| match call {
            OfCall::Call(call) => *call,
            OfCall::Own => {
                let own = run.ledger().open().filter(|(_, open)| Some(open.agent) == who).last();
                own.map_or(CallId(u32::MAX), |(call, _)| *call)
            }
        };
        let words = |text: &Option<String>| text.as_ref().map(|text| Blob::new(text.as_bytes()));
        let missing = Digest::of_blob(b"never brought");
        let mut blobs = Vec::new();
        let mut keep = |blob: Option<Blob>| {
            let hash = blob.as_ref().map_or(missing, |blob| blob.hash);
            blobs.extend(blob);
            hash
        };
        let command = match self {
            Self::Claim(job) => Command::Claim { job: *job },
            Self::Renew(claim) => Command::Renew { fence: fence(claim) },
            Self::Release(claim) => Command::Release { fence: fence(claim) },
            Self::Submit(claim, text) => Command::Submit { fence: fence(claim), draft: keep(words(text)) },
            Self::Answer(of, tokens, text) => Command::Answer(done(call(of), keep(words(text)), *tokens)),
            Self::Fail(of, fault, text) => {
                Command::Fail(lost(call(of), *fault, keep(Some(Blob::new(text.as_bytes())))))
            }
            Self::Join(kind, principal) => Command::Join(agent(*kind, principal)),
            Self::Leave => Command::Leave,
            Self::Interrupt(hard) => Command::Interrupt { hard: *hard },
            Self::Cancel => Command::Cancel,
            Self::Retract(label) => {
                Command::Retract { label: *label, reason: keep(Some(Blob::new(&b"because"[..]))) }
            }
            Self::Work(..) | Self::Redact(_) | Self::Other => return None,
        };
        Some((command, blobs))
    }
}

/// The end of a call that brought a reply.
#[must_use]
pub fn done(call: CallId, reply: Digest, tokens: Option<Tokens>) -> CallDone {
    CallDone {
        call,
        reply,
        model_reported: None,
        request_id: None,
        tokens,
        latency_ms: 1,
        tries: 1,
        billable: 0,
    }
}

/// The end of a call that brought none.
#[must_use]
pub fn lost(call: CallId, fault: CallFault, error: Digest) -> CallLost {
    CallLost { call, fault, error, reply: None, tries: 1, billable: 1 }
}

/// A run's beginning and everything done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// How it begins.
    pub setup: Setup,
    /// What was done, in order.
    pub lines: Vec<Line>,
}

impl Script {
    /// A run to which nothing was done.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        Self { setup, lines: Vec::new() }
    }

    pub(crate) fn push(&mut self, line: Line) {
        self.lines.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"begin agents=2 programs=bob attempts_max=1
@1000 a1 claim
@1001 a1 next answer own 10/20/0 "{\"tasks\":[]}"
write
sync
@1002 a3 #7 forged submit 3 missing
@1003 a2 answer c4 uncounted "PASS q\nx"
@1004 a2 fail own provider "it \u{e9} failed"
@1005 a1 claim review:14
@1006 a1 renew own
@1007 a1 release 9
@1008 engine interrupt hard
@1009 engine join program "eve"
@1010 engine retract F2
@1010 engine redact 7
open
@1011 tick
crash torn=17
crash scrambled=5
@1012 resume budget_tokens=0 lease_ms=9
"#;

    #[test]
    fn a_script_is_written_and_read_the_same() {
        let script: Script = TEXT.parse().unwrap();
        assert_eq!(script.lines.len(), 19);
        let again: Script = script.to_string().parse().unwrap();
        assert_eq!(again, script);
        assert_eq!(script.lines[6].to_string(), "@1004 a2 fail own provider \"it é failed\"");
    }

    #[test]
    fn what_is_no_step_is_named_by_its_line() {
        let error = "begin agents=1\n@5 a1 dance".parse::<Script>().unwrap_err();
        assert_eq!((error.line, error.text.as_str()), (2, "@5 a1 dance"));
        assert_eq!("".parse::<Script>().unwrap_err().line, 0);
    }
}
