//! How many tokens a gist counts as under rules 1, by the section "Tokens of a gist" of `entry-v1.md`.
//!
//! Refuses to be a tokenizer: it is a count by classes of characters, the same for ever.

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Ascii,
    Digit,
    Blank,
    Letter,
    Other,
}

fn class(c: char) -> Class {
    if c.is_ascii_alphabetic() {
        Class::Ascii
    } else if c.is_numeric() {
        Class::Digit
    } else if c.is_whitespace() {
        Class::Blank
    } else if !spaceless(c) && (c.is_alphabetic() || ('\u{300}'..='\u{36f}').contains(&c)) {
        Class::Letter
    } else {
        Class::Other
    }
}

/// Scripts written without spaces.
fn spaceless(c: char) -> bool {
    const RANGES: &[(u32, u32)] = &[
        (0x0e00, 0x0eff),
        (0x1000, 0x109f),
        (0x1780, 0x17ff),
        (0x3005, 0x3007),
        (0x3040, 0x30ff),
        (0x31f0, 0x31ff),
        (0x3400, 0x9fff),
        (0xf900, 0xfaff),
        (0x2_0000, 0x3_ffff),
    ];
    RANGES.iter().any(|(low, high)| (*low..=*high).contains(&u32::from(c)))
}

/// The tokens of `text`: the sum over runs of characters of one class.
pub(crate) fn gist_tokens(text: &str) -> u64 {
    let mut chars = text.chars().peekable();
    let mut tokens: u64 = 0;
    while let Some(first) = chars.next() {
        let class_now = class(first);
        let mut run: u64 = 1;
        while chars.next_if(|c| class(*c) == class_now).is_some() {
            run += 1;
        }
        tokens += match class_now {
            Class::Ascii => run.div_ceil(6),
            Class::Digit => run.div_ceil(3),
            Class::Blank => (run - 1).div_ceil(16),
            Class::Letter => run.div_ceil(2),
            Class::Other => run,
        };
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_class_are_counted_as_the_document_says() {
        for (text, tokens) in [
            ("", 0),
            (" ", 0),
            ("\n\n", 1),
            ("word", 1),
            ("sevenletters", 2),
            ("1903", 2),
            ("a, b.", 4),
            ("東京", 2),
            ("été", 3),
            ("éé", 1),
            ("e\u{301}\u{301}a", 3),
            ("東a京", 3),
            ("straße", 3),
            ("e\u{301}a", 3),
            ("\u{200b}\u{200b}", 2),
        ] {
            assert_eq!(gist_tokens(text), tokens, "{text:?}");
        }
    }
}
