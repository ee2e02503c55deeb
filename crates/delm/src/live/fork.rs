//! What a fork begins with: where it leaves, what it changes there, and how that is said.
//!
//! Refuses a place behind the end of a run, money for a model without a price, and to take for a change what only a
//! settings file says: a fork is as its origin was but for its flags.

use std::path::Path;

use delm_core::command::{DroppedFact, ForkRun};
use delm_core::entry::Blob;
use delm_core::event::{AgentKind, Change, Event, ModelChoice, Models, RunForked, RunStarted, Template};
use delm_core::ids::{Digest, FactId, Job, Seq};
use delm_core::prompt::{BUILTIN, TEMPLATES, check_template};
use delm_core::run::{Phase, Run};
use delm_engine::{Loaded, SystemClock, Workers};
use delm_wire::name::Word;
use delm_wire::view::ForkPlan;

use super::{begin, models, nonce, plan::ablation};
use crate::access::{Reading, log_error, named};
use crate::args::ask::ForkArgs;
use crate::args::value::Param;
use crate::config::Settings;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::plural;
use crate::refs::{Position, RunAt};
use crate::verbs::config::read_prompts;

/// A fork before it begins.
pub(super) struct Plan {
    /// The run it leaves, as it stood there.
    pub(super) origin: Loaded,
    /// What the run is called.
    name: String,
    /// What begins.
    pub(super) fork: ForkRun,
    /// Bytes that it names.
    pub(super) blobs: Vec<Blob>,
    /// Who works for it.
    pub(super) workers: Workers,
    /// What its first entry will say.
    view: ForkPlan,
    /// Facts that hold in it and were withdrawn from the run after its end.
    later: Vec<FactId>,
}

/// The plan of `delm fork`.
///
/// # Errors
/// Exit 8 if there is no such run, position or fact; 2 for anything else that is wrong with what was asked.
pub(super) fn plan(
    reading: &Reading,
    at: &RunAt,
    args: &ForkArgs,
    settings: &Settings,
    environment: &Environment,
) -> Result<Plan, CliError> {
    let run = reading.find(&at.run)?;
    let (seq, later) = place(reading, run, at.at.as_ref())?;
    let origin = reading.load_at(run, seq)?;
    let name = named(&origin);
    let missing = || CliError::new("internal", Exit::Unexpected, "the run has no first entry");
    let (Some(owner), Some(head), Some(started)) =
        (origin.run.id(), origin.run.head(), origin.run.started().cloned())
    else {
        return Err(missing());
    };
    refuse_over(&origin.run, &name, seq)?;
    let mut kept = Kept(Vec::new());
    let mut fork = RunForked::unchanged(nonce()?, owner, head, begin::engine());
    fork.name = args.name.as_ref().map(|name| kept.text(name.as_str()));
    let mut says = Vec::new();
    let (worker, judge) = choices(args, &started);
    let providers = models::providers(settings, environment, &[&worker, &judge])?;
    let agents = agents(args, &origin.run);
    limits(args, &mut fork, &mut says);
    team(args, &started, &mut fork, &mut says, (&worker, &judge), agents);
    fork.hosts = differs(models::hosts(&worker, &judge, &providers), &started.hosts);
    says.extend(fork.hosts.iter().map(|hosts| format!("hosts={}", hosts.join(","))));
    fork.templates = templates(args, &started, &fork, &mut kept)?;
    says.extend(fork.templates.iter().map(|_| "prompts".to_owned()));
    prices(settings, &origin.run, &started, &mut fork)?;
    let drops = drops(args, &origin.run, &name, &mut kept)?;
    let workers = models::workers(&worker, &judge, &providers)?;
    let agents = vec![begin::agent(&worker.model); agents as usize];
    let fork = ForkRun { run: fork, drops, agents };
    let first = delm_engine::foresee(&SystemClock::default(), &origin, fork.clone(), kept.0.clone());
    let view = ForkPlan::of(&first.map_err(super::start_error)?.entry, says).ok_or_else(missing)?;
    let later = later.into_iter().filter(|label| !args.drop.contains(label)).collect();
    Ok(Plan { origin, name, fork, blobs: kept.0, workers, view, later })
}

/// The entry behind which the fork begins, and the facts that were withdrawn after the end before which it lies.
fn place(reading: &Reading, run: Digest, at: Option<&Position>) -> Result<(Seq, Vec<FactId>), CliError> {
    if let Some(at) = at {
        return Ok((reading.seq_at(run, at)?, Vec::new()));
    }
    let mut later = Vec::new();
    let head = reading.seq_at(run, &Position::Head)?;
    // Behind its end a run has only retractions and redactions.
    for seq in (0..=head).rev() {
        let entry = reading.log.entry(&run, seq).map_err(log_error)?;
        let Some(sealed) = entry else { break };
        if sealed.entry.events.iter().any(|event| matches!(event, Event::RunEnded(_))) {
            return Ok((seq.saturating_sub(1), later));
        }
        let withdrawn =
            |event: &Event| if let Event::GistWithdrawn(gone) = event { Some(gone.label) } else { None };
        later.extend(sealed.entry.events.iter().filter_map(withdrawn));
        let after = |event: &Event| matches!(event, Event::GistWithdrawn(_) | Event::BlobRedacted(_));
        if !sealed.entry.events.iter().all(after) {
            break;
        }
    }
    Ok((head, Vec::new()))
}

fn refuse_over(run: &Run, name: &str, seq: Seq) -> Result<(), CliError> {
    let Phase::Ended(outcome) = run.phase() else { return Ok(()) };
    let what = format!(
        "the run {name} is over at entry {seq}: {outcome}; nothing follows an end, in a fork neither"
    );
    let error = CliError::new("over", Exit::Usage, what);
    Err(error.hint(format!("fork it before its end: `delm fork {name}` does")))
}

/// Bytes that the fork names.
struct Kept(Vec<Blob>);

impl Kept {
    fn text(&mut self, text: &str) -> Digest {
        let blob = Blob::new(text.as_bytes());
        let hash = blob.hash;
        self.0.push(blob);
        hash
    }
}

fn differs<T: PartialEq>(new: T, old: &T) -> Option<T> {
    (new != *old).then_some(new)
}

/// Models as the flags change them. A judge that was the worker's model follows it.
fn choices(args: &ForkArgs, started: &RunStarted) -> (ModelChoice, ModelChoice) {
    let (worker, judge) = (&started.models.worker, &started.models.judge);
    let follows = worker.model == judge.model;
    let model = args.team.model.clone().unwrap_or_else(|| worker.model.clone());
    let followed = if follows { model.clone() } else { judge.model.clone() };
    let judged = args.team.judge.clone().unwrap_or(followed);
    let with = |model: String, before: &ModelChoice, judging: bool| {
        let own = |key: &str| args.team.param.iter().any(|param| param.judge && param.key == key);
        let of = |param: &&Param| param.judge == judging || judging && !own(&param.key);
        let mut params = before.params.clone();
        for param in args.team.param.iter().filter(of) {
            params.retain(|(key, _)| *key != param.key);
            params.push((param.key.clone(), param.value.clone()));
        }
        params.sort();
        ModelChoice { model, params }
    };
    (with(model, worker, false), with(judged, judge, true))
}

/// How many work: as many as were there, unless a flag says otherwise.
fn agents(args: &ForkArgs, run: &Run) -> u32 {
    let present = |agent: &delm_core::run::Agent| !agent.left && agent.kind != AgentKind::Program;
    let there = run.agents().iter().filter(|(_, agent)| present(agent)).count();
    let there = u32::try_from(there).unwrap_or(u32::MAX);
    args.team.agents.unwrap_or(if there == 0 { begin::AGENTS } else { there })
}

fn limits(args: &ForkArgs, fork: &mut RunForked, says: &mut Vec<String>) {
    let budget = &args.budget;
    let totals = [
        ("budget_microusd", budget.budget_usd),
        ("budget_tokens", budget.budget_tokens),
        ("deadline_ms", budget.deadline),
    ];
    let totals = totals.into_iter().filter_map(|(limit, value)| Some((limit, value?)));
    let set = args.set.iter().map(|set| (set.name, set.value));
    for (limit, value) in set.chain(totals) {
        fork.changes.retain(|change| change.limit != limit);
        fork.changes.push(Change { limit: limit.to_owned(), value });
    }
    says.extend(fork.changes.iter().map(|change| format!("{}={}", change.limit, change.value)));
}

fn team(
    args: &ForkArgs,
    started: &RunStarted,
    fork: &mut RunForked,
    says: &mut Vec<String>,
    (worker, judge): (&ModelChoice, &ModelChoice),
    agents: u32,
) {
    let models = Models { worker: worker.clone(), judge: judge.clone() };
    fork.models = differs(models, &started.models);
    if fork.models.is_some() {
        let words = |choice: &ModelChoice| {
            let params: Vec<String> =
                choice.params.iter().map(|(key, value)| format!(" {key}={value}")).collect();
            format!("{}{}", choice.model, params.concat())
        };
        says.push(format!("model={}", words(worker)));
        says.push(format!("judge={}", words(judge)));
    }
    fork.self_review = differs(agents == 1, &started.self_review);
    says.extend(fork.self_review.map(|own| format!("self_review={own}")));
    let mut ablations = started.ablations.clone();
    ablations.extend(args.ablate.iter().map(ablation));
    ablations.sort();
    ablations.dedup();
    fork.ablations = differs(ablations, &started.ablations);
    let off = fork.ablations.iter().flatten().filter(|what| !started.ablations.contains(what));
    says.extend(off.map(|what| format!("ablate={what}")));
}

/// All templates, if a folder is given or a model is called that the origin had no templates for.
fn templates(
    args: &ForkArgs,
    started: &RunStarted,
    fork: &RunForked,
    kept: &mut Kept,
) -> Result<Option<Vec<Template>>, CliError> {
    let own = args.team.prompts.as_deref().map_or(Ok(Vec::new()), |folder: &Path| read_prompts(folder))?;
    let models = fork.models.as_ref().unwrap_or(&started.models);
    let called = [&models.worker, &models.judge].iter().any(|choice| choice.model != BUILTIN);
    let has = |part: &str| started.templates.iter().find(|template| template.part == part);
    let complete = TEMPLATES.iter().all(|(part, _)| has(part).is_some());
    if own.is_empty() && (complete || !called) {
        return Ok(None);
    }
    let mut all = Vec::with_capacity(TEMPLATES.len());
    for (part, text) in TEMPLATES {
        let given = own.iter().find(|(name, _)| name == part).map(|(_, text)| text.as_str());
        let hash = match (given, has(part)) {
            (None, Some(before)) => before.text,
            (given, _) => {
                let text = given.unwrap_or(text);
                check_template(text).map_err(|error| {
                    CliError::usage(format!("the template {part}.txt cannot be used: {error}"))
                        .hint("`delm config prompts -o DIR` writes the built-in ones with every placeholder there is")
                })?;
                kept.text(text)
            }
        };
        all.push(Template { part: (*part).to_owned(), text: hash });
    }
    Ok(differs(all, &started.templates))
}

/// Prices of models that the origin had none for, where money is limited.
fn prices(
    settings: &Settings,
    run: &Run,
    started: &RunStarted,
    fork: &mut RunForked,
) -> Result<(), CliError> {
    let models = fork.models.as_ref().unwrap_or(&started.models);
    let budget = fork.changes.iter().find(|change| change.limit == "budget_microusd");
    let limited = budget.map_or(run.limits().budget_microusd, |change| change.value) > 0;
    let mut all = started.prices.clone();
    let known = settings.prices()?;
    for choice in [&models.worker, &models.judge] {
        let priced = all.iter().any(|price| price.model == choice.model);
        if priced || choice.model == BUILTIN {
            continue;
        }
        match known.iter().find(|price| price.model == choice.model) {
            Some(price) => all.push(price.clone()),
            None if limited => {
                let what = format!("{} has no price, so --budget-usd cannot be kept", choice.model);
                let hint = format!(
                    "give [price.{:?}] in delm.toml, or --budget-usd 0 and --budget-tokens",
                    choice.model
                );
                return Err(CliError::usage(what).hint(hint));
            }
            None => {}
        }
    }
    all.sort_by(|a, b| a.model.cmp(&b.model));
    fork.prices = differs(all, &started.prices);
    Ok(())
}

/// Facts to withdraw, each once.
fn drops(args: &ForkArgs, run: &Run, name: &str, kept: &mut Kept) -> Result<Vec<DroppedFact>, CliError> {
    let mut labels: Vec<FactId> = Vec::new();
    for label in &args.drop {
        let Some(fact) = run.fact(*label) else {
            let head = run.head().map_or(0, |head| head.seq);
            let what = format!("{name} has no fact {label} at entry {head}");
            return Err(CliError::new("not_found", Exit::NotFound, what).hint("`delm facts` lists its facts"));
        };
        if fact.withdrawn.is_some() {
            return Err(
                CliError::usage(format!("{label} is withdrawn already")).hint("leave this --drop out")
            );
        }
        if !labels.contains(label) {
            labels.push(*label);
        }
    }
    let drop = |label| DroppedFact { label, reason: kept.text("dropped when the run was forked") };
    Ok(labels.into_iter().map(drop).collect())
}

/// What the fork shares and changes, for people.
///
/// # Errors
/// Output that cannot be written.
pub(super) fn say(plan: &Plan, output: &mut Output) -> Result<(), CliError> {
    let view = &plan.view;
    let (seq, shared) = (view.origin.seq, view.entries_shared);
    let entries = if shared == 1 { "1 entry".to_owned() } else { format!("{shared} entries") };
    output.note(&format!("fork of {} behind entry {seq}: {entries} shared, 0 copied", plan.name))?;
    if !view.dropped.is_empty() {
        output.note(&format!("dropped: {}", labels(&view.dropped)))?;
        output.note(&format!(
            "builds on that: {}; worked out again: {}",
            labels(&view.tainted),
            jobs(view)
        ))?;
    }
    for label in &plan.later {
        output.note(&format!("{label} was withdrawn after the end; --drop {label} withdraws it here too"))?;
    }
    if !view.changes.is_empty() {
        let count = plural(view.changes.len() as u64, "change");
        output.note(&format!("{count} recorded: {}", view.changes.join(", ")))?;
    }
    Ok(())
}

fn labels(labels: &[Word<FactId>]) -> String {
    let labels: Vec<String> = labels.iter().map(|label| label.0.to_string()).collect();
    if labels.is_empty() { "nothing".to_owned() } else { labels.join(", ") }
}

fn jobs(view: &ForkPlan) -> String {
    let label =
        |job: &Word<Job>| job.0.subject().map_or_else(|| job.0.to_string(), |subject| subject.to_string());
    let jobs: Vec<String> = view.reopened.iter().map(label).collect();
    if jobs.is_empty() { "nothing".to_owned() } else { jobs.join(", ") }
}

/// The plan of a fork that is not begun, for programs; people are told all of it anyway.
///
/// # Errors
/// Output that cannot be written.
pub(super) fn document(plan: &Plan, output: &mut Output) -> Result<(), CliError> {
    if output.mode().is_json() { Ok(output.json(&plan.view)?) } else { Ok(()) }
}

/// A fork that was begun and not driven.
///
/// # Errors
/// Output that cannot be written.
pub(super) fn begun(reading: &Reading, run: Digest, output: &mut Output) -> Result<(), CliError> {
    let loaded = reading.load(run)?;
    if output.mode().is_json() {
        return super::show::document(&loaded, output);
    }
    output.line(&run.to_string())?;
    output.note(&format!("`delm resume {}` goes on with it", named(&loaded)))?;
    Ok(())
}
