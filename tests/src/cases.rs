//! How many cases of proptest one run of the test command tries: at least 5,000, counted from the sources themselves.
//!
//! Refuses a file with properties that is not in the table, and a table that says other than the file. `PROPTEST_CASES`, if it
//! is set, changes most of them; the count is of a run without it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::kit::top;

/// Of one commit's tests, at least.
const CASES_MIN: usize = 5_000;

/// What proptest does if it is not told.
const USUAL: usize = 256;

/// Files with properties: how many, how many cases each tries, and the words in which the file says so.
const TABLE: &[(&str, usize, usize, &str)] = &[
    ("crates/delm-core/src/influence/tests.rs", 4, USUAL, ""),
    ("crates/delm-core/src/text.rs", 1, USUAL, ""),
    ("crates/delm-core/src/text/quote.rs", 2, USUAL, ""),
    ("crates/delm-core/src/text/split.rs", 1, USUAL, ""),
    ("crates/delm-core/tests/check.rs", 2, USUAL, ""),
    ("crates/delm-core/tests/extractive.rs", 1, USUAL, ""),
    ("crates/delm-core/tests/forks.rs", 1, 128, "proptest_config(config(128))"),
    ("crates/delm-core/tests/properties.rs", 2, 300, "proptest_config(config(300))"),
    ("crates/delm-log/tests/model.rs", 1, 48, "unwrap_or(48)"),
    ("crates/delm-oracle/tests/tamper.rs", 2, 300, "cases: 300,"),
    ("crates/delm-oracle/tests/vectors.rs", 2, 200, "cases: 200,"),
    ("crates/delm-sim/tests/state_machine.rs", 1, 1_500, "unwrap_or(1_500)"),
    ("crates/delm-wire/tests/export.rs", 2, 128, "with_cases(128)"),
];

/// Properties of a text: functions within `proptest! { … }`, and each `proptest!(config, |…| …)`.
fn properties(text: &str) -> usize {
    let mut found = 0;
    // How far the block that is being read stands in, if one is.
    let mut block: Option<usize> = None;
    for line in text.lines() {
        let inside = line.trim_start();
        let depth = line.len() - inside.len();
        match block {
            Some(begun) if depth == begun && inside.starts_with('}') => block = None,
            Some(begun) => found += usize::from(depth == begun + 4 && inside.starts_with("fn ")),
            None if inside.starts_with("proptest! {") => block = Some(depth),
            None => found += usize::from(inside.starts_with("proptest!(")),
        }
    }
    found
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn a_run_of_the_tests_tries_five_thousand_cases() {
    let mut files = Vec::new();
    ["crates", "tests"].iter().for_each(|folder| rust_files(&top().join(folder), &mut files));
    assert!(files.len() > 100, "only {} files were found", files.len());
    let mut counted = 0;
    let mut met = 0;
    for path in files {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(top()).unwrap().to_str().unwrap();
        let row = TABLE.iter().find(|row| row.0 == name);
        let (wanted, cases, words) = row.map_or((0, 0, ""), |row| (row.1, row.2, row.3));
        assert_eq!(properties(&text), wanted, "{name}: put the number of its properties into the table");
        let settings = text.matches("cases:").count() + text.matches("with_cases").count();
        let said = if words.is_empty() { wanted == 0 || settings == 0 } else { text.contains(words) };
        assert!(said, "{name}: it does not say {cases} cases in the words of the table");
        counted += wanted * cases;
        met += usize::from(row.is_some());
    }
    assert_eq!(met, TABLE.len(), "a file of the table is gone");
    assert!(counted >= CASES_MIN, "{counted} cases a run, {CASES_MIN} are promised");
}
