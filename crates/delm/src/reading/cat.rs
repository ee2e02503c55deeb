//! `delm cat`: the bytes behind a label, a hash or a call.
//!
//! Refuses to make up what is gone: a text that was redacted is an error that says so.

use delm_core::ids::{AgentId, CallId, Digest, UnitId};
use delm_wire::view::{CallView, Shown};

use super::{meant, none, prompt};
use crate::access::Reading;
use crate::args::read::Cat;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{count, money, span, time};
use crate::refs::Thing;

/// Bytes, and the blob that they are or are cut from.
struct Found {
    blob: Option<Digest>,
    bytes: Vec<u8>,
}

impl Found {
    /// What was put together from events.
    fn words(text: String) -> Self {
        Self { blob: None, bytes: text.into_bytes() }
    }
}

pub(super) fn cat(args: &Cat, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let run = meant(args.run.as_ref(), reading)?;
    if (args.prompt || args.reply) && !matches!(args.what, Thing::Call(_)) {
        let flag = if args.prompt { "--prompt" } else { "--reply" };
        return Err(CliError::usage(format!("{flag} is of a call, such as c5; {} is none", args.what)));
    }
    let found = match &args.what {
        Thing::Call(label) => of_call(args, reading, run, *label, output)?,
        Thing::Blob(hash) => of_blob(reading, run, *hash)?,
        label @ (Thing::Source(_)
        | Thing::Unit(_)
        | Thing::Fact(_)
        | Thing::Task(_)
        | Thing::Agent(_)
        | Thing::Answer) => of_label(reading, run, label)?,
    };
    if output.mode().is_json() {
        output.json(&Shown::of(run, args.what.to_string(), found.blob, &found.bytes))?;
    } else {
        output.bytes(&found.bytes)?;
    }
    Ok(Exit::Success)
}

fn of_blob(reading: &Reading, run: Digest, hash: Digest) -> Result<Found, CliError> {
    Ok(Found { blob: Some(hash), bytes: reading.blob(run, &hash)?.to_vec() })
}

fn of_label(reading: &Reading, run: Digest, label: &Thing) -> Result<Found, CliError> {
    let loaded = reading.load(run)?;
    let state = &loaded.run;
    let blob = match label {
        Thing::Source(id) => state.source(*id).map(|source| source.added.text),
        Thing::Fact(id) => state.fact(*id).map(|fact| fact.proposal.gist),
        Thing::Task(id) => state.task(*id).map(|task| task.text),
        Thing::Answer => state.answer().map(|answer| answer.answer),
        Thing::Unit(id) => return of_unit(reading, run, state, *id),
        Thing::Agent(id) => return of_agent(state, *id).ok_or_else(|| none(label, run)),
        Thing::Call(_) | Thing::Blob(_) => None,
    };
    of_blob(reading, run, blob.ok_or_else(|| none(label, run))?)
}

fn of_unit(
    reading: &Reading,
    run: Digest,
    state: &delm_core::run::Run,
    id: UnitId,
) -> Result<Found, CliError> {
    let label = Thing::Unit(id);
    let unit = state.unit(id).ok_or_else(|| none(&label, run))?;
    let source = state.source(id.source).ok_or_else(|| none(&label, run))?;
    let whole = reading.blob(run, &source.added.text)?;
    let range = usize::try_from(unit.start).ok().zip(usize::try_from(unit.end).ok());
    let bytes = range.and_then(|(start, end)| whole.get(start..end));
    let outside = || {
        CliError::new("corrupt", Exit::Integrity, format!("{id} lies outside the text of its source"))
            .run(run.to_string())
    };
    Ok(Found { blob: Some(source.added.text), bytes: bytes.ok_or_else(outside)?.to_vec() })
}

fn of_agent(state: &delm_core::run::Run, id: AgentId) -> Option<Found> {
    let agent = state.agent(id)?;
    let program = agent.program.as_ref().map(|program| format!("program   {program}\n")).unwrap_or_default();
    let holds = agent.claim.and_then(|fence| state.claim(fence).map(|claim| (claim.job, fence)));
    let holds = match (agent.left, holds) {
        (true, _) => "it left".to_owned(),
        (false, Some((job, fence))) => format!("{job}, claimed in entry {fence}"),
        (false, None) => "nothing".to_owned(),
    };
    Some(Found::words(format!(
        "agent     {id}\nkind      {}\nprincipal {}\nmodel     {}\n{program}holds     {holds}\nclaims    {} ({} expired)\ngists     {} admitted, {} rejected\nverdicts  {}\ntokens    {}\n",
        agent.kind,
        agent.principal,
        agent.model,
        agent.claims,
        agent.expired,
        agent.admitted,
        agent.rejected,
        agent.verdicts,
        agent.tokens
    )))
}

fn of_call(
    args: &Cat,
    reading: &Reading,
    run: Digest,
    label: CallId,
    output: &mut Output,
) -> Result<Found, CliError> {
    let call = prompt::call(reading, run, label)?;
    if args.prompt {
        let request = prompt::rebuilt(reading, run, &call)?;
        output.note(&format!("rebuilt from the log; its hash is the recorded one, {}", call.request.0))?;
        return Ok(Found::words(prompt::text(&request)));
    }
    if !args.reply {
        return Ok(Found::words(words(&call)));
    }
    match (&call.reply, &call.error) {
        (Some(reply), _) => of_blob(reading, run, reply.0),
        (None, Some(error)) => Err(no_reply(format!("{label} brought no reply: {error}"), run)),
        (None, None) if call.ended.is_some() => Err(no_reply(format!("{label} brought no reply"), run)),
        (None, None) => Err(no_reply(format!("{label} has no reply yet"), run)),
    }
}

fn no_reply(what: String, run: Digest) -> CliError {
    CliError::new("not_found", Exit::NotFound, what).run(run.to_string())
}

/// A call in short: what was asked of whom, and what came of it.
fn words(call: &CallView) -> String {
    let mut lines = vec![
        ("call", call.call.0.to_string()),
        ("state", call.state.0.to_string()),
        ("for", format!("{}, attempt {}, claimed in entry {}", call.job.0, call.attempt, call.fence)),
        ("model", call.model.clone()),
        ("request", call.request.0.to_string()),
        ("started", format!("{}, in entry {}", time(call.at.0), call.seq)),
    ];
    let mut add = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    add("agent", call.agent.as_ref().map(|agent| agent.0.to_string()));
    add("reported", call.model_reported.clone());
    add("provider", call.request_id.clone());
    add("ended", call.ended.as_ref().map(|ended| time(ended.0)));
    add("reply", call.reply.as_ref().map(|reply| reply.0.to_string()));
    add("fault", call.fault.as_ref().map(|fault| fault.0.to_string()));
    add("error", call.error.clone());
    add(
        "tokens",
        call.tokens.as_ref().map(|tokens| {
            format!(
                "{} in ({} cached), {} out",
                count(tokens.input),
                count(tokens.cached),
                count(tokens.output)
            )
        }),
    );
    add("charged", call.charged_tokens.map(|tokens| format!("{} tokens", count(tokens))));
    add("cost", call.ended.as_ref().map(|_| money(call.cost_microusd)));
    add("took", call.latency_ms.map(span));
    add("tries", call.tries.map(|tries| tries.to_string()));
    lines.into_iter().map(|(name, value)| format!("{name:<9} {value}\n")).collect()
}
