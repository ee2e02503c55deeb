//! Lists: one shape for a terminal, a pipe, `--json` and `--jsonl`, so that every listing verb reads the same.
//!
//! Refuses to hold a whole run: only a page on a terminal is kept, for its widths; everything else streams.

use std::io::Write;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Row, Table};
use serde::Serialize;

use super::style::Mode;
use super::text::{field, one_line};
use super::{Output, OutputError};

/// Items of a page when nobody says `--limit`, where a page must have an end.
pub(crate) const PAGE_ITEMS: u64 = 1_000;

/// One column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    name: &'static str,
    right: bool,
}

impl Column {
    /// A column of text.
    pub(crate) const fn text(name: &'static str) -> Self {
        Self { name, right: false }
    }

    /// A column of numbers, set to the right.
    pub(crate) const fn number(name: &'static str) -> Self {
        Self { name, right: true }
    }
}

/// What a list is called and how it is laid out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout<'a> {
    /// `delm.facts/1`.
    pub(crate) schema: &'static str,
    /// The run it is about, in full; none for lists of runs.
    pub(crate) run: Option<&'a str>,
    /// Columns for people.
    pub(crate) columns: &'a [Column],
    /// On a terminal: long cells go on below (true), or are cut to one line (false).
    pub(crate) wrap: bool,
    /// `--limit`.
    pub(crate) limit: Option<u64>,
}

enum Shape {
    Table(Box<Table>),
    Fields,
    Document { empty: bool },
    Lines,
}

/// A list being written.
pub(crate) struct Listing<'a> {
    output: &'a mut Output,
    shape: Shape,
    wrap: bool,
    left: u64,
}

#[derive(Serialize)]
struct DocumentHead<'a> {
    schema: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<&'a str>,
}

impl<'a> Listing<'a> {
    /// Opens a list in the shape that the output's style asks for.
    pub(crate) fn begin(output: &'a mut Output, layout: Layout<'_>) -> Result<Self, OutputError> {
        let style = output.style();
        let shape = match (style.mode, style.columns) {
            (Mode::Json, _) => {
                let head = DocumentHead { schema: layout.schema, run: layout.run };
                let head = serde_json::to_string(&head).map_err(OutputError::Json)?;
                write!(output.out, "{},\"items\":[", head.trim_end_matches('}'))?;
                Shape::Document { empty: true }
            }
            (Mode::Jsonl, _) => Shape::Lines,
            (Mode::People, Some(width)) => Shape::Table(Box::new(table(layout.columns, width))),
            (Mode::People, None) => {
                output
                    .line(&layout.columns.iter().map(|column| column.name).collect::<Vec<_>>().join("\t"))?;
                Shape::Fields
            }
        };
        let page = match shape {
            Shape::Table(_) | Shape::Document { .. } => PAGE_ITEMS,
            Shape::Fields | Shape::Lines => u64::MAX,
        };
        Ok(Self { output, shape, wrap: layout.wrap, left: layout.limit.unwrap_or(page) })
    }

    /// True once the page holds all it may: if there is another item, give its predecessor as `next` to `finish`.
    pub(crate) fn is_full(&self) -> bool {
        self.left == 0
    }

    /// Adds an item. `cells` are asked for only if people are to read it, one a column.
    pub(crate) fn push(
        &mut self,
        item: &impl Serialize,
        cells: impl FnOnce() -> Vec<String>,
    ) -> Result<(), OutputError> {
        self.left = self.left.saturating_sub(1);
        match &mut self.shape {
            Shape::Table(table) => {
                let mut row = Row::from(cells().iter().map(|cell| one_line(cell)).collect::<Vec<_>>());
                if !self.wrap {
                    row.max_height(1);
                }
                table.add_row(row);
                Ok(())
            }
            Shape::Fields => {
                let line = cells().iter().map(|cell| field(cell).into_owned()).collect::<Vec<_>>().join("\t");
                self.output.line(&line)
            }
            Shape::Document { empty } => {
                if !std::mem::take(empty) {
                    self.output.out.write_all(b",")?;
                }
                serde_json::to_writer(&mut self.output.out, item).map_err(json_error)
            }
            Shape::Lines => self.output.json(item),
        }
    }

    /// Makes what was added so far visible, where items are not held back for a table.
    pub(crate) fn flush(&mut self) -> Result<(), OutputError> {
        self.output.flush()
    }

    /// Closes the list. `next` is what `--after` takes to go on, if there is more.
    pub(crate) fn finish(self, next: Option<&str>) -> Result<(), OutputError> {
        match self.shape {
            Shape::Table(table) => {
                for (place, line) in table.trim_fmt().lines().enumerate() {
                    match place == 0 && self.output.style.colour {
                        true => self.output.line(&format!("\u{1b}[1m{line}\u{1b}[0m"))?,
                        false => self.output.line(line)?,
                    }
                }
            }
            Shape::Document { .. } => {
                let next = serde_json::to_string(&next).map_err(OutputError::Json)?;
                writeln!(self.output.out, "],\"next\":{next}}}")?;
            }
            Shape::Fields | Shape::Lines => {}
        }
        match next {
            Some(next) => self.output.note(&format!("there is more: --after {next}")),
            None => Ok(()),
        }
    }
}

fn json_error(error: serde_json::Error) -> OutputError {
    if error.is_io() { OutputError::Write(error.into()) } else { OutputError::Json(error) }
}

fn table(columns: &[Column], width: u16) -> Table {
    let mut names = Row::from(columns.iter().map(|column| column.name).collect::<Vec<_>>());
    names.max_height(1);
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_truncation_indicator("…")
        .set_header(names);
    let last = columns.len().saturating_sub(1);
    for (place, column) in columns.iter().enumerate() {
        if let Some(laid_out) = table.column_mut(place) {
            laid_out.set_padding((0, if place == last { 0 } else { 2 }));
            laid_out.set_cell_alignment(if column.right {
                CellAlignment::Right
            } else {
                CellAlignment::Left
            });
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::output::capture;
    use crate::output::style::Style;

    #[derive(Serialize)]
    struct Fact {
        label: &'static str,
        text: &'static str,
        tokens: u64,
    }

    const FACTS: [Fact; 3] = [
        Fact { label: "F1", text: "The lamp burns whale oil,\nsays\tthe \\ keeper", tokens: 9 },
        Fact {
            label: "F2",
            text: "Ünïcode 日本語 \u{1b}[31mred, and a long, long sentence about the light",
            tokens: 12_345,
        },
        Fact { label: "F3", text: "", tokens: 0 },
    ];
    const COLUMNS: &[Column] = &[Column::text("label"), Column::number("tokens"), Column::text("text")];

    fn listed(style: Style, wrap: bool, limit: Option<u64>) -> (String, String) {
        let (mut output, out, err) = capture::output(style);
        let layout = Layout { schema: "delm.facts/1", run: Some("7f3a"), columns: COLUMNS, wrap, limit };
        let mut listing = Listing::begin(&mut output, layout).unwrap();
        let (mut next, mut last) = (None, None);
        for fact in &FACTS {
            if listing.is_full() {
                next = last;
                break;
            }
            let cells = || vec![fact.label.into(), fact.tokens.to_string(), fact.text.into()];
            listing.push(fact, cells).unwrap();
            last = Some(fact.label);
        }
        listing.finish(next).unwrap();
        (out.text(), err.text())
    }

    #[test]
    fn without_a_terminal_lines_are_tab_separated_and_whole() {
        let (out, err) = listed(Style::default(), false, None);
        let lines: Vec<_> = out.lines().collect();
        assert_eq!(lines[0], "label\ttokens\ttext");
        assert_eq!(lines[1], "F1\t9\tThe lamp burns whale oil,\\nsays\\tthe \\\\ keeper");
        assert_eq!(lines.len(), 4);
        assert!(lines.iter().all(|line| line.matches('\t').count() == 2));
        assert_eq!(err, "");
    }

    #[test]
    fn tables_fit_every_terminal() {
        for width in [16, 20, 40, 80, 200] {
            for wrap in [false, true] {
                let (out, _) = listed(Style { columns: Some(width), ..Style::default() }, wrap, None);
                let widest = out.lines().map(UnicodeWidthStr::width).max().unwrap();
                assert!(widest <= usize::from(width), "{widest} > {width}:\n{out}");
                assert!(!out.contains('\u{1b}'), "{out}");
                if !wrap {
                    assert_eq!(out.lines().count(), 4, "one line an item at {width}:\n{out}");
                }
            }
        }
    }

    #[test]
    fn a_wide_terminal_cuts_nothing() {
        let (out, _) = listed(Style { columns: Some(200), ..Style::default() }, false, None);
        let want = "label  tokens  text\nF1          9  The lamp burns whale oil, says the \\ keeper\n";
        assert!(out.starts_with(want), "{out}");
        assert!(out.contains("about the light"));
    }

    #[test]
    fn json_is_one_document_with_a_cursor() {
        let json = Style { mode: Mode::Json, columns: Some(80), ..Style::default() };
        let (out, err) = listed(json, false, Some(2));
        assert_eq!(err, "");
        assert!(
            out.starts_with("{\"schema\":\"delm.facts/1\",\"run\":\"7f3a\",\"items\":[{\"label\":\"F1\""),
            "{out}"
        );
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["items"].as_array().unwrap().len(), 2);
        assert_eq!(value["next"], "F2");
        let (out, _) = listed(json, false, Some(3));
        assert!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["next"].is_null());
    }

    #[test]
    fn an_empty_page_is_still_a_document() {
        let (out, _) = listed(Style { mode: Mode::Json, ..Style::default() }, false, Some(0));
        assert_eq!(out, "{\"schema\":\"delm.facts/1\",\"run\":\"7f3a\",\"items\":[],\"next\":null}\n");
    }

    #[test]
    fn jsonl_streams_one_item_a_line() {
        let (out, _) = listed(Style { mode: Mode::Jsonl, ..Style::default() }, false, None);
        let labels: Vec<_> = out
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["label"].to_string())
            .collect();
        assert_eq!(labels, ["\"F1\"", "\"F2\"", "\"F3\""]);
    }

    #[test]
    fn a_cut_list_says_how_to_go_on() {
        let (out, err) = listed(Style::default(), false, Some(1));
        assert_eq!(out.lines().count(), 2);
        assert_eq!(err, "there is more: --after F1\n");
    }
}
