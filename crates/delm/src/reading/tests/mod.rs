//! The reading verbs over real stores: what they print for programs and for people, page by page, live and damaged.
//!
//! Refuses canned output: every run here is driven by the engine, with the built-in reader or a scripted model.

mod at;
mod json;
mod people;
mod sound;
mod what_if;
mod why;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use delm_core::command::{AgentSpec, SourceSpec, StartRun};
use delm_core::entry::Blob;
use delm_core::event::{AgentKind, Extractor, ModelChoice, Models, RunStarted, SourceSkipped, Template};
use delm_core::ids::Digest;
use delm_core::limits::Limits;
use delm_core::policy::{Fifo, Policy};
use delm_core::prompt::{BUILTIN, TEMPLATES};
use delm_engine::{Clock, Workers, start};
use delm_log::{OpenOptions, Store};

use crate::access::Reading;
use crate::args::{Cli, Verb};
use crate::error::{CliError, Exit};
use crate::output::capture;
use crate::output::style::{Mode, Style};

const QUESTION: &str =
    "Who founded the school at which the woman who designed the fog siren of the Harrow Light studied?";

/// A clock that ticks a millisecond at each look, so that tests do not depend on the machine's.
struct Ticks(AtomicU64);

impl Clock for Ticks {
    fn now_ms(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// A store in a folder that goes with it.
struct World {
    reading: Reading,
    dir: tempfile::TempDir,
}

/// What a verb came to.
struct Ran {
    ended: Result<Exit, CliError>,
    out: String,
    err: String,
}

impl Ran {
    fn ok(self) -> String {
        assert_eq!(self.ended, Ok(Exit::Success), "{}{}", self.out, self.err);
        self.out
    }

    fn error(self) -> CliError {
        self.ended.unwrap_err()
    }
}

const JSON: Style = Style {
    mode: Mode::Json,
    columns: None,
    colour: false,
    progress_tty: false,
    progress_colour: false,
    quiet: false,
};
const PIPE: Style = Style { mode: Mode::People, ..JSON };
const TERMINAL: Style = Style { columns: Some(80), ..PIPE };

/// Runs a verb as the command line gives it.
fn ran(reading: &Reading, line: &str, style: Style) -> Ran {
    ran_until(reading, line, style, &|| true)
}

fn ran_until(reading: &Reading, line: &str, style: Style, gone: &dyn Fn() -> bool) -> Ran {
    let cli = Cli::parse_from_list(std::iter::once("delm").chain(line.split_whitespace())).unwrap();
    let (mut output, out, err) = capture::output(style);
    let Verb::Read(verb) = &cli.verb else { panic!("{line} does not read") };
    let ended = super::run(verb, reading, &mut output, gone);
    Ran { ended, out: out.text(), err: err.text() }
}

fn json(reading: &Reading, line: &str) -> serde_json::Value {
    serde_json::from_str(&ran(reading, line, JSON).ok()).unwrap()
}

impl World {
    fn empty() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { create: true, ..OpenOptions::default() };
        let (store, _) = Store::open(&dir.path().join("store"), &options).unwrap();
        Self { reading: Reading::of_store(Arc::new(store)), dir }
    }

    /// A run over the corpus, by the built-in reader.
    fn read() -> Self {
        let world = Self::empty();
        world.drive(begin(Some("harrow"), BUILTIN, 4), Workers::default());
        world
    }

    /// A run over one document, by a scripted model.
    fn scripted(rules: &str) -> Self {
        let world = Self::empty();
        let file = world.dir.path().join("script.json");
        std::fs::write(&file, format!(r#"{{"schema":"delm.script/1","rules":[{rules}]}}"#)).unwrap();
        let model = format!("script:{}", file.display());
        let choice = delm_llm::ModelChoice { model: model.clone(), params: Vec::new() };
        let built = delm_llm::build(&choice, &delm_llm::Providers::default()).unwrap();
        world.drive(begin(None, &model, 3), Workers { worker: Some(built.clone()), judge: Some(built) });
        world
    }

    fn drive(&self, (command, blobs): (StartRun, Vec<Blob>), workers: Workers) -> Digest {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let log = self.reading.log.clone();
        runtime.block_on(async {
            let clock = Arc::new(Ticks(AtomicU64::new(1_795_363_200_000)));
            let running = start(log, clock, workers, command, blobs).unwrap();
            let run = running.run;
            running.wait().await.unwrap();
            run
        })
    }

    fn run(&self) -> Digest {
        self.reading.log.runs(None, 1).unwrap()[0].run
    }

    fn export(&self) -> (std::path::PathBuf, Reading) {
        let path = self.dir.path().join("run.jsonl");
        std::fs::write(&path, ran(&self.reading, "export", PIPE).ok()).unwrap();
        let reading = Reading::of_export(&path).unwrap();
        (path, reading)
    }
}

/// Rules of a model that does as it should, but that its first plan is nonsense and its first verdict a no.
const SCRIPT: &str = r#"
  {"purpose":"plan","ask":1,"reply":"no JSON at all"},
  {"purpose":"plan","plan_tasks":3,"plan_text":"Siren question {{n}}"},
  {"purpose":"read","reply":{"bullets":[{"text":"the light","head":"A lamp is no help in","tail":"about sixty days of the year"}],"gist":"Tamber Sound has fog on about sixty days of the year."}},
  {"purpose":"reason","task":"T1","attempt":1,"reply":{"finding":"The siren was designed by Hester Quillane.","cites":[],"unfold":[],"evidence":[{"unit":"S1.1","quote":"The fog siren of the Harrow Light was designed by Hester Quillane"}]}},
  {"purpose":"reason","reply":{"finding":"Hester Quillane designed the siren.","cites":[],"unfold":[],"evidence":[{"unit":"S1.1","quote":"The fog siren of the Harrow Light was designed by Hester Quillane"}]}},
  {"purpose":"review","contains":"The siren was designed by","reply":{"outcome":"reject","reason":"say when"}},
  {"purpose":"review","reply":{"outcome":"approve","reason":"it says so"}},
  {"purpose":"expand","reply":{"tasks":[]}},
  {"purpose":"finalize","reply":{"answered":true,"answer":"Hester Quillane.","cites":["F1"]}}"#;

fn sources() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../replays/harrow-light/sources")
}

/// What a run over the corpus begins with; a scripted model gets one document of it.
fn begin(name: Option<&str>, model: &str, agents: u32) -> (StartRun, Vec<Blob>) {
    let mut blobs = Vec::new();
    let mut keep = |bytes: &[u8]| {
        let blob = Blob::new(bytes);
        blobs.push(blob.clone());
        blob.hash
    };
    let builtin = model == BUILTIN;
    let mut files: Vec<_> = std::fs::read_dir(sources()).unwrap().map(|item| item.unwrap().path()).collect();
    files.sort();
    if !builtin {
        files = vec![sources().join("02-fog-signals.md")];
    }
    let choice = ModelChoice { model: model.into(), params: Vec::new() };
    let run = RunStarted {
        nonce: [7; 16],
        question: keep(QUESTION.as_bytes()),
        name: name.map(|name| keep(name.as_bytes())),
        policy: Fifo.name(),
        limits: if builtin { Limits { unit_bytes: 1_000, ..Limits::default() } } else { Limits::default() },
        models: Models { worker: choice.clone(), judge: choice },
        hosts: Vec::new(),
        engine: "delm test".into(),
        self_review: agents == 1,
        reading: !builtin,
        ablations: Vec::new(),
        templates: TEMPLATES
            .iter()
            .map(|(part, text)| Template { part: (*part).into(), text: keep(text.as_bytes()) })
            .collect(),
        prices: Vec::new(),
    };
    let sources = files.iter().map(|file| {
        let text = std::fs::read(file).unwrap();
        SourceSpec {
            name: keep(file.file_name().unwrap().to_string_lossy().as_bytes()),
            original_hash: Digest::of_blob(&text),
            original_len: text.len() as u64,
            extractor: Extractor::Markdown,
            text: keep(&text),
        }
    });
    let sources = sources.collect();
    let skipped = vec![SourceSkipped { name: keep(b"scan.pdf"), reason: keep(b"it is no text\x1b[2J") }];
    let kind = if builtin { AgentKind::Builtin } else { AgentKind::Model };
    let spec = AgentSpec { kind, principal: String::new(), model: model.into(), program: None };
    let agents = (0..agents).map(|_| spec.clone()).collect();
    (StartRun { run, sources, skipped, agents }, blobs)
}

/// Columns of the widest line.
fn widest(text: &str) -> usize {
    text.lines().map(unicode_width::UnicodeWidthStr::width).max().unwrap_or(0)
}

/// All lines, each behind a bar, for messages of failed tests.
fn framed(text: &str) -> String {
    text.lines().fold(String::new(), |mut framed, line| {
        let _never = writeln!(framed, "|{line}");
        framed
    })
}

/// Where a quote stands in its document.
fn range(quote: &serde_json::Value) -> std::ops::Range<usize> {
    let place = |name: &str| usize::try_from(quote[name].as_u64().unwrap()).unwrap();
    place("start")..place("end")
}
