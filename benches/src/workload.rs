//! W1: independent tasks, one model call and one review each, by a scripted model that replies at once.
//!
//! Refuses a run that did not do the work: every task must have become a fact.

use std::sync::Arc;

use delm_core::event::{AgentKind, Event, Grade, Outcome as Ending};
use delm_core::ids::Digest;
use delm_core::limits::Limits;
use delm_core::reply::{Quote, ReasonReply};
use delm_core::run::{Phase, Run};
use delm_engine::{SystemClock, Workers, start};
use delm_llm::Model;
use delm_llm::script::{Script, ScriptModel};
use delm_log::Log;
use serde_json::json;

use crate::Outcome;
use crate::stage::Stage;

/// What everybody works on.
pub const QUESTION: &str = "What does the register of the harbour say of each of its lamps?";
/// The model's name, as it stands in every call: short, since no path is in it.
pub const MODEL: &str = "script:w1";
/// The one document, of one unit.
const DOCUMENT: &str = "The register of the harbour lists every lamp by a name of its own. Each lamp was lit at dusk \
    by a keeper who wrote the hour, the wind and the state of the oil into the register before going down again.";
const QUOTE: &str = "Each lamp was lit at dusk by a keeper who wrote the hour, the wind and the state of the oil \
    into the register before going down again.";

/// The documents of W1.
#[must_use]
pub fn documents() -> Vec<(String, String)> {
    vec![("register.md".to_owned(), DOCUMENT.to_owned())]
}

/// A finding of about 400 bytes in words of its own: no task's is equal to another's.
#[must_use]
pub fn finding(task: u32) -> String {
    let lamp = name_of(task);
    format!(
        "The lamp called {lamp} stands in the register of the harbour like every other, by a name of its own. Its \
         keeper lit {lamp} at dusk, and before going down again wrote the hour, the wind and the state of the oil \
         into the register. What the register says of {lamp} is what a keeper wrote on the same evening, lamp by \
         lamp, and the lines about {lamp} stand there still as they were once written into it."
    )
}

/// A word in small letters, so that it is neither a name nor a number to the mechanical checks.
fn name_of(task: u32) -> String {
    let mut left = task;
    let mut name = String::from("qu");
    for _ in 0..4 {
        name.push(char::from(b'a' + u8::try_from(left % 26).unwrap_or(0)));
        left /= 26;
    }
    name
}

/// The reply to a task.
#[must_use]
pub fn reason(task: u32) -> ReasonReply {
    let quote = Quote { unit: "S1.1".into(), quote: QUOTE.into() };
    ReasonReply { finding: finding(task), cites: Vec::new(), evidence: vec![quote], unfold: Vec::new() }
}

/// The script: the rules that are asked for most come first, then one rule a task.
///
/// # Errors
/// When the script is not one: it is written here, so that would be a mistake of this file.
pub fn model(tasks: u32) -> Outcome<Arc<dyn Model>> {
    let mut rules = vec![
        json!({"purpose": "review", "reply": {
            "outcome": "approve", "reason": "The quote bears out what the finding of {{job}} says."}}),
        json!({"purpose": "plan", "plan_tasks": tasks, "plan_text": "Look up lamp {{n}} in the register."}),
        json!({"purpose": "read", "reply": {
            "bullets": [{"text": "{{evidence}}", "head": "{{head}}", "tail": "{{tail}}"}],
            "gist": "{{evidence}}"}}),
        json!({"purpose": "expand", "reply": {"tasks": []}}),
        json!({"purpose": "finalize", "reply": {
            "answered": true, "answer": "Each lamp was lit at dusk.", "cites": ["{{fact}}"]}}),
    ];
    for task in 1..=tasks {
        rules.push(json!({"task": format!("T{task}"), "reply": serde_json::to_value(reason(task))?}));
    }
    let script = json!({
        "schema": "delm.script/1", "model_reported": "scripted-1",
        "tokens": {"input": 900, "output": 120}, "rules": rules,
    });
    Ok(Arc::new(ScriptModel::new(MODEL, Script::parse(&script.to_string(), "w1")?)))
}

/// Limits under which so many tasks are lawful.
#[must_use]
pub fn limits(tasks: u32) -> Limits {
    let mut limits = Limits::default();
    limits.tasks_max = limits.tasks_max.max(u64::from(tasks));
    limits
}

/// Runs W1 through the engine over a log; gives the run's id and last state.
///
/// # Errors
/// When the run cannot be driven, or did not do all of its work.
pub fn run(log: Arc<dyn Log>, model: Arc<dyn Model>, tasks: u32, agents: u32) -> Outcome<(Digest, Run)> {
    let documents = documents();
    let stage = Stage {
        question: QUESTION,
        documents: &documents,
        model: MODEL,
        kind: AgentKind::Model,
        agents,
        reading: true,
        limits: limits(tasks),
        ablations: Vec::new(),
    };
    let (command, blobs) = stage.command();
    let workers = Workers { worker: Some(model.clone()), judge: Some(model) };
    let (id, last) = drive(log, workers, command, blobs)?;
    check(&last, tasks + 1)?;
    Ok((id, last))
}

/// Begins a run on a runtime of its own and waits for its end.
///
/// # Errors
/// When it cannot begin, or cannot be driven to its end.
pub fn drive(
    log: Arc<dyn Log>,
    workers: Workers,
    command: delm_core::command::StartRun,
    blobs: Vec<delm_core::entry::Blob>,
) -> Outcome<(Digest, Run)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_time().build()?;
    runtime.block_on(async {
        let running = start(log, Arc::new(SystemClock::default()), workers, command, blobs)?;
        let id = running.run;
        Ok((id, running.wait().await?))
    })
}

/// Whether a run ended with an answer and so many facts.
///
/// # Errors
/// In words, if not.
pub fn check(run: &Run, facts: u32) -> Outcome<()> {
    // A task that was given up leaves a fact too, written by the log: that is not the work.
    let found = run.facts().iter().filter(|fact| fact.grade != Grade::None).count();
    if run.phase() == Phase::Ended(Ending::Answered) && found == facts as usize {
        return Ok(());
    }
    Err(format!(
        "the run is {:?} with {found} facts, and should have been answered with {facts}",
        run.phase()
    )
    .into())
}

/// What a run's entries are, counted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Count {
    /// All entries.
    pub entries: u64,
    /// All events.
    pub events: u64,
    /// Entries between the one that added the tasks and the drain.
    pub steady: u64,
}

/// Reads all entries of a run and counts them.
///
/// # Errors
/// When the log cannot be read.
pub fn count(log: &dyn Log, run: &Digest) -> Outcome<Count> {
    let mut count = Count::default();
    let (mut planned, mut drained) = (None, None);
    loop {
        let page = log.entries(run, count.entries, 1024)?;
        if page.is_empty() {
            break;
        }
        for sealed in &page {
            count.entries += 1;
            count.events += sealed.entry.events.len() as u64;
            let has = |test: fn(&Event) -> bool| sealed.entry.events.iter().any(test);
            if has(|event| matches!(event, Event::TaskAdded(_))) {
                planned = planned.or(Some(sealed.entry.seq));
            }
            if has(|event| matches!(event, Event::Drained(_))) {
                drained = drained.or(Some(sealed.entry.seq));
            }
        }
    }
    count.steady = drained.zip(planned).map_or(0, |(drained, planned)| drained.saturating_sub(planned));
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use delm_log::MemoryLog;

    /// Three entries a task: claimed with its call, proposed with the next claim, admitted with the next claim. Beyond
    /// them an agent may have to claim by itself once, when it first finds no work.
    #[test]
    fn a_task_takes_three_entries_in_the_steady_state() {
        for (tasks, agents) in [(40, 8), (80, 8), (40, 2)] {
            let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
            let (id, _) = run(log.clone(), model(tasks).unwrap(), tasks, agents).unwrap();
            let steady = count(&*log, &id).unwrap().steady;
            let lawful = u64::from(2 * tasks)..=u64::from(3 * tasks + agents);
            assert!(lawful.contains(&steady), "{steady} entries for {tasks} tasks and {agents} agents");
        }
    }

    #[test]
    fn findings_differ_and_have_400_bytes() {
        let all: std::collections::BTreeSet<String> = (1..=2000).map(finding).collect();
        assert_eq!(all.len(), 2000);
        assert!(all.iter().all(|finding| (380..=420).contains(&finding.len())), "{}", finding(1).len());
    }
}
