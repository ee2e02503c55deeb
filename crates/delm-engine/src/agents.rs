//! Agents at work: each a task that drives its machine, calls its model, and renews its lease while it waits.
//!
//! Refuses to hold results back: what a model said goes to the dispatcher at once, late or not.

use std::sync::Arc;
use std::time::Duration;

use delm_core::agent::{Calling, Input, Machine, Output, View};
use delm_core::command::{CallDone, CallLost, Envelope};
use delm_core::decide::Refusal;
use delm_core::dispatcher::Accepted;
use delm_core::entry::Blob;
use delm_core::event::{CallFault, Purpose};
use delm_core::reader::Corpus;
use delm_core::run::Run;
use delm_llm::{CallError, CallInfo, Exchange, Model};
use tokio::sync::{mpsc, oneshot, watch};

use crate::blobs::BlobCache;
use crate::drive::Message;

/// The models that work for a run; none where the built-in reader does.
#[derive(Clone, Default)]
pub struct Workers {
    /// Plans, reads, reasons, expands, finalizes.
    pub worker: Option<Arc<dyn Model>>,
    /// Reviews.
    pub judge: Option<Arc<dyn Model>>,
}

impl Workers {
    fn of(&self, purpose: Purpose) -> Option<&Arc<dyn Model>> {
        if purpose == Purpose::Review { self.judge.as_ref() } else { self.worker.as_ref() }
    }
}

/// What every agent of a run shares.
pub(crate) struct Shared {
    pub(crate) messages: mpsc::UnboundedSender<Message>,
    pub(crate) published: watch::Receiver<Run>,
    pub(crate) blobs: Arc<BlobCache>,
    pub(crate) corpus: Arc<Corpus>,
    pub(crate) workers: Workers,
    pub(crate) lease: Duration,
    pub(crate) reply_bytes_max: usize,
}

impl Shared {
    /// Tells a machine something, in view of the newest published state.
    fn tell(&self, machine: &mut Machine, input: Input) -> Output {
        let run = self.published.borrow().clone();
        machine.on(input, &View { run: &run, blobs: &*self.blobs, corpus: &self.corpus })
    }
}

/// Lets one agent work until the run stops or ends.
///
/// # Errors
/// A refusal that an agent cannot go on after: a mistake of ours.
pub(crate) async fn work(shared: Arc<Shared>, mut machine: Machine) -> Result<(), Refusal> {
    let mut input = Input::Begin;
    loop {
        let output = match told(&shared, machine, input).await {
            Some((back, output)) => {
                machine = back;
                output
            }
            None => return Ok(()),
        };
        input = match output {
            Output::Send(envelope, blobs) => match send(&shared, envelope, blobs).await {
                Some(outcome) => Input::Answered(outcome),
                None => return Ok(()),
            },
            Output::Call(calling) => match call(&shared, &mut machine, &calling).await {
                Some(input) => input,
                None => return Ok(()),
            },
            // A renewal is answered within `call`; outside one there is nothing to go on with.
            Output::Continue => Input::Begin,
            Output::Stop(Refusal::NotRunning { .. } | Refusal::NoWork) => return Ok(()),
            Output::Stop(refusal) => {
                tracing::error!(agent = %machine.agent(), %refusal, "an agent stops");
                return Err(refusal);
            }
        };
    }
}

/// Tells a machine something; where that means work of the built-in reader, on a thread that may take its time.
async fn told(shared: &Arc<Shared>, mut machine: Machine, input: Input) -> Option<(Machine, Output)> {
    if shared.workers.worker.is_some() && shared.workers.judge.is_some() {
        let output = shared.tell(&mut machine, input);
        return Some((machine, output));
    }
    let theirs = shared.clone();
    let work = tokio::task::spawn_blocking(move || {
        let output = theirs.tell(&mut machine, input);
        (machine, output)
    });
    match work.await {
        Ok(done) => Some(done),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        // The runtime is ending.
        Err(_) => None,
    }
}

async fn send(shared: &Shared, envelope: Envelope, blobs: Vec<Blob>) -> Option<Result<Accepted, Refusal>> {
    let (answer, answered) = oneshot::channel();
    shared.messages.send(Message::Command { envelope, blobs, answer }).ok()?;
    answered.await.ok()
}

/// Makes a call, asking for more time at each third of the lease while it lasts.
async fn call(shared: &Shared, machine: &mut Machine, calling: &Calling) -> Option<Input> {
    let Some(model) = shared.workers.of(calling.purpose) else {
        return Some(lost(
            shared,
            calling,
            CallError {
                fault: CallFault::Request,
                error: "this run has no model for that purpose".into(),
                tries: 0,
                billable: 0,
                partial: None,
            },
        ));
    };
    let info = CallInfo {
        purpose: calling.purpose,
        job: calling.job,
        attempt: calling.attempt,
        ask: calling.ask,
        call: calling.call,
    };
    let mut reply = model.call(&calling.request, &info);
    loop {
        tokio::select! {
            biased;
            outcome = &mut reply => return Some(match outcome {
                Ok(exchange) => replied(shared, calling, exchange),
                Err(error) => lost(shared, calling, error),
            }),
            () = tokio::time::sleep(shared.lease / 3) => {
                if let Output::Send(envelope, blobs) = shared.tell(machine, Input::Renew) {
                    let outcome = send(shared, envelope, blobs).await?;
                    shared.tell(machine, Input::Answered(outcome));
                }
            }
        }
    }
}

fn replied(shared: &Shared, calling: &Calling, exchange: Exchange) -> Input {
    if exchange.reply.len() > shared.reply_bytes_max {
        let (bytes, max) = (exchange.reply.len(), shared.reply_bytes_max);
        let words = format!("the reply has {bytes} bytes; reply_bytes_max is {max}");
        // It came and was paid for; its beginning is kept.
        let Exchange { tries, billable, reply, .. } = exchange;
        let billable = billable.saturating_add(1).min(tries);
        let error =
            CallError { fault: CallFault::Request, error: words, tries, billable, partial: Some(reply) };
        return lost(shared, calling, error);
    }
    let reply = Blob::new(exchange.reply);
    let done = CallDone {
        call: calling.call,
        reply: reply.hash,
        model_reported: exchange.model_reported,
        request_id: exchange.request_id,
        tokens: exchange.tokens,
        latency_ms: exchange.latency_ms,
        tries: exchange.tries,
        billable: exchange.billable,
    };
    Input::Replied(done, reply)
}

/// A call that brought no reply, with as much of one as had come and is kept.
fn lost(shared: &Shared, calling: &Calling, failed: CallError) -> Input {
    let CallError { fault, error, tries, billable, partial } = failed;
    let error = Blob::new(error.into_bytes());
    let part = partial.filter(|bytes| !bytes.is_empty()).map(|mut bytes| {
        bytes.truncate(shared.reply_bytes_max);
        Blob::new(bytes)
    });
    let reply = part.as_ref().map(|part| part.hash);
    let lost = CallLost { call: calling.call, fault, error: error.hash, reply, tries, billable };
    Input::Lost(lost, std::iter::once(error).chain(part).collect())
}
