//! What the simulated model says: useful replies that differ from each other by a word, and useless ones.
//!
//! Refuses to read prompts: it knows the job, the facts in the agent's context and nothing else.

use delm_core::entry::Blob;
use delm_core::event::CallFault;
use delm_core::ids::{Digest, FactId, Fence, Job};
use delm_core::reply::{
    Bullet, FinalizeReply, PlanReply, PlannedTask, Quote, ReadReply, ReasonReply, Reply, ReviewReply,
};
use delm_core::run::Run;

use crate::rng::Rng;
use crate::setup::{SENTENCES, coined};

/// How a model behaves, in thousandths.
#[derive(Clone, Debug, Default)]
pub struct Manners {
    /// Replies that are no reply at all.
    pub garbage: u64,
    /// Replies cut off.
    pub truncated: u64,
    /// A reply given before, given again.
    pub repeated: u64,
    /// Findings that their evidence does not bear, plans with cycles, answers without cites.
    pub wrong: u64,
    /// Wishes to read behind a label.
    pub unfold: u64,
    /// Facts cited that nobody read.
    pub cites_bad: u64,
    /// Verdicts: reject.
    pub reject: u64,
    /// Verdicts: rewrite.
    pub rewrite: u64,
    /// Verdicts that are none.
    pub shrug: u64,
    /// Expansions that add tasks.
    pub expand: u64,
    /// Answers that say there is none.
    pub unanswered: u64,
    /// Tasks of a plan, at most.
    pub tasks_max: u64,
    /// A need between two tasks.
    pub needs: u64,
    /// Calls without a reply, for the provider's fault.
    pub fault_provider: u64,
    /// Calls without a reply, for the request's fault.
    pub fault_request: u64,
    /// Calls without a reply, for nobody's.
    pub fault_lost: u64,
    /// Replies whose tokens nobody counted.
    pub uncounted: u64,
}

impl Manners {
    /// A model that always gives what can be used, and verdicts that pass.
    #[must_use]
    pub fn good() -> Self {
        Self { tasks_max: 2, ..Self::default() }
    }
}

/// A model with its memory.
#[derive(Clone, Debug)]
pub struct Model {
    /// How it behaves.
    pub manners: Manners,
    rng: Rng,
    replies: u64,
    last: Option<Said>,
    /// Replies so far that were of no use on purpose, and calls that brought none.
    pub faults: u64,
}

/// What a model said, and the gist in it.
#[derive(Clone, Debug)]
pub struct Said {
    /// The words.
    pub blob: Blob,
    /// The gist that a proposal of these words has.
    pub gist: Option<Digest>,
}

impl Model {
    /// A model that behaves so.
    #[must_use]
    pub fn new(manners: Manners, rng: Rng) -> Self {
        Self { manners, rng, replies: 0, last: None, faults: 0 }
    }

    /// Lets its next words differ from those of a model that has given so many replies fewer.
    pub fn skip(&mut self, replies: u64) {
        self.replies = self.replies.wrapping_add(replies);
    }

    /// Why a call brings no reply, if it brings none.
    pub fn fault(&mut self) -> Option<CallFault> {
        let roll = self.rng.below(1_000);
        let manners = &self.manners;
        let (provider, request) = (manners.fault_provider, manners.fault_provider + manners.fault_request);
        self.faults += u64::from(roll < request + manners.fault_lost);
        if roll < provider {
            Some(CallFault::Provider)
        } else if roll < request {
            Some(CallFault::Request)
        } else if roll < request + manners.fault_lost {
            Some(CallFault::Lost)
        } else {
            None
        }
    }

    /// Whether somebody counted the tokens of a reply.
    pub fn counts(&mut self) -> bool {
        !self.rng.chance(self.manners.uncounted)
    }

    /// What the model says to a job, under a claim that reads the context up to `length`.
    pub fn reply(&mut self, run: &Run, fence: Fence, job: Job) -> Said {
        if self.rng.chance(self.manners.repeated)
            && let Some(last) = self.last.clone()
        {
            self.faults += 1;
            return last;
        }
        let mut said = self.draft(run, fence, job);
        if self.rng.chance(self.manners.truncated) {
            self.faults += 1;
            let kept = self.rng.place(said.blob.bytes.len());
            said.blob = Blob::new(said.blob.bytes.get(..kept).unwrap_or_default());
        } else if self.rng.chance(self.manners.garbage) {
            self.faults += 1;
            self.replies += 1;
            said.blob = Blob::new(format!("PASS {}", coined(self.replies)).into_bytes());
        }
        self.last = Some(said.clone());
        said
    }

    /// A typed reply, canonical: what a program submits.
    pub fn draft(&mut self, run: &Run, fence: Fence, job: Job) -> Said {
        let typed = self.typed(run, fence, job);
        let gist = match &typed {
            Reply::Read(reply) => Some(&reply.gist),
            Reply::Reason(reply) => Some(&reply.finding),
            Reply::Plan(_) | Reply::Review(_) | Reply::Finalize(_) => None,
        };
        let gist = gist.map(|gist| Digest::of_blob(gist.trim().as_bytes()));
        Said { blob: Blob::new(typed.to_canonical()), gist }
    }

    fn typed(&mut self, run: &Run, fence: Fence, job: Job) -> Reply {
        self.replies += 1;
        let mark = coined(self.replies);
        let wrong = self.rng.chance(self.manners.wrong);
        self.faults += u64::from(wrong);
        match job {
            Job::Plan => Reply::Plan(self.plan(&mark, wrong)),
            Job::Expand(_) if self.rng.chance(self.manners.expand) => Reply::Plan(self.plan(&mark, wrong)),
            Job::Expand(_) => Reply::Plan(PlanReply { tasks: Vec::new() }),
            Job::Read(_) => Reply::Read(self.read(&mark, wrong)),
            Job::Reason(_) => Reply::Reason(self.reason(run, fence, &mark, wrong)),
            Job::Review(_) => Reply::Review(self.review(&mark)),
            Job::Finalize => Reply::Finalize(self.finalize(run, fence, &mark, wrong)),
        }
    }

    fn plan(&mut self, mark: &str, wrong: bool) -> PlanReply {
        let most = self.manners.tasks_max.max(1);
        let count = self.rng.within(most.div_ceil(2), most);
        let mut tasks: Vec<PlannedTask> = Vec::new();
        for place in 1..=count {
            let mut needs = Vec::new();
            for other in 1..place {
                if self.rng.chance(self.manners.needs) {
                    needs.push(other.to_string());
                }
            }
            tasks.push(PlannedTask { text: format!("task {place} {mark}"), needs });
        }
        if wrong {
            match self.rng.below(5) {
                0 => tasks.clear(),
                1 => tasks.push(PlannedTask { text: format!("task 1 {mark}"), needs: Vec::new() }),
                2 => tasks.push(PlannedTask { text: String::new(), needs: Vec::new() }),
                3 => tasks.push(PlannedTask { text: mark.into(), needs: vec!["99".into()] }),
                _ => {
                    let last = tasks.len().to_string();
                    tasks.iter_mut().take(1).for_each(|first| first.needs.push(last.clone()));
                }
            }
        }
        PlanReply { tasks }
    }

    fn sentence(&mut self) -> &'static str {
        self.rng.pick(&SENTENCES, "")
    }

    fn read(&mut self, mark: &str, wrong: bool) -> ReadReply {
        let sentence = self.sentence();
        let words: Vec<&str> = sentence.split(' ').collect();
        let head = words.get(..2).unwrap_or_default().join(" ");
        let tail = words.get(words.len().saturating_sub(2)..).unwrap_or_default().join(" ");
        let head = if wrong { mark.into() } else { head };
        let bullets = vec![Bullet { text: sentence.into(), head, tail }];
        ReadReply { bullets, gist: with(sentence, mark) }
    }

    /// Facts that a claim may cite.
    fn known(run: &Run, fence: Fence) -> Vec<FactId> {
        let length = run.claim(fence).and_then(|claim| claim.length).unwrap_or(0);
        let facts = run.facts().iter().filter(|fact| fact.note < length && fact.withdrawn.is_none());
        facts.map(|fact| fact.label).collect()
    }

    fn reason(&mut self, run: &Run, fence: Fence, mark: &str, wrong: bool) -> ReasonReply {
        let known = Self::known(run, fence);
        if self.rng.chance(self.manners.unfold) {
            let fact = known.get(self.rng.place(known.len())).map(ToString::to_string);
            let label = fact.filter(|_| self.rng.chance(700)).unwrap_or_else(|| "S1.1".into());
            return ReasonReply { unfold: vec![label], ..ReasonReply::default() };
        }
        let sentence = self.sentence();
        let mut cites: Vec<String> = known.iter().take(2).map(ToString::to_string).collect();
        if self.rng.chance(self.manners.cites_bad) {
            cites.push("F99".into());
        }
        let quote = if wrong { format!("{sentence} {mark}") } else { sentence.into() };
        let finding = if wrong && self.rng.chance(300) { String::new() } else { with(sentence, mark) };
        ReasonReply {
            finding,
            cites,
            evidence: vec![Quote { unit: "S1.1".into(), quote }],
            unfold: Vec::new(),
        }
    }

    fn review(&mut self, mark: &str) -> ReviewReply {
        let roll = self.rng.below(1_000);
        let manners = &self.manners;
        let outcome = if roll < manners.reject {
            "reject"
        } else if roll < manners.reject + manners.rewrite {
            "rewrite"
        } else if roll < manners.reject + manners.rewrite + manners.shrug {
            "shrug"
        } else {
            "approve"
        };
        ReviewReply { outcome: outcome.into(), reason: format!("because {mark}") }
    }

    fn finalize(&mut self, run: &Run, fence: Fence, mark: &str, wrong: bool) -> FinalizeReply {
        let cites: Vec<String> = Self::known(run, fence).iter().take(3).map(ToString::to_string).collect();
        if self.rng.chance(self.manners.unanswered) || (cites.is_empty() && !wrong) {
            return FinalizeReply { answered: false, answer: format!("no facts {mark}"), cites: Vec::new() };
        }
        let cites = if wrong { Vec::new() } else { cites };
        FinalizeReply { answered: true, answer: format!("in Penmarrow {mark}"), cites }
    }
}

/// A sentence with one more word at its end.
fn with(sentence: &str, mark: &str) -> String {
    format!("{} {mark}.", sentence.trim_end_matches('.'))
}
