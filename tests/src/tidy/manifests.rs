//! The walls between our crates, as their manifests state them: who depends on whom, and who may name what.
//!
//! Refuses an edge that is not in `EDGES`, and an entry of `EDGES` that no manifest has: the table is the truth.

use std::collections::BTreeSet;

use super::rules::{Finding, finding};

/// Design table: a crate and the crates of ours it is built on. A new edge is a decision: write it here first.
const EDGES: &[(&str, &[&str])] = &[
    ("delm-core", &[]),
    ("delm-wire", &["delm-core"]),
    ("delm-log", &["delm-core"]),
    ("delm-llm", &["delm-core"]),
    // It judges what the others wrote: standing on none of them is its whole worth.
    ("delm-oracle", &[]),
    ("delm-engine", &["delm-core", "delm-llm", "delm-log"]),
    // The log's trait and memory alone: no feature of it is on.
    ("delm-sim", &["delm-core", "delm-log", "delm-oracle", "delm-wire"]),
    ("delm", &["delm-core", "delm-engine", "delm-llm", "delm-log", "delm-oracle", "delm-wire"]),
];

/// Libraries the pure core may use: none of them has a clock, a file, a thread or a source of chance in it.
const CORE_LIBRARIES: &[&str] = &["bincode", "blake3", "rpds", "serde", "serde_json", "sha2", "thiserror"];

/// Libraries that belong to one crate: (library, owner, why).
const OWNED: &[(&str, &str, &str)] = &[
    ("sled", "delm-log", "the store is rebuilt from the journal, and only its owner knows how"),
    ("bincode", "delm-core", "stored bytes have one encoder"),
    ("async-openai", "delm-llm", ONE_CALLER),
    ("attohttpc", "delm-llm", ONE_CALLER),
    ("awc", "delm-llm", ONE_CALLER),
    ("curl", "delm-llm", ONE_CALLER),
    ("ehttp", "delm-llm", ONE_CALLER),
    ("genai", "delm-llm", ONE_CALLER),
    ("hyper", "delm-llm", ONE_CALLER),
    ("hyper-rustls", "delm-llm", ONE_CALLER),
    ("hyper-util", "delm-llm", ONE_CALLER),
    ("isahc", "delm-llm", ONE_CALLER),
    ("minreq", "delm-llm", ONE_CALLER),
    ("reqwest", "delm-llm", ONE_CALLER),
    ("rig-core", "delm-llm", ONE_CALLER),
    ("surf", "delm-llm", ONE_CALLER),
    ("ureq", "delm-llm", ONE_CALLER),
];
const ONE_CALLER: &str = "one crate opens outbound connections";

/// What one manifest says that a rule asks about.
#[derive(Debug)]
pub(super) struct Manifest {
    path: String,
    text: String,
    name: String,
    /// Names of normal and build dependencies, on whatever platform.
    builds_on: BTreeSet<String>,
    /// Names of dev-dependencies.
    tests_with: BTreeSet<String>,
    takes_workspace_lints: bool,
}

impl Manifest {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{path}:1: {error}"));
        let name = table.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
        let lints =
            table.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        let mut builds_on = named(&table, "dependencies");
        builds_on.extend(named(&table, "build-dependencies"));
        Self {
            path: path.into(),
            text: text.into(),
            name: name.unwrap_or_default().into(),
            builds_on,
            tests_with: named(&table, "dev-dependencies"),
            takes_workspace_lints: lints.unwrap_or_default(),
        }
    }

    fn is_ours(&self) -> bool {
        self.path.starts_with("crates/")
    }

    fn finding(&self, word: &str, say: impl Into<String>) -> Finding {
        let key = |line: &str| {
            line.strip_prefix(word)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
        };
        let quoted = format!("\"{word}\"");
        let mut lines = self.text.lines();
        let line = lines.position(key).or_else(|| self.text.lines().position(|line| line.contains(&quoted)));
        let line = line.unwrap_or_default() + 1;
        finding(&self.path, line, say)
    }
}

/// The packages one kind of dependency names, those of each platform included; a renamed one by its true name.
fn named(table: &toml::Table, kind: &str) -> BTreeSet<String> {
    let platforms = table.get("target").and_then(toml::Value::as_table);
    let platforms =
        platforms.into_iter().flat_map(|targets| targets.values()).filter_map(toml::Value::as_table);
    let lists = std::iter::once(table).chain(platforms).filter_map(|table| table.get(kind)?.as_table());
    let true_name = |(key, value): (&String, &toml::Value)| {
        value.get("package").and_then(toml::Value::as_str).unwrap_or(key).to_owned()
    };
    lists.flatten().map(true_name).collect()
}

pub(super) fn of_manifest(manifest: &Manifest) -> Vec<Finding> {
    let mut found = Vec::new();
    if !manifest.takes_workspace_lints {
        found.push(manifest.finding("[package]", "add `[lints]` with `workspace = true`"));
    }
    for (library, owner, why) in OWNED {
        let names = manifest.builds_on.contains(*library) || manifest.tests_with.contains(*library);
        if names && manifest.name != *owner {
            found.push(manifest.finding(library, format!("only `{owner}` names {library}: {why}")));
        }
    }
    if manifest.is_ours() {
        found.extend(edges(manifest));
    }
    if manifest.name == "delm-core" {
        for library in manifest.builds_on.iter().filter(|name| !CORE_LIBRARIES.contains(&name.as_str())) {
            let say =
                "`delm-core` may not use it yet; if it is pure, say so in CORE_LIBRARIES of tests/src/tidy";
            found.push(manifest.finding(library, format!("{library}: {say}")));
        }
    }
    found
}

fn edges(manifest: &Manifest) -> Vec<Finding> {
    let Some((_, table)) = EDGES.iter().find(|(name, _)| *name == manifest.name) else {
        return vec![
            manifest.finding("name", "not in EDGES of tests/src/tidy; say what it stands on and forbids"),
        ];
    };
    let mut found = Vec::new();
    for name in manifest.builds_on.iter().filter(|name| is_our_name(name) && !table.contains(&name.as_str()))
    {
        let say = format!("{} may not depend on {name}; dependencies point down (EDGES)", manifest.name);
        found.push(manifest.finding(name, say));
    }
    for name in table.iter().filter(|name| !manifest.builds_on.contains(**name)) {
        let say = format!("{} no longer depends on {name}; take the edge out of EDGES", manifest.name);
        found.push(manifest.finding("[dependencies]", say));
    }
    for name in manifest.tests_with.iter().filter(|name| is_our_name(name) && reaches(name, &manifest.name)) {
        let say = format!(
            "{} may not be tested with {name}, which stands on it; test it from above",
            manifest.name
        );
        found.push(manifest.finding(name, say));
    }
    found
}

fn is_our_name(name: &str) -> bool {
    name == "delm" || name.starts_with("delm-")
}

/// Whether `upper` stands on `lower`, at whatever height, or is it.
fn reaches(upper: &str, lower: &str) -> bool {
    let below = EDGES.iter().find(|(name, _)| *name == upper).map(|(_, below)| *below).unwrap_or_default();
    upper == lower || below.iter().any(|name| reaches(name, lower))
}
