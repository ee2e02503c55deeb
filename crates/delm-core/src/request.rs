//! A provider-neutral request: what a model is asked, to the byte.
//!
//! Refuses to know who asks or when: no agent, fence, seq, call or time is in it, so equal questions are equal
//! bytes. `delm-llm` turns it into HTTP; that body is not hashed.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use rpds::VectorSync;

use crate::codec;
use crate::event::Purpose;
use crate::ids::Digest;

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Standing instructions, then the shared context.
    System,
    /// The task.
    User,
    /// The model's own reply before.
    Assistant,
}

/// One message of a request, rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub text: String,
}

/// The rendered notes of the context, oldest first; a prefix of it is shared between requests, never copied.
pub type Notes = VectorSync<Arc<str>>;

/// What a model is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// What for.
    pub purpose: Purpose,
    /// `provider::name` or `script:FILE`.
    pub model: String,
    /// Parameters, as the decimal text given.
    pub params: Vec<(String, String)>,
    /// Tokens the reply may have.
    pub output_tokens_max: u64,
    /// One preamble for all purposes.
    pub preamble: Arc<str>,
    /// The context.
    pub notes: Notes,
    /// How many of `notes` are shown.
    pub length: usize,
    /// Purpose, task and unfolded text.
    pub ask: String,
    /// The reply before, which could not be used, and what was wrong with it.
    pub again: Option<(String, String)>,
    /// The JSON Schema of the reply.
    pub schema: &'static str,
}

impl Request {
    /// The request's hash: BLAKE3 `derive_key("delm request v1")` of its bytes.
    ///
    /// The bytes are preamble, each note behind a one, a zero, then the rest, each in the pinned encoding, so that
    /// the bytes of a longer context begin with those of a shorter one and a hasher can be kept between calls.
    #[must_use]
    pub fn hash(&self) -> Digest {
        let mut hasher = prefix_hasher(&self.preamble);
        self.notes.iter().take(self.length).for_each(|note| hash_note(&mut hasher, note));
        self.hash_after(hasher)
    }

    /// The same hash, given a hasher that has seen the preamble and exactly `length` notes.
    #[must_use]
    pub fn hash_after(&self, mut hasher: blake3::Hasher) -> Digest {
        hasher.update(&[0]);
        let again = self.again.as_ref();
        hasher.update(&codec::encode(&(
            &self.ask,
            again,
            self.schema,
            self.purpose,
            &self.model,
            &self.params,
        )));
        hasher.update(&codec::encode(&self.output_tokens_max));
        Digest(*hasher.finalize().as_bytes())
    }

    /// Standing instructions and context: the part that grows only at its end.
    #[must_use]
    pub fn system(&self) -> String {
        let length =
            self.preamble.len() + self.notes.iter().take(self.length).map(|note| note.len()).sum::<usize>();
        let mut text = String::with_capacity(length);
        text.push_str(&self.preamble);
        self.notes.iter().take(self.length).for_each(|note| text.push_str(note));
        text
    }

    /// The request as messages.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        let mut messages = Vec::with_capacity(4);
        messages.push(Message { role: Role::System, text: self.system() });
        messages.push(Message { role: Role::User, text: self.ask.clone() });
        if let Some((reply, problem)) = &self.again {
            messages.push(Message { role: Role::Assistant, text: reply.clone() });
            messages.push(Message { role: Role::User, text: problem.clone() });
        }
        messages
    }
}

/// A hasher that has seen the preamble.
#[must_use]
pub fn prefix_hasher(preamble: &str) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new_derive_key("delm request v1");
    hasher.update(&codec::encode(&preamble));
    hasher
}

/// Lets the hasher see one more note.
pub fn hash_note(hasher: &mut blake3::Hasher, note: &str) {
    hasher.update(&[1]);
    hasher.update(&codec::encode(&note));
}
