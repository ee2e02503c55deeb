//! A. Claims, leases, fencing: I-1 to I-7, I-9, I-10.
//!
//! A draft ends its claim and lands in the rest of its entry; nothing else may quote a fence that does not live.

use super::{Court, Landing, who};
use crate::bytes::{
    AgentJoined, AgentLeft, ClaimExpired, ClaimReleased, Claimed, DraftSubmitted, FactId, Job, LeaseRenewed,
    ResultRefused, TaskAbandoned, TaskReopened,
};
use crate::invariant::Invariant as I;
use crate::run::{Agent, Claim, Status};

impl Court {
    pub(super) fn agent_joined(&mut self, joined: &AgentJoined) {
        // I-9: agents are numbered in the order in which they join, so that a number means one agent.
        let next = self.run.agents.len() as u64 + 1;
        let place = u64::from(joined.agent.0);
        self.require(
            place == next,
            I::Attribution,
            |_| format!("a{next} to join next"),
            |_| joined.agent.to_string(),
        );
        // I-46: the limit of agents holds.
        let most = self.run.limit(|limits| limits.agents_max);
        self.require(
            next - self.run.agents_inherited.min(next) <= most,
            I::BoundedMemory,
            |_| format!("at most {most} agents"),
            |_| format!("agent {next}"),
        );
        *self.run.principals.entry(joined.principal.clone()).or_default() += 1;
        let agent = Agent { kind: joined.kind, principal: joined.principal.clone(), left: false };
        self.run.agents.insert(joined.agent, agent);
    }

    pub(super) fn agent_left(&mut self, gone: &AgentLeft) {
        let principal = match self.run.agents.get_mut(&gone.agent) {
            Some(agent) if !agent.left => {
                agent.left = true;
                agent.principal.clone()
            }
            // I-9: who leaves had joined.
            Some(_) | None => return self.broken(I::Attribution, "an agent at work to leave", gone.agent),
        };
        if let Some(count) = self.run.principals.get_mut(&principal) {
            *count -= 1;
            if *count == 0 {
                self.run.principals.remove(&principal);
            }
        }
    }

    pub(super) fn claimed(&mut self, claim: &Claimed) {
        let seq = self.frame.seq;
        // I-3: the fence is the seq of the entry that claims, and an entry claims once.
        self.require(
            claim.fence == seq && self.frame.claimed.is_none(),
            I::FencesIncrease,
            |_| format!("one claim in an entry, under fence {seq}"),
            |_| format!("{} under fence {}", claim.job, claim.fence),
        );
        // I-9: who claims is the sender, and at work.
        let sender = self.frame.agent;
        let at_work = self.run.agents.get(&claim.agent).is_some_and(|agent| !agent.left);
        self.require(
            sender == Some(claim.agent) && at_work,
            I::Attribution,
            |_| format!("a claim for its sender {}, who is at work", who(sender)),
            |_| format!("{} for {}", claim.job, claim.agent),
        );
        // I-1: nobody else holds the job.
        let other = self.run.live_jobs.get(&claim.job).copied();
        self.require(
            other.is_none(),
            I::OneLiveClaim,
            |_| format!("no live claim of {}", claim.job),
            |_| format!("it is held under fence {}", other.unwrap_or_default()),
        );
        // I-2: the job is open and its needs are settled.
        if let Some(why) = self.run.not_ready(claim.job) {
            self.broken(I::ReadyOnly, format!("a job that is ready, not {}", claim.job), why);
        }
        // I-7: there is a deadline, and it is to come.
        let at = self.run.at;
        self.require(
            claim.deadline_ms > at,
            I::EveryJobIsLeased,
            |_| format!("a deadline after {at}"),
            |_| claim.deadline_ms.to_string(),
        );
        self.claim_counts(claim);
        self.claim_while_running(claim);
        if let Some(fence) = other {
            self.run.end_claim(fence);
        }
        self.frame.claimed = Some(claim.fence);
        let (job, agent, deadline, attempt) = (claim.job, claim.agent, claim.deadline_ms, claim.attempt);
        self.run.begin_claim(claim.fence, Claim { job, agent, deadline, attempt, length: None });
    }

    /// I-10: the attempt is one more than have failed. That they stay within the limit is held where one fails, under the
    /// limit of that moment: a resume that lowers it leaves a job that was reopened before its next attempt.
    fn claim_counts(&mut self, claim: &Claimed) {
        let failed = self.run.attempts.get(&claim.job).map_or(0, |attempts| attempts.failures);
        self.require(
            claim.attempt == failed.saturating_add(1),
            I::AttemptsBounded,
            |_| format!("attempt {} of {}", failed.saturating_add(1), claim.job),
            |_| format!("attempt {}", claim.attempt),
        );
    }

    pub(super) fn lease_renewed(&mut self, renewed: &LeaseRenewed) {
        let at = self.run.at;
        let Some(claim) = self.run.live.get(&renewed.fence).cloned() else {
            // I-6: only the holder renews.
            let found = format!("a renewal of {} under fence {}", renewed.job, renewed.fence);
            return self.broken(I::LeaseNeverShrinks, "the fence of a live claim", found);
        };
        let same = (claim.job, claim.agent, claim.attempt) == (renewed.job, renewed.agent, renewed.attempt)
            && self.frame.agent == Some(renewed.agent);
        // I-6: same claim, no earlier deadline.
        self.require(
            same && renewed.deadline_ms >= claim.deadline && renewed.deadline_ms > at,
            I::LeaseNeverShrinks,
            |_| {
                format!(
                    "{} by {}, attempt {}, until {} or later",
                    claim.job, claim.agent, claim.attempt, claim.deadline
                )
            },
            |_| {
                format!(
                    "{} by {}, attempt {}, until {}",
                    renewed.job, renewed.agent, renewed.attempt, renewed.deadline_ms
                )
            },
        );
        self.run.end_claim(renewed.fence);
        self.run.begin_claim(renewed.fence, Claim { deadline: renewed.deadline_ms, ..claim });
    }

    pub(super) fn claim_expired(&mut self, expired: &ClaimExpired) {
        let at = self.run.at;
        let Some(claim) = self.live_claim(expired.fence, expired.job, "an expiry") else { return };
        // I-5: the deadline has come.
        self.require(
            claim.deadline <= at,
            I::ExpiryIsCaused,
            |_| format!("an expiry of fence {} at {} or later", expired.fence, claim.deadline),
            |_| format!("one at {at}"),
        );
        self.run.end_claim(expired.fence);
        self.frame.causes.push(claim.job);
        self.frame.owed.push(claim.job);
    }

    pub(super) fn claim_released(&mut self, released: &ClaimReleased) {
        let Some(claim) = self.live_claim(released.fence, released.job, "a release") else { return };
        let sender = self.frame.agent;
        // I-9: an agent releases its own claim; the engine releases any.
        self.require(
            sender.is_none_or(|sender| sender == claim.agent),
            I::Attribution,
            |_| format!("a release of {} by {} or the engine", claim.job, claim.agent),
            |_| who(sender),
        );
        self.run.end_claim(released.fence);
        if self.frame.forked {
            // Its holder did not give it back: it goes on with it in the parent.
            return;
        }
        let most = self.run.limit(|limits| limits.releases_max);
        let attempts = self.run.attempts.entry(claim.job).or_default();
        attempts.releases += 1;
        if attempts.releases > most {
            // I-10: past their bound, releases count as attempts.
            self.frame.causes.push(claim.job);
        }
    }

    /// I-4: the live claim under `fence`, which must be of `job`.
    fn live_claim(&mut self, fence: u64, job: Job, what: &str) -> Option<Claim> {
        let claim = self.run.live.get(&fence).cloned();
        let of_job = claim.as_ref().is_some_and(|claim| claim.job == job);
        self.require(
            of_job,
            I::StaleNeverLands,
            |_| format!("{what} of {job} under the fence of its live claim"),
            |run| match run.live.get(&fence) {
                Some(claim) => format!("fence {fence}, which holds {}", claim.job),
                None => format!("fence {fence}, under which no claim lives"),
            },
        );
        claim
    }

    pub(super) fn draft_submitted(&mut self, draft: &DraftSubmitted) {
        let Some(claim) = self.live_claim(draft.fence, draft.job, "a draft") else { return };
        let sender = self.frame.agent;
        // I-9: the draft is its sender's, and the sender holds the claim.
        self.require(
            draft.agent == claim.agent && sender == Some(draft.agent),
            I::Attribution,
            |_| format!("a draft by {}, who holds fence {}", claim.agent, draft.fence),
            |_| format!("one by {} in an entry of {}", draft.agent, who(sender)),
        );
        self.draft_context(draft, &claim);
        self.run.end_claim(draft.fence);
        match draft.job {
            Job::Plan => self.run.planned = true,
            Job::Read(_) | Job::Reason(_) | Job::Review(_) | Job::Expand(_) | Job::Finalize => {}
        }
        self.frame.causes.push(draft.job);
        let (fence, job, agent, length) = (draft.fence, draft.job, draft.agent, draft.length);
        let cites: Vec<FactId> = draft.cites.clone();
        self.frame.landing = Some(Landing { fence, job, agent, length, cites });
    }

    pub(super) fn result_refused(&mut self, refused: &ResultRefused) {
        let sender = self.frame.agent;
        // I-9: a late result is its sender's too.
        self.require(
            sender == Some(refused.agent),
            I::Attribution,
            |_| format!("a result of its sender {}", who(sender)),
            |_| format!("one of {}", refused.agent),
        );
        let live = self.run.live.get(&refused.fence).is_some_and(|claim| claim.agent == refused.agent);
        // I-4, the other way round: what is refused as late is late.
        self.require(
            !live || self.run.ended,
            I::StaleNeverLands,
            |_| "a refusal of a fence that does not live".to_owned(),
            |_| format!("fence {}, which lives and is {}'s", refused.fence, refused.agent),
        );
    }

    pub(super) fn task_reopened(&mut self, reopened: &TaskReopened) {
        let job = reopened.task.0;
        let settled = job.subject().and_then(|subject| Some(self.run.work.get(&subject)?.status.settled()));
        let undone = self.frame.forked || self.frame.withdrew;
        if settled == Some(true) && undone {
            // A withdrawn fact reopens the tasks that built on it: no attempt failed, and the one named is undone.
            self.run.attempts.entry(job).or_default().failures = reopened.attempt.saturating_sub(1);
            self.run.phase = crate::run::Phase::Working;
            self.frame.reopened.extend(job.subject());
        } else {
            self.count_attempt(job, reopened.attempt, false);
        }
        if settled == Some(true) {
            // I-24: what is settled stays so, withdrawals aside.
            self.require(
                undone,
                I::AbandonedOnce,
                |_| format!("{job} to stay settled"),
                |_| "it is reopened".to_owned(),
            );
        }
        match job.subject() {
            Some(subject) => self.run.set_status(subject, Status::Open),
            None if job == Job::Plan => self.run.planned = false,
            None => {}
        }
    }

    pub(super) fn task_abandoned(&mut self, abandoned: &TaskAbandoned) {
        let job = abandoned.task.0;
        let settled = job.subject().and_then(|subject| Some(self.run.work.get(&subject)?.status.settled()));
        let again = settled == Some(true) || self.frame.abandoned.contains(&job);
        // I-24: once.
        self.require(
            !again,
            I::AbandonedOnce,
            |_| format!("{job} to be given up once, and while it is open"),
            |_| "it is settled already".to_owned(),
        );
        if !again {
            self.count_attempt(job, abandoned.attempt, true);
        }
        self.frame.abandoned.push(job);
        self.run.attempts.remove(&job);
        if let Some(subject) = job.subject() {
            self.run.set_status(subject, Status::Abandoned);
        }
    }

    /// I-10, I-24: one more attempt of `job` has failed, for a cause in this entry; it is the last one if `at_bound`.
    fn count_attempt(&mut self, job: Job, attempt: u32, at_bound: bool) {
        let replied = self.frame.replied.iter().find(|(_, of)| *of == job).map(|(fence, _)| *fence);
        let caused = self.frame.causes.contains(&job) || replied.is_some();
        if let Some(fence) = replied {
            // Its reply could not be used, or there is none: the attempt ends with it.
            self.run.end_claim(fence);
        }
        let attempts = self.run.attempts.entry(job).or_default();
        attempts.failures = attempts.failures.saturating_add(1);
        let failures = attempts.failures;
        let once = !self.frame.counted.contains(&job);
        self.frame.counted.push(job);
        // I-10: counted one by one, with a cause, under the live claim of nobody.
        self.require(
            attempt == failures && caused && once && !self.run.live_jobs.contains_key(&job),
            I::AttemptsBounded,
            |_| format!("failure {failures} of {job}, once in an entry that says why it failed"),
            |_| format!("failure {attempt}{}", if caused { "" } else { ", and nothing failed" }),
        );
        let most = self.run.limit(|limits| limits.attempts_max);
        let law = if at_bound { I::AbandonedOnce } else { I::AttemptsBounded };
        // I-24: given up exactly when all attempts failed; I-10: and not tried again then.
        self.require(
            at_bound == (u64::from(failures) >= most),
            law,
            |_| format!("{job} to be given up at failure {most} and not before"),
            |_| format!("it is {} at failure {failures}", if at_bound { "given up" } else { "reopened" }),
        );
    }

    /// I-5: what is due when an entry comes.
    pub(super) fn due_claims(&mut self) {
        let at = self.run.at;
        let due = self.run.deadlines.iter().take_while(|(deadline, _)| *deadline <= at);
        self.frame.due = due.map(|(_, fence)| *fence).collect();
    }

    /// I-5, I-7, I-10, I-19: how claims stand when an entry ends.
    pub(super) fn claims_closed(&mut self) {
        let at = self.run.at;
        for fence in std::mem::take(&mut self.frame.due) {
            let landed = self.frame.landing.as_ref().is_some_and(|landing| landing.fence == fence);
            let lives = self.run.live.contains_key(&fence);
            // I-5: while a deadline is due, nothing but its expiry is accepted, and no renewal comes in time; a new
            // writer may resume first.
            self.require(
                self.frame.resumed || self.frame.forked || !(landed || lives),
                I::ExpiryIsCaused,
                |_| format!("fence {fence} to expire before anything else at {at}"),
                |_| format!("its claim {}", if landed { "brought a draft" } else { "lives on" }),
            );
        }
        for job in std::mem::take(&mut self.frame.owed) {
            // I-10: an expiry counts, unless the run ends with it.
            self.require(
                self.frame.counted.contains(&job) || self.frame.ended,
                I::AttemptsBounded,
                |_| format!("the expiry of {job} to be counted in its entry"),
                |_| "it is not".to_owned(),
            );
        }
        let Some(fence) = self.frame.claimed else { return };
        let read = self.run.live.get(&fence).is_none_or(|claim| claim.length.is_some());
        // I-19: a claim and the length of the context it reads are one entry.
        self.require(
            read,
            I::SnapshotsArePrefixes,
            |_| format!("the length of the context that fence {fence} reads, in its entry"),
            |_| "none".to_owned(),
        );
    }
}
