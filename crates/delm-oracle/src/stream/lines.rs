//! What a line is made of, and in words how it differs from what it should be.
//!
//! Refuses to guess: a line that cannot be taken apart is quoted by its beginning.

use crate::report::Damage;

const QUOTED_MAX: usize = 80;

/// The base64 text at the end of an entry's line.
pub(super) fn base64_of_entry(line: &[u8]) -> Result<&[u8], Damage> {
    const KEY: &[u8] = b",\"bytes\":\"";
    let found = line.strip_suffix(b"\"}").and_then(|line| {
        let start = line.iter().rposition(|byte| *byte == b'"')? + 1;
        line.get(..start)?.ends_with(KEY).then(|| line.get(start..)).flatten()
    });
    found.ok_or_else(|| not_a_line(line, "an entry, with its bytes last"))
}

/// Why a line is not what belongs there: no JSON at all, or something else.
pub(super) fn not_a_line(line: &[u8], expected: &'static str) -> Damage {
    match serde_json::from_slice::<serde_json::Value>(line) {
        Err(why) => Damage::NotJson(why.to_string()),
        Ok(_) => Damage::Unexpected { expected, found: beginning(line) },
    }
}

/// The first difference between a line and the rendering of its bytes.
pub(super) fn how_it_differs(line: &[u8], rendering: &[u8], id: &str) -> Damage {
    let value = match serde_json::from_slice::<serde_json::Value>(line) {
        Err(why) => return Damage::NotJson(why.to_string()),
        Ok(value) => value,
    };
    if let Some(said) = value.get("id").and_then(serde_json::Value::as_str).filter(|said| *said != id) {
        return Damage::Altered { said: said.to_owned(), computed: id.to_owned() };
    }
    let at = line.iter().zip(rendering).position(|(found, expected)| found != expected);
    let at = at.unwrap_or_else(|| line.len().min(rendering.len()));
    let piece = |text: &[u8]| beginning(text.get(at..).unwrap_or_default());
    Damage::Rendering { at, expected: piece(rendering), found: piece(line) }
}

/// The beginning of a line, for a message.
pub(super) fn beginning(line: &[u8]) -> String {
    let cut = line.get(..QUOTED_MAX).unwrap_or(line);
    String::from_utf8_lossy(cut).into_owned()
}

/// Sixty-four lower-case hexadecimal digits as bytes, and what follows them.
pub(super) fn hash_first(text: &[u8]) -> Option<([u8; 32], &[u8])> {
    let (digits, rest) = text.split_at_checked(64)?;
    let mut hash = [0; 32];
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        for digit in pair {
            let value = match digit {
                b'0'..=b'9' => digit - b'0',
                b'a'..=b'f' => digit - b'a' + 10,
                _ => return None,
            };
            *byte = *byte * 16 + value;
        }
    }
    Some((hash, rest))
}

/// A decimal number without leading zeros, and what follows it.
pub(super) fn number_first(text: &[u8]) -> Option<(u64, &[u8])> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.is_empty() || (digits.len() > 1 && digits.first() == Some(&b'0')) {
        return None;
    }
    let value = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some((value, rest))
}
