//! `run --dry-run`: what a run would read, which hosts it would call, and the most it could take.
//!
//! Refuses to call anybody and to write; what nothing bounds is said to be unbounded.

use delm_core::prompt::BUILTIN;
use delm_wire::view::{DryRun, DryRunTag, LeftOut};

use super::begin::Plan;
use crate::error::CliError;
use crate::output::Output;
use crate::output::human::{count, money, plural};
use crate::output::text::one_line;

/// Says what the run would be.
///
/// # Errors
/// Output that cannot be written.
pub(super) fn show(plan: &Plan, output: &mut Output) -> Result<(), CliError> {
    let view = of(plan);
    if output.mode().is_json() {
        return Ok(output.json(&view)?);
    }
    for_people(&view, plan.documents.remedy(&plan.limits).as_deref(), output)
}

/// Bounds from the limits alone: every task planned, every attempt made, every call at its greatest.
fn of(plan: &Plan) -> DryRun {
    let limits = &plan.limits;
    let texts = plan.documents.read.iter();
    let units =
        texts.clone().map(|document| delm_core::text::split(&document.text, limits.unit_bytes).len() as u64);
    let units: u64 = units.sum();
    let called = |model: &str| model != BUILTIN;
    let hosted = called(&plan.worker.model) || called(&plan.judge.model);
    let (calls, tokens) = if hosted { bounds(plan, units) } else { (Some(0), Some(0)) };
    let tokens =
        [tokens, Some(limits.budget_tokens).filter(|budget| *budget > 0)].into_iter().flatten().min();
    let left_out = plan.documents.skipped.iter();
    DryRun {
        schema: DryRunTag,
        question: plan.question.clone(),
        agents: plan.agents,
        model: plan.worker.model.clone(),
        judge: plan.judge.model.clone(),
        hosts: plan.hosts.clone(),
        sources: plan.documents.read.len() as u64,
        skipped: left_out
            .map(|file| LeftOut { name: Some(file.name.clone()), reason: Some(file.reason.clone()) })
            .collect(),
        units,
        bytes: texts.map(|document| document.text.len() as u64).sum(),
        calls_max: calls,
        tokens_max: tokens,
        cost_microusd_max: if hosted { cost_max(plan, tokens) } else { Some(0) },
    }
}

fn for_people(view: &DryRun, remedy: Option<&str>, output: &mut Output) -> Result<(), CliError> {
    let hosts = if view.hosts.is_empty() { "none".to_owned() } else { one_line(&view.hosts.join(", ")) };
    let at_most = |number: Option<u64>| {
        number.map_or_else(|| "not bounded".to_owned(), |number| format!("at most {}", count(number)))
    };
    output.line(&format!("question   {}", one_line(&view.question)))?;
    output.line(&format!(
        "documents  {} ({}, {}), {} left out",
        plural(view.sources, "document"),
        plural(view.units, "unit"),
        plural(view.bytes, "byte"),
        count(view.skipped.len() as u64)
    ))?;
    let words = |text: &Option<String>| one_line(text.as_deref().unwrap_or_default());
    for file in &view.skipped {
        output.line(&format!("           left out: {}: {}", words(&file.name), words(&file.reason)))?;
    }
    if let Some(remedy) = remedy {
        output.line(&format!("           {remedy}"))?;
    }
    output.line(&format!("agents     {}", view.agents))?;
    output.line(&format!("model      {} (reviews: {})", one_line(&view.model), one_line(&view.judge)))?;
    output.line(&format!("hosts      {hosts}"))?;
    output.line(&format!("calls      {}", at_most(view.calls_max)))?;
    output.line(&format!("tokens     {}", at_most(view.tokens_max)))?;
    let cost = view.cost_microusd_max.map_or_else(
        || "unknown: a model has no price, or tokens are not bounded".to_owned(),
        |cost| format!("at most {}", money(Some(cost))),
    );
    output.line(&format!("cost       {cost}"))?;
    if view.calls_max.is_none_or(|calls| calls > 0) {
        output.line("           (were all tasks_max tasks planned; --set tasks_max=N, --budget-tokens N bound it closer)")?;
    }
    output.line("nothing was called and nothing was written")?;
    Ok(())
}

/// Calls and tokens at most, from the run's limits: all tasks there may be, every attempt, every call at its greatest.
///
/// A prompt holds at most the whole context, the unit or what was unfolded with its neighbours, the evidence, and a reply
/// that is asked for again, which had at most as many tokens as a reply may have.
fn bounds(plan: &Plan, units: u64) -> (Option<u64>, Option<u64>) {
    let limits = &plan.limits;
    let (attempts, again) = (limits.attempts_max, 1 + limits.asks_max);
    let gists = if plan.reading() { units.saturating_add(limits.tasks_max) } else { limits.tasks_max };
    let reviews =
        gists.checked_mul(attempts).and_then(|drafts| drafts.checked_mul(attempts)?.checked_mul(again));
    let work = (again + limits.unfold_rounds_max)
        .checked_mul(attempts)
        .and_then(|each| gists.checked_mul(each)?.checked_add((limits.rounds_max + 2) * attempts * again));
    let calls = match (plan.worker.model != BUILTIN, plan.judge.model != BUILTIN) {
        (true, true) => work.zip(reviews).and_then(|(work, reviews)| work.checked_add(reviews)),
        (true, false) => work,
        (false, _) => reviews,
    };
    let shown = (limits.unfold_rounds_max + 1) * limits.unfold_labels_max * 3 + limits.evidence_max;
    let bytes =
        plan.question.len() as u64 + 65_536 + shown.saturating_mul(limits.unit_bytes.saturating_mul(2));
    let context = (units + limits.tasks_max).saturating_mul(limits.gist_tokens_max.saturating_mul(8));
    let prompt = bytes.saturating_add(context) / limits.bytes_per_token + limits.output_tokens_max;
    let one = prompt.saturating_add(limits.output_tokens_max);
    (calls, calls.and_then(|calls| calls.checked_mul(one)))
}

/// Money at most: every token at the dearest price; the built-in reader costs nothing.
fn cost_max(plan: &Plan, tokens: Option<u64>) -> Option<u64> {
    let mut dearest = 0;
    for model in [&plan.worker.model, &plan.judge.model] {
        if model != BUILTIN {
            let price = plan.prices.iter().find(|price| price.model == *model)?;
            dearest = dearest.max(price.in_microusd).max(price.out_microusd);
        }
    }
    let all = u64::try_from(u128::from(tokens?) * u128::from(dearest) / 1_000_000).ok()?;
    let budget = Some(plan.limits.budget_microusd).filter(|budget| *budget > 0);
    Some(budget.map_or(all, |budget| budget.min(all)))
}
