//! Ground truth: who made which words, what each client was told, which fences were given, which states were seen.
//!
//! Refuses to look into the log for any of it; it is compared with the log, which may say otherwise.

use std::collections::{BTreeMap, BTreeSet};

use delm_core::command::Reply;
use delm_core::decide::Refusal;
use delm_core::entry::{Head, Sealed};
use delm_core::event::Event;
use delm_core::ids::{AgentId, Digest, Fence, Job, Seq};

use crate::broken::{Broken, holds};
use crate::marks::{Mark, Marks};

/// A command, as its sender knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who sent it.
    pub agent: Option<AgentId>,
    /// Its number.
    pub number: u64,
    /// What it asks, by its identity.
    pub command: Digest,
}

/// What a client was told about one of its commands.
#[derive(Clone, Copy, Debug)]
struct Told {
    command: Digest,
    reply: Reply,
    entry: Digest,
    life: u64,
}

/// What really happened.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    authors: BTreeMap<Digest, Vec<AgentId>>,
    told: BTreeMap<(Option<AgentId>, u64), Told>,
    fences: BTreeMap<Fence, (AgentId, Job, Digest)>,
    /// Claims that asked for a job by name.
    picked: BTreeSet<(Option<AgentId>, u64)>,
    seen: BTreeMap<AgentId, Seq>,
    /// The newest head that anybody was shown.
    shown: Option<Head>,
}

impl Truth {
    /// What is true of a fork as well: who made which words, and who picked. What clients were told is another run's.
    #[must_use]
    pub fn of_fork(&self) -> Self {
        Self { authors: self.authors.clone(), picked: self.picked.clone(), ..Self::default() }
    }

    /// An agent made these words.
    pub fn made(&mut self, blob: Digest, author: AgentId) {
        let authors = self.authors.entry(blob).or_default();
        if !authors.contains(&author) {
            authors.push(author);
        }
    }

    /// An agent asks for a job by name.
    pub fn picks(&mut self, agent: Option<AgentId>, number: u64) {
        self.picked.insert((agent, number));
    }

    /// Whether a command asked for a job by name.
    #[must_use]
    pub fn picked(&self, agent: Option<AgentId>, number: u64) -> bool {
        self.picked.contains(&(agent, number))
    }

    /// The entry that a fence was acknowledged with, as its holder knows it.
    #[must_use]
    pub fn claim_entry(&self, fence: Fence) -> Option<Digest> {
        self.fences.get(&fence).map(|(_, _, entry)| *entry)
    }

    /// A reply goes out; `entry` is the id of the entry it names, as published.
    ///
    /// # Errors
    /// I-3 if its fence was given before, I-36 if the command was answered otherwise before.
    pub fn accepted(
        &mut self,
        asked: Asked,
        reply: Reply,
        entry: Digest,
        life: u64,
        marks: &mut Marks,
    ) -> Result<(), Broken> {
        let key = (asked.agent, asked.number);
        match self.told.get(&key) {
            Some(told) if told.command == asked.command => {
                holds(told.reply == reply && told.entry == entry, "I-36", || {
                    format!("command {} of {:?} got {reply:?}, and {:?} before", key.1, key.0, told.reply)
                })?;
                marks.hit(Mark::AnsweredAgain);
                if told.life != life {
                    marks.hit(Mark::AnsweredAgainAfterCrash);
                }
            }
            Some(_) => {
                let what = format!("number {} of {:?} was accepted with two contents", key.1, key.0);
                return Err(Broken::new("I-36", what));
            }
            None => {
                self.told.insert(key, Told { command: asked.command, reply, entry, life });
            }
        }
        if let (Some(agent), Some(job)) = (asked.agent, reply.claimed) {
            let claim = (agent, job, entry);
            let before = self.fences.insert(reply.seq, claim);
            holds(before.is_none_or(|before| before == claim), "I-3", || {
                format!("fence {} was given to {before:?} and to {claim:?}", reply.seq)
            })?;
        }
        Ok(())
    }

    /// A refusal goes out.
    ///
    /// # Errors
    /// I-36 if the command was accepted before and is still remembered.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only some refusals leave a mark")]
    pub fn refused(
        &mut self,
        asked: Asked,
        refusal: &Refusal,
        kept_max: u64,
        marks: &mut Marks,
    ) -> Result<(), Broken> {
        match refusal {
            Refusal::StaleFence { .. } | Refusal::UnknownCall { .. } => marks.hit(Mark::StaleRefused),
            Refusal::WrongClaim { .. } => marks.hit(Mark::WrongClaim),
            Refusal::NumberUsed { .. } => marks.hit(Mark::NumberUsed),
            _ => {}
        }
        let told = self.told.get(&(asked.agent, asked.number)).filter(|told| told.command == asked.command);
        if told.is_none() {
            return Ok(());
        }
        let later = self.told.range((asked.agent, asked.number + 1)..=(asked.agent, u64::MAX)).count();
        // Fewer were told than were accepted: replies get lost, so only a count below the bound proves anything.
        let forgotten = matches!(refusal, Refusal::NumberUsed { .. }) && later as u64 >= kept_max;
        let unknown = matches!(refusal, Refusal::NumberUsed { .. }) && kept_max < 4;
        holds(forgotten || unknown || later > 0, "I-36", || {
            format!(
                "command {} of {:?} was accepted, and is refused now: {refusal}",
                asked.number, asked.agent
            )
        })
    }

    /// Somebody is shown the state at this head.
    pub fn show(&mut self, head: Head) {
        if self.shown.is_none_or(|shown| shown.seq < head.seq) {
            self.shown = Some(head);
        }
    }

    /// An agent is shown the state at this head.
    ///
    /// # Errors
    /// I-21 if it saw a newer one before, or was told of one.
    pub fn sees(&mut self, agent: AgentId, head: Seq, told: Option<Seq>) -> Result<(), Broken> {
        let seen = self.seen.entry(agent).or_insert(0);
        let newest = (*seen).max(told.unwrap_or(0));
        holds(newest <= head, "I-21", || {
            format!("{agent} knew of entry {newest} and is shown entry {head}")
        })?;
        *seen = newest.max(head);
        Ok(())
    }

    /// After a start: the log must have everything that anybody was told.
    ///
    /// # Errors
    /// I-38.
    pub fn survives(&self, entry: impl Fn(Seq) -> Option<Digest>) -> Result<(), Broken> {
        let Some(shown) = self.shown else { return Ok(()) };
        let found = entry(shown.seq);
        holds(found == Some(shown.id), "I-38", || {
            format!("entry {} was acknowledged as {:?}; after the crash it is {found:?}", shown.seq, shown.id)
        })
    }

    /// Compares what an entry says of its author with who it was.
    ///
    /// # Errors
    /// I-9.
    #[expect(clippy::wildcard_enum_match_arm, reason = "only some events credit somebody")]
    pub fn attribution(
        &self,
        sealed: &Sealed,
        author_of: impl Fn(Seq) -> Option<AgentId>,
    ) -> Result<(), Broken> {
        let made_by = |blob: &Digest, agent: AgentId| {
            self.authors.get(blob).is_none_or(|authors| authors.contains(&agent))
        };
        let seq = sealed.entry.seq;
        for event in &sealed.entry.events {
            let (agent, blob) = match event {
                Event::DraftSubmitted(draft) => (draft.agent, draft.draft),
                Event::ResultRefused(late) => (late.agent, late.draft),
                Event::CallFinished(call) => match sealed.entry.agent {
                    Some(agent) => (agent, call.reply),
                    None => return Err(Broken::new("I-9", format!("entry {seq}: nobody's reply"))),
                },
                Event::GistAdmitted(fact) => match fact.author {
                    Some(author) if author_of(fact.proposal) != Some(author) => {
                        let what = format!("{} is credited to {author}, who did not propose it", fact.label);
                        return Err(Broken::new("I-9", what));
                    }
                    Some(author) => (author, fact.gist),
                    None => continue,
                },
                _ => continue,
            };
            holds(made_by(&blob, agent), "I-9", || {
                format!("entry {seq} credits {agent} with words of {:?}", self.authors.get(&blob))
            })?;
        }
        Ok(())
    }
}
