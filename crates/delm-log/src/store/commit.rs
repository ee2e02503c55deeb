//! Committing: judge a batch, write it as one record, sync it, then show it.
//!
//! Refuses an append without hurting its neighbours; a failed write or sync refuses everything, then and later.

use std::collections::{BTreeMap, BTreeSet};

use delm_core::entry::Head;
use delm_core::ids::Digest;

use crate::check::{Standing, check};
use crate::error::{AppendError, LogError};
use crate::journal::layout::{Kind, put_part};
use crate::journal::scan::Record;
use crate::log::{Append, Term};
use crate::store::{Seat, Store, Writer, apply, read};

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
        let term = Term(writer.seats.get(run).map_or(0, |seat| seat.term.0).saturating_add(1));
        let seat = Seat { term, head: info.map(|info| info.head), number: info.map(|info| info.number) };
        writer.seats.insert(*run, seat);
        Ok(term)
    }

    pub(crate) fn commit_batch(&self, batch: &[Append]) -> Vec<Result<Head, AppendError>> {
        let mut writer = self.writer();
        let writer = &mut *writer;
        if let Err(error) = writer.journal.healthy() {
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
        let record = Record { place: appended.place, header: appended.header, body: staged.body };
        self.show(writer, &record);
        for (run, head) in staged.heads {
            if let Some(seat) = writer.seats.get_mut(&run) {
                seat.head = Some(head);
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
        let seat = writer.seats.get(&run).copied();
        let head = staged.heads.get(&run).copied().or(seat.and_then(|seat| seat.head));
        let standing = Standing { term: seat.map_or(Term(0), |seat| seat.term), head };
        check(append, standing, |owner, seq| {
            self.locked(writer, |index| read::entry_id_at(index, owner, seq))
        })?;
        let number = match seat {
            Some(Seat { head: Some(_), number: None, .. }) => self.number(writer, &run)?,
            seat => seat.and_then(|seat| seat.number),
        };
        let mut fresh = Vec::with_capacity(append.blobs.len());
        for blob in &append.blobs {
            if staged.named.contains(&(run, blob.hash)) {
                continue;
            }
            let known = match number {
                None => false,
                Some(number) => {
                    self.locked(writer, |index| read::blob_row(index, &run, number, &blob.hash))?.is_some()
                }
            };
            if !known {
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

    /// The number of a run that began since it was acquired.
    fn number(&self, writer: &mut Writer, run: &Digest) -> Result<Option<u32>, LogError> {
        let number = self.locked(writer, |index| read::run_row(index, run))?.map(|row| row.number);
        if let Some(seat) = writer.seats.get_mut(run) {
            seat.number = number;
        }
        Ok(number)
    }

    /// Applies a durable record to the index. The record stands whatever happens here; an index that cannot follow
    /// stops later commits, since their checks read it.
    pub(crate) fn show(&self, writer: &mut Writer, record: &Record) {
        let Writer { journal, applied, .. } = writer;
        let Err(trouble) = apply::apply(&self.index, journal.segments(), applied, record) else { return };
        let why = self.index_error(trouble).to_string();
        if let Err(error) = self.rebuild(writer, &why) {
            tracing::error!("the index cannot follow the journal: {error}");
            writer.journal.poison(error);
        }
    }
}
