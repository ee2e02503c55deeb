//! What people read: it fits the terminal, says what it means, and cannot drive the terminal.

use super::*;

const LINES: &[&str] = &[
    "ls",
    "show",
    "facts",
    "facts --rejected",
    "queue",
    "agents",
    "calls",
    "log",
    "log -p",
    "log --reverse --limit 5",
    "verify",
    "replay",
    "unfold F1",
    "unfold F1 --level raw",
    "unfold S1.1 --level raw",
    "cat a1",
];

#[test]
fn everything_fits_eighty_columns() {
    for world in [World::read(), World::scripted(SCRIPT)] {
        for line in LINES {
            let text = ran(&world.reading, line, TERMINAL).ok();
            assert!(!text.is_empty(), "{line}");
            assert!(!text.contains('\u{1b}'), "{line}\n{}", framed(&text));
            // Hashes and JSON of drafts are not cut.
            let words = text.lines().filter(|line| !line.split(' ').any(|word| word.len() > 60));
            let words = words.collect::<Vec<_>>().join("\n");
            assert!(widest(&words) <= 80, "{line}: {} columns\n{}", widest(&words), framed(&text));
        }
    }
}

#[test]
fn show_says_what_the_answer_is_and_what_to_do_next() {
    let world = World::read();
    let text = ran(&world.reading, "show", TERMINAL).ok();
    for words in [
        "outcome   answered",
        "answer (quotes: verbatim sentences; the built-in reader does not reason)",
        "Ada Merrow",
        "04-merrow-school.md, S4.1, bytes ",
        "limits    unit_bytes=1000",
        "read      12 documents in",
        "1 left out",
        "scan.pdf: it is no text␛[2J",
        "cost $0.00",
        "delm replay harrow",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{}", framed(&text));
    }
    let scripted = World::scripted(SCRIPT);
    let text = ran(&scripted.reading, "show", TERMINAL).ok();
    assert!(
        text.contains("answer (text: written by a model") && text.contains("cost unknown"),
        "{}",
        framed(&text)
    );
}

#[test]
fn a_pipe_gets_whole_lines() {
    let world = World::read();
    for (line, columns) in
        [("ls", 7), ("facts", 6), ("queue", 7), ("agents", 9), ("calls", 10), ("log", 5), ("log -p", 6)]
    {
        let text = ran(&world.reading, line, PIPE).ok();
        assert!(
            text.lines().all(|line| line.matches('\t').count() == columns - 1),
            "{line}\n{}",
            framed(&text)
        );
        assert!(!text.contains('…'), "{line}");
    }
    let run = world.run().to_string();
    assert!(ran(&world.reading, "ls", PIPE).ok().contains(&run));
}

#[test]
fn a_page_that_ends_says_how_to_go_on() {
    let world = World::read();
    for line in
        ["facts --limit 1", "log --limit 1", "log --reverse --limit 1", "agents --limit 1", "queue --limit 1"]
    {
        let ran = ran(&world.reading, line, TERMINAL);
        assert!(ran.err.starts_with("there is more: --after "), "{line}: {}", ran.err);
    }
}

#[test]
fn the_bytes_behind_every_name_are_the_bytes() {
    let world = World::read();
    let cat = |what: &str| ran(&world.reading, &format!("cat harrow {what}"), PIPE).ok();
    let file = std::fs::read_to_string(sources().join("01-harrow-light.md")).unwrap();
    assert_eq!(cat("S1"), file);
    assert!(file.starts_with(&cat("S1.1")));
    assert_eq!(cat(&Digest::of_blob(file.as_bytes()).to_string()), file);
    let facts = json(&world.reading, "facts");
    assert_eq!(cat("F1"), facts["items"][0]["text"]);
    assert_eq!(cat("answer"), json(&world.reading, "show")["answer"]);
    assert!(cat("a1").contains("extractive"));
    for (what, code) in [
        ("S99", "not_found"),
        ("S1.99", "not_found"),
        ("F999", "not_found"),
        ("T999", "not_found"),
        ("a9", "not_found"),
        ("c1", "not_found"),
    ] {
        let error = ran(&world.reading, &format!("cat {what}"), PIPE).error();
        assert_eq!((error.code, error.exit), (code, Exit::NotFound), "{what}");
    }
    let unknown = Digest::of_blob(b"nowhere").to_string();
    assert_eq!(ran(&world.reading, &format!("cat {unknown}"), PIPE).error().exit, Exit::NotFound);
    assert_eq!(ran(&world.reading, "cat F1 --prompt", PIPE).error().exit, Exit::Usage);
}

#[test]
fn prompts_are_rebuilt_for_every_call() {
    let world = World::scripted(SCRIPT);
    let calls = json(&world.reading, "calls")["items"].as_array().unwrap().len();
    for call in 1..=calls {
        let prompt = ran(&world.reading, &format!("cat c{call} --prompt"), PIPE);
        assert!(prompt.err.contains("its hash is the recorded one"), "{}", prompt.err);
        let text = prompt.ok();
        assert!(text.starts_with("=== system ===\n") && text.contains("=== user ===\n"), "c{call}: {text}");
    }
    let again = json(&world.reading, "calls")["items"].as_array().unwrap().iter().any(|call| {
        let label = call["call"].as_str().unwrap();
        ran(&world.reading, &format!("cat {label} --prompt"), PIPE)
            .ok()
            .contains("=== assistant ===\nno JSON at all")
    });
    assert!(again, "the plan that was nonsense is asked for again");
    assert_eq!(ran(&world.reading, "cat c999", PIPE).error().exit, Exit::NotFound);
}

#[test]
fn unfolding_leads_from_a_fact_to_the_words_it_stands_on() {
    let world = World::read();
    let raw = json(&world.reading, "unfold F1 --level raw");
    let quote = &raw["raw"][0];
    let file = std::fs::read_to_string(sources().join(quote["name"].as_str().unwrap())).unwrap();
    let range = range(quote);
    assert_eq!(file[range], *quote["quote"].as_str().unwrap());
    let near = json(&world.reading, "unfold S1.2 --level raw");
    let units: Vec<_> =
        near["raw"].as_array().unwrap().iter().map(|unit| unit["unit"].as_str().unwrap()).collect();
    assert_eq!(units[..2], ["S1.1", "S1.2"]);
    let error = ran(&world.reading, "unfold S1.1", PIPE).error();
    assert_eq!(error.exit, Exit::NotFound);
    assert!(error.hint.unwrap().contains("--level raw"));
    let read = World::scripted(SCRIPT);
    assert_eq!(ran(&read.reading, "unfold F999", PIPE).error().exit, Exit::NotFound);
}
