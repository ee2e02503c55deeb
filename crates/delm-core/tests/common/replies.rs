//! Replies in short: `plan: a; b <1`, `finding: words [F1] {S1.1: quote}`, `approve: why`, and so on.
//!
//! Refuses nothing: what is none of these is taken as the raw words of a model.

use delm_core::reply::{
    Bullet, FinalizeReply, PlanReply, PlannedTask, Quote, ReadReply, ReasonReply, Reply, ReviewReply,
};

/// The bytes of a reply. `kind` is the word before the colon.
pub fn reply(kind: &str, words: &str) -> Vec<u8> {
    let (plain, cites, braces) = parts(words);
    let typed = match kind {
        "plan" => Reply::Plan(plan(words)),
        "finding" => Reply::Reason(ReasonReply {
            finding: plain,
            cites,
            evidence: quotes(&braces),
            unfold: Vec::new(),
        }),
        "unfold" => Reply::Reason(ReasonReply { unfold: list(words, ','), ..ReasonReply::default() }),
        "approve" | "rewrite" | "reject" | "shrug" => {
            Reply::Review(ReviewReply { outcome: kind.into(), reason: words.into() })
        }
        "read" => Reply::Read(ReadReply { gist: plain, bullets: bullets(&braces) }),
        "final" => Reply::Finalize(FinalizeReply { answered: true, answer: plain, cites }),
        "nothing" => {
            Reply::Finalize(FinalizeReply { answered: false, answer: words.into(), cites: Vec::new() })
        }
        _ => return words.as_bytes().to_vec(),
    };
    typed.to_canonical()
}

fn list(words: &str, between: char) -> Vec<String> {
    words.split(between).map(|word| word.trim().to_string()).filter(|word| !word.is_empty()).collect()
}

/// Plain words, what stands in brackets as a list, and each brace.
fn parts(words: &str) -> (String, Vec<String>, Vec<String>) {
    let (mut rest, mut braces) = (words.to_string(), Vec::new());
    while let Some((before, inner, after)) = cut(&rest, '{', '}') {
        braces.push(inner);
        rest = format!("{before}{after}");
    }
    let mut cites = Vec::new();
    while let Some((before, inner, after)) = cut(&rest, '[', ']') {
        cites.extend(list(&inner, ','));
        rest = format!("{before}{after}");
    }
    (rest.trim().to_string(), cites, braces)
}

fn cut(text: &str, open: char, close: char) -> Option<(String, String, String)> {
    let (before, rest) = text.split_once(open)?;
    let (inner, after) = rest.split_once(close)?;
    Some((before.into(), inner.into(), after.into()))
}

fn plan(words: &str) -> PlanReply {
    let task = |words: &str| {
        let (text, needs) = words.split_once('<').unwrap_or((words, ""));
        PlannedTask { text: text.trim().into(), needs: list(needs, ',') }
    };
    PlanReply { tasks: words.split(';').filter(|task| !task.is_empty()).map(task).collect() }
}

fn quotes(braces: &[String]) -> Vec<Quote> {
    let quote = |brace: &String| {
        let (unit, quote) = brace.split_once(':').unwrap_or((brace, ""));
        Quote { unit: unit.trim().into(), quote: quote.trim().into() }
    };
    braces.iter().map(quote).collect()
}

fn bullets(braces: &[String]) -> Vec<Bullet> {
    let bullet = |brace: &String| {
        let parts = list(brace, '|');
        let part = |place: usize| parts.get(place).cloned().unwrap_or_default();
        Bullet { text: part(0), head: part(1), tail: part(2) }
    };
    braces.iter().map(bullet).collect()
}
