//! The one place that names `bincode`: pinned configuration, bounded decoding, one spelling per value.
//!
//! Refuses bytes that are not the encoding of what they decode to: `bincode` accepts overlong integers and
//! unsorted maps, so decoding encodes again and compares (RUSTSEC-2025-0141: the crate is frozen, and so are we).

use alloc::vec::Vec;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use bincode::{Decode, Encode};

/// The longest entry in bytes; a run of 100,000 units starts in one entry.
pub const ENTRY_BYTES_MAX: usize = 64 << 20;

const CONFIG: Configuration<LittleEndian, Varint, Limit<ENTRY_BYTES_MAX>> =
    bincode::config::standard().with_limit::<ENTRY_BYTES_MAX>();

/// Why bytes are not a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes are no encoding of this type at all.
    #[error("the bytes are not a {what}: {why}")]
    Malformed {
        /// The type asked for.
        what: &'static str,
        /// What the decoder said.
        why: alloc::string::String,
    },
    /// The value has another, shorter or sorted, encoding, or bytes follow it.
    #[error("the bytes of a {what} are not its one encoding ({given} bytes given, {canonical} canonical)")]
    NotCanonical {
        /// The type asked for.
        what: &'static str,
        /// Bytes given.
        given: usize,
        /// Bytes of the one right encoding.
        canonical: usize,
    },
}

/// The bytes of a value: little-endian variable-length integers, no padding, no field names.
///
/// Values of this crate hold only what `bincode` can always write, so there is no error to return; if one of them
/// ever could not be written the empty encoding would fail its own decoding at once.
#[must_use]
pub fn encode<T: Encode>(value: &T) -> Vec<u8> {
    bincode::encode_to_vec(value, CONFIG).unwrap_or_default()
}

/// Reads a value back, and insists that `bytes` is exactly what [`encode`] gives for it.
///
/// # Errors
/// [`CodecError`] when the bytes are malformed, too long, not canonical, or followed by others.
pub fn decode<T: Encode + Decode<()>>(bytes: &[u8], what: &'static str) -> Result<T, CodecError> {
    let (value, _) = bincode::decode_from_slice::<T, _>(bytes, CONFIG)
        .map_err(|error| CodecError::Malformed { what, why: alloc::format!("{error}") })?;
    let again = encode(&value);
    if again != bytes {
        return Err(CodecError::NotCanonical { what, given: bytes.len(), canonical: again.len() });
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlong_integers_and_trailing_bytes_are_refused() {
        assert_eq!(encode(&5u32), [5]);
        assert_eq!(decode::<u32>(&[5], "number"), Ok(5));
        assert!(matches!(decode::<u32>(&[251, 5, 0], "number"), Err(CodecError::NotCanonical { .. })));
        assert!(matches!(decode::<u32>(&[5, 0], "number"), Err(CodecError::NotCanonical { .. })));
        assert!(matches!(decode::<u32>(&[], "number"), Err(CodecError::Malformed { .. })));
    }
}
