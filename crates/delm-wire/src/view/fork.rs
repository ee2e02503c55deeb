//! What a fork shares, drops and changes, before it begins: `fork --dry-run`.
//!
//! Refuses to guess: what falls with a fact is decided, as it will be when the fork begins.

use delm_core::entry::Entry;
use delm_core::event::Event;
use delm_core::ids::{FactId, Job};
use schemars::JsonSchema;
use serde::Serialize;

use super::tag;
use crate::data::Origin;
use crate::name::Word;

tag!(/// The schema of `delm fork --dry-run`.
    ForkPlanTag = "delm.fork-plan/1");

/// A fork that was not begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ForkPlan {
    /// What this document is.
    pub schema: ForkPlanTag,
    /// Where it would leave the other run.
    pub origin: Origin,
    /// Entries it would share; none is ever copied.
    pub entries_shared: u64,
    /// Claims of the other run that it would release.
    pub released: Vec<Word<Job>>,
    /// Facts that would be withdrawn.
    pub dropped: Vec<Word<FactId>>,
    /// Facts that build on these, directly or not.
    pub tainted: Vec<Word<FactId>>,
    /// What would be worked out again.
    pub reopened: Vec<Word<Job>>,
    /// How many agents would work.
    pub agents: u64,
    /// What else would change, `name=value`.
    pub changes: Vec<String>,
}

impl ForkPlan {
    /// What the first entry of a fork says, with its changes in words; none for another entry.
    #[must_use]
    pub fn of(first: &Entry, changes: Vec<String>) -> Option<Self> {
        let Some(Event::RunForked(fork)) = first.events.first() else { return None };
        let mut plan = Self {
            schema: ForkPlanTag,
            origin: fork.into(),
            entries_shared: fork.seq.saturating_add(1),
            released: Vec::new(),
            dropped: Vec::new(),
            tainted: Vec::new(),
            reopened: Vec::new(),
            agents: 0,
            changes,
        };
        for event in &first.events {
            if let Event::ClaimReleased(released) = event {
                plan.released.push(Word(released.job));
            } else if let Event::GistWithdrawn(withdrawn) = event {
                // Once something is reopened, what it had found is withdrawn too.
                if plan.reopened.is_empty() {
                    plan.dropped.push(Word(withdrawn.label));
                }
                plan.tainted.extend(withdrawn.tainted.iter().copied().map(Word));
            } else if let Event::TaskReopened(reopened) = event {
                plan.reopened.push(Word(reopened.task));
            } else if let Event::AgentJoined(_) = event {
                plan.agents += 1;
            }
        }
        plan.tainted.sort_by_key(|label| label.0);
        plan.tainted.dedup();
        plan.tainted.retain(|label| !plan.dropped.contains(label));
        Some(plan)
    }
}
