//! What fuzzing reaches of this crate: the recovery of a journal, without the store around it. Compiled under
//! `--cfg fuzzing` only.
//!
//! Refuses nothing that `recover` does not.

use std::path::Path;

use delm_core::ids::Digest;

use crate::error::{LogError, Place};
use crate::journal::files::Segments;
use crate::journal::recover::{Cut, recover};
use crate::journal::scan::Scan;
use crate::store::home::Home;

/// A journal that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// Where it ends.
    pub place: Place,
    /// Records in it.
    pub records: u64,
    /// Hash of the newest.
    pub hash: Digest,
    /// What was cut off.
    pub cut: Option<Cut>,
}

/// Opens the journal of the store in `dir`, cutting what is torn.
///
/// # Errors
/// [`LogError`] if it is damaged.
pub fn recover_in(dir: &Path) -> Result<Recovered, LogError> {
    let home = Home::new(dir);
    let recovered = recover(&home.journal(), &home.anchor(), 64 << 20)?;
    let end = recovered.journal.end();
    Ok(Recovered { place: end.place, records: end.count, hash: end.hash, cut: recovered.cut })
}

/// Reads every record of the journal of the store in `dir`, and says how many there are.
///
/// # Errors
/// [`LogError`] if it is damaged.
pub fn records_in(dir: &Path) -> Result<u64, LogError> {
    let segments = Segments::new(&Home::new(dir).journal());
    let last = segments.list()?.last().copied().unwrap_or(0);
    let mut scan = Scan::from_segment(&segments, 1, last)?;
    while scan.next()?.is_some() {}
    Ok(scan.at().count)
}
