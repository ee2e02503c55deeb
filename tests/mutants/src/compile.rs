//! Compiling the copy, and finding which mutant a compiler error is about.
//!
//! Refuses to guess: an error that no mutant explains ends it, with what the compiler said.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tree::Copy;

/// What was built.
#[derive(Clone, Debug)]
pub struct Program {
    /// The package it is of.
    pub package: String,
    /// What cargo calls it: the library, for unit tests; a test file; a binary.
    pub target: String,
    /// Whether it is a binary, and no tests.
    pub is_binary: bool,
    /// Where it is.
    pub path: PathBuf,
}

/// How a build ended.
#[derive(Debug)]
pub enum Built {
    /// All of it compiled.
    Programs(Vec<Program>),
    /// These mutants do not compile.
    Broken(Broken),
}

/// Mutants that do not compile.
#[derive(Debug, Default)]
pub struct Broken {
    /// What they put in place of the code does not compile: it would not without a switch either.
    pub themselves: BTreeSet<u32>,
    /// An error is somewhere around them: it may be the switch's.
    pub around: BTreeSet<u32>,
}

/// Where and how things are built.
#[derive(Debug)]
pub struct Compiler {
    /// The folder of what is built.
    pub target: PathBuf,
    /// `-p NAME` of each package that is built.
    pub packages: Vec<String>,
}

impl Compiler {
    /// Checks the libraries (`cargo check`) or builds the tests, and binaries beside them.
    pub fn run(&self, copy: &Copy, words: &[&str]) -> Result<Built, String> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
        command.current_dir(&copy.top).args(words).args(["--locked", "--quiet", "--message-format=json"]);
        for package in &self.packages {
            command.args(["-p", package]);
        }
        // Mutants run more often than they are built, and nobody looks at them in a debugger.
        command.env("CARGO_TARGET_DIR", &self.target).env("CARGO_INCREMENTAL", "1");
        command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "1").env("CARGO_PROFILE_DEV_DEBUG", "0");
        let output = command.stderr(Stdio::piped()).output();
        let output = output.map_err(|error| format!("cargo does not start: {error}"))?;
        let mut programs = Vec::new();
        let mut broken = Broken::default();
        let mut unexplained = Vec::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            let Ok(said) = serde_json::from_str::<Value>(line) else { continue };
            programs.extend(program(&said));
            let message = &said["message"];
            if message["level"] == "error" {
                let explained = (broken.themselves.len(), broken.around.len());
                culprits(message, copy, &mut broken);
                if explained == (broken.themselves.len(), broken.around.len()) {
                    unexplained.push(message["rendered"].as_str().unwrap_or_default().to_owned());
                }
            }
        }
        if output.status.success() {
            return Ok(Built::Programs(programs));
        }
        if broken.themselves.is_empty() && broken.around.is_empty() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "the copy does not compile, and no mutant explains it:\n{}\n{stderr}",
                unexplained.join("\n")
            ));
        }
        Ok(Built::Broken(broken))
    }
}

fn program(said: &Value) -> Option<Program> {
    let path = PathBuf::from(said.get("executable")?.as_str()?);
    let manifest = Path::new(said["manifest_path"].as_str()?);
    let kind = said["target"]["kind"][0].as_str()?;
    let is_test = said["profile"]["test"].as_bool()?;
    if !is_test && kind != "bin" {
        return None;
    }
    Some(Program {
        package: manifest.parent()?.file_name()?.to_str()?.to_owned(),
        target: said["target"]["name"].as_str()?.to_owned(),
        is_binary: !is_test,
        path,
    })
}

/// The mutants an error is about: those whose own text it points into; else all that share the innermost code around it.
fn culprits(message: &Value, copy: &Copy, broken: &mut Broken) {
    let spans = message["spans"].as_array().into_iter().flatten();
    // What is pointed at as well only explains.
    let spans: Vec<_> = spans.filter(|span| span["is_primary"] == true).filter_map(bytes_of).collect();
    let mut known = false;
    for (file, from, to) in &spans {
        for (range, number) in copy.own.get(*file).into_iter().flatten() {
            if range.start < (*to).max(from + 1) && *from < range.end {
                known = true;
                broken.themselves.insert(*number);
            }
        }
    }
    if known {
        return;
    }
    let around = spans.iter().flat_map(|(file, from, to)| {
        let ranges = copy.around.get(*file).into_iter().flatten();
        ranges.filter(move |(range, _)| range.start <= *from && *to <= range.end)
    });
    let around: Vec<_> = around.collect();
    let innermost = around.iter().map(|(range, _)| range.len()).min();
    let shared = around.iter().filter(|(range, _)| Some(range.len()) == innermost);
    broken.around.extend(shared.map(|(_, number)| *number));
}

fn bytes_of(span: &Value) -> Option<(&str, usize, usize)> {
    let number = |key: &str| usize::try_from(span[key].as_u64()?).ok();
    Some((span["file_name"].as_str()?, number("byte_start")?, number("byte_end")?))
}
