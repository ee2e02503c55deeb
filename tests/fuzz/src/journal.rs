//! Journals made from `schemas/journal-v1.md`, by none of the code under test: right ones, records that chain and hold
//! anything, and damage done to the files afterwards.
//!
//! Refuses nothing: what is wrong is what an input asks for.

use std::path::Path;

use arbitrary::Arbitrary;
use delm_core::entry::{Entry, Sealed};
use delm_core::event::{BlobRedacted, Event};
use delm_core::ids::Digest;

/// Bytes of the headers of segments and records, and of an anchor slot.
pub const HEADER_BYTES: usize = 96;
const SLOT_OFFSETS: [usize; 2] = [0, 4096];
const RUNS: usize = 4;

/// What is done to a journal.
#[derive(Arbitrary, Debug)]
pub struct Plan {
    /// Records, oldest first.
    pub records: Vec<Record>,
    /// A segment is begun after so many records; none after zero.
    pub roll: u8,
    /// The records that each anchor slot names.
    pub anchored: [u8; 2],
    /// Damage, in this order.
    pub edits: Vec<Edit>,
    /// Whether the whole store is opened, too, which takes longer.
    pub whole: u8,
}

/// One record. All chain, and have the hash they should.
#[derive(Arbitrary, Debug)]
pub enum Record {
    /// One commit as delm writes it: for each part a run and the blobs its next entry brings.
    Commit(Vec<(u8, Vec<Vec<u8>>)>),
    /// A blob of an earlier commit is to go, as delm writes it.
    Redact(u8),
    /// A run is gone, as delm writes it.
    Hide(u8),
    /// A kind, a body and bytes after it.
    Any(u8, Vec<u8>, Vec<u8>),
    /// A commit whose entry is these bytes.
    Odd(u8, u64, Vec<u8>),
}

/// Damage to one file.
#[derive(Arbitrary, Debug)]
pub enum Edit {
    /// A segment ends here.
    Cut(u8, u16),
    /// A byte of a segment is another.
    Byte(u8, u16, u8),
    /// Bytes follow a segment.
    Add(u8, Vec<u8>),
    /// The end of a segment stands there again.
    Again(u8, u16),
    /// So many bytes of a segment are zero.
    Zero(u8, u16, u8),
    /// A segment is gone.
    Remove(u8),
    /// A byte of the anchor is another.
    Anchor(u16, u8),
}

/// Where a journal was after each record: segment, offset, hash.
type End = (u32, u64, [u8; 32]);

/// A journal in memory.
#[derive(Debug)]
pub struct Files {
    /// The segments.
    pub segments: Vec<Vec<u8>>,
    /// The anchor.
    pub anchor: Vec<u8>,
    /// Ends before the first record, and after each.
    pub ends: Vec<End>,
    /// Entries of commits as delm writes them, of runs that are not hidden.
    pub entries: u64,
    /// Whether delm could have written all of it.
    pub lawful: bool,
    runs: [Run; RUNS],
    blobs: Vec<Blob>,
    begun: u32,
}

#[derive(Clone, Debug)]
struct Run {
    id: Digest,
    number: u32,
    entries: Vec<Sealed>,
}

impl Default for Run {
    fn default() -> Self {
        Self { id: Digest::ZERO, number: 0, entries: Vec::new() }
    }
}

#[derive(Debug)]
struct Blob {
    run: usize,
    number: u32,
    hash: Digest,
    segment: u32,
    offset: u64,
    len: u64,
    gone: bool,
}

impl Files {
    /// The journal that a plan describes, before any damage.
    pub fn of(plan: &Plan) -> Self {
        let mut files = Self {
            segments: Vec::new(),
            anchor: vec![0; SLOT_OFFSETS[1] + HEADER_BYTES],
            ends: Vec::new(),
            entries: 0,
            lawful: true,
            runs: std::array::from_fn(|_| Run::default()),
            blobs: Vec::new(),
            begun: 0,
        };
        files.roll();
        files.ends.push((1, HEADER_BYTES as u64, [0; 32]));
        for (place, record) in plan.records.iter().enumerate() {
            if plan.roll > 0 && place > 0 && place % usize::from(plan.roll) == 0 {
                files.roll();
            }
            files.record(record);
        }
        for (slot, named) in plan.anchored.iter().enumerate() {
            let named = usize::from(*named) % files.ends.len();
            let (segment, offset, hash) = files.ends[named];
            let slot_bytes = [
                b"delm-anc".as_slice(),
                &1u32.to_le_bytes(),
                &segment.to_le_bytes(),
                &offset.to_le_bytes(),
                &(named as u64).to_le_bytes(),
                &hash,
            ];
            let start = SLOT_OFFSETS[slot];
            let checked = checked(&slot_bytes.concat(), "delm journal anchor v1");
            files.anchor[start..start + HEADER_BYTES].copy_from_slice(&checked);
        }
        files
    }

    /// The records that the anchor names.
    pub fn anchored(&self, plan: &Plan) -> usize {
        plan.anchored.iter().map(|named| usize::from(*named) % self.ends.len()).max().unwrap_or(0)
    }

    fn hash(&self) -> [u8; 32] {
        self.ends.last().map_or([0; 32], |end| end.2)
    }

    fn roll(&mut self) {
        let before = self.segments.last().map_or(0, |segment| segment.len() as u64);
        let number = u32::try_from(self.segments.len()).unwrap_or(0) + 1;
        let count = self.ends.len().saturating_sub(1) as u64;
        let header = [
            b"delm-seg".as_slice(),
            &1u32.to_le_bytes(),
            &number.to_le_bytes(),
            &count.to_le_bytes(),
            &before.to_le_bytes(),
            &self.hash(),
        ];
        self.segments.push(checked(&header.concat(), "delm journal segment v1"));
    }

    fn record(&mut self, record: &Record) {
        match record {
            Record::Commit(parts) => self.commit(parts),
            Record::Redact(which) => self.redact(usize::from(*which)),
            Record::Hide(run) => self.hide(usize::from(*run) % RUNS),
            Record::Any(kind, body, after) => {
                self.lawful = false;
                self.append(u32::from(*kind % 5), body, after);
            }
            Record::Odd(run, seq, entry) => {
                self.lawful = false;
                let run = self.runs[usize::from(*run) % RUNS].id;
                let body = part(&run, *seq, entry, &[]);
                self.append(1, &body, &[]);
            }
        }
    }

    fn append(&mut self, kind: u32, body: &[u8], after: &[u8]) {
        let count = (self.ends.len() - 1) as u64;
        let header = [
            b"dRec".as_slice(),
            &kind.to_le_bytes(),
            &count.to_le_bytes(),
            &(body.len() as u64).to_le_bytes(),
            &(after.len() as u64).to_le_bytes(),
            &self.hash(),
        ]
        .concat();
        let mut hasher = blake3::Hasher::new_derive_key("delm journal record v1");
        hasher.update(&header).update(body);
        let hash = *hasher.finalize().as_bytes();
        let number = u32::try_from(self.segments.len()).unwrap_or(0);
        let Some(segment) = self.segments.last_mut() else { return };
        segment.extend([header.as_slice(), &hash, body, after].concat());
        self.ends.push((number, segment.len() as u64, hash));
    }

    fn commit(&mut self, parts: &[(u8, Vec<Vec<u8>>)]) {
        let mut body = Vec::new();
        let mut after = Vec::new();
        let mut brought = Vec::new();
        for (run, blobs) in parts.iter().take(4) {
            let run = usize::from(*run) % RUNS;
            let sealed = self.next_entry(run);
            let mut listed = Vec::new();
            for bytes in blobs.iter().take(4) {
                let hash = Digest::of_blob(bytes);
                let number = self.runs[run].number;
                let known = |blob: &Blob| (blob.run, blob.number, blob.hash) == (run, number, hash);
                // A blob the run has is not brought again.
                if !self.blobs.iter().chain(&brought).any(known) {
                    let (offset, len) = (after.len() as u64, bytes.len() as u64);
                    brought.push(Blob { run, number, hash, segment: 0, offset, len, gone: false });
                    listed.push((hash, len));
                    after.extend(bytes);
                }
            }
            body.extend(part(&self.runs[run].id, sealed.entry.seq, &sealed.bytes, &listed));
            self.runs[run].entries.push(sealed);
            self.entries += 1;
        }
        if body.is_empty() {
            self.lawful = false;
        }
        self.append(1, &body, &after);
        let (segment, end, _) = self.ends[self.ends.len() - 1];
        for mut blob in brought {
            blob.segment = segment;
            blob.offset += end - after.len() as u64;
            self.blobs.push(blob);
        }
    }

    /// Any event will do: the log looks into none but a fork's.
    fn next_entry(&mut self, run: usize) -> Sealed {
        if self.runs[run].entries.is_empty() {
            self.begun += 1;
            self.runs[run].number = self.begun;
        }
        let head = self.runs[run].entries.last();
        let name = Digest::of_blob(&[u8::try_from(run).unwrap_or(0)]);
        let sealed = Entry {
            parent: head.map_or(Digest::ZERO, |head| head.id),
            seq: head.map_or(0, |head| head.entry.seq + 1),
            at: 1_000,
            agent: None,
            command: 0,
            rules: 1,
            events: vec![Event::from(BlobRedacted { blob: name, reason: name })],
        }
        .seal();
        if head.is_none() {
            self.runs[run].id = sealed.id;
        }
        sealed
    }

    fn redact(&mut self, which: usize) {
        let here = |blob: &Blob| !blob.gone && self.runs[blob.run].number == blob.number;
        let open: Vec<usize> = (0..self.blobs.len()).filter(|at| here(&self.blobs[*at])).collect();
        let Some(at) = open.get(which % open.len().max(1)).copied() else { return };
        let Blob { run, hash, segment, offset, len, .. } = self.blobs[at];
        let body = [
            self.runs[run].id.0.as_slice(),
            &hash.0,
            &segment.to_le_bytes(),
            &offset.to_le_bytes(),
            &len.to_le_bytes(),
        ]
        .concat();
        self.blobs[at].gone = true;
        self.append(2, &body, &[]);
    }

    fn hide(&mut self, run: usize) {
        let Run { id, number, entries } = std::mem::take(&mut self.runs[run]);
        if entries.is_empty() {
            return;
        }
        self.entries -= entries.len() as u64;
        let body = [id.0.as_slice(), &number.to_le_bytes()].concat();
        self.append(3, &body, &[]);
    }

    /// Does damage.
    pub fn damage(&mut self, edit: &Edit) {
        let at = |which: u8, segments: &Vec<Vec<u8>>| usize::from(which) % segments.len().max(1);
        match edit {
            Edit::Anchor(place, flip) => {
                // The bytes between the slots mean nothing: only those of the slots are worth a change.
                let place = usize::from(*place) % (2 * HEADER_BYTES);
                let place = if place < HEADER_BYTES { place } else { SLOT_OFFSETS[1] + place - HEADER_BYTES };
                self.anchor[place] ^= flip;
            }
            Edit::Remove(which) => {
                let which = at(*which, &self.segments);
                if let Some(segment) = self.segments.get_mut(which) {
                    segment.clear();
                }
            }
            Edit::Cut(which, _)
            | Edit::Byte(which, ..)
            | Edit::Add(which, _)
            | Edit::Again(which, _)
            | Edit::Zero(which, ..) => {
                let which = at(*which, &self.segments);
                if let Some(segment) = self.segments.get_mut(which) {
                    in_segment(segment, edit);
                }
            }
        }
    }

    /// Writes it all where a store has it. A segment without a byte is not there.
    pub fn write(&self, store: &Path) -> std::io::Result<()> {
        let journal = store.join("journal");
        std::fs::create_dir_all(&journal)?;
        for (segment, number) in self.segments.iter().zip(1..) {
            if !segment.is_empty() {
                std::fs::write(journal.join(format!("{number:08}.seg")), segment)?;
            }
        }
        let format = "delm store format 1";
        let check = blake3::hash(format.as_bytes()).to_hex();
        std::fs::write(store.join("format"), format!("{format} {}\n", &check[..16]))?;
        std::fs::write(store.join("anchor"), &self.anchor)
    }
}

fn in_segment(segment: &mut Vec<u8>, edit: &Edit) {
    let len = segment.len().max(1);
    match edit {
        Edit::Cut(_, place) => segment.truncate(usize::from(*place) % len),
        Edit::Byte(_, place, flip) => {
            if let Some(byte) = segment.get_mut(usize::from(*place) % len) {
                *byte ^= flip;
            }
        }
        Edit::Add(_, bytes) => segment.extend(bytes),
        Edit::Again(_, length) => {
            let tail = segment.len().saturating_sub(usize::from(*length) % len);
            segment.extend_from_within(tail..);
        }
        Edit::Zero(_, place, count) => {
            let place = usize::from(*place) % len;
            segment.iter_mut().skip(place).take(usize::from(*count)).for_each(|byte| *byte = 0);
        }
        Edit::Remove(_) | Edit::Anchor(..) => {}
    }
}

/// Bytes with the check that follows them in headers and slots.
fn checked(bytes: &[u8], context: &str) -> Vec<u8> {
    [bytes, &blake3::derive_key(context, bytes)].concat()
}

fn part(run: &Digest, seq: u64, entry: &[u8], blobs: &[(Digest, u64)]) -> Vec<u8> {
    let mut part = run.0.to_vec();
    part.extend(seq.to_le_bytes());
    part.extend((entry.len() as u64).to_le_bytes());
    part.extend((blobs.len() as u64).to_le_bytes());
    part.extend(entry);
    for (hash, len) in blobs {
        part.extend(hash.0);
        part.extend(len.to_le_bytes());
    }
    part
}
