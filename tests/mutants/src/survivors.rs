//! The file of survivors: mutants that no test can tell from the code, and why.
//!
//! Refuses to let it rot: an entry whose mutant is killed, or is no more, is a failure like a survivor that is not in it.

use std::collections::BTreeMap;

/// Explained survivors: what the mutant is called without line and column, and why it survives.
pub type Explained = BTreeMap<String, String>;

/// Reads the file: `## FILE`, then `- ` and what is done in backquotes, a colon, and why.
pub fn read(text: &str) -> Result<Explained, String> {
    let mut explained = Explained::new();
    let mut file = None;
    for (at, line) in text.lines().enumerate() {
        if let Some(name) = line.strip_prefix("## ") {
            file = name.starts_with("crates/").then(|| name.trim().to_owned());
        } else if let (Some(entry), Some(file)) = (line.strip_prefix("- `"), &file) {
            let (what, why) =
                entry.split_once("`: ").ok_or_else(|| format!("line {}: write - `WHAT`: WHY", at + 1))?;
            if why.trim().is_empty()
                || explained.insert(format!("{file}: {what}"), why.trim().into()).is_some()
            {
                return Err(format!("line {}: {what} stands there twice, or without a reason", at + 1));
            }
        }
    }
    Ok(explained)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_a_file_and_a_reason() {
        let read = |text| read(text).map(|found| found.into_iter().collect::<Vec<_>>());
        let entry = "# Survivors\n- `no`: not below a file\n## crates/a/src/b.rs\n- `replace < with <= in f`: as long\n";
        assert_eq!(
            read(entry),
            Ok(vec![("crates/a/src/b.rs: replace < with <= in f".into(), "as long".into())])
        );
        assert!(read("## crates/a/src/b.rs\n- `replace < with <= in f`\n").is_err());
        assert!(read("## crates/a/src/b.rs\n- `replace`: \n").is_err());
    }
}
