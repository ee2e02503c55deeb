//! Messages, of Anthropic.
//!
//! Refuses a body without content. The context is sent in blocks that stay the same while it grows, and marked, so that
//! the provider's prompt cache hits: without marks it caches nothing.

use delm_core::request::Request;
use serde_json::{Value, json};

use super::{Answer, Ask, Format, Misread, count_at, owned_at, role, text_at, tokens};

/// Notes of the context that make one block.
const NOTES_A_BLOCK: usize = 16;

pub(super) fn body(ask: &Ask<'_>) -> Value {
    let mut body = ask.top();
    let messages: Vec<Value> =
        ask.messages(false).map(|said| json!({ "role": role(said.role), "content": said.text })).collect();
    body.insert("model".into(), ask.model.into());
    body.insert("system".into(), system(ask.request).into());
    body.insert("messages".into(), messages.into());
    body.insert("max_tokens".into(), ask.output_tokens_max().into());
    if ask.dialect.format == Format::Schema {
        body.insert(
            "output_config".into(),
            json!({ "format": { "type": "json_schema", "schema": ask.schema() } }),
        );
    }
    Value::Object(body)
}

/// The instructions and the context: the preamble with the first notes, then block by block. The end of the last full
/// block is marked, which later requests begin with as well, and the end of all, which agents at the same length share.
fn system(request: &Request) -> Vec<Value> {
    let shown = request.length.min(request.notes.len());
    let mut blocks = vec![request.preamble.to_string()];
    let mut full = 0;
    for (place, note) in request.notes.iter().take(shown).enumerate() {
        if place > 0 && place.is_multiple_of(NOTES_A_BLOCK) {
            full = blocks.len();
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut() {
            block.push_str(note);
        }
    }
    let last = blocks.len();
    let marked = |(place, text): (usize, String)| {
        let mut block = json!({ "type": "text", "text": text });
        if place + 1 == full || place + 1 == last {
            block["cache_control"] = json!({ "type": "ephemeral" });
        }
        block
    };
    // The API refuses empty blocks.
    blocks.into_iter().enumerate().filter(|(_, text)| !text.is_empty()).map(marked).collect()
}

pub(super) fn read(body: &Value) -> Result<Answer, Misread> {
    let blocks = body.get("content").and_then(Value::as_array).ok_or(Misread::Shape("it has no content"))?;
    let text: String = blocks.iter().filter_map(|block| text_at(block, "/text")).collect();
    if text.is_empty() && text_at(body, "/stop_reason") == Some("refusal") {
        return Err(Misread::Refused("the model declined to answer".into()));
    }
    let usage = |pointer| count_at(body, pointer);
    let cached = usage("/usage/cache_read_input_tokens");
    // Here the cached ones are counted apart.
    let apart = cached.unwrap_or(0).saturating_add(usage("/usage/cache_creation_input_tokens").unwrap_or(0));
    let input = usage("/usage/input_tokens").map(|input| input.saturating_add(apart));
    Ok(Answer {
        text,
        model_reported: owned_at(body, "/model"),
        request_id: owned_at(body, "/id"),
        tokens: tokens(input, usage("/usage/output_tokens"), cached),
    })
}
