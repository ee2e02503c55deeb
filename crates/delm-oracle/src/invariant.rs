//! The laws by number: name, a sentence each, and who can judge them.
//!
//! Refuses to call a law judged that no log can show: those say where they are judged instead.

use std::fmt;

/// Who can tell whether a law is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// A log shows it, and this auditor judges it whole.
    Log,
    /// A log shows a part of it, which this auditor judges; the simulator, which holds the truth, judges the rest.
    LogInPart,
    /// No log shows it: the simulator or another test judges it.
    Elsewhere,
}

impl Judge {
    /// The word for it: `log`, `log in part`, `elsewhere`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::LogInPart => "log in part",
            Self::Elsewhere => "elsewhere",
        }
    }
}

macro_rules! invariants {
    ($($variant:ident = $number:literal $name:literal $judge:ident $sentence:literal)+) => {
        /// A law of a run, by its number.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Invariant {
            $(#[doc = $sentence] $variant),+
        }

        const ALL: &[Invariant] = &[$(Invariant::$variant),+];

        impl Invariant {
            /// Its number: 12 for I-12.
            #[must_use]
            pub fn number(self) -> u8 {
                match self { $(Self::$variant => $number),+ }
            }

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it demands, in one sentence.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self { $(Self::$variant => $sentence),+ }
            }

            /// Who can judge it.
            #[must_use]
            pub fn judge(self) -> Judge {
                match self { $(Self::$variant => Judge::$judge),+ }
            }
        }
    };
}

invariants! {
    OneLiveClaim = 1 "one live claim" Log "No job is claimed while another claim of it lives."
    ReadyOnly = 2 "ready only" Log "Only an open job whose needs are all done or abandoned is claimed."
    FencesIncrease = 3 "fences strictly increase" LogInPart
        "A fence is the seq of the entry that claimed; that none is issued twice over lost entries, the simulator sees."
    StaleNeverLands = 4 "stale never lands" Log
        "Whatever quotes a fence quotes that of the live claim of its job; a late result changes nothing."
    ExpiryIsCaused = 5 "expiry is caused" Log
        "A claim expires at or after its deadline and never lives on past one; nothing else is accepted while one is due."
    LeaseNeverShrinks = 6 "a lease never shrinks" Log
        "A renewal is of the live claim, under its fence, and its deadline is not earlier."
    EveryJobIsLeased = 7 "every job is leased" Log "A claim of whatever job has a deadline that is still to come."
    TimeMonotone = 8 "time is monotone" Log "No entry is earlier than the one before it."
    Attribution = 9 "attribution" LogInPart
        "A result is its sender's and a fact its author's, by the entries; that the sender was who it says, the simulator sees."
    AttemptsBounded = 10 "attempts are bounded" Log
        "Rejections, expiries and failures are counted one by one, each with its cause, up to the limit."
    OneVerdict = 11 "one approving verdict, on that hash" Log
        "A gist is admitted on exactly one approving verdict, which names its proposal and its very hash."
    Independence = 12 "independence" Log
        "Who verifies answers to another principal than the author, or the run recorded self-review and the grade says so."
    NoVerdictNoAdmission = 13 "no admission without a verdict" Log
        "An admission follows an approving verdict, and an approving verdict is followed by one, in the same entry."
    WriteBeforePublish = 14 "write before publish" Log
        "Every blob that an entry names is there, with its hash, unless it was redacted."
    RejectionRecorded = 15 "a rejection is recorded" Log
        "A rejection has a reason that says something, and what was rejected is never admitted."
    VerdictsReplay = 16 "verdicts replay" LogInPart
        "A proposal is judged once, and an outcome follows from its checks; redoing a check is for replay."
    AppendOnly = 17 "append only" Log "Notes of the context and labels of facts are numbered without a gap."
    WithdrawalIsAnEvent = 18 "a withdrawal is an event" Log
        "A fact is withdrawn once, and exactly what builds on it is marked tainted in the same entry."
    SnapshotsArePrefixes = 19 "snapshots are named prefixes" Log
        "Each claim records the length of the context it reads, and its calls and result quote that length."
    Causality = 20 "causality" Log "What a result cites was admitted before the context that it read ends."
    ReadYourWrites = 21 "read your writes" Elsewhere
        "What an agent reads includes what it was told is done; the history of its replies shows that, a log does not."
    GistBounded = 22 "gist bounded and pinned" Log
        "A gist is no longer than the limit, and its evidence lies in units that lie in sources."
    NoLostTask = 23 "no lost task" Log "At the end each task is done, abandoned or listed as open, and in one class only."
    AbandonedOnce = 24 "abandoned once, with a cause" Log
        "A job is abandoned once, when its attempts are exhausted, and a failure is admitted for it in the same entry."
    AcyclicNeeds = 25 "acyclic needs" Log "The needs of a task exist, once each, and no task needs itself by any way round."
    DrainIsExact = 26 "drain is exact" Log
        "A round drains exactly when nothing is claimed and no agent may take a job; its cause is empty if all is settled, else stuck."
    ExpandOnce = 27 "one expansion a drain" Log
        "Tasks come from the plan, or once after a drain, in its round, up to the limit of rounds."
    EndOnce = 28 "end once" Log
        "A run ends once, answered only with its answer and only when drained; afterwards only withdrawals and redactions."
    StopsAreHonest = 29 "stops are honest" Log
        "A limit stops claiming; the run pauses for that cause when no claim lives, lists what is open, and goes on only by a resume."
    CostsSum = 30 "costs sum" Log "What was spent is the sum of all calls, whatever became of them, and never more than the log shows."
    OvershootBounded = 31 "bounded overshoot" Log
        "No claim is made once what is spent and reserved reaches the budget, or would pass it."
    NoMoneyLost = 32 "no money lost in a crash" Log
        "A call is recorded before it is made and closed once; one that was lost is charged what it reserved."
    ReplayDeterminism = 33 "replay determinism" Elsewhere
        "Folding a log gives the state that the live run had; `replay` and the simulator compare them."
    Chain = 34 "chain" Log "Ids recompute from the bytes, each entry names the one before, and bytes have one spelling."
    DecidePure = 35 "decide is pure" Elsewhere
        "Deciding changes nothing but by its events and no input panics; tests and fuzzing of the core show that."
    Idempotence = 36 "idempotence" Log "No command number of a sender is in two entries within the window that is kept."
    AtomicFrames = 37 "atomic entries" LogInPart
        "What follows from a command is in its entry; that a torn one is never half applied, the crash tests show."
    DurableBeforeAnswer = 38 "durable before answered" Elsewhere
        "No reply that a client saw is lost in a crash; only who kept the replies can tell."
    TamperEvidence = 39 "tamper evidence" Log
        "An altered, missing, doubled or moved entry is noticed, given the head; without a head from elsewhere a cut end is not."
    ForkIsolation = 40 "fork isolation" Log
        "A fork names the run, the seq and the id it leaves from, and begins without claims and calls."
    RunIsolation = 41 "isolation of runs" Elsewhere "Nothing done to one run shows in another; one run's log cannot show it."
    Upcasting = 42 "old versions" Log "An unknown format, version or law is refused, never skipped."
    SingleWriter = 43 "single writer" Elsewhere "A second process on a store is refused; tests with processes show that."
    Progress = 44 "progress" Elsewhere "When faults stop, every ready task is settled in bounded time; the simulator judges it."
    NoStarvation = 45 "no starvation" Elsewhere "No ready job waits for ever behind others; the simulator judges it."
    BoundedMemory = 46 "bounded resources" LogInPart
        "Agents, tasks and units stay within their limits; what memory they take, the simulator and the benches measure."
    ReplayLinear = 47 "replay cost is linear" Elsewhere "Twice the entries take about twice the time; the benches measure it."
}

impl fmt::Display for Invariant {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "I-{}", self.number())
    }
}

/// Every law, by number.
#[must_use]
pub fn invariants() -> &'static [Invariant] {
    ALL
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_numbered_from_one_without_a_gap() {
        for (place, invariant) in invariants().iter().enumerate() {
            assert_eq!(usize::from(invariant.number()), place + 1);
            assert!(invariant.sentence().ends_with('.'), "{invariant}");
        }
        assert_eq!(invariants().len(), 47);
    }
    #[test]
    fn they_are_called_by_number_and_their_judges_by_words() {
        assert_eq!(Invariant::Independence.to_string(), "I-12");
        let words = [Judge::Log, Judge::LogInPart, Judge::Elsewhere].map(Judge::word);
        assert_eq!(words, ["log", "log in part", "elsewhere"]);
    }
}
