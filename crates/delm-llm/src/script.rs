//! Scripted models: replies from a file, chosen by what is asked, for tests and for work without a provider.
//!
//! Refuses to guess: a request that no rule matches is an error that names it. Keeps no state but the counters of
//! rules with `times`, one a job, so that the order in which agents call changes nothing.

mod file;
mod prompt;
mod template;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use delm_core::event::CallFault;
use delm_core::ids::Job;
use delm_core::request::Request;

use crate::{CallError, CallInfo, Calling, Exchange, Model};
use file::{Effect, Rule};
pub use file::{SCRIPT_BYTES_MAX, Script, ScriptError};
use template::Scene;

/// A model that replies from a script.
#[derive(Debug)]
pub struct ScriptModel {
    name: String,
    script: Script,
    /// How often a rule with `times` was used, by its place and the job.
    used: Mutex<BTreeMap<(usize, Job), u32>>,
}

impl ScriptModel {
    /// A model called `name` that follows `script`.
    #[must_use]
    pub fn new(name: impl Into<String>, script: Script) -> Self {
        Self { name: name.into(), script, used: Mutex::default() }
    }

    /// Reads the script at `path`; the model is called `script:PATH`.
    ///
    /// # Errors
    /// [`ScriptError`] when the file cannot be read or is no script.
    pub fn open(path: &Path) -> Result<Self, ScriptError> {
        let origin = path.display().to_string();
        Ok(Self::new(format!("script:{origin}"), Script::load(path)?))
    }

    /// The first rule that matches and is not used up.
    fn choose(&self, request: &Request, info: &CallInfo) -> Option<&Rule> {
        let mut rules = self.script.rules.iter().enumerate();
        rules
            .find(|(place, rule)| rule.matches(request, info) && self.take(*place, rule, info.job))
            .map(|(_, rule)| rule)
    }

    /// Counts one use of a rule, unless its `times` for this job are over.
    fn take(&self, place: usize, rule: &Rule, job: Job) -> bool {
        let Some(times) = rule.times else { return true };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let count = used.entry((place, job)).or_insert(0);
        let left = *count < times;
        *count += u32::from(left);
        left
    }

    fn unmatched(&self, info: &CallInfo) -> CallError {
        let CallInfo { purpose, job, attempt, ask, .. } = info;
        request_fault(format!(
            "{}: no rule for purpose {purpose}, job {job}, attempt {attempt}, ask {ask}; add one, or a last rule \
             without conditions",
            self.name
        ))
    }

    fn play(&self, rule: &Rule, request: &Request, info: &CallInfo) -> Result<Exchange, CallError> {
        let reply = match &rule.effect {
            Effect::Bytes(bytes) => bytes.clone(),
            Effect::Template(template) => {
                let scene = Scene { model: &self.name, request, info };
                let reply = template.fill(&scene).and_then(|text| rule.damage(text.into_bytes()));
                reply.map_err(|why| request_fault(format!("{}: {why}", self.name)))?
            }
            Effect::Error { fault, message, partial } => {
                return Err(CallError {
                    fault: *fault,
                    error: message.clone(),
                    tries: rule.tries,
                    billable: rule.billable.unwrap_or(rule.tries),
                    partial: partial.clone().map(String::into_bytes),
                });
            }
        };
        Ok(Exchange {
            reply,
            model_reported: rule.model_reported.clone(),
            request_id: rule.request_id.clone(),
            tokens: rule.tokens,
            latency_ms: rule.delay_ms,
            tries: rule.tries,
            billable: rule.billable.unwrap_or(0),
        })
    }
}

impl Model for ScriptModel {
    fn call<'a>(&'a self, request: &'a Request, info: &'a CallInfo) -> Calling<'a> {
        Box::pin(async move {
            let rule = self.choose(request, info).ok_or_else(|| self.unmatched(info))?;
            if rule.delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(rule.delay_ms)).await;
            }
            self.play(rule, request, info)
        })
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn host(&self) -> Option<&str> {
        None
    }
}

fn request_fault(error: String) -> CallError {
    CallError { fault: CallFault::Request, error, tries: 1, billable: 0, partial: None }
}

#[cfg(test)]
mod tests;
