//! W1: a thousand tasks through the whole engine and store, against a plain file that is synced as often.
//!
//! Refuses a directory in memory, where a sync costs nothing, and a run that left work undone.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use delm_benches::Outcome;
use delm_benches::measure::{
    Stopwatch, bytes_below, conditions, in_memory, median, peak_resident_bytes, quantile,
};
use delm_benches::options::{Options, from_top};
use delm_benches::recorder::{Commit, Recorder, raw};
use delm_benches::workload::{Count, count, model, run};
use delm_log::Log;

/// Plain files written after each run.
const RAW_RUNS: usize = 3;

/// What one run of W1 took.
struct Sample {
    tasks: u32,
    wall: Duration,
    /// All threads, from the opening of the store to its close.
    cpu: Duration,
    count: Count,
    journal_bytes: u64,
    sled_bytes: u64,
    commits: Vec<Commit>,
    /// The same batches to a plain file, each time anew.
    raw: Vec<Vec<Duration>>,
}

fn main() -> Outcome<()> {
    let known = ["--tasks", "--agents", "--repeats", "--linear", "--dir"];
    let options = Options::read(std::env::args().skip(1), &known)?;
    if !options.measured() {
        println!("w1: nothing is measured without --bench; use cargo bench");
        return Ok(());
    }
    let tasks = options.number("--tasks", 1000)?;
    let (agents, repeats) = (options.number("--agents", 8)?, options.number("--repeats", 5)?);
    let linear = options.numbers("--linear", &[250, 500, 1000, 2000])?;
    let dir = match options.get("--dir") {
        Some(dir) => from_top(dir),
        None => PathBuf::from(env!("CARGO_TARGET_TMPDIR")),
    };
    if in_memory(&dir) {
        return Err(
            format!("{} lies in memory, where a sync costs nothing; give --dir", dir.display()).into()
        );
    }
    println!("\nW1: {tasks} tasks, {agents} agents, a script that replies at once, {repeats} repeats");
    println!("{}", conditions());
    print_header();
    let mut samples = Vec::new();
    for repeat in 1..=repeats {
        let sample = sample(&dir, tasks, agents)?;
        sample.print(&format!("{repeat}"));
        samples.push(sample);
    }
    print_medians(&samples);
    println!("\nby tasks, one run each");
    print_header();
    for tasks in linear {
        sample(&dir, tasks, agents)?.print(&format!("n={tasks}"));
    }
    if let Some(bytes) = peak_resident_bytes() {
        println!("\nmost memory resident at any time: {} MB", bytes >> 20);
    }
    Ok(())
}

/// One run over a new store, then the same bytes in the same batches to plain files.
fn sample(dir: &Path, tasks: u32, agents: u32) -> Outcome<Sample> {
    let scratch = tempfile::Builder::new().prefix("w1-").tempdir_in(dir)?;
    let home = scratch.path().join("store");
    let script = model(tasks)?;
    let watch = Stopwatch::default();
    let recorder = Arc::new(Recorder::open(&home)?);
    let (id, _) = run(recorder.clone(), script, tasks, agents)?;
    let wall = watch.wall();
    let cpu_before = watch.cpu();
    let count = count(&*recorder as &dyn Log, &id)?;
    let counting = watch.cpu().saturating_sub(cpu_before);
    let (commits, journal) = sole(recorder)?.close()?;
    let cpu = watch.cpu().saturating_sub(counting);
    let (journal_bytes, sled_bytes) =
        (bytes_below(&home.join("journal"))?, bytes_below(&home.join("index"))?);
    let bytes = std::fs::read(journal)?;
    let raw = (0..RAW_RUNS).map(|_| raw(scratch.path(), &bytes, &commits)).collect::<Outcome<_>>()?;
    Ok(Sample { tasks, wall, cpu, count, journal_bytes, sled_bytes, commits, raw })
}

/// The recorder, once the committing thread has let go of it.
fn sole(recorder: Arc<Recorder>) -> Outcome<Recorder> {
    let watch = Stopwatch::default();
    let mut recorder = recorder;
    while watch.wall() < Duration::from_secs(10) {
        match Arc::try_unwrap(recorder) {
            Ok(recorder) => return Ok(recorder),
            Err(shared) => recorder = shared,
        }
        std::thread::yield_now();
    }
    Err("somebody still holds the log ten seconds after the run".into())
}

impl Sample {
    fn per_task(&self, value: f64) -> f64 {
        value / f64::from(self.tasks)
    }

    fn cpu_ms(&self) -> f64 {
        self.per_task(self.cpu.as_secs_f64() * 1e3)
    }

    fn rate(&self) -> f64 {
        self.count.entries as f64 / self.wall.as_secs_f64()
    }

    fn raw_rate(&self) -> f64 {
        self.count.entries as f64 / median(&self.raw_walls())
    }

    /// Seconds that each plain file took.
    fn raw_walls(&self) -> Vec<f64> {
        self.raw.iter().map(|syncs| syncs.iter().map(Duration::as_secs_f64).sum()).collect()
    }

    fn commit_us(&self, share: f64) -> f64 {
        let all: Vec<f64> = self.commits.iter().map(|commit| commit.took.as_secs_f64() * 1e6).collect();
        quantile(&all, share)
    }

    fn raw_us(&self, share: f64) -> f64 {
        let all: Vec<f64> = self.raw.iter().flatten().map(|took| took.as_secs_f64() * 1e6).collect();
        quantile(&all, share)
    }

    /// The share of the wall time during which the log was committing.
    fn committing(&self) -> f64 {
        let total: f64 = self.commits.iter().map(|commit| commit.took.as_secs_f64()).sum();
        total / self.wall.as_secs_f64()
    }

    fn batch(&self) -> f64 {
        self.commits.iter().map(|commit| commit.entries).sum::<usize>() as f64 / self.commits.len() as f64
    }

    /// Every figure, in the order of the header.
    fn row(&self) -> [f64; 17] {
        [
            self.wall.as_secs_f64() * 1e3,
            self.cpu_ms(),
            self.per_task(self.count.steady as f64),
            self.per_task(self.count.events as f64),
            self.per_task(self.journal_bytes as f64),
            self.per_task(self.sled_bytes as f64),
            self.commits.len() as f64,
            self.batch(),
            self.commit_us(0.5),
            self.commit_us(0.99),
            self.raw_us(0.5),
            self.raw_us(0.99),
            self.committing(),
            self.count.events as f64 / self.wall.as_secs_f64(),
            self.rate(),
            self.raw_rate(),
            self.rate() / self.raw_rate(),
        ]
    }

    fn print(&self, name: &str) {
        print_row(name, &self.row());
    }
}

/// What each figure is, and how many places behind the point it is shown with.
const COLUMNS: [(&str, usize); 17] = [
    ("wall ms", 0),
    ("CPU ms/t", 3),
    ("entr/t", 2),
    ("event/t", 2),
    ("journ B/t", 0),
    ("sled B/t", 0),
    ("commits", 0),
    ("batch", 2),
    ("p50 us", 0),
    ("p99 us", 0),
    ("raw p50", 0),
    ("raw p99", 0),
    ("busy", 2),
    ("events/s", 0),
    ("entries/s", 0),
    ("raw e/s", 0),
    ("ratio", 2),
];

fn print_header() {
    print!("{:<8}", "");
    COLUMNS.iter().for_each(|(name, _)| print!("{name:>10}"));
    println!();
}

fn print_row(name: &str, row: &[f64; 17]) {
    print!("{name:<8}");
    COLUMNS.iter().zip(row).for_each(|((_, places), value)| print!("{value:>10.places$}"));
    println!();
}

fn print_medians(samples: &[Sample]) {
    let rows: Vec<[f64; 17]> = samples.iter().map(Sample::row).collect();
    let mut medians = [0.0; 17];
    for (place, value) in medians.iter_mut().enumerate() {
        let column: Vec<f64> = rows.iter().filter_map(|row| row.get(place).copied()).collect();
        *value = median(&column);
    }
    print_row("median", &medians);
    let walls: Vec<f64> = samples.iter().flat_map(Sample::raw_walls).collect();
    let rates: Vec<f64> = samples.iter().map(Sample::rate).collect();
    let entries: Vec<f64> = samples.iter().map(|sample| sample.count.entries as f64).collect();
    let raw = median(&entries) / median(&walls);
    println!(
        "pooled: {:.2} of raw (median {:.0} of {} runs, {raw:.0} of {} plain files); aims: ratio >= 0.5, CPU <= 0.8 ms",
        median(&rates) / raw,
        median(&rates),
        rates.len(),
        walls.len()
    );
}
