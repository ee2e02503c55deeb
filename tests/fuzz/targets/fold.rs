//! Entries that nobody decided, in a right chain: folded, or refused with the state untouched; and what reads a state
//! goes over whatever came of it. Never a panic (I-35).
#![no_main]

use delm_core::apply::apply;
use delm_core::audit::audit;
use delm_core::command::{Command, Envelope};
use delm_core::decide::decide;
use delm_core::entry::Sealed;
use delm_core::ids::{AgentId, Digest};
use delm_core::policy::Fifo;
use delm_core::run::{Run, people::Sent};
use delm_fuzz::Content;
use delm_wire::view::ShowView;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let content = Content::of(input);
    let mut run = Run::default();
    for sealed in &content.entries {
        // A refused one is left out, so the next one follows what stands.
        let mut entry = sealed.entry.clone();
        let head = run.head();
        entry.seq = head.map_or(0, |head| head.seq + 1);
        entry.parent = head.map_or(Digest::ZERO, |head| head.id);
        entry.at = entry.at.max(run.at());
        take(&mut run, &entry.seal(), &content);
    }
    look(&run, &content);
});

fn take(run: &mut Run, sealed: &Sealed, content: &Content) {
    let before = run.clone();
    let mut audited = run.clone();
    let agrees = audit(&Fifo, &mut audited, &content.blobs, sealed).is_ok();
    if apply(run, sealed).is_err() {
        assert!(*run == before, "I-35: a refused entry changes the state");
    }
    if agrees {
        assert!(*run == audited, "I-33: an audited entry leaves another state");
    } else {
        assert!(audited == before, "I-35: an entry that diverges changes the state");
    }
}

fn look(run: &Run, content: &Content) {
    let _ = ShowView::of(run, &content.blobs)
        .map(|view| serde_json::to_string(&view).expect("every run has a rendering"));
    let _ = (run.work().count(), run.next_deadline(), run.ran_ms(), run.open_subjects());
    for command in [Command::Tick, Command::Claim { job: None }, Command::Leave, Command::Cancel] {
        for agent in [None, Some(AgentId(1)), Some(AgentId(2))] {
            let number = run.agents().sent(agent).map_or(0, Sent::next_number);
            let mut envelope = envelope(command.clone());
            (envelope.agent, envelope.number) = (agent, number);
            let _ = decide(&Fifo, run, &content.blobs, &envelope, run.at());
            let _ = decide(&Fifo, run, &content.blobs, &envelope, run.at().saturating_add(1_000_000));
        }
    }
}

fn envelope(command: Command) -> Envelope {
    Envelope { agent: None, number: 0, command, claim: None, next: true }
}
