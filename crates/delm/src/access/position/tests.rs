//! Every kind of position in a recorded run, against the entries themselves.

use std::path::Path;

use super::*;

fn recorded() -> (Reading, Digest, Vec<Sealed>) {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../replays/harrow-light/runs");
    let mut found: Vec<_> = std::fs::read_dir(runs).unwrap().map(|file| file.unwrap().path()).collect();
    found.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    found.sort();
    let reading = Reading::of_export(&found[0]).unwrap();
    let run = reading.only.unwrap();
    let entries = reading.log.entries(&run, 0, usize::MAX).unwrap();
    (reading, run, entries)
}

#[test]
fn what_an_entry_made_names_it() {
    let (reading, run, entries) = recorded();
    let seq = |at: &str| reading.seq_at(run, &at.parse().unwrap()).map_err(|error| error.exit);
    let head = entries.last().unwrap().entry.seq;
    assert_eq!((seq("head"), seq("head~0"), seq("0")), (Ok(head), Ok(head), Ok(0)));
    assert_eq!((seq("head~3"), seq(&head.to_string())), (Ok(head - 3), Ok(head)));
    assert_eq!(seq(&format!("head~{head}")), Ok(0));
    for sealed in &entries {
        assert_eq!(seq(&sealed.id.to_string()), Ok(sealed.entry.seq));
        for event in &sealed.entry.events {
            let label = if let Event::GistAdmitted(admitted) = event {
                admitted.label.to_string()
            } else if let Event::TaskAdded(added) = event {
                added.task.to_string()
            } else if let Event::UnitAdded(added) = event {
                added.unit.to_string()
            } else if let Event::AgentJoined(joined) = event {
                joined.agent.to_string()
            } else if let Event::AnswerGiven(_) = event {
                "answer".to_owned()
            } else {
                continue;
            };
            assert_eq!(seq(&label), Ok(sealed.entry.seq), "{label}");
        }
    }
}

#[test]
fn a_position_past_the_head_is_refused_and_so_is_one_of_nothing_or_of_several() {
    let (reading, run, entries) = recorded();
    let head = entries.last().unwrap().entry.seq;
    for at in [format!("{}", head + 1), format!("head~{}", head + 1), "F9999".into(), "c99999".into()] {
        let error = reading.seq_at(run, &at.parse().unwrap()).unwrap_err();
        assert_eq!((error.exit, error.code), (Exit::NotFound, "not_found"), "{at}: {}", error.message);
        assert!(error.hint.is_some());
    }
    // Of so many ids some begin alike.
    let mut firsts: Vec<String> =
        entries.iter().map(|sealed| sealed.id.to_string()[..1].to_owned()).collect();
    firsts.sort();
    let twice = firsts.windows(2).find(|pair| pair[0] == pair[1] && pair[0].as_bytes()[0] > b'9');
    if let Some(twice) = twice {
        let error = reading.seq_at(run, &twice[0].parse().unwrap()).unwrap_err();
        assert_eq!((error.exit, error.code), (Exit::NotFound, "ambiguous"), "{}", error.message);
    }
    let unused = "f".repeat(40);
    let error = reading.seq_at(run, &unused.parse().unwrap()).unwrap_err();
    assert_eq!(error.code, "not_found");
}
