//! A script as text: how each line is written, and how it is read back.
//!
//! Refuses a line it does not know, naming it; what is written here is read here, to the same script.

use std::fmt;
use std::str::FromStr;

use super::*;

impl fmt::Display for Script {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.setup)?;
        self.lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}

impl fmt::Display for Line {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Send { at, who, number, ask, next, forged } => {
                write!(out, "@{at} ")?;
                match who {
                    Some(who) => write!(out, "{who} ")?,
                    None => write!(out, "engine ")?,
                }
                if let Some(number) = number {
                    write!(out, "#{number} ")?;
                }
                if *next {
                    write!(out, "next ")?;
                }
                if *forged {
                    write!(out, "forged ")?;
                }
                write!(out, "{ask}")
            }
            Self::Tick { at } => write!(out, "@{at} tick"),
            Self::Write => write!(out, "write"),
            Self::Sync => write!(out, "sync"),
            Self::Open => write!(out, "open"),
            Self::Crash { tear: Tear::Lost } => write!(out, "crash lost"),
            Self::Crash { tear: Tear::Kept } => write!(out, "crash kept"),
            Self::Crash { tear: Tear::Torn(bytes) } => write!(out, "crash torn={bytes}"),
            Self::Crash { tear: Tear::Scrambled(mask) } => write!(out, "crash scrambled={mask}"),
            Self::Resume { at, changes } => {
                write!(out, "@{at} resume")?;
                changes.iter().try_for_each(|change| write!(out, " {}={}", change.limit, change.value))
            }
        }
    }
}

impl fmt::Display for OfClaim {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => out.write_str("own"),
            Self::Fence(fence) => write!(out, "{fence}"),
        }
    }
}

impl fmt::Display for OfCall {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => out.write_str("own"),
            Self::Call(call) => write!(out, "{call}"),
        }
    }
}

fn said(text: &Option<String>) -> String {
    text.as_ref().map_or_else(|| "missing".into(), |text| format!("{text:?}"))
}

impl fmt::Display for Ask {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Claim(None) => out.write_str("claim"),
            Self::Claim(Some(job)) => write!(out, "claim {job}"),
            Self::Renew(claim) => write!(out, "renew {claim}"),
            Self::Release(claim) => write!(out, "release {claim}"),
            Self::Submit(claim, text) => write!(out, "submit {claim} {}", said(text)),
            Self::Answer(call, Some(tokens), text) => {
                let Tokens { input, output, cached } = tokens;
                write!(out, "answer {call} {input}/{output}/{cached} {}", said(text))
            }
            Self::Answer(call, None, text) => write!(out, "answer {call} uncounted {}", said(text)),
            Self::Fail(call, fault, text) => write!(out, "fail {call} {fault} {text:?}"),
            Self::Join(kind, principal) => write!(out, "join {kind} {principal:?}"),
            Self::Leave => out.write_str("leave"),
            Self::Interrupt(hard) => out.write_str(if *hard { "interrupt hard" } else { "interrupt" }),
            Self::Cancel => out.write_str("cancel"),
            Self::Retract(label) => write!(out, "retract {label}"),
            Self::Redact(choice) => write!(out, "redact {choice}"),
            Self::Work(manner, choice) => write!(out, "work {} {choice}", manner.as_str()),
            Self::Other => out.write_str("other"),
        }
    }
}

/// Why a text is no script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} is no step of a script: {text:?}")]
pub struct ScriptError {
    /// The line, from one.
    pub line: usize,
    /// What it says.
    pub text: String,
}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let mut script: Option<Self> = None;
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = || ScriptError { line: at + 1, text: line.into() };
            match &mut script {
                None => script = Some(Self::new(line.parse().map_err(|_| bad())?)),
                Some(script) => script.lines.push(read_line(line).ok_or_else(bad)?),
            }
        }
        script.ok_or(ScriptError { line: 0, text: String::new() })
    }
}

fn read_line(line: &str) -> Option<Line> {
    match line {
        "write" => return Some(Line::Write),
        "sync" => return Some(Line::Sync),
        "open" => return Some(Line::Open),
        _ => {}
    }
    if let Some(how) = line.strip_prefix("crash ") {
        return Some(Line::Crash { tear: read_tear(how)? });
    }
    let (at, rest) = line.strip_prefix('@')?.split_once(' ')?;
    let at = at.parse().ok()?;
    if rest == "tick" {
        return Some(Line::Tick { at });
    }
    if let Some(changes) = rest.strip_prefix("resume") {
        let change = |word: &str| {
            let (limit, value) = word.split_once('=')?;
            Some(Change { limit: limit.into(), value: value.parse().ok()? })
        };
        let changes = changes.split_whitespace().map(change).collect::<Option<_>>()?;
        return Some(Line::Resume { at, changes });
    }
    let (who, mut rest) = rest.split_once(' ')?;
    let who = if who == "engine" { None } else { Some(who.parse().ok()?) };
    let mut number = None;
    if let Some(tail) = rest.strip_prefix('#') {
        let (digits, tail) = tail.split_once(' ')?;
        number = Some(digits.parse().ok()?);
        rest = tail;
    }
    let (next, rest) = rest.strip_prefix("next ").map_or((false, rest), |rest| (true, rest));
    let (forged, rest) = rest.strip_prefix("forged ").map_or((false, rest), |rest| (true, rest));
    Some(Line::Send { at, who, number, ask: read_ask(rest)?, next, forged })
}

fn read_tear(how: &str) -> Option<Tear> {
    match how.split_once('=') {
        None if how == "lost" => Some(Tear::Lost),
        None if how == "kept" => Some(Tear::Kept),
        Some(("torn", bytes)) => Some(Tear::Torn(bytes.parse().ok()?)),
        Some(("scrambled", mask)) => Some(Tear::Scrambled(mask.parse().ok()?)),
        _ => None,
    }
}

fn read_ask(text: &str) -> Option<Ask> {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let claim = |word: &str| match word {
        "own" => Some(OfClaim::Own),
        _ => word.parse().ok().map(OfClaim::Fence),
    };
    let call = |word: &str| match word {
        "own" => Some(OfCall::Own),
        _ => word.parse().ok().map(OfCall::Call),
    };
    Some(match verb {
        "claim" if rest.is_empty() => Ask::Claim(None),
        "claim" => Ask::Claim(Some(rest.parse().ok()?)),
        "renew" => Ask::Renew(claim(rest)?),
        "release" => Ask::Release(claim(rest)?),
        "submit" => {
            let (of, text) = rest.split_once(' ')?;
            Ask::Submit(claim(of)?, read_said(text)?)
        }
        "answer" => {
            let (of, rest) = rest.split_once(' ')?;
            let (tokens, text) = rest.split_once(' ')?;
            Ask::Answer(call(of)?, read_tokens(tokens)?, read_said(text)?)
        }
        "fail" => {
            let (of, rest) = rest.split_once(' ')?;
            let (fault, text) = rest.split_once(' ')?;
            Ask::Fail(call(of)?, CallFault::from_word(fault)?, unquote(text)?)
        }
        "join" => {
            let (kind, principal) = rest.split_once(' ')?;
            Ask::Join(AgentKind::from_word(kind)?, unquote(principal)?)
        }
        "leave" => Ask::Leave,
        "interrupt" => Ask::Interrupt(rest == "hard"),
        "cancel" => Ask::Cancel,
        "retract" => Ask::Retract(rest.parse().ok()?),
        "redact" => Ask::Redact(rest.parse().ok()?),
        "work" => {
            let (manner, choice) = rest.split_once(' ')?;
            Ask::Work(Manner::from_word(manner)?, choice.parse().ok()?)
        }
        "other" => Ask::Other,
        _ => return None,
    })
}

fn read_tokens(word: &str) -> Option<Option<Tokens>> {
    if word == "uncounted" {
        return Some(None);
    }
    let mut parts = word.split('/').map(str::parse::<u64>);
    let mut part = || parts.next()?.ok();
    Some(Some(Tokens { input: part()?, output: part()?, cached: part()? }))
}

fn read_said(text: &str) -> Option<Option<String>> {
    if text == "missing" { Some(None) } else { unquote(text).map(Some) }
}

/// The text of a quoted word, as Rust's `{:?}` writes one.
fn unquote(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?.strip_suffix('"')?;
    let mut out = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next()? {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            '0' => out.push('\0'),
            'u' => {
                let hex: String = letters.by_ref().skip(1).take_while(|letter| *letter != '}').collect();
                out.push(char::from_u32(u32::from_str_radix(&hex, 16).ok()?)?);
            }
            other => out.push(other),
        }
    }
    Some(out)
}
