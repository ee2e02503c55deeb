//! Which blobs an event names: the ones an export must carry for it.
//!
//! Refuses hashes that name no stored bytes: of an original file, a request, an entry or a run.

use delm_core::event::{CallStarted, Event, RunStarted};
use delm_core::ids::Digest;

/// Calls `visit` with every blob that the event names, in the order of its fields; one may come twice.
pub fn named_blobs(event: &Event, mut visit: impl FnMut(Digest)) {
    match event {
        Event::RunStarted(body) => run_started(body, visit),
        Event::CallStarted(body) => call_started(body, visit),
        Event::RunEnded(body) => body.reason.into_iter().for_each(visit),
        Event::SourceAdded(body) => [body.name, body.text].into_iter().for_each(visit),
        Event::SourceSkipped(body) => [body.name, body.reason].into_iter().for_each(visit),
        Event::TaskAdded(body) => visit(body.text),
        Event::CallFinished(body) => visit(body.reply),
        Event::CallFailed(body) => visit(body.error),
        Event::DraftSubmitted(body) => visit(body.draft),
        Event::ResultRefused(body) => visit(body.draft),
        Event::SummaryChecked(body) => visit(body.summary),
        Event::GistProposed(body) => visit(body.gist),
        Event::VerdictGiven(body) => [body.gist, body.reason].into_iter().for_each(visit),
        Event::GistAdmitted(body) => visit(body.gist),
        Event::GistWithdrawn(body) => visit(body.reason),
        Event::BlobRedacted(body) => [body.blob, body.reason].into_iter().for_each(visit),
        Event::TaskReopened(body) => visit(body.reason),
        Event::TaskAbandoned(body) => visit(body.reason),
        Event::AnswerGiven(body) => visit(body.answer),
        Event::RunForked(_)
        | Event::RunPaused(_)
        | Event::RunResumed(_)
        | Event::UnitAdded(_)
        | Event::AgentJoined(_)
        | Event::AgentLeft(_)
        | Event::Claimed(_)
        | Event::LeaseRenewed(_)
        | Event::ClaimExpired(_)
        | Event::ClaimReleased(_)
        | Event::ContextRead(_)
        | Event::Unfolded(_)
        | Event::Drained(_)
        | Event::Expanded(_)
        | Event::LimitReached(_) => {}
    }
}

fn run_started(body: &RunStarted, mut visit: impl FnMut(Digest)) {
    visit(body.question);
    body.name.into_iter().for_each(&mut visit);
    body.templates.iter().for_each(|template| visit(template.text));
}

fn call_started(body: &CallStarted, mut visit: impl FnMut(Digest)) {
    let recipe = &body.request.recipe;
    [recipe.preamble, recipe.template].into_iter().for_each(&mut visit);
    [recipe.feedback, recipe.prior, recipe.problem].into_iter().flatten().for_each(visit);
}

/// The blob whose bytes this event takes away, if it does that.
#[must_use]
pub fn redacted_blob(event: &Event) -> Option<Digest> {
    if let Event::BlobRedacted(body) = event { Some(body.blob) } else { None }
}
