//! The export stream: header, every entry from 0, the blobs they name, then head and tree; one JSON object a line.
//!
//! Refuses two spellings of one run: the same run gives the same bytes on any machine, and a line that is not what
//! this crate would write for the bytes inside it is not read.

mod differ;
mod fault;
mod line;
mod read;
mod write;

pub use self::differ::Difference;
pub use self::fault::{ReadError, ReadFault};
pub use self::line::{BlobLine, End, EntryLine, HeadView, Header, LINE_BYTES_MAX, SCHEMA, TreeView};
pub use self::read::{Reader, Record, Summary, blob_of_line, entry_of_line};
pub use self::write::{ExportError, Stored, WriteError, Writer, write};
