//! The built-in reader: it plans by a fixed shape, finds passages by BM25, and quotes them word for word.
//!
//! Refuses to reason, to paraphrase, and to use a model or a float: every reply is a pure function of the question, the
//! task, the units and the notes it was shown, so that replay computes it again. Ties go to the earlier unit.
//!
//! What makes a team of it more than a search engine is the query: see [`query`]. A passage that an agent quoted
//! lends the next agent its names, and takes away what its source is already named for; so the second agent looks
//! for the second hop. Without notes the query is the question, and task *n* takes the *n*th passage of plain BM25.

use crate::event::Evidence;
use crate::ids::{FactId, UnitId};

mod answer;
mod fixed;
mod index;
mod plan;
mod query;
mod reason;

pub use answer::finalize;
pub use index::Index;
pub use plan::{expand, plan};
pub use reason::reason;

/// A slice of a source, as the reader sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit<'a> {
    /// Its label.
    pub id: UnitId,
    /// The source's name; it counts as text, as most documents are named for their subject.
    pub name: &'a str,
    /// Its text.
    pub text: &'a str,
}

/// A fact of the shared context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note<'a> {
    /// Its label.
    pub fact: FactId,
    /// Its gist.
    pub text: &'a str,
    /// Where it stands.
    pub evidence: &'a [Evidence],
    /// Whether it says that a task was given up.
    pub failure: bool,
}
