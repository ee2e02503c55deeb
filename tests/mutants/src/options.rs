//! What the command line asks for.
//!
//! Refuses a word it does not know.

use std::path::PathBuf;
use std::time::Duration;

/// What is to be tried.
#[derive(Debug)]
pub struct Options {
    /// The packages; all that are known if none is named.
    pub packages: Vec<String>,
    /// Only mutants of files whose path contains one of these.
    pub files: Vec<String>,
    /// How long the mutants of one package may take.
    pub limit: Duration,
    /// Only those that the last run missed.
    pub survivors: bool,
    /// Whether cargo-mutants tries what cannot be switched.
    pub rest: bool,
    /// The top of the workspace.
    pub top: PathBuf,
    /// Where everything is built and written.
    pub target: PathBuf,
}

/// What is known, in the order it is tried.
pub const PACKAGES: &[&str] = &["delm-core", "delm-oracle", "delm-log"];

impl Options {
    /// Reads the words after the program's name.
    pub fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let top = std::env::current_dir().map_err(|error| error.to_string())?;
        let target = std::env::var_os("MUTANTS_TARGET").map_or_else(|| top.join("target"), PathBuf::from);
        let mut options = Self {
            packages: Vec::new(),
            files: Vec::new(),
            limit: Duration::from_secs(3600),
            survivors: false,
            rest: true,
            top,
            target,
        };
        let mut words = words;
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} wants a value"));
            match word.as_str() {
                "--seconds" => {
                    let value = value()?;
                    let seconds = value.parse().map_err(|_| format!("{value} is no number of seconds"))?;
                    options.limit = Duration::from_secs(seconds);
                }
                "--file" => options.files.push(value()?),
                "--survivors" => options.survivors = true,
                "--no-rest" => options.rest = false,
                package if PACKAGES.contains(&package) => options.packages.push(word),
                _ => {
                    return Err(format!(
                        "{word} is unknown; there are --seconds N, --file PATH, --survivors, --no-rest, and {}",
                        PACKAGES.join(", ")
                    ));
                }
            }
        }
        if options.packages.is_empty() {
            options.packages = PACKAGES.iter().map(|name| (*name).to_owned()).collect();
        }
        Ok(options)
    }
}
