//! What the verbs print with `--json`.
//!
//! Refuses to compute: a view is filled from a run's projection, from its entries and blobs, and holds nothing that is
//! not in the log. A text whose blob was redacted is null.

mod agent;
mod call;
mod check;
mod claim;
mod error;
mod fact;
mod fork;
mod list;
mod log;
mod machine;
mod plan;
mod queue;
mod run;
mod show;
mod summary;
mod unfold;
mod upkeep;
mod what_if;
mod why;

use delm_core::entry::Blobs;
use delm_core::ids::Digest;

pub use self::agent::{AgentState, AgentView, WorkFold};
pub use self::call::{CallFold, CallState, CallView, Spent};
pub use self::check::{
    BrokenLaw, CheckTag, Checked, Diverged, LawView, LawsTag, ReplayTag, Replayed, StoreChecked, Verified,
    VerifyTag,
};
pub use self::claim::{ClaimFold, ClaimView, UnfoldedView};
pub use self::error::{ErrorBody, ErrorView};
pub use self::fact::{FactView, Judgement, QuoteView, Worker, fences_of};
pub use self::fork::{ForkPlan, ForkPlanTag};
pub use self::list::{AgentsTag, BlameTag, CallsTag, FactsTag, List, LogTag, LsTag, QueueTag};
pub use self::log::LogItem;
pub use self::machine::{
    Completions, CompletionsTag, ConfigItem, ConfigTag, Doctor, DoctorFile, DoctorKey, DoctorStore,
    DoctorTag, DoctorTerminal, DurableWrite, LimitItem, LimitsTag, PromptItem, PromptsTag, SchemaItem,
    SchemaTag,
};
pub use self::plan::{DryRun, DryRunTag};
pub use self::queue::{JobStatus, JobView};
pub use self::run::{Began, Citation, RunView};
pub use self::show::{LeftOut, ShowView};
pub use self::summary::{
    Counts, FactCounts, LsItem, ModelView, ModelsView, RunOutcome, SourceCounts, TokenCounts,
};
pub use self::unfold::{UnfoldTag, Unfolded};
pub use self::upkeep::{BackedUp, BackupTag, CatTag, Removed, RmTag, Shown};
pub use self::what_if::{
    AnswerFate, CauseWord, ChangeView, FateCounts, FateView, FateWord, InfluenceFold, PartView, WhatIf,
    WhatIfTag, cannot_know,
};
pub use self::why::{Grounds, RangeView, VisibleView, Why, WhyAnswer, WhyFact, WhyTag};

/// The text behind a hash; none if its bytes are gone. What is no UTF-8 is shown with replacement characters.
fn text(blobs: &dyn Blobs, hash: &Digest) -> Option<String> {
    blobs.blob(hash).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Declares a type whose only value is a schema's name, so that a document cannot carry another one's.
macro_rules! tag {
    ($(#[$meta:meta])* $name:ident = $text:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name;

        impl $name {
            /// The name itself.
            pub const TEXT: &'static str = $text;
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(Self::TEXT)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "const": Self::TEXT })
            }
        }
    };
}

/// Declares a vocabulary of this crate: words that only views use.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$vmeta])* $variant,)+ }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(match self { $(Self::$variant => $text,)+ })
            }
        }

        impl crate::name::Spelled for $name {
            const NAME: &'static str = stringify!($name);
            fn strings() -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($text,)+] })
            }
        }
    };
}

pub(crate) use tag;
use vocabulary;
