//! From drafts to proposals, and from reviews to verdicts: verification, cheapest first.
//!
//! Refuses to let anybody approve what the mechanical checks reject: spans, numbers, negations, names and length are
//! recomputed here whoever judges, and a reviewer never supplies the text.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Refusal;
use super::builder::Builder;
use crate::check::Finding;
use crate::event::{
    Ablation, AgentKind, Check, Evidence, GistKind, GistProposed, Grade, Method, Purpose, Ruling,
    SummaryChecked, VerdictGiven,
};
use crate::ids::{Digest, FactId, Fence, Job, Seq, Subject, UnitId};
use crate::prompt;
use crate::reply::{ReadReply, ReasonReply, ReviewReply};
use crate::run::{Claim, Proposal};
use crate::text::{find_quote, find_reference};

/// A gist with everything that stands behind it, before it is proposed.
struct Candidate {
    subject: Subject,
    kind: GistKind,
    gist: String,
    evidence: Vec<Evidence>,
    findings: Vec<Finding>,
}

fn failed(check: Check, detail: String) -> Finding {
    Finding { check, passed: false, detail }
}

fn passed(check: Check) -> Finding {
    Finding { check, passed: true, detail: String::new() }
}

impl Builder<'_> {
    /// A unit was read: bullets whose reference is not in the unit are dropped, the rest is the gist's evidence.
    pub(super) fn read(
        &mut self,
        fence: Fence,
        claim: &Claim,
        draft: Digest,
        unit: UnitId,
        reply: &ReadReply,
    ) -> Result<(), Refusal> {
        self.draft(fence, claim, draft, Vec::new())?;
        let text = prompt::unit_text(&self.run, &self.kept, unit)?;
        let start = self.run.unit(unit).map_or(0, |unit| unit.start);
        let limits = self.run.limits().clone();
        let mut summary = String::new();
        let mut evidence = Vec::new();
        for bullet in reply.bullets.iter().take(usize::try_from(limits.bullets_max).unwrap_or(usize::MAX)) {
            if let Some((from, to)) =
                find_reference(&text, &bullet.head, &bullet.tail, limits.reference_words_min)
            {
                let (from, to) = (start + from as u64, start + to as u64);
                let words = bullet.text.split_whitespace().collect::<Vec<_>>().join(" ");
                summary.push_str(&format!("- {words} [{unit}:{from}-{to}]\n"));
                evidence.push(Evidence { unit, start: from, end: to });
            }
        }
        let (kept, given) = (evidence.len(), reply.bullets.len());
        if kept > 0 {
            let summary = self.keep(summary);
            let bullets = u32::try_from(kept).unwrap_or(u32::MAX);
            let dropped = u32::try_from(given.saturating_sub(kept)).unwrap_or(u32::MAX);
            self.emit(SummaryChecked { unit, summary, bullets, dropped })?;
        }
        let mut findings = self.run.memo.check(reply.gist.trim(), &[&text], limits.gist_tokens_max);
        findings.insert(
            0,
            match kept {
                0 => failed(
                    Check::Spans,
                    format!(
                        "none of {given} bullets has its head and tail, verbatim and in that order, in {unit}"
                    ),
                ),
                _ => passed(Check::Spans),
            },
        );
        let gist = reply.gist.trim().to_string();
        self.propose(
            fence,
            Candidate { subject: Subject::Unit(unit), kind: GistKind::Reading, gist, evidence, findings },
        )
    }

    /// A task was worked out: its quotes must stand in their units, its cites in the context that was read.
    pub(super) fn reason(
        &mut self,
        fence: Fence,
        claim: &Claim,
        draft: Digest,
        reply: &ReasonReply,
    ) -> Result<(), Refusal> {
        let Job::Reason(task) = claim.job else { return Ok(()) };
        let (cites, bad_cite) = self.cites(&reply.cites, claim.length.unwrap_or(0));
        self.draft(fence, claim, draft, cites.clone())?;
        let gist = reply.finding.trim().to_string();
        if gist.is_empty() {
            let reason = self.keep("no finding was given");
            return self.attempt_failed(claim.job, reason);
        }
        let evidence_max = usize::try_from(self.run.limits().evidence_max).unwrap_or(usize::MAX);
        let mut evidence = Vec::new();
        let mut bad_span = None;
        for quote in reply.evidence.iter().take(evidence_max) {
            match self.locate(&quote.unit, &quote.quote)? {
                Ok(span) if !evidence.contains(&span) => evidence.push(span),
                Ok(_) => {}
                Err(problem) => bad_span = bad_span.or(Some(problem)),
            }
        }
        if evidence.is_empty() && cites.is_empty() && bad_span.is_none() {
            bad_span = Some(String::from("neither a quote nor a fact is cited"));
        }
        let mut findings =
            alloc::vec![bad_span.map_or_else(|| passed(Check::Spans), |bad| failed(Check::Spans, bad))];
        findings.push(bad_cite.map_or_else(|| passed(Check::Cites), |bad| failed(Check::Cites, bad)));
        findings.extend(self.check_gist(&gist, &evidence, &cites)?);
        let subject = Subject::Task(task);
        self.propose(fence, Candidate { subject, kind: GistKind::Finding, gist, evidence, findings })
    }

    /// Where a quote stands, or what is wrong with it, in words.
    fn locate(&self, unit: &str, quote: &str) -> Result<Result<Evidence, String>, Refusal> {
        let label = unit.trim().trim_matches(['[', ']']).parse::<UnitId>().ok();
        let Some(found) = label.and_then(|label| self.run.unit(label)).cloned() else {
            return Ok(Err(format!("{unit:?} is no passage")));
        };
        let text = prompt::unit_text(&self.run, &self.kept, found.id)?;
        Ok(match find_quote(&text, quote) {
            Some((from, to)) => Ok(Evidence {
                unit: found.id,
                start: found.start + from as u64,
                end: found.start + to as u64,
            }),
            None => Err(format!("the quote {:?} is not in {}", shorten(quote), found.id)),
        })
    }

    /// The checks of a gist's own words against its evidence and the facts it cites.
    fn check_gist(
        &mut self,
        gist: &str,
        evidence: &[Evidence],
        cites: &[FactId],
    ) -> Result<Vec<Finding>, Refusal> {
        let mut texts: Vec<Arc<str>> = self.cited_texts(cites)?;
        for span in evidence {
            texts.push(prompt::span_text(&self.run, &self.kept, span)?.into());
        }
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        let gist_tokens_max = self.run.limits().gist_tokens_max;
        Ok(self.run.memo.check(gist, &texts, gist_tokens_max))
    }

    /// Proposes a gist. What the mechanical checks reject is rejected at once; the rest awaits a reviewer.
    fn propose(&mut self, fence: Fence, candidate: Candidate) -> Result<(), Refusal> {
        let Candidate { subject, kind, gist, evidence, findings } = candidate;
        let gist = self.keep(gist);
        self.emit(GistProposed { task: subject, fence: Some(fence), gist, kind, evidence })?;
        if self.run.ablated(Ablation::Verdicts) {
            let why = self.keep("verification is switched off for this run");
            self.approve(subject, self.seq, gist, Method::Ablated, why)?;
            return self.admit(subject, self.seq, gist, Grade::None);
        }
        if findings.iter().all(|finding| finding.passed) {
            return Ok(());
        }
        let reason = self.keep(words_of(&findings));
        self.emit(VerdictGiven {
            task: subject,
            proposal: self.seq,
            fence: None,
            gist,
            outcome: Ruling::Reject,
            verifier: None,
            method: Method::Mechanical,
            checks: marks(&findings),
            reason,
        })?;
        self.attempt_failed(Job::from(subject), reason)
    }

    /// A reviewer judged a proposal.
    pub(super) fn review(
        &mut self,
        fence: Fence,
        claim: &Claim,
        draft: Digest,
        seq: Seq,
        reply: &ReviewReply,
    ) -> Result<(), Refusal> {
        let missing = || Refusal::Invalid { what: format!("there is no proposal {seq}") };
        let proposal = self.run.proposal_of(seq).cloned().ok_or_else(missing)?;
        self.draft(fence, claim, draft, Vec::new())?;
        let Some(said) = Ruling::from_word(reply.outcome.trim()) else {
            let reason = self.keep(format!("{:?} is no verdict: approve, rewrite or reject", reply.outcome));
            return self.attempt_failed(claim.job, reason);
        };
        let findings = self.recheck(&proposal)?;
        let sound = findings.iter().all(|finding| finding.passed);
        let (method, outcome) = match (self.method(claim), sound) {
            (_, false) => (Method::Mechanical, Ruling::Reject),
            (Method::Mechanical, true) => (Method::Mechanical, said),
            (method, true) => (method, said),
        };
        let mut checks = marks(&findings);
        if method != Method::Mechanical {
            checks.push((Check::Judge, outcome == Ruling::Approve));
        }
        let reason = if sound { self.keep(reply.reason.clone()) } else { self.keep(words_of(&findings)) };
        self.emit(VerdictGiven {
            task: proposal.subject,
            proposal: seq,
            fence: Some(fence),
            gist: proposal.gist,
            outcome,
            verifier: Some(claim.agent),
            method,
            checks,
            reason,
        })?;
        if outcome != Ruling::Approve {
            return self.attempt_failed(Job::from(proposal.subject), reason);
        }
        let judged = self.run.proposal(seq, proposal.subject).cloned().ok_or_else(missing)?;
        let grade = crate::apply::grade_of(&self.run, &judged);
        self.admit(proposal.subject, seq, proposal.gist, grade)
    }

    fn method(&self, claim: &Claim) -> Method {
        let program = self.run.agent(claim.agent).is_some_and(|agent| agent.kind == AgentKind::Program);
        if program {
            Method::Program
        } else if prompt::is_builtin(&self.run, Purpose::Review) {
            Method::Mechanical
        } else {
            Method::Judge
        }
    }

    /// The mechanical checks once more, on what is stored: a reviewer is told nothing it could be deceived by.
    fn recheck(&mut self, proposal: &Proposal) -> Result<Vec<Finding>, Refusal> {
        let gist = self.text(&proposal.gist, "a gist")?;
        let mut findings = alloc::vec![passed(Check::Spans)];
        match proposal.subject {
            Subject::Unit(unit) => {
                let text = prompt::unit_text(&self.run, &self.kept, unit)?;
                let gist_tokens_max = self.run.limits().gist_tokens_max;
                findings.extend(self.run.memo.check(&gist, &[&text], gist_tokens_max));
            }
            Subject::Task(_) => {
                findings.push(passed(Check::Cites));
                findings.extend(self.check_gist(&gist, &proposal.evidence, &proposal.cites)?);
            }
        }
        Ok(findings)
    }
}

fn marks(findings: &[Finding]) -> Vec<(Check, bool)> {
    findings.iter().map(|finding| (finding.check, finding.passed)).collect()
}

/// What failed, in words an author can act on.
fn words_of(findings: &[Finding]) -> String {
    let failed = findings.iter().filter(|finding| !finding.passed);
    failed.map(|finding| format!("{}: {}", finding.check, finding.detail)).collect::<Vec<_>>().join("; ")
}

fn shorten(text: &str) -> String {
    let short: String = text.chars().take(80).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
