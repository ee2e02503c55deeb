//! Paragraphs and fields for people: text of documents and models, made harmless and broken at the terminal's edge.
//!
//! Refuses to cut: what does not fit a line goes on in the next; without a terminal a paragraph stays on its line.

use unicode_width::UnicodeWidthStr;

use crate::error::CliError;
use crate::output::Output;
use crate::output::text::harmless;

/// Columns at least left to a text, however far it is set in.
const COLUMNS_MIN: usize = 20;

/// Columns of a field's name and the space after it.
const NAME_COLUMNS: usize = 10;

/// Writes a text, its own lines kept, each set in by so many columns.
pub(super) fn paragraph(output: &mut Output, indent: usize, text: &str) -> Result<(), CliError> {
    let margin = " ".repeat(indent);
    for line in lines(output, indent, text) {
        output.line(format!("{margin}{line}").trim_end())?;
    }
    Ok(())
}

/// Writes a name and what stands under it, set in alike on every line.
pub(super) fn named(output: &mut Output, name: &str, text: &str) -> Result<(), CliError> {
    let margin = " ".repeat(NAME_COLUMNS);
    let lines = lines(output, NAME_COLUMNS, text);
    for (place, line) in lines.iter().enumerate() {
        let head = if place == 0 { format!("{name:<NAME_COLUMNS$}") } else { margin.clone() };
        output.line(format!("{head}{line}").trim_end())?;
    }
    Ok(())
}

/// Writes a text behind a margin of its first line and one of its further lines.
pub(super) fn branch(output: &mut Output, first: &str, rest: &str, text: &str) -> Result<(), CliError> {
    for (place, line) in lines(output, rest.width(), text).iter().enumerate() {
        output.line(format!("{}{line}", if place == 0 { first } else { rest }).trim_end())?;
    }
    Ok(())
}

/// A heading.
pub(super) fn heading(output: &mut Output, text: &str) -> Result<(), CliError> {
    let (bold, off) = if output.style().colour { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    output.line("")?;
    Ok(output.line(&format!("{bold}{}{off}", harmless(text)))?)
}

fn lines(output: &Output, indent: usize, text: &str) -> Vec<String> {
    let columns =
        output.style().columns.map(|columns| usize::from(columns).saturating_sub(indent).max(COLUMNS_MIN));
    let safe = harmless(text);
    let mut lines = Vec::new();
    for line in safe.lines() {
        match columns {
            Some(columns) => wrap(line, columns, &mut lines),
            None => lines.push(line.to_owned()),
        }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

/// Breaks a line at blanks, each part set in as the line is; a word wider than the line stands alone and runs over.
fn wrap(line: &str, columns: usize, lines: &mut Vec<String>) {
    if line.width() <= columns {
        lines.push(line.to_owned());
        return;
    }
    let margin = " ".repeat((line.len() - line.trim_start_matches(' ').len()).min(columns / 2));
    let mut now = String::new();
    for word in line.split_whitespace() {
        if !now.is_empty() && now.width() + 1 + word.width() > columns {
            lines.push(std::mem::take(&mut now));
        }
        now.push_str(if now.is_empty() { &margin } else { " " });
        now.push_str(word);
    }
    lines.push(now);
}

/// The beginning of a text, on one line of at most so many columns, with `…` where it was cut.
pub(super) fn clipped(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut cut = String::new();
    let mut width = 1;
    for c in text.chars() {
        width += c.to_string().width();
        if width > columns {
            break;
        }
        cut.push(c);
    }
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::capture;
    use crate::output::style::Style;

    #[test]
    fn paragraphs_fit_the_terminal_and_stay_whole_elsewhere() {
        let text = "The keeper, who had been there since the spring, wrote it down.\n\nTwice\u{1b}[2J.";
        let (mut output, out, _) = capture::output(Style { columns: Some(30), ..Style::default() });
        paragraph(&mut output, 4, text).unwrap();
        assert!(out.text().lines().all(|line| line.width() <= 30), "{}", out.text());
        assert!(out.text().contains("Twice␛[2J."));
        let (mut output, out, _) = capture::output(Style::default());
        paragraph(&mut output, 2, text).unwrap();
        assert_eq!(out.text().lines().count(), 3);
    }

    #[test]
    fn clipped_text_says_that_it_was() {
        assert_eq!(clipped("short", 5), "short");
        assert_eq!(clipped("a longer one", 5), "a lo…");
        assert_eq!(clipped("日本語日本語", 5), "日本…");
    }
}
