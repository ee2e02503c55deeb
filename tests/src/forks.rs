//! Forks by the command line: what they share, drop and change, where they may leave a run, and that it stays as it was.
//!
//! Refuses to look at a fork alone: each test compares the origin before and after, byte for byte.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use crate::kit::{World, script, text, top};

fn export(world: &World, run: &str) -> String {
    world.delm("export").arg(run).done().exit(0).stdout
}

fn items(world: &World, words: &str, run: &str) -> Vec<Value> {
    let list = world.delm(words).arg(run).arg("--json").done().exit(0).json();
    list["items"].as_array().unwrap().clone()
}

/// The events of a kind of one entry of an export.
fn events<'a>(lines: &'a [Value], seq: u64, kind: &'a str) -> impl Iterator<Item = &'a Value> {
    let entry = lines.iter().find(|line| line["seq"] == seq).unwrap();
    let events = entry["events"].as_array().unwrap().iter();
    events.filter(move |event| event["kind"] == kind).map(|event| &event["data"])
}

fn parsed(export: &str) -> Vec<Value> {
    export.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// An export of a fork is whole for everybody who reads exports.
fn whole_elsewhere(world: &World, run: &str) {
    let export = export(world, run);
    world.write("fork.jsonl", &export);
    for words in ["verify", "check", "replay", "show", "facts", "log", "calls", "queue", "export"] {
        let read = world.delm(words).arg("fork.jsonl").done().exit(0);
        assert!(words != "export" || read.stdout == export, "the export of an export");
    }
    let shown = world.delm("show fork.jsonl --json").done().exit(0).json();
    let mut stored = world.delm("show --json").arg(run).done().exit(0).json();
    stored["ready"] = shown["ready"].clone();
    assert_eq!(shown, stored);
    let checker = top().join("schemas/delm_check.py");
    let python = Command::new("python3").arg("-B").arg(checker).arg(world.path("fork.jsonl")).output();
    if let Ok(output) = python {
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_dropped_fact_falls_with_what_builds_on_it_and_nothing_else() {
    let world = World::new();
    world.delm("demo -q --agents 1").done().exit(0);
    let origin = world.runs().remove(0);
    let before = export(&world, &origin);
    let cited = items(&world, "facts", &origin);
    let fork = world.delm("fork last --drop F1 --name without --json").done().exit(0).json();
    assert_eq!((fork["origin"]["run"].as_str(), fork["name"].as_str()), (Some(&*origin), Some("without")));
    assert_eq!(fork["outcome"], "answered");
    let left = fork["origin"]["seq"].as_u64().unwrap();
    // The closure, found by going through the facts until nothing is added.
    let mut falls = BTreeSet::from(["F1".to_owned()]);
    for _ in &cited {
        for fact in &cited {
            let builds = fact["cites"].as_array().unwrap().iter().any(|label| falls.contains(&text(label)));
            if builds {
                falls.insert(text(&fact["label"]));
            }
        }
    }
    assert!(falls.len() > 1 && falls.len() < cited.len(), "the demo shows both: {falls:?}");
    let lines = parsed(&export(&world, "without"));
    let withdrawn: Vec<_> = events(&lines, left + 1, "gist_withdrawn").collect();
    assert_eq!((&withdrawn[0]["label"], withdrawn.len()), (&json!("F1"), falls.len()), "and what they found");
    let tainted: BTreeSet<String> = withdrawn[0]["tainted"].as_array().unwrap().iter().map(text).collect();
    assert!(
        tainted.iter().chain([&"F1".to_owned()]).eq(&falls)
            || falls.iter().filter(|f| *f != "F1").eq(&tainted)
    );
    let tasks: BTreeSet<String> = cited
        .iter()
        .filter(|fact| tainted.contains(&text(&fact["label"])))
        .map(|fact| text(&fact["task"]))
        .collect();
    let reopened: BTreeSet<String> =
        events(&lines, left + 1, "task_reopened").map(|task| text(&task["task"])).collect();
    assert_eq!(reopened, tasks);
    for citation in fork["citations"].as_array().unwrap() {
        assert!(!falls.contains(&text(&citation["fact"])), "the answer stands on {citation}");
    }
    // Facts that stand are as they were.
    let now = items(&world, "facts", "without");
    for (old, new) in cited.iter().zip(&now) {
        assert!(
            falls.contains(&text(&old["label"])) || old["text"] == new["text"] && new["tainted"] == false
        );
    }
    assert!(lines.iter().any(|line| line["origin"]["run"] == *origin), "the header names the origin");
    let own = parsed(&before);
    let shared = usize::try_from(left).unwrap() + 1;
    assert_eq!(lines[1..=shared], own[1..=shared], "the prefix is the origin's");
    assert_eq!(export(&world, &origin), before, "the origin is as it was");
    whole_elsewhere(&world, "without");
    world.delm("show without").done().exit(0).shows("forked from").shows(&origin);
    assert_eq!(items(&world, "ls", "--name=without")[0]["origin"]["run"], *origin);
    world.delm("rm").arg(&origin).done().exit(7).says(&text(&fork["run"]));
    world.sound();
    world.delm("rm without").done().exit(0);
    world.delm("rm").arg(&origin).done().exit(0);
}

#[test]
fn places_and_changes_that_are_refused_leave_nothing_behind() {
    let world = World::with_notes();
    world.delm("demo -q --agents 1 --json").done().exit(0);
    let origin = world.runs().remove(0);
    let before = export(&world, &origin);
    let ids: Vec<String> =
        parsed(&before).iter().filter_map(|line| line["id"].as_str().map(str::to_owned)).collect();
    let letter = |id: &String| !id.as_bytes()[0].is_ascii_digit();
    let firsts: Vec<&str> = ids.iter().filter(|id| letter(id)).map(|id| &id[..1]).collect();
    let shared = firsts.iter().enumerate().find(|(at, first)| firsts[..*at].contains(first));
    if let Some((_, first)) = shared {
        let several = format!("fork last@{first} --json");
        assert_eq!(world.delm(&several).done().exit(8).error()["error"]["code"], "ambiguous");
    }
    let nobody = format!("fork last@{}", "f".repeat(30));
    for (words, exit, says) in [
        ("fork nobody", 8, "nobody"),
        ("fork last@99999", 8, "99999"),
        ("fork last@head~99999", 8, "99999"),
        ("fork last@F99", 8, "F99"),
        ("fork last@c1", 8, "c1"),
        (nobody.as_str(), 8, "ffff"),
        ("fork last@nonsense", 2, "nonsense"),
        ("fork last@", 2, "position"),
        ("fork last@head", 2, "over"),
        ("fork last@answer", 2, "over"),
        ("fork notes/run.jsonl", 2, "export"),
        ("fork last --drop F99", 8, "F99"),
        ("fork last --drop T1", 2, "T1"),
        ("fork last --set unit_bytes=99", 2, "unit_bytes"),
        ("fork last --set nothing=1", 2, "nothing"),
        ("fork last --docs notes", 2, "--docs"),
        ("fork last --name UP", 2, "UP"),
        ("fork last --model acme::m", 2, "acme"),
        ("fork last --ablate hierarchy", 2, "hierarchy"),
    ] {
        world.delm(words).done().exit(exit).says(says);
        let error = world.delm(words).arg("--json").done().exit(exit).error();
        assert!(error["error"]["hint"].is_string(), "{words}: {error}");
    }
    world.delm("fork last --drop F1 --dry-run").done().exit(0).says("dropped: F1");
    let plan = world.delm("fork last --drop F1 --dry-run --json").done().exit(0).json();
    assert_eq!((&plan["dropped"], plan["agents"].as_u64()), (&json!(["F1"]), Some(1)), "{plan}");
    // What would fall without it is what the fork lets fall: two ways to the same set.
    let fates = world.delm("what-if last --without F1 --json").done().exit(0).json();
    let falls = fates["items"].as_array().unwrap().iter().filter(|item| item["fate"] == "falls");
    let falls: Vec<_> = falls.map(|item| item["label"].clone()).collect();
    let tainted = plan["tainted"].as_array().unwrap();
    assert_eq!(falls, plan["dropped"].as_array().unwrap().iter().chain(tainted).cloned().collect::<Vec<_>>());
    let said = world.delm("fork last@2 --set attempts_max=5 --dry-run").done().exit(0);
    said.says("3 entries shared, 0 copied").says("1 change recorded: attempts_max=5");
    assert_eq!(world.runs(), std::slice::from_ref(&origin), "nothing was begun");
    world.delm("fork last@1 -q --no-start --name taken").done().exit(0);
    world.delm("fork last --name taken").done().exit(2).says("taken").hints();
    assert_eq!(export(&world, &origin), before);
    world.sound();
}

#[test]
fn forks_of_one_place_and_of_forks_each_go_their_own_way() {
    let world = World::with_notes();
    let model = world.script("model", &script::good(3));
    let run = world.delm("run -q --agents 1 --docs notes --name lamp --model").arg(&model).arg("Who lit it?");
    run.done().exit(0);
    let before = export(&world, "lamp");
    let begin = |words: &str| world.delm(words).arg("--no-start").arg("--json").done().exit(0).json();
    let (one, two) = (begin("fork lamp@T2 --name one"), begin("fork lamp@T2 --name two"));
    assert_ne!(one["run"], two["run"]);
    assert_eq!(one["origin"], two["origin"]);
    assert_eq!((one["outcome"].as_str(), one["cause"].as_str()), (Some("paused"), Some("interrupt")));
    assert_eq!(
        (one["calls"].as_u64(), one["tokens"]["in"].as_u64()),
        (Some(0), Some(0)),
        "its spending is its own"
    );
    world.delm("resume two -q").done().exit(0);
    world.delm("resume one -q").done().exit(0);
    // Of a fork: where it went its own way it is the owner, before that its origin is.
    let own = begin("fork one@head~3 --name own");
    assert_eq!(own["origin"]["run"], one["run"]);
    let early = begin("fork one@1 --name early");
    assert_eq!(early["origin"]["run"], one["origin"]["run"]);
    assert_eq!(early["origin"]["seq"], 1);
    for name in ["own", "early"] {
        world.delm("resume -q").arg(name).done().exit(0);
        whole_elsewhere(&world, name);
    }
    world.delm("rm one").done().exit(7);
    assert_eq!(export(&world, "lamp"), before);
    world.sound();
}

#[test]
fn what_flags_change_is_recorded_and_what_settings_say_is_not() {
    let world = World::with_notes();
    world
        .delm("run -q --docs notes --agents 2 --name plain --")
        .arg("Who lit the lamp of the tower?")
        .done()
        .exit(0);
    let quiet =
        world.delm("fork plain@2 -q --no-start --json").env("DELM_MODEL", "openai::m").done().exit(0).json();
    assert_eq!(quiet["models"]["worker"]["model"], "extractive", "a setting is no change");
    let model = world.script("model", &script::good(2));
    let fork = world
        .delm("fork plain@0 --agents 1 --set attempts_max=5 --param temperature=0.5 --budget-tokens 900000 --name model --json --model")
        .arg(&model);
    let fork = fork.done().exit(0).json();
    assert_eq!(fork["models"]["worker"], json!({"model": model, "params": {"temperature": "0.5"}}));
    assert_eq!(fork["models"]["judge"]["model"], model, "a judge that was the worker's model follows it");
    let seq = fork["origin"]["seq"].as_u64().unwrap() + 1;
    let lines = parsed(&export(&world, "model"));
    let forked = events(&lines, seq, "run_forked").next().unwrap();
    assert_eq!(
        forked["changes"],
        json!([{"limit": "attempts_max", "value": 5}, {"limit": "budget_tokens", "value": 900_000}])
    );
    assert_eq!(forked["self_review"], true);
    assert!(forked["policy"].is_null() && forked["prices"].is_null(), "{forked}");
    let shown = world.delm("show model --json").done().exit(0).json();
    assert_eq!(
        (shown["limits"]["attempts_max"].as_u64(), shown["calls"].as_u64()),
        (Some(5), fork["calls"].as_u64())
    );
    assert!(fork["calls"].as_u64() > Some(0));
    whole_elsewhere(&world, "model");
    world.sound();
}

#[test]
fn a_live_run_is_its_owners_and_a_dead_one_is_forked_where_it_fell() {
    let world = World::with_notes();
    let plan = json!({"purpose": "plan", "plan_tasks": 400, "plan_needs": 1});
    let model = world.script("slow", &script::script(50, vec![plan]));
    let run = world.delm("run --jsonl --agents 3 --docs notes --name slow --model").arg(&model).arg("Who?");
    let mut child = run.start();
    child.wait_written("a fact of a task", |written| written.matches("gist_admitted").count() > 3);
    let pid = child.pid().to_string();
    for words in ["fork slow --json", "fork slow@2 --json", "fork slow --wait=50ms --json"] {
        let error = world.delm(words).done().exit(7).error();
        assert!(text(&error["error"]["message"]).contains(&pid), "{error}");
    }
    drop(child.kill());
    let before = export(&world, "slow");
    let head = world.delm("show slow --json").done().exit(0).json()["head"].clone();
    let held = world.delm("show slow --json").done().exit(0).json()["claims"].as_u64().unwrap();
    let fork = world.delm("fork slow --no-start --name rescued --json").done().exit(0).json();
    assert_eq!(fork["origin"]["head"], head["id"]);
    let lines = parsed(&export(&world, "rescued"));
    let first = head["seq"].as_u64().unwrap() + 1;
    assert_eq!(events(&lines, first, "claim_released").count() as u64, held, "all that was held is released");
    for call in events(&lines, first, "call_failed") {
        assert_eq!((&call["fault"], &call["charged_tokens"]), (&json!("lost"), &json!(0)));
    }
    assert_eq!(export(&world, "slow"), before);
    whole_elsewhere(&world, "rescued");
    world.delm("cancel rescued").done().exit(0);
    world.sound();
}
