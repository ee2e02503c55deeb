//! Sentences: where a reader would stop.
//!
//! Refuses to parse a language: it knows marks that end a sentence, a list of abbreviations, blank lines and the
//! beginnings of Markdown lines, and errs towards longer sentences.

use super::is_word_char;

/// The longest sentence in bytes: a longer one is cut at a blank, or anywhere if there is none.
pub const SENTENCE_BYTES_MAX: usize = 2_000;

/// Abbreviations whose point does not end a sentence, in lower case, besides single letters.
#[rustfmt::skip]
const ABBREVIATIONS: &[&str] = &[
    "al", "bros", "capt", "cf", "co", "col", "corp", "dr", "ed", "eds", "eg", "etc", "ft", "gen", "gov", "hon", "ie",
    "inc", "jr", "lt", "ltd", "messrs", "mr", "mrs", "ms", "mt", "prof", "rep", "rev", "sen", "sgt", "sr", "st", "vs",
];

/// Abbreviations that are such only before a number.
#[rustfmt::skip]
const BEFORE_NUMBERS: &[&str] = &["approx", "art", "ca", "ch", "fig", "no", "nos", "op", "pp", "sec", "vol"];

/// The sentences of a text in order, without blanks at either end; none is empty.
pub fn sentences(text: &str) -> Sentences<'_> {
    Sentences { text, at: 0 }
}

/// See [`sentences`].
#[derive(Clone, Debug)]
pub struct Sentences<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Sentences<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let rest = self.text.get(self.at..)?;
        let start = self.at + (rest.len() - rest.trim_start().len());
        let body = self.text.get(start..).filter(|body| !body.is_empty())?;
        let length = length_of_first(body);
        self.at = start + length;
        let kept = body.get(..length)?.trim_end().len();
        Some((start, start + kept))
    }
}

/// Bytes of the first sentence of a text that does not begin with a blank; at least one character.
fn length_of_first(body: &str) -> usize {
    let heading = body.starts_with('#');
    let mut last_blank = 0;
    for (at, c) in body.char_indices() {
        let end = at + c.len_utf8();
        if at > 0 && end > SENTENCE_BYTES_MAX {
            return if last_blank > 0 { last_blank } else { at };
        }
        let rest = body.get(end..).unwrap_or_default();
        match c {
            '\n' if heading || begins_anew(rest) => return end,
            '。' | '！' | '？' | '｡' => return end + closers(rest),
            '.' | '!' | '?' | '…' => {
                let closed = end + closers(rest);
                if ends_here(body.get(..at).unwrap_or_default(), c, body.get(closed..).unwrap_or_default()) {
                    return closed;
                }
            }
            _ => {}
        }
        if c.is_whitespace() {
            last_blank = end;
        }
    }
    body.len()
}

/// Bytes of further marks, closing quotes, brackets and footnote stars that belong to the end of a sentence.
fn closers(rest: &str) -> usize {
    let is_closer =
        |c: char| matches!(c, '.' | '!' | '?' | '…' | '"' | '\'' | '”' | '’' | ')' | ']' | '»' | '*' | '_');
    rest.len() - rest.trim_start_matches(is_closer).len()
}

/// Whether a mark between these two ends the sentence.
fn ends_here(before: &str, mark: char, after: &str) -> bool {
    let Some(next) = after.chars().next() else { return true };
    if !next.is_whitespace() {
        return false;
    }
    let follower = after.chars().find(|c| !c.is_whitespace());
    if follower.is_some_and(char::is_lowercase) {
        return false;
    }
    let numbered = follower.is_some_and(|c| c.is_ascii_digit());
    mark != '.' || !is_abbreviation(before, numbered)
}

fn is_abbreviation(before: &str, numbered: bool) -> bool {
    let tail = before.char_indices().rev().take(8).take_while(|(_, c)| is_word_char(*c)).last();
    let Some((start, first)) = tail else { return false };
    let word = before.get(start..).unwrap_or_default();
    if word.len() == first.len_utf8() {
        let initial = first.is_uppercase() || (numbered && matches!(first, 'c' | 'p'));
        return initial || before.get(..start).is_some_and(|b| b.ends_with('.'));
    }
    let among = |list: &[&str]| list.iter().any(|known| known.eq_ignore_ascii_case(word));
    among(ABBREVIATIONS) || (numbered && among(BEFORE_NUMBERS))
}

/// Whether what follows a line break starts something new: a blank line, a heading, a list item, a table row.
fn begins_anew(rest: &str) -> bool {
    let line = rest.trim_start_matches([' ', '\t', '\r']);
    let marker = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = marker.len() < line.len() && (marker.starts_with(". ") || marker.starts_with(") "));
    let bullet = ["- ", "* ", "+ "].iter().any(|sign| line.starts_with(sign));
    numbered || bullet || line.starts_with(['\n', '#', '>', '|'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec::Vec;

    fn cut(text: &str) -> Vec<&str> {
        sentences(text).map(|(start, end)| &text[start..end]).collect()
    }

    #[test]
    fn sentences_end_at_marks_and_not_at_abbreviations() {
        assert_eq!(
            cut("Dr. J. S. Bach paid 3.5 marks. \"Did he?\" she asked. Yes!"),
            ["Dr. J. S. Bach paid 3.5 marks.", "\"Did he?\" she asked.", "Yes!"]
        );
        assert_eq!(
            cut("He said \"No.\" Then left (fast). End"),
            ["He said \"No.\"", "Then left (fast).", "End"]
        );
        assert_eq!(
            cut("It works, e.g. here. U.S. troops left."),
            ["It works, e.g. here.", "U.S. troops left."]
        );
        assert_eq!(cut("東京。大阪！ok"), ["東京。", "大阪！", "ok"]);
    }

    #[test]
    fn markdown_lines_are_kept_apart() {
        let text =
            "\u{feff}# Title\r\nOne line\r\nwraps here.\r\n\r\n- item one\n- item two\n1. first\n\n> quoted";
        assert_eq!(
            cut(text),
            [
                "\u{feff}# Title\r\nOne line\r\nwraps here.",
                "- item one",
                "- item two",
                "1. first",
                "> quoted"
            ]
        );
        assert_eq!(cut("# Title\nBody text"), ["# Title", "Body text"]);
    }

    #[test]
    fn what_is_too_long_is_cut_behind_a_blank() {
        let text = "ab ".repeat(5000);
        assert!(cut(&text).iter().all(|part| part.split(' ').all(|word| word == "ab")));
        let longest = cut(&text).iter().map(|part| part.len()).max();
        assert!(longest.is_some_and(|longest| longest + 3 >= SENTENCE_BYTES_MAX));
        assert_eq!(cut(&"x".repeat(SENTENCE_BYTES_MAX)).len(), 1);
        assert_eq!(cut(&"x".repeat(SENTENCE_BYTES_MAX + 1)).len(), 2);
    }

    #[test]
    fn a_mark_ends_a_sentence_or_does_not() {
        for (text, parts) in [
            ("See p. 5 and c. 1900. Done", 2),
            ("See p. Anna", 2),
            ("Plan B. Then", 1),
            ("It is in the U.S. Troops left", 1),
            ("Really? yes", 1),
            ("Really? Yes", 2),
            ("v2.Next", 1),
            ("It ended (so.) Next", 2),
            ("One\n2. two", 2),
            ("One\n2) two", 2),
            ("One\n2 two", 1),
            ("One\n. two", 1),
            ("One\n+ two", 2),
            ("One\n-two", 1),
            ("One\n  | cell", 2),
            ("One… Two", 2),
        ] {
            assert_eq!(cut(text).len(), parts, "{text:?}");
        }
    }

    #[test]
    fn nothing_is_empty_and_nothing_endless() {
        for text in ["", "  \n\r\n\t", "\u{0}", "...", ". . .", &"é".repeat(9000), &"ab ".repeat(5000)] {
            let mut covered = String::new();
            for part in cut(text) {
                assert!(!part.is_empty() && part.len() <= SENTENCE_BYTES_MAX && part == part.trim());
                covered.push_str(part);
            }
            let solid = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            assert_eq!(solid(&covered), solid(text));
        }
    }
}
