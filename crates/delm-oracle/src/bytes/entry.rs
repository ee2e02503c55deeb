//! An entry: from its bytes to its events, and from these to the line of an export that must stand around the bytes.
//!
//! Refuses every format but 1, an entry without events, and an event whose body is longer or shorter than its fields.

use super::{AgentId, Bad, BadBytes, Bytes, Event, Field, Hash};
use crate::digest::Keys;
use crate::json::Json;

const ENTRY_BYTES_MAX: usize = 67_108_864;

/// One accepted command.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: Hash,
    pub(crate) parent: Hash,
    pub(crate) seq: u64,
    pub(crate) at: u64,
    pub(crate) agent: Option<AgentId>,
    pub(crate) command: u64,
    pub(crate) rules: u32,
    pub(crate) events: Vec<EventAt>,
}

/// An event and the hash of its bytes.
#[derive(Clone, Debug)]
pub(crate) struct EventAt {
    pub(crate) hash: Hash,
    pub(crate) event: Event,
}

impl Entry {
    /// Decodes `all`, which must be spelled in the one way.
    pub(crate) fn read(all: &[u8], keys: &Keys) -> Result<Self, Bad> {
        let mut bytes = Bytes::new(all, 0);
        if all.len() > ENTRY_BYTES_MAX {
            return Err(bytes.bad(BadBytes::Long(all.len())));
        }
        let format = bytes.byte()?;
        if format != 1 {
            return Err(Bad { at: 0, what: BadBytes::Format(format) });
        }
        let parent = Field::read(&mut bytes)?;
        let seq = Field::read(&mut bytes)?;
        let at = Field::read(&mut bytes)?;
        let agent = Field::read(&mut bytes)?;
        let command = Field::read(&mut bytes)?;
        let rules = Field::read(&mut bytes)?;
        let count = bytes.length()?;
        if count == 0 {
            return Err(bytes.bad(BadBytes::NoEvents));
        }
        let mut events = Vec::with_capacity(count.min(64));
        for _ in 0..count {
            events.push(EventAt::read(all, &mut bytes, keys)?);
        }
        bytes.end()?;
        Ok(Self { id: keys.entry(all), parent, seq, at, agent, command, rules, events })
    }

    /// Writes the line of an export around `base64`, the text that `bytes` stands for.
    pub(crate) fn show(&self, base64: &[u8], out: &mut Json) {
        out.raw("{\"seq\":");
        out.number(self.seq);
        out.raw(",\"id\":");
        self.id.show(out);
        out.raw(",\"parent\":");
        if self.seq == 0 && self.parent == Hash::default() {
            out.raw("null");
        } else {
            self.parent.show(out);
        }
        out.raw(",\"at_ms\":");
        out.number(self.at);
        out.raw(",\"agent\":");
        self.agent.show(out);
        out.raw(",\"command\":");
        out.number(self.command);
        out.raw(",\"rules\":");
        self.rules.show(out);
        out.raw(",\"events\":[");
        for (place, event) in self.events.iter().enumerate() {
            out.raw(if place == 0 { "{\"kind\":\"" } else { ",{\"kind\":\"" });
            out.raw(event.event.name());
            out.raw("\",\"version\":1,\"hash\":");
            event.hash.show(out);
            out.raw(",\"data\":");
            event.event.show(out);
            out.raw("}");
        }
        out.raw("],\"bytes\":\"");
        out.raw_bytes(base64);
        out.raw("\"}");
    }
}

impl EventAt {
    fn read(all: &[u8], bytes: &mut Bytes<'_>, keys: &Keys) -> Result<Self, Bad> {
        let start = bytes.at();
        let code = bytes.narrow()?;
        let Some(kind) = Event::name_of(code) else {
            return Err(Bad { at: start, what: BadBytes::Kind(code) });
        };
        let at = bytes.at();
        let version = bytes.byte()?;
        if version != 1 {
            return Err(Bad { at, what: BadBytes::Version { kind, version } });
        }
        let length = bytes.length()?;
        let body_at = bytes.at();
        let event = Event::read(code, &mut Bytes::new(bytes.take(length)?, body_at))?;
        let hash = keys.event(all.get(start..bytes.at()).unwrap_or_default());
        Ok(Self { hash, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_a_largest_length() {
        let why = |length| Entry::read(&vec![0; length], &Keys::default()).map(|_| ()).unwrap_err().what;
        assert_eq!(why(ENTRY_BYTES_MAX), BadBytes::Format(0));
        assert_eq!(why(ENTRY_BYTES_MAX + 1), BadBytes::Long(ENTRY_BYTES_MAX + 1));
        assert_eq!(why(ENTRY_BYTES_MAX + 2), BadBytes::Long(ENTRY_BYTES_MAX + 2));
    }
}
