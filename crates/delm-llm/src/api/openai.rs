//! Chat completions, as OpenAI and the many servers compatible with it speak them.
//!
//! Refuses a body without a first choice; a refusal of the model is told from an empty reply.

use serde_json::{Value, json};

use super::{Answer, Ask, Format, Misread, count_at, owned_at, role, text_at, tokens};

pub(super) fn body(ask: &Ask<'_>) -> Value {
    let mut body = ask.top();
    let messages: Vec<Value> =
        ask.messages(true).map(|said| json!({ "role": role(said.role), "content": said.text })).collect();
    body.insert("model".into(), ask.model.into());
    body.insert("messages".into(), messages.into());
    body.insert("stream".into(), false.into());
    let most = if ask.dialect.max_completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    body.insert(most.into(), ask.output_tokens_max().into());
    let format = match ask.dialect.format {
        Format::Schema => Some(json!({
            "type": "json_schema",
            "json_schema": { "name": ask.request.purpose.as_str(), "strict": true, "schema": ask.schema() },
        })),
        Format::ObjectWithSchema => Some(json!({ "type": "json_object", "schema": ask.schema() })),
        Format::Object => Some(json!({ "type": "json_object" })),
        Format::Free => None,
    };
    if let Some(format) = format {
        body.insert("response_format".into(), format);
    }
    Value::Object(body)
}

pub(super) fn read(body: &Value) -> Result<Answer, Misread> {
    let choice = body.pointer("/choices/0").ok_or(Misread::Shape("it has no choices"))?;
    let message = choice.get("message").ok_or(Misread::Shape("its first choice has no message"))?;
    let text = content(message);
    if text.is_empty() {
        if let Some(refusal) = owned_at(message, "/refusal") {
            return Err(Misread::Refused(refusal));
        }
        if text_at(choice, "/finish_reason") == Some("content_filter") {
            return Err(Misread::Refused("its content filter kept the reply back".into()));
        }
    }
    Ok(Answer {
        text,
        model_reported: owned_at(body, "/model"),
        request_id: owned_at(body, "/id"),
        tokens: tokens(
            count_at(body, "/usage/prompt_tokens"),
            count_at(body, "/usage/completion_tokens"),
            count_at(body, "/usage/prompt_tokens_details/cached_tokens"),
        ),
    })
}

/// The text of a message: a string, or the texts of a list of parts.
fn content(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => parts.iter().filter_map(|part| text_at(part, "/text")).collect(),
        _ => String::new(),
    }
}
