//! A run while it is driven: progress from its published state, entries as they become durable, signals that stop it.
//!
//! Refuses private counters: what it shows is folded from the log, as `log -f` would show it.

use std::sync::Arc;
use std::time::Duration;

use delm_core::entry::Blobs;
use delm_core::ids::{Digest, Job, Seq};
use delm_core::run::{Phase, Run};
use delm_engine::{Clock, Running};
use delm_log::Log;
use delm_wire::export::EntryLine;
use delm_wire::view::RunView;

use super::Ended;
use crate::access::{log_error, text_or};
use crate::error::CliError;
use crate::output::Output;
use crate::output::style::Mode;
use crate::output::text::one_line;
use crate::progress::{AgentLine, Progress, Snapshot};
use crate::signals::{Signals, Stop};

/// How often progress is looked at: faster than the eye, slower than a run of thousands of entries a second.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Entries written out in one step.
const PAGE: usize = 256;

/// Follows a driven run to its pause or end.
pub(crate) struct Watch<'a> {
    /// Its log.
    pub(crate) log: &'a Arc<dyn Log>,
    /// What tells the time.
    pub(crate) clock: &'a dyn Clock,
    /// Where progress is drawn.
    pub(crate) progress: Progress,
    /// Signals that stop it.
    pub(crate) signals: &'a mut Signals,
    /// A signal that came before it was watched.
    pub(crate) pending: Option<Stop>,
    /// The next entry to write out, with `--jsonl`.
    pub(crate) next: Seq,
    /// Whoever read the entries has gone.
    pub(crate) unread: bool,
}

impl Watch<'_> {
    /// Waits until the run pauses or ends; gives its last state.
    ///
    /// # Errors
    /// The run could not be driven on; what was acknowledged is durable.
    pub(crate) async fn follow(&mut self, running: Running, output: &mut Output) -> Result<Ended, CliError> {
        let (run, control) = (running.run, running.control.clone());
        let (published, blobs) = (running.published.clone(), running.blobs.clone());
        let mut done = std::pin::pin!(running.wait());
        let last = loop {
            let pending = self.pending.take();
            let stop = async {
                match pending {
                    Some(stop) => stop,
                    None => self.signals.next().await,
                }
            };
            tokio::select! {
                biased;
                last = &mut done => break last,
                stop = stop => {
                    let hard = stop == Stop::Leave;
                    self.progress.clear();
                    let words = if hard { "leaving: what is claimed is released" }
                        else { "stopping: work in flight ends first; Ctrl-C again leaves at once" };
                    output.note(words)?;
                    // The run may have ended at this very moment; then there is nothing left to stop.
                    let _stopped = control.interrupt(hard).await;
                }
                () = tokio::time::sleep(LOOK_EVERY) => {
                    let state = published.borrow().clone();
                    self.progress.show(&snapshot(&state, &*blobs, self.clock.now_ms()), self.clock.now_ms());
                    self.write_entries(run, state.head().map(|head| head.seq), output)?;
                }
            }
        };
        self.progress.clear();
        if last.is_err() && output.mode().is_json() {
            // For every run that began there is one document; this one says how far it came.
            let state = published.borrow().clone();
            RunView::of(&state, &*blobs).map_or(Ok(()), |view| output.json(&view))?;
        }
        let last = last.map_err(|error| {
            CliError::new("engine", crate::error::Exit::Unexpected, error.to_string())
                .hint("nothing that was acknowledged is lost; `delm resume` goes on once the cause is gone")
                .run(run.to_string())
        })?;
        self.write_entries(run, last.head().map(|head| head.seq), output)?;
        Ok(Ended { run: last, blobs, signal: self.signals.exit() })
    }

    /// With `--jsonl`, writes the entries that became durable since the last time.
    fn write_entries(&mut self, run: Digest, head: Option<Seq>, output: &mut Output) -> Result<(), CliError> {
        if output.mode() != Mode::Jsonl || self.unread {
            return Ok(());
        }
        let written = self.write_page(run, head, output);
        // A run costs money: it goes on when whoever read it has gone.
        self.unread = written.as_ref().is_err_and(CliError::is_closed_pipe);
        if self.unread { Ok(()) } else { written }
    }

    fn write_page(&mut self, run: Digest, head: Option<Seq>, output: &mut Output) -> Result<(), CliError> {
        while head.is_some_and(|head| self.next <= head) {
            let page = self.log.entries(&run, self.next, PAGE).map_err(log_error)?;
            if page.is_empty() {
                break;
            }
            for sealed in &page {
                output.json(&EntryLine::of(sealed))?;
                self.next = sealed.entry.seq + 1;
            }
        }
        Ok(output.flush()?)
    }
}

/// What progress shows of a published state.
fn snapshot(run: &Run, blobs: &dyn Blobs, now_ms: u64) -> Snapshot {
    let total = run.jobs().iter().filter(|(job, _)| job.subject().is_some()).count() as u64;
    let stage = match run.phase() {
        Phase::Stopping(_) => "stopping",
        Phase::Running if run.tasks().is_empty() => "planning",
        Phase::Unborn | Phase::Running | Phase::Paused(_) | Phase::Ended(_) => "tasks",
    };
    let busy = run.jobs().claims().map(|(_, claim)| AgentLine {
        agent: claim.agent.to_string(),
        job: word(&claim.job).to_owned(),
        about: claim.job.subject().map(|subject| subject.to_string()).unwrap_or_default(),
        text: about(run, blobs, &claim.job),
        for_ms: now_ms.saturating_sub(claim.since_ms),
    });
    Snapshot {
        run: run.id().map(|id| id.short(8)).unwrap_or_default(),
        stage: stage.to_owned(),
        done: total - run.jobs().unsettled(),
        total,
        agents: run.agents().len() as u64,
        facts: run.facts().len() as u64,
        rejected: run.rejected().len() as u64,
        tokens: run.ledger().spent_tokens(),
        cost_microusd: run.ledger().cost_microusd(),
        running_ms: run.ran_ms(),
        busy: busy.collect(),
    }
}

fn word(job: &Job) -> &'static str {
    match job {
        Job::Plan => "plan",
        Job::Read(_) => "read",
        Job::Reason(_) => "reason",
        Job::Review(_) => "review",
        Job::Expand(_) => "expand",
        Job::Finalize => "finalize",
    }
}

fn about(run: &Run, blobs: &dyn Blobs, job: &Job) -> String {
    match job {
        Job::Reason(task) => {
            run.task(*task).map(|task| one_line(&text_or(blobs, &task.text))).unwrap_or_default()
        }
        Job::Review(seq) => run
            .proposal_of(*seq)
            .map(|proposal| one_line(&text_or(blobs, &proposal.gist)))
            .unwrap_or_default(),
        Job::Plan | Job::Read(_) | Job::Expand(_) | Job::Finalize => String::new(),
    }
}
