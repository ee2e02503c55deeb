//! Recorded runs: all of them are clean, those of these tests and those that the repository replays.
//!
//! Refuses to pass on no run at all.

use std::fs;

use delm_oracle::{Judge, invariants};

use crate::kit::{Export, check, read, sample, workspace};

#[test]
fn samples_are_clean_and_written_again_to_the_byte() {
    for name in ["alone", "budget", "crash", "lease", "models"] {
        let text = sample(name);
        let report = check(&text);
        assert!(report.is_clean(), "{name}: {report:#?}");
        assert_eq!(Export::of(&text).write(), text, "{name}");
        let lines = text.lines().count() as u64;
        assert_eq!(report.entries + report.blobs + 2, lines, "{name}");
    }
}

#[test]
fn replayed_runs_are_clean() {
    let mut runs = 0;
    for set in fs::read_dir(workspace().join("replays")).unwrap() {
        for file in fs::read_dir(set.unwrap().path().join("runs")).unwrap() {
            let path = file.unwrap().path();
            let report = check(&read(&path));
            assert!(report.is_clean(), "{}: {report:#?}", path.display());
            runs += 1;
        }
    }
    assert!(runs > 0, "no run to audit");
}

#[test]
fn a_run_can_be_cut_after_any_entry() {
    for name in ["alone", "budget", "crash", "lease", "models"] {
        let run = Export::sample(name);
        for seq in 0..run.entries.len() {
            let mut prefix = run.clone();
            prefix.cut_after(seq);
            let report = prefix.report();
            assert!(report.is_clean(), "{name} after {seq}: {report:#?}");
        }
    }
}

/// A law that a log shows whole is broken by at least one test, whose name begins with its number.
#[test]
fn each_law_that_a_log_shows_is_broken_by_a_test() {
    let files = ["budget", "chain", "claims", "context", "forks", "lifecycle", "verification"];
    let tests: String = files
        .iter()
        .map(|file| read(&workspace().join(format!("crates/delm-oracle/tests/broken/{file}.rs"))))
        .collect();
    let count = tests.lines().filter(|line| line.starts_with("fn i")).count();
    assert!(count >= 30, "only {count} broken streams");
    for law in invariants().iter().filter(|law| law.judge() == Judge::Log) {
        // Damage to the stream itself is `tamper`'s.
        if ![14, 34, 39].contains(&law.number()) {
            assert!(tests.contains(&format!("fn i{:02}_", law.number())), "no test breaks {law}");
        }
    }
}
