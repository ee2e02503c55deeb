//! The one thread that commits: entries in, a sync for all that came meanwhile, the outcome out.
//!
//! Refuses to wait for company: it takes what is there when the log is free. Refuses to go on after a failure: what a
//! failed write left behind is not known, so the log is opened anew.

use std::sync::Arc;
use std::thread;

use delm_log::{Append, AppendError, Log};
use tokio::sync::mpsc;

/// What became of a batch: how many entries are durable, or why the log must be opened anew.
pub(crate) type Committed = Result<usize, AppendError>;

/// Sends entries to the committing thread.
pub(crate) struct Committer {
    batches: std::sync::mpsc::Sender<Vec<Append>>,
    thread: thread::JoinHandle<()>,
}

impl Committer {
    /// Starts the thread; outcomes arrive on the channel given back.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(log: Arc<dyn Log>) -> std::io::Result<(Self, mpsc::UnboundedReceiver<Committed>)> {
        let (batches, inbox) = std::sync::mpsc::channel::<Vec<Append>>();
        let (outcomes, outcome) = mpsc::unbounded_channel();
        let thread = thread::Builder::new().name("delm-commit".into()).spawn(move || {
            while let Ok(mut batch) = inbox.recv() {
                // What was staged while the log synced shares the next sync.
                batch.extend(inbox.try_iter().flatten());
                let count = batch.len();
                let committed = log.commit(batch).into_iter().find_map(Result::err).map_or(Ok(count), Err);
                let failed = committed.is_err();
                if outcomes.send(committed).is_err() || failed {
                    break;
                }
            }
        })?;
        Ok((Self { batches, thread }, outcome))
    }

    /// Hands entries over, in the order they are to be committed. A thread that is gone shows as a closed channel.
    pub(crate) fn send(&self, batch: Vec<Append>) -> bool {
        self.batches.send(batch).is_ok()
    }

    /// Lets the thread end, so that nobody holds the log any more. A panic in it has shown as a closed channel.
    pub(crate) fn end(self) {
        drop(self.batches);
        let _ended = self.thread.join();
    }
}
