//! `why` and `blame` over a run whose agents cite, read behind labels and have more in sight.

use serde_json::Value;

use super::*;

/// Two tasks after the reading: the first reads behind the reading and quotes, the second builds on the reading alone.
const INFLUENCED: &str = r#"
  {"purpose":"plan","plan_tasks":2,"plan_text":"Siren question {{n}}"},
  {"purpose":"read","reply":{"bullets":[{"text":"the light","head":"A lamp is no help in","tail":"about sixty days of the year"}],"gist":"Tamber Sound has fog on about sixty days of the year."}},
  {"purpose":"reason","task":"T1","ask":1,"reply":{"finding":"","cites":[],"evidence":[],"unfold":["F1"]}},
  {"purpose":"reason","task":"T1","reply":{"finding":"Hester Quillane designed the siren.","cites":[],"unfold":[],"evidence":[{"unit":"S1.1","quote":"The fog siren of the Harrow Light was designed by Hester Quillane"}]}},
  {"purpose":"reason","reply":{"finding":"Tamber Sound has fog on about sixty days of the year, so a siren is of use.","cites":["F1"],"unfold":[],"evidence":[{"unit":"S1.1","quote":"A lamp is no help in fog, and Tamber Sound has fog on about sixty days of the year."}]}},
  {"purpose":"review","reply":{"outcome":"approve","reason":"it says so"}},
  {"purpose":"expand","reply":{"tasks":[]}},
  {"purpose":"finalize","reply":{"answered":true,"answer":"Hester Quillane, and it is of use.","cites":["F2","F3"]}}"#;

fn labels(view: &Value) -> Vec<&str> {
    view["items"].as_array().unwrap().iter().map(|item| item["label"].as_str().unwrap()).collect()
}

/// The one fact that cites F1, and the one whose author read behind it.
fn two(reading: &Reading) -> (Value, Value) {
    let all = json(reading, "why answer");
    let items = all["items"].as_array().unwrap();
    let citing = items.iter().find(|item| item["cites"][0] == "F1").unwrap();
    let unfolding = items.iter().find(|item| item["claim"]["unfolded"][0]["label"] == "F1").unwrap();
    (citing.clone(), unfolding.clone())
}

#[test]
fn three_strengths_of_influence_are_kept_apart() {
    let world = World::scripted(INFLUENCED);
    let (citing, unfolding) = two(&world.reading);
    assert_ne!(citing["label"], unfolding["label"]);
    assert_eq!(unfolding["cites"], serde_json::json!([]));
    assert_eq!(unfolding["claim"]["unfolded"][0]["level"], "summary");
    assert_eq!(citing["claim"]["unfolded"], serde_json::json!([]));
    for fact in [&citing, &unfolding] {
        let visible = &fact["visible"];
        // What was cited or read behind is not counted again: the reading is all that either of them surely saw.
        let seen = visible["notes"].as_u64().unwrap();
        assert_eq!(visible["facts"].as_u64().unwrap(), seen - 1, "{visible}");
        assert_eq!(fact["claim"]["length"], visible["notes"]);
        assert!(
            fact["claim"]["agent"] == fact["author"]["agent"] && fact["claim"]["attempt"] == fact["attempt"]
        );
    }
    assert_eq!(
        unfolding["claim"]["calls"].as_array().unwrap().len(),
        2,
        "asked to unfold, then for the finding"
    );
    assert_eq!(citing["review"]["calls"][0]["purpose"], "review");
    let about = json(&world.reading, &format!("why {}", citing["label"].as_str().unwrap()));
    assert_eq!(labels(&about).last(), Some(&"F1"));
    assert_eq!(
        (about["items"][0]["steps"].as_u64(), about["items"][1]["steps"].as_u64()),
        (Some(0), Some(1))
    );
    let alone = json(&world.reading, &format!("why {}", unfolding["label"].as_str().unwrap()));
    assert_eq!(labels(&alone).len(), 1, "what was only read behind is no ancestor");
}

#[test]
fn the_answer_has_its_finalizer_and_all_it_rests_on() {
    let world = World::scripted(INFLUENCED);
    let all = json(&world.reading, "why answer");
    assert_eq!(labels(&all), ["F3", "F2", "F1"]);
    let answer = &all["answer"];
    assert_eq!(answer["claim"]["job"], "finalize");
    assert_eq!(answer["author"]["agent"], answer["claim"]["agent"]);
    assert_eq!(answer["claim"]["calls"][0]["purpose"], "finalize");
    assert_eq!((&answer["visible"]["notes"], &answer["visible"]["facts"]), (&3.into(), &1.into()));
    assert_eq!(answer["visible"]["ranges"], serde_json::json!([{"first": "F1", "last": "F1"}]));
    assert_eq!(labels(&json(&world.reading, "why answer --depth 1")), ["F3", "F2"]);
    assert_eq!(labels(&json(&world.reading, "why F3 --depth 0")), ["F3"]);
    let facts = json(&world.reading, "facts");
    for item in all["items"].as_array().unwrap() {
        let fact = facts["items"].as_array().unwrap().iter().find(|fact| fact["label"] == item["label"]);
        for (field, value) in fact.unwrap().as_object().unwrap() {
            assert_eq!(&item[field], value, "{field} differs between facts and why");
        }
    }
}

#[test]
fn ancestors_come_in_pages() {
    let world = World::scripted(INFLUENCED);
    let whole = json(&world.reading, "why answer");
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = json(&world.reading, &format!("why answer --limit 1{after}"));
        assert_eq!(page["answer"].is_null(), !after.is_empty());
        assert_eq!(page["facts"], 3);
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        after = format!(" --after {next}");
    }
    assert_eq!(Value::from(items), whole["items"]);
}

#[test]
fn people_see_a_tree_that_fits_and_programs_a_graph() {
    let world = World::scripted(INFLUENCED);
    let tree = ran(&world.reading, "why answer", TERMINAL).ok();
    assert!(widest(&tree) <= 80, "{}", framed(&tree));
    for shows in ["├─ F2", "└─ F3", "unfolded  F1 (summary)", "in sight", "finalize: script:"] {
        assert!(tree.contains(shows), "{shows}:\n{}", framed(&tree));
    }
    assert_eq!(tree.matches("─ F1").count(), 1, "{}", framed(&tree));
    let graph = ran(&world.reading, "why answer --dot", PIPE).ok();
    assert!(graph.starts_with("digraph why {") && graph.ends_with("}\n"), "{graph}");
    assert!(graph.contains("\"answer\" -> \"F2\";") && graph.contains("style=dashed"), "{graph}");
    let refused = ran(&world.reading, "why answer --dot --json", JSON).error();
    assert_eq!(refused.exit, Exit::Usage);
}

#[test]
fn quotes_of_the_built_in_reader_have_ancestors_too() {
    let world = World::read();
    let all = json(&world.reading, "why answer");
    let items = all["items"].as_array().unwrap();
    assert!(
        !items.is_empty()
            && items
                .iter()
                .all(|item| !item["claim"].is_null() && item["claim"]["calls"] == serde_json::json!([]))
    );
    assert!(items.iter().all(|item| item["evidence"][0]["quote"].is_string()));
    let tree = ran(&world.reading, "why answer", PIPE).ok();
    assert!(tree.contains("approve by a") && tree.contains("evidence  "), "{tree}");
}

#[test]
fn what_has_no_ancestors_is_not_found() {
    let world = World::scripted(SCRIPT);
    assert_eq!(ran(&world.reading, "why F99", PIPE).error().exit, Exit::NotFound);
    let error = ran(&World::empty().reading, "why answer", PIPE).error();
    assert_eq!(error.exit, Exit::NotFound);
}

#[test]
fn blame_is_a_line_a_fact_with_those_who_answer_for_it() {
    let world = World::scripted(INFLUENCED);
    let (blame, facts) = (json(&world.reading, "blame"), json(&world.reading, "facts"));
    assert_eq!(blame["schema"], "delm.blame/1");
    assert_eq!(blame["items"], facts["items"]);
    let lines = ran(&world.reading, "blame", PIPE).ok();
    let lines: Vec<Vec<&str>> = lines.lines().map(|line| line.split('\t').collect()).collect();
    assert_eq!(
        lines[0],
        ["fact", "author", "principal", "model", "verifier", "grade", "task", "entry", "text"]
    );
    assert_eq!(lines.len(), 4);
    for (line, fact) in lines[1..].iter().zip(facts["items"].as_array().unwrap()) {
        assert_eq!(line[0], fact["label"]);
        assert_eq!(line[1], fact["author"]["agent"]);
        assert!(line[3].starts_with("script:"), "{line:?}");
        assert_eq!(line[4], fact["verifiers"][0]["agent"]);
        assert_ne!(line[1], line[4]);
        assert_eq!(line[7], fact["seq"].to_string());
    }
}
