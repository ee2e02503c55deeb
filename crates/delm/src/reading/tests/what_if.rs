//! `what-if` over runs whose facts cite, unfold and see each other: nothing thought away changes nothing, and what falls
//! falls by citation alone.

use serde_json::Value;

use super::*;

/// A reading, then a finding that cites it and one that only saw it; the answer cites both findings.
const CHAIN: &str = r#"
  {"purpose":"plan","plan_tasks":2,"plan_text":"Siren question {{n}}"},
  {"purpose":"read","reply":{"bullets":[{"text":"the light","head":"A lamp is no help in","tail":"about sixty days of the year"}],"gist":"Tamber Sound has fog on about sixty days of the year."}},
  {"purpose":"reason","task":"T1","reply":{"finding":"Hester Quillane designed the siren.","cites":[],"unfold":[],"evidence":[{"unit":"S1.1","quote":"The fog siren of the Harrow Light was designed by Hester Quillane"}]}},
  {"purpose":"reason","reply":{"finding":"Tamber Sound has fog on about sixty days of the year, so a siren is of use.","cites":["F1"],"unfold":[],"evidence":[{"unit":"S1.1","quote":"A lamp is no help in fog, and Tamber Sound has fog on about sixty days of the year."}]}},
  {"purpose":"review","reply":{"outcome":"approve","reason":"it says so"}},
  {"purpose":"expand","reply":{"tasks":[]}},
  {"purpose":"finalize","reply":{"answered":true,"answer":"Hester Quillane, and it is of use.","cites":["F2","F3"]}}"#;

fn fate<'a>(view: &'a Value, label: &str) -> (&'a str, Option<&'a str>, Option<&'a str>) {
    let item = view["items"].as_array().unwrap().iter().find(|item| item["label"] == label).unwrap();
    (item["fate"].as_str().unwrap(), item["cause"].as_str(), item["of"].as_str())
}

/// The label of the finding that cites the reading, and of the one that does not.
fn findings(reading: &Reading) -> (String, String) {
    let facts = json(reading, "facts");
    let find = |cites: usize| {
        let such = facts["items"].as_array().unwrap()[1..].iter();
        let mut such = such.filter(|fact| fact["cites"].as_array().unwrap().len() == cites);
        such.next().unwrap()["label"].as_str().unwrap().to_owned()
    };
    (find(1), find(0))
}

#[test]
fn without_nothing_everything_stands() {
    for world in [World::scripted(CHAIN), World::read()] {
        let view = json(&world.reading, "what-if");
        assert!(view["items"].as_array().unwrap().iter().all(|item| item["fate"] == "stands"));
        assert_eq!((&view["counts"]["falls"], &view["counts"]["unknown"]), (&0.into(), &0.into()));
        assert_eq!(view["answer"]["fate"], "stands");
        assert_eq!(view["cannot_know"], serde_json::json!([]));
    }
}

#[test]
fn without_a_fact_its_citers_fall_and_those_who_saw_it_are_unknown() {
    let world = World::scripted(CHAIN);
    let (citing, seeing) = findings(&world.reading);
    for (flag, cause) in [("--without F1", "named"), ("--verdict F1=reject", "rejected")] {
        let view = json(&world.reading, &format!("what-if {flag}"));
        assert_eq!(fate(&view, "F1"), ("falls", Some(cause), None));
        assert_eq!(fate(&view, &citing), ("falls", Some("cites"), Some("F1")));
        assert_eq!(fate(&view, &seeing), ("unknown", Some("visible"), Some("F1")));
        assert_eq!(
            view["counts"],
            serde_json::json!({"falls": 2, "unknown": 1, "unknown_by_sight": 1, "stands": 0})
        );
        let answer = &view["answer"];
        assert_eq!(answer["fate"], "partly");
        let part = answer["parts"].as_array().unwrap().iter().find(|part| part["fact"] == *citing).unwrap();
        assert_eq!(part["fate"], "falls");
        // The other finding rests on the documents alone: no one fact takes the whole answer away.
        assert_eq!(answer["cuts"], serde_json::json!([]));
        assert_eq!(view["cannot_know"].as_array().unwrap().len(), 3);
    }
    let both = json(&world.reading, &format!("what-if --without F1 --without {seeing}"));
    assert_eq!((&both["answer"]["fate"], &both["counts"]["falls"]), (&"falls".into(), &3.into()));
}

#[test]
fn without_an_agent_what_it_found_falls_and_what_it_approved_is_unknown() {
    let world = World::scripted(CHAIN);
    let facts = json(&world.reading, "facts");
    for agent in ["a1", "a2", "a3"] {
        let view = json(&world.reading, &format!("what-if --without-agent {agent}"));
        for fact in facts["items"].as_array().unwrap() {
            let label = fact["label"].as_str().unwrap();
            let (fate, cause, _) = fate(&view, label);
            if fact["author"]["agent"] == agent {
                assert_eq!((fate, cause), ("falls", Some("author")), "{label} without {agent}");
            } else if fact["verifiers"][0]["agent"] == agent {
                assert_ne!(fate, "stands", "{label} without {agent}");
            }
        }
    }
}

#[test]
fn quotes_of_an_answer_fall_one_by_one_and_people_are_told() {
    let world = World::read();
    let before = json(&world.reading, "what-if");
    let cited = before["answer"]["parts"][0]["fact"].as_str().unwrap().to_owned();
    let view = json(&world.reading, &format!("what-if --without {cited}"));
    let parts = view["answer"]["parts"].as_array().unwrap();
    assert_eq!(parts[0]["fate"], "falls");
    assert!(parts.iter().all(|part| {
        part["text"].as_str().unwrap().ends_with(&format!("[{}]", part["fact"].as_str().unwrap()))
    }));
    let told = ran(&world.reading, &format!("what-if --without {cited}"), TERMINAL).ok();
    assert!(widest(&told) <= 80, "{}", framed(&told));
    for shows in ["falls", "removal alone", "what a log cannot tell", "taken away"] {
        assert!(told.contains(shows), "{shows}:\n{}", framed(&told));
    }
    assert_eq!(ran(&world.reading, "what-if --without F999", PIPE).error().exit, Exit::NotFound);
    assert_eq!(ran(&world.reading, "what-if --without-agent a99", PIPE).error().exit, Exit::NotFound);
}

#[test]
fn fates_come_in_pages() {
    let world = World::scripted(CHAIN);
    let whole = json(&world.reading, "what-if --without F1");
    let (mut items, mut after) = (Vec::new(), String::new());
    loop {
        let page = json(&world.reading, &format!("what-if --without F1 --limit 2{after}"));
        assert_eq!(page["counts"], whole["counts"]);
        items.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next"].as_str() else { break };
        after = format!(" --after {next}");
    }
    assert_eq!(Value::from(items), whole["items"]);
}
