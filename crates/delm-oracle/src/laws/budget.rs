//! E. Budget: I-30 to I-32.
//!
//! Sums follow the section "What calls cost" of `entry-v1.md`: what nobody knows counts as what was reserved for it.

use super::Court;
use crate::bytes::{CallFailed, CallFault, CallFinished, CallId, CallStarted, LimitReached, PauseCause};
use crate::invariant::Invariant as I;
use crate::run::{Call, Ledger};

impl Court {
    pub(super) fn call_started(&mut self, started: &CallStarted) {
        let next = u64::from(self.run.calls_begun) + 1;
        // I-32: every call is recorded under a number of its own.
        self.require(
            u64::from(started.call.0) == next,
            I::NoMoneyLost,
            |_| format!("c{next} to be started next"),
            |_| started.call.to_string(),
        );
        self.run.calls_begun = self.run.calls_begun.max(started.call.0);
        let claim = self.run.live.get(&started.fence).cloned();
        let sender = self.frame.agent;
        // I-4: by the holder of a live claim.
        self.require(
            claim.as_ref().is_some_and(|claim| sender == Some(claim.agent)),
            I::StaleNeverLands,
            |_| "a call under the sender's live claim".to_owned(),
            |_| format!("{} under fence {}", started.call, started.fence),
        );
        if let Some(claim) = &claim {
            let recipe = &started.request.recipe;
            // I-19: the request is of that claim, over the context that it recorded.
            self.require(
                (recipe.job, recipe.attempt, Some(recipe.length)) == (claim.job, claim.attempt, claim.length)
                    && started.purpose == claim.job.purpose(),
                I::SnapshotsArePrefixes,
                |_| {
                    format!(
                        "a request for attempt {} at {} over {:?} notes",
                        claim.attempt, claim.job, claim.length
                    )
                },
                |_| format!("attempt {} at {} over {} notes", recipe.attempt, recipe.job, recipe.length),
            );
        }
        let ledger = &mut self.run.ledger;
        ledger.reserved_tokens = ledger.reserved_tokens.saturating_add(started.reserved_tokens);
        ledger.reserved_microusd =
            ledger.reserved_microusd.saturating_add(started.reserved_microusd.unwrap_or_default());
        if self.frame.claimed == Some(started.fence) {
            self.budget_bears(started);
        }
        let agent = claim.map_or(crate::bytes::AgentId(0), |claim| claim.agent);
        let call = Call {
            fence: started.fence,
            agent,
            model: started.model.clone(),
            reserved_microusd: started.reserved_microusd,
            reserved_tokens: started.reserved_tokens,
        };
        self.run.calls.insert(started.call, call);
    }

    /// I-31: a claim begins no call that takes more of a budget than is neither spent nor reserved. What takes nothing of
    /// it is borne by it: programs, the built-in reader, models without a price.
    fn budget_bears(&mut self, started: &CallStarted) {
        let Ledger { spent_microusd, spent_tokens, reserved_microusd, reserved_tokens, .. } = self.run.ledger;
        let (tokens, money) = (started.reserved_tokens, started.reserved_microusd.unwrap_or_default());
        let budget_tokens = self.run.limit(|limits| limits.budget_tokens);
        let budget_microusd = self.run.limit(|limits| limits.budget_microusd);
        let sums = [
            ("tokens", tokens, budget_tokens, spent_tokens.saturating_add(reserved_tokens)),
            ("microusd", money, budget_microusd, spent_microusd.saturating_add(reserved_microusd)),
        ];
        for (unit, needed, budget, taken) in sums {
            self.require(
                budget == 0 || needed == 0 || taken <= budget,
                I::OvershootBounded,
                |_| format!("no claim that takes {unit} past the budget of {budget}"),
                |_| format!("one with {taken} spent and reserved, its own {needed} included"),
            );
        }
    }

    /// I-32: the call that ends; its reservation with it.
    fn close_call(&mut self, id: CallId) -> Option<Call> {
        let call = self.run.calls.remove(&id);
        self.require(
            call.is_some(),
            I::NoMoneyLost,
            |_| "a call that is open to end, once".to_owned(),
            |_| format!("{id}, which is not open"),
        );
        if let Some(call) = &call {
            let ledger = &mut self.run.ledger;
            ledger.reserved_tokens = ledger.reserved_tokens.saturating_sub(call.reserved_tokens);
            ledger.reserved_microusd =
                ledger.reserved_microusd.saturating_sub(call.reserved_microusd.unwrap_or_default());
            if let Some(claim) = self.run.live.get(&call.fence) {
                self.frame.replied.push((call.fence, claim.job));
            }
        }
        call
    }

    pub(super) fn call_finished(&mut self, finished: &CallFinished) {
        let Some(call) = self.close_call(finished.call) else { return };
        let sender = self.frame.agent;
        // I-9: who called brings the reply.
        self.require(
            sender == Some(call.agent),
            I::Attribution,
            |_| format!("the reply of {} from {}", finished.call, call.agent),
            |_| super::who(sender),
        );
        let priced = self.run.setup.prices.iter().any(|price| price.model == call.model);
        let cached_in = finished.tokens.as_ref().is_none_or(|tokens| tokens.cached <= tokens.r#in);
        // I-30: a cost has tokens and a price behind it, and what was cached is part of what went in.
        self.require(
            cached_in
                && finished.billable <= finished.tries
                && (finished.cost_microusd.is_none() || (priced && finished.tokens.is_some())),
            I::CostsSum,
            |_| {
                "a cost only where tokens and a recorded price are known, cached tokens among those in"
                    .to_owned()
            },
            |_| format!("{:?} microusd of {} for {:?}", finished.cost_microusd, call.model, finished.tokens),
        );
        // What is unknown counts as reserved, and so does each try that may be billed.
        let tries = call.reserved_tokens.saturating_mul(u64::from(finished.billable));
        let used = finished.tokens.as_ref().map(|tokens| tokens.r#in.saturating_add(tokens.out));
        let used = used.unwrap_or(call.reserved_tokens).saturating_add(tries);
        let reserved = call.reserved_microusd.unwrap_or_default();
        let unknown = reserved.saturating_mul(u64::from(finished.billable).saturating_add(1));
        let ledger = &mut self.run.ledger;
        ledger.spent_tokens = ledger.spent_tokens.saturating_add(used);
        ledger.spent_microusd =
            ledger.spent_microusd.saturating_add(finished.cost_microusd.unwrap_or(unknown));
    }

    pub(super) fn call_failed(&mut self, failed: &CallFailed) {
        let Some(call) = self.close_call(failed.call) else { return };
        let lost = failed.fault == CallFault::Lost;
        if self.frame.forked {
            // I-40: the parent pays for its calls.
            return self.require(
                lost && (failed.charged_tokens, failed.charged_microusd) == (0, Some(0)),
                I::ForkIsolation,
                |_| {
                    format!("{}, a call of the parent, to end as lost and cost the fork nothing", failed.call)
                },
                |_| format!("{} tokens and {:?} microusd", failed.charged_tokens, failed.charged_microusd),
            );
        }
        let times = u64::from(failed.billable).max(u64::from(lost));
        let tokens = call.reserved_tokens.saturating_mul(times);
        let microusd = call.reserved_microusd.map(|reserved| reserved.saturating_mul(times));
        // I-32: what was lost is charged what it reserved; I-30: any failure is, once a try that may be billed.
        self.require(
            failed.charged_tokens == tokens
                && (failed.charged_microusd == microusd
                    || failed.charged_microusd.is_none() && !self.keeps_money()),
            if lost { I::NoMoneyLost } else { I::CostsSum },
            |_| format!("{} to be charged {tokens} tokens, {times} times what it reserved", failed.call),
            |_| format!("{} tokens and {:?} microusd", failed.charged_tokens, failed.charged_microusd),
        );
        let ledger = &mut self.run.ledger;
        ledger.spent_tokens = ledger.spent_tokens.saturating_add(failed.charged_tokens);
        ledger.spent_microusd = ledger.spent_microusd.saturating_add(microusd.unwrap_or_default());
    }

    fn keeps_money(&self) -> bool {
        self.run.limit(|limits| limits.budget_microusd) > 0
    }

    /// I-29, I-30: a limit that is reached is one the run has, and what it says was spent is the sum of the calls.
    pub(super) fn limit_is_true(&mut self, reached: &LimitReached) {
        self.deadline_is_true(reached);
        if reached.cause != PauseCause::Budget {
            return;
        }
        let Ledger { spent_microusd, spent_tokens, reserved_microusd, reserved_tokens, .. } = self.run.ledger;
        let (budget, spent, reserved) = match reached.limit.as_str() {
            "budget_tokens" => (self.run.limit(|limits| limits.budget_tokens), spent_tokens, reserved_tokens),
            "budget_microusd" => {
                (self.run.limit(|limits| limits.budget_microusd), spent_microusd, reserved_microusd)
            }
            _ => (0, 0, 0),
        };
        let sum = reached.spent.saturating_add(reserved).saturating_add(reached.needed);
        let true_sum = reached.spent == spent;
        let borne = if reached.needed == 0 { reached.spent < budget } else { sum <= budget };
        self.require(
            budget > 0 && reached.value == budget && true_sum && !borne,
            I::CostsSum,
            |_| format!("a budget of the run ({budget}) that {spent} spent and {reserved} reserved leave no room in"),
            |_| {
                let (limit, value, said, needed) = (&reached.limit, reached.value, reached.spent, reached.needed);
                format!("{limit} of {value} reached by {said}, with {needed} needed")
            },
        );
    }
}
