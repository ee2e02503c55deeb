//! Who watches cases that do not end.
//!
//! Refuses to end them, which nobody can: it names the case and ends the harness.

use std::io::Write as _;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

/// No step of a case may take longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// A case that is watched as long as this lives.
pub(super) struct Watch {
    name: String,
    at: Mutex<Instant>,
}

impl Watch {
    /// The next step of the case begins.
    pub(super) fn step(&self) {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

static WATCHED: OnceLock<Mutex<Vec<Weak<Watch>>>> = OnceLock::new();

/// Begins to watch a case.
pub(super) fn begin(name: &str) -> Arc<Watch> {
    let watched = WATCHED.get_or_init(|| {
        std::thread::spawn(look);
        Mutex::default()
    });
    let watch = Arc::new(Watch { name: name.to_owned(), at: Mutex::new(Instant::now()) });
    watched.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&watch));
    watch
}

fn look() {
    loop {
        std::thread::sleep(Duration::from_secs(1));
        let Some(watched) = WATCHED.get() else { continue };
        let mut watched = watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|watch| watch.strong_count() > 0);
        for watch in watched.iter().filter_map(Weak::upgrade) {
            if watch.at.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > PATIENCE {
                let words =
                    format!("\n**** it hangs: {}, a step for more than {PATIENCE:?} ****\n", watch.name);
                // Nothing can be done about an error stream that is gone, either.
                let _said = std::io::stderr().write_all(words.as_bytes());
                std::process::exit(1);
            }
        }
    }
}
