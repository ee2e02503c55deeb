//! F. Log and identity: I-8, I-14 (which blobs are named), I-36, I-40.
//!
//! Ids, parents, order and tree (I-34, I-39) and unknown versions (I-42) are judged where the stream is read: a stream
//! that breaks them is no intact stream.

use std::collections::{BTreeMap, BTreeSet};

use super::{Court, list, who};
use crate::bytes::{Entry, Event, FactId, RunForked, Subject};
use crate::invariant::Invariant as I;
use crate::names::role;
use crate::report::shown;
use crate::run::Status;

impl Court {
    /// I-8: time never goes back.
    pub(super) fn time(&mut self, entry: &Entry) {
        let before = self.run.at;
        self.require(
            entry.at >= before,
            I::TimeMonotone,
            |_| format!("a time of {before} or later"),
            |_| entry.at.to_string(),
        );
        self.run.at = entry.at;
    }

    /// I-36: a command number is used once within the window.
    pub(super) fn command_number(&mut self, entry: &Entry) {
        let kept = usize::try_from(self.run.limit(|limits| limits.commands_kept)).unwrap_or(usize::MAX);
        let numbers = self.run.commands.entry(entry.agent).or_default();
        let again = numbers.iter().rev().take(kept).any(|number| *number == entry.command);
        numbers.push_back(entry.command);
        while numbers.len() > kept.max(1) {
            numbers.pop_front();
        }
        self.require(
            !again,
            I::Idempotence,
            |_| format!("a command number that {} did not use lately", who(entry.agent)),
            |_| format!("{} again", entry.command),
        );
    }

    pub(super) fn run_forked(&mut self, entry: &Entry, forked: &RunForked) {
        self.frame.began = true;
        self.frame.forked = true;
        let (id, seq) = (self.run.id, entry.seq);
        // I-40: it says what it leaves from.
        self.require(
            self.frame.place == 0
                && (forked.owner, forked.head) == (id, entry.parent)
                && forked.seq + 1 == seq,
            I::ForkIsolation,
            |_| {
                format!(
                    "a fork, first in its entry, of {} at {} after {}",
                    shown(&id),
                    seq.wrapping_sub(1),
                    entry.parent
                )
            },
            |_| format!("one of {} at {} after {}", forked.owner, forked.seq, forked.head),
        );
        self.run.id = entry.id;
        self.change_limits(&forked.changes);
        let setup = &mut self.run.setup;
        setup.begun_at = entry.at;
        setup.self_review = forked.self_review.unwrap_or(setup.self_review);
        if let Some(prices) = &forked.prices {
            setup.prices.clone_from(prices);
        }
        if let Some(ablations) = &forked.ablations {
            setup.ablated_verdicts = ablations.contains(&crate::bytes::Ablation::Verdicts);
        }
        // Whoever joined the parent works there.
        self.run.agents.values_mut().for_each(|agent| agent.left = true);
        self.run.agents_inherited = self.run.agents.len() as u64;
        self.run.principals.clear();
        self.run.stops.clear();
        self.run.paused = false;
        // It counts its own spending apart; what is reserved by inherited calls goes as they are closed.
        let ledger = &mut self.run.ledger;
        (ledger.spent_microusd, ledger.spent_tokens) = (0, 0);
    }

    /// I-40: a fork begins without claims and calls of its parent.
    pub(super) fn fork_closed(&mut self, entry: &Entry) {
        if !self.frame.forked {
            return;
        }
        let held = self.run.live.keys().find(|fence| **fence != entry.seq).copied();
        let open = self.run.calls.iter().find(|(_, call)| call.fence != entry.seq).map(|(call, _)| *call);
        self.require(
            held.is_none() && open.is_none(),
            I::ForkIsolation,
            |_| "inherited claims to be released and inherited calls to be closed".to_owned(),
            |_| match (held, open) {
                (Some(fence), _) => format!("fence {fence} lives on"),
                (None, Some(call)) => format!("{call} is open still"),
                (None, None) => String::new(),
            },
        );
        self.tainted_reopened();
    }

    /// I-40: a fork works out again exactly the tasks whose newest fact builds on one that it drops.
    fn tainted_reopened(&mut self) {
        let run = &self.run;
        let mut newest: BTreeMap<Subject, FactId> = BTreeMap::new();
        for (place, fact) in run.facts.iter().enumerate() {
            newest.insert(fact.task, FactId(u32::try_from(place + 1).unwrap_or(u32::MAX)));
        }
        let (frame, replaced) = (&self.frame, self.frame.replaced.clone());
        let falls = |label: &FactId| {
            let gone = run.fact(*label).is_none_or(|fact| fact.withdrawn) && !replaced.contains(label);
            frame.tainted.contains(label) && !gone
        };
        let due: BTreeSet<Subject> =
            newest.iter().filter(|(_, label)| falls(label)).map(|(task, _)| *task).collect();
        let found = newest.iter().filter(|(task, _)| frame.reopened.contains(task));
        let found: BTreeSet<FactId> = found.map(|(_, label)| *label).collect();
        let wrong = self.frame.reopened.iter().find(|task| !due.contains(task)).copied();
        let done = |task: &&Subject| run.work.get(task).is_some_and(|work| work.status == Status::Done);
        let left = due.iter().filter(|task| !self.frame.reopened.contains(task)).find(done).copied();
        self.require(
            wrong.is_none() && left.is_none() && found == replaced,
            I::ForkIsolation,
            |_| format!("{} to be reopened, and {} withdrawn with that", list(&due), list(&found)),
            |_| match (wrong, left) {
                (Some(task), _) => format!("{task} is reopened"),
                (None, Some(task)) => format!("{task} stays done"),
                (None, None) => format!("{} withdrawn", list(&replaced)),
            },
        );
    }

    /// I-14: remembers each blob that the event names, with what is asked of its bytes.
    pub(super) fn name_blobs(&mut self, event: &Event) {
        let seq = self.frame.seq;
        let names = &mut self.names;
        let mut add = |hash: &crate::bytes::Hash, roles: u8| names.add(hash, seq, roles);
        match event {
            Event::RunStarted(it) => {
                add(&it.question, role::PLAIN);
                it.name.iter().for_each(|name| add(name, role::PLAIN));
                it.templates.iter().for_each(|template| add(&template.text, role::PLAIN));
            }
            Event::RunForked(it) => {
                it.name.iter().for_each(|name| add(name, role::PLAIN));
                it.templates.iter().flatten().for_each(|template| add(&template.text, role::PLAIN));
            }
            Event::RunEnded(it) => it.reason.iter().for_each(|reason| add(reason, role::REASON)),
            Event::SourceAdded(it) => {
                add(&it.name, role::PLAIN);
                add(&it.text, role::PLAIN);
            }
            Event::SourceSkipped(it) => {
                add(&it.name, role::PLAIN);
                add(&it.reason, role::REASON);
            }
            Event::TaskAdded(it) => add(&it.text, role::PLAIN),
            Event::CallStarted(it) => {
                let recipe = &it.request.recipe;
                let always = [Some(recipe.preamble), Some(recipe.template)];
                let maybe = [recipe.feedback, recipe.prior, recipe.problem];
                always.iter().chain(&maybe).flatten().for_each(|hash| add(hash, role::PLAIN));
            }
            Event::CallFinished(it) => add(&it.reply, role::PLAIN),
            Event::CallFailed(it) => {
                add(&it.error, role::PLAIN);
                it.reply.iter().for_each(|reply| add(reply, role::PLAIN));
            }
            Event::DraftSubmitted(it) => add(&it.draft, role::PLAIN),
            Event::ResultRefused(it) => add(&it.draft, role::PLAIN),
            Event::SummaryChecked(it) => add(&it.summary, role::PLAIN),
            Event::GistProposed(it) => add(&it.gist, role::PLAIN),
            Event::VerdictGiven(it) => {
                add(&it.gist, role::PLAIN);
                add(&it.reason, role::REASON);
            }
            Event::GistAdmitted(it) => add(&it.gist, role::PLAIN),
            Event::GistWithdrawn(it) => add(&it.reason, role::REASON),
            Event::BlobRedacted(it) => {
                add(&it.blob, role::PLAIN);
                add(&it.reason, role::REASON);
            }
            Event::TaskReopened(it) => add(&it.reason, role::REASON),
            Event::TaskAbandoned(it) => add(&it.reason, role::REASON),
            Event::AnswerGiven(it) => add(&it.answer, role::PLAIN),
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
}
