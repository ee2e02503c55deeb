//! Prompts: from a recipe, the state and the blobs to the very request, to the byte.
//!
//! Refuses to invent: a blob that is unknown or redacted is an error, never an empty text. Document text goes through
//! once: what looks like a placeholder inside it stays as it is.

mod ask;
mod context;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;

pub(crate) use ask::{source_name, span_text, unit_text};
pub(crate) use context::context_bytes;
pub use context::warm;

use crate::apply::calls::purpose_of;
use crate::entry::Blobs;
use crate::event::{ModelChoice, Purpose, Recipe, Template};
use crate::ids::{Digest, Job};
use crate::reply;
use crate::request::{Notes, Request};
use crate::run::Run;

/// The version of the rendering below; a recorded run is rebuilt by the version it names.
pub const RENDERER: u32 = 1;

/// The built-in templates: part and text, sorted by part.
pub const TEMPLATES: &[(&str, &str)] = &[
    ("expand", include_str!("templates/expand.txt")),
    ("finalize", include_str!("templates/finalize.txt")),
    ("plan", include_str!("templates/plan.txt")),
    ("preamble", include_str!("templates/preamble.txt")),
    ("read", include_str!("templates/read.txt")),
    ("reason", include_str!("templates/reason.txt")),
    ("review", include_str!("templates/review.txt")),
];

/// What a template may ask for between double braces.
pub const PLACEHOLDERS: &[&str] = &[
    "bullets_max",
    "cause",
    "cited",
    "evidence",
    "feedback",
    "gist",
    "gist_tokens_max",
    "label",
    "question",
    "reference_words_min",
    "source",
    "sources",
    "task",
    "tasks",
    "text",
    "unfold_labels_max",
    "unfolded",
];

/// Why a request cannot be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// Not stored here, or redacted.
    #[error("the bytes of {what} ({hash}) are unknown or redacted")]
    Missing {
        /// Which text.
        what: &'static str,
        /// Its hash.
        hash: Digest,
    },
    /// Not text.
    #[error("the bytes of {what} ({hash}) are not UTF-8")]
    NotText {
        /// Which text.
        what: &'static str,
        /// Its hash.
        hash: Digest,
    },
    /// The run has no such template, job, or version of the renderer.
    #[error("the recipe names {what}, which this run or binary does not have")]
    Unknown {
        /// What is missing.
        what: String,
    },
    /// A template asks for something that is never given.
    #[error("the template asks for {{{{{name}}}}}, which is none of the placeholders")]
    Placeholder {
        /// What it asks for.
        name: String,
    },
}

/// A text blob.
pub(crate) fn text(blobs: &dyn Blobs, hash: &Digest, what: &'static str) -> Result<Arc<str>, RenderError> {
    let bytes = blobs.blob(hash).ok_or(RenderError::Missing { what, hash: *hash })?;
    core::str::from_utf8(&bytes).map(Arc::from).map_err(|_| RenderError::NotText { what, hash: *hash })
}

/// Which model a purpose is put to, with its parameters.
#[must_use]
pub fn model_for(run: &Run, purpose: Purpose) -> Option<&ModelChoice> {
    let models = &run.started()?.models;
    Some(if purpose == Purpose::Review { &models.judge } else { &models.worker })
}

/// Whether a purpose is worked out by the built-in reader, without a call.
#[must_use]
pub fn is_builtin(run: &Run, purpose: Purpose) -> bool {
    model_for(run, purpose).is_none_or(|choice| choice.model == BUILTIN)
}

/// The name of the built-in reader.
pub const BUILTIN: &str = "extractive";

fn template(run: &Run, part: &str) -> Option<Digest> {
    let started = run.started()?;
    started.templates.iter().find(|template: &&Template| template.part == part).map(|template| template.text)
}

/// The recipe for the next call of a claim, as things stand in the state.
#[must_use]
pub(crate) fn recipe(run: &Run, job: Job, again: Option<(Digest, Digest)>) -> Option<Recipe> {
    let state = run.jobs().get(&job)?;
    let crate::run::Status::Claimed(fence) = state.status else { return None };
    let claim = run.claim(fence)?;
    Some(Recipe {
        renderer: RENDERER,
        preamble: template(run, "preamble")?,
        template: template(run, purpose_of(&job).as_str())?,
        length: claim.length.unwrap_or(0),
        job,
        attempt: claim.attempt,
        feedback: state.feedback,
        unfolded: claim.unfolded.to_vec(),
        prior: again.map(|(prior, _)| prior),
        problem: again.map(|(_, problem)| problem),
    })
}

/// Renders the request of a recipe.
///
/// # Errors
/// [`RenderError`] if a blob is gone, a template unknown or malformed, or the renderer's version another.
pub fn render(run: &Run, blobs: &dyn Blobs, recipe: &Recipe) -> Result<Request, RenderError> {
    let unknown = |what: &str| RenderError::Unknown { what: what.into() };
    if recipe.renderer != RENDERER {
        return Err(unknown(&alloc::format!("renderer {}", recipe.renderer)));
    }
    let purpose = purpose_of(&recipe.job);
    let choice = model_for(run, purpose).ok_or_else(|| unknown("a model"))?;
    let length = usize::try_from(recipe.length).map_err(|_| unknown("a context of that length"))?;
    let (preamble, notes) = context::notes(run, blobs, &recipe.preamble, length)?;
    let ask = ask::ask(run, blobs, recipe)?;
    let again = match (&recipe.prior, &recipe.problem) {
        (Some(prior), Some(problem)) => {
            let bytes =
                blobs.blob(prior).ok_or(RenderError::Missing { what: "the reply before", hash: *prior })?;
            let reply = String::from_utf8_lossy(&bytes).into_owned();
            let problem = text(blobs, problem, "what was wrong with it")?;
            Some((
                reply,
                alloc::format!("{problem}\n\nReply again, with one JSON object of the shape described."),
            ))
        }
        _ => None,
    };
    Ok(Request {
        purpose,
        model: choice.model.clone(),
        params: choice.params.clone(),
        output_tokens_max: run.limits().output_tokens_max,
        preamble,
        notes,
        length,
        ask,
        again,
        schema: reply::schema(purpose),
    })
}

/// The request's hash, from the kept hasher when it has seen exactly this context, else from the start.
#[must_use]
pub fn hash(run: &Run, request: &Request) -> Digest {
    match context::hasher(run, request) {
        Some(hasher) => request.hash_after(hasher),
        None => request.hash(),
    }
}

/// Fills a template in one pass; text put in is never looked at again.
pub(crate) fn fill(template: &str, values: &BTreeMap<&str, String>) -> Result<String, RenderError> {
    let mut out = String::with_capacity(template.len() + values.values().map(String::len).sum::<usize>());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once("}}") else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        let value = values.get(name).ok_or_else(|| RenderError::Placeholder { name: name.into() })?;
        out.push_str(value);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

/// Whether a text can serve as a template: it asks only for what is given.
///
/// # Errors
/// [`RenderError::Placeholder`] naming the first placeholder that is unknown.
pub fn check_template(text: &str) -> Result<(), RenderError> {
    let values = PLACEHOLDERS.iter().map(|name| (*name, String::new())).collect();
    fill(text, &values).map(drop)
}

pub(crate) type Rendered = (Arc<str>, Notes);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_templates_ask_only_for_what_is_given() {
        for (part, text) in TEMPLATES {
            check_template(text).unwrap_or_else(|error| panic!("{part}: {error}"));
        }
        assert!(check_template("{{nonsense}}").is_err());
        assert!(TEMPLATES.is_sorted());
    }

    #[test]
    fn text_that_is_put_in_is_not_a_template() {
        let values =
            [("text", String::from("{{gist}}")), ("gist", String::from("PASS"))].into_iter().collect();
        assert_eq!(fill("a {{text}} b {{", &values).unwrap(), "a {{gist}} b {{");
    }
}
