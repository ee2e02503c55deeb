//! Documents and scripts that many tests run on.
//!
//! Refuses to be realistic: a scripted model says what its rule says.

use serde_json::{Value, json};

/// A document.
pub(crate) const LAMP: &str = "The lamp of the tower was lit by Ines Varga. It burns colza oil in a brass \
reservoir. The wick is trimmed at dusk and at midnight.\n";

/// Another.
pub(crate) const KEEPER: &str = "Ines Varga came from the village of Ostrel. She kept the tower with her \
brother. Nobody kept it after them.\n";

/// What `notes/lamp.md` says, as a model finds it.
pub(crate) fn found() -> Value {
    let said = "The lamp of the tower was lit by Ines Varga.";
    json!({"finding": said, "cites": [], "unfold": [], "evidence": [{"unit": "S2.1", "quote": said}]})
}

/// Rules that make every stage succeed, for so many tasks.
pub(crate) fn good(tasks: u64) -> Value {
    script(
        0,
        vec![
            json!({"purpose": "plan", "plan_tasks": tasks, "plan_text": "What about the lamp, part {{n}}?"}),
        ],
    )
}

/// A script of its own first rules, then rules that make every stage succeed over `World::with_notes`.
pub(crate) fn script(delay_ms: u64, first: Vec<Value>) -> Value {
    let bullets = json!([{"text": "{{evidence}}", "head": "{{head}}", "tail": "{{tail}}"}]);
    let mut rules = first;
    rules.extend([
        json!({"purpose": "plan", "plan_tasks": 2, "plan_text": "What about the lamp, part {{n}}?"}),
        json!({"purpose": "read", "reply": {"bullets": bullets, "gist": "{{evidence}}"}}),
        json!({"purpose": "reason", "reply": found()}),
        json!({"purpose": "review", "reply": {"outcome": "approve", "reason": "the quote says so"}}),
        json!({"purpose": "expand", "reply": {"tasks": []}}),
        json!({"purpose": "finalize", "reply": {"answered": true, "answer": "Ines Varga lit it.", "cites": ["{{fact}}"]}}),
    ]);
    json!({
        "schema": "delm.script/1", "model_reported": "scripted-1",
        "tokens": {"input": 900, "output": 60}, "delay_ms": delay_ms, "rules": rules,
    })
}

/// Words of a small numbers: plain enough that no check takes them for a name or a number.
const WORDS: &[&str] =
    &["amber", "brass", "cedar", "ember", "flint", "grain", "heath", "ivory", "maple", "reeds"];

/// A document of one sentence a task, and a script whose every task finds its own sentence, in any order.
pub(crate) fn one_sentence_a_task(tasks: usize, delay_ms: u64) -> (String, Value) {
    let sentence = |n: usize| {
        let [a, b, c] = [n / 100 % 10, n / 10 % 10, n % 10].map(|digit| WORDS[digit]);
        format!("the {a} {b} {c} was kept in the tower.")
    };
    let document: String = (1..=tasks).map(|n| format!("{}\n", sentence(n))).collect();
    let rules = (1..=tasks).map(|n| {
        json!({"purpose": "reason", "task": format!("T{n}"), "reply": {
            "finding": sentence(n), "cites": [], "unfold": [],
            "evidence": [{"unit": "S1.1", "quote": sentence(n)}],
        }})
    });
    let plan = json!({"purpose": "plan", "plan_tasks": tasks, "plan_text": "What was kept, part {{n}}?"});
    let rules = std::iter::once(plan).chain(rules).collect();
    (document, script(delay_ms, rules))
}
