//! Laws of verification and of the context: drafts, proposals, verdicts, admissions, withdrawals.
//!
//! Refuses an admission without exactly one approving verdict on exactly that gist, and a verdict by the author.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::claims::{end_claim, live};
use super::queue::settle;
use super::{Lawful, Place, broken, ensure};
use crate::event::{
    Ablation, BlobRedacted, DraftSubmitted, GistAdmitted, GistKind, GistProposed, GistWithdrawn, Grade,
    Method, ResultRefused, Ruling, SummaryChecked, VerdictGiven,
};
use crate::ids::{FactId, Job, Subject};
use crate::run::facts::Verdict;
use crate::run::{Fact, Limbo, Note, Proposal, ProposalState, Run, Status};

pub(super) fn draft_submitted(run: &mut Run, draft: &DraftSubmitted, place: Place) -> Lawful {
    let claim = live(run, draft.fence, Some(draft.job))?;
    ensure!(
        claim.agent == draft.agent && place.agent == Some(draft.agent),
        "I-9",
        "{} is not the holder",
        draft.agent
    );
    ensure!(claim.call.is_none(), "I-32", "a draft while a call is in flight");
    ensure!(
        claim.length == Some(draft.length),
        "I-19",
        "a draft from {} notes, not those read",
        draft.length
    );
    for label in &draft.cites {
        let visible =
            run.fact(*label).is_some_and(|fact| fact.note < draft.length || cfg!(sabotage = "cite_ahead"));
        ensure!(visible, "I-20", "{label} was not in the context that was read");
    }
    end_claim(run, draft.fence, Some((draft.draft, Arc::from(&draft.cites[..]), draft.length)));
    Ok(())
}

pub(super) fn result_refused(run: &Run, refused: &ResultRefused, place: Place) -> Lawful {
    ensure!(
        place.agent == Some(refused.agent),
        "I-9",
        "{:?} submits in the name of {}",
        place.agent,
        refused.agent
    );
    ensure!(refused.fence < place.seq, "I-3", "fence {} was never given", refused.fence);
    let own = run.claim(refused.fence).is_some_and(|claim| claim.agent == refused.agent);
    ensure!(!own, "I-4", "the result of a live claim was refused as late");
    Ok(())
}

pub(super) fn summary_checked(run: &mut Run, checked: &SummaryChecked) -> Lawful {
    let limbo = run.jobs.limbo.get(&Job::Read(checked.unit));
    ensure!(
        limbo.is_some_and(|limbo| limbo.draft.is_some()),
        "I-4",
        "a summary of {} without a claim",
        checked.unit
    );
    run.summaries.insert_mut(checked.unit, checked.summary);
    Ok(())
}

pub(super) fn gist_proposed(run: &mut Run, proposed: &GistProposed, place: Place) -> Lawful {
    let job = Job::from(proposed.task);
    let limbo = run.jobs.limbo.get(&job).cloned();
    let limbo = limbo.ok_or_else(|| broken("I-4", format!("a gist for {job}, which nobody worked on")))?;
    ensure!(proposed.fence == limbo.fence.filter(|_| !limbo.abandoned), "I-4", "a gist for another claim");
    let failure = proposed.kind == GistKind::Failure;
    ensure!(failure == limbo.abandoned, "I-24", "a {} gist for {job}", proposed.kind);
    ensure!(failure || limbo.draft.is_some(), "I-14", "a gist without a draft");
    for span in &proposed.evidence {
        let inside = run
            .unit(span.unit)
            .is_some_and(|unit| span.start < span.end && unit.start <= span.start && span.end <= unit.end);
        ensure!(inside, "I-22", "evidence {}..{} is not in {}", span.start, span.end, span.unit);
    }
    let key = (place.seq, proposed.task, proposed.kind);
    ensure!(!run.proposals.contains_key(&key), "I-11", "two gists for {} in one entry", proposed.task);
    let reviewed = !failure && run.jobs.get(&Job::Review(place.seq)).is_some();
    ensure!(!reviewed, "I-11", "two gists to review in one entry");
    let (draft, cites, length) =
        limbo.draft.clone().map_or((None, Arc::from([]), 0), |(d, c, l)| (Some(d), c, l));
    let proposal = Proposal {
        seq: place.seq,
        subject: proposed.task,
        gist: proposed.gist,
        kind: proposed.kind,
        author: limbo.agent.filter(|_| !failure),
        fence: proposed.fence,
        attempt: limbo.attempt,
        draft: draft.filter(|_| !failure),
        cites: if failure { Arc::from([]) } else { cites },
        length,
        evidence: Arc::from(&proposed.evidence[..]),
        summary: summary_of(run, proposed.task).filter(|_| !failure),
        state: ProposalState::Open,
        verdict: None,
    };
    open_proposal(run, &limbo, Arc::new(proposal));
    Ok(())
}

fn summary_of(run: &Run, subject: Subject) -> Option<crate::ids::Digest> {
    match subject {
        Subject::Unit(unit) => run.summary(unit),
        Subject::Task(_) => None,
    }
}

fn open_proposal(run: &mut Run, limbo: &Limbo, proposal: Arc<Proposal>) {
    let job = Job::from(proposal.subject);
    let author = limbo.agent.and_then(|agent| run.agent(agent)).map(|agent| agent.principal.clone());
    if proposal.kind != GistKind::Failure {
        run.jobs.limbo.remove_mut(&job);
        run.jobs.set_status(job, Status::InReview(proposal.seq));
        run.jobs.add(Job::Review(proposal.seq), Status::Ready, author);
    }
    run.proposals.insert_mut((proposal.seq, proposal.subject, proposal.kind), proposal);
}

pub(super) fn verdict_given(run: &mut Run, given: &VerdictGiven, place: Place) -> Lawful {
    let proposal = run.proposal(given.proposal, given.task).cloned();
    let proposal =
        proposal.ok_or_else(|| broken("I-11", format!("a verdict on no proposal: {}", given.proposal)))?;
    ensure!(proposal.state == ProposalState::Open, "I-11", "a second verdict on {}", given.proposal);
    let same = given.gist == proposal.gist || cfg!(sabotage = "verdict_any_hash");
    ensure!(same, "I-11", "a verdict on another gist than was proposed");
    check_judge(run, given, &proposal, place)?;
    let review = Job::Review(given.proposal);
    let held = run.jobs.get(&review).is_some_and(|state| matches!(state.status, Status::Claimed(_)));
    ensure!(!held, "I-11", "a verdict while {review} is held");
    let approved = given.outcome == Ruling::Approve;
    ensure!(
        !approved || given.checks.iter().all(|(_, passed)| *passed),
        "I-11",
        "approved though a check failed"
    );
    if proposal.kind != GistKind::Failure {
        run.jobs.limbo.remove_mut(&review);
        run.jobs.set_status(review, Status::Done);
    }
    if let Some(verifier) = given.verifier {
        run.agents.change(verifier, |agent| agent.verdicts += 1);
    }
    let mut proposal = Proposal::clone(&proposal);
    proposal.verdict = Some(Verdict {
        seq: place.seq,
        fence: given.fence,
        outcome: given.outcome,
        verifier: given.verifier,
        method: given.method,
        checks: given.checks.clone(),
        reason: given.reason,
    });
    proposal.state = if approved { ProposalState::Approved } else { ProposalState::Rejected };
    let (subject, attempt) = (proposal.subject, proposal.attempt);
    let (agent, fence) = (proposal.author, proposal.fence);
    // Approved or not, the task's own job is open until the same entry admits, reopens or abandons it.
    let abandoned = proposal.kind == GistKind::Failure;
    run.jobs.set_status(Job::from(subject), Status::Limbo);
    let limbo = Limbo { fence, agent, attempt, draft: None, abandoned, released: false };
    run.jobs.limbo.insert_mut(Job::from(subject), limbo);
    if !approved {
        run.rejected.push_back_mut((given.proposal, subject, proposal.kind));
        if let Some(author) = agent {
            run.agents.change(author, |agent| agent.rejected += 1);
        }
    }
    run.proposals.insert_mut((given.proposal, subject, proposal.kind), Arc::new(proposal));
    Ok(())
}

/// Who may judge what, and how (I-12).
fn check_judge(run: &Run, given: &VerdictGiven, proposal: &Proposal, place: Place) -> Lawful {
    let failure = proposal.kind == GistKind::Failure;
    let approve = given.outcome == Ruling::Approve;
    let by_nobody = given.fence.is_none() && given.verifier.is_none();
    let at_once = given.proposal == place.seq;
    match given.method {
        Method::Log => {
            let review = Job::Review(given.proposal);
            let given_up = run.jobs.limbo.get(&review).is_some_and(|limbo| limbo.abandoned);
            ensure!(
                by_nobody && (failure && approve || given_up && !approve),
                "I-12",
                "the log judges a live gist"
            );
        }
        Method::Ablated => {
            let off = run.ablated(Ablation::Verdicts);
            ensure!(by_nobody && approve && at_once && off, "I-12", "verification is not switched off");
        }
        Method::Mechanical if by_nobody => {
            ensure!(!failure && !approve && at_once, "I-12", "a verdict that nobody gave");
            ensure!(
                given.checks.iter().any(|(_, passed)| !passed),
                "I-15",
                "a mechanical rejection without a failed check"
            );
        }
        Method::Mechanical | Method::Judge | Method::Program => {
            let limbo = run.jobs.limbo.get(&Job::Review(given.proposal));
            let limbo = limbo.ok_or_else(|| broken("I-4", "a verdict without a claim"))?;
            let holder = limbo.fence == given.fence && limbo.agent == given.verifier && limbo.draft.is_some();
            ensure!(holder && given.fence.is_some(), "I-4", "a verdict for another claim");
            let principal = |agent| run.agent(agent).map(|agent| agent.principal.clone());
            let same = given.verifier.and_then(principal) == proposal.author.and_then(principal);
            ensure!(!same || run.self_review(), "I-12", "the author's principal judges its own gist");
        }
    }
    Ok(())
}

/// What an approval is worth, by who gave it and how.
#[must_use]
pub(crate) fn grade_of(run: &Run, proposal: &Proposal) -> Grade {
    let Some(verdict) = &proposal.verdict else { return Grade::None };
    let principal = |agent| run.agent(agent).map(|agent| agent.principal.clone());
    let own = verdict.verifier.and_then(principal) == proposal.author.and_then(principal);
    match verdict.method {
        Method::Log | Method::Ablated => Grade::None,
        Method::Mechanical | Method::Judge | Method::Program if own => Grade::SelfReview,
        Method::Mechanical => Grade::Mechanical,
        Method::Program => Grade::Judged,
        Method::Judge => {
            let models = run.started.as_ref().map(|started| &started.models);
            // What is of a fork's prefix was written by the model of then.
            let inherited = proposal.author.filter(|author| run.agents.is_inherited(*author));
            let writer = inherited.and_then(|author| run.agent(author)).map(|author| &*author.model);
            let same = models.is_some_and(|m| writer.unwrap_or(&m.worker.model) == m.judge.model);
            // What a program wrote is not of the run's own model.
            let program = proposal.author.is_some_and(|author| run.outlives(author));
            if same && !program { Grade::JudgedSameModel } else { Grade::Judged }
        }
    }
}

pub(super) fn gist_admitted(run: &mut Run, admitted: &GistAdmitted, place: Place) -> Lawful {
    let proposal = run.proposal(admitted.proposal, admitted.task).cloned();
    let proposal =
        proposal.ok_or_else(|| broken("I-13", format!("no proposal {} to admit", admitted.proposal)))?;
    ensure!(proposal.state == ProposalState::Approved, "I-13", "admitted without an approving verdict");
    ensure!(admitted.gist == proposal.gist, "I-11", "another gist than was approved");
    ensure!(admitted.author == proposal.author, "I-9", "admitted for {:?}, not its author", admitted.author);
    let grade = grade_of(run, &proposal);
    ensure!(admitted.grade == grade, "I-12", "grade {} where {grade} stands behind it", admitted.grade);
    let label = FactId::after(run.facts.len());
    ensure!(admitted.label == label, "I-17", "fact {} where {label} follows", admitted.label);
    let note = run.notes.len() as u64;
    ensure!(admitted.note == note, "I-17", "note {} where {note} follows", admitted.note);
    let mut proposal = Proposal::clone(&proposal);
    proposal.state = ProposalState::Admitted(label);
    let (proposal, subject) = (Arc::new(proposal), admitted.task);
    run.proposals.insert_mut((admitted.proposal, subject, proposal.kind), proposal.clone());
    let tainted = proposal
        .cites
        .iter()
        .any(|cited| run.fact(*cited).is_some_and(|fact| fact.tainted || fact.withdrawn.is_some()));
    let status = if proposal.kind == GistKind::Failure { Status::Abandoned } else { Status::Done };
    if let Some(author) = proposal.author {
        run.agents.change(author, |agent| agent.admitted += 1);
    }
    run.facts.push_back_mut(Arc::new(Fact {
        label,
        seq: place.seq,
        proposal,
        grade,
        note,
        withdrawn: None,
        tainted,
    }));
    run.notes.push_back_mut(Note::Admitted(label));
    settle(run, subject, status);
    Ok(())
}

/// Every fact that cites `label`, directly or not, ascending.
#[must_use]
pub(crate) fn taint_of(run: &Run, label: FactId) -> Vec<FactId> {
    let mut tainted = Vec::new();
    // A fact cites only facts admitted before it, so one pass in order of admission closes the set.
    for fact in run.facts.iter().skip(label.index()) {
        let cites = |cited: &FactId| {
            *cited == label || !cfg!(sabotage = "taint_shallow") && tainted.binary_search(cited).is_ok()
        };
        if fact.label != label && fact.proposal.cites.iter().any(cites) {
            tainted.push(fact.label);
        }
    }
    tainted
}

pub(super) fn gist_withdrawn(run: &mut Run, withdrawn: &GistWithdrawn) -> Lawful {
    let fact = run.fact(withdrawn.label).cloned();
    let fact = fact.ok_or_else(|| broken("I-18", format!("there is no fact {}", withdrawn.label)))?;
    ensure!(fact.withdrawn.is_none(), "I-18", "{} is withdrawn twice", withdrawn.label);
    ensure!(
        withdrawn.tainted == taint_of(run, withdrawn.label),
        "I-18",
        "not every citer of {} is marked",
        withdrawn.label
    );
    ensure!(withdrawn.note == run.notes.len() as u64, "I-17", "note {} is not next", withdrawn.note);
    let mut fact = Fact::clone(&fact);
    fact.withdrawn = Some(withdrawn.reason);
    run.facts.set_mut(withdrawn.label.index(), Arc::new(fact));
    for label in &withdrawn.tainted {
        if let Some(fact) = run.fact(*label) {
            let mut fact = Fact::clone(fact);
            fact.tainted = true;
            run.facts.set_mut(label.index(), Arc::new(fact));
        }
    }
    run.notes.push_back_mut(Note::Withdrawn(withdrawn.label));
    Ok(())
}

pub(super) fn blob_redacted(run: &mut Run, redacted: &BlobRedacted) -> Lawful {
    ensure!(!run.redacted.contains_key(&redacted.blob), "I-18", "{} is redacted twice", redacted.blob);
    run.redacted.insert_mut(redacted.blob, redacted.reason);
    Ok(())
}
