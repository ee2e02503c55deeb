//! Faults at every system call that touches the store: the process is killed before the call, or the call fails with EIO
//! or ENOSPC. By `strace -e inject`, so that the binary under test is the one that is shipped.
//!
//! Refuses to count a call that was not reached, and calls that have nothing to do with the store. Counters are strace's:
//! one a thread and kind of call.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::after::{Facts, Truth, recovers, reference};
use super::draw::Draw;
use super::kills::stood_name;
use super::upkeep::{self, Before, Verb};
use super::world::{Ended, World};
use super::{Outcome, Plan, Report, Say, Try, counted, each, journal};

const SEGMENT: &str = "journal/00000001.seg";

/// Calls that change a store, or make a change of it durable.
const CALLS: [&str; 12] = [
    "write",
    "pwrite64",
    "fsync",
    "fdatasync",
    "openat",
    "mkdir",
    "rename",
    "unlink",
    "ftruncate",
    "sync_file_range",
    "copy_file_range",
    "sendfile",
];
/// What lies in a store, and the stream that entries are said on.
const FILES: [&str; 31] = [
    "store",
    "store/format",
    "store/format.new",
    "store/lock",
    "store/owner",
    "store/.gitignore",
    "store/anchor",
    "store/journal",
    "store/journal/00000001.seg",
    "store/index",
    "store/index/boot",
    "store/index/1",
    "store/index/1/db",
    "store/index/1/conf",
    "store/index/1/blobs",
    "store/index/2",
    "store/index/2/db",
    "store/index/2/conf",
    "store/index/2/blobs",
    "store/index/3/db",
    "backup",
    "backup/format",
    "backup/format.new",
    "backup/lock",
    "backup/.gitignore",
    "backup/anchor",
    "backup/journal",
    "backup/journal/00000001.seg",
    "backup/index",
    "backup/index/boot",
    "backup/owner",
];

/// What happens at the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process ends before it.
    Kill,
    /// It fails, once: a bad disk.
    Eio,
    /// It fails, and so does every one after it: a full disk.
    Enospc,
}

impl Fault {
    const ALL: [Self; 3] = [Self::Kill, Self::Eio, Self::Enospc];

    fn inject(self, call: &str, at: u64) -> String {
        match self {
            Self::Kill => format!("inject={call}:signal=KILL:when={at}"),
            Self::Eio => format!("inject={call}:error=EIO:when={at}"),
            Self::Enospc => format!("inject={call}:error=ENOSPC:when={at}+"),
        }
    }

    /// Words of an error that name this fault.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Kill => &[],
            Self::Eio => &["Input/output error"],
            Self::Enospc => &["No space left", "no space is left"],
        }
    }
}

/// What the binary is doing when the fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Work {
    /// A run in a store that has yet to be made.
    First,
    /// A run in a store that holds another.
    Second,
    /// Going on with a run that was killed.
    Resumed,
    /// The same, in a store with a torn end, a bad anchor slot and no index.
    Mended,
    /// A verb that removes, copies or cancels.
    Upkeep(Verb),
}

const WORKS: [Work; 7] = [
    Work::First,
    Work::Resumed,
    Work::Mended,
    Work::Second,
    Work::Upkeep(Verb::Rm),
    Work::Upkeep(Verb::Backup),
    Work::Upkeep(Verb::Cancel),
];

/// One fault at one call.
#[derive(Clone, Debug)]
struct Point {
    work: Work,
    fault: Fault,
    call: &'static str,
    at: u64,
    agents: u64,
    first: u64,
}

/// A work as it is found, ready to be copied.
struct Ready {
    world: World,
    truth: Truth,
    work: Work,
    before: Option<Before>,
}

impl Ready {
    fn words(&self, agents: u64) -> Vec<String> {
        match (&self.before, self.work) {
            (Some(before), _) => before.words(),
            (None, Work::Resumed | Work::Mended) => vec!["resume".into(), "--jsonl".into()],
            (None, _) => World::run_words(agents),
        }
    }
}

/// Why strace cannot be used here, if so.
///
/// # Errors
/// The reason.
pub fn possible() -> Try<()> {
    let ran = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match ran {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("strace cannot trace here ({status})")),
        Err(error) => Err(format!("strace cannot be started ({error}); it is a package of that name")),
    }
}

/// Faults at system calls: every one of one run and what goes on after it, then of others, until the time is up.
#[must_use]
pub fn syscalls(plan: &Plan) -> Report {
    const NAME: &str = "syscalls";
    if let Err(why) = possible() {
        return Report::not_run(NAME, why);
    }
    let prepared = || -> Try<_> {
        let wanted = reference(&world(plan)?, 2)?.facts;
        let ready = WORKS.into_iter().map(|work| prepare(plan, work)).collect::<Try<Vec<_>>>()?;
        let most = ready.iter().map(|ready| count(plan, ready)).collect::<Try<Vec<_>>>()?;
        Ok((wanted, ready, most))
    };
    let (wanted, ready, most) = match prepared() {
        Ok(prepared) => prepared,
        Err(why) => return Report::failed(NAME, format!("before any fault: {why}")),
    };
    let rounds = (0..).flat_map(|round| points(plan.seed, round, &most));
    let mut report = each(NAME, plan, rounds, |point| {
        let ready = ready.iter().find(|ready| ready.work == point.work).ok_or("no such work")?;
        one(plan, ready, &point, &wanted).map_err(|why| {
            let Point { work, fault, call, at, agents, first } = &point;
            let inject = fault.inject(call, *at);
            format!("{work:?} with {agents} agents, {inject}, first looked at by verb {first}: {why}; again: strace -f -e {inject} delm run …")
        })
    });
    report.add("points-of-a-round", points(plan.seed, 0, &most).len() as u64);
    report
}

const TASKS: usize = 6;

fn world(plan: &Plan) -> Try<World> {
    World::new(&plan.delm, TASKS, 0)
}

/// All points of one round in an order that is drawn, so that a short budget has some of each kind.
fn points(seed: u64, round: u64, most: &[BTreeMap<&'static str, u64>]) -> Vec<Point> {
    let mut draw = Draw::of(seed, 1_000 + round);
    let mut points = Vec::new();
    for (work, most) in WORKS.into_iter().zip(most) {
        for (call, most) in most {
            for at in 1..=*most {
                for fault in Fault::ALL {
                    let (agents, first) = (1 + (round + 1) % 4, draw.below(5));
                    points.push(Point { work, fault, call, at, agents, first });
                }
            }
        }
    }
    for last in (1..points.len()).rev() {
        points.swap(last, draw.place(last + 1));
    }
    points
}

fn prepare(plan: &Plan, work: Work) -> Try<Ready> {
    let world = world(plan)?;
    let (mut truth, mut before) = (Truth::default(), None);
    match work {
        Work::First => {}
        Work::Upkeep(verb) => before = Some(upkeep::prepare(&world, verb, killed)?),
        Work::Second => drop(reference(&world, 2)?),
        Work::Resumed | Work::Mended => killed(&world, &mut truth)?,
    }
    if work == Work::Mended {
        tear(&world.store)?;
    }
    Ok(Ready { world, truth, work, before })
}

/// A run that was killed in the middle of its journal.
fn killed(world: &World, truth: &mut Truth) -> Try<()> {
    let by = strace(world, &world.path("trace"), "fdatasync", Some(&Fault::Kill.inject("fdatasync", 9)));
    let killed = world.start(&by, &World::run_words(2))?.ended()?;
    truth.hear(&killed.out)?;
    if killed.code == -9 { Ok(()) } else { Err(format!("it was to be killed: {killed}")) }
}

fn tear(store: &Path) -> Try<()> {
    let segment = store.join("journal/00000001.seg");
    let mut bytes = fs::read(&segment).say("read the journal")?;
    bytes.extend_from_slice(&[0xab; 57]);
    fs::write(&segment, bytes).say("tear the journal")?;
    let anchor = store.join("anchor");
    let mut bytes = fs::read(&anchor).say("read the anchor")?;
    bytes.iter_mut().skip(4096).step_by(7).for_each(|byte| *byte ^= 3);
    fs::write(&anchor, bytes).say("break a slot")?;
    fs::remove_dir_all(store.join("index")).say("remove the index")
}

/// strace before the binary: calls of one kind (or several, by comma) on files of the store and on standard output.
fn strace(world: &World, trace: &Path, calls: &str, inject: Option<&str>) -> Vec<String> {
    let mut by: Vec<String> = ["strace", "-f", "-qq", "-y", "-o"].map(str::to_owned).to_vec();
    by.extend([trace.display().to_string(), "-e".into(), format!("trace={calls}")]);
    by.extend(inject.into_iter().flat_map(|inject| ["-e".to_owned(), inject.to_owned()]));
    let files = FILES.iter().map(|file| world.store.with_file_name(file));
    for path in files.chain([world.next_out()]) {
        by.extend(["-P".to_owned(), path.display().to_string()]);
    }
    by
}

/// Calls of each kind that one thread makes, the most of any.
fn count(plan: &Plan, ready: &Ready) -> Try<BTreeMap<&'static str, u64>> {
    let (world, _) = copy(plan, ready)?;
    let trace = world.path("trace");
    let by = strace(&world, &trace, &CALLS.join(","), None);
    world.start(&by, &ready.words(2))?.ended()?.exit(0)?;
    let text = fs::read_to_string(&trace).say("the trace")?;
    let mut by_thread: BTreeMap<(&str, &'static str), u64> = BTreeMap::new();
    for line in text.lines() {
        let mut parts = line.split_whitespace();
        let (Some(thread), Some(rest)) = (parts.next(), parts.next()) else { continue };
        if let Some(call) = CALLS.into_iter().find(|call| rest.split('(').next() == Some(call)) {
            *by_thread.entry((thread, call)).or_default() += 1;
        }
    }
    let mut most = BTreeMap::new();
    for ((_, call), number) in by_thread {
        let most: &mut u64 = most.entry(call).or_default();
        *most = (*most).max(number);
    }
    Ok(most)
}

/// A world of its own for one point.
fn copy(plan: &Plan, ready: &Ready) -> Try<(World, Truth)> {
    let world = world(plan)?;
    if ready.world.store.exists() {
        copy_tree(&ready.world.store, &world.store)?;
    }
    Ok((world, ready.truth.clone()))
}

/// Copies a folder; sockets, which a killed owner leaves, stay behind.
pub(super) fn copy_tree(from: &Path, to: &Path) -> Try<()> {
    fs::create_dir_all(to).say("make a folder")?;
    for item in fs::read_dir(from).say("list")? {
        let item = item.say("list")?;
        let target = to.join(item.file_name());
        if item.file_type().say("look")?.is_dir() {
            copy_tree(&item.path(), &target)?;
        } else if item.file_type().say("look")?.is_file() {
            fs::copy(item.path(), target).say("copy")?;
        }
    }
    Ok(())
}

fn one(plan: &Plan, ready: &Ready, point: &Point, wanted: &Facts) -> Outcome {
    let (world, mut truth) = copy(plan, ready)?;
    let trace = world.path("trace");
    let by = strace(&world, &trace, point.call, Some(&point.fault.inject(point.call, point.at)));
    let ended = world.start(&by, &ready.words(point.agents))?.ended()?;
    let Some(place) = struck(&trace, &ended, point)? else { return counted(&["not-reached"]) };
    if point.fault != Fault::Kill {
        said(&ended, point.fault)?;
    }
    let fault = format!("{:?}", point.fault).to_lowercase();
    if let Some(before) = &ready.before {
        let became = format!("{}-{}", before.name(), before.judge(&world, &ended, point.first)?.name());
        return counted(&["points", &fault, &became, &format!("at-{place}")]);
    }
    truth.hear(&ended.out)?;
    let stood = recovers(&world, &mut truth, wanted, point.first)?;
    let mut outcome = counted(&["points", &fault, stood_name(stood), &format!("at-{place}")])?;
    outcome.push(("acknowledged".into(), truth.acknowledged()));
    Ok(outcome)
}

/// The file that the fault struck at, if it struck.
fn struck(trace: &Path, ended: &Ended, point: &Point) -> Try<Option<String>> {
    let text = fs::read_to_string(trace).say("the trace")?;
    let call = format!("{}(", point.call);
    let line = match point.fault {
        Fault::Kill if ended.code == -9 => text.lines().rfind(|line| line.contains(&call)),
        Fault::Kill => None,
        Fault::Eio | Fault::Enospc => text.lines().find(|line| line.contains("(INJECTED)")),
    };
    Ok(line.map(file_of))
}

/// `backup`, `journal`, `anchor`, `index`, `store` (what else is in one) or `out`.
fn file_of(line: &str) -> String {
    let names = ["/backup", "/journal", "/anchor", "/index", "/store", "/out"];
    let found =
        names.iter().find(|name| line.contains(*name)).map_or("unknown", |name| name.trim_start_matches('/'));
    if found == "store" { "around" } else { found }.to_owned()
}

/// A process that met the fault ends well, having done all, or with the contract's code for it and a sentence.
fn said(ended: &Ended, fault: Fault) -> Try<()> {
    if ended.code == 0 {
        return Ok(());
    }
    let errors: Vec<&str> = ended.err.lines().filter(|line| line.starts_with("{\"error\":")).collect();
    let [error] = errors.as_slice() else { return Err(format!("one error object is wanted: {ended}")) };
    let error: serde_json::Value = serde_json::from_str(error).say("its error")?;
    let message = error["error"]["message"].as_str().unwrap_or_default();
    let named = fault.words().iter().any(|words| message.contains(words));
    if ended.code != 1 || error["error"]["exit"] != 1 || !named || !error["error"]["hint"].is_string() {
        return Err(format!("exit 1, the cause by name and a hint are wanted: {ended}"));
    }
    Ok(())
}

/// Whether one undisturbed run says an entry only after the record that holds it was synced: gives how many entries were
/// looked at.
///
/// # Errors
/// What was said too early, or that the trace cannot be read.
pub fn order(delm: &Path) -> Try<u64> {
    let world = World::new(delm, TASKS, 1)?;
    let trace = world.path("trace");
    let by = strace(&world, &trace, "write,pwrite64,fdatasync", None);
    let ended = world.start(&by, &World::run_words(3))?.ended()?.exit(0)?;
    let text = fs::read_to_string(&trace).say("the trace")?;
    let bytes = fs::read(world.store.join(SEGMENT)).say("the journal")?;
    let records: BTreeMap<usize, usize> =
        journal::records(&bytes)?.iter().map(|record| (record.start, record.parts.len())).collect();
    let mut order = Order::default();
    for line in text.lines() {
        order.call(line, &records, &ended.out)?;
    }
    let lines = entry_lines(&ended.out, ended.out.len());
    let Order { said, synced, .. } = order;
    if said == lines && synced == lines && lines > 0 {
        Ok(said as u64)
    } else {
        Err(format!("{said} entries said and {synced} synced, of {lines}: the trace is not understood"))
    }
}

/// How far the journal and the stream are, in entries; the stream also in bytes.
#[derive(Default)]
struct Order {
    written: usize,
    synced: usize,
    said: usize,
    said_bytes: usize,
    syncing: BTreeMap<String, usize>,
}

impl Order {
    fn call(&mut self, line: &str, records: &BTreeMap<usize, usize>, out: &str) -> Try<()> {
        let thread = line.split_whitespace().next().unwrap_or_default();
        let journal = line.contains(SEGMENT);
        if line.contains("pwrite64(") && journal {
            let offset = line.rsplit(", ").next().map(digits).unwrap_or_default();
            self.written += records.get(&offset).copied().unwrap_or_default();
        } else if line.contains("fdatasync(") && journal {
            // What is written while a sync is under way is not its.
            if line.contains("<unfinished") {
                self.syncing.insert(thread.to_owned(), self.written);
            } else {
                self.synced = self.written;
            }
        } else if line.contains("fdatasync resumed") {
            self.synced = self.syncing.remove(thread).unwrap_or(self.synced);
        } else if line.contains("write(1<") {
            self.said_bytes += line.rsplit(", ").next().map(digits).unwrap_or_default();
            self.said = entry_lines(out, self.said_bytes);
            if self.said > self.synced {
                return Err(format!(
                    "{} entries were said when {} were synced: {line}",
                    self.said, self.synced
                ));
            }
        }
        Ok(())
    }
}

/// Lines of entries that begin in the first bytes of a stream.
fn entry_lines(out: &str, bytes: usize) -> usize {
    out.get(..bytes).unwrap_or(out).lines().filter(|line| line.starts_with("{\"seq\":")).count()
}

fn digits(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.get(..end).and_then(|digits| digits.parse().ok()).unwrap_or_default()
}
