//! The simulated disk under the log: a journal of records in memory, of which only the synced part survives for certain.
//!
//! Refuses to lose what it acknowledged; everything else it may keep, lose, tear or scramble at a crash. What it holds is
//! read back through the same `Log` that the engine reads.

use std::collections::BTreeMap;
use std::sync::Arc;

use delm_core::entry::{Blob, Blobs, Sealed};
use delm_core::ids::Digest;
use delm_log::{Append, AppendError, Log, LogError, MemoryLog, RedactError, Term, WholeLog};

/// What becomes of bytes that were written and not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tear {
    /// None reached the disk.
    Lost,
    /// All did, though nobody was told.
    Kept,
    /// So many of the first ones did.
    Torn(u64),
    /// Sectors arrived in another order than written: of each sixteen, those whose bit is not set are missing.
    Scrambled(u64),
}

/// Bytes of one simulated sector.
const SECTOR_BYTES: usize = 64;
const HEADER_BYTES: usize = 36;

/// An entry of another run with the blobs it brought.
pub type Shared = (Sealed, Vec<Blob>);

/// A disk with the log on it.
#[derive(Clone)]
pub struct Disk {
    journal: Vec<u8>,
    synced: usize,
    log: MemoryLog,
    /// What a fork shares, under the run that wrote it.
    shared: Option<(Digest, Arc<[Shared]>)>,
    run: Digest,
    term: Term,
    /// Bytes that were taken away. No reader gets them; who judges a run needs them for what was decided before.
    erased: BTreeMap<Digest, Arc<[u8]>>,
    /// Records cut at recoveries, for they were torn.
    pub cut: u64,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            journal: Vec::new(),
            synced: 0,
            log: MemoryLog::new(),
            shared: None,
            run: Digest::ZERO,
            term: Term(0),
            erased: BTreeMap::new(),
            cut: 0,
        }
    }
}

impl Disk {
    /// A disk that holds the first entries of a run already, for a fork of it.
    ///
    /// # Errors
    /// As [`Log::commit`].
    pub fn sharing(run: Digest, entries: Vec<Shared>) -> Result<Self, AppendError> {
        let shared = Some((run, entries.into()));
        let log = logged(shared.as_ref())?;
        Ok(Self { log, shared, run, ..Self::default() })
    }

    /// The log as runs are read from it: a fork's with its prefix.
    #[must_use]
    pub fn whole(&self) -> Arc<dyn Log> {
        let log: Arc<dyn Log> = Arc::new(self.log.clone());
        if self.shared.is_some() { Arc::new(WholeLog::new(log)) } else { log }
    }

    /// The log, as readers see it: what is durable.
    #[must_use]
    pub fn log(&self) -> &MemoryLog {
        &self.log
    }

    /// Makes the caller the one writer of a run.
    ///
    /// # Errors
    /// As [`Log::acquire`].
    pub fn acquire(&mut self, run: Digest) -> Result<Term, LogError> {
        self.run = run;
        self.term = self.log.acquire(&run)?;
        Ok(self.term)
    }

    /// Writes a batch behind what is there, without syncing it.
    pub fn write(&mut self, batch: &[Append]) {
        let mut payload = Vec::new();
        put_count(&mut payload, batch.len());
        for append in batch {
            put(&mut payload, &append.entry.bytes);
            put_count(&mut payload, append.blobs.len());
            for blob in &append.blobs {
                put(&mut payload, &blob.bytes);
            }
        }
        put_count(&mut self.journal, payload.len());
        self.journal.extend_from_slice(blake3::hash(&payload).as_bytes());
        self.journal.extend_from_slice(&payload);
    }

    /// Syncs what was written, and lets readers see it.
    ///
    /// # Errors
    /// The first error of [`Log::commit`]; the batch is then not on the disk.
    pub fn sync(&mut self, batch: Vec<Append>) -> Result<usize, AppendError> {
        let count = self.show(batch)?;
        self.settle();
        Ok(count)
    }

    /// Lets readers see a batch. On its own, before it is synced, that is a mistake.
    ///
    /// # Errors
    /// As [`Disk::sync`].
    pub fn show(&mut self, batch: Vec<Append>) -> Result<usize, AppendError> {
        let count = batch.len();
        match self.log.commit(batch).into_iter().find_map(Result::err) {
            Some(error) => {
                self.journal.truncate(self.synced);
                Err(error)
            }
            None => Ok(count),
        }
    }

    /// What was written is synced.
    pub fn settle(&mut self) {
        self.synced = self.journal.len();
    }

    /// Takes the bytes of a blob away, for ever. False if there are none, or none any more.
    ///
    /// # Errors
    /// As [`Log::redact`].
    pub fn erase(&mut self, hash: &Digest) -> Result<bool, RedactError> {
        let Some(bytes) = self.blob(hash) else { return Ok(false) };
        self.log.redact(&self.run, hash)?;
        self.erased.insert(*hash, bytes);
        Ok(true)
    }

    /// Bytes that were taken away, for judges alone.
    #[must_use]
    pub fn erased(&self, hash: &Digest) -> Option<Arc<[u8]>> {
        self.erased.get(hash).cloned()
    }

    /// The power goes: what is not synced meets its fate.
    pub fn crash(&mut self, tear: Tear) {
        let loose = self.journal.len() - self.synced;
        match tear {
            Tear::Lost => self.journal.truncate(self.synced),
            Tear::Kept => {}
            Tear::Torn(bytes) => {
                let kept = usize::try_from(bytes).unwrap_or(loose).min(loose);
                self.journal.truncate(self.synced + kept);
            }
            Tear::Scrambled(mask) => {
                let tail = self.journal.get_mut(self.synced..).unwrap_or_default();
                for (place, sector) in tail.chunks_mut(SECTOR_BYTES).enumerate() {
                    if mask >> (place % 16) & 1 == 0 {
                        sector.fill(0);
                    }
                }
            }
        }
    }

    /// Reads the journal as after a start: whole records count, the first that is none ends it and is cut away.
    ///
    /// # Errors
    /// A sentence when a whole record cannot be read back: that is no torn tail.
    pub fn recover(&mut self) -> Result<(), String> {
        let log = logged(self.shared.as_ref()).map_err(|error| error.to_string())?;
        let mut term = Term(0);
        // The memory forgot its terms; none may come twice.
        while term <= self.term {
            term = log.acquire(&self.run).map_err(|error| error.to_string())?;
        }
        self.term = term;
        let mut at = 0;
        while let Some((payload, next)) = record(&self.journal, at) {
            let batch = self.batch(&log, term, payload).ok_or("a whole record does not hold a batch")?;
            if let Some(error) = log.commit(batch).into_iter().find_map(Result::err) {
                return Err(format!("a whole record is refused when read back: {error}"));
            }
            at = next;
        }
        if at < self.synced {
            return Err(format!("{} bytes are durable, {at} can be read back", self.synced));
        }
        for hash in self.erased.keys() {
            log.redact(&self.run, hash)
                .map_err(|error| format!("what was redacted is not there: {error}"))?;
        }
        self.cut += u64::from(at < self.journal.len());
        self.journal.truncate(at);
        self.synced = at;
        self.log = log;
        Ok(())
    }

    fn batch(&self, log: &MemoryLog, term: Term, payload: &[u8]) -> Option<Vec<Append>> {
        let mut rest = payload;
        let mut after = log.head(&self.run).ok()?;
        let mut batch = Vec::new();
        for _ in 0..take_count(&mut rest)? {
            let entry = Sealed::from_bytes(take(&mut rest)?).ok()?;
            let mut blobs = Vec::new();
            for _ in 0..take_count(&mut rest)? {
                blobs.push(Blob::new(take(&mut rest)?));
            }
            let head = entry.head();
            batch.push(Append { run: self.run, after, term, entry, blobs });
            after = Some(head);
        }
        rest.is_empty().then_some(batch)
    }
}

impl Blobs for Disk {
    fn blob(&self, hash: &Digest) -> Option<Arc<[u8]>> {
        let found = if self.shared.is_some() {
            self.whole().blob(&self.run, hash)
        } else {
            self.log.blob(&self.run, hash)
        };
        found.ok()?.bytes()
    }
}

/// A log with nothing but what is shared.
fn logged(shared: Option<&(Digest, Arc<[Shared]>)>) -> Result<MemoryLog, AppendError> {
    let log = MemoryLog::new();
    let Some((run, entries)) = shared else { return Ok(log) };
    let (term, mut after) = (log.acquire(run)?, None);
    let append = |(entry, blobs): &Shared| {
        let append = Append { run: *run, after, term, entry: entry.clone(), blobs: blobs.clone() };
        after = Some(entry.head());
        append
    };
    let batch = entries.iter().map(append).collect();
    log.commit(batch).into_iter().find_map(Result::err).map_or(Ok(log), Err)
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_count(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn take_count(rest: &mut &[u8]) -> Option<usize> {
    let (count, tail) = rest.split_at_checked(4)?;
    *rest = tail;
    usize::try_from(u32::from_le_bytes(count.try_into().ok()?)).ok()
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = take_count(rest)?;
    let (bytes, tail) = rest.split_at_checked(len)?;
    *rest = tail;
    Some(bytes)
}

/// The payload of the record at a place and the place after it, if a whole one is there.
fn record(journal: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let mut header = journal.get(at..at + HEADER_BYTES)?;
    let len = take_count(&mut header)?;
    let from = at + HEADER_BYTES;
    let payload = journal.get(from..from.checked_add(len)?)?;
    (blake3::hash(payload).as_bytes() == header).then_some((payload, from + len))
}
