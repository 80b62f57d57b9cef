//! A service manager that holds the socket: systemd's own `systemd-socket-activate`, and a restart under load.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has to fail loudly, and its client connects on its own"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::{Gateway, House, Service, call, text};

fn document(house: &House, address: &str, upstream: u16) {
    house.write(
        "yett.yaml",
        &format!(
            "version: 1\nlisten: http://{address}\nadmin: {{ bind: \"127.0.0.1:0\" }}\nadmission: {{ anonymous: {{ mode: off }} }}\napis:\n  notes:\n    \
             contract: none\n    allow: [\"GET /*\"]\n    unsecured: anonymous\n    upstream: http://127.0.0.1:{upstream}\n"
        ),
    );
}

/// A port that was free a moment ago.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// `yett run` with sockets as systemd passes them: from descriptor 3 on.
fn with_socket(house: &House, socket: &TcpListener) -> Command {
    let mut command = Command::new("sh");
    let script = "exec 3<&0 </dev/null; LISTEN_PID=$$; LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS; exec \"$0\" run --cores 2";
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_yett")])
        .current_dir(house.dir.path())
        .env("NO_COLOR", "1");
    command.stdin(OwnedFd::from(socket.try_clone().unwrap()));
    command
}

#[test]
fn systemd_passes_its_socket_and_the_first_call_waits_for_the_gateway() {
    let (house, service, address) = (House::new(), Service::start(), free().to_string());
    document(&house, &address, service.port);
    let mut command = Command::new("systemd-socket-activate");
    command.args(["-l", &address, env!("CARGO_BIN_EXE_yett"), "run", "--cores", "2"]);
    command.current_dir(house.dir.path()).env("NO_COLOR", "1");
    // Nothing runs before somebody connects.
    let caller = std::thread::spawn({
        let address = address.clone();
        move || {
            testkit::until(60, || TcpStream::connect(&address).ok()).unwrap();
            call(&address, "GET", "/a", None, None).0
        }
    });
    let gateway = Gateway::from_command(command);
    assert_eq!(caller.join().unwrap(), 200);
    assert_eq!(gateway.url, address);
    gateway.signal("TERM");
    assert_eq!(gateway.end(), 0);
}

#[test]
fn a_socket_that_no_listener_is_bound_to_is_an_error() {
    let (house, service) = (House::new(), Service::start());
    document(&house, "127.0.0.1:0", service.port);
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let output = with_socket(&house, &socket).output().unwrap();
    let (said, passed) = (text(&output.stderr), socket.local_addr().unwrap());
    assert!(!output.status.success());
    assert!(said.contains(&format!("`{passed}`")) && said.contains("ListenStream="), "{said}");
    // Its valid twin.
    document(&house, &passed.to_string(), service.port);
    let gateway = Gateway::from_command(with_socket(&house, &socket));
    assert_eq!(call(&passed.to_string(), "GET", "/a", None, None).0, 200);
    gateway.signal("TERM");
    assert_eq!(gateway.end(), 0);
}

/// Calls on a new connection each, and several on one, until it is told to stop.
fn calls(address: SocketAddr, stop: &AtomicBool, good: &AtomicUsize) -> Vec<String> {
    let mut failed = Vec::new();
    while !stop.load(Ordering::SeqCst) {
        for most in [1, 5] {
            match session(address, most) {
                Ok(count) => good.fetch_add(count, Ordering::SeqCst),
                Err(why) => {
                    failed.push(why);
                    0
                }
            };
        }
    }
    failed
}

/// How many calls went well: up to so many, or until the gateway says that it closes the connection.
fn session(address: SocketAddr, most: usize) -> Result<usize, String> {
    let mut stream = TcpStream::connect(address).map_err(|why| format!("connect: {why}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    for number in 0..most {
        let sent = stream.write_all(b"GET /a HTTP/1.1\r\nhost: a\r\n\r\n");
        let mut answer = Vec::new();
        let mut piece = [0; 4096];
        while !answer.ends_with(b"{}") {
            match stream.read(&mut piece) {
                // Closed between two calls: none was under way that it had begun to read (RFC 9112 section 9.6).
                Ok(0) | Err(_) if answer.is_empty() && number > 0 => return Ok(number),
                Ok(0) => {
                    return Err(format!("call {number}: cut off after {} bytes, {sent:?}", answer.len()));
                }
                Ok(count) => answer.extend_from_slice(&piece[..count]),
                Err(why) => return Err(format!("call {number}: {why} after {} bytes", answer.len())),
            }
        }
        let answer = text(&answer);
        if !answer.starts_with("HTTP/1.1 200 ") {
            return Err(answer);
        }
        if answer.contains("connection: close") {
            return Ok(number + 1);
        }
    }
    Ok(most)
}

#[test]
fn restarts_behind_a_socket_that_somebody_holds_fail_no_call() {
    let (house, service) = (House::new(), Service::start());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    document(&house, &address.to_string(), service.port);
    let (stop, good) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut gateway = Gateway::from_command(with_socket(&house, &socket));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (stop, good) = (Arc::clone(&stop), Arc::clone(&good));
            std::thread::spawn(move || calls(address, &stop, &good))
        })
        .collect();
    let more = |count| {
        let from = good.load(Ordering::SeqCst);
        testkit::until(60, || (good.load(Ordering::SeqCst) >= from + count).then_some(())).unwrap();
    };
    for _ in 0..4 {
        more(200);
        // As `systemctl restart` does: the old one ends before the new one starts, and clients wait meanwhile.
        gateway.signal("TERM");
        assert_eq!(gateway.end(), 0);
        gateway = Gateway::from_command(with_socket(&house, &socket));
    }
    more(200);
    stop.store(true, Ordering::SeqCst);
    let failed: Vec<String> = clients.into_iter().flat_map(|client| client.join().unwrap()).collect();
    assert_eq!(failed, Vec::<String>::new());
}

#[test]
fn the_manager_is_told_when_it_serves_and_when_it_ends() {
    let (house, service) = (House::new(), Service::start());
    document(&house, "127.0.0.1:0", service.port);
    let manager = UnixDatagram::bind(house.path("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let said = || {
        let mut said = [0; 64];
        let length = manager.recv(&mut said).unwrap();
        text(&said[..length])
    };
    let mut command = house.command(&["run", "--cores", "1"]);
    command.env("NOTIFY_SOCKET", house.path("notify"));
    let gateway = Gateway::from_command(command);
    assert_eq!(said(), "READY=1");
    assert_eq!(call(&gateway.url, "GET", "/a", None, None).0, 200);
    gateway.signal("TERM");
    assert_eq!(said(), "STOPPING=1");
    assert_eq!(gateway.end(), 0);
}

/// What is packaged is what was tried: systemd finds no fault in the unit files, and little that the service could do.
#[test]
fn systemd_takes_the_unit_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging");
    for name in ["yett.service", "yett.socket"] {
        let unit = std::fs::read_to_string(root.join(name)).unwrap();
        // It looks whether the program is there.
        let unit = unit.replace("/usr/bin/yett", env!("CARGO_BIN_EXE_yett"));
        std::fs::write(folder.path().join(name), unit).unwrap();
    }
    let analyze = |arguments: &[&str]| {
        let output =
            Command::new("systemd-analyze").args(arguments).current_dir(folder.path()).output().unwrap();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (good, _, said) = analyze(&["verify", "--man=no", "./yett.service", "./yett.socket"]);
    assert!(good && said.is_empty(), "{said}");
    // The threshold is in tenths.
    let (good, table, said) =
        analyze(&["security", "--offline=true", "--threshold=20", "--no-pager", "./yett.service"]);
    assert!(good, "{table}{said}");
}
