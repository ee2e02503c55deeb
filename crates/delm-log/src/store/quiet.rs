//! A fence around sled: what panics inside comes out as an error.
//!
//! Refuses to let a damaged index end the process: sled 0.34 answers a third of all flipped bytes with a panic, and all
//! it holds can be made again from the journal. Needs `panic = "unwind"`, the default.

use std::any::Any;
use std::cell::Cell;
use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Why sled did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Its words.
    pub(crate) why: String,
    /// The operating system's error, if it was that.
    pub(crate) io: Option<io::Error>,
}

/// Runs one sled operation; an error or a panic is a sentence.
pub(crate) fn fenced<T>(operation: impl FnOnce() -> sled::Result<T>) -> Result<T, Failure> {
    HOOK.call_once(hush);
    let before = INSIDE.replace(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(operation));
    INSIDE.set(before);
    match outcome {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(error))) => Err(Failure { why: format!("sled: {error}"), io: Some(error) }),
        Ok(Err(error)) => Err(Failure { why: format!("sled: {error}"), io: None }),
        Err(payload) => {
            let why = format!("sled panicked: {}", words(&*payload));
            Err(Failure { why, io: None })
        }
    }
}

fn words(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}

/// Keeps sled's panics, its own threads' too, from being printed: they are handled, and reported by their effect.
fn hush() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let sled_thread = std::thread::current()
            .name()
            .is_some_and(|name| name.starts_with("sled-") || name == "log flusher");
        if sled_thread || INSIDE.get() {
            // Where in whose source is of no use to whoever runs this.
            tracing::warn!("the index failed, and is made anew where it must: {}", words(info.payload()));
            tracing::debug!("it was sled: {info}");
        } else {
            before(info);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_out_as_an_error() {
        let outcome = fenced(|| -> sled::Result<()> { panic!("page {} is gone", 7) });
        assert_eq!(outcome.unwrap_err().why, "sled panicked: page 7 is gone");
        assert_eq!(fenced(|| Ok(1)).unwrap(), 1);
    }

    /// A person who runs this sees no panic that was handled, and every other.
    #[test]
    fn only_sleds_panics_are_hushed() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};
        // From here on nobody else takes the hook.
        fenced(|| Ok(())).unwrap();
        let printed = Arc::new(AtomicUsize::new(0));
        let (count, before) = (Arc::clone(&printed), panic::take_hook());
        panic::set_hook(Box::new(move |info| {
            if words(info.payload()) == "for this test" {
                count.fetch_add(1, Ordering::SeqCst);
            } else {
                before(info);
            }
        }));
        hush();
        let panics = |name: &str| {
            let thread = std::thread::Builder::new().name(name.into());
            assert!(thread.spawn(|| panic!("for this test")).unwrap().join().is_err());
            printed.swap(0, Ordering::SeqCst)
        };
        assert_eq!(["sled-io-1", "log flusher", "delm-index", "main"].map(panics), [0, 0, 1, 1]);
        assert!(fenced(|| -> sled::Result<()> { panic!("for this test") }).is_err());
        assert_eq!(printed.load(Ordering::SeqCst), 0);
    }
}
