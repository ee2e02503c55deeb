//! Tests of scripts: choice of rules, effects, placeholders, strictness. They need no clock: time is paused.

use std::sync::Arc;
use std::time::Duration;

use delm_core::event::{CallFault, Purpose, Tokens};
use delm_core::ids::{CallId, Job};
use delm_core::reply::{Reply, schema};
use delm_core::request::Request;
use tokio::time::Instant;

use super::{Script, ScriptError, ScriptModel};
use crate::{CallError, CallInfo, Exchange, Model};

fn request(ask: &str, notes: &[&str]) -> Request {
    Request {
        purpose: Purpose::Reason,
        model: "script:test".into(),
        params: Vec::new(),
        output_tokens_max: 100,
        preamble: Arc::from("You are one of several agents.\n"),
        notes: notes.iter().map(|note| Arc::from(*note)).collect(),
        length: notes.len(),
        ask: ask.into(),
        again: None,
        schema: schema(Purpose::Reason),
    }
}

fn info(job: &str, attempt: u32, ask: u32) -> CallInfo {
    let job: Job = job.parse().unwrap();
    let purpose = Purpose::from_word(job.to_string().split(':').next().unwrap()).unwrap();
    CallInfo { purpose, job, attempt, ask, call: CallId(1) }
}

fn model(rules: &str) -> ScriptModel {
    let text = format!(r#"{{"schema":"delm.script/1","rules":{rules}}}"#);
    ScriptModel::new("script:test", Script::parse(&text, "test").unwrap())
}

async fn call(model: &ScriptModel, job: &str, attempt: u32) -> Result<Exchange, CallError> {
    model.call(&request("Work on it.", &[]), &info(job, attempt, 1)).await
}

async fn text(model: &ScriptModel, job: &str, attempt: u32) -> String {
    String::from_utf8(call(model, job, attempt).await.unwrap().reply).unwrap()
}

fn malformed(rules: &str) -> (usize, usize, String) {
    let text = format!("{{\"schema\":\"delm.script/1\",\n\"rules\":[\n{rules}]}}");
    match Script::parse(&text, "bad.json") {
        Err(ScriptError::Malformed { line, column, why, .. }) => (line, column, why),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_rule_whose_conditions_all_hold_is_used() {
    let model = model(
        r#"[{"purpose":"reason","attempt":2,"reply":"second"}, {"job":"review:14","reply":"fourteen"},
            {"task":"S3.2","reply":"unit"}, {"task":"T7","ask":1,"reply":"seven"}, {"reply":"else"}]"#,
    );
    assert_eq!(text(&model, "reason:T7", 2).await, "second");
    assert_eq!(text(&model, "reason:T7", 1).await, "seven");
    assert_eq!(text(&model, "read:S3.2", 1).await, "unit");
    assert_eq!(text(&model, "review:14", 1).await, "fourteen");
    assert_eq!(text(&model, "finalize", 1).await, "else");
}

#[tokio::test(start_paused = true)]
async fn without_a_rule_the_call_fails_and_says_for_what() {
    let error = call(&model(r#"[{"purpose":"plan","reply":"x"}]"#), "reason:T3", 2).await.unwrap_err();
    assert_eq!(error.fault, CallFault::Request);
    for part in ["script:test", "reason", "reason:T3", "attempt 2", "ask 1"] {
        assert!(error.error.contains(part), "{part}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn times_are_counted_for_each_job_apart() {
    let model = model(r#"[{"times":2,"reply":"early"},{"reply":"late"}]"#);
    for job in ["reason:T1", "reason:T2"] {
        assert_eq!(text(&model, job, 1).await, "early");
    }
    for expected in ["early", "late", "late"] {
        assert_eq!(text(&model, "reason:T1", 1).await, expected);
        assert_eq!(text(&model, "reason:T2", 1).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn text_is_found_in_any_part_of_the_prompt_and_only_in_notes_that_are_shown() {
    let model = model(r#"[{"contains":"needle","reply":"found"},{"reply":"not found"}]"#);
    let about = info("reason:T1", 1, 1);
    let mut shown = request("Work.", &["F1 hay\n", "F2 needle\n"]);
    assert_eq!(model.call(&shown, &about).await.unwrap().reply, b"found");
    shown.length = 1;
    assert_eq!(model.call(&shown, &about).await.unwrap().reply, b"not found");
    shown.again = Some(("{".into(), "a needle is missing".into()));
    assert_eq!(model.call(&shown, &about).await.unwrap().reply, b"found");
}

#[tokio::test(start_paused = true)]
async fn placeholders_are_filled_and_escaped() {
    let model = model(
        r#"[{"reply":{"finding":"{{task}} {{job}} {{attempt}} {{ask}} {{open}}","cites":["{{fact}}"],
                      "evidence":[{"unit":"{{unit}}","quote":"{{evidence}}"}]}}]"#,
    );
    let ask = "Task T7: who? See [S9.9].\n\n[S3.2]\n<<<\nShe said \"no\". Then she left.\n>>>\n\n[S3.20]\n<<<\nOther.\n>>>\n\
               Reply: {\"unit\":\"S1.1\"}";
    let request = request(ask, &["[F1] (T1) The lock is old.\n", "[F2] (T2) It was built in 1903.\n"]);
    let reply = model.call(&request, &info("reason:T7", 3, 2)).await.unwrap().reply;
    let Reply::Reason(reply) = Reply::parse(Purpose::Reason, &reply).unwrap() else { panic!("no reason") };
    assert_eq!(reply.finding, "T7 reason:T7 3 2 {{");
    assert_eq!(reply.cites, ["F2"]);
    assert_eq!(
        (reply.evidence[0].unit.as_str(), reply.evidence[0].quote.as_str()),
        ("S3.2", "She said \"no\".")
    );
}

#[tokio::test(start_paused = true)]
async fn a_passage_is_a_block_behind_its_label_or_a_line_that_begins_with_it() {
    let model = model(r#"[{"reply":"{{unit}}|{{evidence}}|{{head}}|{{tail}}"}]"#);
    for (job, ask, expected) in [
        (
            "read:S1.10",
            "It asks [S1.1].\n\nPassage [S1.10] from a [odd] file:\n<<<\n\nThe old gate by the quay is red. New.\n>>>\n",
            "S1.10|The old gate by the quay is red.|The old gate by the|by the quay is red.",
        ),
        (
            "reason:T1",
            "Behind [F3]:\n<<<\n[S2.1] It is red? Yes.\n>>>\n",
            "S2.1|It is red?|It is red?|It is red?",
        ),
    ] {
        let reply = model.call(&request(ask, &[]), &info(job, 1, 1)).await.unwrap().reply;
        assert_eq!(String::from_utf8(reply).unwrap(), expected);
    }
    let error =
        model.call(&request("Passage [S1.1]: none", &[]), &info("reason:T1", 1, 1)).await.unwrap_err();
    assert!(error.error.contains("passage"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_newest_fact_is_one_that_still_stands() {
    let model = model(r#"[{"reply":"{{fact}}"}]"#);
    let notes = ["[F1] (T1) Old.\n", "[F2] (T2) As [F1] says.\n", "[F2 IS WITHDRAWN] Wrong.\n"];
    let reply = model.call(&request("", &notes), &info("finalize", 1, 1)).await.unwrap().reply;
    assert_eq!(reply, b"F1");
}

#[tokio::test(start_paused = true)]
async fn a_placeholder_without_a_value_fails_the_call() {
    let error = call(&model(r#"[{"reply":"{{fact}}"}]"#), "finalize", 1).await.unwrap_err();
    assert_eq!(error.fault, CallFault::Request);
    assert!(error.error.contains("finalize") && error.error.contains("fact"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_many_tasks_is_one_line_of_script() {
    let model = model(r#"[{"plan_tasks":1000,"plan_text":"Find number {{n}}","plan_needs":2}]"#);
    let reply = call(&model, "plan", 1).await.unwrap().reply;
    let Reply::Plan(plan) = Reply::parse(Purpose::Plan, &reply).unwrap() else { panic!("no plan") };
    assert_eq!(plan.tasks.len(), 1000);
    assert!(plan.tasks[0].needs.is_empty());
    assert_eq!(plan.tasks[1].needs, ["1"]);
    assert_eq!(
        (plan.tasks[999].text.as_str(), &plan.tasks[999].needs[..]),
        ("Find number 1000", &["998".into(), "999".into()][..])
    );
}

#[tokio::test(start_paused = true)]
async fn damage_errors_and_delays_are_as_scripted() {
    let model = model(
        r#"[{"attempt":1,"reply":"{{task}}-","repeat":3,"truncate_bytes":5}, {"attempt":2,"reply_hex":"ff00Fe"},
            {"attempt":3,"error":{"fault":"provider","message":"quota"},"delay_ms":700,"tries":4},
            {"attempt":4,"reply":"ok","delay_ms":86400000,"tokens":{"input":9,"output":3,"cached":4},
             "model_reported":"m-2","request_id":"r-1"},
            {"attempt":5,"error":{"fault":"request","message":"cut","partial":"{\"ta"},"tries":3,"billable":1},
            {"attempt":6,"reply":"ok","tries":3,"billable":2}]"#,
    );
    let error = call(&model, "reason:T1", 5).await.unwrap_err();
    assert_eq!((error.tries, error.billable, error.partial.as_deref()), (3, 1, Some(&b"{\"ta"[..])));
    let exchange = call(&model, "reason:T1", 6).await.unwrap();
    assert_eq!((exchange.tries, exchange.billable), (3, 2));
    assert_eq!(text(&model, "reason:T1", 1).await, "T1-T1");
    assert_eq!(call(&model, "reason:T1", 2).await.unwrap().reply, [0xff, 0, 0xfe]);
    let before = Instant::now();
    let error = call(&model, "reason:T1", 3).await.unwrap_err();
    assert_eq!((error.fault, error.error.as_str(), error.tries), (CallFault::Provider, "quota", 4));
    assert_eq!((error.billable, error.partial), (4, None));
    assert_eq!(before.elapsed(), Duration::from_millis(700));
    let exchange = call(&model, "reason:T1", 4).await.unwrap();
    assert_eq!(exchange.tokens, Some(Tokens { input: 9, output: 3, cached: 4 }));
    assert_eq!((exchange.latency_ms, exchange.tries), (86_400_000, 1));
    assert_eq!(
        (exchange.model_reported.as_deref(), exchange.request_id.as_deref()),
        (Some("m-2"), Some("r-1"))
    );
}

#[tokio::test]
async fn a_short_script_cannot_ask_for_more_memory_than_there_is() {
    let model = model(
        r#"[{"attempt":1,"reply":"{{job}}","repeat":4294967295},
            {"attempt":2,"reply":"{{words:100000}}","repeat":100},
            {"attempt":3,"reply":"{{words:100000}}","truncate_bytes":8}]"#,
    );
    for attempt in 1..3 {
        let error = call(&model, "plan", attempt).await.unwrap_err();
        assert!(error.fault == CallFault::Request && error.error.contains("bytes"), "{error}");
    }
    assert_eq!(text(&model, "plan", 3).await, "word1 wo");
}

#[test]
fn what_is_not_a_script_is_refused_with_its_place() {
    for (rules, at, word) in [
        (r#"{"reply":"x","atempt":1}"#, 3, "atempt"),
        ("{}\n", 3, "exactly one"),
        ("{\"reply\":\"x\"},\n{\"reply\":\"x\",\"plan_tasks\":3}", 4, "exactly one"),
        (r#"{"reply":"x","purpose":"think"}"#, 3, "finalize"),
        (r#"{"reply":"x","job":"reason:t7"}"#, 3, "t7"),
        (r#"{"reply":"x","task":"T0"}"#, 3, "T0"),
        (r#"{"reply":"x","attempt":0}"#, 3, "from one"),
        (r#"{"reply":"x","attempt":-1}"#, 3, "-1"),
        (r#"{"reply":"x","attempt":1,"attempt":2}"#, 3, "duplicate"),
        (r#"{"reply":"{{tsak}}"}"#, 3, "tsak"),
        (r#"{"reply":"{{words:0}}"}"#, 3, "words:0"),
        (r#"{"reply":["{{task"]}"#, 3, "not closed"),
        (r#"{"reply_hex":"abc"}"#, 3, "hexadecimal"),
        (r#"{"reply_hex":"zz"}"#, 3, "hexadecimal"),
        (r#"{"reply":"x","plan_needs":1}"#, 3, "plan_needs"),
        (r#"{"plan_tasks":1000001}"#, 3, "1000001"),
        (r#"{"plan_tasks":1000000,"plan_needs":1000000}"#, 3, "bytes"),
        (r#"{"error":{"fault":"lost","message":""}}"#, 3, "lost"),
        (r#"{"error":{"fault":"request","message":""},"repeat":2}"#, 3, "repeat"),
        (r#"{"reply":"x","delay_ms":86400001}"#, 3, "86400001"),
        (r#"{"reply":"xxxxxxxxxxxxxxxx","repeat":4294967295}"#, 3, "bytes"),
        (r#"{"reply":"x","tokens":{"input":1}}"#, 3, "output"),
        (r#"{"reply":"x""#, 3, ""),
        ("{\"reply\":\n\"x\",\n\"aks\":1}", 5, "aks"),
    ] {
        let (line, column, why) = malformed(rules);
        assert_eq!(line, at, "{rules}: {why}");
        assert!(column > 0 && why.contains(word), "{rules}: {why}");
        assert!(!why.contains(" at line "), "the place is said twice: {why}");
    }
    for text in ["", "[]", "{}", r#"{"schema":"delm.script/2","rules":[]}"#, "\u{0}", r#"{"rules":[]}"#] {
        let error = Script::parse(text, "bad.json").unwrap_err();
        assert!(error.to_string().starts_with("bad.json:"), "{error}");
    }
}

#[test]
fn a_missing_script_is_named() {
    let error = ScriptModel::open(std::path::Path::new("no/such/script.json")).unwrap_err();
    assert!(error.to_string().contains("no/such/script.json"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_documented_script_does_what_its_page_says() {
    let page = include_str!("../../../../schemas/script.md");
    let example = page.split("```json").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let model = ScriptModel::new("script:page", Script::parse(example, "script.md").unwrap());
    assert!(Reply::parse(Purpose::Plan, &call(&model, "plan", 1).await.unwrap().reply).is_ok());
    assert_eq!(call(&model, "reason:T2", 1).await.unwrap_err().fault, CallFault::Request);
    assert_eq!(call(&model, "reason:T2", 2).await.unwrap().reply.len(), 20);
    let review = call(&model, "review:9", 1).await.unwrap();
    assert!(Reply::parse(Purpose::Review, &review.reply).is_ok());
    assert_eq!(review.tokens, Some(Tokens { input: 900, output: 60, cached: 0 }));
}

#[test]
fn the_schema_names_the_fields_that_are_read() {
    let schema: serde_json::Value = serde_json::from_str(crate::SCRIPT_SCHEMA).unwrap();
    let names = |value: &serde_json::Value| {
        value["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    let refusal = |text: &str| Script::parse(text, "x").unwrap_err().to_string();
    let top = refusal(r#"{"no_such":1}"#);
    let rule = refusal(r#"{"schema":"delm.script/1","rules":[{"no_such":1}]}"#);
    for (said, names) in [(top, names(&schema)), (rule, names(&schema["$defs"]["rule"]))] {
        // serde lists every field it knows after "expected one of".
        let said = said.split("expected one of").nth(1).and_then(|said| said.split('(').next()).unwrap();
        let known = said.matches('`').count() / 2;
        assert_eq!(known, names.len(), "{said}");
        assert!(names.iter().all(|name| said.contains(&format!("`{name}`"))), "{said}");
    }
}
