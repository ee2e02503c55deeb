//! The ancestors of a fact or the answer as a graph for Graphviz: solid what was cited, dashed what was read behind,
//! dotted what was merely in sight.
//!
//! Refuses an edge for each fact in sight: one dotted node says how many they are.

use delm_wire::view::{ClaimView, VisibleView, Why, WhyFact};

use crate::error::CliError;
use crate::output::Output;
use crate::output::text::one_line;
use crate::reading::words::clipped;

/// Columns of a text in a node.
const TEXT_COLUMNS: usize = 60;

pub(super) fn draw(view: &Why, output: &mut Output) -> Result<(), CliError> {
    output.line("digraph why {")?;
    output.line("  rankdir=BT; node [shape=box];")?;
    if let Some(answer) = &view.answer {
        let text = answer.text.as_deref().map_or_else(|| "(redacted)".to_owned(), one_line);
        node(output, "answer", &["answer", &clipped(&text, TEXT_COLUMNS)])?;
        for cited in &answer.cites {
            edge(output, "answer", &cited.0.to_string(), "")?;
        }
        weaker(output, "answer", answer.claim.as_ref(), &answer.visible)?;
    }
    for item in &view.items {
        of_fact(item, output)?;
    }
    if let Some(next) = &view.next {
        output.line(&format!("  // more facts behind --after {next}"))?;
    }
    Ok(output.line("}")?)
}

fn of_fact(item: &WhyFact, output: &mut Output) -> Result<(), CliError> {
    let fact = &item.fact;
    let Some(label) = fact.label.as_ref().map(|label| label.0.to_string()) else { return Ok(()) };
    let text = fact.text.as_deref().map_or_else(|| "(redacted)".to_owned(), one_line);
    let author =
        fact.author.as_ref().map_or_else(|| "the log".to_owned(), |author| author.agent.0.to_string());
    let grade = fact.grade.as_ref().map(|grade| grade.0.to_string()).unwrap_or_default();
    let withdrawn = if fact.withdrawn { ", withdrawn" } else { "" };
    let by = format!("{label} by {author}, {grade}{withdrawn}");
    node(output, &label, &[&by, &clipped(&text, TEXT_COLUMNS)])?;
    for cited in &fact.cites {
        edge(output, &label, &cited.0.to_string(), "")?;
    }
    weaker(output, &label, item.claim.as_ref(), &item.visible)
}

fn weaker(
    output: &mut Output,
    from: &str,
    claim: Option<&ClaimView>,
    visible: &VisibleView,
) -> Result<(), CliError> {
    for read in claim.iter().flat_map(|claim| &claim.unfolded) {
        let level = read.level.0.to_string();
        edge(
            output,
            from,
            &read.label.0.to_string(),
            &format!(" [style=dashed, label={}]", quoted(&[&level])),
        )?;
    }
    if visible.facts > 0 {
        let sight = format!("in sight of {from}");
        node(output, &sight, &[&format!("{} merely in sight", visible.facts)])?;
        edge(output, from, &sight, " [style=dotted]")?;
    }
    Ok(())
}

fn node(output: &mut Output, id: &str, lines: &[&str]) -> Result<(), CliError> {
    Ok(output.line(&format!("  {} [label={}];", quoted(&[id]), quoted(lines)))?)
}

fn edge(output: &mut Output, from: &str, to: &str, how: &str) -> Result<(), CliError> {
    Ok(output.line(&format!("  {} -> {}{how};", quoted(&[from]), quoted(&[to])))?)
}

/// Lines as one quoted string of the DOT language.
fn quoted(lines: &[&str]) -> String {
    let escaped = lines.iter().map(|line| line.replace('\\', "\\\\").replace('"', "\\\""));
    format!("\"{}\"", escaped.collect::<Vec<_>>().join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_documents_stay_within_their_string() {
        assert_eq!(quoted(&["say \"x\"", "a\\n"]), r#""say \"x\"\na\\n""#);
    }
}
