//! What the verbs print, filled from a run that the core decided, and its export read back.
//!
//! Refuses fields that no schema knows, and schemas that ask for fields nobody writes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

mod world;

use delm_core::event::Event;
use delm_core::ids::{CallId, Job, TaskId};
use delm_core::run::Run;
use delm_wire::export::{self, Reader, Stored};
use delm_wire::name::Word;
use delm_wire::schema::schema;
use delm_wire::view::{
    AgentView, AgentsTag, Began, CallFold, CallsTag, FactView, FactsTag, JobView, List, LogItem, LogTag,
    LsItem, LsTag, QueueTag, RunView, ShowView, WorkFold, fences_of,
};
use serde::Serialize;
use serde_json::{Value, json};
use world::{DOCUMENT, World, reply_to};

fn worked() -> World {
    let mut world = World::new();
    world.work();
    world
}

/// The document as JSON, after its fields were held against its schema.
fn checked(name: &str, document: &impl Serialize) -> Value {
    let (value, root) = (serde_json::to_value(document).unwrap(), schema(name).unwrap());
    agree(&value, &root, &root, name);
    value
}

/// Every field has a property, every required property a field, all the way down.
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
            items
                .iter()
                .enumerate()
                .for_each(|(n, item)| agree(item, &schema["items"], root, &format!("{at}[{n}]")));
        }
        Value::String(word) if schema.get("enum").is_some() => {
            assert!(schema["enum"].as_array().unwrap().contains(&json!(word)), "{at}: {word}");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {}
    }
}

fn list<S: Default, T>(run: &Run, items: Vec<T>) -> List<S, T> {
    List { schema: S::default(), run: run.id().map(Word), items, next: None }
}

#[test]
fn a_run_says_what_it_came_to() {
    let world = worked();
    let run = checked("run", &RunView::of(world.run(), &world.stored).unwrap());
    assert_eq!(
        (&run["schema"], &run["outcome"], &run["cause"]),
        (&json!("delm.run/1"), &json!("answered"), &Value::Null)
    );
    assert_eq!(
        (&run["answer"], &run["answer_kind"], &run["name"]),
        (&json!("In Penmarrow."), &json!("text"), &json!("harbour"))
    );
    let quotes: Vec<&str> =
        run["citations"].as_array().unwrap().iter().map(|c| c["quote"].as_str().unwrap()).collect();
    assert_eq!(
        quotes,
        [
            "The harbour light was built in 1874 by Ada Quill.",
            "Ada Quill was born in the village of Penmarrow."
        ]
    );
    let second = &run["citations"][1];
    let at = |field: &str| usize::try_from(second[field].as_u64().unwrap()).unwrap();
    assert_eq!(DOCUMENT[at("start")..at("end")], *quotes[1]);
    assert_eq!(
        (&second["fact"], &second["source"], &second["name"]),
        (&json!("F2"), &json!("S1"), &json!("harbour.md"))
    );
    assert_eq!(run["tasks"], json!({"total": 2, "done": 2, "abandoned": 0, "open": 0}));
    assert_eq!(run["facts"]["by_grade"], json!({"judged-same-model": 2}));
    assert_eq!(run["models"]["worker"], json!({"model": "script:test", "params": {"seed": "7"}}));
    let calls = run["calls"].as_u64().unwrap();
    assert_eq!(
        run["tokens"],
        json!({"in": 10 * (calls - 1), "out": 5 * (calls - 1), "cached": 2 * (calls - 1)})
    );
    assert_eq!(run["cost_microusd"], Value::Null, "a model without a price has an unknown cost");
}

#[test]
fn an_answer_from_a_fact_that_only_builds_on_others_shows_their_quotes() {
    let mut world = World::new();
    world.work_by(|job| {
        if *job == Job::Reason(TaskId(2)) {
            r#"{"finding":"Ada Quill built the light.","cites":["F1"],"evidence":[],"unfold":[]}"#
        } else if *job == Job::Finalize {
            r#"{"answered":true,"answer":"Ada Quill.","cites":["F2"]}"#
        } else {
            reply_to(job)
        }
    });
    let run = checked("run", &RunView::of(world.run(), &world.stored).unwrap());
    assert_eq!(run["outcome"], "answered", "{run}");
    let cited: Vec<(&Value, &Value)> =
        run["citations"].as_array().unwrap().iter().map(|cited| (&cited["fact"], &cited["quote"])).collect();
    assert_eq!(cited, [(&json!("F1"), &json!("The harbour light was built in 1874 by Ada Quill."))]);
}

#[test]
fn facts_name_author_verifier_and_words() {
    let world = worked();
    let run = world.run();
    let mut calls = CallFold::of_claims(fences_of(run.facts().iter().map(|fact| &*fact.proposal)));
    world.fold(|_, sealed| calls.entry(sealed, &world.stored));
    let entry = |seq: u64| world.log[usize::try_from(seq).unwrap()].id;
    let items: Vec<FactView> = run
        .facts()
        .iter()
        .map(|fact| FactView::admitted(run, &world.stored, fact, entry(fact.seq), &calls))
        .collect();
    let facts = checked("facts", &list::<FactsTag, _>(run, items));
    let second = &facts["items"][1];
    assert_eq!(
        (&second["label"], &second["text"]),
        (&json!("F2"), &json!("Ada Quill was born in Penmarrow."))
    );
    assert_eq!(
        (&second["cites"], &second["task"], &second["attempt"]),
        (&json!(["F1"]), &json!("T2"), &json!(1))
    );
    assert_eq!(second["evidence"][0]["quote"], "Ada Quill was born in the village of Penmarrow.");
    assert_eq!(second["author"]["model_reported"], "test-1");
    let judge = &second["verifiers"][0];
    assert_eq!(
        (&judge["method"], &judge["outcome"], &judge["reason"]),
        (&json!("judge"), &json!("approve"), &json!("it says so"))
    );
    assert_ne!(judge["principal"], second["author"]["principal"]);
    assert_eq!(judge["failed"], json!([]));
}

#[test]
fn calls_come_in_pages_with_their_ends() {
    let world = worked();
    let page = |after, items_max| {
        let mut calls = CallFold::page(after, items_max);
        world.fold(|_, sealed| calls.entry(sealed, &world.stored));
        calls
    };
    let all = page(None, 1_000);
    let items: Vec<_> = all.calls().cloned().collect();
    assert!(!all.has_more() && items.len() == world.run().ledger().calls as usize);
    let calls = checked("calls", &list::<CallsTag, _>(world.run(), items.clone()));
    let states: Vec<&str> =
        calls["items"].as_array().unwrap().iter().map(|c| c["state"].as_str().unwrap()).collect();
    assert_eq!(states.iter().filter(|state| **state == "failed").count(), 1);
    let failed = states.iter().position(|state| *state == "failed").unwrap();
    assert_eq!(calls["items"][failed]["error"], "no answer for this prompt");
    let second = page(Some(CallId(2)), 3);
    assert_eq!(second.calls().cloned().collect::<Vec<_>>(), items[2..5]);
    assert!(second.has_more());
}

#[test]
fn queue_agents_log_ls_and_show_agree_with_their_schemas() {
    let world = worked();
    let (stored, mut work) = (&world.stored, WorkFold::default());
    let run = &world.fold(|run, sealed| work.entry(run, sealed));
    let jobs = run.jobs().iter().map(|(job, state)| JobView::of(run, stored, job, state)).collect();
    let queue = checked("queue", &list::<QueueTag, JobView>(run, jobs));
    let texts: Vec<&Value> =
        queue["items"].as_array().unwrap().iter().filter(|job| job["task"] == "T2").collect();
    assert_eq!((&texts[0]["text"], &texts[0]["needs"]), (&json!("Where was she born?"), &json!(["T1"])));

    let agents = run.agents().iter().map(|(id, agent)| AgentView::of(run, id, agent, &work)).collect();
    let agents = checked("agents", &list::<AgentsTag, AgentView>(run, agents));
    let sum = |agent: &Value| agent["worked_ms"].as_u64().unwrap() + agent["waited_ms"].as_u64().unwrap();
    let agents = agents["items"].as_array().unwrap();
    assert!(agents.iter().all(|agent| sum(agent) == run.ran_ms()), "{agents:?}");
    assert!(agents.iter().all(|agent| agent["worked_ms"].as_u64() > Some(0)));

    let items = world.log.iter().flat_map(|sealed| {
        sealed.entry.events.iter().map(|event| LogItem::of(sealed, event).with_texts(sealed, event, stored))
    });
    let log = checked("log", &list::<LogTag, LogItem>(run, items.collect()));
    let added = |event: &Event| matches!(event, Event::SourceAdded(_));
    let count = world.log.iter().flat_map(|sealed| &sealed.entry.events).filter(|event| added(event)).count();
    let items = log["items"].as_array().unwrap();
    let sources: Vec<&Value> = items.iter().filter(|item| item["event"]["kind"] == "source_added").collect();
    assert_eq!(sources.len(), count);
    let text = sources[0]["event"]["data"]["text"].as_str().unwrap();
    assert_eq!(sources[0]["texts"][text], DOCUMENT);

    let ls = List {
        schema: LsTag,
        run: None,
        items: vec![LsItem::of(run, stored).unwrap()],
        next: Some("x".into()),
    };
    let ls = checked("ls", &ls);
    assert_eq!(
        (&ls["items"][0]["resumable"], &ls["items"][0]["began"]),
        (&json!(false), &json!("1970-01-01T00:00:01.000Z"))
    );
    let show = checked("show", &ShowView::of(run, stored).unwrap());
    assert_eq!((&show["policy"], &show["limits"]["lease_ms"]), (&json!("fifo/1"), &json!(120_000)));
    let began = checked("began", &Began::of(Word(run.id().unwrap()), ".delm"));
    assert_eq!(began["run"], show["run"]);
    assert_eq!(RunView::of(&Run::default(), stored), None, "a run before its first entry came to nothing");
}

#[test]
fn a_decided_run_survives_its_export() {
    let world = worked();
    let stored = |hash: &_| {
        let bytes = world.stored.get(hash).cloned();
        Ok(bytes.map(|bytes| Stored { len: bytes.len() as u64, bytes: Some(bytes) }))
    };
    let (mut reader, mut entries) = (Reader::new(), Vec::new());
    let out = |line: &str| {
        if let export::Record::Entry(sealed) = reader.line(line.as_bytes()).unwrap() {
            entries.push(sealed);
        }
        Ok::<(), core::convert::Infallible>(())
    };
    let head = export::write(&world.log[0], world.log.iter().cloned().map(Ok), stored, out).unwrap();
    let summary = reader.finish().unwrap();
    assert_eq!((summary.run, Some(summary.head)), (world.run().id().unwrap(), world.run().head()));
    assert_eq!((head, summary.root.0), (summary.head, world.run().tree().root()));
    assert_eq!(entries, world.log);
}
