//! What differs between two equal sessions, taken out of their output: ids, times, durations, sizes on disk, folders.
//!
//! Refuses to take out what must not differ: equal ids stay equal, a prefix stays a prefix of its id.

use regex::{Captures, Regex};

use super::World;

/// Redacts the text of one session; ids are numbered as they first appear.
pub(crate) struct Redactor {
    folder: String,
    ids: Vec<String>,
}

impl Redactor {
    /// For the sessions in a world.
    pub(crate) fn new(world: &World) -> Self {
        Self { folder: world.path("").to_string_lossy().trim_end_matches('/').to_owned(), ids: Vec::new() }
    }

    /// The text without what differs.
    pub(crate) fn redact(&mut self, text: &str) -> String {
        let text = text.replace(&self.folder, "[FOLDER]");
        let text = replace(&text, r"\b[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+Z?", |_| "[TIME]".to_owned());
        let text = replace(&text, r#""bytes":"[A-Za-z0-9+/=]+""#, |_| r#""bytes":"[BASE64]""#.to_owned());
        let text = replace(&text, r#"("[a-z_]*_ms": ?)[0-9]+"#, |found| format!("{}[MS]", &found[1]));
        let text = replace(&text, r#"("journal_bytes": ?)[0-9]+"#, |found| format!("{}[BYTES]", &found[1]));
        let text =
            replace(&text, r#"("nonce": ?)"[0-9a-f]{32}""#, |found| format!("{}\"[NONCE]\"", &found[1]));
        let text =
            replace(&text, r"\b[0-9.]+ [kM]?B (in|of journal,) [0-9]+ records", |_| "[SIZE]".to_owned());
        let text =
            replace(&text, r#"("journal_records": ?)[0-9]+"#, |found| format!("{}[RECORDS]", &found[1]));
        let text = replace(&text, r"\b([0-9]+[mh] )*[0-9]+(\.[0-9]+)? (ms|s)\b", |_| "[SPAN]".to_owned());
        replace(&text, r"\b[0-9a-f]{8,64}\b", |found| self.id(&found[0]))
    }

    fn id(&mut self, found: &str) -> String {
        let plain = |c: char| c.is_ascii_digit();
        // Ids are cut to twelve digits on screen, and one such prefix in 280 holds no letter.
        let cut = found.len() == 12 || self.ids.iter().any(|id| id.starts_with(found));
        if found.len() < 64 && found.chars().all(plain) && !cut {
            return found.to_owned();
        }
        let known = self.ids.iter().position(|id| id.starts_with(found));
        let place = match known {
            Some(place) => place,
            // A prefix may come before its id: the id then takes its place.
            None => match self.ids.iter().position(|id| found.starts_with(id.as_str())) {
                Some(place) => {
                    self.ids[place] = found.to_owned();
                    place
                }
                None => {
                    self.ids.push(found.to_owned());
                    self.ids.len() - 1
                }
            },
        };
        let length = if found.len() == 64 { String::new() } else { format!(":{}", found.len()) };
        format!("[ID{}{length}]", place + 1)
    }
}

fn replace(text: &str, pattern: &str, mut with: impl FnMut(&Captures<'_>) -> String) -> String {
    // Bytes are looked at for the edge of a word: the tables of Unicode are left out of the library.
    Regex::new(&pattern.replace(r"\b", r"(?-u:\b)"))
        .unwrap()
        .replace_all(text, |found: &Captures<'_>| with(found))
        .into_owned()
}

#[test]
fn ids_keep_what_they_share() {
    let world = World::new();
    world.unsound("nothing is run in it");
    let id = "0123456789abcdef".repeat(4);
    let said = format!("{} then {id} at 2026-01-02T03:04:05.678Z in 12 ms, not 12345678", &id[..12]);
    assert_eq!(Redactor::new(&world).redact(&said), "[ID1:12] then [ID1] at [TIME] in [SPAN], not 12345678");
}
