//! From what somebody chose (`openai::name`, `script:FILE`) to a model that can be called.
//!
//! Refuses, before anything is spent, what cannot work: an unknown provider, a missing key, a bad URL or parameter.
//! `extractive` is refused too: the reader built into the core is no model.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::Model;
use crate::config::{ProviderConfig, Providers};
use crate::params::ParamError;
use crate::provider::ProviderModel;
use crate::script::{ScriptError, ScriptModel};
use crate::url::BaseUrl;

/// A model, as chosen on the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelChoice {
    /// `provider::name` or `script:FILE`.
    pub model: String,
    /// Its parameters: key and value as given.
    pub params: Vec<(String, String)>,
}

/// Why no model can be made of a choice.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The reader of the core was chosen.
    #[error("extractive is the reader built into delm; it is not called like a model")]
    Extractive,
    /// The choice names no provider.
    #[error("{model:?} is no model: write provider::name (providers: {known}), script:FILE or extractive")]
    NotAModel {
        /// What was given.
        model: String,
        /// The providers there are.
        known: String,
    },
    /// There is no such provider.
    #[error("there is no provider {provider:?}; there are {known}")]
    UnknownProvider {
        /// What was given.
        provider: String,
        /// The providers there are.
        known: String,
    },
    /// A hosted service needs a key.
    #[error(
        "{provider} needs a key: set {variable}, or name a server of your own with --base-url; \
         --model extractive and script:FILE need none"
    )]
    MissingKey {
        /// The provider.
        provider: String,
        /// The environment variable the binary reads.
        variable: String,
    },
    /// The key cannot be sent.
    #[error(
        "the key of {provider} has characters no key has; look at {variable} for line breaks, quotes or accents"
    )]
    BadKey {
        /// The provider.
        provider: String,
        /// The environment variable the binary reads.
        variable: String,
    },
    /// The base URL is none.
    #[error("the base URL of {provider}, {url:?}, cannot be used: {why}")]
    BadUrl {
        /// The provider.
        provider: String,
        /// What was given, without user and password.
        url: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The model's name cannot be sent.
    #[error("{name:?} is no name of a model of {provider}: it has characters such names do not have")]
    BadName {
        /// The provider.
        provider: String,
        /// What was given.
        name: String,
    },
    /// A setting of the provider is out of range.
    #[error("{setting} = {value} of {provider} is outside {low}..={high}")]
    Setting {
        /// The provider.
        provider: String,
        /// The setting.
        setting: &'static str,
        /// What was given.
        value: u64,
        /// The lowest value allowed.
        low: u64,
        /// The highest value allowed.
        high: u64,
    },
    /// No certificates to trust.
    #[error(
        "{provider} cannot be called over TLS: {why}; install the system's CA certificates, or name a PEM file as ca_file"
    )]
    Certificates {
        /// The provider.
        provider: String,
        /// What was looked for.
        why: String,
    },
    /// A parameter cannot be sent.
    #[error(transparent)]
    Param(#[from] ParamError),
    /// The script cannot be followed.
    #[error(transparent)]
    Script(#[from] ScriptError),
}

/// What a choice names.
enum Named<'a> {
    Script(PathBuf),
    Hosted { provider: &'a str, name: &'a str, config: &'a ProviderConfig },
}

fn named<'a>(model: &'a str, providers: &'a Providers) -> Result<Named<'a>, BuildError> {
    if model == "extractive" {
        return Err(BuildError::Extractive);
    }
    let known = || providers.names().collect::<Vec<_>>().join(", ");
    let none = || BuildError::NotAModel { model: model.to_owned(), known: known() };
    if let Some((provider, name)) = model.split_once("::") {
        let unknown = || BuildError::UnknownProvider { provider: provider.to_owned(), known: known() };
        let config = providers.get(provider).ok_or_else(unknown)?;
        return if name.is_empty() { Err(none()) } else { Ok(Named::Hosted { provider, name, config }) };
    }
    let file = model.strip_prefix("script:").filter(|file| !file.is_empty()).ok_or_else(none)?;
    Ok(Named::Script(Path::new(file).to_owned()))
}

/// Makes a model of a choice. Nothing is sent yet. A script takes any parameter: they are recorded and change nothing.
///
/// # Errors
/// [`BuildError`], in words that say what to do.
pub fn build(choice: &ModelChoice, providers: &Providers) -> Result<Arc<dyn Model>, BuildError> {
    match named(&choice.model, providers)? {
        Named::Script(file) => Ok(Arc::new(ScriptModel::open(&file)?)),
        Named::Hosted { provider, name, config } => {
            let endpoint = providers.endpoint(provider, config)?;
            Ok(Arc::new(ProviderModel::new(choice, name, endpoint)?))
        }
    }
}

/// The host that a model would call, with its port if one is named; none for scripts, `extractive` and what is no model.
#[must_use]
pub fn host_of(model: &str, providers: &Providers) -> Option<String> {
    match named(model, providers).ok()? {
        Named::Script(_) => None,
        Named::Hosted { provider, config, .. } => {
            BaseUrl::parse(provider, &config.base_url).ok().map(|url| url.host().to_owned())
        }
    }
}
