//! Replies with placeholders, such as `{{task}}`, filled anew for each call.
//!
//! Refuses unknown placeholders when the script is read, and a call for which one has no value.

use std::fmt::Write as _;

use delm_core::ids::Job;
use delm_core::request::Request;

use super::file::fits;
use super::prompt;
use crate::CallInfo;

const WORDS_MAX: u32 = 100_000;
/// Words of `{{head}}` and `{{tail}}`: the default of the limit `reference_words_min`.
const EDGE_WORDS: usize = 5;

/// How the text around the placeholders is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// As it stands.
    Text,
    /// As JSON: placeholders stand within strings, so their values are escaped.
    Json,
}

/// What a call looks like to a template.
pub(super) struct Scene<'a> {
    pub(super) model: &'a str,
    pub(super) request: &'a Request,
    pub(super) info: &'a CallInfo,
}

/// A text with placeholders.
#[derive(Clone, Debug)]
pub(super) struct Template {
    spelling: Spelling,
    parts: Vec<Part>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Slot(Slot),
}

/// A placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    Purpose,
    Job,
    Task,
    Unit,
    Evidence,
    Head,
    Tail,
    Fact,
    Attempt,
    Ask,
    Model,
    Open,
    Words(u32),
}

const SLOTS: &[(&str, Slot)] = &[
    ("purpose", Slot::Purpose),
    ("job", Slot::Job),
    ("task", Slot::Task),
    ("unit", Slot::Unit),
    ("evidence", Slot::Evidence),
    ("head", Slot::Head),
    ("tail", Slot::Tail),
    ("fact", Slot::Fact),
    ("attempt", Slot::Attempt),
    ("ask", Slot::Ask),
    ("model", Slot::Model),
    ("open", Slot::Open),
];

impl Template {
    /// Reads a template.
    pub(super) fn parse(text: &str, spelling: Spelling) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) =
                after.split_once("}}").ok_or_else(|| format!("a placeholder is not closed: {{{{{after}"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            parts.push(Part::Slot(slot(name)?));
            rest = behind;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self { spelling, parts })
    }

    /// The text, if it has no placeholder.
    pub(super) fn literal(&self) -> Option<String> {
        match self.parts.as_slice() {
            [] => Some(String::new()),
            [Part::Text(text)] => Some(text.clone()),
            _ => None,
        }
    }

    /// The text for this call.
    pub(super) fn fill(&self, scene: &Scene<'_>) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(part) => text.push_str(part),
                Part::Slot(slot) => {
                    let value = value(*slot, scene)?;
                    match self.spelling {
                        Spelling::Text => text.push_str(&value),
                        Spelling::Json => push_escaped(&mut text, &value),
                    }
                }
            }
            // A short script can ask for any number of words.
            fits(text.len())?;
        }
        Ok(text)
    }
}

fn slot(name: &str) -> Result<Slot, String> {
    if let Some(count) = name.strip_prefix("words:") {
        let count = count.parse().ok().filter(|count| (1..=WORDS_MAX).contains(count));
        return count
            .map(Slot::Words)
            .ok_or_else(|| format!("{{{{{name}}}}} wants a number in 1..={WORDS_MAX}"));
    }
    let known = SLOTS.iter().find(|(known, _)| *known == name).map(|(_, slot)| *slot);
    known.ok_or_else(|| {
        let names = SLOTS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        format!("there is no placeholder {{{{{name}}}}}; there are {names}, words:N")
    })
}

fn value(slot: Slot, scene: &Scene<'_>) -> Result<String, String> {
    let Scene { model, request, info } = scene;
    let none = |what: &str| format!("the request of {} has no {what} to fill in", info.job);
    Ok(match slot {
        Slot::Purpose => info.purpose.to_string(),
        Slot::Job => info.job.to_string(),
        Slot::Task => info.job.subject().map_or_else(|| info.job.to_string(), |subject| subject.to_string()),
        Slot::Unit => unit(request, info.job).ok_or_else(|| none("passage"))?,
        Slot::Evidence => evidence(request, info.job).ok_or_else(|| none("passage"))?.to_owned(),
        Slot::Head => {
            prompt::head(evidence(request, info.job).ok_or_else(|| none("passage"))?, EDGE_WORDS).to_owned()
        }
        Slot::Tail => {
            prompt::tail(evidence(request, info.job).ok_or_else(|| none("passage"))?, EDGE_WORDS).to_owned()
        }
        Slot::Fact => prompt::newest_fact(request).ok_or_else(|| none("fact"))?.to_owned(),
        Slot::Attempt => info.attempt.to_string(),
        Slot::Ask => info.ask.to_string(),
        Slot::Model => (*model).to_owned(),
        Slot::Open => "{{".to_owned(),
        Slot::Words(count) => words(count),
    })
}

/// The unit a job reads, or else that of the first passage shown.
fn unit(request: &Request, job: Job) -> Option<String> {
    if let Job::Read(unit) = job {
        return Some(unit.to_string());
    }
    prompt::passage(&request.ask, None).map(|(unit, _)| unit.to_owned())
}

/// The first sentence of that unit.
fn evidence(request: &Request, job: Job) -> Option<&str> {
    let read = if let Job::Read(unit) = job { Some(unit.to_string()) } else { None };
    prompt::passage(&request.ask, read.as_deref()).map(|(_, sentence)| sentence)
}

/// So many different words.
fn words(count: u32) -> String {
    let mut text = String::new();
    for n in 1..=count {
        let gap = if n == 1 { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{gap}word{n}");
    }
    text
}

/// A value as it stands within a JSON string.
fn push_escaped(text: &mut String, value: &str) {
    let quoted = serde_json::Value::String(value.to_owned()).to_string();
    text.push_str(quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default());
}
