//! Progress on standard error: a line for the run, one for each busy agent, at most ten times a second; without a
//! terminal a line every ten seconds.
//!
//! Refuses to count anything: it draws what it is given, which is folded from the log.

use std::io::{self, Write};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::output::human::{clock, count, money, plural, span};
use crate::output::text::one_line;

/// Agents that get a line of their own.
const AGENTS_SHOWN_MAX: usize = 8;

/// How often the terminal is drawn anew at most, a second.
const DRAWS_PER_SECOND: u8 = 10;

/// How long it is between two lines where there is no terminal.
const LINE_EVERY_MS: u64 = 10_000;

/// Characters of the bar.
const BAR_CHARS: u64 = 10;

/// A busy agent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AgentLine {
    /// `a3`.
    pub(crate) agent: String,
    /// What it holds: `reason`, `review`, ….
    pub(crate) job: String,
    /// What it is about: `T7`, `S3.2`.
    pub(crate) about: String,
    /// The text of that, if any.
    pub(crate) text: String,
    /// How long it has held it.
    pub(crate) for_ms: u64,
}

/// A run at one position of its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// Its name, or the beginning of its id.
    pub(crate) run: String,
    /// What it is at: `reading`, `working`, `stopping`, ….
    pub(crate) stage: String,
    /// Tasks and readings done or abandoned.
    pub(crate) done: u64,
    /// Tasks and readings there are.
    pub(crate) total: u64,
    /// Agents that joined.
    pub(crate) agents: u64,
    /// Facts admitted.
    pub(crate) facts: u64,
    /// Gists rejected.
    pub(crate) rejected: u64,
    /// Tokens in and out.
    pub(crate) tokens: u64,
    /// What it has cost; none if unknown.
    pub(crate) cost_microusd: Option<u64>,
    /// How long it has been running.
    pub(crate) running_ms: u64,
    /// Agents at work, in order.
    pub(crate) busy: Vec<AgentLine>,
}

impl Snapshot {
    /// The line of the run.
    fn headline(&self) -> String {
        let filled = (self.done * BAR_CHARS).checked_div(self.total).unwrap_or(0).min(BAR_CHARS);
        let bar: String = (0..BAR_CHARS).map(|place| if place < filled { '█' } else { '░' }).collect();
        let rejected =
            if self.rejected > 0 { format!("  {} rejected", count(self.rejected)) } else { String::new() };
        format!(
            "{}  {bar}  {}/{} {}  {}  {}{rejected}  {} tokens  {}  {}",
            one_line(&self.run),
            count(self.done),
            count(self.total),
            self.stage,
            plural(self.agents, "agent"),
            plural(self.facts, "fact"),
            count(self.tokens),
            money(self.cost_microusd),
            clock(self.running_ms),
        )
    }

    /// Everything there is to see, one text a line, none wider than `columns`.
    fn lines(&self, columns: usize) -> Vec<String> {
        let mut lines = vec![cut(&self.headline(), columns)];
        let agent_width = self.busy.iter().map(|line| line.agent.width()).max().unwrap_or(0);
        let job_width = self.busy.iter().map(|line| line.job.width()).max().unwrap_or(0);
        for line in self.busy.iter().take(AGENTS_SHOWN_MAX) {
            let text =
                if line.text.is_empty() { String::new() } else { format!("  {}", one_line(&line.text)) };
            let held = span(line.for_ms);
            let left =
                format!("  {:agent_width$}  {:job_width$}  {}{text}", line.agent, line.job, line.about);
            let room = columns.saturating_sub(held.width() + 2);
            lines.push(cut(&format!("{}  {held}", cut(&left, room)), columns));
        }
        let more = self.busy.len().saturating_sub(AGENTS_SHOWN_MAX);
        if more > 0 {
            lines.push(cut(&format!("  +{more} more"), columns));
        }
        lines
    }
}

/// The text, cut to so many columns with `…` for what is missing.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let (mut cut, mut used) = (String::new(), 1);
    for c in text.chars() {
        used += c.width().unwrap_or(0);
        if used > columns {
            break;
        }
        cut.push(c);
    }
    if columns > 0 {
        cut.push('…');
    }
    cut
}

/// Draws the progress of a run.
pub(crate) struct Progress {
    shape: Shape,
}

enum Shape {
    Silent,
    Terminal { all: MultiProgress, lines: Vec<ProgressBar>, columns: Option<usize> },
    Lines { err: Box<dyn Write + Send>, last_ms: Option<u64> },
}

impl Progress {
    /// No progress at all: `--quiet`, or output for programs.
    pub(crate) fn silent() -> Self {
        Self { shape: Shape::Silent }
    }

    /// Progress on standard error, drawn on a terminal or told in lines elsewhere.
    pub(crate) fn on_stderr(is_terminal: bool) -> Self {
        if is_terminal {
            Self::terminal(ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND), None)
        } else {
            Self::lines(Box::new(io::stderr()))
        }
    }

    /// Progress told in lines.
    fn lines(err: Box<dyn Write + Send>) -> Self {
        Self { shape: Shape::Lines { err, last_ms: None } }
    }

    fn terminal(target: ProgressDrawTarget, columns: Option<usize>) -> Self {
        let all = MultiProgress::with_draw_target(target);
        Self { shape: Shape::Terminal { all, lines: Vec::new(), columns } }
    }

    /// Shows the run as it is now; may be called as often as it changes. Standard error may be closed: that is ignored.
    pub(crate) fn show(&mut self, snapshot: &Snapshot, now_ms: u64) {
        match &mut self.shape {
            Shape::Silent => {}
            Shape::Terminal { all, lines, columns } => {
                let columns = columns.unwrap_or_else(terminal_columns);
                let texts = snapshot.lines(columns.saturating_sub(1));
                while lines.len() > texts.len() {
                    if let Some(line) = lines.pop() {
                        all.remove(&line);
                    }
                }
                while lines.len() < texts.len() {
                    let bar = ProgressBar::no_length().with_style(message_only());
                    lines.push(all.add(bar));
                }
                lines.iter().zip(texts).for_each(|(line, text)| line.set_message(text));
            }
            Shape::Lines { err, last_ms } => {
                if last_ms.is_none_or(|last| now_ms.saturating_sub(last) >= LINE_EVERY_MS) {
                    *last_ms = Some(now_ms);
                    let _gone = writeln!(err, "{}", snapshot.headline());
                }
            }
        }
    }

    /// Takes the drawing away, so that what follows stands on clean lines.
    pub(crate) fn clear(&mut self) {
        if let Shape::Terminal { all, lines, .. } = &mut self.shape {
            lines.drain(..).for_each(|line| line.finish_and_clear());
            // The terminal may have gone.
            let _gone = all.clear();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn message_only() -> ProgressStyle {
    ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn terminal_columns() -> usize {
    terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| usize::from(width.0))
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::*;
    use crate::output::capture::Captured;

    fn snapshot(busy: usize) -> Snapshot {
        let line = |number: usize| AgentLine {
            agent: format!("a{number}"),
            job: if number.is_multiple_of(2) { "review" } else { "reason" }.into(),
            about: format!("T{number}"),
            text: "who repaired\nthe lamp \u{1b}[31m after the storm of 1871".into(),
            for_ms: 14_000,
        };
        Snapshot {
            run: "light".into(),
            stage: "tasks".into(),
            done: 31,
            total: 40,
            agents: 12,
            facts: 22,
            rejected: 3,
            tokens: 61_140,
            cost_microusd: Some(840_000),
            running_ms: 131_000,
            busy: (1..=busy).map(line).collect(),
        }
    }

    #[test]
    fn a_run_is_one_line_and_each_busy_agent_one_more() {
        let lines = snapshot(2).lines(100);
        assert_eq!(
            lines,
            [
                "light  ███████░░░  31/40 tasks  12 agents  22 facts  3 rejected  61,140 tokens  $0.8400  02:11",
                "  a1  reason  T1  who repaired the lamp ␛[31m after the storm of 1871  14 s",
                "  a2  review  T2  who repaired the lamp ␛[31m after the storm of 1871  14 s",
            ]
        );
    }

    #[test]
    fn more_than_eight_agents_are_counted() {
        let lines = snapshot(12).lines(80);
        assert_eq!(lines.len(), 10);
        assert_eq!(lines[9], "  +4 more");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for columns in [0, 1, 5, 20, 40, 79] {
            for line in snapshot(9).lines(columns) {
                assert!(line.width() <= columns, "{columns}: {line}");
            }
        }
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!(cut("日本語", 6), "日本語");
    }

    #[test]
    fn a_run_without_tasks_has_an_empty_bar() {
        let line = Snapshot::default().headline();
        assert!(line.contains("░░░░░░░░░░  0/0"), "{line}");
        assert!(line.contains("unknown"), "an unknown cost is not zero: {line}");
    }

    #[test]
    fn a_terminal_is_drawn_in_place_and_left_clean() {
        let terminal = InMemoryTerm::new(20, 100);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let mut progress = Progress::terminal(target, Some(100));
        progress.show(&snapshot(3), 0);
        assert_eq!(terminal.contents().lines().count(), 4);
        progress.show(&snapshot(1), 200);
        let shown = terminal.contents();
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.starts_with("light  ███"), "{shown}");
        progress.clear();
        assert_eq!(terminal.contents(), "");
    }

    #[test]
    fn without_a_terminal_a_line_comes_every_ten_seconds() {
        let err = Captured::default();
        let mut progress = Progress::lines(Box::new(err.clone()));
        for now_ms in [0, 5_000, 9_999, 10_000, 15_000, 31_000] {
            progress.show(&snapshot(1), now_ms);
        }
        assert_eq!(err.text().lines().count(), 3);
        let mut silent = Progress::silent();
        silent.show(&snapshot(1), 0);
    }
}
