//! What must hold after a fault: the ground truth is what was printed, the judge is the next process.
//!
//! Refuses to believe the store about what it had said: every whole line of `run --jsonl` and `resume --jsonl` was
//! acknowledged, and is looked for in the export, byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::world::{Ended, World};
use super::{Say, Try};

/// What processes said before they ended.
#[derive(Clone, Default)]
pub(super) struct Truth {
    /// The run that was said to have begun.
    pub(super) run: Option<String>,
    /// Lines of entries.
    lines: BTreeSet<String>,
    /// Which entry issued which fence.
    fences: BTreeMap<u64, String>,
}

impl Truth {
    /// Takes in what a process wrote: its whole lines.
    pub(super) fn hear(&mut self, written: &str) -> Try<()> {
        let whole = written.rfind('\n').map_or("", |end| written.get(..end).unwrap_or_default());
        for line in whole.lines() {
            let document: Value = serde_json::from_str(line).say(line)?;
            if document["schema"] == "delm.began/1" {
                self.run = document["run"].as_str().map(str::to_owned);
            }
            if document["seq"].is_u64() {
                self.fences_of(&document)?;
                self.lines.insert(line.to_owned());
            }
        }
        Ok(())
    }

    /// Entries that were acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.lines.len() as u64
    }

    fn fences_of(&mut self, entry: &Value) -> Try<()> {
        let id = entry["id"].as_str().unwrap_or_default();
        for event in entry["events"].as_array().into_iter().flatten() {
            if event["kind"] != "claimed" {
                continue;
            }
            let fence = event["data"]["fence"].as_u64().ok_or("a claim without a fence")?;
            let before = self.fences.insert(fence, id.to_owned());
            if before.as_ref().is_some_and(|before| before != id) {
                return Err(format!("fence {fence} was issued twice: by {before:?} and by {id}"));
            }
        }
        Ok(())
    }

    /// Everything acknowledged is in this export, no fence of it is another's, and it breaks no law.
    pub(super) fn is_in(&self, export: &str) -> Try<()> {
        let audited = delm_oracle::audit(export.as_bytes()).say("audit")?;
        if !audited.is_clean() {
            return Err(format!("a law is broken: {:?} {:?}", audited.fault, audited.findings));
        }
        let exported: BTreeSet<&str> = export.lines().collect();
        let lost: Vec<&String> = self.lines.iter().filter(|line| !exported.contains(line.as_str())).collect();
        if let Some(first) = lost.first() {
            let first: String = first.chars().take(90).collect();
            return Err(format!("LOST {} acknowledged entries, the first {first}", lost.len()));
        }
        let mut all = self.clone();
        let mut next = 0;
        for line in exported.iter().filter(|line| line.starts_with("{\"seq\":")) {
            all.fences_of(&serde_json::from_str(line).say("export")?)?;
            next += 1;
        }
        if self.acknowledged() > next { Err("more was acknowledged than is there".into()) } else { Ok(()) }
    }
}

/// The fact of every task, as an undisturbed run has them.
pub(super) type Facts = BTreeMap<String, String>;

/// Facts by task; two of one task are an error.
pub(super) fn facts(world: &World) -> Try<Facts> {
    let page = world.call("facts --json --limit 500")?.exit(0)?.json()?;
    let mut facts = Facts::new();
    for fact in page["items"].as_array().into_iter().flatten() {
        let (task, text) = (fact["task"].to_string(), fact["text"].to_string());
        if facts.insert(task.clone(), text).is_some() {
            return Err(format!("two facts of {task}"));
        }
    }
    Ok(facts)
}

/// What a run over the corpus comes to that nothing disturbs.
pub(super) struct Reference {
    /// Its facts.
    pub(super) facts: Facts,
    /// How long it took.
    pub(super) took_us: u64,
    /// Bytes it wrote.
    pub(super) written: u64,
}

/// A run over the corpus that nothing disturbs.
pub(super) fn reference(world: &World, agents: u64) -> Try<Reference> {
    let began = std::time::Instant::now();
    let ended = world.start(&[], &World::run_words(agents))?.ended()?.exit(0)?;
    let took_us = u64::try_from(began.elapsed().as_micros()).say("time")?;
    let mut truth = Truth::default();
    truth.hear(&ended.out)?;
    sound(world)?;
    truth.is_in(&world.call("export")?.exit(0)?.out)?;
    Ok(Reference { facts: facts(world)?, took_us, written: ended.out.len() as u64 })
}

/// `verify` and `replay` of the last run find nothing.
pub(super) fn sound(world: &World) -> Try<()> {
    world.call("verify --json")?.exit(0)?;
    let replayed = world.call("replay --json")?.exit(0)?.json()?;
    if replayed["differences"] == 0 { Ok(()) } else { Err(format!("replay differs: {replayed}")) }
}

/// How far the run had come when it was broken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stood {
    /// There was no run yet, and none had been acknowledged.
    Unborn,
    /// It could go on.
    Open,
    /// It had been answered.
    Answered,
}

/// All that must hold: the store opens with whatever verb comes first, holds what was acknowledged, and the run goes on
/// to the same facts.
pub(super) fn recovers(world: &World, truth: &mut Truth, wanted: &Facts, first: u64) -> Try<Stood> {
    let verbs = ["verify --json", "resume --jsonl", "export", "ls --json", "replay --json"];
    let verb = usize::try_from(first).ok().and_then(|first| verbs.get(first % verbs.len()));
    let opened = world.call(verb.copied().unwrap_or("ls --json"))?;
    if opened.code == 0 && opened.line.starts_with("resume") {
        truth.hear(&opened.out)?;
    }
    let listed = world.call("ls --json")?;
    let run = if listed.code == 8 { Value::Null } else { listed.exit(0)?.json()?["items"][0].clone() };
    if run.is_null() {
        return unborn(world, truth, &opened, wanted);
    }
    // A run that is over is not resumed.
    let refused = opened.line.starts_with("resume") && run["outcome"] == "answered" && opened.code == 2;
    if opened.code != 0 && !refused {
        return Err(format!("the store does not open: {opened}"));
    }
    truth.is_in(&world.call("export")?.exit(0)?.out)?;
    sound(world)?;
    let answered = run["outcome"] == "answered";
    if !answered {
        let resumed = world.call("resume --jsonl")?.exit(0)?;
        truth.hear(&resumed.out)?;
        truth.is_in(&world.call("export")?.exit(0)?.out)?;
        sound(world)?;
    }
    let found = facts(world)?;
    if found != *wanted {
        return Err(format!("other facts: {found:?}, not {wanted:?}"));
    }
    Ok(if answered { Stood::Answered } else { Stood::Open })
}

/// Nothing was acknowledged and nothing is there: the store takes the next run.
fn unborn(world: &World, truth: &Truth, opened: &Ended, wanted: &Facts) -> Try<Stood> {
    if truth.run.is_some() || truth.acknowledged() > 0 {
        return Err(format!("LOST the run that had begun: {opened}"));
    }
    if ![0, 8].contains(&opened.code) {
        return Err(format!("a store without a run: {opened}"));
    }
    if reference(world, 2)?.facts == *wanted {
        Ok(Stood::Unborn)
    } else {
        Err("the next run came to other facts".into())
    }
}
