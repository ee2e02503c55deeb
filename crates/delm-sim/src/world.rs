//! One run on one disk, and the process that drives it: what the engine's tasks do, as calls without waiting.
//!
//! Refuses to let an answer out before the log says durable; a failed write or a crash ends the process, and the next one
//! folds what the disk still has.

mod erasure;
mod fork;

use std::collections::{BTreeMap, BTreeSet};

use delm_core::apply::apply;
use delm_core::command::{Command, Envelope};
use delm_core::decide::Refusal;
use delm_core::dispatcher::{Answered, Dispatcher, Ticket};
use delm_core::entry::{Blob, Sealed};
use delm_core::event::{Change, Event};
use delm_core::ids::{AgentId, Digest, Fence, Millis, Seq};
use delm_core::policy::Policy;
use delm_core::prompt::{is_builtin, warm};
use delm_core::reader::Corpus;
use delm_core::run::{Phase, Run};
use delm_log::{Append, AppendError, Log, Term};

use crate::broken::{Broken, holds};
use crate::disk::{Disk, Tear};
use crate::marks::{Mark, Marks};
use crate::script::{Line, Script};
use crate::setup::Setup;
use crate::truth::{Asked, Truth};

/// The process that drives the run.
pub struct Process {
    /// Decides and publishes.
    pub dispatcher: Dispatcher,
    /// The documents, for the built-in reader.
    pub corpus: Corpus,
    term: Term,
    asked: BTreeMap<Ticket, Asked>,
    writing: Option<Vec<Append>>,
}

/// A run, its disk, its process if one lives, and what really happened.
pub struct World {
    /// Who is next.
    pub policy: &'static dyn Policy,
    /// What survives.
    pub disk: Disk,
    /// The process, if one lives.
    pub process: Option<Process>,
    /// What really happened.
    pub truth: Truth,
    /// What was reached.
    pub marks: Marks,
    /// Everything that was done, to be done again.
    pub script: Script,
    /// Processes so far.
    pub life: u64,
    /// The run.
    pub run: Digest,
    /// Claims of agents that will never wake again.
    pub dead: BTreeSet<Fence>,
    /// The published state when the last process died.
    last: Run,
    /// Answers go out before the sync: the mistake of `invariants.md` §0, lesson 3, for tests of the simulator itself.
    pub hasty: bool,
}

/// An answer to a command, with who sent it.
pub struct Answer {
    /// Names the command.
    pub ticket: Ticket,
    /// The command's number among its sender's.
    pub number: u64,
    /// What came of it.
    pub answered: Answered,
}

impl World {
    /// Begins a run; once this returns, its first entry is durable.
    ///
    /// # Errors
    /// [`Broken`] when the core refuses to begin.
    pub fn begin(policy: &'static dyn Policy, setup: &Setup) -> Result<Self, Broken> {
        let mut disk = Disk::default();
        let mut dispatcher = Dispatcher::new(policy, Run::default());
        let (command, blobs) = setup.command(policy.name());
        dispatcher.engine(&disk, command, blobs, setup.at);
        let staged = dispatcher.take_staged();
        let Some(first) = staged.first() else {
            let said = dispatcher.idle_answers().into_iter().find_map(|answered| answered.outcome.err());
            return Err(Broken::new("I-44", format!("the run cannot begin: {said:?}")));
        };
        let run = first.entry.id;
        let term = disk.acquire(run).map_err(log_failed)?;
        let count = staged.len();
        let batch = appends(run, term, staged);
        disk.write(&batch);
        disk.sync(batch).map_err(log_refused)?;
        dispatcher.durable(count);
        let corpus = corpus(dispatcher.published(), &disk)?;
        let process = Process { dispatcher, corpus, term, asked: BTreeMap::new(), writing: None };
        Ok(Self {
            policy,
            disk,
            process: Some(process),
            truth: Truth::default(),
            marks: Marks::default(),
            script: Script::new(setup.clone()),
            life: 1,
            run,
            dead: BTreeSet::new(),
            last: Run::default(),
            hasty: false,
        })
    }

    /// The published state: the living process's, or the last one's.
    #[must_use]
    pub fn published(&self) -> &Run {
        self.process.as_ref().map_or(&self.last, |process| process.dispatcher.published())
    }

    /// Takes a command of an agent.
    pub fn command(&mut self, envelope: Envelope, blobs: Vec<Blob>, at: Millis) -> Option<Ticket> {
        let quoted = self.process.as_ref().and_then(|process| {
            envelope.agent.and_then(|agent| process.dispatcher.quoted_claim(agent, &envelope.command))
        });
        let line = Line::of(&envelope, &blobs, at, self.published(), quoted != envelope.claim);
        self.script.push(line);
        let process = self.process.as_mut()?;
        if let Command::Claim { job: Some(_) } = envelope.command {
            self.truth.picks(envelope.agent, envelope.number);
        }
        let asked =
            Asked { agent: envelope.agent, number: envelope.number, command: envelope.command.digest() };
        let ticket = process.dispatcher.command(&self.disk, envelope, blobs, at);
        process.asked.insert(ticket, asked);
        Some(ticket)
    }

    /// Takes a command of the engine itself.
    pub fn engine(&mut self, command: Command, blobs: Vec<Blob>, at: Millis) -> Option<Ticket> {
        let line = Line::of_engine(&command, &blobs, at);
        self.script.push(line);
        let process = self.process.as_mut()?;
        Some(process.dispatcher.engine(&self.disk, command, blobs, at))
    }

    /// Takes bytes away: of the blobs that may go, the one that the number chooses. The event comes first, the bytes go once
    /// it is durable.
    pub fn redact(&mut self, choice: u64, at: Millis) -> Option<Ticket> {
        self.script.push(Line::redact(choice, at));
        let may_go = erasure::may_go(self.published(), &self.disk, self.run);
        let place = usize::try_from(choice % (may_go.len() as u64).max(1)).ok()?;
        let (process, blob) = (self.process.as_mut()?, *may_go.get(place)?);
        let reason = Blob::new(&b"nobody is to read it"[..]);
        let command = Command::Redact { blob, reason: reason.hash };
        Some(process.dispatcher.engine(&self.disk, command, vec![reason], at))
    }

    /// Lets time pass.
    pub fn tick(&mut self, at: Millis) {
        self.script.push(Line::Tick { at });
        if let Some(process) = self.process.as_mut() {
            process.dispatcher.tick(&self.disk, at);
        }
    }

    /// Gives the disk what is staged, if it is free. True if it has begun to write.
    ///
    /// # Errors
    /// [`Broken`] by an answer that goes out meanwhile.
    pub fn hand_over(&mut self) -> Result<(bool, Vec<Answer>), Broken> {
        let run = self.run;
        let hasty = self.hasty;
        let Some(process) = self.process.as_mut().filter(|process| process.writing.is_none()) else {
            return Ok((false, Vec::new()));
        };
        let staged = process.dispatcher.take_staged();
        if staged.is_empty() {
            let answered = process.dispatcher.idle_answers();
            return Ok((false, self.let_out(answered)?));
        }
        let count = staged.len();
        let batch = appends(run, process.term, staged);
        race(&batch, &mut self.marks);
        self.disk.write(&batch);
        self.script.push(Line::Write);
        if hasty {
            process.writing = Some(Vec::new());
            let gone = erasure::redacted_by(&batch);
            self.disk.show(batch).map_err(log_refused)?;
            let answered = process.dispatcher.durable(count);
            erasure::erase(&mut self.disk, &gone)?;
            return Ok((true, self.let_out(answered)?));
        }
        process.writing = Some(batch);
        Ok((true, Vec::new()))
    }

    /// What was written is synced: answers go out.
    ///
    /// # Errors
    /// [`Broken`] by an answer, or by a log that refuses its only writer.
    pub fn synced(&mut self) -> Result<Vec<Answer>, Broken> {
        let Some(process) = self.process.as_mut() else { return Ok(Vec::new()) };
        let Some(batch) = process.writing.take() else { return Ok(Vec::new()) };
        self.script.push(Line::Sync);
        if self.hasty {
            self.disk.settle();
            return Ok(Vec::new());
        }
        let gone = erasure::redacted_by(&batch);
        let count = self.disk.sync(batch).map_err(log_refused)?;
        let answered = process.dispatcher.durable(count);
        let ended = matches!(process.dispatcher.published().phase(), Phase::Ended(_));
        if erasure::erase(&mut self.disk, &gone)? > 0 && !ended {
            self.marks.hit(Mark::Redacted);
        }
        self.let_out(answered)
    }

    /// What waits is bounded.
    ///
    /// # Errors
    /// [`Broken`] I-46.
    pub fn bounded(&self) -> Result<(), Broken> {
        let Some(process) = &self.process else { return Ok(()) };
        let joined = self.published().agents().len();
        let waiting = process.dispatcher.waiting();
        holds(waiting <= joined, "I-46", || format!("{waiting} claims wait, of {joined} agents"))
    }

    /// Whether the disk is writing.
    #[must_use]
    pub fn is_writing(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.writing.is_some())
    }

    fn let_out(&mut self, answered: Vec<Answered>) -> Result<Vec<Answer>, Broken> {
        let mut out = Vec::new();
        for answered in answered {
            let Some(process) = self.process.as_mut() else { break };
            let head = process.dispatcher.published().head();
            let kept_max = process.dispatcher.published().limits().commands_kept;
            if let Some(head) = head {
                self.truth.show(head);
            }
            let asked = process.asked.remove(&answered.ticket);
            let number = asked.map_or(0, |asked| asked.number);
            if let Some(asked) = asked {
                match &answered.outcome {
                    Ok(accepted) => {
                        let (reply, entry) = (accepted.reply, accepted.entry);
                        self.truth.accepted(asked, reply, entry, self.life, &mut self.marks)?;
                    }
                    Err(refusal) => self.truth.refused(asked, refusal, kept_max, &mut self.marks)?,
                }
            }
            out.push(Answer { ticket: answered.ticket, number, answered });
        }
        Ok(out)
    }

    /// An entry that is durable.
    #[must_use]
    pub fn entry(&self, seq: Seq) -> Option<Sealed> {
        self.disk.whole().entry(&self.run, seq).ok().flatten()
    }

    /// The process ends well: it has nothing on its way to the disk.
    pub fn leave(&mut self) {
        if let Some(process) = self.process.take() {
            self.last = process.dispatcher.published().clone();
        }
    }

    /// The process dies between two steps, and the disk keeps what it keeps of what was not synced.
    ///
    /// # Errors
    /// [`Broken`] I-43 if the dead process, as a writer that was replaced, can still commit.
    pub fn crash(&mut self, tear: Tear) -> Result<(), Broken> {
        self.script.push(Line::Crash { tear });
        let Some(mut process) = self.process.take() else { return Ok(()) };
        self.last = process.dispatcher.published().clone();
        let lost = process.dispatcher.take_staged();
        if !lost.is_empty() {
            self.marks.hit(Mark::CrashBeforeWrite);
        }
        let wrote = process.writing.is_some();
        self.disk.crash(tear);
        let cut = self.disk.cut;
        self.disk.recover().map_err(|what| Broken::new("I-37", what))?;
        if self.disk.cut > cut {
            self.marks.hit(Mark::TornRecord);
        } else if wrote && tear == Tear::Kept {
            self.marks.hit(Mark::CrashAfterWrite);
        }
        let staged = process.writing.take().unwrap_or_else(|| appends(self.run, process.term, lost));
        if !staged.is_empty() {
            self.old_writer(staged)?;
        }
        self.finish_erasures()?;
        let log = self.disk.log();
        self.truth.survives(|seq| log.entry(&self.run, seq).ok().flatten().map(|sealed| sealed.id))
    }

    /// Bytes that a dead process had said were redacted, and had not taken away: the next one does, before anybody reads.
    fn finish_erasures(&mut self) -> Result<(), Broken> {
        // Of what it had published, the bytes are gone already.
        let from = self.last.head().map_or(0, |head| head.seq + 1);
        let entries = self.disk.log().entries(&self.run, from, usize::MAX).map_err(log_failed)?;
        let gone: Vec<Digest> = entries.iter().flat_map(erasure::redacted_in).collect();
        if erasure::erase(&mut self.disk, &gone)? > 0 {
            self.marks.hit(Mark::ErasedAfterCrash);
        }
        Ok(())
    }

    /// Another process opens a run that has ended, to withdraw or to redact; it does not go on with it.
    ///
    /// # Errors
    /// [`Broken`] when the log cannot be folded, or gives another state than the one that was live.
    pub fn open(&mut self) -> Result<(), Broken> {
        self.script.push(Line::Open);
        if self.process.is_some() || !matches!(self.last.phase(), Phase::Ended(_)) {
            return Ok(());
        }
        let run = self.load()?;
        self.life += 1;
        let dispatcher = Dispatcher::new(self.policy, run);
        let term = self.disk.acquire(self.run).map_err(log_failed)?;
        let corpus = Corpus::default();
        self.process = Some(Process { dispatcher, corpus, term, asked: BTreeMap::new(), writing: None });
        Ok(())
    }

    /// The dead process was only slow, and tries to commit after another has taken the run.
    fn old_writer(&mut self, batch: Vec<Append>) -> Result<(), Broken> {
        let before = self.disk.log().head(&self.run).map_err(log_failed)?;
        self.disk.acquire(self.run).map_err(log_failed)?;
        let outcome = self.disk.log().commit(batch);
        let after = self.disk.log().head(&self.run).map_err(log_failed)?;
        let refused = outcome.iter().all(|one| matches!(one, Err(AppendError::TermLost { .. })));
        holds(refused && before == after, "I-43", || {
            format!("a writer that was replaced got {outcome:?}; the head was {before:?} and is {after:?}")
        })?;
        self.marks.hit(Mark::OldWriter);
        Ok(())
    }

    /// A new process goes on with the run: folds the log, then makes its resume durable.
    ///
    /// # Errors
    /// [`Broken`] when the log cannot be folded, or gives another state than the one that was live.
    pub fn resume(&mut self, changes: Vec<Change>, at: Millis) -> Result<Option<Refusal>, Broken> {
        self.script.push(Line::Resume { at, changes: changes.clone() });
        let mut run = self.load()?;
        warm(&mut run, &self.disk);
        self.life += 1;
        let mut dispatcher = Dispatcher::new(self.policy, run);
        dispatcher.engine(&self.disk, Command::Resume { engine: "sim".into(), changes }, Vec::new(), at);
        let staged = dispatcher.take_staged();
        if staged.is_empty() {
            self.last = dispatcher.published().clone();
            return Ok(dispatcher.idle_answers().into_iter().find_map(|answered| answered.outcome.err()));
        }
        let term = self.disk.acquire(self.run).map_err(log_failed)?;
        let count = staged.len();
        let batch = appends(self.run, term, staged);
        self.disk.write(&batch);
        self.disk.sync(batch).map_err(log_refused)?;
        for answered in dispatcher.durable(count) {
            if let Err(refusal) = answered.outcome {
                return Ok(Some(refusal));
            }
        }
        let corpus = corpus(dispatcher.published(), &self.disk)?;
        self.process = Some(Process { dispatcher, corpus, term, asked: BTreeMap::new(), writing: None });
        Ok(None)
    }

    /// Folds the log, as a new process does.
    fn load(&self) -> Result<Run, Broken> {
        let mut run = Run::default();
        let live = self.last.head().map(|head| head.seq);
        let mut next = 0;
        let log = self.disk.whole();
        loop {
            let page = log.entries(&self.run, next, 1_024).map_err(log_failed)?;
            if page.is_empty() {
                return Ok(run);
            }
            for sealed in &page {
                apply(&mut run, sealed).map_err(|fault| Broken::new(fault.law, fault.to_string()))?;
                next += 1;
                let same = live != Some(sealed.entry.seq) || run == self.last;
                holds(same, "I-33", || {
                    format!("the fold up to entry {} is not the state that was live", sealed.entry.seq)
                })?;
            }
        }
    }

    /// Every durable entry.
    ///
    /// # Errors
    /// [`Broken`] when the log cannot be read.
    pub fn entries(&self) -> Result<Vec<Sealed>, Broken> {
        self.disk.whole().entries(&self.run, 0, usize::MAX).map_err(log_failed)
    }

    /// Whether the run is over or stands still until it is resumed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.published().phase(), Phase::Paused(_) | Phase::Ended(_))
    }

    /// Joined agents that live in the process, in order.
    #[must_use]
    pub fn inside(&self) -> Vec<AgentId> {
        let agents = self.published().agents().iter();
        let inside = agents.filter(|(_, agent)| !agent.left && agent.program.is_none());
        inside.map(|(id, _)| id).collect()
    }
}

fn corpus(run: &Run, disk: &Disk) -> Result<Corpus, Broken> {
    if !delm_core::event::Purpose::ALL.iter().any(|purpose| is_builtin(run, *purpose)) {
        return Ok(Corpus::default());
    }
    Corpus::build(run, disk).map_err(|error| Broken::new("I-14", error.to_string()))
}

fn appends(run: Digest, term: Term, staged: Vec<delm_core::dispatcher::Staged>) -> Vec<Append> {
    let append = |staged: delm_core::dispatcher::Staged| Append {
        run,
        after: staged.after,
        term,
        entry: staged.entry,
        blobs: staged.blobs,
    };
    staged.into_iter().map(append).collect()
}

/// A drain that others' commands met before it was durable.
fn race(batch: &[Append], marks: &mut Marks) {
    let drains =
        |append: &Append| append.entry.entry.events.iter().any(|event| matches!(event, Event::Drained(_)));
    if let Some(place) = batch.iter().position(drains)
        && batch.len() > place + 1
    {
        marks.hit(Mark::DrainRace);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn log_failed(error: delm_log::LogError) -> Broken {
    Broken::new("I-38", format!("the log cannot be read: {error}"))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn log_refused(error: AppendError) -> Broken {
    Broken::new("I-43", format!("the log refuses its only writer: {error}"))
}
