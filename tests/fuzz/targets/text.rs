//! Any text, cut into units, sentences and words, and searched for quotes: every range is one of characters, in order,
//! nothing is lost, and a quote that is found is there.
//!
//! An input is a text, a quote, a head and a tail, separated; its first byte is the length of units.
#![no_main]

use delm_core::text::{
    SENTENCE_BYTES_MAX, find_quote, find_reference, gist_tokens, sentences, split, stem, words,
};
use delm_fuzz::parts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &str)| {
    let (size, input) = input;
    let mut parts = parts(input);
    let mut next = || parts.next().unwrap_or_default();
    let (text, quote, head, tail) = (next(), next(), next(), next());
    units(text, u64::from(size) * u64::from(size));
    let found: Vec<(usize, usize)> = sentences(text).collect();
    assert!(found.iter().all(|(start, end)| end - start <= SENTENCE_BYTES_MAX));
    in_order(text, &found, true, "sentence");
    word_by_word(text);
    quoted(text, quote);
    for (start, end) in found.iter().take(8) {
        quoted(text, &text[*start..*end]);
    }
    if let Some((start, end)) = find_reference(text, head, tail, u64::from(size % 6)) {
        let span = same(&text[start..end]);
        assert!(
            span.starts_with(&same(head)) && span.ends_with(&same(tail)),
            "{span:?} is not the reference"
        );
    }
    let blank = text.chars().all(|c| c.is_whitespace());
    assert!(blank || gist_tokens(text) > 0, "a text that is not blank counts nothing");
});

fn units(text: &str, unit_bytes: u64) {
    let most = usize::try_from(unit_bytes.max(4)).expect("a small number") + 4;
    let mut at = 0;
    for (start, end) in split(text, unit_bytes) {
        let (start, end) = (usize::try_from(start).expect("small"), usize::try_from(end).expect("small"));
        assert!(start == at && end > start && end - start <= most, "{start}..{end} after {at}");
        assert!(text.get(start..end).is_some(), "a character is cut at {start} or {end}");
        at = end;
    }
    assert_eq!(at, text.len(), "the units are not the text");
}

/// Ranges of characters in order; between them nothing that counts.
fn in_order(text: &str, ranges: &[(usize, usize)], whole: bool, what: &str) {
    let mut at = 0;
    for (start, end) in ranges {
        let gap = text.get(at..*start).unwrap_or_else(|| panic!("{what} {start}..{end} after {at}"));
        assert!(!whole || gap.trim().is_empty(), "{gap:?} is in no {what}");
        let range =
            text.get(*start..*end).unwrap_or_else(|| panic!("{what} {start}..{end} cuts a character"));
        assert!(!range.is_empty() && (!whole || range.trim() == range), "{range:?}");
        at = *end;
    }
    let rest = text.get(at..).expect("the rest");
    assert!(!whole || rest.trim().is_empty(), "{rest:?} is in no {what}");
}

fn word_by_word(text: &str) {
    let found: Vec<_> = words(text).collect();
    let ranges: Vec<(usize, usize)> = found.iter().map(|word| (word.start, word.end)).collect();
    in_order(text, &ranges, false, "word");
    for word in found {
        assert_eq!(text.get(word.start..word.end), Some(word.text));
        let normal = word.normalized();
        assert!(normal.starts_with(stem(&normal)), "{normal:?}");
    }
}

fn quoted(text: &str, quote: &str) {
    let found = find_quote(text, quote);
    let Some((start, end)) = found else {
        assert!(text != quote || same(quote).is_empty(), "a text is not in itself: {quote:?}");
        return;
    };
    let there = text.get(start..end).unwrap_or_else(|| panic!("{start}..{end} cuts a character"));
    assert_eq!(same(there), same(quote), "what was found is not the quote");
    assert!(find_quote(text, there).is_some_and(|(first, _)| first <= start), "{there:?} is not found again");
}

/// What may differ between a quote and its place, evened out: written from the words of the rule, not from its code.
fn same(text: &str) -> String {
    let plain = |c: char| match c {
        '\0' => ' ',
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        c => c,
    };
    let text: String = text.chars().map(plain).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
