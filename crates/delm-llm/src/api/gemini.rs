//! `generateContent`, of Gemini.
//!
//! Refuses a body without candidates; what its filters block is told from an empty reply, thoughts from the text.

use delm_core::request::Role;
use serde_json::{Value, json};

use super::{Answer, Ask, Format, Misread, count_at, owned_at, text_at, tokens};

pub(super) fn body(ask: &Ask<'_>) -> Value {
    let mut body = ask.top();
    let contents: Vec<Value> = ask
        .messages(false)
        .map(|said| {
            let role = if said.role == Role::Assistant { "model" } else { "user" };
            json!({ "role": role, "parts": [{ "text": said.text }] })
        })
        .collect();
    let mut config = ask.nested();
    config.insert("maxOutputTokens".into(), ask.output_tokens_max().into());
    if ask.dialect.format < Format::Free {
        config.insert("responseMimeType".into(), "application/json".into());
    }
    if ask.dialect.format == Format::Schema {
        config.insert("responseJsonSchema".into(), ask.schema());
    }
    body.insert("systemInstruction".into(), json!({ "parts": [{ "text": ask.request.system() }] }));
    body.insert("contents".into(), contents.into());
    body.insert("generationConfig".into(), config.into());
    Value::Object(body)
}

pub(super) fn read(body: &Value) -> Result<Answer, Misread> {
    if let Some(reason) = owned_at(body, "/promptFeedback/blockReason") {
        return Err(Misread::Refused(format!("the prompt was blocked: {reason}")));
    }
    let candidate = body.pointer("/candidates/0").ok_or(Misread::Shape("it has no candidates"))?;
    let parts = candidate.pointer("/content/parts").and_then(Value::as_array);
    let spoken = |part: &&Value| part.get("thought").and_then(Value::as_bool) != Some(true);
    let text: String =
        parts.into_iter().flatten().filter(spoken).filter_map(|part| text_at(part, "/text")).collect();
    match text_at(candidate, "/finishReason") {
        None | Some("STOP" | "MAX_TOKENS" | "FINISH_REASON_UNSPECIFIED") => {}
        Some(reason) if text.is_empty() => {
            return Err(Misread::Refused(format!("no reply was given: {reason}")));
        }
        Some(_) => {}
    }
    let usage = |pointer| count_at(body, pointer);
    // Thoughts are paid for like output, and counted apart.
    let thoughts = usage("/usageMetadata/thoughtsTokenCount").unwrap_or(0);
    let output = usage("/usageMetadata/candidatesTokenCount").unwrap_or(0).saturating_add(thoughts);
    Ok(Answer {
        text,
        model_reported: owned_at(body, "/modelVersion"),
        request_id: owned_at(body, "/responseId"),
        tokens: tokens(
            usage("/usageMetadata/promptTokenCount"),
            Some(output),
            usage("/usageMetadata/cachedContentTokenCount"),
        ),
    })
}
