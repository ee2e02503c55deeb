//! Audits exports named as arguments, or standard input, and prints what is found: what `delm check` is made of.
//!
//! Refuses nothing: a stream that is not intact is reported with its line.

use std::fs::File;
use std::io::{self, BufReader};

fn main() -> io::Result<()> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    for file in &files {
        let report = delm_oracle::audit(BufReader::new(File::open(file)?))?;
        say(file, &report);
    }
    if files.is_empty() {
        say("-", &delm_oracle::audit(io::stdin().lock())?);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "an example speaks to who runs it")]
fn say(name: &str, report: &delm_oracle::Report) {
    println!("{name}: {} entries, {} events, {} blobs", report.entries, report.events, report.blobs);
    for finding in &report.findings {
        println!("  {finding} (and {} more)", finding.more);
    }
    if let Some(fault) = &report.fault {
        println!("  {fault}");
    }
}
