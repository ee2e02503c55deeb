//! Code of which every mutant is to be killed: leases, fences, verdicts, and the chain.
//!
//! Refuses a survivor there that `survivors.md` does not explain.

use crate::list::Mutant;

/// An area: its name, and what is in it: a file, and words of which a mutant's name must contain one (all of it if none).
type Area = (&'static str, &'static [(&'static str, &'static [&'static str])]);

/// The areas.
pub const AREAS: &[Area] = &[
    (
        "lease",
        &[
            ("crates/delm-core/src/apply/claims.rs", &[]),
            ("crates/delm-core/src/decide/claim.rs", &[]),
            ("crates/delm-core/src/decide/attempts.rs", &[]),
            ("crates/delm-core/src/policy.rs", &[]),
            ("crates/delm-core/src/run/jobs.rs", &[]),
            ("crates/delm-oracle/src/laws/claims.rs", &[]),
        ],
    ),
    (
        "fence",
        &[
            ("crates/delm-core/src/decide/submit.rs", &[]),
            ("crates/delm-core/src/dispatcher.rs", &["::bound"]),
            ("crates/delm-core/src/run/mod.rs", &["claim", "fence", "lease", "deadline"]),
            ("crates/delm-core/src/run/people.rs", &[]),
        ],
    ),
    (
        "verdict",
        &[
            ("crates/delm-core/src/apply/verified.rs", &[]),
            ("crates/delm-core/src/decide/propose.rs", &[]),
            ("crates/delm-core/src/run/facts.rs", &[]),
            ("crates/delm-oracle/src/laws/verification.rs", &[]),
        ],
    ),
    (
        "chain",
        &[
            ("crates/delm-core/src/apply/mod.rs", &[]),
            ("crates/delm-core/src/codec.rs", &[]),
            ("crates/delm-core/src/entry.rs", &[]),
            ("crates/delm-core/src/tree.rs", &[]),
            ("crates/delm-oracle/src/digest.rs", &[]),
            ("crates/delm-oracle/src/laws/chain.rs", &[]),
            ("crates/delm-log/src/check.rs", &[]),
            ("crates/delm-log/src/journal/anchor.rs", &[]),
            ("crates/delm-log/src/journal/layout.rs", &[]),
            ("crates/delm-log/src/journal/scan.rs", &[]),
        ],
    ),
];

/// The area a mutant is in.
pub fn of(mutant: &Mutant) -> Option<&'static str> {
    let inside = |(file, words): &(&str, &[&str])| {
        mutant.file == *file && (words.is_empty() || words.iter().any(|word| mutant.key.contains(word)))
    };
    AREAS.iter().find(|(_, places)| places.iter().any(inside)).map(|(name, _)| *name)
}
