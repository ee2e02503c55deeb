//! What did not compile the last time, so that finding it out again takes no time.
//!
//! Refuses to remember a mutant of a file that has changed since. A type that changed elsewhere may make one viable again:
//! to forget everything, remove `target/mutants/left-out.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;

use crate::list::Mutant;

/// Mutants that are not in the copy: those that do not compile, and those whose switch may not.
pub type LeftOut = (BTreeSet<u32>, BTreeSet<u32>);

const FILE: &str = "left-out.txt";

/// What was left out of files that are as they were.
pub fn recall(out: &Path, top: &Path, mutants: &[Mutant]) -> LeftOut {
    let text = fs::read_to_string(out.join(FILE)).unwrap_or_default();
    let remembered: BTreeSet<&str> = text.lines().collect();
    let mut hashes = Hashes::new(top);
    let of = |kind: char, hashes: &mut Hashes<'_>| {
        let there = mutants.iter().filter(|mutant| remembered.contains(line(kind, mutant, hashes).as_str()));
        there.map(|mutant| mutant.number).collect()
    };
    (of('u', &mut hashes), of('r', &mut hashes))
}

/// Remembers what was left out.
pub fn remember(out: &Path, top: &Path, mutants: &[Mutant], left_out: &LeftOut) -> Result<(), String> {
    let mut hashes = Hashes::new(top);
    let mut text = String::new();
    for mutant in mutants {
        for (kind, set) in [('u', &left_out.0), ('r', &left_out.1)] {
            if set.contains(&mutant.number) {
                text += &line(kind, mutant, &mut hashes);
                text.push('\n');
            }
        }
    }
    fs::write(out.join(FILE), text).map_err(|error| format!("{FILE}: {error}"))
}

fn line(kind: char, mutant: &Mutant, hashes: &mut Hashes<'_>) -> String {
    format!("{kind} {:x} {}", hashes.of(&mutant.file), mutant.name)
}

struct Hashes<'a> {
    top: &'a Path,
    known: BTreeMap<String, u64>,
}

impl<'a> Hashes<'a> {
    fn new(top: &'a Path) -> Self {
        Self { top, known: BTreeMap::new() }
    }

    fn of(&mut self, file: &str) -> u64 {
        *self.known.entry(file.to_owned()).or_insert_with(|| {
            let mut hasher = DefaultHasher::new();
            fs::read(self.top.join(file)).unwrap_or_default().hash(&mut hasher);
            hasher.finish()
        })
    }
}
