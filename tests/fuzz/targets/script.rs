//! A script file: read or refused with its place; one that is read answers or refuses calls.
#![no_main]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use delm_core::event::Purpose;
use delm_core::ids::CallId;
use delm_core::request::{Notes, Request};
use delm_llm::script::{Script, ScriptError, ScriptModel};
use delm_llm::{CallInfo, Model};
use libfuzzer_sys::fuzz_target;

const ASK: &str =
    "Read S3.2 [S3.2]\n<<<\nThe lamp was lit in 1874 by Ada Quill. It burns.\n>>>\n[S1.1] More words here.";

fuzz_target!(|text: &str| {
    let script = match Script::parse(text, "fuzz") {
        Ok(script) => script,
        Err(ScriptError::Malformed { line, column, .. }) => {
            let lines = text.split('\n').count();
            assert!((1..=lines + 1).contains(&line) && column >= 1, "{line}:{column}");
            return;
        }
        Err(other) => panic!("a text cannot fail so: {other}"),
    };
    // A delay waits for a clock, and there is none here.
    if text.contains("delay_ms") || text.contains('\\') {
        return;
    }
    let model = ScriptModel::new("script:fuzz", script);
    for (purpose, job) in [
        (Purpose::Plan, "plan"),
        (Purpose::Read, "read:S3.2"),
        (Purpose::Reason, "reason:T1"),
        (Purpose::Review, "review:14"),
        (Purpose::Expand, "expand:1"),
        (Purpose::Finalize, "finalize"),
    ] {
        for ask in 1..3 {
            call(&model, purpose, job, ask);
        }
    }
});

fn call(model: &ScriptModel, purpose: Purpose, job: &str, ask: u32) {
    let notes: Notes = ["[F1] One.", "[F2] Two.", "[F2 withdrawn]"].into_iter().map(Into::into).collect();
    let request = Request {
        purpose,
        model: "script:fuzz".into(),
        params: Vec::new(),
        output_tokens_max: 100,
        preamble: "NOTES\n".into(),
        length: notes.len(),
        notes,
        ask: ASK.into(),
        again: (ask > 1).then(|| ("{}".into(), "it is empty".into())),
        schema: "{}",
    };
    let job = job.parse().expect("a job");
    let info = CallInfo { purpose, job, attempt: 1, ask, call: CallId(1) };
    let mut calling = pin!(model.call(&request, &info));
    match calling.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(exchange)) => assert!(exchange.tries >= 1),
        Poll::Ready(Err(error)) => assert!(!error.error.is_empty() || error.tries > 0),
        Poll::Pending => panic!("a call without a delay waits"),
    }
}
