//! `crash`: the crash harness from the command line, for a night or for one point again.
//!
//! Refuses to end with 0 if anything failed; what could not run here is said at the end, and with `--all-or-fail` fails.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use delm_tests::crash::damage::{Extent, damage};
use delm_tests::crash::kills::kills;
use delm_tests::crash::power::power;
use delm_tests::crash::syscalls::syscalls;
use delm_tests::crash::{Plan, Report, Say as _, Try};

const USAGE: &str = "\
crash [kills|syscalls|power|damage]… [options]    all of them if none is named

  --budget TIME     time for each (90s, 10m, 2h)                      [5m]
  --points N        at most so many points of each                    [no bound]
  --from N          the first point, of kills and disks of power      [0]
  --seed N          where what is drawn begins                        [1]
  --jobs N          points at the same time                           [2]
  --edits N         drawn edits of damaged stores                     [100000]
  --logs N          logs of which every bit is flipped                [20]
  --only KIND       of damage: journal, export, lengths, edits, index, copies
  --delm PATH       the binary under test              [built beside this one]
  --all-or-fail     what cannot run here is a failure
";

struct Asked {
    names: Vec<String>,
    plan: Plan,
    extent: Extent,
    all_or_fail: bool,
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let asked = match asked(std::env::args().skip(1)) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            return if out.write_all(USAGE.as_bytes()).is_ok() {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            };
        }
        Err(why) => {
            let said = writeln!(std::io::stderr(), "crash: {why}\n\n{USAGE}");
            return if said.is_ok() { ExitCode::from(2) } else { ExitCode::FAILURE };
        }
    };
    let mut bad = false;
    let mut summary = format!("seed {}, binary {}\n", asked.plan.seed, asked.plan.delm.display());
    for name in &asked.names {
        let report = match name.as_str() {
            "kills" => kills(&asked.plan),
            "syscalls" => syscalls(&asked.plan),
            "power" => power(&asked.plan),
            _ => damage(&asked.plan, &asked.extent),
        };
        bad |= tell(&mut out, &report).is_err() || !report.failures.is_empty();
        bad |= asked.all_or_fail && report.not_run.is_some();
        summary.push_str(&format!("{report}\n"));
    }
    bad |= out.write_all(format!("\n{summary}").as_bytes()).is_err();
    if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// A line a failure, as soon as a harness is done.
fn tell(out: &mut impl std::io::Write, report: &Report) -> std::io::Result<()> {
    writeln!(out, "{report}")?;
    for failure in &report.failures {
        writeln!(out, "FAILED {}: {failure}", report.name)?;
    }
    out.flush()
}

fn asked(mut words: impl Iterator<Item = String>) -> Try<Option<Asked>> {
    let plan = Plan {
        delm: PathBuf::new(),
        seed: 1,
        budget: Duration::from_secs(300),
        points_max: u64::MAX,
        from: 0,
        jobs: 2,
    };
    let extent = Extent {
        logs: 20,
        logs_flipped: 20,
        exports_flipped: 20,
        logs_cut: 20,
        edits: 100_000,
        indexes: 20,
        copies: 200,
        small: false,
    };
    let mut asked = Asked { names: Vec::new(), plan, extent, all_or_fail: false };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "kills" | "syscalls" | "power" | "damage" => asked.names.push(word),
            "--budget" => asked.plan.budget = time(&value()?)?,
            "--points" => asked.plan.points_max = value()?.parse().say(&word)?,
            "--from" => asked.plan.from = value()?.parse().say(&word)?,
            "--seed" => asked.plan.seed = value()?.parse().say(&word)?,
            "--jobs" => asked.plan.jobs = value()?.parse().say(&word)?,
            "--edits" => asked.extent.edits = value()?.parse().say(&word)?,
            "--logs" => {
                let logs = value()?.parse().say(&word)?;
                let extent = &mut asked.extent;
                extent.logs = logs;
                (extent.logs_flipped, extent.exports_flipped) = (logs, logs);
                (extent.logs_cut, extent.indexes) = (logs, logs);
            }
            "--only" => asked.extent = only(&asked.extent, &value()?)?,
            "--delm" => asked.plan.delm = PathBuf::from(value()?),
            "--all-or-fail" => asked.all_or_fail = true,
            "--help" | "-h" => return Ok(None),
            _ => return Err(format!("what is {word}?")),
        }
    }
    if asked.names.is_empty() {
        asked.names = ["kills", "syscalls", "power", "damage"].map(str::to_owned).to_vec();
    }
    if asked.plan.delm.as_os_str().is_empty() {
        asked.plan.delm = build()?;
    }
    asked.plan.delm = asked.plan.delm.canonicalize().say("the binary under test")?;
    Ok(Some(asked))
}

/// One kind of damage, as much of it as was asked for before.
fn only(extent: &Extent, kind: &str) -> Try<Extent> {
    let none = Extent {
        logs: extent.logs,
        logs_flipped: 0,
        exports_flipped: 0,
        logs_cut: 0,
        edits: 0,
        indexes: 0,
        copies: 0,
        small: extent.small,
    };
    Ok(match kind {
        "journal" => Extent { logs_flipped: extent.logs_flipped, ..none },
        "export" => Extent { exports_flipped: extent.exports_flipped, ..none },
        "lengths" => Extent { logs_cut: extent.logs_cut, ..none },
        "edits" => Extent { edits: extent.edits, ..none },
        "index" => Extent { indexes: extent.indexes, ..none },
        "copies" => Extent { copies: extent.copies, ..none },
        _ => return Err(format!("what damage is {kind}?")),
    })
}

fn time(text: &str) -> Try<Duration> {
    let units = [("s", 1), ("m", 60), ("h", 3_600)];
    let found = units.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(unit)?, *seconds)));
    let (number, seconds) = found.ok_or_else(|| format!("{text} is no time such as 90s, 10m or 2h"))?;
    Ok(Duration::from_secs(number.parse::<u64>().say(text)? * seconds))
}

/// Builds the binary under test in the profile, and beside the place, of this one.
fn build() -> Try<PathBuf> {
    let own = std::env::current_exe().say("own path")?;
    let folder = own.parent().unwrap_or(Path::new("."));
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "-p", "delm", "--locked", "--quiet", "--profile", profile]);
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    let status = command.status().say("cargo build")?;
    if status.success() { Ok(folder.join("delm")) } else { Err(format!("cargo build: {status}")) }
}
