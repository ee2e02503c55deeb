//! What the tests of the binary share: a folder of their own, `delm` called in it, and what must hold of every call.
//!
//! Refuses, for every call whatever it is about: a panic in what it says, an exit code that the contract does not have,
//! JSON that its own schema does not admit, and more than one time limit. A world that is dropped unchecked fails its test.

mod binary;
mod child;
pub(crate) mod golden;
pub(crate) mod redact;
mod schema;
pub(crate) mod script;
pub(crate) mod server;

use std::cell::Cell;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) use binary::binary;
pub(crate) use child::{Child, poll};

/// Exit codes that the contract has, that of `check` aside.
const EXITS: &[i32] = &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130, 143];

/// A folder to work in, with a home, settings and a store of its own.
pub(crate) struct World {
    folder: TempDir,
    checked: Cell<bool>,
}

impl World {
    /// An empty folder.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("delm-whole-").tempdir().unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder, checked: Cell::new(false) }
    }

    /// A folder with documents in `notes/`.
    pub(crate) fn with_notes() -> Self {
        let world = Self::new();
        world.write("notes/lamp.md", script::LAMP);
        world.write("notes/keeper.md", script::KEEPER);
        world
    }

    /// A path in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file, with the folders it needs.
    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// Writes a script as `NAME.json`, and gives the model it is.
    pub(crate) fn script(&self, name: &str, script: &Value) -> String {
        let file = format!("{name}.json");
        self.write(&file, script.to_string());
        format!("script:{file}")
    }

    /// A call of `delm`, not yet made. Words are split at white space; `{}` stands for the next of `with`.
    pub(crate) fn delm(&self, words: &str) -> Call<'_> {
        let arguments = words.split_whitespace().map(OsString::from).collect();
        Call {
            world: self,
            arguments,
            environment: Vec::new(),
            input: None,
            before: Vec::new(),
            limit_s: 120,
        }
    }

    /// Every run of the store, newest first.
    pub(crate) fn runs(&self) -> Vec<String> {
        let mut runs = Vec::new();
        let mut after = Vec::new();
        loop {
            let page = self.delm("ls --json --wait=60s").args(&after).done().exit(0).json();
            runs.extend(page["items"].as_array().unwrap().iter().map(|item| text(&item["run"])));
            match page["next"].as_str() {
                Some(next) => after = vec!["--after".to_owned(), next.to_owned()],
                None => return runs,
            }
        }
    }

    /// Every run of the store verifies, and replays to the same states, decisions and prompts.
    pub(crate) fn sound(&self) {
        self.checked.set(true);
        if !self.path(".delm").exists() {
            return;
        }
        for run in self.runs() {
            self.delm("verify --json --wait=60s").arg(&run).done().exit(0);
            let replayed = self.delm("replay --json --wait=60s").arg(&run).done().exit(0).json();
            assert_eq!(replayed["differences"], 0, "{replayed}");
        }
    }

    /// There is no sound store to look at, and why.
    pub(crate) fn unsound(&self, _why: &str) {
        self.checked.set(true);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        assert!(
            self.checked.get() || std::thread::panicking(),
            "call `sound` (or `unsound` and why) at the end of the test"
        );
    }
}

/// One call of `delm`.
pub(crate) struct Call<'a> {
    world: &'a World,
    arguments: Vec<OsString>,
    environment: Vec<(String, OsString)>,
    input: Option<Vec<u8>>,
    /// What runs it: `unshare -n`, say.
    before: Vec<OsString>,
    limit_s: u64,
}

impl Call<'_> {
    /// One more argument.
    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// More arguments.
    pub(crate) fn args<T: Clone + Into<OsString>>(mut self, arguments: &[T]) -> Self {
        self.arguments.extend(arguments.iter().cloned().map(Into::into));
        self
    }

    /// A variable of its environment, which has nothing of ours but `PATH`.
    pub(crate) fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Its standard input; empty if not given.
    pub(crate) fn stdin(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.input = Some(bytes.as_ref().to_vec());
        self
    }

    /// Runs it by way of another program.
    pub(crate) fn by(mut self, words: &[&str]) -> Self {
        self.before = words.iter().map(OsString::from).collect();
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Child {
        let mut words = self.before;
        words.push(binary().into());
        words.extend(self.arguments);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(self.world.folder.path()).env_clear();
        command
            .env("HOME", self.world.path("home"))
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs(self.environment);
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        Child::start(command, words, self.input, self.limit_s)
    }

    /// Runs it to its end.
    pub(crate) fn done(self) -> Done {
        self.start().done()
    }
}

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Done {
    /// The command line, for messages.
    pub(crate) line: String,
    /// Its exit code; a signal is its number, negative.
    pub(crate) code: i32,
    /// What it wrote.
    pub(crate) stdout: String,
    /// What it said.
    pub(crate) stderr: String,
    json: bool,
}

impl Done {
    fn new(words: &[OsString], code: i32, stdout: &[u8], stderr: &[u8]) -> Self {
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        let done = Self {
            line: words.join(" "),
            code,
            stdout: String::from_utf8_lossy(stdout).into_owned(),
            stderr: String::from_utf8_lossy(stderr).into_owned(),
            json: words.iter().any(|word| word == "--json"),
        };
        for said in [&done.stdout, &done.stderr] {
            assert!(!said.contains("panicked at") && !said.contains("RUST_BACKTRACE"), "a panic: {done}");
        }
        if code >= 0 {
            assert!(EXITS.contains(&code), "the contract has no such exit: {done}");
            done.follows_its_schema();
        }
        done
    }

    fn follows_its_schema(&self) {
        if !self.json {
            return;
        }
        if !self.stdout.is_empty() {
            schema::check(&self.json(), &self.line);
        } else if self.code != 0 {
            let error = self.error();
            schema::check_as("error", &error, &self.line);
            assert_eq!(error["error"]["exit"], self.code, "{self}");
        }
    }

    /// Asserts the exit code.
    #[track_caller]
    pub(crate) fn exit(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }

    /// Asserts that an error names something, on standard error.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "it does not say {words:?}: {self}");
        self
    }

    /// Asserts that an error says what to do about it.
    #[track_caller]
    pub(crate) fn hints(self) -> Self {
        let hint = if self.json {
            self.error()["error"]["hint"].is_string()
        } else {
            self.stderr.contains(" hint: ")
        };
        assert!(hint, "it does not say what to do: {self}");
        self
    }

    /// Asserts that output has some words.
    #[track_caller]
    pub(crate) fn shows(self, words: &str) -> Self {
        assert!(self.stdout.contains(words), "it does not show {words:?}: {self}");
        self
    }

    /// The one document on standard output.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Standard output, a document a line.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<Value> {
        let parse =
            |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}: {self}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The one error object on standard error.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let objects: Vec<&str> = self.stderr.lines().filter(|line| line.starts_with('{')).collect();
        assert_eq!(objects.len(), 1, "one error object is wanted: {self}");
        serde_json::from_str(objects[0]).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl std::fmt::Display for Done {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, code, stdout, stderr, .. } = self;
        write!(out, "\n$ {line}\nexit {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
    }
}

/// A document follows a schema.
#[track_caller]
pub(crate) fn follows(name: &str, document: &Value) {
    schema::check_as(name, document, "a line");
}

/// A string of a document.
#[track_caller]
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no string: {value}")).to_owned()
}

/// The top of the workspace.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}
