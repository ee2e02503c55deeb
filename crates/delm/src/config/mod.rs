//! Settings, each from the highest layer that has it: flags, `DELM_*`, `delm.toml` found upwards, one's own
//! `config.toml`, the names that other tools use too, defaults.
//!
//! Refuses to hold a key: keys are fetched when they are needed, from environment, file or command, and never shown.

pub(crate) mod key;
pub(crate) mod layer;
pub(crate) mod secret;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use delm_core::event::Price;
use delm_core::limits::Limits;
use delm_llm::{Api, Providers};

use crate::args::value::{self, Param};
use crate::environment::Environment;
use crate::error::{CliError, Exit};
use crate::output::style::ColorChoice;
use key::{Key, check, known};
use layer::{Layer, Whose};
use secret::SecretError;

/// The name of a project's settings file.
pub(crate) const PROJECT_FILE: &str = "delm.toml";

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag of this call.
    Flag(&'static str),
    /// An environment variable.
    Variable(String),
    /// A line of a file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
        /// Whose file it is.
        whose: Whose,
    },
    /// Built in.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => f.write_str(flag),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line, .. } => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The value, as it was written.
    pub(crate) text: String,
    /// Where it comes from.
    pub(crate) origin: Origin,
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// A file is there and cannot be read.
    #[error("{}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A file is longer than any settings file.
    #[error("{}: longer than {max} bytes", path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        max: u64,
    },
    /// A file is not UTF-8.
    #[error("{}: not UTF-8 text", path.display())]
    NotText {
        /// The file.
        path: PathBuf,
    },
    /// A file is not TOML.
    #[error("{place}: not TOML: {message}")]
    Syntax {
        /// File and line.
        place: String,
        /// What the parser says.
        message: String,
    },
    /// No such setting.
    #[error("{place}: {key:?} is not a setting: {why}")]
    Unknown {
        /// What was written.
        key: String,
        /// File and line, or variable.
        place: String,
        /// What would have been right.
        why: String,
    },
    /// A value the setting cannot have.
    #[error("{place}: {key}: {why}")]
    Value {
        /// The setting.
        key: String,
        /// File and line, variable or flag.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// A key source in a file that may have come with somebody else's project.
    #[error(
        "{place}: {key} is taken from one's own settings and the environment, not from a project's {PROJECT_FILE}"
    )]
    NotFromProject {
        /// The setting.
        key: String,
        /// File and line.
        place: String,
    },
    /// A price with a part missing.
    #[error(
        "the price of {model} has no {missing}: [price.{model:?}] needs in, out and version (cached is as in, if not given)"
    )]
    PartOfPrice {
        /// The model.
        model: String,
        /// What is missing.
        missing: &'static str,
    },
}

impl From<ConfigError> for CliError {
    fn from(error: ConfigError) -> Self {
        // Settings that cannot be read cannot be listed either.
        let hint = match &error {
            ConfigError::Syntax { place, .. }
            | ConfigError::Unknown { place, .. }
            | ConfigError::Value { place, .. } => format!("correct {place}, or leave it out"),
            ConfigError::NotFromProject { place, .. } => {
                format!("take it out of {place}; `delm doctor` names the file of one's own settings")
            }
            ConfigError::Unreadable { path, .. }
            | ConfigError::TooLong { path, .. }
            | ConfigError::NotText { path } => format!("correct {}, or move it away", path.display()),
            ConfigError::PartOfPrice { .. } => {
                "`delm config show --origin` lists every setting and where it comes from".to_owned()
            }
        };
        Self::new("config", Exit::Usage, error.to_string()).hint(hint)
    }
}

/// A settings file that was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileSeen {
    /// Where.
    pub(crate) path: PathBuf,
    /// It was there.
    pub(crate) found: bool,
}

/// All settings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    values: BTreeMap<Key, Setting>,
    files: Vec<FileSeen>,
}

impl Settings {
    /// Reads every layer; `flags` are those of this call.
    ///
    /// # Errors
    /// [`ConfigError`], naming the place.
    pub(crate) fn load(environment: &Environment, flags: Layer) -> Result<Self, ConfigError> {
        for (key, setting) in &flags {
            let place = setting.origin.to_string();
            let bad = |why| ConfigError::Value { key: key.to_string(), place: place.clone(), why };
            let kind = known(key).map_err(bad)?.kind;
            check(key, kind, &setting.text).map_err(bad)?;
        }
        let mut files = Vec::new();
        let mut layers = vec![flags, layer::variables(environment)?];
        for (path, whose) in
            [(project_file(environment.directory()), Whose::Project), (own_file(environment), Whose::Own)]
        {
            let Some(path) = path else { continue };
            let read = layer::file(&path, whose)?;
            files.push(FileSeen { path, found: read.is_some() });
            layers.extend(read);
        }
        layers.push(layer::common_names(environment)?);
        Ok(Self { values: merge(layers), files })
    }

    /// A value by its name, the default included.
    pub(crate) fn get(&self, key: &Key) -> Option<Setting> {
        let default =
            || known(key).ok()?.default.map(|text| Setting { text: text.into(), origin: Origin::Default });
        self.values.get(key).cloned().or_else(default)
    }

    /// Every setting that has a value, defaults included, by name.
    pub(crate) fn all(&self) -> BTreeMap<Key, Setting> {
        let defaults = key::fixed().filter_map(|(key, _)| self.get(&key).map(|setting| (key, setting)));
        let mut all: BTreeMap<_, _> = defaults.collect();
        all.extend(self.values.clone());
        all
    }

    /// The settings files that were looked for, highest first.
    pub(crate) fn files(&self) -> &[FileSeen] {
        &self.files
    }

    /// The text of a setting with one name.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(&Key::new([name])).map(|setting| setting.text)
    }

    /// The store's folder.
    pub(crate) fn store(&self) -> PathBuf {
        self.text("store").unwrap_or_default().into()
    }

    /// When to use colour.
    pub(crate) fn color(&self) -> ColorChoice {
        match self.text("color").as_deref() {
            Some("always") => ColorChoice::Always,
            Some("never") => ColorChoice::Never,
            _ => ColorChoice::Auto,
        }
    }

    /// How many agents work.
    pub(crate) fn agents(&self) -> Option<u32> {
        self.text("agents")?.parse().ok()
    }

    /// What asks that no file is left out, if anything does.
    pub(crate) fn docs_strict(&self) -> Option<String> {
        let setting = self.get(&Key::new(["docs_strict"]))?;
        (setting.text == "true").then(|| setting.origin.to_string())
    }

    /// Limits that are set, budgets and deadline among them, over the defaults.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = Limits::default();
        for (key, setting) in &self.values {
            if let ["limit", name] = key.parts().as_slice()
                && let Ok(number) = setting.text.replace('_', "").parse()
            {
                // Name and value were checked when they were read.
                let _checked = limits.set(name, number);
            }
        }
        let number = |name: &str, read: fn(&str) -> Result<u64, value::ValueError>| {
            self.text(name).and_then(|text| read(&text).ok())
        };
        limits.budget_microusd = number("budget_usd", value::budget_usd).unwrap_or(limits.budget_microusd);
        limits.budget_tokens = number("budget_tokens", value::budget_tokens).unwrap_or(limits.budget_tokens);
        limits.deadline_ms = number("deadline", value::span_ms).unwrap_or(limits.deadline_ms);
        limits
    }

    /// Parameters of the models, sorted by name.
    pub(crate) fn params(&self) -> Vec<Param> {
        let param = |(key, setting): (&Key, &Setting)| match key.parts().as_slice() {
            ["param", "judge", name] => {
                Some(Param { judge: true, key: (*name).into(), value: setting.text.clone() })
            }
            ["param", name] => Some(Param { judge: false, key: (*name).into(), value: setting.text.clone() }),
            _ => None,
        };
        let mut params: Vec<_> = self.values.iter().filter_map(param).collect();
        params.sort();
        params
    }

    /// A setting of a provider.
    pub(crate) fn provider(&self, provider: &str, what: &str) -> Option<Setting> {
        self.get(&Key::new(["provider", provider, what]))
    }

    /// Providers as they are set, with the keys of those that `models` name: no other key is fetched.
    ///
    /// # Errors
    /// [`SecretError`].
    pub(crate) fn providers(
        &self,
        environment: &Environment,
        models: &[&str],
    ) -> Result<Providers, SecretError> {
        let mut providers = Providers::default();
        for (_, name, ..) in Api::ALL {
            let Some(config) = providers.get_mut(name) else { continue };
            let text = |what: &str| self.provider(name, what).map(|setting| setting.text);
            config.base_url = text("base_url").unwrap_or_else(|| config.base_url.clone());
            config.ca_file = text("ca_file").map(PathBuf::from);
            // Values were checked when they were read.
            let count = |what: &str| text(what).and_then(|text| text.parse().ok());
            config.concurrency_max = count("concurrency").unwrap_or(config.concurrency_max);
            config.tries_max = count("tries").unwrap_or(config.tries_max);
            config.timeout_ms =
                text("timeout").and_then(|text| value::span_ms(&text).ok()).unwrap_or(config.timeout_ms);
            if models
                .iter()
                .any(|model| model.split_once("::").is_some_and(|(provider, _)| provider == *name))
            {
                config.api_key = secret::fetch(self, environment, name)?;
            }
        }
        Ok(providers)
    }

    /// The price list, sorted by model, in millionths of a dollar for a million tokens.
    ///
    /// # Errors
    /// [`ConfigError::PartOfPrice`].
    pub(crate) fn prices(&self) -> Result<Vec<Price>, ConfigError> {
        let mut models: Vec<String> = Vec::new();
        for key in self.values.keys() {
            if let ["price", model, _] = key.parts().as_slice() {
                models.push((*model).to_owned());
            }
        }
        models.dedup();
        models.into_iter().map(|model| self.price(model)).collect()
    }

    fn price(&self, model: String) -> Result<Price, ConfigError> {
        let text = |what: &str| {
            self.values.get(&Key::new(["price", &model, what])).map(|setting| setting.text.clone())
        };
        let amount = |what: &str| text(what).and_then(|text| value::microusd(&text).ok());
        let missing = |missing| ConfigError::PartOfPrice { model: model.clone(), missing };
        let in_microusd = amount("in").ok_or_else(|| missing("in"))?;
        let out_microusd = amount("out").ok_or_else(|| missing("out"))?;
        let version = text("version").ok_or_else(|| missing("version"))?;
        let cached_microusd = amount("cached").unwrap_or(in_microusd);
        Ok(Price { model, version, in_microusd, cached_microusd, out_microusd })
    }
}

/// Highest layer first. A price list entry is taken whole from one layer: half of an old price is no price.
fn merge(layers: Vec<Layer>) -> BTreeMap<Key, Setting> {
    let mut values: BTreeMap<Key, Setting> = BTreeMap::new();
    for layer in layers {
        let priced: Vec<Key> =
            values.keys().filter(|key| key.parts().first() == Some(&"price")).cloned().collect();
        for (key, setting) in layer {
            let of_one_model = |other: &Key| other.parts().get(..2) == key.parts().get(..2);
            if key.parts().first() == Some(&"price") && priced.iter().any(of_one_model) {
                continue;
            }
            values.entry(key).or_insert(setting);
        }
    }
    values
}

fn project_file(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(PROJECT_FILE)).find(|path| path.exists())
}

fn own_file(environment: &Environment) -> Option<PathBuf> {
    environment.config_home().map(|home| home.join("config.toml"))
}

#[cfg(test)]
mod tests;
