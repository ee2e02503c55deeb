//! Keys of providers: fetched when needed, from the environment, a file or a command.
//!
//! Refuses to show one, to take one from a settings file, and to hand an environment's key to an address that a
//! project's settings chose.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use delm_llm::{Api, Secret};

use super::layer::Whose;
use super::{Origin, Settings};
use crate::environment::Environment;
use crate::error::{CliError, Exit};

/// The longest key that is taken, in bytes.
const KEY_BYTES_MAX: u64 = 65_536;

/// Why a key could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// The file with the key cannot be read.
    #[error("the key of {provider}: {path}: {error}")]
    File {
        /// Whose key.
        provider: &'static str,
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// The command that prints the key failed. What it printed is not repeated.
    #[error("the key of {provider}: the command of provider.{provider}.api_key_cmd {how}")]
    Command {
        /// Whose key.
        provider: &'static str,
        /// How it failed.
        how: String,
    },
    /// There is something, but no key.
    #[error("the key of {provider}, from {origin}, is {what}")]
    NoKey {
        /// Whose key.
        provider: &'static str,
        /// Where it should have come from.
        origin: String,
        /// What is there instead.
        what: &'static str,
    },
    /// A key would go where a project's settings send it.
    #[error("{place} would have the key of {provider} sent to {address}")]
    Destination {
        /// Whose key.
        provider: &'static str,
        /// File and line of the address.
        place: String,
        /// The address.
        address: String,
    },
}

impl From<SecretError> for CliError {
    fn from(error: SecretError) -> Self {
        let hint = match &error {
            SecretError::Destination { provider, address, .. } => {
                format!(
                    "if you trust it, say so yourself: --base-url {address}, or provider.{provider}.base_url in your own settings"
                )
            }
            SecretError::File { .. } | SecretError::Command { .. } | SecretError::NoKey { .. } => {
                "`delm doctor` says which keys are found, and where".into()
            }
        };
        Self::new("config", Exit::Usage, error.to_string()).hint(hint)
    }
}

/// Where a key would come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// The output of a command, from this setting.
    Command(String, Origin),
    /// A file, from this setting.
    File(String, Origin),
    /// A variable.
    Variable(&'static str),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(_, origin) => write!(f, "api_key_cmd in {origin}"),
            Self::File(path, origin) => write!(f, "api_key_file {path} in {origin}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Where the key of a provider would come from; none if there is none. Fetches nothing.
pub(crate) fn source(settings: &Settings, environment: &Environment, provider: &str) -> Option<KeySource> {
    if let Some(command) = settings.provider(provider, "api_key_cmd") {
        return Some(KeySource::Command(command.text, command.origin));
    }
    if let Some(file) = settings.provider(provider, "api_key_file") {
        return Some(KeySource::File(file.text, file.origin));
    }
    let (.., variable) = Api::ALL.iter().find(|(_, name, ..)| *name == provider)?;
    environment.text(variable).filter(|value| !value.is_empty()).map(|_| KeySource::Variable(variable))
}

/// Fetches the key of a provider; none if no source is set.
///
/// # Errors
/// [`SecretError`]; no message holds a key.
pub(crate) fn fetch(
    settings: &Settings,
    environment: &Environment,
    provider: &'static str,
) -> Result<Option<Secret>, SecretError> {
    let Some(source) = source(settings, environment, provider) else { return Ok(None) };
    check_destination(settings, provider)?;
    let text = match &source {
        KeySource::Command(command, _) => run(provider, command)?,
        KeySource::File(path, _) => read(provider, path)?,
        KeySource::Variable(name) => environment.text(name).unwrap_or_default().to_owned(),
    };
    let no_key = |what| Err(SecretError::NoKey { provider, origin: source.to_string(), what });
    match text.trim() {
        "" => no_key("empty"),
        key if key.contains(|c: char| c.is_whitespace() || c.is_control()) => no_key("more than one word"),
        key => Ok(Some(Secret::new(key))),
    }
}

/// A project's settings may have come with somebody else's files: they do not decide who is sent a key.
fn check_destination(settings: &Settings, provider: &'static str) -> Result<(), SecretError> {
    let Some(address) = settings.provider(provider, "base_url") else { return Ok(()) };
    match &address.origin {
        Origin::File { whose: Whose::Project, .. } if !is_loopback(&address.text) => {
            Err(SecretError::Destination {
                provider,
                place: address.origin.to_string(),
                address: delm_llm::url::shown(&address.text),
            })
        }
        Origin::File { .. } | Origin::Flag(_) | Origin::Variable(_) | Origin::Default => Ok(()),
    }
}

/// True if an address stays on this machine.
fn is_loopback(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((name, _)) => name,
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn read(provider: &'static str, path: &str) -> Result<String, SecretError> {
    let failed = |error| SecretError::File { provider, path: path.to_owned(), error };
    let mut text = String::new();
    let file = std::fs::File::open(Path::new(path)).map_err(failed)?;
    file.take(KEY_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

fn run(provider: &'static str, command: &str) -> Result<String, SecretError> {
    let failed = |how: String| SecretError::Command { provider, how };
    // Standard input and error are the caller's, so that a key store can ask for its password.
    let mut process = Command::new("sh");
    process.args(["-c", command]).stdin(Stdio::inherit()).stderr(Stdio::inherit());
    let output = process.output().map_err(|error| failed(format!("could not be started: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed ({})", output.status)));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("printed what is not text".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Setting;
    use crate::config::key::Key;

    fn with(pairs: &[(&str, &str, Origin)]) -> Settings {
        let setting = |(what, text, origin): &(&str, &str, Origin)| {
            (
                Key::new(["provider", "openai", *what]),
                Setting { text: (*text).into(), origin: origin.clone() },
            )
        };
        Settings { values: pairs.iter().map(setting).collect(), files: vec![] }
    }

    fn project(line: usize) -> Origin {
        Origin::File { path: "delm.toml".into(), line, whose: Whose::Project }
    }

    fn own() -> Origin {
        Origin::File { path: "config.toml".into(), line: 1, whose: Whose::Own }
    }

    #[test]
    fn a_key_comes_from_command_file_or_variable_in_that_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "from-file\n").unwrap();
        let file = ("api_key_file", path.to_str().unwrap(), own());
        let command = ("api_key_cmd", "echo from-command", own());
        let environment = Environment::of(&[("OPENAI_API_KEY", "from-variable")]);
        let fetch = |pairs: &[_]| fetch(&with(pairs), &environment, "openai").unwrap().unwrap();
        assert_eq!(fetch(&[]), Secret::new("from-variable"));
        assert_eq!(fetch(std::slice::from_ref(&file)), Secret::new("from-file"));
        assert_eq!(fetch(&[file, command]), Secret::new("from-command"));
    }

    #[test]
    fn no_source_is_no_key_and_no_error() {
        assert_eq!(fetch(&with(&[]), &Environment::of(&[("OPENAI_API_KEY", "")]), "openai").unwrap(), None);
        assert_eq!(fetch(&with(&[]), &Environment::of(&[]), "ollama").unwrap(), None);
    }

    #[test]
    fn failures_never_repeat_what_might_be_a_key() {
        for command in ["echo sk-secret; exit 3", "echo sk-secret second", "printf ''", "printf '\\377'"] {
            let error = fetch(&with(&[("api_key_cmd", command, own())]), &Environment::of(&[]), "openai")
                .unwrap_err();
            let ours = CliError::from(error);
            assert_eq!(ours.exit, Exit::Usage);
            assert!(!format!("{ours:?}").contains("sk-secret"), "{ours:?}");
        }
        let error = fetch(&with(&[("api_key_file", "/no/such/key", own())]), &Environment::of(&[]), "openai")
            .unwrap_err();
        assert!(error.to_string().starts_with("the key of openai: /no/such/key: "), "{error}");
    }

    #[test]
    fn a_project_cannot_have_a_key_sent_to_a_stranger() {
        let environment = Environment::of(&[("OPENAI_API_KEY", "k")]);
        let to =
            |url: &str, origin: Origin| fetch(&with(&[("base_url", url, origin)]), &environment, "openai");
        for url in [
            "https://evil.example/v1",
            "http://localhost@evil.example",
            "http://127.0.0.1.evil.example",
            "http://evil.example\\@localhost",
        ] {
            assert!(matches!(to(url, project(3)), Err(SecretError::Destination { .. })), "{url}");
            assert!(to(url, own()).is_ok());
            assert!(to(url, Origin::Flag("--base-url")).is_ok());
        }
        for url in ["http://localhost:8000/v1", "http://127.0.0.1", "http://[::1]:8000"] {
            assert!(to(url, project(3)).is_ok(), "{url}");
        }
    }
}
