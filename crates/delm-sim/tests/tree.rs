//! What the crate stands on, as a build has it: core, wire, oracle, the memory log and proptest.
//!
//! Refuses sled, tokio and HTTP: whoever tests a policy builds none of them.

use std::process::Command;

#[test]
fn no_store_runtime_or_network_is_built() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let arguments = ["tree", "-p", "delm-sim", "-e", "normal", "--prefix", "none", "--offline", "--locked"];
    let output = Command::new(cargo).args(arguments).output().unwrap();
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && tree.contains("delm-oracle"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for line in tree.lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let banned = ["sled", "tokio", "hyper", "hyper-rustls", "rustls", "delm-engine", "delm-llm", "delm"];
        assert!(!banned.contains(&name), "{line}");
    }
}
