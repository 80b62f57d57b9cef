//! A confined thread cannot be let out again, and so what it may do is tried in a process of its own: this one, started anew
//! for one test.

#![allow(clippy::disallowed_methods, reason = "a connection of the test to itself")]

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use landlock::RulesetStatus::{self, FullyEnforced, NotEnforced, PartiallyEnforced};

use super::{Places, enter, lacking};

const FOLDER: &str = "YETT_TEST_CONFINED";

/// The folder of a test: `may/read`, `may/write` and `elsewhere`, each with a file.
fn folders() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for name in ["read", "write", "elsewhere"] {
        fs::create_dir(root.path().join(name)).unwrap();
        fs::write(root.path().join(name).join("file"), "content").unwrap();
    }
    root
}

/// What an older kernel lacks cannot be had here; what is said of it can.
#[test]
fn what_the_kernel_lacks_is_said_of_files_and_of_calls() {
    let said = |files: Result<RulesetStatus, &str>, calls: Result<(), &str>| {
        lacking(files.map_err(str::to_owned), calls.map_err(str::to_owned))
    };
    assert_eq!(said(Ok(FullyEnforced), Ok(())), Vec::<String>::new());
    let some = "warning: not wholly confined: the kernel knows some file rights only (Linux 6.10 knows all)";
    assert_eq!(said(Ok(PartiallyEnforced), Ok(())), [some]);
    let none = "warning: not wholly confined: the kernel has no landlock: files of others may be opened";
    assert_eq!(said(Ok(NotEnforced), Ok(())), [none]);
    let failed =
        "warning: not wholly confined: landlock cannot be used (broken): files of others may be opened";
    assert_eq!(said(Err("broken"), Ok(())), [failed]);
    // One does not hide the other.
    let calls = "warning: not wholly confined: system calls are not filtered: no filters";
    assert_eq!(said(Ok(FullyEnforced), Err("no filters")), [calls]);
    assert_eq!(said(Ok(NotEnforced), Err("no filters")), [none, calls]);
}

#[test]
fn what_is_confined_opens_its_own_files_and_starts_nothing() {
    let root = folders();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "run::confine::tests::inside", "--ignored", "--nocapture"])
        .env(FOLDER, root.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "what the test above starts in a process of its own"]
fn inside() {
    let root = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let read = [root.join("read"), PathBuf::from("/etc/hosts"), PathBuf::from("/usr")].into();
    let places = Places { read, write: [root.join("write")].into() };
    let try_all = || {
        [
            ("read what is to be read", fs::read(root.join("read/file")).is_ok()),
            ("list it", fs::read_dir(root.join("read")).is_ok()),
            ("write into its data", fs::write(root.join("write/new"), "x").is_ok()),
            ("rename there", fs::rename(root.join("write/new"), root.join("write/newer")).is_ok()),
            ("remove there", fs::remove_file(root.join("write/newer")).is_ok()),
            ("read what belongs to the system", fs::read("/etc/hosts").is_ok()),
            ("start a thread", std::thread::spawn(|| 1).join().is_ok()),
            ("connect", {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                TcpStream::connect(listener.local_addr().unwrap()).is_ok()
            }),
            ("write where it reads", fs::write(root.join("read/new"), "x").is_ok()),
            ("change what it reads", fs::write(root.join("read/file"), "x").is_ok()),
            ("read elsewhere", fs::read(root.join("elsewhere/file")).is_ok()),
            ("read elsewhere by a way around", fs::read(root.join("read/../elsewhere/file")).is_ok()),
            ("read whose passwords there are", fs::read("/etc/passwd").is_ok()),
            ("read it in a thread", std::thread::spawn(|| fs::read("/etc/passwd").is_ok()).join().unwrap()),
            ("move it out", fs::rename(root.join("write/file"), root.join("elsewhere/moved")).is_ok()),
            ("start a program", Command::new("/bin/true").status().is_ok()),
        ]
    };
    // The twin: all of it works for whom nothing confines. What it changes is put back.
    for (what, works) in try_all() {
        assert!(works, "{what}, not confined");
    }
    fs::rename(root.join("elsewhere/moved"), root.join("write/file")).unwrap();
    assert_eq!(enter(&places), Vec::<String>::new());
    for (at, (what, works)) in try_all().into_iter().enumerate() {
        assert_eq!(works, at < 8, "{what}, confined");
    }
    // AF_PACKET, AF_ALG, AF_VSOCK: whether the kernel has them or not.
    for family in [17, 38, 40] {
        let refused =
            socket2::Socket::new(socket2::Domain::from(family), socket2::Type::DGRAM, None).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::PermissionDenied, "family {family}");
    }
}
