//! Ollama's own chat.
//!
//! Refuses a body without a message. Ollama cuts long prompts to its `num_ctx` without a word: give that parameter.

use serde_json::{Value, json};

use super::{Answer, Ask, Format, Misread, count_at, owned_at, role, text_at, tokens};

pub(super) fn body(ask: &Ask<'_>) -> Value {
    let mut body = ask.top();
    let messages: Vec<Value> =
        ask.messages(true).map(|said| json!({ "role": role(said.role), "content": said.text })).collect();
    let mut options = ask.nested();
    options.insert("num_predict".into(), ask.output_tokens_max().into());
    body.insert("model".into(), ask.model.into());
    body.insert("messages".into(), messages.into());
    body.insert("stream".into(), false.into());
    body.insert("options".into(), options.into());
    match ask.dialect.format {
        Format::Schema | Format::ObjectWithSchema => drop(body.insert("format".into(), ask.schema())),
        Format::Object => drop(body.insert("format".into(), "json".into())),
        Format::Free => {}
    }
    Value::Object(body)
}

pub(super) fn read(body: &Value) -> Result<Answer, Misread> {
    let text = text_at(body, "/message/content").ok_or(Misread::Shape("it has no message"))?;
    Ok(Answer {
        text: text.to_owned(),
        model_reported: owned_at(body, "/model"),
        request_id: None,
        tokens: tokens(count_at(body, "/prompt_eval_count"), count_at(body, "/eval_count"), None),
    })
}
