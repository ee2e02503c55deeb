//! Documents for a run: files, folders and standard input become sources, and what is left out says why.
//!
//! Refuses to read anything whole before it knows that it fits, and to leave a file out silently. The order is that of
//! the arguments, and by name within a folder, so the same folder gives the same sources.

mod name;
mod read;
mod walk;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use delm_core::event::Extractor;
use delm_core::ids::Digest;
use delm_core::limits::{LIMITS, Limits};

use crate::error::{CliError, Exit};
use crate::output::human::{count, plural};
use read::Refused;
use walk::{Found, Item};

/// A document that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Document {
    /// Its name: relative to the folder given, with `/`.
    pub(crate) name: String,
    /// Its text, which is the file itself.
    pub(crate) text: String,
    /// How the text was got.
    pub(crate) extractor: Extractor,
    /// BLAKE3 of the file.
    pub(crate) hash: Digest,
}

/// A document that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Skipped {
    /// Its name.
    pub(crate) name: String,
    /// Why. Recorded in the run, so it is the same sentence on every machine.
    pub(crate) reason: String,
    /// How long it is, if it is left out for its length; `u64::MAX` if nobody knows.
    pub(crate) too_long: Option<u64>,
}

/// What was read, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Documents {
    /// Read, in order.
    pub(crate) read: Vec<Document>,
    /// Left out, in order.
    pub(crate) skipped: Vec<Skipped>,
}

impl Documents {
    /// With which flags what was left out for its length would be read, in words, if there are such.
    pub(crate) fn remedy(&self, limits: &Limits) -> Option<String> {
        let read = self.read.iter().map(|document| document.text.len() as u64).sum();
        remedy(&self.skipped, read, limits)
    }
}

/// As [`Documents::remedy`], with so many bytes read.
fn remedy(skipped: &[Skipped], read: u64, limits: &Limits) -> Option<String> {
    let lengths: Vec<u64> = skipped.iter().filter_map(|file| file.too_long).collect();
    let longest = *lengths.iter().max()?;
    let all = lengths.iter().fold(read, |all, len| all.saturating_add(*len));
    let mut flags = Vec::new();
    for (name, value) in [("source_bytes_max", longest), ("sources_bytes_max", all)] {
        let info = LIMITS.iter().find(|info| info.name == name)?;
        if limits.get(name).is_some_and(|limit| limit >= value) {
            continue;
        }
        if lengths.contains(&u64::MAX) {
            flags.push(format!("--set {name}=N"));
        } else if value > info.high {
            return Some(format!("split what is too long: {name} is at most {}", count(info.high)));
        } else {
            flags.push(format!("--set {name}={value}"));
        }
    }
    let what = if lengths.len() == skipped.len() { "it all" } else { "what is too long" };
    Some(format!("to read {what}: {}", flags.join(" "))).filter(|_| !flags.is_empty())
}

/// Why there are no documents.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocsError {
    /// A path that is not there, or cannot be looked at.
    #[error("--docs {}: {error}", path.display())]
    Path {
        /// What was given.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A folder without a file.
    #[error("--docs {}: there is no file in this folder (hidden files and stores are not read)", path.display())]
    EmptyFolder {
        /// What was given.
        path: PathBuf,
    },
    /// A store of ours was given.
    #[error("--docs {}: this is a delm store, not documents", path.display())]
    Store {
        /// What was given.
        path: PathBuf,
    },
    /// Standard input was given twice.
    #[error("--docs -: standard input can be read only once, and {other} reads it already")]
    StdinTwice {
        /// Who else reads it.
        other: &'static str,
    },
    /// More files than a run may have units.
    #[error(
        "there are more than {max} files: that is the limit units_max, and every file is at least one unit"
    )]
    TooMany {
        /// The limit.
        max: u64,
    },
    /// Everything was left out.
    #[error("nothing could be read:{}", list(skipped))]
    Nothing {
        /// What was left out.
        skipped: Vec<Skipped>,
        /// With what flags it would be read.
        remedy: Option<String>,
    },
    /// Something was left out, and `--docs-strict` was given, or set.
    #[error("{} left out, which {by} forbids:{}", plural(skipped.len() as u64, "file"), list(skipped))]
    Strict {
        /// Where it was asked for: the flag, a variable, a line of a file.
        by: String,
        /// What was left out.
        skipped: Vec<Skipped>,
        /// With what flags it would be read.
        remedy: Option<String>,
    },
}

impl From<DocsError> for CliError {
    fn from(error: DocsError) -> Self {
        let remedy = match &error {
            DocsError::Nothing { remedy, .. } | DocsError::Strict { remedy, .. } => remedy.clone(),
            DocsError::Path { .. }
            | DocsError::EmptyFolder { .. }
            | DocsError::Store { .. }
            | DocsError::StdinTwice { .. }
            | DocsError::TooMany { .. } => None,
        };
        let hint = match &error {
            DocsError::Path { .. } => "give files and folders that are there, or - for standard input",
            DocsError::EmptyFolder { .. } | DocsError::Nothing { .. } => {
                "text and Markdown are read: anything that is UTF-8"
            }
            DocsError::Store { .. } => "give the folder with the documents",
            DocsError::StdinTwice { .. } => "put the question, or the documents, on the command line",
            DocsError::TooMany { .. } => "give a smaller folder, or --set units_max=N",
            DocsError::Strict { by, .. } => &format!("without {by} the run has the other documents"),
        };
        let hint = remedy.unwrap_or_else(|| hint.to_owned());
        Self::new("docs", Exit::Usage, error.to_string()).hint(hint)
    }
}

/// How many names an error message lists.
const LISTED_MAX: usize = 10;

fn list(skipped: &[Skipped]) -> String {
    let mut text: String =
        skipped.iter().take(LISTED_MAX).map(|file| format!("\n{}: {}", file.name, file.reason)).collect();
    if skipped.len() > LISTED_MAX {
        text.push_str(&format!("\nand {} more", skipped.len() - LISTED_MAX));
    }
    text
}

/// What is to be read, and how.
pub(crate) struct Request<'a> {
    /// The paths of `--docs`, relative ones to `directory`.
    pub(crate) paths: &'a [PathBuf],
    /// The working directory.
    pub(crate) directory: &'a Path,
    /// A file left out is an error, since this asks for it: a flag, a variable, a line of a file.
    pub(crate) strict: Option<String>,
    /// The limits of the run.
    pub(crate) limits: &'a Limits,
    /// The question was read from standard input.
    pub(crate) stdin_taken: bool,
}

/// Reads every document.
///
/// # Errors
/// [`DocsError`], naming the path.
pub(crate) fn read(request: &Request<'_>, stdin: &mut dyn Read) -> Result<Documents, DocsError> {
    let mut reading = Reading::new(request.limits);
    let mut items = Vec::new();
    let mut stdin_by = request.stdin_taken.then_some("the question");
    for path in request.paths {
        if path.as_os_str() == "-" {
            if let Some(other) = stdin_by.replace("another --docs -") {
                return Err(DocsError::StdinTwice { other });
            }
            items.push(Item { name: "stdin".into(), root: "-".into(), found: Found::Stdin });
        } else {
            items.extend(walk::walk(path, request.directory, request.limits.units_max)?);
        }
        if items.len() as u64 > request.limits.units_max {
            return Err(DocsError::TooMany { max: request.limits.units_max });
        }
    }
    name::make_unique(&mut items);
    for item in items {
        reading.take(item, stdin);
    }
    let documents = reading.documents;
    let remedy = documents.remedy(request.limits);
    match (documents.skipped.is_empty(), documents.read.is_empty(), &request.strict) {
        (false, true, _) => Err(DocsError::Nothing { skipped: documents.skipped, remedy }),
        (false, false, Some(by)) => {
            Err(DocsError::Strict { by: by.clone(), skipped: documents.skipped, remedy })
        }
        (true, ..) | (false, false, None) => Ok(documents),
    }
}

struct Reading {
    documents: Documents,
    /// Canonical paths of what was read, and the name it has.
    seen: BTreeMap<PathBuf, String>,
    bytes: u64,
    source_bytes_max: u64,
    sources_bytes_max: u64,
}

impl Reading {
    fn new(limits: &Limits) -> Self {
        Self {
            documents: Documents::default(),
            seen: BTreeMap::new(),
            bytes: 0,
            source_bytes_max: limits.source_bytes_max,
            sources_bytes_max: limits.sources_bytes_max,
        }
    }

    fn take(&mut self, item: Item, stdin: &mut dyn Read) {
        match self.text(&item, stdin) {
            Ok(text) => {
                self.bytes += text.len() as u64;
                if let Found::File(path) = &item.found
                    && let Ok(canonical) = path.canonicalize()
                {
                    self.seen.insert(canonical, item.name.clone());
                }
                let (hash, extractor) = (Digest::of_blob(text.as_bytes()), extractor(&item.name));
                self.documents.read.push(Document { name: item.name, text, extractor, hash });
            }
            Err(refused) => {
                let too_long = refused.too_long();
                self.documents.skipped.push(Skipped {
                    name: item.name,
                    reason: refused.to_string(),
                    too_long,
                })
            }
        }
    }

    fn text(&self, item: &Item, stdin: &mut dyn Read) -> Result<String, Refused> {
        let left = self.sources_bytes_max.saturating_sub(self.bytes);
        let caps = read::Caps { one: self.source_bytes_max, left, all: self.sources_bytes_max };
        match &item.found {
            Found::Refused(reason) => Err(Refused::Other(reason.clone())),
            Found::Stdin => read::stream(stdin, caps),
            Found::File(path) => {
                let twin = path.canonicalize().ok().and_then(|path| self.seen.get(&path));
                match twin {
                    Some(twin) => Err(Refused::Other(format!("it is the same file as {twin}"))),
                    None => read::file(path, caps),
                }
            }
            Found::Stream(path) => read::pipe(path, caps),
        }
    }
}

fn extractor(name: &str) -> Extractor {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("md" | "markdown" | "mdown" | "mkd") => Extractor::Markdown,
        _ => Extractor::Text,
    }
}

#[cfg(test)]
mod tests;
