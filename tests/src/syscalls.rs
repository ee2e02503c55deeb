//! Faults at system calls, some at each commit; `cargo run --release -p delm-tests --bin crash -- syscalls` tries them all.
//!
//! Refuses to pass in silence where there is no `strace`: it says on standard error what was not tested.

use std::io::Write as _;
use std::time::Duration;

use delm_tests::crash::syscalls::{order, possible, syscalls};
use delm_tests::crash::{Plan, Report};

use crate::kit::binary;

#[test]
fn nothing_is_said_before_it_is_synced() {
    if let Err(why) = possible() {
        return not_tested(&Report::not_run("the order of calls", why));
    }
    // On a busy machine the trace itself was once counted wrong; what was said too early is never tried again.
    let unread = |said: &Result<u64, String>| said.as_ref().is_err_and(|why| why.contains("not understood"));
    let said = (0..3).map(|_| order(binary())).find(|said| !unread(said));
    let said = said.expect("no trace of three was understood").unwrap();
    assert!(said >= 15, "{said} entries");
}

#[test]
fn no_fault_at_a_system_call_loses_what_was_said() {
    let delm = binary().to_path_buf();
    let plan = Plan { delm, seed: 9, budget: Duration::from_secs(15), points_max: 40, from: 0, jobs: 2 };
    let report = syscalls(&plan);
    if report.not_run.is_some() {
        return not_tested(&report);
    }
    assert!(report.failures.is_empty(), "{report}: {:#?}", report.failures);
    assert!(report.count("points") >= 10, "{report}");
}

/// Says so past what the test runner keeps to itself of tests that pass.
pub(crate) fn not_tested(report: &Report) {
    let words = format!("\n**** NOT TESTED: {report}\n");
    std::io::stderr().write_all(words.as_bytes()).unwrap();
}
