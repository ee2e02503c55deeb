//! Which blobs an entry names: those that must be durable with it.
//!
//! Refuses to follow names out of the entry: prior replies and contexts named by a recipe are stored already.

use alloc::collections::BTreeSet;

use crate::entry::Entry;
use crate::event::Event;
use crate::ids::Digest;

/// Every blob that the entry's events name by hash, a call's request aside, which is never stored.
#[must_use]
pub fn named_by(entry: &Entry) -> BTreeSet<Digest> {
    let mut named = BTreeSet::new();
    for event in &entry.events {
        name(event, &mut |hash| {
            named.insert(*hash);
        });
    }
    named
}

fn name(event: &Event, add: &mut impl FnMut(&Digest)) {
    match event {
        Event::RunStarted(run) => {
            add(&run.question);
            run.name.iter().for_each(&mut *add);
            run.templates.iter().for_each(|template| add(&template.text));
        }
        Event::RunForked(fork) => {
            fork.name.iter().for_each(&mut *add);
            fork.templates.iter().flatten().for_each(|template| add(&template.text));
        }
        Event::RunEnded(end) => end.reason.iter().for_each(add),
        Event::SourceAdded(source) => {
            add(&source.name);
            add(&source.text);
        }
        Event::SourceSkipped(skipped) => {
            add(&skipped.name);
            add(&skipped.reason);
        }
        Event::TaskAdded(task) => add(&task.text),
        Event::CallStarted(call) => {
            let recipe = &call.request.recipe;
            for hash in [recipe.feedback, recipe.prior, recipe.problem].iter().flatten() {
                add(hash);
            }
        }
        Event::CallFinished(call) => add(&call.reply),
        Event::CallFailed(call) => {
            add(&call.error);
            call.reply.iter().for_each(add);
        }
        Event::DraftSubmitted(draft) => add(&draft.draft),
        Event::ResultRefused(refused) => add(&refused.draft),
        Event::SummaryChecked(checked) => add(&checked.summary),
        Event::GistProposed(proposed) => add(&proposed.gist),
        Event::VerdictGiven(verdict) => {
            add(&verdict.gist);
            add(&verdict.reason);
        }
        Event::GistAdmitted(admitted) => add(&admitted.gist),
        Event::GistWithdrawn(withdrawn) => add(&withdrawn.reason),
        Event::BlobRedacted(redacted) => add(&redacted.reason),
        Event::TaskReopened(reopened) => add(&reopened.reason),
        Event::TaskAbandoned(abandoned) => add(&abandoned.reason),
        Event::AnswerGiven(answer) => add(&answer.answer),
        Event::RunPaused(_)
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
