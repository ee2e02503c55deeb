//! I-40: a fork that leaves another place, keeps what is its parent's, pays for it, or works out the wrong things again.

use std::collections::BTreeSet;

use delm_oracle::Invariant;
use serde_json::{Value, json};

use crate::kit::{Export, check};

type Events = Vec<(&'static str, Value)>;

/// The jobs that are held where a run ends now, with their fences, and the calls that are open.
fn held(run: &Export) -> (Vec<(Value, Value)>, Vec<Value>) {
    let of = |kind: &str, field: &str| -> Vec<Value> {
        let found = run.all(kind, |_| true).into_iter();
        found.map(|(seq, place)| run.entries[seq]["events"][place]["data"][field].clone()).collect()
    };
    let jobs = of("claimed", "job");
    let over: BTreeSet<String> = ["draft_submitted", "claim_released", "claim_expired"]
        .iter()
        .flat_map(|kind| of(kind, "fence"))
        .map(|it| it.to_string())
        .collect();
    let claims = of("claimed", "fence").into_iter().zip(jobs);
    let live =
        claims.filter(|(fence, _)| !over.contains(&fence.to_string())).map(|(fence, job)| (job, fence));
    let ended: BTreeSet<String> = ["call_finished", "call_failed"]
        .iter()
        .flat_map(|kind| of(kind, "call"))
        .map(|it| it.to_string())
        .collect();
    let open = of("call_started", "call").into_iter().filter(|call| !ended.contains(&call.to_string()));
    (live.collect(), open.collect())
}

/// A fork of a sample after an entry: as it should be, but for what `change` does to its first entry.
fn fork(name: &str, after: usize, change: impl FnOnce(&mut Export, &mut Events)) -> Export {
    let mut run = Export::sample(name);
    run.cut_after(after);
    let text = run.write();
    let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let header: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let origin = json!({"run": header["run"], "seq": after, "head": last["head"]["id"]});
    let mut events = vec![(
        "run_forked",
        json!({
            "nonce": "00112233445566778899aabbccddeeff", "name": null, "origin": origin, "engine": "other 1",
            "changes": [], "policy": null, "models": null, "hosts": null, "self_review": null, "ablations": null,
            "templates": null, "prices": null,
        }),
    )];
    let (claims, calls) = held(&run);
    for (job, fence) in claims {
        events.push(("claim_released", json!({"job": job, "fence": fence})));
    }
    for call in calls {
        let error = run.blob("it is the parent's");
        events.push((
            "call_failed",
            json!({
                "call": call, "fault": "lost", "error": error, "reply": null, "charged_microusd": 0,
                "charged_tokens": 0, "tries": 0, "billable": 0,
            }),
        ));
    }
    change(&mut run, &mut events);
    run.push(Value::Null, 77, events);
    run
}

/// The entry before the one that ends a sample.
fn last_working(name: &str) -> usize {
    Export::sample(name).first("run_ended").0 - 1
}

/// Drops `F1`, which taints three facts, and works out again what found these.
fn drop_first(run: &mut Export, events: &mut Events) {
    let reason = run.blob("it does not hold");
    let admitted = run.all("gist_admitted", |_| true);
    let note = admitted.len();
    let tainted = ["F2", "F4", "F5"];
    let task_of = |label: &str| {
        let (seq, place) = run.find("gist_admitted", 0, |data| data["label"] == label);
        run.entries[seq]["events"][place]["data"]["task"].clone()
    };
    let tasks = tainted.map(|label| (label, task_of(label)));
    events
        .push(("gist_withdrawn", json!({"label": "F1", "reason": reason, "tainted": tainted, "note": note})));
    for (place, (label, task)) in tasks.into_iter().enumerate() {
        // F5 builds on F1 by way of F2.
        let tainted = if label == "F2" { vec!["F5"] } else { Vec::new() };
        events.push(("task_reopened", json!({"task": task, "attempt": 1, "reason": reason})));
        let note = note + 1 + place;
        events.push((
            "gist_withdrawn",
            json!({"label": label, "reason": reason, "tainted": tainted, "note": note}),
        ));
    }
}

#[test]
fn i40_a_fork_of_another_place() {
    let origin = |change: fn(&mut Value)| fork("alone", 9, |_, events| change(&mut events[0].1["origin"]));
    assert!(origin(|_| {}).report().is_clean(), "{:#?}", origin(|_| {}).report());
    origin(|origin| origin["seq"] = json!(8)).breaks(Invariant::ForkIsolation, 10);
    origin(|origin| origin["head"] = origin["run"].clone()).breaks(Invariant::ForkIsolation, 10);
    origin(|origin| origin["run"] = origin["head"].clone()).breaks(Invariant::ForkIsolation, 10);
}

#[test]
fn i40_a_fork_keeps_a_claim_of_its_parent() {
    let kept = fork("alone", 9, |_, events| events.retain(|(kind, _)| *kind != "claim_released"));
    kept.breaks(Invariant::ForkIsolation, 10);
}

#[test]
fn i40_a_fork_waits_for_a_call_of_its_parent_or_pays_for_it() {
    assert!(fork("models", 20, |_, _| {}).report().is_clean());
    fork("models", 20, |_, events| events.retain(|(kind, _)| *kind != "call_failed"))
        .breaks(Invariant::ForkIsolation, 21);
    let charged = |field: &'static str, value: Value| {
        fork("models", 20, |_, events| {
            let call = events.iter_mut().find(|(kind, _)| *kind == "call_failed").unwrap();
            call.1[field] = value;
        })
    };
    charged("charged_tokens", json!(9)).breaks(Invariant::ForkIsolation, 21);
    charged("charged_microusd", Value::Null).breaks(Invariant::ForkIsolation, 21);
    charged("fault", json!("request")).breaks(Invariant::ForkIsolation, 21);
}

#[test]
fn i40_a_fork_works_out_again_what_is_tainted_and_nothing_else() {
    let (at, dropped) = (last_working("alone"), drop_first);
    let right = fork("alone", at, dropped);
    assert!(right.report().is_clean(), "{:#?}", right.report());
    for place in 0..3 {
        let left = fork("alone", at, |run, events| {
            drop_first(run, events);
            let first = events.iter().position(|(kind, _)| *kind == "task_reopened").unwrap();
            // The last and its withdrawal, the last two, or all three.
            events.truncate(first + 2 * place);
        });
        left.breaks(Invariant::ForkIsolation, at + 1);
    }
    let kept = fork("alone", at, |run, events| {
        drop_first(run, events);
        events.pop();
    });
    kept.breaks(Invariant::ForkIsolation, at + 1);
    let more = fork("alone", at, |run, events| {
        drop_first(run, events);
        let (seq, place) = run.find("gist_admitted", 0, |data| data["label"] == "F1");
        let task = run.entries[seq]["events"][place]["data"]["task"].clone();
        let reason = run.blob("why not");
        events.push(("task_reopened", json!({"task": task, "attempt": 1, "reason": reason})));
    });
    more.breaks(Invariant::ForkIsolation, at + 1);
}

#[test]
fn i9_who_worked_for_the_parent_works_on_in_the_fork() {
    let mut run = fork("alone", last_working("alone"), |_, events| {
        let joined = json!({"agent": "a2", "kind": "builtin", "principal": "a2", "model": "extractive", "program": null});
        events.push(("agent_joined", joined));
    });
    assert!(run.report().is_clean(), "{:#?}", run.report());
    let fence = run.entries.len();
    let claim = |agent: &str| {
        let at = Export::sample("alone").entries.last().unwrap()["at_ms"].as_u64().unwrap();
        let data = json!({"job": "finalize", "agent": agent, "fence": fence, "deadline_ms": at + 99_999, "attempt": 1});
        vec![("claimed", data), ("context_read", json!({"fence": fence, "length": 0}))]
    };
    let mut right = run.clone();
    right.push(json!("a2"), 0, claim("a2"));
    assert!(right.report().is_clean(), "{:#?}", right.report());
    run.push(json!("a1"), 999, claim("a1"));
    run.breaks(Invariant::Attribution, fence);
}

#[test]
fn what_the_parent_redacted_since_is_missing_in_a_fork_and_nothing_else_is() {
    let run = fork("alone", 9, |_, _| {});
    let text = run.write();
    let gone = |hash: &str| -> String {
        let lines = text.lines().map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            if value["blob"] != hash {
                return line.to_owned();
            }
            format!(r#"{{"blob":"{hash}","len":{},"redacted":true}}"#, value["len"])
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    let question = run.entries[0]["events"][0]["data"]["question"].as_str().unwrap().to_owned();
    assert!(check(&gone(&question)).is_clean());
    let mut named = fork("alone", 9, |run, events| events[0].1["name"] = run.blob("other-name"));
    let name = named.blob("other-name");
    let text = named.write().replace(
        &format!("\"blob\":{name},\"len\":10,\"base64\":\"b3RoZXItbmFtZQ==\""),
        &format!("\"blob\":{name},\"len\":10,\"redacted\":true"),
    );
    assert!(text.contains("redacted"));
    assert!(check(&text).fault.is_some(), "the fork's own blobs are there");
}

#[test]
fn i46_a_fork_counts_the_agents_that_join_it() {
    let joined = |most: u32| {
        fork("alone", last_working("alone"), |_, events| {
            events[0].1["changes"] = json!([{"limit": "agents_max", "value": 2}]);
            for agent in (2..).take(most as usize).map(|number| format!("a{number}")) {
                let data = json!({"agent": agent, "kind": "builtin", "principal": agent, "model": "m", "program": null});
                events.push(("agent_joined", data));
            }
        })
    };
    assert!(joined(2).report().is_clean(), "{:#?}", joined(2).report());
    joined(3).breaks(Invariant::BoundedMemory, last_working("alone") + 1);
}

#[test]
fn i30_a_fork_has_spent_nothing_when_it_begins() {
    let reached = |spent: u64| {
        let mut run = fork("models", 20, |_, events| {
            events[0].1["changes"] = json!([{"limit": "budget_tokens", "value": 100}]);
        });
        let limit =
            json!({"cause": "budget", "limit": "budget_tokens", "value": 100, "spent": spent, "needed": 101});
        let paused = json!({"cause": "budget", "open": ["T2", "T3"]});
        run.push(Value::Null, 78, vec![("limit_reached", limit), ("run_paused", paused)]);
        run
    };
    assert!(reached(0).report().is_clean(), "{:#?}", reached(0).report());
    reached(1).breaks(Invariant::CostsSum, 22);
}
