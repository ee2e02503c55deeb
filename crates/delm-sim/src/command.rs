//! The command line of `delm-sim`: options, a line a seed, a summary, and what to do about a failure.
//!
//! Refuses options it does not know; tells nothing that it did not count.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use delm_core::policy::Fifo;
use delm_sim::kit::play;
use delm_sim::marks::{Mark, Marks};
use delm_sim::seed::{Failure, Report, seed, shrunk};

/// What is printed beside a bad command line.
pub(crate) const USAGE: &str = "\
usage: delm-sim [--seed N] [--seeds K] [--jobs J] [--twice] [--marks] [--quiet] [--commit NAME] [--out DIR]
  --seed N      the first seed (default 1)
  --seeds K     how many seeds (default 1)
  --jobs J      seeds at a time (default 1); a seed itself is one thread
  --twice       run each seed twice and compare heads
  --marks       fail if a named mark is never hit
  --quiet       no line a seed
  --commit NAME what to call the commit (default: read from .git)
  --out DIR     where failing runs are written as exports and scripts (default: the working directory)
  --shrink      find the shortest script that still breaks what the seed breaks";

const EXIT_BROKEN: u8 = 6;

#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "switches of a command line")]
pub(crate) struct Options {
    seed: u64,
    seeds: u64,
    jobs: u64,
    twice: bool,
    marks: bool,
    quiet: bool,
    shrink: bool,
    commit: Option<String>,
    out: PathBuf,
}

impl Options {
    /// Reads the words after the program's name.
    pub(crate) fn read(words: &[String]) -> Result<Self, String> {
        let mut options = Self {
            seed: 1,
            seeds: 1,
            jobs: 1,
            twice: false,
            marks: false,
            quiet: false,
            shrink: false,
            commit: None,
            out: PathBuf::from("."),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().cloned().ok_or(format!("{word} wants a value"));
            let number = |text: String| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
            match word.as_str() {
                "--seed" => options.seed = number(value()?)?,
                "--seeds" => options.seeds = number(value()?)?,
                "--jobs" => options.jobs = number(value()?)?.clamp(1, 64),
                "--twice" => options.twice = true,
                "--marks" => options.marks = true,
                "--quiet" => options.quiet = true,
                "--shrink" => options.shrink = true,
                "--commit" => options.commit = Some(value()?),
                "--out" => options.out = PathBuf::from(value()?),
                _ => return Err(format!("{word:?} is no option")),
            }
        }
        Ok(options)
    }
}

#[derive(Default)]
struct Totals {
    seeds: u64,
    entries: u64,
    faults: u64,
    broken: u64,
    marks: Marks,
}

/// Runs the seeds.
pub(crate) fn run(options: &Options) -> ExitCode {
    let commit = options.commit.clone().unwrap_or_else(|| commit(Path::new(".")));
    println!("commit {commit}");
    let mut totals = Totals::default();
    let next = AtomicU64::new(0);
    let (send, receive) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= options.seeds || send.send(one(options, options.seed + place)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        // Lines come in the order of seeds, however many are at work.
        let mut waiting = std::collections::BTreeMap::new();
        let mut due = options.seed;
        for (report, again) in receive {
            waiting.insert(report.seed, (report, again));
            while let Some((report, again)) = waiting.remove(&due) {
                tell(options, &commit, &report, again, &mut totals);
                due += 1;
            }
        }
    });
    summary(options, &totals)
}

fn one(options: &Options, number: u64) -> (Report, Option<Report>) {
    let report = seed(number);
    let again = options.twice.then(|| seed(number));
    (report, again)
}

fn tell(options: &Options, commit: &str, report: &Report, again: Option<Report>, totals: &mut Totals) {
    totals.seeds += 1;
    totals.entries += report.entries;
    totals.faults += report.faults;
    totals.marks.add_run(&report.marks);
    let Report { seed, head, outcome, entries, faults, .. } = report;
    if !options.quiet {
        println!("seed {seed} head {head} {outcome} entries {entries} faults {faults}");
    }
    if let Some(again) = again.filter(|again| again.head != report.head || again.entries != report.entries) {
        totals.broken += 1;
        println!("seed {seed} I-33: run again, its head is {} after {} entries", again.head, again.entries);
    }
    if let Some(failure) = &report.failure {
        totals.broken += 1;
        broken(options, commit, report, failure);
    }
}

fn broken(options: &Options, commit: &str, report: &Report, failure: &Failure) {
    let seed = report.seed;
    println!("seed {seed} broke {}", failure.broken);
    if let Some(sentence) = failure.broken.sentence() {
        println!("  {} says: {sentence}", failure.broken.law);
    }
    if options.shrink {
        tell_shrunk(failure);
    }
    println!("  commit {commit}; again: cargo run --release -p delm-sim -- --seed {seed} --seeds 1");
    let files = [
        (format!("seed-{seed}.export.jsonl"), &failure.export),
        (format!("seed-{seed}.script.txt"), &failure.script.to_string()),
    ];
    for (name, text) in files {
        let path = options.out.join(name);
        match std::fs::write(&path, text) {
            Ok(()) => println!("  written: {}", path.display()),
            Err(error) => println!("  {} cannot be written: {error}", path.display()),
        }
    }
}

fn tell_shrunk(failure: &Failure) {
    let Some(shrunk) = shrunk(&Fifo, failure, &[]) else {
        println!("  its script alone does not break it; the seed does");
        return;
    };
    let played = play(&Fifo, &shrunk.script, &[]);
    println!("  the shortest script found in {} tries:", shrunk.tries);
    shrunk.script.to_string().lines().for_each(|line| println!("    {line}"));
    if let Some(broken) = played.broken {
        println!("  it ends with {broken}");
    }
}

fn summary(options: &Options, totals: &Totals) -> ExitCode {
    let Totals { seeds, entries, faults, broken, marks } = totals;
    println!("seeds {seeds} entries {entries} faults {faults} broken {broken}");
    for mark in Mark::ALL {
        println!("mark {:<45} in {} seeds", mark.name(), marks.count(*mark));
    }
    let missed: Vec<&str> = marks.missed().map(Mark::name).collect();
    if options.marks && !missed.is_empty() {
        println!("never hit: {}", missed.join("; "));
        return ExitCode::from(EXIT_BROKEN);
    }
    if *broken > 0 { ExitCode::from(EXIT_BROKEN) } else { ExitCode::SUCCESS }
}

/// The commit that is checked out above a directory, read from `.git`; `unknown` if there is none.
fn commit(from: &Path) -> String {
    let unknown = || String::from("unknown");
    let Ok(from) = from.canonicalize() else { return unknown() };
    let Some(git) = from.ancestors().map(|up| up.join(".git")).find(|git| git.is_dir()) else {
        return unknown();
    };
    let read = |name: &str| std::fs::read_to_string(git.join(name)).ok();
    let Some(head) = read("HEAD") else { return unknown() };
    let Some(name) = head.trim().strip_prefix("ref: ") else { return head.trim().into() };
    let packed = || {
        let packed = read("packed-refs")?;
        let line = packed.lines().find(|line| line.ends_with(name))?;
        line.split(' ').next().map(String::from)
    };
    read(name).map(|hash| hash.trim().to_owned()).or_else(packed).unwrap_or_else(unknown)
}
