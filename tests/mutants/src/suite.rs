//! A program of tests, run with one mutant on.
//!
//! Refuses to wait for ever: a run has so much processor time, so much time in all and so much memory.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use crate::compile::Program;

/// How many bytes a program may have, in KiB: a mutant that pushes for ever ends here.
const MEMORY_KIB: u64 = 6 << 20;
/// Tests are run together until they take this long, those that take least first.
const BATCH: Duration = Duration::from_millis(400);

/// One test.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its name; none of a program that is no test harness.
    pub name: String,
    /// How long it takes unbroken, its process included.
    pub takes: Duration,
    /// The mutants it reaches.
    pub reached: BTreeSet<u32>,
}

/// A program and its tests, those that take least first.
#[derive(Debug)]
pub struct Suite {
    /// What it is.
    pub program: Program,
    /// What a binary that is no test harness is called with.
    pub arguments: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Where its temporary files are.
    pub scratch: PathBuf,
    /// Its tests.
    pub tests: Vec<Test>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Nothing failed.
    Passed,
    /// A test failed, or the program did: which.
    Failed(String),
    /// It did not end in its time.
    Hung,
}

impl Suite {
    /// A suite without its tests.
    pub fn new(program: Program, arguments: &[&str], top: &Path, scratch: &Path) -> Self {
        Self {
            folder: top.join("crates").join(&program.package),
            scratch: scratch.to_owned(),
            arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
            program,
            tests: Vec::new(),
        }
    }

    fn command(&self, cpu: Duration) -> Command {
        let mut command = Command::new("sh");
        let limits = format!(
            "ulimit -c 0; ulimit -v {MEMORY_KIB}; ulimit -S -t {}; exec \"$0\" \"$@\"",
            cpu.as_secs() + 1
        );
        command.current_dir(&self.folder).arg("-c").arg(limits).arg(&self.program.path);
        command
            .env("CARGO_MANIFEST_DIR", &self.folder)
            .env("TMPDIR", &self.scratch)
            .env("RUST_BACKTRACE", "0");
        // The same draws each time, no time spent on making a failure smaller, nothing written beside the sources.
        command.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_MAX_SHRINK_ITERS", "0");
        command.env("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        command
    }

    fn name(&self) -> String {
        format!("{} {}", self.program.package, self.program.target)
    }

    /// Runs each test alone, unbroken: which pass, how long they take, which mutants they reach. Gives those that fail.
    pub fn explore(&mut self, workers: usize) -> Result<Vec<String>, String> {
        let names = if self.program.is_binary { vec![String::new()] } else { self.names()? };
        let next = AtomicUsize::new(0);
        let found = Mutex::new((Vec::new(), Vec::new()));
        std::thread::scope(|scope| {
            for worker in 0..workers {
                let (next, found, names, this) = (&next, &found, &names, &*self);
                scope.spawn(move || {
                    while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let explored = this.explore_one(name, worker);
                        let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                        match explored {
                            Some(test) => found.0.push(test),
                            None => found.1.push(format!("{} {name}", this.name())),
                        }
                    }
                });
            }
        });
        let (tests, failed) = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.tests = tests;
        self.tests.sort_by_key(|test| test.takes);
        Ok(failed)
    }

    fn names(&self) -> Result<Vec<String>, String> {
        let mut command = self.command(Duration::from_secs(60));
        let output = command.args(["--list", "--format", "terse"]).output();
        let output = output.map_err(|error| format!("{}: {error}", self.name()))?;
        // Ignored ones are listed apart, and not run.
        let mut command = self.command(Duration::from_secs(60));
        let ignored = command.args(["--list", "--format", "terse", "--ignored"]).output();
        let ignored = ignored.map_err(|error| format!("{}: {error}", self.name()))?;
        let tests = |bytes: &[u8]| -> BTreeSet<String> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            text.lines().filter_map(|line| Some(line.strip_suffix(": test")?.to_owned())).collect()
        };
        Ok(tests(&output.stdout).difference(&tests(&ignored.stdout)).cloned().collect())
    }

    fn explore_one(&self, name: &str, worker: usize) -> Option<Test> {
        let file = self.scratch.join(format!("reached-{worker}"));
        let _ = fs::remove_file(&file);
        let start = Instant::now();
        let mut command = self.command(Duration::from_secs(900));
        command.env("MUTANT", "record").env("MUTANT_REACHED", &file);
        self.select(&mut command, &[name]);
        let ended = finish(command, Duration::from_secs(1800)).ok()?;
        if ended != Ended::Passed {
            return None;
        }
        let takes = start.elapsed();
        let text = fs::read_to_string(&file).unwrap_or_default();
        let reached = text.lines().filter_map(|line| line.parse().ok()).collect();
        Some(Test { name: name.to_owned(), takes, reached })
    }

    fn select(&self, command: &mut Command, names: &[&str]) {
        if self.program.is_binary {
            command.args(&self.arguments);
        } else {
            command.args(["--test-threads=1", "--exact"]).args(names);
        }
    }

    /// How long the tests take that reach a mutant; nothing if none does.
    pub fn cost(&self, mutant: u32) -> Option<Duration> {
        let mut reaching = self.tests.iter().filter(|test| test.reached.contains(&mutant)).peekable();
        reaching.peek()?;
        Some(reaching.map(|test| test.takes).sum())
    }

    /// Runs the tests that reach a mutant, with it on, until one fails.
    pub fn try_on(&self, mutant: u32) -> Result<Ended, String> {
        let reaching: Vec<&Test> = self.tests.iter().filter(|test| test.reached.contains(&mutant)).collect();
        let mut rest = reaching.as_slice();
        while !rest.is_empty() {
            let mut takes = Duration::ZERO;
            let enough = rest.iter().position(|test| {
                takes += test.takes;
                takes > BATCH
            });
            // All that is left once what is cheap has been tried.
            let all = rest.len() < reaching.len();
            let count = if all { rest.len() } else { enough.map_or(rest.len(), |at| at.max(1)) };
            let (now, later) = rest.split_at(count);
            rest = later;
            let takes: Duration = now.iter().map(|test| test.takes).sum();
            // Processor time does not depend on what else the machine does, so it may be short.
            let mut command = self.command(takes * 5 + Duration::from_secs(5));
            command.env("MUTANT", mutant.to_string());
            let names: Vec<&str> = now.iter().map(|test| test.name.as_str()).collect();
            self.select(&mut command, &names);
            match finish(command, takes * 10 + Duration::from_secs(20))? {
                Ended::Passed => {}
                Ended::Failed(by) => return Ok(Ended::Failed(format!("{} {by}", self.name()))),
                Ended::Hung => return Ok(Ended::Hung),
            }
        }
        Ok(Ended::Passed)
    }
}

/// Runs a command to its end, or until a test has failed, or until its time is over.
fn finish(mut command: Command, limit: Duration) -> Result<Ended, String> {
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let Some(stdout) = child.stdout.take() else { return Err("no standard output".into()) };
    let (send, receive) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line).into_owned();
            line.clear();
            if send.send(text).is_err() {
                return;
            }
        }
    });
    let end = Instant::now() + limit;
    let ended = loop {
        match receive.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                let failed =
                    line.strip_prefix("test ").and_then(|line| line.trim_end().strip_suffix(" ... FAILED"));
                if let Some(name) = failed {
                    break Ended::Failed(name.to_owned());
                }
            }
            Err(mpsc::RecvTimeoutError::Timeout) => break Ended::Hung,
            Err(mpsc::RecvTimeoutError::Disconnected) => break Ended::Passed,
        }
    };
    if ended != Ended::Passed {
        let _ = child.kill();
    }
    let code = wait(&mut child, end)?;
    drop(receive);
    let _ = reader.join();
    Ok(if ended == Ended::Passed { code } else { ended })
}

/// SIGXCPU: what `ulimit -t` sends.
const CPU_SIGNAL: i32 = 24;

fn wait(child: &mut Child, end: Instant) -> Result<Ended, String> {
    use std::os::unix::process::ExitStatusExt as _;
    // It has closed its standard output: it is about to end.
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(match (status.success(), status.signal()) {
                (true, _) => Ended::Passed,
                (_, Some(CPU_SIGNAL)) => Ended::Hung,
                _ => Ended::Failed(format!("({status})")),
            });
        }
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(Ended::Hung);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
