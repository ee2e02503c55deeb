//! A reader of the journal in its order, which checks the chain as it goes, in memory bounded by one record's body.
//!
//! Refuses to skip: the first record that does not check ends the scan with its place and what is wrong.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};

use delm_core::ids::Digest;

use crate::error::{LogError, Place};
use crate::journal::files::{Segments, io_error};
use crate::journal::layout::{
    End, Kind, RECORD_HEADER_BYTES, RecordHeader, SEGMENT_HEADER_BYTES, SegmentHeader, parts,
};

const READ_AHEAD_BYTES: usize = 256 << 10;
const BLOB_CHUNK_BYTES: usize = 64 << 10;

/// A record whose hash and place in the chain are right.
pub(crate) struct Record {
    /// Where it begins.
    pub(crate) place: Place,
    /// Its header.
    pub(crate) header: RecordHeader,
    /// Its body.
    pub(crate) body: Vec<u8>,
}

impl Record {
    /// Where the body begins in the segment.
    pub(crate) fn body_offset(&self) -> u64 {
        self.place.offset.saturating_add(RECORD_HEADER_BYTES as u64)
    }

    /// Where the blobs begin in the segment.
    pub(crate) fn blob_offset(&self) -> u64 {
        self.body_offset().saturating_add(self.header.body_bytes)
    }

    /// The journal's end if this were its last record.
    pub(crate) fn end(&self) -> End {
        let offset = self.blob_offset().saturating_add(self.header.blob_bytes);
        let place = Place { segment: self.place.segment, offset };
        End { place, count: self.header.count.saturating_add(1), hash: self.header.hash }
    }
}

/// Reads one segment's header.
pub(crate) fn segment_header(segments: &Segments, segment: u32) -> Result<SegmentHeader, LogError> {
    let place = Place { segment, offset: 0 };
    let len = segments.len(segment)?.min(SEGMENT_HEADER_BYTES);
    let header = SegmentHeader::from_bytes(&segments.read(place, len)?)
        .map_err(|what| segments.corrupt(place, what))?;
    if header.segment != segment {
        let what = format!("the header says segment {}", header.segment);
        return Err(segments.corrupt(place, what).into());
    }
    Ok(header)
}

/// A scan from one place to the end of the last segment, or to `until`.
pub(crate) struct Scan {
    segments: Segments,
    reader: BufReader<File>,
    len: u64,
    at: End,
    last: u32,
}

impl Scan {
    /// Begins at the first record of a segment.
    pub(crate) fn from_segment(segments: &Segments, segment: u32, last: u32) -> Result<Self, LogError> {
        let header = segment_header(segments, segment)?;
        let place = Place { segment, offset: SEGMENT_HEADER_BYTES };
        let at = End { place, count: header.count, hash: header.previous };
        Self::after(segments, at, last)
    }

    /// Begins after what `at` names; the next record must chain to it.
    pub(crate) fn after(segments: &Segments, at: End, last: u32) -> Result<Self, LogError> {
        let (reader, len) = open_at(segments, at.place)?;
        Ok(Self { segments: segments.clone(), reader, len, at, last })
    }

    /// Where the scan is: the end of the last good record.
    pub(crate) fn at(&self) -> End {
        self.at
    }

    /// Length of the segment the scan is in.
    pub(crate) fn segment_bytes(&self) -> u64 {
        self.len
    }

    /// The next record, or none at the end of the last segment.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, LogError> {
        while self.at.place.offset >= self.len {
            if self.at.place.offset > self.len {
                return Err(self.bad(format!("the file ends at {}", self.len)));
            }
            if self.at.place.segment >= self.last {
                return Ok(None);
            }
            self.enter_next()?;
        }
        let header = self.header()?;
        let body = self.body(&header)?;
        let record = Record { place: self.at.place, header, body };
        self.check(&record)?;
        let failed = |error| io_error("read", &self.segments.path(record.place.segment), error);
        let blobs = i64::try_from(header.blob_bytes).unwrap_or(i64::MAX);
        self.reader.seek_relative(blobs).map_err(failed)?;
        self.at = record.end();
        Ok(Some(record))
    }

    fn enter_next(&mut self) -> Result<(), LogError> {
        let segment = self.at.place.segment.saturating_add(1);
        let header = segment_header(&self.segments, segment)?;
        let expected = (self.at.count, self.at.place.offset, self.at.hash);
        let place = Place { segment, offset: SEGMENT_HEADER_BYTES };
        if (header.count, header.previous_bytes, header.previous) != expected {
            let what = "the header does not follow the segment before: it names another last record";
            return Err(self.segments.corrupt(Place { segment, offset: 0 }, what).into());
        }
        self.at.place = place;
        (self.reader, self.len) = open_at(&self.segments, place)?;
        Ok(())
    }

    fn header(&mut self) -> Result<RecordHeader, LogError> {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        self.fill(&mut bytes, "a record header is cut short")?;
        let header = RecordHeader::from_bytes(&bytes).ok_or_else(|| self.bad("this is no record header"))?;
        let end = header.record_bytes().and_then(|bytes| bytes.checked_add(self.at.place.offset));
        match end {
            Some(end) if end <= self.len => Ok(header),
            _ => Err(self.bad(format!(
                "a record header says {} + {} bytes follow, but the file ends at {}",
                header.body_bytes, header.blob_bytes, self.len
            ))),
        }
    }

    fn body(&mut self, header: &RecordHeader) -> Result<Vec<u8>, LogError> {
        // The header's lengths fit the file, so this reserves no more than is there.
        let len = usize::try_from(header.body_bytes)
            .map_err(|_| self.bad("a body is too long for this machine"))?;
        let mut body = vec![0; len];
        self.fill(&mut body, "a record body is cut short")?;
        Ok(body)
    }

    fn fill(&mut self, bytes: &mut [u8], short: &str) -> Result<(), LogError> {
        match self.reader.read_exact(bytes) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Err(self.bad(short)),
            Err(error) => Err(io_error("read", &self.segments.path(self.at.place.segment), error)),
        }
    }

    fn check(&self, record: &Record) -> Result<(), LogError> {
        let header = &record.header;
        if header.hash_with(&record.body) != header.hash {
            return Err(self.bad("the hash of this record is wrong"));
        }
        let follows = header.parent == self.at.hash || cfg!(sabotage = "chain_unchecked");
        if !follows || header.count != self.at.count {
            return Err(self.bad("this record does not follow the one before"));
        }
        let blob_bytes = match header.kind {
            Kind::Redact | Kind::Hide => Some(0),
            Kind::Entries => parts(&record.body).and_then(|parts| {
                parts
                    .iter()
                    .flat_map(|part| &part.blobs)
                    .try_fold(0u64, |sum, (_, len)| sum.checked_add(*len))
            }),
        };
        if blob_bytes != Some(header.blob_bytes) {
            return Err(self.bad("the body of this record does not list its entries and blobs"));
        }
        Ok(())
    }

    fn bad(&self, what: impl Into<String>) -> LogError {
        LogError::Corrupt(self.segments.corrupt(self.at.place, what))
    }
}

fn open_at(segments: &Segments, place: Place) -> Result<(BufReader<File>, u64), LogError> {
    let path = segments.path(place.segment);
    let mut file = File::open(&path).map_err(|error| io_error("open", &path, error))?;
    let len = file.metadata().map_err(|error| io_error("stat", &path, error))?.len();
    file.seek(SeekFrom::Start(place.offset)).map_err(|error| io_error("seek", &path, error))?;
    Ok((BufReader::with_capacity(READ_AHEAD_BYTES, file), len))
}

/// What the bytes at a blob's place are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlobState {
    /// The blob.
    Whole,
    /// Zeroes, and the blob is something else.
    Zeroed,
    /// Neither.
    Wrong,
}

/// Looks at a blob's bytes, in pieces.
pub(crate) fn blob_state(
    segments: &Segments,
    place: Place,
    hash: &Digest,
    len: u64,
) -> Result<BlobState, LogError> {
    let mut hasher = blake3::Hasher::new();
    let mut zero = true;
    let mut done = 0;
    while done < len {
        let chunk_bytes = (len - done).min(BLOB_CHUNK_BYTES as u64);
        let at = Place { segment: place.segment, offset: place.offset.saturating_add(done) };
        let chunk = segments.read(at, chunk_bytes)?;
        zero = zero && chunk.iter().all(|byte| *byte == 0);
        hasher.update(&chunk);
        done += chunk_bytes;
    }
    if hasher.finalize().as_bytes() == &hash.0 {
        return Ok(BlobState::Whole);
    }
    Ok(if zero { BlobState::Zeroed } else { BlobState::Wrong })
}

/// Every blob of a record with its place, in their order.
pub(crate) fn blob_places(record: &Record) -> Vec<(Digest, u64, Place)> {
    let mut offset = record.blob_offset();
    let mut places = Vec::new();
    for (hash, len) in parts(&record.body).unwrap_or_default().iter().flat_map(|part| &part.blobs) {
        places.push((*hash, *len, Place { segment: record.place.segment, offset }));
        offset = offset.saturating_add(*len);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_beyond_the_last_byte_is_damage_and_not_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let segments = Segments::new(dir.path());
        std::fs::write(segments.path(1), [0; 96]).unwrap();
        let at = |offset| End { place: Place { segment: 1, offset }, ..End::EMPTY };
        assert!(matches!(Scan::after(&segments, at(96), 1).unwrap().next(), Ok(None)));
        assert!(matches!(Scan::after(&segments, at(97), 1).unwrap().next(), Err(LogError::Corrupt(_))));
    }

    /// What the disk does not give is no damage: nobody may be told that bytes are bad which were not seen.
    #[test]
    fn bytes_that_cannot_be_read_are_not_called_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let segments = Segments::new(dir.path());
        // A directory opens and has a length, and none of its bytes can be read.
        std::fs::create_dir(segments.path(1)).unwrap();
        for name in 0..20 {
            std::fs::write(segments.path(1).join(name.to_string()), "").unwrap();
        }
        let at = End { place: Place { segment: 1, offset: 0 }, ..End::EMPTY };
        let mut scan = Scan::after(&segments, at, 1).unwrap();
        // Enough for a header to be there: on some file systems a directory has no length.
        scan.len = 1_000;
        assert!(matches!(scan.next(), Err(LogError::Io { action: "read", .. })));
    }
}
