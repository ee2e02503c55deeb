//! The built-in reader as an agent: from a claimed job and the published state to a typed reply, without a model.
//!
//! Refuses to reason: it plans by a fixed shape, quotes verbatim, and reviews by the mechanical checks alone. Pure and
//! in integers, so that replay computes every one of its replies again.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::entry::Blobs;
use crate::event::{Evidence, GistKind};
use crate::extractive::{self, Index};
use crate::ids::{FactId, Fence, Job, UnitId};
use crate::prompt::{RenderError, source_name, text, unit_text};
use crate::reply::{Bullet, ReadReply, Reply, ReviewReply};
use crate::run::{Claim, Note, Run};

/// The documents of a run, indexed once.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    units: Vec<(UnitId, String, String)>,
    index: Index,
}

/// A fact as the reader sees it.
struct Known {
    fact: FactId,
    text: Arc<str>,
    evidence: Arc<[Evidence]>,
    failure: bool,
}

impl Corpus {
    /// Reads and indexes all units.
    ///
    /// # Errors
    /// [`RenderError`] when a source's text is gone.
    pub fn build(run: &Run, blobs: &dyn Blobs) -> Result<Self, RenderError> {
        let mut units = Vec::with_capacity(run.units().len());
        for unit in run.units().iter() {
            units.push((unit.id, source_name(run, blobs, unit.id)?, unit_text(run, blobs, unit.id)?));
        }
        let index = Index::build(&borrowed(&units));
        Ok(Self { units, index })
    }

    /// The reply to a claimed job.
    ///
    /// # Errors
    /// [`RenderError`] when the claim is over or a text is gone.
    pub fn reply(&self, run: &Run, blobs: &dyn Blobs, fence: Fence, job: Job) -> Result<Reply, RenderError> {
        let unknown = |what: String| RenderError::Unknown { what };
        let claim = run.claim(fence).ok_or_else(|| unknown(format!("a claim under fence {fence}")))?;
        let started = run.started().ok_or_else(|| unknown(String::from("a run")))?;
        let question = text(blobs, &started.question, "the question")?;
        let known = known(run, blobs, claim)?;
        let notes: Vec<extractive::Note<'_>> = known.iter().map(Known::borrow).collect();
        match job {
            Job::Plan => Ok(Reply::Plan(extractive::plan(&question, &self.index))),
            Job::Expand(round) => Ok(Reply::Plan(extractive::expand(&question, round, &notes, &self.index))),
            Job::Finalize => Ok(Reply::Finalize(extractive::finalize(&question, &notes))),
            Job::Reason(task) => {
                let task = run.task(task).ok_or_else(|| unknown(format!("task {task}")))?;
                let words = text(blobs, &task.text, "a task")?;
                let units = borrowed(&self.units);
                let reply = extractive::reason(&question, &words, claim.attempt, &self.index, &units, &notes);
                Ok(Reply::Reason(reply.unwrap_or_default()))
            }
            Job::Review(_) => {
                let reason =
                    String::from("it stands in its evidence, word for word; nobody judged what it means");
                Ok(Reply::Review(ReviewReply { outcome: "approve".to_string(), reason }))
            }
            Job::Read(unit) => Ok(Reply::Read(read(&unit_text(run, blobs, unit)?, run))),
        }
    }
}

fn borrowed(units: &[(UnitId, String, String)]) -> Vec<extractive::Unit<'_>> {
    units.iter().map(|(id, name, text)| extractive::Unit { id: *id, name, text }).collect()
}

impl Known {
    fn borrow(&self) -> extractive::Note<'_> {
        extractive::Note {
            fact: self.fact,
            text: &self.text,
            evidence: &self.evidence,
            failure: self.failure,
        }
    }
}

/// The findings and failures of the context that a claim reads, withdrawn ones left out.
fn known(run: &Run, blobs: &dyn Blobs, claim: &Claim) -> Result<Vec<Known>, RenderError> {
    let mut known = Vec::new();
    for note in run.context(claim.length.unwrap_or(0)) {
        let Note::Admitted(label) = note else { continue };
        let finding = |kind: GistKind| kind != GistKind::Reading;
        // What a unit holds is no answer to a task: counted as one, it would push the first tasks to later passages.
        let fact = run.fact(label).filter(|fact| fact.withdrawn.is_none() && finding(fact.proposal.kind));
        let Some(fact) = fact else { continue };
        known.push(Known {
            fact: label,
            text: text(blobs, &fact.proposal.gist, "a gist")?,
            evidence: fact.proposal.evidence.clone(),
            failure: fact.proposal.kind == GistKind::Failure,
        });
    }
    Ok(known)
}

/// A unit's summary by its own words: its first sentences that are long enough to be referred to.
fn read(unit: &str, run: &Run) -> ReadReply {
    let words_min = usize::try_from(run.limits().reference_words_min).unwrap_or(usize::MAX);
    let bullets_max = usize::try_from(run.limits().bullets_max).unwrap_or(usize::MAX);
    let mut bullets = Vec::new();
    let mut gist = String::new();
    for (start, end) in crate::text::sentences(unit) {
        let Some(sentence) = unit.get(start..end).map(str::trim) else { continue };
        let words: Vec<(usize, usize)> =
            crate::text::words(sentence).map(|word| (word.start, word.end)).collect();
        let head = words_min.checked_sub(1).and_then(|last| words.get(last)).map(|(_, end)| *end);
        let tail =
            words.len().checked_sub(words_min).and_then(|first| words.get(first)).map(|(start, _)| *start);
        let (Some(head), Some(tail)) = (head, tail) else { continue };
        if gist.is_empty() && crate::text::gist_tokens(sentence) <= run.limits().gist_tokens_max {
            gist = sentence.to_string();
        }
        if bullets.len() < bullets_max {
            let part = |from: usize, to: usize| sentence.get(from..to).unwrap_or_default().to_string();
            bullets.push(Bullet {
                text: sentence.to_string(),
                head: part(0, head),
                tail: part(tail, sentence.len()),
            });
        }
    }
    ReadReply { bullets, gist }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_is_the_first_sentence_and_refers_to_each() {
        let first = "The harbour light was built in 1874 by Ada Quill.";
        let second = "Ada Quill was born in the village of Penmarrow.";
        let run = Run::default();
        let words = usize::try_from(run.limits().reference_words_min).unwrap_or(0);
        let reply = read(&format!("Short. {first} {second}"), &run);
        assert_eq!(reply.gist, first);
        assert_eq!(
            reply.bullets.iter().map(|bullet| bullet.text.as_str()).collect::<Vec<_>>(),
            [first, second]
        );
        for bullet in &reply.bullets {
            assert!(bullet.text.starts_with(&bullet.head) && bullet.text.ends_with(&bullet.tail));
            let count = |part: &str| crate::text::words(part).count();
            assert_eq!((count(&bullet.head), count(&bullet.tail)), (words, words));
        }
        let long = alloc::vec!["light"; 2000].join(" ") + ". ";
        let reply = read(&(long + first), &run);
        assert_eq!(reply.gist, first, "a gist has its length");
    }
}
