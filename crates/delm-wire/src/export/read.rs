//! Reads an export line by line, and believes nothing but the bytes inside it.
//!
//! Refuses the first line that is cut, altered, out of place, twice there, from a newer delm, or spelled otherwise than
//! this crate spells it, and says which one it is. It checks the chain, not the law: that is the auditor's.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use delm_core::blobs::named_by;
use delm_core::entry::{Head, Sealed, entry_id};
use delm_core::event::Event;
use delm_core::ids::Digest;
use delm_core::tree::Tree;
use serde::{Deserialize, Serialize};

use super::differ::difference;
use super::fault::{ReadError, ReadFault};
use super::line::{BlobLine, End, EntryLine, Header, SCHEMA, spell};
use crate::data::{Origin, redacted_by};
use crate::name::Word;

/// What a line holds, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The first line. That it names the run of the entries is known only after the last of them.
    Header(Header),
    /// An entry.
    Entry(Sealed),
    /// A blob; no bytes if they were redacted, and then its length is only what the exporter says.
    Blob {
        /// Its hash.
        hash: Digest,
        /// How many bytes there are, or were.
        len: u64,
        /// The bytes.
        bytes: Option<Vec<u8>>,
    },
    /// The last line.
    End(Summary),
}

/// What a whole export came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The run.
    pub run: Digest,
    /// Its newest entry.
    pub head: Head,
    /// The root of its history tree.
    pub root: Digest,
    /// Blobs, redacted ones included.
    pub blobs: u64,
    /// Of those, redacted.
    pub redacted: u64,
}

/// An export being read. It holds the hashes of blobs still to come, and nothing of the entries.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    lines: u64,
    header: Option<Header>,
    own: Option<Header>,
    head: Option<Head>,
    tree: Tree,
    named: BTreeSet<Digest>,
    redacted: BTreeSet<Digest>,
    /// Blobs of the prefix of a fork: its origin may have redacted them since.
    shared: BTreeSet<Digest>,
    blobs: u64,
    blobs_redacted: u64,
    end: Option<Summary>,
}

/// The fields of an entry, blob or last line that are read; everything else is compared with its rendering.
#[derive(Deserialize)]
struct LineIn {
    id: Option<String>,
    bytes: Option<String>,
    blob: Option<String>,
    len: Option<u64>,
    base64: Option<String>,
    head: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct HeaderIn {
    run: String,
    origin: Option<OriginIn>,
    engine: String,
}

#[derive(Deserialize)]
struct OriginIn {
    run: String,
    seq: u64,
    head: String,
}

impl Reader {
    /// A reader before the first line.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next line, its newline included.
    ///
    /// # Errors
    /// [`ReadError`] with the line that is wrong, which may be the first one even later: stop there.
    pub fn line(&mut self, bytes: &[u8]) -> Result<Record, ReadError> {
        self.lines += 1;
        let line = self.lines;
        self.read(bytes).map_err(|fault| {
            let line = if matches!(fault, ReadFault::Header(_)) { 1 } else { line };
            ReadError { line, fault }
        })
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`ReadFault::Truncated`] if the last line has not been read.
    pub fn finish(self) -> Result<Summary, ReadError> {
        let fault = ReadFault::Truncated { entries: self.tree.size() };
        self.end.ok_or(ReadError { line: self.lines + 1, fault })
    }

    fn read(&mut self, bytes: &[u8]) -> Result<Record, ReadFault> {
        let Some((b'\n', line)) = bytes.split_last() else { return Err(ReadFault::Unterminated) };
        let text = core::str::from_utf8(line).map_err(|_| ReadFault::NotText)?;
        if self.end.is_some() {
            return Err(ReadFault::AfterEnd);
        }
        if self.header.is_none() {
            return self.read_header(text);
        }
        let fields: LineIn = parse(text)?;
        match fields {
            LineIn { bytes: Some(bytes), id, .. } => self.read_entry(text, &id.unwrap_or_default(), &bytes),
            LineIn { blob: Some(blob), len, base64, .. } => {
                self.read_blob(text, &digest(&blob)?, len.unwrap_or_default(), base64.as_deref())
            }
            LineIn { head: Some(_), .. } => self.read_end(text),
            LineIn { .. } => Err(ReadFault::NotALine("it is no entry, no blob and no last line".into())),
        }
    }

    fn read_header(&mut self, text: &str) -> Result<Record, ReadFault> {
        let schema = parse::<serde_json::Value>(text)?;
        let found = schema.get("schema").and_then(serde_json::Value::as_str).unwrap_or_default();
        if found != SCHEMA {
            let found = found.to_owned();
            let version = found.strip_prefix("delm.export/").and_then(|version| version.parse::<u32>().ok());
            return Err(match version {
                Some(2..) => ReadFault::Newer { found },
                _ => ReadFault::NotAnExport { found },
            });
        }
        let fields: HeaderIn = parse(text)?;
        let origin = fields.origin.map(|origin| {
            Ok::<_, ReadFault>(Origin {
                run: Word(digest(&origin.run)?),
                seq: origin.seq,
                head: Word(digest(&origin.head)?),
            })
        });
        let header = Header {
            schema: super::line::ExportTag,
            run: Word(digest(&fields.run)?),
            origin: origin.transpose()?,
            engine: fields.engine,
        };
        same(text, &header)?;
        self.header = Some(header.clone());
        Ok(Record::Header(header))
    }

    fn read_entry(&mut self, text: &str, said: &str, base64: &str) -> Result<Record, ReadFault> {
        if self.blobs > 0 {
            return Err(ReadFault::EntryAfterBlob);
        }
        let bytes = unbase64("bytes", base64)?;
        let computed = entry_id(&bytes);
        if computed.to_string() != said {
            return Err(ReadFault::Altered { said: said.to_owned(), computed });
        }
        let sealed = Sealed::from_bytes(&bytes)?;
        let (seq, expected) = (sealed.entry.seq, self.tree.size());
        if seq != expected {
            return Err(ReadFault::Order { expected, found: seq });
        }
        if sealed.entry.parent != self.head.map_or(Digest::ZERO, |head| head.id) {
            return Err(ReadFault::Parent { seq, parent: sealed.entry.parent });
        }
        same(text, &EntryLine::of(&sealed))?;
        self.own = Some(self.beginning(&sealed)?);
        if let Some(Event::RunForked(_)) = sealed.entry.events.first() {
            self.shared = self.named.clone();
        }
        self.named.extend(named_by(&sealed.entry));
        self.redacted.extend(redacted_by(&sealed.entry));
        self.head = Some(sealed.head());
        self.tree.push(&sealed.id);
        Ok(Record::Entry(sealed))
    }

    /// The header that the entries up to this one ask for.
    fn beginning(&self, sealed: &Sealed) -> Result<Header, ReadFault> {
        let seq = sealed.entry.seq;
        let begins = |event: &Event| matches!(event, Event::RunStarted(_) | Event::RunForked(_));
        if sealed.entry.events.iter().skip(1).any(begins) {
            return Err(ReadFault::Beginning { seq });
        }
        match (&self.own, sealed.entry.events.first(), Header::of(sealed)) {
            (None, Some(Event::RunStarted(_)), Some(header)) => Ok(header),
            (Some(own), Some(Event::RunForked(fork)), Some(header)) => {
                let place = (own.run.0, seq.checked_sub(1), sealed.entry.parent);
                let named = (fork.owner, Some(fork.seq), fork.head);
                if named == place { Ok(header) } else { Err(ReadFault::Fork { seq }) }
            }
            (Some(own), _, None) => Ok(own.clone()),
            _ => Err(ReadFault::Beginning { seq }),
        }
    }

    /// After the last entry: it is known which header was right.
    fn entries_done(&self) -> Result<(Head, Digest), ReadFault> {
        let truncated = || ReadFault::Truncated { entries: 0 };
        let own = self.own.as_ref().ok_or_else(truncated)?;
        let header = self.header.as_ref().ok_or_else(truncated)?;
        if header != own {
            return Err(ReadFault::Header(difference(&rendering(header)?, &rendering(own)?)));
        }
        Ok((self.head.ok_or_else(truncated)?, own.run.0))
    }

    fn read_blob(
        &mut self,
        text: &str,
        hash: &Digest,
        len: u64,
        base64: Option<&str>,
    ) -> Result<Record, ReadFault> {
        self.entries_done()?;
        match self.named.first() {
            Some(expected) if hash > expected => return Err(ReadFault::BlobMissing { hash: *expected }),
            Some(expected) if hash == expected => {}
            _ => return Err(ReadFault::BlobUnexpected { hash: *hash }),
        }
        let (present, gone) = (base64.is_some(), self.redacted.contains(hash));
        if present == gone && (present || !self.shared.contains(hash)) {
            return Err(ReadFault::Redaction { hash: *hash, present });
        }
        let bytes = base64.map(|base64| unbase64("base64", base64)).transpose()?;
        if let Some(bytes) = &bytes {
            let computed = Digest::of_blob(bytes);
            if computed != *hash {
                return Err(ReadFault::BlobAltered { said: *hash, computed });
            }
        }
        let line =
            bytes.as_ref().map_or_else(|| BlobLine::redacted(*hash, len), |b| BlobLine::present(*hash, b));
        same(text, &line)?;
        self.named.pop_first();
        self.blobs += 1;
        self.blobs_redacted += u64::from(bytes.is_none());
        Ok(Record::Blob { hash: *hash, len, bytes })
    }

    fn read_end(&mut self, text: &str) -> Result<Record, ReadFault> {
        let (head, run) = self.entries_done()?;
        if let Some(hash) = self.named.first() {
            return Err(ReadFault::BlobMissing { hash: *hash });
        }
        same(text, &End::of(head, &self.tree))?;
        let root = Digest(self.tree.root());
        let summary = Summary { run, head, root, blobs: self.blobs, redacted: self.blobs_redacted };
        self.end = Some(summary);
        Ok(Record::End(summary))
    }
}

/// The entry in a line that a [`Reader`] has taken before: it is decoded again, and checked against nothing else.
///
/// # Errors
/// [`ReadFault`] if the line is no entry.
pub fn entry_of_line(line: &[u8]) -> Result<Sealed, ReadFault> {
    let fields: LineIn = parse(core::str::from_utf8(line).map_err(|_| ReadFault::NotText)?)?;
    let no_entry = || ReadFault::NotALine("it is no entry".into());
    let bytes = fields.bytes.ok_or_else(no_entry)?;
    Ok(Sealed::from_bytes(&unbase64("bytes", &bytes)?)?)
}

/// The bytes in a blob's line that a [`Reader`] has taken before.
///
/// # Errors
/// [`ReadFault`] if the line is no blob, or one that was redacted.
pub fn blob_of_line(line: &[u8]) -> Result<Vec<u8>, ReadFault> {
    let fields: LineIn = parse(core::str::from_utf8(line).map_err(|_| ReadFault::NotText)?)?;
    let no_blob = || ReadFault::NotALine("it is no blob with its bytes".into());
    unbase64("base64", &fields.base64.ok_or_else(no_blob)?)
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, ReadFault> {
    serde_json::from_str(text).map_err(|error| ReadFault::NotALine(error.to_string()))
}

fn digest(text: &str) -> Result<Digest, ReadFault> {
    text.parse().map_err(|error: delm_core::ids::BadName| ReadFault::NotALine(error.to_string()))
}

fn unbase64(field: &'static str, text: &str) -> Result<Vec<u8>, ReadFault> {
    STANDARD.decode(text).map_err(|error| ReadFault::Base64 { field, why: error.to_string() })
}

fn rendering(line: &impl Serialize) -> Result<String, ReadFault> {
    spell(line).map_err(|error| ReadFault::NotALine(error.to_string()))
}

/// Insists that the text is the rendering, byte for byte.
fn same(text: &str, line: &impl Serialize) -> Result<(), ReadFault> {
    let rendering = rendering(line)?;
    let rendering = rendering.trim_end();
    if text == rendering { Ok(()) } else { Err(difference(text, rendering).into()) }
}
