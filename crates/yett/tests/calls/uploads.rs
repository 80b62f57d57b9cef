//! Files that are not accepted, before a real gateway with real scanners beside it: Debian's clamd with a signature of ours, and
//! c-icap, which asks it. What they take for malware does not reach the service, and what is like it does; without them nothing
//! does.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]
#![allow(clippy::disallowed_methods, reason = "tests stand outside of the gateway")]

use std::fmt::Write as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::*;
use tempfile::TempDir;
use testkit::files::{multipart, zip};
use testkit::{Recorder, Reply, until};

/// What the signature finds.
const MALWARE: &str = "YETT-TEST-MALWARE-SIGNATURE";

fn document(upstream: &str, uploads: &str) -> String {
    format!(
        "version: 1\nlisten: http://127.0.0.1:0\nadmin: {{ bind: 127.0.0.1:0 }}\ndata: ./data\n\
         record: {{ access_log: \"file:access.log\" }}\napis:\n  t:\n    contract: none\n    \
         allow: [\"GET /things\", \"POST /things\"]\n    unsecured: anonymous\n    \
         upstream: {upstream}\n    uploads: {uploads}\n"
    )
}

fn upload(name: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("name=\"f\"; filename=\"{name}\"");
    let body = multipart(&[("name=note", b"a note"), (&head, content.as_ref())]);
    send("POST", "/things", "Content-Type: multipart/form-data; boundary=b\r\n", body)
}

fn raw(media_type: &str, content: impl AsRef<[u8]>) -> Vec<u8> {
    send("POST", "/things", &format!("Content-Type: {media_type}\r\n"), content)
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

fn cases() -> Vec<Case> {
    let refused = || Expect::Problem(403, "upload_refused");
    let mismatch = || Expect::Problem(415, "content_mismatch");
    let archive = |entries: &[(&str, &[u8])]| upload("a.zip", zip(entries));
    let with_php = [PNG, b"<?php system($_GET[0]);"].concat();
    let types = |part: &str| format!("<Types><Override ContentType=\"{part}\"/></Types>");
    let office = |part: &str| {
        upload(
            "a.docx",
            zip(&[("[Content_Types].xml", types(part).as_bytes()), ("word/document.xml", b"<w/>")]),
        )
    };
    vec![
        case("HTML as a picture", upload("a.png", "<script>alert(1)</script>"), mismatch())
            .twin(upload("a.png", PNG)),
        case("program as a picture", upload("a.jpg", b"\x7fELF\x02\x01\x01\0"), refused())
            .twin(upload("a.jpg", b"\xff\xd8\xff\xe0")),
        case("program as bytes", raw("application/octet-stream", b"MZ\x90\0\x03\0"), refused())
            .twin(raw("application/octet-stream", b"\x01\x02\x03\0")),
        case("program as text", raw("text/plain", b"MZ\x90\0\x03\0"), refused())
            .twin(raw("text/plain", "MZ and more")),
        case("two extensions", upload("a.php.jpg", b"\xff\xd8\xff\xe0"), refused())
            .twin(upload("a.b.jpg", b"\xff\xd8\xff\xe0")),
        case("picture with PHP", upload("a.png", &with_php), refused())
            .twin(upload("a.png", [PNG, b"<?xpacket?>"].concat())),
        case("picture with an archive", upload("a.png", [PNG, &zip(&[("a", b"x")])].concat()), refused())
            .twin(upload("a.png", [PNG, b"PK"].concat())),
        case("way out of an archive", archive(&[("../../etc/cron.d/x", b"x")]), refused())
            .twin(archive(&[("etc/cron.d/x", b"x")])),
        case("program in an archive", archive(&[("readme.txt", b"\x7fELF\x02\x01")]), refused())
            .twin(archive(&[("readme.txt", b"text")])),
        case(
            "archives too deep",
            archive(&[("a.zip", &zip(&[("b.zip", &zip(&[("c.zip", &zip(&[]))]))]))]),
            Expect::Problem(400, "body_out_of_bounds"),
        )
        .twin(archive(&[("a.zip", &zip(&[("b.zip", &zip(&[]))]))])),
        case(
            "two readers, two archives",
            upload("a.zip", [zip(&[("a", b"x")]), vec![0]].concat()),
            Expect::Problem(400, "body_malformed"),
        )
        .twin(upload("a.zip", zip(&[("a", b"x")]))),
        case("macros", office("application/vnd.ms-office.vbaProject"), refused())
            .twin(office("application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml")),
    ]
}

#[test]
fn files_that_are_not_accepted_do_not_get_through_and_their_twins_do() {
    let recorder = Recorder::start();
    let gateway = Gateway::with_document(&document(&recorder.url(), "{ mode: enforce }"));
    judge(&gateway, &recorder, &cases());
    reaches_naive(&cases());
}

#[test]
fn shadow_reports_and_changes_nothing() {
    let recorder = Recorder::start();
    let gateway = Gateway::with_document(&document(&recorder.url(), "{ mode: shadow }"));
    for case in cases() {
        let calls = recorder.count();
        let reply = gateway.call(&case.hostile);
        assert_eq!((reply.status, recorder.count()), (200, calls + 1), "{}", case.name);
        assert!(case.hostile.ends_with(&recorder.last().body), "{}: the body has changed", case.name);
        assert_eq!(verdict(&gateway, &reply, "refuse")["mode"], "shadow", "{}", case.name);
    }
}

fn verdict(gateway: &Gateway, reply: &Reply, outcome: &str) -> serde_json::Value {
    let line = gateway.log_of(reply);
    let verdicts = line["verdicts"].as_array().cloned().unwrap_or_default();
    let found = verdicts.into_iter().find(|one| one["control"] == "uploads" && one["outcome"] == outcome);
    found.unwrap_or_else(|| panic!("no `{outcome}` of uploads in {line}"))
}

/// The path of a program that `tests/peers/setup` installs.
fn program(name: &str) -> PathBuf {
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];
    let mut paths = folders.iter().map(|folder| Path::new(folder).join(name));
    paths
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("`{name}` is not there: run `tests/peers/setup debian`"))
}

fn start(command: &mut Command, log: &Path) -> Child {
    let log = std::fs::File::create(log).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

/// clamd, with one signature and no other database.
struct Clamd {
    child: Child,
    folder: TempDir,
}

impl Clamd {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("db")).unwrap();
        let signature = MALWARE.bytes().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        std::fs::write(at("db/yett.ndb"), format!("Yett.Test:0:*:{signature}\n")).unwrap();
        let settings = format!(
            "Foreground yes\nDatabaseDirectory {0}/db\nLocalSocket {0}/clamd.sock\nTemporaryDirectory {0}\nStreamMaxLength 512K\n",
            folder.path().display()
        );
        std::fs::write(at("clamd.conf"), settings).unwrap();
        let child = start(Command::new(program("clamd")).arg("-c").arg(at("clamd.conf")), &at("clamd.log"));
        let up = until(30, || UnixStream::connect(at("clamd.sock")).ok());
        assert!(
            up.is_some(),
            "clamd does not listen: {}",
            String::from_utf8_lossy(&std::fs::read(at("clamd.log")).unwrap())
        );
        Self { child, folder }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("clamd.sock")
    }

    fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Clamd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// c-icap with its antivirus service, which asks clamd.
struct Icap {
    child: Child,
    folder: TempDir,
    port: u16,
}

impl Icap {
    /// It takes no port 0: a free one is looked for, and another when somebody else was faster.
    fn start(clamd: &Clamd) -> Self {
        let started = (0..5).find_map(|_| Self::try_start(clamd));
        started.expect("c-icap listens on one of five free ports")
    }

    fn try_start(clamd: &Clamd) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "PidFile {0}/pid\nCommandsSocket {0}/ctl\nStartServers 1\nMaxServers 1\nMinSpareThreads 2\nMaxSpareThreads 4\n\
             ThreadsPerChild 4\nPort 127.0.0.1:{port}\nTmpDir {0}\nModulesDir {1}\nServicesDir {1}\n\
             TemplateDir /usr/share/c_icap/templates/\nTemplateDefaultLanguage en\nLoadMagicFile /etc/c-icap/c-icap.magic\n\
             ServerLog {0}/server.log\nAccessLog {0}/access.log\nModule common clamd_mod.so\nclamd_mod.ClamdSocket {2}\n\
             Service antivirus_module virus_scan.so\nServiceAlias avscan virus_scan?allow204=on&sizelimit=off&mode=simple\n\
             virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE DOCUMENT GIF JPEG MSOFFICE\nvirus_scan.DefaultEngine clamd\n",
            folder.path().display(),
            modules().display(),
            clamd.socket().display()
        );
        std::fs::write(folder.path().join("c-icap.conf"), settings).unwrap();
        let mut command = Command::new(program("c-icap"));
        command.arg("-N").arg("-f").arg(folder.path().join("c-icap.conf"));
        let mut child = start(&mut command, &folder.path().join("out.log"));
        let up = until(30, || match child.try_wait() {
            Ok(None) => TcpStream::connect(("127.0.0.1", port)).ok().map(|_| true),
            _ => Some(false),
        });
        let icap = Self { child, folder, port };
        (up == Some(true)).then_some(icap)
    }
}

/// Where Debian keeps the modules of this machine's kind.
fn modules() -> PathBuf {
    let mut folders =
        std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path().join("c_icap"));
    folders.find(|folder| folder.join("virus_scan.so").exists()).expect("c-icap's antivirus module")
}

impl Drop for Icap {
    /// Killed, it would leave its children: it is told to stop first.
    fn drop(&mut self) {
        let _ = std::fs::write(self.folder.path().join("ctl"), "stop");
        if until(10, || self.child.try_wait().ok().flatten()).is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn infected() -> Vec<Case> {
    let refused = || Expect::Problem(403, "upload_infected");
    let text = |word: &str| format!("some text, then {word}, and more\n");
    vec![
        case("file", upload("a.txt", text(MALWARE)), refused()).twin(upload("a.txt", text("nothing"))),
        case("body", raw("application/octet-stream", [b"\x01\0", MALWARE.as_bytes()].concat()), refused())
            .twin(raw("application/octet-stream", [b"\x01\0", &b"nothing"[..]].concat())),
        case("in an archive", upload("a.zip", zip(&[("a.txt", text(MALWARE).as_bytes())])), refused())
            .twin(upload("a.zip", zip(&[("a.txt", text("nothing").as_bytes())]))),
    ]
}

#[test]
fn clamd_decides_and_without_it_nothing_passes() {
    let mut clamd = Clamd::start();
    let recorder = Recorder::start();
    let scanner = format!("{{ clamd: \"unix:{}\", timeout: 30s }}", clamd.socket().display());
    let gateway = Gateway::with_document(&document(&recorder.url(), &format!("{{ scan: [{scanner}] }}")));
    judge(&gateway, &recorder, &infected());
    reaches_naive(&infected());
    let reply = gateway.call(upload("b.txt", MALWARE));
    let detail = verdict(&gateway, &reply, "refuse")["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("Yett.Test") && detail.contains("`/f`"), "{detail}");
    assert!(!reply.text().contains("Yett.Test"), "{}", reply.text());
    // Longer than the scanner takes: no verdict.
    let calls = recorder.count();
    let long = gateway.call(upload("long.txt", "x".repeat(600 * 1024)));
    assert_eq!((long.status, long.code().as_deref()), (503, Some("scanner_unavailable")));
    // What was said is remembered, so it holds without the scanner; nothing else passes.
    clamd.stop();
    let remembered = gateway.call(upload("renamed.txt", MALWARE));
    assert_eq!(remembered.code().as_deref(), Some("upload_infected"));
    let fresh = gateway.call(upload("fresh.txt", "never seen"));
    assert_eq!((fresh.status, fresh.code().as_deref()), (503, Some("scanner_unavailable")));
    assert!(fresh.head.get("retry-after").is_some());
    assert_eq!(recorder.count(), calls);
    // A call without a file needs no scanner.
    assert_eq!(gateway.call(post_json("/things", "{}")).status, 200);
}

#[test]
fn what_a_scanner_says_nothing_of_passes_only_where_that_is_written() {
    let recorder = Recorder::start();
    let scanner = "{ clamd: \"unix:/nonexistent/clamd.sock\", on_error: allow }";
    let gateway = Gateway::with_document(&document(&recorder.url(), &format!("{{ scan: [{scanner}] }}")));
    let reply = gateway.call(upload("a.txt", "text"));
    assert_eq!((reply.status, recorder.count()), (200, 1));
    let note = verdict(&gateway, &reply, "note");
    assert!(
        note["detail"].as_str().unwrap().starts_with("not scanned by `unix:/nonexistent/clamd.sock`"),
        "{note}"
    );
}

#[test]
fn c_icap_decides_and_without_it_nothing_passes() {
    let clamd = Clamd::start();
    let icap = Icap::start(&clamd);
    let recorder = Recorder::start();
    let scanner = format!("{{ icap: \"icap://127.0.0.1:{}/avscan\", timeout: 30s }}", icap.port);
    let gateway = Gateway::with_document(&document(&recorder.url(), &format!("{{ scan: [{scanner}] }}")));
    judge(&gateway, &recorder, &infected());
    let reply = gateway.call(upload("b.txt", MALWARE));
    let detail = verdict(&gateway, &reply, "refuse")["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("Yett.Test"), "{detail}");
    let large = upload("large.txt", "text ".repeat(100_000));
    assert_eq!(gateway.call(&large).status, 200);
    drop(icap);
    let calls = recorder.count();
    let fresh = gateway.call(upload("fresh.txt", "never seen"));
    assert_eq!((fresh.status, fresh.code().as_deref()), (503, Some("scanner_unavailable")));
    assert_eq!(recorder.count(), calls);
    assert_eq!(gateway.call(&large).status, 200, "what was said is remembered");
}

/// A service that is no scanner says nothing of files.
#[test]
fn a_service_that_is_not_there_has_no_verdict() {
    let clamd = Clamd::start();
    let icap = Icap::start(&clamd);
    let recorder = Recorder::start();
    let scanner = format!("{{ icap: \"icap://127.0.0.1:{}/other\", timeout: 30s }}", icap.port);
    let gateway = Gateway::with_document(&document(&recorder.url(), &format!("{{ scan: [{scanner}] }}")));
    let reply = gateway.call(upload("a.txt", "text"));
    assert_eq!((reply.code().as_deref(), recorder.count()), (Some("scanner_unavailable"), 0));
}
