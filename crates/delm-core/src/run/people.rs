//! The workers of a run: who answers for them, what they hold, and which of their commands were accepted.
//!
//! Refuses to tell agents apart by name: an agent is its ordinal, and independence is between principals.

use alloc::sync::Arc;

use rpds::{RedBlackTreeMapSync, VectorSync};

use super::Run;
use crate::command::{Command, Reply};
use crate::event::AgentKind;
use crate::ids::{AgentId, Digest, Fence};

/// A command that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// What was asked.
    pub(crate) command: Digest,
    /// The reply to it.
    pub(crate) reply: Reply,
    /// Id of the entry it became.
    pub(crate) entry: Digest,
}

/// The commands of one sender that are remembered, by number, and the claim it made last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    kept: RedBlackTreeMapSync<u64, Known>,
    last: Option<u64>,
    /// The claim made last, however long ago: an agent holds no other. Its fence and the id of its entry.
    claim: Option<(Fence, Digest)>,
}

impl Default for Sent {
    fn default() -> Self {
        Self { kept: RedBlackTreeMapSync::new_sync(), last: None, claim: None }
    }
}

impl Sent {
    /// The number that the next command should carry.
    #[must_use]
    pub fn next_number(&self) -> u64 {
        self.last.map_or(0, |last| last.saturating_add(1))
    }

    pub(crate) fn last(&self) -> Option<u64> {
        self.last
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Known> {
        self.kept.get(&number)
    }

    /// Id of the entry that a command became, if it is remembered.
    #[must_use]
    pub fn entry(&self, number: u64) -> Option<Digest> {
        self.kept.get(&number).map(|known| known.entry)
    }

    /// Id of the entry by which this sender made the claim under a fence: the claim it made last, or one among its
    /// commands that are remembered.
    #[must_use]
    pub fn claim_entry(&self, fence: Fence) -> Option<Digest> {
        if let Some((_, entry)) = self.claim.filter(|(last, _)| *last == fence) {
            return Some(entry);
        }
        let claims = |known: &&Known| known.reply.claimed.is_some() && known.reply.seq == fence;
        self.kept.values().find(claims).map(|known| known.entry)
    }

    pub(crate) fn keep(&mut self, number: u64, known: Known, kept_max: u64) {
        self.last = Some(number);
        if known.reply.claimed.is_some() {
            self.claim = Some((known.reply.seq, known.entry));
        }
        self.kept.insert_mut(number, known);
        let oldest = self.kept.first().map(|(number, _)| *number);
        if let Some(oldest) = oldest.filter(|_| self.kept.size() as u64 > kept_max) {
            self.kept.remove_mut(&oldest);
        }
    }
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// What it is.
    pub kind: AgentKind,
    /// Who answers for it.
    pub principal: Arc<str>,
    /// The model it works with.
    pub model: Arc<str>,
    /// The program it is.
    pub program: Option<Arc<str>>,
    /// It left.
    pub left: bool,
    /// What it holds.
    pub claim: Option<Fence>,
    /// Claims it made.
    pub claims: u32,
    /// Facts it authored.
    pub admitted: u32,
    /// Its proposals that were rejected.
    pub rejected: u32,
    /// Verdicts it gave.
    pub verdicts: u32,
    /// Its claims that expired.
    pub expired: u32,
    /// Tokens its calls took, in and out.
    pub tokens: u64,
    /// Its commands.
    pub sent: Sent,
}

/// All workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agents {
    list: VectorSync<Arc<Agent>>,
    /// Joined agents of each principal.
    principals: RedBlackTreeMapSync<Arc<str>, u32>,
    /// How many of them were of a fork's prefix: they are history.
    pub(crate) inherited: usize,
    /// Commands of the engine itself.
    pub(crate) engine: Sent,
}

impl Default for Agents {
    fn default() -> Self {
        Self {
            list: VectorSync::new_sync(),
            principals: RedBlackTreeMapSync::new_sync(),
            inherited: 0,
            engine: Sent::default(),
        }
    }
}

impl Agents {
    /// Number of agents that ever joined.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }
    /// Whether none ever joined.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
    /// One agent.
    #[must_use]
    pub fn get(&self, id: AgentId) -> Option<&Agent> {
        self.list.get(id.index()).map(Arc::as_ref)
    }
    /// Every agent, by ordinal.
    pub fn iter(&self) -> impl Iterator<Item = (AgentId, &Agent)> {
        self.list.iter().enumerate().map(|(place, agent)| (AgentId::after(place), agent.as_ref()))
    }
    /// The commands of an agent, or of the engine itself.
    #[must_use]
    pub fn sent(&self, sender: Option<AgentId>) -> Option<&Sent> {
        match sender {
            None => Some(&self.engine),
            Some(id) => self.get(id).map(|agent| &agent.sent),
        }
    }
    /// Number of principals with a joined agent.
    #[must_use]
    pub fn principals(&self) -> usize {
        self.principals.size()
    }
    /// The one principal, if there is exactly one.
    #[must_use]
    pub fn only_principal(&self) -> Option<&str> {
        (self.principals.size() == 1).then(|| self.principals.keys().next()).flatten().map(Arc::as_ref)
    }

    /// Whether an agent is of a fork's prefix.
    #[must_use]
    pub fn is_inherited(&self, id: AgentId) -> bool {
        id.index() < self.inherited
    }

    /// Makes everybody who joined history.
    pub(crate) fn all_leave(&mut self) {
        self.inherited = self.list.len();
        let present = self.iter().filter(|(_, agent)| !agent.left).map(|(id, _)| id);
        let present: alloc::vec::Vec<AgentId> = present.collect();
        for id in present {
            self.change(id, |agent| agent.left = true);
        }
    }

    pub(crate) fn push(&mut self, agent: Agent) {
        let count = self.principals.get(&agent.principal).copied().unwrap_or(0);
        self.principals.insert_mut(agent.principal.clone(), count + 1);
        self.list.push_back_mut(Arc::new(agent));
    }

    pub(crate) fn change(&mut self, id: AgentId, change: impl FnOnce(&mut Agent)) {
        let Some(agent) = self.list.get(id.index()) else { return };
        let mut agent = Agent::clone(agent);
        let was_left = agent.left;
        change(&mut agent);
        if agent.left && !was_left {
            match self.principals.get(&agent.principal).copied().unwrap_or(0) {
                0 | 1 => {
                    self.principals.remove_mut(&agent.principal);
                }
                count => self.principals.insert_mut(agent.principal.clone(), count - 1),
            }
        }
        self.list.set_mut(id.index(), Arc::new(agent));
    }

    pub(crate) fn keep(&mut self, sender: Option<AgentId>, number: u64, known: Known, max: u64) {
        match sender {
            None => self.engine.keep(number, known, max),
            Some(id) => self.change(id, |agent| agent.sent.keep(number, known, max)),
        }
    }
}

impl Run {
    /// Id of the entry that made the claim which a command quotes, by its fence or its call; none if it quotes none, or
    /// none that is known of its sender. The command has to carry it as its [`claim`](crate::command::Envelope::claim).
    #[must_use]
    pub fn quoted_claim(&self, sender: Option<AgentId>, command: &Command) -> Option<Digest> {
        let sent = self.agent(sender?).map(|agent| &agent.sent)?;
        if let Some(fence) = command.fence() {
            return sent.claim_entry(fence);
        }
        let open = self.open_call(command.call()?).filter(|open| Some(open.agent) == sender)?;
        open.claim.or_else(|| sent.claim_entry(open.fence))
    }
}
