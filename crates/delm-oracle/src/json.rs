//! Writing JSON in the one spelling of an export: no spaces, fields in order, few escapes.
//!
//! Refuses nothing and reads nothing: what is compared with a line is written here.

/// A line being written.
#[derive(Default)]
pub(crate) struct Json {
    bytes: Vec<u8>,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

impl Json {
    /// Empties it, and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn raw(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn raw_bytes(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
    }

    /// Decimal digits.
    pub(crate) fn number(&mut self, value: u64) {
        let mut digits = [0_u8; 20];
        let mut rest = value;
        let mut count = 0;
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
            count += 1;
            if rest == 0 {
                break;
            }
        }
        self.bytes.extend_from_slice(digits.get(20 - count..).unwrap_or_default());
    }

    /// Lower-case hexadecimal digits between quotes.
    pub(crate) fn hex(&mut self, bytes: &[u8]) {
        self.bytes.push(b'"');
        for byte in bytes {
            for half in [byte >> 4, byte & 15] {
                self.bytes.push(HEX.get(usize::from(half)).copied().unwrap_or_default());
            }
        }
        self.bytes.push(b'"');
    }

    /// A string between quotes.
    pub(crate) fn text(&mut self, text: &str) {
        self.bytes.push(b'"');
        for byte in text.bytes() {
            match byte {
                b'"' => self.raw("\\\""),
                b'\\' => self.raw("\\\\"),
                8 => self.raw("\\b"),
                9 => self.raw("\\t"),
                10 => self.raw("\\n"),
                12 => self.raw("\\f"),
                13 => self.raw("\\r"),
                0..=31 => {
                    self.raw("\\u00");
                    for half in [byte >> 4, byte & 15] {
                        self.bytes.push(HEX.get(usize::from(half)).copied().unwrap_or_default());
                    }
                }
                plain => self.bytes.push(plain),
            }
        }
        self.bytes.push(b'"');
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(HEX.get(usize::from(half)).copied().unwrap_or_default());
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_the_format_says() {
        let mut out = Json::default();
        out.text("a\"\\\u{8}\t\n\u{c}\r\u{1}\u{1f}\u{7f}é");
        assert_eq!(
            String::from_utf8_lossy(out.as_bytes()),
            "\"a\\\"\\\\\\b\\t\\n\\f\\r\\u0001\\u001f\u{7f}é\""
        );
    }

    #[test]
    fn numbers_have_all_their_digits() {
        for value in [0, 9, 10, 12_345, u64::MAX] {
            let mut out = Json::default();
            out.number(value);
            assert_eq!(String::from_utf8_lossy(out.as_bytes()), value.to_string());
        }
    }
}
