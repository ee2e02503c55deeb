//! What a fact or the answer comes from: `delm why`.
//!
//! Refuses to mix three strengths of influence: what was cited, what was read behind, what was merely in sight. What was
//! merely in sight is a count and ranges, never a list of facts.

use std::collections::BTreeSet;

use delm_core::entry::Blobs;
use delm_core::event::AnswerKind;
use delm_core::ids::{Digest, FactId};
use delm_core::influence::{Context, Readings};
use delm_core::run::Run;
use schemars::JsonSchema;
use serde::Serialize;

use super::fact::Worker;
use super::{ClaimFold, ClaimView, FactView, tag, text};
use crate::export::HeadView;
use crate::name::{Hash, Word};
use crate::render::Render;

tag!(/// The schema of `delm why`.
    WhyTag = "delm.why/1");

/// Ranges of facts that a view holds at most.
const RANGES_MAX: usize = 256;

/// Facts one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RangeView {
    /// The first.
    pub first: Word<FactId>,
    /// The last.
    pub last: Word<FactId>,
}

/// What an author had in sight besides what it cited and read behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct VisibleView {
    /// Notes of the context it had read: a prefix of so many.
    pub notes: u64,
    /// Facts merely in sight: in the prefix, not withdrawn in it, neither cited nor read behind.
    pub facts: u64,
    /// They, as ranges from first to last, ascending.
    pub ranges: Vec<RangeView>,
    /// Ranges that are not listed: a view holds 256 at most.
    pub ranges_left_out: u64,
    /// Facts that the prefix shows as withdrawn.
    pub withdrawn: u64,
}

impl VisibleView {
    /// `strong` are the facts that were cited or read behind.
    #[must_use]
    pub fn of(context: &Context, length: u64, strong: &BTreeSet<FactId>) -> Self {
        let seen = context.at(length);
        let (facts, ranges) = seen.merely(strong);
        Self {
            notes: seen.notes,
            facts,
            ranges_left_out: ranges.len().saturating_sub(RANGES_MAX) as u64,
            ranges: ranges
                .into_iter()
                .take(RANGES_MAX)
                .map(|(first, last)| RangeView { first: Word(first), last: Word(last) })
                .collect(),
            withdrawn: seen.withdrawn.len() as u64,
        }
    }
}

/// A fact with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyFact {
    /// The fact, as `delm facts` has it; `cites` is the first strength of influence.
    #[serde(flatten)]
    pub fact: FactView,
    /// Citations between it and what was asked about, the fewest; 0 for that itself, 1 for what the answer cites.
    pub steps: u32,
    /// The author's claim, with its exchanges and what was read behind, the second strength; null if the law wrote it.
    pub claim: Option<ClaimView>,
    /// The reviewer's claim; null where nobody reviewed.
    pub review: Option<ClaimView>,
    /// The third strength: what was merely in the author's sight.
    pub visible: VisibleView,
}

/// An answer with where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WhyAnswer {
    /// Id of the entry that gave it.
    pub entry: Hash,
    /// Seq of that entry.
    pub seq: u64,
    /// The answer.
    pub text: Option<String>,
    /// What kind of answer it is.
    pub kind: Word<AnswerKind>,
    /// Who gave it.
    pub author: Option<Worker>,
    /// Facts it cites, in its order.
    pub cites: Vec<Word<FactId>>,
    /// The author's claim.
    pub claim: Option<ClaimView>,
    /// What was merely in the author's sight.
    pub visible: VisibleView,
}

/// What a fact or the answer comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Why {
    /// What this document is.
    pub schema: WhyTag,
    /// The run.
    pub run: Hash,
    /// The entry up to which it was looked at.
    pub head: HeadView,
    /// What was asked about: a fact's label, or `answer`.
    pub label: String,
    /// The answer, if it was asked about and is on this page.
    pub answer: Option<WhyAnswer>,
    /// Facts in all pages together.
    pub facts: u64,
    /// The fact asked about and the facts that it or the answer rests on by citation, newest first.
    pub items: Vec<WhyFact>,
    /// What `--after` takes to go on; null at the end.
    pub next: Option<String>,
}

/// What a fold and a context say of one fact.
#[derive(Clone, Copy)]
pub struct Grounds<'a> {
    /// The run.
    pub run: &'a Run,
    /// Its texts.
    pub blobs: &'a dyn Blobs,
    /// Its context.
    pub context: &'a Context,
    /// Its readings.
    pub readings: &'a Readings,
    /// The claims that matter here.
    pub claims: &'a ClaimFold,
}

impl Grounds<'_> {
    /// A fact of the run; `entry` is the id of the entry that admitted it.
    #[must_use]
    pub fn fact(&self, label: FactId, entry: Digest, steps: u32) -> Option<WhyFact> {
        let fact = self.run.fact(label)?;
        let gist = &fact.proposal;
        let claim = self.claims.claim(gist.fence);
        let strong = self.strong(&gist.cites, claim.as_ref());
        Some(WhyFact {
            fact: FactView::admitted(self.run, self.blobs, fact, entry, self.claims.calls()),
            steps,
            review: self.claims.claim(gist.verdict.as_ref().and_then(|verdict| verdict.fence)),
            // The law itself reads nothing.
            visible: VisibleView::of(self.context, if claim.is_some() { gist.length } else { 0 }, &strong),
            claim,
        })
    }

    /// The answer of the run; it was given by this entry.
    #[must_use]
    pub fn answer(&self, entry: Digest, seq: u64) -> Option<WhyAnswer> {
        let answer = self.run.answer()?;
        let claim = self.claims.claim(Some(answer.fence));
        let strong = self.strong(&answer.cites, claim.as_ref());
        let length = claim.as_ref().map_or(0, |claim| claim.length);
        let spent = self.claims.calls().spent(Some(answer.fence));
        Some(WhyAnswer {
            entry: Word(entry),
            seq,
            text: text(self.blobs, &answer.answer),
            kind: Word(answer.answer_kind),
            author: Worker::of(self.run, claim.as_ref().map(|claim| claim.agent.0), &spent),
            cites: answer.cites.iter().map(Render::render).collect(),
            visible: VisibleView::of(self.context, length, &strong),
            claim,
        })
    }

    /// The facts that were cited or read behind.
    fn strong(&self, cites: &[FactId], claim: Option<&ClaimView>) -> BTreeSet<FactId> {
        let unfolded = claim.into_iter().flat_map(|claim| &claim.unfolded);
        let behind = unfolded.filter_map(|read| self.readings.behind(read.label.0, read.level.0));
        cites.iter().copied().chain(behind).collect()
    }
}
