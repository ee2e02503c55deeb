//! What must have happened somewhere over many seeds: otherwise that nothing broke means nothing.
//!
//! Refuses marks that are not in this list; one that a night's seeds never hit is a failure.

macro_rules! marks {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// A thing that must be reached now and then.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mark { $($(#[doc = $doc])+ $variant,)+ }

        impl Mark {
            /// All of them, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, as printed.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

marks! {
    /// A command under a fence that was no longer live got a refusal.
    StaleRefused = "stale command refused",
    /// A command that quoted a claim by another entry got a refusal.
    WrongClaim = "wrong claim entry refused",
    /// A late result was kept as `result_refused`.
    LateKept = "late result kept as refused",
    /// One tick expired two leases or more.
    DoubleExpiry = "double expiry in one tick",
    /// One tick expired two leases and gave both jobs up.
    DoubleExhaustion = "two jobs given up in one tick",
    /// A crash tore the record that was being written.
    TornRecord = "crash inside a record",
    /// A crash lost entries that were decided and not yet written.
    CrashBeforeWrite = "crash between staged and durable",
    /// A crash kept a record whose sync nobody saw.
    CrashAfterWrite = "crash after a write nobody was told of",
    /// A write failed with EIO.
    Eio = "a write failed with EIO",
    /// A write failed with ENOSPC.
    Enospc = "a write failed with ENOSPC",
    /// A writer that was replaced tried to commit and was refused.
    OldWriter = "a replaced writer was refused",
    /// Two commands of two agents reached the dispatcher between a drain becoming staged and becoming durable.
    DrainRace = "drain race",
    /// Abandoning one task settled a need of another that was abandoned later.
    Cascade = "cascade of abandonments",
    /// A plan was given up.
    PlanExhausted = "attempts exhausted: plan",
    /// A reading was given up.
    ReadExhausted = "attempts exhausted: read",
    /// A task was given up.
    ReasonExhausted = "attempts exhausted: reason",
    /// A review was given up.
    ReviewExhausted = "attempts exhausted: review",
    /// An expansion was given up.
    ExpandExhausted = "attempts exhausted: expand",
    /// The answer was given up.
    FinalizeExhausted = "attempts exhausted: finalize",
    /// A principal judged its own gist in a run that allows it.
    SelfReview = "self review",
    /// A reviewer asked for other words.
    Rewrite = "rewrite verdict",
    /// A reviewer rejected.
    Reject = "reject verdict",
    /// The checks rejected by themselves.
    MechanicalReject = "mechanical rejection",
    /// A run was answered.
    Answered = "ended answered",
    /// A run ended without an answer.
    Unanswered = "ended unanswered",
    /// A run failed.
    Failed = "ended failed",
    /// A run was cancelled.
    Cancelled = "ended cancelled",
    /// A budget was reached.
    Budget = "paused for budget",
    /// A deadline was reached.
    Deadline = "paused for deadline",
    /// A run was interrupted.
    Interrupt = "paused for interrupt",
    /// A provider stopped a run.
    Provider = "paused for provider",
    /// A new writer took over after a crash.
    ResumedAfterCrash = "resumed after a crash",
    /// A call that a crash left open was charged.
    LostCharged = "lost call charged",
    /// A repeated command got its reply again.
    AnsweredAgain = "repeated command answered again",
    /// A repeated command got its reply again from the process after a crash.
    AnsweredAgainAfterCrash = "repeated command answered again after a crash",
    /// A number was used again with another content, and refused.
    NumberUsed = "same number, other content refused",
    /// A lease was renewed.
    Renewed = "lease renewed",
    /// A claim was given back.
    Released = "claim released by its holder",
    /// A fact was withdrawn.
    Withdrawn = "fact withdrawn",
    /// A withdrawal tainted another fact.
    Tainted = "fact tainted",
    /// A call was made whose context says that a fact is withdrawn.
    WithdrawalShown = "withdrawal shown in a later prompt",
    /// A fact was withdrawn after the end.
    WithdrawnAfterEnd = "fact withdrawn after the end",
    /// A fact that the answer cites was withdrawn or tainted.
    AnswerTainted = "answer tainted",
    /// Somebody tried to go on with a run that had ended, and was refused.
    ResumedInVain = "resume of an ended run refused",
    /// Bytes were taken away while the run went on.
    Redacted = "bytes redacted while the run goes on",
    /// Bytes were taken away after the end.
    RedactedAfterEnd = "bytes redacted after the end",
    /// A process died between saying that bytes are redacted and taking them away.
    ErasedAfterCrash = "redaction finished after a crash",
    /// An agent read behind a label.
    Unfolded = "read behind a label",
    /// A reply was asked for again.
    AskedAgain = "unusable reply asked for again",
    /// A run drained with tasks still open.
    Stuck = "drained stuck",
    /// A drain led to more tasks.
    Expanded = "expanded with tasks",
    /// The clock was set back, and time stood still.
    ClockBack = "clock set back",
    /// The clock jumped over a lease.
    ClockForward = "clock jumped over a lease",
    /// An agent that never woke again held a lease, which expired.
    DeadExpired = "lease of a dead agent expired",
    /// A run was forked, and the fork came to its end.
    Forked = "forked, and the fork ended",
    /// A fork let a live claim of its origin go.
    ForkReleased = "a fork released a claim of its origin",
    /// A fork let an open call of its origin go.
    ForkClosed = "a fork closed a call of its origin",
    /// A fork dropped a fact, and a task was worked out again for it.
    ForkReopened = "a fork reopened a tainted task",
    /// A program claimed before a crash and brought its result after it.
    AcrossCrash = "claim of a program outlived a crash",
}

/// How often each mark was hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    counts: Vec<u64>,
}

impl Default for Marks {
    fn default() -> Self {
        Self { counts: vec![0; Mark::ALL.len()] }
    }
}

impl Marks {
    /// Hits one.
    pub fn hit(&mut self, mark: Mark) {
        if let Some(count) = self.counts.get_mut(mark as usize) {
            *count += 1;
        }
    }

    /// How often one was hit.
    #[must_use]
    pub fn count(&self, mark: Mark) -> u64 {
        self.counts.get(mark as usize).copied().unwrap_or(0)
    }

    /// Adds those of another run: each counts once a run, so that a sum says in how many runs it was hit.
    pub fn add_run(&mut self, run: &Self) {
        for (count, other) in self.counts.iter_mut().zip(&run.counts) {
            *count += u64::from(*other > 0);
        }
    }

    /// Adds sums to sums.
    pub fn add_sums(&mut self, sums: &Self) {
        for (count, other) in self.counts.iter_mut().zip(&sums.counts) {
            *count += other;
        }
    }

    /// Those never hit.
    pub fn missed(&self) -> impl Iterator<Item = Mark> + '_ {
        Mark::ALL.iter().copied().filter(|mark| self.count(*mark) == 0)
    }
}
