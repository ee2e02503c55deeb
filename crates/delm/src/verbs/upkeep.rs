//! `completions` and `schema`: what is generated from the tree and from the types.
//!
//! Refuses names it does not know, and lists those it does.

use delm_wire::view::{Completions, CompletionsTag, SchemaItem, SchemaTag};

use crate::args::help;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::listing::{Column, Layout, Listing};

/// Writes the completions for a shell.
pub(crate) fn completions(shell: clap_complete::Shell, output: &mut Output) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut help::command(), "delm", &mut script);
    if output.mode().is_json() {
        let script = String::from_utf8_lossy(&script).into_owned();
        let document = Completions { schema: CompletionsTag, shell: shell.to_string(), script };
        return Ok(output.json(&document)?);
    }
    Ok(output.bytes(&script)?)
}

/// Schemas that are not generated here: name, what it describes.
const SCRIPT: (&str, &str) = ("script", "a script for `--model script:FILE`");

/// Writes a schema by its name, or lists all names.
pub(crate) fn schema(name: Option<&str>, output: &mut Output) -> Result<(), CliError> {
    let Some(name) = name else { return list(items(), output) };
    let schema = match name {
        "script" => serde_json::from_str(delm_llm::SCRIPT_SCHEMA).ok(),
        _ => delm_wire::schema::schema(name),
    };
    let schema: serde_json::Value = schema.ok_or_else(|| {
        let names: Vec<_> = items().map(|item| item.name).collect();
        CliError::new("not_found", Exit::NotFound, format!("there is no schema called {name:?}"))
            .hint(format!("there are {}", names.join(", ")))
    })?;
    if output.mode().is_json() {
        let item = items().find(|item| item.name == name);
        return list(item.map(|item| SchemaItem { json_schema: Some(schema), ..item }).into_iter(), output);
    }
    // It is JSON as it is, and read by people: to be saved to a file.
    let text = format!("{schema:#}\n");
    Ok(output.bytes(text.as_bytes())?)
}

fn items() -> impl Iterator<Item = SchemaItem> {
    let all = delm_wire::schema::SCHEMAS.iter().copied().chain([SCRIPT]);
    all.map(|(name, about)| SchemaItem { name: name.to_owned(), about: about.to_owned(), json_schema: None })
}

fn list(items: impl Iterator<Item = SchemaItem>, output: &mut Output) -> Result<(), CliError> {
    let columns = &[Column::text("name"), Column::text("about")];
    let layout = Layout { schema: SchemaTag::TEXT, run: None, columns, wrap: true, limit: None };
    let mut listing = Listing::begin(output, layout)?;
    for item in items {
        listing.push(&item, || vec![item.name.clone(), item.about.clone()])?;
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
            schema(Some(&item.name), &mut output).unwrap();
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
