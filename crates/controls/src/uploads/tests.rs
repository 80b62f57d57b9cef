use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use engine::control::Cancel;
use engine::fetch::{DialogRequest, Fetch, FetchError, FetchRequest, FetchResponse, Spawn};
use engine::{Attached, BoxFuture, Call, Control, CoreContext, Step, Verdict};
use http::Method;
use parking_lot::Mutex;
use probe::Kind;
use probe::archive::Limits;
use state::MemoryCells;
use testkit::files::{multipart, zip};
use testkit::{CallBuilder, FakeClock, core};

use super::checks::ACTIVE;
use super::{Rules, Scan, Scanner, Speaks, Uploads};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n....";
const ELF: &[u8] = b"\x7fELF\x02\x01\x01\0";
const MULTIPART: &str = "multipart/form-data; boundary=b";

fn rules() -> Rules {
    Rules {
        kinds: None,
        executables: false,
        mismatch: false,
        extensions: ACTIVE.iter().map(|one| (*one).to_owned()).collect(),
        macros: false,
        polyglots: false,
        limits: Limits { depth: 2, entries: 10, bytes: 1_000_000, ratio: 100 },
        allowed: BTreeSet::new(),
    }
}

fn call(media_type: &str, body: &[u8]) -> Call {
    CallBuilder::new(Method::POST, "/").body(media_type, Bytes::copy_from_slice(body)).build()
}

fn told(verdict: Verdict) -> String {
    match verdict {
        Verdict::Allow => String::from("ok"),
        Verdict::Note(note) => format!("note {note}"),
        Verdict::Refuse(refusal) => match refusal.violations.first() {
            Some(violation) => format!("{} {}", refusal.code.name, violation.pointer),
            None => String::from(refusal.code.name),
        },
        other => format!("{other:?}"),
    }
}

/// Head and body to the verdict, whichever way it is arrived at.
fn finish(step: Step<'_>) -> Verdict {
    match step {
        Step::Done(verdict) => verdict,
        Step::Offload(job) => (job.run)(&Cancel::default()),
        Step::OffloadThen(job, then) => finish(then((job.run)(&Cancel::default()))),
        Step::Wait(mut future) => match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(verdict) => verdict,
            Poll::Pending => panic!("nothing is waited for: the world outside answers at once"),
        },
    }
}

fn judge(rules: &Rules, media_type: &str, body: &[u8]) -> String {
    let control = Arc::new(Uploads::new(rules.clone()));
    let attached = control.attach(&core(&FakeClock::new(), &Arc::new(MemoryCells::new())));
    told(finish(attached.body(&mut call(media_type, body))))
}

fn file(rules: &Rules, head: &str, content: &[u8]) -> String {
    judge(rules, MULTIPART, &multipart(&[("name=t", b"text"), (&format!("name=\"f\"; {head}"), content)]))
}

#[test]
fn files_are_what_they_are_called() {
    for (head, content, expected) in [
        ("filename=a.png\r\nContent-Type: image/png", PNG, "ok"),
        ("filename=a.png\r\nContent-Type: image/png", b"<html>".as_slice(), "content_mismatch /f"),
        ("filename=a.png", b"\xff\xd8\xff\xe0", "content_mismatch /f"),
        ("filename=a.jpg\r\nContent-Type: image/png", b"\xff\xd8\xff\xe0", "content_mismatch /f"),
        ("filename=a.jpg\r\nContent-Type: image/jpeg", b"\xff\xd8\xff\xe0", "ok"),
        ("filename=a.txt\r\nContent-Type: text/plain", b"text", "ok"),
        ("filename=a.txt\r\nContent-Type: text/plain", PNG, "content_mismatch /f"),
        ("filename=unknown.xyz", b"\x01\x02", "ok"),
        ("filename=noextension", PNG, "ok"),
        ("filename=a.txt", ELF, "upload_refused /f"),
        ("filename=\"a\"", b"#!/bin/sh\nid", "upload_refused /f"),
    ] {
        assert_eq!(file(&rules(), head, content), expected, "{head}");
    }
    let unnamed = |content: &[u8]| judge(&rules(), MULTIPART, &multipart(&[("name=f", content)]));
    assert_eq!(
        (unnamed(ELF).as_str(), unnamed(PNG).as_str(), unnamed(b"x").as_str()),
        ("upload_refused /f", "ok", "ok")
    );
    let lenient = Rules { mismatch: true, ..rules() };
    assert_eq!(file(&lenient, "filename=a.png\r\nContent-Type: image/png", b"text"), "ok");
}

#[test]
fn names_that_make_something_run_are_refused() {
    for (name, expected) in [
        ("a.php", "upload_refused /f"),
        ("a.PhP", "upload_refused /f"),
        ("a.php.jpg", "upload_refused /f"),
        ("a.php;.jpg", "upload_refused /f"),
        ("a.php.", "upload_refused /f"),
        ("a.php ", "upload_refused /f"),
        ("a.asp:.jpg", "upload_refused /f"),
        (".htaccess", "upload_refused /f"),
        ("a.exe", "upload_refused /f"),
        ("example.com.jpg", "ok"),
        ("phpinfo.jpg", "ok"),
        ("a.b.jpg", "ok"),
    ] {
        assert_eq!(file(&rules(), &format!("filename=\"{name}\""), b"\xff\xd8\xff\xe0"), expected, "{name}");
    }
    let none = Rules { extensions: BTreeSet::new(), ..rules() };
    assert_eq!(file(&none, "filename=a.php", b"text"), "ok");
}

#[test]
fn only_listed_types_are_accepted() {
    let listed = Rules { kinds: Some([Kind::Png, Kind::Pdf].into()), ..rules() };
    for (media_type, body, expected) in [
        ("image/png", PNG, "ok"),
        ("application/pdf", b"%PDF-1.7\n".as_slice(), "ok"),
        ("application/octet-stream", PNG, "ok"),
        ("application/octet-stream", b"GIF89a", "upload_refused "),
        ("image/gif", b"GIF89a", "upload_refused "),
        ("application/octet-stream", b"", "ok"),
        // No files.
        ("application/json", b"{}", "ok"),
        ("text/plain", b"x", "ok"),
        // Called something else, they are files all the same.
        ("text/plain", ELF, "upload_refused "),
        ("application/json", ELF, "upload_refused "),
        ("application/x-www-form-urlencoded", PNG, "content_mismatch "),
        ("application/xml", PNG, "content_mismatch "),
        ("multipart/mixed; boundary=b", b"--b--", "upload_refused "),
        ("nonsense", b"x", "media_type_unsupported"),
    ] {
        assert_eq!(judge(&listed, media_type, body), expected, "{media_type}");
    }
}

#[test]
fn archives_are_looked_into() {
    let bytes = |entries: &[(&str, &[u8])]| zip(entries);
    let inner = bytes(&[("x", b"x")]);
    let deeper = bytes(&[("in.zip", &inner)]);
    let many: Vec<String> = (0..11).map(|number| number.to_string()).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|name| (name.as_str(), &b"x"[..])).collect();
    let mut broken = bytes(&[("a", b"x")]);
    broken.push(0);
    for (name, content, expected) in [
        ("plain", bytes(&[("a.txt", b"text"), ("b/c.png", PNG)]), "ok"),
        ("program", bytes(&[("a.txt", ELF)]), "upload_refused "),
        ("way out", bytes(&[("../a.txt", b"text")]), "upload_refused "),
        ("nested", deeper.clone(), "ok"),
        ("nested deeper", bytes(&[("in.zip", &deeper)]), "body_out_of_bounds "),
        ("entries", bytes(&many), "body_out_of_bounds "),
        ("large", bytes(&[("a", &vec![1; 1_000_001])]), "body_out_of_bounds "),
        ("other format", bytes(&[("a", b"Rar!\x1a\x07\0")]), "upload_refused "),
        ("broken", broken, "body_malformed "),
        ("Java", bytes(&[("META-INF/MANIFEST.MF", b"x")]), "upload_refused "),
    ] {
        assert_eq!(judge(&rules(), "application/octet-stream", &content), expected, "{name}");
    }
    let lenient = Rules { allowed: ["unreadable"].into(), executables: true, ..rules() };
    for content in
        [bytes(&[("a", b"Rar!\x1a\x07\0")]), bytes(&[("a.txt", ELF)]), b"7z\xbc\xaf\x27\x1c".to_vec()]
    {
        assert_eq!(judge(&lenient, "application/octet-stream", &content), "ok");
    }
}

#[test]
fn macros_and_second_natures_are_refused() {
    let document = |part: &str| {
        let types = format!("<Types><Override ContentType=\"{part}\"/></Types>");
        zip(&[("[Content_Types].xml", types.as_bytes()), ("word/document.xml", b"<w/>")])
    };
    let plain = document("application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml");
    let with = document("application/vnd.ms-word.document.macroEnabled.main+xml");
    let declared = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    assert_eq!(judge(&rules(), declared, &plain), "ok");
    assert_eq!(judge(&rules(), declared, &with), "upload_refused ");
    assert_eq!(judge(&Rules { macros: true, ..rules() }, declared, &with), "ok");

    let both = [PNG, b"<?php system('id');"].concat();
    assert_eq!(judge(&rules(), "image/png", &both), "upload_refused ");
    assert_eq!(judge(&rules(), "image/png", &[PNG, b"<?xpacket?>"].concat()), "ok");
    assert_eq!(judge(&Rules { polyglots: true, ..rules() }, "image/png", &both), "ok");
    let appended = [PNG, &zip(&[("a", b"x")])].concat();
    assert_eq!(judge(&rules(), "image/png", &appended), "upload_refused ");
}

/// A scanner that answers as told, in turn, and writes down what it is asked.
#[derive(Debug, Default)]
struct Outside {
    answers: Mutex<VecDeque<Result<&'static str, FetchError>>>,
    asked: Mutex<Vec<String>>,
}

impl Fetch for Outside {
    fn fetch(&self, request: FetchRequest) -> BoxFuture<'static, Result<FetchResponse, FetchError>> {
        Box::pin(async move { Err(FetchError::Address(request.url)) })
    }

    fn dialog(&self, request: DialogRequest) -> BoxFuture<'static, Result<Bytes, FetchError>> {
        let text: String =
            String::from_utf8_lossy(&request.send).chars().take_while(|c| !c.is_control()).collect();
        self.asked.lock().push(text);
        let answer = self.answers.lock().pop_front().unwrap_or(Err(FetchError::Deadline));
        Box::pin(async move { answer.map(|text| Bytes::from_static(text.as_bytes())) })
    }
}

/// A side runtime that does at once what it is given.
#[derive(Debug)]
struct AtOnce;

impl Spawn for AtOnce {
    fn spawn(&self, mut task: BoxFuture<'static, ()>) {
        let _ = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
}

struct World {
    outside: Arc<Outside>,
    clock: FakeClock,
    attached: Box<dyn Attached>,
}

impl World {
    fn new(speaks: Speaks, allow_on_error: bool) -> Self {
        let (outside, clock) = (Arc::new(Outside::default()), FakeClock::new());
        let core = CoreContext {
            fetch: Arc::clone(&outside) as Arc<dyn Fetch>,
            side: Arc::new(AtOnce),
            ..core(&clock, &Arc::new(MemoryCells::new()))
        };
        let scanner = Scanner {
            address: String::from("tcp://scanner:1"),
            speaks,
            timeout: Duration::from_secs(1),
            allow_on_error,
            remembered: 10,
            keep: Duration::from_secs(600),
        };
        Self { attached: Arc::new(Scan::new(scanner)).attach(&core), outside, clock }
    }

    fn scan(&self, body: &[u8], answers: &[Result<&'static str, FetchError>]) -> String {
        *self.outside.answers.lock() = answers.iter().cloned().collect();
        self.outside.asked.lock().clear();
        told(finish(self.attached.body(&mut call("application/octet-stream", body))))
    }

    fn asked(&self) -> String {
        self.outside.asked.lock().join(", ")
    }
}

const ONE: Result<&str, FetchError> = Ok("ClamAV 1.4.3/1/x\0");
const TWO: Result<&str, FetchError> = Ok("ClamAV 1.4.3/2/x\0");
const OK: Result<&str, FetchError> = Ok("stream: OK\0");
const FOUND: Result<&str, FetchError> = Ok("stream: Test.Signature FOUND\0");

#[test]
fn a_scanner_decides_and_its_verdict_is_remembered() {
    let world = World::new(Speaks::Clamd, false);
    assert_eq!(world.scan(b"good", &[ONE, OK]), "ok");
    assert_eq!(world.asked(), "zVERSION, zINSTREAM");
    assert_eq!(world.scan(b"bad", &[FOUND]), "upload_infected ");
    assert_eq!(world.asked(), "zINSTREAM");
    assert_eq!((world.scan(b"good", &[]), world.scan(b"bad", &[])), ("ok".into(), "upload_infected ".into()));
    assert_eq!(world.asked(), "");
    // After a while it is asked whether its signatures are the same, then whether the file is still good.
    world.clock.advance(super::verdicts::ASK_EVERY);
    assert_eq!(world.scan(b"good", &[ONE]), "ok");
    assert_eq!(world.asked(), "zVERSION");
    world.clock.advance(super::verdicts::ASK_EVERY);
    assert_eq!(world.scan(b"good", &[TWO, FOUND]), "upload_infected ");
    assert_eq!(world.asked(), "zVERSION, zINSTREAM");
    assert_eq!(world.scan(b"bad", &[OK]), "ok");
    world.clock.advance(Duration::from_secs(601));
    assert_eq!(world.scan(b"bad", &[TWO, FOUND]), "upload_infected ");
}

#[test]
fn a_scanner_without_a_verdict_refuses_unless_told_otherwise() {
    let faults: [&[Result<&'static str, FetchError>]; 8] = [
        &[Err(FetchError::Exchange(String::from("refused")))],
        &[ONE, Err(FetchError::Deadline)],
        &[ONE, Err(FetchError::BreakerOpen)],
        &[ONE, Ok("INSTREAM size limit exceeded. ERROR\0")],
        &[ONE, Ok("stream: OK")],
        &[ONE, Ok("")],
        &[Ok("garbage\0"), OK],
        &[],
    ];
    for answers in faults {
        let world = World::new(Speaks::Clamd, false);
        assert_eq!(world.scan(b"file", answers), "scanner_unavailable");
        assert_eq!(World::new(Speaks::Clamd, false).scan(b"file", &[ONE, OK]), "ok");
        let lenient = World::new(Speaks::Clamd, true);
        assert!(lenient.scan(b"file", answers).starts_with("note not scanned by `tcp://scanner:1`: "));
    }
    let lenient = World::new(Speaks::Clamd, true);
    assert_eq!(lenient.scan(b"bad", &[ONE, FOUND]), "upload_infected ");
    assert_eq!(World::new(Speaks::Clamd, false).scan(b"", &[]), "ok");
}

#[test]
fn an_icap_service_decides_too() {
    let service = || Speaks::Icap(String::from("scan:1344"), String::from("/avscan"));
    let world = World::new(service(), false);
    let options = Ok("ICAP/1.0 200 OK\r\nISTag: \"A\"\r\nEncapsulated: null-body=0\r\n\r\n");
    let clean = Ok("ICAP/1.0 204 No\r\nISTag: \"A\"\r\n\r\n");
    let found =
        Ok("ICAP/1.0 200 OK\r\nISTag: \"A\"\r\nX-Infection-Found: Type=0; Resolution=2; Threat=X;\r\n\
                    Encapsulated: res-hdr=0, null-body=19\r\n\r\nHTTP/1.1 403 No\r\n\r\n");
    assert_eq!(world.scan(b"good", &[options.clone(), clean.clone()]), "ok");
    assert_eq!(
        world.asked(),
        "OPTIONS icap://scan:1344/avscan ICAP/1.0, REQMOD icap://scan:1344/avscan ICAP/1.0"
    );
    assert_eq!(world.scan(b"bad", &[found]), "upload_infected ");
    assert_eq!(world.scan(b"good", &[]), "ok");
    // An answer that says that the signatures are others now voids what was remembered.
    assert_eq!(world.scan(b"more", &[Ok("ICAP/1.0 204 No\r\nISTag: \"B\"\r\n\r\n")]), "ok");
    assert_eq!(world.scan(b"good", &[clean]), "ok");
    assert_eq!(world.asked(), "REQMOD icap://scan:1344/avscan ICAP/1.0");
    let down = World::new(service(), false);
    assert_eq!(down.scan(b"good", &[Ok("ICAP/1.0 404 Not Found\r\n\r\n")]), "scanner_unavailable");
    assert_eq!(down.scan(b"good", &[options, Ok("ICAP/1.0 500 Error\r\n\r\n")]), "scanner_unavailable");
}
