//! What a run is begun with, gathered from arguments, settings and files.
//!
//! Refuses a budget in money for a model without a price, and documents that are not there.

use std::io::Read;
use std::path::Path;

use delm_core::event::{Ablation, ModelChoice};
use delm_core::prompt::BUILTIN;
use delm_llm::Providers;

use super::begin::Plan;
use super::models;
use crate::args::ask::{Ablate, RunArgs};
use crate::args::value::Param;
use crate::config::Settings;
use crate::docs::{self, Documents};
use crate::environment::Environment;
use crate::error::CliError;
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

pub(super) fn ablation(what: &Ablate) -> Ablation {
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
