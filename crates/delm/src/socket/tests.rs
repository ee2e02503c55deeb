//! Both sides over real sockets in temporary folders.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::client::ask;
use super::frame::{self, Kind};
use super::path::socket_of;
use super::server::{ASKERS_MAX, Answer, Asker, Server};
use super::*;
use crate::output::capture;

/// Answers by the first argument: `echo` the rest, `long` output, `wait` until the asker goes, `panic`.
#[derive(Default)]
struct Owner {
    saw_it_go: AtomicBool,
    waiting: std::sync::Mutex<Option<tokio::sync::mpsc::UnboundedSender<()>>>,
}

impl Answer for Owner {
    fn answer(&self, request: Request, asker: &Asker) -> u8 {
        let mut out = asker.stdout();
        match request.arguments.first().map(String::as_str) {
            Some("echo") => {
                write!(out, "{} {:?}", request.arguments[1..].join(" "), request.columns).unwrap();
                asker.stderr().write_all(b"a message").unwrap();
                out.flush().unwrap();
                7
            }
            Some("long") => {
                (0..20_000).for_each(|line| writeln!(out, "line {line:08} of the answer").unwrap());
                out.flush().unwrap();
                0
            }
            Some("wait") => {
                if let Some(news) = self.waiting.lock().unwrap().as_ref() {
                    news.send(()).unwrap();
                }
                // As `log -f` does: write until nobody reads any more.
                while !asker.has_gone() && out.write_all(&[b'.'; 1024]).and_then(|()| out.flush()).is_ok() {}
                self.saw_it_go.store(true, Ordering::SeqCst);
                0
            }
            _ => panic!("a verb that panics must not take the owner down"),
        }
    }
}

fn request(words: &[&str]) -> Request {
    let arguments = words.iter().map(|word| (*word).to_owned()).collect();
    Request::new(arguments, Style { columns: Some(72), ..Style::default() })
}

/// Asks from a thread, as another process would.
async fn asked(store: &Path, words: &[&str]) -> (Result<u8, SocketError>, String, String) {
    let (store, request) = (store.to_owned(), request(words));
    let asking = tokio::task::spawn_blocking(move || {
        let (mut output, out, err) = capture::output(Style::default());
        let code = ask(&store, &request, &mut output);
        (code, out.text(), err.text())
    });
    asking.await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn output_and_exit_code_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::listen(folder.path(), Arc::new(Owner::default())).unwrap();
    let (code, out, err) = asked(folder.path(), &["echo", "hello", "there"]).await;
    assert_eq!((code.unwrap(), out.as_str(), err.as_str()), (7, "hello there Some(72)", "a message"));
    server.end().await;
    assert!(!socket_of(folder.path()).exists());
    let (code, ..) = asked(folder.path(), &["echo"]).await;
    assert!(matches!(code, Err(SocketError::Nobody { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn long_answers_to_many_askers_come_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::listen(folder.path(), Arc::new(Owner::default())).unwrap();
    let asking = || {
        let store = folder.path().to_owned();
        tokio::spawn(async move { asked(&store, &["long"]).await })
    };
    let many: Vec<_> = std::iter::repeat_with(asking).take(8).collect();
    for asking in many {
        let (code, out, _) = asking.await.unwrap();
        assert_eq!((code.unwrap(), out.lines().count()), (0, 20_000));
        assert!(out.ends_with("line 00019999 of the answer\n"));
    }
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_path_over_the_limit_of_sockets_works() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("x".repeat(120)).join("y".repeat(120));
    std::fs::create_dir_all(&store).unwrap();
    let server = Server::listen(&store, Arc::new(Owner::default())).unwrap();
    let (code, ..) = asked(&store, &["echo"]).await;
    assert_eq!(code.unwrap(), 7);
    server.end().await;
    assert!(!socket_of(&store).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_left_by_a_dead_owner_is_replaced_and_protected() {
    let folder = tempfile::tempdir().unwrap();
    drop(std::os::unix::net::UnixListener::bind(socket_of(folder.path())).unwrap());
    let (code, ..) = asked(folder.path(), &["echo"]).await;
    assert!(matches!(code, Err(SocketError::Nobody { .. })), "nobody listens behind it");
    let server = Server::listen(folder.path(), Arc::new(Owner::default())).unwrap();
    let mode = std::fs::metadata(socket_of(folder.path())).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(asked(folder.path(), &["echo"]).await.0.unwrap(), 7);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verb_that_panics_ends_its_answer_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::listen(folder.path(), Arc::new(Owner::default())).unwrap();
    assert_eq!(asked(folder.path(), &["panic"]).await.0.unwrap(), 1);
    assert_eq!(asked(folder.path(), &["echo"]).await.0.unwrap(), 7);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asker_that_goes_frees_its_thread() {
    let folder = tempfile::tempdir().unwrap();
    let owner = Arc::new(Owner::default());
    let (news, mut begun) = tokio::sync::mpsc::unbounded_channel();
    *owner.waiting.lock().unwrap() = Some(news);
    let server = Server::listen(folder.path(), Arc::clone(&owner) as Arc<dyn Answer>).unwrap();
    let mut stream = UnixStream::connect(socket_of(folder.path())).unwrap();
    frame::write(&mut stream, Kind::Request, &serde_json::to_vec(&request(&["wait"])).unwrap()).unwrap();
    begun.recv().await.unwrap();
    drop(stream);
    // `end` waits for answers under way: it comes back because the answer saw that nobody reads it.
    server.end().await;
    while !owner.saw_it_go.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_cuts_off_an_answer_that_would_not_end() {
    let folder = tempfile::tempdir().unwrap();
    let owner = Arc::new(Owner::default());
    let (news, mut begun) = tokio::sync::mpsc::unbounded_channel();
    *owner.waiting.lock().unwrap() = Some(news);
    let server = Server::listen(folder.path(), Arc::clone(&owner) as Arc<dyn Answer>).unwrap();
    let store = folder.path().to_owned();
    let asking = tokio::spawn(async move { asked(&store, &["wait"]).await.0 });
    begun.recv().await.unwrap();
    drop(server);
    // Cut off before or after its first word: without one the asker takes the store for free and asks again.
    assert!(matches!(asking.await.unwrap(), Err(SocketError::Nobody { .. } | SocketError::CutOff)));
    while !owner.saw_it_go.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_asker_too_many_is_told_to_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let owner = Arc::new(Owner::default());
    let (news, mut begun) = tokio::sync::mpsc::unbounded_channel();
    *owner.waiting.lock().unwrap() = Some(news);
    let server = Server::listen(folder.path(), Arc::clone(&owner) as Arc<dyn Answer>).unwrap();
    let mut waiting = Vec::new();
    for _ in 0..ASKERS_MAX {
        let mut stream = UnixStream::connect(socket_of(folder.path())).unwrap();
        frame::write(&mut stream, Kind::Request, &serde_json::to_vec(&request(&["wait"])).unwrap()).unwrap();
        begun.recv().await.unwrap();
        waiting.push(stream);
    }
    let refused = CliError::from(asked(folder.path(), &["echo"]).await.0.unwrap_err());
    assert_eq!(refused.exit, Exit::Conflict);
    assert!(refused.message.contains("answers 32 others already"), "{refused}");
    drop(waiting);
    server.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_on_the_socket_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::listen(folder.path(), Arc::new(Owner::default())).unwrap();
    let mut newer = request(&["echo"]);
    newer.protocol = 2;
    newer.version = "9.9.9".into();
    let mut wires: Vec<Vec<u8>> =
        vec![b"GET / HTTP/1.1\r\n\r\n".to_vec(), vec![1, 0xff, 0xff, 0xff, 0xff], vec![4, 0, 0, 0, 1, 0]];
    for json in [b"{}".to_vec(), b"not json".to_vec(), serde_json::to_vec(&newer).unwrap()] {
        let mut wire = Vec::new();
        frame::write(&mut wire, Kind::Request, &json).unwrap();
        wires.push(wire);
    }
    for wire in wires {
        let store = folder.path().to_owned();
        let answered = tokio::task::spawn_blocking(move || {
            let mut stream = UnixStream::connect(socket_of(&store)).unwrap();
            stream.write_all(&wire).unwrap();
            let mut answer = Vec::new();
            // The server may close with bytes of ours unread, which resets the connection after its answer.
            let _reset = stream.read_to_end(&mut answer);
            answer
        });
        let answer = answered.await.unwrap();
        assert!(answer.starts_with(&[5, 0, 0]) || answer.is_empty(), "{answer:?}");
    }
    assert_eq!(asked(folder.path(), &["echo"]).await.0.unwrap(), 7);
    server.end().await;
}
