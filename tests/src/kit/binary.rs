//! Where the binary under test is: beside the test's own executable, built anew if it is missing or older than the code.
//!
//! Refuses to test yesterday's code. `env!("CARGO_BIN_EXE_delm")` is only for tests of the package that has the binary,
//! so it is looked for in `target/PROFILE`; `cargo test --workspace` has put it there already, because `crates/delm` has
//! an integration test. A test run of this package alone calls `cargo build` once. `TEST_BINARY` names another one,
//! an installed one say.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

use super::top;

/// The path of `delm`.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(other) = std::env::var_os("TEST_BINARY") {
            return other.into();
        }
        let test = std::env::current_exe().unwrap();
        // target/PROFILE/deps/all-0123456789abcdef
        let profile = test.parent().and_then(Path::parent).unwrap();
        let binary = profile.join("delm");
        let built = std::fs::metadata(&binary).and_then(|data| data.modified()).ok();
        if built.is_none_or(|built| built < newest_source()) {
            build(profile);
        }
        assert!(binary.is_file(), "no binary at {}", binary.display());
        binary
    })
}

fn build(profile: &Path) {
    let name = match profile.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "-p", "delm", "--locked", "--quiet", "--profile", name]);
    command.arg("--target-dir").arg(profile.parent().unwrap()).current_dir(top());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// When what the binary is made of was last changed.
fn newest_source() -> SystemTime {
    let mut walk = ignore::WalkBuilder::new(top().join("crates"));
    walk.add(top().join("Cargo.lock")).add(top().join("replays/harrow-light/sources"));
    let times = walk.build().filter_map(|item| {
        let item = item.unwrap();
        let made_of = item.file_type().is_some_and(|kind| kind.is_file())
            && !item.path().components().any(|part| part.as_os_str() == "tests");
        made_of.then(|| item.metadata().unwrap().modified().unwrap())
    });
    times.max().unwrap()
}
