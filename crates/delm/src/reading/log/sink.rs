//! Where events are written: a list for programs and pipes, a line an event on a terminal.
//!
//! Refuses to hold lines back for a table: what is followed must be seen at once.

use delm_core::entry::Blobs;
use delm_wire::view::{LogItem, LogTag};
use serde_json::Value;

use crate::error::CliError;
use crate::output::Output;
use crate::output::human::time;
use crate::output::listing::{Column, Layout, Listing, PAGE_ITEMS};
use crate::output::style::Mode;
use crate::output::text::one_line;
use crate::reading::words::{clipped, paragraph};

const COLUMNS: &[Column] = &[
    Column::number("entry"),
    Column::text("at"),
    Column::text("agent"),
    Column::text("kind"),
    Column::text("data"),
];

const COLUMNS_WITH_TEXTS: &[Column] = &[
    Column::number("entry"),
    Column::text("at"),
    Column::text("agent"),
    Column::text("kind"),
    Column::text("data"),
    Column::text("texts"),
];

/// Fields that people are shown first, where an event has them.
const FIRST: &[&str] = &[
    "label",
    "task",
    "unit",
    "source",
    "job",
    "call",
    "agent",
    "purpose",
    "outcome",
    "cause",
    "gist",
    "answer",
    "question",
    "name",
    "reason",
    "error",
    "text",
    "kind",
    "grade",
    "answer_kind",
    "round",
    "attempt",
    "model",
    "principal",
    "draft",
    "reply",
];

/// Fields that people are not shown: they would fill the line.
const NOT_SHOWN: &[&str] = &["nonce", "limits", "templates", "prices", "deadline_ms", "original", "program"];

/// Fields whose words people are shown instead of a hash. Whole documents are not among them.
const WORDS: &[&str] = &["gist", "answer", "question", "name", "reason", "error"];

/// The longest text that is looked at for a line, in bytes.
const WORDS_BYTES_MAX: usize = 400;

/// Digits of a hash that people are shown.
const SHORT: usize = 8;

pub(super) enum Sink<'a> {
    Lines { output: &'a mut Output, columns: usize, left: u64 },
    List(Listing<'a>),
}

impl<'a> Sink<'a> {
    pub(super) fn begin(
        output: &'a mut Output,
        run: &str,
        limit: Option<u64>,
        follow: bool,
        patch: bool,
    ) -> Result<Self, CliError> {
        let style = output.style();
        if let (Mode::People, Some(columns)) = (style.mode, style.columns) {
            let page = if follow { u64::MAX } else { PAGE_ITEMS };
            return Ok(Self::Lines { output, columns: columns.into(), left: limit.unwrap_or(page) });
        }
        let columns = if patch { COLUMNS_WITH_TEXTS } else { COLUMNS };
        let limit = limit.or(follow.then_some(u64::MAX));
        let layout = Layout { schema: LogTag::TEXT, run: Some(run), columns, wrap: false, limit };
        Ok(Self::List(Listing::begin(output, layout)?))
    }

    pub(super) fn is_full(&self) -> bool {
        match self {
            Self::Lines { left, .. } => *left == 0,
            Self::List(listing) => listing.is_full(),
        }
    }

    pub(super) fn push(&mut self, item: &LogItem, blobs: &dyn Blobs) -> Result<(), CliError> {
        match self {
            Self::Lines { output, columns, left } => {
                *left = left.saturating_sub(1);
                line(output, *columns, item, blobs)
            }
            Self::List(listing) => Ok(listing.push(item, || cells(item))?),
        }
    }

    pub(super) fn flush(&mut self) -> Result<(), CliError> {
        match self {
            Self::Lines { output, .. } => Ok(output.flush()?),
            Self::List(listing) => Ok(listing.flush()?),
        }
    }

    pub(super) fn finish(self, next: Option<&str>) -> Result<(), CliError> {
        match (self, next) {
            (Self::List(listing), next) => Ok(listing.finish(next)?),
            (Self::Lines { output, .. }, Some(next)) => {
                Ok(output.note(&format!("there is more: --after {next}"))?)
            }
            (Self::Lines { .. }, None) => Ok(()),
        }
    }
}

fn agent(item: &LogItem) -> String {
    item.agent.as_ref().map_or_else(|| "-".to_owned(), |agent| agent.0.to_string())
}

fn cells(item: &LogItem) -> Vec<String> {
    let json = |value: &Result<String, serde_json::Error>| {
        value.as_ref().map_or_else(ToString::to_string, Clone::clone)
    };
    let mut cells = vec![
        item.seq.to_string(),
        item.at.to_string(),
        agent(item),
        item.event.kind.to_owned(),
        json(&serde_json::to_string(&item.event.data)),
    ];
    if let Some(texts) = &item.texts {
        cells.push(json(&serde_json::to_string(texts)));
    }
    cells
}

fn line(output: &mut Output, columns: usize, item: &LogItem, blobs: &dyn Blobs) -> Result<(), CliError> {
    let at = time(item.at.0);
    let clock = at.get(11..23).unwrap_or(&at);
    let (dim, off) = if output.style().colour { ("\u{1b}[2m", "\u{1b}[0m") } else { ("", "") };
    let head = format!("{:>5}  {clock}  {:<4} ", item.seq, agent(item));
    let rest = format!("{:<16} {}", item.event.kind, words(item, blobs));
    let rest = clipped(&one_line_kept(&rest), columns.saturating_sub(head.len()));
    output.line(format!("{dim}{head}{off}{rest}").trim_end())?;
    for (hash, text) in item.texts.iter().flatten() {
        let short = hash.get(..SHORT).unwrap_or(hash);
        match text {
            Some(text) => {
                paragraph(output, 8, &format!("{short}:"))?;
                paragraph(output, 10, text)?;
            }
            None => paragraph(output, 8, &format!("{short}: (redacted)"))?,
        }
    }
    Ok(())
}

/// One line with its columns kept: names of models come from outside, so each word is made harmless.
fn one_line_kept(text: &str) -> String {
    text.split(' ').map(one_line).collect::<Vec<_>>().join(" ")
}

/// An event's fields in short.
fn words(item: &LogItem, blobs: &dyn Blobs) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(&item.event.data) else { return String::new() };
    // Who commanded stands at the beginning of the line.
    let said = |name: &str| name == "agent" && item.agent.is_some();
    let shown = |name: &&str| !NOT_SHOWN.contains(name) && !FIRST.contains(name);
    let rest = fields.keys().map(String::as_str).filter(shown);
    let names = FIRST.iter().copied().filter(|name| !said(name)).chain(rest);
    let field = |name: &str| {
        let value = fields.get(name)?;
        let words = || WORDS.contains(&name) || (name == "text" && item.event.kind == "task_added");
        let text = value.as_str().filter(|_| words()).and_then(|hash| first_words(hash, blobs));
        Some(format!("{name}={}", text.or_else(|| short(value))?))
    };
    names.filter_map(field).collect::<Vec<_>>().join(" ")
}

/// The beginning of the text behind a hash, in quotation marks.
fn first_words(hash: &str, blobs: &dyn Blobs) -> Option<String> {
    let bytes = blobs.blob(&hash.parse().ok()?)?;
    let start = bytes.get(..WORDS_BYTES_MAX).unwrap_or(&bytes);
    Some(format!("\"{}\"", one_line(&String::from_utf8_lossy(start))))
}

/// A value in short; none if it says nothing.
fn short(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::String(text) if text.is_empty() => None,
        Value::String(text) if text.len() == 64 && text.bytes().all(|c| c.is_ascii_hexdigit()) => {
            text.get(..SHORT).map(str::to_owned)
        }
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().filter_map(short).collect();
            (!items.is_empty()).then(|| items.join(","))
        }
        // Of a request its hash; of a span its unit; of anything else its values.
        Value::Object(fields) => match fields.get("hash").or_else(|| fields.get("unit")) {
            Some(one) => short(one),
            None => {
                let values: Vec<String> = fields.values().filter_map(short).collect();
                (!values.is_empty()).then(|| values.join("/"))
            }
        },
    }
}
