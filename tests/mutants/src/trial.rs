//! Mutants tried one after another, two at a time: who notices each.
//!
//! Refuses to call a mutant missed before every test that reaches it has passed with it on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::list::Mutant;
use crate::suite::{Ended, Suite};

/// What became of a mutant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A test failed: which.
    Killed(String),
    /// Tests did not end.
    Hung,
    /// Every test that reaches it passed, or none does: how many do.
    Missed(usize),
    /// It does not compile.
    Unviable,
}

impl Fate {
    /// One word, for lists.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Killed(_) => "killed",
            Self::Hung => "hung",
            Self::Missed(_) => "missed",
            Self::Unviable => "unviable",
        }
    }

    /// What there is to say beside the word.
    pub fn note(&self) -> String {
        match self {
            Self::Killed(by) => by.clone(),
            Self::Missed(0) => "no test reaches it".into(),
            Self::Missed(count) => format!("{count} tests reach it"),
            Self::Hung | Self::Unviable => String::new(),
        }
    }
}

/// Tries `mutants` in their order on the suites of their package, then on those that come last, until `end`.
pub fn try_all(
    mutants: &[&Mutant],
    own: &[&Suite],
    last: &[&Suite],
    workers: usize,
    end: Instant,
) -> Result<Vec<(u32, Fate)>, String> {
    let next = AtomicUsize::new(0);
    let fates = Mutex::new(Vec::new());
    let failed = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while Instant::now() < end {
                    let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    match try_one(mutant.number, own, last) {
                        Ok(fate) => {
                            if matches!(fate, Fate::Missed(_)) {
                                eprintln!("  missed: {} ({})", mutant.name, fate.note());
                            }
                            let mut fates = fates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                            fates.push((mutant.number, fate));
                            if fates.len() % 100 == 0 {
                                eprintln!("  {} of {} tried", fates.len(), mutants.len());
                            }
                        }
                        Err(error) => {
                            *failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(error);
                            return;
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(error);
    }
    Ok(fates.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
}

fn try_one(number: u32, own: &[&Suite], last: &[&Suite]) -> Result<Fate, String> {
    let mut reaching = 0;
    for suites in [own, last] {
        let mut ordered: Vec<(Duration, &Suite)> =
            suites.iter().filter_map(|suite| Some((suite.cost(number)?, *suite))).collect();
        ordered.sort_by_key(|(cost, _)| *cost);
        for (_, suite) in ordered {
            match suite.try_on(number)? {
                Ended::Passed => {}
                Ended::Failed(by) => return Ok(Fate::Killed(by)),
                Ended::Hung => return Ok(Fate::Hung),
            }
            reaching += suite.tests.iter().filter(|test| test.reached.contains(&number)).count();
        }
    }
    Ok(Fate::Missed(reaching))
}
