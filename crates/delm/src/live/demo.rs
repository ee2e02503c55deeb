//! The corpus and the question of `delm demo`, built into the binary.
//!
//! Refuses to look for files: the documents are those of the repository, at the time it was built.

use delm_core::event::Extractor;
use delm_core::ids::Digest;
use delm_core::prompt::BUILTIN;

use super::begin::Plan;
use super::plan::of_models;
use crate::config::Settings;
use crate::docs::{Document, Documents};
use crate::error::CliError;

macro_rules! documents {
    ($($name:literal,)+) => {
        &[$(($name, include_str!(concat!("../../../../replays/harrow-light/sources/", $name))),)+]
    };
}

/// Name and text of every document.
const SOURCES: &[(&str, &str)] = documents![
    "01-harrow-light.md",
    "02-fog-signals.md",
    "03-hester-quillane.md",
    "04-merrow-school.md",
    "05-the-great-lens.md",
    "06-kestering-glassworks.md",
    "07-matthias-oldacre.md",
    "08-linnet-grey.md",
    "09-tamber-harbour-board.md",
    "10-the-cable.md",
    "11-two-ships-of-senna-quay.md",
    "12-the-weather-journals.md",
];

/// The question that needs three of them.
pub(crate) const QUESTION: &str =
    "Who founded the school at which the woman who designed the fog siren of the Harrow Light studied?";

/// The demo as a plan: the built-in reader, whatever model the settings name.
///
/// # Errors
/// As for any plan.
pub(super) fn plan(settings: &Settings) -> Result<Plan, CliError> {
    let read = SOURCES.iter().map(|(name, text)| Document {
        name: (*name).to_owned(),
        text: (*text).to_owned(),
        extractor: Extractor::Markdown,
        hash: Digest::of_blob(text.as_bytes()),
    });
    let documents = Documents { read: read.collect(), skipped: Vec::new() };
    let builtin = || BUILTIN.to_owned();
    let mut plan = of_models(QUESTION.to_owned(), documents, settings, (builtin(), builtin()))?;
    plan.limits.budget_microusd = 0;
    plan.templates.clear();
    plan.prices.clear();
    Ok(plan)
}
