//! The independent auditor: reads the export stream of a run and checks every law that a log can show.
//!
//! It is written from the documents (`schemas/entry-v1.md`, the export contract, the numbered laws) and stands on no
//! other crate of ours, so that a mistake in the code that decides is not made again by the code that judges. It refuses
//! to trust a rendering: it decodes the bytes of each entry itself, computes ids, tree and blobs again, and insists that
//! the text around the bytes says what they say.
//!
//! A broken law ([`Finding`]) and a stream that is not intact ([`Fault`]) are two things: after a finding the audit goes
//! on; after a fault nothing that follows proves anything, and it ends.
//!
//! It streams. What it keeps is proportional to tasks, units, facts, agents and what is open, plus 38 bytes a named blob:
//! blobs come after all entries, and that none is missing can only be told by who remembers their names.
//!
//! ```
//! let report = delm_oracle::audit(&b"{\"schema\":\"something\"}\n"[..])?;
//! assert!(report.fault.is_some());
//! # Ok::<(), std::io::Error>(())
//! ```

mod bytes;
mod digest;
mod gist_tokens;
mod invariant;
mod json;
mod laws;
mod names;
mod report;
mod run;
mod stream;

pub use self::bytes::{Bad, BadBytes};
pub use self::invariant::{Invariant, Judge, invariants};
pub use self::report::{Damage, Fault, Finding, Report};
pub use self::stream::{Auditor, audit};
