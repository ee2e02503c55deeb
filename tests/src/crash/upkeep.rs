//! Verbs of upkeep that are broken off: `rm`, `backup` and `cancel`, on a store with two runs.
//!
//! Refuses anything between before and after: a run is whole or gone with its texts, cancelled or able to go on, a backup
//! complete or refused, and the run beside it is as it was, byte for byte.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::after::Truth;
use super::world::{Ended, World};
use super::{Say, Try};

/// What is done to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Removes a run.
    Rm,
    /// Copies the store.
    Backup,
    /// Ends a run that was killed.
    Cancel,
}

/// Where a backup goes.
const BACKUP: &str = "backup";
/// A question that only the run to be removed has.
const REMOVED_QUESTION: &str = "What was kept in the tower, before it was forgotten?";

/// What is in the store before.
#[derive(Clone)]
pub(super) struct Before {
    verb: Verb,
    /// What is removed or cancelled.
    touched: Kept,
    /// What is not.
    other: Kept,
    truth: Truth,
}

#[derive(Clone)]
struct Kept {
    run: String,
    export: String,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Became {
    /// As if the verb had not been called.
    Undone,
    /// All of it.
    Done,
}

impl Became {
    /// For the summary.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Undone => "undone",
            Self::Done => "done",
        }
    }
}

/// Two runs in the store of a world; `break_off` kills the second, to be cancelled.
pub(super) fn prepare(
    world: &World,
    verb: Verb,
    break_off: impl FnOnce(&World, &mut Truth) -> Try<()>,
) -> Try<Before> {
    let mut words = World::run_words(2);
    if verb == Verb::Rm {
        words.pop();
        words.push(REMOVED_QUESTION.to_owned());
    }
    let first = world.start(&[], &words)?.ended()?.exit(0)?;
    let mut truth = Truth::default();
    if verb == Verb::Cancel {
        break_off(world, &mut truth)?;
    } else {
        world.start(&[], &World::run_words(1))?.ended()?.exit(0)?;
    }
    let first = run_of(&first)?;
    let listed = world.call("ls --json")?.exit(0)?.json()?;
    let runs = runs(&listed);
    let second = runs.iter().map(|(run, _)| run).find(|run| **run != first).ok_or("no second run")?;
    let kept = |run: &str| -> Try<Kept> {
        let export = world.call(&format!("export {run}"))?.exit(0)?.out;
        Ok(Kept { run: run.to_owned(), export })
    };
    let (first, second) = (kept(&first)?, kept(second)?);
    let (touched, other) = if verb == Verb::Cancel { (second, first) } else { (first, second) };
    Ok(Before { verb, touched, other, truth })
}

fn run_of(ended: &Ended) -> Try<String> {
    let first: Value = serde_json::from_str(ended.out.lines().next().unwrap_or_default()).say("began")?;
    first["run"].as_str().map(str::to_owned).ok_or_else(|| format!("no run began: {ended}"))
}

/// Runs and their outcomes.
fn runs(listed: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let items = listed["items"].as_array().into_iter().flatten();
    items.map(|item| (text(&item["run"]), text(&item["outcome"]))).collect()
}

impl Before {
    /// Of the verb, for the summary.
    pub(super) fn name(&self) -> &'static str {
        match self.verb {
            Verb::Rm => "rm",
            Verb::Backup => "backup",
            Verb::Cancel => "cancel",
        }
    }

    /// The words of the verb.
    pub(super) fn words(&self) -> Vec<String> {
        let run = self.touched.run.as_str();
        let words: [&str; 3] = match self.verb {
            Verb::Rm => ["rm", run, "--json"],
            Verb::Backup => ["backup", BACKUP, "--json"],
            Verb::Cancel => ["cancel", run, "--json"],
        };
        words.map(str::to_owned).to_vec()
    }

    /// All that must hold after the verb was broken off, or said that it was done.
    pub(super) fn judge(&self, world: &World, ended: &Ended, first: u64) -> Try<Became> {
        let verbs = ["ls --json", "verify --all --json", "replay --json"];
        let verb = usize::try_from(first).ok().and_then(|first| verbs.get(first % verbs.len()));
        world.call(verb.copied().unwrap_or("ls --json"))?.exit(0)?;
        let before = runs(&world.call("ls --json")?.exit(0)?.json()?);
        self.same(world, &self.other)?;
        let became = match self.verb {
            Verb::Rm => self.removed(world, &before)?,
            Verb::Backup => self.copied(world)?,
            Verb::Cancel => self.cancelled(world, &before)?,
        };
        if ended.code == 0 && became == Became::Undone {
            return Err(format!("LOST what was said to be done: {ended}"));
        }
        world.call("verify --all --json")?.exit(0)?;
        self.again(world, became, first)?;
        self.same(world, &self.other)?;
        world.call("verify --all --json")?.exit(0)?;
        Ok(became)
    }

    fn same(&self, world: &World, kept: &Kept) -> Try<()> {
        let found = world.call(&format!("export {}", kept.run))?.exit(0)?.out;
        if found == kept.export { Ok(()) } else { Err(format!("run {} is not what it was", kept.run)) }
    }

    /// A run is whole, or gone and its texts with it.
    fn removed(&self, world: &World, listed: &[(String, String)]) -> Try<Became> {
        if listed.iter().any(|(run, _)| *run == self.touched.run) {
            self.same(world, &self.touched)?;
            return Ok(Became::Undone);
        }
        self.gone(world)?;
        Ok(Became::Done)
    }

    fn gone(&self, world: &World) -> Try<()> {
        world.call(&format!("export {}", self.touched.run))?.exit(8)?;
        for item in fs::read_dir(world.store.join("journal")).say("the journal")? {
            let bytes = fs::read(item.say("the journal")?.path()).say("the journal")?;
            let question = REMOVED_QUESTION.as_bytes();
            if bytes.windows(question.len()).any(|window| window == question) {
                return Err("the run is gone, and the words of it are not".into());
            }
        }
        Ok(())
    }

    /// A backup holds all, or is refused, or was never begun.
    fn copied(&self, world: &World) -> Try<Became> {
        self.same(world, &self.touched)?;
        let path = world.path(BACKUP);
        let listed = world.call_at(&path, "ls --json")?;
        if listed.code != 0 {
            let refused = [2, 4, 8].contains(&listed.code) && listed.err.contains("\"hint\"");
            return if refused { Ok(Became::Undone) } else { Err(format!("a broken backup: {listed}")) };
        }
        self.whole(world, &path)?;
        Ok(Became::Done)
    }

    fn whole(&self, world: &World, path: &Path) -> Try<()> {
        for kept in [&self.touched, &self.other] {
            let found = world.call_at(path, &format!("export {}", kept.run))?.exit(0)?.out;
            if found != kept.export {
                return Err(format!("run {} is not whole in {}", kept.run, path.display()));
            }
        }
        world.call_at(path, "verify --all --json")?.exit(0).map(drop)
    }

    /// A run is cancelled, or as it was.
    fn cancelled(&self, world: &World, listed: &[(String, String)]) -> Try<Became> {
        let run = &self.touched.run;
        self.truth.is_in(&world.call(&format!("export {run}"))?.exit(0)?.out)?;
        match listed.iter().find(|(listed, _)| listed == run).map(|(_, outcome)| outcome.as_str()) {
            None => Err(format!("LOST run {run}")),
            Some("cancelled") => Ok(Became::Done),
            Some(_) => Ok(Became::Undone),
        }
    }

    /// What was not done can be done now, or the run can go on.
    fn again(&self, world: &World, became: Became, first: u64) -> Try<()> {
        let run = &self.touched.run;
        match (self.verb, became) {
            (Verb::Rm, Became::Undone) => {
                world.call(&format!("rm {run}"))?.exit(0)?;
                self.gone(world)
            }
            (Verb::Rm, Became::Done) => world.call(&format!("rm {run}"))?.exit(8).map(drop),
            (Verb::Backup, _) => {
                let path = world.path("another");
                world.call(&format!("backup {}", path.display()))?.exit(0)?;
                self.whole(world, &path)
            }
            (Verb::Cancel, Became::Undone) if first.is_multiple_of(2) => {
                world.call(&format!("cancel {run}"))?.exit(0).map(drop)
            }
            (Verb::Cancel, Became::Undone) => world.call(&format!("resume {run} --jsonl"))?.exit(0).map(drop),
            (Verb::Cancel, Became::Done) => world.call(&format!("resume {run}"))?.exit(2).map(drop),
        }
    }
}
