//! `delm blame`: a line a fact: who found it, who answers for that, with which model, and on whose word it stands.
//!
//! Refuses to credit a model that only a setting names where a call says another: what was asked and reported decides.

use delm_wire::view::FactView;

use super::facts::{Form, list};
use crate::access::Reading;
use crate::args::read::RunPage;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::listing::Column;

pub(super) const COLUMNS: &[Column] = &[
    Column::text("fact"),
    Column::text("author"),
    Column::text("principal"),
    Column::text("model"),
    Column::text("verifier"),
    Column::text("grade"),
    Column::text("task"),
    Column::number("entry"),
    Column::text("text"),
];

pub(super) fn blame(args: &RunPage, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    list(Form::Blame, &args.of, &args.page, reading, output)
}

pub(super) fn cells(view: &FactView) -> Vec<String> {
    let dash = || "-".to_owned();
    let mut grade = view.grade.as_ref().map(|grade| grade.0.to_string()).unwrap_or_default();
    if view.withdrawn {
        grade.push_str(", withdrawn");
    }
    if view.tainted {
        grade.push_str(", tainted");
    }
    let author = view.author.as_ref();
    // What nobody judged was written, or let in, by the law: the method says which.
    let judges = view.verifiers.iter().map(|judge| {
        judge.agent.as_ref().map_or_else(|| judge.method.0.to_string(), |agent| agent.0.to_string())
    });
    let judges: Vec<String> = judges.collect();
    vec![
        view.label.as_ref().map(|label| label.0.to_string()).unwrap_or_default(),
        author.map_or_else(|| "the log".to_owned(), |author| author.agent.0.to_string()),
        author.map_or_else(dash, |author| author.principal.clone()),
        author.map_or_else(dash, |author| {
            author.model_reported.clone().unwrap_or_else(|| author.model.clone())
        }),
        if judges.is_empty() { dash() } else { judges.join(", ") },
        grade,
        view.task.0.to_string(),
        view.seq.to_string(),
        view.text.clone().unwrap_or_else(|| "(redacted)".to_owned()),
    ]
}
