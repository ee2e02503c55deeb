//! A run in memory for tests: each accepted command is decided, sealed, read back, folded, audited and dispatched.
//!
//! Refuses to go on when these ways to the same state differ by anything.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]
#![allow(clippy::wildcard_enum_match_arm, reason = "events are told apart a group at a time")]

pub mod begin;
pub mod chaos;
pub mod laws;
pub mod replies;
pub mod script;
pub mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use delm_core::apply::apply;
use delm_core::audit::{Either, audit};
use delm_core::command::{Command, Envelope, Reply, command_of};
use delm_core::decide::{Refusal, decide, entry_of};
use delm_core::dispatcher::Dispatcher;
use delm_core::entry::{Blob, Sealed};
use delm_core::ids::{AgentId, CallId, Digest, Millis};
use delm_core::policy::Fifo;
use delm_core::request::Request;
use delm_core::run::Run;

/// What came of a command.
pub enum Outcome {
    /// It became this entry.
    Entry(Box<Sealed>),
    /// It is a repetition, and this is the reply it got before.
    Again(Reply),
    /// A lawful no.
    Refused(Refusal),
}

/// One run, reached in three ways.
#[derive(Clone, Default)]
pub struct World {
    /// By folding each entry as it is read back from its bytes.
    pub run: Run,
    /// By deciding each entry's command again.
    audited: Run,
    /// By a dispatcher, as it publishes.
    live: Run,
    /// Blobs, as they would be stored.
    pub stored: BTreeMap<Digest, Arc<[u8]>>,
    /// Entries, oldest first.
    pub log: Vec<Sealed>,
    /// What models were asked.
    pub requests: BTreeMap<CallId, Request>,
}

impl World {
    /// The number for the next command of a sender.
    pub fn next_number(&self, sender: Option<AgentId>) -> u64 {
        self.run.agents().sent(sender).map_or(0, delm_core::run::people::Sent::next_number)
    }

    /// Gives one command.
    pub fn give(&mut self, envelope: &Envelope, brought: &[Blob], at: Millis) -> Outcome {
        let given: BTreeMap<Digest, Arc<[u8]>> = brought.iter().map(|b| (b.hash, b.bytes.clone())).collect();
        let known = Either(&given, &self.stored);
        match decide(&Fifo, &self.run, &known, envelope, at) {
            Err(refusal) => Outcome::Refused(refusal),
            Ok(decision) if decision.events.is_empty() => Outcome::Again(decision.reply),
            // Decide would keep it as a late result; the dispatcher refuses a fence its sender was never given.
            Ok(_) if self.is_unbound(envelope) => {
                let mut dispatcher = Dispatcher::new(&Fifo, self.live.clone());
                dispatcher.command(&self.stored, envelope.clone(), brought.to_vec(), at);
                assert!(dispatcher.take_staged().is_empty(), "{envelope:?} is staged");
                let answered = dispatcher.idle_answers().pop().unwrap();
                Outcome::Refused(answered.outcome.unwrap_err())
            }
            Ok(decision) => {
                let sealed = entry_of(&self.run, envelope, decision.events, at).seal();
                let read = Sealed::from_bytes(&sealed.bytes).unwrap();
                assert_eq!(read, sealed, "decoding gives what was encoded");
                self.dispatch(envelope, brought, &sealed);
                self.fold(&read);
                assert_eq!(Reply::of(&read.entry), decision.reply);
                self.log.push(read);
                Outcome::Entry(Box::new(sealed))
            }
        }
    }

    /// Goes back to where the run stood after this entry; what came after is forgotten, as it is by a fork from there.
    pub fn back(&mut self, seq: u64) {
        self.log.truncate(usize::try_from(seq).unwrap() + 1);
        let mut run = Run::default();
        self.log.iter().for_each(|sealed| apply(&mut run, sealed).unwrap());
        (self.audited, self.live, self.run) = (run.clone(), run.clone(), run);
    }

    fn is_unbound(&self, envelope: &Envelope) -> bool {
        let command = &envelope.command;
        command.fence().is_some() && self.run.quoted_claim(envelope.agent, command).is_none()
    }

    /// The same command through a dispatcher, which must stage the same bytes.
    fn dispatch(&mut self, envelope: &Envelope, brought: &[Blob], sealed: &Sealed) {
        let at = sealed.entry.at;
        let mut dispatcher = Dispatcher::new(&Fifo, self.live.clone());
        if envelope.command == Command::Tick {
            // A dispatcher ticks of itself, under a number of its own.
            assert!(dispatcher.next_deadline().is_some_and(|deadline| deadline <= at));
        }
        let claim = self.live.quoted_claim(envelope.agent, &envelope.command);
        dispatcher.command(&self.stored, Envelope { claim, ..envelope.clone() }, brought.to_vec(), at);
        let staged = dispatcher.take_staged();
        let [only] = &staged[..] else { panic!("{} entries staged for {envelope:?}", staged.len()) };
        assert_eq!(only.entry.entry, sealed.entry, "the dispatcher stages what is decided");
        self.stored.extend(only.blobs.iter().map(|blob| (blob.hash, blob.bytes.clone())));
        for hash in delm_core::blobs::named_by(&sealed.entry) {
            assert!(self.stored.contains_key(&hash), "a blob that the entry names is stored with it");
        }
        for answered in dispatcher.durable(1) {
            let Ok(accepted) = answered.outcome else { continue };
            if let (Some(call), Some(request)) = (accepted.reply.call, accepted.request) {
                let open = dispatcher.published().open_call(call).unwrap();
                assert_eq!(
                    request.hash(),
                    open.started.request.hash,
                    "the kept hasher and the whole request agree"
                );
                self.requests.insert(call, request);
            }
        }
        self.live = dispatcher.published().clone();
    }

    fn fold(&mut self, sealed: &Sealed) {
        if let Err(divergence) = audit(&Fifo, &mut self.audited, &self.stored, sealed) {
            panic!("{divergence}\nread back as {:?}", command_of(&sealed.entry));
        }
        apply(&mut self.run, sealed).unwrap();
        assert!(self.run == self.audited, "entry {}: audited state differs", sealed.entry.seq);
        assert!(self.run == self.live, "entry {}: live state differs", sealed.entry.seq);
    }

    /// The text of a blob, for reading.
    pub fn text(&self, hash: &Digest) -> String {
        self.stored.get(hash).map_or_else(|| "?".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    }
}
