//! The script file: its strict reading and its rules, ready to be matched. The format is in `schemas/script.md`.
//!
//! Refuses unknown fields, values out of range and rules that say two things, each with file, line and column.

use std::path::Path;

use delm_core::event::{CallFault, Purpose, Tokens};
use delm_core::ids::{Job, Subject};
use delm_core::request::Request;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;
use serde_json::value::RawValue;

use super::prompt;
use super::template::{Spelling, Template};
use crate::CallInfo;

/// The longest script that is read, and the longest reply a rule may give, in bytes.
pub const SCRIPT_BYTES_MAX: usize = 64 << 20;

const SCHEMA: &str = "delm.script/1";
const PLAN_TASKS_MAX: u32 = 1_000_000;
const DELAY_MS_MAX: u64 = 86_400_000;

/// Why a file is no script.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// The file cannot be read.
    #[error("cannot read the script {origin}: {source}")]
    Unreadable {
        /// The file.
        origin: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is too long.
    #[error("the script {origin} has {bytes} bytes; at most {SCRIPT_BYTES_MAX} are read")]
    TooLong {
        /// The file.
        origin: String,
        /// Its length.
        bytes: u64,
    },
    /// The file is not a script of this version.
    #[error("{origin}:{line}:{column}: {why} (the format is described by `delm schema script`)")]
    Malformed {
        /// The file.
        origin: String,
        /// The line, from one.
        line: usize,
        /// The column, from one.
        column: usize,
        /// What is wrong there.
        why: String,
    },
}

/// A script, read and checked.
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) rules: Vec<Rule>,
}

/// One rule: when it matches, and what it does.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    purpose: Option<Purpose>,
    job: Option<Job>,
    task: Option<Subject>,
    attempt: Option<u32>,
    ask: Option<u32>,
    contains: Option<String>,
    /// How often it may be used for one job.
    pub(super) times: Option<u32>,
    pub(super) delay_ms: u64,
    pub(super) effect: Effect,
    repeat: u32,
    truncate_bytes: Option<usize>,
    pub(super) tokens: Option<Tokens>,
    pub(super) model_reported: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) tries: u32,
    pub(super) billable: Option<u32>,
}

/// What a rule does.
#[derive(Clone, Debug)]
pub(super) enum Effect {
    /// Replies with these bytes, made ready when the script was read.
    Bytes(Vec<u8>),
    /// Replies with this text, once its placeholders are filled.
    Template(Template),
    /// Fails.
    Error {
        /// As which class.
        fault: CallFault,
        /// With these words.
        message: String,
        /// After this had come of a reply.
        partial: Option<String>,
    },
}

impl Script {
    /// Reads a script from a file.
    ///
    /// # Errors
    /// [`ScriptError`], naming the file, and the place if it was read.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let origin = path.display().to_string();
        let unreadable = |source| ScriptError::Unreadable { origin: path.display().to_string(), source };
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if usize::try_from(bytes).map_or(true, |bytes| bytes > SCRIPT_BYTES_MAX) {
            return Err(ScriptError::TooLong { origin, bytes });
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(&text, &origin)
    }

    /// Reads a script from text; `origin` names it in errors.
    ///
    /// # Errors
    /// [`ScriptError::Malformed`], naming the place.
    pub fn parse(text: &str, origin: &str) -> Result<Self, ScriptError> {
        let shape: ScriptShape<'_> =
            serde_json::from_str(text).map_err(|error| malformed(origin, (1, 1), &error))?;
        let defaults = Defaults {
            model_reported: shape.model_reported,
            tokens: shape.tokens.map(Tokens::from),
            delay_ms: shape.delay_ms.0,
        };
        let rules = shape.rules.iter().map(|raw| {
            let start = place(text, raw.get());
            let shape = serde_json::from_str(raw.get()).map_err(|error| malformed(origin, start, &error))?;
            let (line, column) = start;
            let refused = |why| ScriptError::Malformed { origin: origin.to_owned(), line, column, why };
            rule(shape, &defaults).map_err(refused)
        });
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }
}

/// The line and column, from one, at which `part` of `text` begins.
fn place(text: &str, part: &str) -> (usize, usize) {
    let at = (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let before = text.get(..at).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before.len() - line_start + 1)
}

/// What the JSON reader said, at its place in the file: its own place counts from `start`.
fn malformed(origin: &str, start: (usize, usize), error: &serde_json::Error) -> ScriptError {
    // serde_json ends its message with the place, which the error names already.
    let place = format!(" at line {} column {}", error.line(), error.column());
    let why = error.to_string();
    let why = why.strip_suffix(&place).unwrap_or(&why).to_owned();
    let line = (start.0 + error.line()).saturating_sub(1).max(1);
    let before = if error.line() <= 1 { start.1.saturating_sub(1) } else { 0 };
    ScriptError::Malformed { origin: origin.to_owned(), line, column: (before + error.column()).max(1), why }
}

/// What the script says for rules that do not.
struct Defaults {
    model_reported: Option<String>,
    tokens: Option<Tokens>,
    delay_ms: u64,
}

impl Rule {
    /// Whether the rule is for this request. Text is looked for last: it is the only costly condition.
    pub(super) fn matches(&self, request: &Request, info: &CallInfo) -> bool {
        self.purpose.is_none_or(|purpose| purpose == info.purpose)
            && self.job.is_none_or(|job| job == info.job)
            && self.task.is_none_or(|task| info.job.subject() == Some(task))
            && self.attempt.is_none_or(|attempt| attempt == info.attempt)
            && self.ask.is_none_or(|ask| ask == info.ask)
            && self.contains.as_ref().is_none_or(|text| prompt::contains(request, text))
    }

    /// Repeats and cuts a reply as the rule says, unless it would become too long.
    pub(super) fn damage(&self, reply: Vec<u8>) -> Result<Vec<u8>, String> {
        fits(reply.len().saturating_mul(self.repeat as usize))?;
        let mut reply = if self.repeat == 1 { reply } else { reply.repeat(self.repeat as usize) };
        if let Some(length) = self.truncate_bytes {
            reply.truncate(length);
        }
        Ok(reply)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptShape<'a> {
    #[expect(dead_code, reason = "checked while it is read")]
    schema: SchemaName,
    #[serde(default)]
    #[expect(dead_code, reason = "for the author of the file")]
    note: Option<String>,
    #[serde(default)]
    model_reported: Option<String>,
    #[serde(default)]
    tokens: Option<TokensShape>,
    #[serde(default)]
    delay_ms: DelayMs,
    // Each on its own, so that an error in one is told from where it begins.
    #[serde(borrow)]
    rules: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleShape {
    #[serde(default)]
    #[expect(dead_code, reason = "for the author of the file")]
    note: Option<String>,
    purpose: Option<Word<Purpose>>,
    job: Option<Word<Job>>,
    task: Option<Word<Subject>>,
    attempt: Option<u32>,
    ask: Option<u32>,
    contains: Option<String>,
    times: Option<u32>,
    delay_ms: Option<DelayMs>,
    reply: Option<Value>,
    reply_hex: Option<String>,
    plan_tasks: Option<u32>,
    plan_text: Option<String>,
    plan_needs: Option<u32>,
    error: Option<ErrorShape>,
    repeat: Option<u32>,
    truncate_bytes: Option<usize>,
    tokens: Option<TokensShape>,
    model_reported: Option<String>,
    request_id: Option<String>,
    tries: Option<u32>,
    billable: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokensShape {
    input: u64,
    output: u64,
    #[serde(default)]
    cached: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ErrorShape {
    fault: Word<CallFault>,
    message: String,
    partial: Option<String>,
}

impl From<TokensShape> for Tokens {
    fn from(shape: TokensShape) -> Self {
        Self { input: shape.input, output: shape.output, cached: shape.cached }
    }
}

struct SchemaName;

impl<'de> Deserialize<'de> for SchemaName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        if name == SCHEMA {
            Ok(Self)
        } else {
            Err(D::Error::custom(format!("schema {name:?} is not {SCHEMA:?}")))
        }
    }
}

#[derive(Clone, Copy, Default)]
struct DelayMs(u64);

impl<'de> Deserialize<'de> for DelayMs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let delay_ms = u64::deserialize(from)?;
        if delay_ms <= DELAY_MS_MAX {
            return Ok(Self(delay_ms));
        }
        Err(D::Error::custom(format!("delay_ms {delay_ms} is over {DELAY_MS_MAX}")))
    }
}

/// A value written as one of the words of the vocabulary, or as a label.
struct Word<T>(T);

trait FromWord: Sized {
    fn read(word: &str) -> Result<Self, String>;
}

impl FromWord for Purpose {
    fn read(word: &str) -> Result<Self, String> {
        let all = || Self::ALL.iter().map(|purpose| purpose.as_str()).collect::<Vec<_>>().join(", ");
        Self::from_word(word).ok_or_else(|| format!("{word:?} is no purpose; there are {}", all()))
    }
}

impl FromWord for CallFault {
    fn read(word: &str) -> Result<Self, String> {
        // A scripted call cannot be lost: that is what the engine says of a call nobody waits for.
        let known = Self::from_word(word).filter(|fault| *fault != Self::Lost);
        known.ok_or_else(|| format!("{word:?} is no fault of a call; there are provider and request"))
    }
}

impl FromWord for Job {
    fn read(word: &str) -> Result<Self, String> {
        word.parse().map_err(|error| format!("{error}"))
    }
}

impl FromWord for Subject {
    fn read(word: &str) -> Result<Self, String> {
        word.parse().map_err(|error| format!("{error}"))
    }
}

impl<'de, T: FromWord> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::read(&String::deserialize(from)?).map(Self).map_err(D::Error::custom)
    }
}

/// Checks what a rule says as a whole.
fn rule(shape: RuleShape, defaults: &Defaults) -> Result<Rule, String> {
    at_least_one("attempt", shape.attempt)?;
    at_least_one("ask", shape.ask)?;
    at_least_one("times", shape.times)?;
    at_least_one("repeat", shape.repeat)?;
    let effect = effect(&shape)?;
    let mut rule = Rule {
        purpose: shape.purpose.map(|word| word.0),
        job: shape.job.map(|word| word.0),
        task: shape.task.map(|word| word.0),
        attempt: shape.attempt,
        ask: shape.ask,
        contains: shape.contains,
        times: shape.times,
        delay_ms: shape.delay_ms.map_or(defaults.delay_ms, |delay| delay.0),
        effect,
        repeat: shape.repeat.unwrap_or(1),
        truncate_bytes: shape.truncate_bytes,
        tokens: shape.tokens.map(Tokens::from).or(defaults.tokens),
        model_reported: shape.model_reported.or_else(|| defaults.model_reported.clone()),
        request_id: shape.request_id,
        tries: shape.tries.unwrap_or(1),
        billable: shape.billable,
    };
    let failed = matches!(rule.effect, Effect::Error { .. });
    let billable_max = if failed { rule.tries } else { rule.tries.saturating_sub(1) };
    if rule.billable.is_some_and(|billable| billable > billable_max) {
        return Err(format!("of {} tries at most {billable_max} can be billed without a reply", rule.tries));
    }
    if let Effect::Bytes(bytes) = &rule.effect {
        rule.effect = Effect::Bytes(rule.damage(bytes.clone())?);
    }
    Ok(rule)
}

/// Refuses a reply of more bytes than a rule may give.
pub(super) fn fits(bytes: usize) -> Result<(), String> {
    if bytes > SCRIPT_BYTES_MAX {
        return Err(format!(
            "the reply would have at least {bytes} bytes; at most {SCRIPT_BYTES_MAX} are allowed"
        ));
    }
    Ok(())
}

fn at_least_one(field: &str, value: Option<u32>) -> Result<(), String> {
    if value == Some(0) { Err(format!("{field} counts from one")) } else { Ok(()) }
}

fn effect(shape: &RuleShape) -> Result<Effect, String> {
    let plan_only = [("plan_text", shape.plan_text.is_some()), ("plan_needs", shape.plan_needs.is_some())];
    let reply_only = [("repeat", shape.repeat.is_some()), ("truncate_bytes", shape.truncate_bytes.is_some())];
    let stray = |fields: &[(&str, bool)], needs: &str| match fields.iter().find(|(_, given)| *given) {
        Some((field, _)) => Err(format!("{field} has no meaning without {needs}")),
        None => Ok(()),
    };
    if shape.plan_tasks.is_none() {
        stray(&plan_only, "plan_tasks")?;
    }
    if shape.error.is_some() {
        stray(&reply_only, "a reply")?;
    }
    match (&shape.reply, &shape.reply_hex, shape.plan_tasks, &shape.error) {
        (Some(Value::String(text)), None, None, None) => Ok(ready(Template::parse(text, Spelling::Text)?)),
        (Some(value), None, None, None) => Ok(ready(Template::parse(&value.to_string(), Spelling::Json)?)),
        (None, Some(hex), None, None) => unhex(hex).map(Effect::Bytes),
        (None, None, Some(count), None) => plan(count, shape).map(Effect::Bytes),
        (None, None, None, Some(error)) => {
            let (message, partial) = (error.message.clone(), error.partial.clone());
            Ok(Effect::Error { fault: error.fault.0, message, partial })
        }
        _ => Err("a rule has exactly one of reply, reply_hex, plan_tasks and error".into()),
    }
}

/// A template without placeholders is bytes.
fn ready(template: Template) -> Effect {
    template
        .literal()
        .map_or_else(|| Effect::Template(template.clone()), |text| Effect::Bytes(text.into_bytes()))
}

/// A plan of `count` tasks, each with its own text, each needing the `plan_needs` before it.
fn plan(count: u32, shape: &RuleShape) -> Result<Vec<u8>, String> {
    if count > PLAN_TASKS_MAX {
        return Err(format!("plan_tasks {count} is over {PLAN_TASKS_MAX}"));
    }
    let text = shape.plan_text.as_deref().unwrap_or("Task {{n}}");
    let needs = shape.plan_needs.unwrap_or(0);
    // The later half of the tasks have so many needs each, of three bytes or more: too long a plan is not begun.
    fits((needs.min(count / 2) as usize).saturating_mul(count as usize / 2 * 3))?;
    let mut plan = String::from(r#"{"tasks":["#);
    for n in 1..=count {
        let needs: Vec<String> = (n.saturating_sub(needs).max(1)..n).map(|need| need.to_string()).collect();
        let task = serde_json::json!({ "text": text.replace("{{n}}", &n.to_string()), "needs": needs });
        plan.push_str(if n > 1 { "," } else { "" });
        plan.push_str(&task.to_string());
        fits(plan.len())?;
    }
    plan.push_str("]}");
    Ok(plan.into_bytes())
}

fn unhex(hex: &str) -> Result<Vec<u8>, String> {
    let bad = || "reply_hex is not an even number of hexadecimal digits".to_owned();
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return Err(bad());
    }
    let pairs = hex.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| match pair {
            [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
            _ => None,
        })
        .collect::<Option<_>>()
        .ok_or_else(bad)
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
