//! An invariant that did not hold: which, and a sentence that says how.
//!
//! Refuses to be more than one at a time: the first one found is the one that is told.

/// The invariants the simulator itself judges, in a sentence each; the oracle has those that a log can show.
pub const LAWS: &[(&str, &str)] = &[
    ("I-1", "a job is held by one agent at a time, and an agent holds one job"),
    ("I-2", "only a task whose needs are settled is ready"),
    ("I-3", "no fence that was acknowledged is given out again"),
    ("I-5", "no lease lives on past its deadline"),
    ("I-9", "a result is credited to the agent that gave it"),
    ("I-10", "a job fails no more often than attempts_max"),
    ("I-12", "nobody judges a gist of its own principal, unless the run recorded self_review"),
    ("I-14", "every blob is there with its hash, and bytes that were redacted are in no reader's hands"),
    ("I-18", "a withdrawal is shown in every later prompt, and stays away from earlier ones"),
    ("I-21", "an agent never sees a state older than what it was told before"),
    ("I-23", "at the end each task is done, given up or listed open"),
    ("I-26", "a run in which nobody works and nothing can be taken has said so by a drain"),
    ("I-28", "after the end only withdrawals and redactions come, and the end stays what it was"),
    ("I-29", "a run that has stopped has nothing claimed and no call open"),
    ("I-30", "what is reserved is the sum over open calls"),
    ("I-33", "folding the log gives the state that was live, at every entry"),
    ("I-35", "what the dispatcher wrote, decided again, gives the same events"),
    ("I-36", "a repeated command gets the reply it got before and adds no entry"),
    ("I-38", "what was answered survives a crash"),
    ("I-40", "a fork shares the entries of its origin, and lets go of what was held and called there"),
    ("I-43", "a writer that was replaced commits nothing"),
    ("I-44", "once faults stop, the run comes to its end"),
    ("I-45", "first come, first served among ready jobs of one kind"),
    ("I-46", "what waits is bounded by the agents there are"),
];

/// A broken invariant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{law}: {what}")]
pub struct Broken {
    /// Its number, `I-44`; or the name of somebody's own invariant.
    pub law: String,
    /// What happened, in a sentence.
    pub what: String,
}

impl Broken {
    /// A broken invariant.
    #[must_use]
    pub fn new(law: &str, what: impl Into<String>) -> Self {
        Self { law: law.into(), what: what.into() }
    }

    /// What the invariant says, if it is one of ours.
    #[must_use]
    pub fn sentence(&self) -> Option<&'static str> {
        LAWS.iter().find(|(law, _)| *law == self.law).map(|(_, sentence)| *sentence)
    }
}

/// An error unless something holds.
pub(crate) fn holds(it: bool, law: &str, what: impl FnOnce() -> String) -> Result<(), Broken> {
    if it { Ok(()) } else { Err(Broken::new(law, what())) }
}
