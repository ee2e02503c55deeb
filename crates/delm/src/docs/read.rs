//! One document's bytes, if they are text and fit.
//!
//! Refuses by length before it reads, by content after; a pipe is read with a cap. Reasons name no machine's words.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::output::human::count;

/// How many bytes may be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    /// Of one source.
    pub(crate) one: u64,
    /// Of this source, given those before it.
    pub(crate) left: u64,
    /// Of all sources.
    pub(crate) all: u64,
}

/// Why a document is left out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Longer than one source may be.
    #[error("it has {} bytes, and source_bytes_max is {}", count(*len), count(*max))]
    TooLong {
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// A stream that did not end in time.
    #[error("it has more than {} bytes, which is source_bytes_max", count(*max))]
    Endless {
        /// The limit.
        max: u64,
    },
    /// With it, all sources together would be too long.
    #[error("there is no room for it: with it all sources would have more than {} bytes, which is sources_bytes_max", count(*max))]
    NoRoom {
        /// The limit.
        max: u64,
        /// Its length, if it is known.
        len: Option<u64>,
    },
    /// No byte in it.
    #[error("it is empty")]
    Empty,
    /// Nothing but white space.
    #[error("it holds nothing but white space")]
    Blank,
    /// Not text, and known to be something else.
    #[error("it is {what}, which this version does not read")]
    Known {
        /// What it is.
        what: &'static str,
    },
    /// A NUL byte.
    #[error("it is not text: byte {} is NUL", count(*at))]
    Binary {
        /// Where, from zero.
        at: u64,
    },
    /// Not UTF-8.
    #[error("it is not UTF-8: byte {} begins no character", count(*at))]
    NotUtf8 {
        /// Where, from zero.
        at: u64,
    },
    /// The operating system would not give it.
    #[error("it cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    /// Found out before it was opened.
    #[error("{0}")]
    Other(String),
}

impl Refused {
    /// How long it is, if that is why it is left out; `u64::MAX` if nobody knows.
    pub(super) fn too_long(&self) -> Option<u64> {
        match self {
            Self::TooLong { len, .. } => Some(*len),
            Self::NoRoom { len, .. } => Some(len.unwrap_or(u64::MAX)),
            Self::Endless { .. } => Some(u64::MAX),
            Self::Empty
            | Self::Blank
            | Self::Known { .. }
            | Self::Binary { .. }
            | Self::NotUtf8 { .. }
            | Self::Unreadable(_)
            | Self::Other(_) => None,
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error.kind())
    }
}

/// The text of a regular file.
pub(crate) fn file(path: &Path, caps: Caps) -> Result<String, Refused> {
    let opened = File::open(path)?;
    let meta = opened.metadata()?;
    if !meta.is_file() {
        return Err(Refused::Other("it is not a regular file".into()));
    }
    if meta.len() == 0 {
        // Files that say zero and hold text are found under /proc.
        return stream(&mut { opened }, caps);
    }
    if let Some(what) = known(path) {
        return Err(Refused::Known { what });
    }
    if meta.len() > caps.one {
        return Err(Refused::TooLong { len: meta.len(), max: caps.one });
    }
    if meta.len() > caps.left {
        return Err(Refused::NoRoom { max: caps.all, len: Some(meta.len()) });
    }
    stream(&mut { opened }, caps)
}

/// The text of a pipe.
pub(crate) fn pipe(path: &Path, caps: Caps) -> Result<String, Refused> {
    stream(&mut File::open(path)?, caps)
}

/// The text of anything that can be read, up to the caps.
pub(crate) fn stream(from: &mut dyn Read, caps: Caps) -> Result<String, Refused> {
    let cap = caps.one.min(caps.left);
    let mut bytes = Vec::new();
    from.take(cap.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > cap {
        return Err(if caps.left < caps.one {
            Refused::NoRoom { max: caps.all, len: None }
        } else {
            Refused::Endless { max: caps.one }
        });
    }
    text(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, Refused> {
    if bytes.is_empty() {
        return Err(Refused::Empty);
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(Refused::Binary { at: at as u64 });
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| Refused::NotUtf8 { at: error.utf8_error().valid_up_to() as u64 })?;
    if text.trim().is_empty() { Err(Refused::Blank) } else { Ok(text) }
}

/// Well-known formats that are not text, by extension, so that the reason is better than "byte 4 is NUL".
fn known(path: &Path) -> Option<&'static str> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "pdf" => Some("a PDF file"),
        "doc" | "docx" | "odt" | "rtf" | "pages" => Some("a word processor's file"),
        "xls" | "xlsx" | "ods" | "numbers" => Some("a spreadsheet"),
        "ppt" | "pptx" | "odp" | "key" => Some("a presentation"),
        "epub" | "mobi" => Some("an e-book"),
        "png" | "jpg" | "jpeg" | "gif" | "webp" | "bmp" | "tif" | "tiff" | "ico" | "heic" => Some("an image"),
        "mp3" | "wav" | "flac" | "ogg" | "m4a" => Some("a sound file"),
        "mp4" | "mkv" | "mov" | "webm" | "avi" => Some("a film"),
        "zip" | "gz" | "bz2" | "xz" | "zst" | "7z" | "tar" | "tgz" | "rar" => Some("an archive"),
        "exe" | "dll" | "so" | "dylib" | "o" | "a" | "class" | "wasm" => Some("a program's binary"),
        "sqlite" | "sqlite3" | "db" | "parquet" => Some("a database"),
        "ttf" | "otf" | "woff" | "woff2" => Some("a font"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPS: Caps = Caps { one: 10, left: 100, all: 100 };

    struct Endless(u64);

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            buffer.fill(b'x');
            self.0 += buffer.len() as u64;
            Ok(buffer.len())
        }
    }

    fn read(bytes: &[u8], caps: Caps) -> Result<String, Refused> {
        stream(&mut { bytes }, caps)
    }

    #[test]
    fn caps_hold_to_the_byte() {
        assert_eq!(read(b"0123456789", CAPS), Ok("0123456789".into()));
        assert_eq!(read(b"01234567890", CAPS), Err(Refused::Endless { max: 10 }));
        assert_eq!(read(b"01234", Caps { left: 4, ..CAPS }), Err(Refused::NoRoom { max: 100, len: None }));
        assert_eq!(read(b"x", Caps { left: 0, ..CAPS }), Err(Refused::NoRoom { max: 100, len: None }));
    }

    #[test]
    fn an_endless_stream_is_not_read_to_its_end() {
        let mut endless = Endless(0);
        assert_eq!(stream(&mut endless, CAPS), Err(Refused::Endless { max: 10 }));
        assert!(endless.0 < 100_000, "{} bytes were read", endless.0);
    }

    #[test]
    fn content_is_named_by_place() {
        assert_eq!(read(b"ab\0", CAPS), Err(Refused::Binary { at: 2 }));
        assert_eq!(read(b"ab\xff\xfe", CAPS), Err(Refused::NotUtf8 { at: 2 }));
        assert_eq!(read("né".as_bytes().split_last().unwrap().1, CAPS), Err(Refused::NotUtf8 { at: 1 }));
        assert_eq!(read(b"", CAPS), Err(Refused::Empty));
        assert_eq!(read(b" \n\t", CAPS), Err(Refused::Blank));
    }

    #[test]
    fn a_long_file_is_refused_by_its_length_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("long.txt");
        // Sparse: reading it would find NULs, and take a while.
        File::create(&path).unwrap().set_len(200_000_000).unwrap();
        let caps = Caps { one: 33_554_432, left: 268_435_456, all: 268_435_456 };
        let refused = file(&path, caps).unwrap_err();
        assert_eq!(refused, Refused::TooLong { len: 200_000_000, max: 33_554_432 });
        assert_eq!(refused.to_string(), "it has 200,000,000 bytes, and source_bytes_max is 33,554,432");
        let no_room = file(&path, Caps { one: u64::MAX, left: 199_999_999, ..caps });
        assert_eq!(no_room, Err(Refused::NoRoom { max: 268_435_456, len: Some(200_000_000) }));
    }
}
