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
    /// Where the next end goes, and where the one after it.
    slots: [u64; 2],
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
        let mut anchor = Self { path: path.to_path_buf(), file, slots: SLOT_OFFSETS, synced: Instant::now() };
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
        let [next, other] = self.slots;
        let written = self.file.write_all_at(&end.to_slot(), next);
        written.map_err(|error| io_error("write", &self.path, error))?;
        self.slots = [other, next];
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Where writes succeed and syncs do not: who leaves the sync out does not notice.
    #[test]
    fn an_end_is_synced_when_it_is_pinned_and_when_the_last_sync_is_a_second_ago() {
        let path = PathBuf::from("/dev/null");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let far = Duration::from_secs(3_600);
        let mut anchor = Anchor { path, file, slots: SLOT_OFFSETS, synced: Instant::now() + far };
        let unsynced = |outcome| matches!(outcome, Err(LogError::Io { action: "sync", .. }));
        anchor.write(End::EMPTY).unwrap();
        assert!(unsynced(anchor.pin(End::EMPTY)));
        assert!(unsynced(anchor.sync()));
        anchor.synced = Instant::now().checked_sub(SYNC_INTERVAL).unwrap();
        assert!(unsynced(anchor.write(End::EMPTY)));
    }

    /// One torn write must leave the end before it.
    #[test]
    fn the_slot_of_the_end_before_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("anchor");
        let mut anchor = Anchor::create(&path, End::EMPTY).unwrap();
        let mut before = End::EMPTY;
        for count in 1..6 {
            let end = End { count, ..End::EMPTY };
            anchor.write(end).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            let mut found = SLOT_OFFSETS.map(|at| {
                let at = usize::try_from(at).unwrap();
                End::from_slot(&bytes[at..at + SLOT_BYTES]).unwrap()
            });
            found.sort_by_key(|end| end.count);
            assert_eq!(found, [before, end]);
            before = end;
        }
    }

    #[test]
    fn an_anchor_that_cannot_be_read_is_not_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Anchor::read(dir.path()), Err(LogError::Io { action: "read", .. })));
        assert!(matches!(Anchor::read(&dir.path().join("none")), Err(LogError::Corrupt(_))));
    }
}
