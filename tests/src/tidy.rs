//! The style law of the workspace as tests: walls between crates, banned names, lengths, headers, what lies where.
//!
//! Refuses a rule that cannot fail: each has a sample here that it must catch. A message says file, line and what to do.

mod lex;
mod manifests;
mod rules;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use lex::Source;
use manifests::Manifest;
use rules::Finding;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every file of the workspace that git does not ignore, relative to its top, with `/`.
fn paths() -> Vec<String> {
    let top = top();
    let mut walk = ignore::WalkBuilder::new(&top);
    walk.hidden(false).require_git(false).git_global(false).parents(false);
    walk.filter_entry(|entry| entry.file_name() != ".git");
    let mut paths = Vec::new();
    for entry in walk.build() {
        let entry = entry.unwrap();
        if entry.file_type().is_some_and(|kind| kind.is_file()) {
            let parts = entry.path().strip_prefix(&top).unwrap().iter();
            paths.push(parts.map(|part| part.to_str().unwrap()).collect::<Vec<_>>().join("/"));
        }
    }
    paths.sort();
    assert!(paths.iter().any(|path| path == "Cargo.toml"), "walked {} and found no workspace", top.display());
    paths
}

fn read(path: &str) -> String {
    std::fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}:1: {error}"))
}

/// Every Rust file, with the files of test modules marked as tests.
fn sources() -> Vec<Source> {
    let paths = paths();
    let rust = paths.iter().filter(|path| path.ends_with(".rs"));
    let mut sources: Vec<Source> = rust.map(|path| Source::new(path, &read(path))).collect();
    mark_test_files(&mut sources);
    sources
}

/// A file named by `#[cfg(test)] mod name;` is a test throughout, and so is what lies below it.
fn mark_test_files(sources: &mut [Source]) {
    let mut roots = BTreeSet::new();
    for source in sources.iter() {
        let folder = match source.path.rsplit_once('/') {
            Some((folder, "lib.rs" | "main.rs" | "mod.rs")) => folder,
            _ => source.path.trim_end_matches(".rs"),
        };
        roots.extend(source.test_modules.iter().map(|name| format!("{folder}/{name}")));
    }
    for source in sources {
        let below = |root: &String| {
            source.path.strip_prefix(root).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        if roots.iter().any(below) {
            source.tokens.iter_mut().for_each(|token| token.test = true);
        }
    }
}

#[track_caller]
fn none(found: &[Finding]) {
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} untidy:\n{}\n", lines.len(), lines.join("\n"));
}

#[test]
fn rust_files_keep_the_style_law() {
    none(&sources().iter().flat_map(rules::of_source).collect::<Vec<_>>());
}

#[test]
fn text_files_name_no_machine_and_leave_nothing_over() {
    let mut found = Vec::new();
    for path in paths().iter().filter(|path| *path != "Cargo.lock") {
        if let Ok(text) = std::fs::read_to_string(top().join(path)) {
            found.extend(rules::of_text(path, &text));
        }
    }
    none(&found);
}

#[test]
fn crates_depend_downwards_and_own_their_libraries() {
    let paths = paths();
    let manifests = paths.iter().filter(|path| path.ends_with("/Cargo.toml"));
    let manifests: Vec<Manifest> = manifests.map(|path| Manifest::new(path, &read(path))).collect();
    assert!(manifests.len() >= 8, "only {} manifests found", manifests.len());
    none(&manifests.iter().flat_map(manifests::of_manifest).collect::<Vec<_>>());
}

#[test]
fn the_top_holds_only_what_the_map_names() {
    none(&rules::top_level(&paths()));
}

#[test]
fn no_file_is_too_big_to_clone() {
    let size = |path: &String| rules::size(path, std::fs::metadata(top().join(path)).unwrap().len());
    none(&paths().iter().flat_map(size).collect::<Vec<_>>());
}

#[test]
fn every_test_module_is_compiled() {
    let roots = ["tests/src/all.rs", "tests/src/lib.rs"].map(|path| Source::new(path, &read(path)));
    none(&rules::forgotten_modules(&paths(), &roots));
}

#[test]
fn the_readme_says_the_test_command_once() {
    none(&rules::test_command(&read("README.md")));
}

#[test]
fn the_code_map_names_every_module() {
    let is_root = |path: &&String| {
        let parts: Vec<&str> = path.split('/').collect();
        matches!(parts.as_slice(), ["crates", _, "src", "lib.rs" | "main.rs"])
    };
    let roots: Vec<Source> =
        paths().iter().filter(is_root).map(|path| Source::new(path, &read(path))).collect();
    assert!(roots.len() >= 6, "only {} crates found", roots.len());
    none(&rules::code_map(&read("crates/README.md"), &roots));
}

/// What the rules say of a sample, as `line: message`.
fn said(path: &str, text: &str) -> Vec<String> {
    let found = rules::of_source(&Source::new(path, text));
    found.into_iter().map(|finding| format!("{}: {}", finding.line, finding.say)).collect()
}

#[track_caller]
fn catches(path: &str, body: &str, starts: &str) {
    let said = said(path, &format!("//! A sample.\n{body}"));
    assert!(
        said.iter().any(|line| line.starts_with(starts)),
        "{body:?} in {path} should give {starts:?}, gave {said:?}"
    );
}

#[track_caller]
fn passes(path: &str, body: &str) {
    let said = said(path, &format!("//! A sample.\n{body}"));
    assert!(said.is_empty(), "{body:?} in {path} should pass, gave {said:?}");
}

const CORE: &str = "crates/delm-core/src/a.rs";
const WIRE: &str = "crates/delm-wire/src/a.rs";
const LOG: &str = "crates/delm-log/src/a.rs";
const LLM: &str = "crates/delm-llm/src/a.rs";
const ENGINE: &str = "crates/delm-engine/src/a.rs";
const BINARY: &str = "crates/delm/src/a.rs";

#[test]
fn a_missing_header_is_caught() {
    assert_eq!(said(LOG, "fn f() {}")[0], "1: open the file with `//!`: what it does and what it refuses");
    assert!(said(LOG, "//! Does this.\nfn f() {}").is_empty());
}

#[test]
fn a_panic_outside_tests_is_caught() {
    for body in ["a.unwrap()", "a.expect(\"b\")", "panic!()", "unreachable!()"] {
        catches(LOG, &format!("fn f() {{ {body} }}"), "2: `");
        catches(LOG, &format!("fn f() {{\n vec![{body}] }}"), "3: `");
        passes(LOG, &format!("#[cfg(test)]\nmod tests {{ fn f() {{ {body} }} }}"));
        passes(LOG, &format!("#[cfg(test)]\n#[derive(Debug)]\nstruct A;\n#[test]\nfn f() {{ {body} }}"));
        for path in ["tests/src/a.rs", "crates/delm-log/tests/a.rs", "crates/delm-core/examples/a.rs"] {
            passes(path, &format!("fn f() {{ {body} }}"));
        }
    }
    catches(LOG, "#[cfg(test)]\nmod tests {}\nfn f() { a.unwrap() }", "4: `.unwrap()`");
    catches(LOG, "#[cfg(any(test, feature = \"kit\"))]\nfn f() { a.unwrap() }", "3: `.unwrap()`");
    passes(LOG, "// a.unwrap() panic!()\nfn f() { a.unwrap_or(\"b.unwrap()\") }");
}

#[test]
fn unfinished_code_is_caught_even_in_tests() {
    for body in ["dbg!(a)", "todo!()", "unimplemented!()"] {
        catches("tests/src/a.rs", &format!("fn f() {{ {body} }}"), "2: `");
    }
}

#[test]
fn hash_order_is_caught_everywhere() {
    for name in ["HashMap", "HashSet"] {
        catches("tests/src/a.rs", &format!("use std::collections::{name};"), "2: `Hash");
    }
}

#[test]
fn speaking_outside_the_binary_is_caught() {
    for body in ["println!(\"a\")", "eprint!(\"a\")", "std::io::stdout()", "std::io::stderr()"] {
        catches(ENGINE, &format!("fn f() {{ {body} }}"), "2: `");
        passes(BINARY, &format!("fn f() {{ {body} }}"));
    }
}

#[test]
fn reading_the_environment_outside_the_binary_is_caught() {
    catches(LLM, "fn f() { std::env::var(\"A\") }", "2: `");
    catches(LLM, "use std::{env, fs};", "2: `std::env`");
    passes(LLM, "const A: &str = env!(\"CARGO_PKG_VERSION\");");
    passes(BINARY, "fn f() { std::env::var(\"A\") }");
}

#[test]
fn a_wall_between_crates_is_caught() {
    catches(WIRE, "use std::fs::File;", "2: `std::fs`");
    catches(WIRE, "use std::{collections::BTreeMap, io, fs::{read, write}};", "2: `std::fs`");
    catches(WIRE, "use std::time::Instant;\nfn f() { Instant::now() }", "3: `Instant::now`");
    passes(WIRE, "use std::time::{Duration, UNIX_EPOCH};");
    catches(ENGINE, "use tokio::net::TcpListener;", "2: `tokio::net`");
    catches(ENGINE, "fn f(a: TcpStream) {}", "2: `TcpStream`");
    catches(LOG, "use std::os::unix::net::UnixListener;", "2: `UnixListener`");
    catches(LLM, "fn f() { sled::open(\"a\") }", "2: `sled::`");
    passes(LOG, "fn f() { sled::open(\"a\") }\nuse std::fs;");
    passes(LLM, "fn f(a: TcpStream) {}");
}

#[test]
fn impurity_of_the_core_is_caught() {
    for body in [
        "use std::vec::Vec;",
        "fn f(a: f64) {}",
        "const A: u8 = 1.5;",
        "const A: u8 = 1e3;",
        "const A: u8 = 2f32;",
    ] {
        catches(CORE, body, "2: `");
    }
    for body in
        ["async fn f() {}", "fn f() { a.await }", "fn f(now: Instant) {}", "const A: u8 = (0..1.5).b;"]
    {
        catches(CORE, body, "2: `");
    }
    passes(CORE, "/// In std, 1.5 f64.\nconst A: u32 = 0x1e3 + 1_usize + a.0.1 + \"std 1.5\".len();");
    passes(CORE, "#[cfg(test)]\nmod tests { extern crate std; const A: f64 = 1.5; }");
    catches("crates/delm-core/src/lib.rs", "extern crate alloc;", "1: write `#![no_std]`");
    passes("crates/delm-core/src/lib.rs", "#![no_std]\nextern crate alloc;");
}

#[test]
fn a_lint_put_aside_without_a_reason_is_caught() {
    catches(LOG, "#[allow(dead_code)]\nfn f() {}", "2: `allow`");
    catches(LOG, "#![expect(dead_code)]\nfn f() {}", "2: `expect`");
    passes(LOG, "#[expect(dead_code, reason = \"read by the next reader\")]\nfn f() {}");
}

#[test]
fn a_long_function_is_caught() {
    let of_lines = |lines: usize| format!("fn long() {{{}}}", "\n".repeat(lines - 1));
    passes(LOG, &of_lines(rules::FUNCTION_LINES_MAX));
    catches(LOG, &of_lines(rules::FUNCTION_LINES_MAX + 1), "2: `long` has 71 lines");
    catches(LOG, &format!("trait A {{\nfn b(&self);\n{} }}", of_lines(71)), "4: `long` has 71 lines");
    passes(LOG, &format!("#[cfg(test)]\nmod tests {{ {} }}", of_lines(71)));
    passes("tests/src/a.rs", &of_lines(71));
    catches("benches/src/a.rs", &of_lines(71), "2: `long` has 71 lines");
}

#[test]
fn a_long_file_is_caught() {
    let of_lines = |lines: usize| "// a line\n".repeat(lines - 1);
    passes(LOG, &of_lines(rules::FILE_LINES_MAX));
    catches(LOG, &of_lines(rules::FILE_LINES_MAX + 1), "601: 601 lines");
    passes(LOG, &format!("{}#[cfg(test)]\nmod tests {{\n{}}}", of_lines(500), of_lines(200)));
}

#[test]
fn a_test_module_in_a_file_of_its_own_is_a_test() {
    let path = "crates/delm-log/src/journal.rs";
    let mut sources = [
        Source::new(path, "//! A.\n#[cfg(test)]\nmod samples;\nmod shipped;"),
        Source::new("crates/delm-log/src/journal/samples.rs", "//! A.\nfn f() { a.unwrap() }"),
        Source::new("crates/delm-log/src/journal/shipped.rs", "//! A.\nfn f() { a.unwrap() }"),
    ];
    mark_test_files(&mut sources);
    let found: Vec<Finding> = sources.iter().flat_map(rules::of_source).collect();
    let files: Vec<&str> = found.iter().map(|finding| finding.file.as_str()).collect();
    assert_eq!(files, ["crates/delm-log/src/journal/shipped.rs"]);
}

#[track_caller]
fn catches_text(path: &str, text: &str, starts: &str) {
    let found: Vec<String> = rules::of_text(path, text).iter().map(ToString::to_string).collect();
    assert!(
        found.len() == 1 && found[0].starts_with(starts),
        "{text:?} should give {starts:?}, gave {found:?}"
    );
}

#[test]
fn what_is_left_over_is_caught() {
    for mark in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")] {
        catches_text("a.rs", &format!("fn f() {{}}\n// {mark}: later"), "a.rs:2: `");
        assert!(rules::of_text("a.md", mark).is_empty());
    }
    assert!(rules::of_text("a.rs", concat!("let TO", "DOS = 1;")).is_empty());
}

#[test]
fn a_path_of_one_machine_is_caught() {
    for path in ["work/main", "home/me", "root/a", "tmp/a", "Users/me"] {
        catches_text("a.md", &format!("one\nsee `/{path}`"), "a.md:2: `/");
    }
    for fine in
        ["crates/home/mod.rs", "../home/a", "a tree/root/b", "$HOME/home/a", "/tmp", "/tmpfs/a", "~/root/a"]
    {
        assert!(rules::of_text("a.md", fine).is_empty(), "{fine}");
    }
}

#[test]
fn a_registry_host_is_caught() {
    catches_text("a.toml", concat!("a = \"https://static.crates", ".io/b\""), "a.toml:1: `");
    catches_text(".ci/run", concat!("pip --index https://py", "pi.org/simple"), ".ci/run:1: `");
}

#[test]
fn a_stranger_at_the_top_is_caught() {
    let found =
        rules::top_level(&["src/a.rs".into(), "src/b.rs".into(), "README.md".into(), ".ci/run".into()]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].to_string(), "src:1: the top level is full; move it into one of its folders");
}

#[test]
fn a_big_file_is_caught() {
    assert!(rules::size("a.bin", rules::FILE_BYTES_MAX).is_empty());
    assert_eq!(rules::size("a.bin", rules::FILE_BYTES_MAX + 1).len(), 1);
}

#[test]
fn a_forgotten_test_module_is_caught() {
    let paths = ["tests/src/all.rs", "tests/src/here.rs", "tests/src/here/part.rs", "tests/src/gone.rs"];
    let found =
        rules::forgotten_modules(&paths.map(String::from), &[Source::new("tests/src/all.rs", "mod here;")]);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].to_string(),
        "tests/src/gone.rs:1: never compiled; write `mod gone;` in tests/src/all.rs"
    );
}

#[test]
fn another_test_command_is_caught() {
    let fence = |lines: &str| format!("# A\n```\n{lines}\n```\ncargo test is how\n");
    assert!(rules::test_command(&fence("cargo test --workspace --locked")).is_empty());
    let wrong = ["", "cargo test", "cargo test --workspace --locked\ncargo test -p delm"];
    let lines = wrong.map(|lines| rules::test_command(&fence(lines))[0].line);
    assert_eq!(lines, [1, 3, 4]);
}

#[test]
fn a_map_that_is_not_the_land_is_caught() {
    let map = "# A\n### `delm-log`\n| module | |\n| --- | --- |\n| `here` | |\n| `gone` | |\n### `delm`\n| `other` | |\n";
    let log = "pub mod here;\nmod new;\n#[cfg(test)]\nmod tests;\nmod inline { mod deep { } }";
    let roots =
        [Source::new("crates/delm-log/src/lib.rs", log), Source::new("crates/delm-llm/src/lib.rs", "")];
    let found: Vec<String> = rules::code_map(map, &roots).iter().map(ToString::to_string).collect();
    let starts = [
        "crates/README.md:2: delm-log has a module `new`",
        "crates/README.md:6: delm-log has no module `gone`",
        "crates/README.md:1: write a section \"### `delm-llm`\"",
    ];
    assert_eq!(found.len(), starts.len(), "{found:?}");
    assert!(found.iter().zip(starts).all(|(line, start)| line.starts_with(start)), "{found:?}");
}

const LINTS: &str = "[lints]\nworkspace = true\n";

#[track_caller]
fn catches_manifest(path: &str, text: &str, starts: &str) {
    let found = manifests::of_manifest(&Manifest::new(path, text));
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(
        found.iter().any(|line| line.starts_with(starts)),
        "{text:?} should give {starts:?}, gave {found:?}"
    );
}

#[test]
fn an_edge_that_the_table_lacks_is_caught() {
    let wire = "crates/delm-wire/Cargo.toml";
    let text = |more: &str| {
        format!("{LINTS}[package]\nname = \"delm-wire\"\n[dependencies]\ndelm-core.workspace = true\n{more}")
    };
    assert!(manifests::of_manifest(&Manifest::new(wire, &text(""))).is_empty());
    catches_manifest(
        wire,
        &text("delm-log.workspace = true"),
        &format!("{wire}:7: delm-wire may not depend on delm-log"),
    );
    let build = text("[build-dependencies]\ndelm-llm = { path = \"../delm-llm\" }");
    catches_manifest(wire, &build, &format!("{wire}:8: delm-wire may not depend on delm-llm"));
    let target = text("[target.'cfg(unix)'.dependencies]\na = { package = \"delm-llm\", path = \"b\" }");
    catches_manifest(wire, &target, &format!("{wire}:8: delm-wire may not depend on delm-llm"));
    let dev = text("[dev-dependencies]\ndelm.workspace = true");
    catches_manifest(wire, &dev, &format!("{wire}:8: delm-wire may not be tested with delm"));
}

#[test]
fn a_stale_table_is_caught() {
    let text = format!("{LINTS}[package]\nname = \"delm-wire\"\n[dependencies]\n");
    catches_manifest(
        "crates/delm-wire/Cargo.toml",
        &text,
        "crates/delm-wire/Cargo.toml:5: delm-wire no longer depends",
    );
    let text = format!("{LINTS}[package]\nname = \"delm-new\"\n");
    catches_manifest("crates/delm-new/Cargo.toml", &text, "crates/delm-new/Cargo.toml:4: not in EDGES");
}

#[test]
fn a_library_outside_its_crate_is_caught() {
    let text = |line: &str| format!("{LINTS}[package]\nname = \"delm-tests\"\n[dev-dependencies]\n{line}\n");
    catches_manifest(
        "tests/Cargo.toml",
        &text("sled = \"0.34\""),
        "tests/Cargo.toml:6: only `delm-log` names sled",
    );
    catches_manifest(
        "tests/Cargo.toml",
        &text("reqwest = \"1\""),
        "tests/Cargo.toml:6: only `delm-llm` names reqwest",
    );
    let core = format!("{LINTS}[package]\nname = \"delm-core\"\n[dependencies]\nrand = \"1\"\n");
    catches_manifest(
        "crates/delm-core/Cargo.toml",
        &core,
        "crates/delm-core/Cargo.toml:6: rand: `delm-core` may not",
    );
}

#[test]
fn a_crate_without_the_workspace_lints_is_caught() {
    catches_manifest("benches/Cargo.toml", "[package]\nname = \"a\"", "benches/Cargo.toml:1: add `[lints]`");
}
