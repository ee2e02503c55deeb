//! Workers: what they do now, what came of their work, and how long they worked and waited: `delm agents`.
//!
//! Refuses private counters: times are those between a claim's entry and the entry that ended it.

use std::collections::BTreeMap;

use delm_core::entry::Sealed;
use delm_core::event::{AgentKind, Event};
use delm_core::ids::{AgentId, Fence, Job, Millis};
use delm_core::run::{Agent, Phase, Run};
use schemars::JsonSchema;
use serde::Serialize;

use super::vocabulary;
use crate::name::{Time, Word};

vocabulary!(/// What a worker does.
AgentState {
    /// It holds a job.
    Working = "working",
    /// It holds none.
    Waiting = "waiting",
    /// It left.
    Left = "left",
    /// The run is over.
    Done = "done",
});

/// A worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AgentView {
    /// Its label.
    pub agent: Word<AgentId>,
    /// What it is.
    pub kind: Word<AgentKind>,
    /// Who answers for it.
    pub principal: String,
    /// The model it works with.
    pub model: String,
    /// The program it is, if it is one.
    pub program: Option<String>,
    /// What it does.
    pub state: Word<AgentState>,
    /// The job it holds.
    pub job: Option<Word<Job>>,
    /// Its claim.
    pub fence: Option<u64>,
    /// When the claim expires unless renewed.
    pub deadline: Option<Time>,
    /// Claims it made.
    pub claims: u32,
    /// Its claims that expired.
    pub expired: u32,
    /// Its gists that became facts.
    pub admitted: u32,
    /// Its gists that were rejected.
    pub rejected: u32,
    /// Verdicts it gave.
    pub verdicts: u32,
    /// Tokens its calls took, in and out.
    pub tokens: u64,
    /// Running time during which it held a job.
    pub worked_ms: u64,
    /// Running time during which it held none.
    pub waited_ms: u64,
}

impl AgentView {
    /// A worker. `work` has seen every entry of the run.
    #[must_use]
    pub fn of(run: &Run, id: AgentId, agent: &Agent, work: &WorkFold) -> Self {
        let claim = agent.claim.and_then(|fence| run.claim(fence));
        let state = match (agent.left, agent.claim) {
            (true, _) => AgentState::Left,
            (false, _) if matches!(run.phase(), Phase::Ended(_)) => AgentState::Done,
            (false, Some(_)) => AgentState::Working,
            (false, None) => AgentState::Waiting,
        };
        let (worked_ms, waited_ms) = work.times(run, id);
        Self {
            agent: Word(id),
            kind: Word(agent.kind),
            principal: agent.principal.to_string(),
            model: agent.model.to_string(),
            program: agent.program.as_ref().map(ToString::to_string),
            state: Word(state),
            job: claim.map(|claim| Word(claim.job)),
            fence: agent.claim,
            deadline: claim.map(|claim| Time(claim.deadline_ms)),
            claims: agent.claims,
            expired: agent.expired,
            admitted: agent.admitted,
            rejected: agent.rejected,
            verdicts: agent.verdicts,
            tokens: agent.tokens,
            worked_ms,
            waited_ms,
        }
    }
}

/// How long workers worked and waited, folded from entries. Pauses of the run count as neither.
#[derive(Clone, Debug, Default)]
pub struct WorkFold {
    agents: BTreeMap<AgentId, Times>,
    /// Claims that were live after the entry before, by agent.
    live: BTreeMap<AgentId, (Fence, Millis)>,
}

/// Moments are of running time: see [`Run::ran_ms`].
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    joined: Millis,
    left: Option<Millis>,
    worked: Millis,
}

impl WorkFold {
    /// Sees an entry that `run` has just applied.
    pub fn entry(&mut self, run: &Run, sealed: &Sealed) {
        let now = run.ran_ms();
        let ended =
            |agent: &AgentId, fence: Fence| run.agent(*agent).is_none_or(|agent| agent.claim != Some(fence));
        let over: Vec<AgentId> = self
            .live
            .iter()
            .filter(|(agent, (fence, _))| ended(agent, *fence))
            .map(|(agent, _)| *agent)
            .collect();
        for agent in over {
            if let (Some((_, since)), Some(times)) = (self.live.remove(&agent), self.agents.get_mut(&agent)) {
                times.worked += now.saturating_sub(since);
            }
        }
        for event in &sealed.entry.events {
            if let Event::AgentJoined(joined) = event {
                self.agents.insert(joined.agent, Times { joined: now, ..Times::default() });
            } else if let Event::AgentLeft(left) = event {
                if let Some(times) = self.agents.get_mut(&left.agent) {
                    times.left = Some(now);
                }
            } else if let Event::Claimed(claimed) = event {
                self.live.insert(claimed.agent, (claimed.fence, now));
            }
        }
    }

    /// How long a worker worked and waited up to the newest entry, in milliseconds.
    fn times(&self, run: &Run, agent: AgentId) -> (Millis, Millis) {
        let now = run.ran_ms();
        let times = self.agents.get(&agent).copied().unwrap_or_default();
        let working = self.live.get(&agent).map_or(0, |(_, since)| now.saturating_sub(*since));
        let worked = times.worked.saturating_add(working);
        let there = times.left.unwrap_or(now).saturating_sub(times.joined);
        (worked, there.saturating_sub(worked))
    }
}
