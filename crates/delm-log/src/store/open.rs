//! Opening a store: lock, format, journal, index, in that order, and a report of all that had to be put right.
//!
//! Refuses to hide what it repaired, and to repair what it does not understand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::error::LogError;
use crate::journal::Journal;
use crate::journal::files::{Segments, io_error};
use crate::journal::layout::End;
use crate::journal::recover::{Cut, recover};
use crate::journal::scan::Scan;
use crate::store::boot::{self, LastOwner};
use crate::store::commit::KNOWN_MAX;
use crate::store::error::OpenError;
use crate::store::following::Following;
use crate::store::home::{Home, Presence, Wait};
use crate::store::index::{Index, Trouble, is_full};
use crate::store::rows::Applied;
use crate::store::{Counters, Store, Writer, apply, fill};

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// Whether to create it if there is none.
    pub create: bool,
    /// How long to wait for another owner.
    pub wait: Wait,
    /// What this owner does, for others to read: a run, a verb.
    pub note: String,
    /// Memory sled may use for pages.
    pub cache_bytes: u64,
    /// Length from which on a segment is full.
    pub segment_bytes: u64,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            create: true,
            wait: Wait::No,
            note: String::new(),
            cache_bytes: 64 << 20,
            segment_bytes: 64 << 20,
        }
    }
}

/// What was found and put right while a store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// The store is new.
    pub created: bool,
    /// A record that was being written when the last owner ended: never acknowledged, and cut off.
    pub cut: Option<Cut>,
    /// One anchor slot was bad, and was written again from the other: why it was.
    pub anchor_healed: Option<String>,
    /// The format file was damaged or missing, and was written again.
    pub format_healed: bool,
    /// Records that the index lacked, and got from the journal.
    pub records_replayed: u64,
    /// The index was made anew from the journal: why.
    pub index_rebuilt: Option<String>,
    /// The disk is full, so the index was made in memory, to read from; commits fail until there is room.
    pub index_in_memory: bool,
}

pub(crate) fn boot_mark(home: &Home) -> PathBuf {
    home.index().join("boot")
}

impl Store {
    /// Opens the store at `path`, and takes it for this process.
    ///
    /// # Errors
    /// [`OpenError`] with the path and what to do about it. Nothing is changed then, but that a torn end may have been
    /// cut off and a bad anchor slot written again.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<(Self, OpenReport), OpenError> {
        let home = Home::new(path);
        home.prepare(options.create)?;
        let lock = home.lock(options.wait)?;
        let mut report = OpenReport::default();
        let failed = |error| OpenError::of(path, error);
        match home.check_format()? {
            Presence::Unborn if !options.create => {
                return Err(OpenError::Missing { path: path.to_path_buf() });
            }
            Presence::Unborn => {
                home.create().map_err(failed)?;
                report.created = true;
            }
            Presence::Whole { format_healed } => report.format_healed = format_healed,
        }
        home.write_owner(&options.note);
        let recovered = recover(&home.journal(), &home.anchor(), options.segment_bytes).map_err(failed)?;
        report.cut = recovered.cut;
        report.anchor_healed = recovered.bad_slot.map(|(slot, why)| format!("slot {slot}: {why}"));
        let journal = recovered.journal;
        let (index, applied) =
            open_index(&home, options.cache_bytes, &journal, &mut report).map_err(failed)?;
        let segments = journal.segments().clone();
        let following = Arc::new(Following::new(index, segments.clone(), applied));
        let follower = Some(following.start().map_err(failed)?);
        let writer = Writer { journal, seats: BTreeMap::new(), follower, known_max: KNOWN_MAX };
        let (writer, health) = (Mutex::new(writer), Counters::default());
        let erasing = Mutex::default();
        Ok((Self { home, segments, following, writer, erasing, health, _lock: lock }, report))
    }

    /// Says anew what this owner does, for others to read.
    pub fn set_note(&self, note: &str) {
        self.home.write_owner(note);
    }
}

/// Opens the index, or makes it anew; on a full disk in memory.
fn open_index(
    home: &Home,
    cache_bytes: u64,
    journal: &Journal,
    report: &mut OpenReport,
) -> Result<(Index, Applied), LogError> {
    let root = home.index();
    std::fs::create_dir_all(&root).map_err(|error| io_error("create", &root, error))?;
    let index_error = |trouble| match trouble {
        Trouble::Log(error) => error,
        Trouble::Index(why) => LogError::Index { path: root.clone(), why },
    };
    let mark = boot_mark(home);
    let full = match open_on_disk(&root, &mark, cache_bytes, journal, report).map_err(index_error) {
        Err(LogError::Io { source, action, path }) if is_full(&source) => {
            LogError::Io { source, action, path }
        }
        opened => return opened,
    };
    tracing::warn!("making the index in memory: {full}");
    boot::mark_unsure(&mark)?;
    let made = Index::begin_in_memory(&root, cache_bytes)
        .and_then(|index| Ok((fill(&index, journal.segments(), journal.end())?, index)));
    let (applied, index) = made.map_err(index_error)?;
    report.index_in_memory = true;
    Ok((index, applied))
}

/// Opens the index and brings it up to the journal, or makes it anew.
fn open_on_disk(
    root: &Path,
    mark: &Path,
    cache_bytes: u64,
    journal: &Journal,
    report: &mut OpenReport,
) -> Result<(Index, Applied), Trouble> {
    let last_owner = boot::last_owner(mark);
    boot::mark_open(mark)?;
    if last_owner == LastOwner::None {
        return first_index(root, cache_bytes, journal, report);
    }
    let why = if last_owner == LastOwner::Unknown && journal.end().count > 0 {
        "the machine may have stopped, or its disk was full, while it was open".to_owned()
    } else {
        match try_index(root, cache_bytes, journal, last_owner, report) {
            Err(Trouble::Index(why)) => why,
            opened => return opened,
        }
    };
    // Whoever opened the store is told by its report.
    tracing::info!("making the index anew: {why}");
    let index = Index::begin_anew(root, cache_bytes)?;
    let applied = fill(&index, journal.segments(), journal.end())?;
    report.records_replayed = 0;
    report.index_rebuilt = Some(why);
    Ok((index, applied))
}

/// The first index of a copy: there is nothing to distrust, and nothing to report but the records.
fn first_index(
    root: &Path,
    cache_bytes: u64,
    journal: &Journal,
    report: &mut OpenReport,
) -> Result<(Index, Applied), Trouble> {
    let index = Index::begin_anew(root, cache_bytes)?;
    let applied = fill(&index, journal.segments(), journal.end())?;
    report.records_replayed = applied.end.count;
    Ok((index, applied))
}

fn try_index(
    root: &Path,
    cache_bytes: u64,
    journal: &Journal,
    last_owner: LastOwner,
    report: &mut OpenReport,
) -> Result<(Index, Applied), Trouble> {
    let index = Index::open(root, cache_bytes)?;
    let mut applied = index.applied()?.unwrap_or(Applied::NONE);
    let end = journal.end();
    // A damaged sled often opens without a word and holds less: what it lost may not be its newest rows only.
    if last_owner == LastOwner::Closed && applied.end.count != end.count {
        let (held, there) = (applied.end.count, end.count);
        return Err(Trouble::Index(format!("it was closed whole, and holds {held} of {there} records")));
    }
    if applied.end.count > end.count || (applied.end.count == end.count && applied.end.hash != end.hash) {
        return Err(Trouble::Index(format!(
            "it follows another journal: it holds {} records, the journal {}",
            applied.end.count, end.count
        )));
    }
    catch_up(&index, journal.segments(), end, &mut applied, report)?;
    // An earlier generation is left when a process died while it made the next.
    index.forget_earlier()?;
    Ok((index, applied))
}

/// Applies the records the index lacks. If they do not follow what it holds, it is the index that is wrong: the journal
/// is judged when the index is made anew from all of it.
fn catch_up(
    index: &Index,
    segments: &Segments,
    end: End,
    applied: &mut Applied,
    report: &mut OpenReport,
) -> Result<(), Trouble> {
    if applied.end.count == end.count {
        return Ok(());
    }
    let disagrees = |error| match error {
        LogError::Corrupt(corruption) => Trouble::Index(format!("it does not fit the journal: {corruption}")),
        other @ (LogError::Io { .. } | LogError::Index { .. } | LogError::Poisoned { .. }) => {
            Trouble::Log(other)
        }
    };
    let mut scan = Scan::after(segments, applied.end, end.place.segment).map_err(disagrees)?;
    while let Some(record) = scan.next().map_err(disagrees)? {
        apply::apply(index, segments, applied, &record)?;
        report.records_replayed += 1;
    }
    if applied.end.count != end.count {
        return Err(Trouble::Index("it does not reach the end of the journal".into()));
    }
    Ok(())
}
