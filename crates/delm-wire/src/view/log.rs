//! Events one by one: `delm log`.
//!
//! Refuses to reword: an item holds the event as the export renders it, and the texts behind its hashes when asked.

use std::collections::BTreeMap;

use delm_core::blobs::named_by;
use delm_core::entry::{Blobs, Entry, Sealed};
use delm_core::event::Event;
use delm_core::ids::AgentId;
use schemars::JsonSchema;
use serde::Serialize;

use super::text;
use crate::data::EventView;
use crate::name::{Hash, Time, Word};

/// An event and the entry it is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LogItem {
    /// Seq of the entry.
    pub seq: u64,
    /// Id of the entry.
    pub entry: Hash,
    /// When it was written.
    pub at: Time,
    /// Who commanded; null for the engine itself.
    pub agent: Option<Word<AgentId>>,
    /// What happened, as in an export.
    pub event: EventView,
    /// With `-p`: the texts behind the event's hashes; null where the bytes are gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts: Option<BTreeMap<String, Option<String>>>,
}

impl LogItem {
    /// An event of an entry.
    #[must_use]
    pub fn of(sealed: &Sealed, event: &Event) -> Self {
        let entry = &sealed.entry;
        Self {
            seq: entry.seq,
            entry: Word(sealed.id),
            at: Time(entry.at),
            agent: entry.agent.map(Word),
            event: EventView::of(event),
            texts: None,
        }
    }

    /// The same with the texts behind its hashes.
    #[must_use]
    pub fn with_texts(mut self, sealed: &Sealed, event: &Event, blobs: &dyn Blobs) -> Self {
        let alone = Entry { events: vec![event.clone()], ..sealed.entry.clone() };
        let texts = named_by(&alone).into_iter().map(|hash| (hash.to_string(), text(blobs, &hash)));
        self.texts = Some(texts.collect());
        self
    }
}
