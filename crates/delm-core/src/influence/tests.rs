//! What-if against its definition by brute force, on drawn graphs; prefixes of a context against a walk over it.

use alloc::vec;

use proptest::prelude::*;

use super::*;

/// A fact as drawn: what it cites and unfolds, all before it, its notes read, its author, reviewer and planner.
type Drawn = (Vec<u32>, Vec<u32>, u32, u32, u32, u32);

fn graph() -> impl Strategy<Value = Vec<Drawn>> {
    let labels = || prop::collection::vec(0u32..64, 0..3);
    prop::collection::vec((labels(), labels(), 0u32..64, 1u32..5, 1u32..5, 1u32..5), 1..24)
}

fn change() -> impl Strategy<Value = Change> {
    let some = |most: u32| prop::collection::btree_set(1u32..most, 0..3);
    (some(5), some(24), some(24)).prop_map(|(agents, facts, rejected)| Change {
        agents: agents.into_iter().map(AgentId).collect(),
        facts: facts.into_iter().map(FactId).collect(),
        rejected: rejected.into_iter().map(FactId).collect(),
    })
}

/// Draws as a run would hold them: a fact takes in only what lies in the notes its author had read.
fn cites_of(drawn: &[Drawn]) -> Vec<(Vec<FactId>, Vec<FactId>, u64)> {
    let lawful = |(place, fact): (usize, &Drawn)| {
        let length = u64::from(fact.2) % (place as u64 + 1);
        let within = |labels: &[u32]| -> Vec<FactId> {
            if length == 0 {
                return Vec::new();
            }
            labels
                .iter()
                .map(|label| FactId(u32::try_from(u64::from(*label) % length).unwrap() + 1))
                .collect()
        };
        (within(&fact.0), within(&fact.1), length)
    };
    drawn.iter().enumerate().map(lawful).collect()
}

fn made<'a>(drawn: &[Drawn], lawful: &'a [(Vec<FactId>, Vec<FactId>, u64)]) -> Vec<Made<'a>> {
    let all = drawn.iter().zip(lawful).enumerate();
    all.map(|(place, (fact, (cites, unfolded, length)))| Made {
        note: place as u64,
        length: *length,
        cites,
        unfolded: unfolded.clone(),
        author: Some(AgentId(fact.3)),
        verifier: Some(AgentId(fact.4)),
        planner: Some(AgentId(fact.5)),
    })
    .collect()
}

/// Fallen and doubted facts by their definitions, applied until nothing changes.
fn brute(facts: &[Made<'_>], change: &Change) -> (BTreeSet<FactId>, BTreeSet<FactId>) {
    let absent = |agent: Option<AgentId>| change.agents.contains(&agent.unwrap());
    let (mut fallen, mut doubted) = (BTreeSet::new(), BTreeSet::new());
    loop {
        let before = (fallen.len(), doubted.len());
        // From the last to the first, so that the order of the pass helps nobody.
        for (place, fact) in facts.iter().enumerate().rev() {
            let label = FactId::after(place);
            let named = change.facts.contains(&label) || change.rejected.contains(&label);
            if named || absent(fact.author) || fact.cites.iter().any(|cited| fallen.contains(cited)) {
                fallen.insert(label);
            }
            let gone = |other: &FactId| fallen.contains(other) || doubted.contains(other);
            let seen =
                (0..facts.len()).any(|other| facts[other].note < fact.length && gone(&FactId::after(other)));
            let taken_in = fact.cites.iter().chain(&fact.unfolded).any(gone);
            if absent(fact.verifier) || absent(fact.planner) || taken_in || seen {
                doubted.insert(label);
            }
        }
        if before == (fallen.len(), doubted.len()) {
            let doubted = doubted.difference(&fallen).copied().collect();
            return (fallen, doubted);
        }
    }
}

proptest! {
    #[test]
    fn what_if_of_nothing_removes_nothing(drawn in graph()) {
        let lawful = cites_of(&drawn);
        let facts = made(&drawn, &lawful);
        let fates = what_if(&facts, &Change::default());
        prop_assert!(fates.iter().all(|fate| *fate == Fate::Stands));
        let whole = answer(facts.last().unwrap(), &facts, &fates, &Change::default());
        prop_assert_eq!(whole, Whole::Stands);
    }

    #[test]
    fn what_falls_and_what_is_unknown_are_what_brute_force_finds(drawn in graph(), change in change()) {
        let lawful = cites_of(&drawn);
        let facts = made(&drawn, &lawful);
        let (fallen, doubted) = brute(&facts, &change);
        for (place, fate) in what_if(&facts, &change).into_iter().enumerate() {
            let label = FactId::after(place);
            prop_assert_eq!(fate.falls(), fallen.contains(&label), "{} {:?}", label, fate);
            prop_assert_eq!(matches!(fate, Fate::Unknown(_)), doubted.contains(&label), "{} {:?}", label, fate);
        }
    }

    #[test]
    fn cut_facts_are_those_that_take_the_answer_away_alone(drawn in graph(), cites in prop::collection::vec(1u32..24, 1..4)) {
        let lawful = cites_of(&drawn);
        let facts = made(&drawn, &lawful);
        let cites: Vec<FactId> = cites.into_iter().map(FactId).filter(|label| label.index() < facts.len()).collect();
        let last = Made { length: facts.len() as u64, cites: &cites, ..Made::default() };
        let alone = (0..facts.len()).map(FactId::after).filter(|label| {
            let change = Change { facts: [*label].into(), ..Change::default() };
            answer(&last, &facts, &what_if(&facts, &change), &change) == Whole::Falls
        });
        prop_assert_eq!(cuts(&facts, &cites), alone.collect::<Vec<_>>());
    }

    #[test]
    fn what_is_merely_visible_is_counted_as_it_would_be_one_by_one(
        facts in 0u32..30, withdrawn in prop::collection::btree_set(1u32..30, 0..5), stronger in prop::collection::btree_set(1u32..40, 0..5),
    ) {
        let withdrawn = withdrawn.into_iter().filter(|label| *label <= facts).map(FactId).collect();
        let seen = Visible { notes: 0, facts, withdrawn };
        let stronger: BTreeSet<FactId> = stronger.into_iter().map(FactId).collect();
        let expected: Vec<FactId> = (1..=facts)
            .map(FactId)
            .filter(|label| !stronger.contains(label) && !seen.withdrawn.contains(label))
            .collect();
        let (count, ranges) = seen.merely(&stronger);
        let listed: Vec<FactId> = ranges.iter().flat_map(|(first, last)| (first.0..=last.0).map(FactId)).collect();
        prop_assert_eq!(count, expected.len() as u64);
        prop_assert_eq!(listed, expected);
        prop_assert!(ranges.windows(2).all(|pair| pair[0].1.0 + 1 < pair[1].0.0), "ranges touch: {:?}", ranges);
    }
}

#[test]
fn a_prefix_of_the_context_shows_what_was_withdrawn_by_then() {
    // F1 F2 -F1 F3 -F3
    let context = Context { withdrawn: vec![(2, FactId(1)), (4, FactId(3))], notes: 5 };
    let shown = |length| {
        let seen = context.at(length);
        (seen.facts, seen.withdrawn.iter().map(|label| label.0).collect::<Vec<_>>())
    };
    assert_eq!(shown(0), (0, vec![]));
    assert_eq!(shown(2), (2, vec![]));
    assert_eq!(shown(3), (2, vec![1]));
    assert_eq!(shown(4), (3, vec![1]));
    assert_eq!(shown(5), (3, vec![1, 3]));
    assert_eq!(shown(99), shown(5));
}

#[test]
fn what_is_gone_is_named_before_what_is_doubted() {
    let one = |cites, length| Made { note: 0, length, cites, ..Made::default() };
    let cites = [FactId(1)];
    let mut facts = [one(&[], 0), one(&cites, 1), one(&[], 2)];
    for (place, fact) in facts.iter_mut().enumerate() {
        fact.note = place as u64;
    }
    let change = Change { rejected: [FactId(1)].into(), ..Change::default() };
    let fates = what_if(&facts, &change);
    assert_eq!(fates[0], Fate::Falls(Cause::Rejected));
    assert_eq!(fates[1], Fate::Falls(Cause::Cites(FactId(1))));
    assert_eq!(fates[2], Fate::Unknown(Cause::Visible(FactId(1))));
}
