//! `delm replay`: every entry decided again under the rules and the policy that the run recorded.
//!
//! Refuses to call a model: what models said is taken from the log, all that follows from it is worked out anew, and so
//! is every reply of the built-in reader. What comes out otherwise is a difference, named with its entry.

use delm_core::apply::apply;
use delm_core::audit::{Divergence, audit};
use delm_core::command::{Command, command_of};
use delm_core::entry::{Blobs, Head, Sealed};
use delm_core::event::{AgentKind, Event};
use delm_core::ids::{Digest, Seq};
use delm_core::policy::{Policy, policy};
use delm_core::prompt::RenderError;
use delm_core::reader::Corpus;
use delm_core::run::Run;
use delm_engine::LoadError;
use delm_wire::name::Word;
use delm_wire::view::{Diverged, ReplayTag, Replayed};

use super::fold::{Walk, blobs, info, whole};
use super::found;
use super::words::{heading, named};
use crate::access::{Reading, load_error, log_error};
use crate::args::read::Replay;
use crate::error::{CliError, Exit};
use crate::output::Output;
use crate::output::human::{count, plural};

/// Bytes of a difference that are shown, from a little before the first that differs.
const SHOWN_BYTES: usize = 400;
const BEFORE_BYTES: usize = 120;

/// Entries that were not looked at are named so often, then counted.
const SKIPPED_MAX: usize = 20;

pub(super) fn replay(args: &Replay, reading: &Reading, output: &mut Output) -> Result<Exit, CliError> {
    let run = found(&args.of, reading)?;
    let head = info(reading, run)?.head;
    let blobs = blobs(reading, run);
    let mut replaying = Replaying {
        run,
        policy: recorded_policy(reading, run)?,
        blobs: &*blobs,
        // A text that was redacted later is missing from the beginning: the end of the log says so.
        redacted: reading.uncut().load(run)?.run.redacted().size() > 0,
        state: Run::default(),
        corpus: None,
        view: nothing_yet(run, head),
    };
    for sealed in Walk::new(reading, run, 0, head.seq) {
        replaying.entry(&sealed?)?;
    }
    let Replaying { state, view, .. } = replaying;
    whole(&blobs)?;
    if output.mode().is_json() {
        output.json(&view)?;
    } else {
        say(&view, &state, output)?;
    }
    Ok(if view.differences > 0 { Exit::Differs } else { Exit::Success })
}

/// The policy that the run was decided by.
fn recorded_policy(reading: &Reading, run: Digest) -> Result<&'static dyn Policy, CliError> {
    let first = reading.log.entry(&run, 0).map_err(log_error)?;
    let first = first.ok_or_else(|| load_error(&LoadError::Gap { run, seq: 0 }, run))?;
    let Some(Event::RunStarted(started)) = first.entry.events.first() else {
        return Err(CliError::new("corrupt", Exit::Integrity, "entry 0 begins no run").run(run.to_string()));
    };
    let name = &started.policy;
    policy(name).ok_or_else(|| {
        let what = format!(
            "this binary has no policy {} {}: it can verify the run, not decide it again",
            name.name, name.version
        );
        CliError::new("policy", Exit::Usage, what)
            .hint(format!("`delm verify` checks it; {} wrote it", started.engine))
            .run(run.to_string())
    })
}

fn nothing_yet(run: Digest, head: Head) -> Replayed {
    Replayed {
        schema: ReplayTag,
        run: Word(run),
        head: head.into(),
        entries: 0,
        decisions: 0,
        events: 0,
        prompts: 0,
        verdicts: 0,
        replies: 0,
        calls: 0,
        skipped: Vec::new(),
        differences: 0,
        diverged: None,
    }
}

struct Replaying<'a> {
    run: Digest,
    policy: &'static dyn Policy,
    blobs: &'a dyn Blobs,
    redacted: bool,
    state: Run,
    corpus: Option<Corpus>,
    view: Replayed,
}

impl Replaying<'_> {
    /// Decides an entry again; on a difference goes on from the entry as it was recorded.
    fn entry(&mut self, sealed: &Sealed) -> Result<(), CliError> {
        self.view.entries += 1;
        self.reply(sealed);
        let audited = match audit(self.policy, &mut self.state, self.blobs, sealed) {
            Ok(audited) => audited,
            Err(Divergence::Fault(fault)) => return Err(load_error(&LoadError::Fault(fault), self.run)),
            Err(divergence) => {
                self.differs(divergence);
                return apply(&mut self.state, sealed)
                    .map_err(|fault| load_error(&LoadError::Fault(fault), self.run));
            }
        };
        self.view.decisions += 1;
        self.view.events += audited.events;
        self.view.prompts += audited.prompts;
        self.view.verdicts += audited.verdicts;
        Ok(())
    }

    fn differs(&mut self, divergence: Divergence) {
        let (seq, what, expected, found) = match divergence {
            // The caller has dealt with it.
            Divergence::Fault(_) => return,
            Divergence::Refused { seq, refusal } => {
                (seq, "decision", "accepted".to_owned(), format!("refused: {refusal}"))
            }
            Divergence::Differs { seq, place, recorded, decided } => {
                let what = match (kind(&recorded), kind(&decided)) {
                    ("CallStarted", "CallStarted") => "prompt",
                    ("VerdictGiven", "VerdictGiven") => "verdict",
                    _ => "decision",
                };
                let (recorded, decided) = around(&recorded, &decided);
                (seq, what, format!("event {place}: {recorded}"), format!("event {place}: {decided}"))
            }
            Divergence::Blob { seq, hash } => {
                (seq, "blob", format!("the bytes of {hash}"), "other bytes, or none".to_owned())
            }
        };
        // With a text gone, its absence explains a refusal or a missing blob.
        if self.redacted && matches!(what, "decision" | "blob") {
            return self.skip(seq, &format!("a text it needs may be redacted ({found})"));
        }
        self.difference(seq, what, expected, found);
    }

    fn difference(&mut self, seq: Seq, what: &str, expected: String, found: String) {
        self.view.differences += 1;
        self.view.diverged.get_or_insert(Diverged { seq, what: what.to_owned(), expected, found });
    }

    fn skip(&mut self, seq: Seq, why: &str) {
        if self.view.skipped.len() < SKIPPED_MAX {
            self.view.skipped.push(format!("entry {seq}: {why}"));
        }
    }

    /// Works a reply of the built-in reader out again, on the state that its claim was worked out on.
    fn reply(&mut self, sealed: &Sealed) {
        let Command::Submit { fence, draft } = command_of(&sealed.entry).command else { return };
        let builtin = sealed.entry.agent.and_then(|agent| self.state.agent(agent));
        let (Some(AgentKind::Builtin), Some(claim)) =
            (builtin.map(|agent| agent.kind), self.state.claim(fence))
        else {
            // A program's, or too late to be used.
            return;
        };
        let job = claim.job;
        match self.work(fence, job) {
            Ok(reply) if Digest::of_blob(&reply) == draft => self.view.replies += 1,
            Ok(reply) => {
                let recorded = self.blobs.blob(&draft).map_or_else(
                    || format!("a reply of hash {draft}"),
                    |bytes| String::from_utf8_lossy(&bytes).into_owned(),
                );
                let (recorded, worked) = around(&recorded, &String::from_utf8_lossy(&reply));
                self.difference(sealed.entry.seq, "reply", recorded, worked);
            }
            Err(error) if self.redacted => self.skip(sealed.entry.seq, &error.to_string()),
            Err(error) => {
                self.difference(
                    sealed.entry.seq,
                    "reply",
                    format!("a reply of hash {draft}"),
                    error.to_string(),
                );
            }
        }
    }

    fn work(&mut self, fence: u64, job: delm_core::ids::Job) -> Result<Vec<u8>, RenderError> {
        let corpus = match self.corpus.take() {
            Some(corpus) => corpus,
            None => Corpus::build(&self.state, self.blobs)?,
        };
        let reply = corpus.reply(&self.state, self.blobs, fence, job);
        self.corpus = Some(corpus);
        Ok(reply?.to_canonical())
    }
}

/// The kind of an event that is written out.
fn kind(event: &str) -> &str {
    event.split('(').next().unwrap_or_default()
}

/// Two texts from a little before the first place where they differ.
fn around(recorded: &str, decided: &str) -> (String, String) {
    let same = recorded.bytes().zip(decided.bytes()).take_while(|(a, b)| a == b).count();
    let from = same.saturating_sub(BEFORE_BYTES);
    let part = |text: &str| {
        let cut = |mut at: usize| {
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (start, end) = (cut(from.min(text.len())), cut((from + SHOWN_BYTES).min(text.len())));
        let (before, after) = (if start > 0 { "…" } else { "" }, if end < text.len() { "…" } else { "" });
        let what = if start > 0 { format!("{} ", kind(text)) } else { String::new() };
        format!("{what}{before}{}{after}", text.get(start..end).unwrap_or_default())
    };
    (part(recorded), part(decided))
}

fn say(view: &Replayed, state: &Run, output: &mut Output) -> Result<(), CliError> {
    let verdict = match view.differences {
        0 if !view.skipped.is_empty() => {
            "comes out the same, but for what could not be worked out".to_owned()
        }
        0 => "comes out the same".to_owned(),
        1 => "comes out otherwise in one place".to_owned(),
        number => format!("comes out otherwise in {} places", count(number)),
    };
    named(output, "run", &view.run.0.to_string())?;
    named(output, "replay", &verdict)?;
    named(
        output,
        "entries",
        &format!(
            "{} folded, {} decided again, giving the same {}",
            count(view.entries),
            count(view.decisions),
            plural(view.events, "event")
        ),
    )?;
    named(output, "prompts", &format!("{} rebuilt, the same by hash", count(view.prompts)))?;
    named(
        output,
        "verdicts",
        &format!("{} whose mechanical checks came out the same", count(view.verdicts)),
    )?;
    named(output, "replies", &format!("{} of the built-in reader worked out again", count(view.replies)))?;
    named(output, "calls", "0 model calls, 0 tokens")?;
    named(output, "head", &format!("{} {}", view.head.seq, view.head.id.0))?;
    named(output, "tree", &format!("{} {}", state.tree().size(), Digest(state.tree().root())))?;
    for skipped in &view.skipped {
        named(output, "skipped", skipped)?;
    }
    if let Some(first) = &view.diverged {
        heading(output, &format!("first difference: entry {}, {}", first.seq, first.what))?;
        named(output, "recorded", &first.expected)?;
        named(output, "now", &first.found)?;
    }
    Ok(())
}
