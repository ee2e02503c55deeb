//! Runs the conversations under `tests/scripts/` and compares what came of each command with what the file says.
//!
//! Refuses to pass on the first line that differs. `BLESS=1 cargo test -p delm-core --test scripts` writes what came.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops at the first thing that is not as it must be"
)]

mod common;

use std::path::{Path, PathBuf};

use common::script::{Script, Setups};

const SETUPS: &str = "setups";

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    files
}

/// `setup NAME`, then its lines, indented.
fn setups() -> Setups {
    let mut setups = Setups::new();
    let mut name = String::new();
    let path = files().into_iter().find(|path| path.file_stem().is_some_and(|stem| stem == SETUPS)).unwrap();
    for line in std::fs::read_to_string(path).unwrap().lines() {
        if let Some(new) = line.strip_prefix("setup ") {
            name = new.into();
            setups.insert(name.clone(), Vec::new());
        } else if let Some(step) = line.strip_prefix("  ") {
            setups.get_mut(&name).unwrap().push(step.into());
        }
    }
    setups
}

/// The file as it would be written: every line, and below each command what came of it.
fn play(path: &Path, setups: &Setups) -> String {
    let mut script = Script::new();
    let mut out = String::new();
    for (place, line) in std::fs::read_to_string(path).unwrap().lines().enumerate() {
        if line.starts_with("    ") {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        if line.starts_with("== ") {
            script = Script::new();
        } else if !line.is_empty() && !line.starts_with("# ") {
            let came = script.line(line, setups);
            let came = came.unwrap_or_else(|error| panic!("{}:{}: {error}", path.display(), place + 1));
            came.iter().for_each(|line| out.push_str(&format!("    {line}\n")));
        }
    }
    out
}

#[test]
fn conversations_come_out_as_written() {
    let setups = setups();
    let bless = std::env::var_os("BLESS").is_some();
    let mut differ = Vec::new();
    for path in files().iter().filter(|path| path.file_stem().is_some_and(|stem| stem != SETUPS)) {
        let (came, expected) = (play(path, &setups), std::fs::read_to_string(path).unwrap());
        if bless {
            std::fs::write(path, came).unwrap();
        } else if came != expected {
            let place = came.lines().zip(expected.lines()).position(|(a, b)| a != b);
            let place = place.unwrap_or_else(|| came.lines().count().min(expected.lines().count()));
            let line = |text: &str| text.lines().nth(place).unwrap_or("nothing").to_string();
            differ.push(format!(
                "{}:{}\n  expected {}\n  came     {}",
                path.display(),
                place + 1,
                line(&expected),
                line(&came)
            ));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
