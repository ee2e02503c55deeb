//! W1 without the engine: programs that submit typed replies to the dispatcher, one after another, over plain maps.
//!
//! Refuses models: no call is made and no prompt rendered, so its log shows what the rest of an audit costs.

use std::collections::BTreeMap;
use std::sync::Arc;

use delm_core::command::{Command, Envelope};
use delm_core::dispatcher::{Accepted, Dispatcher};
use delm_core::entry::{Blob, Sealed};
use delm_core::event::AgentKind;
use delm_core::ids::{AgentId, Digest, Fence, Job};
use delm_core::policy::Fifo;
use delm_core::prompt::BUILTIN;
use delm_core::reply::{FinalizeReply, PlanReply, PlannedTask, ReadReply, Reply, ReviewReply};
use delm_core::run::{Phase, Run};

use crate::Outcome;
use crate::stage::Stage;
use crate::workload;

/// A run's entries and blobs, in memory.
#[derive(Default)]
pub struct Recorded {
    /// Entries, in order.
    pub entries: Vec<Sealed>,
    /// Blobs by hash.
    pub blobs: BTreeMap<Digest, Arc<[u8]>>,
}

impl Recorded {
    fn take(&mut self, dispatcher: &mut Dispatcher) -> Vec<delm_core::dispatcher::Answered> {
        let staged = dispatcher.take_staged();
        let count = staged.len();
        for staged in staged {
            self.blobs.extend(staged.blobs.into_iter().map(|blob| (blob.hash, blob.bytes)));
            self.entries.push(staged.entry);
        }
        dispatcher.durable(count)
    }
}

/// Runs W1 with program agents; gives its entries and blobs.
///
/// # Errors
/// When a command is refused that should not be, or the work was not done.
pub fn run(tasks: u32, agents: u32) -> Outcome<Recorded> {
    let documents = workload::documents();
    let stage = Stage {
        question: workload::QUESTION,
        documents: &documents,
        model: BUILTIN,
        kind: AgentKind::Program,
        agents,
        reading: false,
        limits: workload::limits(tasks),
        ablations: Vec::new(),
    };
    let (command, blobs) = stage.command();
    let mut recorded = Recorded::default();
    let mut dispatcher = Dispatcher::new(&Fifo, Run::default());
    let mut at = 1_000;
    dispatcher.engine(&recorded.blobs, Command::Start(command), blobs, at);
    refuse_refusals(recorded.take(&mut dispatcher))?;
    // Each agent's next command, by its ticket; agents that found no work wait within the dispatcher.
    let mut waiting = BTreeMap::new();
    let mut next: Vec<(AgentId, Command, Vec<Blob>)> =
        (1..=agents).map(|agent| (AgentId(agent), Command::Claim { job: None }, Vec::new())).collect();
    while !matches!(dispatcher.published().phase(), Phase::Ended(_)) {
        for (agent, command, blobs) in std::mem::take(&mut next) {
            at += 1;
            let wish = !matches!(command, Command::Claim { .. });
            let number = dispatcher.next_number(agent);
            let claim = dispatcher.quoted_claim(agent, &command);
            let envelope = Envelope { agent: Some(agent), number, command, claim, next: wish };
            waiting.insert(dispatcher.command(&recorded.blobs, envelope, blobs, at), agent);
        }
        for answered in recorded.take(&mut dispatcher) {
            let Some(agent) = waiting.remove(&answered.ticket) else { continue };
            if let Ok(accepted) = answered.outcome {
                let (command, blobs) = go_on(&accepted, tasks);
                next.push((agent, command, blobs));
            }
        }
        if next.is_empty() && !matches!(dispatcher.published().phase(), Phase::Ended(_)) {
            return Err(format!("nobody has work at entry {}", recorded.entries.len()).into());
        }
    }
    workload::check(dispatcher.published(), tasks)?;
    Ok(recorded)
}

fn refuse_refusals(answered: Vec<delm_core::dispatcher::Answered>) -> Outcome<()> {
    match answered.into_iter().find_map(|answered| answered.outcome.err()) {
        Some(refusal) => Err(refusal.into()),
        None => Ok(()),
    }
}

fn go_on(accepted: &Accepted, tasks: u32) -> (Command, Vec<Blob>) {
    let Some(job) = accepted.reply.claimed else { return (Command::Claim { job: None }, Vec::new()) };
    let draft = Blob::new(reply(job, tasks).to_canonical());
    let fence: Fence = accepted.reply.seq;
    (Command::Submit { fence, draft: draft.hash }, vec![draft])
}

fn reply(job: Job, tasks: u32) -> Reply {
    match job {
        Job::Plan => {
            let task =
                |n| PlannedTask { text: format!("Look up lamp {n} in the register."), needs: Vec::new() };
            Reply::Plan(PlanReply { tasks: (1..=tasks).map(task).collect() })
        }
        Job::Expand(_) => Reply::Plan(PlanReply { tasks: Vec::new() }),
        Job::Reason(task) => Reply::Reason(workload::reason(task.0)),
        Job::Review(_) => {
            let reason = format!("The quote bears out what the finding of {job} says.");
            Reply::Review(ReviewReply { outcome: "approve".into(), reason })
        }
        Job::Finalize => Reply::Finalize(FinalizeReply {
            answered: true,
            answer: "Each lamp was lit at dusk.".into(),
            cites: vec!["F1".into()],
        }),
        Job::Read(_) => Reply::Read(ReadReply { bullets: Vec::new(), gist: String::new() }),
    }
}
