//! An export: read line by line, or refused with the line. What is written from entries and blobs is read as the same;
//! and the independent auditor sees no damage where the reader sees none, nor the other way.
//!
//! An input that begins like an export is read as it is; of every other one an export is made.
#![no_main]

use delm_core::ids::Digest;
use delm_fuzz::Content;
use delm_wire::export::{BlobLine, Reader, Record, Stored, Summary, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if input.first() == Some(&b'{') {
        compare(input);
        return;
    }
    let content = Content::of(input);
    if let Some(export) = export(&content) {
        let read = compare(&export);
        assert!(read.is_some(), "what is written is not read: {}", String::from_utf8_lossy(&export));
    }
    compare(&forged(&content));
});

/// The export of a run with these entries, if they hang together.
fn export(content: &Content) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let entries = content.entries.iter().cloned().map(Ok::<_, ()>);
    let blob = |hash: &Digest| {
        let bytes = content.blobs.get(hash).cloned();
        Ok(Some(Stored { len: bytes.as_ref().map_or(7, |bytes| bytes.len() as u64), bytes }))
    };
    let first = content.entries.first()?;
    write(first, entries, blob, |line: &str| {
        out.extend_from_slice(line.as_bytes());
        Ok(())
    })
    .ok()
    .map(|_| out)
}

/// An export whose lines are each right, whatever they come to together: blobs that nobody names, no end.
fn forged(content: &Content) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some((_, header)) =
        content.entries.first().and_then(|first| delm_wire::export::Writer::begin(first).ok())
    {
        out.extend_from_slice(header.as_bytes());
    }
    let mut line = |line: &dyn Fn() -> serde_json::Result<String>| {
        out.extend_from_slice(line().expect("a line").as_bytes());
        out.push(b'\n');
    };
    for sealed in &content.entries {
        line(&|| serde_json::to_string(&delm_wire::export::EntryLine::of(sealed)));
    }
    for (hash, bytes) in &content.blobs {
        line(&|| serde_json::to_string(&BlobLine::present(*hash, bytes)));
    }
    out
}

/// Reads an export, and has it audited.
fn compare(export: &[u8]) -> Option<Summary> {
    let read = read(export);
    let report = delm_oracle::audit(export).expect("memory can be read");
    assert_eq!(
        read.is_some(),
        report.fault.is_none(),
        "reader and auditor disagree on the stream: {:?}, {:?}",
        read,
        report.fault
    );
    read
}

fn read(export: &[u8]) -> Option<Summary> {
    let mut reader = Reader::new();
    for line in export.split_inclusive(|byte| *byte == b'\n') {
        match reader.line(line) {
            Ok(Record::Entry(sealed)) => assert!(!sealed.entry.events.is_empty()),
            Ok(Record::Header(_) | Record::Blob { .. } | Record::End(_)) => {}
            Err(error) => {
                assert!(error.line >= 1);
                return None;
            }
        }
    }
    reader.finish().ok()
}
