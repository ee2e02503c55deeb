//! `completions` and `schema`: what is generated from the tree and from the types.
//!
//! Refuses names it does not know, and lists those it does.

use serde::Serialize;

use crate::args::help;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::listing::{Column, Layout, Listing};

/// Writes the completions for a shell.
pub(crate) fn completions(shell: clap_complete::Shell, output: &mut Output) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::command(), "delm", &mut script);
    Ok(output.bytes(&script)?)
}

#[derive(Serialize)]
struct SchemaItem {
    name: &'static str,
    about: &'static str,
}

/// Schemas that are not generated here: name, text, what it describes.
const SCRIPT: SchemaItem = SchemaItem { name: "script", about: "a script for `--model script:FILE`" };

/// Writes a schema by its name, or lists all names.
pub(crate) fn schema(name: Option<&str>, output: &mut Output) -> Result<(), CliError> {
    let Some(name) = name else { return list(output) };
    let schema = match name {
        "script" => serde_json::from_str(delm_llm::SCRIPT_SCHEMA).ok(),
        _ => delm_wire::schema::schema(name),
    };
    let schema = schema.ok_or_else(|| {
        let names: Vec<_> = items().map(|item| item.name).collect();
        CliError::new("not_found", Exit::NotFound, format!("there is no schema called {name:?}"))
            .hint(format!("there are {}", names.join(", ")))
    })?;
    // Indented whatever the mode: a schema is one JSON document as it is, and is read by people.
    let text = format!("{schema:#}\n");
    Ok(output.bytes(text.as_bytes())?)
}

fn items() -> impl Iterator<Item = SchemaItem> {
    delm_wire::schema::SCHEMAS.iter().map(|(name, about)| SchemaItem { name, about }).chain([SCRIPT])
}

fn list(output: &mut Output) -> Result<(), CliError> {
    let columns = &[Column::text("name"), Column::text("about")];
    let layout = Layout { schema: "delm.schema/1", run: None, columns, wrap: true, limit: None };
    let mut listing = Listing::begin(output, layout)?;
    for item in items() {
        listing.push(&item, || vec![item.name.into(), item.about.into()])?;
    }
    Ok(listing.finish(None)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::capture;
    use crate::output::style::Style;

    #[test]
    fn every_schema_listed_is_there() {
        for item in items() {
            let (mut output, out, _) = capture::output(Style::default());
            schema(Some(item.name), &mut output).unwrap();
            serde_json::from_str::<serde_json::Value>(&out.text()).unwrap();
        }
        let (mut output, ..) = capture::output(Style::default());
        assert_eq!(schema(Some("nonsense"), &mut output).unwrap_err().exit, Exit::NotFound);
    }

    #[test]
    fn completions_know_the_verbs() {
        for shell in [clap_complete::Shell::Bash, clap_complete::Shell::Zsh, clap_complete::Shell::Fish] {
            let (mut output, out, _) = capture::output(Style::default());
            completions(shell, &mut output).unwrap();
            assert!(out.text().contains("unfold") && out.text().contains("replay"), "{shell}");
        }
    }
}
