//! Base URLs: where a provider's API begins, and how a URL may be shown.
//!
//! Refuses what is not `http` or `https`, and URLs with a user or password in them. A key in the query is sent, since some
//! gateways want it there, and hidden like any other key. Which values are keys is a guess, made on two sides: where a URL
//! is *shown*, every value is hidden but those of fields known to be open. In what a provider sends back, where hiding
//! `true` or `2024-01` would falsify a model's words, a value is hidden if its field is named as a key's is, or if it has a
//! run of 12 or more letters and digits of two kinds (small, capital, digit).

use hyper::Uri;

use crate::choice::BuildError;
use crate::config::Secret;

/// Parameters of a query that are no secrets; the values of all others are taken for such.
const OPEN: &[&str] = &["api-version", "api_version", "version", "v", "alt", "deployment", "model", "region"];
/// Names of fields that hold keys, whole words of them.
const KEY_WORDS: &[&str] = &[
    "auth",
    "authorization",
    "code",
    "credential",
    "credentials",
    "jwt",
    "pass",
    "passwd",
    "pw",
    "pwd",
    "sas",
    "session",
    "sig",
];
/// How a word ends that says so by itself.
const KEY_ENDINGS: &[&str] = &["key", "password", "secret", "signature", "token"];
/// So many letters and digits without a break, of two kinds, are no word and no version.
const KEY_RUN_MIN: usize = 12;
/// What stands where a secret stood.
const HIDDEN: &str = "…";

/// A URL as it may be shown, recorded or logged: without user and password, without the values of its query but those
/// that are known to be no secrets, without its fragment. Takes any text, also what is no URL.
#[must_use]
pub fn shown(url: &str) -> String {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    // A password may hold what ends an authority, so all before the last @ is hidden, first of all.
    let (user, rest) = rest.rsplit_once('@').map_or((false, rest), |(_, rest)| (true, rest));
    let (rest, _) = rest.split_once('#').unwrap_or((rest, ""));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let rest = if user { format!("{HIDDEN}@{rest}") } else { rest.to_owned() };
    let place = if scheme.is_empty() { rest } else { format!("{scheme}://{rest}") };
    let Some(query) = query else { return place };
    let pairs: Vec<String> = query.split('&').map(shown_pair).collect();
    format!("{place}?{}", pairs.join("&"))
}

fn shown_pair(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if is_open(name) => pair.to_owned(),
        Some((name, "")) => format!("{name}="),
        Some((name, _)) => format!("{name}={HIDDEN}"),
        None if pair.is_empty() => String::new(),
        None => HIDDEN.to_owned(),
    }
}

fn is_open(name: &str) -> bool {
    OPEN.contains(&name.to_ascii_lowercase().as_str())
}

/// Whether a field of a query is named as a key's is: `sig`, `access_token`, `clientSecret`, `x-api-key`.
fn names_key(name: &str) -> bool {
    let ends = |word: &str| KEY_ENDINGS.iter().any(|ending| word.ends_with(ending));
    words(name).iter().any(|word| KEY_WORDS.contains(&word.as_str()) || ends(word))
}

/// The words of a name, in small letters: parted by what is neither letter nor digit, and before capitals.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut small = false;
    for c in name.chars() {
        if !c.is_alphanumeric() || (small && c.is_uppercase()) {
            words.push(String::new());
        }
        small = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// Whether a value looks like a key, whatever its field is called.
fn looks_like_key(value: &str) -> bool {
    value.split(|c: char| !c.is_ascii_alphanumeric()).any(|run| {
        let has = |kind: fn(&char) -> bool| run.chars().any(|c| kind(&c));
        let kinds = [has(char::is_ascii_lowercase), has(char::is_ascii_uppercase), has(char::is_ascii_digit)];
        run.len() >= KEY_RUN_MIN && kinds.into_iter().filter(|kind| *kind).count() >= 2
    })
}

/// A base URL, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    pub(crate) https: bool,
    authority: String,
    /// Without a slash at its end.
    path: String,
    query: Option<String>,
}

impl std::fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "BaseUrl({scheme}://{}{})", self.authority, self.path)
    }
}

impl BaseUrl {
    pub(crate) fn parse(provider: &str, url: &str) -> Result<Self, BuildError> {
        let bad = |why| BuildError::BadUrl { provider: provider.to_owned(), url: shown(url), why };
        let uri: Uri = url.trim().parse().map_err(|_| bad("it is no URL"))?;
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad("it has to begin with http:// or https://")),
        };
        let authority = uri.authority().ok_or_else(|| bad("it names no host"))?.as_str();
        if authority.contains('@') {
            return Err(bad("it must not hold a user or password; give the key apart"));
        }
        if uri.host().is_none_or(str::is_empty) {
            return Err(bad("it names no host"));
        }
        let path = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { https, authority: authority.to_owned(), path, query: uri.query().map(str::to_owned) })
    }

    /// Host, and port if one is named.
    pub(crate) fn host(&self) -> &str {
        &self.authority
    }

    /// Whether this is the host itself, so that nothing else of the network sees what is sent.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        host == "localhost" || host.starts_with("127.") || host == "[::1]"
    }

    /// Whether anything stands between the host and the API's own path.
    pub(crate) fn has_path(&self) -> bool {
        !self.path.is_empty()
    }

    /// Whether the API's version ends the base URL already.
    pub(crate) fn ends_in(&self, version: &str) -> bool {
        self.path.rsplit_once('/').is_some_and(|(_, last)| last == version)
    }

    /// What may be a key in the query, as it is sent and as it was meant: no text that leaves may hold it.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let pairs = self.query.iter().flat_map(|query| query.split('&'));
        let values = pairs.filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or(("", pair));
            let hidden =
                names_key(&decoded(name)) || looks_like_key(value) || looks_like_key(&decoded(value));
            (hidden && !is_open(name)).then_some(value)
        });
        let both =
            values.filter(|value| !value.is_empty()).flat_map(|value| [value.to_owned(), decoded(value)]);
        both.map(|value| Secret::new(&value)).collect()
    }

    /// The URL of an API's own path.
    pub(crate) fn join(&self, path: &str) -> Option<Uri> {
        let scheme = if self.https { "https" } else { "http" };
        let query = self.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
        format!("{scheme}://{}{}/{path}{query}", self.authority, self.path).parse().ok()
    }
}

/// A value of a query as it was meant; what is not well encoded stays as it is.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = |at: usize| more.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        let (byte, used) = match (first, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => (u8::try_from(high * 16 + low).unwrap_or(*first), 2),
            (b'+', ..) => (b' ', 0),
            _ => (*first, 0),
        };
        bytes.push(byte);
        rest = more.get(used..).unwrap_or_default();
    }
    String::from_utf8(bytes).unwrap_or_else(|_| value.to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn paths_follow_the_base_and_precede_its_query() {
        for (base, joined) in [
            ("https://h/v1", "https://h/v1/chat"),
            ("https://h/v1/", "https://h/v1/chat"),
            ("https://h", "https://h/chat"),
            ("http://h:8/x?a=b", "http://h:8/x/chat?a=b"),
        ] {
            assert_eq!(BaseUrl::parse("p", base).unwrap().join("chat").unwrap().to_string(), joined);
        }
        let url = BaseUrl::parse("p", "https://h/x/v1").unwrap();
        assert!(url.has_path() && url.ends_in("v1") && !url.ends_in("v1beta") && !url.is_loopback());
        assert!(BaseUrl::parse("p", "http://127.0.0.1:8092").unwrap().is_loopback());
    }

    #[test]
    fn users_and_passwords_are_neither_taken_nor_shown() {
        let error = BaseUrl::parse("p", "http://me:hunter2@host/v1").unwrap_err().to_string();
        assert!(
            error.contains("user or password") && error.contains("host/v1") && !error.contains("hunter2"),
            "{error}"
        );
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (url, seen) in [
            ("https://h/v1", "https://h/v1"),
            (" http://me:p@ss/w@host:8/v1?x=1#frag ", "http://…@host:8/v1?x=…"),
            (
                "https://h/v1?key=sk-1&api-version=2024-06-01&flag",
                "https://h/v1?key=…&api-version=2024-06-01&…",
            ),
            ("https://h/v1?sig=", "https://h/v1?sig="),
            ("me:secret@host", "…@host"),
            ("http://me:p?ss@host/v1", "http://…@host/v1"),
            ("http://me:p#ss@host/v1?sig=a", "http://…@host/v1?sig=…"),
            ("no url", "no url"),
            ("", ""),
        ] {
            assert_eq!(shown(url), seen, "{url}");
        }
        let url = BaseUrl::parse("p", "https://h/v1?key=sk%2Dvery+secret&api-version=2024-06-01").unwrap();
        let secrets = url.secrets();
        let secrets: Vec<&str> = secrets.iter().map(Secret::expose).collect();
        assert_eq!(secrets, ["sk%2Dvery+secret", "sk-very secret"]);
        assert!(!format!("{url:?}").contains("very") && url.host() == "h");
    }

    #[test]
    fn only_what_may_be_a_key_is_taken_out_of_what_comes_back() {
        let secrets = |query: &str| {
            let url = BaseUrl::parse("p", &format!("https://h/v1?{query}")).unwrap();
            url.secrets().iter().map(|secret| secret.expose().to_owned()).collect::<BTreeSet<String>>()
        };
        for open in [
            "stream=true",
            "rev=2024-01",
            "rev=2024-01-15T10:00:00",
            "path=v1",
            "org=acme-research-department",
            "engine=gpt-4o-mini-2024-07-18",
            "monkeys=two",
            "max_tokens=4096",
            "api-version=abcdef0123456789",
            "n=12345678901234567890",
            "flag",
            "sig=",
        ] {
            assert_eq!(secrets(open), BTreeSet::new(), "{open}");
        }
        for (query, secret) in [
            ("sig=abc", "abc"),
            ("X-Api-Key=plain-words", "plain-words"),
            ("accessToken=hunter2", "hunter2"),
            ("client_secret=s", "s"),
            ("subscription-key=s", "s"),
            ("CODE=s", "s"),
            ("x=sk-proj-4fGh7JkLmN0pQr", "sk-proj-4fGh7JkLmN0pQr"),
            ("x=550e8400-e29b-41d4-a716-44665544000a", "550e8400-e29b-41d4-a716-44665544000a"),
            ("sk4fGh7JkLmN0p", "sk4fGh7JkLmN0p"),
            ("a%70i%2Dkey=s", "s"),
        ] {
            assert!(secrets(query).contains(secret), "{query}");
            assert!(!shown(&format!("https://h/v1?{query}")).ends_with(secret), "{query}");
        }
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for url in
            ["", "api.openai.com", "ftp://h", "http://", "http:///v1", "http://a b", "/v1", "file:///etc"]
        {
            assert!(BaseUrl::parse("p", url).is_err(), "{url}");
        }
    }
}
