//! The `Log` trait: what the engine asks of durable storage, and the words it is asked in.
//!
//! Refuses `async` and whole-run answers: every call blocks until it is done, every list has a limit.

use std::sync::{Arc, Mutex, PoisonError};

use delm_core::entry::{Blob, Blobs, Head, Sealed};
use delm_core::event::Event;
use delm_core::ids::{Digest, Seq};

use crate::error::{AppendError, HideError, LogError, RedactError};

/// The right to append to a run, as long as nobody acquires the run after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term(pub u64);

/// One entry to be made durable, with the blobs it names.
#[derive(Clone, Debug)]
pub struct Append {
    /// The run: the id of its first own entry.
    pub run: Digest,
    /// The head this entry was decided on; none for the run's first own entry.
    pub after: Option<Head>,
    /// The writer's term.
    pub term: Term,
    /// The entry.
    pub entry: Sealed,
    /// Bytes the entry names. A blob the run already holds is not stored again; one that was redacted stays so.
    pub blobs: Vec<Blob>,
}

/// Where a fork left another run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The run that wrote the entry it leaves from.
    pub owner: Digest,
    /// Seq of that entry.
    pub seq: Seq,
}

/// A run, as the log knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunInfo {
    /// Id of its first own entry.
    pub run: Digest,
    /// Its place among the runs of this log in the order they began, from one; the cursor of [`Log::runs`].
    pub number: u32,
    /// Seq of its first own entry: 0, or one past the origin's for a fork.
    pub first: Seq,
    /// Its newest entry.
    pub head: Head,
    /// Where it left another run, if it is a fork.
    pub origin: Option<Origin>,
}

/// A blob of a run, without its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// BLAKE3 of its bytes.
    pub hash: Digest,
    /// How many bytes it has, or had.
    pub len: u64,
    /// Seq of the entry that brought it.
    pub seq: Seq,
    /// Whether its bytes are gone.
    pub redacted: bool,
}

/// What became of a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Here it is.
    Present(Arc<[u8]>),
    /// It was here; its bytes are gone.
    Redacted {
        /// How many bytes it had.
        len: u64,
    },
    /// This run never wrote a blob of this hash.
    Unknown,
}

impl Found {
    /// The bytes, if they are there.
    #[must_use]
    pub fn bytes(self) -> Option<Arc<[u8]>> {
        match self {
            Self::Present(bytes) => Some(bytes),
            Self::Redacted { .. } | Self::Unknown => None,
        }
    }
}

/// The durable log. One elected writer a run; any number of readers.
///
/// A run's own entries and blobs are found under that run only: the prefix of a fork is under [`RunInfo::origin`].
pub trait Log: Send + Sync {
    /// Makes the caller the one writer of a run, known to the log or not yet begun; earlier terms are lost.
    ///
    /// # Errors
    /// [`LogError`] when the log cannot be read.
    fn acquire(&self, run: &Digest) -> Result<Term, LogError>;

    /// Makes a batch durable with one write and one sync; the answers are in the order of the batch.
    ///
    /// `Ok` means durable. Appends are judged in their order, each on the head the one before left; a refused one
    /// takes nothing else with it but those that build upon it. Every error but [`AppendError::Failed`] means that
    /// this append changed nothing. After `Failed` the log refuses every later batch: end the process, open again.
    fn commit(&self, batch: Vec<Append>) -> Vec<Result<Head, AppendError>>;

    /// A run, or none if no entry of it is here.
    ///
    /// # Errors
    /// [`LogError`] when the log cannot be read, or is damaged.
    fn run(&self, run: &Digest) -> Result<Option<RunInfo>, LogError>;

    /// A run's newest entry.
    ///
    /// # Errors
    /// As [`Log::run`].
    fn head(&self, run: &Digest) -> Result<Option<Head>, LogError> {
        Ok(self.run(run)?.map(|info| info.head))
    }

    /// Runs in the order they began: those with a number above `after`, at most `limit`.
    ///
    /// # Errors
    /// As [`Log::run`].
    fn runs(&self, after: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError>;

    /// Runs against the order they began: those with a number below `before`, at most `limit`.
    ///
    /// # Errors
    /// As [`Log::run`].
    fn runs_back(&self, before: Option<u32>, limit: usize) -> Result<Vec<RunInfo>, LogError>;

    /// Runs whose id begins with these lower-case hex digits, by id, at most `limit`. Other text finds nothing.
    ///
    /// # Errors
    /// As [`Log::run`].
    fn find(&self, prefix: &str, limit: usize) -> Result<Vec<RunInfo>, LogError>;

    /// The run's own entry at `seq`.
    ///
    /// # Errors
    /// As [`Log::run`].
    fn entry(&self, run: &Digest, seq: Seq) -> Result<Option<Sealed>, LogError> {
        Ok(self.entries(run, seq, 1)?.into_iter().next().filter(|sealed| sealed.entry.seq == seq))
    }

    /// The run's own entries from seq `from` on, at most `limit`. An unknown run has none.
    ///
    /// # Errors
    /// As [`Log::run`].
    fn entries(&self, run: &Digest, from: Seq, limit: usize) -> Result<Vec<Sealed>, LogError>;

    /// A blob that an entry of this very run brought.
    ///
    /// # Errors
    /// As [`Log::run`].
    fn blob(&self, run: &Digest, hash: &Digest) -> Result<Found, LogError>;

    /// The blobs of a run, ascending by hash: those above `after`, at most `limit`.
    ///
    /// # Errors
    /// As [`Log::run`].
    fn blobs(&self, run: &Digest, after: Option<&Digest>, limit: usize) -> Result<Vec<BlobInfo>, LogError>;

    /// Destroys the bytes of a blob for ever; hash and length stay. Redacting twice is as redacting once.
    ///
    /// The caller's duty: the entry that says `blob_redacted` is durable before this is called.
    ///
    /// # Errors
    /// [`RedactError`] when the run has no such blob, or the log fails.
    fn redact(&self, run: &Digest, hash: &Digest) -> Result<(), RedactError>;

    /// Takes a run out of the log and destroys the bytes of its blobs. The same run may be begun again later.
    ///
    /// # Errors
    /// [`HideError`] when there is no such run, a fork uses its entries, or the log fails.
    fn hide(&self, run: &Digest) -> Result<(), HideError>;
}

/// The origin that a run's first own entry names, if it is a fork's.
pub(crate) fn origin_of(first: &Sealed) -> Option<Origin> {
    match first.entry.events.first() {
        Some(Event::RunForked(forked)) => Some(Origin { owner: forked.owner, seq: forked.seq }),
        _ => None,
    }
}

/// The first bytes of digests that begin with these hex digits: lowest and highest, both included.
pub(crate) fn prefix_range(prefix: &str) -> Option<(Digest, Digest)> {
    let padded = |filler: &str| {
        let missing = 64usize.checked_sub(prefix.len())?;
        format!("{prefix}{}", filler.repeat(missing)).parse::<Digest>().ok()
    };
    Some((padded("0")?, padded("f")?))
}

/// The blobs of one run, as the core asks for them. Keeps the first error, since the core's trait has no place for it.
pub struct RunBlobs<'a, L: Log + ?Sized> {
    log: &'a L,
    run: Digest,
    error: Mutex<Option<LogError>>,
}

impl<'a, L: Log + ?Sized> RunBlobs<'a, L> {
    /// The blobs of `run` in `log`.
    pub fn new(log: &'a L, run: Digest) -> Self {
        Self { log, run, error: Mutex::new(None) }
    }

    /// What went wrong first, if anything did. Ask after use: until then "unknown" may mean "unreadable".
    ///
    /// # Errors
    /// The first [`LogError`] of any lookup.
    pub fn finish(self) -> Result<(), LogError> {
        self.error.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
    }
}

impl<L: Log + ?Sized> Blobs for RunBlobs<'_, L> {
    fn blob(&self, hash: &Digest) -> Option<Arc<[u8]>> {
        match self.log.blob(&self.run, hash) {
            Ok(found) => found.bytes(),
            Err(error) => {
                self.error.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                None
            }
        }
    }
}
