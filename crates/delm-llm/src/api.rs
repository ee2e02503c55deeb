//! What the four APIs have in common: what is asked of them, what is read from them, how far they can be held to JSON.
//!
//! Refuses to send anything: these are plain functions from a request to a body and from a body to a reply.

mod anthropic;
mod gemini;
mod ollama;
mod openai;

use delm_core::event::Tokens;
use delm_core::request::{Message, Request, Role};
use hyper::Uri;
use serde_json::{Map, Value};

use crate::config::{Api, Secret};
use crate::params::Params;
use crate::url::BaseUrl;

/// How far a reply is held to its JSON Schema; each step down is for servers that refuse the one above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Format {
    /// To the schema.
    Schema,
    /// To the schema, in the way of servers that know only JSON mode (llama-cpp-python).
    ObjectWithSchema,
    /// To JSON of any shape.
    Object,
    /// To nothing: the prompt asks for JSON, and the core checks it.
    Free,
}

/// What this server understands, as far as it is known by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) format: Format,
    /// Whether OpenAI's newer name of the most tokens of output is used.
    pub(crate) max_completion_tokens: bool,
    /// Whether the name has been changed once: it is not changed back.
    pub(crate) name_settled: bool,
}

impl Dialect {
    pub(crate) fn of(api: Api, base_url: &str) -> Self {
        // OpenAI's own models want the newer name, servers that imitate them the older.
        let max_completion_tokens = api == Api::OpenAi && base_url == Api::OpenAi.default_base_url();
        Self { format: Format::Schema, max_completion_tokens, name_settled: false }
    }

    /// A simpler dialect, if the server's refusal is about this one.
    pub(crate) fn simpler(self, api: Api, status: u16, said: &str) -> Option<Self> {
        if !matches!(status, 400 | 404 | 415 | 422 | 500 | 501) {
            return None;
        }
        let said = said.to_ascii_lowercase();
        if api == Api::OpenAi && !self.name_settled && said.contains("max_completion_tokens") {
            return Some(Self {
                max_completion_tokens: !self.max_completion_tokens,
                name_settled: true,
                ..self
            });
        }
        let about_format = FORMAT_WORDS.iter().any(|word| said.contains(word));
        let format = about_format.then(|| api.below(self.format)).flatten()?;
        Some(Self { format, ..self })
    }
}

/// Words in a refusal that show it is about the form of replies.
const FORMAT_WORDS: &[&str] = &[
    "response_format",
    "json_schema",
    "json_object",
    "json mode",
    "responsemimetype",
    "response_mime_type",
    "responsejsonschema",
    "response_json_schema",
    "response_schema",
    "output_config",
    "output_format",
    "structured output",
    "grammar",
    "schema",
    "\"format\"",
    "'format'",
    "field format",
];

/// What is asked of an API.
pub(crate) struct Ask<'a> {
    /// The model, as the provider calls it.
    pub(crate) model: &'a str,
    pub(crate) request: &'a Request,
    pub(crate) params: &'a Params,
    pub(crate) dialect: Dialect,
}

impl Ask<'_> {
    /// The most tokens of output: what the run allows, or less if a parameter says so.
    fn output_tokens_max(&self) -> u64 {
        let allowed = self.request.output_tokens_max;
        self.params.output_tokens_max.map_or(allowed, |asked| asked.min(allowed))
    }

    /// The schema of the reply.
    fn schema(&self) -> Value {
        // The core's schemas are JSON; should one not be, any JSON is still better than none.
        serde_json::from_str(self.request.schema).unwrap_or(Value::Bool(true))
    }

    /// The conversation, with the instructions first if they go there.
    fn messages(&self, system: bool) -> impl Iterator<Item = Message> {
        let messages = self.request.messages().into_iter();
        messages.filter(move |message| system || message.role != Role::System)
    }

    /// The fields given as parameters, to be filled up with ours.
    fn top(&self) -> Map<String, Value> {
        self.params.top.clone()
    }

    fn nested(&self) -> Map<String, Value> {
        self.params.nested.clone()
    }
}

/// What was read from a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) model_reported: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) tokens: Option<Tokens>,
}

/// Why a body with a good status holds no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Misread {
    /// The model or its filter refused this request.
    Refused(String),
    /// The body tells of an error, perhaps with a status of its own.
    Error { status: Option<u16>, said: String },
    /// The body has another shape.
    Shape(&'static str),
}

impl Api {
    /// The next format to try after one that was refused.
    fn below(self, format: Format) -> Option<Format> {
        match (self, format) {
            (Self::OpenAi, Format::Schema) => Some(Format::ObjectWithSchema),
            // Anthropic has no JSON mode short of a schema.
            (Self::Anthropic, Format::Schema) => Some(Format::Free),
            (Self::Gemini | Self::Ollama, Format::Schema) | (_, Format::ObjectWithSchema) => {
                Some(Format::Object)
            }
            (_, Format::Object) => Some(Format::Free),
            (_, Format::Free) => None,
        }
    }

    /// Where a request for this model goes; none if the name cannot be part of a URL.
    pub(crate) fn url(self, base: &BaseUrl, model: &str) -> Option<Uri> {
        let version =
            |version: &str, wanted: bool| if wanted { format!("{version}/") } else { String::new() };
        match self {
            Self::OpenAi => base.join(&format!("{}chat/completions", version("v1", !base.has_path()))),
            Self::Anthropic => base.join(&format!("{}messages", version("v1", !base.ends_in("v1")))),
            Self::Gemini => {
                let wanted = !base.ends_in("v1beta") && !base.ends_in("v1");
                let folder = if model.contains('/') { "" } else { "models/" };
                base.join(&format!("{}{folder}{model}:generateContent", version("v1beta", wanted)))
            }
            Self::Ollama => base.join("api/chat"),
        }
    }

    /// The headers that carry the key and the API's version.
    pub(crate) fn headers(self, key: Option<&Secret>) -> Vec<(&'static str, String)> {
        let mut headers = Vec::new();
        if self == Self::Anthropic {
            headers.push(("anthropic-version", "2023-06-01".to_owned()));
        }
        if let Some(key) = key {
            headers.push(match self {
                Self::OpenAi | Self::Ollama => ("authorization", format!("Bearer {}", key.expose())),
                Self::Anthropic => ("x-api-key", key.expose().to_owned()),
                Self::Gemini => ("x-goog-api-key", key.expose().to_owned()),
            });
        }
        headers
    }

    /// The body of a request.
    pub(crate) fn body(self, ask: &Ask<'_>) -> Value {
        match self {
            Self::OpenAi => openai::body(ask),
            Self::Anthropic => anthropic::body(ask),
            Self::Gemini => gemini::body(ask),
            Self::Ollama => ollama::body(ask),
        }
    }

    /// The reply in a body.
    pub(crate) fn read(self, body: &Value) -> Result<Answer, Misread> {
        if let Some(error) = body.get("error").filter(|error| !error.is_null()) {
            let status = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
            return Err(Misread::Error {
                status,
                said: error_text(body).unwrap_or_else(|| error.to_string()),
            });
        }
        match self {
            Self::OpenAi => openai::read(body),
            Self::Anthropic => anthropic::read(body),
            Self::Gemini => gemini::read(body),
            Self::Ollama => ollama::read(body),
        }
    }
}

/// What a provider says in the body of an error.
pub(crate) fn error_text(body: &Value) -> Option<String> {
    let error = body.get("error").unwrap_or(body);
    // Gemini and some gateways wrap an error in a list of one.
    let error = error.get(0).map_or(error, |first| first.get("error").unwrap_or(first));
    let text = ["message", "detail", "error", "msg"].iter().find_map(|key| error.get(key)).unwrap_or(error);
    text.as_str().map(str::to_owned).or_else(|| (!text.is_null()).then(|| text.to_string()))
}

fn text_at<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer).and_then(Value::as_str)
}

fn owned_at(value: &Value, pointer: &str) -> Option<String> {
    text_at(value, pointer).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn count_at(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}

/// Tokens, if the provider counts both ways.
fn tokens(input: Option<u64>, output: Option<u64>, cached: Option<u64>) -> Option<Tokens> {
    Some(Tokens { input: input?, output: output.unwrap_or(0), cached: cached.unwrap_or(0) })
}

/// The word that most APIs have for who says a message.
fn role(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

#[cfg(test)]
mod tests;
