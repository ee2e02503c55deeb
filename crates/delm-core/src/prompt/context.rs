//! The context block of every prompt: a note a line, in the order of admission.
//!
//! Refuses to reorder or edit: the block at length n is a byte prefix of the block at any greater length, so provider
//! caches hit; a withdrawn gist stays where it is and the withdrawal follows it.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use rpds::VectorSync;

use super::{RenderError, Rendered, text};
use crate::entry::Blobs;
use crate::event::GistKind;
use crate::ids::Digest;
use crate::request::{Notes, Request, hash_note, prefix_hasher};
use crate::run::memo::Cached;
use crate::run::{Note, Run};

/// One note as agents read it: one line, whatever the gist holds.
fn render_note(run: &Run, blobs: &dyn Blobs, note: Note) -> Result<Arc<str>, RenderError> {
    let (Note::Admitted(label) | Note::Withdrawn(label)) = note;
    let unknown = || RenderError::Unknown { what: format!("fact {label}") };
    let fact = run.fact(label).ok_or_else(unknown)?;
    let line = match note {
        Note::Admitted(_) => {
            let gist = one_line(&text(blobs, &fact.proposal.gist, "a gist")?);
            let kind = if fact.proposal.kind == GistKind::Failure { " FAILED" } else { "" };
            format!("[{label}]{kind} ({}) {gist}\n", fact.proposal.subject)
        }
        Note::Withdrawn(_) => {
            let reason = fact.withdrawn.ok_or_else(unknown)?;
            format!("[{label} IS WITHDRAWN] {}\n", one_line(&text(blobs, &reason, "a reason")?))
        }
    };
    Ok(line.into())
}

/// Runs of white space become one space, so that no text can open a line of its own.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<alloc::vec::Vec<_>>().join(" ")
}

/// Preamble and the first `length` notes, from the memo where it reaches.
pub(super) fn notes(
    run: &Run,
    blobs: &dyn Blobs,
    preamble: &Digest,
    length: usize,
) -> Result<Rendered, RenderError> {
    if let Some(cached) = run.memo.cached.as_ref().filter(|cached| cached.notes.len() >= length)
        && run.preamble() == Some(*preamble)
    {
        return Ok((cached.preamble.clone(), cached.notes.clone()));
    }
    if length > run.notes().len() {
        return Err(RenderError::Unknown { what: format!("a context of {length} notes") });
    }
    let preamble = text(blobs, preamble, "the preamble")?;
    let mut notes = Notes::new_sync();
    for note in run.notes().iter().take(length) {
        notes.push_back_mut(render_note(run, blobs, *note)?);
    }
    Ok((preamble, notes))
}

/// The kept hasher, if it has seen exactly the context of this request.
pub(super) fn hasher(run: &Run, request: &Request) -> Option<blake3::Hasher> {
    let cached = run.memo.cached.as_ref()?;
    let same = cached.notes.len() == request.length && Arc::ptr_eq(&cached.preamble, &request.preamble);
    same.then(|| cached.hasher.clone())
}

/// Bytes of the context block of a request; a look-up when the memo reaches that far.
pub(crate) fn context_bytes(run: &Run, request: &Request) -> usize {
    let cached = run.memo.cached.as_ref().filter(|cached| Arc::ptr_eq(&cached.preamble, &request.preamble));
    let end = match (cached, request.length.checked_sub(1)) {
        (_, None) => Some(0),
        (Some(cached), Some(last)) => cached.ends.get(last).copied(),
        (None, Some(_)) => None,
    };
    end.unwrap_or_else(|| request.notes.iter().take(request.length).map(|note| note.len()).sum())
}

/// Brings the memo up to the newest note. Costs what is new; changes nothing but speed.
pub fn warm(run: &mut Run, blobs: &dyn Blobs) {
    let Some(preamble) = run.preamble() else { return };
    let mut cached = match run.memo.cached.take() {
        Some(cached) => cached,
        None => {
            let Ok(text) = text(blobs, &preamble, "the preamble") else { return };
            let hasher = prefix_hasher(&text);
            Arc::new(Cached {
                preamble: text,
                notes: Notes::new_sync(),
                ends: VectorSync::new_sync(),
                hasher,
            })
        }
    };
    if cached.notes.len() < run.notes().len() {
        let more = Arc::make_mut(&mut cached);
        while let Some(note) = run.notes().get(more.notes.len()) {
            // A redacted gist ends the memo: requests that show it cannot be rendered anyway.
            let Ok(line) = render_note(run, blobs, *note) else { break };
            hash_note(&mut more.hasher, &line);
            let end = more.ends.last().copied().unwrap_or(0) + line.len();
            more.ends.push_back_mut(end);
            more.notes.push_back_mut(line);
        }
    }
    run.memo.cached = Some(cached);
}

impl Run {
    fn preamble(&self) -> Option<Digest> {
        super::template(self, "preamble")
    }
}
