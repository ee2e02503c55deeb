//! Parameters: from the text given on the command line to what each API calls them, and where it wants them.
//!
//! Refuses what delm sets itself, what is no number where one is needed, and what an API is known not to have; keys it
//! does not know are passed through, and the provider judges them.

use serde_json::{Map, Value};

use crate::config::Api;

/// Why a parameter cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// delm sets it.
    #[error("the parameter {key} is set by delm and cannot be given")]
    Reserved {
        /// The parameter.
        key: String,
    },
    /// Not a value of this parameter.
    #[error("the parameter {key} = {value:?} is not {expected}")]
    Value {
        /// The parameter.
        key: String,
        /// What was given.
        value: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// The API has no such parameter.
    #[error("{api} models have no parameter {key}")]
    Unknown {
        /// The API.
        api: &'static str,
        /// The parameter.
        key: String,
    },
    /// Given twice.
    #[error("the parameter {key} is given twice")]
    Twice {
        /// The parameter.
        key: String,
    },
}

/// Parameters, ready to be put into a body.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Params {
    /// The most tokens of output asked for, below the run's own limit.
    pub(crate) output_tokens_max: Option<u64>,
    /// Fields of the body.
    pub(crate) top: Map<String, Value>,
    /// Fields of the object that Gemini (`generationConfig`) and Ollama (`options`) keep them in.
    pub(crate) nested: Map<String, Value>,
}

/// What a value has to be.
#[derive(Clone, Copy)]
enum Kind {
    Number,
    Share,
    Whole,
    Positive,
    Text,
}

/// Parameters that every user names alike: key, kind, and the API's own name in the order of [`Api::ALL`]. An empty
/// name means that the API has no such parameter.
const KNOWN: &[(&str, Kind, [&str; 4])] = &[
    ("temperature", Kind::Number, ["temperature", "temperature", "temperature", "temperature"]),
    ("top_p", Kind::Share, ["top_p", "top_p", "topP", "top_p"]),
    ("top_k", Kind::Positive, ["top_k", "top_k", "topK", "top_k"]),
    ("seed", Kind::Whole, ["seed", "", "seed", "seed"]),
    ("frequency_penalty", Kind::Number, ["frequency_penalty", "", "frequencyPenalty", "frequency_penalty"]),
    ("presence_penalty", Kind::Number, ["presence_penalty", "", "presencePenalty", "presence_penalty"]),
    ("stop", Kind::Text, ["stop", "stop_sequences", "stopSequences", "stop"]),
];

/// Names of the most tokens of output.
const OUTPUT_TOKENS: &[&str] =
    &["max_tokens", "max_completion_tokens", "max_output_tokens", "maxOutputTokens", "num_predict"];

/// What delm sets, in any API: another value would make the record untrue, cost more, or break the reading of replies.
const RESERVED: &[&str] = &[
    "model",
    "messages",
    "system",
    "contents",
    "systemInstruction",
    "system_instruction",
    "prompt",
    "input",
    "stream",
    "stream_options",
    "n",
    "candidateCount",
    "tools",
    "tool_choice",
    "toolConfig",
    "functions",
    "function_call",
    "response_format",
    "format",
    "output_config",
    "output_format",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "generationConfig",
    "options",
    "cachedContent",
];

/// Fields that Gemini and Ollama keep at the top of the body.
const TOP_ONLY: &[&str] = &["safetySettings", "labels", "keep_alive", "think"];

impl Params {
    /// Reads parameters for an API.
    pub(crate) fn parse(api: Api, given: &[(String, String)]) -> Result<Self, ParamError> {
        let mut params = Self::default();
        let mut seen = Vec::new();
        for (key, text) in given {
            if seen.contains(&key) {
                return Err(ParamError::Twice { key: key.clone() });
            }
            seen.push(key);
            params.add(api, key, text)?;
        }
        Ok(params)
    }

    fn add(&mut self, api: Api, key: &str, text: &str) -> Result<(), ParamError> {
        if key.trim().is_empty() {
            return Err(ParamError::Value {
                key: key.to_owned(),
                value: text.to_owned(),
                expected: "KEY=VALUE",
            });
        }
        if RESERVED.contains(&key) {
            return Err(ParamError::Reserved { key: key.to_owned() });
        }
        if OUTPUT_TOKENS.contains(&key) {
            if self.output_tokens_max.is_some() {
                return Err(ParamError::Twice { key: key.to_owned() });
            }
            let positive = value(key, text, Kind::Positive)?;
            self.output_tokens_max = positive.as_u64();
            return Ok(());
        }
        let known = KNOWN.iter().find(|(name, ..)| *name == key);
        let (name, value) = match known {
            Some((_, kind, names)) => (own_name(api, key, names)?, value(key, text, *kind)?),
            None => (key.to_owned(), free(text)),
        };
        let nested = matches!(api, Api::Gemini | Api::Ollama) && !TOP_ONLY.contains(&key);
        let fields = if nested { &mut self.nested } else { &mut self.top };
        fields.insert(name, value);
        Ok(())
    }
}

fn own_name(api: Api, key: &str, names: &[&str; 4]) -> Result<String, ParamError> {
    let rows = Api::ALL.iter().zip(names);
    let own = rows.into_iter().find(|((row, ..), _)| *row == api);
    match own {
        Some((_, name)) if !name.is_empty() => Ok((*name).to_owned()),
        Some(((_, word, ..), _)) => Err(ParamError::Unknown { api: word, key: key.to_owned() }),
        None => Ok(key.to_owned()),
    }
}

fn value(key: &str, text: &str, kind: Kind) -> Result<Value, ParamError> {
    let parsed: Option<Value> = serde_json::from_str(text.trim()).ok();
    let number = || parsed.as_ref().filter(|value| value.is_number());
    let (value, expected) = match kind {
        Kind::Number => (number(), "a decimal number"),
        Kind::Share => {
            let within = |value: &&Value| value.as_f64().is_some_and(|share| (0.0..=1.0).contains(&share));
            (number().filter(within), "a decimal number from 0 to 1")
        }
        Kind::Whole => (number().filter(|value| value.is_i64() || value.is_u64()), "a whole number"),
        Kind::Positive => {
            (number().filter(|value| value.as_u64().is_some_and(|n| n > 0)), "a whole number from 1")
        }
        // APIs want a list of texts; one text is a list of one.
        Kind::Text => {
            let list = parsed.as_ref().filter(|value| value.is_array());
            return Ok(list.cloned().unwrap_or_else(|| Value::from(vec![text])));
        }
    };
    let wrong = || ParamError::Value { key: key.to_owned(), value: text.to_owned(), expected };
    value.cloned().ok_or_else(wrong)
}

/// The value of a parameter nobody knows here: JSON if it reads as JSON, text otherwise.
fn free(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(api: Api, given: &[(&str, &str)]) -> Result<Params, ParamError> {
        let given: Vec<_> = given.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
        Params::parse(api, &given)
    }

    #[test]
    fn each_api_has_its_own_names_and_places() {
        let given = [
            ("temperature", "0.20"),
            ("top_p", "1"),
            ("stop", "END"),
            ("max_tokens", "64"),
            ("num_ctx", "8192"),
        ];
        let text = |map: &Map<String, Value>| Value::Object(map.clone()).to_string();
        let openai = parse(Api::OpenAi, &given).unwrap();
        assert_eq!(text(&openai.top), r#"{"num_ctx":8192,"stop":["END"],"temperature":0.2,"top_p":1}"#);
        assert_eq!((openai.output_tokens_max, openai.nested.len()), (Some(64), 0));
        let gemini = parse(Api::Gemini, &given).unwrap();
        assert_eq!(
            text(&gemini.nested),
            r#"{"num_ctx":8192,"stopSequences":["END"],"temperature":0.2,"topP":1}"#
        );
        let ollama = parse(Api::Ollama, &[("keep_alive", "5m"), ("seed", "7")]).unwrap();
        assert_eq!(
            (text(&ollama.top), text(&ollama.nested)),
            (r#"{"keep_alive":"5m"}"#.into(), r#"{"seed":7}"#.into())
        );
        let thinking = parse(Api::Anthropic, &[("thinking", r#"{"type":"disabled"}"#)]).unwrap();
        assert_eq!(text(&thinking.top), r#"{"thinking":{"type":"disabled"}}"#);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for (api, given, word) in [
            (Api::OpenAi, &[("temperature", "warm")][..], "decimal number"),
            (Api::OpenAi, &[("temperature", "NaN")], "decimal number"),
            (Api::OpenAi, &[("temperature", "1e999")], "decimal number"),
            (Api::OpenAi, &[("top_p", "1.1")], "from 0 to 1"),
            (Api::OpenAi, &[("seed", "1.5")], "whole number"),
            (Api::OpenAi, &[("max_tokens", "0")], "from 1"),
            (Api::OpenAi, &[("max_tokens", "5"), ("max_completion_tokens", "6")], "twice"),
            (Api::OpenAi, &[("seed", "1"), ("seed", "1")], "twice"),
            (Api::OpenAi, &[("stream", "true")], "set by delm"),
            (Api::Gemini, &[("candidateCount", "8")], "set by delm"),
            (Api::Anthropic, &[("seed", "1")], "anthropic models have no parameter seed"),
            (Api::OpenAi, &[("", "1")], "KEY=VALUE"),
        ] {
            let error = parse(api, given).unwrap_err().to_string();
            assert!(error.contains(word), "{given:?}: {error}");
        }
    }
}
