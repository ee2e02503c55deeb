//! Golden sessions: commands and what they came to, held against a file under `tests/golden`.
//!
//! Refuses to rewrite a file unless `BLESS` is set; a line that differs is shown beside the one that was wanted.

use std::fmt::Write;
use std::fs;

use super::redact::Redactor;
use super::{Call, Done, World, top};

/// A session as it goes.
pub(crate) struct Session {
    name: &'static str,
    redactor: Redactor,
    text: String,
}

impl Session {
    /// The session that `tests/golden/NAME.txt` holds.
    pub(crate) fn new(name: &'static str, world: &World) -> Self {
        Self { name, redactor: Redactor::new(world), text: String::new() }
    }

    /// Runs a call and writes it down.
    pub(crate) fn step(&mut self, call: Call<'_>) -> Done {
        let done = call.done();
        self.note(&done, &done.stdout);
        done
    }

    /// As [`Session::step`], with another view of what it wrote.
    pub(crate) fn note(&mut self, done: &Done, stdout: &str) {
        let line = done.line.split_once("/delm ").map_or(done.line.as_str(), |(_, line)| line);
        let mut text = format!("$ delm {line}\n");
        let stdout = if done.json { spread(stdout) } else { stdout.to_owned() };
        for (name, said) in [("", stdout.as_str()), ("stderr: ", done.stderr.as_str())] {
            // How often progress is drawn is the clock's affair.
            for line in said.lines().filter(|line| !line.contains(['█', '░'])) {
                writeln!(text, "{}", format!("{name}{line}").trim_end()).unwrap();
            }
        }
        writeln!(text, "exit {}\n", done.code).unwrap();
        self.text.push_str(&self.redactor.redact(&text));
    }

    /// Holds the session against its file.
    #[track_caller]
    pub(crate) fn end(self) {
        let path = top().join("tests/golden").join(self.name).with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &self.text).unwrap();
            return;
        }
        let wanted = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let (wanted, found) = (lines(&wanted), lines(&self.text));
        if let Some(place) = (0..wanted.len().max(found.len())).find(|at| wanted.get(*at) != found.get(*at)) {
            let around = |lines: &[String]| {
                lines
                    .iter()
                    .skip(place.saturating_sub(4))
                    .take(12)
                    .map(|line| format!("    {line}\n"))
                    .collect::<String>()
            };
            panic!(
                "{}:{}: the session went otherwise (BLESS=1 writes the file anew)\nwanted:\n{}found:\n{}",
                path.display(),
                place + 1,
                around(&wanted),
                around(&found)
            );
        }
    }
}

/// JSON with a line a field, in the order it has: a difference is then a line.
fn spread(json: &str) -> String {
    let (mut text, mut depth, mut quoted, mut escaped) = (String::new(), 0, false, false);
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        let (opens, closes) = (!quoted && matches!(c, '{' | '['), !quoted && matches!(c, '}' | ']'));
        let empty = closes && text.ends_with(['{', '[']);
        if closes && !empty {
            depth -= 1;
            text.push_str(&format!("\n{}", "  ".repeat(depth)));
        }
        text.push(c);
        let emptied = opens && chars.peek().is_some_and(|next| matches!(next, '}' | ']'));
        if opens && !emptied || !quoted && c == ',' {
            depth += usize::from(opens);
            text.push_str(&format!("\n{}", "  ".repeat(depth)));
        }
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
    }
    text
}

#[test]
fn json_is_spread_outside_of_its_strings() {
    let wanted = "{\n  \"a\":[],\n  \"b,\\\"{\":[\n    1,\n    {}\n  ]\n}";
    assert_eq!(spread("{\"a\":[],\"b,\\\"{\":[1,{}]}"), wanted);
}
