//! Claims and the calls that begin with them.
//!
//! Refuses a claim whose first call the budget cannot bear: it waits for reservations to come back, or stops the run.

use super::Refusal;
use super::builder::Builder;
use crate::apply::calls::purpose_of;
use crate::event::{
    Ablation, AgentKind, CallFailed, CallFault, CallStarted, ClaimReleased, Claimed, ContextRead,
    LeaseRenewed, PauseCause, Price, RequestRef,
};
use crate::ids::{AgentId, CallId, Digest, Fence, Job, MicroUsd};
use crate::prompt;
use crate::request::Request;
use crate::run::{Claim, Phase};

/// Whether a budget bears what a call may take.
enum Affordable {
    Yes,
    /// Once calls in flight give back what they do not use.
    Later,
    /// Not at all.
    Never(Short),
}

/// A budget that does not bear a call.
struct Short {
    limit: &'static str,
    value: u64,
    /// The most the call could take.
    needed: u64,
    /// What would be spent then.
    total: u64,
}

impl Builder<'_> {
    /// The sender, who must have joined and not left.
    pub(super) fn sender(&self) -> Result<AgentId, Refusal> {
        let agent = self.agent.ok_or(Refusal::WrongSender)?;
        let known = self.run.agent(agent).is_some_and(|agent| !agent.left);
        if known { Ok(agent) } else { Err(Refusal::UnknownAgent { agent }) }
    }

    pub(super) fn claim(&mut self, wanted: Option<Job>) -> Result<(), Refusal> {
        let agent = self.sender()?;
        if self.run.phase() != Phase::Running {
            return Err(Refusal::NotRunning { phase: self.run.phase() });
        }
        if let Some(fence) = self.run.agent(agent).and_then(|agent| agent.claim) {
            return Err(Refusal::HasClaim { fence });
        }
        let job = wanted.or_else(|| self.policy.next(&self.run, agent)).ok_or(Refusal::NoWork)?;
        if !self.policy.may_take(&self.run, agent, &job) {
            return Err(Refusal::NoWork);
        }
        let mark = self.mark();
        match self.take(agent, job)? {
            Affordable::Yes => Ok(()),
            Affordable::Later => {
                self.take_back(mark);
                Err(Refusal::BudgetReserved)
            }
            // The entry of a stop does not say which job was wanted, so only a claim of any job may stop the run.
            Affordable::Never(Short { limit, value, total, .. }) if wanted.is_some() => {
                self.take_back(mark);
                Err(Refusal::OverBudget { job, limit, value, needed: total })
            }
            Affordable::Never(Short { limit, value, needed, .. }) => {
                self.take_back(mark);
                self.stop(PauseCause::Budget, limit, value, needed)?;
                self.settle()
            }
        }
    }

    /// After a submission: the sender's next job in the same entry. A wish: what forbids it is no reason to refuse the
    /// submission, and is met again when the sender claims by itself.
    pub(super) fn claim_next(&mut self) {
        let (mark, request) = (self.mark(), self.request.take());
        if self.claim(None).is_err() {
            self.take_back(mark);
        }
        self.request = self.request.take().or(request);
    }

    fn take(&mut self, agent: AgentId, job: Job) -> Result<Affordable, Refusal> {
        let attempt = self.run.jobs().get(&job).map_or(1, |state| state.failures + 1);
        let deadline_ms = self.at.saturating_add(self.policy.lease_ms(&self.run, &job).max(1));
        self.emit(Claimed { job, agent, fence: self.seq, deadline_ms, attempt })?;
        let length = self.length_for(&job);
        self.emit(ContextRead { fence: self.seq, length })?;
        // A program is asked nothing, whoever works in the run: it works the job out by itself and submits its reply.
        if prompt::is_builtin(&self.run, purpose_of(&job)) || self.is_program(agent) {
            return Ok(Affordable::Yes);
        }
        self.call(self.seq, job, None)
    }

    /// How much of the context a job reads: readers and reviewers judge what is in front of them alone.
    fn length_for(&self, job: &Job) -> u64 {
        let blind = match job {
            Job::Read(_) | Job::Review(_) => true,
            Job::Reason(_) => self.run.ablated(Ablation::Sharing),
            Job::Plan | Job::Expand(_) | Job::Finalize => false,
        };
        if blind { 0 } else { self.run.notes().len() as u64 }
    }

    /// Begins a call under a claim, if the budget bears it.
    fn call(
        &mut self,
        fence: Fence,
        job: Job,
        again: Option<(Digest, Digest)>,
    ) -> Result<Affordable, Refusal> {
        let unknown = || Refusal::StaleFence { fence };
        let recipe = prompt::recipe(&self.run, job, again).ok_or_else(unknown)?;
        // A fact admitted in this entry is rendered once, here, not the whole context anew.
        prompt::warm(&mut self.run, &self.kept);
        let request = prompt::render(&self.run, &self.kept, &recipe)?;
        let tokens = self.tokens_max(&request);
        let money = self.price(&request.model).map(|price| cost(price, tokens.0, 0, tokens.1));
        match self.affordable(tokens.0.saturating_add(tokens.1), money.unwrap_or(0)) {
            Affordable::Yes => {}
            no @ (Affordable::Later | Affordable::Never(_)) => return Ok(no),
        }
        let hash = prompt::hash(&self.run, &request);
        self.emit(CallStarted {
            call: CallId(self.run.ledger().calls.saturating_add(1)),
            fence,
            purpose: request.purpose,
            model: request.model.clone(),
            request: RequestRef { hash, recipe },
            reserved_microusd: money,
            reserved_tokens: tokens.0.saturating_add(tokens.1),
        })?;
        self.request = Some(request);
        Ok(Affordable::Yes)
    }

    /// Begins another call under a claim, or gives the claim back and stops when the budget does not bear it.
    pub(super) fn call_again(
        &mut self,
        fence: Fence,
        claim: &Claim,
        again: Option<(Digest, Digest)>,
    ) -> Result<(), Refusal> {
        match self.call(fence, claim.job, again)? {
            Affordable::Yes => Ok(()),
            Affordable::Later => self.release_claim(fence, claim.job),
            Affordable::Never(Short { limit, value, needed, .. }) => {
                self.release_claim(fence, claim.job)?;
                if self.run.phase() == Phase::Running {
                    self.stop(PauseCause::Budget, limit, value, needed)?;
                }
                Ok(())
            }
        }
    }

    /// The most tokens a request can take, in and out. Bytes bound tokens from above by a recorded ratio.
    fn tokens_max(&self, request: &Request) -> (u64, u64) {
        let context = prompt::context_bytes(&self.run, request);
        let again = request.again.as_ref().map_or(0, |(reply, problem)| reply.len() + problem.len());
        let bytes =
            (request.preamble.len() + context + request.ask.len() + request.schema.len() + again) as u64;
        (bytes.div_ceil(self.run.limits().bytes_per_token), request.output_tokens_max)
    }

    fn price(&self, model: &str) -> Option<&Price> {
        self.run.started().and_then(|started| started.prices.iter().find(|price| price.model == model))
    }

    /// What a finished call costs, if its model has a price and its tokens were counted.
    pub(super) fn cost_of(&self, call: &crate::command::CallDone) -> Option<MicroUsd> {
        let model = self.run.open_call(call.call).map(|open| open.started.model.clone())?;
        let (price, tokens) = (self.price(&model)?, call.tokens?);
        let reply = cost(price, tokens.input, tokens.cached, tokens.output);
        if call.billable == 0 {
            return Some(reply);
        }
        // What the tries before the reply cost nobody says: unknown, unless a budget has to be kept.
        let reserved = self.run.open_call(call.call)?.started.reserved_microusd?;
        let kept = self.run.limits().budget_microusd > 0;
        kept.then(|| reply.saturating_add(reserved.saturating_mul(u64::from(call.billable))))
    }

    /// Whether an agent is a program.
    pub(super) fn is_program(&self, agent: AgentId) -> bool {
        self.run.agent(agent).is_some_and(|agent| agent.kind == AgentKind::Program)
    }

    fn affordable(&self, tokens: u64, money: MicroUsd) -> Affordable {
        let (limits, ledger) = (self.run.limits(), self.run.ledger());
        let checks = [
            ("budget_tokens", limits.budget_tokens, ledger.spent_tokens(), ledger.reserved_tokens, tokens),
            (
                "budget_microusd",
                limits.budget_microusd,
                ledger.spent_microusd,
                ledger.reserved_microusd,
                money,
            ),
        ];
        for (limit, value, spent, reserved, needed) in checks {
            let alone = spent.saturating_add(needed);
            let reserved = if cfg!(sabotage = "budget_unreserved") { 0 } else { reserved };
            let total = alone.saturating_add(reserved);
            // What takes nothing is borne by any budget; that one is spent stops the run elsewhere.
            if value == 0 || needed == 0 || total <= value {
                continue;
            }
            // Only claims give reservations back for certain: one that is left behind by an expired claim may never be.
            let others = self.run.jobs().claimed() > 1;
            if alone <= value && others {
                return Affordable::Later;
            }
            let total = if alone > value { alone } else { total };
            return Affordable::Never(Short { limit, value, needed, total });
        }
        Affordable::Yes
    }

    /// The sender's live claim under a fence.
    pub(super) fn own_claim(&self, fence: Fence) -> Result<Claim, Refusal> {
        let agent = self.sender()?;
        let claim = self.run.claim(fence).filter(|claim| claim.agent == agent);
        claim.cloned().ok_or(Refusal::StaleFence { fence })
    }

    pub(super) fn renew(&mut self, fence: Fence) -> Result<(), Refusal> {
        let claim = self.own_claim(fence)?;
        let lease = self.policy.lease_ms(&self.run, &claim.job).max(1);
        let deadline_ms = self.at.saturating_add(lease).max(claim.deadline_ms);
        self.emit(LeaseRenewed {
            job: claim.job,
            agent: claim.agent,
            fence,
            deadline_ms,
            attempt: claim.attempt,
        })
    }

    pub(super) fn release(&mut self, fence: Fence) -> Result<(), Refusal> {
        let claim = self.own_claim(fence)?;
        self.release_claim(fence, claim.job)?;
        self.lose_call(claim.call)
    }

    /// Gives a job back; past the bound on releases that is a failed attempt.
    pub(super) fn release_claim(&mut self, fence: Fence, job: Job) -> Result<(), Refusal> {
        self.emit(ClaimReleased { job, fence })?;
        if self.run.jobs.limbo.contains_key(&job) {
            let reason = self.keep("released more often than releases_max allows");
            self.attempt_failed(job, reason)?;
        }
        Ok(())
    }

    /// Closes a call whose maker has let it go, charged at its reservation.
    pub(super) fn lose_call(&mut self, call: Option<CallId>) -> Result<(), Refusal> {
        let Some((call, open)) = call.and_then(|call| Some((call, self.run.open_call(call)?.clone()))) else {
            return Ok(());
        };
        let error = self.keep("the process that made this call let it go; charged at its reservation");
        self.emit(CallFailed {
            call,
            fault: CallFault::Lost,
            error,
            reply: None,
            charged_microusd: open.started.reserved_microusd,
            charged_tokens: open.started.reserved_tokens,
            tries: 0,
            billable: 0,
        })
    }

    /// Closes every call that is still open.
    pub(super) fn close_calls(&mut self) -> Result<(), Refusal> {
        let open: alloc::vec::Vec<CallId> = self.run.ledger().open().map(|(call, _)| *call).collect();
        open.into_iter().try_for_each(|call| self.lose_call(Some(call)))
    }
}

/// The cost of so many tokens, rounded up.
fn cost(price: &Price, input: u64, cached: u64, output: u64) -> MicroUsd {
    let full = u128::from(input.saturating_sub(cached)) * u128::from(price.in_microusd);
    let kept = u128::from(cached.min(input)) * u128::from(price.cached_microusd);
    let out = u128::from(output) * u128::from(price.out_microusd);
    let cost = (full + kept + out).div_ceil(1_000_000);
    MicroUsd::try_from(cost).unwrap_or(MicroUsd::MAX)
}
