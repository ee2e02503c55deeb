//! Frames on the socket: a kind, a length, so many bytes.
//!
//! Refuses unknown kinds and lengths over the limit of their kind before it reads a byte of them.
//!
//! ```text
//! kind u8 | length u32, big-endian | bytes
//! ```

use std::io::{self, Read, Write};

use super::SocketError;

/// Bytes before those of the frame itself.
pub(crate) const HEADER_BYTES: usize = 5;

/// The most bytes of output in one frame.
pub(crate) const CHUNK_BYTES_MAX: usize = 65_536;

/// The longest request, in bytes.
pub(crate) const REQUEST_BYTES_MAX: usize = 1_048_576;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A request, as JSON.
    Request,
    /// Bytes for standard output.
    Stdout,
    /// Bytes for standard error.
    Stderr,
    /// The exit code, one byte; the last frame.
    Exit,
    /// No answer, and why, as JSON; the last frame.
    Refused,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Request => 1,
            Self::Stdout => 2,
            Self::Stderr => 3,
            Self::Exit => 4,
            Self::Refused => 5,
        }
    }

    fn of(code: u8) -> Option<Self> {
        [Self::Request, Self::Stdout, Self::Stderr, Self::Exit, Self::Refused]
            .into_iter()
            .find(|kind| kind.code() == code)
    }

    fn bytes_max(self) -> usize {
        match self {
            Self::Request => REQUEST_BYTES_MAX,
            Self::Stdout | Self::Stderr | Self::Refused => CHUNK_BYTES_MAX,
            Self::Exit => 1,
        }
    }
}

/// A frame's header, ready to send. `None` if the bytes are too many for their kind.
pub(crate) fn header(kind: Kind, len: usize) -> Option<[u8; HEADER_BYTES]> {
    if len > kind.bytes_max() {
        return None;
    }
    let [a, b, c, d] = u32::try_from(len).ok()?.to_be_bytes();
    Some([kind.code(), a, b, c, d])
}

/// What a header says: the kind and the number of bytes to come.
///
/// # Errors
/// [`SocketError::Protocol`].
pub(crate) fn read_header(bytes: [u8; HEADER_BYTES]) -> Result<(Kind, usize), SocketError> {
    let [code, a, b, c, d] = bytes;
    let wrong = |what: String| SocketError::Protocol { what };
    let kind = Kind::of(code).ok_or_else(|| wrong(format!("unknown frame {code}")))?;
    let len = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if len > kind.bytes_max() {
        return Err(wrong(format!("a frame of {len} bytes, where {} is the most", kind.bytes_max())));
    }
    Ok((kind, len))
}

/// Writes one frame to a blocking stream.
///
/// # Errors
/// What the stream says; too many bytes are invalid input.
pub(crate) fn write(stream: &mut impl Write, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    let header = header(kind, bytes.len()).ok_or(io::ErrorKind::InvalidInput)?;
    stream.write_all(&header)?;
    stream.write_all(bytes)
}

/// Reads one frame from a blocking stream; none at its end.
///
/// # Errors
/// [`SocketError::Protocol`], or [`SocketError::CutOff`] for a frame without its end, whatever the reason.
pub(crate) fn read(stream: &mut impl Read) -> Result<Option<(Kind, Vec<u8>)>, SocketError> {
    let mut head = [0; HEADER_BYTES];
    let mut got = 0;
    while let Some(rest) = head.get_mut(got..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) if got == 0 => return Ok(None),
            Ok(0) => return Err(SocketError::CutOff),
            Ok(more) => got += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Err(SocketError::CutOff),
        }
    }
    let (kind, len) = read_header(head)?;
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).map_err(|_| SocketError::CutOff)?;
    Ok(Some((kind, bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_went() {
        let mut wire = Vec::new();
        write(&mut wire, Kind::Stdout, b"abc").unwrap();
        write(&mut wire, Kind::Exit, &[7]).unwrap();
        assert_eq!(wire, [2, 0, 0, 0, 3, b'a', b'b', b'c', 4, 0, 0, 0, 1, 7]);
        let mut wire = wire.as_slice();
        assert_eq!(read(&mut wire).unwrap(), Some((Kind::Stdout, b"abc".to_vec())));
        assert_eq!(read(&mut wire).unwrap(), Some((Kind::Exit, vec![7])));
        assert_eq!(read(&mut wire).unwrap(), None);
    }

    #[test]
    fn lengths_are_judged_before_bytes_are_read() {
        for head in
            [[2, 0xff, 0xff, 0xff, 0xff], [2, 0, 1, 0, 1], [4, 0, 0, 0, 2], [9, 0, 0, 0, 0], [0, 0, 0, 0, 0]]
        {
            assert!(matches!(read(&mut head.as_slice()), Err(SocketError::Protocol { .. })), "{head:?}");
        }
        assert!(write(&mut Vec::new(), Kind::Stdout, &vec![0; CHUNK_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn a_cut_frame_is_said_to_be_cut() {
        for bytes in [&[2, 0][..], &[2, 0, 0, 0, 3, b'a'][..]] {
            assert!(matches!(read(&mut { bytes }), Err(SocketError::CutOff)), "{bytes:?}");
        }
    }
}
