//! Damage: every bit of a small export flipped, lines of a larger one dropped, doubled, swapped, spliced, cut.
//!
//! Refuses an altered stream that passes: each must be told from an intact one, as damage and not as a broken law.

use delm_oracle::{Auditor, Damage, Invariant};
use proptest::prelude::*;

use crate::kit::{Export, check, sample};

/// A run of three entries, without its documents.
fn small() -> String {
    let mut run = Export::sample("alone");
    run.cut_after(2);
    run.events(0).retain(|event| event["kind"] == "run_started" || event["kind"] == "agent_joined");
    run.data((0, 0))["templates"] = serde_json::json!([]);
    run.write()
}

#[test]
fn every_bit_of_a_small_export_counts() {
    let text = small();
    assert!(check(&text).is_clean(), "{:#?}", check(&text));
    let mut bytes = text.into_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            let report = delm_oracle::audit(bytes.as_slice()).unwrap();
            assert!(report.fault.is_some(), "bit {bit} of byte {at} does not count");
            bytes[at] ^= 1 << bit;
        }
    }
}

#[test]
fn every_cut_is_seen() {
    let text = small();
    for length in 0..text.len() {
        let report = check(&text[..length]);
        assert!(report.fault.is_some(), "cut after {length} bytes");
    }
}

fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

#[track_caller]
fn damaged(lines: &[String], what: &str) {
    let report = check(&lines.concat());
    assert!(report.fault.is_some(), "{what}: {report:#?}");
}

#[test]
fn lines_dropped_doubled_and_moved_are_seen() {
    for name in ["alone", "crash"] {
        let whole = lines(&sample(name));
        for at in 0..whole.len() {
            let mut less = whole.clone();
            less.remove(at);
            damaged(&less, &format!("{name}: line {at} dropped"));
            let mut more = whole.clone();
            more.insert(at, whole[at].clone());
            damaged(&more, &format!("{name}: line {at} doubled"));
            for other in [at + 1, at + 2, whole.len() / 2] {
                if other < whole.len() && other != at {
                    let mut swapped = whole.clone();
                    swapped.swap(at, other);
                    damaged(&swapped, &format!("{name}: lines {at} and {other} swapped"));
                }
            }
        }
    }
}

#[test]
fn lines_of_another_run_are_seen() {
    let (one, other) = (lines(&sample("crash")), lines(&sample("models")));
    for at in 0..one.len().min(other.len()) {
        if one[at] != other[at] {
            let mut spliced = one.clone();
            spliced[at].clone_from(&other[at]);
            damaged(&spliced, &format!("line {at} of another run"));
        }
        let tail = [&one[..at], &other[at..]].concat();
        if tail != one && tail != other {
            damaged(&tail, &format!("another run from line {at} on"));
        }
    }
}

#[test]
fn damage_is_named_with_its_line() {
    let text = sample("alone");
    let blob = text.lines().position(|line| line.starts_with("{\"blob\"")).unwrap();
    let mut less = lines(&text);
    less.remove(blob);
    let fault = check(&less.concat()).fault.unwrap();
    assert!(matches!(fault.what, Damage::BlobMissing { .. }), "{fault}");
    assert_eq!((fault.line, fault.invariant()), (blob as u64 + 1, Some(Invariant::WriteBeforePublish)));
    let altered = text.replacen("\"attempt\":1", "\"attempt\":2", 1);
    let fault = check(&altered).fault.unwrap();
    assert!(matches!(fault.what, Damage::Rendering { .. }), "{fault}");
    assert_eq!((fault.line, fault.invariant()), (3, Some(Invariant::Chain)));
    let fault = check("{\"schema\":\"delm.export/2\"}\n").fault.unwrap();
    assert_eq!(fault.what, Damage::Schema("delm.export/2".into()));
    let fault = check("not json\n").fault.unwrap();
    assert!(matches!(fault.what, Damage::NotJson(_)), "{fault}");
    assert_eq!(check("").fault.unwrap().what, Damage::Truncated);
}

#[test]
fn a_longer_spelling_of_the_same_bytes_is_refused() {
    for change in [
        ("{\"seq\":1,", "{\"seq\": 1,"),
        ("\"command\":0", "\"command\":0 "),
        ("\"agent\":null", "\"agent\":  null"),
    ] {
        let fault = check(&sample("alone").replacen(change.0, change.1, 1)).fault.unwrap();
        assert!(matches!(fault.what, Damage::Rendering { .. } | Damage::Unexpected { .. }), "{fault}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_edit_of_bytes_is_seen(at in any::<prop::sample::Index>(), cut in 0_usize..40, new in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = sample("crash").into_bytes();
        let from = at.index(bytes.len());
        let to = (from + cut).min(bytes.len());
        let same = bytes[from..to] == new;
        bytes.splice(from..to, new);
        prop_assume!(!same && bytes != sample("crash").into_bytes());
        prop_assert!(delm_oracle::audit(bytes.as_slice()).unwrap().fault.is_some());
    }

    #[test]
    fn any_line_is_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..200), head in 0_usize..4) {
        let beginnings: [&[u8]; 4] = [b"", b"{\"seq\":", b"{\"blob\":\"", b"{\"head\":"];
        let mut auditor = Auditor::new();
        for good in sample("alone").split_inclusive('\n').take(3) {
            auditor.line(good.as_bytes()).unwrap();
        }
        let line = [beginnings[head], line.as_slice(), b"\n"].concat();
        prop_assert!(auditor.line(&line).is_err());
    }
}
