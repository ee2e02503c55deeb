//! What the auditor stands on: nothing of ours and no encoder of ours, at whatever depth.
//!
//! Refuses a dependency that the lock file brings in unseen.

use std::collections::{BTreeMap, BTreeSet};

use crate::kit::{read, workspace};

#[test]
fn no_crate_of_ours_is_below_the_auditor() {
    let lock = read(&workspace().join("Cargo.lock"));
    let mut below: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let name =
            package.lines().find_map(|line| line.strip_prefix("name = \"")).unwrap().trim_end_matches('"');
        let list = package
            .split("dependencies = [")
            .nth(1)
            .and_then(|list| list.split(']').next())
            .unwrap_or_default();
        let names = list.lines().filter_map(|line| line.trim().strip_prefix('"')?.split(['"', ' ']).next());
        below.entry(name).or_default().extend(names);
    }
    let mut reached = BTreeSet::new();
    let mut next = vec!["delm-oracle"];
    while let Some(name) = next.pop() {
        if reached.insert(name) {
            next.extend(&below[name]);
        }
    }
    assert!(reached.len() > 5, "the lock file was not read: {reached:?}");
    let ours: Vec<_> = reached
        .iter()
        .filter(|name| **name != "delm-oracle" && (name.starts_with("delm") || **name == "bincode"))
        .collect();
    assert!(ours.is_empty(), "the auditor stands on {ours:?}");
}
