//! `RUN@POS`: at each of its entries a run reads as it did when that entry was its newest.

use serde_json::Value;

use super::*;

/// Verbs that show the state of a run, in what an export cut there shows too.
const STATES: &[&str] =
    &["show", "queue", "agents", "facts", "facts --rejected", "blame", "calls", "log", "replay", "what-if"];

fn with_run(verb: &str, run: &str) -> String {
    let (verb, flags) = verb.split_once(' ').unwrap_or((verb, ""));
    format!("{verb} {run} {flags}")
}

/// An export of the run up to an entry, read again.
fn cut(world: &World, seq: u64) -> Reading {
    let path = world.dir.path().join(format!("cut-{seq}.jsonl"));
    std::fs::write(&path, ran(&world.reading, &format!("export last@{seq}"), PIPE).ok()).unwrap();
    Reading::of_export(&path).unwrap()
}

#[test]
fn every_verb_shows_what_an_export_cut_there_shows() {
    let world = World::scripted(SCRIPT);
    let head = json(&world.reading, "show")["head"]["seq"].as_u64().unwrap();
    for seq in [0, 1, head / 3, head / 2, head - 1, head] {
        let alone = cut(&world, seq);
        for verb in STATES {
            let there = json(&world.reading, &with_run(verb, &format!("last@{seq}")));
            assert_eq!(there, json(&alone, verb), "{verb} at {seq}");
        }
        assert_eq!(json(&world.reading, &format!("verify last@{seq}"))["head"]["seq"], seq);
        let checked = json(&world.reading, &format!("check last@{seq}"));
        assert_eq!(
            (&checked["findings"], &checked["entries"]),
            (&Value::from(Vec::<Value>::new()), &(seq + 1).into())
        );
    }
    for verb in STATES {
        let now = json(&world.reading, verb);
        assert_eq!(now, json(&world.reading, &with_run(verb, "last@head")), "{verb}");
    }
}

#[test]
fn labels_name_the_entry_that_made_them_and_nothing_later_is_there() {
    let world = World::scripted(SCRIPT);
    let at = |line: &str| ran(&world.reading, line, JSON);
    let facts = json(&world.reading, "facts last@F1");
    assert_eq!(facts["items"].as_array().unwrap().len(), 1);
    assert_eq!(json(&world.reading, "why last@F1 F1")["head"]["seq"], facts["items"][0]["seq"]);
    assert_eq!(at("why last@F1 answer").error().exit, Exit::NotFound);
    assert_eq!(at("why last@F1 F2").error().exit, Exit::NotFound);
    assert_eq!(at("cat last@F1 F2").error().exit, Exit::NotFound);
    assert_eq!(at("unfold last@F1 F2").error().exit, Exit::NotFound);
    json(&world.reading, "why last@answer answer");
    json(&world.reading, "cat last@F1 F1");
}

#[test]
fn a_position_that_is_not_there_is_not_found_and_one_that_makes_no_sense_is_refused() {
    let world = World::scripted(SCRIPT);
    let head = json(&world.reading, "show")["head"]["seq"].as_u64().unwrap();
    for at in [format!("{}", head + 1), format!("head~{}", head + 1), "F99".to_owned()] {
        let error = ran(&world.reading, &format!("show last@{at}"), JSON).error();
        assert_eq!(error.exit, Exit::NotFound, "{at}: {}", error.message);
    }
    let past = ran(&world.reading, &format!("facts last@{}", head + 1), JSON).error();
    assert!(past.message.contains(&format!("the head of the run is {head}")), "{}", past.message);
    assert_eq!(ran(&world.reading, "log last@3 -f", PIPE).error().exit, Exit::Usage);
    let told = ran(&world.reading, "show last@3", PIPE).ok();
    assert!(told.contains("live, at this entry") && told.contains("this is entry 3"), "{told}");
}
