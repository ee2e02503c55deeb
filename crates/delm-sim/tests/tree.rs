//! What simulator and auditor stand on, as a build has it: of ours the core, the wire, the auditor and the memory log, and
//! proptest; the auditor stands on nothing of ours.
//!
//! Refuses sled, tokio and HTTP: whoever tests a policy builds none of them. `-p` gives the features that somebody else's
//! crate gets, not those that the workspace turns on.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::process::Command;

/// Lines of `name features`, normal dependencies alone, to a depth.
fn tree(package: &str, depth: &str) -> Vec<(String, String)> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let shape = ["--prefix", "none", "--format", "{p}|{f}", "--no-dedupe", "--depth", depth];
    let output = Command::new(cargo)
        .args(["tree", "-p", package, "-e", "normal", "--offline", "--locked"])
        .args(shape)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines
        .lines()
        .map(|line| {
            let (name, features) = line.split_once('|').unwrap();
            (name.split(' ').next().unwrap().to_owned(), features.to_owned())
        })
        .collect()
}

fn ours(tree: &[(String, String)]) -> BTreeSet<&str> {
    tree.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("delm")).collect()
}

#[test]
fn no_store_runtime_or_network_is_built() {
    let tree = tree("delm-sim", "99");
    assert_eq!(
        ours(&tree),
        BTreeSet::from(["delm-core", "delm-log", "delm-oracle", "delm-sim", "delm-wire"]),
        "delm-sim stands on other crates of ours than it may"
    );
    let names: BTreeSet<&str> = tree.iter().map(|(name, _)| name.as_str()).collect();
    assert!(names.contains("proptest") && names.len() > 20, "the tree was not read: {names:?}");
    for banned in
        ["sled", "tokio", "hyper", "hyper-util", "rustls", "http", "reqwest", "mio", "socket2", "rustix"]
    {
        assert!(!names.contains(banned), "delm-sim builds {banned}");
    }
    let log: BTreeSet<&str> =
        tree.iter().filter(|(name, _)| name == "delm-log").map(|(_, features)| features.as_str()).collect();
    assert_eq!(
        log,
        BTreeSet::from([""]),
        "the log is built with features: only its trait and memory are meant"
    );
}

#[test]
fn what_the_simulator_names_itself_is_what_it_is_allowed() {
    let tree = tree("delm-sim", "1");
    let names: BTreeSet<&str> = tree.iter().map(|(name, _)| name.as_str()).skip(1).collect();
    let allowed = ["blake3", "delm-core", "delm-log", "delm-oracle", "delm-wire", "proptest", "thiserror"];
    assert_eq!(names, BTreeSet::from(allowed));
}

#[test]
fn the_auditor_stands_on_nothing_of_ours() {
    let tree = tree("delm-oracle", "99");
    assert_eq!(ours(&tree), BTreeSet::from(["delm-oracle"]));
    assert!(tree.iter().all(|(name, _)| name != "bincode"), "the auditor uses the encoder of stored bytes");
}
