//! Clocks, sizes and middles.
//!
//! Refuses means: a figure is a median or a named quantile of what was measured.

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Wall time and CPU of the whole process, user and system, all threads, since it was made.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    began: Instant,
    cpu: Duration,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self { began: Instant::now(), cpu: cpu() }
    }
}

impl Stopwatch {
    /// Wall time so far.
    #[must_use]
    pub fn wall(&self) -> Duration {
        self.began.elapsed()
    }

    /// CPU so far.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        cpu().saturating_sub(self.cpu)
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// The value below which a share of the values lies, by rank; zero if there is none.
#[must_use]
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[expect(clippy::cast_possible_truncation, reason = "a rank below the number of values")]
    #[expect(clippy::cast_sign_loss, reason = "a share of a length")]
    let rank = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(rank).copied().unwrap_or(0.0)
}

/// The middle value.
#[must_use]
pub fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Bytes of all files below a directory.
///
/// # Errors
/// When it cannot be listed.
pub fn bytes_below(path: &Path) -> std::io::Result<u64> {
    let mut total = 0;
    for item in std::fs::read_dir(path)? {
        let item = item?;
        let meta = item.metadata()?;
        total += if meta.is_dir() { bytes_below(&item.path())? } else { meta.len() };
    }
    Ok(total)
}

/// Whether a directory lies in memory, where a sync costs nothing.
#[must_use]
pub fn in_memory(path: &Path) -> bool {
    /// `TMPFS_MAGIC` and `RAMFS_MAGIC` of statfs(2).
    const MAGIC: [i128; 2] = [0x0102_1994, 0x8584_58f6];
    rustix::fs::statfs(path).is_ok_and(|found| MAGIC.contains(&i128::from(found.f_type)))
}

/// What else the machine was doing, in a line to stand beside a figure.
#[must_use]
pub fn conditions() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load: Option<f64> = load.and_then(|line| line.split(' ').next()?.parse().ok());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    match load {
        Some(load) if load > cores as f64 => format!(
            "load {load} on {cores} cores: BUSY; waiting for a core hides what is compared, so trust no ratio and no wall time"
        ),
        Some(load) => format!("load {load} on {cores} cores"),
        None => format!("{cores} cores, load unknown"),
    }
}

/// The most memory this process ever had resident, in bytes, as the system counts it.
#[must_use]
pub fn peak_resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!((median(&values), quantile(&values, 0.99), quantile(&values, 0.0)), (3.0, 5.0, 1.0));
        assert_eq!(median(&[]), 0.0);
    }

    #[test]
    fn work_takes_cpu() {
        let watch = Stopwatch::default();
        while watch.cpu() < Duration::from_millis(5) {
            std::hint::black_box(median(&[1.0, 2.0]));
        }
        assert!(watch.wall() > Duration::ZERO);
    }
}
