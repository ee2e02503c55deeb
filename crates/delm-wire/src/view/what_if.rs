//! What would have become of facts and answer without some of them: `delm what-if`.
//!
//! Refuses to tell what others would have found instead: it names that among what nobody can know from a log.

use std::collections::BTreeMap;

use delm_core::entry::{Blobs, Sealed};
use delm_core::event::{AnswerKind, Event, Grade, Level};
use delm_core::ids::{AgentId, FactId, Fence, Label, Subject, TaskId};
use delm_core::influence::{Cause, Change, Fate, Made, Readings, Whole, answer, cuts};
use delm_core::run::{ProposalState, Run};
use schemars::JsonSchema;
use serde::Serialize;

use super::{tag, text, vocabulary};
use crate::export::HeadView;
use crate::name::{Hash, Word};

tag!(/// The schema of `delm what-if`.
    WhatIfTag = "delm.what-if/1");

vocabulary!(/// What becomes of something.
FateWord {
    /// It is gone.
    Falls = "falls",
    /// Of the answer: some of the facts it cites are gone.
    Partly = "partly",
    /// It may be gone, or other words.
    Unknown = "unknown",
    /// Nothing of what is gone or unknown was even in its author's sight.
    Stands = "stands",
});

vocabulary!(/// Why it falls, or why nobody can know.
CauseWord {
    /// It was named.
    Named = "named",
    /// Its verdict was turned.
    Rejected = "rejected",
    /// Its author did nothing.
    Author = "author",
    /// It cites what falls, or what is unknown.
    Cites = "cites",
    /// Its reviewer did nothing.
    Reviewer = "reviewer",
    /// Who asked for its task did nothing.
    Planner = "planner",
    /// Its author read behind what falls or is unknown.
    Unfolded = "unfolded",
    /// Its author had what falls, or is unknown, in sight.
    Visible = "visible",
});

/// What was thought away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangeView {
    /// Agents that did nothing.
    pub without_agents: Vec<Word<AgentId>>,
    /// Facts that were never found.
    pub without: Vec<Word<FactId>>,
    /// Facts whose gists were rejected.
    pub rejected: Vec<Word<FactId>>,
}

/// How many facts fall, are unknown, stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FateCounts {
    /// Facts that fall.
    pub falls: u64,
    /// Facts of which nobody can know.
    pub unknown: u64,
    /// Of those: because their authors merely had something in sight.
    pub unknown_by_sight: u64,
    /// Facts that stand.
    pub stands: u64,
}

/// What becomes of a fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FateView {
    /// The fact.
    pub label: Word<FactId>,
    /// What becomes of it.
    pub fate: Word<FateWord>,
    /// Why; null if it stands.
    pub cause: Option<Word<CauseWord>>,
    /// The fact that is the cause, if one is.
    pub of: Option<Word<FactId>>,
    /// What it is about.
    pub task: Word<Subject>,
    /// What stood behind its admission.
    pub grade: Word<Grade>,
    /// Who found it; null if the law itself wrote it.
    pub author: Option<Word<AgentId>>,
    /// The statement.
    pub text: Option<String>,
    /// It was withdrawn in the run already.
    pub withdrawn: bool,
    /// It rests, directly or not, on a fact that was withdrawn already.
    pub tainted: bool,
}

/// What becomes of a part of the answer: a fact that it cites.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PartView {
    /// The fact.
    pub fact: Word<FactId>,
    /// What becomes of it.
    pub fate: Word<FateWord>,
    /// The answer's own words for it, where it is made of quotes; null where it is one text.
    pub text: Option<String>,
}

/// What becomes of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct AnswerFate {
    /// What becomes of it.
    pub fate: Word<FateWord>,
    /// Why it is unknown.
    pub cause: Option<Word<CauseWord>>,
    /// The fact that is the cause, if one is.
    pub of: Option<Word<FactId>>,
    /// Its parts, in its order.
    pub parts: Vec<PartView>,
    /// Facts whose removal alone takes the whole answer away, ascending.
    pub cuts: Vec<Word<FactId>>,
    /// Such facts that are not listed: a view holds 1,000 at most.
    pub cuts_left_out: u64,
}

/// What would have become of facts and answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhatIf {
    /// What this document is.
    pub schema: WhatIfTag,
    /// The run.
    pub run: Hash,
    /// The entry up to which it was looked at.
    pub head: HeadView,
    /// What was thought away.
    pub change: ChangeView,
    /// How many facts fall, are unknown, stand.
    pub counts: FateCounts,
    /// What becomes of the answer; null without one.
    pub answer: Option<AnswerFate>,
    /// What a log cannot tell about it.
    pub cannot_know: Vec<String>,
    /// Every fact, by label.
    pub items: Vec<FateView>,
    /// What `--after` takes to go on; null at the end.
    pub next: Option<String>,
}

/// Cut facts that a view holds at most.
const CUTS_MAX: usize = 1_000;

/// What of influence only the log knows: what was read behind, who planned, who answered.
#[derive(Clone, Debug, Default)]
pub struct InfluenceFold {
    unfolded: BTreeMap<Fence, Vec<(Label, Level)>>,
    planners: BTreeMap<TaskId, AgentId>,
    finalizing: Option<(Fence, AgentId, u64)>,
    answering: Option<(Fence, AgentId, u64)>,
}

impl InfluenceFold {
    /// Sees the next entry.
    pub fn entry(&mut self, sealed: &Sealed) {
        for event in &sealed.entry.events {
            if let Event::Unfolded(read) = event {
                self.unfolded.entry(read.fence).or_default().push((read.label, read.level));
            } else if let Event::TaskAdded(added) = event
                && let Some(agent) = sealed.entry.agent
            {
                self.planners.insert(added.task, agent);
            } else if let Event::Claimed(claimed) = event
                && claimed.job == delm_core::ids::Job::Finalize
            {
                self.finalizing = Some((claimed.fence, claimed.agent, 0));
            } else if let Event::ContextRead(read) = event
                && let Some((fence, _, length)) = &mut self.finalizing
                && *fence == read.fence
            {
                *length = read.length;
            } else if let Event::AnswerGiven(given) = event {
                self.answering = self.finalizing.filter(|(fence, ..)| *fence == given.fence);
            }
        }
    }

    /// The facts of a run as what-if sees them.
    #[must_use]
    pub fn facts<'a>(&self, run: &'a Run, readings: &Readings) -> Vec<Made<'a>> {
        let made = |fact: &'a std::sync::Arc<delm_core::run::Fact>| {
            let gist = &fact.proposal;
            Made {
                note: fact.note,
                length: if gist.fence.is_some() { gist.length } else { 0 },
                cites: &gist.cites,
                unfolded: self.behind(gist.fence, readings),
                author: gist.author,
                verifier: gist.verdict.as_ref().and_then(|verdict| verdict.verifier),
                planner: match gist.subject {
                    Subject::Task(task) => self.planners.get(&task).copied(),
                    Subject::Unit(_) => None,
                },
            }
        };
        run.facts().iter().map(made).collect()
    }

    /// The answer of a run as what-if sees it.
    #[must_use]
    pub fn answer<'a>(&self, run: &'a Run, readings: &Readings) -> Option<Made<'a>> {
        let answer = run.answer()?;
        let (author, length) = match self.answering {
            Some((_, agent, length)) => (Some(agent), length),
            None => (None, run.notes().len() as u64),
        };
        Some(Made {
            length,
            cites: &answer.cites,
            unfolded: self.behind(Some(answer.fence), readings),
            author,
            ..Made::default()
        })
    }

    fn behind(&self, fence: Option<Fence>, readings: &Readings) -> Vec<FactId> {
        let read = fence.and_then(|fence| self.unfolded.get(&fence)).into_iter().flatten();
        read.filter_map(|(label, level)| readings.behind(*label, *level)).collect()
    }
}

impl From<&Change> for ChangeView {
    fn from(change: &Change) -> Self {
        let words = |labels: &std::collections::BTreeSet<FactId>| labels.iter().copied().map(Word).collect();
        Self {
            without_agents: change.agents.iter().copied().map(Word).collect(),
            without: words(&change.facts),
            rejected: words(&change.rejected),
        }
    }
}

impl FateCounts {
    /// Counts them.
    #[must_use]
    pub fn of(fates: &[Fate]) -> Self {
        let mut counts = Self::default();
        for fate in fates {
            match fate {
                Fate::Falls(_) => counts.falls += 1,
                Fate::Stands => counts.stands += 1,
                Fate::Unknown(cause) => {
                    counts.unknown += 1;
                    counts.unknown_by_sight += u64::from(matches!(cause, Cause::Visible(_)));
                }
            }
        }
        counts
    }
}

fn words(fate: Fate) -> (FateWord, Option<Cause>) {
    match fate {
        Fate::Falls(cause) => (FateWord::Falls, Some(cause)),
        Fate::Unknown(cause) => (FateWord::Unknown, Some(cause)),
        Fate::Stands => (FateWord::Stands, None),
    }
}

fn cause_of(cause: Option<Cause>) -> (Option<Word<CauseWord>>, Option<Word<FactId>>) {
    let Some(cause) = cause else { return (None, None) };
    let (word, of) = match cause {
        Cause::Named => (CauseWord::Named, None),
        Cause::Rejected => (CauseWord::Rejected, None),
        Cause::Author => (CauseWord::Author, None),
        Cause::Cites(fact) => (CauseWord::Cites, Some(fact)),
        Cause::Reviewer => (CauseWord::Reviewer, None),
        Cause::Planner => (CauseWord::Planner, None),
        Cause::Unfolded(fact) => (CauseWord::Unfolded, Some(fact)),
        Cause::Visible(fact) => (CauseWord::Visible, Some(fact)),
    };
    (Some(Word(word)), of.map(Word))
}

impl FateView {
    /// A fact with its fate.
    #[must_use]
    pub fn of(run: &Run, blobs: &dyn Blobs, label: FactId, fate: Fate) -> Option<Self> {
        let fact = run.fact(label)?;
        let (word, cause) = words(fate);
        let (cause, of) = cause_of(cause);
        Some(Self {
            label: Word(label),
            fate: Word(word),
            cause,
            of,
            task: Word(fact.proposal.subject),
            grade: Word(fact.grade),
            author: fact.proposal.author.map(Word),
            text: text(blobs, &fact.proposal.gist),
            withdrawn: fact.withdrawn.is_some(),
            tainted: fact.tainted,
        })
    }
}

impl AnswerFate {
    /// The answer with its fate; none without an answer.
    #[must_use]
    pub fn of(
        run: &Run,
        blobs: &dyn Blobs,
        made: &Made<'_>,
        facts: &[Made<'_>],
        fates: &[Fate],
        change: &Change,
    ) -> Option<Self> {
        let given = run.answer()?;
        let (fate, cause) = match answer(made, facts, fates, change) {
            Whole::Falls => (FateWord::Falls, None),
            Whole::Partly => (FateWord::Partly, None),
            Whole::Unknown(cause) => (FateWord::Unknown, Some(cause)),
            Whole::Stands => (FateWord::Stands, None),
        };
        let (cause, of) = cause_of(cause);
        let words_of = text(blobs, &given.answer).filter(|_| given.answer_kind == AnswerKind::Quotes);
        let parts = given.cites.iter().map(|label| {
            let fate = fates.get(label.index()).copied().unwrap_or(Fate::Stands);
            let mark = format!("[{label}]");
            let line = words_of.iter().flat_map(|text| text.lines()).find(|line| line.ends_with(&mark));
            PartView { fact: Word(*label), fate: Word(words(fate).0), text: line.map(str::to_owned) }
        });
        let parts = parts.collect();
        let cuts = cuts(facts, &given.cites);
        Some(Self {
            fate: Word(fate),
            cause,
            of,
            parts,
            cuts_left_out: cuts.len().saturating_sub(CUTS_MAX) as u64,
            cuts: cuts.into_iter().take(CUTS_MAX).map(Word).collect(),
        })
    }
}

/// What a log cannot tell about a change, in sentences.
#[must_use]
pub fn cannot_know(run: &Run, change: &Change, counts: &FateCounts) -> Vec<String> {
    let mut all = Vec::new();
    if *change == Change::default() {
        return all;
    }
    all.push("what would have been found instead: no model was called".to_owned());
    if counts.unknown > 0 {
        all.push("whether what is unknown would have been found, and in which words".to_owned());
    }
    let rejected = run.proposals().values().filter(|gist| {
        let judge = gist.verdict.as_ref().and_then(|verdict| verdict.verifier);
        gist.state == ProposalState::Rejected && judge.is_some_and(|judge| change.agents.contains(&judge))
    });
    match rejected.count() {
        0 => {}
        1 => all.push("whether a gist that such an agent rejected would have been admitted".to_owned()),
        many => {
            all.push(format!("whether {many} gists that such an agent rejected would have been admitted"))
        }
    }
    if run.answer().is_some_and(|answer| answer.answer_kind == AnswerKind::Text) {
        all.push(
            "which words of the answer rest on which of its facts: it was written as one text".to_owned(),
        );
    }
    all
}
