//! Keeps keys out of every text that leaves the crate: errors, and what a provider sends back.
//!
//! Refuses to trust providers: they echo keys whole, in part, or with their middle starred out.

use std::collections::BTreeSet;

use crate::config::Secret;

/// What stands where a key stood.
const MASK: &str = "[key]";
/// So many characters in common with a key are taken for a part of it.
const SHARED_MIN: usize = 6;
/// So many characters at the beginning or end of a starred-out word are taken for a key's.
const EDGE_MIN: usize = 3;

/// Knows every key.
#[derive(Clone)]
pub(crate) struct Scrubber {
    secrets: Vec<Secret>,
    /// Every run of `SHARED_MIN` bytes of a key.
    shared: BTreeSet<Vec<u8>>,
}

impl std::fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scrubber({} keys)", self.secrets.len())
    }
}

impl Scrubber {
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Self {
        let secrets: Vec<Secret> = secrets.filter(|secret| !secret.expose().is_empty()).cloned().collect();
        let windows = secrets.iter().flat_map(|secret| secret.expose().as_bytes().windows(SHARED_MIN));
        let shared = windows.map(<[u8]>::to_vec).collect();
        Self { secrets, shared }
    }

    /// The text without keys, without parts of keys, and without words that are a key with its middle starred out.
    pub(crate) fn error(&self, text: &str) -> String {
        if self.secrets.is_empty() {
            return text.to_owned();
        }
        let text = self.without_shared(text);
        let words = text.split_inclusive(char::is_whitespace).map(|word| self.without_edges(word));
        words.collect()
    }

    /// A reply without whole keys. Parts stay: a model does not know them, and its words are the record.
    pub(crate) fn reply(&self, reply: Vec<u8>) -> Vec<u8> {
        let long = |secret: &&Secret| secret.expose().len() > SHARED_MIN;
        self.secrets.iter().filter(long).fold(reply, |reply, secret| match std::str::from_utf8(&reply) {
            Ok(text) if text.contains(secret.expose()) => text.replace(secret.expose(), MASK).into_bytes(),
            _ => reply,
        })
    }

    fn without_shared(&self, text: &str) -> String {
        // Keys are ASCII, so a run in common with one begins and ends at characters.
        let mut hidden = vec![false; text.len()];
        for (at, window) in text.as_bytes().windows(SHARED_MIN).enumerate() {
            if self.shared.contains(window) {
                hidden.iter_mut().skip(at).take(SHARED_MIN).for_each(|byte| *byte = true);
            }
        }
        let mut clean = String::with_capacity(text.len());
        let mut within = false;
        for (at, c) in text.char_indices() {
            let hide = hidden.get(at).copied().unwrap_or(false);
            if hide && !within {
                clean.push_str(MASK);
            } else if !hide {
                clean.push(c);
            }
            within = hide;
        }
        clean
    }

    fn without_edges(&self, word: &str) -> String {
        let core = word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '*');
        let starred = |core: &str| {
            let open = core.split(['*', '…']).next().unwrap_or_default().trim_end_matches('.');
            let close = core.rsplit(['*', '…', '.']).next().unwrap_or_default();
            let gap = core.contains("**") || core.contains("..") || core.contains('…');
            gap && self.secrets.iter().any(|secret| {
                let secret = secret.expose();
                (open.len() >= EDGE_MIN && secret.starts_with(open))
                    || (close.len() >= EDGE_MIN && secret.ends_with(close))
            })
        };
        // A key too short to have parts is hidden where it is a word of its own.
        let short =
            |core: &str| self.secrets.iter().any(|s| s.expose().len() < SHARED_MIN && s.expose() == core);
        if !core.is_empty() && (starred(core) || short(core)) {
            word.replace(core, MASK)
        } else {
            word.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-proj-4fGh7JkLmN0pQrStUvWxYz12345678";

    fn scrubber(keys: &[&str]) -> Scrubber {
        let keys: Vec<Secret> = keys.iter().map(|key| Secret::new(key)).collect();
        Scrubber::new(keys.iter())
    }

    #[test]
    fn no_part_of_a_key_is_left() {
        let scrubber = scrubber(&[KEY, "other-key-0987654321"]);
        for text in [
            format!("Incorrect API key provided: {KEY}."),
            format!("{{\"error\":\"bad key '{KEY}' (or other-key-0987654321)\"}}"),
            format!("http://host/v1?key={KEY}&alt=json"),
            format!("cut {}", KEY.split_at(20).0),
            format!("tail …{}", KEY.split_at(20).1),
            "Incorrect API key provided: sk-proj-************5678. Find it at".into(),
            "key sk-...678 is wrong".into(),
            "key \"****************5678\" is wrong".into(),
            "ключ sk-proj-4fGh7Jk… é".into(),
        ] {
            let clean = scrubber.error(&text);
            assert!(clean.contains(MASK), "{text} -> {clean}");
            for piece in ["sk-proj", "4fGh", "5678", "0987", "678"] {
                assert!(!clean.contains(piece), "{text} -> {clean}");
            }
        }
    }

    #[test]
    fn other_text_stays_as_it_is() {
        let scrubber = scrubber(&[KEY, "x"]);
        let text = "HTTP 400 Bad Request: 'messages' ** is too long... [x-ray] é\n  and more";
        assert_eq!(scrubber.error(text), text);
        assert_eq!(scrubber.error("the key 'x' is wrong"), "the key '[key]' is wrong");
        assert_eq!(scrubber.reply(b"\xff sk-proj-".to_vec()), b"\xff sk-proj-");
        assert_eq!(scrubber.reply(format!("it is {KEY}!").into_bytes()), b"it is [key]!");
    }
}
