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

    /// Hands entries over, in the order they are to be committed. A thread that is gone takes none, and says why on the
    /// channel of outcomes, where its last word may not have been read yet.
    pub(crate) fn send(&self, batch: Vec<Append>) {
        let _gone = self.batches.send(batch);
    }

    /// Lets the thread end, so that nobody holds the log any more. A panic in it has shown as a closed channel.
    pub(crate) fn end(self) {
        drop(self.batches);
        let _ended = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use delm_core::entry::Entry;
    use delm_core::ids::Digest;
    use delm_log::{MemoryLog, Term};

    use super::*;

    fn refused() -> Vec<Append> {
        let entry = Entry {
            parent: Digest::ZERO,
            seq: 0,
            at: 0,
            agent: None,
            command: 0,
            rules: 1,
            events: Vec::new(),
        };
        let entry = entry.seal();
        // Nobody acquired the run: no term is the current one.
        vec![Append { run: entry.id, after: None, term: Term(9), entry, blobs: Vec::new() }]
    }

    /// A batch that comes when the thread has failed and gone must not hide why it went.
    #[test]
    fn the_cause_outlives_the_thread() {
        let (committer, mut outcomes) = Committer::start(Arc::new(MemoryLog::new())).unwrap();
        committer.send(refused());
        while !committer.thread.is_finished() {
            thread::yield_now();
        }
        committer.send(refused());
        assert!(matches!(outcomes.blocking_recv(), Some(Err(AppendError::TermLost { .. }))));
        assert!(outcomes.blocking_recv().is_none());
    }
}
