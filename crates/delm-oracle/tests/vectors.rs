//! The vectors of the format, and entries made of them in any order: read as they are meant, whatever they mean.
//!
//! Refuses a kind of event without a vector.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use delm_oracle::{Auditor, BadBytes, Damage};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::kit::{Export, LAYOUT, entry_line, hex, integer, read, unhex, workspace};

fn vectors() -> Vec<Value> {
    let text = read(&workspace().join("schemas/vectors-v1.jsonl"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An auditor that has read the header and first entry of a run; the id of that entry.
fn begun() -> (Auditor, [u8; 32]) {
    let run = Export::sample("alone");
    let mut auditor = Auditor::new();
    auditor.line(run.write().split_inclusive('\n').next().unwrap().as_bytes()).unwrap();
    let (id, line) = entry_line(&run.entries[0], 0, [0; 32]);
    auditor.line((line + "\n").as_bytes()).unwrap();
    (auditor, id)
}

fn entry(kind: &str, data: &Value) -> Value {
    json!({"at_ms": 1_795_375_926_960_u64, "agent": null, "command": 5, "rules": 1, "events": [{"kind": kind, "data": data}]})
}

#[test]
fn every_vector_is_read_and_rendered_as_it_is_meant() {
    let mut seen = BTreeSet::new();
    for vector in vectors().iter().filter(|vector| vector.get("kind").is_some()) {
        let kind = vector["kind"].as_str().unwrap();
        seen.insert(kind.to_owned());
        let bytes = LAYOUT.event(kind, &vector["data"]);
        assert_eq!(hex(&bytes), vector["bytes"].as_str().unwrap(), "{kind}");
        if kind != "run_started" {
            let (mut auditor, parent) = begun();
            let (_, line) = entry_line(&entry(kind, &vector["data"]), 1, parent);
            assert!(line.contains(vector["hash"].as_str().unwrap()), "{kind}");
            auditor.line((line + "\n").as_bytes()).unwrap_or_else(|fault| panic!("{kind}: {fault}"));
        }
    }
    assert_eq!(seen, LAYOUT.kinds().map(str::to_owned).collect());
}

/// Feeds `bytes` as entry 1; what is wrong with them.
fn refused(bytes: &[u8]) -> Damage {
    let (mut auditor, _) = begun();
    let line = format!("{{\"seq\":1,\"bytes\":\"{}\"}}\n", STANDARD.encode(bytes));
    auditor.line(line.as_bytes()).unwrap_err().what
}

fn bytes_of(damage: Damage) -> BadBytes {
    match damage {
        Damage::Bytes(bad) => bad.what,
        other => panic!("{other}"),
    }
}

/// Entry 1 with one event, whose bytes follow.
fn head() -> Vec<u8> {
    let mut bytes = vec![1];
    bytes.extend([0; 32]);
    for value in [1, 1_795_375_926_960] {
        integer(value, &mut bytes);
    }
    bytes.extend([0, 5, 1, 1]);
    bytes
}

#[test]
fn what_has_two_spellings_or_no_name_is_refused() {
    let with = |event: &[u8]| bytes_of(refused(&[head().as_slice(), event].concat()));
    let left = unhex("15010101");
    assert!(matches!(refused(&[head(), left.clone()].concat()), Damage::Rendering { .. }));
    assert_eq!(with(&unhex("1501010100")), BadBytes::Left(1));
    assert_eq!(with(&unhex("1501020100")), BadBytes::Left(1));
    assert_eq!(with(&unhex("150100")), BadBytes::Short);
    assert_eq!(with(&unhex("150102")), BadBytes::Short);
    assert_eq!(with(&unhex("15010201")), BadBytes::Short);
    assert_eq!(with(&unhex("150103fb0100")), BadBytes::Spelling);
    assert_eq!(with(&unhex("150105fcfb000000")), BadBytes::Spelling);
    assert_eq!(with(&unhex("150101fe")), BadBytes::Spelling);
    assert_eq!(with(&unhex("150109fd0000000001000000")), BadBytes::Range(1 << 32));
    assert_eq!(with(&unhex("63010101")), BadBytes::Kind(99));
    assert_eq!(with(&unhex("15020101")), BadBytes::Version { kind: "agent_left", version: 2 });
    assert_eq!(with(&unhex("4801020105")), BadBytes::Word { list: "DrainCause", place: 5 });
    let mut other = head();
    other[0] = 2;
    assert_eq!(bytes_of(refused(&other)), BadBytes::Format(2));
    let mut none = head();
    *none.last_mut().unwrap() = 0;
    assert_eq!(bytes_of(refused(&none)), BadBytes::NoEvents);
}

/// A value like `value`, with numbers, labels and lists changed at random.
fn changed(value: &Value, chance: &mut impl FnMut(usize) -> usize) -> Value {
    match value {
        Value::Number(_) if chance(3) == 0 => json!(chance(20)),
        Value::Array(items) => {
            items.iter().take(chance(items.len() + 2)).map(|item| changed(item, chance)).collect()
        }
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), changed(value, chance))).collect()
        }
        Value::String(label)
            if label.len() < 4
                && label.starts_with(['T', 'a', 'F', 'c'])
                && label[1..].parse::<u32>().is_ok() =>
        {
            json!(format!("{}{}", &label[..1], chance(12)))
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lawless_entries_are_judged_without_panic(picks in prop::collection::vec(any::<u64>(), 30)) {
        let vectors = vectors();
        let (mut auditor, mut parent) = begun();
        for (seq, pick) in (1..).zip(picks) {
            let mut state = pick;
            let mut chance = |below: usize| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize % below
            };
            let mut made = entry("drained", &json!({"round": 1, "cause": "empty"}));
            made["agent"] = [Value::Null, json!("a1"), json!("a2")][chance(3)].clone();
            made["at_ms"] = json!(chance(1_000_000));
            let mut events = Vec::new();
            for _ in 0..=chance(4) {
                let vector = &vectors[chance(vectors.len())];
                if vector.get("kind").is_some_and(|kind| kind != "run_started") {
                    events.push(json!({"kind": vector["kind"], "data": changed(&vector["data"], &mut chance)}));
                }
            }
            if !events.is_empty() {
                made["events"] = json!(events);
            }
            let (id, line) = entry_line(&made, seq, parent);
            parent = id;
            auditor.line((line + "\n").as_bytes()).unwrap_or_else(|fault| panic!("{fault}"));
        }
        prop_assert!(!auditor.finish().is_clean());
    }

    #[test]
    fn any_bytes_are_decoded_without_panic(rest in prop::collection::vec(any::<u8>(), 0..300), keep in 0_usize..47) {
        let mut bytes = head();
        bytes.truncate(keep);
        bytes.extend(rest);
        refused(&bytes);
    }
}
