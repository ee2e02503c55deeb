//! The vocabularies of events: closed lists of words, in the order of their numbers on disk.
//!
//! Refuses words that are not in its lists; a new one goes to the end.

use bincode::{Decode, Encode};

macro_rules! vocabulary {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// All values, in their order on disk.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word used in exports and on screen.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value that a word stands for.
            #[must_use]
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($text => Some(Self::$variant),)+ _ => None }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

vocabulary!(/// Why a run paused, or why it stops claiming.
PauseCause {
    /// Money or tokens are spent.
    Budget = "budget",
    /// The running time is up.
    Deadline = "deadline",
    /// Somebody pressed Ctrl-C.
    Interrupt = "interrupt",
    /// A provider failed after retries.
    Provider = "provider",
});
vocabulary!(/// How a run ended.
Outcome {
    /// With an answer.
    Answered = "answered",
    /// The finalizer had none to give.
    Unanswered = "unanswered",
    /// No plan could be made.
    Failed = "failed",
    /// Somebody cancelled it.
    Cancelled = "cancelled",
});
vocabulary!(/// What a worker is.
AgentKind {
    /// The extractive reader.
    Builtin = "builtin",
    /// A language model.
    Model = "model",
    /// A program that speaks for itself.
    Program = "program",
});
vocabulary!(/// What a model is asked for.
Purpose {
    /// The first tasks.
    Plan = "plan",
    /// Summary and gist of a unit.
    Read = "read",
    /// A finding for a task.
    Reason = "reason",
    /// A verdict.
    Review = "review",
    /// More tasks, or none.
    Expand = "expand",
    /// The answer.
    Finalize = "finalize",
});
vocabulary!(/// How far behind a label one reads.
Level {
    /// The reference-grounded bullets, or the draft behind a finding.
    Summary = "summary",
    /// The source's own words, with neighbouring units.
    Raw = "raw",
});
vocabulary!(/// How the text of a document was got.
Extractor {
    /// The bytes are the text.
    Text = "text",
    /// Markdown, taken as it stands.
    Markdown = "markdown",
});
vocabulary!(/// What a gist says.
GistKind {
    /// Something found.
    Finding = "finding",
    /// What a unit holds.
    Reading = "reading",
    /// A task was given up.
    Failure = "failure",
});
vocabulary!(/// What a verdict says.
Ruling {
    /// Admit it.
    Approve = "approve",
    /// A rejection that asks for other words.
    Rewrite = "rewrite",
    /// It does not hold.
    Reject = "reject",
});
vocabulary!(/// Who or what judged.
Method {
    /// The core's own checks of spans, numbers, negations and names.
    Mechanical = "mechanical",
    /// A model, after the mechanical checks.
    Judge = "judge",
    /// A program, after the mechanical checks.
    Program = "program",
    /// The law itself: attempts were exhausted.
    Log = "log",
    /// Verification was switched off for this run.
    Ablated = "ablated",
});
vocabulary!(/// What stood behind an admission.
Grade {
    /// Another model judged it.
    Judged = "judged",
    /// The author's own model, called by another agent, judged it.
    JudgedSameModel = "judged-same-model",
    /// The author's principal judged it.
    SelfReview = "self",
    /// Only the mechanical checks.
    Mechanical = "mechanical",
    /// Nothing.
    None = "none",
});
vocabulary!(/// One check of a gist.
Check {
    /// Every cited span exists verbatim in its unit.
    Spans = "spans",
    /// Every number of the gist is in its evidence.
    Numbers = "numbers",
    /// The gist negates only where its evidence does.
    Negations = "negations",
    /// Every name of the gist is in its evidence.
    Names = "names",
    /// The gist is not empty and within its length.
    Length = "length",
    /// Every cited fact was in the context that was read.
    Cites = "cites",
    /// A model's or program's judgement.
    Judge = "judge",
});
vocabulary!(/// Why the queue drained.
DrainCause {
    /// Every task is done or abandoned.
    Empty = "empty",
    /// Tasks are left that nobody may take.
    Stuck = "stuck",
});
vocabulary!(/// What kind of answer was given.
AnswerKind {
    /// A text that a model wrote.
    Text = "text",
    /// Verbatim sentences.
    Quotes = "quotes",
});
vocabulary!(/// Something switched off to see what it is worth.
Ablation {
    /// No verification before admission.
    Verdicts = "verdicts",
    /// Agents do not see each other's facts.
    Sharing = "sharing",
    /// No summaries between gist and source.
    Hierarchy = "hierarchy",
});
vocabulary!(/// Why a call brought no usable reply.
CallFault {
    /// The provider was down, slow, out of quota or refused the key, after retries.
    Provider = "provider",
    /// The provider said that this one request cannot be answered.
    Request = "request",
    /// The process that made the call died or let it go.
    Lost = "lost",
});
vocabulary!(/// Why a result was not used.
Late {
    /// Its claim had expired or was released.
    Stale = "stale",
    /// The run had ended or was stopping.
    Closed = "closed",
});
