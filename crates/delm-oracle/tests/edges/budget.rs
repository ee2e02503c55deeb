//! Money and tokens: what a call may cost, what a failed one is charged, and when a budget is reached.
//!
//! Refuses to break two laws where one will do.

use delm_oracle::Invariant as I;
use serde_json::{Value, json};

use super::{Events, Story, finds, fits_or_finds, lawful};

/// `a1` plans by a call that reserves 100 tokens and 40 microusd; its fence.
fn calling(story: &mut Story) -> usize {
    let mut events = story.claim("a1", "plan", 1);
    let fence = story.next();
    let text = story.run.blob("a preamble");
    let recipe = json!({"renderer": 1, "preamble": text, "template": text, "length": 0, "job": "plan", "attempt": 1,
        "feedback": null, "unfolded": [], "prior": null, "problem": null});
    let call = json!({"call": "c1", "fence": fence, "purpose": "plan", "model": "m",
        "request": {"hash": "0".repeat(64), "recipe": recipe}, "reserved_microusd": 40, "reserved_tokens": 100});
    events.push(("call_started", call));
    story.tell("a1", events)
}

/// A run in which the model `m` has a price, and a budget.
fn priced(limit: &str, value: u64) -> Story {
    let mut story = Story::of(&["p"]).limit(limit, value);
    story.run.data((0, 0))["prices"] =
        json!([{"model": "m", "version": "1", "in_microusd": 1, "cached_microusd": 1, "out_microusd": 1}]);
    story
}

/// The reply of the call, which used 30 tokens and cost 12 microusd.
fn finished(story: &mut Story) -> Value {
    let reply = story.run.blob("a reply");
    json!({"call": "c1", "reply": reply, "model_reported": null, "request_id": null,
        "tokens": {"in": 20, "out": 10, "cached": 20}, "cost_microusd": 12, "latency_ms": 1, "tries": 2, "billable": 0})
}

/// The call failed, so many times billed and charged so much.
fn failed(story: &mut Story, billable: u32, tokens: u64, microusd: Value) -> Events {
    let error = story.run.blob("no connection");
    let data = json!({"call": "c1", "fault": "provider", "error": error, "reply": null, "charged_microusd": microusd,
        "charged_tokens": tokens, "tries": 3, "billable": billable});
    let mut events = vec![("call_failed", data)];
    events.extend(story.failure("task_reopened", "plan", 1));
    events
}

#[test]
fn i30_a_cost_has_a_price_of_its_model_and_numbers_that_fit() {
    let changes: [(&str, Value, bool); 6] = [
        ("latency_ms", json!(2), true),
        ("billable", json!(2), true),
        ("billable", json!(3), false),
        ("tokens", json!({"in": 20, "out": 10, "cached": 21}), false),
        ("tokens", Value::Null, false),
        ("cost_microusd", Value::Null, true),
    ];
    for (field, value, fits) in changes {
        let mut story = priced("budget_tokens", 0);
        calling(&mut story);
        let mut data = finished(&mut story);
        data[field] = value;
        let seq = story.tell("a1", vec![("call_finished", data)]);
        fits_or_finds(fits, &story.run, I::CostsSum, seq);
    }
    let mut story = priced("budget_tokens", 0);
    story.run.data((0, 0))["prices"][0]["model"] = json!("another");
    calling(&mut story);
    let events = vec![("call_finished", finished(&mut story))];
    let seq = story.tell("a1", events);
    finds(&story.run, &[(I::CostsSum, seq)]);
}

#[test]
fn i30_what_a_failed_call_is_charged() {
    // Whether there is a money budget, how often it is billed, tokens and money charged, and whether that is right.
    let charges: [(u64, u32, u64, Value, bool); 10] = [
        (0, 1, 100, json!(40), true),
        (0, 1, 100, Value::Null, true),
        (0, 1, 100, json!(39), false),
        (0, 1, 99, json!(40), false),
        (0, 2, 200, json!(80), true),
        (0, 0, 0, json!(0), true),
        (500, 1, 100, json!(40), true),
        (500, 1, 100, json!(41), false),
        (500, 1, 100, Value::Null, false),
        (500, 0, 0, Value::Null, false),
    ];
    for (budget, billable, tokens, microusd, fits) in charges {
        let mut story = priced("budget_microusd", budget);
        calling(&mut story);
        let events = failed(&mut story, billable, tokens, microusd);
        let seq = story.tell("a1", events);
        fits_or_finds(fits, &story.run, I::CostsSum, seq);
    }
}

/// The run after one call, with a limit reached and the pause that follows.
fn reached(mut story: Story, limit: &str, value: u64, spent: u64, needed: u64) -> Story {
    calling(&mut story);
    let reply = finished(&mut story);
    let mut events = vec![("call_finished", reply)];
    events.push(("claim_released", json!({"job": "plan", "fence": 1})));
    let limit = json!({"cause": "budget", "limit": limit, "value": value, "spent": spent, "needed": needed});
    events.push(("limit_reached", limit));
    events.push(("run_paused", json!({"cause": "budget", "open": []})));
    story.tell("a1", events);
    story
}

#[test]
fn i30_a_budget_is_reached_when_it_is() {
    // 30 tokens and 12 microusd are spent, and nothing is reserved.
    let limits: [(&str, u64, u64, u64, u64, bool); 14] = [
        ("budget_tokens", 120, 120, 30, 91, true),
        ("budget_tokens", 120, 120, 30, 90, false),
        ("budget_tokens", 120, 121, 30, 92, false),
        ("budget_tokens", 120, 119, 30, 91, false),
        ("budget_tokens", 120, 120, 31, 91, false),
        ("budget_tokens", 120, 120, 29, 92, false),
        ("budget_tokens", 120, 120, 30, 0, false),
        ("budget_microusd", 45, 45, 12, 34, true),
        ("budget_microusd", 45, 45, 12, 33, false),
        ("budget_microusd", 45, 45, 30, 34, false),
        ("budget_microusd", 0, 0, 12, 34, false),
        ("budget_microusd", 0, 0, 12, 0, false),
        ("budget_tokens", 0, 0, 30, 0, false),
        ("tasks_max", 7, 7, 0, 8, false),
    ];
    for (limit, budget, value, spent, needed, fits) in limits {
        let story = reached(priced(limit, budget), limit, value, spent, needed);
        fits_or_finds(fits, &story.run, I::CostsSum, 2);
    }
}

#[test]
fn a_budget_is_reached_when_it_is_spent_to_the_last() {
    // The reply took more than was reserved for it.
    for (used, fits) in [(120, true), (121, true), (119, false)] {
        let mut story = reached(priced("budget_tokens", 120), "budget_tokens", 120, used, 0);
        let reply = story.run.first("call_finished");
        story.run.data(reply)["tokens"]["out"] = json!(used - 20);
        fits_or_finds(fits, &story.run, I::CostsSum, 2);
    }
}

#[test]
fn a_budget_of_money_bears_what_it_can() {
    for (budget, fits) in [(40, true), (39, false)] {
        let mut story = priced("budget_microusd", budget);
        calling(&mut story);
        fits_or_finds(fits, &story.run, I::OvershootBounded, 1);
    }
    let mut story = priced("budget_microusd", 0);
    calling(&mut story);
    lawful(&story.run);
}
