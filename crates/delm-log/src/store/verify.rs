//! Verifying: every record, entry and blob against its hash, every run's chain, the anchor, and the index against it all.
//!
//! Refuses to repair the journal: damage there is named. What can be made again is: index, anchor slot, format file, and
//! an erasure that was not finished.

use std::collections::{BTreeMap, BTreeSet};

use delm_core::entry::{Head, Sealed};
use delm_core::ids::{Digest, Seq};

use crate::error::{Corruption, LogError, Place};
use crate::journal::anchor::Anchor;
use crate::journal::files::Segments;
use crate::journal::layout::{End, Hiding, Kind, Part, Redaction, parts};
use crate::journal::scan::{BlobState, Record, Scan, blob_state};
use crate::log::origin_of;
use crate::store::Store;
use crate::store::home::Presence;
use crate::store::index::{Index, Trouble};
use crate::store::read;
use crate::store::rows::{BlobRow, EntryRow, blob_key, entry_key};

/// Damage beyond this many places is counted only.
const DAMAGE_LISTED_MAX: usize = 100;
/// Index rows looked at together.
const PAGE_ROWS: usize = 1_000;

/// What is verified. The chain of records always is, from its first to its last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every entry and blob of every run.
    All,
    /// Those of one run; a fork's prefix belongs to its origin.
    Run(Digest),
}

impl Scope {
    fn holds(&self, run: &Digest) -> bool {
        match self {
            Self::All => true,
            Self::Run(only) => only == run,
        }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Records whose hash and chain are right.
    pub records: u64,
    /// Runs in scope.
    pub runs: u64,
    /// Entries in scope whose id and chain are right.
    pub entries: u64,
    /// Blobs in scope whose bytes are right.
    pub blobs: u64,
    /// Blobs in scope that are lawfully gone.
    pub blobs_redacted: u64,
    /// Bytes of the journal read.
    pub journal_bytes: u64,
    /// Damage, in the order of the journal; at most 100 places are listed.
    pub damage: Vec<Corruption>,
    /// Places damaged, listed or not.
    pub damaged: u64,
    /// Why one anchor slot was bad; it was written again.
    pub anchor_healed: Option<String>,
    /// Whether the format file was bad, and was written again.
    pub format_healed: bool,
    /// Why the index was made anew.
    pub index_healed: Option<String>,
    /// Blobs that should have been zero and were not: an erasure was finished.
    pub erasures_finished: u64,
}

impl VerifyReport {
    /// Whether nothing is damaged.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.damaged == 0
    }

    fn add(&mut self, corruption: Corruption) {
        self.damaged += 1;
        if self.damage.len() < DAMAGE_LISTED_MAX {
            self.damage.push(corruption);
        }
    }
}

/// A run as the journal tells it.
struct RunTrail {
    number: u32,
    head: Head,
    entries: u64,
    blobs: u64,
}

/// A blob whose bytes are not its own, until the scan has shown whether a record says so.
struct Gone {
    run: Digest,
    number: u32,
    hash: Digest,
    place: Place,
    len: u64,
    zeroed: bool,
}

struct Verifier<'a> {
    segments: &'a Segments,
    index: &'a Index,
    scope: Scope,
    report: VerifyReport,
    begun: u32,
    trails: BTreeMap<Digest, RunTrail>,
    gone: Vec<Gone>,
    redacted: BTreeSet<Place>,
    hidden: BTreeSet<u32>,
    /// Rows in scope that the index lacks or has wrong, by the number of their run: a run hidden later has none.
    wrong: BTreeMap<u32, String>,
}

impl Store {
    /// Checks everything in scope, and puts right what can be.
    ///
    /// # Errors
    /// [`LogError`] when the files cannot be read. Damage is no error: it is in the report.
    pub fn verify(&self, scope: Scope) -> Result<VerifyReport, LogError> {
        let _no_erasing = self.no_erasing();
        let mut report = VerifyReport::default();
        let end = self.verify_ends(&mut report)?;
        self.reading(|_| Ok(()))?;
        let mut verifier = Verifier::new(&self.segments, &self.following.index, scope, report);
        let scanned = verifier.scan(end)?;
        if scanned {
            verifier.judge_gone()?;
            let disagreement = match verifier.compare_totals(end) {
                Ok(disagreement) => disagreement,
                Err(Trouble::Log(error)) => return Err(error),
                Err(Trouble::Index(why)) => Some(why),
            };
            if let Some(why) = disagreement {
                self.rebuild(&mut self.writer())?;
                verifier.report.index_healed = Some(why);
            }
        }
        Ok(verifier.report)
    }

    /// Anchor and format file against the journal's end; gives that end.
    fn verify_ends(&self, report: &mut VerifyReport) -> Result<End, LogError> {
        let mut writer = self.writer();
        let end = writer.journal.end();
        match Anchor::read(&self.home.anchor()) {
            Ok(read) => {
                if read.end != end {
                    let what = format!("it names {}, the journal ends at {}", read.end.place, end.place);
                    report.add(Corruption { path: self.home.anchor(), place: None, what });
                } else if let Some((slot, why)) = read.bad {
                    writer.journal.pin_anchor()?;
                    report.anchor_healed = Some(format!("slot {slot}: {why}"));
                }
            }
            Err(LogError::Corrupt(corruption)) => report.add(corruption),
            Err(error) => return Err(error),
        }
        match self.home.check_format() {
            Ok(Presence::Whole { format_healed }) => report.format_healed = format_healed,
            Ok(Presence::Unborn) => {}
            Err(error) => {
                let what = error.to_string();
                report.add(Corruption { path: self.home.path.clone(), place: None, what });
            }
        }
        Ok(end)
    }
}

impl<'a> Verifier<'a> {
    fn new(segments: &'a Segments, index: &'a Index, scope: Scope, report: VerifyReport) -> Self {
        Self {
            segments,
            index,
            scope,
            report,
            begun: 0,
            trails: BTreeMap::new(),
            gone: Vec::new(),
            redacted: BTreeSet::new(),
            hidden: BTreeSet::new(),
            wrong: BTreeMap::new(),
        }
    }

    /// Reads the journal up to `end`. False if a record is damaged: nothing after it can be trusted to be one.
    fn scan(&mut self, end: End) -> Result<bool, LogError> {
        match self.try_scan(end) {
            Ok(()) => Ok(true),
            Err(LogError::Corrupt(corruption)) => {
                self.report.add(corruption);
                Ok(false)
            }
            Err(other) => Err(other),
        }
    }

    fn try_scan(&mut self, end: End) -> Result<(), LogError> {
        let mut scan = Scan::from_segment(self.segments, 1, end.place.segment)?;
        while scan.at().place < end.place {
            let Some(record) = scan.next()? else { break };
            self.report.records += 1;
            self.report.journal_bytes += record.header.record_bytes().unwrap_or(0);
            match record.header.kind {
                Kind::Entries => self.entries(&record)?,
                Kind::Redact => self.redaction(&record)?,
                Kind::Hide => {
                    if let Some(hiding) = Hiding::from_bytes(&record.body) {
                        self.trails.remove(&hiding.run);
                        self.hidden.insert(hiding.number);
                    }
                }
            }
        }
        if scan.at() != end {
            let what = format!("a suffix is lost: the journal should end at {}", end.place);
            return Err(self.segments.corrupt(scan.at().place, what).into());
        }
        Ok(())
    }

    fn entries(&mut self, record: &Record) -> Result<(), LogError> {
        let mut blob_offset = record.blob_offset();
        for part in parts(&record.body).unwrap_or_default() {
            let offset = record.body_offset().saturating_add(part.entry_offset);
            let place = Place { segment: record.place.segment, offset };
            let in_scope = self.scope.holds(&part.run);
            let number = self.follow(&part, place, in_scope)?;
            if in_scope {
                self.report.entries += 1;
                self.compare_entry(number, record, &part, offset)?;
            }
            for (hash, len) in &part.blobs {
                let place = Place { segment: record.place.segment, offset: blob_offset };
                blob_offset = blob_offset.saturating_add(*len);
                if in_scope {
                    self.blob(&part.run, number, part.seq, hash, *len, place)?;
                }
            }
        }
        Ok(())
    }

    /// The entry against the one before it in its run. Gives the run's number.
    fn follow(&mut self, part: &Part<'_>, place: Place, in_scope: bool) -> Result<u32, LogError> {
        let id = part.id();
        let head = Head { seq: part.seq, id };
        let blobs = part.blobs.len() as u64;
        if let Some(trail) = self.trails.get_mut(&part.run) {
            let before = std::mem::replace(&mut trail.head, head);
            trail.entries += 1;
            trail.blobs += blobs;
            let number = trail.number;
            if in_scope {
                self.check_link(part, place, before.seq.saturating_add(1), before.id);
            }
            return Ok(number);
        }
        self.begun = self.begun.saturating_add(1);
        let number = self.begun;
        self.trails.insert(part.run, RunTrail { number, head, entries: 1, blobs });
        if in_scope {
            self.report.runs += 1;
            self.begin(part, place, id)?;
        }
        Ok(number)
    }

    fn begin(&mut self, part: &Part<'_>, place: Place, id: Digest) -> Result<(), LogError> {
        if id != part.run {
            let what = format!("the first entry of run {} has id {id}", part.run);
            self.report.add(self.segments.corrupt(place, what));
        }
        let origin = Sealed::from_bytes(part.entry).ok().and_then(|sealed| origin_of(&sealed));
        let Some(origin) = origin else {
            self.check_link(part, place, 0, Digest::ZERO);
            return Ok(());
        };
        match read::entry_id_at(self.index, &origin.owner, origin.seq) {
            Ok(Some(parent)) => self.check_link(part, place, origin.seq.saturating_add(1), parent),
            Ok(None) => {
                let what = format!("run {} leaves run {}, which is not here", part.run, origin.owner);
                self.report.add(self.segments.corrupt(place, what));
            }
            Err(Trouble::Log(error)) => return Err(error),
            Err(Trouble::Index(why)) => drop(self.wrong.insert(self.begun, why)),
        }
        Ok(())
    }

    fn check_link(&mut self, part: &Part<'_>, place: Place, seq: Seq, parent: Digest) {
        let what = match Sealed::from_bytes(part.entry) {
            Err(error) => format!("an entry of run {} cannot be read: {error}", part.run),
            Ok(sealed) if sealed.entry.seq != part.seq || part.seq != seq => {
                format!("run {} goes on with entry {} where {seq} should be", part.run, sealed.entry.seq)
            }
            Ok(sealed) if sealed.entry.parent != parent => {
                format!("entry {seq} of run {} does not name the one before as its parent", part.run)
            }
            Ok(_) => return,
        };
        self.report.add(self.segments.corrupt(place, what));
    }

    fn compare_entry(
        &mut self,
        number: u32,
        record: &Record,
        part: &Part<'_>,
        offset: u64,
    ) -> Result<(), LogError> {
        let key = entry_key(number, part.seq);
        let value = self.row(number, &key)?;
        let right = value.as_deref().and_then(|value| EntryRow::from_value(&key, value)).is_some_and(|row| {
            let bytes = row.bytes.is_empty() || row.bytes == part.entry;
            row.id == part.id()
                && row.record == record.place
                && row.place().offset == offset
                && row.len == part.entry.len() as u64
                && bytes
        });
        if !right {
            self.disagree(number, || {
                format!("entry {} of run {} is missing or wrong there", part.seq, part.run)
            });
        }
        Ok(())
    }

    fn blob(
        &mut self,
        run: &Digest,
        number: u32,
        seq: Seq,
        hash: &Digest,
        len: u64,
        place: Place,
    ) -> Result<(), LogError> {
        match blob_state(self.segments, place, hash, len)? {
            BlobState::Whole => self.report.blobs += 1,
            state @ (BlobState::Zeroed | BlobState::Wrong) => {
                let zeroed = state == BlobState::Zeroed;
                self.gone.push(Gone { run: *run, number, hash: *hash, place, len, zeroed });
            }
        }
        let key = blob_key(number, hash);
        let value = self.row(number, &key)?;
        let row = value.as_deref().and_then(|value| BlobRow::from_value(&key, value));
        if !row.is_some_and(|row| row.seq == seq && row.place == place && row.len == len) {
            self.disagree(number, || format!("blob {hash} of run {run} is missing or wrong there"));
        }
        Ok(())
    }

    fn redaction(&mut self, record: &Record) -> Result<(), LogError> {
        let Some(Redaction { run, hash, place, len }) = Redaction::from_bytes(&record.body) else {
            return Ok(());
        };
        self.redacted.insert(place);
        if len > 0 && blob_state(self.segments, place, &hash, len)? != BlobState::Zeroed {
            self.zero(place, len)?;
        }
        let Some(number) = self.trails.get(&run).map(|trail| trail.number) else { return Ok(()) };
        let key = blob_key(number, &hash);
        let value = self.row(number, &key)?;
        let row = value.as_deref().and_then(|value| BlobRow::from_value(&key, value));
        if !row.is_some_and(|row| row.redacted) {
            self.disagree(number, || format!("blob {hash} of run {run} is not redacted there"));
        }
        Ok(())
    }

    fn row(&mut self, number: u32, key: &[u8]) -> Result<Option<Vec<u8>>, LogError> {
        match self.index.get(key) {
            Ok(value) => Ok(value),
            Err(Trouble::Log(error)) => Err(error),
            Err(Trouble::Index(why)) => {
                self.disagree(number, || why);
                Ok(None)
            }
        }
    }

    fn disagree(&mut self, number: u32, why: impl FnOnce() -> String) {
        self.wrong.entry(number).or_insert_with(why);
    }

    /// Bytes may be gone where a record says so; then they are zeroes.
    fn judge_gone(&mut self) -> Result<(), LogError> {
        for Gone { run, number, hash, place, len, zeroed } in std::mem::take(&mut self.gone) {
            let hidden = self.hidden.contains(&number);
            if hidden && !zeroed {
                self.zero(place, len)?;
            }
            if hidden || self.redacted.contains(&place) {
                self.report.blobs_redacted += 1;
                continue;
            }
            let what = if zeroed { "zeroed, and no record says so" } else { "not those it was written with" };
            let what = format!("the bytes of blob {hash} of run {run} are {what}");
            self.report.add(self.segments.corrupt(place, what));
        }
        Ok(())
    }

    fn zero(&mut self, place: Place, len: u64) -> Result<(), LogError> {
        self.segments.zero(place, len)?;
        self.segments.sync(place.segment)?;
        self.report.erasures_finished += 1;
        Ok(())
    }

    /// Why the index does not agree with the journal, if it does not.
    fn compare_totals(&mut self, end: End) -> Result<Option<String>, Trouble> {
        let hidden = std::mem::take(&mut self.hidden);
        if let Some((_, why)) = self.wrong.iter().find(|(number, _)| !hidden.contains(number)) {
            return Ok(Some(why.clone()));
        }
        let entries = self.trails.values().map(|trail| trail.entries).sum::<u64>();
        let blobs = self.trails.values().map(|trail| trail.blobs).sum::<u64>();
        let found = (self.count_rows(b"e", end)?, self.count_rows(b"b", end)?);
        if found != (entries, blobs) {
            let why = format!(
                "it holds {} entries and {} blobs, the journal {entries} and {blobs}",
                found.0, found.1
            );
            return Ok(Some(why));
        }
        for (run, trail) in self.trails.iter().filter(|(run, _)| self.scope.holds(run)) {
            // Looked up by its number, which gives its row by its id too. Commits go on while the journal is read, so the
            // head may be further along.
            let info = read::runs(self.index, trail.number.checked_sub(1), 1)?.pop();
            let found = info.map(|info| (info.run, info.number, info.head.seq >= trail.head.seq));
            if found != Some((*run, trail.number, true)) {
                return Ok(Some(format!("run {run} is missing or wrong there")));
            }
        }
        Ok(None)
    }

    /// Rows of one kind whose bytes begin before `end`, or are none and lie there: a later record begins with its header.
    fn count_rows(&self, prefix: &[u8], end: End) -> Result<u64, Trouble> {
        let mut count = 0;
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.index.prefixed(prefix, after.as_deref(), PAGE_ROWS)?;
            let Some((last, _)) = rows.last() else { return Ok(count) };
            after = Some(last.clone());
            for (key, value) in &rows {
                let place = if prefix == b"e" {
                    EntryRow::from_value(key, value).map(|row| row.place())
                } else {
                    BlobRow::from_value(key, value).map(|row| row.place)
                };
                let place = place.ok_or_else(|| Trouble::Index("a row of it is damaged".into()))?;
                count += u64::from(place <= end.place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use delm_core::entry::Entry;

    use super::*;
    use crate::journal::layout::put_part;
    use crate::kit::{self, Writer};
    use crate::log::Log as _;
    use crate::store::index::Rows;

    #[test]
    fn damage_is_counted_on_when_it_is_listed_no_more() {
        let mut report = VerifyReport::default();
        for count in 1..150u64 {
            report.add(Corruption { path: "x".into(), place: None, what: String::new() });
            assert_eq!((report.damaged, report.damage.len() as u64), (count, count.min(100)));
            assert!(!report.is_whole());
        }
    }

    /// Writes a record that no commit would: the journal keeps what it is given, so verifying must look.
    fn write(store: &Store, run: &Digest, seq: Seq, entry: &[u8]) {
        let mut body = Vec::new();
        put_part(&mut body, run, seq, entry, &[]);
        let mut writer = store.writer();
        let appended = writer.journal.append(Kind::Entries, &body, &[]).unwrap();
        store.show(&mut writer, Record { place: appended.place, header: appended.header, body });
    }

    fn verify_after(change: impl Fn(&Store, &Writer)) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = Writer::begin(&store, 1);
        one.add_batch(&store, 3);
        change(&store, &one);
        let report = store.verify(Scope::All).unwrap();
        assert_eq!(report.damaged, report.damage.len() as u64);
        report.damage.into_iter().map(|damage| damage.what).collect()
    }

    #[test]
    fn entries_that_do_not_follow_are_named() {
        let next = |one: &Writer| Entry { ..kit::entry(1, one.head).entry };
        let named = |change: &dyn Fn(&Store, &Writer), what: &str| {
            let damage = verify_after(change);
            assert!(damage.len() == 1 && damage[0].contains(what), "{what}: {damage:?}");
        };
        assert_eq!(verify_after(|store, one| write(store, &one.run, 3, &next(one).seal().bytes)), [""; 0]);
        let parent = |store: &Store, one: &Writer| {
            let entry = Entry { parent: one.run, ..next(one) };
            write(store, &one.run, 3, &entry.seal().bytes);
        };
        named(&parent, "entry 3 of run");
        named(&parent, "does not name the one before as its parent");
        let other = |store: &Store, one: &Writer| {
            write(store, &one.run, 3, &Entry { seq: 9, ..next(one) }.seal().bytes);
        };
        named(&other, "goes on with entry 9 where 3 should be");
        let gap = |store: &Store, one: &Writer| {
            write(store, &one.run, 4, &Entry { seq: 4, ..next(one) }.seal().bytes);
        };
        named(&gap, "goes on with entry 4 where 3 should be");
        let number = |store: &Store, one: &Writer| write(store, &one.run, 4, &next(one).seal().bytes);
        named(&number, "goes on with entry 3 where 3 should be");
        named(&|store, one| write(store, &one.run, 3, b"no entry"), "cannot be read");
        let stranger = |store: &Store, _: &Writer| {
            write(store, &Digest::of_blob(b"another"), 0, &kit::entry(5, None).bytes);
        };
        named(&stranger, "the first entry of run");
        let nowhere = |store: &Store, one: &Writer| {
            let fork = kit::fork_entry(3, one.run, Head { seq: 7, id: one.run });
            write(store, &fork.id, 8, &fork.bytes);
        };
        named(&nowhere, "which is not here");
    }

    /// Every row is right by its own check, and only the journal shows that it is wrong.
    #[test]
    fn rows_that_contradict_the_journal_make_the_index_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = Writer::begin(&store, 1);
        for step in 0..4 {
            one.add(&store, &[&format!("text {step}")]);
        }
        one.assert_in(&store);
        let index = &store.following.index;
        let put = |key: Vec<u8>, value| index.put(Rows::from([(key, value)]));
        let heals = |case: &str| {
            let report = store.verify(Scope::All).unwrap();
            assert!(report.is_whole() && report.index_healed.is_some(), "{case}: {report:?}");
            assert_eq!(store.verify(Scope::All).unwrap().index_healed, None, "{case}");
            one.assert_in(&store);
        };
        let key = entry_key(1, 2);
        let bytes = index.get(&key).unwrap().unwrap();
        let right = EntryRow::from_value(&key, &bytes).unwrap();
        let elsewhere = Place { offset: right.record.offset - 1, ..right.record };
        let entries = [
            ("id", EntryRow { id: one.run, ..right }),
            ("record", EntryRow { record: elsewhere, offset: right.offset + 1, ..right }),
            ("offset", EntryRow { offset: right.offset + 1, ..right }),
            ("len", EntryRow { len: right.len + 1, ..right }),
            ("bytes", EntryRow { bytes: b"others", ..right }),
        ];
        for (case, row) in entries {
            put(key.clone(), Some(row.to_value(&key)));
            heals(case);
        }
        put(key.clone(), Some(EntryRow { bytes: &[], ..right }.to_value(&key)));
        assert_eq!(store.verify(Scope::All).unwrap().index_healed, None, "bytes may be in the journal alone");
        let key = blob_key(1, &kit::blob("text 1").hash);
        let right = BlobRow::from_value(&key, &index.get(&key).unwrap().unwrap()).unwrap();
        let elsewhere = Place { offset: right.place.offset - 1, ..right.place };
        let blobs = [
            ("seq", BlobRow { seq: 3, ..right }),
            ("place", BlobRow { place: elsewhere, ..right }),
            ("len", BlobRow { len: right.len - 1, ..right }),
        ];
        for (case, row) in blobs {
            put(key.clone(), Some(row.to_value(&key)));
            heals(case);
        }
    }

    #[test]
    fn a_redaction_that_the_index_does_not_know_makes_it_anew() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = Writer::begin(&store, 1);
        one.add(&store, &["secret", "open"]);
        let (key, index) = (blob_key(1, &kit::blob("secret").hash), &store.following.index);
        assert_eq!(store.head(&one.run).unwrap(), one.head);
        let before = index.get(&key).unwrap();
        store.redact(&one.run, &kit::blob("secret").hash).unwrap();
        index.put(Rows::from([(key, before)]));
        let report = store.verify(Scope::All).unwrap();
        assert!(report.is_whole() && report.index_healed.is_some(), "{report:?}");
        assert_eq!(store.verify(Scope::All).unwrap().index_healed, None);
    }

    /// An empty blob has no bytes to be wrong, to be zeroed, or to lie before the end of the journal.
    #[test]
    fn an_empty_blob_at_the_end_is_as_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = Writer::begin(&store, 1);
        one.add(&store, &["text", ""]);
        let report = store.verify(Scope::All).unwrap();
        assert_eq!((report.blobs, report.index_healed), (2, None));
        store.redact(&one.run, &kit::blob("").hash).unwrap();
        let report = store.verify(Scope::All).unwrap();
        assert_eq!((report.erasures_finished, report.index_healed), (0, None));
    }
}
