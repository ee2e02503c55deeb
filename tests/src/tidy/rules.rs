//! The style law as functions from one file to findings; each finding says where and what to do instead.
//!
//! Refuses to read the disk: a rule sees a path and a text, so that a sample can show that it catches.

use std::fmt;

use super::lex::{Kind, Source, Token};

/// A function longer than this hides a second one.
pub(super) const FUNCTION_LINES_MAX: usize = 70;
/// A file longer than this is two rooms; its tests are not counted.
pub(super) const FILE_LINES_MAX: usize = 600;
/// A tracked file above this belongs in a release, not in every clone.
pub(super) const FILE_BYTES_MAX: u64 = 400_000;

/// One breach of a rule.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) file: String,
    pub(super) line: usize,
    pub(super) say: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file, self.line, self.say)
    }
}

pub(super) fn finding(file: &str, line: usize, say: impl Into<String>) -> Finding {
    Finding { file: file.into(), line, say: say.into() }
}

/// Who is spared a ban.
enum Spared {
    /// Nobody, not even a test.
    Nobody,
    /// Tests, and these crates.
    TestsAnd(&'static [&'static str]),
}

struct Ban {
    spelled: &'static [&'static str],
    spared: Spared,
    instead: &'static str,
}

const fn ban(spelled: &'static [&'static str], spared: Spared, instead: &'static str) -> Ban {
    Ban { spelled, spared, instead }
}

const NO_PANIC: &str = "no input may panic; return an error (or keep it to tests)";
const NO_SCREEN: &str = "only the binary `delm` speaks to the terminal; return the text, or use `tracing`";
const NO_SOCKET: &str = "only `delm-llm` opens outbound connections, and the engine listens to nobody";
const NO_LOCAL_SOCKET: &str = "only the binary `delm` answers others on a local socket";
const CLOCKED: &[&str] = &["delm", "delm-engine", "delm-llm", "delm-log"];
/// Crates with a command line of their own.
const COMMANDS: &[&str] = &["delm", "delm-sim"];
const NO_CLOCK: &str = "time enters as data here; take it as an argument";
const NO_HASH_ORDER: &str = "its order differs between runs of the program; use the B-tree kind";

const BANS: &[Ban] = &[
    ban(&[concat!("Hash", "Map")], Spared::Nobody, NO_HASH_ORDER),
    ban(&[concat!("Hash", "Set")], Spared::Nobody, NO_HASH_ORDER),
    ban(&["dbg", "!"], Spared::Nobody, "take it out"),
    ban(&["todo", "!"], Spared::Nobody, "finish it, or leave it out"),
    ban(&["unimplemented", "!"], Spared::Nobody, "finish it, or leave it out"),
    ban(&[".", "unwrap", "(", ")"], Spared::TestsAnd(&[]), NO_PANIC),
    ban(&[".", "expect", "("], Spared::TestsAnd(&[]), NO_PANIC),
    ban(&["panic", "!"], Spared::TestsAnd(&[]), NO_PANIC),
    ban(&["unreachable", "!"], Spared::TestsAnd(&[]), NO_PANIC),
    ban(&["println", "!"], Spared::TestsAnd(COMMANDS), NO_SCREEN),
    ban(&["print", "!"], Spared::TestsAnd(COMMANDS), NO_SCREEN),
    ban(&["eprintln", "!"], Spared::TestsAnd(COMMANDS), NO_SCREEN),
    ban(&["eprint", "!"], Spared::TestsAnd(COMMANDS), NO_SCREEN),
    ban(&["stdout", "("], Spared::TestsAnd(COMMANDS), NO_SCREEN),
    ban(&["stderr", "("], Spared::TestsAnd(COMMANDS), NO_SCREEN),
    ban(
        &["env", ":", ":"],
        Spared::TestsAnd(COMMANDS),
        "only the binary `delm` reads the environment; take the value as an argument",
    ),
    ban(
        &["sled", ":", ":"],
        Spared::TestsAnd(&["delm-log"]),
        "only `delm-log` names sled; use its `Log` trait",
    ),
    ban(&["TcpStream"], Spared::TestsAnd(&["delm-llm"]), NO_SOCKET),
    ban(&["UdpSocket"], Spared::TestsAnd(&["delm-llm"]), NO_SOCKET),
    ban(&["TcpListener"], Spared::TestsAnd(&[]), NO_SOCKET),
    ban(&["SystemTime", ":", ":", "now"], Spared::TestsAnd(CLOCKED), NO_CLOCK),
    ban(&["Instant", ":", ":", "now"], Spared::TestsAnd(CLOCKED), NO_CLOCK),
    ban(&["UnixListener"], Spared::TestsAnd(&["delm"]), NO_LOCAL_SOCKET),
    ban(&["UnixStream"], Spared::TestsAnd(&["delm"]), NO_LOCAL_SOCKET),
];

/// Modules of a library that a crate may not take from: (crate, library, modules, why).
const WALLS: &[(&str, &str, &[&str], &str)] = &[
    (
        "delm-wire",
        "std",
        &["env", "fs", "net", "os", "process", "thread"],
        "`delm-wire` converts; it does no IO",
    ),
    ("delm-log", "std", &["env", "net"], "`delm-log` knows no network and no environment"),
    (
        "delm-llm",
        "std",
        &["env"],
        "only the binary `delm` reads the environment; take the value as an argument",
    ),
    ("delm-engine", "std", &["env", "net"], "`delm-engine` has no environment and no sockets"),
    ("delm-engine", "tokio", &["net"], "`delm-engine` has no sockets; `delm-llm` calls, `delm` listens"),
];

/// What the pure core never names.
const CORE_NEVER: &[(&str, &str)] = &[
    ("std", "`delm-core` is no_std; use `core` or `alloc`"),
    ("f32", "`delm-core` counts in integers; a float differs between machines"),
    ("f64", "`delm-core` counts in integers; a float differs between machines"),
    ("async", "`delm-core` is sans-IO; return what should happen and let the engine wait"),
    ("await", "`delm-core` is sans-IO; return what should happen and let the engine wait"),
    ("SystemTime", "time enters `delm-core` as data: take `at`"),
    ("Instant", "time enters `delm-core` as data: take `at`"),
];

/// All rules that look at one Rust file.
pub(super) fn of_source(source: &Source) -> Vec<Finding> {
    let mut found = header(source);
    found.extend(bans(source));
    found.extend(walls(source));
    found.extend(pure_core(source));
    found.extend(lints_have_reasons(source));
    found.extend(lengths(source));
    found
}

/// All rules that look at one text file, Rust or not.
pub(super) fn of_text(path: &str, text: &str) -> Vec<Finding> {
    let mut found = leftovers(path, text);
    found.extend(machine_paths(path, text));
    found.extend(registry_hosts(path, text));
    found
}

fn header(source: &Source) -> Vec<Finding> {
    if source.text.starts_with("//!") {
        return Vec::new();
    }
    vec![finding(&source.path, 1, "open the file with `//!`: what it does and what it refuses")]
}

fn bans(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        for ban in BANS.iter().filter(|ban| source.spells(at, ban.spelled)) {
            let spared = match ban.spared {
                Spared::Nobody => false,
                Spared::TestsAnd(crates) => {
                    token.test || !source.is_shipped() || crates.contains(&source.package())
                }
            };
            if !spared {
                let say = format!("`{}`: {}", ban.spelled.concat(), ban.instead);
                found.push(finding(&source.path, token.line, say));
            }
        }
    }
    found
}

fn walls(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for (_, library, modules, why) in WALLS.iter().filter(|wall| wall.0 == source.package()) {
        for taken in source.taken_from(library) {
            if !taken.test && source.is_shipped() && modules.contains(&taken.text.as_str()) {
                found.push(finding(&source.path, taken.line, format!("`{library}::{}`: {why}", taken.text)));
            }
        }
    }
    found
}

fn pure_core(source: &Source) -> Vec<Finding> {
    if source.package() != "delm-core" || !source.is_shipped() {
        return Vec::new();
    }
    let mut found = Vec::new();
    let no_std = ["#", "!", "[", "no_std", "]"];
    if source.path.ends_with("src/lib.rs") && !(0..source.tokens.len()).any(|at| source.spells(at, &no_std)) {
        found.push(finding(&source.path, 1, "write `#![no_std]`: the core has no operating system"));
    }
    for (at, token) in source.tokens.iter().enumerate().filter(|(_, token)| !token.test) {
        if let Some((name, why)) = CORE_NEVER.iter().find(|(name, _)| source.spells(at, &[name])) {
            found.push(finding(&source.path, token.line, format!("`{name}`: {why}")));
        } else if is_float(&source.tokens, at) {
            let say =
                format!("`{}`: `delm-core` counts in integers; a float differs between machines", token.text);
            found.push(finding(&source.path, token.line, say));
        }
    }
    found
}

/// A number with a point, an exponent or a float's suffix; `pair.0.1` is two fields, not a number.
fn is_float(tokens: &[Token], at: usize) -> bool {
    let Some(token) = tokens.get(at).filter(|token| token.kind == Kind::Literal) else { return false };
    if !token.text.starts_with(|c: char| c.is_ascii_digit()) {
        return false;
    }
    let point_before = |back: usize| at >= back && tokens[at - back].text == ".";
    if point_before(1) && !point_before(2) {
        return false;
    }
    let other_base = ["0x", "0o", "0b"].iter().any(|base| token.text.starts_with(base));
    let suffixed = token.text.ends_with("f32") || token.text.ends_with("f64");
    !other_base
        && (token.text.contains('.')
            || suffixed
            || token.text.contains(['e', 'E']) && !token.text.contains("size"))
}

fn lints_have_reasons(source: &Source) -> Vec<Finding> {
    let mut found = Vec::new();
    for (at, token) in source.tokens.iter().enumerate() {
        let Some(Token { kind: Kind::Open { close }, .. }) = source.tokens.get(at + 1) else { continue };
        let in_attribute = at > 0 && ["[", ","].contains(&source.tokens[at - 1].text.as_str());
        let lint = token.kind == Kind::Ident && ["allow", "expect"].contains(&token.text.as_str());
        if lint && in_attribute && !source.tokens[at..*close].iter().any(|inner| inner.text == "reason") {
            let say = format!("`{}` without a reason; write `#[expect(…, reason = \"…\")]`", token.text);
            found.push(finding(&source.path, token.line, say));
        }
    }
    found
}

fn lengths(source: &Source) -> Vec<Finding> {
    if source.package() == "tests" || !source.is_shipped() && source.package() != "benches" {
        return Vec::new();
    }
    let mut found = Vec::new();
    for function in source.functions().iter().filter(|function| function.lines > FUNCTION_LINES_MAX) {
        let say = format!(
            "`{}` has {} lines of at most {FUNCTION_LINES_MAX}; cut it up",
            function.name, function.lines
        );
        found.push(finding(&source.path, function.line, say));
    }
    let lines = source.lines_outside_tests();
    if lines > FILE_LINES_MAX {
        let say = format!("{lines} lines of at most {FILE_LINES_MAX} outside tests; make two rooms of it");
        found.push(finding(&source.path, lines, say));
    }
    found
}

const CODE_ENDINGS: &[&str] = &[".rs", ".toml", ".py", ".sh", ".ci/run"];

fn leftovers(path: &str, text: &str) -> Vec<Finding> {
    if !CODE_ENDINGS.iter().any(|ending| path.ends_with(ending)) {
        return Vec::new();
    }
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];
    by_line(path, text, |line| {
        let mut words = line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mark = words.find(|word| marks.contains(word))?;
        Some(format!("`{mark}` is left over; do it, or open an issue and take it out"))
    })
}

fn machine_paths(path: &str, text: &str) -> Vec<Finding> {
    let roots = ["work/", "home/", "root/", "Users/", "tmp/"].map(|root| format!("/{root}"));
    by_line(path, text, |line| {
        let root = roots.iter().find(|root| names_path(line, root))?;
        Some(format!("`{root}` is a path of one machine; make it relative, or make a temporary folder"))
    })
}

/// Whether `root` begins a path in `line`, rather than going on with one (`crates/x/home/`) or with a word.
fn names_path(line: &str, root: &str) -> bool {
    line.match_indices(root).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let goes_on = |c: char| c.is_alphanumeric() || "._-~})".contains(c);
        !before.is_some_and(goes_on)
    })
}

fn registry_hosts(path: &str, text: &str) -> Vec<Finding> {
    let hosts = [
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("registry.npmjs", ".org"),
        concat!("py", "pi.org"),
        concat!("files.python", "hosted.org"),
        concat!("proxy.golang", ".org"),
        concat!("deb.debian", ".org"),
        concat!("repo.maven.apache", ".org"),
        concat!("art", "ifactory"),
    ];
    by_line(path, text, |line| {
        let host = hosts.iter().find(|host| line.contains(*host))?;
        Some(format!("`{host}` is a package registry's host; packages come by name"))
    })
}

fn by_line(path: &str, text: &str, rule: impl Fn(&str) -> Option<String>) -> Vec<Finding> {
    let lines = text.lines().enumerate();
    lines.filter_map(|(at, line)| Some(finding(path, at + 1, rule(line)?))).collect()
}

/// What may lie at the top besides dotted files.
const TOP: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "benches",
    "crates",
    "replays",
    "schemas",
    "tests",
];

pub(super) fn top_level(paths: &[String]) -> Vec<Finding> {
    let tops = paths.iter().filter_map(|path| path.split('/').next());
    let strangers = tops.filter(|top| !top.starts_with('.') && !TOP.contains(top));
    let strangers: std::collections::BTreeSet<&str> = strangers.collect();
    strangers
        .into_iter()
        .map(|top| finding(top, 1, "the top level is full; move it into one of its folders"))
        .collect()
}

pub(super) fn size(path: &str, bytes: u64) -> Vec<Finding> {
    if bytes <= FILE_BYTES_MAX {
        return Vec::new();
    }
    vec![finding(
        path,
        1,
        format!("{bytes} bytes of at most {FILE_BYTES_MAX}; make it smaller, or generate it"),
    )]
}

/// Every file of `tests/src` is compiled: a forgotten `mod` is a test that never fails.
pub(super) fn forgotten_modules(paths: &[String], roots: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for path in paths {
        let Some(name) = path.strip_prefix("tests/src/").and_then(|name| name.strip_suffix(".rs")) else {
            continue;
        };
        let declared = |root: &Source| (0..root.tokens.len()).any(|at| root.spells(at, &["mod", name]));
        if !name.contains('/') && !["all", "lib"].contains(&name) && !roots.iter().any(declared) {
            found.push(finding(path, 1, format!("never compiled; write `mod {name};` in tests/src/all.rs")));
        }
    }
    found
}

/// The README says the test command once, and `.ci/run` reads it there.
pub(super) fn test_command(readme: &str) -> Vec<Finding> {
    let mut fenced = false;
    let mut commands = Vec::new();
    for (at, line) in readme.lines().enumerate() {
        fenced ^= line.starts_with("```");
        if fenced && line.starts_with("cargo test") {
            commands.push((at + 1, line));
        }
    }
    match commands.as_slice() {
        [(_, "cargo test --workspace --locked")] => Vec::new(),
        [(line, other)] => {
            vec![finding(
                "README.md",
                *line,
                format!("`{other}`: the test command is `cargo test --workspace --locked`"),
            )]
        }
        [] => vec![finding("README.md", 1, "say the test command, on a line of its own in a code fence")],
        [_, (line, _), ..] => {
            vec![finding("README.md", *line, "say the test command once; `.ci/run` reads it")]
        }
    }
}

/// The code map names every module at the top of every crate, and no other.
///
/// `roots` are the `lib.rs` and `main.rs` of our crates.
pub(super) fn code_map(map: &str, roots: &[Source]) -> Vec<Finding> {
    let mut found = Vec::new();
    for (place, root) in roots.iter().enumerate() {
        // A crate that is a library and a program has one section for the modules of both.
        let same = |other: &&Source| other.package() == root.package();
        if roots.iter().take(place).any(|other| same(&other)) {
            continue;
        }
        let heading = format!("### `{}`", root.package());
        let modules: Vec<String> = roots.iter().filter(same).flat_map(modules_of).collect();
        let Some(at) = map.lines().position(|line| line == heading) else {
            let say = format!("write a section \"{heading}\" with a row for each of its modules");
            found.push(finding(MAP, 1, say));
            continue;
        };
        let section = map.lines().enumerate().skip(at + 1).take_while(|(_, line)| !line.starts_with('#'));
        let row = |(at, line): (usize, &str)| {
            Some((at + 1, line.strip_prefix("| `")?.split('`').next()?.to_owned()))
        };
        let rows: Vec<(usize, String)> = section.filter_map(row).collect();
        for module in modules.iter().filter(|module| !rows.iter().any(|(_, row)| row == *module)) {
            let say = format!("{} has a module `{module}`; give it a row", root.package());
            found.push(finding(MAP, at + 1, say));
        }
        for (line, row) in rows.iter().filter(|(_, row)| !modules.contains(row)) {
            let say = format!("{} has no module `{row}`; take its row out", root.package());
            found.push(finding(MAP, *line, say));
        }
    }
    found
}

const MAP: &str = "crates/README.md";

/// What a crate's root declares with `mod`, tests left out.
fn modules_of(root: &Source) -> Vec<String> {
    let declared = |pair: &[Token]| match pair {
        [word, name, end]
            if word.text == "mod" && name.kind == Kind::Ident && end.text == ";" && !word.test =>
        {
            Some(name.text.clone())
        }
        _ => None,
    };
    root.tokens.windows(3).filter_map(declared).collect()
}
