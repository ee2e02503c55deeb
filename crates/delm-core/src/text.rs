//! Words, sentences, token estimates, and the slices a source is cut into; quotes are searched in [`quote`].
//!
//! Refuses to allocate per character, to look at a locale, and to fail: every function is total, linear in the length
//! of its text, and gives the same result on every machine. What counts as a word is the rule of version 1 of the rules.

use alloc::borrow::Cow;
use alloc::string::String;

mod function;
mod quote;
mod sentence;
mod split;

pub(crate) use function::is_function_word;
pub(crate) use quote::{Quotable, cuts};
pub use quote::{find_quote, find_reference};
pub use sentence::{SENTENCE_BYTES_MAX, Sentences, sentences};
pub use split::split;

/// The longest word in characters: a longer run is cut, so that a file without spaces stays searchable.
const WORD_CHARS_MAX: usize = 64;

/// One word of a text, where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Byte offset of its start.
    pub start: usize,
    /// Byte offset just past its end.
    pub end: usize,
    /// The word as written.
    pub text: &'a str,
}

impl<'a> Word<'a> {
    /// The word for comparing: lower case, Latin letters without accents, apostrophes and a possessive `'s` dropped,
    /// digits without separators of thousands.
    #[must_use]
    pub fn normalized(&self) -> String {
        self.normal().into_owned()
    }

    /// [`Word::normalized`], without a copy of what is in that form already.
    pub(crate) fn normal(&self) -> Cow<'a, str> {
        // Most words of most texts: nothing to drop, nothing to fold.
        if self.text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()) {
            return Cow::Borrowed(self.text);
        }
        if self.text.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Cow::Owned(self.text.to_ascii_lowercase());
        }
        let bare = self.text.strip_suffix("'s").or_else(|| self.text.strip_suffix("’s")).unwrap_or(self.text);
        let bare = bare.strip_suffix("'S").or_else(|| bare.strip_suffix("’S")).unwrap_or(bare);
        let kept = bare.chars().filter(|c| !is_apostrophe(*c) && !is_mark(*c)).map(without_accent);
        let grouped = has_thousands(bare);
        Cow::Owned(kept.filter(|c| !(grouped && *c == ',')).flat_map(char::to_lowercase).collect())
    }

    /// Whether its first letter is a capital.
    #[must_use]
    pub fn is_capitalized(&self) -> bool {
        self.text.chars().next().is_some_and(char::is_uppercase)
    }
}

/// The words of a text in order: runs of letters and digits, with an apostrophe inside a word and a point or comma
/// inside a number; each character alone in scripts written without spaces.
pub fn words(text: &str) -> impl Iterator<Item = Word<'_>> + Clone {
    Words { text, at: 0 }
}

#[derive(Clone)]
struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        self.next_plain().or_else(|| self.next_any())
    }
}

impl<'a> Words<'a> {
    /// The next word if it and all before it is ASCII and no apostrophe, point or comma follows: the rule of `next`, by
    /// bytes. Anything else is left to it.
    fn next_plain(&mut self) -> Option<Word<'a>> {
        let bytes = self.text.as_bytes();
        let skipped =
            bytes.get(self.at..)?.iter().position(|b| b.is_ascii_alphanumeric() || !b.is_ascii())?;
        let start = self.at + skipped;
        let length = bytes.get(start..)?.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
        let end = start + length;
        let plain_end = bytes.get(end).is_none_or(|b| b.is_ascii() && !matches!(b, b'\'' | b'.' | b','));
        if !plain_end || !(1..=WORD_CHARS_MAX).contains(&length) {
            return None;
        }
        self.at = end;
        Some(Word { start, end, text: self.text.get(start..end)? })
    }

    /// The next word of any text.
    fn next_any(&mut self) -> Option<Word<'a>> {
        let rest = self.text.get(self.at..)?;
        let (skipped, first) = rest.char_indices().find(|(_, c)| is_word_char(*c))?;
        let start = self.at + skipped;
        let mut end = start + first.len_utf8();
        let mut before = first;
        let mut chars = self.text.get(end..)?.chars().peekable();
        let mut count = 1;
        while let Some(c) = chars.next() {
            let inside =
                if is_word_char(c) { !stands_alone(c) } else { joins(before, c, chars.peek().copied()) };
            if stands_alone(first) || !inside || count == WORD_CHARS_MAX {
                break;
            }
            end += c.len_utf8();
            before = c;
            count += 1;
        }
        self.at = end;
        let text = self.text.get(start..end)?;
        Some(Word { start, end, text })
    }
}

/// A light English suffix rule, for matching only: plurals, `-ed` and `-ing` give way where enough of the word is left.
#[must_use]
pub fn stem(word: &str) -> &str {
    if !word.is_ascii() || word.bytes().any(|b| b.is_ascii_digit()) {
        return word;
    }
    let keep = |suffix: &str, least: usize| word.strip_suffix(suffix).filter(|stem| stem.len() >= least);
    if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word;
    }
    keep("ies", 3)
        .or_else(|| keep("ing", 4))
        .or_else(|| keep("ed", 4))
        .or_else(|| keep("es", 4))
        .or_else(|| keep("s", 3))
        .or_else(|| keep("y", 3))
        .or_else(|| keep("e", 3))
        .unwrap_or(word)
}

/// How many tokens a gist is counted as: the estimate that the limit `gist_tokens_max` is held against.
///
/// Begun six ASCII letters of a word count one token, begun three digits one, begun two other letters one, a
/// character of a script without spaces one, any other visible or control character one, and begun sixteen blanks
/// after the first of a run one. That is close to what byte-pair vocabularies give for prose, and never zero for a
/// text that is not blank. It is a rule, not a measurement: equal texts have equal counts for ever.
#[must_use]
pub fn gist_tokens(text: &str) -> u64 {
    let mut total = 0_u64;
    let mut class = Class::Other;
    let mut run = 0_u64;
    for c in text.chars() {
        let now = Class::of(c);
        if now != class {
            total = total.saturating_add(class.tokens(run));
            (class, run) = (now, 0);
        }
        run += 1;
    }
    total.saturating_add(class.tokens(run))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Ascii,
    Digit,
    Letter,
    Blank,
    Other,
}

impl Class {
    fn of(c: char) -> Self {
        match c {
            _ if c.is_ascii_alphabetic() => Self::Ascii,
            _ if c.is_numeric() => Self::Digit,
            _ if c.is_whitespace() => Self::Blank,
            _ if is_word_char(c) && !stands_alone(c) => Self::Letter,
            _ => Self::Other,
        }
    }

    fn tokens(self, run: u64) -> u64 {
        match self {
            Self::Ascii => run.div_ceil(6),
            Self::Digit => run.div_ceil(3),
            Self::Letter => run.div_ceil(2),
            Self::Blank => run.saturating_sub(1).div_ceil(16),
            Self::Other => run,
        }
    }
}

/// Letters, digits and the marks that combine with them.
pub(crate) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || is_mark(c)
}

/// An accent written as a character of its own.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// What U+00C0 to U+017F look like without their accents, in order.
const PLAIN: &[u8; 192] = b"AAAAAAACEEEEIIIIDNOOOOO*OUUUUYTsaaaaaaaceeeeiiiidnooooo*ouuuuyty\
AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLlLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

fn without_accent(c: char) -> char {
    let place = (c as usize).checked_sub(0xc0);
    place.and_then(|place| PLAIN.get(place)).map_or(c, |plain| char::from(*plain))
}

/// A character of a script written without spaces, where each character is taken as a word of its own.
pub(crate) fn stands_alone(c: char) -> bool {
    matches!(c,
        '\u{0e00}'..='\u{0eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' // Myanmar
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' // kana
        | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}') // Han
}

/// The apostrophes a keyboard and a typesetter give.
pub(crate) fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '’')
}

/// Whether `c` between `before` and `after` is inside one word: `don't`, `1,000`, `3.5`.
pub(crate) fn joins(before: char, c: char, after: Option<char>) -> bool {
    let Some(after) = after else { return false };
    if is_apostrophe(c) {
        before.is_alphabetic() && after.is_alphabetic() && !stands_alone(after)
    } else {
        matches!(c, '.' | ',') && before.is_ascii_digit() && after.is_ascii_digit()
    }
}

/// Whether the commas of a number are thousands separators: each followed by exactly three digits.
pub(crate) fn has_thousands(number: &str) -> bool {
    let whole = number.split('.').next().unwrap_or(number);
    let mut groups = whole.split(',');
    let first =
        groups.next().is_some_and(|g| matches!(g.len(), 1..=3) && g.bytes().all(|b| b.is_ascii_digit()));
    let digits = |g: &str| g.bytes().take_while(u8::is_ascii_digit).count();
    first && whole.contains(',') && groups.all(|g| g.len() >= 3 && digits(g) == 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::borrow::ToOwned as _;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn normal(text: &str) -> Vec<String> {
        words(text).map(|word| word.normalized()).collect()
    }

    #[test]
    fn words_keep_apostrophes_and_numbers_together() {
        assert_eq!(normal("Don't cut O’Brien's 1,234.5 km!"), ["dont", "cut", "obrien", "1234.5", "km"]);
        assert_eq!(normal("in 1,5 and 3. end."), ["in", "1,5", "and", "3", "end"]);
        assert_eq!(normal("state-of-the-art 'quoted'"), ["state", "of", "the", "art", "quoted"]);
        assert_eq!(normal("東京 is ÉTÉ"), ["東", "京", "is", "ete"]);
        assert_eq!(
            normal("Beyoncé Beyonce\u{301} Œuvre ſ Łódź Straße"),
            ["beyonce", "beyonce", "ouvre", "s", "lodz", "strase"]
        );
        assert!(normal(" ,.'' \u{0}\u{feff}").is_empty());
    }

    #[test]
    fn words_stand_where_they_say() {
        let text = "\u{feff}Ärger — it's 3.5%, naïve";
        for word in words(text) {
            assert_eq!(text.get(word.start..word.end), Some(word.text));
        }
    }

    proptest! {
        #[test]
        fn the_quick_way_gives_the_same_words(text in "[a-c1.,'’ é東-]{0,40}") {
            let plain: Vec<(usize, usize)> = words(&text).map(|word| (word.start, word.end)).collect();
            let mut slow = Words { text: &text, at: 0 };
            let slowly: Vec<(usize, usize)> = core::iter::from_fn(|| slow.next_any()).map(|w| (w.start, w.end)).collect();
            prop_assert_eq!(plain, slowly);
        }
    }

    #[test]
    fn an_endless_word_is_cut() {
        let text = "x".repeat(1000);
        assert_eq!(words(&text).count(), 1000_usize.div_ceil(WORD_CHARS_MAX));
        assert_eq!(words(&text).map(|w| w.text.len()).sum::<usize>(), 1000);
    }

    #[test]
    fn stems_join_the_forms_of_a_word() {
        for (a, b) in [("films", "film"), ("studies", "study"), ("directed", "directing"), ("cities", "city")]
        {
            assert_eq!(stem(a), stem(b), "{a} {b}");
        }
        for word in ["news1", "bus", "class", "is", "été", "red", "sing"] {
            assert_eq!(stem(word), word);
        }
    }

    #[test]
    fn commas_part_thousands_where_three_digits_follow_each() {
        for number in ["1,000", "12,345", "123,456,789", "1,000.5", "1,000th"] {
            assert!(has_thousands(number), "{number}");
        }
        for number in
            ["1000", "1,5", "1,00", "1,0000", "1234,567", ",123", "1,234,56", "1.000,5", "x,123", "1,x23"]
        {
            assert!(!has_thousands(number), "{number}");
        }
    }

    #[test]
    fn what_stands_between_two_signs_of_a_word_joins_them() {
        for (text, expected) in [
            ("a'b", &["a'b"][..]),
            ("a'1", &["a", "1"]),
            ("1'a", &["1", "a"]),
            ("a’東", &["a", "東"]),
            ("1.a", &["1", "a"]),
            ("a.1", &["a", "1"]),
            ("1,1", &["1,1"]),
            ("1;1", &["1", "1"]),
            ("1..1", &["1", "1"]),
            ("é'a", &["é'a"]),
        ] {
            assert_eq!(words(text).map(|word| word.text).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn a_stem_keeps_enough_of_its_word() {
        let stems = [
            "skies", "stories", "making", "walking", "walked", "churches", "cats", "as", "city", "any",
            "late", "the",
        ];
        let expected =
            ["skie", "stor", "making", "walk", "walk", "church", "cat", "as", "cit", "any", "lat", "the"];
        assert_eq!(stems.map(stem), expected);
    }

    #[test]
    fn tokens_are_counted_by_the_rule() {
        for (text, tokens) in [
            ("", 0),
            (" ", 0),
            ("\n\n", 1),
            ("word", 1),
            ("sevenletters", 2),
            ("1903", 2),
            ("a, b.", 4),
            ("東京", 2),
            ("letter", 1),
            ("été", 3),
            ("ééé", 2),
            ("éééé", 2),
            ("1907!", 3),
            ("12345", 2),
            ("½½½½", 2),
            ("a  b", 3),
            ("!!!", 3),
        ] {
            assert_eq!(gist_tokens(text), tokens, "{text:?}");
        }
        assert_eq!(gist_tokens(&("a".to_owned() + &" ".repeat(17) + "b")), 3);
        assert_eq!(gist_tokens(&("a".to_owned() + &" ".repeat(18) + "b")), 4);
        assert!(gist_tokens(&" ".repeat(4000)) > 100);
        assert!(gist_tokens(&"\u{200b}".repeat(200)) > 100);
    }
}
