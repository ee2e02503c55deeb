//! The anchor: two checked slots, beside the journal, that say where it ends.
//!
//! Refuses to run ahead: a slot is written only after the records it names are synced. A chain alone cannot show
//! that its tail is missing; the anchor can.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Corruption, LogError};
use crate::journal::files::io_error;
use crate::journal::layout::{End, SLOT_BYTES, SLOT_OFFSETS};

/// How old an unsynced anchor may become while commits go on.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// The open anchor file.
pub(crate) struct Anchor {
    path: PathBuf,
    file: File,
    next_slot: usize,
    synced: Instant,
}

/// What the anchor file said when the store was opened.
pub(crate) struct AnchorRead {
    /// The newest valid slot.
    pub(crate) end: End,
    /// The slot that was bad, with the reason.
    pub(crate) bad: Option<(usize, String)>,
}

impl Anchor {
    /// Writes both slots and syncs them: at creation, and after each recovery.
    pub(crate) fn create(path: &Path, end: End) -> Result<Self, LogError> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(|error| io_error("open", path, error))?;
        let mut anchor = Self { path: path.to_path_buf(), file, next_slot: 0, synced: Instant::now() };
        anchor.pin(end)?;
        Ok(anchor)
    }

    /// Reads both slots. A missing file or two bad slots are corruption.
    pub(crate) fn read(path: &Path) -> Result<AnchorRead, LogError> {
        let corrupt = |what: String| Corruption { path: path.to_path_buf(), place: None, what };
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(corrupt(
                    "the anchor is missing, so a lost end of the journal would go unnoticed".into(),
                )
                .into());
            }
            Err(error) => return Err(io_error("read", path, error)),
        };
        let [first, second] = SLOT_OFFSETS.map(|offset| {
            let slot =
                usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
            End::from_slot(slot.get(..SLOT_BYTES).unwrap_or(slot))
        });
        match (first, second) {
            (Ok(first), Ok(second)) => {
                let rank = |end: &End| (end.count, end.place);
                let end = if rank(&first) >= rank(&second) { first } else { second };
                Ok(AnchorRead { end, bad: None })
            }
            (Ok(end), Err(why)) => Ok(AnchorRead { end, bad: Some((1, why)) }),
            (Err(why), Ok(end)) => Ok(AnchorRead { end, bad: Some((0, why)) }),
            (Err(first), Err(second)) => {
                Err(corrupt(format!("both anchor slots are bad ({first}; {second})")).into())
            }
        }
    }

    /// Names a new end. Synced on the first call a second after the last sync.
    pub(crate) fn write(&mut self, end: End) -> Result<(), LogError> {
        self.put(end)?;
        if self.synced.elapsed() >= SYNC_INTERVAL { self.sync() } else { Ok(()) }
    }

    /// Names a new end in both slots and syncs them: from now on no crash can leave an anchor before it.
    pub(crate) fn pin(&mut self, end: End) -> Result<(), LogError> {
        self.put(end)?;
        self.put(end)?;
        self.sync()
    }

    fn put(&mut self, end: End) -> Result<(), LogError> {
        let [first, second] = SLOT_OFFSETS;
        let offset = if self.next_slot == 0 { first } else { second };
        let written = self.file.write_all_at(&end.to_slot(), offset);
        written.map_err(|error| io_error("write", &self.path, error))?;
        self.next_slot = 1 - self.next_slot;
        Ok(())
    }

    /// From now on no write succeeds.
    #[cfg(test)]
    pub(crate) fn fail(&mut self) -> std::io::Result<()> {
        self.file = File::open(&self.path)?;
        Ok(())
    }

    pub(crate) fn sync(&mut self) -> Result<(), LogError> {
        self.file.sync_data().map_err(|error| io_error("sync", &self.path, error))?;
        self.synced = Instant::now();
        Ok(())
    }
}
