//! What became of the mutants: a table, lists, and whether that is as it should be.
//!
//! Refuses to call it a success while there is a survivor that nobody explained.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::areas::{self, AREAS};
use crate::list::Mutant;
use crate::survivors::Explained;
use crate::trial::Fate;

/// All that was tried.
pub struct Tally<'a> {
    mutants: &'a [Mutant],
    explained: Explained,
    fates: BTreeMap<u32, Fate>,
    headed: bool,
}

/// How many became what.
#[derive(Default)]
struct Count {
    killed: usize,
    missed: usize,
    hung: usize,
    unviable: usize,
}

impl Count {
    fn of<'a>(fates: impl Iterator<Item = &'a Fate>) -> Self {
        let mut count = Self::default();
        for fate in fates {
            match fate {
                Fate::Killed(_) => count.killed += 1,
                Fate::Hung => count.hung += 1,
                Fate::Missed(_) => count.missed += 1,
                Fate::Unviable => count.unviable += 1,
            }
        }
        count
    }

    fn row(&self) -> String {
        let viable = self.killed + self.missed + self.hung;
        let percent = (self.killed + self.hung) * 1000 / viable.max(1);
        let percent = format!("{}.{}", percent / 10, percent % 10);
        let (killed, missed, hung, unviable) = (self.killed, self.missed, self.hung, self.unviable);
        format!("{:6} {killed:6} {missed:6} {hung:6} {unviable:8} {percent:>7}", viable + unviable)
    }
}

impl<'a> Tally<'a> {
    /// Nothing was tried yet.
    pub fn new(mutants: &'a [Mutant], explained: Explained) -> Self {
        Self { mutants, explained, fates: BTreeMap::new(), headed: false }
    }

    /// Says what became of the mutants of a package.
    pub fn package(&mut self, package: &str, chosen: &[&Mutant], fates: Vec<(u32, Fate)>, took: Duration) {
        if !self.headed {
            println!(
                "{:<12} {:>7} {:>6} {:>6} {:>6} {:>6} {:>8} {:>7} {:>7}",
                "package", "mutants", "tried", "killed", "missed", "hung", "unviable", "percent", "seconds"
            );
            self.headed = true;
        }
        let row = Count::of(fates.iter().map(|(_, fate)| fate)).row();
        println!("{package:<12} {:7} {row} {:7}", chosen.len(), took.as_secs());
        self.fates.extend(fates);
    }

    /// Says the rest: areas, survivors, what hangs; writes the lists. Whether all is as it should be.
    pub fn end(&self, out: &Path, whole: bool) -> Result<bool, String> {
        println!();
        for (area, _) in AREAS {
            let inside = self.tried().filter(|(mutant, _)| areas::of(mutant) == Some(area));
            let count = Count::of(inside.map(|(_, fate)| fate));
            println!("{area:<12} {:>7} {}", "", count.row());
        }
        let mut failed = false;
        for (mutant, fate) in self.tried() {
            let explained = self.explained.contains_key(&mutant.key);
            let area = areas::of(mutant).map(|area| format!(" [{area}]")).unwrap_or_default();
            match fate {
                Fate::Missed(_) if !explained => {
                    println!("missed: {}{area} ({})", mutant.name, fate.note());
                    failed = true;
                }
                Fate::Hung => println!("hung: {}", mutant.name),
                Fate::Killed(by) if explained => {
                    println!("no longer survives: {} (killed by {by})", mutant.key);
                    failed = true;
                }
                _ => {}
            }
        }
        let keys: BTreeSet<&str> = self.mutants.iter().map(|mutant| mutant.key.as_str()).collect();
        for gone in self.explained.keys().filter(|key| whole && !keys.contains(key.as_str())) {
            println!("there is no such mutant: {gone}");
            failed = true;
        }
        self.write(out)?;
        Ok(!failed)
    }

    fn tried(&self) -> impl Iterator<Item = (&'a Mutant, &Fate)> {
        self.mutants.iter().filter_map(|mutant| Some((mutant, self.fates.get(&mutant.number)?)))
    }

    fn write(&self, out: &Path) -> Result<(), String> {
        let tried: BTreeSet<&str> = self.tried().map(|(mutant, _)| mutant.key.as_str()).collect();
        let mut missed: BTreeSet<String> =
            missed_before(out).into_iter().filter(|key| !tried.contains(key.as_str())).collect();
        let survived = self.tried().filter(|(_, fate)| matches!(fate, Fate::Missed(_)));
        missed.extend(survived.map(|(mutant, _)| mutant.key.clone()));
        let lines: Vec<String> = missed.into_iter().collect();
        let tried =
            self.tried().map(|(mutant, fate)| format!("{}\t{}\t{}", fate.word(), mutant.name, fate.note()));
        let tried: Vec<String> = tried.collect();
        for (name, text) in [("missed.txt", lines.join("\n")), ("tried.txt", tried.join("\n"))] {
            fs::write(out.join(name), text + "\n").map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }
}

/// What the last runs missed, by name without line and column.
pub fn missed_before(out: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(out.join("missed.txt")).unwrap_or_default();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}
