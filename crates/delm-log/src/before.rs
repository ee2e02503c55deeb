//! A log that stands before another: it steps in where a writer is made or a batch is committed, and passes on all else.
//!
//! Refuses to change what is read: whoever needs that is a log of its own.

use delm_core::entry::{Head, Sealed};
use delm_core::ids::{Digest, Seq};

use crate::error::{AppendError, HideError, LogError, RedactError};
use crate::log::{Append, BlobInfo, Found, Log, RunInfo, Term};

/// What a log before another has to say; saying nothing, it is as the other.
pub trait Before: Send + Sync {
    /// The log it stands before.
    fn log(&self) -> &dyn Log;

    /// As [`Log::acquire`].
    ///
    /// # Errors
    /// As there.
    fn acquire(&self, run: &Digest) -> Result<Term, LogError> {
        self.log().acquire(run)
    }

    /// As [`Log::commit`].
    fn commit(&self, batch: Vec<Append>) -> Vec<Result<Head, AppendError>> {
        self.log().commit(batch)
    }
}

impl<T: Before> Log for T {
    fn acquire(&self, run: &Digest) -> Result<Term, LogError> {
        Before::acquire(self, run)
    }

    fn commit(&self, batch: Vec<Append>) -> Vec<Result<Head, AppendError>> {
        Before::commit(self, batch)
    }

    fn run(&self, run: &Digest) -> Result<Option<RunInfo>, LogError> {
        self.log().run(run)
    }

    fn runs(&self, after: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        self.log().runs(after, limit)
    }

    fn runs_back(&self, before: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        self.log().runs_back(before, limit)
    }

    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<RunInfo>, LogError> {
        self.log().find(prefix, limit)
    }

    fn entries(&self, run: &Digest, from: Seq, limit: usize) -> Result<Vec<Sealed>, LogError> {
        self.log().entries(run, from, limit)
    }

    fn blob(&self, run: &Digest, hash: &Digest) -> Result<Found, LogError> {
        self.log().blob(run, hash)
    }

    fn blobs(&self, run: &Digest, after: Option<&Digest>, limit: usize) -> Result<Vec<BlobInfo>, LogError> {
        self.log().blobs(run, after, limit)
    }

    fn redact(&self, run: &Digest, hash: &Digest) -> Result<(), RedactError> {
        self.log().redact(run, hash)
    }

    fn hide(&self, run: &Digest) -> Result<(), HideError> {
        self.log().hide(run)
    }
}
