//! The crash harness: breaks the real binary and its store on purpose, and compares with what was acknowledged.
//!
//! Refuses to count what did not happen: a point is a fault that struck, a harness that cannot run here says so and counts
//! nothing, and a failure is a line that says how to repeat it. It knows the store by `schemas/journal-v1.md` alone.

pub mod after;
pub mod damage;
pub mod draw;
pub mod journal;
pub mod kills;
mod machine;
pub mod power;
pub mod syscalls;
mod upkeep;
pub mod world;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What is done, or in words why not.
pub type Try<T> = Result<T, String>;

/// Puts what was being done before an error.
pub trait Say<T> {
    /// The error in words.
    ///
    /// # Errors
    /// The one there was, with `what` before it.
    fn say(self, what: &str) -> Try<T>;
}

impl<T, E: fmt::Display> Say<T> for Result<T, E> {
    fn say(self, what: &str) -> Try<T> {
        self.map_err(|error| format!("{what}: {error}"))
    }
}

/// What a harness is asked for.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The binary under test.
    pub delm: PathBuf,
    /// Where all that is drawn begins; the same seed draws the same.
    pub seed: u64,
    /// No new point is begun after so long.
    pub budget: Duration,
    /// At most so many points.
    pub points_max: u64,
    /// The first point, of those that are numbered.
    pub from: u64,
    /// Points at the same time.
    pub jobs: usize,
}

impl Plan {
    fn until(&self) -> Instant {
        Instant::now() + self.budget
    }
}

/// What a harness found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Which harness.
    pub name: String,
    /// What was counted, by name.
    pub counts: BTreeMap<String, u64>,
    /// A line a failure: what was lost, and how to repeat it.
    pub failures: Vec<String>,
    /// Why it did not run at all.
    pub not_run: Option<String>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// A report of something that could not run here.
    #[must_use]
    pub fn not_run(name: &str, why: String) -> Self {
        Self { name: name.to_owned(), not_run: Some(why), ..Self::default() }
    }

    /// A report of something that failed before its first point.
    #[must_use]
    pub fn failed(name: &str, why: String) -> Self {
        Self { name: name.to_owned(), failures: vec![why], ..Self::default() }
    }

    /// One of the counts; 0 if nothing of it was counted.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or(0)
    }

    fn add(&mut self, name: &str, by: u64) {
        *self.counts.entry(name.to_owned()).or_default() += by;
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.not_run {
            return write!(out, "{:<9} **** NOT RUN, and not counted: {why} ****", self.name);
        }
        let (seconds, points) = (self.took.as_secs_f64(), self.count("points"));
        let a_minute = points as f64 * 60.0 / seconds.max(0.001);
        let failures = self.failures.len();
        write!(
            out,
            "{:<9} failures={failures} points={points} in {seconds:.0} s ({a_minute:.0} a minute):",
            self.name
        )?;
        for (name, count) in self.counts.iter().filter(|(name, _)| *name != "points") {
            write!(out, " {name}={count}")?;
        }
        Ok(())
    }
}

/// What one point came to: what to count, or what failed.
type Outcome = Try<Vec<(String, u64)>>;

/// Does something with every item until the time is up, some at once, and gathers what it came to.
fn each<T: Send>(
    name: &str,
    plan: &Plan,
    items: impl Iterator<Item = T> + Send,
    point: impl Fn(T) -> Outcome + Sync,
) -> Report {
    let (began, until) = (Instant::now(), plan.until());
    let items = Mutex::new(items.take(usize::try_from(plan.points_max).unwrap_or(usize::MAX)));
    let report = Mutex::new(Report { name: name.to_owned(), ..Report::default() });
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                while Instant::now() < until {
                    let Some(item) = locked(&items).next() else { return };
                    let outcome = point(item);
                    let mut report = locked(&report);
                    match outcome {
                        Ok(counted) => counted.iter().for_each(|(name, by)| report.add(name, *by)),
                        Err(failure) => report.failures.push(failure),
                    }
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    report.took = began.elapsed();
    report
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn counted(names: &[&str]) -> Outcome {
    Ok(names.iter().map(|name| ((*name).to_owned(), 1)).collect())
}
