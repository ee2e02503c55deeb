//! The mechanical verification of a gist: its length, and its numbers, negations and names against its evidence.
//!
//! Refuses to understand. It proves that what a gist names stands in the evidence, not that the gist follows from it:
//! swapped roles, wrong order, changed verbs, units, causes and dates made of right numbers all pass. Spans are checked
//! by whoever holds the units, with [`find_quote`](crate::text::find_quote). Version 1 of the rules.
//!
//! The gist is judged sentence by sentence. A sentence that is a quote of one piece of evidence passes everything but
//! `length`; what a quote leaves out (`It is not true that …`) is not caught. For the others:
//!
//! * `numbers`: each number must stand in the evidence, whatever its spelling: `1,200`, `1200`, `1.2 thousand` and
//!   `twelve hundred`; `3` and `three`, `3rd` and `third`; `1914–18` also gives 1918. A scale belongs to its number: `2` is
//!   not in `2 million`. Not judged: the words `one` and `first`, plurals (`hundreds`), signs, units, fractions like `½`. A word
//!   with a digit in it (`H5N1`) must stand there as it is.
//! * `negations`: *added*, if the gist negates something and no evidence sentence with at least half of those words
//!   negates, fails or doubts anything; *dropped*, if a negation in the evidence governs words most of which the gist
//!   affirms, and no evidence sentence affirms them. Not judged: double negation, irony, opposites (`rose`, `fell`).
//! * `names`: each capitalised word within a sentence, and each acronym, must stand in the evidence in any case, with or
//!   without `'s`; an adjective may stand for its place (`Italian`, `Italy`), initials for a name in full. The first word
//!   of a sentence counts if another capital follows, or `'s`, `is`, `was`, `has`, `had` or `became`, unless it is a
//!   function word. Not judged: names in lower case or in scripts without case.

use alloc::string::String;
use alloc::vec::Vec;

use crate::event::Check;
use crate::text::{Quotable, gist_tokens, sentences};

mod evidence;
mod names;
mod negations;
mod numbers;

use evidence::{Evidence, Statement};

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which check.
    pub check: Check,
    /// Whether the gist passed it.
    pub passed: bool,
    /// What it failed for, in words an author can act on; empty if it passed.
    pub detail: String,
}

/// Checks a gist against the texts of the spans and facts it cites: `length`, `numbers`, `negations`, `names`, in this
/// order, each once.
///
/// Neither text is trusted to be short: a gist over its length is judged for `length` alone, and for the others the time
/// is that of reading the evidence once for each of its sentences.
#[must_use]
pub fn check(gist: &str, evidence: &[&str], gist_tokens_max: u64) -> Vec<Finding> {
    let length = length(gist, gist_tokens_max);
    if !length.passed {
        // What is too long is not worth reading, and an endless gist must not cost endless time.
        return alloc::vec![length];
    }
    let statements = own_statements(gist, evidence);
    // Nothing is left of a gist that only quotes, as the built-in reader's do: its evidence need not be taken apart.
    let evidence = if statements.is_empty() { &[] } else { evidence };
    let said = Evidence::statements(evidence);
    let known = Evidence::read(&said, evidence);
    alloc::vec![
        length,
        finding(Check::Numbers, numbers::missing(&statements, &known), "not in the evidence"),
        finding(Check::Negations, negations::changed(&statements, &known), "against the evidence"),
        finding(Check::Names, names::missing(&statements, &known), "not in the evidence"),
    ]
}

/// What [`check`] gives for a gist that passes everything.
pub(crate) fn passed() -> Vec<Finding> {
    let of = |check| Finding { check, passed: true, detail: String::new() };
    [Check::Length, Check::Numbers, Check::Negations, Check::Names].map(of).into()
}

/// The sentences of a gist that are no quotes of one of the texts.
fn own_statements<'a>(gist: &'a str, evidence: &[&str]) -> Vec<Statement<'a>> {
    let texts: Vec<Quotable> = evidence.iter().map(|text| Quotable::new(text)).collect();
    let parts = sentences(gist).filter_map(|(start, end)| gist.get(start..end));
    let own = parts.filter(|part| {
        let part = Quotable::new(part);
        !texts.iter().any(|text| text.has(&part))
    });
    own.map(Statement::new).collect()
}

fn length(gist: &str, gist_tokens_max: u64) -> Finding {
    let tokens = gist_tokens(gist);
    let visible = gist.chars().any(char::is_alphanumeric);
    let detail = match tokens {
        _ if !visible => String::from("the gist says nothing"),
        over if over > gist_tokens_max => alloc::format!("{over} tokens, {gist_tokens_max} allowed"),
        _ => String::new(),
    };
    Finding { check: Check::Length, passed: detail.is_empty(), detail }
}

/// At most eight things are named: enough to act on, and a detail stays short.
fn finding(check: Check, wrong: Vec<String>, how: &str) -> Finding {
    let passed = wrong.is_empty();
    let mut detail = String::new();
    if !passed {
        let listed: Vec<String> = wrong.iter().take(8).map(|what| alloc::format!("{what:?}")).collect();
        detail = alloc::format!("{how}: {}", listed.join(", "));
        if wrong.len() > listed.len() {
            detail.push_str(&alloc::format!(" and {} more", wrong.len() - listed.len()));
        }
    }
    Finding { check, passed, detail }
}
