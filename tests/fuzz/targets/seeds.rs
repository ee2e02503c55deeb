//! Makes seeds of what the repository records already: recorded runs, and the vectors of the entry format.
//!
//! They are made anew for each fuzzing, so that a change of the format cannot leave stale ones behind. A line that is
//! neither entry, blob nor vector makes no seed. A target in form only, since everything here is compiled for one: it is
//! told by `FUZZ_TOP` and `FUZZ_SEEDS` where the repository is and where seeds go, and ends before it fuzzes.
#![no_main]

use std::error::Error;
use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use delm_core::event::KINDS;
use delm_fuzz::{ENTRY, chunk};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Entries of a run in one seed: a longer one is mutated more slowly.
const ENTRIES_MAX: usize = 40;
/// The longest seed, in bytes.
const SEED_BYTES_MAX: usize = 24_000;

fuzz_target!(init: begin(), |input| {
    let _: &[u8] = input;
});

fn begin() {
    let made = make();
    if let Err(error) = &made {
        eprintln!("no seeds: {error}");
    }
    std::process::exit(i32::from(made.is_err()));
}

fn make() -> Result<(), Box<dyn Error>> {
    let (top, out) = (std::env::var("FUZZ_TOP")?, std::env::var("FUZZ_SEEDS")?);
    let (top, out) = (Path::new(&top), Path::new(&out));
    for target in ["entry", "fold", "export", "reply", "text"] {
        fs::create_dir_all(out.join(target))?;
    }
    vectors(&fs::read_to_string(top.join("schemas/vectors-v1.jsonl"))?, out)?;
    for run in fs::read_dir(top.join("replays/harrow-light/runs"))? {
        let run = run?;
        let name = run.file_name().to_string_lossy().into_owned();
        export(&fs::read_to_string(run.path())?, &name, out)?;
    }
    Ok(())
}

/// Each event of the vectors, as the target takes it: the place of its kind, then its body; and each entry.
fn vectors(text: &str, out: &Path) -> Result<(), Box<dyn Error>> {
    for (number, line) in text.lines().enumerate() {
        let vector: Value = serde_json::from_str(line)?;
        let Some(bytes) = vector.get("bytes").and_then(Value::as_str).and_then(unhex) else { continue };
        let kind = vector.get("kind").and_then(Value::as_str);
        let place = kind.and_then(|kind| KINDS.iter().position(|(_, name)| *name == kind));
        let seed = match place.map(u8::try_from) {
            Some(Ok(place)) => [&[place], bytes.as_slice()].concat(),
            _ => bytes,
        };
        fs::write(out.join("entry").join(format!("vector-{number}")), seed)?;
    }
    Ok(())
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()).collect()
}

/// A run's entries with their blobs, the first of its lines, and each text and reply in it.
fn export(text: &str, name: &str, out: &Path) -> Result<(), Box<dyn Error>> {
    let mut run = Vec::new();
    let mut entries = 0;
    for (number, line) in text.lines().enumerate() {
        let value: Value = serde_json::from_str(line)?;
        let field = |field: &str| value.get(field).and_then(Value::as_str).map(|text| STANDARD.decode(text));
        let bad = |error| format!("{name}:{number}: {error}");
        if let Some(bytes) = field("bytes").transpose().map_err(bad)? {
            if entries < ENTRIES_MAX {
                fs::write(out.join("entry").join(format!("{name}-{number}")), &bytes)?;
                run.extend(chunk(ENTRY, &bytes).unwrap_or_default());
            }
            entries += 1;
        } else if let Some(bytes) = field("base64").transpose().map_err(bad)? {
            run.extend(chunk(1, &bytes).unwrap_or_default());
            blob(&bytes, &format!("{name}-{number}"), out)?;
        }
    }
    run.truncate(SEED_BYTES_MAX);
    fs::write(out.join("fold").join(name), &run)?;
    fs::write(out.join("export").join(name), &run)?;
    let lines: String = text.split_inclusive('\n').take(8).collect();
    fs::write(out.join("export").join(format!("{name}-lines")), lines)?;
    Ok(())
}

fn blob(bytes: &[u8], name: &str, out: &Path) -> Result<(), Box<dyn Error>> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(()) };
    if text.len() > 4_000 {
        return Ok(());
    }
    let target = if text.starts_with('{') { "reply" } else { "text" };
    fs::write(out.join(target).join(name), text)?;
    Ok(())
}
