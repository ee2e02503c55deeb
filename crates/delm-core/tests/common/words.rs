//! Events, jobs and totals in a line each, blobs as quoted text.
//!
//! Refuses to show hashes: what a script expects must be readable.

use delm_core::event::{Check, Event};
use delm_core::ids::Digest;
use delm_core::run::{Note, Run, Status};

use super::World;

/// The longest text shown whole, in characters.
const SHOWN_MAX: usize = 110;

fn list<T: ToString>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn marks(checks: &[(Check, bool)]) -> String {
    checks
        .iter()
        .map(|(check, passed)| format!("{check}{}", if *passed { '+' } else { '-' }))
        .collect::<Vec<_>>()
        .join(" ")
}

fn maybe<T: ToString>(before: &str, value: Option<T>) -> String {
    value.map_or_else(String::new, |value| format!(" {before}{}", value.to_string()))
}

/// A blob's text in quotes, on one line, cut where it is long.
pub fn quoted(world: &World, hash: &Digest) -> String {
    let text = world.text(hash).replace('\n', "⏎");
    let shown: String = text.chars().take(SHOWN_MAX).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("“{shown}{more}”")
}

/// One event.
pub fn event(world: &World, event: &Event) -> String {
    let rest = work(world, event).or_else(|| verified(world, event)).or_else(|| lifecycle(world, event));
    let rest = rest.unwrap_or_default();
    format!("{} {rest}", event.kind()).trim_end().to_string()
}

fn work(world: &World, event: &Event) -> Option<String> {
    let q = |hash: &Digest| quoted(world, hash);
    Some(match event {
        Event::Claimed(e) => {
            format!("{} {} fence {} attempt {} until {}", e.job, e.agent, e.fence, e.attempt, e.deadline_ms)
        }
        Event::LeaseRenewed(e) => format!("{} {} fence {} until {}", e.job, e.agent, e.fence, e.deadline_ms),
        Event::ClaimExpired(e) => format!("{} fence {}", e.job, e.fence),
        Event::ClaimReleased(e) => format!("{} fence {}", e.job, e.fence),
        Event::ContextRead(e) => format!("{} notes", e.length),
        Event::Unfolded(e) => format!("{} {}", e.label, e.level),
        Event::CallStarted(e) => {
            let recipe = &e.request.recipe;
            let unfolded: Vec<String> =
                recipe.unfolded.iter().map(|(label, level)| format!("{label} {level}")).collect();
            let shown =
                if unfolded.is_empty() { String::new() } else { format!(" unfolded {}", list(&unfolded)) };
            let why = maybe("feedback ", recipe.feedback.map(|hash| q(&hash)))
                + &maybe("problem ", recipe.problem.map(|hash| q(&hash)));
            let money = maybe("microusd ", e.reserved_microusd);
            let started = world.run.started();
            let budget = started.is_some_and(|s| s.limits.budget_tokens + s.limits.budget_microusd > 0);
            let tokens =
                if budget { format!(" reserves {} tokens{money}", e.reserved_tokens) } else { String::new() };
            format!("{} {} fence {}{tokens}{shown}{why}", e.call, e.purpose, e.fence)
        }
        Event::CallFinished(e) => {
            let tokens = e.tokens.map_or("uncounted".into(), |t| format!("{}+{} tokens", t.input, t.output));
            let billed = maybe("billable ", Some(e.billable).filter(|tries| *tries > 0));
            format!("{} {tokens}{}{billed}", e.call, maybe("microusd ", e.cost_microusd))
        }
        Event::CallFailed(e) => {
            let money = maybe("microusd ", e.charged_microusd);
            let part = maybe("part ", e.reply.map(|hash| q(&hash)));
            let charged = e.charged_tokens;
            format!("{} {} {} charged {charged} tokens{money}{part}", e.call, e.fault, q(&e.error))
        }
        _ => return None,
    })
}

fn verified(world: &World, event: &Event) -> Option<String> {
    let q = |hash: &Digest| quoted(world, hash);
    Some(match event {
        Event::DraftSubmitted(e) => format!(
            "{} fence {} {} cites [{}] of {} notes",
            e.job,
            e.fence,
            e.agent,
            list(&e.cites),
            e.length
        ),
        Event::ResultRefused(e) => format!(
            "{} fence {} {} {}",
            e.job.map_or("-".into(), |job| job.to_string()),
            e.fence,
            e.agent,
            e.why
        ),
        Event::SummaryChecked(e) => {
            format!("{} {} kept {} dropped {}", e.unit, e.bullets, e.dropped, q(&e.summary))
        }
        Event::GistProposed(e) => {
            let spans: Vec<String> =
                e.evidence.iter().map(|s| format!("{}:{}..{}", s.unit, s.start, s.end)).collect();
            format!("{} {} {} at [{}]{}", e.task, e.kind, q(&e.gist), list(&spans), maybe("fence ", e.fence))
        }
        Event::VerdictGiven(e) => {
            let by = e.verifier.map_or("nobody".into(), |agent| agent.to_string());
            let fence = maybe("fence ", e.fence);
            format!(
                "{} of {} {} by {by}{fence} {} [{}] {}",
                e.task,
                e.proposal,
                e.outcome,
                e.method,
                marks(&e.checks),
                q(&e.reason)
            )
        }
        Event::GistAdmitted(e) => {
            let by = e.author.map_or("nobody".into(), |agent| agent.to_string());
            format!(
                "{} {} of {} {} by {by} grade {} note {}",
                e.label,
                e.task,
                e.proposal,
                q(&e.gist),
                e.grade,
                e.note
            )
        }
        Event::GistWithdrawn(e) => {
            format!("{} {} tainted [{}] note {}", e.label, q(&e.reason), list(&e.tainted), e.note)
        }
        Event::BlobRedacted(e) => format!("{} {}", q(&e.blob), q(&e.reason)),
        Event::TaskAdded(e) => {
            format!("{} {} needs [{}] round {}", e.task, q(&e.text), list(&e.needs), e.round)
        }
        Event::TaskReopened(e) => format!("{} after attempt {}: {}", e.task, e.attempt, q(&e.reason)),
        Event::TaskAbandoned(e) => format!("{} after attempt {}: {}", e.task, e.attempt, q(&e.reason)),
        Event::Drained(e) => format!("round {} {}", e.round, e.cause),
        Event::Expanded(e) => format!("round {} [{}]{}", e.round, list(&e.tasks), maybe("fence ", e.fence)),
        Event::AnswerGiven(e) => {
            format!("{} {} [{}] fence {}", e.answer_kind, q(&e.answer), list(&e.cites), e.fence)
        }
        _ => return None,
    })
}

fn lifecycle(world: &World, event: &Event) -> Option<String> {
    let q = |hash: &Digest| quoted(world, hash);
    Some(match event {
        Event::RunStarted(e) => q(&e.question),
        Event::RunForked(e) => {
            let limits = e.changes.iter().map(|change| format!(" {} = {}", change.limit, change.value));
            let models = e
                .models
                .iter()
                .map(|models| format!(" models {} {}", models.worker.model, models.judge.model));
            let own = e.self_review.iter().map(|own| format!(" self_review {own}"));
            let changes: String = limits.chain(models).chain(own).collect();
            format!("behind {} of {}{changes}", e.seq, e.owner.short(8))
        }
        Event::RunPaused(e) => format!("{} open [{}]", e.cause, list(&e.open)),
        Event::RunResumed(e) => e
            .changes
            .iter()
            .map(|change| format!("{} = {}", change.limit, change.value))
            .collect::<Vec<_>>()
            .join(", "),
        Event::RunEnded(e) => {
            format!("{} open [{}]{}", e.outcome, list(&e.open), maybe("", e.reason.map(|hash| q(&hash))))
        }
        Event::SourceAdded(e) => format!("{} {}", e.source, q(&e.name)),
        Event::SourceSkipped(e) => format!("{} {}", q(&e.name), q(&e.reason)),
        Event::UnitAdded(e) => format!("{} {}..{}", e.unit, e.start, e.end),
        Event::AgentJoined(e) => format!("{} {} for {}", e.agent, e.kind, e.principal),
        Event::AgentLeft(e) => e.agent.to_string(),
        Event::LimitReached(e) => {
            let needed = maybe("needed ", Some(e.needed).filter(|needed| *needed > 0));
            format!("{} {} {} of {}{needed}", e.cause, e.limit, e.spent, e.value).replace("  ", " ")
        }
        _ => return None,
    })
}

/// Every job, a line each.
pub fn jobs(run: &Run) -> Vec<String> {
    let line = |(job, state): (&delm_core::ids::Job, &delm_core::run::JobState)| {
        let status = match state.status {
            Status::Claimed(fence) => {
                let claim = run.claim(fence);
                format!(
                    "claimed by {} under {fence}",
                    claim.map_or("nobody".into(), |claim| claim.agent.to_string())
                )
            }
            Status::InReview(seq) => format!("in review as {seq}"),
            other => format!("{other:?}").to_lowercase(),
        };
        format!("{job} {status}, {} failures, {} releases", state.failures, state.releases)
    };
    run.jobs().iter().map(line).collect()
}

/// The context, a line a note.
pub fn notes(world: &World) -> Vec<String> {
    let run = &world.run;
    let line = |(place, note): (usize, &Note)| match note {
        Note::Admitted(label) => {
            let Some(fact) = run.fact(*label) else { return "no such fact".to_string() };
            let marks = [(fact.withdrawn.is_some(), " withdrawn"), (fact.tainted, " tainted")];
            let marks: String = marks.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
            format!("{place} {label} {} {}{marks}", quoted(world, &fact.proposal.gist), fact.grade)
        }
        Note::Withdrawn(label) => format!("{place} {label} is withdrawn"),
    };
    run.notes().iter().enumerate().map(line).collect()
}

/// Where the run stands and what it has spent.
pub fn standing(run: &Run) -> Vec<String> {
    let ledger = run.ledger();
    let cost = ledger.cost_microusd().map_or("unknown".into(), |cost| cost.to_string());
    vec![
        format!(
            "{:?}, round {}, ran {} ms, next deadline {:?}",
            run.phase(),
            run.round(),
            run.ran_ms(),
            run.next_deadline()
        ),
        format!(
            "{} calls, {} finished, {} failed; {} tokens and {} microusd spent, {} and {} reserved, cost {cost}",
            ledger.calls,
            ledger.finished,
            ledger.failed,
            ledger.spent_tokens(),
            ledger.spent_microusd,
            ledger.reserved_tokens,
            ledger.reserved_microusd,
        ),
    ]
}
