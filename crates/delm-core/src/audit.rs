//! Auditing an entry: its command, read back from its events, is decided again and must give them.
//!
//! Refuses to call a model: a reply is taken from the log, everything that follows from it is computed anew.

use alloc::string::String;
use alloc::sync::Arc;

use crate::apply::{self, Fault};
use crate::command::command_of;
use crate::decide::{Decision, Refusal, decide};
use crate::entry::{Blob, Blobs, Sealed};
use crate::event::Event;
use crate::ids::{Digest, Seq};
use crate::policy::Policy;
use crate::prompt;
use crate::run::Run;

/// Where a log and this binary's reading of its rules part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Divergence {
    /// The entry breaks a law.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The command, decided again, is refused.
    #[error("entry {seq}: its command is refused when decided again: {refusal}")]
    Refused {
        /// The entry.
        seq: Seq,
        /// Why.
        refusal: Refusal,
    },
    /// The command, decided again, gives other events.
    #[error("entry {seq}, event {place}: recorded {recorded}, decided {decided}")]
    Differs {
        /// The entry.
        seq: Seq,
        /// The first event that differs, from zero.
        place: usize,
        /// What the log says.
        recorded: String,
        /// What was decided.
        decided: String,
    },
    /// A blob that a decision made is stored with other bytes, or not at all.
    #[error("entry {seq}: blob {hash} was made by the decision and is not what is stored")]
    Blob {
        /// The entry.
        seq: Seq,
        /// The blob.
        hash: Digest,
    },
}

/// What an audit of one entry looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    /// Events decided again.
    pub events: u64,
    /// Prompts rebuilt and compared by hash.
    pub prompts: u64,
    /// Verdicts whose mechanical checks were computed again.
    pub verdicts: u64,
    /// Blobs made again.
    pub blobs: u64,
}

/// Decides the entry's command again on the state before it, then folds the entry.
///
/// # Errors
/// [`Divergence`]; the state is then untouched.
pub fn audit(
    policy: &dyn Policy,
    run: &mut Run,
    blobs: &dyn Blobs,
    sealed: &Sealed,
) -> Result<Audited, Divergence> {
    let seq = sealed.entry.seq;
    let envelope = command_of(&sealed.entry);
    let decision = decide(policy, run, blobs, &envelope, sealed.entry.at);
    // A broken law is named as such before a difference that may only be its consequence.
    let mut next = run.clone();
    apply::apply(&mut next, sealed)?;
    let decision = decision.map_err(|refusal| Divergence::Refused { seq, refusal })?;
    compare(seq, &sealed.entry.events, &decision)?;
    let stored = |blob: &&Blob| blobs.blob(&blob.hash).is_none_or(|bytes| bytes != blob.bytes);
    let redacted = |blob: &&Blob| run.redacted().contains_key(&blob.hash);
    if let Some(blob) = decision.blobs.iter().find(|blob| stored(blob) && !redacted(blob)) {
        return Err(Divergence::Blob { seq, hash: blob.hash });
    }
    let blobs_made = decision.blobs.len() as u64;
    prompt::warm(&mut next, blobs);
    *run = next;
    let count =
        |test: fn(&Event) -> bool| sealed.entry.events.iter().filter(|event| test(event)).count() as u64;
    Ok(Audited {
        events: sealed.entry.events.len() as u64,
        prompts: count(|event| matches!(event, Event::CallStarted(_))),
        verdicts: count(|event| matches!(event, Event::VerdictGiven(_))),
        blobs: blobs_made,
    })
}

fn compare(seq: Seq, recorded: &[Event], decision: &Decision) -> Result<(), Divergence> {
    let decided = &decision.events;
    let places = recorded.len().max(decided.len());
    let first = (0..places).find(|place| recorded.get(*place) != decided.get(*place));
    match first {
        None => Ok(()),
        Some(place) => Err(Divergence::Differs {
            seq,
            place,
            recorded: words(recorded.get(place)),
            decided: words(decided.get(place)),
        }),
    }
}

fn words(event: Option<&Event>) -> String {
    event.map_or_else(|| String::from("nothing"), |event| alloc::format!("{event:?}"))
}

/// Blobs that are looked for here first and elsewhere second.
pub struct Either<'a>(pub &'a dyn Blobs, pub &'a dyn Blobs);

impl Blobs for Either<'_> {
    fn blob(&self, hash: &Digest) -> Option<Arc<[u8]>> {
        self.0.blob(hash).or_else(|| self.1.blob(hash))
    }
}
