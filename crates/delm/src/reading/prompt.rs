//! What a model was asked in a call, rebuilt from the log and held against the hash that was recorded before the call.
//!
//! Refuses to show a prompt whose hash is another: that is an integrity failure, not a prompt.

use delm_core::event::{CallStarted, Event};
use delm_core::ids::{CallId, Digest};
use delm_core::prompt::{RenderError, hash, render};
use delm_core::request::{Request, Role};
use delm_wire::view::{CallFold, CallView};

use super::fold::{Walk, blobs, fold, info, whole};
use crate::access::{Reading, log_error};
use crate::error::{CliError, Exit};

/// A recorded call.
pub(super) fn call(reading: &Reading, run: Digest, label: CallId) -> Result<CallView, CliError> {
    let head = info(reading, run)?.head.seq;
    let blobs = blobs(reading, run);
    let mut page = CallFold::page(CallId(label.0.saturating_sub(1)).into(), 1);
    for sealed in Walk::new(reading, run, 0, head) {
        page.entry(&sealed?, &*blobs);
        if page.calls().any(|call| call.ended.is_some()) {
            break;
        }
    }
    whole(&blobs)?;
    let found = page.calls().find(|call| call.call.0 == label).cloned();
    found.ok_or_else(|| {
        CliError::new("not_found", Exit::NotFound, format!("the run has no call {label}"))
            .hint("`delm calls` lists them")
            .run(run.to_string())
    })
}

/// The request of a call, to the byte.
pub(super) fn rebuilt(reading: &Reading, run: Digest, call: &CallView) -> Result<Request, CliError> {
    // The call stands last in its entry: the state after it is the state that the prompt was made on.
    let loaded = fold(reading, run, call.seq, |_, _| {})?;
    let started = started(reading, run, call)?;
    let label = call.call.0;
    let request = render(&loaded.run, &*loaded.blobs, &started.request.recipe);
    whole(&loaded.blobs)?;
    let request = request.map_err(|error| {
        let (code, exit) = match &error {
            RenderError::Missing { .. } => ("redacted", Exit::NotFound),
            RenderError::Unknown { .. } | RenderError::NotText { .. } | RenderError::Placeholder { .. } => {
                ("prompt", Exit::Integrity)
            }
        };
        CliError::new(code, exit, format!("the prompt of {label} cannot be rebuilt: {error}"))
            .run(run.to_string())
    })?;
    let computed = hash(&loaded.run, &request);
    if computed != started.request.hash {
        let what = format!(
            "the prompt of {label}, rebuilt, has the hash {computed}; recorded is {}",
            started.request.hash
        );
        return Err(CliError::new("prompt", Exit::Integrity, what)
            .hint("`delm replay` looks at every prompt of the run")
            .run(run.to_string()));
    }
    Ok(request)
}

fn started(reading: &Reading, run: Digest, call: &CallView) -> Result<CallStarted, CliError> {
    let entry = reading.log.entry(&run, call.seq).map_err(log_error)?;
    let events = entry.into_iter().flat_map(|sealed| sealed.entry.events);
    let mut started =
        events.filter_map(|event| if let Event::CallStarted(started) = event { Some(started) } else { None });
    started
        .find(|started| started.call == call.call.0)
        .ok_or_else(|| CliError::new("internal", Exit::Unexpected, "the call has no beginning"))
}

/// The messages as one text, each under who says it.
pub(super) fn text(request: &Request) -> String {
    let mut text = String::new();
    for message in request.messages() {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        text.push_str(&format!("=== {role} ===\n{}\n", message.text.trim_end_matches('\n')));
    }
    text
}
