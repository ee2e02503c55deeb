//! What cannot be switched at run time, tried by cargo-mutants itself: a build for each.
//!
//! Refuses to count what cargo-mutants did not say a word about.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::list::Mutant;
use crate::trial::Fate;

/// Tries `mutants`, which are of one package, for at most `limit`; its words go to a folder below `out`.
pub fn run(
    top: &Path,
    out: &Path,
    target: &Path,
    mutants: &[&Mutant],
    limit: Duration,
) -> Result<Vec<(u32, Fate)>, String> {
    let Some(first) = mutants.first() else { return Ok(Vec::new()) };
    let out = out.join(format!("rest-{}", first.package));
    let _ = fs::remove_dir_all(&out);
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let names: Vec<String> = mutants.iter().map(|mutant| escaped(&mutant.name)).collect();
    let status = Command::new("timeout")
        .current_dir(top)
        .args([
            "--signal=INT",
            &limit.as_secs().max(1).to_string(),
            "cargo",
            "mutants",
            "--package",
            &first.package,
        ])
        .args(["--test-package", &first.package, "--minimum-test-timeout", "60", "--no-shuffle"])
        .args(["--colors", "never", "--re", &format!("^({})$", names.join("|"))])
        .arg("--output")
        .arg(&out)
        .env("CARGO_TARGET_DIR", target)
        .env("PROPTEST_RNG_SEED", "1")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|error| format!("timeout does not start: {error}"))?;
    let lists = [
        ("caught.txt", Fate::Killed("cargo-mutants".into())),
        ("missed.txt", Fate::Missed(1)),
        ("timeout.txt", Fate::Hung),
        ("unviable.txt", Fate::Unviable),
    ];
    let mut fates = BTreeMap::new();
    for (list, fate) in lists {
        let text = fs::read_to_string(out.join("mutants.out").join(list)).unwrap_or_default();
        fates.extend(text.lines().map(|line| (line.trim().to_owned(), fate.clone())));
    }
    // 0: all killed; 2: some missed; 3: some hang; 124 and 130: the time was up.
    if !matches!(status.code(), Some(0 | 2 | 3 | 124 | 130)) {
        return Err(format!("cargo mutants ended with {status}; see {}", out.display()));
    }
    Ok(mutants.iter().filter_map(|mutant| Some((mutant.number, fates.get(&mutant.name)?.clone()))).collect())
}

/// A name as a regular expression that it alone fits.
fn escaped(name: &str) -> String {
    let mut escaped = String::new();
    for letter in name.chars() {
        if !letter.is_alphanumeric() && letter != ' ' && letter != '_' {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}
