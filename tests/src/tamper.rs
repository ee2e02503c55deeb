//! Damage of stores and exports, at each commit: every bit of one small log and its export, logs cut at every entry and every
//! byte of the last record, drawn edits, lost index files, live copies. `crash damage` tries every bit of many logs.
//!
//! Refuses to be taken for all of it when its time was up: then it fails. Three logs are cut here, with their index; twenty are
//! in `delm-log`'s own test, where the journal alone answers.

use std::time::Duration;

use delm_tests::crash::damage::{Extent, damage};
use delm_tests::crash::{Plan, Report};

use crate::kit::binary;

const NOTHING: Extent = Extent {
    logs: 1,
    logs_flipped: 0,
    exports_flipped: 0,
    logs_cut: 0,
    edits: 0,
    indexes: 0,
    copies: 0,
    small: true,
};

fn tried(extent: Extent) -> Report {
    let delm = binary().to_path_buf();
    let plan =
        Plan { delm, seed: 7, budget: Duration::from_secs(300), points_max: u64::MAX, from: 0, jobs: 2 };
    let report = damage(&plan, &extent);
    assert!(report.failures.is_empty(), "{report}: {:#?}", report.failures);
    assert_eq!(report.count("NOT-ALL-cases-left"), 0, "{report}");
    report
}

#[test]
fn every_flipped_bit_of_a_log_and_its_export_is_named_or_healed() {
    let report = tried(Extent { logs_flipped: 1, exports_flipped: 1, ..NOTHING });
    assert_eq!(report.count("journal-flips"), report.count("journal-bits"), "{report}");
    assert_eq!(report.count("export-flips"), report.count("export-bits"), "{report}");
    assert_eq!(report.count("anchor-flips"), 8 * 2 * 96, "{report}");
    assert!(report.count("journal-flips") >= 50_000 && report.count("export-flips") >= 100_000, "{report}");
}

#[test]
fn logs_are_cut_at_every_entry_and_every_byte_of_their_last_record() {
    let report = tried(Extent { logs: 3, logs_cut: 3, ..NOTHING });
    assert!(report.count("lengths-cut") >= 500 && report.count("lengths-lost") >= 500, "{report}");
}

#[test]
fn what_is_edited_lost_or_copied_is_named_or_healed() {
    let report = tried(Extent { logs: 2, edits: 200, indexes: 1, copies: 8, small: false, ..NOTHING });
    assert!(report.count("edits") == 200 && report.count("edits-healed") >= 10, "{report}");
    assert!(report.count("index-healed") >= 18, "{report}");
    assert_eq!(report.count("copies-named") + report.count("copies-whole"), 8, "{report}");
}
