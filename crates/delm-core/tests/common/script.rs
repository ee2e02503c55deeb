//! Text scripts: conversations of commands and what came of them, run line by line.
//!
//! Refuses lines it does not know, with their place. What came of a command is written below it; `tests/scripts.rs`
//! compares that with what the file says.

use std::collections::BTreeMap;

use delm_core::command::{CallDone, CallLost, Command, DroppedFact, Envelope, ForkRun};
use delm_core::entry::Blob;
use delm_core::event::{
    Ablation, AgentKind, CallFault, Change, Event, ModelChoice, Models, RunForked, Tokens,
};
use delm_core::ids::{AgentId, CallId, Fence, Millis};

use super::begin::{Begin, agent};
use super::replies::reply;
use super::{Outcome, World, words};

/// Conversations that others begin with, by name.
pub type Setups = BTreeMap<String, Vec<String>>;

/// One conversation on its way.
#[derive(Default)]
pub struct Script {
    pub world: World,
    begin: Begin,
    at: Millis,
    fences: BTreeMap<AgentId, Fence>,
    calls: BTreeMap<AgentId, CallId>,
}

impl Script {
    pub fn new() -> Self {
        Self { at: 999, ..Self::default() }
    }

    /// Runs one line and gives what came of it.
    pub fn line(&mut self, line: &str, setups: &Setups) -> Result<Vec<String>, String> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "given" => {
                let lines = setups.get(rest).ok_or_else(|| format!("there is no setup {rest:?}"))?;
                lines.iter().try_for_each(|line| self.line(line, setups).map(drop)).map(|()| Vec::new())
            }
            "doc" => {
                let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
                self.begin.documents.push((name.into(), text.replace("\\n", "\n")));
                Ok(Vec::new())
            }
            "nodocs" => {
                self.begin.documents.clear();
                Ok(Vec::new())
            }
            "skip" => {
                let (name, reason) = rest.split_once(' ').ok_or("skip NAME REASON")?;
                self.begin.skipped.push((name.into(), reason.into()));
                Ok(Vec::new())
            }
            "template" => {
                let (part, text) = rest.split_once(' ').ok_or("template PART TEXT")?;
                self.begin.templates.retain(|(known, _)| known != part);
                self.begin.templates.push((part.into(), text.into()));
                self.begin.templates.sort();
                Ok(Vec::new())
            }
            "back" => {
                self.world.back(rest.parse().map_err(|_| "back SEQ")?);
                Ok(Vec::new())
            }
            "question" => {
                self.begin.question = rest.into();
                Ok(Vec::new())
            }
            "show" => self.show(rest),
            _ => self.command(line),
        }
    }

    fn show(&self, what: &str) -> Result<Vec<String>, String> {
        let run = &self.world.run;
        match what.split_once(' ') {
            None if what == "jobs" => Ok(words::jobs(run)),
            None if what == "notes" => Ok(words::notes(&self.world)),
            None if what == "run" => Ok(words::standing(run)),
            Some(("ask", call)) => {
                let call = call.parse().map_err(|_| "ask which call?")?;
                let Some(request) = self.world.requests.get(&call) else {
                    return Ok(vec!["that call was not made".into()]);
                };
                let said =
                    request.messages().into_iter().map(|said| format!("{:?}: {}", said.role, said.text));
                Ok(said
                    .flat_map(|text| {
                        text.lines()
                            .map(|line| if line.is_empty() { "·".into() } else { line.trim_end().into() })
                            .collect::<Vec<String>>()
                    })
                    .collect())
            }
            _ => Err(format!("show what? {what:?}")),
        }
    }

    /// `[@TIME] [#NUMBER] SENDER VERB …`; times are absolute, or `+` what passed since the command before.
    fn command(&mut self, line: &str) -> Result<Vec<String>, String> {
        let mut words = line.split_whitespace().peekable();
        self.at += 1;
        if let Some(time) = words.next_if(|word| word.starts_with('@')) {
            let number = |text: &str| text.parse::<Millis>().map_err(|_| format!("{time} is no time"));
            self.at = match time.strip_prefix("@+") {
                Some(more) => self.at - 1 + number(more)?,
                None => number(&time[1..])?,
            };
        }
        let number = match words.next_if(|word| word.starts_with('#')) {
            Some(number) => Some(number[1..].parse::<u64>().map_err(|_| format!("{number} is no number"))?),
            None => None,
        };
        let sender = match words.next().unwrap_or("") {
            "engine" => None,
            name => Some(
                name.parse::<AgentId>().map_err(|_| format!("{name:?} is neither engine nor an agent"))?,
            ),
        };
        let verb = words.next().unwrap_or("").to_string();
        let mut args: Vec<&str> = words.collect();
        let next = args.iter().take_while(|arg| !arg.ends_with(':')).position(|arg| *arg == "next");
        next.map(|place| args.remove(place));
        let (command, blobs) = self.parse(sender, &verb, &args)?;
        let number = number.unwrap_or_else(|| self.world.next_number(sender));
        let envelope = Envelope { agent: sender, number, command, claim: None, next: next.is_some() };
        Ok(self.give(&envelope, &blobs))
    }

    fn give(&mut self, envelope: &Envelope, blobs: &[Blob]) -> Vec<String> {
        match self.world.give(envelope, blobs, self.at) {
            Outcome::Refused(refusal) => vec![format!("! {refusal}")],
            Outcome::Again(reply) => {
                let claimed = reply.claimed.map_or(String::new(), |job| format!(", {job} claimed"));
                let call = reply.call.map_or(String::new(), |call| format!(", {call} to make"));
                vec![format!("= again {}{claimed}{call}", reply.seq)]
            }
            Outcome::Entry(sealed) => {
                super::laws::check(&self.world);
                for event in &sealed.entry.events {
                    if let Event::Claimed(claimed) = event {
                        self.fences.insert(claimed.agent, claimed.fence);
                    } else if let (Event::CallStarted(call), Some(agent)) = (event, sealed.entry.agent) {
                        self.calls.insert(agent, call.call);
                    }
                }
                let line = |event| format!("{} {}", sealed.entry.seq, words::event(&self.world, event));
                sealed.entry.events.iter().map(line).collect()
            }
        }
    }

    fn parse(
        &mut self,
        sender: Option<AgentId>,
        verb: &str,
        args: &[&str],
    ) -> Result<(Command, Vec<Blob>), String> {
        let first = args.first().copied().unwrap_or("");
        let plain = |command| Ok((command, Vec::new()));
        match verb {
            "start" => {
                args.iter().try_for_each(|option| self.option(option))?;
                Ok(self.begin.command())
            }
            "join" => {
                let kind = AgentKind::from_word(first).ok_or("join KIND [PRINCIPAL]")?;
                plain(Command::Join(agent(kind, args.get(1).copied().unwrap_or(""))))
            }
            "leave" => plain(Command::Leave),
            "claim" if first.is_empty() => plain(Command::Claim { job: None }),
            "claim" => {
                plain(Command::Claim { job: Some(first.parse().map_err(|_| format!("{first} is no job"))?) })
            }
            "renew" => plain(Command::Renew { fence: self.fence(sender, first)? }),
            "release" => plain(Command::Release { fence: self.fence(sender, first)? }),
            "tick" => plain(Command::Tick),
            "interrupt" => plain(Command::Interrupt { hard: first == "hard" }),
            "cancel" => plain(Command::Cancel),
            "resume" => {
                let change = |arg: &&str| {
                    let (limit, value) = arg.split_once('=').ok_or("LIMIT=VALUE")?;
                    Ok(Change { limit: limit.into(), value: value.parse().map_err(|_| "no value")? })
                };
                let changes = args.iter().map(change).collect::<Result<_, String>>()?;
                plain(Command::Resume { engine: "test".into(), changes })
            }
            "fork" => self.fork(args),
            "retract" => {
                let reason = Blob::new(args[1..].join(" ").into_bytes());
                let label = first.parse().map_err(|_| "retract LABEL REASON")?;
                Ok((Command::Retract { label, reason: reason.hash }, vec![reason]))
            }
            "redact" => {
                let (text, reason) = (args.join(" "), Blob::new(&b"asked for"[..]));
                Ok((
                    Command::Redact { blob: Blob::new(text.into_bytes()).hash, reason: reason.hash },
                    vec![reason],
                ))
            }
            "answer" | "submit" | "fail" => self.result(sender, verb, args),
            _ => Err(format!("unknown command {verb:?}")),
        }
    }

    /// `fork [agents=N] [drop=LABEL] [self=BOOL] [model=MODEL] [LIMIT=VALUE] …`, behind the newest entry.
    fn fork(&self, args: &[&str]) -> Result<(Command, Vec<Blob>), String> {
        let run = &self.world.run;
        let head = run.head().ok_or("there is nothing to fork")?;
        let owner = run.id().ok_or("there is nothing to fork")?;
        let mut fork = RunForked::unchanged([9; 16], owner, head, "test".into());
        let (mut drops, mut blobs, mut agents) = (Vec::new(), Vec::new(), 2);
        for arg in args {
            let (name, value) = arg.split_once('=').ok_or("NAME=VALUE")?;
            let number = || value.parse::<u64>().map_err(|_| format!("{arg} has no number"));
            match name {
                "agents" => agents = usize::try_from(number()?).unwrap_or(0),
                "drop" => {
                    let reason = Blob::new(&b"it was another light"[..]);
                    let label = value.parse().map_err(|_| "drop=LABEL")?;
                    drops.push(DroppedFact { label, reason: reason.hash });
                    blobs.push(reason);
                }
                "self" => fork.self_review = Some(value == "true"),
                "owner" => fork.owner = Blob::new(value.as_bytes()).hash,
                "model" => {
                    let choice = ModelChoice { model: value.into(), params: Vec::new() };
                    fork.models = Some(Models { worker: choice.clone(), judge: choice });
                }
                limit => fork.changes.push(Change { limit: limit.into(), value: number()? }),
            }
        }
        let agents = vec![agent(AgentKind::Model, ""); agents];
        Ok((Command::Fork(ForkRun { run: fork, drops, agents }), blobs))
    }

    fn result(
        &mut self,
        sender: Option<AgentId>,
        verb: &str,
        args: &[&str],
    ) -> Result<(Command, Vec<Blob>), String> {
        let first = args.first().copied().unwrap_or("");
        let options = args[1..].iter().take_while(|arg| !arg.ends_with(':')).copied().collect::<Vec<_>>();
        let words = args[1..].iter().skip(options.len()).copied().collect::<Vec<_>>();
        let (kind, body) =
            words.split_first().map_or(("", String::new()), |(kind, body)| (*kind, body.join(" ")));
        let blob = Blob::new(reply(kind.trim_end_matches(':'), &body));
        if verb == "submit" {
            let fence = self.fence(sender, first)?;
            return Ok((Command::Submit { fence, draft: blob.hash }, vec![blob]));
        }
        let call = match first {
            "." => sender.and_then(|sender| self.calls.get(&sender)).copied().ok_or("no call yet")?,
            label => label.parse::<CallId>().map_err(|_| format!("{label} is no call"))?,
        };
        if verb == "fail" {
            let fault = match options.first().copied() {
                Some("provider") => CallFault::Provider,
                Some("request") => CallFault::Request,
                Some("lost") => CallFault::Lost,
                _ => return Err("fail CALL provider|request|lost WORDS".into()),
            };
            return failure(call, fault, options.get(1..).unwrap_or_default());
        }
        let mut tokens = Some(Tokens { input: 100, output: 50, cached: 0 });
        let mut billable = 0;
        for option in options {
            if let Some(count) = option.strip_prefix("billable=") {
                billable = count.parse().map_err(|_| "billable=NUMBER")?;
                continue;
            }
            let counts = option.strip_prefix("tokens=").ok_or_else(|| format!("{option:?} of an answer"))?;
            let count =
                |place| counts.split('/').nth(place).and_then(|count| count.parse().ok()).unwrap_or(0);
            tokens =
                (counts != "none").then(|| Tokens { input: count(0), output: count(1), cached: count(2) });
        }
        let done = CallDone {
            call,
            reply: blob.hash,
            model_reported: None,
            request_id: None,
            tokens,
            latency_ms: 1,
            tries: 1 + billable,
            billable,
        };
        Ok((Command::Answer(done), vec![blob]))
    }

    fn fence(&self, sender: Option<AgentId>, word: &str) -> Result<Fence, String> {
        match word {
            "." => sender
                .and_then(|sender| self.fences.get(&sender))
                .copied()
                .ok_or_else(|| "no claim yet".into()),
            number => number.parse().map_err(|_| format!("{number:?} is no fence")),
        }
    }

    fn option(&mut self, option: &str) -> Result<(), String> {
        let begin = &mut self.begin;
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let count = || value.parse::<u64>().map_err(|_| format!("{option} has no number"));
        match name {
            "agents" => {
                begin.agents = vec![agent(AgentKind::Model, ""); usize::try_from(count()?).unwrap_or(0)]
            }
            "self" => begin.self_review = true,
            "reading" => begin.reading = true,
            "ablate" => begin.ablations.push(Ablation::from_word(value).ok_or("ablate what?")?),
            "model" => (begin.worker, begin.judge) = (value.into(), value.into()),
            "judge" => begin.judge = value.into(),
            "price" => {
                let (input, output) = value.split_once('/').ok_or("price=IN/OUT")?;
                let number = |text: &str| text.parse::<u64>().map_err(|_| "no price");
                begin.prices.push(("script:test".into(), number(input)?, number(output)?));
            }
            limit => begin.limits.set(limit, count()?).map_err(|error| error.to_string())?,
        }
        Ok(())
    }
}

/// `[tries=N] [billable=N] [reply=WORD] WORDS`: one try, which may be billed, unless said otherwise.
fn failure(call: CallId, fault: CallFault, options: &[&str]) -> Result<(Command, Vec<Blob>), String> {
    let (mut tries, mut billable, mut part) = (1, None, None);
    let mut rest = options;
    while let Some((name, value)) = rest.first().and_then(|option| option.split_once('=')) {
        let number = || value.parse::<u32>().map_err(|_| format!("{name}=NUMBER"));
        match name {
            "tries" => tries = number()?,
            "billable" => billable = Some(number()?),
            "reply" => part = Some(Blob::new(value.as_bytes())),
            _ => break,
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    let error = Blob::new(rest.join(" ").into_bytes());
    let reply = part.as_ref().map(|part| part.hash);
    let billable = billable.unwrap_or(tries.min(1));
    let lost = CallLost { call, fault, error: error.hash, reply, tries, billable };
    Ok((Command::Fail(lost), core::iter::once(error).chain(part).collect()))
}
