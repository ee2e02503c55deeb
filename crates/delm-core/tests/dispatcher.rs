//! The dispatcher: what it stages, what it lets out and when, who waits for work, and what time does to commands.
//!
//! Refuses to look inside: only what a shell sees is judged.
#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it must be")]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::begin::{Begin, agent};
use common::replies::reply;
use delm_core::audit::audit;
use delm_core::command::{CallDone, CallLost, Command, Envelope};
use delm_core::decide::Refusal;
use delm_core::dispatcher::{Answered, Dispatcher, Ticket};
use delm_core::entry::{Blob, Sealed};
use delm_core::event::{AgentKind, CallFault, Event, PolicyName, Tokens};
use delm_core::ids::{AgentId, CallId, Digest, Job};
use delm_core::policy::{Fifo, Policy};
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
        let claim = self.dispatcher.quoted_claim(agent, &command);
        let envelope = Envelope { agent: Some(agent), number, command, claim, next };
        self.dispatcher.command(&self.stored, envelope, blobs, self.at)
    }

    fn claim(&mut self, agent: u32) -> Ticket {
        self.agent(agent, Command::Claim { job: None }, Vec::new(), false)
    }

    fn answer(&mut self, agent: u32, call: u32, kind: &str, words: &str) -> Ticket {
        let blob = Blob::new(reply(kind, words));
        let done = CallDone { reply: blob.hash, ..done(call) };
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

fn done(call: u32) -> CallDone {
    CallDone {
        call: CallId(call),
        reply: Digest::ZERO,
        model_reported: None,
        request_id: None,
        tokens: Some(Tokens::default()),
        latency_ms: 1,
        tries: 1,
        billable: 0,
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
    let plan = shell.dispatcher.published().jobs().get(&Job::Plan).map(|job| job.failures);
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

/// A shell whose first claim, by a1, is durable under fence 1, with another run in which the same fence is a2's.
fn two_histories() -> (Shell, Digest, Digest) {
    let mut kept = Shell::begin(&Begin::default());
    let mut lost = Shell::begin(&Begin::default());
    lost.at += 5;
    let entry = |shell: &mut Shell| {
        shell.claim(1);
        let answered = shell.sync().pop().unwrap().outcome.unwrap();
        assert_eq!((answered.reply.seq, answered.reply.claimed), (1, Some(Job::Plan)));
        answered.entry
    };
    let (old, new) = (entry(&mut lost), entry(&mut kept));
    assert_ne!(old, new, "the same fence, given by another entry");
    (kept, old, new)
}

fn quoting(shell: &Shell, agent: u32, command: Command, claim: Option<Digest>) -> Envelope {
    let agent = AgentId(agent);
    Envelope { agent: Some(agent), number: shell.dispatcher.next_number(agent), command, claim, next: false }
}

#[test]
fn a_fence_given_anew_is_not_the_one_that_was_lost() {
    // I-9: the entries that gave a1 the fence were lost after it had seen them, and the number was given again.
    let (mut shell, old, new) = two_histories();
    let reply = Blob::new(reply("plan", "one"));
    let done = CallDone { reply: reply.hash, ..done(1) };
    let error = Blob::new(&b"it failed"[..]);
    let lost = CallLost {
        call: CallId(1),
        fault: CallFault::Request,
        error: error.hash,
        reply: None,
        tries: 1,
        billable: 1,
    };
    let draft = Command::Submit { fence: 1, draft: reply.hash };
    for command in [
        Command::Answer(done.clone()),
        Command::Fail(lost),
        draft,
        Command::Renew { fence: 1 },
        Command::Release { fence: 1 },
    ] {
        for claim in [Some(old), None] {
            let envelope = quoting(&shell, 1, command.clone(), claim);
            let blobs = vec![reply.clone(), error.clone()];
            shell.dispatcher.command(&shell.stored, envelope, blobs, shell.at);
            let refused = shell.sync().pop().unwrap().outcome.unwrap_err();
            assert_eq!(refused, Refusal::WrongClaim { fence: 1 }, "{command:?} with {claim:?}");
        }
    }
    assert_eq!(shell.log.len(), 2, "nothing was written");
    let envelope = quoting(&shell, 1, Command::Answer(done), Some(new));
    shell.dispatcher.command(&shell.stored, envelope.clone(), vec![reply], shell.at);
    let accepted = shell.sync().pop().unwrap().outcome.unwrap();
    // Sent again it is answered again, with the id of the entry it became.
    shell.dispatcher.command(&shell.stored, envelope, Vec::new(), shell.at);
    let again = shell.sync().pop().unwrap().outcome.unwrap();
    assert_eq!((again.reply, again.entry), (accepted.reply, accepted.entry));
}

#[test]
fn a_late_answer_quotes_the_claim_it_was_made_for() {
    let mut shell = Shell::begin(&Begin::default());
    shell.claim(1);
    let first = shell.sync().pop().unwrap().outcome.unwrap().entry;
    shell.at += 200_000;
    // The first claim is over, its call is not; the same agent makes another claim and many commands.
    shell.claim(1);
    let second = shell.sync().pop().unwrap().outcome.unwrap();
    for _ in 0..100 {
        shell.agent(1, Command::Renew { fence: second.reply.seq }, Vec::new(), false);
    }
    shell.sync();
    let reply = Blob::new(reply("plan", "one"));
    let done = CallDone { reply: reply.hash, ..done(1) };
    for (claim, is_right) in [(second.entry, false), (first, true)] {
        let envelope = quoting(&shell, 1, Command::Answer(done.clone()), Some(claim));
        shell.dispatcher.command(&shell.stored, envelope, vec![reply.clone()], shell.at);
        let outcome = shell.sync().pop().unwrap().outcome;
        assert_eq!(outcome.is_ok_and(|accepted| accepted.reply.late), is_right);
    }
}

#[test]
fn a_part_of_a_reply_is_bounded_and_stored() {
    let mut begin = Begin::default();
    begin.limits.set("reply_bytes_max", 1_024).unwrap();
    let mut shell = Shell::begin(&begin);
    shell.claim(1);
    shell.sync();
    let error = Blob::new(&b"cut off"[..]);
    for (bytes, fits) in [(1_025, false), (1_024, true)] {
        let part = Blob::new(vec![b'x'; bytes]);
        let lost = CallLost {
            call: CallId(1),
            fault: CallFault::Request,
            error: error.hash,
            reply: Some(part.hash),
            tries: 1,
            billable: 1,
        };
        shell.agent(1, Command::Fail(lost), vec![error.clone(), part.clone()], false);
        assert_eq!(shell.sync().pop().unwrap().outcome.is_ok(), fits, "{bytes} bytes");
        assert_eq!(shell.stored.contains_key(&part.hash), fits);
    }
}

/// First come, first served, and how often it was asked who is next.
#[derive(Default)]
struct Counting(AtomicU64);

impl Policy for Counting {
    fn name(&self) -> PolicyName {
        Fifo.name()
    }
    fn next(&self, run: &Run, agent: AgentId) -> Option<Job> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Fifo.next(run, agent)
    }
    fn lease_ms(&self, run: &Run, job: &Job) -> u64 {
        Fifo.lease_ms(run, job)
    }
    fn may_take(&self, run: &Run, agent: AgentId, job: &Job) -> bool {
        Fifo.may_take(run, agent, job)
    }
}

/// A run with many agents, of which all but two wait since the budget is reserved; how often the policy was asked.
fn crowded(waiting: u32) -> (Shell, &'static Counting) {
    let policy: &'static Counting = Box::leak(Box::default());
    let mut begin =
        Begin { agents: vec![agent(AgentKind::Model, ""); waiting as usize + 2], ..Begin::default() };
    begin.limits.set("budget_tokens", 5_000).unwrap();
    let mut shell = Shell::begin(&begin);
    shell.dispatcher = Dispatcher::new(policy, shell.dispatcher.published().clone());
    shell.claim(1);
    shell.answer(1, 1, "plan", "one; two; three; four");
    for agent in 1..=waiting + 2 {
        shell.claim(agent);
    }
    shell.sync();
    assert_eq!(shell.dispatcher.waiting(), waiting as usize);
    assert_eq!(shell.dispatcher.published().jobs().claimed(), 2);
    (shell, policy)
}

#[test]
fn claims_that_wait_for_a_budget_cost_nothing_while_none_is_freed() {
    let asked = |waiting| {
        let (mut shell, policy) = crowded(waiting);
        let before = policy.0.load(Ordering::Relaxed);
        let fences: Vec<u64> =
            shell.dispatcher.published().jobs().claims().map(|(fence, _)| *fence).collect();
        for _ in 0..50 {
            for (agent, fence) in [1, 2].iter().zip(&fences) {
                shell.agent(*agent, Command::Renew { fence: *fence }, Vec::new(), false);
            }
        }
        let renewed = policy.0.load(Ordering::Relaxed) - before;
        // A call that ends frees some of the budget: only as many are asked as it may bear.
        shell.answer(1, 2, "finding", "Ada Quill built it. {S1.1: nowhere}");
        (renewed, policy.0.load(Ordering::Relaxed) - before - renewed, shell.dispatcher.waiting())
    };
    let (renewed, freed, left) = asked(1_000);
    assert_eq!((renewed, left), (0, 999));
    assert!(freed <= 3, "{freed} of 1000 waiting claims were decided for one that ended");
}

#[test]
fn claims_that_wait_for_a_budget_are_all_told_when_it_is_spent() {
    let (mut shell, _) = crowded(20);
    shell.answer(1, 2, "finding", "Ada Quill built it. {S1.1: nowhere}");
    shell.dispatcher.engine(&shell.stored, Command::Interrupt { hard: true }, Vec::new(), shell.at);
    assert_eq!(shell.dispatcher.waiting(), 0);
    let answered = shell.sync();
    let told = |outcome: &Result<_, Refusal>| matches!(outcome, Err(Refusal::NotRunning { .. }));
    assert_eq!(answered.iter().filter(|answered| told(&answered.outcome)).count(), 19);
}

#[test]
fn a_program_is_served_though_others_before_it_wait_for_a_budget() {
    let mut begin = Begin { agents: vec![agent(AgentKind::Model, ""); 5], ..Begin::default() };
    begin.agents.push(agent(AgentKind::Program, "ann"));
    begin.limits.set("budget_tokens", 5_000).unwrap();
    let mut shell = Shell::begin(&begin);
    shell.claim(1);
    let waiting: Vec<Ticket> = (2..=6).map(|agent| shell.claim(agent)).collect();
    shell.sync();
    assert_eq!(shell.dispatcher.waiting(), 5);
    let plan = shell.answer(1, 1, "plan", "one; two; three; four");
    // The budget bears two calls at a time; the program makes none.
    assert_eq!(tickets(&shell.sync()), [plan, waiting[0], waiting[1], waiting[4]]);
    assert_eq!(shell.dispatcher.waiting(), 2);
    let program = shell.dispatcher.published().agent(AgentId(6)).unwrap().claim;
    assert!(program.is_some());
    // What a call frees goes to the one that came first.
    shell.answer(2, 2, "finding", "Ada Quill built it. {S1.1: nowhere}");
    let answered = tickets(&shell.sync());
    assert!(answered.contains(&waiting[2]) && !answered.contains(&waiting[3]), "{answered:?}");
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
