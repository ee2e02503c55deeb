//! Tests of providers against a server on this machine that does what it is told: well, wrongly, slowly, half.

mod server;

use std::sync::Arc;

use delm_core::event::{CallFault, Purpose, Tokens};
use delm_core::ids::{CallId, Job};
use delm_core::reply::schema;
use delm_core::request::Request;

use crate::{
    Api, BuildError, CallError, CallInfo, Exchange, Model, ModelChoice, ProviderConfig, Providers, Secret,
    build, host_of,
};
use server::{Act, Server};

const KEY: &str = "sk-test-Zx81Yw72Vu63Ts54Rq45";

fn request(model: &str) -> Request {
    Request {
        purpose: Purpose::Plan,
        model: model.into(),
        params: Vec::new(),
        output_tokens_max: 100,
        preamble: Arc::from("You are one of several agents.\n"),
        notes: std::iter::empty::<Arc<str>>().collect(),
        length: 0,
        ask: "Plan.".into(),
        again: None,
        schema: schema(Purpose::Plan),
    }
}

/// A provider of this API at the server, without patience.
fn providers(api: Api, server: &Server) -> Providers {
    let mut config = ProviderConfig::new(api);
    config.base_url = server.url();
    config.api_key = Some(Secret::new(KEY));
    (config.timeout_ms, config.backoff_ms, config.backoff_ms_max, config.tries_max) = (10_000, 0, 0, 3);
    let mut providers = Providers::default();
    providers.set("here", config);
    providers
}

fn model(providers: &Providers) -> Arc<dyn Model> {
    build(&ModelChoice { model: "here::m".into(), params: Vec::new() }, providers).unwrap()
}

async fn ask(model: &dyn Model) -> Result<Exchange, CallError> {
    let info = CallInfo { purpose: Purpose::Plan, job: Job::Plan, attempt: 1, ask: 1, call: CallId(1) };
    model.call(&request("here::m"), &info).await
}

async fn ask_openai(acts: Vec<Act>) -> (Result<Exchange, CallError>, Server) {
    let server = Server::start(acts).await;
    let result = ask(&*model(&providers(Api::OpenAi, &server))).await;
    (result, server)
}

const GOOD: &str = r#"{"id":"c-1","model":"m-0613","choices":[{"message":{"content":"{\"tasks\":[]}"}}],
    "usage":{"prompt_tokens":12,"completion_tokens":5}}"#;

#[tokio::test]
async fn a_good_reply_is_kept_with_all_that_came_with_it() {
    let (result, server) = ask_openai(vec![Act::reply(200, GOOD).header("x-request-id", "req-7")]).await;
    let exchange = result.unwrap();
    assert_eq!(exchange.reply, br#"{"tasks":[]}"#);
    assert_eq!(exchange.tokens, Some(Tokens { input: 12, output: 5, cached: 0 }));
    assert_eq!(exchange.model_reported.as_deref(), Some("m-0613"));
    assert_eq!((exchange.request_id.as_deref(), exchange.tries), (Some("req-7"), 1));
    let seen = server.seen();
    assert_eq!(seen[0].line, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(seen[0].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(seen[0].body["response_format"]["type"], "json_schema");
    assert_eq!(seen[0].body["max_tokens"], 100);
}

#[tokio::test]
async fn a_refused_key_is_the_providers_fault_at_once_and_is_not_shown() {
    let body =
        format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY} (sk-test-****Rq45)."}}}}"#);
    let (result, server) = ask_openai(vec![Act::reply(401, &body)]).await;
    let error = result.unwrap_err();
    assert_eq!((error.fault, error.tries, server.seen().len()), (CallFault::Provider, 1, 1));
    let said = format!(
        "{error} {error:?} {}",
        String::from_utf8_lossy(error.partial.as_deref().unwrap_or_default())
    );
    assert!(
        said.contains("Incorrect API key") && said.contains("OPENAI_API_KEY") && said.contains("[key]"),
        "{said}"
    );
    assert!(!said.contains("Zx81") && !said.contains("Rq45") && !said.contains("sk-test"), "{said}");
}

#[tokio::test]
async fn too_many_requests_are_tried_again_after_the_wait_asked_for() {
    let acts = vec![Act::reply(429, "{}").header("retry-after-ms", "30"), Act::reply(200, GOOD)];
    let begun = std::time::Instant::now();
    let (result, server) = ask_openai(acts).await;
    assert_eq!((result.unwrap().tries, server.seen().len()), (2, 2));
    assert!(begun.elapsed().as_millis() >= 30);
}

#[tokio::test]
async fn a_wait_beyond_the_longest_ends_the_call() {
    let (result, server) = ask_openai(vec![Act::reply(429, "{}").header("retry-after", "3600")]).await;
    let error = result.unwrap_err();
    assert_eq!((error.fault, error.tries, server.seen().len()), (CallFault::Provider, 1, 1));
    assert!(error.error.contains("3600 s") && error.error.contains("60 s"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_asked_of_one_call_holds_all_models_of_the_provider() {
    let server = Server::start(Vec::new()).await;
    let providers = providers(Api::OpenAi, &server);
    let endpoint = || providers.endpoint("here", providers.get("here").unwrap()).unwrap();
    let second = std::time::Duration::from_secs(1);
    endpoint().hold(second * 30);
    // A shorter wait does not cut the longer one.
    endpoint().hold(second);
    let begun = tokio::time::Instant::now();
    drop(endpoint().place().await);
    assert_eq!(begun.elapsed().as_secs(), 30);
    drop(endpoint().place().await);
    assert_eq!(begun.elapsed().as_secs(), 30);
}

#[tokio::test]
async fn failures_of_the_server_are_tried_until_the_tries_are_over() {
    let (result, server) =
        ask_openai(vec![Act::reply(500, "oops"), Act::reply(503, ""), Act::reply(500, "oops")]).await;
    let error = result.unwrap_err();
    assert_eq!((error.fault, error.tries, server.seen().len()), (CallFault::Provider, 3, 3));
    assert!(error.error.contains("here::m") && error.error.contains("HTTP 500: oops"), "{error}");
    assert!(error.error.contains("127.0.0.1") && error.error.contains("3 tries"), "{error}");
}

#[tokio::test]
async fn a_slow_server_is_given_up() {
    let server = Server::start(vec![Act::silence(), Act::silence()]).await;
    let mut providers = providers(Api::OpenAi, &server);
    let config = providers.get_mut("here").unwrap();
    (config.timeout_ms, config.tries_max) = (20, 2);
    let error = ask(&*model(&providers)).await.unwrap_err();
    assert_eq!((error.fault, error.tries), (CallFault::Provider, 2));
    assert!(error.error.contains("within 20 ms"), "{error}");
}

#[tokio::test]
async fn a_body_that_is_cut_off_is_tried_again_and_kept() {
    let (result, _) = ask_openai(vec![Act::cut(GOOD, 30), Act::reply(200, GOOD)]).await;
    assert_eq!(result.unwrap().tries, 2);
    let (result, _) = ask_openai(vec![Act::cut(GOOD, 30), Act::cut(GOOD, 40), Act::cut(GOOD, 50)]).await;
    let error = result.unwrap_err();
    assert_eq!((error.fault, error.tries), (CallFault::Provider, 3));
    assert_eq!(error.partial.as_deref(), GOOD.as_bytes().get(..50));
    let (result, _) = ask_openai(vec![Act::close(), Act::reply(200, GOOD)]).await;
    assert_eq!(result.unwrap().tries, 2);
}

#[tokio::test]
async fn only_tries_that_may_have_been_worked_on_are_billable() {
    let cases = [
        (vec![Act::cut(GOOD, 30), Act::close(), Act::reply(200, GOOD)], Ok((3, 2))),
        (vec![Act::reply(429, "{}"), Act::reply(503, "{}"), Act::reply(200, GOOD)], Ok((3, 0))),
        (vec![Act::reply(500, "{}"), Act::reply(200, "<html>"), Act::reply(429, "{}")], Err((3, 2))),
        (vec![Act::reply(401, "{}")], Err((1, 0))),
        (vec![Act::reply(400, "{}")], Err((1, 0))),
        (vec![Act::cut(GOOD, 30), Act::reply(429, "{}"), Act::reply(401, "{}")], Err((3, 1))),
    ];
    for (acts, expected) in cases {
        let (result, _) = ask_openai(acts).await;
        let counted = result.map(|e| (e.tries, e.billable)).map_err(|e| (e.tries, e.billable));
        assert_eq!(counted, expected);
    }
    let server = Server::start(Vec::new()).await;
    let providers = providers(Api::OpenAi, &server);
    drop(server);
    let refused = ask(&*model(&providers)).await.unwrap_err();
    assert_eq!((refused.tries, refused.billable), (3, 0), "nobody was there");
}

#[tokio::test]
async fn what_came_of_a_reply_is_not_lost_by_a_later_try() {
    let (result, _) = ask_openai(vec![Act::cut(GOOD, 30), Act::close(), Act::reply(429, "{}")]).await;
    let error = result.unwrap_err();
    assert_eq!(error.partial.as_deref(), GOOD.as_bytes().get(..30));
}

#[tokio::test]
async fn a_key_in_the_base_url_is_sent_and_shown_to_nobody() {
    let secret = "gw-77Xx66Yy55Zz44";
    let echo = format!(
        r#"{{"error":{{"message":"no such deployment at /v1?code={secret}&api-version=2024-06-01"}}}}"#
    );
    let page = format!("<html>/v1/chat/completions?code={secret}</html>");
    let server = Server::start(vec![
        Act::reply(404, &echo),
        Act::reply(200, &page),
        Act::reply(200, &page),
        Act::reply(200, &page),
    ])
    .await;
    let mut providers = providers(Api::OpenAi, &server);
    providers.get_mut("here").unwrap().base_url =
        format!("{}/v1?code={secret}&api-version=2024-06-01", server.url());
    let model = model(&providers);
    for words in ["api-version=2024-06-01", "is no JSON"] {
        let error = ask(&*model).await.unwrap_err();
        let partial = String::from_utf8(error.partial.clone().unwrap_or_default()).unwrap();
        let said = format!("{error} {error:?} {partial}");
        assert!(said.contains(words) && !said.contains("66Yy"), "{said}");
    }
    assert!(server.seen().iter().all(|seen| seen.line.contains(secret)), "it is sent");
    let host = host_of("here::m", &providers).unwrap();
    assert_eq!(Some(host.as_str()), model.host());
    assert!(!host.contains("code") && !format!("{providers:?}").contains("66Yy"), "{providers:?}");
    providers.get_mut("here").unwrap().base_url = format!("http://me:{secret}@127.0.0.1:1/v1");
    assert_eq!(host_of("here::m", &providers), None);
    let choice = ModelChoice { model: "here::m".into(), params: Vec::new() };
    let refused = build(&choice, &providers).err().unwrap();
    assert!(!format!("{refused} {refused:?} {providers:?}").contains("66Yy"), "{refused}");
}

#[tokio::test]
async fn nonsense_is_tried_again_and_kept() {
    let page = "<html>Sign in to the network</html>";
    let (result, _) =
        ask_openai(vec![Act::reply(200, page), Act::reply(200, "{}"), Act::reply(200, page)]).await;
    let error = result.unwrap_err();
    assert_eq!((error.fault, error.partial.as_deref()), (CallFault::Provider, Some(page.as_bytes())));
    assert!(error.error.contains("no JSON"), "{error}");
    let echo = format!("<html>You said authorization: Bearer {KEY}</html>");
    let (result, _) =
        ask_openai(vec![Act::reply(200, &echo), Act::reply(200, &echo), Act::reply(200, &echo)]).await;
    assert_eq!(result.unwrap_err().partial.unwrap(), b"<html>You said authorization: Bearer [key]</html>");
}

#[tokio::test]
async fn a_response_without_end_is_not_read_to_its_end() {
    let server = Server::start(vec![Act::reply(200, &"x".repeat(4096))]).await;
    let mut providers = providers(Api::OpenAi, &server);
    providers.get_mut("here").unwrap().response_bytes_max = 1024;
    let error = ask(&*model(&providers)).await.unwrap_err();
    assert!(error.fault == CallFault::Request && error.error.contains("longer than 1024 bytes"), "{error}");
    assert_eq!(error.partial.map(|part| part.len()), Some(1024), "its beginning is kept");
}

#[tokio::test]
async fn nobody_there_is_the_providers_fault() {
    let server = Server::start(Vec::new()).await;
    let providers = providers(Api::OpenAi, &server);
    drop(server);
    let error = ask(&*model(&providers)).await.unwrap_err();
    assert_eq!((error.fault, error.tries), (CallFault::Provider, 3));
    assert!(error.error.contains("refused"), "{error}");
}

#[tokio::test]
async fn redirects_are_not_followed_for_they_would_carry_the_key() {
    let acts = vec![Act::reply(307, "").header("location", "http://elsewhere.example/v1")];
    let (result, server) = ask_openai(acts).await;
    let error = result.unwrap_err();
    assert_eq!((error.fault, server.seen().len()), (CallFault::Provider, 1));
    assert!(error.error.contains("elsewhere.example"), "{error}");
}

#[tokio::test]
async fn a_server_that_refuses_schemas_is_asked_more_simply_and_that_is_remembered() {
    // llama-cpp-python's words, and its status.
    let refusal = r#"{"error":{"message":"[{'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}]"}}"#;
    let server =
        Server::start(vec![Act::reply(500, refusal), Act::reply(200, GOOD), Act::reply(200, GOOD)]).await;
    let model = model(&providers(Api::OpenAi, &server));
    assert_eq!(ask(&*model).await.unwrap().tries, 2);
    assert_eq!(ask(&*model).await.unwrap().tries, 1);
    let kinds: Vec<_> =
        server.seen().iter().map(|seen| seen.body["response_format"]["type"].clone()).collect();
    assert_eq!(kinds, ["json_schema", "json_object", "json_object"]);
}

#[tokio::test]
async fn the_other_apis_are_spoken() {
    let anthropic = r#"{"id":"msg_1","model":"m","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn",
        "usage":{"input_tokens":3,"output_tokens":1}}"#;
    let gemini = r#"{"modelVersion":"m","candidates":[{"content":{"parts":[{"text":"hi"}]},"finishReason":"STOP"}],
        "usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1}}"#;
    let ollama = r#"{"model":"m","message":{"role":"assistant","content":"hi"},"done":true,
        "prompt_eval_count":3,"eval_count":1}"#;
    for (api, good, path, header, key) in [
        (Api::Anthropic, anthropic, "/v1/messages", "x-api-key", KEY.to_owned()),
        (Api::Gemini, gemini, "/v1beta/models/m:generateContent", "x-goog-api-key", KEY.to_owned()),
        (Api::Ollama, ollama, "/api/chat", "authorization", format!("Bearer {KEY}")),
    ] {
        let server = Server::start(vec![Act::reply(529, "{}"), Act::reply(200, good)]).await;
        let exchange = ask(&*model(&providers(api, &server))).await.unwrap();
        assert_eq!((exchange.reply.as_slice(), exchange.tries), (&b"hi"[..], 2));
        assert_eq!(exchange.tokens, Some(Tokens { input: 3, output: 1, cached: 0 }));
        let seen = server.seen();
        assert_eq!(seen[1].line, format!("POST {path} HTTP/1.1"));
        assert_eq!(seen[1].header(header), Some(key.as_str()));
    }
}

#[tokio::test]
async fn over_tls_only_a_server_that_is_vouched_for_is_called() {
    let server = Server::start_tls(vec![Act::reply(200, GOOD)]).await;
    let mut providers = providers(Api::OpenAi, &server);
    let tls = |file: &str| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/tls").join(file);
    // A certificate of somebody else: the leaf itself is no authority.
    providers.get_mut("here").unwrap().ca_file = Some(tls("leaf.pem"));
    let error = ask(&*model(&providers)).await.unwrap_err();
    assert!(error.fault == CallFault::Provider && error.error.contains("certificate"), "{error}");
    assert!(server.seen().is_empty());
    providers.get_mut("here").unwrap().ca_file = Some(tls("ca.pem"));
    assert_eq!(ask(&*model(&providers)).await.unwrap().reply, br#"{"tasks":[]}"#);
    providers.get_mut("here").unwrap().ca_file = Some(tls("leaf.key"));
    let refused = build(&ModelChoice { model: "here::m".into(), params: Vec::new() }, &providers);
    assert!(refused.err().unwrap().to_string().contains("holds no certificate"));
}

#[tokio::test]
async fn models_of_a_provider_share_its_places() {
    let held = Server::start(vec![Act::silence(), Act::reply(200, GOOD)]).await;
    let mut providers = providers(Api::OpenAi, &held);
    providers.get_mut("here").unwrap().concurrency_max = 1;
    let (first, second) = (model(&providers), model(&providers));
    let mut waiting = Box::pin(ask(&*first));
    let mut behind = Box::pin(ask(&*second));
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("the server is silent"),
        _ = &mut behind => panic!("there is one place, and it is taken"),
        () = held.seen_one() => {}
    }
    assert_eq!(held.seen().len(), 1);
    drop(waiting);
    assert_eq!(behind.await.unwrap().tries, 1);
}

#[tokio::test]
async fn a_request_for_another_model_or_with_bad_parameters_is_not_sent() {
    let server = Server::start(Vec::new()).await;
    let model = model(&providers(Api::OpenAi, &server));
    let info = CallInfo { purpose: Purpose::Plan, job: Job::Plan, attempt: 1, ask: 1, call: CallId(1) };
    let error = model.call(&request("here::other"), &info).await.unwrap_err();
    assert_eq!((error.fault, error.tries), (CallFault::Request, 0));
    let mut request = request("here::m");
    request.params = vec![("temperature".into(), "warm".into())];
    assert!(model.call(&request, &info).await.unwrap_err().error.contains("decimal number"));
    assert!(server.seen().is_empty());
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_sent() {
    let mut providers = Providers::default();
    let refused = |model: &str, providers: &Providers| {
        let choice = ModelChoice { model: model.into(), params: Vec::new() };
        build(&choice, providers).err().map(|error| error.to_string()).unwrap_or_default()
    };
    for (model, words) in [
        ("openai::gpt", &["OPENAI_API_KEY", "openai"][..]),
        ("anthropic::x", &["ANTHROPIC_API_KEY"]),
        ("gemini::x", &["GEMINI_API_KEY"]),
        ("mistral::x", &["mistral", "anthropic, gemini, ollama, openai"]),
        ("gpt-4", &["gpt-4", "provider::name"]),
        ("openai::", &["provider::name"]),
        ("", &["provider::name"]),
        ("script:", &["script:FILE"]),
        ("script:no/such", &["no/such"]),
        ("ollama::a b", &["a b"]),
        ("extractive", &["extractive"]),
    ] {
        let error = refused(model, &providers);
        assert!(words.iter().all(|word| error.contains(word)), "{model}: {error}");
    }
    providers.get_mut("openai").unwrap().api_key = Some(Secret::new("sk-with\nbreak"));
    let error = refused("openai::gpt", &providers);
    assert!(error.contains("OPENAI_API_KEY") && !error.contains("sk-with"), "{error}");
    providers.get_mut("ollama").unwrap().tries_max = 0;
    assert!(refused("ollama::m", &providers).contains("tries_max = 0"));
    assert!(matches!(
        build(&ModelChoice { model: "extractive".into(), ..Default::default() }, &providers),
        Err(BuildError::Extractive)
    ));
}

#[test]
fn hosts_are_named_without_a_call() {
    let providers = Providers::default();
    assert_eq!(host_of("openai::gpt", &providers).as_deref(), Some("api.openai.com"));
    assert_eq!(host_of("ollama::m", &providers).as_deref(), Some("127.0.0.1:11434"));
    for none in ["extractive", "script:x.json", "nobody::m", ""] {
        assert_eq!(host_of(none, &providers), None);
    }
}
