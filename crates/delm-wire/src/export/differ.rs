//! Says where a line differs from what its bytes render to, in words.
//!
//! Refuses to judge: it is asked only after the line was found to differ, byte for byte.

use serde_json::Value;

/// Where a line differs from the rendering of its own bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// A field that is not part of the format.
    #[error("unknown field {at}")]
    Unknown {
        /// Where, such as `events[0].data.extra`.
        at: String,
    },
    /// A field that should be there.
    #[error("field {at} is missing")]
    Missing {
        /// Where.
        at: String,
    },
    /// A value that is not the one the bytes hold.
    #[error("{at} is {found}, not {expected}")]
    Value {
        /// Where.
        at: String,
        /// What the bytes say.
        expected: String,
        /// What the line says.
        found: String,
    },
    /// Equal as JSON, but written with other spaces, order, escapes or a field twice.
    #[error("the line is not spelled as an export spells it, from its byte {offset} on")]
    Spelling {
        /// Byte offset in the line where the spellings part.
        offset: usize,
    },
}

/// The first difference between a line and its rendering.
pub(super) fn difference(line: &str, rendering: &str) -> Difference {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    let by_value =
        parsed(line).zip(parsed(rendering)).and_then(|(found, expected)| values(&found, &expected, ""));
    by_value.unwrap_or_else(|| {
        let common = line.bytes().zip(rendering.bytes()).take_while(|(a, b)| a == b).count();
        Difference::Spelling { offset: common }
    })
}

fn values(found: &Value, expected: &Value, at: &str) -> Option<Difference> {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            let path = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
            let unknown = found.keys().find(|key| !expected.contains_key(*key));
            if let Some(key) = unknown {
                return Some(Difference::Unknown { at: path(key) });
            }
            expected.iter().find_map(|(key, expected)| match found.get(key) {
                None => Some(Difference::Missing { at: path(key) }),
                Some(found) => values(found, expected, &path(key)),
            })
        }
        (Value::Array(found), Value::Array(expected)) if found.len() == expected.len() => {
            let pairs = found.iter().zip(expected).enumerate();
            pairs
                .into_iter()
                .find_map(|(n, (found, expected))| values(found, expected, &format!("{at}[{n}]")))
        }
        (found, expected) if found == expected => None,
        (found, expected) => {
            Some(Difference::Value { at: at.to_owned(), expected: short(expected), found: short(found) })
        }
    }
}

/// Enough of a value to recognise it by.
fn short(value: &Value) -> String {
    const CHARS_MAX: usize = 72;
    let text = value.to_string();
    if text.chars().count() <= CHARS_MAX {
        text
    } else {
        text.chars().take(CHARS_MAX).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named_with_its_place() {
        let rendering = r#"{"a":1,"b":[{"c":"x"}]}"#;
        let differs = |line: &str| difference(line, rendering).to_string();
        assert_eq!(differs(r#"{"a":1,"b":[{"c":"x","d":0}]}"#), "unknown field b[0].d");
        assert_eq!(differs(r#"{"b":[{"c":"x"}]}"#), "field a is missing");
        assert_eq!(differs(r#"{"a":1,"b":[{"c":"y"}]}"#), r#"b[0].c is "y", not "x""#);
        assert_eq!(differs(r#"{"a":1,"b":[]}"#), r#"b is [], not [{"c":"x"}]"#);
        assert_eq!(
            differs(r#"{"a":1, "b":[{"c":"x"}]}"#),
            "the line is not spelled as an export spells it, from its byte 7 on"
        );
        assert_eq!(difference(r#"{"a":1,"a":1}"#, r#"{"a":1}"#), Difference::Spelling { offset: 6 });
    }
}
