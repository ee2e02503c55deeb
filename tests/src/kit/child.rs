//! A process of `delm`: started, watched while it writes, signalled, waited for.
//!
//! Refuses to wait for ever, and to outlive its test.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::Done;

/// A process under way.
pub(crate) struct Child {
    process: std::process::Child,
    words: Vec<OsString>,
    stdout: Stream,
    stderr: Stream,
    until: Instant,
}

struct Stream {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Stream {
    fn read(mut from: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let into = bytes.clone();
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 65_536];
            while let Ok(read @ 1..) = from.read(&mut chunk) {
                into.lock().unwrap().extend_from_slice(&chunk[..read]);
            }
        });
        Self { bytes, reader: Some(reader) }
    }

    fn take(&mut self) -> Vec<u8> {
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        self.bytes.lock().unwrap().clone()
    }
}

impl Child {
    pub(super) fn start(
        mut command: Command,
        words: Vec<OsString>,
        input: Option<Vec<u8>>,
        limit_s: u64,
    ) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap_or_else(|error| panic!("{words:?}: {error}"));
        if let (Some(mut stdin), Some(input)) = (process.stdin.take(), input) {
            std::thread::spawn(move || {
                // Who does not read its input to the end has its reasons.
                let _closed = stdin.write_all(&input);
            });
        }
        let stdout = Stream::read(process.stdout.take().unwrap());
        let stderr = Stream::read(process.stderr.take().unwrap());
        Self { process, words, stdout, stderr, until: Instant::now() + Duration::from_secs(limit_s) }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Kills it as a power cut would, and gives what it had written.
    pub(crate) fn kill(mut self) -> Done {
        self.process.kill().unwrap();
        self.ended()
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// What it has written until now.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.stdout.bytes.lock().unwrap()).into_owned()
    }

    /// What it has said until now.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.stderr.bytes.lock().unwrap()).into_owned()
    }

    /// Waits until it has written so many whole lines.
    #[track_caller]
    pub(crate) fn wait_lines(&mut self, lines: usize) {
        self.wait_written(&format!("{lines} lines"), |written| written.matches('\n').count() >= lines);
    }

    /// Waits until what it has written is enough.
    #[track_caller]
    pub(crate) fn wait_written(&mut self, what: &str, enough: impl Fn(&str) -> bool) {
        while !enough(&self.written()) {
            let late = Instant::now() > self.until || self.is_over() && !enough(&self.written());
            assert!(!late, "{:?} has not written {what}:\n{}\n{}", self.words, self.written(), self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits for its end.
    pub(crate) fn done(mut self) -> Done {
        let until = self.until;
        while !self.is_over() {
            if Instant::now() > until {
                let _gone = self.process.kill();
                panic!("{:?} takes too long:\n{}\n{}", self.words, self.written(), self.said());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.ended()
    }

    fn ended(mut self) -> Done {
        let status = self.process.wait().unwrap();
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        Done::new(&self.words, code(status), &stdout, &stderr)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _over = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap()
}

/// Sends a signal by its name.
fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().unwrap();
    assert!(status.success(), "no process {pid}");
}

/// Waits until something holds, looking often; a minute at most.
#[track_caller]
pub(crate) fn poll<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "waited a minute for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
