//! Help: examples first, verbs in groups by what one wants to do.
//!
//! Refuses to describe a verb twice: one-line descriptions come from the tree itself.

use std::fmt::Write;

use clap::builder::Styles;
use clap::builder::styling::{AnsiColor, Effects};
use clap::{Command, CommandFactory};

use super::Cli;

/// The verbs in groups, in the order one meets them. A test holds this against the tree.
pub(crate) const GROUPS: &[(&str, &[&str])] = &[
    ("Ask", &["demo", "run", "resume", "fork", "cancel"]),
    ("Look", &["ls", "show", "log", "queue", "agents", "facts", "calls", "cat", "unfold"]),
    ("Ask why", &["why", "blame", "what-if"]),
    ("Check", &["verify", "replay", "check", "export"]),
    ("Upkeep", &["doctor", "config", "rm", "backup", "schema", "completions"]),
];

/// Examples of each verb, shown before everything else. A test parses every one.
pub(crate) const EXAMPLES: &[(&str, &[&str])] = &[
    ("demo", &["delm demo"]),
    (
        "run",
        &[
            "delm run --docs notes/ \"Who repaired the lamp, and when?\"",
            "delm run \"Who repaired the lamp?\" --agents 8 --docs notes/ report.md",
            "delm run \"What changed?\" --docs - --model openai::gpt-4.1-mini --budget-usd 0.50",
            "delm run \"What changed?\" --docs notes/ --model ollama::qwen3:8b --name changes --dry-run",
        ],
    ),
    ("resume", &["delm resume", "delm resume 7f3a --budget-usd 2 --deadline 30m"]),
    (
        "fork",
        &[
            "delm fork light --drop F3",
            "delm fork 7f3a@F12 --model ollama::qwen3:8b --name other-model",
            "delm fork last@head~4 --set attempts_max=5 --no-start",
        ],
    ),
    ("cancel", &["delm cancel 7f3a"]),
    ("ls", &["delm ls", "delm ls --resumable --since 2h", "delm ls --name 'light-*' --json"]),
    ("show", &["delm show", "delm show light --json", "delm show replays/light.jsonl"]),
    (
        "log",
        &[
            "delm log -f",
            "delm log last --kind verdict_given,gist_admitted -p",
            "delm log 7f3a --agent a3 --reverse",
        ],
    ),
    ("queue", &["delm queue", "delm queue 7f3a --json"]),
    ("agents", &["delm agents", "delm agents light --json"]),
    ("facts", &["delm facts", "delm facts light --rejected"]),
    ("calls", &["delm calls", "delm calls 7f3a --limit 20"]),
    ("cat", &["delm cat F12", "delm cat 7f3a S3.2", "delm cat last c5 --prompt"]),
    ("unfold", &["delm unfold F12", "delm unfold 7f3a S3.2 --level raw"]),
    ("why", &["delm why answer", "delm why light F12 --depth 2", "delm why F12 --dot > f12.dot"]),
    ("blame", &["delm blame", "delm blame light --json"]),
    (
        "what-if",
        &["delm what-if --without-agent a3", "delm what-if light --without F2 --verdict F7=reject --json"],
    ),
    ("export", &["delm export > run.jsonl", "delm export light > light.jsonl"]),
    ("verify", &["delm verify", "delm verify replays/light.jsonl"]),
    ("replay", &["delm replay", "delm replay replays/light.jsonl --json"]),
    (
        "check",
        &["delm check", "delm check replays/light.jsonl", "delm export | delm check -", "delm check --list"],
    ),
    ("rm", &["delm rm 7f3a"]),
    ("backup", &["delm backup /mnt/copy/delm"]),
    ("doctor", &["delm doctor", "delm doctor --json"]),
    ("config", &["delm config show --origin", "delm config limits", "delm config prompts -o prompts/"]),
    ("schema", &["delm schema", "delm schema script"]),
    ("completions", &["delm completions bash > ~/.local/share/bash-completion/completions/delm"]),
];

const VERB_TEMPLATE: &str =
    "{about-with-newline}\n{before-help}{usage-heading} {usage}\n\n{all-args}{after-help}";

/// The whole tree, with its help.
pub(crate) fn command() -> Command {
    let mut command = Cli::command();
    let top = overview(&command);
    for (verb, examples) in EXAMPLES {
        command = command.mut_subcommand(verb, |verb| {
            verb.before_help(examples_text(examples)).help_template(VERB_TEMPLATE)
        });
    }
    command.styles(styles()).help_template(top_template()).before_help(top).after_help(
        "RUN is a prefix of a run's id, its name, `last`, or a path to an export; without it, the run begun last.\n\
         RUN@POS, in the verbs that read one, is the run as it stood at an entry: a seq, `head~N`, an entry's id, or a label.\n\
         `delm VERB --help` says the rest.",
    )
}

fn top_template() -> String {
    format!("{{about-with-newline}}\n{{before-help}}{}\n{{options}}{{after-help}}", heading("Options"))
}

fn overview(command: &Command) -> String {
    let mut text = examples_text(&[
        "delm demo",
        "delm run --docs notes/ \"Who repaired the lamp, and when?\"",
        "delm facts",
    ]);
    for (group, verbs) in GROUPS {
        // Writing to a string cannot fail.
        let _never = write!(text, "\n\n{}", heading(group));
        for verb in *verbs {
            let about = command.find_subcommand(verb).and_then(Command::get_about).map(ToString::to_string);
            let _never = write!(text, "\n  {}{:<12}{} {}", bold(), verb, off(), about.unwrap_or_default());
        }
    }
    text
}

fn examples_text(examples: &[&str]) -> String {
    let mut text = heading("Examples");
    for example in examples {
        let _never = write!(text, "\n  {example}");
    }
    text
}

fn heading(name: &str) -> String {
    let style = styles().get_header().to_owned();
    format!("{}{name}:{}", style.render(), style.render_reset())
}

fn bold() -> impl std::fmt::Display {
    styles().get_literal().to_owned().render().to_string()
}

fn off() -> impl std::fmt::Display {
    styles().get_literal().to_owned().render_reset().to_string()
}

fn styles() -> Styles {
    Styles::styled()
        .header(AnsiColor::Green.on_default() | Effects::BOLD)
        .usage(AnsiColor::Green.on_default() | Effects::BOLD)
        .literal(AnsiColor::Cyan.on_default() | Effects::BOLD)
        .placeholder(AnsiColor::Cyan.on_default())
}
