//! Reading an export stream line by line: header, entries, blobs, last line, each against what came before it.
//!
//! Refuses a stream that is not intact, at its first bad line: what follows an altered line proves nothing. Entries are
//! judged by their bytes; the text around the bytes must be the rendering of them, to the letter.

mod blobs;
mod ends;
mod lines;

use std::io::{self, BufRead};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use self::blobs::Blobs;
use self::ends::Header;
use crate::bytes::{Entry, Event, Hash};
use crate::digest::{Keys, Tree};
use crate::json::Json;
use crate::laws::Court;
use crate::report::{Damage, Fault, Report, shown};

/// The longest line that is read: the largest blob a limit admits, in base64, with room for what is around it.
const LINE_BYTES_MAX: u64 = 2_147_483_648;

/// Where in the stream the next line is.
enum Place {
    Header,
    Entries,
    Blobs(Box<Blobs>),
    End,
}

/// An audit in progress: give it every line, then ask what it found.
///
/// It holds the state of the run, one hash a tree level and one short record a named blob; no entry, no text.
pub struct Auditor {
    line: u64,
    place: Place,
    header: Option<Header>,
    fault: Option<Fault>,
    court: Court,
    keys: Keys,
    tree: Tree,
    head: Option<(u64, Hash)>,
    fork: Option<(Hash, u64, Hash)>,
    engine: String,
    bytes: Vec<u8>,
    out: Json,
    report: Report,
}

impl Default for Auditor {
    fn default() -> Self {
        Self {
            line: 0,
            place: Place::Header,
            header: None,
            fault: None,
            court: Court::default(),
            keys: Keys::default(),
            tree: Tree::default(),
            head: None,
            fork: None,
            engine: String::new(),
            bytes: Vec::new(),
            out: Json::default(),
            report: Report::default(),
        }
    }
}

impl Auditor {
    /// An audit that has read nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next line, with the newline at its end. After a fault further lines are not looked at.
    ///
    /// # Errors
    /// The fault, once: the line is not one of an intact export. Broken laws are no errors; they are in the report.
    pub fn line(&mut self, line: &[u8]) -> Result<(), Fault> {
        if self.fault.is_some() {
            return Ok(());
        }
        self.line += 1;
        let read = match line.strip_suffix(b"\n") {
            None => Err(Damage::Unterminated),
            Some(text) => self.text(text),
        };
        read.map_err(|what| {
            let fault = Fault { line: self.line, what };
            self.fault = Some(fault.clone());
            fault
        })
    }

    fn text(&mut self, text: &[u8]) -> Result<(), Damage> {
        match &mut self.place {
            Place::Header => {
                self.header = Some(Header::read(text)?);
                self.place = Place::Entries;
                Ok(())
            }
            Place::Entries if text.starts_with(b"{\"seq\":") => self.entry(text),
            Place::Entries => {
                self.entries_end()?;
                self.after_entries(text)
            }
            Place::Blobs(_) => self.after_entries(text),
            Place::End => Err(Damage::AfterEnd),
        }
    }

    fn entry(&mut self, text: &[u8]) -> Result<(), Damage> {
        let base64 = lines::base64_of_entry(text)?;
        self.bytes.clear();
        STANDARD.decode_vec(base64, &mut self.bytes).map_err(|why| Damage::Base64(why.to_string()))?;
        let entry = Entry::read(&self.bytes, &self.keys)?;
        self.out.clear();
        entry.show(base64, &mut self.out);
        if self.out.as_bytes() != text {
            return Err(lines::how_it_differs(text, self.out.as_bytes(), &shown(&entry.id)));
        }
        self.chain(&entry)?;
        self.tree.push(&entry.id);
        self.head = Some((entry.seq, entry.id));
        self.report.entries += 1;
        self.report.events += entry.events.len() as u64;
        self.court.entry(&entry);
        Ok(())
    }

    /// I-34, I-39, I-42: the entry is the next of this history, under a law that is known.
    fn chain(&mut self, entry: &Entry) -> Result<(), Damage> {
        let (expected, parent) = self.head.map_or((0, Hash::default()), |(seq, id)| (seq + 1, id));
        if entry.seq != expected {
            return Err(Damage::Order { expected, found: entry.seq });
        }
        if entry.parent != parent {
            let (expected, found) = (shown(&parent), shown(&entry.parent));
            return Err(Damage::Parent { seq: entry.seq, expected, found });
        }
        let begins =
            |at: usize| matches!(entry.events.get(at).map(|it| &it.event), Some(Event::RunStarted(_)));
        if begins(0) != (entry.seq == 0) || (1..entry.events.len()).any(begins) {
            return Err(Damage::Beginning { seq: entry.seq });
        }
        if entry.rules != 1 {
            return Err(Damage::Rules { seq: entry.seq, rules: entry.rules });
        }
        for event in &entry.events {
            if let Event::RunStarted(it) = &event.event {
                self.engine.clone_from(&it.engine);
            } else if let Event::RunForked(it) = &event.event {
                self.engine.clone_from(&it.engine);
                self.fork = Some((it.owner, it.seq, it.head));
            }
        }
        Ok(())
    }

    /// What the header says is known once all entries are read.
    fn entries_end(&mut self) -> Result<(), Damage> {
        if let Some(header) = &self.header {
            header.compare(self.head.is_some(), &self.court.run.id, self.fork.as_ref(), &self.engine)?;
        }
        let names = std::mem::take(&mut self.court.names);
        self.place = Place::Blobs(Box::new(Blobs::new(names, &self.court, self.fork.map(|(_, seq, _)| seq))));
        Ok(())
    }

    fn after_entries(&mut self, text: &[u8]) -> Result<(), Damage> {
        let Place::Blobs(blobs) = &mut self.place else { return Err(Damage::AfterEnd) };
        if text.starts_with(b"{\"blob\":") {
            return blobs.blob(text, &mut self.bytes, &mut self.court, &mut self.report);
        }
        if text.starts_with(b"{\"seq\":") {
            return Err(Damage::Unexpected {
                expected: "a blob or the last line",
                found: lines::beginning(text),
            });
        }
        blobs.none_left()?;
        ends::last_line(text, self.head, self.tree.size(), &self.tree.root())?;
        self.place = Place::End;
        Ok(())
    }

    /// Ends the audit: a stream without its last line is cut.
    #[must_use]
    pub fn finish(mut self) -> Report {
        if self.fault.is_none() && !matches!(self.place, Place::End) {
            self.fault = Some(Fault { line: self.line + 1, what: Damage::Truncated });
        }
        let begun = self.head.map(|_| shown(&self.court.run.id));
        let head = self.head.map(|(_, id)| shown(&id));
        Report { run: begun, head, findings: self.court.findings.take(), fault: self.fault, ..self.report }
    }

    fn too_long(&mut self, most: u64) {
        self.line += 1;
        self.fault = Some(Fault { line: self.line, what: Damage::LongLine(most) });
    }
}

/// Audits a whole stream.
///
/// # Errors
/// Only those of reading: what is wrong with what was read is in the report.
pub fn audit(stream: impl BufRead) -> io::Result<Report> {
    audit_lines(stream, LINE_BYTES_MAX)
}

/// Audits a stream, reading no line of `most` bytes or more.
fn audit_lines(mut stream: impl BufRead, most: u64) -> io::Result<Report> {
    let mut auditor = Auditor::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = io::Read::take(&mut stream, most).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(auditor.finish());
        }
        if read as u64 == most {
            auditor.too_long(most);
            return Ok(auditor.finish());
        }
        if auditor.line(&line).is_err() {
            return Ok(auditor.finish());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_too_long_is_not_read_to_its_end() {
        let text = include_str!("../../tests/runs/alone.jsonl");
        let header = text.split_inclusive('\n').next().unwrap_or_default();
        let most = header.len() as u64 + 1;
        let report = audit_lines(text.as_bytes(), most).unwrap();
        assert_eq!(report.fault, Some(Fault { line: 2, what: Damage::LongLine(most) }));
        let report = audit_lines(text.as_bytes(), LINE_BYTES_MAX).unwrap();
        assert!(report.is_clean(), "{report:#?}");
    }
}
