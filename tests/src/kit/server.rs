//! A provider on this machine: an HTTP server that answers every request the same way, and counts them.
//!
//! Refuses to be a provider: it reads a request to its end and sends the bytes it was given.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What every request is answered with.
#[derive(Clone)]
pub(crate) enum Answer {
    /// A status, headers and a body.
    Status(u16, &'static str, String),
    /// The head and half of a body, then the end of the connection.
    CutOff,
    /// Nothing, for as long as anybody waits.
    Silence,
    /// Bytes that are no HTTP.
    Noise,
}

/// A server, until it is dropped.
pub(crate) struct Server {
    port: u16,
    asked: Arc<AtomicU64>,
}

impl Server {
    /// Listens on a port of its own.
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(AtomicU64::new(0));
        let count = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, count) = (answer.clone(), count.clone());
                std::thread::spawn(move || {
                    // A client that goes away in the middle is part of some tests.
                    let _gone = serve(stream, &answer, &count);
                });
            }
        });
        Self { port, asked }
    }

    /// Its address, as `--base-url` wants it.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/", self.port)
    }

    /// Requests until now.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A port that nobody listens on.
pub(crate) fn nobody() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}/v1/")
}

/// A body as OpenAI's chat completions has it.
pub(crate) fn completion(content: &str) -> Answer {
    let body = serde_json::json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    });
    Answer::Status(200, "", body.to_string())
}

fn serve(mut stream: TcpStream, answer: &Answer, count: &AtomicU64) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    count.fetch_add(1, Ordering::SeqCst);
    match answer {
        Answer::Status(status, headers, body) => write!(
            stream,
            "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
            body.len()
        ),
        Answer::CutOff => write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{{\"id\":\"chatcmpl-1\",\"cho"
        ),
        Answer::Silence => {
            std::thread::sleep(Duration::from_secs(600));
            Ok(())
        }
        Answer::Noise => stream.write_all(b"\x00\xff nothing of the kind\r\n\r\n"),
    }
}
