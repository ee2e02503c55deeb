//! What facts and the answer rest on, by strength: cited, unfolded, merely visible; and what would fall without some.
//!
//! Refuses to guess: what was only in sight of an author may or may not have moved it, so what hangs on that is unknown,
//! never fallen and never standing.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::event::{GistKind, Level};
use crate::ids::{AgentId, FactId, Label, Subject, UnitId};
use crate::run::{Fact, Note, Run};

/// The withdrawals in a run's context, by their place: what a prefix of it shows is found without walking it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    withdrawn: Vec<(u64, FactId)>,
    notes: u64,
}

/// What a prefix of the context shows: the facts from `F1` on, so many, and which of them it shows as withdrawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visible {
    /// Notes in the prefix.
    pub notes: u64,
    /// Facts in it: the first ones of the run.
    pub facts: u32,
    /// Those it shows as withdrawn, ascending.
    pub withdrawn: Vec<FactId>,
}

impl Context {
    /// That of a run, as it stands.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let mut withdrawn = Vec::new();
        for (place, note) in (0..).zip(run.notes().iter()) {
            if let Note::Withdrawn(label) = note {
                withdrawn.push((place, *label));
            }
        }
        Self { withdrawn, notes: run.notes().len() as u64 }
    }

    /// What its first `length` notes show.
    #[must_use]
    pub fn at(&self, length: u64) -> Visible {
        let notes = length.min(self.notes);
        let before = self.withdrawn.partition_point(|(place, _)| *place < notes);
        let mut withdrawn: Vec<FactId> =
            self.withdrawn.iter().take(before).map(|(_, label)| *label).collect();
        withdrawn.sort_unstable();
        let facts = notes.saturating_sub(before as u64);
        Visible { notes, facts: u32::try_from(facts).unwrap_or(u32::MAX), withdrawn }
    }
}

impl Visible {
    /// The facts shown as they stand and not among `stronger` (cited or unfolded): how many, and as ranges from first
    /// to last.
    #[must_use]
    pub fn merely(&self, stronger: &BTreeSet<FactId>) -> (u64, Vec<(FactId, FactId)>) {
        let left_out: BTreeSet<u32> = stronger
            .iter()
            .chain(&self.withdrawn)
            .map(|label| label.0)
            .filter(|label| *label <= self.facts)
            .collect();
        let (mut ranges, mut count, mut first) = (Vec::new(), 0, 1);
        let end = self.facts.saturating_add(1);
        for stop in left_out.into_iter().chain([end]) {
            if stop > first {
                ranges.push((FactId(first), FactId(stop - 1)));
                count += u64::from(stop - first);
            }
            first = stop.saturating_add(1);
        }
        (count, ranges)
    }
}

/// The facts that tell what a unit holds: its summary is the same reader's word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readings(BTreeMap<UnitId, FactId>);

impl Readings {
    /// Those of a run; of a unit that was read again, the newest.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        let read = run.facts().iter().filter(|fact| fact.proposal.kind == GistKind::Reading);
        let unit = |fact: &Arc<Fact>| match fact.proposal.subject {
            Subject::Unit(unit) => Some((unit, fact.label)),
            Subject::Task(_) => None,
        };
        Self(read.filter_map(unit).collect())
    }

    /// The fact whose author's words one reads who reads behind a label so far; none where they are a document's own.
    #[must_use]
    pub fn behind(&self, label: Label, level: Level) -> Option<FactId> {
        match (label, level) {
            (Label::Fact(fact), _) => Some(fact),
            (Label::Unit(unit), Level::Summary) => self.0.get(&unit).copied(),
            (Label::Unit(_), Level::Raw) => None,
        }
    }
}

/// The facts that these rest on by citation, directly or not, themselves included, with the fewest steps from here (the
/// given ones are one step away); no further than `depth` steps.
#[must_use]
pub fn ancestors(run: &Run, cites: &[FactId], depth: u32) -> BTreeMap<FactId, u32> {
    let mut found = BTreeMap::new();
    let mut edge: Vec<FactId> = cites.to_vec();
    for step in 1..=depth {
        let mut next = Vec::new();
        for label in edge {
            let Some(fact) = run.fact(label).filter(|_| !found.contains_key(&label)) else { continue };
            found.insert(label, step);
            next.extend(fact.proposal.cites.iter().copied());
        }
        if next.is_empty() {
            break;
        }
        edge = next;
    }
    found
}

/// A fact or the answer, as far as it matters to what would have become of it. Facts are given in order of their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made<'a> {
    /// Its place in the context; of the answer, no matter.
    pub note: u64,
    /// Notes of the context its author had read.
    pub length: u64,
    /// Facts it cites.
    pub cites: &'a [FactId],
    /// Facts its author read behind.
    pub unfolded: Vec<FactId>,
    /// Who made it.
    pub author: Option<AgentId>,
    /// Who approved it.
    pub verifier: Option<AgentId>,
    /// Who asked for the task it is of.
    pub planner: Option<AgentId>,
}

/// What is thought away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// These agents did nothing.
    pub agents: BTreeSet<AgentId>,
    /// These facts were never found.
    pub facts: BTreeSet<FactId>,
    /// These gists were rejected instead of admitted.
    pub rejected: BTreeSet<FactId>,
}

/// Why something falls, or why nobody can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was named.
    Named,
    /// Its verdict was turned.
    Rejected,
    /// Its author did nothing.
    Author,
    /// It cites this fact.
    Cites(FactId),
    /// Its reviewer did nothing; another one might have said otherwise.
    Reviewer,
    /// Who asked for its task did nothing; it might never have been a task.
    Planner,
    /// Its author read behind this fact.
    Unfolded(FactId),
    /// Its author had this fact in sight.
    Visible(FactId),
}

/// What becomes of a fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is gone: it was taken away, or cites what is gone.
    Falls(Cause),
    /// It may be gone, or may be other words.
    Unknown(Cause),
    /// Nothing of what is gone or unknown was even in its author's sight.
    Stands,
}

impl Fate {
    fn falls(self) -> bool {
        matches!(self, Self::Falls(_))
    }

    fn stands(self) -> bool {
        matches!(self, Self::Stands)
    }
}

/// The first facts, by place in the context, that are gone, and that are gone or unknown.
#[derive(Clone, Copy, Debug, Default)]
struct Firsts {
    fallen: Option<(u64, FactId)>,
    doubted: Option<(u64, FactId)>,
}

impl Firsts {
    fn see(&mut self, note: u64, label: FactId, fate: Fate) {
        if fate.falls() {
            self.fallen.get_or_insert((note, label));
        }
        if !fate.stands() {
            self.doubted.get_or_insert((note, label));
        }
    }

    /// What of them lies in so many notes; what is gone is the better reason.
    fn in_sight(self, length: u64) -> Option<FactId> {
        let seen = |first: Option<(u64, FactId)>| first.filter(|(note, _)| *note < length);
        seen(self.fallen).or_else(|| seen(self.doubted)).map(|(_, label)| label)
    }
}

/// What becomes of each fact, in order of their labels. A fact takes in only facts before it, so one pass closes it.
#[must_use]
pub fn what_if(facts: &[Made<'_>], change: &Change) -> Vec<Fate> {
    let mut fates: Vec<Fate> = Vec::with_capacity(facts.len());
    let mut firsts = Firsts::default();
    for fact in facts {
        let label = FactId::after(fates.len());
        let fate = match taken(label, fact, &fates, change) {
            Some(cause) => Fate::Falls(cause),
            None => doubt(fact, &fates, firsts, change).map_or(Fate::Stands, Fate::Unknown),
        };
        firsts.see(fact.note, label, fate);
        fates.push(fate);
    }
    fates
}

fn taken(label: FactId, fact: &Made<'_>, fates: &[Fate], change: &Change) -> Option<Cause> {
    if change.facts.contains(&label) {
        return Some(Cause::Named);
    }
    if change.rejected.contains(&label) {
        return Some(Cause::Rejected);
    }
    if fact.author.is_some_and(|author| change.agents.contains(&author)) {
        return Some(Cause::Author);
    }
    first(fact.cites, fates, Fate::falls).map(Cause::Cites)
}

fn doubt(made: &Made<'_>, fates: &[Fate], firsts: Firsts, change: &Change) -> Option<Cause> {
    let absent = |agent: Option<AgentId>| agent.is_some_and(|agent| change.agents.contains(&agent));
    let doubted = |fate: Fate| !fate.stands();
    if let Some(cited) = first(made.cites, fates, doubted) {
        return Some(Cause::Cites(cited));
    }
    if absent(made.verifier) {
        return Some(Cause::Reviewer);
    }
    if absent(made.planner) {
        return Some(Cause::Planner);
    }
    if let Some(read) = first(&made.unfolded, fates, doubted) {
        return Some(Cause::Unfolded(read));
    }
    firsts.in_sight(made.length).map(Cause::Visible)
}

/// The first of these facts whose fate is such.
fn first(labels: &[FactId], fates: &[Fate], such: impl Fn(Fate) -> bool) -> Option<FactId> {
    labels.iter().copied().find(|label| fates.get(label.index()).is_some_and(|fate| such(*fate)))
}

/// What becomes of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// Every fact it cites falls.
    Falls,
    /// Some of them do.
    Partly,
    /// None does, but it may have been other words.
    Unknown(Cause),
    /// Nothing of what is gone or unknown was even in its author's sight.
    Stands,
}

/// What becomes of an answer, given what becomes of the facts.
#[must_use]
pub fn answer(answer: &Made<'_>, facts: &[Made<'_>], fates: &[Fate], change: &Change) -> Whole {
    let fate = |label: &FactId| fates.get(label.index()).copied().unwrap_or(Fate::Stands);
    let fallen = answer.cites.iter().filter(|cited| fate(cited).falls()).count();
    if fallen > 0 {
        return if fallen == answer.cites.len() { Whole::Falls } else { Whole::Partly };
    }
    if answer.author.is_some_and(|author| change.agents.contains(&author)) {
        return Whole::Unknown(Cause::Author);
    }
    let mut firsts = Firsts::default();
    for (place, (fact, fate)) in facts.iter().zip(fates).enumerate() {
        firsts.see(fact.note, FactId::after(place), *fate);
    }
    doubt(answer, fates, firsts, change).map_or(Whole::Stands, Whole::Unknown)
}

/// The facts whose removal alone takes all of these away, ascending: those that each of them is, or rests on by citation.
#[must_use]
pub fn cuts(facts: &[Made<'_>], cites: &[FactId]) -> Vec<FactId> {
    let mut common: Option<BTreeSet<FactId>> = None;
    for cited in cites {
        let below = closure(facts, *cited);
        common = Some(match common {
            Some(before) => before.intersection(&below).copied().collect(),
            None => below,
        });
    }
    common.unwrap_or_default().into_iter().collect()
}

/// A fact and all it rests on by citation.
fn closure(facts: &[Made<'_>], label: FactId) -> BTreeSet<FactId> {
    let (mut below, mut left) = (BTreeSet::new(), alloc::vec![label]);
    while let Some(label) = left.pop() {
        if let Some(fact) = facts.get(label.index())
            && below.insert(label)
        {
            left.extend(fact.cites.iter().copied());
        }
    }
    below
}

#[cfg(test)]
mod tests;
