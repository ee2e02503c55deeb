//! What the process finds around itself: environment variables and the working directory, read once.
//!
//! Refuses to be read from anywhere but here, so that every other module is a function of what it is given.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Environment variables and the working directory, as they were when the process began.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
    directory: PathBuf,
}

impl Environment {
    /// Reads the process's own.
    ///
    /// # Errors
    /// The working directory may have been removed, or not be readable.
    pub(crate) fn of_process() -> std::io::Result<Self> {
        Ok(Self { variables: std::env::vars_os().collect(), directory: std::env::current_dir()? })
    }

    /// The working directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A variable, if it is set and UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(OsStr::new(name)).and_then(|value| value.to_str())
    }

    /// A variable that holds a path, if it is set and not empty.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.variables.get(OsStr::new(name)).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// Every variable whose name begins with `prefix`, sorted by name; values that are not UTF-8 are none.
    pub(crate) fn with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        self.variables.iter().filter_map(move |(name, value)| {
            name.to_str().filter(|name| name.starts_with(prefix)).map(|name| (name, value.to_str()))
        })
    }

    /// The folder of the person's own settings: `$XDG_CONFIG_HOME/delm`, else `~/.config/delm`.
    pub(crate) fn config_home(&self) -> Option<PathBuf> {
        let xdg = self.path("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
        Some(xdg.or_else(|| self.path("HOME").map(|home| home.join(".config")))?.join("delm"))
    }

    /// An environment for a test.
    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&str, &str)]) -> Self {
        let variables = pairs.iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, directory: PathBuf::from("/") }
    }

    /// The same, with another working directory.
    #[cfg(test)]
    pub(crate) fn within(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_settings_follow_xdg_and_then_home() {
        let home = Environment::of(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")]);
        assert_eq!(home.config_home(), Some(PathBuf::from("/x/delm")));
        let relative = Environment::of(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "not/absolute")]);
        assert_eq!(relative.config_home(), Some(PathBuf::from("/h/.config/delm")));
        assert_eq!(Environment::of(&[]).config_home(), None);
    }

    #[test]
    fn prefixes_are_sorted_by_name() {
        let environment = Environment::of(&[("DELM_B", "2"), ("DELM_A", "1"), ("OTHER", "x")]);
        let found: Vec<_> = environment.with_prefix("DELM_").collect();
        assert_eq!(found, [("DELM_A", Some("1")), ("DELM_B", Some("2"))]);
    }
}
