//! B. Verification and admission: I-11 to I-13, I-15, I-16, and the bounds of a gist (I-22).
//!
//! At most one gist of a task or unit waits at a time, so that a verdict is about one thing; the entry and the hash that
//! it quotes must be that gist's.

use super::{Court, list, who};
use crate::bytes::{
    AgentId, Check, GistAdmitted, GistKind, GistProposed, Grade, Job, Method, Ruling, SummaryChecked,
    VerdictGiven,
};
use crate::invariant::Invariant as I;
use crate::names::role;
use crate::run::{Approval, Fact, Proposal, Status};

impl Court {
    pub(super) fn summary_checked(&mut self, checked: &SummaryChecked) {
        let landed =
            self.frame.landing.as_ref().is_some_and(|landing| landing.job == Job::Read(checked.unit));
        let most = self.run.limit(|limits| limits.bullets_max);
        // I-22: a summary is of the unit that was read, with so many bullets at most.
        self.require(
            landed && u64::from(checked.bullets) <= most,
            I::GistBounded,
            |_| format!("a summary of the unit just read, of at most {most} bullets"),
            |_| format!("one of {} with {}", checked.unit, checked.bullets),
        );
    }

    pub(super) fn gist_proposed(&mut self, proposed: &GistProposed) {
        let subject = proposed.task;
        let mut author = None;
        let mut cites = Vec::new();
        if let Some(fence) = proposed.fence {
            let fits = self.frame.landing.as_mut().filter(|it| it.fence == fence && it.job == subject.job());
            match fits {
                Some(landing) => {
                    author = Some(landing.agent);
                    cites = landing.cites.clone();
                }
                // I-4: a gist comes from the draft of the claim that it quotes.
                None => self.broken(
                    I::StaleNeverLands,
                    format!("a gist of {subject} under the fence of the draft in its entry"),
                    format!("fence {fence}"),
                ),
            }
        }
        let given_up = self.frame.abandoned.contains(&subject.job());
        // I-24: a failure is proposed for what was given up, by nobody, and nothing else is proposed by nobody.
        self.require(
            (proposed.kind == GistKind::Failure) == proposed.fence.is_none()
                && (proposed.kind != GistKind::Failure || given_up),
            I::AbandonedOnce,
            |_| {
                "a failure by nobody in the entry that gives the task up, anything else by an agent"
                    .to_owned()
            },
            |_| format!("a {} of {subject} by {}", proposed.kind.word(), who(author)),
        );
        self.evidence_lies_in_units(proposed);
        if proposed.kind != GistKind::Failure {
            self.run.set_status(subject, Status::Proposed);
            self.run.reviews.insert(self.frame.seq, subject);
        }
        self.frame.proposed.push(subject);
        let (seq, gist, kind) = (self.frame.seq, proposed.gist, proposed.kind);
        self.run.proposals.insert(subject, Proposal { seq, gist, kind, author, cites, approved: None });
    }

    /// I-22: so many pieces at most, each within a unit. What stands behind a reading are its bullets.
    fn evidence_lies_in_units(&mut self, proposed: &GistProposed) {
        let most = match proposed.kind {
            GistKind::Reading => self.run.limit(|limits| limits.bullets_max),
            GistKind::Finding | GistKind::Failure => self.run.limit(|limits| limits.evidence_max),
        };
        self.require(
            proposed.evidence.len() as u64 <= most,
            I::GistBounded,
            |_| format!("at most {most} pieces of evidence"),
            |_| proposed.evidence.len().to_string(),
        );
        for piece in &proposed.evidence {
            let unit = self.run.units.get(&piece.unit).map(|unit| (unit.start, unit.end));
            self.require(
                piece.start < piece.end
                    && unit.is_some_and(|(start, end)| start <= piece.start && piece.end <= end),
                I::GistBounded,
                |_| match unit {
                    Some((start, end)) => format!("evidence within {}, from {start} to {end}", piece.unit),
                    None => "evidence in a unit of the run".to_owned(),
                },
                |_| format!("{} from {} to {}", piece.unit, piece.start, piece.end),
            );
        }
    }

    pub(super) fn verdict_given(&mut self, verdict: &VerdictGiven) {
        self.frame.judged = true;
        self.verdict_is_landing(verdict);
        let subject = verdict.task;
        let waiting = self
            .run
            .proposals
            .get(&subject)
            .map(|it| (it.seq, it.gist, it.kind, it.author, it.approved.is_some()));
        let Some((seq, gist, kind, author, false)) = waiting else {
            // I-11, I-16: there is one verdict on a proposal, and it is never judged again.
            let law = if verdict.outcome == Ruling::Approve { I::OneVerdict } else { I::VerdictsReplay };
            let found = format!("a verdict on proposal {}", verdict.proposal);
            return self.broken(law, format!("a gist of {subject} that waits for its verdict"), found);
        };
        // I-11: it names the proposal and the very hash.
        self.require(
            (verdict.proposal, verdict.gist) == (seq, gist),
            I::OneVerdict,
            |_| format!("a verdict on gist {gist} of entry {seq}"),
            |_| format!("one on gist {} of entry {}", verdict.gist, verdict.proposal),
        );
        let by_itself = self.verdict_is_independent(verdict, kind, author);
        self.checks_bear_it_out(verdict);
        if verdict.outcome == Ruling::Approve {
            if let Some(proposal) = self.run.proposals.get_mut(&subject) {
                proposal.approved = Some(Approval { method: verdict.method, by_itself });
            }
            self.frame.proposed.push(subject);
            return;
        }
        self.run.proposals.remove(&subject);
        self.run.reviews.remove(&seq);
        self.run.attempts.remove(&Job::Review(seq));
        self.run.set_status(subject, Status::Open);
        self.run.rejected.insert(subject, (seq, gist));
        self.frame.rejected.push(subject);
        self.frame.causes.push(subject.job());
    }

    /// I-4: a reviewer's verdict comes with the draft of its claim; one without a reviewer quotes no fence.
    fn verdict_is_landing(&mut self, verdict: &VerdictGiven) {
        let review = Job::Review(verdict.proposal);
        let fits = match (verdict.fence, &self.frame.landing) {
            (Some(fence), Some(landing)) => {
                landing.fence == fence && landing.job == review && verdict.verifier == Some(landing.agent)
            }
            (Some(_), None) => false,
            (None, _) => verdict.verifier.is_none(),
        };
        self.require(
            fits,
            I::StaleNeverLands,
            |_| format!("a verdict by the holder of {review}, whose draft is in the entry"),
            |_| format!("one by {} under fence {:?}", who(verdict.verifier), verdict.fence),
        );
    }

    /// I-12: whether the verifier answers to the author's principal; it may not, unless that was recorded.
    fn verdict_is_independent(
        &mut self,
        verdict: &VerdictGiven,
        kind: GistKind,
        author: Option<AgentId>,
    ) -> bool {
        let principal = |agent: Option<AgentId>| agent.and_then(|agent| self.run.principal(agent));
        let same = verdict.verifier.is_some() && principal(verdict.verifier) == principal(author);
        let lawful = match verdict.method {
            Method::Log => kind == GistKind::Failure || verdict.outcome != Ruling::Approve,
            Method::Ablated => self.run.setup.ablated_verdicts,
            Method::Mechanical | Method::Judge | Method::Program => {
                let somebody = verdict.verifier.is_some() || verdict.outcome != Ruling::Approve;
                kind != GistKind::Failure && somebody && (!same || self.run.setup.self_review)
            }
        };
        self.require(
            lawful,
            I::Independence,
            |_| {
                format!(
                    "a verdict on the gist of {} by another principal, or exempt and recorded so",
                    who(author)
                )
            },
            |_| format!("a {} verdict by {}", verdict.method.word(), who(verdict.verifier)),
        );
        same
    }

    /// I-16: an approval has no failed check; a mechanical rejection has one; a judge's word is among the checks.
    fn checks_bear_it_out(&mut self, verdict: &VerdictGiven) {
        let failed: Vec<&str> =
            verdict.checks.iter().filter(|check| !check.passed).map(|check| check.check.word()).collect();
        let approves = verdict.outcome == Ruling::Approve;
        let follows = match verdict.method {
            Method::Mechanical if verdict.checks.is_empty() => !approves,
            Method::Mechanical => approves == failed.is_empty(),
            Method::Judge => {
                let heard = verdict.checks.iter().find(|check| check.check == Check::Judge);
                heard.is_some_and(|check| check.passed == approves) && (!approves || failed.is_empty())
            }
            Method::Program | Method::Log | Method::Ablated => !approves || failed.is_empty(),
        };
        self.require(
            follows,
            I::VerdictsReplay,
            |_| "an outcome that follows from the checks".to_owned(),
            |_| {
                format!(
                    "{} by {} with failed checks {}",
                    verdict.outcome.word(),
                    verdict.method.word(),
                    list(failed)
                )
            },
        );
    }

    pub(super) fn gist_admitted(&mut self, admitted: &GistAdmitted) {
        let subject = admitted.task;
        self.frame.judged = true;
        self.fact_is_next(admitted);
        match self.run.proposals.remove(&subject) {
            Some(proposal) => {
                self.run.reviews.remove(&proposal.seq);
                self.admission_is_approved(admitted, &proposal);
                let note = admitted.note;
                self.run.facts.push(Fact {
                    task: subject,
                    note,
                    citers: Vec::new(),
                    withdrawn: false,
                    tainted: false,
                });
                self.cite(&proposal);
                let failure = proposal.kind == GistKind::Failure;
                if failure {
                    self.frame.failures_admitted.push(subject);
                }
                self.run.set_status(subject, if failure { Status::Abandoned } else { Status::Done });
                self.run.attempts.remove(&subject.job());
                self.run.attempts.remove(&Job::Review(proposal.seq));
            }
            None => {
                let known = self.run.rejected.get(&subject) == Some(&(admitted.proposal, admitted.gist));
                let law = if known { I::RejectionRecorded } else { I::NoVerdictNoAdmission };
                // I-15: what was rejected is not admitted; I-13: nor what nobody approved.
                self.broken(
                    law,
                    format!("a gist of {subject} that was approved"),
                    if known { "one that was rejected" } else { "nothing that waits for admission" },
                );
                let note = admitted.note;
                self.run.facts.push(Fact {
                    task: subject,
                    note,
                    citers: Vec::new(),
                    withdrawn: false,
                    tainted: false,
                });
                self.run.set_status(subject, Status::Done);
            }
        }
        self.run.rejected.remove(&subject);
    }

    fn admission_is_approved(&mut self, admitted: &GistAdmitted, proposal: &Proposal) {
        // I-11: on the approved hash.
        self.require(
            (admitted.proposal, admitted.gist) == (proposal.seq, proposal.gist),
            I::OneVerdict,
            |_| format!("gist {} of entry {} to be admitted", proposal.gist, proposal.seq),
            |_| format!("gist {} of entry {}", admitted.gist, admitted.proposal),
        );
        // I-9: credited to who wrote it.
        self.require(
            admitted.author == proposal.author,
            I::Attribution,
            |_| format!("{} as the author", who(proposal.author)),
            |_| who(admitted.author),
        );
        let Some(approval) = proposal.approved else {
            // I-13: on a verdict.
            let expected = format!("an approving verdict on proposal {}", proposal.seq);
            return self.broken(I::NoVerdictNoAdmission, expected, "an admission without one");
        };
        if matches!(approval.method, Method::Mechanical | Method::Judge | Method::Program) {
            // I-22: its length is judged when its bytes are there; what nobody verified, nobody measured.
            self.names.add(&admitted.gist, self.frame.seq, role::GIST);
        }
        let fits = match approval.method {
            Method::Log | Method::Ablated => admitted.grade == Grade::Nothing,
            _ if approval.by_itself => admitted.grade == Grade::Itself,
            Method::Mechanical => admitted.grade == Grade::Mechanical,
            Method::Judge | Method::Program => {
                matches!(admitted.grade, Grade::Judged | Grade::JudgedSameModel)
            }
        };
        // I-12: the grade says what stood behind it.
        self.require(
            fits,
            I::Independence,
            |_| {
                let itself = if approval.by_itself { " by the author's own principal" } else { "" };
                format!("the grade of a {} verdict{itself}", approval.method.word())
            },
            |_| admitted.grade.word().to_owned(),
        );
    }

    /// I-10, I-13, I-24: what a verdict or a giving up leads to is in its entry.
    pub(super) fn verdicts_closed(&mut self) {
        for subject in self.frame.proposed.clone() {
            let left = self.run.proposals.get(&subject).is_some_and(|proposal| proposal.approved.is_some());
            // I-13: approval and admission are one entry.
            self.require(
                !left,
                I::NoVerdictNoAdmission,
                |_| format!("the approved gist of {subject} to be admitted in the entry of its verdict"),
                |_| "it is not".to_owned(),
            );
        }
        for subject in std::mem::take(&mut self.frame.rejected) {
            let counted = self.frame.counted.contains(&subject.job());
            // I-10: a rejection counts.
            self.require(
                counted,
                I::AttemptsBounded,
                |_| format!("the rejection of {subject} to be counted in its entry"),
                |_| "it is not".to_owned(),
            );
        }
        for job in std::mem::take(&mut self.frame.abandoned) {
            self.giving_up_is_whole(job);
        }
    }

    /// I-24: what follows from giving up a job.
    fn giving_up_is_whole(&mut self, job: Job) {
        let (whole, what) = match job {
            Job::Read(_) | Job::Reason(_) => {
                let admitted =
                    job.subject().is_some_and(|subject| self.frame.failures_admitted.contains(&subject));
                (admitted, "a failure to be admitted")
            }
            Job::Review(seq) => (!self.run.reviews.contains_key(&seq), "the proposal to be rejected"),
            Job::Expand(_) => (self.frame.expanded, "the round to be closed"),
            Job::Plan | Job::Finalize => (self.frame.ended, "the run to end"),
        };
        self.require(
            whole,
            I::AbandonedOnce,
            |_| format!("{what} in the entry that gives {job} up"),
            |_| "nothing of the kind".to_owned(),
        );
    }
}
