//! The models that work for a run, made from settings, environment and keys.
//!
//! Refuses to fetch a key that no model of the run needs, and to send one where a project's settings point.

use std::collections::BTreeSet;
use std::sync::Arc;

use delm_core::event::ModelChoice;
use delm_core::prompt::BUILTIN;
use delm_engine::Workers;
use delm_llm::{Model, Providers, build, host_of};

use crate::config::Settings;
use crate::environment::Environment;
use crate::error::{CliError, Exit};

/// Providers as the settings have them, with the keys that these models need.
///
/// # Errors
/// Exit 2 for a key that cannot be fetched.
pub(crate) fn providers(
    settings: &Settings,
    environment: &Environment,
    models: &[&ModelChoice],
) -> Result<Providers, CliError> {
    let names: Vec<&str> = models.iter().map(|choice| choice.model.as_str()).collect();
    Ok(settings.providers(environment, &names)?)
}

/// The models of a run, ready to be called; none where the built-in reader works.
///
/// # Errors
/// Exit 2: no such model, or its key is missing.
pub(crate) fn workers(
    worker: &ModelChoice,
    judge: &ModelChoice,
    providers: &Providers,
) -> Result<Workers, CliError> {
    Ok(Workers { worker: model(worker, providers)?, judge: model(judge, providers)? })
}

fn model(choice: &ModelChoice, providers: &Providers) -> Result<Option<Arc<dyn Model>>, CliError> {
    if choice.model == BUILTIN {
        return Ok(None);
    }
    let choice = delm_llm::ModelChoice { model: choice.model.clone(), params: choice.params.clone() };
    build(&choice, providers).map(Some).map_err(|error| {
        CliError::new("model", Exit::Usage, error.to_string()).hint(
            "models are extractive, provider::name and script:FILE; `delm doctor` says which keys are found",
        )
    })
}

/// Hosts that would be called, each once.
pub(crate) fn hosts(worker: &ModelChoice, judge: &ModelChoice, providers: &Providers) -> Vec<String> {
    let hosts: BTreeSet<String> =
        [worker, judge].into_iter().filter_map(|choice| host_of(&choice.model, providers)).collect();
    hosts.into_iter().collect()
}
