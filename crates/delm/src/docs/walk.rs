//! What lies under a path: files by name, without hidden ones and without stores.
//!
//! Refuses to follow a link in a circle and to open anything; what cannot be a document is found and says why.

use std::ffi::OsStr;
use std::io::Read;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::DocsError;
use super::name::last_part;

/// Something found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// Its name: relative to the folder given, with `/`.
    pub(crate) name: String,
    /// The folder given; of a file given by itself, the folder it lies in.
    pub(crate) root: PathBuf,
    /// What it is.
    pub(crate) found: Found,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A regular file.
    File(PathBuf),
    /// A pipe, given by itself.
    Stream(PathBuf),
    /// Standard input.
    Stdin,
    /// Nothing to read: why.
    Refused(String),
}

/// Everything under a path of `--docs`, by name.
///
/// # Errors
/// The path is not there, is a store, or is a folder without a file.
pub(crate) fn walk(given: &Path, directory: &Path, files_max: u64) -> Result<Vec<Item>, DocsError> {
    let path = directory.join(given);
    let failed = |error| DocsError::Path { path: given.to_owned(), error };
    let meta = std::fs::metadata(&path).map_err(failed)?;
    if !meta.is_dir() {
        let found = if meta.is_file() { Found::File(path.clone()) } else { Found::Stream(path.clone()) };
        let name = last_part(given).unwrap_or_else(|| given.to_string_lossy().into_owned());
        let root = path.parent().unwrap_or(&path).to_owned();
        return Ok(vec![Item { name, root, found }]);
    }
    if is_store(&path) {
        return Err(DocsError::Store { path: given.to_owned() });
    }
    std::fs::read_dir(&path).map_err(failed)?;
    let items = under(&path, given, files_max)?;
    if items.is_empty() { Err(DocsError::EmptyFolder { path: given.to_owned() }) } else { Ok(items) }
}

fn under(root: &Path, given: &Path, files_max: u64) -> Result<Vec<Item>, DocsError> {
    let real_root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut items = Vec::new();
    let mut walk = WalkDir::new(root).min_depth(1).follow_links(true).into_iter();
    while let Some(entry) = walk.next() {
        if let Ok(folder) = &entry
            && is_dir(folder)
        {
            if let Some(reason) = refuse_link(folder, &real_root) {
                let name = relative(folder.path(), root);
                items.push(Item { name, root: given.to_owned(), found: Found::Refused(reason.into()) });
                walk.skip_current_dir();
            } else if is_hidden(folder.file_name()) || is_store(folder.path()) {
                walk.skip_current_dir();
            }
            continue;
        }
        items.extend(item(entry, root, given));
        if items.len() as u64 > files_max {
            return Err(DocsError::TooMany { max: files_max });
        }
    }
    items.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(items)
}

/// Why a folder that is a link is not entered: what it leads to is read anyway, or holds the folder being read.
fn refuse_link(folder: &DirEntry, real_root: &Path) -> Option<&'static str> {
    if !folder.path_is_symlink() || is_hidden(folder.file_name()) {
        return None;
    }
    let target = folder.path().canonicalize().ok()?;
    match (target.starts_with(real_root), real_root.starts_with(&target)) {
        (true, _) => Some("it is a link to a folder that is read anyway"),
        (false, true) => Some("it is a link to a folder around this one"),
        (false, false) => None,
    }
}

fn item(entry: walkdir::Result<DirEntry>, root: &Path, given: &Path) -> Option<Item> {
    let of = |path: &Path, found| Item { name: relative(path, root), root: given.to_owned(), found };
    match entry {
        Ok(entry) if is_hidden(entry.file_name()) => None,
        Ok(entry) if entry.path().strip_prefix(root).ok().and_then(Path::to_str).is_none() => {
            Some(of(entry.path(), Found::Refused("its name is not UTF-8".into())))
        }
        Ok(entry) if entry.file_type().is_file() => {
            Some(of(entry.path(), Found::File(entry.path().to_owned())))
        }
        Ok(entry) => Some(of(entry.path(), Found::Refused("it is not a regular file".into()))),
        Err(error) => {
            let path = error.path().unwrap_or(root).to_owned();
            // A hidden link that leads nowhere is not looked at, as no hidden file is.
            if path.file_name().is_some_and(is_hidden) {
                return None;
            }
            Some(of(&path, Found::Refused(why(&error, root))))
        }
    }
}

fn why(error: &walkdir::Error, root: &Path) -> String {
    if let Some(ancestor) = error.loop_ancestor() {
        let name = relative(ancestor, root);
        let name = if name.is_empty() { "the folder itself".to_owned() } else { name };
        return format!("it is a link back to {name}");
    }
    match error.io_error().map(std::io::Error::kind) {
        Some(std::io::ErrorKind::NotFound) => "it is a link that leads nowhere".into(),
        Some(kind) => format!("it cannot be read: {kind}"),
        None => "it cannot be read".into(),
    }
}

fn relative(path: &Path, root: &Path) -> String {
    let parts = path.strip_prefix(root).unwrap_or(path).components();
    parts.map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn is_dir(entry: &DirEntry) -> bool {
    entry.file_type().is_dir()
}

/// True if a folder is a store of ours: its format file says so.
fn is_store(folder: &Path) -> bool {
    let mut head = [0; STORE_MARK.len()];
    let mark = std::fs::File::open(folder.join("format")).and_then(|mut file| file.read_exact(&mut head));
    mark.is_ok() && head == *STORE_MARK
}

/// How the format file of a store begins.
const STORE_MARK: &[u8; 18] = b"delm store format ";
