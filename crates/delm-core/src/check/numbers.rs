//! Numbers: their values, whatever their spelling.
//!
//! Refuses arithmetic on magnitudes: a value is its decimal digits, so no number is too long.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::evidence::{Evidence, Statement, Token};
use crate::text::has_thousands;

/// A number as written, and the values it may stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Number {
    pub(super) written: String,
    pub(super) values: Vec<String>,
}

/// The numbers of the statements that the evidence does not have.
pub(super) fn missing(statements: &[Statement<'_>], known: &Evidence<'_>) -> Vec<String> {
    let numbers = statements.iter().flat_map(of);
    let unknown = numbers.filter(|number| !number.values.iter().any(|value| known.numbers.contains(value)));
    // Both are pronouns and turns of speech far more often than numbers.
    let judged =
        unknown.filter(|number| !matches!(number.written.as_str(), "one" | "first" | "One" | "First"));
    judged.map(|number| number.written).collect()
}

/// All numbers of a statement.
pub(super) fn of(statement: &Statement<'_>) -> Vec<Number> {
    let mut numbers = Vec::new();
    let mut at = 0;
    while let Some(token) = statement.tokens.get(at) {
        let (values, used) = match digits_of(token) {
            Some(values) => scaled(statement, at, values),
            None => in_words(statement, at).unwrap_or_default(),
        };
        if used > 0 {
            let last = statement.tokens.get(at + used - 1).unwrap_or(token);
            let written = statement.text.get(token.word.start..last.word.end).unwrap_or_default().to_string();
            numbers.push(Number { written, values });
        }
        at += used.max(1);
    }
    numbers
}

/// The values of a word with digits: its own, or the word itself if it does not begin with a plain digit.
fn digits_of(token: &Token<'_>) -> Option<Vec<String>> {
    let text = token.word.text;
    if !text.chars().any(char::is_numeric) {
        return None;
    }
    let length = text.find(|c: char| !c.is_ascii_digit() && c != ',' && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at_checked(length)?;
    if number.is_empty() {
        return Some(alloc::vec![token.normal.to_string()]);
    }
    let plain = decimal(number);
    let times = match rest.to_lowercase().as_str() {
        "k" => 3,
        "m" | "mn" => 6,
        "b" | "bn" => 9,
        _ => 0,
    };
    // `5m` may be metres or millions; either counts.
    let scaled = (times > 0).then(|| shifted(&plain, times));
    Some(core::iter::once(plain).chain(scaled).collect())
}

/// A number in one spelling: no thousands separators, no zeros that say nothing. A lone comma is a decimal point.
fn decimal(number: &str) -> String {
    let plain = if has_thousands(number) { number.replace(',', "") } else { number.replace(',', ".") };
    match plain.split_once('.') {
        Some((whole, part)) if !part.contains('.') => join(whole, part),
        Some(_) => plain,
        None => join(&plain, ""),
    }
}

fn join(whole: &str, part: &str) -> String {
    let whole = whole.trim_start_matches('0');
    let part = part.trim_end_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    if part.is_empty() { whole.to_string() } else { alloc::format!("{whole}.{part}") }
}

/// The number times ten to the power `places`.
fn shifted(number: &str, places: usize) -> String {
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let mut digits = String::from(part);
    digits.extend(core::iter::repeat_n('0', places.saturating_sub(part.len())));
    let (moved, rest) = digits.split_at_checked(places).unwrap_or((&digits, ""));
    join(&alloc::format!("{whole}{moved}"), rest)
}

/// The values of the digits at `at` with the scale words or the rest of a range behind them, and the tokens used.
fn scaled(statement: &Statement<'_>, at: usize, values: Vec<String>) -> (Vec<String>, usize) {
    let mut values = values;
    let mut used = 1;
    while let Some(token) = statement.tokens.get(at + used) {
        let near = is_near(statement.gap_before(at + used));
        let Some(places) = scale(&token.normal).filter(|_| near) else { break };
        values = values.iter().map(|value| shifted(value, places)).collect();
        used += 1;
    }
    // `1914–18` says 1918 too.
    let before = at.checked_sub(1).and_then(|before| statement.tokens.get(before));
    let dash = matches!(statement.gap_before(at), "-" | "–" | "—" | "/");
    if let (Some(before), Some(value), true) = (before, values.first(), dash && used == 1) {
        let whole = |text: &str| text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit());
        let head = before.normal.len().checked_sub(value.len()).and_then(|cut| before.normal.get(..cut));
        if let Some(head) = head.filter(|head| !head.is_empty() && whole(value) && whole(&before.normal)) {
            let expanded = alloc::format!("{head}{value}");
            values.push(expanded);
        }
    }
    (values, used)
}

/// The value of number words from `at` on, and the tokens used.
fn in_words(statement: &Statement<'_>, at: usize) -> Option<(Vec<String>, usize)> {
    let mut total = 0_u128;
    let mut current: Option<u128> = None;
    let mut smallest_scale = u32::MAX;
    let mut used = 0;
    let mut skipped = 0;
    while let Some(token) = statement.tokens.get(at + used + skipped) {
        let near = used == 0 || is_near(statement.gap_before(at + used + skipped));
        let word = token.normal.as_ref();
        if !near {
            break;
        }
        if word == "and" && used > 0 && skipped == 0 && smallest_scale < u32::MAX {
            skipped = 1;
            continue;
        }
        let places = scale(word).and_then(|places| u32::try_from(places).ok());
        if let (Some(places), 0) = (places, skipped) {
            let times = 10_u128.checked_pow(places)?;
            if places == 2 {
                current = Some(current.unwrap_or(1).checked_mul(times)?);
            } else {
                total = total.checked_add(current.take().unwrap_or(1).checked_mul(times)?)?;
            }
            smallest_scale = places;
        } else {
            let value = small(word).filter(|value| fits_behind(*value, current, used > 0, smallest_scale));
            let Some(value) = value else { break };
            current = Some(current.unwrap_or(0).checked_add(value)?);
        }
        used += skipped + 1;
        skipped = 0;
    }
    (used > 0).then(|| (alloc::vec![total.saturating_add(current.unwrap_or(0)).to_string()], used))
}

/// Whether a small number goes on with the one before it: `twenty three`, `two hundred (and) five`, not `two three`.
fn fits_behind(value: u128, current: Option<u128>, inside: bool, smallest_scale: u32) -> bool {
    match current {
        None => !inside || smallest_scale < u32::MAX,
        Some(tens) if tens % 100 != 0 => tens % 10 == 0 && tens % 100 >= 20 && (1..10).contains(&value),
        Some(_) => true,
    }
}

/// Blanks or a hyphen: the words on both sides belong together.
fn is_near(gap: &str) -> bool {
    gap == "-" || gap.chars().all(char::is_whitespace)
}

/// The power of ten that a scale word multiplies by.
fn scale(word: &str) -> Option<usize> {
    match word {
        "hundred" | "hundredth" => Some(2),
        "thousand" | "thousandth" => Some(3),
        "million" | "millionth" | "mn" => Some(6),
        "billion" | "billionth" | "bn" => Some(9),
        "trillion" | "trillionth" => Some(12),
        _ => None,
    }
}

/// The value of a number word, cardinal or ordinal.
fn small(word: &str) -> Option<u128> {
    Some(match word {
        "zero" | "zeroth" => 0,
        "one" | "first" => 1,
        "two" | "second" => 2,
        "three" | "third" => 3,
        "four" | "fourth" => 4,
        "five" | "fifth" => 5,
        "six" | "sixth" => 6,
        "seven" | "seventh" => 7,
        "eight" | "eighth" => 8,
        "nine" | "ninth" => 9,
        "ten" | "tenth" => 10,
        "eleven" | "eleventh" => 11,
        "twelve" | "twelfth" | "dozen" => 12,
        "thirteen" | "thirteenth" => 13,
        "fourteen" | "fourteenth" => 14,
        "fifteen" | "fifteenth" => 15,
        "sixteen" | "sixteenth" => 16,
        "seventeen" | "seventeenth" => 17,
        "eighteen" | "eighteenth" => 18,
        "nineteen" | "nineteenth" => 19,
        "twenty" | "twentieth" => 20,
        "thirty" | "thirtieth" => 30,
        "forty" | "fortieth" => 40,
        "fifty" | "fiftieth" => 50,
        "sixty" | "sixtieth" => 60,
        "seventy" | "seventieth" => 70,
        "eighty" | "eightieth" => 80,
        "ninety" | "ninetieth" => 90,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        Statement::all(text).flat_map(|s| of(&s)).flat_map(|number| number.values).collect()
    }

    #[test]
    fn one_value_has_many_spellings() {
        for (text, value) in [
            ("1,200", "1200"),
            ("1.2 thousand", "1200"),
            ("twelve hundred", "1200"),
            ("one thousand two hundred", "1200"),
            ("$3.50", "3.5"),
            ("007", "7"),
            ("0.0", "0"),
            ("21st", "21"),
            ("twenty-first", "21"),
            ("two hundred and five", "205"),
            ("2 hundred thousand", "200000"),
            ("a million", "1000000"),
            ("5.25 million", "5250000"),
            ("1,5", "1.5"),
            ("1990s", "1990"),
            ("three dozen", "3"),
        ] {
            assert_eq!(values(text).first().map(String::as_str), Some(value), "{text}");
        }
        assert_eq!(values("two three"), ["2", "3"]);
        assert_eq!(values("1914–18"), ["1914", "18", "1918"]);
        assert_eq!(values("10.0.0.1 and H5N1"), ["10.0.0.1", "h5n1"]);
        assert_eq!(values("hundreds of thousands"), [""; 0]);
        assert_eq!(values(&"9".repeat(60)), ["9".repeat(60)]);
        assert_eq!(values("five and six"), ["5", "6"]);
    }

    #[test]
    fn every_number_word_has_its_value() {
        let cardinals = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen \
            sixteen seventeen eighteen nineteen";
        let ordinals = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth \
            fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth";
        for words in [cardinals, ordinals] {
            for (value, word) in words.split_whitespace().enumerate() {
                assert_eq!(values(word), [value.to_string()], "{word}");
            }
        }
        let cardinals = "twenty thirty forty fifty sixty seventy eighty ninety";
        let ordinals = "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth";
        for words in [cardinals, ordinals] {
            for (value, word) in (2..).zip(words.split_whitespace()) {
                assert_eq!(values(word), [(value * 10).to_string()], "{word}");
            }
        }
        assert_eq!(values("a dozen"), ["12"]);
        for (scales, zeros) in [
            ("hundred hundredth", 2),
            ("thousand thousandth", 3),
            ("million millionth mn", 6),
            ("billion billionth bn", 9),
            ("trillion trillionth", 12),
        ] {
            for scale in scales.split_whitespace() {
                let expected = ["3".to_string() + &"0".repeat(zeros)];
                assert_eq!(values(&alloc::format!("3 {scale}")), expected, "{scale}");
                assert_eq!(values(&alloc::format!("three {scale}")), expected, "{scale}");
            }
        }
        for (text, both) in [
            ("5k", ["5", "5000"]),
            ("5m", ["5", "5000000"]),
            ("5mn", ["5", "5000000"]),
            ("5b", ["5", "5000000000"]),
            ("5bn", ["5", "5000000000"]),
        ] {
            assert_eq!(values(text), both, "{text}");
        }
    }

    #[test]
    fn number_words_belong_together_as_they_are_said() {
        for (text, expected) in [
            ("twenty three", &["23"][..]),
            ("twenty ten", &["20", "10"]),
            ("ten three", &["10", "3"]),
            ("thirty twenty", &["30", "20"]),
            ("two hundred thirty", &["230"]),
            ("two hundred, thirty", &["200", "30"]),
            ("two thousand and one", &["2001"]),
            ("two million three hundred thousand", &["2300000"]),
            ("five and twenty", &["5", "20"]),
            ("1914/18", &["1914", "18", "1918"]),
            ("1914-2018", &["1914", "2018"]),
            ("1914 18", &["1914", "18"]),
            ("3.14-15", &["3.14", "15"]),
            ("2 million, 3", &["2000000", "3"]),
        ] {
            assert_eq!(values(text), expected, "{text}");
        }
    }

    #[test]
    fn chains_of_scales_do_not_overflow() {
        let text = "nine ".to_string() + &"trillion ".repeat(50) + "hundred " + &"hundred ".repeat(60);
        assert!(values(&text).len() < 200);
    }
}
