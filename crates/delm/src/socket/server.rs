//! The answering side, in the process that owns the store: takes requests, runs each on a thread of its own, sends back
//! what it writes.
//!
//! Refuses other users, more than a few askers at a time, and to hold the process up when it wants to end.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use super::frame::{self, CHUNK_BYTES_MAX, HEADER_BYTES, Kind};
use super::path::{ShortPath, socket_of};
use super::{PROTOCOL, Refusal, Request, SocketError};
use crate::error::Exit;

/// Askers served at a time; one more is told to come again.
pub(crate) const ASKERS_MAX: usize = 32;

/// How long an asker has to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long answers may go on when the process wants to end.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Chunks that may wait for a slow asker before the verb waits too.
const CHUNKS_WAITING_MAX: usize = 8;

/// Runs one verb for another process.
pub(crate) trait Answer: Send + Sync + 'static {
    /// Runs it, on a thread where it may block, writing to the asker; gives its exit code.
    fn answer(&self, request: Request, asker: &Asker) -> u8;
}

/// The process that asked.
#[derive(Clone)]
pub(crate) struct Asker {
    chunks: mpsc::Sender<(Kind, Vec<u8>)>,
}

impl Asker {
    /// Its standard output.
    pub(crate) fn stdout(&self) -> Box<dyn Write + Send> {
        Box::new(io::BufWriter::with_capacity(
            CHUNK_BYTES_MAX,
            Pipe { kind: Kind::Stdout, chunks: self.chunks.clone() },
        ))
    }

    /// Its standard error.
    pub(crate) fn stderr(&self) -> Box<dyn Write + Send> {
        Box::new(Pipe { kind: Kind::Stderr, chunks: self.chunks.clone() })
    }

    /// True once it has gone: whatever waits for news on its behalf can stop.
    pub(crate) fn has_gone(&self) -> bool {
        self.chunks.is_closed()
    }
}

struct Pipe {
    kind: Kind,
    chunks: mpsc::Sender<(Kind, Vec<u8>)>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let chunk = bytes.get(..CHUNK_BYTES_MAX).unwrap_or(bytes);
        self.chunks.blocking_send((self.kind, chunk.to_vec())).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A socket that listens. Dropping it removes the socket; [`Server::end`] lets answers finish first.
pub(crate) struct Server {
    path: PathBuf,
    stop: watch::Sender<bool>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Listens in the store of which this process is the owner; a socket left by a dead owner is removed.
    ///
    /// # Errors
    /// The operating system refused it. The run can go on without: it only cannot be looked at from outside.
    pub(crate) fn listen(store: &Path, answer: Arc<dyn Answer>) -> Result<Self, SocketError> {
        let path = socket_of(store);
        let io = |doing| {
            let path = path.clone();
            move |error| SocketError::Io { path, doing, error }
        };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io("remove the old one")(error));
            }
            Ok(()) | Err(_) => {}
        }
        let short = ShortPath::to(store).map_err(io("find a short path"))?;
        let listener = UnixListener::bind(short.path()).map_err(io("listen"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(io("protect it"))?;
        let owner = fs::metadata(&path).map_err(io("look at it"))?.uid();
        let (stop, stopped) = watch::channel(false);
        let accepting = tokio::spawn(accept(listener, owner, answer, stopped));
        Ok(Self { path, stop, accepting })
    }

    /// Takes no more requests, lets answers under way go on for a moment, then cuts them off.
    pub(crate) async fn end(mut self) {
        let _nobody_listens = self.stop.send(true);
        let _over = tokio::time::timeout(END_TIMEOUT, &mut self.accepting).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::debug!("cannot remove {}: {error}", self.path.display());
        }
    }
}

async fn accept(
    listener: UnixListener,
    owner: u32,
    answer: Arc<dyn Answer>,
    mut stopped: watch::Receiver<bool>,
) {
    let seats = Arc::new(Semaphore::new(ASKERS_MAX));
    // Dropped with this task, and with it every connection and every answer under way.
    let mut serving = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = serving.join_next(), if !serving.is_empty() => continue,
            _ = stopped.changed() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let (answer, seat) = (Arc::clone(&answer), Arc::clone(&seats).try_acquire_owned());
                serving.spawn(async move {
                    let served = if seat.is_ok() {
                        serve(stream, owner, answer).await
                    } else {
                        turn_away(stream).await
                    };
                    if let Err(error) = served {
                        tracing::debug!("an asker was not served: {error}");
                    }
                });
            }
            Err(error) => {
                // Out of file descriptors, most likely: others must be closed before it can go on.
                tracing::warn!("the socket cannot accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(listener);
    while serving.join_next().await.is_some() {}
}

async fn serve(mut stream: UnixStream, owner: u32, answer: Arc<dyn Answer>) -> Result<(), SocketError> {
    let cut = |_: io::Error| SocketError::CutOff;
    let peer = stream.peer_cred().map_err(cut)?.uid();
    if peer != owner && peer != 0 {
        return Err(SocketError::Protocol { what: format!("user {peer} may not ask user {owner}") });
    }
    let request = tokio::time::timeout(REQUEST_TIMEOUT, read_request(&mut stream));
    let request = match request.await.map_err(|_| SocketError::CutOff)? {
        Ok(request) => request,
        Err(error @ SocketError::Protocol { .. }) => {
            return refuse(&mut stream, &error.to_string(), "use the same version of delm").await;
        }
        Err(error) => return Err(error),
    };
    if request.protocol != PROTOCOL {
        let message = format!(
            "the store is held by delm {}, which cannot answer delm {}",
            env!("CARGO_PKG_VERSION"),
            request.version
        );
        return refuse(&mut stream, &message, "use the same version, or wait until it has ended").await;
    }
    let (chunks, waiting) = mpsc::channel(CHUNKS_WAITING_MAX);
    let asker = Asker { chunks };
    let answering = tokio::task::spawn_blocking(move || answer.answer(request, &asker));
    if !forward(&mut stream, waiting).await? {
        return Ok(());
    }
    let code = answering.await.map_or(Exit::Unexpected.code(), |code| code);
    send(&mut stream, Kind::Exit, &[code]).await
}

/// Sends chunks until the answer is over; false if the asker went away first.
async fn forward(
    stream: &mut UnixStream,
    mut chunks: mpsc::Receiver<(Kind, Vec<u8>)>,
) -> Result<bool, SocketError> {
    let (mut from, mut to) = stream.split();
    let mut nothing = [0; 1];
    loop {
        tokio::select! {
            chunk = chunks.recv() => match chunk {
                Some((kind, bytes)) => send(&mut to, kind, &bytes).await?,
                None => return Ok(true),
            },
            // An asker says nothing more: whatever comes now, its end most likely, ends the answer.
            _ = from.read(&mut nothing) => return Ok(false),
        }
    }
}

async fn read_request(stream: &mut UnixStream) -> Result<Request, SocketError> {
    let mut head = [0; HEADER_BYTES];
    stream.read_exact(&mut head).await.map_err(|_| SocketError::CutOff)?;
    let (kind, len) = frame::read_header(head)?;
    if kind != Kind::Request {
        return Err(SocketError::Protocol { what: "the first frame is no request".into() });
    }
    let mut bytes = vec![0; len];
    stream.read_exact(&mut bytes).await.map_err(|_| SocketError::CutOff)?;
    serde_json::from_slice(&bytes)
        .map_err(|error| SocketError::Protocol { what: format!("the request: {error}") })
}

async fn turn_away(mut stream: UnixStream) -> Result<(), SocketError> {
    let message = format!("the process that holds the store answers {ASKERS_MAX} others already");
    refuse(&mut stream, &message, "try again").await
}

async fn refuse(stream: &mut UnixStream, message: &str, hint: &str) -> Result<(), SocketError> {
    let refusal = Refusal { message: message.to_owned(), hint: hint.to_owned() };
    let json =
        serde_json::to_vec(&refusal).map_err(|error| SocketError::Protocol { what: error.to_string() })?;
    send(stream, Kind::Refused, &json).await
}

async fn send(
    stream: &mut (impl AsyncWriteExt + Unpin),
    kind: Kind,
    bytes: &[u8],
) -> Result<(), SocketError> {
    let header = frame::header(kind, bytes.len()).ok_or(SocketError::CutOff)?;
    let cut = |_: io::Error| SocketError::CutOff;
    stream.write_all(&header).await.map_err(cut)?;
    stream.write_all(bytes).await.map_err(cut)
}
