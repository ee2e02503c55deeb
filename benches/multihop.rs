//! Whether agents that share a context find more: questions that need several documents, by the built-in reader.
//!
//! Refuses to run without data, and says so; no model and no network.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::path::Path;
use std::sync::Arc;

use delm_benches::Outcome;
use delm_benches::measure::Stopwatch;
use delm_benches::options::{Options, from_top};
use delm_benches::questions::{Item, cited, cited_by_answer, read};
use delm_benches::stage::Stage;
use delm_benches::workload::drive;
use delm_core::event::{Ablation, AgentKind};
use delm_core::limits::Limits;
use delm_core::prompt::BUILTIN;
use delm_core::run::Run;
use delm_engine::Workers;
use delm_log::{Log, MemoryLog};

const DATA: [&str; 2] = ["../shared/data/multihop/musique.jsonl", "../shared/data/multihop/hotpotqa.jsonl"];

/// Sums over the questions of a set.
#[derive(Default)]
struct Sum {
    by_admission: f64,
    by_answer: f64,
    facts: usize,
    answered: usize,
}

fn main() -> Outcome<()> {
    let options = Options::read(std::env::args().skip(1), &["--agents", "--repeats"])?;
    if !options.measured() {
        println!("multihop: nothing is measured without --bench; use cargo bench");
        return Ok(());
    }
    let (agents, repeats) = (options.number("--agents", 4)?, options.number("--repeats", 3)?);
    let given: Vec<&str> = if options.free().is_empty() {
        DATA.to_vec()
    } else {
        options.free().iter().map(String::as_str).collect()
    };
    for path in given {
        let path = from_top(path);
        if path.is_file() {
            set(&path, agents, repeats)?;
        } else {
            println!(
                "\nSKIPPED: there are no questions at {}; nothing was measured for that set",
                path.display()
            );
        }
    }
    Ok(())
}

/// One set of questions, all arms.
fn set(path: &Path, agents: u32, repeats: u32) -> Outcome<()> {
    let items = read(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    println!(
        "\n{name}: {} questions, {agents} agents, supporting documents among the first 5 cited",
        items.len()
    );
    println!(
        "{:<30}{:>12}{:>12}{:>8}{:>10}{:>8}",
        "", "as admitted", "as answered", "facts", "answered", "s"
    );
    let plain: f64 = items.iter().map(|item| item.share(&item.plain())).sum();
    println!("{:<30}{:>12.3}", "plain BM25", plain / items.len() as f64);
    for (arm, ablations) in [("without sharing", vec![Ablation::Sharing]), ("with sharing", Vec::new())] {
        for repeat in 1..=repeats {
            let watch = Stopwatch::default();
            let mut sum = Sum::default();
            for item in &items {
                sum.add(item, &ask(item, agents, ablations.clone())?);
            }
            sum.print(&format!("{arm}, run {repeat}"), items.len(), watch.wall().as_secs_f64());
        }
    }
    Ok(())
}

/// One question as a run of the engine over a log in memory; each document is a source named by its title.
fn ask(item: &Item, agents: u32, ablations: Vec<Ablation>) -> Outcome<Run> {
    let stage = Stage {
        question: &item.question,
        documents: &item.documents,
        model: BUILTIN,
        kind: AgentKind::Builtin,
        agents,
        reading: false,
        limits: Limits::default(),
        ablations,
    };
    let (command, blobs) = stage.command();
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    Ok(drive(log, Workers::default(), command, blobs)?.1)
}

impl Sum {
    fn add(&mut self, item: &Item, run: &Run) {
        self.by_admission += item.share(&cited(run.facts().iter().map(AsRef::as_ref)));
        self.by_answer += item.share(&cited_by_answer(run));
        self.facts += run.facts().len();
        self.answered += usize::from(run.answer().is_some());
    }

    fn print(&self, arm: &str, questions: usize, seconds: f64) {
        let questions = questions as f64;
        println!(
            "{arm:<30}{:>12.3}{:>12.3}{:>8.1}{:>10}{seconds:>8.1}",
            self.by_admission / questions,
            self.by_answer / questions,
            self.facts as f64 / questions,
            self.answered
        );
    }
}
