//! Committing: judge a batch, write it as one record, sync it, and leave it to the index.
//!
//! Refuses an append without hurting its neighbours; a failed write or sync refuses everything, then and later. Asks the
//! index nothing that it can know itself: an index is brought up to the journal only when somebody reads it.

use std::collections::{BTreeMap, BTreeSet};

use delm_core::entry::Head;
use delm_core::ids::Digest;

use crate::check::{Standing, check};
use crate::error::{AppendError, LogError};
use crate::journal::layout::{Kind, put_part};
use crate::journal::scan::Record;
use crate::log::{Append, Term};
use crate::store::index::Trouble;
use crate::store::{Seat, Store, Writer, read};

/// A run of more blobs than this is asked in the index for each.
pub(crate) const KNOWN_MAX: usize = 1 << 20;
/// Blobs of a run that are read together when it is acquired.
const KNOWN_PAGE: usize = 4_096;

/// What the accepted appends of a batch make together.
#[derive(Default)]
struct Staged<'a> {
    heads: BTreeMap<Digest, Head>,
    named: BTreeSet<(Digest, Digest)>,
    body: Vec<u8>,
    blobs: Vec<&'a [u8]>,
}

impl Store {
    pub(crate) fn take_seat(&self, run: &Digest) -> Result<Term, LogError> {
        let mut writer = self.writer();
        let info = self.locked(&mut writer, |index| read::run(index, run))?;
        let before = writer.seats.get_mut(run);
        let term = Term(before.as_ref().map_or(0, |seat| seat.term.0).saturating_add(1));
        let known = match (info, before.and_then(|seat| seat.known.take())) {
            (None, _) => Some(BTreeSet::new()),
            (Some(_), Some(known)) => Some(known),
            (Some(_), None) => self.blobs_of(&mut writer, run)?,
        };
        writer.seats.insert(*run, Seat { term, head: info.map(|info| info.head), known });
        Ok(term)
    }

    /// Hashes of all blobs of a run, unless they are too many.
    fn blobs_of(&self, writer: &mut Writer, run: &Digest) -> Result<Option<BTreeSet<Digest>>, LogError> {
        let mut known = BTreeSet::new();
        loop {
            let after = known.last().copied();
            let page = self.locked(writer, |index| read::blobs(index, run, after.as_ref(), KNOWN_PAGE))?;
            if page.is_empty() {
                return Ok(Some(known));
            }
            known.extend(page.iter().map(|info| info.hash));
            if known.len() > writer.known_max {
                return Ok(None);
            }
        }
    }

    pub(crate) fn commit_batch(&self, batch: &[Append]) -> Vec<Result<Head, AppendError>> {
        let mut writer = self.writer();
        let writer = &mut *writer;
        if let Err(error) = self.healthy(writer) {
            return batch.iter().map(|_| Err(error.clone().into())).collect();
        }
        let mut staged = Staged::default();
        let outcomes: Vec<_> = batch.iter().map(|append| self.stage(writer, &mut staged, append)).collect();
        if staged.heads.is_empty() {
            return outcomes;
        }
        let appended = match writer.journal.append(Kind::Entries, &staged.body, &staged.blobs) {
            Ok(appended) => appended,
            Err(error) => {
                return outcomes.into_iter().map(|outcome| outcome.and(Err(error.clone().into()))).collect();
            }
        };
        self.following.push(Record { place: appended.place, header: appended.header, body: staged.body });
        for (run, head) in staged.heads {
            if let Some(seat) = writer.seats.get_mut(&run) {
                seat.head = Some(head);
            }
        }
        for (run, hash) in staged.named {
            if let Some(seat) = writer.seats.get_mut(&run) {
                seat.learn(hash, writer.known_max);
            }
        }
        outcomes
    }

    /// Judges one append on what the log and the batch hold before it.
    fn stage<'a>(
        &self,
        writer: &mut Writer,
        staged: &mut Staged<'a>,
        append: &'a Append,
    ) -> Result<Head, AppendError> {
        let run = append.run;
        let (term, head) = writer.seats.get(&run).map_or((Term(0), None), |seat| (seat.term, seat.head));
        let standing = Standing { term, head: staged.heads.get(&run).copied().or(head) };
        check(append, standing, |owner, seq| {
            self.locked(writer, |index| read::entry_id_at(index, owner, seq))
        })?;
        let mut fresh = Vec::with_capacity(append.blobs.len());
        for blob in &append.blobs {
            if !staged.named.contains(&(run, blob.hash)) && !self.holds(writer, &run, &blob.hash)? {
                staged.named.insert((run, blob.hash));
                fresh.push((blob.hash, blob.bytes.len() as u64));
                staged.blobs.push(&blob.bytes);
            }
        }
        let sealed = &append.entry;
        put_part(&mut staged.body, &run, sealed.entry.seq, &sealed.bytes, &fresh);
        staged.heads.insert(run, sealed.head());
        Ok(sealed.head())
    }

    /// Whether a run has a blob already, redacted or not.
    fn holds(&self, writer: &mut Writer, run: &Digest, hash: &Digest) -> Result<bool, LogError> {
        match writer.seats.get(run) {
            Some(Seat { known: Some(known), .. }) => Ok(known.contains(hash)),
            Some(Seat { head: Some(_), .. }) => self.locked(writer, |index| {
                let Some(row) = read::run_row(index, run)? else { return Ok(false) };
                Ok(read::blob_row(index, run, row.number, hash)?.is_some())
            }),
            _ => Ok(false),
        }
    }

    /// Whether more may be committed. An index that cannot follow is made anew; if that fails too, commits stop, since
    /// what they leave behind would grow without end.
    fn healthy(&self, writer: &mut Writer) -> Result<(), LogError> {
        writer.journal.healthy()?;
        let Some(trouble) = self.following.take_trouble() else { return Ok(()) };
        self.put_right(writer, trouble);
        writer.journal.healthy()
    }

    /// Applies a durable record to the index at once. The record stands whatever happens here.
    pub(crate) fn show(&self, writer: &mut Writer, record: Record) {
        self.following.push(record);
        let caught_up = self.following.catch_up();
        if let Some(trouble) = self.following.take_trouble().or(caught_up.err()) {
            self.put_right(writer, trouble);
        }
    }

    fn put_right(&self, writer: &mut Writer, trouble: Trouble) {
        let why = self.index_error(trouble).to_string();
        tracing::warn!("making the index anew: {why}");
        if let Err(error) = self.rebuild(writer) {
            tracing::error!("the index cannot follow the journal: {error}");
            writer.journal.poison(error);
        }
    }
}

impl Seat {
    /// Takes note of a blob that the run has now.
    fn learn(&mut self, hash: Digest, known_max: usize) {
        if let Some(known) = &mut self.known {
            known.insert(hash);
            if known.len() > known_max {
                self.known = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kit::{self, Writer as Run, entry};
    use crate::log::Log as _;

    fn known(store: &Store, run: &Digest) -> Option<usize> {
        store.writer().seats[run].known.as_ref().map(BTreeSet::len)
    }

    /// Memory is bounded by a number of blobs, and what is stored does not depend on it.
    #[test]
    fn blobs_are_known_up_to_a_number_and_never_stored_twice() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        let (store, _) = kit::open(&path);
        store.writer().known_max = 3;
        let mut one = Run::begin(&store, 1);
        for (text, expected) in [("a", Some(1)), ("b", Some(2)), ("c", Some(3)), ("c", Some(3)), ("d", None)]
        {
            one.add(&store, &[text]);
            assert_eq!(known(&store, &one.run), expected, "{text}");
        }
        one.add(&store, &["a", "d", "e"]);
        assert_eq!(store.usage().unwrap().blobs, 5);
        let mut two = Run::begin(&store, 2);
        two.add(&store, &["a", "b", "c"]);
        store.close().unwrap();
        let (store, _) = kit::open(&path);
        store.writer().known_max = 3;
        for (salt, run, expected) in [(1, one.run, None), (2, two.run, Some(3))] {
            let mut run = Run::resume(&store, salt, run);
            assert_eq!(known(&store, &run.run), expected);
            run.add(&store, &["a", "c", "f"]);
        }
        assert_eq!(store.usage().unwrap().blobs, 10);
    }

    /// What a commit can know itself it does not ask the index, which would have to catch up first.
    #[test]
    fn a_commit_leaves_the_index_behind_and_a_reader_brings_it_up() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = Run::begin(&store, 1);
        for commits in 1..5 {
            one.add(&store, &["the same", &commits.to_string()]);
            assert_eq!(store.following.lacks().0, commits);
        }
        one.assert_in(&store);
        assert_eq!(store.following.lacks(), (0, 0));
    }

    #[test]
    fn an_index_that_cannot_follow_is_made_anew_by_the_next_commit() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = Run::begin(&store, 1);
        one.add_batch(&store, 3);
        store.following.fail("it does not follow");
        one.add(&store, &["after"]);
        assert_eq!(store.health().index_rebuilds, 1);
        one.assert_in(&store);
        one.add(&store, &["once more"]);
        assert_eq!(store.health().index_rebuilds, 1);
    }

    /// An index that cannot even be made anew ends the commits: what they leave behind would grow without end.
    #[test]
    fn an_index_that_cannot_be_made_anew_ends_the_commits() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = Run::begin(&store, 1);
        one.add_batch(&store, 3);
        let next = store.following.index.current() + 1;
        std::fs::write(store.following.index.root().join(next.to_string()), "in the way").unwrap();
        store.following.fail("it does not follow");
        let refused = store.commit(vec![one.next(&[])]).remove(0);
        assert!(matches!(refused, Err(AppendError::Failed(LogError::Poisoned { .. }))), "{refused:?}");
    }

    /// Each row is right by itself, and they do not follow: the journal says what the entries are.
    #[test]
    fn rows_that_do_not_follow_each_other_are_not_given_out() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = kit::open(&dir.path().join("store"));
        let mut one = Run::begin(&store, 1);
        let mut two = Run::begin(&store, 2);
        for _ in 0..6 {
            one.add(&store, &[]);
            two.add(&store, &[]);
        }
        let put = |seq, sealed: &delm_core::entry::Sealed| {
            use crate::store::rows::{EntryRow, entry_key};
            let (id, len) = (sealed.id, sealed.bytes.len() as u64);
            let record = crate::error::Place { segment: 1, offset: 96 };
            let row = EntryRow { id, record, offset: 96, len, bytes: &sealed.bytes };
            let key = entry_key(1, seq);
            let value = row.to_value(&key);
            store.following.index.put(BTreeMap::from([(key, Some(value))]));
        };
        assert_eq!(store.head(&one.run).unwrap(), one.head);
        put(3, &one.sealed[4]);
        assert_eq!(store.entry(&one.run, 3).unwrap().as_ref(), Some(&one.sealed[3]), "another seq");
        put(3, &two.sealed[3]);
        assert_eq!(store.entries(&one.run, 2, 2).unwrap(), one.sealed[2..4], "another parent");
        assert_eq!(entry(1, None), one.sealed[0]);
        assert_eq!(store.health().index_rebuilds, 2);
    }
}
