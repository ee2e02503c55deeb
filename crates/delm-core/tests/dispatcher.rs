//! The dispatcher: what it stages, what it lets out and when, who waits for work, and what time does to commands.
//!
//! Refuses to look inside: only what a shell sees is judged.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;

use common::begin::Begin;
use common::replies::reply;
use delm_core::audit::audit;
use delm_core::command::{CallDone, Command, Envelope};
use delm_core::decide::Refusal;
use delm_core::dispatcher::{Answered, Dispatcher, Ticket};
use delm_core::entry::{Blob, Sealed};
use delm_core::event::{Event, Tokens};
use delm_core::ids::{AgentId, CallId, Digest};
use delm_core::policy::Fifo;
use delm_core::run::{Phase, Run};

type Stored = BTreeMap<Digest, Arc<[u8]>>;

struct Shell {
    dispatcher: Dispatcher,
    stored: Stored,
    log: Vec<Sealed>,
    at: u64,
}

impl Shell {
    fn begin(begin: &Begin) -> Self {
        let mut shell = Self {
            dispatcher: Dispatcher::new(&Fifo, Run::default()),
            stored: Stored::new(),
            log: Vec::new(),
            at: 1_000,
        };
        let (command, blobs) = begin.command();
        shell.dispatcher.engine(&shell.stored, command, blobs, shell.at);
        assert_eq!(shell.sync().len(), 1);
        shell
    }

    fn agent(&mut self, agent: u32, command: Command, blobs: Vec<Blob>, next: bool) -> Ticket {
        let agent = AgentId(agent);
        let number = self.dispatcher.next_number(agent);
        self.at += 1;
        self.dispatcher.command(
            &self.stored,
            Envelope { agent: Some(agent), number, command, next },
            blobs,
            self.at,
        )
    }

    fn claim(&mut self, agent: u32) -> Ticket {
        self.agent(agent, Command::Claim { job: None }, Vec::new(), false)
    }

    fn answer(&mut self, agent: u32, call: u32, kind: &str, words: &str) -> Ticket {
        let blob = Blob::new(reply(kind, words));
        let done = CallDone {
            call: CallId(call),
            reply: blob.hash,
            model_reported: None,
            request_id: None,
            tokens: Some(Tokens::default()),
            latency_ms: 1,
            tries: 1,
        };
        self.agent(agent, Command::Answer(done), vec![blob], false)
    }

    /// Makes the next `count` staged entries durable.
    fn write(&mut self, count: usize) -> Vec<Answered> {
        for staged in self.dispatcher.take_staged() {
            self.stored.extend(staged.blobs.into_iter().map(|blob| (blob.hash, blob.bytes)));
            self.log.push(staged.entry);
        }
        self.dispatcher.durable(count)
    }

    fn sync(&mut self) -> Vec<Answered> {
        self.write(usize::MAX)
    }

    fn first_events(&self) -> Vec<&'static str> {
        self.log.iter().filter_map(|sealed| sealed.entry.events.first()).map(Event::kind).collect()
    }
}

fn tickets(answered: &[Answered]) -> Vec<Ticket> {
    answered.iter().map(|answered| answered.ticket).collect()
}

#[test]
fn nothing_is_let_out_before_what_it_rests_on_is_durable() {
    let mut shell = Shell::begin(&Begin::default());
    let claim = shell.claim(1);
    // A refusal rests on the claim before it, which is staged and not yet durable.
    let refused = shell.agent(2, Command::Renew { fence: 1 }, Vec::new(), false);
    let plan = shell.answer(1, 1, "plan", "one; two");
    assert!(shell.dispatcher.idle_answers().is_empty());
    assert_eq!(shell.dispatcher.published().head().map(|head| head.seq), Some(0));
    let first = shell.write(1);
    assert_eq!(tickets(&first), [claim, refused]);
    assert_eq!(shell.dispatcher.published().head().map(|head| head.seq), Some(1));
    assert!(shell.dispatcher.published().tasks().is_empty(), "the plan is staged, not published");
    let second = shell.write(1);
    assert_eq!(tickets(&second), [plan]);
    assert_eq!(shell.dispatcher.published().tasks().len(), 2);
}

#[test]
fn refusals_go_out_at_once_when_nothing_is_on_its_way() {
    let mut shell = Shell::begin(&Begin::default());
    let refused = shell.agent(2, Command::Renew { fence: 1 }, Vec::new(), false);
    assert_eq!(tickets(&shell.dispatcher.idle_answers()), [refused]);
}

#[test]
fn claims_that_find_no_work_wait_for_it() {
    let mut shell = Shell::begin(&Begin::default());
    shell.claim(1);
    let waits = shell.claim(2);
    shell.sync();
    assert_eq!(shell.dispatcher.waiting(), 1);
    let plan = shell.answer(1, 1, "plan", "one; two");
    assert_eq!(tickets(&shell.sync()), [plan, waits]);
    assert_eq!(shell.dispatcher.waiting(), 0);
    assert_eq!(shell.dispatcher.published().jobs().claimed(), 1);
}

#[test]
fn claims_that_wait_learn_of_a_stop_and_can_be_taken_back() {
    let mut shell = Shell::begin(&Begin::default());
    shell.claim(1);
    let waits = shell.claim(2);
    shell.sync();
    shell.dispatcher.unwait(waits);
    let [Answered { ticket, outcome: Err(Refusal::NoWork) }] = &shell.sync()[..] else {
        panic!("it is answered")
    };
    assert_eq!(*ticket, waits);
    let waits = shell.claim(2);
    shell.dispatcher.engine(&shell.stored, Command::Interrupt { hard: false }, Vec::new(), shell.at);
    let answered = shell.sync();
    let told = answered.iter().find(|answered| answered.ticket == waits);
    assert!(matches!(told, Some(Answered { outcome: Err(Refusal::NotRunning { .. }), .. })));
}

#[test]
fn what_is_due_expires_before_a_command_that_comes_late() {
    let mut shell = Shell::begin(&Begin::default());
    shell.claim(1);
    shell.at += 200_000;
    let late = shell.answer(1, 1, "plan", "one");
    let answered = shell.sync();
    let late = answered.iter().find(|answered| answered.ticket == late);
    assert!(late.is_some_and(|late| late.outcome.as_ref().is_ok_and(|accepted| accepted.reply.late)));
    assert_eq!(shell.first_events(), ["run_started", "claimed", "claim_expired", "call_finished"]);
}

#[test]
fn the_engine_can_stop_a_run_whose_lease_is_due() {
    let mut shell = Shell::begin(&Begin::default());
    shell.claim(1);
    shell.at += 200_000;
    let cancel = shell.dispatcher.engine(&shell.stored, Command::Cancel, Vec::new(), shell.at);
    let answered = shell.sync();
    assert!(answered.iter().any(|answered| answered.ticket == cancel && answered.outcome.is_ok()));
    assert!(matches!(shell.dispatcher.published().phase(), Phase::Ended(_)));
    assert_eq!(shell.first_events(), ["run_started", "claimed", "claim_expired", "call_failed"]);
}

#[test]
fn a_resume_comes_before_what_is_due() {
    let mut shell = Shell::begin(&Begin::default());
    shell.claim(1);
    shell.sync();
    // The process dies; another opens the log much later.
    shell.dispatcher = Dispatcher::new(&Fifo, shell.dispatcher.published().clone());
    shell.at += 900_000;
    let resume = Command::Resume { engine: "test".into(), changes: Vec::new() };
    shell.dispatcher.engine(&shell.stored, resume, Vec::new(), shell.at);
    shell.sync();
    assert_eq!(shell.first_events(), ["run_started", "claimed", "run_resumed"]);
    let plan = shell.dispatcher.published().jobs().get(&delm_core::ids::Job::Plan).map(|job| job.failures);
    assert_eq!(plan, Some(0), "no attempt is counted");
}

#[test]
fn a_clock_that_goes_back_stands_still() {
    let mut shell = Shell::begin(&Begin::default());
    shell.at = 10;
    shell.claim(1);
    shell.sync();
    assert_eq!(shell.log.last().map(|sealed| sealed.entry.at), Some(1_000));
}

#[test]
fn blobs_of_staged_entries_are_found_before_they_are_durable() {
    let begin = Begin::default();
    let mut shell = Shell::begin(&begin);
    shell.claim(1);
    shell.answer(1, 1, "plan", "Who built it?");
    // The next prompt shows the text of a task that no log has yet.
    shell.claim(1);
    let answered = shell.sync();
    let asked =
        answered.iter().filter_map(|answered| answered.outcome.as_ref().ok()?.request.as_ref()).next_back();
    assert!(asked.is_some_and(|request| request.ask.contains("Who built it?")));
    let mut run = Run::default();
    for sealed in &shell.log {
        if let Err(divergence) = audit(&Fifo, &mut run, &shell.stored, sealed) {
            panic!("{divergence}");
        }
    }
    assert!(&run == shell.dispatcher.published());
}
