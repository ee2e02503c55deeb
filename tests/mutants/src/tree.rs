//! The copy of the workspace that mutants are in.
//!
//! Writes below its own folder only, and only what changed: the compiler then builds only what changed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::list::Mutant;
use crate::splice::splice;

/// What each mutated crate gets as its module `mutant`.
const SWITCH: &str = include_str!("switch.rs");

/// Places of mutants in the files of the copy.
pub type Places = BTreeMap<String, Vec<(Range<usize>, u32)>>;

/// The copy, and where in it which mutant is.
#[derive(Debug)]
pub struct Copy {
    /// The top of the copied workspace.
    pub top: PathBuf,
    /// Text that is there for one mutant alone.
    pub own: Places,
    /// Text around a mutant.
    pub around: Places,
    /// The mutants that are in it.
    pub inside: BTreeSet<u32>,
}

/// Copies the workspace at `from` to `to`, with all `mutants` in it but those `left_out`.
pub fn copy(from: &Path, to: &Path, mutants: &[Mutant], left_out: &BTreeSet<u32>) -> Result<Copy, String> {
    let mut of_file = BTreeMap::<&str, Vec<&Mutant>>::new();
    for mutant in mutants.iter().filter(|mutant| !left_out.contains(&mutant.number)) {
        of_file.entry(&mutant.file).or_default().push(mutant);
    }
    let roots: BTreeSet<String> = mutants.iter().map(|mutant| root_of(&mutant.file)).collect();
    let mut copy =
        Copy { top: to.to_owned(), own: Places::new(), around: Places::new(), inside: BTreeSet::new() };
    let files = files(from)?;
    for file in &files {
        let Ok(mut bytes) = fs::read(from.join(file)) else { continue };
        if let Some(mutants) = of_file.get(file.as_str()) {
            let text = String::from_utf8(bytes).map_err(|error| format!("{file}: {error}"))?;
            let spliced = splice(&text, mutants).map_err(|error| format!("{file}: {error}"))?;
            copy.inside.extend(spliced.around.iter().chain(&spliced.own).map(|(_, number)| *number));
            copy.own.insert(file.clone(), spliced.own);
            copy.around.insert(file.clone(), spliced.around);
            bytes = spliced.text.into_bytes();
        }
        if roots.contains(file) {
            // For a crate without `std`: what is put in place of a result may name it.
            let std =
                if bytes.windows(9).any(|part| part == b"#![no_std") { "extern crate std;\n" } else { "" };
            bytes.extend_from_slice(format!("\n{std}#[allow(missing_docs)]\nmod mutant;\n").as_bytes());
            let switch = to.join(file).with_file_name("mutant.rs");
            write(&switch, SWITCH.as_bytes())?;
        }
        write(&to.join(file), &bytes)?;
    }
    remove_others(to, &files, &roots)?;
    Ok(copy)
}

/// `crates/NAME/src/lib.rs` of a file of that crate.
fn root_of(file: &str) -> String {
    let folder: Vec<&str> = file.split('/').take_while(|part| *part != "src").collect();
    format!("{}/src/lib.rs", folder.join("/"))
}

/// What git knows of, or would not ignore.
fn files(from: &Path) -> Result<Vec<String>, String> {
    let output = Command::new("git")
        .current_dir(from)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .map_err(|error| format!("git does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let text = String::from_utf8(output.stdout).map_err(|error| error.to_string())?;
    Ok(text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let say = |error| format!("{}: {error}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(say)?;
    }
    fs::write(path, bytes).map_err(say)
}

/// Removes what an earlier copy has and this one has not: a test file that is gone would still be compiled.
fn remove_others(to: &Path, files: &[String], roots: &BTreeSet<String>) -> Result<(), String> {
    let mut kept: BTreeSet<PathBuf> = files.iter().map(|file| to.join(file)).collect();
    kept.extend(roots.iter().map(|root| to.join(root).with_file_name("mutant.rs")));
    let mut folders = vec![to.join("crates"), to.join("tests")];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.filter_map(Result::ok) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !kept.contains(&path) {
                fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
    }
    Ok(())
}
