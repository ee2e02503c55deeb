//! A machine whose power can be cut: an ext4 image on a loop device, shut down without its file system's journal being
//! flushed and mounted again, as after its power came back.
//!
//! Refuses to stand in for it: without root, loop devices, ext4 and something that can make the call (no `unsafe` in this
//! workspace, so Python or Perl make the `ioctl`) it says why not. Each start after a cut sees another boot of the machine, or
//! the store would trust an index that only a living page cache could have kept.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::world::folder;
use super::{Say, Try};

const IMAGE_BYTES: u64 = 96 << 20;
/// `EXT4_IOC_SHUTDOWN`, and its `NOLOGFLUSH`.
const SHUTDOWN: [&str; 2] = ["0x8004587d", "2"];
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// A machine with a disk: a mount namespace of its own, an image mounted in it, and the boot it says it is in.
pub(super) struct Machine {
    folder: TempDir,
    holder: Child,
    pub(super) options: &'static str,
    boot: u64,
}

impl Machine {
    /// A machine whose disk is mounted so.
    pub(super) fn new(options: &'static str) -> Try<Self> {
        let folder = folder()?;
        let image = folder.path().join("image");
        fs::File::create(&image).and_then(|file| file.set_len(IMAGE_BYTES)).say("make an image")?;
        run(&[], "mkfs.ext4", &["-q", "-F", &image.display().to_string()])?;
        fs::create_dir(folder.path().join("disk")).say("make a mount point")?;
        let (boot, ready) = (folder.path().join("boot"), folder.path().join("ready"));
        fs::write(&boot, "").say("boot")?;
        let words = "mount --bind \"$0\" \"$1\" && : >\"$2\" && exec sleep 3600";
        let mut holder = Command::new("unshare");
        holder.args(["--mount", "sh", "-c", words]).args([&boot, Path::new(BOOT_ID), &ready]);
        let holder = holder.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut machine = Self { folder, holder: holder.say("unshare")?, options, boot: 0 };
        while !ready.exists() {
            if machine.holder.try_wait().say("unshare")?.is_some() {
                return Err(
                    "no mount namespace of one's own can be had, or no other boot id be shown in it".into()
                );
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        machine.mount()?;
        Ok(machine)
    }

    /// Where its disk is.
    pub(super) fn disk(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    /// What runs a program on this machine, in a folder.
    pub(super) fn on(&self, folder: &Path) -> Vec<String> {
        let words = format!("cd '{}' && exec \"$@\"", folder.display());
        let pid = self.holder.id().to_string();
        ["nsenter", "--target", &pid, "--mount", "sh", "-c", &words, "sh"].map(str::to_owned).to_vec()
    }

    /// Whether something is on its disk: nobody outside of its namespace sees what is mounted there.
    pub(super) fn has(&self, path: &Path) -> bool {
        let within = path.strip_prefix("/").unwrap_or(path);
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(within).exists()
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Try<()> {
        run(&self.on(self.folder.path()), program, arguments)
    }

    fn mount(&mut self) -> Try<()> {
        self.boot += 1;
        let boot = format!("00000000-0000-4000-8000-{:012}\n", self.boot);
        fs::write(self.folder.path().join("boot"), boot).say("boot")?;
        self.run("mount", &["-t", "ext4", "-o", &format!("loop,{}", self.options), "image", "disk"])
    }

    /// Makes ready to cut, so that it takes no time to start a program when the moment has come.
    pub(super) fn arm(&self) -> Try<Switch> {
        let [request, flags] = SHUTDOWN;
        let python = format!(
            "import fcntl,os,struct\nfd=os.open('disk',os.O_RDONLY)\nprint('armed',flush=True)\ninput()\n\
             fcntl.ioctl(fd,{request},struct.pack('I',{flags}))"
        );
        let perl = format!(
            "$|=1; open(my $d,'<','disk') or die $!; print \"armed\\n\"; <STDIN>; ioctl($d,{request},pack('I',{flags})) or die $!;"
        );
        let words =
            "if command -v python3 >/dev/null; then exec python3 -c \"$0\"; else exec perl -e \"$1\"; fi";
        let line = self.on(self.folder.path());
        let (first, rest) = line.split_first().ok_or("no program")?;
        let mut command = Command::new(first);
        command
            .args(rest)
            .args(["sh", "-c", words, &python, &perl])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().say("python3 or perl")?;
        let mut armed = String::new();
        let said = child.stdout.take().ok_or("no output")?;
        BufReader::new(said).read_line(&mut armed).say("the switch")?;
        if armed == "armed\n" {
            Ok(Switch { child })
        } else {
            Err("neither python3 nor perl can open the disk".into())
        }
    }

    /// The power comes back.
    pub(super) fn back(&mut self) -> Try<()> {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            match self.run("umount", &["disk"]) {
                Ok(()) => return self.mount(),
                // A process that was killed may not have let go yet.
                Err(why) if why.contains("busy") && Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(why) => return Err(why),
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Its mounts go with the last process in its namespace.
        let _over = self.holder.kill();
        let _reaped = self.holder.wait();
    }
}

/// What cuts the power of a machine.
pub(super) struct Switch {
    child: Child,
}

impl Switch {
    /// The power goes: what the file system had not made durable is gone, and every call on it fails from now on.
    pub(super) fn cut(mut self) -> Try<()> {
        let mut stdin = self.child.stdin.take().ok_or("no input")?;
        stdin.write_all(b"\n").say("the switch")?;
        let status = self.child.wait().say("the switch")?;
        if status.success() { Ok(()) } else { Err(format!("the power cannot be cut: {status}")) }
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        let _over = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn run(before: &[String], program: &str, arguments: &[&str]) -> Try<()> {
    let mut words: Vec<&str> = before.iter().map(String::as_str).collect();
    words.push(program);
    words.extend(arguments);
    let (first, rest) = words.split_first().ok_or("no program")?;
    let ran = Command::new(first).args(rest).stdin(Stdio::null()).output();
    let ran = ran.map_err(|error| format!("{first} cannot be started: {error}"))?;
    if ran.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&ran.stderr).trim().replace('\n', "; ")))
}

/// Why power cannot be cut here, if so. It is tried: what was synced must be there after, and what was not must be gone.
///
/// # Errors
/// The reason.
pub(super) fn possible() -> Try<()> {
    let mut machine = Machine::new("data=ordered")?;
    machine.run("sh", &["-c", "echo synced >disk/kept && sync && echo not >disk/lost"])?;
    machine.arm()?.cut()?;
    machine.back()?;
    machine.run("sh", &["-c", "grep -q synced disk/kept && ! test -e disk/lost"]).map_err(|why| {
        format!("a file system that was shut down does not come back as a disk without power would: {why}")
    })?;
    machine.run("grep", &["-q", "4000-8000-000000000002", BOOT_ID])
}
