//! What a check found: an invariant that broke with the shortest script that breaks it, or marks that no run reached.
//!
//! Refuses to hide anything behind a number: its text is the whole story, and so is what a test prints that returns it.

use std::fmt;
use std::path::PathBuf;

use crate::broken::Broken;
use crate::script::{Line, Script};

/// Why a check failed.
#[derive(Clone)]
pub enum Failure {
    /// An invariant broke.
    Broken(Box<Case>),
    /// Marks that were named, and that no run reached: that nothing broke means nothing.
    Missed(Missed),
}

/// A run that broke an invariant, with all that is needed to see it again.
#[derive(Clone)]
pub struct Case {
    /// The invariant, and how it broke.
    pub broken: Broken,
    /// The shortest script found that breaks it.
    pub script: Script,
    /// What honest agents did after it, until it showed.
    pub after: Vec<Line>,
    /// The seed of the cases.
    pub seed: u64,
    /// Which case of the seed it was, from one.
    pub case: u32,
    /// The run as an export stream.
    pub export: String,
    /// Where export and script were written; none if that was not wanted.
    pub written: Option<Written>,
    /// The command that does it again.
    pub again: String,
}

/// Where a failure was written.
#[derive(Clone, Debug)]
pub struct Written {
    /// The run that broke, as an export stream.
    pub export: PathBuf,
    /// The shortest script.
    pub script: PathBuf,
    /// Why that failed, if it did.
    pub error: Option<String>,
}

/// What no run reached.
#[derive(Clone)]
pub struct Missed {
    /// The names of the marks.
    pub marks: Vec<String>,
    /// Of so many runs.
    pub cases: u32,
    /// Of this seed.
    pub seed: u64,
    /// The command that does it again.
    pub again: String,
}

impl Failure {
    /// The run that broke an invariant, if one did.
    #[must_use]
    pub fn case(&self) -> Option<&Case> {
        match self {
            Self::Broken(case) => Some(case),
            Self::Missed(_) => None,
        }
    }

    /// What broke: `I-44`, the name of your own invariant, or `marks`.
    #[must_use]
    pub fn law(&self) -> &str {
        self.case().map_or("marks", |case| &case.broken.law)
    }
}

impl Case {
    /// Commands of the script and of the honest agents after it.
    #[must_use]
    pub fn commands(&self) -> usize {
        self.script.lines.iter().chain(&self.after).filter(|line| line.is_command()).count()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(case) => case.fmt(out),
            Self::Missed(missed) => missed.fmt(out),
        }
    }
}

/// The same text: a test that returns it prints this.
impl fmt::Debug for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{self}")
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Case {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.broken)?;
        if let Some(sentence) = self.broken.sentence() {
            writeln!(out, "{} says: {sentence}", self.broken.law)?;
        }
        writeln!(out, "the shortest script that breaks it (case {} of seed {}):", self.case, self.seed)?;
        write!(out, "{}", self.script)?;
        if !self.after.is_empty() {
            writeln!(out, "what agents that do as they should did then:")?;
            self.after.iter().try_for_each(|line| writeln!(out, "{line}"))?;
        }
        writeln!(out, "{} commands in all; again: {}", self.commands(), self.again)?;
        match &self.written {
            None => Ok(()),
            Some(Written { error: Some(error), export, .. }) => {
                writeln!(out, "{} cannot be written: {error}", export.display())
            }
            Some(Written { export, script, .. }) => {
                writeln!(out, "written: {}, the script", script.display())?;
                let export = export.display();
                writeln!(
                    out,
                    "written: {export}, the run; `delm log {export}` shows it, `delm check {export}` judges what a log shows"
                )
            }
        }
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "never hit in {} runs of seed {}: {}", self.cases, self.seed, self.marks.join("; "))?;
        writeln!(out, "raise the number of cases, or make runs that reach it; again: {}", self.again)
    }
}
