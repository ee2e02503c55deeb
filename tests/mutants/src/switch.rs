//! Which mutant is switched on: copied into each crate that is mutated, as its module `mutant`.
//!
//! `MUTANT=n` switches mutant n on, none without it; `MUTANT=record` notes in the file `MUTANT_REACHED` which are asked for.
//! Refuses to be in a crate that somebody uses: it is in the copy under `target` alone.

extern crate std;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// No mutant has this number.
const RECORD: u32 = u32::MAX;

static ON: OnceLock<u32> = OnceLock::new();
static FILE: OnceLock<Option<File>> = OnceLock::new();
static REACHED: [AtomicBool; 16_384] = [const { AtomicBool::new(false) }; 16_384];

/// Whether mutant `number` is the one that is switched on.
#[inline]
pub(crate) fn is(number: u32) -> bool {
    let on = match ON.get() {
        Some(on) => *on,
        None => *ON.get_or_init(from_environment),
    };
    if on == RECORD {
        record(number);
        return false;
    }
    on == number
}

#[cold]
fn from_environment() -> u32 {
    match std::env::var("MUTANT").as_deref() {
        Ok("record") => RECORD,
        Ok(number) => number.parse().unwrap_or(0),
        Err(_) => 0,
    }
}

#[cold]
fn record(number: u32) {
    let seen = REACHED.get(number as usize).is_some_and(|seen| seen.swap(true, Ordering::Relaxed));
    if seen {
        return;
    }
    let file = FILE.get_or_init(|| {
        let path = std::env::var_os("MUTANT_REACHED")?;
        OpenOptions::new().create(true).append(true).open(path).ok()
    });
    if let Some(mut file) = file.as_ref() {
        let _ = file.write_all(std::format!("{number}\n").as_bytes());
    }
}
