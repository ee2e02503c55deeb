//! Drafts, gists, verdicts, admissions and withdrawals, forged.
//!
//! Refuses to take the law's word for a bound: a value on the bound is tried beside one past it.

use delm_core::entry::{Entry, Sealed};
use delm_core::event::{
    Check, ClaimReleased, DraftSubmitted, Event, GistKind, Grade, Method, ResultRefused, Ruling,
};
use delm_core::ids::{AgentId, FactId, Job, SourceId, Subject, TaskId, UnitId};

use super::{OTHER, at, change, find, law, law_in, log, log_of};

const A1: AgentId = AgentId(1);
const A2: AgentId = AgentId(2);
const A3: AgentId = AgentId(3);
const FINDING: &str = "finding: Ada Quill built the harbour light in 1874. {S1.1: The harbour light was built in 1874 by Ada Quill.}";

/// A gist that a reviewer rejects, one that the checks reject, and a task given up; the reviewer is a program.
fn rejected() -> Vec<Sealed> {
    log_of(&[
        "engine start agents=2 attempts_max=3",
        "a1 claim",
        "a1 answer . plan: Who built the light?",
        "a1 claim",
        &format!("a1 answer . {FINDING}"),
        "engine join program bob",
        "a3 claim",
        "a3 submit . reject: it is no answer",
        "a1 claim",
        "a1 answer . finding: Ada Quill built it in 1999. {S1.1: The harbour light was built in 1874 by Ada Quill.}",
        "a1 claim",
        &format!("a1 answer . {FINDING}"),
        "a3 claim",
        "a3 submit . reject: it is no answer",
    ])
}

fn is_draft(event: &Event) -> bool {
    matches!(event, Event::DraftSubmitted(_))
}

fn is_verdict(event: &Event) -> bool {
    matches!(event, Event::VerdictGiven(_))
}

#[test]
fn a_draft_is_its_holders_after_its_call() {
    let log = rejected();
    let of_program =
        log.iter().find(|sealed| sealed.entry.agent == Some(A3) && sealed.entry.events.iter().any(is_draft));
    let seq = of_program.unwrap().entry.seq;
    let by = |of: AgentId, by: AgentId| {
        at(seq, move |entry| {
            (entry.agent, entry.command) = (Some(by), 99);
            change!(DraftSubmitted, draft => draft.agent = of)(entry)
        })
    };
    assert_eq!(law_in(&log, by(A3, A3)), "no law");
    assert_eq!(law_in(&log, by(A3, A1)), "I-9");
    assert_eq!(law_in(&log, by(A1, A1)), "I-9");
    assert_eq!(law_in(&log, by(A1, A3)), "I-9");
    let early = |entry: &mut Entry| {
        let place = entry.events.iter().position(is_draft)?;
        entry.events.drain(..place);
        Some(())
    };
    assert_eq!(law(early), "I-32", "its call is in flight");
    assert_eq!(law(change!(DraftSubmitted, draft => draft.job = Job::Finalize)), "I-4");
}

#[test]
fn only_what_is_late_is_refused_as_late() {
    let log = log_of(&[
        "engine start agents=2",
        "a1 claim",
        "@200000 engine tick",
        "a2 claim",
        "a1 answer . plan: Who?",
    ]);
    assert_eq!(law_in(&log, change!(ResultRefused, refused => refused.agent = A2)), "I-9");
    let never = |entry: &mut Entry| {
        let seq = entry.seq;
        change!(ResultRefused, refused => refused.fence = seq)(entry)
    };
    assert_eq!(law_in(&log, never), "I-3");
    let live = |entry: &mut Entry| {
        let draft = entry.events.iter().find_map(|event| {
            if let Event::DraftSubmitted(draft) = event { Some(draft.clone()) } else { None }
        })?;
        let DraftSubmitted { job, fence, agent, draft, cites, length } = draft;
        entry.events.truncate(1);
        let why = delm_core::event::Late::Stale;
        entry.events.push(ResultRefused { job: Some(job), fence, agent, draft, cites, length, why }.into());
        Some(())
    };
    assert_eq!(law(live), "I-4");
}

#[test]
fn a_gist_follows_its_own_draft_and_stands_in_its_units() {
    assert_eq!(law(change!(GistProposed, gist => gist.fence = None)), "I-4");
    assert_eq!(law(change!(GistProposed, gist => gist.fence = gist.fence.map(|fence| fence - 1))), "I-4");
    assert_eq!(law(change!(GistProposed, gist => gist.task = Subject::Task(TaskId(2)))), "I-4");
    assert_eq!(law(change!(GistProposed, gist => gist.kind = GistKind::Failure)), "I-24");
    let unit = UnitId { source: SourceId(1), index: 2 };
    assert_eq!(law(change!(GistProposed, gist => gist.evidence[0].unit = unit)), "I-22");
    assert_eq!(law(change!(GistProposed, gist => gist.evidence[0].start = gist.evidence[0].end)), "I-22");
    assert_eq!(law(change!(GistProposed, gist => gist.evidence[0].end = 130)), "I-22");
    assert_eq!(law(change!(GistProposed, gist => gist.evidence[0].end = 129)), "no law", "the whole unit");
    let two = |entry: &mut Entry| {
        let gist = entry.events.iter().find(|event| matches!(event, Event::GistProposed(_)))?.clone();
        entry.events.push(gist);
        Some(())
    };
    assert_eq!(law(two), "I-4");
    let released = |entry: &mut Entry| {
        let (place, draft) = entry.events.iter().enumerate().find_map(|(place, event)| {
            if let Event::DraftSubmitted(draft) = event { Some((place, draft)) } else { None }
        })?;
        let (fence, job) = (draft.fence, draft.job);
        matches!(job, Job::Reason(_)).then_some(())?;
        entry.events[place] = ClaimReleased { job, fence }.into();
        Some(())
    };
    assert_eq!(law(released), "I-4", "given back, not drafted");
    // Past its first unit, a span may not reach back.
    let lines = [
        "nodocs",
        "doc a.md The harbour light was built in 1874 by Ada Quill.\\n\\nAda Quill was born in the village of Penmarrow, not far from it.",
        "engine start agents=2 unit_bytes=64",
        "a1 claim",
        "a1 answer . plan: Where was she born?",
        "a1 claim",
        "a1 answer . finding: Ada Quill was born in Penmarrow. {S1.2: Ada Quill was born in the village of Penmarrow}",
    ];
    let log = log_of(&lines);
    assert_eq!(law_in(&log, change!(GistProposed, gist => gist.evidence[0].start = 0)), "I-22");
    assert_eq!(law_in(&log, change!(GistProposed, _gist => ())), "no law");
}

#[test]
fn one_entry_proposes_one_gist_to_review() {
    let log = log_of(&[
        "engine start agents=2",
        "a1 claim",
        "a1 answer . plan: Who built the light?; Who else?",
        "a1 claim",
        &format!("a1 answer . next {FINDING}"),
    ]);
    let second = |entry: &mut Entry| {
        let place = entry.events.iter().position(is_draft).filter(|_| entry.seq == log.len() as u64 - 1)?;
        let (mut draft, mut gist) = (entry.events[place].clone(), entry.events[place + 1].clone());
        let fence = entry.seq;
        if let (Event::DraftSubmitted(draft), Event::GistProposed(gist)) = (&mut draft, &mut gist) {
            (draft.job, draft.fence) = (Job::Reason(TaskId(2)), fence);
            (gist.task, gist.fence) = (Subject::Task(TaskId(2)), Some(fence));
        }
        // In place of the call that begins under the second claim.
        entry.events.pop();
        entry.events.extend([draft, gist]);
        Some(())
    };
    assert_eq!(law_in(&log, second), "I-11");
}

#[test]
fn a_verdict_is_given_once_by_another_who_holds_the_review() {
    assert_eq!(law(change!(VerdictGiven, given => given.proposal += 1)), "I-11");
    assert_eq!(law(change!(VerdictGiven, given => given.fence = None)), "I-4");
    assert_eq!(law(change!(VerdictGiven, given => given.fence = given.fence.map(|fence| fence - 1))), "I-4");
    assert_eq!(law(change!(VerdictGiven, given => given.verifier = None)), "I-4");
    assert_eq!(law(change!(VerdictGiven, given => given.verifier = Some(A2))), "I-4");
    assert_eq!(
        law(change!(VerdictGiven, given => given.checks[0].1 = false)),
        "I-11",
        "approved though one failed"
    );
    let nobody = |method: Method| {
        move |entry: &mut Entry| {
            change!(VerdictGiven, given => (given.fence, given.verifier, given.method) = (None, None, method))(
                entry,
            )
        }
    };
    for method in [Method::Log, Method::Ablated, Method::Mechanical] {
        assert_eq!(law(nobody(method)), "I-12", "{method}");
    }
    let log_of_none = change!(VerdictGiven, given => given.method = Method::Log);
    assert_eq!(law(log_of_none), "I-12", "the log is nobody");
    assert_eq!(law(change!(VerdictGiven, given => given.method = Method::Ablated)), "I-12");
    let twice = |entry: &mut Entry| {
        let place = entry.events.iter().position(is_verdict)?;
        entry.events.insert(place, entry.events[place].clone());
        Some(())
    };
    assert_eq!(law(twice), "I-11");
    let undrafted = |entry: &mut Entry| {
        let place = entry.events.iter().position(is_verdict)?;
        let Event::DraftSubmitted(draft) = entry.events[place - 1].clone() else { return None };
        entry.events[place - 1] = ClaimReleased { job: draft.job, fence: draft.fence }.into();
        Some(())
    };
    assert_eq!(law(undrafted), "I-4", "the review was given back");
}

#[test]
fn nobody_rejects_but_the_checks_at_once_and_the_log_when_a_review_is_given_up() {
    let log = rejected();
    let (checks, _) =
        find(&log, |event| matches!(event, Event::VerdictGiven(given) if given.verifier.is_none()));
    let given = |change: fn(&mut delm_core::event::VerdictGiven)| {
        law_in(&log, at(checks, change!(VerdictGiven, given => change(given))))
    };
    assert_eq!(given(|_| ()), "no law");
    assert_eq!(given(|given| given.checks.iter_mut().for_each(|check| check.1 = true)), "I-15");
    assert_eq!(given(|given| given.outcome = Ruling::Approve), "I-12");
    assert_eq!(given(|given| given.method = Method::Log), "I-12");
    assert_eq!(given(|given| (given.outcome, given.method) = (Ruling::Approve, Method::Log)), "I-12");
    assert_eq!(given(|given| given.method = Method::Ablated), "I-12");
    assert_eq!(given(|given| given.method = Method::Judge), "I-4");
    let (log, last) = (&log, log.len() as u64 - 1);
    // Of the failure that the log itself states.
    let failure = |change: fn(&mut delm_core::event::VerdictGiven)| {
        let change = |entry: &mut Entry| {
            let given = entry
                .events
                .iter_mut()
                .filter_map(|event| if let Event::VerdictGiven(given) = event { Some(given) } else { None });
            given.last().map(change)
        };
        law_in(log, at(last, change))
    };
    assert_eq!(failure(|_| ()), "no law");
    assert_eq!(failure(|given| given.outcome = Ruling::Reject), "I-12");
    assert_eq!(failure(|given| given.verifier = Some(A1)), "I-12");
    assert_eq!(failure(|given| given.fence = Some(1)), "I-12");
    assert_eq!(failure(|given| given.checks = vec![(Check::Spans, false)]), "I-11");
    assert_eq!(
        failure(|given| (given.method, given.outcome, given.checks) =
            (Method::Mechanical, Ruling::Reject, vec![(Check::Spans, false)])),
        "I-12"
    );
    assert_eq!(failure(|given| given.method = Method::Ablated), "I-12");
    let twice = at(last, |entry| {
        let place = entry.events.iter().rposition(|event| matches!(event, Event::GistProposed(_)))?;
        entry.events.insert(place, entry.events[place].clone());
        Some(())
    });
    assert_eq!(law_in(log, twice), "I-11", "two failures");
}

#[test]
fn without_verification_a_gist_is_admitted_in_its_own_entry() {
    let log = log_of(&[
        "engine start agents=2 ablate=verdicts",
        "a1 claim",
        "a1 answer . plan: Who built the light?; Who else?",
        "a1 claim",
        &format!("a1 answer . {FINDING}"),
    ]);
    let given = |change: fn(&mut delm_core::event::VerdictGiven)| {
        law_in(&log, change!(VerdictGiven, given => change(given)))
    };
    assert_eq!(given(|_| ()), "no law");
    assert_eq!(given(|given| given.outcome = Ruling::Reject), "I-12");
    assert_eq!(given(|given| given.verifier = Some(A2)), "I-12");
    assert_eq!(given(|given| given.method = Method::Log), "I-12");
}

#[test]
fn an_admission_is_the_next_fact_and_the_next_note() {
    assert_eq!(law(change!(GistAdmitted, admitted => admitted.label = FactId(2))), "I-17");
    assert_eq!(law(change!(GistAdmitted, admitted => admitted.note += 1)), "I-17");
    assert_eq!(law(change!(GistAdmitted, admitted => admitted.proposal += 1)), "I-13");
    assert_eq!(law(change!(GistAdmitted, admitted => admitted.grade = Grade::Judged)), "I-12");
    let unapproved = |entry: &mut Entry| {
        let place = entry.events.iter().position(is_verdict)?;
        entry.events.remove(place);
        Some(())
    };
    assert_eq!(law(unapproved), "I-13");
    let rejected = |entry: &mut Entry| {
        change!(VerdictGiven, given => given.outcome = Ruling::Reject)(entry)?;
        Some(())
    };
    assert_eq!(law(rejected), "I-13");
    let left = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::GistAdmitted(_)))?;
        entry.events.remove(place);
        Some(())
    };
    assert_eq!(law(left), "I-37", "approved, and then nothing");
}

#[test]
fn a_fact_is_withdrawn_once_and_in_its_place() {
    assert_eq!(law(change!(GistWithdrawn, withdrawn => withdrawn.label = FactId(3))), "I-18");
    assert_eq!(law(change!(GistWithdrawn, withdrawn => withdrawn.note += 1)), "I-17");
    assert_eq!(law(change!(GistWithdrawn, withdrawn => withdrawn.reason = OTHER)), "no law");
    let twice = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::GistWithdrawn(_)))?;
        entry.events.push(entry.events[place].clone());
        Some(())
    };
    assert_eq!(law(twice), "I-18");
    let log = log();
    assert!(
        log.iter().any(|sealed| sealed
            .entry
            .events
            .iter()
            .any(|event| matches!(event, Event::GistWithdrawn(_))))
    );
    let redacted = log_of(&["engine start agents=1", "engine redact Where was the builder born?"]);
    let twice = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::BlobRedacted(_)))?;
        entry.events.push(entry.events[place].clone());
        Some(())
    };
    assert_eq!(law_in(&redacted, twice), "I-18");
}

#[test]
fn a_summary_is_of_a_unit_that_was_read() {
    let log = log_of(&[
        "engine start agents=2 reading",
        "a1 claim",
        "a1 answer . read: The harbour light was built in 1874 by Ada Quill. {Who built it | The harbour light was built | in 1874 by Ada Quill}",
    ]);
    let unit = UnitId { source: SourceId(1), index: 2 };
    assert_eq!(law_in(&log, change!(SummaryChecked, checked => checked.unit = unit)), "I-4");
    let early = |entry: &mut Entry| {
        let place = entry.events.iter().position(|event| matches!(event, Event::SummaryChecked(_)))?;
        entry.events.swap(place, place - 1);
        Some(())
    };
    assert_eq!(law_in(&log, early), "I-4");
}
