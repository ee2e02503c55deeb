//! The edges of laws: runs told entry by entry that are just lawful, or just not.
//!
//! Refuses a run that breaks a law besides those that its test names: each finding counts, and so does each that is missing.

mod budget;
mod chain;
mod claims;
mod context;
mod damage;
mod lifecycle;
mod verification;
mod words;

use delm_oracle::Invariant;
use serde_json::{Value, json};

use crate::kit::Export;

/// Kinds with their data: what an entry is made of.
type Events = Vec<(&'static str, Value)>;

/// Audits a run: it must break these laws at these entries, in this order, and no other.
#[track_caller]
fn finds(run: &Export, laws: &[(Invariant, usize)]) {
    let report = run.report();
    let found: Vec<_> = report.findings.iter().map(|it| (it.invariant, it.seq as usize)).collect();
    assert_eq!(found, laws, "{:#?}", report.findings);
}

/// Audits a run: it must break none.
#[track_caller]
fn lawful(run: &Export) {
    finds(run, &[]);
}

/// Audits a run: it must break none, or, unless it `fits`, this law alone at this entry.
#[track_caller]
fn fits_or_finds(fits: bool, run: &Export, law: Invariant, seq: usize) {
    let laws = [(law, seq)];
    finds(run, if fits { &[] } else { &laws });
}

/// A run that is told from its first entry on: no documents, no time that passes unless it is said.
struct Story {
    run: Export,
    number: u64,
}

impl Story {
    /// Begins with one agent a principal: `a1`, `a2` and so on. No one reviews for their own principal.
    fn of(principals: &[&str]) -> Self {
        let mut run = Export::sample("alone");
        run.cut_after(0);
        run.events(0).retain(|event| event["kind"] == "run_started");
        run.data((0, 0))["templates"] = json!([]);
        run.data((0, 0))["self_review"] = json!(false);
        for (place, principal) in principals.iter().enumerate() {
            run.insert((0, place + 1), "agent_joined", joined(place + 1, principal));
        }
        Self { run, number: 1 }
    }

    /// Sets a limit of the run.
    fn limit(mut self, name: &str, value: u64) -> Self {
        self.run.data((0, 0))["limits"][name] = json!(value);
        self
    }

    /// The seq of the entry that comes.
    fn next(&self) -> usize {
        self.run.entries.len()
    }

    /// Adds an entry of `agent`, or of the engine where that is empty; its seq.
    fn tell(&mut self, agent: &str, events: Events) -> usize {
        let agent = if agent.is_empty() { Value::Null } else { json!(agent) };
        self.number += 1;
        self.run.push(agent, self.number, events)
    }

    /// Lets time pass before the newest entry.
    fn later(&mut self, ms: u64) {
        let entry = self.run.entries.last_mut().unwrap();
        entry["at_ms"] = json!(entry["at_ms"].as_u64().unwrap() + ms);
    }

    /// The time of the newest entry.
    fn at(&self) -> u64 {
        self.run.entries.last().unwrap()["at_ms"].as_u64().unwrap()
    }

    /// How many notes the context has.
    fn notes(&self) -> usize {
        self.run.all("gist_admitted", |_| true).len() + self.run.all("gist_withdrawn", |_| true).len()
    }

    /// A claim in the entry that comes, for a second, of the whole context.
    fn claim(&self, agent: &str, job: &str, attempt: u32) -> Events {
        let (fence, deadline) = (self.next(), self.at() + 1_000);
        let claim =
            json!({"job": job, "agent": agent, "fence": fence, "deadline_ms": deadline, "attempt": attempt});
        vec![("claimed", claim), ("context_read", json!({"fence": fence, "length": self.notes()}))]
    }

    /// An entry that claims; its seq, which is the fence.
    fn claims(&mut self, agent: &str, job: &str, attempt: u32) -> usize {
        let events = self.claim(agent, job, attempt);
        self.tell(agent, events)
    }

    /// A draft for the claim under `fence`.
    fn draft(&mut self, fence: usize, cites: &[&str]) -> Events {
        let claim = self.run.find("claimed", 0, |data| data["fence"] == fence);
        let read = self.run.find("context_read", 0, |data| data["fence"] == fence);
        let length = self.run.data(read)["length"].clone();
        let (job, agent) = (self.run.data(claim)["job"].clone(), self.run.data(claim)["agent"].clone());
        let draft = self.run.blob("a draft");
        let data = json!({"job": job, "fence": fence, "agent": agent, "draft": draft, "cites": cites, "length": length});
        vec![("draft_submitted", data)]
    }

    /// A finding of `task` from the draft under `fence`.
    fn proposal(&mut self, task: &str, fence: usize) -> Events {
        let gist = self.run.blob("a gist");
        let data = json!({"task": task, "fence": fence, "gist": gist, "kind": "finding", "evidence": []});
        vec![("gist_proposed", data)]
    }

    /// A verdict by `verifier`, who holds `fence`, or by nobody, on what entry `proposal` proposed.
    fn verdict(
        &mut self,
        task: &str,
        proposal: usize,
        by: Option<(&str, usize)>,
        method: &str,
        outcome: &str,
    ) -> Events {
        let (gist, reason) = (self.run.blob("a gist"), self.run.blob("it is so"));
        let passed = outcome == "approve";
        let checks =
            if method == "mechanical" { json!([{"check": "spans", "passed": passed}]) } else { json!([]) };
        let data = json!({"task": task, "proposal": proposal, "fence": by.map(|by| by.1), "gist": gist, "outcome": outcome,
            "verifier": by.map(|by| by.0), "method": method, "checks": checks, "reason": reason});
        vec![("verdict_given", data)]
    }

    /// The admission of what entry `proposal` proposed, as the next fact.
    fn admission(&mut self, task: &str, proposal: usize, author: Option<&str>, grade: &str) -> Events {
        let gist = self.run.blob("a gist");
        let label = format!("F{}", self.run.all("gist_admitted", |_| true).len() + 1);
        let note = self.notes();
        let data = json!({"label": label, "task": task, "proposal": proposal, "gist": gist, "author": author,
            "grade": grade, "note": note});
        vec![("gist_admitted", data)]
    }

    /// Something that names a job, its attempt and a reason: `task_reopened`, `task_abandoned`.
    fn failure(&mut self, kind: &'static str, task: &str, attempt: u32) -> Events {
        let reason = self.run.blob("it failed");
        vec![(kind, json!({"task": task, "attempt": attempt, "reason": reason}))]
    }

    /// A task is given up at this attempt, with the failure that the log states.
    fn given_up(&mut self, task: &str, attempt: u32) -> Events {
        let (seq, gist) = (self.next(), self.run.blob("a gist"));
        let failure = json!({"task": task, "fence": null, "gist": gist, "kind": "failure", "evidence": []});
        [
            self.failure("task_abandoned", task, attempt),
            vec![("gist_proposed", failure)],
            self.verdict(task, seq, None, "log", "approve"),
            self.admission(task, seq, None, "none"),
        ]
        .concat()
    }

    /// Tasks of `round` that need nothing.
    fn tasks(&mut self, names: &[&str], round: u32) -> Events {
        let text = self.run.blob("a task");
        let task = |name: &&str| json!({"task": name, "text": text, "needs": [], "round": round});
        names.iter().map(|name| ("task_added", task(name))).collect()
    }

    /// `a1` plans tasks, in two entries.
    fn planned(mut self, tasks: &[&str]) -> Self {
        let fence = self.claims("a1", "plan", 1);
        let events = [self.draft(fence, &[]), self.tasks(tasks, 0)].concat();
        self.tell("a1", events);
        self
    }

    /// `agent` works on a task, in two entries; the seq of its proposal.
    fn reasoned(&mut self, agent: &str, task: &str, cites: &[&str]) -> usize {
        let fence = self.claims(agent, &format!("reason:{task}"), 1);
        let events = [self.draft(fence, cites), self.proposal(task, fence)].concat();
        self.tell(agent, events)
    }

    /// The draft, verdict and admission of a mechanical review under `fence`.
    fn approval(&mut self, task: &str, proposal: usize, author: &str, by: (&str, usize)) -> Events {
        [
            self.draft(by.1, &[]),
            self.verdict(task, proposal, Some(by), "mechanical", "approve"),
            self.admission(task, proposal, Some(author), "mechanical"),
        ]
        .concat()
    }

    /// `verifier` reviews what entry `proposal` proposed, in two entries, and `more` follows.
    fn reviewed(&mut self, verifier: &str, task: &str, proposal: usize, author: &str, more: Events) -> usize {
        let fence = self.claims(verifier, &format!("review:{proposal}"), 1);
        let events = [self.approval(task, proposal, author, (verifier, fence)), more].concat();
        self.tell(verifier, events)
    }
}

/// Somebody joins.
fn joined(number: usize, principal: &str) -> Value {
    json!({"agent": format!("a{number}"), "kind": "model", "principal": principal, "model": "m", "program": null})
}

/// A round drains.
fn drained(round: u32, cause: &str) -> Events {
    vec![("drained", json!({"round": round, "cause": cause}))]
}
