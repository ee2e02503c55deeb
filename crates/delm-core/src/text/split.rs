//! Cutting a source into units.
//!
//! Refuses to lose, repeat or reorder a byte: the ranges join to the text, cut on characters, none empty. Looks at
//! each byte at most three times, whatever the text.

use alloc::vec::Vec;

/// How good a place is to cut, worst first: the last of the best in reach wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cut {
    Blank,
    Line,
    Sentence,
    Paragraph,
    Heading,
}

/// Cuts a text into units of at most `unit_bytes` bytes, as byte ranges in order that cover it.
///
/// Each but the last is at least half that long, the last at least a quarter; small pieces are so merged by never being
/// cut off. A unit begins, in falling order of preference, at a Markdown heading, after a blank line, after a sentence,
/// at a line, after a blank, else at any character. A `unit_bytes` below four is taken as four, the longest character.
#[must_use]
pub fn split(text: &str, unit_bytes: u64) -> Vec<(u64, u64)> {
    let most = usize::try_from(unit_bytes).unwrap_or(usize::MAX).max(4);
    let mut units = Vec::new();
    let mut start = 0;
    while text.len() - start > most {
        // What is left after this cut shall not be a crumb.
        let high = (start + most).min(text.len() - most / 4);
        let cut = best_cut(text, start + most / 2, high).unwrap_or_else(|| hard_cut(text, start, high));
        units.push((start as u64, cut as u64));
        start = cut;
    }
    if start < text.len() {
        units.push((start as u64, text.len() as u64));
    }
    units
}

/// The last of the best places to cut in `low..=high`.
fn best_cut(text: &str, low: usize, high: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut best: Option<(Cut, usize)> = None;
    for at in low.max(1)..=high {
        // A byte that begins a character and follows a blank; blanks of other alphabets are not worth a cut.
        let solid = bytes.get(at).is_some_and(|b| !b.is_ascii_whitespace());
        if !solid || !text.is_char_boundary(at) || !bytes.get(at - 1).is_some_and(u8::is_ascii_whitespace) {
            continue;
        }
        let cut = cut_at(bytes, low, at);
        if best.is_none_or(|(known, _)| known <= cut) {
            best = Some((cut, at));
        }
    }
    best.map(|(_, at)| at)
}

/// How good it is to cut before the byte at `at`, which follows a blank. Never looks back beyond `low`, so that a long
/// run of blanks is not walked again and again.
fn cut_at(bytes: &[u8], low: usize, at: usize) -> Cut {
    let mut breaks = 0;
    let mut before = None;
    for byte in bytes.get(low.saturating_sub(1)..at).unwrap_or_default().iter().rev() {
        match byte {
            b'\n' => breaks += 1,
            byte if byte.is_ascii_whitespace() => {}
            byte => {
                before = Some(*byte);
                break;
            }
        }
    }
    let ended = matches!(before, Some(b'.' | b'!' | b'?' | b'"' | b')'));
    let rest = bytes.get(at..).unwrap_or_default();
    match breaks {
        1.. if is_heading(rest) => Cut::Heading,
        2.. => Cut::Paragraph,
        _ if ended => Cut::Sentence,
        1 => Cut::Line,
        _ => Cut::Blank,
    }
}

/// One to six number signs and a blank.
fn is_heading(line: &[u8]) -> bool {
    let signs = line.iter().take(7).take_while(|b| **b == b'#').count();
    matches!(signs, 1..=6) && line.get(signs).is_some_and(|b| matches!(b, b' ' | b'\t'))
}

/// The last character boundary up to `high`, but after `start`, that does not part CR from LF.
fn hard_cut(text: &str, start: usize, high: usize) -> usize {
    let bytes = text.as_bytes();
    let parts_line_end =
        |at: usize| at > 0 && bytes.get(at - 1) == Some(&b'\r') && bytes.get(at) == Some(&b'\n');
    let lawful = |at: &usize| text.is_char_boundary(*at) && !parts_line_end(*at);
    let back = (start + 1..=high).rev().take(5).find(lawful);
    back.or_else(|| (high..text.len()).find(lawful)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use proptest::prelude::*;

    fn pieces(text: &str, unit_bytes: u64) -> Vec<&str> {
        let place = |at: u64| usize::try_from(at).unwrap();
        split(text, unit_bytes).iter().map(|(a, b)| &text[place(*a)..place(*b)]).collect()
    }

    #[test]
    fn headings_paragraphs_sentences_and_blanks_in_that_order() {
        let text = "# One\nFirst words here. More of them now.\n\nA paragraph.\n\n# Two\nSecond part is here, at last, and done.";
        assert_eq!(pieces(text, 70)[1].lines().next(), Some("# Two"));
        let text = "One two three four five. Six seven eight nine ten eleven";
        assert_eq!(pieces(text, 40), ["One two three four five. ", "Six seven eight nine ten eleven"]);
        let text = "one two three four five six seven eight";
        assert!(pieces(text, 20).iter().all(|piece| piece.len() <= 20));
        assert!(pieces(text, 20).iter().skip(1).all(|piece| !piece.starts_with(' ')));
    }

    #[test]
    fn a_small_text_is_one_unit_and_an_empty_one_none() {
        assert_eq!(split("", 64), []);
        assert_eq!(split("a", 64), [(0, 1)]);
        assert_eq!(split(&"a".repeat(64), 64), [(0, 64)]);
        assert_eq!(split("\n\n", 64), [(0, 2)]);
    }

    #[test]
    fn endless_lines_blanks_and_line_ends_are_cut_all_the_same() {
        for text in [
            "x".repeat(10_000),
            " ".repeat(10_000),
            "\r\n".repeat(5_000),
            "é\u{0}".repeat(4_000),
            "€".repeat(3_000),
        ] {
            let cut = pieces(&text, 100);
            assert!(cut.iter().all(|piece| !piece.is_empty() && piece.len() <= 100), "{:?}", cut.first());
            assert!(cut.iter().all(|piece| !piece.starts_with('\n')));
            assert_eq!(cut.concat(), text);
        }
    }

    #[test]
    fn long_text_takes_linear_time() {
        // Quadratic work on 8 MB would take minutes; the suite would not end.
        let text = "\n".repeat(4_000_000) + &" a".repeat(2_000_000);
        assert_eq!(split(&text, 6_000).iter().map(|(a, b)| b - a).sum::<u64>(), text.len() as u64);
        assert_eq!(split(&text, 1_000_000).iter().map(|(a, b)| b - a).sum::<u64>(), text.len() as u64);
    }

    #[test]
    fn a_place_is_as_good_as_what_stands_before_and_behind_it() {
        for (text, low, cut) in [
            ("a\n\n# b", 1, Cut::Heading),
            ("a\n# b", 1, Cut::Heading),
            ("a # b", 1, Cut::Blank),
            ("a\n\nb", 1, Cut::Paragraph),
            ("a.\n\nb", 1, Cut::Paragraph),
            ("a\n \nb", 1, Cut::Paragraph),
            ("a. b", 1, Cut::Sentence),
            ("a.\nb", 1, Cut::Sentence),
            ("a\nb", 1, Cut::Line),
            ("a b", 1, Cut::Blank),
            ("a) b", 0, Cut::Sentence),
            ("a, b", 0, Cut::Blank),
            ("a\n\n  b", 4, Cut::Blank),
        ] {
            let at = text.len() - text.trim_start_matches(['a', '.', ',', ')', ' ', '\n']).len();
            assert!(cut_at(text.as_bytes(), low, at) == cut, "{text:?}");
        }
    }

    #[test]
    fn a_hard_cut_parts_no_line_end_and_no_character() {
        assert_eq!(hard_cut("ab\r\ncd", 0, 3), 2);
        assert_eq!(hard_cut("ab\rcd", 0, 3), 3);
        assert_eq!(hard_cut("ab\ncd", 0, 2), 2);
        assert_eq!(hard_cut("a€b", 0, 3), 1);
        assert_eq!(hard_cut("€b", 0, 2), 3, "nothing before it: behind it");
        assert_eq!(hard_cut("ab", 0, 2), 2);
    }

    #[test]
    fn a_heading_is_one_to_six_signs_and_a_blank() {
        for (line, heading) in [
            ("# a", true),
            ("###### a", true),
            ("####### a", false),
            ("#a", false),
            ("#\ta", true),
            (" # a", false),
            ("#", false),
        ] {
            assert_eq!(is_heading(line.as_bytes()), heading, "{line}");
        }
    }

    proptest! {
        #[test]
        fn units_join_to_the_text(text in "[a-c #\\n\\r.é€\u{1f600}]{0,300}", unit_bytes in 0_u64..80) {
            let cut = pieces(&text, unit_bytes);
            prop_assert_eq!(cut.concat(), text.as_str());
            let most = usize::try_from(unit_bytes.max(4)).unwrap();
            prop_assert!(cut.iter().all(|piece| !piece.is_empty() && piece.len() <= most + 4));
            let long: Vec<String> = cut.iter().map(|piece| String::from(*piece)).collect();
            prop_assert!(long.iter().rev().skip(1).all(|piece| piece.len() * 2 + 8 >= most));
        }
    }
}
