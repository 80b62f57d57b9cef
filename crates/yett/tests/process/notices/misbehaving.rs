//! Receivers that do not do as they should, each with what is made of it: what was not taken is sent again and marked, what was taken
//! is taken whatever comes after it, and nobody else waits.

use testkit::clock::Deadline;

use super::*;

/// What a receiver answers, and it took nothing.
fn refusals(trap: &Recorder) -> Vec<(&'static str, Answer)> {
    let ok = || Answer::json(200, "");
    vec![
        ("hangs before its head", ok().fault(Fault::Stall(0))),
        ("hangs in its head", ok().fault(Fault::Stall(20))),
        ("drips its head", ok().fault(Fault::Slow(Duration::from_millis(50)))),
        ("resets", ok().fault(Fault::Reset(0))),
        ("resets in its head", ok().fault(Fault::Reset(9))),
        ("closes", ok().fault(Fault::Close(0))),
        ("fails", Answer::json(500, "x".repeat(100_000))),
        ("fails for good", Answer::json(400, "\u{1b}[2Jno")),
        ("is busy", Answer::json(429, "").header("retry-after", "0")),
        ("is busy, it says oddly", Answer::json(503, "").header("retry-after", "\u{1b}[2J-1")),
        ("redirects", Answer::json(307, "").header("location", &format!("{}/steal", trap.url()))),
        ("redirects for ever", Answer::json(301, "").header("location", "/hook")),
        ("says garbage", ok().fault(Fault::Garbage(b"\x00\xffHTTP\r\n\r\n{}".to_vec()))),
        ("speaks TLS", ok().fault(Fault::Garbage(b"\x15\x03\x03\x00\x02\x02\x28".to_vec()))),
        ("has a huge head", ok().header("x-huge", &"h".repeat(1 << 20))),
    ]
}

#[test]
fn a_receiver_that_misbehaves_loses_nothing_and_stops_nothing() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), "retry: { first: 10ms, most: 60ms }, deadline: 1s");
    let gateway = Gateway::start(&house);
    let trap = Recorder::start();
    for (number, (way, answer)) in refusals(&trap).into_iter().enumerate() {
        let before = receiver.answered();
        receiver.answers(answer);
        let id = refused(&gateway, &format!("/{number}"));
        let tried = until(30, || (receiver.answered() > before + 1).then_some(()));
        let taken = || receiver.taken().into_iter().filter(|one| one.id == id).collect::<Vec<_>>();
        if tried.is_none() {
            panic!("one that {way}: not tried again, {} tries", receiver.answered() - before);
        }
        receiver.is_up();
        let came = until(30, || taken().last().cloned());
        let came = came.unwrap_or_else(|| panic!("one that {way}: {}", ready(&gateway)));
        assert!(came.repeated, "one that {way}");
        let after = refused(&gateway, "/after");
        let came = until(30, || receiver.taken().iter().any(|one| one.id == after).then_some(()));
        assert!(came.is_some(), "calls and events go on");
        assert_eq!(taken().len(), 1, "one that {way}: taken once");
    }
    assert_eq!(trap.received(), 0, "redirects are not followed");
    // Every try of an event was signed, under one id, and those after the first were marked.
    let mut seen = BTreeSet::new();
    for call in receiver.recorder.calls() {
        let one = verified(&call, SECRET);
        assert!(seen.insert(one.id.clone()) || one.repeated, "{} came again without a mark", one.id);
    }
}

#[test]
fn what_was_taken_is_taken_whatever_comes_after_it() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), "retry: { first: 10ms, most: 60ms }, deadline: 5s");
    let gateway = Gateway::start(&house);
    let ok = || Answer::json(200, "");
    let long = || Answer { body: vec![b'x'; 1_000], ..ok() };
    let head = long().bytes("POST").len() - 1_000;
    let chunked = ok().header("transfer-encoding", "chunked");
    let ways = [
        ("answers with 64 MiB", Answer { body: vec![b'x'; 64 << 20], ..ok() }),
        ("hangs after its head", long().fault(Fault::Stall(head))),
        ("hangs in its body", long().fault(Fault::Stall(head + 9))),
        ("resets in its body", long().fault(Fault::Reset(head + 900))),
        ("closes before its end", long().fault(Fault::Claim(1 << 40))),
        ("has chunks that are none", Answer { body: b"zz\r\n\r\n".to_vec(), ..chunked }),
        ("says 202", Answer::json(202, "{}")),
    ];
    for (number, (way, answer)) in ways.into_iter().enumerate() {
        let tries = receiver.answered();
        receiver.answers(answer);
        refused(&gateway, &format!("/{number}"));
        assert!(receiver.waits_for(tries + 1), "one that {way}");
        // The next of the same actor is sent once this one is done with.
        receiver.is_up();
        let after = refused(&gateway, "/after");
        assert!(receiver.waits_for(tries + 2), "one that {way}: {}", ready(&gateway));
        let last = verified(&receiver.recorder.last(), SECRET);
        assert_eq!((last.id, last.repeated), (after, false), "one that {way}");
    }
    let all = receiver.recorder.calls().iter().map(|call| verified(call, SECRET)).collect::<Vec<_>>();
    assert!(all.iter().all(|one| !one.repeated), "each once");
}

#[test]
fn what_a_receiver_asks_for_by_retry_after_is_obeyed_in_both_forms() {
    let (service, receiver) = (Service::start(), Receiver::start());
    let house = house(&service, &hook(&receiver), "retry: { first: 10ms, most: 10s }");
    let gateway = Gateway::start(&house);
    let token = house.good(&["token", "--subject", "alice", "--scope", "notes:read"]).trim().to_owned();
    let date = || httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(3));
    // A date has no parts of a second: it may be over by almost one when it is written.
    let forms: [(u16, &dyn Fn() -> String); 2] = [(429, &|| String::from("2")), (503, &date)];
    for (status, asked) in forms {
        let asked = asked();
        let before = receiver.answered();
        receiver.answers(Answer::json(status, "").header("retry-after", &asked));
        let begin = Deadline::seconds(60);
        let first = refused(&gateway, "/first");
        assert!(receiver.waits_for(before + 1));
        receiver.is_up();
        // Whoever else is concerned: the receiver asked to be left alone.
        let (status, answer) = call(&gateway.url, "POST", "/notes", Some(&token), Some("{}"));
        assert_eq!(status, 403, "{answer}");
        assert!(receiver.waits_for(before + 3));
        let waited = 60_000 - begin.left().as_millis();
        let all = receiver.recorder.calls()[before..]
            .iter()
            .map(|call| verified(call, SECRET).id)
            .collect::<Vec<_>>();
        assert_eq!(all.iter().filter(|id| **id == first).count(), 2, "{all:?}");
        assert!(waited >= 1_900, "`{asked}`: all were there after {waited} ms");
        assert!(receiver.taken().iter().any(|one| one.id == first && one.repeated));
    }
}

/// A receiver of bytes: what it does with the connection of each number, given the head of what came.
struct Raw {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Raw {
    fn start(answer: impl Fn(usize, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&heads);
        std::thread::spawn(move || {
            // Connections stay open: what is unread at the end of one would be the end of the answer too.
            let mut held = Vec::new();
            for (number, mut stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let (mut head, mut byte) = (Vec::new(), [0]);
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                    head.push(byte[0]);
                }
                seen.lock().unwrap().push(common::text(&head));
                answer(number, &mut stream);
                held.push(stream);
            }
        });
        Self { port, heads }
    }

    /// Ids and marks of so many deliveries, once there are.
    fn wait_for(&self, count: usize) -> Vec<(String, bool)> {
        let there = until(60, || (self.heads.lock().unwrap().len() >= count).then_some(()));
        let heads = self.heads.lock().unwrap().clone();
        assert!(there.is_some(), "{} of {count} came", heads.len());
        let id =
            |head: &str| head.lines().find_map(|line| line.strip_prefix("webhook-id: ").map(str::to_owned));
        heads.iter().map(|head| (id(head).unwrap(), head.contains("\r\nyett-repeated: true\r\n"))).collect()
    }
}

#[test]
fn an_answer_before_the_body_was_read_counts() {
    let service = Service::start();
    let raw = Raw::start(|number, stream| {
        // The body stays unread.
        let answer: &[u8] = match number {
            1 => b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n",
            2 => b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 Taken\r\n\r\n",
            _ => b"HTTP/1.1 204 Taken\r\n\r\n",
        };
        stream.write_all(answer).unwrap();
    });
    let house = house(&service, &format!("http://127.0.0.1:{}/hook", raw.port), SOON);
    let gateway = Gateway::start(&house);
    let taken = refused(&gateway, "/taken");
    assert_eq!(raw.wait_for(1), [(taken.clone(), false)]);
    let failed = refused(&gateway, "/failed");
    raw.wait_for(3);
    let last = refused(&gateway, "/last");
    let expected = [(taken, false), (failed.clone(), false), (failed, true), (last, false)];
    assert_eq!(raw.wait_for(4), expected);
}

/// Who must not be reached is not, however the URL is written; and a certificate that nobody trusts ends it.
#[test]
fn private_addresses_and_strangers_certificates_are_refused() {
    let service = Service::start();
    let trap = Recorder::start();
    let port = trap.address().port();
    // What leads to this machine or to its network is found when it is connected to, at the latest.
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    for host in
        [&*own, "no-such-host.invalid", "0x7f000001", "10.0.0.1", "169.254.169.254", "[::ffff:127.0.0.1]"]
    {
        let house = house(&service, &format!("http://{host}:{port}/hook"), SOON);
        let private = house.read("yett.yaml").replace("allow_private: true", "allow_private: false");
        house.write("yett.yaml", &private);
        let gateway = Gateway::start(&house);
        refused(&gateway, "/x");
        let failed = || ready(&gateway)["notices"]["sinks"]["soc"]["last_error"].as_str().map(str::to_owned);
        let why = until(30, failed).unwrap_or_else(|| panic!("{host}: nothing failed"));
        assert!(why.contains("no address"), "{host}: {why}");
    }
    assert_eq!(trap.received(), 0);

    let tls = Secure::start();
    let house = house(&service, &format!("https://localhost:{}/hook", tls.port), SOON);
    let gateway = Gateway::start(&house);
    refused(&gateway, "/x");
    let failed = || ready(&gateway)["notices"]["sinks"]["soc"]["last_error"].as_str().map(str::to_owned);
    let why = until(30, failed).expect("a failure");
    assert!(why.to_ascii_lowercase().contains("certificate"), "{why}");
    assert!(tls.requests.lock().unwrap().is_empty());
    drop(gateway);
    // The same receiver, once its certificate is trusted.
    house.write("ca.pem", &tls.certificate);
    let mut command = house.command(&["run", "--cores", "1"]);
    command.env("SSL_CERT_FILE", house.path("ca.pem"));
    let _gateway = Gateway::from_command(command);
    let came = until(30, || tls.requests.lock().unwrap().first().cloned());
    let came = came.expect("the event that waited");
    assert!(came.starts_with("POST /hook HTTP/1.1\r\n") && came.contains("yett-repeated: true"), "{came}");
}

/// A receiver with TLS and a certificate of its own making for `localhost`.
struct Secure {
    port: u16,
    certificate: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Secure {
    fn start() -> Self {
        let rcgen::CertifiedKey { cert, signing_key } =
            rcgen::generate_simple_self_signed(vec![String::from("localhost")]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, stream);
                let mut buffer = vec![0; 65_536];
                let Ok(count) = stream.read(&mut buffer) else { continue };
                seen.lock().unwrap().push(common::text(&buffer[..count]));
                let _ = stream.write_all(b"HTTP/1.1 204 Taken\r\n\r\n");
                let _ = stream.flush();
            }
        });
        Self { port, certificate: cert.pem(), requests }
    }
}
