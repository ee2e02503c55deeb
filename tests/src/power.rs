//! Power cuts, a few at each commit; `cargo run --release -p delm-tests --bin crash -- power` makes as many as time allows.
//!
//! Refuses to pass in silence where the power cannot be cut: it says on standard error what was not tested.

use std::time::Duration;

use delm_tests::crash::Plan;
use delm_tests::crash::power::power;

use crate::kit::binary;

#[test]
fn a_cut_power_takes_nothing_that_was_said() {
    let delm = binary().to_path_buf();
    let plan = Plan { delm, seed: 4, budget: Duration::from_secs(10), points_max: 2, from: 0, jobs: 2 };
    let report = power(&plan);
    if report.not_run.is_some() {
        return crate::syscalls::not_tested(&report);
    }
    assert!(report.failures.is_empty(), "{report}: {:#?}", report.failures);
    assert!(report.count("points") >= 5 && report.count("acknowledged") > 0, "{report}");
}
