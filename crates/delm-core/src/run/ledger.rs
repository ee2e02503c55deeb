//! What a run has spent and what it has set aside, in tokens and millionths of a dollar.
//!
//! Refuses to guess: an unknown cost is counted as a call of unknown cost, never as zero.
//!
//! A call reserves the most that one request can take. A request that brought no reply and may be billed all the same is
//! charged that reservation, each of them. So spending ends at most at the budget and, for each call that was in flight
//! when it was crossed, its reservation for each billable try but one (I-31): no call begins beyond the budget.

use rpds::RedBlackTreeMapSync;

use crate::event::{CallFailed, CallFinished, CallStarted, Purpose};
use crate::ids::{AgentId, CallId, Digest, Fence, Job, MicroUsd};

/// A call without an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCall {
    /// The claim it was made for; the claim may be over.
    pub fence: Fence,
    /// Who made it.
    pub agent: AgentId,
    /// What for.
    pub job: Job,
    /// What for, as a purpose.
    pub purpose: Purpose,
    /// Its start, as recorded.
    pub started: alloc::sync::Arc<CallStarted>,
    /// Id of the entry that made its claim, kept here once the claim is over.
    pub(crate) claim: Option<Digest>,
}

/// Totals of all calls, rejected, stale and failed ones included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    pub(crate) open: RedBlackTreeMapSync<CallId, OpenCall>,
    /// Calls started, those of a fork's prefix among them: the label of the newest.
    pub calls: u32,
    /// Of those, calls of a fork's prefix. Whatever else is counted here is the fork's own.
    pub inherited: u32,
    /// Calls that brought a reply.
    pub finished: u32,
    /// Calls that brought none.
    pub failed: u32,
    /// What the call said that failed last.
    pub last_error: Option<Digest>,
    /// Tokens in.
    pub tokens_in: u64,
    /// Tokens out.
    pub tokens_out: u64,
    /// Of those in, read from a provider's cache.
    pub tokens_cached: u64,
    /// Tokens charged for calls that brought no reply or whose provider did not count them.
    pub tokens_charged: u64,
    /// Money spent; a call of unknown cost counts with what was set aside for it.
    pub spent_microusd: MicroUsd,
    /// Ended calls whose cost is unknown.
    pub cost_unknown: u32,
    /// Money set aside for open calls.
    pub reserved_microusd: MicroUsd,
    /// Tokens set aside for open calls.
    pub reserved_tokens: u64,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            open: RedBlackTreeMapSync::new_sync(),
            calls: 0,
            inherited: 0,
            finished: 0,
            failed: 0,
            last_error: None,
            tokens_in: 0,
            tokens_out: 0,
            tokens_cached: 0,
            tokens_charged: 0,
            spent_microusd: 0,
            cost_unknown: 0,
            reserved_microusd: 0,
            reserved_tokens: 0,
        }
    }
}

impl Ledger {
    /// Calls without an end, by label.
    pub fn open(&self) -> impl Iterator<Item = (&CallId, &OpenCall)> {
        self.open.iter()
    }

    /// Calls that the run itself started.
    #[must_use]
    pub fn own_calls(&self) -> u32 {
        self.calls.saturating_sub(self.inherited)
    }

    /// Tokens that count against the budget.
    #[must_use]
    pub fn spent_tokens(&self) -> u64 {
        self.tokens_in.saturating_add(self.tokens_out).saturating_add(self.tokens_charged)
    }

    /// The whole cost, or none if a part of it is unknown.
    #[must_use]
    pub fn cost_microusd(&self) -> Option<MicroUsd> {
        (self.cost_unknown == 0).then_some(self.spent_microusd)
    }

    /// What is spent and what is reserved of a budget, by the limit's name.
    #[must_use]
    pub fn of_budget(&self, limit: &str) -> Option<(u64, u64)> {
        match limit {
            "budget_tokens" => Some((self.spent_tokens(), self.reserved_tokens)),
            "budget_microusd" => Some((self.spent_microusd, self.reserved_microusd)),
            _ => None,
        }
    }

    /// Remembers which entry made an open call's claim, now that the claim is over.
    pub(crate) fn outlive(&mut self, call: CallId, claim: Option<Digest>) {
        if let Some(mut open) = self.open.get(&call).cloned() {
            open.claim = claim;
            self.open.insert_mut(call, open);
        }
    }

    /// From here on a fork counts: nothing is spent, and open calls are still to be let go.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self {
            open: self.open.clone(),
            calls: self.calls,
            inherited: self.calls,
            reserved_microusd: self.reserved_microusd,
            reserved_tokens: self.reserved_tokens,
            ..Self::default()
        };
    }

    /// Forgets a call that goes on elsewhere, if at all.
    pub(crate) fn let_go(&mut self, call: CallId) -> Option<OpenCall> {
        self.close(call)
    }

    pub(crate) fn start(&mut self, call: OpenCall) {
        self.calls += 1;
        self.reserved_microusd =
            self.reserved_microusd.saturating_add(call.started.reserved_microusd.unwrap_or(0));
        self.reserved_tokens = self.reserved_tokens.saturating_add(call.started.reserved_tokens);
        self.open.insert_mut(call.started.call, call);
    }

    pub(crate) fn finish(&mut self, end: &CallFinished) -> Option<OpenCall> {
        let open = self.close(end.call)?;
        self.finished += 1;
        match end.tokens {
            Some(tokens) => {
                self.tokens_in = self.tokens_in.saturating_add(tokens.input);
                self.tokens_out = self.tokens_out.saturating_add(tokens.output);
                self.tokens_cached = self.tokens_cached.saturating_add(tokens.cached);
            }
            // A provider that does not count is charged at the most the call could take.
            None => self.tokens_charged = self.tokens_charged.saturating_add(open.started.reserved_tokens),
        }
        let billable = u64::from(end.billable);
        let lost = open.started.reserved_tokens.saturating_mul(billable);
        self.tokens_charged = self.tokens_charged.saturating_add(lost);
        self.pay(end.cost_microusd);
        if end.cost_microusd.is_none() {
            // Unknown is not nothing: a budget counts what was set aside for it.
            let reserved = open.started.reserved_microusd.unwrap_or(0);
            let most = reserved.saturating_mul(billable.saturating_add(1));
            self.spent_microusd = self.spent_microusd.saturating_add(most);
        }
        Some(open)
    }

    pub(crate) fn fail(&mut self, end: &CallFailed) -> Option<OpenCall> {
        let open = self.close(end.call)?;
        self.failed += 1;
        self.last_error = Some(end.error);
        self.tokens_charged = self.tokens_charged.saturating_add(end.charged_tokens);
        self.pay(end.charged_microusd);
        if end.charged_microusd.is_none() {
            let reserved = open.started.reserved_microusd.unwrap_or(0);
            let most = reserved.saturating_mul(end.charged_tries());
            self.spent_microusd = self.spent_microusd.saturating_add(most);
        }
        Some(open)
    }

    fn pay(&mut self, cost: Option<MicroUsd>) {
        match cost {
            Some(cost) => self.spent_microusd = self.spent_microusd.saturating_add(cost),
            None => self.cost_unknown += 1,
        }
    }

    fn close(&mut self, call: CallId) -> Option<OpenCall> {
        let open = self.open.get(&call).cloned()?;
        self.open.remove_mut(&call);
        self.reserved_microusd =
            self.reserved_microusd.saturating_sub(open.started.reserved_microusd.unwrap_or(0));
        self.reserved_tokens = self.reserved_tokens.saturating_sub(open.started.reserved_tokens);
        Some(open)
    }
}
