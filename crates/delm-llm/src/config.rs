//! Providers as they are configured: which API they speak, where, with which key, how patiently.
//!
//! Refuses to look anything up: every value is given, by the binary, and a key shows itself to nobody.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use crate::choice::BuildError;
use crate::endpoint::Endpoint;
use crate::url::BaseUrl;

/// A key. `Debug` does not show it, and only the request that needs it does.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// A key as read from an environment variable, a file or a command; white space around it is cut off.
    #[must_use]
    pub fn new(key: &str) -> Self {
        Self(Arc::from(key.trim()))
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The form of the HTTP requests a provider understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    /// Chat completions: OpenAI, and every server that is compatible with it (vLLM, llama.cpp, LM Studio, …).
    OpenAi,
    /// Messages, of Anthropic.
    Anthropic,
    /// `generateContent`, of Gemini.
    Gemini,
    /// Ollama's own chat.
    Ollama,
}

impl Api {
    /// All of them, with the word used in configuration, the address of the service and the variable its key is in.
    pub const ALL: &'static [(Self, &'static str, &'static str, &'static str)] = &[
        (Self::OpenAi, "openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
        (Self::Anthropic, "anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY"),
        (Self::Gemini, "gemini", "https://generativelanguage.googleapis.com", "GEMINI_API_KEY"),
        (Self::Ollama, "ollama", "http://127.0.0.1:11434", "OLLAMA_API_KEY"),
    ];

    /// The API that a word of the configuration stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, name, _, _)| *name == word).map(|(api, ..)| *api)
    }

    fn row(self) -> (&'static str, &'static str) {
        let row = Self::ALL.iter().find(|(api, ..)| *api == self);
        row.map_or(("", ""), |(_, _, url, variable)| (*url, *variable))
    }

    /// Where its service is, unless the configuration says otherwise.
    #[must_use]
    pub fn default_base_url(self) -> &'static str {
        self.row().0
    }
}

/// One provider. Durations are milliseconds.
#[derive(Clone)]
pub struct ProviderConfig {
    /// The form of its requests.
    pub api: Api,
    /// Where it is: scheme, host, port and what comes before the API's own path.
    pub base_url: String,
    /// The key, if there is one.
    pub api_key: Option<Secret>,
    /// The environment variable the binary reads the key from: named when the key is missing or refused.
    pub key_variable: String,
    /// How long one try may take, to its last byte.
    pub timeout_ms: u64,
    /// How long connecting may take, of that.
    pub connect_timeout_ms: u64,
    /// Requests one call may send.
    pub tries_max: u32,
    /// Requests all models of this provider may have in flight together.
    pub concurrency_max: u32,
    /// The longest wait before the second try; it doubles with every further one, and the wait is a random part of it.
    pub backoff_ms: u64,
    /// What it doubles up to.
    pub backoff_ms_max: u64,
    /// The longest wait a provider may ask for; one that asks for more is given up.
    pub retry_after_ms_max: u64,
    /// The longest body of a response that is read, in bytes.
    pub response_bytes_max: u64,
    /// The certificates that are trusted, as PEM; none means those of the system.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for ProviderConfig {
    /// What tells providers apart, the base URL without its secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base_url = crate::url::shown(&self.base_url);
        let mut shown = f.debug_struct("ProviderConfig");
        shown.field("api", &self.api).field("base_url", &base_url).field("api_key", &self.api_key);
        shown.finish_non_exhaustive()
    }
}

impl ProviderConfig {
    /// The provider's service with this API, without a key.
    #[must_use]
    pub fn new(api: Api) -> Self {
        let (url, variable) = api.row();
        Self {
            api,
            base_url: url.to_owned(),
            api_key: None,
            key_variable: variable.to_owned(),
            timeout_ms: 180_000,
            connect_timeout_ms: 10_000,
            tries_max: 4,
            concurrency_max: 16,
            backoff_ms: 500,
            backoff_ms_max: 20_000,
            retry_after_ms_max: 60_000,
            response_bytes_max: 16 << 20,
            ca_file: None,
        }
    }

    /// Whether calls are refused without a key: those to a hosted service are, those to a server of one's own are not.
    #[must_use]
    pub fn needs_key(&self) -> bool {
        self.api != Api::Ollama && self.base_url == self.api.default_base_url()
    }

    pub(crate) fn check(&self, provider: &str) -> Result<(), BuildError> {
        let day_ms = 86_400_000;
        for (setting, value, low, high) in [
            ("timeout_ms", self.timeout_ms, 1, day_ms),
            ("connect_timeout_ms", self.connect_timeout_ms, 1, day_ms),
            ("tries_max", u64::from(self.tries_max), 1, 100),
            ("concurrency_max", u64::from(self.concurrency_max), 1, 4096),
            ("backoff_ms", self.backoff_ms, 0, day_ms),
            ("backoff_ms_max", self.backoff_ms_max, 0, day_ms),
            ("retry_after_ms_max", self.retry_after_ms_max, 0, day_ms),
            ("response_bytes_max", self.response_bytes_max, 1024, 1 << 30),
        ] {
            if value < low || value > high {
                return Err(BuildError::Setting { provider: provider.to_owned(), setting, value, low, high });
            }
        }
        Ok(())
    }
}

/// All providers by name, and what models of one provider share: connections, places in flight, waits asked for.
#[derive(Debug)]
pub struct Providers {
    configs: BTreeMap<String, ProviderConfig>,
    endpoints: Mutex<BTreeMap<String, Arc<Endpoint>>>,
}

impl Default for Providers {
    /// `openai`, `anthropic`, `gemini` and `ollama` at their own addresses, without keys.
    fn default() -> Self {
        let configs = Api::ALL.iter().map(|(api, name, ..)| ((*name).to_owned(), ProviderConfig::new(*api)));
        Self { configs: configs.collect(), endpoints: Mutex::default() }
    }
}

impl Providers {
    /// The provider of this name, to be changed. Models built before keep what they were built with.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut ProviderConfig> {
        self.forget();
        self.configs.get_mut(name)
    }

    /// Adds a provider, or replaces the one of this name.
    pub fn set(&mut self, name: impl Into<String>, config: ProviderConfig) {
        self.forget();
        self.configs.insert(name.into(), config);
    }

    /// The provider of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ProviderConfig> {
        self.configs.get(name)
    }

    /// The names of all providers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.configs.keys().map(String::as_str)
    }

    /// Every known key, those in base URLs too: none of them may be in a text that leaves this crate.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let in_urls = |(name, config): (&String, &ProviderConfig)| {
            BaseUrl::parse(name, &config.base_url).map(|url| url.secrets()).unwrap_or_default()
        };
        let keys = self.configs.values().filter_map(|config| config.api_key.clone());
        keys.chain(self.configs.iter().flat_map(in_urls)).collect()
    }

    /// What models of this provider share, made at first use.
    pub(crate) fn endpoint(&self, name: &str, config: &ProviderConfig) -> Result<Arc<Endpoint>, BuildError> {
        let mut endpoints = self.endpoints.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(endpoint) = endpoints.get(name) {
            return Ok(Arc::clone(endpoint));
        }
        let endpoint = Arc::new(Endpoint::new(name, config, self.secrets())?);
        endpoints.insert(name.to_owned(), Arc::clone(&endpoint));
        Ok(endpoint)
    }

    /// A changed configuration changes every endpoint: each scrubs the keys of all providers.
    fn forget(&mut self) {
        self.endpoints.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The base URL that a value of `OLLAMA_HOST` stands for: scheme and port may be missing, and the address a server
/// listens on everywhere (`0.0.0.0`) is this machine to its client.
#[must_use]
pub fn ollama_base_url(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let (address, path) = rest.split_once('/').map_or((rest, String::new()), |(a, p)| (a, format!("/{p}")));
    let (name, port) = match address.rsplit_once(':') {
        // The colons of a bare IPv6 address are within brackets.
        Some((name, port)) if port.parse::<u16>().is_ok() && !name.ends_with(':') => (name, port),
        _ => (address, if scheme == "https" { "443" } else { "11434" }),
    };
    let name = if name.is_empty() || name == "0.0.0.0" { "127.0.0.1" } else { name };
    format!("{scheme}://{name}:{port}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_shown() {
        let mut providers = Providers::default();
        providers.get_mut("openai").unwrap().api_key = Some(Secret::new(" sk-very-secret-value\n"));
        assert!(!format!("{providers:?}").contains("secret-value"));
        assert_eq!(
            providers.get("openai").unwrap().api_key.as_ref().unwrap().expose(),
            "sk-very-secret-value"
        );
    }

    #[test]
    fn ollama_hosts_become_urls() {
        for (host, url) in [
            ("127.0.0.1:11434", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            (":8080", "http://127.0.0.1:8080"),
            ("box", "http://box:11434"),
            ("https://ollama.example/", "https://ollama.example:443"),
            ("http://box:1/sub", "http://box:1/sub"),
            ("[::1]:11434", "http://[::1]:11434"),
        ] {
            assert_eq!(ollama_base_url(host), url);
        }
    }

    #[test]
    fn only_hosted_services_need_a_key() {
        let mut config = ProviderConfig::new(Api::OpenAi);
        assert!(config.needs_key());
        config.base_url = "http://127.0.0.1:8092/v1".into();
        assert!(!config.needs_key() && !ProviderConfig::new(Api::Ollama).needs_key());
    }
}
