//! A fork of a run that was simulated, on a disk of its own: it begins anywhere in it, and drops facts.
//!
//! Refuses to touch the origin: it has a copy of what it shares.

use delm_core::apply::apply;
use delm_core::blobs::named_by;
use delm_core::command::{Command, DroppedFact, ForkRun};
use delm_core::dispatcher::Dispatcher;
use delm_core::entry::{Blob, Blobs, Sealed};
use delm_core::event::{AgentKind, Change, Event, RunForked};
use delm_core::ids::Seq;
use delm_core::prompt::warm;
use delm_core::run::Run;

use super::{Process, World, appends, corpus, log_failed, log_refused};
use crate::broken::Broken;
use crate::disk::{Disk, Shared};
use crate::marks::{Mark, Marks};
use crate::rng::Rng;
use crate::setup::agent;

impl World {
    /// Forks a run behind an entry; once this returns, the fork's first entry is durable.
    ///
    /// # Errors
    /// [`Broken`] when the core refuses what it should not.
    pub(crate) fn forked(origin: &Self, seq: Seq, rng: &mut Rng) -> Result<Self, Broken> {
        let mut run = Run::default();
        let mut shared: Vec<Shared> = Vec::new();
        for sealed in origin.entries()?.into_iter().take_while(|sealed| sealed.entry.seq <= seq) {
            apply(&mut run, &sealed).map_err(|fault| Broken::new(fault.law, fault.to_string()))?;
            let bytes = named_by(&sealed.entry).into_iter().filter_map(|hash| origin.disk.blob(&hash));
            let blobs = bytes.map(Blob::new).collect();
            shared.push((sealed, blobs));
        }
        let mut disk = Disk::sharing(origin.run, shared).map_err(log_refused)?;
        warm(&mut run, &disk);
        let (fork, blobs) = command(&run, rng).ok_or_else(|| Broken::new("I-40", "a fork of nothing"))?;
        let at = run.at() + rng.below(5_000);
        let mut dispatcher = Dispatcher::new(origin.policy, run);
        dispatcher.engine(&disk, Command::Fork(fork), blobs, at);
        let staged = dispatcher.take_staged();
        let Some(first) = staged.first().map(|staged| staged.entry.clone()) else {
            let said = dispatcher.idle_answers().into_iter().find_map(|answered| answered.outcome.err());
            return Err(Broken::new("I-40", format!("the fork behind entry {seq} is refused: {said:?}")));
        };
        let term = disk.acquire(first.id).map_err(log_failed)?;
        let count = staged.len();
        let mut batch = appends(first.id, term, staged);
        if let Some(append) = batch.first_mut() {
            append.after = None;
        }
        disk.write(&batch);
        disk.sync(batch).map_err(log_refused)?;
        dispatcher.durable(count);
        let corpus = corpus(dispatcher.published(), &disk)?;
        let process = Process { dispatcher, corpus, term, asked: Default::default(), writing: None };
        let mut marks = Marks::default();
        mark(&first, &mut marks);
        Ok(Self {
            policy: origin.policy,
            disk,
            process: Some(process),
            truth: origin.truth.of_fork(),
            marks,
            script: crate::script::Script::new(origin.script.setup.clone()),
            life: 1,
            run: first.id,
            dead: Default::default(),
            last: Run::default(),
            hasty: false,
        })
    }
}

/// A fork behind the newest entry that drops up to two facts.
fn command(run: &Run, rng: &mut Rng) -> Option<(ForkRun, Vec<Blob>)> {
    let mut fork = RunForked::unchanged([3; 16], run.id()?, run.head()?, "sim".into());
    // A resume may have lowered it below what had failed by then.
    let value = run.started()?.limits.attempts_max.max(run.limits().attempts_max);
    fork.changes.push(Change { limit: "attempts_max".into(), value });
    let reason = Blob::new(&b"it does not hold"[..]);
    let mut standing: Vec<_> = run.facts().iter().filter(|fact| fact.withdrawn.is_none()).collect();
    if rng.chance(700) {
        // Something falls with one that others build on.
        let built_on = |label| run.facts().iter().any(|fact| fact.proposal.cites.contains(&label));
        standing.retain(|fact| built_on(fact.label));
    }
    let mut drops = Vec::new();
    for _ in 0..rng.below(3) {
        let place = usize::try_from(rng.below(standing.len() as u64)).unwrap_or(0);
        if place < standing.len() {
            let label = standing.swap_remove(place).label;
            drops.push(DroppedFact { label, reason: reason.hash });
        }
    }
    let agents = (0..rng.within(1, 3)).map(|_| agent(AgentKind::Model, "")).collect();
    let blobs = if drops.is_empty() { Vec::new() } else { vec![reason] };
    Some((ForkRun { run: fork, drops, agents }, blobs))
}

fn mark(first: &Sealed, marks: &mut Marks) {
    for event in &first.entry.events {
        if let Event::ClaimReleased(_) = event {
            marks.hit(Mark::ForkReleased);
        } else if let Event::CallFailed(_) = event {
            marks.hit(Mark::ForkClosed);
        } else if let Event::TaskReopened(_) = event {
            marks.hit(Mark::ForkReopened);
        }
    }
}
