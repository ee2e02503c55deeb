//! The settings there are: their names, what values they take, their defaults.
//!
//! Refuses every other name, so that a typing error is told and not ignored.

use std::fmt;

use delm_llm::Api;

use crate::args::ask::AGENTS_MAX;
use crate::args::value;

/// The name of a setting: `model`, `limit.lease_ms`, `price."openai::gpt-4.1-mini".in`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(Vec<String>);

impl Key {
    /// A name from its parts.
    pub(crate) fn new<T: Into<String>>(parts: impl IntoIterator<Item = T>) -> Self {
        Self(parts.into_iter().map(Into::into).collect())
    }

    /// Its parts.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }

    /// The same name with one more part.
    pub(crate) fn with(&self, part: &str) -> Self {
        Self(self.0.iter().cloned().chain([part.to_owned()]).collect())
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
        for (place, part) in self.0.iter().enumerate() {
            let dot = if place > 0 { "." } else { "" };
            if !part.is_empty() && part.bytes().all(plain) {
                write!(f, "{dot}{part}")?;
            } else {
                write!(f, "{dot}{part:?}")?;
            }
        }
        Ok(())
    }
}

/// What values a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Any text that is not empty.
    Text,
    /// A path; relative to the folder of the file it stands in.
    Path,
    /// A file that one's own settings may name, and a project's may not: with a key, or with certificates.
    OwnFile,
    /// A command that prints a key.
    KeyCommand,
    /// `http://…` or `https://…`.
    Url,
    /// A number from one.
    Count,
    /// How many agents work.
    Agents,
    /// `true` or `false`.
    Switch,
    /// `auto`, `always` or `never`.
    Colour,
    /// Dollars that may be spent.
    Budget,
    /// Tokens that may be spent.
    Tokens,
    /// A span of time with its unit.
    Span,
    /// Dollars for a million tokens.
    Price,
    /// The value of the limit that the key names.
    Limit,
}

/// A setting there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// What values it takes.
    pub(crate) kind: Kind,
    /// Its value if nobody says otherwise.
    pub(crate) default: Option<&'static str>,
}

/// Names of the providers there are.
fn providers() -> impl Iterator<Item = &'static str> {
    Api::ALL.iter().map(|(_, name, ..)| *name)
}

/// Settings with a fixed name, sorted.
const FIXED: &[(&str, Kind, Option<&str>)] = &[
    ("agents", Kind::Agents, Some("4")),
    ("budget_tokens", Kind::Tokens, None),
    ("budget_usd", Kind::Budget, None),
    ("color", Kind::Colour, Some("auto")),
    ("deadline", Kind::Span, None),
    ("docs_strict", Kind::Switch, Some("false")),
    ("judge", Kind::Text, None),
    ("model", Kind::Text, Some("extractive")),
    ("prompts", Kind::Path, None),
    ("store", Kind::Path, Some(".delm")),
];

/// Every setting with a fixed name, with its default.
pub(crate) fn fixed() -> impl Iterator<Item = (Key, Known)> {
    FIXED.iter().map(|(name, kind, default)| (Key::new([*name]), Known { kind: *kind, default: *default }))
}

/// What is known of a setting; an unknown one is told with what is near.
///
/// # Errors
/// A sentence that says why there is no such setting.
pub(crate) fn known(key: &Key) -> Result<Known, String> {
    let with = |kind| Ok(Known { kind, default: None });
    match key.parts().as_slice() {
        [name] => match FIXED.iter().find(|(fixed, ..)| fixed == name) {
            Some((_, kind, default)) => Ok(Known { kind: *kind, default: *default }),
            None => Err(unknown_fixed(name)),
        },
        ["limit", _] => with(Kind::Limit),
        ["param", _] | ["param", "judge", _] => with(Kind::Text),
        ["price", _, "in" | "out" | "cached"] => with(Kind::Price),
        ["price", _, "version"] => with(Kind::Text),
        ["price", ..] => Err("a price is [price.\"provider::name\"] with in, out, cached and version".into()),
        ["provider", name, what] if providers().any(|provider| provider == *name) => match *what {
            "base_url" => with(Kind::Url),
            "api_key_file" | "ca_file" => with(Kind::OwnFile),
            "api_key_cmd" => with(Kind::KeyCommand),
            "api_key" => {
                Err("keys do not go into settings: use the environment, api_key_file or api_key_cmd".into())
            }
            "concurrency" | "tries" => with(Kind::Count),
            "timeout" => with(Kind::Span),
            _ => Err(
                "a provider has base_url, api_key_file, api_key_cmd, ca_file, concurrency, tries and timeout"
                    .into(),
            ),
        },
        ["provider", ..] => Err(format!("providers are {}", providers().collect::<Vec<_>>().join(", "))),
        _ => Err("there is no such setting".into()),
    }
}

fn unknown_fixed(name: &str) -> String {
    match name {
        "base_url" | "api_key_file" | "api_key_cmd" => format!("it belongs to a provider: provider.openai.{name}"),
        _ if name.contains("key") || name.contains("secret") || name.contains("token") => {
            "there is no such setting, and keys do not go into settings: use the environment, api_key_file or api_key_cmd".into()
        }
        _ => {
            let names: Vec<_> = FIXED.iter().map(|(fixed, ..)| *fixed).collect();
            format!("settings are {}, and limit.*, param.*, price.*, provider.*", names.join(", "))
        }
    }
}

/// Checks a value against its kind.
///
/// # Errors
/// A sentence that says what would have been right.
pub(crate) fn check(key: &Key, kind: Kind, text: &str) -> Result<(), String> {
    let wants =
        |right: bool, expected: &str| if right { Ok(()) } else { Err(format!("{text:?} is not {expected}")) };
    match kind {
        Kind::Text | Kind::Path | Kind::OwnFile | Kind::KeyCommand => {
            wants(!text.trim().is_empty(), "a value: it is empty")
        }
        Kind::Url => wants(is_url(text), "an address that begins with http:// or https://"),
        Kind::Count => {
            wants(text.parse::<u32>().is_ok_and(|count| count > 0), "a number from 1 to 4294967295")
        }
        Kind::Agents => {
            let right = text.parse().is_ok_and(|agents: u32| (1..=AGENTS_MAX).contains(&agents));
            wants(right, &format!("a number of agents from 1 to {AGENTS_MAX}"))
        }
        Kind::Switch => wants(matches!(text, "true" | "false"), "true or false"),
        Kind::Colour => wants(matches!(text, "auto" | "always" | "never"), "auto, always or never"),
        Kind::Budget => value::budget_usd(text).map(drop).map_err(|error| error.to_string()),
        Kind::Tokens => value::budget_tokens(text).map(drop).map_err(|error| error.to_string()),
        Kind::Span => value::span_ms(text).map(drop).map_err(|error| error.to_string()),
        Kind::Price => value::microusd(text).map(drop).map_err(|error| error.to_string()),
        Kind::Limit => {
            let name = key.parts().last().copied().unwrap_or_default().to_owned();
            let number =
                text.replace('_', "").parse().map_err(|_| format!("{text:?} is not a whole number"))?;
            value::limit(&name, number).map(drop).map_err(|error| error.to_string())
        }
    }
}

fn is_url(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    rest.is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_values_of_their_kind() {
        for (key, known) in fixed() {
            if let Some(default) = known.default {
                check(&key, known.kind, default).unwrap();
            }
        }
        assert!(FIXED.is_sorted_by_key(|(name, ..)| *name));
    }

    #[test]
    fn names_are_spelled_as_in_the_file() {
        assert_eq!(
            Key::new(["price", "openai::gpt-4.1-mini", "in"]).to_string(),
            "price.\"openai::gpt-4.1-mini\".in"
        );
        assert_eq!(Key::new(["limit", "lease_ms"]).to_string(), "limit.lease_ms");
    }

    #[test]
    fn unknown_names_are_told_what_is_near() {
        let why = |parts: &[&str]| known(&Key::new(parts.iter().copied())).unwrap_err();
        assert!(why(&["modle"]).contains("model"));
        assert!(why(&["base_url"]).contains("provider.openai.base_url"));
        assert!(why(&["openai_api_key"]).contains("keys do not go into settings"));
        assert!(why(&["provider", "openai", "api_key"]).contains("keys do not go into settings"));
        assert!(why(&["provider", "acme", "base_url"]).contains("openai, anthropic"));
        assert!(why(&["price", "openai::x", "input"]).contains("cached and version"));
        assert!(why(&["a", "b", "c", "d"]).contains("no such setting"));
    }

    #[test]
    fn values_are_checked_by_kind() {
        let limit = Key::new(["limit", "attempts_max"]);
        let table: &[(Kind, &[&str], &[&str])] = &[
            (
                Kind::Url,
                &["http://localhost:8000/v1", "https://x"],
                &["localhost:8000", "http://", "http:///x", "ftp://x", "http://a b"],
            ),
            (Kind::Count, &["1", "64"], &["0", "-1", "many", ""]),
            (Kind::Agents, &["1", "4096"], &["0", "4097", "-1", "many", ""]),
            (Kind::Switch, &["true", "false"], &["yes", "1", "True"]),
            (Kind::Colour, &["auto"], &["sometimes"]),
            (Kind::Budget, &["0.50"], &["0", "free"]),
            (Kind::Price, &["0", "0.15"], &["-1", "1e-3"]),
            (Kind::Span, &["90s"], &["90"]),
            (Kind::Limit, &["3"], &["0", "x", "1000000"]),
            (Kind::Text, &["x"], &["", " "]),
        ];
        for (kind, good, bad) in table {
            good.iter().for_each(|text| {
                check(&limit, *kind, text).unwrap_or_else(|error| panic!("{kind:?} {error}"))
            });
            bad.iter().for_each(|text| assert!(check(&limit, *kind, text).is_err(), "{kind:?} {text:?}"));
        }
    }
}
