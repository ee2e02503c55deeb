//! What fuzzing reaches of this crate: what becomes of a provider's response. Compiled under `--cfg fuzzing` only.
//!
//! Refuses to send anything: the response is given.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use crate::api::{Dialect, Format};
use crate::config::{Api, ProviderConfig, Secret};
use crate::endpoint::Whole;
use crate::scrub::Scrubber;
use crate::verdict::{Next, judge};

/// What became of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// `done`, `again`, `simpler` or `fail`.
    pub next: &'static str,
    /// The reply as it is recorded, if there is one.
    pub reply: Option<Vec<u8>>,
    /// Everything else that is recorded or shown, each as it leaves the crate.
    pub said: Vec<String>,
}

/// Judges a response as a call does, for a provider with this key. Headers that HTTP does not allow are left out.
#[must_use]
pub fn judged(
    api: Api,
    free: bool,
    status: u16,
    headers: &[(&str, &str)],
    body: &[u8],
    key: &str,
) -> Outcome {
    let scrubber = Scrubber::new([Secret::new(key)].iter());
    let mut dialect = Dialect::of(api, api.default_base_url());
    if free {
        dialect.format = Format::Free;
    }
    let named = headers.iter().filter_map(|(name, value)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    });
    let whole = Whole { status, headers: named.collect::<HeaderMap>(), body: body.to_vec() };
    let scrubbed = |text: &str| scrubber.error(text);
    let (next, reply, said) = match judge(&ProviderConfig::new(api), dialect, Ok(whole)) {
        Next::Done(answer) => {
            let said = [answer.model_reported, answer.request_id].into_iter().flatten().collect();
            ("done", Some(scrubber.reply(answer.text.into_bytes())), said)
        }
        Next::Again { why, partial, .. } => ("again", None, words(why, partial)),
        Next::Simpler { why, .. } => ("simpler", None, vec![why]),
        Next::Fail { why, partial, .. } => ("fail", None, words(why, partial)),
    };
    Outcome { next, reply, said: said.iter().map(|text| scrubbed(text)).collect() }
}

fn words(why: String, partial: Option<Vec<u8>>) -> Vec<String> {
    let partial = partial.map(|body| String::from_utf8_lossy(&body).into_owned());
    [Some(why), partial].into_iter().flatten().collect()
}
