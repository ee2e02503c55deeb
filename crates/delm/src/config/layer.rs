//! One layer of settings at a time: a TOML file, the variables `DELM_*`, the names that other tools use too.
//!
//! Refuses unknown names and wrong values, with the file and line or the variable they stand in, and never turns a
//! number into a float: decimal text stays what was written.

use std::io::Read;
use std::path::{Path, PathBuf};

use delm_llm::ollama_base_url;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::{Key, Kind, check, known};
use super::{ConfigError, Origin, Setting};
use crate::environment::Environment;

/// The longest settings file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 1_048_576;

/// Settings of one layer.
pub(crate) type Layer = Vec<(Key, Setting)>;

/// Whose settings a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Of a project, found upwards; it may have come with somebody else's files.
    Project,
    /// One's own.
    Own,
}

/// Reads a settings file; a file that is not there is no layer.
///
/// # Errors
/// Unreadable, too long, not TOML, an unknown name, a wrong value.
pub(crate) fn file(path: &Path, whose: Whose) -> Result<Option<Layer>, ConfigError> {
    let Some(text) = read(path)? else { return Ok(None) };
    let at = |start: usize| Place { path: path.to_owned(), line: line_of(&text, start) };
    let table = DeTable::parse(&text).map_err(|error| ConfigError::Syntax {
        place: at(error.span().map_or(0, |span| span.start)).to_string(),
        message: error.message().to_owned(),
    })?;
    let mut layer = Vec::new();
    flatten(table.get_ref(), &Key::new::<&str>([]), whose, &at, &mut layer)?;
    Ok(Some(layer))
}

fn read(path: &Path) -> Result<Option<String>, ConfigError> {
    let unreadable = |error: std::io::Error| ConfigError::Unreadable { path: path.to_owned(), error };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ConfigError::TooLong { path: path.to_owned(), max: FILE_BYTES_MAX });
    }
    String::from_utf8(bytes).map(Some).map_err(|_| ConfigError::NotText { path: path.to_owned() })
}

struct Place {
    path: PathBuf,
    line: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)
    }
}

fn line_of(text: &str, start: usize) -> usize {
    1 + text.bytes().take(start).filter(|byte| *byte == b'\n').count()
}

fn flatten(
    table: &DeTable<'_>,
    above: &Key,
    whose: Whose,
    at: &dyn Fn(usize) -> Place,
    layer: &mut Layer,
) -> Result<(), ConfigError> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(name, _)| name.span().start);
    for (name, value) in entries {
        let key = above.with(name.get_ref());
        let place = at(name.span().start);
        if let DeValue::Table(inner) = value.get_ref() {
            flatten(inner, &key, whose, at, layer)?;
            // An empty table of a name that cannot be is a typing error too.
            if inner.is_empty() && above.parts().is_empty() && !is_table(&key) {
                return Err(unknown(&key, &place.to_string(), "there is no such table".into()));
            }
            continue;
        }
        let setting = one(&key, value, whose, place)?;
        layer.push((key, setting));
    }
    Ok(())
}

fn is_table(key: &Key) -> bool {
    matches!(key.parts().as_slice(), ["limit" | "param" | "price" | "provider"])
}

fn one(key: &Key, value: &Spanned<DeValue<'_>>, whose: Whose, place: Place) -> Result<Setting, ConfigError> {
    let shown = place.to_string();
    let kind = known(key).map_err(|why| unknown(key, &shown, why))?.kind;
    let bad = |why: String| ConfigError::Value { key: key.to_string(), place: shown.clone(), why };
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(switch) => switch.to_string(),
        DeValue::Integer(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            return Err(bad("it must be a text, a decimal number, true or false".into()));
        }
    };
    check(key, kind, &text).map_err(bad)?;
    if whose == Whose::Project && matches!(kind, Kind::OwnFile | Kind::KeyCommand) {
        return Err(ConfigError::NotFromProject { key: key.to_string(), place: shown });
    }
    let text = match (kind, place.path.parent()) {
        (Kind::Path | Kind::OwnFile, Some(folder)) => folder.join(text).to_string_lossy().into_owned(),
        _ => text,
    };
    Ok(Setting { text, origin: Origin::File { path: place.path, line: place.line, whose } })
}

fn unknown(key: &Key, place: &str, why: String) -> ConfigError {
    ConfigError::Unknown { key: key.to_string(), place: place.to_owned(), why }
}

/// The variables `DELM_*`: `DELM_LIMIT__LEASE_MS` is `limit.lease_ms`. An empty one says nothing.
///
/// # Errors
/// An unknown name, a wrong value.
pub(crate) fn variables(environment: &Environment) -> Result<Layer, ConfigError> {
    let mut layer = Vec::new();
    for (name, value) in environment.with_prefix("DELM_") {
        let key = Key::new(name.trim_start_matches("DELM_").split("__").map(str::to_ascii_lowercase));
        let kind = known(&key).map_err(|why| unknown(&key, name, why))?.kind;
        let bad = |why: String| ConfigError::Value { key: key.to_string(), place: name.to_owned(), why };
        let value = value.ok_or_else(|| bad("it is not UTF-8".into()))?;
        if value.is_empty() {
            continue;
        }
        check(&key, kind, value).map_err(bad)?;
        layer.push((key, Setting { text: value.to_owned(), origin: Origin::Variable(name.to_owned()) }));
    }
    Ok(layer)
}

/// The names that other tools use too: `OPENAI_BASE_URL`, `OLLAMA_HOST`.
///
/// # Errors
/// A wrong value.
pub(crate) fn common_names(environment: &Environment) -> Result<Layer, ConfigError> {
    let mut layer = Vec::new();
    for (name, provider) in [("OPENAI_BASE_URL", "openai"), ("OLLAMA_HOST", "ollama")] {
        let Some(value) = environment.text(name).filter(|value| !value.is_empty()) else { continue };
        let text = if provider == "ollama" { ollama_base_url(value) } else { value.to_owned() };
        let key = Key::new(["provider", provider, "base_url"]);
        check(&key, Kind::Url, &text).map_err(|why| ConfigError::Value {
            key: key.to_string(),
            place: name.to_owned(),
            why,
        })?;
        layer.push((key, Setting { text, origin: Origin::Variable(name.to_owned()) }));
    }
    Ok(layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toml(text: &str, whose: Whose) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("delm.toml");
        std::fs::write(&path, text).unwrap();
        let shown = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
        match file(&path, whose) {
            Ok(layer) => Ok(layer
                .unwrap()
                .into_iter()
                .map(|(key, set)| shown(format!("{key}={} ({})", set.text, set.origin)))
                .collect()),
            Err(error) => Err(shown(error.to_string())),
        }
    }

    #[test]
    fn values_keep_their_decimal_text_and_their_line() {
        let text = "model = \"openai::x\"\nagents = 8\n\n[price.\"openai::x\"]\nin = 0.10\nout = \"0.40\"\nversion = \"2026-11\"\n[limit]\nlease_ms = 30_000\n";
        let want = [
            "model=openai::x (delm.toml:1)",
            "agents=8 (delm.toml:2)",
            "price.\"openai::x\".in=0.10 (delm.toml:5)",
            "price.\"openai::x\".out=0.40 (delm.toml:6)",
            "price.\"openai::x\".version=2026-11 (delm.toml:7)",
            "limit.lease_ms=30000 (delm.toml:9)",
        ];
        assert_eq!(toml(text, Whose::Own).unwrap(), want);
    }

    #[test]
    fn mistakes_are_named_with_file_and_line() {
        let table = [
            ("agents = 4\nmodle = \"x\"\n", "delm.toml:2: \"modle\" is not a setting"),
            ("\n\n[limt]\nlease_ms = 1\n", "delm.toml:4: \"limt.lease_ms\" is not a setting"),
            ("[limt]\n", "delm.toml:1: \"limt\" is not a setting"),
            ("[limit]\nlease_ms = 0\n", "delm.toml:2: limit.lease_ms: lease_ms = 0 is outside"),
            ("agents = 0x4\n", "delm.toml:1: agents: it must be"),
            ("agents = [4]\n", "delm.toml:1: agents: it must be"),
            ("agents = 4\nmodel = \n", "delm.toml:2: not TOML"),
            ("model = \"a\"\nmodel = \"b\"\n", "delm.toml:2: not TOML"),
            (
                "[provider.openai]\napi_key = \"sk-secret\"\n",
                "delm.toml:2: \"provider.openai.api_key\" is not a setting: keys do not go",
            ),
        ];
        for (text, says) in table {
            let error = toml(text, Whose::Own).unwrap_err();
            assert!(error.starts_with(says), "{text:?}: {error}");
            assert!(!error.contains("sk-secret"), "{error}");
        }
    }

    #[test]
    fn a_project_cannot_name_commands_to_run_or_files_to_send() {
        for what in ["api_key_cmd = \"cat x\"", "api_key_file = \"x\"", "ca_file = \"x\""] {
            let text = format!("[provider.openai]\n{what}\n");
            assert!(toml(&text, Whose::Project).unwrap_err().contains("not from a project"), "{what}");
            assert_eq!(toml(&text, Whose::Own).unwrap().len(), 1);
        }
    }

    #[test]
    fn deep_nesting_is_an_error_not_a_crash() {
        let text = format!("model = {}1{}\n", "[".repeat(50_000), "]".repeat(50_000));
        assert!(toml(&text, Whose::Own).is_err());
        assert!(toml(&format!("{}x = 1\n", "a.".repeat(20_000)), Whose::Own).is_err());
    }

    #[test]
    fn variables_nest_by_two_underscores() {
        let environment =
            Environment::of(&[("DELM_MODEL", "m"), ("DELM_LIMIT__LEASE_MS", "5"), ("DELM_JUDGE", "")]);
        let layer = variables(&environment).unwrap();
        let shown: Vec<_> =
            layer.iter().map(|(key, set)| format!("{key}={} ({})", set.text, set.origin)).collect();
        assert_eq!(shown, ["limit.lease_ms=5 (DELM_LIMIT__LEASE_MS)", "model=m (DELM_MODEL)"]);
        let error = variables(&Environment::of(&[("DELM_MODLE", "m")])).unwrap_err().to_string();
        assert!(error.starts_with("DELM_MODLE: \"modle\" is not a setting"), "{error}");
    }

    #[test]
    fn ollama_hosts_are_taken_as_ollama_takes_them() {
        let of = |host| common_names(&Environment::of(&[("OLLAMA_HOST", host)])).unwrap().remove(0).1.text;
        assert_eq!(of("0.0.0.0"), "http://127.0.0.1:11434");
        assert_eq!(of("box:1234"), "http://box:1234");
        assert_eq!(of(":1234"), "http://127.0.0.1:1234");
        assert_eq!(of("https://box/x"), "https://box:443/x");
    }
}
