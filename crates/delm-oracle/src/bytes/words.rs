//! The closed lists of words, each with its places as `entry-v1.md` numbers them.
//!
//! Refuses a place that the list does not have; a rendering is the word.

use super::{Bad, Bytes, Field};
use crate::json::Json;

macro_rules! words {
    ($($(#[$about:meta])* $name:ident { $($variant:ident = $word:literal),+ $(,)? })+) => {$(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name { $($variant),+ }

        impl $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub(crate) fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl Field for $name {
            fn read(bytes: &mut Bytes<'_>) -> Result<Self, Bad> {
                let place = bytes.place(stringify!($name), Self::ALL.len())?;
                Self::ALL.get(place).copied().ok_or_else(|| bytes.bad(super::BadBytes::Short))
            }
            fn show(&self, out: &mut Json) {
                out.raw("\"");
                out.raw(self.word());
                out.raw("\"");
            }
        }
    )+};
}

words! {
    PauseCause { Budget = "budget", Deadline = "deadline", Interrupt = "interrupt", Provider = "provider" }
    Outcome { Answered = "answered", Unanswered = "unanswered", Failed = "failed", Cancelled = "cancelled" }
    AgentKind { Builtin = "builtin", Model = "model", Program = "program" }
    Purpose {
        Plan = "plan", Read = "read", Reason = "reason", Review = "review", Expand = "expand", Finalize = "finalize",
    }
    Level { Summary = "summary", Raw = "raw" }
    Extractor { Text = "text", Markdown = "markdown" }
    GistKind { Finding = "finding", Reading = "reading", Failure = "failure" }
    Ruling { Approve = "approve", Rewrite = "rewrite", Reject = "reject" }
    Method { Mechanical = "mechanical", Judge = "judge", Program = "program", Log = "log", Ablated = "ablated" }
    Grade {
        Judged = "judged", JudgedSameModel = "judged-same-model", Itself = "self", Mechanical = "mechanical",
        Nothing = "none",
    }
    Check {
        Spans = "spans", Numbers = "numbers", Negations = "negations", Names = "names", Length = "length",
        Cites = "cites", Judge = "judge",
    }
    DrainCause { Empty = "empty", Stuck = "stuck" }
    AnswerKind { Text = "text", Quotes = "quotes" }
    Ablation { Verdicts = "verdicts", Sharing = "sharing", Hierarchy = "hierarchy" }
    CallFault { Provider = "provider", Request = "request", Lost = "lost" }
    Late { Stale = "stale", Closed = "closed" }
}
