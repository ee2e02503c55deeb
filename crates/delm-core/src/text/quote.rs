//! Finding a quote in the text it is said to come from.
//!
//! Refuses likeness: the words, their order, their case and their marks must be there. Equal are only runs of blanks
//! (NUL counts as one) and typographic and plain quotation marks and apostrophes. A quote also may not begin or end
//! inside a word or number: `1 million` is not in `21 million`, `can` not in `can't`, `toxic` not in `non-toxic`.
//! Version 1 of the rules; another normalization is another version.

use alloc::string::String;

use super::{is_word_char, joins, stands_alone, words};

/// Written at each edge of a word, so that one search compares words as wholes. Taken as a blank where a text has it.
const EDGE: char = '\0';

/// Where `quote` stands in `haystack` first, as a byte range; `None` for a quote without any visible character.
#[must_use]
pub fn find_quote(haystack: &str, quote: &str) -> Option<(usize, usize)> {
    let wanted = normal(quote);
    let text = normal(haystack);
    let at = text.find(wanted.as_str()).filter(|_| !wanted.is_empty())?;
    range_of(haystack, at, at + wanted.len())
}

/// A text as it is searched, for those who look for many quotes in it.
#[derive(Debug)]
pub(crate) struct Quotable(String);

impl Quotable {
    pub(crate) fn new(text: &str) -> Self {
        Self(normal(text))
    }

    /// Whether [`find_quote`] finds `quote` in the text.
    pub(crate) fn has(&self, quote: &Self) -> bool {
        !quote.0.is_empty() && self.0.contains(quote.0.as_str())
    }
}

/// Where the span stands that begins with `head` and ends with `tail`, both quotes of at least `words_min` words.
///
/// The tail is the first that neither begins before the head nor ends before it does; in a short span they overlap.
#[must_use]
pub fn find_reference(unit_text: &str, head: &str, tail: &str, words_min: u64) -> Option<(usize, usize)> {
    let long_enough = |part: &str| words(part).count() as u64 >= words_min;
    if !long_enough(head) || !long_enough(tail) {
        return None;
    }
    let text = normal(unit_text);
    let (head, tail) = (normal(head), normal(tail));
    let start = text.find(head.as_str()).filter(|_| !head.is_empty() && !tail.is_empty())?;
    // A tail that ends with the head or after it begins no earlier than this; the rest of the search is plain.
    let earliest = (start + head.len()).saturating_sub(tail.len()).max(start);
    let earliest = (earliest..text.len()).find(|at| text.is_char_boundary(*at))?;
    let found = text.get(earliest..)?.find(tail.as_str())?;
    range_of(unit_text, start, earliest + found + tail.len())
}

/// The text as it is compared: no blanks at the ends, single spaces, plain quotation marks, edges of words marked.
fn normal(text: &str) -> String {
    // Two edges and a blank to a word, and words have five letters: room for prose without growing.
    let mut out = String::with_capacity(text.len() + text.len() / 2 + 2);
    normalize(text, |piece| {
        match piece {
            Piece::Run(run, _) => out.push_str(run),
            Piece::Char(c, _, _) => out.push(c),
        }
        true
    });
    out
}

/// The bytes of `text` behind the bytes `start..end` of its normal form.
fn range_of(text: &str, start: usize, end: usize) -> Option<(usize, usize)> {
    let mut at = 0;
    let mut range = None;
    normalize(text, |piece| {
        let (length, within) = match piece {
            // Byte for byte: what lies outside of the range is cut off.
            Piece::Run(run, from) => {
                let (first, last) = (start.max(at), end.min(at + run.len()));
                (run.len(), (first < last).then(|| (from + (first - at), from + (last - at))))
            }
            Piece::Char(c, from, to) => {
                (c.len_utf8(), (at >= start && at < end && c != EDGE).then_some((from, to)))
            }
        };
        if let Some((from, to)) = within {
            range = Some((range.map_or(from, |(first, _)| first), to));
        }
        at += length;
        at < end
    });
    range
}

/// A piece of the normal form of a text, and what it stands for.
enum Piece<'a> {
    /// Letters and digits as they stand in the text from this byte on.
    Run(&'a str, usize),
    /// One character and the bytes from and to which it stands for; an edge stands for none.
    Char(char, usize, usize),
}

/// Gives the normal form of a text in pieces, until told to stop.
fn normalize<'a>(text: &'a str, mut give: impl FnMut(Piece<'a>) -> bool) {
    let mut blank: Option<(usize, usize)> = None;
    let (mut before, mut was_inside, mut started) = (' ', false, false);
    let mut from = 0;
    while let Some(rest) = text.get(from..).filter(|rest| !rest.is_empty()) {
        // Most of most texts: letters and digits without accents are inside a word whatever stands beside them.
        let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if let Some(run) = rest.get(..length).filter(|run| !run.is_empty()) {
            let spaced = blank.take().is_none_or(|(first, last)| give(Piece::Char(' ', first, last)));
            let edged = spaced && (was_inside || give(Piece::Char(EDGE, from, from)));
            if !edged || !give(Piece::Run(run, from)) {
                return;
            }
            (was_inside, started) = (true, true);
            before = run.chars().next_back().unwrap_or(before);
            from += length;
            continue;
        }
        let mut chars = rest.chars();
        let Some(c) = chars.next() else { return };
        let to = from + c.len_utf8();
        let inside = is_inside(before, c, chars.next());
        if was_inside && !inside && !give(Piece::Char(EDGE, from, from)) {
            return;
        }
        before = c;
        if c.is_whitespace() || c == EDGE {
            blank = started.then(|| (blank.map_or(from, |(first, _)| first), to));
        } else {
            started = true;
            let spaced = blank.take().is_none_or(|(first, last)| give(Piece::Char(' ', first, last)));
            let edged = spaced && (was_inside || !inside || give(Piece::Char(EDGE, from, from)));
            if !edged || !give(Piece::Char(plain(c), from, to)) {
                return;
            }
        }
        was_inside = inside;
        from = to;
    }
    if was_inside {
        give(Piece::Char(EDGE, text.len(), text.len()));
    }
}

/// Typographic quotation marks and apostrophes as a keyboard gives them.
fn plain(c: char) -> char {
    match c {
        '‘' | '’' => '\'',
        '“' | '”' => '"',
        c => c,
    }
}

/// The places, in bytes, where a quote of this text may begin or end, in order; its end is one, its start is not given.
pub(crate) fn cuts(text: &str) -> impl Iterator<Item = usize> {
    let mut chars = text.char_indices().peekable();
    let (mut before, mut was_inside) = (' ', false);
    let inner = core::iter::from_fn(move || {
        loop {
            let (at, c) = chars.next()?;
            let inside = is_inside(before, c, chars.peek().map(|(_, after)| *after));
            let lawful = at > 0 && !(was_inside && inside);
            (before, was_inside) = (c, inside);
            if lawful {
                return Some(at);
            }
        }
    });
    inner.chain(core::iter::once(text.len()))
}

/// Whether a character is part of a word that may not be cut; characters of scripts without spaces never are.
fn is_inside(before: char, c: char, after: Option<char>) -> bool {
    let solid = |c: char| is_word_char(c) && !stands_alone(c);
    let hyphen = matches!(c, '-' | '\u{2010}' | '\u{2011}') && before.is_alphabetic();
    solid(c)
        || (solid(before)
            && after.is_some_and(solid)
            && (joins(before, c, after) || (hyphen && after.is_some_and(char::is_alphabetic))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn found<'a>(haystack: &'a str, quote: &str) -> Option<&'a str> {
        find_quote(haystack, quote).map(|(start, end)| &haystack[start..end])
    }

    #[test]
    fn blanks_and_quotation_marks_are_equal_and_nothing_else() {
        let text = "\u{feff}She said:\r\n  “I don’t\u{a0}know”, then left.";
        assert_eq!(found(text, " \"I don't know\", then "), Some("“I don’t\u{a0}know”, then"));
        assert_eq!(found(text, "said: “I"), Some("said:\r\n  “I"));
        assert_eq!(found(text, "she said"), None, "case counts");
        assert_eq!(found(text, "know, then"), None, "marks count");
        assert_eq!(found(text, "said … left"), None);
        assert_eq!(found("a\u{0}b", "a b"), Some("a\u{0}b"));
    }

    #[test]
    fn a_quote_does_not_cut_a_word_or_number() {
        for (text, quote) in [
            ("21 million people", "1 million people"),
            ("It can't be", "It can"),
            ("a non-toxic gas", "toxic gas"),
            ("1.5 metres", "5 metres"),
            ("12,000 men", "000 men"),
            ("concatenate", "cat"),
        ] {
            assert_eq!(found(text, quote), None, "{quote}");
        }
        assert_eq!(found("21 million, then 1 million people", "1 million"), Some("1 million"));
        assert_eq!(found("the war (1914-18).", "(1914-18)"), Some("(1914-18)"));
        assert_eq!(found("他不是东京人", "东京"), Some("东京"));
        assert_eq!(found("b.", "b."), Some("b."));
    }

    #[test]
    fn nothing_is_no_quote() {
        for quote in ["", " \n", "\u{0}"] {
            assert_eq!(find_quote("a text", quote), None);
        }
        assert_eq!(find_quote("", "a"), None);
    }

    #[test]
    fn a_reference_needs_head_and_tail_in_order() {
        let text = "One two three four five six seven eight nine ten. Unrelated end.";
        let span = |head: &str, tail: &str, words_min| {
            find_reference(text, head, tail, words_min).map(|(start, end)| &text[start..end])
        };
        assert_eq!(
            span("two three four", "eight nine ten.", 3),
            Some("two three four five six seven eight nine ten.")
        );
        assert_eq!(
            span("two three four", "three four five", 3),
            Some("two three four five"),
            "they may overlap"
        );
        assert_eq!(span("two three four", "two three four", 3), Some("two three four"));
        assert_eq!(span("six seven eight", "two three four", 3), None, "the order counts");
        assert_eq!(span("two three", "eight nine ten", 3), None, "two words are too few");
        assert_eq!(span("two three five", "eight nine ten", 3), None);
        assert_eq!(span("", "", 0), None);
    }

    #[test]
    fn the_search_is_linear() {
        // Overlapping near-matches of 100 kB would be ten thousand million steps for a naive search.
        let text = "a ".repeat(200_000) + "ab";
        let quote = "a ".repeat(100_000) + "abc";
        assert_eq!(find_quote(&text, &quote), None);
        assert!(find_reference(&text, &"a ".repeat(100_000), &("a ".repeat(100_000) + "ab"), 5).is_some());
    }

    /// The normal form by its rule, a character at a time, with the bytes each stands for.
    fn by_the_rule(text: &str) -> Vec<(char, usize, usize)> {
        let chars: Vec<(usize, char)> = text.char_indices().collect();
        let at = |place: usize| chars.get(place).map(|(_, c)| *c);
        let inside = |place: usize| {
            let before = place.checked_sub(1).and_then(at).unwrap_or(' ');
            at(place).is_some_and(|c| is_inside(before, c, at(place + 1)))
        };
        let (mut out, mut blank): (Vec<_>, Option<(usize, usize)>) = (Vec::new(), None);
        for (place, (from, c)) in chars.iter().copied().enumerate() {
            let was_inside = place > 0 && inside(place - 1);
            let to = from + c.len_utf8();
            if was_inside && !inside(place) {
                out.push((EDGE, from, from));
            }
            if c.is_whitespace() || c == EDGE {
                blank = (!out.is_empty()).then(|| (blank.map_or(from, |(first, _)| first), to));
                continue;
            }
            out.extend(blank.take().map(|(first, last)| (' ', first, last)));
            if inside(place) && !was_inside {
                out.push((EDGE, from, from));
            }
            out.push((plain(c), from, to));
        }
        if chars.len().checked_sub(1).is_some_and(inside) {
            out.push((EDGE, text.len(), text.len()));
        }
        out
    }

    proptest! {
        #[test]
        fn runs_of_letters_are_taken_as_their_characters_are(
            text in "[a-cZ .,'’“é東\\-0-9\\n\u{0}]{0,60}", from in 0_usize..60, len in 1_usize..60,
        ) {
            let rule = by_the_rule(&text);
            let whole: String = rule.iter().map(|(c, _, _)| *c).collect();
            prop_assert_eq!(normal(&text), whole.as_str());
            let places: Vec<usize> = whole.char_indices().map(|(at, _)| at).chain([whole.len()]).collect();
            let last = (from + len).min(rule.len());
            if from < last {
                let solid = || rule[from..last].iter().filter(|(c, _, _)| *c != EDGE);
                let range = solid().next().zip(solid().next_back()).map(|(first, last)| (first.1, last.2));
                prop_assert_eq!(range_of(&text, places[from], places[last]), range);
            }
        }

        #[test]
        fn whole_sentences_and_whole_texts_are_found(text in "[a-c .,'’“é東\\-0-9\\n\u{0}]{0,60}") {
            let visible = text.chars().any(|c| !c.is_whitespace() && c != '\0');
            let trimmed = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
            prop_assert_eq!(found(&text, &text), visible.then_some(trimmed));
            for word in words(&text) {
                if let Some((start, end)) = find_quote(&text, word.text) {
                    // An earlier word may differ in its apostrophes, which are equal.
                    let plainly = |text: &str| text.chars().map(plain).collect::<String>();
                    prop_assert_eq!(plainly(&text[start..end]), plainly(word.text));
                }
            }
            let places: Vec<usize> = cuts(&text).collect();
            for (at, start) in places.iter().enumerate() {
                for end in places.iter().skip(at) {
                    let part = text[*start..*end].trim_matches(|c: char| c.is_whitespace() || c == '\0');
                    prop_assert!(part.is_empty() || find_quote(&text, part).is_some(), "{:?}", part);
                }
            }
            for (start, end) in crate::text::sentences(&text) {
                let sentence = &text[start..end];
                prop_assert!(find_quote(&text, sentence).is_some() || !sentence.chars().any(|c| c != '\0'));
            }
        }
    }
}
