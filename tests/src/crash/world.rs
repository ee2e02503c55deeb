//! A folder with a small corpus and a scripted model, and the binary called in it.
//!
//! Refuses to wait for ever, to hear a panic in silence, and to leave a process behind: each call is a process group.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Say, Try};

/// No call may take longer.
const LIMIT: Duration = Duration::from_secs(60);
/// The question of every run.
const QUESTION: &str = "What was kept in the tower?";

/// A folder of its own, in memory where the machine has that.
pub(super) fn folder() -> Try<TempDir> {
    let memory = Path::new("/dev/shm");
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("delm-crash-");
    let made = if memory.is_dir() { builder.tempdir_in(memory) } else { builder.tempdir() };
    made.say("make a folder")
}

/// A folder with documents, a model and a place for a store.
pub(super) struct World {
    folder: TempDir,
    delm: PathBuf,
    /// Where its store is.
    pub(super) store: PathBuf,
    /// What runs each call: `unshare …`, say.
    pub(super) before: Vec<String>,
    calls: AtomicU64,
}

impl World {
    /// A world whose model answers so many tasks, each after so long.
    pub(super) fn new(delm: &Path, tasks: usize, delay_ms: u64) -> Try<Self> {
        let folder = folder()?;
        let path = folder.path().canonicalize().say("the folder")?;
        fs::create_dir_all(path.join("home")).say("make a home")?;
        fs::create_dir_all(path.join("notes")).say("make notes")?;
        fs::write(path.join("notes/tower.txt"), document(tasks)).say("write the document")?;
        fs::write(path.join("model.json"), script(tasks, delay_ms).to_string()).say("write the script")?;
        let store = path.join("store");
        Ok(Self { folder, delm: delm.to_path_buf(), store, before: Vec::new(), calls: AtomicU64::new(0) })
    }

    /// A path in it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The words of a run over its corpus.
    pub(super) fn run_words(agents: u64) -> Vec<String> {
        let words = format!(
            "run --jsonl --agents {agents} --docs notes --set deadline_ms=0 --model script:model.json"
        );
        words.split(' ').map(str::to_owned).chain([QUESTION.to_owned()]).collect()
    }

    /// The words of a run that is as short as one can be: quotes from one sentence, by the built-in reader.
    pub(super) fn quoting_words() -> Vec<String> {
        let words = ["run", "--jsonl", "--agents", "1", "--docs", "notes", QUESTION];
        words.map(str::to_owned).to_vec()
    }

    /// Starts the binary, by way of `by` if that is not empty.
    pub(super) fn start(&self, by: &[String], words: &[String]) -> Try<Running> {
        self.start_at(&self.store, by, words)
    }

    fn start_at(&self, store: &Path, by: &[String], words: &[String]) -> Try<Running> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let mut line: Vec<String> = self.before.iter().chain(by).cloned().collect();
        line.push(self.delm.display().to_string());
        line.extend(["--store".to_owned(), store.display().to_string()]);
        line.extend(words.iter().cloned());
        let (out, err) = (self.path(&format!("out{number}")), self.path(&format!("err{number}")));
        let (program, rest) = line.split_first().ok_or("no program")?;
        let mut command = Command::new(program);
        command.args(rest).current_dir(self.folder.path()).env_clear().process_group(0);
        command.env("HOME", self.path("home")).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null());
        command.stdout(File::create(&out).say("output")?).stderr(File::create(&err).say("errors")?);
        let child = command.spawn().say(program)?;
        let line = words.join(" ");
        Ok(Running { child, line, out, err, until: Instant::now() + LIMIT })
    }

    /// The path of what the next call writes to standard output.
    pub(super) fn next_out(&self) -> PathBuf {
        self.path(&format!("out{}", self.calls.load(Ordering::Relaxed)))
    }

    /// Calls the binary and waits for its end.
    pub(super) fn call(&self, words: &str) -> Try<Ended> {
        self.call_at(&self.store, words)
    }

    /// The same for another store.
    pub(super) fn call_at(&self, store: &Path, words: &str) -> Try<Ended> {
        self.start_at(store, &[], &words.split(' ').map(str::to_owned).collect::<Vec<_>>())?.ended()
    }
}

/// A call under way.
pub(super) struct Running {
    child: Child,
    line: String,
    out: PathBuf,
    err: PathBuf,
    until: Instant,
}

impl Running {
    /// Bytes written to standard output so far.
    pub(super) fn written(&self) -> u64 {
        fs::metadata(&self.out).map_or(0, |meta| meta.len())
    }

    /// Whether it has ended.
    pub(super) fn is_over(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Kills it and all it started.
    pub(super) fn kill(mut self) -> Try<Ended> {
        self.kill_group();
        self.ended()
    }

    fn kill_group(&mut self) {
        let group = format!("-{}", self.child.id());
        // It may be over already.
        let _gone = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _over = self.child.kill();
    }

    /// Waits for its end.
    pub(super) fn ended(mut self) -> Try<Ended> {
        let status = loop {
            if let Some(status) = self.child.try_wait().say("wait")? {
                break status;
            }
            if Instant::now() > self.until {
                self.kill_group();
                return Err(format!("`{}` has not ended after {LIMIT:?}", self.line));
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let read = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let (out, err) = (read(&self.out).say("output")?, read(&self.err).say("errors")?);
        let code = status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or(-1);
        let ended = Ended { line: std::mem::take(&mut self.line), code, out, err };
        for file in [&self.out, &self.err] {
            fs::remove_file(file).say("remove")?;
        }
        if ended.err.contains("panicked at") || ended.err.contains("RUST_BACKTRACE") {
            return Err(format!("a panic: {ended}"));
        }
        Ok(ended)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.is_over() {
            self.kill_group();
            let _reaped = self.child.wait();
        }
    }
}

/// What a call came to.
pub(super) struct Ended {
    /// Its words.
    pub(super) line: String,
    /// Its exit code; a signal is its number, negative.
    pub(super) code: i32,
    /// What it wrote.
    pub(super) out: String,
    /// What it said.
    pub(super) err: String,
}

impl Ended {
    /// Insists on an exit code.
    pub(super) fn exit(self, code: i32) -> Try<Self> {
        if self.code == code { Ok(self) } else { Err(format!("exit {} for {code}: {self}", self.code)) }
    }

    /// The one document on standard output.
    pub(super) fn json(&self) -> Try<Value> {
        serde_json::from_str(&self.out).map_err(|error| format!("{error}: {self}"))
    }
}

impl std::fmt::Display for Ended {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let end = |text: &str| {
            let from = text.char_indices().rev().nth(600).map_or(0, |(at, _)| at);
            text.get(from..).unwrap_or_default().replace('\n', " ⏎ ")
        };
        write!(out, "`{}` exit {} out …{} err …{}", self.line, self.code, end(&self.out), end(&self.err))
    }
}

const WORDS: [&str; 10] =
    ["amber", "brass", "cedar", "ember", "flint", "grain", "heath", "ivory", "maple", "reeds"];

fn sentence(n: usize) -> String {
    let [a, b, c] =
        [n / 100 % 10, n / 10 % 10, n % 10].map(|digit| WORDS.get(digit).copied().unwrap_or_default());
    format!("the {a} {b} {c} was kept in the tower.")
}

fn document(tasks: usize) -> String {
    (1..=tasks).map(|n| format!("{}\n", sentence(n))).collect()
}

/// Every task finds its own sentence, whoever takes it and whenever; T2 at its second attempt, T3 at its third call.
fn script(tasks: usize, delay_ms: u64) -> Value {
    let reply = |n: usize, quote: &str| json!({"finding": sentence(n), "cites": [], "unfold": [], "evidence": [{"unit": "S1.1", "quote": quote}]});
    let bullets = json!([{"text": "{{evidence}}", "head": "{{head}}", "tail": "{{tail}}"}]);
    let mut rules = vec![
        json!({"purpose": "plan", "plan_tasks": tasks, "plan_text": "What was kept, part {{n}}?"}),
        json!({"purpose": "reason", "task": "T2", "attempt": 1, "reply": reply(2, "nothing like it stands there")}),
        json!({"purpose": "reason", "task": "T3", "ask": 1, "reply": reply(3, &sentence(3)), "truncate_bytes": 9}),
    ];
    rules.extend(
        (1..=tasks)
            .map(|n| json!({"purpose": "reason", "task": format!("T{n}"), "reply": reply(n, &sentence(n))})),
    );
    rules.extend([
        json!({"purpose": "read", "reply": {"bullets": bullets, "gist": "{{evidence}}"}}),
        json!({"purpose": "review", "reply": {"outcome": "approve", "reason": "the quote says so"}}),
        json!({"purpose": "expand", "reply": {"tasks": []}}),
        json!({"purpose": "finalize", "reply": {"answered": true, "answer": "Amber.", "cites": ["{{fact}}"]}}),
    ]);
    json!({
        "schema": "delm.script/1", "model_reported": "scripted-1",
        "tokens": {"input": 900, "output": 60}, "delay_ms": delay_ms, "rules": rules,
    })
}
