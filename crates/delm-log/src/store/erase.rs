//! Taking bytes away: a blob that is redacted, a run that is removed.
//!
//! Refuses to zero anything before the journal says so durably: the record comes first, so that a crash between the two
//! is finished by the next open.

use std::collections::BTreeSet;

use delm_core::ids::Digest;

use crate::error::{HideError, LogError, RedactError};
use crate::journal::layout::{Hiding, Kind, Redaction};
use crate::journal::scan::Record;
use crate::store::{Store, Writer, read};

/// Runs looked at together when a fork is searched for.
const RUNS_PAGE: usize = 500;

impl Store {
    pub(crate) fn redact_blob(&self, run: &Digest, hash: &Digest) -> Result<(), RedactError> {
        let _erasing = self.no_erasing();
        let mut writer = self.writer();
        let writer = &mut *writer;
        let row = self.locked(writer, |index| read::run_row(index, run))?;
        let number = row.ok_or(RedactError::NoRun { run: *run })?.number;
        let row = self.locked(writer, |index| read::blob_row(index, run, number, hash))?;
        let row = row.ok_or(RedactError::NoBlob { run: *run, hash: *hash })?;
        if row.redacted {
            return Ok(());
        }
        let redaction = Redaction { run: *run, hash: *hash, place: row.place, len: row.len };
        Ok(self.erase(writer, Kind::Redact, redaction.to_bytes())?)
    }

    pub(crate) fn hide_run(&self, run: &Digest) -> Result<(), HideError> {
        let _erasing = self.no_erasing();
        let mut writer = self.writer();
        let writer = &mut *writer;
        let row = self.locked(writer, |index| read::run_row(index, run))?;
        let number = row.ok_or(HideError::NoRun { run: *run })?.number;
        if let Some(fork) = self.fork_of(writer, run)? {
            return Err(HideError::Forked { run: *run, fork });
        }
        self.erase(writer, Kind::Hide, Hiding { run: *run, number }.to_bytes())?;
        if let Some(seat) = writer.seats.get_mut(run) {
            (seat.head, seat.known) = (None, Some(BTreeSet::new()));
        }
        Ok(())
    }

    /// Makes the record durable, then does what it says; a failure in between is finished at the next open.
    fn erase(&self, writer: &mut Writer, kind: Kind, body: Vec<u8>) -> Result<(), LogError> {
        let appended = writer.journal.append(kind, &body, &[])?;
        self.show(writer, Record { place: appended.place, header: appended.header, body });
        writer.journal.healthy()
    }

    /// The first run that was forked from this one.
    fn fork_of(&self, writer: &mut Writer, run: &Digest) -> Result<Option<Digest>, LogError> {
        let mut after = None;
        loop {
            let page = self.locked(writer, |index| read::runs(index, after, RUNS_PAGE))?;
            let Some(last) = page.last() else { return Ok(None) };
            after = Some(last.number);
            let fork = page.iter().find(|info| info.origin.is_some_and(|origin| origin.owner == *run));
            if let Some(fork) = fork {
                return Ok(Some(fork.run));
            }
        }
    }
}
