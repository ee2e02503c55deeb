//! How fast a finished W1 is read back: folded, and decided again, on one core.
//!
//! Refuses the disk: entries and blobs are in memory, so the figures are those of the core alone.
#![expect(clippy::print_stdout, reason = "its output is its purpose")]

use std::collections::BTreeMap;
use std::sync::Arc;

use delm_benches::measure::{Stopwatch, conditions, median};
use delm_benches::options::Options;
use delm_benches::{Outcome, direct, workload};
use delm_core::apply::apply;
use delm_core::audit::audit;
use delm_core::entry::Sealed;
use delm_core::ids::Digest;
use delm_core::policy::Fifo;
use delm_core::run::Run;
use delm_log::{Log, MemoryLog};

fn main() -> Outcome<()> {
    let options = Options::read(std::env::args().skip(1), &["--tasks", "--agents", "--repeats"])?;
    if !options.measured() {
        println!("replay: nothing is measured without --bench; use cargo bench");
        return Ok(());
    }
    let tasks = options.number("--tasks", 1000)?;
    let (agents, repeats) = (options.number("--agents", 8)?, options.number("--repeats", 5)?);
    println!("\nreplay of W1, {tasks} tasks, {agents} agents, {repeats} repeats, one core; medians");
    println!("{}", conditions());
    println!(
        "{:<44}{:>9}{:>9}{:>12}{:>12}{:>10}",
        "", "entries", "events", "entries/s", "events/s", "CPU us/e"
    );
    let modelled = modelled(tasks, agents)?;
    measure("script's log: bytes read, hashed", &modelled, repeats, read)?;
    measure("script's log: folded", &modelled, repeats, fold)?;
    measure("script's log: decided again, with prompts", &modelled, repeats, decide)?;
    let direct = direct::run(tasks, agents)?;
    measure("programs' log: folded", &direct, repeats, fold)?;
    measure("programs' log: decided again, no prompts", &direct, repeats, decide)?;
    Ok(())
}

/// W1 as the engine runs it, taken out of a log in memory.
fn modelled(tasks: u32, agents: u32) -> Outcome<direct::Recorded> {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let (id, _) = workload::run(log.clone(), workload::model(tasks)?, tasks, agents)?;
    let mut recorded = direct::Recorded { entries: log.entries(&id, 0, usize::MAX)?, blobs: BTreeMap::new() };
    for info in log.blobs(&id, None, usize::MAX)? {
        let bytes = log.blob(&id, &info.hash)?.bytes().ok_or("a blob is gone")?;
        recorded.blobs.insert(info.hash, bytes);
    }
    Ok(recorded)
}

type Blobs = BTreeMap<Digest, Arc<[u8]>>;

fn measure(
    what: &str,
    recorded: &direct::Recorded,
    repeats: u32,
    go: fn(&[Sealed], &Blobs) -> Outcome<()>,
) -> Outcome<()> {
    let entries = recorded.entries.len() as f64;
    let events = recorded.entries.iter().map(|sealed| sealed.entry.events.len()).sum::<usize>() as f64;
    let (mut wall, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..repeats {
        let watch = Stopwatch::default();
        go(&recorded.entries, &recorded.blobs)?;
        wall.push(watch.wall().as_secs_f64());
        cpu.push(watch.cpu().as_secs_f64());
    }
    let (wall, cpu) = (median(&wall), median(&cpu));
    println!(
        "{what:<44}{entries:>9}{events:>9}{:>12.0}{:>12.0}{:>10.1}",
        entries / wall,
        events / wall,
        cpu * 1e6 / entries
    );
    Ok(())
}

fn read(entries: &[Sealed], _: &Blobs) -> Outcome<()> {
    for sealed in entries {
        let again = Sealed::from_bytes(&sealed.bytes)?;
        if again.id != sealed.id {
            return Err(format!("entry {} reads back as another", sealed.entry.seq).into());
        }
    }
    Ok(())
}

fn fold(entries: &[Sealed], _: &Blobs) -> Outcome<()> {
    let mut run = Run::default();
    for sealed in entries {
        apply(&mut run, sealed)?;
    }
    std::hint::black_box(run);
    Ok(())
}

fn decide(entries: &[Sealed], blobs: &Blobs) -> Outcome<()> {
    let mut run = Run::default();
    for sealed in entries {
        audit(&Fifo, &mut run, blobs, sealed)?;
    }
    std::hint::black_box(run);
    Ok(())
}
