//! Text from documents and models, made fit for a terminal cell or a TAB-separated field.
//!
//! Refuses to let a control character through to a terminal, and to lose one on its way to a program.

use std::borrow::Cow;
use std::fmt::Write;

/// The text with everything that could drive a terminal made visible; newlines and TABs stay.
///
/// ASCII controls become their pictures (ESC is `␛`); 8-bit controls, and the characters that turn the direction of
/// writing round, which can make a quote read as what it is not, become `\u{9b}`.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| c == '\n' || c == '\t' || !is_risky(c)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\t' => safe.push(c),
            _ => push_visible(&mut safe, c),
        }
    }
    Cow::Owned(safe)
}

/// The text on one line: each run of white space a blank, the rest harmless.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        word.chars().for_each(|c| push_visible(&mut line, c));
    }
    line
}

/// The text as a field of a TAB-separated line: TAB, newline, carriage return and backslash escaped, nothing cut.
pub(crate) fn field(text: &str) -> Cow<'_, str> {
    if !text.contains(['\t', '\n', '\r', '\\']) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\\' => escaped.push_str("\\\\"),
            _ => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

fn push_visible(text: &mut String, c: char) {
    if !is_risky(c) {
        text.push(c);
    } else if let Some(picture) = picture(c) {
        text.push(picture);
    } else {
        // Writing to a string cannot fail.
        let _never = write!(text, "\\u{{{:x}}}", u32::from(c));
    }
}

fn is_risky(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{061c}')
}

fn picture(c: char) -> Option<char> {
    match u32::from(c) {
        code @ 0..=0x1f => char::from_u32(0x2400 + code),
        0x7f => Some('␡'),
        _ => None,
    }
}

/// A word as a shell takes it: in quotes if it holds anything that a shell would read.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown_not_obeyed() {
        assert_eq!(harmless("a\u{1b}[2Jb\u{7}\r\n\tc"), "a␛[2Jb␇␍\n\tc");
        assert_eq!(harmless("8-bit \u{9b}31m, del \u{7f}"), "8-bit \\u{9b}31m, del ␡");
        assert_eq!(harmless("right to left \u{202e}txt.exe"), "right to left \\u{202e}txt.exe");
        assert!(matches!(harmless("plain, naïve, 日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(one_line("  two\n\nlines\t and \u{1b}[0m "), "two lines and ␛[0m");
        assert_eq!(one_line("\n"), "");
    }

    #[test]
    fn fields_lose_nothing() {
        assert_eq!(field("a\tb\nc\\d\re"), "a\\tb\\nc\\\\d\\re");
        assert!(matches!(field("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn no_control_character_survives() {
        for code in 0..0x300 {
            let c = char::from_u32(code).unwrap();
            let text = one_line(&format!("x{c}y"));
            assert!(!text.chars().any(char::is_control), "{code:x} -> {text:?}");
        }
    }
}
