//! The law of the trait, on both logs: order, checks, pages, blobs, redaction, removal.
//!
//! Refuses to know how either keeps its entries.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod kit;

use delm_core::entry::{Blobs, Head};
use delm_log::{Append, AppendError, Found, HideError, Log, MemoryLog, RedactError, RunBlobs, WholeLog};
use kit::{Writer, blob, ids, open};

/// Runs one check on a memory log and on a store.
fn on_both(check: impl Fn(&dyn Log)) {
    check(&MemoryLog::new());
    let dir = tempfile::tempdir().unwrap();
    let (store, report) = open(&dir.path().join("store"));
    assert!(report.created);
    check(&store);
    store.close().unwrap();
}

#[test]
fn what_is_committed_is_read_back() {
    on_both(|log| {
        let mut one = Writer::begin(log, 1);
        let mut two = Writer::begin(log, 2);
        for step in 0..5 {
            one.add(log, &[&format!("a{step}"), "shared"]);
            two.add(log, &[&format!("b{step}"), "shared"]);
        }
        one.add_batch(log, 7);
        one.assert_in(log);
        two.assert_in(log);
        assert_eq!(log.entry(&one.run, 3).unwrap().as_ref(), one.sealed.get(3));
        assert_eq!(log.entry(&one.run, 12).unwrap(), None);
        assert_eq!(log.entries(&one.run, 2, 3).unwrap(), one.sealed[2..5]);
        assert_eq!(log.entries(&blob("no run").hash, 0, 9).unwrap(), []);
    });
}

#[test]
fn appends_are_judged_one_by_one() {
    on_both(|log| {
        let mut one = Writer::begin(log, 1);
        one.add(log, &[]);
        let good = one.next(&["x"]);
        let mut stale = good.clone();
        stale.after = None;
        let mut false_blob = good.clone();
        false_blob.blobs = vec![blob("x"), delm_core::entry::Blob { hash: blob("y").hash, ..blob("z") }];
        let mut false_id = good.clone();
        false_id.entry.id = blob("y").hash;
        let mut elsewhere = good.clone();
        elsewhere.entry = kit::entry(9, Some(Head { seq: 4, id: one.run }));
        let mut other_run = Writer::begin(log, 7).next(&[]);
        other_run.entry = kit::entry(8, None);
        let outcomes =
            log.commit(vec![stale, false_blob, false_id, elsewhere, other_run, good.clone(), good.clone()]);
        assert!(matches!(outcomes[0], Err(AppendError::HeadMoved { after: None, head: Some(_), .. })));
        assert!(matches!(outcomes[1], Err(AppendError::BlobMismatch { .. })));
        assert!(matches!(outcomes[2], Err(AppendError::EntryMismatch { seq: 1, .. })));
        assert!(matches!(outcomes[3], Err(AppendError::Misplaced { seq: 5, expected_seq: 1, .. })));
        assert!(matches!(outcomes[4], Err(AppendError::OtherRun { .. })));
        assert!(outcomes[5].is_ok());
        assert!(matches!(outcomes[6], Err(AppendError::HeadMoved { .. })));
        one.took(good.entry, good.blobs);
        one.assert_in(log);
    });
}

#[test]
fn an_earlier_term_is_lost() {
    on_both(|log| {
        let mut one = Writer::begin(log, 1);
        one.add(log, &[]);
        let late = one.next(&[]);
        let mut heir = Writer::resume(log, 1, one.run);
        assert!(matches!(log.commit(vec![late]).remove(0), Err(AppendError::TermLost { .. })));
        heir.add(log, &[]);
        let mut nobody = Writer::begin(log, 2).next(&[]);
        nobody.run = blob("never acquired").hash;
        assert!(matches!(log.commit(vec![nobody]).remove(0), Err(AppendError::TermLost { .. })));
    });
}

#[test]
fn lists_are_paged_and_ordered() {
    on_both(|log| {
        let mut writers: Vec<_> = (0..6).map(|salt| Writer::begin(log, salt)).collect();
        for writer in &mut writers {
            writer.add(log, &["one", "two", "three"]);
        }
        let all = log.runs(None, 100).unwrap();
        assert_eq!(
            all.iter().map(|info| info.run).collect::<Vec<_>>(),
            writers.iter().map(|w| w.run).collect::<Vec<_>>()
        );
        assert_eq!(log.runs(Some(all[1].number), 2).unwrap(), all[2..4]);
        let back = log.runs_back(Some(all[4].number), 2).unwrap();
        assert_eq!(back, [all[3], all[2]]);
        assert_eq!(log.runs_back(None, 1).unwrap(), all[5..]);
        let hex = all[2].run.to_string();
        assert_eq!(log.find(&hex, 5).unwrap(), [all[2]]);
        assert_eq!(log.find(&hex[..9], 5).unwrap(), [all[2]]);
        assert_eq!(log.find("", 3).unwrap().len(), 3);
        assert_eq!(log.find("no hex", 3).unwrap(), []);
        assert_eq!(log.find(&format!("{hex}0"), 3).unwrap(), []);
        let blobs = log.blobs(&all[0].run, None, 10).unwrap();
        assert!(blobs.len() == 3 && blobs.is_sorted_by_key(|blob| blob.hash));
        assert_eq!(log.blobs(&all[0].run, Some(&blobs[0].hash), 1).unwrap(), blobs[1..2]);
    });
}

#[test]
fn a_redacted_blob_is_gone_from_its_run_only() {
    on_both(|log| {
        let mut one = Writer::begin(log, 1);
        let mut two = Writer::begin(log, 2);
        one.add(log, &["secret", "open", ""]);
        two.add(log, &["secret"]);
        let secret = blob("secret").hash;
        log.redact(&one.run, &secret).unwrap();
        log.redact(&one.run, &secret).unwrap();
        log.redact(&one.run, &blob("").hash).unwrap();
        assert_eq!(log.blob(&one.run, &secret).unwrap(), Found::Redacted { len: 6 });
        assert!(log.blob(&two.run, &secret).unwrap().bytes().is_some());
        assert!(log.blob(&one.run, &blob("open").hash).unwrap().bytes().is_some());
        assert_eq!(log.blob(&two.run, &blob("open").hash).unwrap(), Found::Unknown);
        assert!(matches!(log.redact(&two.run, &blob("open").hash), Err(RedactError::NoBlob { .. })));
        assert!(matches!(log.redact(&secret, &secret), Err(RedactError::NoRun { .. })));
        // The same text again does not bring it back.
        one.add(log, &["secret"]);
        assert_eq!(log.blob(&one.run, &secret).unwrap(), Found::Redacted { len: 6 });
        let infos = log.blobs(&one.run, None, 10).unwrap();
        assert_eq!(infos.iter().filter(|info| info.redacted).count(), 2);
    });
}

#[test]
fn a_removed_run_is_gone_and_may_begin_again() {
    on_both(|log| {
        let mut one = Writer::begin(log, 1);
        let mut two = Writer::begin(log, 2);
        one.add(log, &["mine", "both"]);
        two.add(log, &["both"]);
        log.hide(&one.run).unwrap();
        assert_eq!(log.run(&one.run).unwrap(), None);
        assert_eq!(log.entries(&one.run, 0, 9).unwrap(), []);
        assert_eq!(log.blob(&one.run, &blob("mine").hash).unwrap(), Found::Unknown);
        assert_eq!(log.runs(None, 9).unwrap().len(), 1);
        assert!(matches!(log.hide(&one.run), Err(HideError::NoRun { .. })));
        two.assert_in(log);
        let mut again = Writer::begin(log, 1);
        again.add(log, &["mine"]);
        again.add(log, &[]);
        again.assert_in(log);
        assert_eq!(log.runs(None, 9).unwrap().len(), 2);
        assert_eq!(log.blob(&again.run, &blob("both").hash).unwrap(), Found::Unknown);
    });
}

#[test]
fn a_fork_keeps_its_origin_from_being_removed() {
    on_both(|log| {
        let mut one = Writer::begin(log, 1);
        one.add(log, &["a"]);
        one.add(log, &[]);
        let mut fork = Writer::fork(log, 3, &one);
        fork.add(log, &["b"]);
        let info = log.run(&fork.run).unwrap().unwrap();
        assert_eq!(
            (info.first, info.origin.map(|origin| (origin.owner, origin.seq))),
            (2, Some((one.run, 1)))
        );
        fork.assert_in(log);
        let blamed = matches!(log.hide(&one.run), Err(HideError::Forked { fork: f, .. }) if f == fork.run);
        assert!(blamed);
        log.hide(&fork.run).unwrap();
        log.hide(&one.run).unwrap();
        assert_eq!(log.runs(None, 9).unwrap(), []);
    });
}

#[test]
fn a_fork_from_nowhere_is_refused() {
    on_both(|log| {
        let mut one = Writer::begin(log, 1);
        one.add(log, &[]);
        let there = one.next(&[]);
        let elsewhere = MemoryLog::new();
        let mut other = Writer::begin(&elsewhere, 5);
        other.add(&elsewhere, &[]);
        let fork = Writer::fork(&elsewhere, 6, &other);
        let term = log.acquire(&fork.run).unwrap();
        let entry = fork.sealed[0].clone();
        let append = Append { run: fork.run, after: None, term, entry, blobs: vec![] };
        let outcomes = log.commit(vec![append, there]);
        assert!(matches!(outcomes[0], Err(AppendError::NoOrigin { .. })));
        assert_eq!(ids(&outcomes).iter().flatten().count(), 1);
    });
}

#[test]
fn what_a_fork_shares_is_found_under_it_and_nothing_else_of_its_origin() {
    let log = MemoryLog::new();
    let mut one = Writer::begin(&log, 1);
    for text in ["a", "b", "c"] {
        one.add(&log, &[text]);
    }
    let mut two = Writer::fork(&log, 2, &one);
    one.add(&log, &["later"]);
    two.add(&log, &["d", "a"]);
    let mut three = Writer::fork(&log, 3, &two);
    two.add(&log, &["e"]);
    three.add(&log, &["f"]);
    let whole = WholeLog::new(std::sync::Arc::new(log.clone()));
    let all: Vec<_> = one.sealed[..3].iter().chain(&two.sealed[..2]).chain(&three.sealed).cloned().collect();
    assert_eq!(all.len(), 7);
    for from in 0..9 {
        for limit in [0, 1, 2, 3, 100] {
            let end = (from + limit).min(all.len()).max(from.min(all.len()));
            let expected = &all[from.min(all.len())..end];
            assert_eq!(whole.entries(&three.run, from as u64, limit).unwrap(), expected, "{from} {limit}");
        }
    }
    assert_eq!(whole.entry(&three.run, 2).unwrap().as_ref(), Some(&all[2]));
    for (text, found) in [("a", true), ("c", true), ("d", true), ("f", true), ("later", false), ("e", false)]
    {
        let blob = blob(text);
        assert_eq!(whole.blob(&three.run, &blob.hash).unwrap().bytes().is_some(), found, "{text}");
    }
    let mut hashes: Vec<_> = ["a", "b", "c", "d", "f"].map(|text| blob(text).hash).to_vec();
    hashes.sort();
    let (mut after, mut listed) = (None, Vec::new());
    loop {
        let page = whole.blobs(&three.run, after.as_ref(), 2).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.hash);
        listed.extend(page.iter().map(|info| info.hash));
    }
    assert_eq!(listed, hashes);
    log.redact(&one.run, &blob("b").hash).unwrap();
    assert_eq!(whole.blob(&three.run, &blob("b").hash).unwrap(), Found::Redacted { len: 1 });
    assert_eq!(whole.entries(&blob("nobody").hash, 0, 9).unwrap(), []);
    assert_eq!(whole.blob(&blob("nobody").hash, &blob("a").hash).unwrap(), Found::Unknown);
    // Of a run that is no fork everything is as before.
    assert_eq!(whole.entries(&one.run, 0, 9).unwrap(), log.entries(&one.run, 0, 9).unwrap());
    assert_eq!(whole.run(&three.run).unwrap(), log.run(&three.run).unwrap());
}

/// The entry is there, but the fork's chain comes from another one.
#[test]
fn a_fork_that_does_not_follow_the_entry_it_names_is_refused() {
    on_both(|log| {
        let mut one = Writer::begin(log, 1);
        one.add(log, &[]);
        let second = one.add(log, &[]);
        let entry = kit::fork_entry(3, one.run, Head { seq: 0, id: second.id });
        let term = log.acquire(&entry.id).unwrap();
        let refused = log.commit(vec![Append { run: entry.id, after: None, term, entry, blobs: vec![] }]);
        let named =
            matches!(&refused[0], Err(AppendError::NoOrigin { owner, seq: 0, .. }) if *owner == one.run);
        assert!(named, "{refused:?}");
    });
}

#[test]
fn the_blobs_of_a_run_are_given_as_the_core_asks_for_them() {
    on_both(|log| {
        let mut one = Writer::begin(log, 1);
        one.add(log, &["text", "secret"]);
        log.redact(&one.run, &blob("secret").hash).unwrap();
        let blobs = RunBlobs::new(log, one.run);
        assert_eq!(blobs.blob(&blob("text").hash).as_deref(), Some(b"text".as_slice()));
        assert_eq!(blobs.blob(&blob("secret").hash), None);
        assert_eq!(blobs.blob(&blob("never written").hash), None);
        blobs.finish().unwrap();
    });
}
