//! The running of one run: one task that takes every message in order, stages, commits and lets answers out.
//!
//! Refuses to answer before the log says durable; a failed commit ends everything at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use delm_core::agent::Machine;
use delm_core::command::{Command, Envelope};
use delm_core::decide::Refusal;
use delm_core::dispatcher::{Accepted, Answered, Dispatcher, Ticket};
use delm_core::entry::Blob;
use delm_core::event::AgentKind;
use delm_core::ids::Digest;
use delm_core::reader::Corpus;
use delm_core::run::{Phase, Run};
use delm_log::{Append, AppendError, Log, LogError, Term};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinSet};

use crate::agents::{Shared, Workers, work};
use crate::blobs::BlobCache;
use crate::clock::Clock;
use crate::committer::{Committed, Committer};

/// What the driving task is told.
pub(crate) enum Message {
    /// A command of an agent, and where its answer goes.
    Command { envelope: Envelope, blobs: Vec<Blob>, answer: Answer },
    /// A command of whoever runs the run.
    Engine { command: Command, blobs: Vec<Blob>, answer: Answer },
}

type Answer = oneshot::Sender<Result<Accepted, Refusal>>;

/// Why a run could not be driven on. What was answered before stays durable; `resume` goes on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The log refused a batch: another writer, or a failed write or sync.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The committing thread is gone.
    #[error("the committing thread ended without a word")]
    CommitterGone,
    /// The system gives no thread.
    #[error("no thread for commits could be started: {0}")]
    Thread(#[from] std::io::Error),
    /// An agent stopped though the run goes on.
    #[error("an agent stopped although the run goes on: {what}")]
    AgentDied {
        /// Why.
        what: String,
    },
    /// The task that drives the run ended without a word.
    #[error("the task that drives the run is gone: {what}")]
    DriverGone {
        /// What is known of it.
        what: String,
    },
}

/// A run that is being driven.
pub struct Running {
    /// Its id.
    pub run: Digest,
    /// Its published state, newest.
    pub published: watch::Receiver<Run>,
    /// How to stop it.
    pub control: Control,
    /// Its blobs.
    pub blobs: Arc<BlobCache>,
    pub(crate) done: tokio::task::JoinHandle<Result<Run, EngineError>>,
}

impl Running {
    /// Waits until the run pauses or ends, and gives its last state.
    ///
    /// # Errors
    /// [`EngineError`] if it could not be driven on.
    pub async fn wait(self) -> Result<Run, EngineError> {
        match self.done.await {
            Ok(outcome) => outcome,
            Err(error) => Err(EngineError::DriverGone { what: error.to_string() }),
        }
    }
}

/// Stops a run that is being driven, or ends it.
#[derive(Clone)]
pub struct Control {
    pub(crate) messages: mpsc::UnboundedSender<Message>,
}

/// Why a command to a driven run had no effect.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The run is not driven any more.
    #[error("the run is not driven any more")]
    Gone,
    /// A lawful no.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Control {
    /// Stops claiming; when `hard`, releases what is claimed and leaves.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn interrupt(&self, hard: bool) -> Result<(), ControlError> {
        self.command(Command::Interrupt { hard }).await
    }

    /// Ends the run without an answer.
    ///
    /// # Errors
    /// [`ControlError`].
    pub async fn cancel(&self) -> Result<(), ControlError> {
        self.command(Command::Cancel).await
    }

    async fn command(&self, command: Command) -> Result<(), ControlError> {
        let (answer, answered) = oneshot::channel();
        let message = Message::Engine { command, blobs: Vec::new(), answer };
        self.messages.send(message).map_err(|_| ControlError::Gone)?;
        answered.await.map_err(|_| ControlError::Gone)?.map(drop).map_err(ControlError::Refused)
    }
}

/// Everything a run is driven with.
pub(crate) struct Driver {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) run: Digest,
    pub(crate) term: Term,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) blobs: Arc<BlobCache>,
    pub(crate) corpus: Arc<Corpus>,
    pub(crate) workers: Workers,
}

impl Driver {
    /// Sets agents to work and drives the run in a task of its own.
    ///
    /// # Errors
    /// [`EngineError::Thread`] when no committing thread can be had.
    pub(crate) fn spawn(self) -> Result<Running, EngineError> {
        let (committer, outcomes) = Committer::start(self.log.clone())?;
        let (messages, inbox) = mpsc::unbounded_channel();
        let (publish, published) = watch::channel(self.dispatcher.published().clone());
        let control = Control { messages: messages.clone() };
        let limits = self.dispatcher.published().limits();
        let shared = Arc::new(Shared {
            messages,
            published: published.clone(),
            blobs: self.blobs.clone(),
            corpus: self.corpus.clone(),
            workers: self.workers.clone(),
            lease: Duration::from_millis(limits.lease_ms.max(3)),
            reply_bytes_max: usize::try_from(limits.reply_bytes_max).unwrap_or(usize::MAX),
        });
        let mut agents = JoinSet::new();
        for (id, agent) in self.dispatcher.published().agents().iter() {
            if !agent.left && agent.kind != AgentKind::Program {
                let machine = Machine::new(id, self.dispatcher.next_number(id));
                agents.spawn(work(shared.clone(), machine));
            }
        }
        let (run, blobs) = (self.run, self.blobs.clone());
        let task =
            Task { driver: self, committer, publish, answers: BTreeMap::new(), committing: VecDeque::new() };
        let done = tokio::spawn(task.drive(inbox, outcomes, agents));
        Ok(Running { run, published, control, blobs, done })
    }
}

struct Task {
    driver: Driver,
    committer: Committer,
    publish: watch::Sender<Run>,
    answers: BTreeMap<Ticket, Answer>,
    /// Blobs of each entry that was handed over and is not known to be durable, in their order.
    committing: VecDeque<Vec<Blob>>,
}

impl Task {
    async fn drive(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<Message>,
        mut outcomes: mpsc::UnboundedReceiver<Committed>,
        mut agents: JoinSet<Result<(), Refusal>>,
    ) -> Result<Run, EngineError> {
        loop {
            self.hand_over()?;
            if let Some(run) = self.finished() {
                agents.shutdown().await;
                self.committer.end();
                return Ok(run);
            }
            let timer = self.until_deadline();
            tokio::select! {
                biased;
                outcome = outcomes.recv() => self.committed(outcome)?,
                Some(message) = inbox.recv() => self.take(message),
                Some(stopped) = agents.join_next(), if self.committing.is_empty() => self.agent_gone(stopped)?,
                () = sleep(timer), if timer.is_some() => {
                    self.driver.dispatcher.tick(&*self.driver.blobs, self.driver.clock.now_ms());
                }
            }
        }
    }

    fn take(&mut self, message: Message) {
        let at = self.driver.clock.now_ms();
        let blobs = self.driver.blobs.clone();
        let dispatcher = &mut self.driver.dispatcher;
        let (ticket, answer) = match message {
            Message::Command { envelope, blobs: brought, answer } => {
                (dispatcher.command(&*blobs, envelope, brought, at), answer)
            }
            Message::Engine { command, blobs: brought, answer } => {
                (dispatcher.engine(&*blobs, command, brought, at), answer)
            }
        };
        self.answers.insert(ticket, answer);
    }

    /// Gives the log what is staged: what comes while it syncs shares its next sync.
    fn hand_over(&mut self) -> Result<(), EngineError> {
        if let Some(error) = self.driver.blobs.take_error() {
            return Err(error.into());
        }
        let answered = self.driver.dispatcher.idle_answers();
        self.let_out(answered);
        let staged = self.driver.dispatcher.take_staged();
        if staged.is_empty() {
            return Ok(());
        }
        let (run, term) = (self.driver.run, self.driver.term);
        self.committing.extend(staged.iter().map(|staged| staged.blobs.clone()));
        let batch = staged
            .into_iter()
            .map(|staged| Append { run, after: staged.after, term, entry: staged.entry, blobs: staged.blobs })
            .collect();
        self.committer.send(batch);
        Ok(())
    }

    fn committed(&mut self, outcome: Option<Committed>) -> Result<(), EngineError> {
        let count = outcome.ok_or(EngineError::CommitterGone)??;
        let durable = self.committing.drain(..count.min(self.committing.len()));
        self.driver.blobs.keep(durable.flatten());
        let answered = self.driver.dispatcher.durable(count);
        self.publish.send_replace(self.driver.dispatcher.published().clone());
        self.let_out(answered);
        Ok(())
    }

    fn let_out(&mut self, answered: Vec<Answered>) {
        for Answered { ticket, outcome } in answered {
            // The engine's own ticks have nobody who waits; an agent that was let go does not either.
            if let Some(answer) = self.answers.remove(&ticket) {
                drop(answer.send(outcome));
            }
        }
    }

    /// The last state, once the run has paused or ended and nothing is on its way to the log.
    fn finished(&self) -> Option<Run> {
        let run = self.driver.dispatcher.published();
        let over = matches!(run.phase(), Phase::Paused(_) | Phase::Ended(_));
        (over && self.committing.is_empty()).then(|| run.clone())
    }

    /// An agent stops when the run does. One that stops otherwise would be missed by others who wait for its verdict.
    fn agent_gone(&self, stopped: Result<Result<(), Refusal>, JoinError>) -> Result<(), EngineError> {
        match stopped {
            Err(error) if error.is_panic() => Err(EngineError::AgentDied { what: error.to_string() }),
            Ok(Err(refusal)) => Err(EngineError::AgentDied { what: refusal.to_string() }),
            Ok(Ok(())) | Err(_) => Ok(()),
        }
    }

    fn until_deadline(&self) -> Option<Duration> {
        let deadline = self.driver.dispatcher.next_deadline()?;
        Some(Duration::from_millis(deadline.saturating_sub(self.driver.clock.now_ms())))
    }
}

async fn sleep(timer: Option<Duration>) {
    tokio::time::sleep(timer.unwrap_or_default()).await;
}
