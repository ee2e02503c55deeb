//! Folders as people have them.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Self(folder)
    }

    fn read_with(
        &self,
        paths: &[&str],
        change: impl Fn(&mut Limits, &mut Option<String>),
    ) -> Result<Documents, DocsError> {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        let (mut limits, mut strict) = (Limits::default(), None);
        change(&mut limits, &mut strict);
        let request =
            Request { paths: &paths, directory: self.0.path(), strict, limits: &limits, stdin_taken: false };
        read(&request, &mut &b"from standard input"[..])
    }

    fn read(&self, paths: &[&str]) -> Result<Documents, DocsError> {
        self.read_with(paths, |_, _| {})
    }
}

fn names(documents: &Documents) -> Vec<&str> {
    documents.read.iter().map(|document| document.name.as_str()).collect()
}

fn skipped(documents: &Documents) -> Vec<String> {
    documents.skipped.iter().map(|file| format!("{}: {}", file.name, file.reason)).collect()
}

#[test]
fn folders_are_read_by_name_without_hidden_files_and_stores() {
    let folder = Folder::new(&[
        ("d/b.md", b"b"),
        ("d/a/z.txt", b"z"),
        ("d/a.txt", b"a"),
        ("d/.hidden", b"h"),
        ("d/.git/config", b"h"),
        ("d/store/format", b"delm store format 1 0123456789abcdef\n"),
        ("d/store/journal/1", b"x"),
        ("d/format", b"a document about formats"),
    ]);
    let documents = folder.read(&["d"]).unwrap();
    assert_eq!(names(&documents), ["a.txt", "a/z.txt", "b.md", "format"]);
    assert_eq!(documents.skipped, []);
    assert_eq!(documents.read[2].extractor, Extractor::Markdown);
    assert_eq!(documents.read[0].extractor, Extractor::Text);
    assert_eq!(documents.read[0].hash, Digest::of_blob(b"a"));
}

#[test]
fn every_file_left_out_says_why() {
    let folder = Folder::new(&[
        ("d/good.txt", b"good"),
        ("d/image.png", b"\x89PNG"),
        ("d/latin.txt", b"caf\xe9"),
        ("d/nul.txt", b"a\0b"),
        ("d/empty.txt", b""),
        ("d/blank.md", b"  \n"),
        ("d/long.txt", &[b'x'; 100]),
    ]);
    let root = folder.0.path().join("d");
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("..", root.join("up")).unwrap();
    symlink("good.txt", root.join("twin.txt")).unwrap();
    fs::write(root.join(std::ffi::OsStr::from_bytes(b"bad\xffname")), b"x").unwrap();
    let documents = folder.read_with(&["d"], |limits, _| limits.source_bytes_max = 99).unwrap();
    assert_eq!(names(&documents), ["good.txt"]);
    assert_eq!(
        skipped(&documents),
        [
            "bad\u{fffd}name: its name is not UTF-8",
            "blank.md: it holds nothing but white space",
            "dangling: it is a link that leads nowhere",
            "empty.txt: it is empty",
            "image.png: it is an image, which this version does not read",
            "latin.txt: it is not UTF-8: byte 3 begins no character",
            "long.txt: it has 100 bytes, and source_bytes_max is 99",
            "nul.txt: it is not text: byte 1 is NUL",
            "twin.txt: it is the same file as good.txt",
            "up: it is a link to a folder around this one",
        ]
    );
}

#[test]
fn links_are_followed_out_of_the_folder_and_never_in_a_circle() {
    let folder = Folder::new(&[("d/a.txt", b"a"), ("d/in/b.txt", b"b"), ("out/c.txt", b"c")]);
    let root = folder.0.path();
    symlink("in", root.join("d/again")).unwrap();
    symlink("../out", root.join("d/out")).unwrap();
    symlink(".", root.join("out/self")).unwrap();
    symlink("../d", root.join("out/back")).unwrap();
    let documents = folder.read(&["d"]).unwrap();
    assert_eq!(names(&documents), ["a.txt", "in/b.txt", "out/c.txt"]);
    assert_eq!(
        skipped(&documents),
        [
            "again: it is a link to a folder that is read anyway",
            "out/back: it is a link back to the folder itself",
            "out/self: it is a link back to out",
        ]
    );
}

#[test]
fn sources_stop_where_their_room_ends() {
    let folder = Folder::new(&[("d/a", &[b'a'; 60]), ("d/b", &[b'b'; 60]), ("d/c", &[b'c'; 40])]);
    let documents = folder.read_with(&["d"], |limits, _| limits.sources_bytes_max = 100).unwrap();
    assert_eq!(names(&documents), ["a", "c"]);
    let reason = "b: there is no room for it: with it all sources would have more than 100 bytes, which is sources_bytes_max";
    assert_eq!(skipped(&documents), [reason]);
}

#[test]
fn equal_names_get_their_folder_and_arguments_keep_their_order() {
    let folder = Folder::new(&[("x/a.md", b"x"), ("y/a.md", b"y"), ("c.md", b"c")]);
    assert_eq!(names(&folder.read(&["y", "x", "c.md"]).unwrap()), ["y/a.md", "x/a.md", "c.md"]);
    let twice = folder.read(&["c.md", "./c.md"]).unwrap();
    assert_eq!((names(&twice).len(), twice.skipped.len()), (1, 1));
}

#[test]
fn standard_input_is_a_source_once() {
    let folder = Folder::new(&[("a.md", b"a")]);
    let documents = folder.read(&["-", "a.md"]).unwrap();
    assert_eq!(names(&documents), ["stdin", "a.md"]);
    assert_eq!(documents.read[0].text, "from standard input");
    assert!(matches!(folder.read(&["-", "-"]), Err(DocsError::StdinTwice { other: "another --docs -" })));
    let request = Request {
        paths: &["-".into()],
        directory: folder.0.path(),
        strict: None,
        limits: &Limits::default(),
        stdin_taken: true,
    };
    assert!(matches!(read(&request, &mut &b"x"[..]), Err(DocsError::StdinTwice { other: "the question" })));
}

#[test]
fn what_cannot_be_read_at_all_names_its_path_and_exits_2() {
    let folder = Folder::new(&[
        ("empty/.hidden", b"x"),
        ("s/format", b"delm store format 1 x"),
        ("bin", b"\0"),
        ("ok", b"x"),
    ]);
    let table = [
        ("missing", "--docs missing: "),
        ("empty", "--docs empty: there is no file"),
        ("s", "--docs s: this is a delm store"),
        ("bin", "nothing could be read:\nbin: it is not text"),
    ];
    for (path, says) in table {
        let error = CliError::from(
            folder.read(&["ok", path]).err().unwrap_or_else(|| folder.read(&[path]).unwrap_err()),
        );
        assert!(error.message.starts_with(says), "{}", error.message);
        assert_eq!((error.exit, error.hint.is_some()), (Exit::Usage, true));
    }
    let many = folder.read_with(&["ok", "bin"], |limits, _| limits.units_max = 1).unwrap_err();
    assert!(matches!(many, DocsError::TooMany { max: 1 }));
    assert_eq!(folder.read(&[]).unwrap(), Documents::default());
}

#[test]
fn what_may_not_be_left_out_is_told_with_who_says_so_and_what_helps() {
    let folder = Folder::new(&[("bin", b"\0"), ("long", b"12345"), ("ok", b"x")]);
    let refused = |paths: &[&str]| {
        let change = |limits: &mut Limits, strict: &mut Option<String>| {
            (limits.source_bytes_max, *strict) = (2, Some("delm.toml:3".to_owned()));
        };
        CliError::from(folder.read_with(paths, change).unwrap_err())
    };
    let (binary, long, both) =
        (refused(&["ok", "bin"]), refused(&["ok", "long"]), refused(&["ok", "bin", "long"]));
    assert!(binary.message.starts_with("1 file left out, which delm.toml:3 forbids:\nbin: "), "{binary}");
    assert_eq!(binary.hint.as_deref(), Some("without delm.toml:3 the run has the other documents"));
    assert_eq!(long.hint.as_deref(), Some("to read it all: --set source_bytes_max=5"));
    assert_eq!(both.hint.as_deref(), Some("to read what is too long: --set source_bytes_max=5"));
}

#[test]
fn a_pipe_in_a_folder_is_not_waited_for() {
    let folder = Folder::new(&[("d/a", b"a")]);
    let fifo = folder.0.path().join("d/fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    assert_eq!(skipped(&folder.read(&["d"]).unwrap()), ["fifo: it is not a regular file"]);
}
