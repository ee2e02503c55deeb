//! What a response means for the call: a reply, another try, a simpler dialect, or the end.
//!
//! Refuses to try again what will not get better: a wrong key, an unknown model, a request that is too long.

use std::time::Duration;

use delm_core::event::CallFault;
use hyper::header::{DATE, HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::Value;

use crate::api::{Answer, Dialect, Misread, error_text};
use crate::config::ProviderConfig;
use crate::endpoint::{Broken, Whole};

/// The longest part of a provider's message that is kept, in characters.
const SAID_CHARS_MAX: usize = 1_000;

/// What comes next.
#[derive(Debug)]
pub(crate) enum Next {
    /// The reply is there.
    Done(Answer),
    /// It may get better.
    Again {
        /// What went wrong.
        why: String,
        /// How long the provider asks to wait.
        after: Option<Duration>,
        /// What had arrived.
        partial: Option<Vec<u8>>,
        /// Whether the try may be billed.
        billable: bool,
    },
    /// The server does not speak this dialect.
    Simpler {
        /// The one to try.
        dialect: Dialect,
        /// What it said.
        why: String,
    },
    /// It will not get better.
    Fail {
        /// Whose fault it is.
        fault: CallFault,
        /// What went wrong.
        why: String,
        /// What had arrived.
        partial: Option<Vec<u8>>,
        /// Whether the try may be billed.
        billable: bool,
    },
}

/// Judges what came back.
pub(crate) fn judge(config: &ProviderConfig, dialect: Dialect, came: Result<Whole, Broken>) -> Next {
    let again = |why: String, body: Vec<u8>, billable| Next::Again {
        why,
        after: None,
        partial: some(body),
        billable,
    };
    match came {
        Ok(whole) if (200..300).contains(&whole.status) => judge_body(config, dialect, whole),
        Ok(whole) => judge_status(config, dialect, whole.status, &whole.headers, &whole.body),
        Err(Broken::Unreached { why, sent }) => again(format!("no response: {why}"), Vec::new(), sent),
        Err(Broken::Cut { why, body }) => again(format!("the response was cut off: {why}"), body, true),
        Err(Broken::Slow { body }) => {
            again(format!("no whole response within {} ms", config.timeout_ms), body, true)
        }
        Err(Broken::TooLong { body }) => {
            let why = format!("the response is longer than {} bytes", config.response_bytes_max);
            Next::Fail { fault: CallFault::Request, why, partial: some(body), billable: true }
        }
    }
}

fn judge_body(config: &ProviderConfig, dialect: Dialect, whole: Whole) -> Next {
    let Whole { headers, body, .. } = whole;
    let parsed: Value = match serde_json::from_slice(&body) {
        Ok(parsed) => parsed,
        // A proxy's page, or a body cut off where no length was promised: another try may bring the reply.
        Err(error) => {
            return Next::Again {
                why: format!("the response is no JSON: {error}"),
                after: None,
                partial: some(body),
                billable: true,
            };
        }
    };
    match config.api.read(&parsed) {
        Ok(mut answer) => {
            answer.request_id = request_id(&headers).or(answer.request_id);
            Next::Done(answer)
        }
        Err(Misread::Refused(why)) => {
            let why = format!("the request was refused: {}", short(&why));
            Next::Fail { fault: CallFault::Request, why, partial: some(body), billable: true }
        }
        Err(Misread::Error { status: Some(status), .. }) if (400..600).contains(&status) => {
            judge_status(config, dialect, status, &headers, &body)
        }
        Err(Misread::Error { said, .. }) => Next::Again {
            why: format!("the provider says: {}", short(&said)),
            after: None,
            partial: some(body),
            billable: true,
        },
        Err(Misread::Shape(why)) => {
            let why = format!("the response is not one of this API: {why}");
            Next::Again { why, after: None, partial: some(body), billable: true }
        }
    }
}

/// Whether a try that ended with this status may be billed. What a provider turned away it did not work on; behind an
/// error of its own, or of a gateway, a model may have worked.
fn may_be_billed(status: u16) -> bool {
    status >= 500 && !matches!(status, 501 | 503 | 505 | 529)
}

fn judge_status(
    config: &ProviderConfig,
    dialect: Dialect,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) -> Next {
    let text = String::from_utf8_lossy(body);
    let said = serde_json::from_str(&text).ok().and_then(|body| error_text(&body));
    let said = short(said.as_deref().unwrap_or(&text));
    let why = if said.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {said}") };
    if let Some(dialect) = dialect.simpler(config.api, status, &text) {
        return Next::Simpler { dialect, why };
    }
    let billable = may_be_billed(status);
    let provider = |why: String| Next::Fail { fault: CallFault::Provider, why, partial: None, billable };
    match status {
        300..400 => provider(moved(status, headers)),
        // An account without money, or a key that is none, comes with several statuses.
        _ if says(&text, SPENT_WORDS) => provider(format!("{why} (the account's quota or credit is spent)")),
        401 | 403 => provider(format!("{why} (the key was refused; look at {})", config.key_variable)),
        400 if says(&text, KEY_WORDS) => {
            provider(format!("{why} (the key was refused; look at {})", config.key_variable))
        }
        404 => provider(format!("{why} (no such model, or a wrong base URL)")),
        408 | 409 | 425 | 429 | 500 | 502..=504 | 506..600 => {
            Next::Again { why, after: retry_after(headers), partial: None, billable }
        }
        402 | 405 | 407 | 426 | 451 | 501 | 505 => provider(why),
        _ => Next::Fail { fault: CallFault::Request, why, partial: None, billable },
    }
}

const SPENT_WORDS: &[&str] =
    &["insufficient_quota", "insufficient_balance", "credit balance", "billing_hard_limit"];
const KEY_WORDS: &[&str] = &["api_key_invalid", "api key not valid", "invalid api key", "invalid_api_key"];

fn says(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}

fn moved(status: u16, headers: &HeaderMap) -> String {
    let place = headers.get(LOCATION).and_then(|place| place.to_str().ok()).unwrap_or("nowhere");
    format!("HTTP {status}: it redirects to {}; redirects are not followed, set that base URL", short(place))
}

/// The provider's own name of the request.
fn request_id(headers: &HeaderMap) -> Option<String> {
    let id = ["x-request-id", "request-id"].iter().find_map(|name| headers.get(*name))?;
    id.to_str().ok().map(short).filter(|id| !id.is_empty())
}

/// How long the provider asks to wait. A date is measured against the response's own, so no clock is read here.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let millis = text("retry-after-ms").and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    let stated = text(RETRY_AFTER.as_str());
    let seconds =
        || stated?.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let date = || {
        let until = httpdate::parse_http_date(stated?).ok()?;
        let now = httpdate::parse_http_date(text(DATE.as_str())?).ok()?;
        Some(until.duration_since(now).unwrap_or_default())
    };
    millis.or_else(seconds).or_else(date)
}

/// A provider's words on one line, and not too many.
fn short(text: &str) -> String {
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = line.char_indices().nth(SAID_CHARS_MAX) {
        line.truncate(end);
        line.push('…');
    }
    line
}

fn some(body: Vec<u8>) -> Option<Vec<u8>> {
    (!body.is_empty()).then_some(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Api;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (hyper::header::HeaderName::from_static(name), value.parse().unwrap()))
            .collect()
    }

    fn status(status: u16, body: &str) -> Next {
        let config = ProviderConfig::new(Api::OpenAi);
        let dialect = Dialect::of(Api::OpenAi, "http://h");
        let whole = Whole { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
        judge(&config, dialect, Ok(whole))
    }

    fn fault(next: &Next) -> Option<CallFault> {
        match next {
            Next::Fail { fault, .. } => Some(*fault),
            Next::Done(_) | Next::Again { .. } | Next::Simpler { .. } => None,
        }
    }

    #[test]
    fn each_status_has_its_consequence() {
        for (code, body, expected) in [
            (401, "{}", Some(CallFault::Provider)),
            (403, "", Some(CallFault::Provider)),
            (402, "", Some(CallFault::Provider)),
            (404, r#"{"error":"model 'x' not found"}"#, Some(CallFault::Provider)),
            (301, "", Some(CallFault::Provider)),
            (429, r#"{"error":{"code":"insufficient_quota"}}"#, Some(CallFault::Provider)),
            (400, r#"{"error":{"message":"API key not valid."}}"#, Some(CallFault::Provider)),
            (400, r#"{"error":{"message":"maximum context length is 4096"}}"#, Some(CallFault::Request)),
            (413, "", Some(CallFault::Request)),
            (429, "", None),
            (408, "", None),
            (500, "", None),
            (529, "", None),
            (200, "<html>", None),
            (200, "{}", None),
            (200, r#"{"error":{"code":401,"message":"no"}}"#, Some(CallFault::Provider)),
            (200, r#"{"choices":[{"message":{"content":null,"refusal":"no"}}]}"#, Some(CallFault::Request)),
        ] {
            let next = status(code, body);
            assert_eq!(fault(&next), expected, "{code} {body}: {next:?}");
            assert!(expected.is_some() || matches!(next, Next::Again { .. }), "{code} {body}: {next:?}");
        }
    }

    #[test]
    fn waits_are_read_in_every_form() {
        for (given, wait_ms) in [
            (headers(&[("retry-after", "2")]), Some(2_000)),
            (headers(&[("retry-after", "0.5")]), Some(500)),
            (headers(&[("retry-after-ms", "30"), ("retry-after", "2")]), Some(30)),
            (
                headers(&[
                    ("date", "Sun, 06 Nov 1994 08:49:37 GMT"),
                    ("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT"),
                ]),
                Some(10_000),
            ),
            (headers(&[("retry-after", "Sun, 06 Nov 1994 08:49:47 GMT")]), None),
            (headers(&[("retry-after", "-1")]), None),
            (headers(&[("retry-after", "soon")]), None),
            (headers(&[]), None),
        ] {
            assert_eq!(retry_after(&given), wait_ms.map(Duration::from_millis), "{given:?}");
        }
    }

    #[test]
    fn long_messages_are_cut_at_a_character() {
        let said = short(&"é ".repeat(3_000));
        assert!(said.chars().count() == SAID_CHARS_MAX + 1 && said.ends_with('…'));
    }
}
