//! Lines to paste: what one does next with a run.
//!
//! Refuses to guess which total was reached: the log says it.

use delm_core::event::{Event, PauseCause};
use delm_core::run::{Phase, Run};
use delm_log::Log;

use crate::access::log_error;
use crate::error::CliError;

/// Entries looked at in one step, from the newest back.
const PAGE: u64 = 64;

/// What can be done with a run that people call `name`; `driven` says that a process is at it.
///
/// # Errors
/// The log cannot be read.
pub(crate) fn lines(run: &Run, name: &str, log: &dyn Log, driven: bool) -> Result<Vec<String>, CliError> {
    let mut lines = Vec::new();
    if driven && run.phase() == Phase::Running {
        lines.push(format!("delm log {name} -f"));
    } else if !matches!(run.phase(), Phase::Unborn | Phase::Ended(_)) {
        lines.push(format!("delm resume {name}{}", more(run, log)?));
    }
    if run.answer().is_some() {
        lines.push(format!("delm why {name} answer"));
        lines.push(format!("delm blame {name}"));
    } else {
        lines.push(format!("delm facts {name}"));
    }
    lines.push(format!("delm replay {name}"));
    Ok(lines)
}

/// The flag that raises what was reached.
fn more(run: &Run, log: &dyn Log) -> Result<&'static str, CliError> {
    let (Phase::Paused(cause) | Phase::Stopping(cause)) = run.phase() else { return Ok("") };
    Ok(match cause {
        PauseCause::Budget if reached(run, log)?.as_deref() == Some("budget_microusd") => {
            " --budget-usd DOLLARS"
        }
        PauseCause::Budget => " --budget-tokens N",
        PauseCause::Deadline => " --deadline TIME",
        PauseCause::Interrupt | PauseCause::Provider => "",
    })
}

/// The limit that stopped the run last.
fn reached(run: &Run, log: &dyn Log) -> Result<Option<String>, CliError> {
    let (Some(id), Some(head)) = (run.id(), run.head()) else { return Ok(None) };
    let mut end = head.seq + 1;
    while end > 0 {
        let from = end.saturating_sub(PAGE);
        let count = usize::try_from(end - from).unwrap_or(usize::MAX);
        let page = log.entries(&id, from, count).map_err(log_error)?;
        for event in page.iter().rev().flat_map(|sealed| sealed.entry.events.iter().rev()) {
            if let Event::LimitReached(reached) = event {
                return Ok(Some(reached.limit.clone()));
            }
        }
        end = from;
    }
    Ok(None)
}
