//! `config show`, `config limits`, `config prompts`.
//!
//! Refuses to show a key or what might hold one, and to overwrite a template.

use std::io::Write;
use std::path::Path;

use delm_core::limits::LIMITS;
use delm_core::prompt::TEMPLATES;
use delm_wire::view::{ConfigItem, ConfigTag, LimitItem, LimitsTag, PromptItem, PromptsTag};

use crate::args::upkeep::ConfigVerb;
use crate::config::Settings;
use crate::config::key::{Key, Kind, known};
use crate::config::secret::source;
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::listing::{Column, Layout, Listing};

/// Runs `delm config …`.
pub(crate) fn config(
    what: &ConfigVerb,
    settings: &Settings,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), CliError> {
    match what {
        ConfigVerb::Show { origin } => show(*origin, settings, environment, output),
        ConfigVerb::Limits => limits(settings, output),
        ConfigVerb::Prompts { output: folder } => prompts(&environment.directory().join(folder), output),
    }
}

fn show(
    origin: bool,
    settings: &Settings,
    environment: &Environment,
    output: &mut Output,
) -> Result<(), CliError> {
    let mut shown: Vec<_> = settings
        .all()
        .into_iter()
        .map(|(key, setting)| ConfigItem {
            value: redacted(&key, &setting.text),
            key: key.to_string(),
            origin: setting.origin.to_string(),
        })
        .collect();
    for (_, provider, ..) in delm_llm::Api::ALL {
        if let Some(source) = source(settings, environment, provider) {
            let key = format!("provider.{provider}.api_key");
            shown.push(ConfigItem { key, value: "(set)".into(), origin: source.to_string() });
        }
    }
    let three = [Column::text("key"), Column::text("value"), Column::text("origin")];
    let columns = if origin { &three[..] } else { three.get(..2).unwrap_or(&three) };
    let layout = Layout { schema: ConfigTag::TEXT, run: None, columns, wrap: true, limit: None };
    let mut listing = Listing::begin(output, layout)?;
    for item in &shown {
        listing.push(item, || {
            let mut cells = vec![item.key.clone(), item.value.clone()];
            cells.extend(origin.then(|| item.origin.clone()));
            cells
        })?;
    }
    Ok(listing.finish(None)?)
}

/// A command may hold a key in its words, an address in its user part and in its query.
fn redacted(key: &Key, text: &str) -> String {
    match known(key).map(|known| known.kind) {
        Ok(Kind::KeyCommand) => "(set)".into(),
        Ok(Kind::Url) => delm_llm::url::shown(text),
        Ok(_) | Err(_) => text.to_owned(),
    }
}

fn limits(settings: &Settings, output: &mut Output) -> Result<(), CliError> {
    let set = settings.limits();
    let columns = &[
        Column::text("limit"),
        Column::number("value"),
        Column::number("default"),
        Column::number("low"),
        Column::number("high"),
        Column::text("about"),
    ];
    let layout = Layout { schema: LimitsTag::TEXT, run: None, columns, wrap: true, limit: None };
    let mut listing = Listing::begin(output, layout)?;
    for info in LIMITS {
        let value = set.get(info.name).unwrap_or(info.default);
        let about = info.about.trim();
        let item = LimitItem {
            name: info.name.to_owned(),
            value,
            default: info.default,
            low: info.low,
            high: info.high,
            about: about.to_owned(),
        };
        listing.push(&item, || {
            let numbers = [value, info.default, info.low, info.high].map(|number| number.to_string());
            [info.name.to_owned()].into_iter().chain(numbers).chain([about.to_owned()]).collect()
        })?;
    }
    Ok(listing.finish(None)?)
}

/// Writes every built-in template as `PART.txt`; if one is there already, nothing is written.
fn prompts(folder: &Path, output: &mut Output) -> Result<(), CliError> {
    let path_of = |part: &str| folder.join(format!("{part}.txt"));
    if let Some((part, _)) = TEMPLATES.iter().find(|(part, _)| path_of(part).exists()) {
        return Err(CliError::usage(format!("{} is there already", path_of(part).display()))
            .hint("name another folder, or remove what is in this one"));
    }
    std::fs::create_dir_all(folder).map_err(|error| CliError::io(folder.display(), &error))?;
    let columns = &[Column::text("part"), Column::text("file")];
    let layout = Layout { schema: PromptsTag::TEXT, run: None, columns, wrap: true, limit: None };
    let mut listing = Listing::begin(output, layout)?;
    for (part, text) in TEMPLATES {
        let path = path_of(part);
        let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path);
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|error| CliError::io(path.display(), &error))?;
        let item = PromptItem { part: (*part).to_owned(), file: path.to_string_lossy().into_owned() };
        listing.push(&item, || vec![item.part.clone(), item.file.clone()])?;
    }
    Ok(listing.finish(None)?)
}

/// Reads the templates of `--prompts`: for each part its file, if it is there. A file of no part is a mistake.
///
/// # Errors
/// The folder or a file cannot be read, is no text, or is of no part.
pub(crate) fn read_prompts(folder: &Path) -> Result<Vec<(String, String)>, CliError> {
    let unreadable = |path: &Path, error: &std::io::Error| {
        CliError::new("prompts", Exit::Usage, format!("--prompts {}: {error}", path.display()))
            .hint("`delm config prompts -o DIR` writes the built-in templates")
    };
    let mut templates = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        let part = name.strip_suffix(".txt").filter(|part| TEMPLATES.iter().any(|(known, _)| known == part));
        let Some(part) = part else {
            let parts: Vec<_> = TEMPLATES.iter().map(|(part, _)| format!("{part}.txt")).collect();
            return Err(CliError::new(
                "prompts",
                Exit::Usage,
                format!("--prompts {}: {name} is no template", folder.display()),
            )
            .hint(format!("templates are {}", parts.join(", "))));
        };
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        templates.push((part.to_owned(), text));
    }
    templates.sort();
    if templates.is_empty() {
        return Err(CliError::new(
            "prompts",
            Exit::Usage,
            format!("--prompts {}: there is no template in it", folder.display()),
        )
        .hint("`delm config prompts -o DIR` writes the built-in ones"));
    }
    Ok(templates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::capture;
    use crate::output::style::{Mode, Style};

    #[test]
    fn keys_are_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("delm")).unwrap();
        let own = "[provider.openai]\napi_key_cmd = \"echo sk-secret\"\nbase_url = \"https://me:sk-secret@box/v1?api_key=sk-secret\"\n";
        std::fs::write(folder.path().join("delm/config.toml"), own).unwrap();
        let home = folder.path().to_str().unwrap();
        let environment = Environment::of(&[("XDG_CONFIG_HOME", home), ("ANTHROPIC_API_KEY", "sk-secret")]);
        let settings = Settings::load(&environment, vec![]).unwrap();
        for mode in [Mode::People, Mode::Json] {
            let (mut output, out, _) = capture::output(Style { mode, ..Style::default() });
            show(true, &settings, &environment, &mut output).unwrap();
            assert!(!out.text().contains("sk-secret"), "{}", out.text());
            assert!(out.text().contains("provider.anthropic.api_key"), "{}", out.text());
            assert!(out.text().contains("@box/v1?api_key="), "{}", out.text());
        }
    }

    #[test]
    fn every_limit_is_listed_with_what_is_set() {
        let environment = Environment::of(&[("DELM_LIMIT__LEASE_MS", "77")]);
        let settings = Settings::load(&environment, vec![]).unwrap();
        let (mut output, out, _) = capture::output(Style::default());
        limits(&settings, &mut output).unwrap();
        assert_eq!(out.text().lines().count(), LIMITS.len() + 1);
        assert!(out.text().contains("lease_ms\t77\t120000\t1\t"), "{}", out.text());
    }

    #[test]
    fn templates_are_written_once_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("prompts");
        let (mut output, ..) = capture::output(Style::default());
        prompts(&target, &mut output).unwrap();
        let back = read_prompts(&target).unwrap();
        let built_in: Vec<_> =
            TEMPLATES.iter().map(|(part, text)| ((*part).to_owned(), (*text).to_owned())).collect();
        assert_eq!(back, built_in);
        assert_eq!(prompts(&target, &mut output).unwrap_err().exit, Exit::Usage);
        std::fs::write(target.join("reson.txt"), "x").unwrap();
        assert!(read_prompts(&target).unwrap_err().message.contains("reson.txt is no template"));
        assert!(read_prompts(folder.path()).is_err(), "a folder without templates");
        assert!(read_prompts(&folder.path().join("missing")).is_err());
    }
}
