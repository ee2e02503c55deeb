//! The journal: append-only segments whose records chain, and the one place where a commit becomes durable.
//!
//! Refuses to go on after a failed write or sync (no retry, no rollback), and to change bytes it wrote, save to zero
//! a blob that a record says is gone.

pub(crate) mod anchor;
pub(crate) mod files;
pub(crate) mod layout;
pub(crate) mod recover;
pub(crate) mod scan;

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use delm_core::ids::Digest;

use crate::error::{LogError, Place};
use anchor::Anchor;
use files::{Segments, io_error, sync_dir};
use layout::{End, Kind, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader};

/// A record of up to this many bytes is copied together and written by one call.
const COPY_BYTES_MAX: u64 = 4 << 20;

/// The journal of an open store, at its end.
pub(crate) struct Journal {
    segments: Segments,
    file: File,
    end: End,
    anchor: Anchor,
    roll_bytes: u64,
    buffer: Vec<u8>,
    poison: Option<Arc<LogError>>,
}

/// A record that is durable now.
pub(crate) struct Appended {
    /// Where it begins.
    pub(crate) place: Place,
    /// Its header.
    pub(crate) header: RecordHeader,
}

impl Journal {
    /// A journal whose end is known to be `end`. New segments begin once one has `roll_bytes`.
    pub(crate) fn at_end(
        segments: Segments,
        end: End,
        anchor: Anchor,
        roll_bytes: u64,
    ) -> Result<Self, LogError> {
        let path = segments.path(end.place.segment);
        let file =
            OpenOptions::new().write(true).open(&path).map_err(|error| io_error("open", &path, error))?;
        Ok(Self { segments, file, end, anchor, roll_bytes, buffer: Vec::new(), poison: None })
    }

    pub(crate) fn end(&self) -> End {
        self.end
    }

    pub(crate) fn segments(&self) -> &Segments {
        &self.segments
    }

    /// The first failure, if there was one: nothing may be appended after it.
    pub(crate) fn healthy(&self) -> Result<(), LogError> {
        match &self.poison {
            None => Ok(()),
            Some(cause) => Err(LogError::Poisoned { cause: Arc::clone(cause) }),
        }
    }

    /// Refuses everything from now on, because of `cause`.
    pub(crate) fn poison(&mut self, cause: LogError) -> LogError {
        self.poison.get_or_insert_with(|| Arc::new(cause.clone()));
        cause
    }

    /// Writes one record and syncs it; then it is durable and the anchor names it.
    pub(crate) fn append(&mut self, kind: Kind, body: &[u8], blobs: &[&[u8]]) -> Result<Appended, LogError> {
        self.healthy()?;
        self.try_append(kind, body, blobs).map_err(|cause| self.poison(cause))
    }

    fn try_append(&mut self, kind: Kind, body: &[u8], blobs: &[&[u8]]) -> Result<Appended, LogError> {
        if self.end.place.offset >= self.roll_bytes && self.end.place.offset > SEGMENT_HEADER_BYTES {
            self.roll()?;
        }
        let blob_bytes = blobs.iter().map(|bytes| bytes.len() as u64).sum();
        let header = RecordHeader::seal(kind, self.end.count, self.end.hash, body, blob_bytes);
        let place = self.end.place;
        self.write(&header.to_bytes(), body, blobs)?;
        self.sync()?;
        self.end.place.offset =
            self.end.place.offset.saturating_add(header.record_bytes().unwrap_or(u64::MAX));
        self.end.count = self.end.count.saturating_add(1);
        self.end.hash = header.hash;
        match kind {
            Kind::Entries => self.anchor.write(self.end)?,
            Kind::Redact | Kind::Hide => self.anchor.pin(self.end)?,
        }
        Ok(Appended { place, header })
    }

    fn write(&mut self, header: &[u8], body: &[u8], blobs: &[&[u8]]) -> Result<(), LogError> {
        let path = self.segments.path(self.end.place.segment);
        let pieces = [header, body].into_iter().chain(blobs.iter().copied());
        let put = |bytes: &[u8], offset| self.file.write_all_at(bytes, offset);
        put_together(&mut self.buffer, self.end.place.offset, pieces, put)
            .map_err(|error| io_error("write", &path, error))
    }

    fn sync(&self) -> Result<(), LogError> {
        let path = self.segments.path(self.end.place.segment);
        let synced = if cfg!(sabotage = "sync_skipped") { Ok(()) } else { self.file.sync_data() };
        synced.map_err(|error| io_error("sync", &path, error))
    }

    /// Begins the next segment: header durable, name durable, then the anchor names it.
    fn roll(&mut self) -> Result<(), LogError> {
        let segment = self.end.place.segment.saturating_add(1);
        let header = SegmentHeader {
            segment,
            count: self.end.count,
            previous_bytes: self.end.place.offset,
            previous: self.end.hash,
        };
        self.file = create_segment(&self.segments, header)?;
        self.end.place = Place { segment, offset: SEGMENT_HEADER_BYTES };
        self.anchor.write(self.end)?;
        self.anchor.sync()
    }

    /// Writes both anchor slots again and syncs them.
    pub(crate) fn pin_anchor(&mut self) -> Result<(), LogError> {
        self.anchor.pin(self.end)
    }

    /// Names the end in both anchor slots and syncs them: a lost suffix is noticed up to here, whichever of them goes bad.
    pub(crate) fn close(&mut self) -> Result<(), LogError> {
        self.anchor.pin(self.end)
    }

    /// From now on the anchor cannot be written, as on a disk that fails.
    #[cfg(test)]
    pub(crate) fn fail_anchor(&mut self) -> std::io::Result<()> {
        self.anchor.fail()
    }
}

/// Puts pieces one behind the other from `offset` on: small ones are copied together first, large ones go as they are.
fn put_together<'a>(
    buffer: &mut Vec<u8>,
    mut offset: u64,
    pieces: impl Iterator<Item = &'a [u8]>,
    put: impl Fn(&[u8], u64) -> std::io::Result<()>,
) -> std::io::Result<()> {
    buffer.clear();
    for piece in pieces {
        if (buffer.len() + piece.len()) as u64 > COPY_BYTES_MAX {
            put(buffer, offset)?;
            offset += buffer.len() as u64;
            buffer.clear();
        }
        if piece.len() as u64 > COPY_BYTES_MAX {
            put(piece, offset)?;
            offset += piece.len() as u64;
        } else {
            buffer.extend_from_slice(piece);
        }
    }
    put(buffer, offset)
}

/// Creates a segment file with its header, durable by content and by name.
pub(crate) fn create_segment(segments: &Segments, header: SegmentHeader) -> Result<File, LogError> {
    let path = segments.path(header.segment);
    let failed = |action| {
        let path = path.clone();
        move |error| io_error(action, &path, error)
    };
    let file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed("create"))?;
    file.write_all_at(&header.to_bytes(), 0).map_err(failed("write"))?;
    file.sync_all().map_err(failed("sync"))?;
    sync_dir(segments.dir())?;
    Ok(file)
}

/// The header of the first segment.
pub(crate) const FIRST_SEGMENT: SegmentHeader =
    SegmentHeader { segment: 1, count: 0, previous_bytes: 0, previous: Digest::ZERO };

#[cfg(test)]
mod tests {
    use super::*;

    /// Small pieces make one call, of up to the limit exactly; the bytes are in their order whatever is large.
    #[test]
    fn pieces_are_written_in_order_and_small_ones_together() {
        const MAX: usize = 4 << 20;
        let cases: [(&[usize], &[usize]); 3] = [
            (&[96, 100_000, MAX - 100_096], &[MAX]),
            (&[96, 200, MAX + 1, 5, MAX, 7], &[296, MAX + 1, 5, MAX, 7]),
            (&[96, 0, 3, MAX, MAX + 1], &[99, MAX, MAX + 1]),
        ];
        for (lens, expected) in cases {
            let pieces: Vec<Vec<u8>> = (1u8..).zip(lens).map(|(fill, len)| vec![fill; *len]).collect();
            let (written, calls) = (std::cell::RefCell::new(Vec::new()), std::cell::RefCell::new(Vec::new()));
            let put = |bytes: &[u8], offset: u64| {
                assert_eq!(offset, 1_000 + written.borrow().len() as u64);
                written.borrow_mut().extend_from_slice(bytes);
                calls.borrow_mut().extend((!bytes.is_empty()).then_some(bytes.len()));
                Ok(())
            };
            let mut buffer = b"what was written before".to_vec();
            put_together(&mut buffer, 1_000, pieces.iter().map(Vec::as_slice), put).unwrap();
            assert!(written.into_inner() == pieces.concat());
            assert_eq!(calls.into_inner(), expected);
        }
    }

    /// Where writes succeed and syncs do not: a commit that left the sync out would not notice.
    #[test]
    fn a_record_that_cannot_be_synced_is_not_durable_and_ends_the_journal() {
        let dir = tempfile::tempdir().unwrap();
        let segments = Segments::new(dir.path());
        std::os::unix::fs::symlink("/dev/null", segments.path(1)).unwrap();
        let path = dir.path().join("anchor");
        let anchor = Anchor::create(&path, End::EMPTY).unwrap();
        let mut journal = Journal::at_end(segments, End::EMPTY, anchor, u64::MAX).unwrap();
        let failed = journal.append(Kind::Entries, b"", &[]);
        assert!(
            matches!(failed, Err(LogError::Io { action: "sync", .. })),
            "I-38: acknowledged without a sync"
        );
        assert!(matches!(journal.healthy(), Err(LogError::Poisoned { .. })));
        assert_eq!(Anchor::read(&path).unwrap().end, End::EMPTY, "the anchor never runs ahead");
    }

    /// A whole record of another journal, as long as the one whose place it takes: only what it follows gives it away.
    #[test]
    fn a_record_of_another_journal_does_not_follow() {
        let journals = ["one", "two"].map(|first| {
            let dir = tempfile::tempdir().unwrap();
            let segments = Segments::new(dir.path());
            create_segment(&segments, FIRST_SEGMENT).unwrap();
            let anchor = Anchor::create(&dir.path().join("anchor"), End::EMPTY).unwrap();
            let mut journal = Journal::at_end(segments.clone(), End::EMPTY, anchor, u64::MAX).unwrap();
            let ends = [first, "same", "last"].map(|text| {
                journal.append(Kind::Redact, text.as_bytes(), &[]).unwrap();
                usize::try_from(journal.end().place.offset).unwrap()
            });
            let bytes = std::fs::read(segments.path(1)).unwrap();
            (dir, segments, bytes, ends[0]..ends[1])
        });
        let [(_kept, segments, mut bytes, second), (_, _, other, _)] = journals;
        bytes[second.clone()].copy_from_slice(&other[second]);
        std::fs::write(segments.path(1), bytes).unwrap();
        let mut scan = scan::Scan::from_segment(&segments, 1, 1).unwrap();
        assert!(scan.next().unwrap().is_some());
        assert!(
            matches!(scan.next(), Err(LogError::Corrupt(_))),
            "I-39: a record of another journal is read"
        );
    }
}
