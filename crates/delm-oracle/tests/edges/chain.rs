//! Command numbers at the edge of their window, and what a first entry must be.
//!
//! Refuses a stream that is not intact, but where that is the point.

use delm_oracle::{Auditor, Damage, Invariant as I};
use serde_json::{Value, json};

use super::{Story, finds, fits_or_finds, joined, lawful};
use crate::kit::{Export, entry_line};

#[test]
fn i36_a_command_number_comes_back_within_the_window() {
    for (kept, again, fits) in [(3, 1, false), (2, 1, true), (3, 0, true), (1, 3, false), (1, 2, true)] {
        let mut story = Story::of(&["p"]).limit("commands_kept", kept);
        for number in [1, 2, 3, again] {
            let member = joined(story.next() + 1, "p");
            story.run.push(Value::Null, number, vec![("agent_joined", member)]);
        }
        fits_or_finds(fits, &story.run, I::Idempotence, 4);
    }
}

/// What is wrong with the last of these entries.
fn refused(entries: &[Value]) -> Damage {
    let header = Export::sample("alone").write();
    let mut auditor = Auditor::new();
    auditor.line(header.split_inclusive('\n').next().unwrap().as_bytes()).unwrap();
    let (last, before) = entries.split_last().unwrap();
    let mut parent = [0; 32];
    for (seq, entry) in before.iter().enumerate() {
        let (id, line) = entry_line(entry, seq as u64, parent);
        auditor.line((line + "\n").as_bytes()).unwrap();
        parent = id;
    }
    let (_, line) = entry_line(last, before.len() as u64, parent);
    auditor.line((line + "\n").as_bytes()).unwrap_err().what
}

#[test]
fn a_run_begins_once_and_first_of_all() {
    let run = Export::sample("alone");
    let (first, second) = (run.entries[0].clone(), run.entries[1].clone());
    assert_eq!(refused(std::slice::from_ref(&second)), Damage::Beginning { seq: 0 });
    assert_eq!(refused(&[first.clone(), first.clone()]), Damage::Beginning { seq: 1 });
    for (entries, seq) in [(vec![first.clone()], 0), (vec![first.clone(), second], 1)] {
        let mut entries = entries;
        let begun = first["events"][0].clone();
        entries[seq]["events"].as_array_mut().unwrap().push(begun);
        assert_eq!(refused(&entries), Damage::Beginning { seq: seq as u64 });
    }
}

#[test]
fn a_later_entry_without_a_parent_continues_nothing() {
    let run = Export::sample("alone");
    let mut auditor = Auditor::new();
    auditor.line(run.write().split_inclusive('\n').next().unwrap().as_bytes()).unwrap();
    let (id, line) = entry_line(&run.entries[0], 0, [0; 32]);
    auditor.line((line + "\n").as_bytes()).unwrap();
    let (_, line) = entry_line(&run.entries[1], 1, [0; 32]);
    let fault = auditor.line((line + "\n").as_bytes()).unwrap_err();
    let (expected, found) = (crate::kit::hex(&id), "0".repeat(64));
    assert_eq!((fault.line, fault.what), (3, Damage::Parent { seq: 1, expected, found }));
}

#[test]
fn a_resume_may_change_each_limit_by_its_name_and_nothing_else() {
    let mut story = Story::of(&["p"]);
    let limits = story.run.data((0, 0))["limits"].as_object().unwrap().clone();
    assert_eq!(limits.len(), 26);
    let changes: Vec<Value> =
        limits.iter().map(|(limit, value)| json!({"limit": limit, "value": value})).collect();
    story.tell("", vec![("run_resumed", json!({"engine": "other 1", "changes": changes}))]);
    lawful(&story.run);
    let changes = json!([{"limit": "limits", "value": 1}]);
    let seq = story.tell("", vec![("run_resumed", json!({"engine": "other 1", "changes": changes}))]);
    finds(&story.run, &[(I::StopsAreHonest, seq)]);
}
