//! Where the socket of a store is, and the short way to it: Unix limits the path of a socket to 107 bytes.
//!
//! Refuses to put the socket anywhere but in the store, which only its owner may enter. A store that lies deep is
//! reached through a link in a private temporary folder, which each side makes for itself and removes at once.

use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// The longest path that is used as it is, in bytes; the smallest limit of the systems we run on is 103 (macOS).
const PATH_BYTES_MAX: usize = 100;

/// The socket's name in the store.
const NAME: &str = "socket";

/// Where the socket of a store is.
pub(crate) fn socket_of(store: &Path) -> PathBuf {
    store.join(NAME)
}

/// A path short enough for the socket, good as long as this value lives.
pub(crate) struct ShortPath {
    path: PathBuf,
    /// Holds the link; removed when dropped.
    _link: Option<TempDir>,
}

impl ShortPath {
    /// The short way to the socket of a store.
    ///
    /// # Errors
    /// The store's folder is not there, or no private folder with a short path can be made.
    pub(crate) fn to(store: &Path) -> io::Result<Self> {
        let plain = socket_of(store);
        if plain.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self { path: plain, _link: None });
        }
        Self::by_link(&store.canonicalize()?, &[std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()])
    }

    /// By way of the first of these folders in which a link can be made.
    fn by_link(target: &Path, folders: &[PathBuf]) -> io::Result<Self> {
        let mut tried: Vec<String> = Vec::new();
        for folder in folders {
            match Self::link_in(folder, target) {
                Ok(short) => return Ok(short),
                // The variable names one of the others, mostly.
                Err(error) => {
                    let why = format!("{}: {}", folder.display(), error.kind());
                    if !tried.contains(&why) {
                        tried.push(why);
                    }
                }
            }
        }
        let what = format!(
            "its path is longer than {PATH_BYTES_MAX} bytes, and no folder takes a link to it ({}); set TMPDIR to one that does",
            tried.join("; ")
        );
        Err(io::Error::other(what))
    }

    fn link_in(folder: &Path, target: &Path) -> io::Result<Self> {
        let link = tempfile::Builder::new().prefix("delm").tempdir_in(folder)?;
        let path = link.path().join("s").join(NAME);
        if path.as_os_str().len() > PATH_BYTES_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidFilename, "its own path is too long"));
        }
        symlink(target, link.path().join("s"))?;
        Ok(Self { path, _link: Some(link) })
    }

    /// The path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_store_is_used_as_it_is() {
        let short = ShortPath::to(Path::new("/srv/.delm")).unwrap();
        assert_eq!(short.path(), Path::new("/srv/.delm/socket"));
    }

    #[test]
    fn a_deep_store_is_reached_through_a_link_that_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("d".repeat(90)).join("e".repeat(90));
        std::fs::create_dir_all(&store).unwrap();
        let short = ShortPath::to(&store).unwrap();
        let path = short.path().to_owned();
        assert!(path.as_os_str().len() <= PATH_BYTES_MAX, "{}", path.display());
        std::fs::write(&path, "x").unwrap();
        assert_eq!(std::fs::read_to_string(socket_of(&store)).unwrap(), "x");
        drop(short);
        assert!(!path.exists());
        assert!(socket_of(&store).exists());
    }

    #[test]
    fn a_deep_store_that_is_not_there_is_an_error() {
        assert!(ShortPath::to(Path::new(&"/no".repeat(60))).is_err());
    }

    #[test]
    fn a_folder_that_takes_no_link_is_passed_over_and_named_if_none_does() {
        let folder = tempfile::tempdir().unwrap();
        let (missing, file) = (folder.path().join("missing"), folder.path().join("file"));
        std::fs::write(&file, "").unwrap();
        let bad = [missing.clone(), file.clone(), missing.clone()];
        let error = ShortPath::by_link(folder.path(), &bad).err().unwrap().to_string();
        for path in [&missing, &file] {
            assert_eq!(error.matches(&format!("{}: ", path.display())).count(), 1, "{error}");
        }
        assert!(error.contains("set TMPDIR"), "{error}");
        let good = std::env::temp_dir();
        let short = ShortPath::by_link(folder.path(), &[missing, good.clone()]).unwrap();
        assert!(short.path().starts_with(good));
    }
}
