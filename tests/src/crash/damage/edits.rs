//! Drawn edits of any file of a store: bits, bytes, holes, ends, pieces of elsewhere; and its index, file by file.
//!
//! Refuses edits that leave a lawful store: of one that was cut and whose anchor was set back as well, only a head that is
//! kept elsewhere can tell.

use std::fs;
use std::path::{Path, PathBuf};

use super::sample::Sample;
use super::watch::Watch;
use super::{Verdict, counts, judge};
use crate::crash::draw::Draw;
use crate::crash::{Outcome, Say, Try};

/// Edits of one lot.
pub(super) const LOT: u64 = 100;

/// A lot of edits, each on a copy of its own.
pub(super) fn edits(sample: &Sample, seed: u64, lot: u64, watch: &Watch) -> Outcome {
    let (mut named, mut whole) = (0, 0);
    let (mut folder, mut store) = sample.copy()?;
    for number in lot * LOT..(lot + 1) * LOT {
        watch.step();
        let mut draw = Draw::of(seed, 1_000_000 + number);
        let mut said = Vec::new();
        let mut touched = Vec::new();
        for _ in 0..1 + draw.below(3) {
            let file = file(sample, &mut draw)?;
            said.push(edit(&store, &file, &mut draw).map_err(|why| format!("edit {number}: {why}"))?);
            touched.push(file);
        }
        let verdict = judge(&store, sample.segment_bytes, &sample.truth);
        match verdict.map_err(|why| format!("edit {number} ({}): {why}", said.join("; ")))? {
            Verdict::Named(_) => {
                named += 1;
                // Whatever is named is left as it is, but the index may be in the middle of something.
                (folder, store) = sample.copy()?;
            }
            Verdict::Whole(_) => {
                whole += 1;
                (folder, store) = sample.copy()?;
            }
        }
    }
    drop(folder);
    let many = named + whole;
    counts(&[("points", many), ("edits", many), ("edits-named", named), ("edits-healed", whole)])
}

/// A file of the store: most often of the journal.
fn file(sample: &Sample, draw: &mut Draw) -> Try<String> {
    let segments = sample.segments()?;
    let segment = segments.get(draw.place(segments.len())).ok_or("no segment")?;
    let others = ["anchor", "anchor", "format", "index/boot", "index/1/db", "index/1/conf", "owner", "lock"];
    let other = draw.place(2 * others.len());
    Ok(others.get(other).map_or(segment.clone(), |other| (*other).to_owned()))
}

/// Changes a file, and says how.
fn edit(store: &Path, name: &str, draw: &mut Draw) -> Try<String> {
    let path = store.join(name);
    let mut bytes = fs::read(&path).unwrap_or_default();
    let len = bytes.len();
    let (from, piece) = (draw.place(len), 1 + draw.place(300));
    let until = len.min(from + piece);
    let how = draw.below(9);
    match how {
        0 => bytes.get_mut(from).into_iter().for_each(|byte| *byte ^= 1 << draw.below(8)),
        1 => bytes.get_mut(from..until).into_iter().flatten().for_each(|byte| *byte = 0),
        2 => bytes
            .get_mut(from..until)
            .into_iter()
            .flatten()
            .for_each(|byte| *byte = draw.number().to_le_bytes()[0]),
        3 => bytes.truncate(from),
        4 => drop(bytes.drain(from..until)),
        5 => {
            let piece = bytes.get(from..until).unwrap_or_default().to_vec();
            bytes.splice(until..until, piece);
        }
        6 => {
            let piece = bytes.get(from..until).unwrap_or_default().to_vec();
            let to = draw.place(len.saturating_sub(piece.len()));
            bytes.get_mut(to..to + piece.len()).into_iter().for_each(|place| place.copy_from_slice(&piece));
        }
        7 => bytes.extend((0..piece).map(|_| draw.number().to_le_bytes()[0])),
        _ => {
            // Whole, it is put away: nobody deletes the journal or the anchor without the store saying so.
            if path.exists() {
                fs::remove_file(&path).say(name)?;
            }
            return Ok(format!("{name} removed"));
        }
    }
    fs::write(&path, bytes).say(name)?;
    Ok(format!("{name} of {len} bytes, way {how} at {from}..{until}"))
}

/// Each file of the index removed, emptied, shortened, zeroed and overwritten; each time all is there.
pub(super) fn index(sample: &Sample, watch: &Watch) -> Outcome {
    let mut healed = 0;
    for file in files(&sample.store().join("index"))? {
        let name = file.strip_prefix(sample.store()).say("a name")?;
        let bytes = fs::read(&file).say("index")?;
        let half = bytes.len() / 2;
        let mut page = bytes.clone();
        page.iter_mut().skip(half / 4_096 * 4_096).take(4_096).for_each(|byte| *byte = 0);
        let ways: [(&str, Option<Vec<u8>>); 6] = [
            ("removed", None),
            ("emptied", Some(Vec::new())),
            ("halved", bytes.get(..half).map(<[u8]>::to_vec)),
            ("without its last byte", bytes.get(..bytes.len().saturating_sub(1)).map(<[u8]>::to_vec)),
            ("zeroed", Some(vec![0; bytes.len()])),
            ("without a page", Some(page)),
        ];
        for (way, bytes) in ways {
            watch.step();
            let (_folder, store) = sample.copy()?;
            let path = store.join(name);
            match bytes {
                None => fs::remove_file(&path).say("remove")?,
                Some(bytes) => fs::write(&path, bytes).say("write")?,
            }
            let said = |why: String| format!("{} {way}: {why}", name.display());
            match judge(&store, sample.segment_bytes, &sample.truth).map_err(said)? {
                Verdict::Whole(_) => healed += 1,
                Verdict::Named(named) => return Err(said(format!("it can be made anew: {named}"))),
            }
        }
    }
    counts(&[("points", healed), ("index-healed", healed)])
}

fn files(folder: &Path) -> Try<Vec<PathBuf>> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).say("list")? {
        let path = item.say("list")?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
