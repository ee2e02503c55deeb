//! What a run is begun with, gathered from arguments, settings and files; and what `--dry-run` says of it.
//!
//! Refuses a budget in money for a model without a price, and documents that are not there.

use std::io::Read;
use std::path::Path;

use delm_core::event::{Ablation, ModelChoice};
use delm_core::prompt::BUILTIN;
use delm_llm::Providers;
use serde::Serialize;

use super::begin::Plan;
use super::models;
use crate::args::ask::{Ablate, RunArgs};
use crate::args::value::Param;
use crate::config::Settings;
use crate::docs::{self, Documents};
use crate::environment::Environment;
use crate::error::CliError;
use crate::output::Output;
use crate::output::human::{count, money};
use crate::output::text::one_line;
use crate::verbs::config::read_prompts;

/// The plan of `delm run`, and the providers its models are called through.
///
/// # Errors
/// Exit 2 for anything that is wrong with what was asked.
pub(crate) fn of_run(
    mut args: RunArgs,
    settings: &Settings,
    environment: &Environment,
) -> Result<(Plan, Providers), CliError> {
    let directory = environment.directory();
    let question = args.settle_question(|path| directory.join(path).exists())?;
    let stdin_taken = question == "-";
    let question = if stdin_taken { read_question(settings)? } else { question };
    if args.input.docs.is_empty() {
        return Err(CliError::usage("there are no documents")
            .hint("--docs names files and folders; `delm demo` brings its own documents"));
    }
    let limits = settings.limits();
    let documents = docs::read(
        &docs::Request {
            paths: &args.input.docs,
            directory,
            strict: settings.docs_strict(),
            limits: &limits,
            stdin_taken,
        },
        &mut std::io::stdin(),
    )?;
    let mut plan = of_settings(question, documents, settings)?;
    plan.name = args.name.map(|name| name.as_str().to_owned());
    plan.ablations = args.ablate.iter().map(ablation).collect();
    let providers = models::providers(settings, environment, &[&plan.worker, &plan.judge])?;
    plan.hosts = models::hosts(&plan.worker, &plan.judge, &providers);
    Ok((plan, providers))
}

fn ablation(what: &Ablate) -> Ablation {
    match what {
        Ablate::Verdicts => Ablation::Verdicts,
        Ablate::Sharing => Ablation::Sharing,
        Ablate::Hierarchy => Ablation::Hierarchy,
    }
}

/// A plan of everything that settings say.
///
/// # Errors
/// Exit 2 for a template folder that cannot be read, or a budget without a price.
pub(crate) fn of_settings(
    question: String,
    documents: Documents,
    settings: &Settings,
) -> Result<Plan, CliError> {
    let model = settings.text("model").unwrap_or_default();
    let judge = settings.text("judge").unwrap_or_else(|| model.clone());
    of_models(question, documents, settings, (model, judge))
}

/// A plan with these models, the worker's and the judge's, whatever the settings name.
///
/// # Errors
/// As [`of_settings`].
pub(super) fn of_models(
    question: String,
    documents: Documents,
    settings: &Settings,
    (model, judge): (String, String),
) -> Result<Plan, CliError> {
    let params = settings.params();
    let choice = |model: String, judging: bool| {
        let of = |param: &&Param| param.judge == judging || (judging && !overridden(&params, &param.key));
        let params = params.iter().filter(of).map(|param| (param.key.clone(), param.value.clone())).collect();
        ModelChoice { model, params }
    };
    let (worker, judge) = (choice(model, false), choice(judge, true));
    let limits = settings.limits();
    let agents = settings.agents().unwrap_or(super::begin::AGENTS);
    if u64::from(agents) > limits.agents_max {
        let what = format!("{agents} agents are more than agents_max = {} allows", limits.agents_max);
        return Err(CliError::usage(what).hint("--agents takes fewer, --set agents_max=N allows more"));
    }
    let prices = settings.prices()?;
    if limits.budget_microusd > 0 {
        for choice in [&worker, &judge] {
            let hosted = choice.model != BUILTIN;
            if hosted && !prices.iter().any(|price| price.model == choice.model) {
                let what = format!("{} has no price, so --budget-usd cannot be kept", choice.model);
                let hint = format!(
                    "give [price.{:?}] with in, out and version in delm.toml, or --budget-tokens",
                    choice.model
                );
                return Err(CliError::usage(what).hint(hint));
            }
        }
    }
    Ok(Plan {
        question,
        name: None,
        documents,
        agents,
        worker,
        judge,
        limits,
        ablations: Vec::new(),
        templates: settings
            .text("prompts")
            .map_or(Ok(Vec::new()), |folder| read_prompts(Path::new(&folder)))?,
        prices,
        hosts: Vec::new(),
    })
}

/// Whether the judge has a value of its own for a parameter.
fn overridden(params: &[Param], key: &str) -> bool {
    params.iter().any(|param| param.judge && param.key == key)
}

fn read_question(settings: &Settings) -> Result<String, CliError> {
    let max = settings.limits().question_bytes_max;
    let mut bytes = Vec::new();
    let read = std::io::stdin().take(max + 1).read_to_end(&mut bytes);
    read.map_err(|error| CliError::io("the question on standard input", &error))?;
    if bytes.len() as u64 > max {
        return Err(CliError::usage(format!("the question has more than {max} bytes"))
            .hint("documents go to --docs; --set question_bytes_max=N allows more"));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        CliError::usage("the question on standard input is not UTF-8").hint("save it as UTF-8")
    })?;
    match text.trim() {
        "" => Err(CliError::usage("the question on standard input is empty")
            .hint("pipe it in: echo \"Who repaired the lamp?\" | delm run - --docs notes/")),
        text => Ok(text.to_owned()),
    }
}

/// What a run would read, call and take at most.
#[derive(Debug, Serialize)]
pub(crate) struct DryRun {
    schema: &'static str,
    question: String,
    agents: u32,
    model: String,
    judge: String,
    hosts: Vec<String>,
    sources: usize,
    skipped: Vec<(String, String)>,
    units: u64,
    bytes: u64,
    calls_max: Option<u64>,
    tokens_max: Option<u64>,
    cost_microusd_max: Option<u64>,
}

impl DryRun {
    /// Bounds from the limits alone: every task planned, every attempt made, every call at its greatest.
    pub(crate) fn of(plan: &Plan) -> Self {
        let limits = &plan.limits;
        let texts = plan.documents.read.iter();
        let units = texts
            .clone()
            .map(|document| delm_core::text::split(&document.text, limits.unit_bytes).len() as u64);
        let units: u64 = units.sum();
        let bytes = texts.map(|document| document.text.len() as u64).sum();
        let called = |model: &str| model != BUILTIN;
        let hosted = called(&plan.worker.model) || called(&plan.judge.model);
        let (calls, tokens) = if hosted { bounds(plan, units) } else { (Some(0), Some(0)) };
        let tokens =
            [tokens, Some(limits.budget_tokens).filter(|budget| *budget > 0)].into_iter().flatten().min();
        Self {
            schema: "delm.dry-run/1",
            question: plan.question.clone(),
            agents: plan.agents,
            model: plan.worker.model.clone(),
            judge: plan.judge.model.clone(),
            hosts: plan.hosts.clone(),
            sources: plan.documents.read.len(),
            skipped: plan
                .documents
                .skipped
                .iter()
                .map(|file| (file.name.clone(), file.reason.clone()))
                .collect(),
            units,
            bytes,
            calls_max: calls,
            tokens_max: tokens,
            cost_microusd_max: if hosted { cost_max(plan, tokens) } else { Some(0) },
        }
    }

    /// Says it.
    ///
    /// # Errors
    /// Output that cannot be written.
    pub(crate) fn show(&self, output: &mut Output) -> Result<(), CliError> {
        if output.mode().is_json() {
            return Ok(output.json(self)?);
        }
        let hosts = if self.hosts.is_empty() { "none".to_owned() } else { one_line(&self.hosts.join(", ")) };
        let at_most = |number: Option<u64>| {
            number.map_or_else(|| "not bounded".to_owned(), |number| format!("at most {}", count(number)))
        };
        output.line(&format!("question   {}", one_line(&self.question)))?;
        output.line(&format!(
            "documents  {} read ({} units, {} bytes), {} left out",
            self.sources,
            count(self.units),
            count(self.bytes),
            self.skipped.len()
        ))?;
        for (name, reason) in &self.skipped {
            output.line(&format!("           left out: {}: {}", one_line(name), one_line(reason)))?;
        }
        output.line(&format!("agents     {}", self.agents))?;
        output.line(&format!("model      {} (reviews: {})", one_line(&self.model), one_line(&self.judge)))?;
        output.line(&format!("hosts      {hosts}"))?;
        output.line(&format!("calls      {}", at_most(self.calls_max)))?;
        output.line(&format!("tokens     {}", at_most(self.tokens_max)))?;
        let cost = self.cost_microusd_max.map_or_else(
            || "unknown: a model has no price, or tokens are not bounded".to_owned(),
            |cost| format!("at most {}", money(Some(cost))),
        );
        output.line(&format!("cost       {cost}"))?;
        if self.calls_max.is_none_or(|calls| calls > 0) {
            output.line("           (were all tasks_max tasks planned; --set tasks_max=N, --budget-tokens N bound it closer)")?;
        }
        output.line("nothing was called and nothing was written")?;
        Ok(())
    }
}

/// Calls and tokens at most, from the run's limits: all tasks there may be, every attempt, every call at its greatest.
///
/// A prompt holds at most the whole context, the unit or what was unfolded with its neighbours, the evidence, and a reply
/// that is asked for again, which had at most as many tokens as a reply may have.
fn bounds(plan: &Plan, units: u64) -> (Option<u64>, Option<u64>) {
    let limits = &plan.limits;
    let (attempts, again) = (limits.attempts_max, 1 + limits.asks_max);
    let gists = if plan.reading() { units.saturating_add(limits.tasks_max) } else { limits.tasks_max };
    let reviews =
        gists.checked_mul(attempts).and_then(|drafts| drafts.checked_mul(attempts)?.checked_mul(again));
    let work = (again + limits.unfold_rounds_max)
        .checked_mul(attempts)
        .and_then(|each| gists.checked_mul(each)?.checked_add((limits.rounds_max + 2) * attempts * again));
    let calls = match (plan.worker.model != BUILTIN, plan.judge.model != BUILTIN) {
        (true, true) => work.zip(reviews).and_then(|(work, reviews)| work.checked_add(reviews)),
        (true, false) => work,
        (false, _) => reviews,
    };
    let shown = (limits.unfold_rounds_max + 1) * limits.unfold_labels_max * 3 + limits.evidence_max;
    let bytes =
        plan.question.len() as u64 + 65_536 + shown.saturating_mul(limits.unit_bytes.saturating_mul(2));
    let context = (units + limits.tasks_max).saturating_mul(limits.gist_tokens_max.saturating_mul(8));
    let prompt = bytes.saturating_add(context) / limits.bytes_per_token + limits.output_tokens_max;
    let one = prompt.saturating_add(limits.output_tokens_max);
    (calls, calls.and_then(|calls| calls.checked_mul(one)))
}

/// Money at most: every token at the dearest price; the built-in reader costs nothing.
fn cost_max(plan: &Plan, tokens: Option<u64>) -> Option<u64> {
    let mut dearest = 0;
    for model in [&plan.worker.model, &plan.judge.model] {
        if model != BUILTIN {
            let price = plan.prices.iter().find(|price| price.model == *model)?;
            dearest = dearest.max(price.in_microusd).max(price.out_microusd);
        }
    }
    let all = u64::try_from(u128::from(tokens?) * u128::from(dearest) / 1_000_000).ok()?;
    let budget = Some(plan.limits.budget_microusd).filter(|budget| *budget > 0);
    Some(budget.map_or(all, |budget| budget.min(all)))
}
