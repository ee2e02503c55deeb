//! Tests of bodies and replies of each API, against literals in the shape the providers document.

use std::sync::Arc;

use delm_core::event::{Purpose, Tokens};
use delm_core::reply::schema;
use delm_core::request::Request;
use serde_json::{Value, json};

use super::{Answer, Ask, Dialect, Format, Misread, error_text};
use crate::config::Api;
use crate::params::Params;
use crate::url::BaseUrl;

fn request(notes: usize) -> Request {
    Request {
        purpose: Purpose::Review,
        model: "p::m".into(),
        params: Vec::new(),
        output_tokens_max: 100,
        preamble: Arc::from("preamble\n"),
        notes: (0..notes + 1).map(|n| Arc::from(format!("note {n}\n"))).collect(),
        length: notes,
        ask: "judge it".into(),
        again: None,
        schema: schema(Purpose::Review),
    }
}

fn body(api: Api, request: &Request, params: &[(&str, &str)], format: Format) -> Value {
    let params: Vec<_> = params.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect();
    let params = Params::parse(api, &params).unwrap();
    let dialect = Dialect { format, ..Dialect::of(api, api.default_base_url()) };
    api.body(&Ask { model: "m", request, params: &params, dialect })
}

fn schema_value() -> Value {
    serde_json::from_str(schema(Purpose::Review)).unwrap()
}

#[test]
fn openai_bodies() {
    let mut request = request(1);
    request.again = Some(("{".into(), "no JSON".into()));
    let full = body(Api::OpenAi, &request, &[("temperature", "0"), ("max_tokens", "7")], Format::Schema);
    assert_eq!(
        full,
        json!({
            "model": "m", "stream": false, "temperature": 0, "max_completion_tokens": 7,
            "messages": [
                { "role": "system", "content": "preamble\nnote 0\n" }, { "role": "user", "content": "judge it" },
                { "role": "assistant", "content": "{" }, { "role": "user", "content": "no JSON" },
            ],
            "response_format": { "type": "json_schema",
                "json_schema": { "name": "review", "strict": true, "schema": schema_value() } },
        })
    );
    let format = |format| body(Api::OpenAi, &request, &[], format)["response_format"].clone();
    assert_eq!(format(Format::ObjectWithSchema), json!({ "type": "json_object", "schema": schema_value() }));
    assert_eq!(format(Format::Object), json!({ "type": "json_object" }));
    assert_eq!(format(Format::Free), Value::Null);
}

#[test]
fn a_parameter_cannot_raise_the_most_tokens_of_output() {
    let full = body(Api::Ollama, &request(0), &[("max_tokens", "5000"), ("num_ctx", "9")], Format::Object);
    assert_eq!(full["options"], json!({ "num_predict": 100, "num_ctx": 9 }));
    assert_eq!((&full["format"], &full["stream"]), (&json!("json"), &json!(false)));
}

#[test]
fn anthropic_bodies_keep_their_blocks_while_the_context_grows() {
    let small = body(Api::Anthropic, &request(3), &[], Format::Schema);
    assert_eq!(small["system"].as_array().unwrap().len(), 1);
    assert_eq!(small["output_config"]["format"]["schema"], schema_value());
    assert_eq!(small["messages"], json!([{ "role": "user", "content": "judge it" }]));
    assert_eq!(small["max_tokens"], 100);
    let (grown, more) = (body(Api::Anthropic, &request(37), &[], Format::Free), request(45));
    let more = body(Api::Anthropic, &more, &[], Format::Free);
    assert_eq!(grown.get("output_config"), None);
    let (grown, more) = (grown["system"].as_array().unwrap(), more["system"].as_array().unwrap());
    assert_eq!((grown.len(), more.len()), (3, 3));
    assert_eq!((&grown[0], &grown[1]), (&more[0], &more[1]));
    let marked: Vec<bool> = grown.iter().map(|block| block.get("cache_control").is_some()).collect();
    assert_eq!(marked, [false, true, true]);
    let text: String = grown.iter().map(|block| block["text"].as_str().unwrap()).collect();
    assert_eq!(text, request(37).system());
}

#[test]
fn gemini_bodies() {
    let mut request = request(0);
    request.again = Some(("{".into(), "no JSON".into()));
    let full = body(Api::Gemini, &request, &[("top_p", "0.5")], Format::Schema);
    assert_eq!(
        full,
        json!({
            "systemInstruction": { "parts": [{ "text": "preamble\n" }] },
            "contents": [
                { "role": "user", "parts": [{ "text": "judge it" }] }, { "role": "model", "parts": [{ "text": "{" }] },
                { "role": "user", "parts": [{ "text": "no JSON" }] },
            ],
            "generationConfig": { "topP": 0.5, "maxOutputTokens": 100, "responseMimeType": "application/json",
                "responseJsonSchema": schema_value() },
        })
    );
}

#[test]
fn urls_follow_each_api() {
    for (api, base, url) in [
        (Api::OpenAi, "https://api.openai.com/v1", "https://api.openai.com/v1/chat/completions"),
        (Api::OpenAi, "http://127.0.0.1:8092", "http://127.0.0.1:8092/v1/chat/completions"),
        (Api::OpenAi, "https://h/v1beta/openai/", "https://h/v1beta/openai/chat/completions"),
        (Api::Anthropic, "https://api.anthropic.com", "https://api.anthropic.com/v1/messages"),
        (Api::Anthropic, "https://h/gateway/v1", "https://h/gateway/v1/messages"),
        (Api::Gemini, "https://h", "https://h/v1beta/models/m:generateContent"),
        (Api::Ollama, "http://h:11434", "http://h:11434/api/chat"),
    ] {
        assert_eq!(api.url(&BaseUrl::parse("p", base).unwrap(), "m").unwrap().to_string(), url);
    }
    let base = BaseUrl::parse("p", "https://h/v1").unwrap();
    assert_eq!(
        Api::Gemini.url(&base, "tunedModels/x").unwrap().to_string(),
        "https://h/v1/tunedModels/x:generateContent"
    );
}

#[test]
fn replies_are_read() {
    let answer = |text: &str, model: &str, id: Option<&str>, tokens: (u64, u64, u64)| Answer {
        text: text.into(),
        model_reported: Some(model.into()),
        request_id: id.map(str::to_owned),
        tokens: Some(Tokens { input: tokens.0, output: tokens.1, cached: tokens.2 }),
    };
    let openai = json!({ "id": "c-1", "model": "m-1", "choices": [{ "message": { "content": "hi" } }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": { "cached_tokens": 4 } } });
    assert_eq!(Api::OpenAi.read(&openai), Ok(answer("hi", "m-1", Some("c-1"), (9, 2, 4))));
    let anthropic = json!({ "id": "msg", "model": "m", "stop_reason": "end_turn",
        "content": [{ "type": "thinking", "thinking": "hm" }, { "type": "text", "text": "h" }, { "type": "text", "text": "i" }],
        "usage": { "input_tokens": 3, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 2 } });
    assert_eq!(Api::Anthropic.read(&anthropic), Ok(answer("hi", "m", Some("msg"), (113, 2, 100))));
    let gemini = json!({ "modelVersion": "m", "responseId": "r",
        "candidates": [{ "finishReason": "STOP", "content": { "parts": [{ "text": "hm", "thought": true }, { "text": "hi" }] } }],
        "usageMetadata": { "promptTokenCount": 9, "candidatesTokenCount": 2, "thoughtsTokenCount": 5, "cachedContentTokenCount": 1 } });
    assert_eq!(Api::Gemini.read(&gemini), Ok(answer("hi", "m", Some("r"), (9, 7, 1))));
    let ollama = json!({ "model": "m", "message": { "role": "assistant", "content": "hi" }, "done": true,
        "prompt_eval_count": 9, "eval_count": 2 });
    assert_eq!(Api::Ollama.read(&ollama), Ok(answer("hi", "m", None, (9, 2, 0))));
}

#[test]
fn refusals_and_other_shapes_are_told_from_empty_replies() {
    let refused =
        |api: Api, body: Value| assert!(matches!(api.read(&body), Err(Misread::Refused(_))), "{body}");
    refused(
        Api::OpenAi,
        json!({ "choices": [{ "finish_reason": "content_filter", "message": { "content": "" } }] }),
    );
    refused(Api::Anthropic, json!({ "content": [], "stop_reason": "refusal" }));
    refused(Api::Gemini, json!({ "promptFeedback": { "blockReason": "SAFETY" } }));
    refused(Api::Gemini, json!({ "candidates": [{ "finishReason": "RECITATION" }] }));
    // A reply that used up its tokens on thoughts is empty, and has a cost.
    let empty = json!({ "choices": [{ "finish_reason": "length", "message": { "content": "" } }],
        "usage": { "prompt_tokens": 1, "completion_tokens": 100 } });
    assert_eq!(
        Api::OpenAi.read(&empty).map(|answer| answer.tokens.map(|tokens| tokens.output)),
        Ok(Some(100))
    );
    for (api, ..) in Api::ALL {
        for body in [json!({}), json!([]), json!("x"), json!(null), json!({ "choices": [] })] {
            assert!(matches!(api.read(&body), Err(Misread::Shape(_))), "{body}");
        }
    }
}

#[test]
fn what_providers_say_of_errors_is_found() {
    for (body, said) in [
        (json!({ "error": { "message": "bad key", "type": "x" } }), "bad key"),
        (json!({ "error": "model not found" }), "model not found"),
        (
            json!({ "type": "error", "error": { "type": "overloaded_error", "message": "Overloaded" } }),
            "Overloaded",
        ),
        (json!([{ "error": { "code": 400, "message": "API key not valid" } }]), "API key not valid"),
        (json!({ "detail": "Not Found" }), "Not Found"),
    ] {
        assert_eq!(error_text(&body).as_deref(), Some(said));
    }
}

#[test]
fn dialects_get_simpler_only_when_the_refusal_is_about_them() {
    let first = Dialect::of(Api::OpenAi, "http://127.0.0.1:1/v1");
    let said = "Input should be 'text' or 'json_object'";
    let mut formats = Vec::new();
    let mut dialect = first;
    while let Some(next) = dialect.simpler(Api::OpenAi, 500, said) {
        formats.push(next.format);
        dialect = next;
    }
    assert_eq!(formats, [Format::ObjectWithSchema, Format::Object, Format::Free]);
    assert_eq!(first.simpler(Api::OpenAi, 400, "context too long"), None);
    assert_eq!(first.simpler(Api::OpenAi, 429, said), None);
    let renamed = first.simpler(Api::OpenAi, 400, "Use 'max_completion_tokens' instead.").unwrap();
    assert!(renamed.max_completion_tokens && renamed.format == Format::Schema);
    assert_eq!(renamed.simpler(Api::OpenAi, 400, "Use 'max_completion_tokens' instead."), None);
}
