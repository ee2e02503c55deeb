//! `delm check`: a run of the store, streamed as its export into the independent auditor.
//!
//! Refuses to judge: the auditor reads what anybody who was given the export could read, and nothing else.

use delm_core::ids::Digest;
use delm_oracle::{Auditor, Report};
use delm_wire::export::HeadView;
use delm_wire::name::Word;
use delm_wire::view::{BrokenLaw, CheckTag, Checked};

use super::export;
use super::words::{heading, named};
use crate::access::Reading;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{count, entries, plural};

pub(super) fn of_run(run: Digest, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let mut auditor = Auditor::new();
    // A fault ends the audit, not the export: the report tells of it.
    export::lines(run, reading, |line| {
        auditor.line(line.as_bytes()).ok();
        Ok(())
    })?;
    say(&auditor.finish(), None, output)
}

/// Says what an audit found. `source` is what was read, where it is no run of the store.
///
/// # Errors
/// Exit 4 if it is no intact export; broken laws are a result, with exit 6.
pub(crate) fn say(report: &Report, source: Option<&str>, output: &mut Output) -> Result<Exit, CliError> {
    if let Some(fault) = &report.fault {
        let law = fault.invariant().map(|law| format!(" ({law}, {})", law.name())).unwrap_or_default();
        let place = source.map(|source| format!("{source}: ")).unwrap_or_default();
        let before: Vec<String> =
            report.findings.iter().map(|finding| format!("\nbefore it, {finding}")).collect();
        let what = format!("{place}{fault}{law}{}", before.concat());
        let error = CliError::new("export", Exit::Integrity, what)
            .hint("it is not an intact export, and what follows proves nothing; get another copy");
        return Err(match &report.run {
            Some(run) if source.is_none() => error.run(run.clone()),
            _ => error,
        });
    }
    let view = view(report)?;
    if output.mode().is_json() {
        output.json(&view)?;
    } else {
        people(&view, output)?;
    }
    Ok(if view.findings.is_empty() { Exit::Success } else { Exit::Broken })
}

fn view(report: &Report) -> Result<Checked, CliError> {
    let hash = |text: &Option<String>| {
        let found = text.as_deref().and_then(|text| text.parse::<Digest>().ok()).map(Word);
        found.ok_or_else(|| CliError::new("internal", Exit::Unexpected, "an intact export without a run"))
    };
    let findings = report.findings.iter().map(|finding| BrokenLaw {
        invariant: finding.invariant.to_string(),
        name: finding.invariant.name().to_owned(),
        sentence: finding.invariant.sentence().to_owned(),
        seq: finding.seq,
        expected: finding.expected.clone(),
        found: finding.found.clone(),
        more: finding.more,
    });
    Ok(Checked {
        schema: CheckTag,
        run: hash(&report.run)?,
        head: HeadView { seq: report.entries.saturating_sub(1), id: hash(&report.head)? },
        entries: report.entries,
        events: report.events,
        blobs: report.blobs,
        redacted: report.redacted,
        findings: findings.collect(),
    })
}

fn people(view: &Checked, output: &mut Output) -> Result<(), CliError> {
    named(output, "run", &view.run.0.to_string())?;
    let broken = match view.findings.len() as u64 {
        0 => "no invariant that a log shows is broken".to_owned(),
        1 => "one invariant is broken".to_owned(),
        number => format!("{} invariants are broken", count(number)),
    };
    named(output, "check", &broken)?;
    let read = format!(
        "{}, {}, {}",
        entries(view.entries),
        plural(view.events, "event"),
        plural(view.blobs, "blob")
    );
    named(output, "read", &read)?;
    named(output, "head", &format!("{} {}", view.head.seq, view.head.id.0))?;
    for finding in &view.findings {
        heading(output, &format!("{} {}: entry {}", finding.invariant, finding.name, finding.seq))?;
        named(output, "law", &finding.sentence)?;
        named(output, "expected", &finding.expected)?;
        named(output, "found", &finding.found)?;
        if finding.more > 0 {
            named(output, "and", &format!("{} more, later on", count(finding.more)))?;
        }
    }
    Ok(())
}
