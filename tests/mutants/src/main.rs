//! Mutation testing with all mutants in one build: each is behind a switch that is read at run time.
//!
//! cargo-mutants says which mutants there are. They are put into a copy of the workspace, which is built once; then the
//! tests that reach a mutant run with it on. What cannot be switched (constants, `let` chains, `impl Trait` results) is left
//! to cargo-mutants. Refuses a survivor that `survivors.md` does not explain, and an entry there that no longer survives.

mod areas;
mod compile;
mod list;
mod memory;
mod options;
mod report;
mod rest;
mod splice;
mod suite;
mod survivors;
mod tree;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use compile::{Built, Compiler, Program};
use list::Mutant;
use options::{Options, PACKAGES};
use report::Tally;
use suite::Suite;
use trial::Fate;

/// Compiled for fuzzing only: no test can reach it.
const EXCLUDED: &[&str] = &["crates/delm-log/src/fuzz.rs"];
/// Whose tests are asked last, and of which package: the simulator drives the core, and takes longer than its own tests.
const LAST: &[(&str, &str)] = &[("delm-core", "delm-sim")];
/// How many mutants are tried at the same time.
const WORKERS: usize = 2;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, String> {
    let options = Options::read(std::env::args().skip(1))?;
    let out = options.target.join("mutants");
    fs::create_dir_all(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let mutants = list::list(&options.top, PACKAGES, EXCLUDED)?;
    let start = Instant::now();
    let built = build(&options, &mutants)?;
    eprintln!("built after {} s", start.elapsed().as_secs());
    let scratch = scratch(&out)?;
    let suites = explore(&built.programs, &built.top, &scratch);
    let suites = suites.inspect_err(|_| drop(fs::remove_dir_all(&scratch)))?;
    eprintln!("explored after {} s", start.elapsed().as_secs());
    let known = fs::read_to_string(options.top.join("tests/mutants/survivors.md")).unwrap_or_default();
    let mut tally = Tally::new(&mutants, survivors::read(&known)?);
    let before = report::missed_before(&out);
    for package in &options.packages {
        let chosen = dealt(mutants.iter().filter(|mutant| {
            &mutant.package == package
                && (options.files.is_empty() || options.files.iter().any(|file| mutant.file.contains(file)))
                && (!options.survivors || before.contains(&mutant.key))
        }));
        let start = Instant::now();
        let fates = try_package(&options, &out, package, &chosen, &built, &suites)?;
        tally.package(package, &chosen, fates, start.elapsed());
    }
    let _ = fs::remove_dir_all(&scratch);
    let whole = options.files.is_empty() && !options.survivors && options.packages.len() == PACKAGES.len();
    tally.end(&out, whole)
}

/// Mutants in an order of which each beginning is a fair part.
fn dealt<'a>(mutants: impl Iterator<Item = &'a Mutant>) -> Vec<&'a Mutant> {
    const HANDS: usize = 16;
    let mutants: Vec<&Mutant> = mutants.collect();
    (0..HANDS).flat_map(|hand| mutants.iter().skip(hand).step_by(HANDS).copied()).collect()
}

fn try_package(
    options: &Options,
    out: &Path,
    package: &str,
    chosen: &[&Mutant],
    build: &Build,
    suites: &[Suite],
) -> Result<Vec<(u32, Fate)>, String> {
    let of = |name: &str| suites.iter().filter(|suite| suite.program.package == name).collect::<Vec<_>>();
    let last =
        LAST.iter().filter(|(name, _)| *name == package).flat_map(|(_, last)| of(last)).collect::<Vec<_>>();
    let unviable = chosen.iter().filter(|mutant| build.unviable.contains(&mutant.number));
    let mut fates: Vec<_> = unviable.map(|mutant| (mutant.number, Fate::Unviable)).collect();
    let end = Instant::now() + options.limit;
    let inside: Vec<&Mutant> =
        chosen.iter().filter(|mutant| build.inside.contains(&mutant.number)).copied().collect();
    fates.extend(trial::try_all(&inside, &of(package), &last, WORKERS, end)?);
    let rest: Vec<&Mutant> =
        chosen.iter().filter(|mutant| build.rest.contains(&mutant.number)).copied().collect();
    if !rest.is_empty() {
        eprintln!("  {} of {package} are left to cargo-mutants", rest.len());
    }
    if options.rest && Instant::now() < end {
        let left = end - Instant::now();
        let target = options.target.join("mutants-rest");
        fates.extend(rest::run(&options.top, out, &target, &rest, left)?);
    }
    Ok(fates)
}

/// The copy, built.
struct Build {
    top: PathBuf,
    programs: Vec<Program>,
    /// Mutants that can be switched on.
    inside: BTreeSet<u32>,
    /// What they put in place of the code does not compile.
    unviable: BTreeSet<u32>,
    /// All others.
    rest: BTreeSet<u32>,
}

fn build(options: &Options, mutants: &[Mutant]) -> Result<Build, String> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let target = options.target.join("mutants-build");
    let libraries = Compiler { target: target.clone(), packages: names(PACKAGES) };
    let mut packages = options.packages.clone();
    packages.extend(
        LAST.iter()
            .filter(|(package, _)| options.packages.iter().any(|name| name == package))
            .map(|(_, last)| (*last).to_owned()),
    );
    let tests = Compiler { target, packages };
    let top = options.target.join("mutants/src");
    let out = options.target.join("mutants");
    let (mut unviable, mut around) = memory::recall(&out, &options.top, mutants);
    let mut checked = false;
    loop {
        let left_out = unviable.union(&around).copied().collect();
        let copy = tree::copy(&options.top, &top, mutants, &left_out)?;
        let built = if checked {
            tests.run(&copy, &["test", "--no-run", "--lib", "--bins", "--tests"])?
        } else {
            libraries.run(&copy, &["check", "--keep-going"])?
        };
        match built {
            Built::Broken(broken) => {
                eprintln!(
                    "  {} do not compile, and {} may not",
                    broken.themselves.len(),
                    broken.around.len()
                );
                unviable.extend(broken.themselves);
                around.extend(broken.around);
                let left_out = (unviable, around);
                memory::remember(&out, &options.top, mutants, &left_out)?;
                (unviable, around) = left_out;
            }
            Built::Programs(_) if !checked => checked = true,
            Built::Programs(programs) => {
                let listed = mutants.iter().map(|mutant| mutant.number);
                let rest =
                    listed.filter(|number| !copy.inside.contains(number) && !unviable.contains(number));
                return Ok(Build { top, programs, rest: rest.collect(), inside: copy.inside, unviable });
            }
        }
    }
}

/// A folder for temporary files: in memory, if there is such a place, since what syncs is waited for.
fn scratch(out: &Path) -> Result<PathBuf, String> {
    let shared = Path::new("/dev/shm");
    let parent = if shared.is_dir() { shared.to_owned() } else { out.to_owned() };
    let scratch = parent.join(format!("delm-mutants-{}", std::process::id()));
    fs::create_dir_all(&scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    Ok(scratch)
}

fn explore(programs: &[Program], top: &Path, scratch: &Path) -> Result<Vec<Suite>, String> {
    let mut suites = Vec::new();
    let mut names = BTreeMap::new();
    for program in programs {
        if program.is_binary && program.target != "delm-sim" {
            continue;
        }
        if names.insert(program.path.clone(), ()).is_some() {
            continue;
        }
        let arguments = ["--seed", "1", "--seeds", "200", "--jobs", "1", "--quiet"];
        let mut suite = Suite::new(program.clone(), &arguments, top, scratch);
        for failed in suite.explore(WORKERS)? {
            eprintln!("  {failed} fails unbroken in the copy, and is left out");
        }
        let takes: u128 = suite.tests.iter().map(|test| test.takes.as_millis()).sum();
        eprintln!("  {} {}: {} tests, {takes} ms", program.package, program.target, suite.tests.len());
        suites.push(suite);
    }
    Ok(suites)
}
