//! Negations that the gist added to its evidence, or left out.
//!
//! Refuses to count negations against each other: it asks only whether the words that a negation governs are
//! negated on the other side too, and lets pass what it cannot tell.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::evidence::{Evidence, Statement, Token};
use crate::text::stem;

/// Content words that a negation is taken to govern, at most.
const SCOPE_MAX: usize = 5;

/// Words that negate.
#[rustfmt::skip]
const CUES: &[&str] = &[
    "not", "no", "never", "without", "none", "nobody", "nothing", "nowhere", "neither", "nor", "cannot", "false", "untrue",
];

/// Words that, in any form, may stand where another text negates: they excuse, they never accuse.
#[rustfmt::skip]
const DOUBTS: &[&str] = &[
    "0", "absent", "absence", "alone", "avoid", "barely", "cease", "contrary", "decline", "deny", "disprove", "except",
    "exclude", "fail", "failure", "few", "forbid", "forbidden", "former", "formerly", "hardly", "impossible", "incorrect",
    "instead", "lack", "least", "little", "lost", "miss", "only", "prevent", "rarely", "rather", "refuse", "reject",
    "seldom", "stop", "unable", "unless", "unlike", "unlikely", "wrong", "zero",
];

/// Prefixes that turn a word into its opposite.
const PREFIXES: &[&str] = &["un", "in", "im", "ir", "il", "dis", "non", "a"];

/// What the statements negate without their evidence, and what they affirm against it.
pub(super) fn changed(statements: &[Statement<'_>], known: &Evidence<'_>) -> Vec<String> {
    let mut wrong = Vec::new();
    // Most evidence negates nothing, and then nothing can be dropped.
    let denials: Vec<&Statement<'_>> = known.statements.iter().filter(|other| any_cue(other)).collect();
    for statement in statements {
        wrong.extend(added(statement, known));
        if !denials.is_empty() && !any_cue(statement) && !doubts(statement) {
            wrong.extend(denials.iter().flat_map(|other| dropped(statement, other, known)));
        }
    }
    wrong
}

/// Negations of the gist whose words no evidence sentence negates or doubts.
fn added(statement: &Statement<'_>, known: &Evidence<'_>) -> Vec<String> {
    let cues = (0..statement.tokens.len()).filter(|at| negates(statement, *at));
    let unfounded = cues.filter(|at| {
        let scope = scope(statement, *at);
        !known.statements.iter().any(|other| {
            let shared =
                scope.iter().filter(|word| other.has_stem(word) || has_opposite(other, word)).count();
            let opposite = scope.iter().any(|word| has_opposite(other, word));
            shared * 2 >= scope.len() && (opposite || doubts(other) || any_cue(other))
        })
    });
    unfounded.map(|at| snippet(statement, at)).collect()
}

/// Negations of an evidence sentence whose words the gist affirms, unless another evidence sentence does so too.
fn dropped(statement: &Statement<'_>, other: &Statement<'_>, known: &Evidence<'_>) -> Vec<String> {
    let cues = (0..other.tokens.len()).filter(|at| negates(other, *at));
    let lost = cues.filter(|at| {
        let scope = scope(other, *at);
        let affirmed: Vec<&str> = scope.iter().copied().filter(|word| statement.has_stem(word)).collect();
        if affirmed.is_empty() || affirmed.len() * 3 < scope.len() * 2 {
            return false;
        }
        // One shared word is chance, unless the sentences share their subject as well.
        let outside = |token: &&Token<'_>| token.is_content() && !scope.contains(&token.stem());
        let about_the_same =
            other.tokens.iter().filter(outside).any(|token| statement.has_stem(token.stem()));
        let said_elsewhere = known
            .statements
            .iter()
            .any(|third| !any_cue(third) && affirmed.iter().all(|word| third.has_stem(word)));
        (affirmed.len() > 1 || about_the_same) && !said_elsewhere
    });
    lost.map(|at| snippet(other, at)).collect()
}

fn any_cue(statement: &Statement<'_>) -> bool {
    (0..statement.tokens.len()).any(|at| negates(statement, at))
}

fn doubts(statement: &Statement<'_>) -> bool {
    DOUBTS.iter().map(|doubt| stem(doubt)).any(|doubt| statement.has_stem(doubt))
}

/// Whether the statement holds `un-`, `in-`, `dis-`… before the word.
fn has_opposite(statement: &Statement<'_>, wanted: &str) -> bool {
    let opposite =
        |token: &Token<'_>| PREFIXES.iter().any(|prefix| token.stem().strip_prefix(prefix) == Some(wanted));
    wanted.len() > 3 && statement.tokens.iter().any(opposite)
}

/// Whether the token at `at` negates: not in `not only`, `not until`, `no fewer than`, `whether or not`, `No. 5`, nor
/// with a capital within the sentence, where it is part of a title.
fn negates(statement: &Statement<'_>, at: usize) -> bool {
    let Some(token) = statement.tokens.get(at) else { return false };
    let word = token.normal.as_ref();
    let contracted =
        word.ends_with("nt") && (token.word.text.ends_with("n't") || token.word.text.ends_with("n’t"));
    if !contracted && !CUES.contains(&word) {
        return false;
    }
    let next = statement.tokens.get(at + 1).map_or("", |next| next.normal.as_ref());
    let before = at.checked_sub(1).and_then(|before| statement.tokens.get(before));
    // `not widened until 1958` says that it was widened then.
    let clause = (at + 1..statement.tokens.len()).take_while(|at| !ends_clause(statement, *at));
    let mut governed = clause.filter_map(|at| statement.tokens.get(at)).take(SCOPE_MAX);
    let idiom = matches!(
        next,
        "only"
            | "less"
            | "fewer"
            | "later"
            | "more"
            | "sooner"
            | "least"
            | "merely"
            | "just"
            | "doubt"
            | "surprisingly"
            | "unlike"
            | "uncommon"
    ) || before.is_some_and(|before| before.normal == "or" && word == "not")
        || governed.any(|token| matches!(token.normal.as_ref(), "until" | "till"));
    let numbered = word == "no" && statement.gap_before(at + 1).starts_with('.');
    let titled = at > 0 && token.word.is_capitalized() && token.word.text.chars().any(char::is_lowercase);
    !idiom && !numbered && !titled
}

/// Stems of the content words a negation governs: those after it in its clause; failing those, those before it.
fn scope<'a>(statement: &'a Statement<'_>, cue: usize) -> Vec<&'a str> {
    let mut governed = Vec::new();
    for at in cue + 1..statement.tokens.len() {
        // In `it is false that …` the clause goes on.
        let goes_on = at == cue + 1 && statement.tokens.get(at).is_some_and(|token| token.normal == "that");
        if (ends_clause(statement, at) && !goes_on) || governed.len() == SCOPE_MAX {
            break;
        }
        governed.extend(statement.tokens.get(at).filter(|token| token.is_content()).map(Token::stem));
    }
    if governed.is_empty() {
        for at in (0..cue).rev() {
            if ends_clause(statement, at + 1) || governed.len() == SCOPE_MAX {
                break;
            }
            governed.extend(statement.tokens.get(at).filter(|token| token.is_content()).map(Token::stem));
        }
    }
    governed
}

/// Whether a clause ends before the token at `at`.
fn ends_clause(statement: &Statement<'_>, at: usize) -> bool {
    let word = statement.tokens.get(at).map_or("", |token| token.normal.as_ref());
    let conjunction = matches!(
        word,
        "but"
            | "and"
            | "or"
            | "although"
            | "though"
            | "whereas"
            | "while"
            | "because"
            | "however"
            | "which"
            | "who"
            | "that"
    );
    conjunction || statement.gap_before(at).contains([',', ';', ':', '(', ')', '—', '–', '.', '?', '!'])
}

/// The negation with a few words behind it.
fn snippet(statement: &Statement<'_>, at: usize) -> String {
    let from = statement.tokens.get(at).map_or(0, |token| token.word.start);
    let last = statement.tokens.get(at..).unwrap_or_default().iter().take(SCOPE_MAX).next_back();
    statement.text.get(from..last.map_or(from, |token| token.word.end)).unwrap_or_default().to_string()
}
