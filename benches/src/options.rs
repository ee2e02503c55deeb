//! Options of the benches, as `--name value` behind cargo's own `--`.
//!
//! Refuses names that the bench at hand does not know, and values that are no numbers.

use std::path::{Path, PathBuf};

/// What was given, against what may be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    named: Vec<(String, String)>,
    free: Vec<String>,
    /// Whether cargo bench started this.
    measured: bool,
}

/// Options that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum OptionError {
    /// Not one of ours.
    #[error("there is no option {given}; there are {known}")]
    Unknown {
        /// What was given.
        given: String,
        /// What there is.
        known: String,
    },
    /// Nothing behind it.
    #[error("{name} wants a value")]
    NoValue {
        /// The option.
        name: String,
    },
    /// Not a number, or zero.
    #[error("{name} wants numbers above zero, not {value:?}")]
    NotNumber {
        /// The option.
        name: String,
        /// What was given.
        value: String,
    },
}

impl Options {
    /// Reads arguments; `known` are the options with a value.
    ///
    /// # Errors
    /// [`OptionError::Unknown`] or [`OptionError::NoValue`].
    pub fn read(args: impl IntoIterator<Item = String>, known: &[&str]) -> Result<Self, OptionError> {
        let mut options = Self::default();
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            if arg == "--bench" {
                options.measured = true;
            } else if known.contains(&arg.as_str()) {
                let value = args.next().ok_or_else(|| OptionError::NoValue { name: arg.clone() })?;
                options.named.push((arg, value));
            } else if arg.starts_with('-') {
                return Err(OptionError::Unknown { given: arg, known: known.join(", ") });
            } else {
                options.free.push(arg);
            }
        }
        Ok(options)
    }

    /// Whether to measure: `cargo bench` says `--bench`, and `cargo test --all-targets` does not.
    #[must_use]
    pub fn measured(&self) -> bool {
        self.measured
    }

    /// The last value of an option.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.named.iter().rev().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The numbers of an option, with commas between them, or what stands in for it.
    ///
    /// # Errors
    /// [`OptionError::NotNumber`].
    pub fn numbers(&self, name: &str, otherwise: &[u32]) -> Result<Vec<u32>, OptionError> {
        let Some(value) = self.get(name) else { return Ok(otherwise.to_vec()) };
        let numbers = value.split(',').map(|part| part.trim().parse().ok().filter(|number| *number > 0));
        let wrong = || OptionError::NotNumber { name: name.into(), value: value.into() };
        numbers.collect::<Option<Vec<u32>>>().ok_or_else(wrong)
    }

    /// One number.
    ///
    /// # Errors
    /// [`OptionError::NotNumber`].
    pub fn number(&self, name: &str, otherwise: u32) -> Result<u32, OptionError> {
        let wrong =
            |_| OptionError::NotNumber { name: name.into(), value: self.get(name).unwrap_or("").into() };
        <[u32; 1]>::try_from(self.numbers(name, &[otherwise])?).map(|[number]| number).map_err(wrong)
    }

    /// What was given without a name.
    #[must_use]
    pub fn free(&self) -> &[String] {
        &self.free
    }
}

/// A path as its giver meant it: cargo starts benches in their package, its caller stood at the top of the workspace.
#[must_use]
pub fn from_top(path: &str) -> PathBuf {
    let given = PathBuf::from(path);
    if given.exists() { given } else { Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(given) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Options, OptionError> {
        Options::read(args.iter().map(|arg| (*arg).to_owned()), &["--tasks"])
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let options = read(&["--bench", "--tasks", "3,4", "--tasks", "5", "file"]).unwrap();
        assert!(options.measured());
        assert_eq!((options.number("--tasks", 1).unwrap(), options.free().len()), (5, 1));
        assert!(matches!(read(&["--taks", "5"]), Err(OptionError::Unknown { .. })));
        assert!(matches!(read(&["--tasks"]), Err(OptionError::NoValue { .. })));
        for wrong in ["0", "many", "", "3,4"] {
            assert!(read(&["--tasks", wrong]).unwrap().number("--tasks", 1).is_err(), "{wrong:?}");
        }
    }
}
