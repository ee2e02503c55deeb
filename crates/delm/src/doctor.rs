//! `doctor`: what a run will find on this machine, measured or looked at, with nothing left behind.
//!
//! Refuses to create a store, to fetch a key, and to call anybody: it says where a key would come from.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use delm_core::entry::{ENTRY_FORMAT, RULES};
use delm_llm::Api;
use delm_wire::view::{Doctor, DoctorFile, DoctorKey, DoctorStore, DoctorTag, DoctorTerminal, DurableWrite};

use crate::config::Settings;
use crate::config::secret::source;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::human::span;
use crate::output::style::{Mode, Style};
use crate::output::text::one_line;
use crate::output::{Output, OutputError};

/// Durable writes that are timed.
const WRITES: usize = 40;

/// Bytes of each: about an entry with its blobs.
const WRITE_BYTES: usize = 4_096;

/// Looks, measures and says so.
///
/// # Errors
/// Exit 1 if nothing can be written where the store is, or would be: everything else is told all the same.
pub(crate) fn doctor(
    settings: &Settings,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), CliError> {
    let store = environment.directory().join(settings.store());
    let exists = store.join("format").exists();
    let measured = nearest_folder(&store).and_then(|folder| measure(&folder));
    let error = measured.as_ref().err().map(|error| format!("{}: {error}", store.display()));
    let style = output.style();
    let report = Doctor {
        schema: DoctorTag,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        entry_format: ENTRY_FORMAT,
        rules: RULES,
        store: DoctorStore { path: store.display().to_string(), exists },
        durable_write: measured.ok(),
        durable_write_error: error.clone(),
        settings: settings
            .files()
            .iter()
            .map(|file| DoctorFile { path: file.path.display().to_string(), found: file.found })
            .collect(),
        keys: Api::ALL.iter().map(|(_, name, ..)| key(settings, environment, name)).collect(),
        model: settings.text("model").unwrap_or_default(),
        terminal: terminal(style, environment),
    };
    match style.mode {
        Mode::People => for_people(&report, output)?,
        Mode::Json | Mode::Jsonl => output.json(&report)?,
    }
    match error {
        Some(error) => {
            Err(CliError::new("io", Exit::Unexpected, format!("nothing can be written durably: {error}"))
                .hint("name another place with --store or DELM_STORE"))
        }
        None => Ok(()),
    }
}

fn key(settings: &Settings, environment: &Environment, provider: &'static str) -> DoctorKey {
    let base_url = settings.provider(provider, "base_url").map(|setting| setting.text);
    let base_url = base_url.map(|url| delm_llm::url::shown(&url));
    DoctorKey {
        provider: provider.to_owned(),
        source: source(settings, environment, provider).map(|source| source.to_string()),
        base_url,
    }
}

fn terminal(style: Style, environment: &Environment) -> DoctorTerminal {
    let term = environment.text("TERM").map(str::to_owned);
    DoctorTerminal { columns: style.columns, colour: style.colour, term }
}

fn for_people(report: &Doctor, output: &mut Output) -> Result<(), OutputError> {
    let mut say = |what: &str, text: String| output.line(&format!("{what:<15}{}", one_line(&text)));
    say(
        "delm",
        format!("{} (entry format {}, rules {})", report.version, report.entry_format, report.rules),
    )?;
    let state = if report.store.exists { "there" } else { "none yet: `run` and `demo` make it" };
    say("store", format!("{} ({state})", report.store.path))?;
    match (report.durable_write, &report.durable_write_error) {
        (Some(write), _) => say("durable write", durable(&write))?,
        (None, Some(error)) => say("durable write", format!("FAILED: {error}"))?,
        (None, None) => {}
    }
    say("model", report.model.clone())?;
    for key in &report.keys {
        let source = key.source.as_deref().map_or("no key".into(), |source| format!("key from {source}"));
        let at = key.base_url.as_deref().map(|url| format!(", at {url}")).unwrap_or_default();
        say(&key.provider, format!("{source}{at}"))?;
    }
    for file in &report.settings {
        let found = if file.found { "" } else { " (not there)" };
        say("settings", format!("{}{found}", file.path))?;
    }
    let terminal = match report.terminal.columns {
        Some(columns) => {
            format!("{columns} columns, {}", if report.terminal.colour { "colour" } else { "no colour" })
        }
        None => "none: output is TAB-separated".into(),
    };
    say("terminal", terminal)
}

fn durable(write: &DurableWrite) -> String {
    let ms = |us: u64| {
        if us < 10_000 { format!("{}.{:02} ms", us / 1_000, us % 1_000 / 10) } else { span(us / 1_000) }
    };
    let (p50, p99, max) = (ms(write.p50_us), ms(write.p99_us), ms(write.max_us));
    format!("{p50} median, {p99} p99, {max} longest, of {} writes of {} bytes", write.writes, write.bytes)
}

/// The folder a store is in, or the nearest one above it that is there.
fn nearest_folder(store: &Path) -> io::Result<PathBuf> {
    let mut folders = store.ancestors().filter(|folder| folder.is_dir());
    folders.next().map(Path::to_owned).ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Appends to a file and syncs it, again and again, as the journal does. The file is removed whatever happens.
fn measure(folder: &Path) -> io::Result<DurableWrite> {
    let probe = Probe(folder.join(format!(".delm-doctor-{}", std::process::id())));
    let mut file = OpenOptions::new().write(true).create_new(true).open(&probe.0)?;
    let block = [0xa5; WRITE_BYTES];
    let mut took_us = Vec::with_capacity(WRITES);
    for _ in 0..WRITES {
        let began = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        took_us.push(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
    }
    Ok(summarize(took_us))
}

fn summarize(mut took_us: Vec<u64>) -> DurableWrite {
    took_us.sort_unstable();
    let writes = took_us.len();
    let at = |percent: usize| {
        took_us.get((writes * percent / 100).min(writes.saturating_sub(1))).copied().unwrap_or(0)
    };
    let (writes, bytes) = (writes as u64, WRITE_BYTES as u64);
    DurableWrite { writes, bytes, p50_us: at(50), p99_us: at(99), max_us: at(100) }
}

struct Probe(PathBuf);

impl Drop for Probe {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!("cannot remove {}: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::capture;

    #[test]
    fn a_durable_write_is_measured_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let durable = measure(folder.path()).unwrap();
        assert_eq!((durable.writes, durable.bytes), (WRITES as u64, WRITE_BYTES as u64));
        assert!(durable.p50_us > 0 && durable.p50_us <= durable.p99_us && durable.p99_us <= durable.max_us);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn ranks_are_those_of_the_sorted_times() {
        let hundred = summarize((1..=100).rev().collect());
        assert_eq!((hundred.p50_us, hundred.p99_us, hundred.max_us), (51, 100, 100));
        assert_eq!(
            durable(&hundred),
            "0.05 ms median, 0.10 ms p99, 0.10 ms longest, of 100 writes of 4096 bytes"
        );
        assert_eq!(summarize(vec![]).max_us, 0);
    }

    #[test]
    fn a_store_that_is_not_there_is_measured_where_it_would_be() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::of(&[("OPENAI_API_KEY", "sk-secret")]).within(folder.path());
        let (mut output, out, _) = capture::output(Style { mode: Mode::Json, ..Style::default() });
        doctor(&Settings::default(), &environment, &mut output).unwrap();
        assert!(!out.text().contains("sk-secret"));
        let report: serde_json::Value = serde_json::from_str(&out.text()).unwrap();
        assert_eq!(report["schema"], "delm.doctor/1");
        assert_eq!(report["store"]["exists"], false);
        assert_eq!(report["keys"][0]["source"], "OPENAI_API_KEY");
        assert!(report["keys"][1]["source"].is_null());
        assert_eq!(report["durable_write"]["writes"], WRITES);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "doctor creates no store");
    }

    #[test]
    fn what_cannot_be_written_is_told_and_exits_1() {
        let environment = Environment::of(&[]).within("/proc/self");
        let (mut output, out, _) = capture::output(Style::default());
        let error = doctor(&Settings::default(), &environment, &mut output).unwrap_err();
        assert_eq!(error.exit, Exit::Unexpected);
        assert!(out.text().contains("FAILED") && out.text().contains("terminal"), "{}", out.text());
    }
}
