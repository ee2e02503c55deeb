//! Bytes as an entry and as an event: read or refused, and what is read is written as the same bytes (I-34).
#![no_main]

use delm_core::blobs::named_by;
use delm_core::codec;
use delm_core::command::{Reply, command_of};
use delm_core::entry::Sealed;
use delm_core::event::{EVENT_VERSION, Event, KINDS, RawEvent};
use delm_core::ids::Digest;
use delm_wire::data::EventView;
use delm_wire::export::EntryLine;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    entry(input);
    // An event alone, so that no length around it stands in the way: its kind by place, then its body.
    if let Some((place, body)) = input.split_first() {
        let kind = KINDS[usize::from(*place) % KINDS.len()].0;
        event(&RawEvent { kind, version: EVENT_VERSION, body: body.to_vec() });
    }
    if let Ok(command) = codec::decode::<delm_core::command::Command>(input, "command") {
        assert_eq!(codec::encode(&command), input, "I-34: a command is written otherwise");
        let _ = command.digest();
    }
});

fn entry(input: &[u8]) {
    let Ok(sealed) = Sealed::from_bytes(input) else { return };
    assert_eq!(&*sealed.bytes, input);
    let again = sealed.entry.clone().seal();
    assert_eq!(&*again.bytes, input, "I-34: an entry is written otherwise than it was read");
    assert_eq!(again.id, sealed.id);
    assert_eq!(Sealed::from_bytes(&again.bytes).as_ref(), Ok(&sealed), "I-34: an entry is read otherwise");
    let _ = (command_of(&sealed.entry), Reply::of(&sealed.entry), named_by(&sealed.entry));
    serde_json::to_string(&EntryLine::of(&sealed)).expect("every entry has a rendering");
}

fn event(raw: &RawEvent) {
    let Ok(event) = Event::from_raw(raw) else { return };
    assert_eq!(event.to_raw(), *raw, "I-34: an event is written otherwise than it was read");
    serde_json::to_string(&EventView::of(&event)).expect("every event has a rendering");
    let entry = delm_core::entry::Entry {
        parent: Digest::ZERO,
        seq: 0,
        at: 0,
        agent: None,
        command: 0,
        rules: delm_core::entry::RULES,
        events: vec![event],
    };
    let sealed = entry.seal();
    assert_eq!(Sealed::from_bytes(&sealed.bytes).as_ref(), Ok(&sealed), "I-34: what is written is not read");
}
