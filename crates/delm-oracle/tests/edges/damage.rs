//! What is said of a stream that is not intact: the line, the field, and what stands there, to the letter.
//!
//! Refuses a message that only hints.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use delm_oracle::{BadBytes, Damage, Invariant};
use serde_json::{Value, json};

use super::{Story, lawful};
use crate::kit::{Export, check, hex, integer, sample, unhex};

/// What is wrong with a text, and at which line.
#[track_caller]
fn wrong(text: &str) -> (u64, Damage) {
    let report = check(text);
    assert!(!report.is_clean());
    let fault = report.fault.unwrap();
    (fault.line, fault.what)
}

#[test]
fn a_cut_is_one_line_past_the_last() {
    assert_eq!(wrong(""), (1, Damage::Truncated));
    let text = sample("alone");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let cut = lines[..lines.len() - 1].concat();
    assert_eq!(wrong(&cut), (lines.len() as u64, Damage::Truncated));
    assert_eq!(wrong(&text.replace("}}\n", "}}")), (lines.len() as u64, Damage::Unterminated));
}

#[test]
fn a_header_is_held_to_the_letter() {
    let text = sample("alone");
    let header = text.lines().next().unwrap();
    let spaced = header.replacen(",\"run\"", ", \"run\"", 1);
    let (expected, found) = (header.to_owned(), spaced.clone());
    let (_, what) = wrong(&text.replacen(header, &spaced, 1));
    assert_eq!(what, Damage::Header { field: "text", expected, found });
}

#[test]
fn the_last_line_is_compared_field_by_field() {
    let text = sample("alone");
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let (id, root) = (last["head"]["id"].as_str().unwrap(), last["tree"]["root"].as_str().unwrap());
    let none = "0".repeat(64);
    let line = |seq: &Value, id: &Value, size: &Value, root: &Value| json!({"head": {"seq": seq, "id": id}, "tree": {"size": size, "root": root}});
    let (seq, size, id_at, root_at) = (json!(14), json!(15), json!(id), json!(root));
    for (changed, field, expected, found) in [
        (line(&json!(13), &id_at, &size, &root_at), "head.seq", "14", "13"),
        (line(&json!("x"), &id_at, &size, &root_at), "head.seq", "14", "x"),
        (line(&seq, &json!(none), &size, &root_at), "head.id", id, none.as_str()),
        (line(&seq, &id_at, &json!(16), &root_at), "tree.size", "15", "16"),
        (line(&seq, &id_at, &size, &json!(none)), "tree.root", root, none.as_str()),
        (json!({"head": {"seq": 14, "id": id}}), "tree.size", "15", "missing"),
    ] {
        let lines = text.lines().count();
        let mut new: Vec<String> = text.lines().take(lines - 1).map(|line| format!("{line}\n")).collect();
        new.push(format!("{changed}\n"));
        let (expected, found) = (expected.to_owned(), found.to_owned());
        assert_eq!(wrong(&new.concat()), (lines as u64, Damage::Head { field, expected, found }));
    }
    let last = text.lines().last().unwrap();
    let spaced = last.replacen(",\"id\"", ", \"id\"", 1);
    let (_, what) = wrong(&text.replacen(last, &spaced, 1));
    assert!(matches!(&what, Damage::Head { field: "text", expected, .. } if expected == last), "{what}");
}

#[test]
fn a_line_that_is_no_rendering_is_quoted_where_it_differs() {
    let text = sample("alone");
    let at = text.lines().nth(2).unwrap().find("\"attempt\":1").unwrap() + 10;
    let altered = text.replacen("\"attempt\":1", "\"attempt\":2", 1);
    let (line, what) = wrong(&altered);
    let Damage::Rendering { at: found_at, expected, found } = what else { panic!("{what}") };
    assert_eq!((line, found_at), (3, at));
    let piece = |text: &str| text.lines().nth(2).unwrap()[at..].chars().take(80).collect::<String>();
    assert_eq!((expected, found), (piece(&text), piece(&altered)));
}

#[test]
fn something_else_is_quoted_by_its_beginning() {
    let text = sample("alone");
    let blob = text.lines().find(|line| line.starts_with("{\"blob\"")).unwrap();
    let other = format!("{{\"blob\":\"{}\"}}", "x".repeat(100));
    let (_, what) = wrong(&text.replacen(blob, &other, 1));
    let expected = "a blob with its length and bytes";
    assert_eq!(what, Damage::Unexpected { expected, found: other[..80].to_owned() });
}

/// The line of a blob, and that line changed.
fn with_blob(run: &Export, blob: &Value, change: impl Fn(&str) -> String) -> String {
    let text = run.write();
    let start = format!("{{\"blob\":{blob},");
    let line = text.lines().find(|line| line.starts_with(&start)).unwrap();
    text.replacen(line, &change(line), 1)
}

#[test]
fn the_length_of_a_blob_is_written_in_one_way() {
    let mut run = Export::sample("alone");
    let at = run.first("draft_submitted");
    let draft = run.data(at)["draft"].clone();
    let (_, what) = wrong(&with_blob(&run, &draft, |line| line.replacen("\"len\":", "\"len\":0", 1)));
    assert!(matches!(what, Damage::NotJson(_)), "{what}");
    let empty = run.blob("");
    run.data(at)["draft"] = empty.clone();
    // A draft may be empty: no law asks it to say something.
    lawful(&run);
    let (_, what) = wrong(&with_blob(&run, &empty, |line| line.replacen("\"len\":0", "\"len\":", 1)));
    assert!(matches!(what, Damage::NotJson(_)), "{what}");
}

#[test]
fn i14_bytes_are_gone_exactly_when_an_event_says_so() {
    let mut run = Export::sample("alone");
    let at = run.first("answer_given");
    let blob = run.data(at)["answer"].clone();
    let gone = |line: &str| {
        let (start, _) = line.split_once("\"base64\"").unwrap();
        format!("{start}\"redacted\":true}}")
    };
    let hash = blob.as_str().unwrap().to_owned();
    let (_, what) = wrong(&with_blob(&run, &blob, gone));
    assert_eq!(what, Damage::Redaction { hash: hash.clone(), present: false });
    let whole = with_blob(&run, &blob, str::to_owned);
    let bytes = whole.lines().find(|line| line.contains(&format!("\"blob\":\"{hash}\""))).unwrap().to_owned();
    let reason = run.blob("a name was in it");
    run.push(Value::Null, 60, vec![("blob_redacted", json!({"blob": blob, "reason": reason}))]);
    lawful(&run);
    let report = check(&with_blob(&run, &blob, |_| bytes.clone()));
    let fault = report.fault.unwrap();
    assert_eq!(fault.invariant(), Some(Invariant::WriteBeforePublish));
    assert_eq!(fault.what, Damage::Redaction { hash, present: true });
}

/// What is wrong with entry 1 of a run, whose events are these bytes, after so many were counted; at which byte of them.
#[track_caller]
fn decoded(count: u64, events: &str) -> (BadBytes, usize) {
    let mut bytes = vec![1];
    bytes.extend([0; 32]);
    for value in [1, 1_795_375_926_960, 0, 5, 1, count] {
        integer(value, &mut bytes);
    }
    let start = bytes.len();
    bytes.extend(unhex(events));
    let mut story = Story::of(&["p"]);
    story.tell("", Vec::new());
    let text = story.run.write();
    let lines: Vec<&str> = text.lines().collect();
    let line = format!("{{\"seq\":1,\"bytes\":\"{}\"}}", STANDARD.encode(&bytes));
    let (at, what) = wrong(&format!("{}\n{}\n{line}\n", lines[0], lines[1]));
    let Damage::Bytes(bad) = what else { panic!("{}: {what}", hex(&bytes)) };
    assert_eq!(at, 3);
    (bad.what, bad.at - start)
}

#[test]
fn a_value_is_refused_where_it_stands() {
    // Left by an agent whose number has a longer spelling than it needs.
    assert_eq!(decoded(1, "150109fd0500000000000000"), (BadBytes::Spelling, 3));
    assert_eq!(decoded(1, "150109fdffffffff00000000"), (BadBytes::Spelling, 3));
    assert_eq!(decoded(1, "150109fd0000000001000000"), (BadBytes::Range(1 << 32), 3));
    assert_eq!(decoded(1, "fcffff01000101"), (BadBytes::Range(0x1_ffff), 0));
    // More events than there are bytes, before any of them is read.
    assert_eq!(decoded(5, "15010101"), (BadBytes::Short, 0));
    assert_eq!(decoded(4, "15010101"), (BadBytes::Short, 4));
    // The first place that a list of words or alternatives does not have.
    assert_eq!(decoded(1, "4801020102"), (BadBytes::Word { list: "DrainCause", place: 2 }, 4));
    assert_eq!(decoded(1, "2a01020600"), (BadBytes::Word { list: "Job", place: 6 }, 3));
    let subject = format!("3f0124{}{}", "02", "00".repeat(35));
    assert_eq!(decoded(1, &subject), (BadBytes::Word { list: "Subject", place: 2 }, 3));
    // A text longer than what is left.
    assert_eq!(decoded(1, "040103056162"), (BadBytes::Short, 4));
}
