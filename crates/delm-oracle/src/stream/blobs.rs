//! The blobs of a stream, merged with the names that the entries left: each there, in order, with its hash and length.
//!
//! Refuses a blob too few, too many, altered, or gone without an event; judges what only the bytes of a blob can tell.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::lines;
use crate::bytes::Hash;
use crate::digest;
use crate::gist_tokens::gist_tokens;
use crate::invariant::Invariant;
use crate::laws::Court;
use crate::names::{Named, Names, role};
use crate::report::{Damage, Report, shown};

/// Names still to come, and what texts must hold.
pub(super) struct Blobs {
    names: std::vec::IntoIter<Named>,
    redacted: BTreeSet<Hash>,
    /// The last entry that a fork shares with its origin, which may have redacted what the fork shares later.
    shared: Option<u64>,
    /// How long the text of a source must be at least, for its units.
    sources: BTreeMap<Hash, u64>,
    gist_tokens_max: u64,
}

/// A line taken apart.
struct Line<'a> {
    hash: Hash,
    len: u64,
    base64: Option<&'a [u8]>,
}

impl<'a> Line<'a> {
    fn read(text: &'a [u8]) -> Option<Self> {
        let (hash, rest) = lines::hash_first(text.strip_prefix(b"{\"blob\":\"")?)?;
        let (len, rest) = lines::number_first(rest.strip_prefix(b"\",\"len\":")?)?;
        let base64 = match rest {
            b",\"redacted\":true}" => None,
            _ => Some(rest.strip_prefix(b",\"base64\":\"")?.strip_suffix(b"\"}")?),
        };
        Some(Self { hash: Hash(hash), len, base64 })
    }
}

impl Blobs {
    pub(super) fn new(names: Names, court: &Court, shared: Option<u64>) -> Self {
        let mut sources: BTreeMap<Hash, u64> = BTreeMap::new();
        for (id, unit) in &court.run.units {
            if let Some(source) = court.run.sources.get(&id.source) {
                let longest = sources.entry(source.text).or_default();
                *longest = unit.end.max(*longest);
            }
        }
        Self {
            names: names.sorted().into_iter(),
            redacted: court.run.redacted.clone(),
            shared,
            sources,
            gist_tokens_max: court.run.setup.gist_tokens_most,
        }
    }

    /// I-14: the next blob is the next that was named, with its bytes.
    pub(super) fn blob(
        &mut self,
        text: &[u8],
        bytes: &mut Vec<u8>,
        court: &mut Court,
        report: &mut Report,
    ) -> Result<(), Damage> {
        let line =
            Line::read(text).ok_or_else(|| lines::not_a_line(text, "a blob with its length and bytes"))?;
        let hash = shown(&line.hash);
        let Some(named) = self.names.as_slice().first().copied().filter(|named| named.hash <= line.hash.0)
        else {
            return Err(Damage::BlobUnexpected { hash });
        };
        self.names.next();
        if named.hash != line.hash.0 {
            return Err(Damage::BlobMissing { hash: shown(&Hash(named.hash)), seq: named.seq() });
        }
        let gone = self.redacted.contains(&line.hash);
        let Some(base64) = line.base64.filter(|_| !gone) else {
            let elsewhere = self.shared.is_some_and(|last| named.seq() <= last);
            if (gone || elsewhere) && line.base64.is_none() {
                report.redacted += 1;
                return Ok(());
            }
            return Err(Damage::Redaction { hash, present: gone });
        };
        bytes.clear();
        STANDARD.decode_vec(base64, bytes).map_err(|why| Damage::Base64(why.to_string()))?;
        let len = bytes.len() as u64;
        let computed = digest::blob(bytes);
        if computed != line.hash {
            return Err(Damage::BlobAltered { said: hash, computed: shown(&computed), len });
        }
        if len != line.len {
            return Err(Damage::BlobLength { hash, said: line.len, found: len });
        }
        report.blobs += 1;
        self.judge(named, bytes, court);
        Ok(())
    }

    /// I-15, I-22: what only the bytes tell.
    fn judge(&self, named: Named, bytes: &[u8], court: &mut Court) {
        let findings = &mut court.findings;
        let mut broken =
            |law, expected: String, found: String| findings.add(law, named.seq(), expected, found);
        if named.roles & role::REASON != 0 && bytes.is_empty() {
            broken(
                Invariant::RejectionRecorded,
                "a reason that says something".to_owned(),
                "an empty text".to_owned(),
            );
        }
        if named.roles & role::GIST != 0 {
            let most = self.gist_tokens_max;
            match std::str::from_utf8(bytes).map(gist_tokens) {
                Ok(tokens) if tokens <= most => {}
                Ok(tokens) => {
                    let expected = format!("a gist of at most {most} tokens");
                    broken(Invariant::GistBounded, expected, format!("one of {tokens}"));
                }
                Err(_) => {
                    broken(
                        Invariant::GistBounded,
                        "a gist that is text".to_owned(),
                        "bytes that are not UTF-8".to_owned(),
                    );
                }
            }
        }
        let least = self.sources.get(&Hash(named.hash));
        if let Some(least) = least.filter(|least| **least > bytes.len() as u64) {
            let found = format!("a text of {} bytes", bytes.len());
            broken(Invariant::GistBounded, format!("a source as long as its units, {least} bytes"), found);
        }
    }

    /// I-14: when the blobs end, no name is left.
    pub(super) fn none_left(&mut self) -> Result<(), Damage> {
        match self.names.next() {
            None => Ok(()),
            Some(named) => Err(Damage::BlobMissing { hash: shown(&Hash(named.hash)), seq: named.seq() }),
        }
    }
}
