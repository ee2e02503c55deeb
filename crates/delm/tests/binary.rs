//! The binary starts and says what it is; that an integration test is here makes `cargo test --workspace` build it, and
//! the package `delm-tests` finds it beside its own executable.
//!
//! Refuses to test what it does: sessions of the whole are in `tests`.

use std::process::Command;

#[test]
fn it_says_its_version() {
    let output = Command::new(env!("CARGO_BIN_EXE_delm")).arg("--version").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), concat!("delm ", env!("CARGO_PKG_VERSION"), "\n"));
    assert!(output.status.success());
}
