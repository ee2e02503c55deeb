//! How a run begins: few agents, tiny documents, small limits, so that every bound is hit soon.
//!
//! Refuses the built-in templates: prompts are kept to a few bytes, as nobody reads them here.

use std::fmt::{self, Write as _};

use delm_core::command::{AgentSpec, Command, SourceSpec, StartRun};
use delm_core::entry::Blob;
use delm_core::event::{
    Ablation, AgentKind, Extractor, ModelChoice, Models, PolicyName, Price, RunStarted, Template,
};
use delm_core::ids::Digest;
use delm_core::limits::{LIMITS, Limits};

/// The one document that runs read.
pub const DOCUMENT: &str = "The light was built in 1874 by Ada Quill. Ada Quill was born in Penmarrow. Penmarrow did not burn in 1881.";

/// Its sentences: what gists are made of.
pub const SENTENCES: [&str; 3] = [
    "The light was built in 1874 by Ada Quill.",
    "Ada Quill was born in Penmarrow.",
    "Penmarrow did not burn in 1881.",
];

const TEMPLATES: [(&str, &str); 7] = [
    ("expand", "expand {{tasks}}{{feedback}}"),
    ("finalize", "finalize {{question}}{{feedback}}"),
    ("plan", "plan {{question}}{{feedback}}"),
    ("preamble", "NOTES\n"),
    ("read", "read {{label}}{{feedback}}"),
    ("reason", "reason {{label}}{{unfolded}}{{feedback}}"),
    ("review", "review {{gist}}{{feedback}}"),
];

const WORKER: &str = "script:worker";
const JUDGE: &str = "script:judge";
const BUILTIN: &str = "extractive";

/// What a run begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Agents that live in the process and die with it.
    pub agents: usize,
    /// Principals of programs, which outlive it, one program each; the same name twice is one principal.
    pub programs: Vec<String>,
    /// All limits.
    pub limits: Limits,
    /// A principal may judge its own gists.
    pub self_review: bool,
    /// Units are read before planning.
    pub reading: bool,
    /// The built-in reader works.
    pub builtin_worker: bool,
    /// The built-in reader reviews.
    pub builtin_judge: bool,
    /// What is switched off.
    pub ablations: Vec<Ablation>,
    /// Models have prices.
    pub priced: bool,
    /// The run's nonce.
    pub nonce: u64,
    /// When it begins.
    pub at: u64,
}

impl Default for Setup {
    fn default() -> Self {
        let limits = Limits {
            lease_ms: 1_000,
            attempts_max: 3,
            rounds_max: 1,
            output_tokens_max: 64,
            reference_words_min: 2,
            ..Limits::default()
        };
        Self {
            agents: 2,
            programs: Vec::new(),
            limits,
            self_review: false,
            reading: false,
            builtin_worker: false,
            builtin_judge: false,
            ablations: Vec::new(),
            priced: false,
            nonce: 7,
            at: 1_000_000,
        }
    }
}

impl Setup {
    /// The command that begins the run under this policy, with the blobs it names.
    #[must_use]
    pub fn command(&self, policy: PolicyName) -> (Command, Vec<Blob>) {
        let mut blobs = Vec::new();
        let mut keep = |text: &str| {
            let blob = Blob::new(text.as_bytes());
            let hash = blob.hash;
            blobs.push(blob);
            hash
        };
        let choice = |builtin: bool, model: &str| ModelChoice {
            model: if builtin { BUILTIN } else { model }.into(),
            params: Vec::new(),
        };
        let price = |model: &str| Price {
            model: model.into(),
            version: "sim".into(),
            in_microusd: 1_000_000,
            cached_microusd: 100_000,
            out_microusd: 2_000_000,
        };
        let mut nonce = [0; 16];
        nonce[..8].copy_from_slice(&self.nonce.to_le_bytes());
        let run = RunStarted {
            nonce,
            question: keep("Where was the builder born?"),
            name: None,
            policy,
            limits: self.limits.clone(),
            models: Models {
                worker: choice(self.builtin_worker, WORKER),
                judge: choice(self.builtin_judge, JUDGE),
            },
            hosts: Vec::new(),
            engine: "sim".into(),
            self_review: self.self_review,
            reading: self.reading,
            ablations: self.ablations.clone(),
            templates: TEMPLATES
                .iter()
                .map(|(part, text)| Template { part: (*part).into(), text: keep(text) })
                .collect(),
            prices: if self.priced { vec![price(JUDGE), price(WORKER)] } else { Vec::new() },
        };
        let source = SourceSpec {
            name: keep("light.md"),
            original_hash: Digest::of_blob(DOCUMENT.as_bytes()),
            original_len: DOCUMENT.len() as u64,
            extractor: Extractor::Markdown,
            text: keep(DOCUMENT),
        };
        let start = StartRun { run, sources: vec![source], skipped: Vec::new(), agents: self.specs() };
        (Command::Start(start), blobs)
    }

    fn specs(&self) -> Vec<AgentSpec> {
        let kind = if self.builtin_worker { AgentKind::Builtin } else { AgentKind::Model };
        let inside = std::iter::repeat_n(agent(kind, ""), self.agents);
        let programs = self.programs.iter().map(|principal| agent(AgentKind::Program, principal));
        inside.chain(programs).collect()
    }
}

/// A worker that is about to join.
#[must_use]
pub fn agent(kind: AgentKind, principal: &str) -> AgentSpec {
    let program = (kind == AgentKind::Program).then(|| "prog".into());
    let model = if kind == AgentKind::Builtin { BUILTIN } else { WORKER };
    AgentSpec { kind, principal: principal.into(), model: model.into(), program }
}

/// One line: what differs from the default, as `name=value`.
impl fmt::Display for Setup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        write!(out, "begin agents={}", self.agents)?;
        if !self.programs.is_empty() {
            write!(out, " programs={}", self.programs.join(","))?;
        }
        let switches = [
            ("self_review", self.self_review),
            ("reading", self.reading),
            ("builtin_worker", self.builtin_worker),
            ("builtin_judge", self.builtin_judge),
            ("priced", self.priced),
        ];
        for (name, on) in switches {
            if on {
                write!(out, " {name}")?;
            }
        }
        for ablation in &self.ablations {
            write!(out, " ablate={ablation}")?;
        }
        if self.nonce != usual.nonce {
            write!(out, " nonce={}", self.nonce)?;
        }
        if self.at != usual.at {
            write!(out, " at={}", self.at)?;
        }
        for info in LIMITS {
            let (value, common) = (self.limits.get(info.name), usual.limits.get(info.name));
            if let Some(value) = value.filter(|value| Some(*value) != common) {
                write!(out, " {}={value}", info.name)?;
            }
        }
        Ok(())
    }
}

/// Why a line is no setup.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word:?} says nothing about how a run begins")]
pub struct SetupError {
    /// The word at fault.
    pub word: String,
}

impl std::str::FromStr for Setup {
    type Err = SetupError;

    fn from_str(line: &str) -> Result<Self, SetupError> {
        let mut setup = Self::default();
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if first != "begin" {
            return Err(SetupError { word: first.into() });
        }
        for word in words {
            setup.take(word).ok_or_else(|| SetupError { word: word.into() })?;
        }
        Ok(setup)
    }
}

impl Setup {
    fn take(&mut self, word: &str) -> Option<()> {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        match name {
            "agents" => self.agents = value.parse().ok()?,
            "programs" => self.programs = value.split(',').map(String::from).collect(),
            "self_review" => self.self_review = true,
            "reading" => self.reading = true,
            "builtin_worker" => self.builtin_worker = true,
            "builtin_judge" => self.builtin_judge = true,
            "priced" => self.priced = true,
            "ablate" => self.ablations.push(Ablation::from_word(value)?),
            "nonce" => self.nonce = value.parse().ok()?,
            "at" => self.at = value.parse().ok()?,
            limit => self.limits.set(limit, value.parse().ok()?).ok()?,
        }
        Some(())
    }
}

/// A word that no other reply of a run has: letters only, so that no check of names or numbers minds it.
#[must_use]
pub fn coined(mut number: u64) -> String {
    let mut word = String::from("q");
    loop {
        let letter = u8::try_from(number % 26).unwrap_or(0);
        let _infallible = word.write_char(char::from(b'a' + letter));
        number /= 26;
        if number == 0 {
            return word;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setup_is_written_and_read_the_same() {
        let mut setup = Setup { agents: 3, programs: vec!["bob".into(), "eve".into()], ..Setup::default() };
        setup.ablations.push(Ablation::Sharing);
        setup.limits.attempts_max = 1;
        setup.reading = true;
        let line = setup.to_string();
        assert_eq!(line.parse::<Setup>().unwrap(), setup, "{line}");
        assert_eq!("begin agents=2 lights=3".parse::<Setup>().unwrap_err().word, "lights=3");
        assert!("start".parse::<Setup>().is_err());
    }
}
