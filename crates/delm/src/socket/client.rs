//! The asking side: sends a verb to the owner of the store, and writes what comes back as if it had run here.
//!
//! Refuses to wait for ever for an owner that does not take the request; what it then answers may take its time.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::frame::{self, Kind};
use super::path::{ShortPath, socket_of};
use super::{Request, SocketError};
use crate::output::Output;

/// How long the owner has to take the request.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Has the owner of a store run a verb; gives the verb's exit code.
///
/// # Errors
/// [`SocketError::Nobody`] if no owner listens: the store is free, or its owner begins or ends at this moment.
pub(crate) fn ask(store: &Path, request: &Request, output: &mut Output) -> Result<u8, SocketError> {
    let io = |doing| move |error| SocketError::Io { path: socket_of(store), doing, error };
    let mut stream = connect(store)?;
    stream.set_write_timeout(Some(SEND_TIMEOUT)).map_err(io("set a time limit"))?;
    let json =
        serde_json::to_vec(request).map_err(|error| SocketError::Protocol { what: error.to_string() })?;
    match frame::write(&mut stream, Kind::Request, &json) {
        // An owner that is busy says so and closes, maybe before it has read: its answer is still to be read.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        sent => sent.map_err(io("send the request"))?,
    }
    let mut began = false;
    while let Some((kind, bytes)) = frame::read(&mut stream)? {
        began |= matches!(kind, Kind::Stdout | Kind::Stderr);
        match kind {
            Kind::Stdout => output.forwarded(&bytes)?,
            Kind::Stderr => output.forwarded_error(&bytes)?,
            Kind::Exit => return Ok(bytes.first().copied().unwrap_or(1)),
            Kind::Refused => {
                let wrong =
                    |error: serde_json::Error| SocketError::Protocol { what: format!("a refusal: {error}") };
                return Err(SocketError::Refused { refusal: serde_json::from_slice(&bytes).map_err(wrong)? });
            }
            Kind::Request => return Err(SocketError::Protocol { what: "a request for an answer".into() }),
        }
    }
    // An owner that ends at this moment has said nothing yet: the store is about to be free.
    Err(if began { SocketError::CutOff } else { SocketError::Nobody { path: socket_of(store) } })
}

fn connect(store: &Path) -> Result<UnixStream, SocketError> {
    let path = socket_of(store);
    let failed = |error: io::Error| {
        let nobody = matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused);
        let path = path.clone();
        if nobody { SocketError::Nobody { path } } else { SocketError::Io { path, doing: "connect", error } }
    };
    let short = ShortPath::to(store).map_err(failed)?;
    UnixStream::connect(short.path()).map_err(failed)
}
