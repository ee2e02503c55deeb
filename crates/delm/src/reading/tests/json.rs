//! Documents: each agrees with its schema, and pages put together are the whole.

use delm_wire::schema::schema;
use serde_json::Value;

use super::*;

/// Every field has a property, every required property a field, all the way down; strings match their patterns' shape.
fn agree(value: &Value, schema: &Value, root: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        return agree(value, root.pointer(name.trim_start_matches('#')).unwrap(), root, at);
    }
    if let Some(options) = schema["anyOf"].as_array() {
        let some = options.iter().find(|option| option["type"] != "null").unwrap();
        if !value.is_null() {
            agree(value, some, root, at);
        }
        return;
    }
    if let Some(wanted) = schema.get("const") {
        assert_eq!(value, wanted, "{at}");
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value} is none of {words:?}");
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if let Some(wanted) = schema["type"].as_str() {
        assert_eq!(kind, wanted, "{at}: {value}");
    }
    if let Some(kinds) = schema["type"].as_array() {
        assert!(kinds.contains(&kind.into()), "{at}: {value}");
    }
    match value {
        Value::Object(fields) if schema.get("properties").is_some() && schema.get("oneOf").is_none() => {
            for (field, value) in fields {
                let property = &schema["properties"][field];
                assert!(!property.is_null(), "{at}.{field} is in no schema");
                agree(value, property, root, &format!("{at}.{field}"));
            }
            for required in schema["required"].as_array().into_iter().flatten() {
                assert!(fields.contains_key(required.as_str().unwrap()), "{at} lacks {required}");
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                agree(item, &schema["items"], root, &format!("{at}[{place}]"));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {}
    }
}

fn checked(reading: &Reading, line: &str) -> Value {
    let value = json(reading, line);
    let verb = line.split(' ').next().unwrap();
    let root = schema(verb).unwrap();
    agree(&value, &root, &root, line);
    value
}

const LISTS: &[&str] = &[
    "ls",
    "facts",
    "facts --rejected",
    "blame",
    "queue",
    "agents",
    "calls",
    "log",
    "log -p",
    "log --reverse",
    "log --kind claimed,gist_admitted",
    "log --agent a1",
    "log --task T1",
    "log --task T1 --reverse",
];

#[test]
fn every_document_agrees_with_its_schema() {
    let (builtin, scripted) = (World::read(), World::scripted(SCRIPT));
    for world in [&builtin, &scripted] {
        let reading = &world.reading;
        for list in LISTS {
            let list = checked(reading, list);
            assert!(list["next"].is_null() && list["items"].is_array());
        }
        for one in [
            "show",
            "verify",
            "replay",
            "unfold F1",
            "unfold F1 --level raw",
            "unfold S1.1 --level raw",
            "why F1",
            "why answer",
        ] {
            checked(reading, one);
        }
        for what in ["S1", "S1.1", "F1", "T1", "a1", "answer"] {
            assert!(checked(reading, &format!("cat {what}"))["text"].is_string());
        }
    }
    for call in ["cat c1", "cat c2 --prompt", "cat c2 --reply"] {
        checked(&scripted.reading, call);
    }
    let copy = builtin.dir.path().join("copy");
    checked(&builtin.reading, &format!("backup {}", copy.display()));
    checked(&builtin.reading, "rm harrow");
    assert_eq!(json(&builtin.reading, "ls")["items"], serde_json::json!([]));
}

#[test]
fn what_a_run_came_to_is_in_the_documents() {
    let world = World::read();
    let show = json(&world.reading, "show");
    assert_eq!((&show["outcome"], &show["answer_kind"]), (&"answered".into(), &"quotes".into()));
    assert!(show["answer"].as_str().unwrap().contains("Ada Merrow"), "{show}");
    assert_eq!((&show["left_out"][0]["name"], &show["sources"]["skipped"]), (&"scan.pdf".into(), &1.into()));
    let cited = &show["citations"][0];
    let range = range(cited);
    let file = std::fs::read_to_string(sources().join(cited["name"].as_str().unwrap())).unwrap();
    assert_eq!(file[range], *cited["quote"].as_str().unwrap());

    let facts = json(&world.reading, "facts");
    for fact in facts["items"].as_array().unwrap() {
        let seq = fact["seq"].as_u64().unwrap();
        let entry = world.reading.log.entry(&world.run(), seq).unwrap().unwrap();
        assert_eq!(fact["entry"], entry.id.to_string());
        assert_eq!(fact["cost_microusd"], 0, "no call was made for it");
    }
}

#[test]
fn a_scripted_run_has_calls_rejections_and_costs() {
    let world = World::scripted(SCRIPT);
    let rejected = json(&world.reading, "facts --rejected");
    let rejected = rejected["items"].as_array().unwrap();
    let why: Vec<_> = rejected.iter().map(|gist| gist["verifiers"][0]["reason"].as_str().unwrap()).collect();
    assert!(why.contains(&"say when"), "{why:?}");
    let calls = json(&world.reading, "calls");
    let calls = calls["items"].as_array().unwrap();
    assert_eq!(json(&world.reading, "show")["calls"], calls.len());
    assert!(calls.iter().all(|call| call["state"] == "finished"));
    let fact = &json(&world.reading, "facts")["items"][0];
    assert!(fact["author"]["model"].as_str().unwrap().starts_with("script:"), "{fact}");
}

/// The items of a list, read in pages of this many.
fn paged(reading: &Reading, line: &str, items: usize) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), String::new());
    loop {
        let page = json(reading, &format!("{line} --limit {items}{after}"));
        let more = page["items"].as_array().unwrap();
        assert!(more.len() <= items);
        all.extend(more.iter().cloned());
        match page["next"].as_str() {
            Some(next) => {
                assert_eq!(more.len(), items);
                after = format!(" --after {next}");
            }
            None => return all,
        }
    }
}

#[test]
fn pages_put_together_are_the_whole_list() {
    let world = World::scripted(SCRIPT);
    world.drive(begin(Some("second"), BUILTIN, 2), Workers::default());
    let run = json(&world.reading, "ls")["items"][1]["run"].as_str().unwrap().to_owned();
    for list in LISTS {
        let line =
            if *list == "ls" { (*list).to_owned() } else { list.replacen(' ', &format!(" {run} "), 1) };
        let line = if line.contains(' ') || *list == "ls" { line } else { format!("{line} {run}") };
        let whole = json(&world.reading, &line)["items"].as_array().unwrap().clone();
        assert!(!whole.is_empty(), "{line}");
        for items in [1, 2, 7] {
            assert_eq!(paged(&world.reading, &line, items), whole, "{line} by {items}");
        }
    }
    let mut forwards = paged(&world.reading, &format!("log {run}"), 5);
    forwards.reverse();
    assert_eq!(forwards, paged(&world.reading, &format!("log {run} --reverse"), 4));
}

#[test]
fn lines_are_the_items_of_the_document() {
    let world = World::read();
    let lines = Style { mode: Mode::Jsonl, ..JSON };
    for list in LISTS {
        let items: Vec<Value> = ran(&world.reading, list, lines)
            .ok()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(items, *json(&world.reading, list)["items"].as_array().unwrap(), "{list}");
    }
}

#[test]
fn the_log_of_a_task_holds_its_claims_calls_and_verdicts() {
    let world = World::scripted(SCRIPT);
    let log = json(&world.reading, "log --task T1");
    let kinds: Vec<&str> =
        log["items"].as_array().unwrap().iter().map(|item| item["event"]["kind"].as_str().unwrap()).collect();
    for kind in [
        "task_added",
        "claimed",
        "call_started",
        "call_finished",
        "gist_proposed",
        "verdict_given",
        "task_reopened",
        "gist_admitted",
    ] {
        assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
    }
    assert_eq!(kinds.iter().filter(|kind| **kind == "gist_admitted").count(), 1);
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "call_started").count(),
        4,
        "two attempts, two reviews: {kinds:?}"
    );
}

#[test]
fn runs_are_filtered() {
    let world = World::read();
    let number = |line: &str| json(&world.reading, line)["items"].as_array().unwrap().len();
    assert_eq!((number("ls --outcome answered"), number("ls --outcome failed")), (1, 0));
    assert_eq!((number("ls --name har*w"), number("ls --name other*")), (1, 0));
    assert_eq!((number("ls --since 2026-11-22"), number("ls --since 2999-01-01")), (1, 0));
    assert_eq!(number("ls --resumable"), 0);
}
