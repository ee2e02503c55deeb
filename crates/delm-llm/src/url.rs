//! Base URLs: where a provider's API begins.
//!
//! Refuses what is not `http` or `https`, and URLs with a user or password in them: those would end up in a log.

use hyper::Uri;

use crate::choice::BuildError;

/// A base URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BaseUrl {
    pub(crate) https: bool,
    authority: String,
    /// Without a slash at its end.
    path: String,
    query: Option<String>,
}

impl BaseUrl {
    pub(crate) fn parse(provider: &str, url: &str) -> Result<Self, BuildError> {
        let bad = |why| BuildError::BadUrl { provider: provider.to_owned(), url: without_user(url), why };
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

    /// The URL of an API's own path.
    pub(crate) fn join(&self, path: &str) -> Option<Uri> {
        let scheme = if self.https { "https" } else { "http" };
        let query = self.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
        format!("{scheme}://{}{}/{path}{query}", self.authority, self.path).parse().ok()
    }
}

/// The URL as it may be shown.
fn without_user(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    match rest.rsplit_once('@') {
        Some((_, host)) if scheme.is_empty() => format!("…@{host}"),
        Some((_, host)) => format!("{scheme}://…@{host}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
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
    fn what_is_no_base_url_is_refused() {
        for url in
            ["", "api.openai.com", "ftp://h", "http://", "http:///v1", "http://a b", "/v1", "file:///etc"]
        {
            assert!(BaseUrl::parse("p", url).is_err(), "{url}");
        }
    }
}
