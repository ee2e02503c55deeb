//! The mutants, as cargo-mutants lists them.
//!
//! Refuses to invent any: what a mutant is called, and where it is, are its words.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A place in a file: line and column, both from 1, in characters.
pub type Place = (usize, usize);

/// One way to break the code.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// What it is switched on by; from 1, in the order of the list.
    pub number: u32,
    /// The package it is in.
    pub package: String,
    /// The file it is in, from the top of the workspace.
    pub file: String,
    /// What kind it is, in the words of cargo-mutants: `BinaryOperator`, `FnValue`, …
    pub genre: String,
    /// What stands there instead: an operator, an expression, or nothing.
    pub replacement: String,
    /// Where what is replaced begins.
    pub start: Place,
    /// Where it ends.
    pub end: Place,
    /// Its whole name: file, line, column, what is done, in which function.
    pub name: String,
    /// Its name without line and column, and `#2` and so on after what is said more than once of a file.
    pub key: String,
}

/// All mutants of `packages` in the workspace at `top`.
pub fn list(top: &Path, packages: &[&str], exclude: &[&str]) -> Result<Vec<Mutant>, String> {
    let mut command = Command::new("cargo");
    command.current_dir(top).args(["mutants", "--list", "--json"]);
    for package in packages {
        command.args(["--package", package]);
    }
    for file in exclude {
        command.args(["--exclude", file]);
    }
    let output = command.output().map_err(|error| format!("cargo mutants does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("cargo mutants --list failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let parsed: Value = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    let listed = parsed.as_array().ok_or("cargo mutants --list --json gave no list")?;
    let mut mutants = Vec::new();
    for (at, value) in listed.iter().enumerate() {
        let mutant = read(at + 1, value).ok_or_else(|| format!("not understood: {value}"))?;
        mutants.push(mutant);
    }
    number_keys(&mut mutants);
    Ok(mutants)
}

fn read(number: usize, value: &Value) -> Option<Mutant> {
    let text = |key: &str| Some(value.get(key)?.as_str()?.to_owned());
    let place = |key: &str| {
        let place = value.get("span")?.get(key)?;
        let number = |key: &str| usize::try_from(place.get(key)?.as_u64()?).ok();
        Some((number("line")?, number("column")?))
    };
    let file = text("file")?;
    let name = text("name")?;
    // It is `file:line:column: what`.
    let (_, what) = name.strip_prefix(&file)?.split_once(": ")?;
    Some(Mutant {
        number: u32::try_from(number).ok()?,
        package: text("package")?,
        genre: text("genre")?,
        replacement: text("replacement")?,
        start: place("start")?,
        end: place("end")?,
        key: format!("{file}: {what}"),
        file,
        name,
    })
}

/// Tells apart mutants of one function that are called the same, by their order.
fn number_keys(mutants: &mut [Mutant]) {
    let mut seen = std::collections::BTreeMap::new();
    for mutant in mutants {
        let times = seen.entry(mutant.key.clone()).or_insert(0);
        *times += 1;
        if *times > 1 {
            mutant.key = format!("{} #{times}", mutant.key);
        }
    }
}
