//! What the tree accepts and refuses.

use std::collections::BTreeSet;
use std::ffi::OsString;

use super::*;
use crate::refs::{RunAt, RunRef};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::parse_from_list(words(line))
}

/// Splits a line as a shell would, with single and double quotes and an end at `>`.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '>') => break,
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[test]
fn the_tree_is_sound() {
    help::command().debug_assert();
}

#[test]
fn every_verb_is_in_one_group_and_has_examples() {
    let in_tree: BTreeSet<_> =
        help::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    let grouped: Vec<_> =
        help::GROUPS.iter().flat_map(|(_, verbs)| verbs.iter().map(|verb| (*verb).to_owned())).collect();
    assert_eq!(grouped.len(), in_tree.len());
    assert_eq!(grouped.into_iter().collect::<BTreeSet<_>>(), in_tree);
    let with_examples: BTreeSet<_> = help::EXAMPLES.iter().map(|(verb, _)| (*verb).to_owned()).collect();
    assert_eq!(with_examples, in_tree);
}

#[test]
fn verbs_are_those_of_the_contract() {
    let contract = "demo run resume fork cancel ls show log queue agents facts calls cat unfold why blame what-if export verify replay check rm backup doctor schema config completions";
    let in_tree: BTreeSet<_> =
        help::command().get_subcommands().map(|verb| verb.get_name().to_owned()).collect();
    assert_eq!(in_tree, contract.split(' ').map(str::to_owned).collect());
}

#[test]
fn every_example_parses_and_is_not_refused() {
    for (verb, examples) in help::EXAMPLES {
        // Of a pipe, the verb that the example is of.
        for example in examples.iter().filter_map(|example| example.split(" | ").last()) {
            let cli = parse(example).unwrap_or_else(|error| panic!("{example}: {error}"));
            cli.refuse_later().unwrap_or_else(|error| panic!("{example}: {error}"));
            assert_eq!(words(example)[1], *verb);
        }
    }
}

#[test]
fn help_shows_examples_before_usage() {
    for verb in help::EXAMPLES.iter().map(|(verb, _)| verb) {
        let help = parse(&format!("delm {verb} --help")).unwrap_err();
        assert_eq!(help.kind(), clap::error::ErrorKind::DisplayHelp);
        let text = help.to_string();
        let (examples, usage) = (text.find("Examples:").unwrap(), text.find("Usage:").unwrap());
        assert!(examples < usage, "{text}");
        assert!(text.contains("--store"), "{text}");
    }
}

#[test]
fn documents_may_stand_before_or_after_the_question() {
    let lines = [
        "delm run 'who then' --docs a b",
        "delm run --docs a b -- 'who then'",
        "delm run --docs a b 'who then'",
        "delm run --docs a --agents 2 --docs b 'who then'",
        "delm run --docs a --docs b --agents 2 'who then'",
    ];
    for line in lines {
        let Verb::Drive(Drive::Run(mut run)) = parse(line).unwrap().verb else { panic!("{line}") };
        assert_eq!(run.settle_question(|_| false).unwrap(), "who then", "{line}");
        assert_eq!(run.input.docs, [PathBuf::from("a"), PathBuf::from("b")], "{line}");
    }
    let Verb::Drive(Drive::Run(mut run)) = parse("delm run - --docs -").unwrap().verb else { panic!() };
    assert_eq!(run.settle_question(|_| false).unwrap(), "-");
    assert_eq!(run.input.docs, [PathBuf::from("-")]);
}

#[test]
fn a_path_is_no_question() {
    for (line, exists) in [
        ("delm run", false),
        ("delm run '  '", false),
        ("delm run --docs a", false),
        ("delm run --docs 'Who then?'", false),
        ("delm run --docs a missing.md", false),
        ("delm run --docs a 'my notes.md'", true),
    ] {
        let Verb::Drive(Drive::Run(mut run)) = parse(line).unwrap().verb else { panic!("{line}") };
        let error = run.settle_question(|_| exists).unwrap_err();
        assert_eq!((error.exit, error.message.as_str()), (Exit::Usage, "there is no question"), "{line}");
    }
}

#[test]
fn cat_and_unfold_take_the_last_run_when_none_is_named() {
    let Verb::Read(Read::Cat(cat)) = parse("delm cat F12").unwrap().verb else { panic!() };
    assert_eq!((cat.run, cat.what.to_string()), (None, "F12".to_owned()));
    let Verb::Read(Read::Cat(cat)) = parse("delm cat 7f3a c5 --prompt").unwrap().verb else { panic!() };
    assert_eq!(cat.run, Some(RunAt { run: RunRef::Prefix("7f3a".into()), at: None }));
    let Verb::Read(Read::Unfold(unfold)) = parse("delm unfold S3.2 --level raw").unwrap().verb else {
        panic!()
    };
    assert_eq!(
        (unfold.run, unfold.label.to_string(), unfold.level),
        (None, "S3.2".to_owned(), read::LevelArg::Raw)
    );
}

#[test]
fn wait_takes_its_time_only_behind_an_equals_sign() {
    assert_eq!(parse("delm ls").unwrap().global.wait, None);
    assert_eq!(parse("delm ls --wait").unwrap().global.wait, Some(Wait::Forever));
    let half = std::time::Duration::from_secs(30);
    assert_eq!(parse("delm ls --wait=30s").unwrap().global.wait, Some(Wait::AtMost(half)));
    assert_eq!(parse("delm --wait show light").unwrap().global.wait, Some(Wait::Forever));
    assert!(parse("delm ls --wait=soon").is_err());
}

#[test]
fn wrong_usage_is_refused_with_the_value_named() {
    let table = [
        ("delm run q --agents 0", "0 is not in 1..=4096"),
        ("delm run q --agents 10000", "10000 is not in 1..=4096"),
        ("delm run q --set lease=5", "no limit called"),
        ("delm run q --budget-usd 0", "leave it out"),
        ("delm run q --deadline 60", "90s"),
        ("delm run q --name last", "means a run already"),
        ("delm rm last@5", "RUN@POS"),
        ("delm show last@nowhere", "is no position"),
        ("delm cat nothing", "names nothing"),
        ("delm cat", "WHAT"),
        ("delm cancel", "RUN"),
        ("delm rm", "RUN"),
        ("delm log --kind nonsense", "nonsense"),
        ("delm log --reverse -f", "cannot be used"),
        ("delm ls --json --jsonl", "cannot be used"),
        ("delm diff last", "diff"),
        ("delm why S3.2", "has no ancestors"),
        ("delm why", "LABEL"),
        ("delm what-if --verdict F1=approve", "F12=reject"),
        ("delm what-if --without S1", "fact label"),
    ];
    for (line, says) in table {
        let error = parse(line).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{line}");
        let ours = usage_error(&error);
        assert!(ours.message.contains(says), "{line}: {}", ours.message);
        assert!(!ours.message.contains("error:") && !ours.message.contains('\n'), "{line}: {}", ours.message);
        assert_eq!((ours.code, ours.exit), ("usage", Exit::Usage));
    }
}

#[test]
fn what_comes_later_is_refused_by_name() {
    let table = [
        ("delm run q --ablate hierarchy", "--ablate hierarchy"),
        ("delm export --format md", "--format md"),
        ("delm export --no-blobs", "--no-blobs"),
        ("delm verify --head ab12", "--head"),
        ("delm verify --checkpoint f --trust k", "--checkpoint"),
        ("delm verify --sources", "--sources"),
        ("delm replay --today", "--today"),
    ];
    for (line, flag) in table {
        let error = parse(line).unwrap().refuse_later().unwrap_err();
        assert_eq!((error.code, error.exit), ("not_yet", Exit::Usage));
        assert_eq!(error.message, format!("{flag} is not in this version"));
    }
    parse("delm run q --ablate sharing --ablate verdicts").unwrap().refuse_later().unwrap();
}

#[test]
fn json_is_recognized_even_in_a_wrong_list() {
    let list = |line: &str| words(line).into_iter().map(OsString::from).collect::<Vec<_>>();
    assert!(asks_for_json(&list("delm ls --json --nonsense")));
    assert!(asks_for_json(&list("delm --jsonl")));
    assert!(!asks_for_json(&list("delm run -- --json")));
}

#[test]
fn help_is_a_verb_for_those_who_try_it() {
    for (line, shows) in
        [("delm help", "delm demo"), ("delm help run", "--docs"), ("delm help config show", "--origin")]
    {
        let shown = Cli::parse_from_list(line.split(' ')).unwrap_err();
        assert_eq!(shown.kind(), clap::error::ErrorKind::DisplayHelp, "{line}");
        assert!(shown.to_string().contains(shows), "{line}: {shown}");
    }
    assert!(Cli::parse_from_list(["delm", "help", "nonsense"]).is_err_and(|error| error.use_stderr()));
}
