//! WebSockets that were opened with keys, and what ends them.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

const CHAT: &str = r##"openapi: 3.1.0
info: { title: Chat, version: "1" }
components: { securitySchemes: { apiKey: { type: apiKey, in: header, name: X-Key } } }
security: [{ apiKey: ["chat"] }]
paths: { /chat: { get: { operationId: chat, responses: { "101": { description: ok } } } } }
"##;

/// A service that accepts every WebSocket once `let_in` lets it, and then answers every frame.
pub(super) fn sockets(let_in: Arc<Mutex<()>>) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let met = Arc::clone(&seen);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (met, let_in) = (Arc::clone(&met), Arc::clone(&let_in));
            std::thread::spawn(move || accept(stream, &met, &let_in));
        }
    });
    Service { port, seen }
}

fn accept(mut stream: TcpStream, met: &Mutex<Vec<String>>, let_in: &Mutex<()>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut key = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("sec-websocket-key")
        {
            key = Some(value.trim().to_owned());
        }
        if line == "\r\n" {
            break;
        }
    }
    met.lock().unwrap().push(String::from("asked"));
    drop(let_in.lock().unwrap());
    let text = format!("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key.unwrap());
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {}\r\n\r\n",
        STANDARD.encode(digest)
    );
    let _ = stream.write_all(head.as_bytes());
    while let Some((first, payload)) = frame(&mut reader) {
        let answer = if first == 0x89 { 0x8a } else { first };
        let length = u8::try_from(payload.len()).unwrap();
        let _ = stream.write_all(&[&[answer, length], &*payload].concat());
    }
}

/// A short frame of a client, less its mask.
fn frame(reader: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 6];
    reader.read_exact(&mut head).ok()?;
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    reader.read_exact(&mut payload).ok()?;
    payload.iter_mut().zip(head[2..].iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some((head[0], payload))
}

/// A WebSocket of a client.
pub(super) struct Socket(BufReader<TcpStream>);

impl Socket {
    /// Asks for one with an API key.
    fn ask(gateway: &Gateway, key: &str) -> Self {
        Self::ask_with(gateway, &format!("x-key: {key}"))
    }

    /// Asks for one with a header field.
    pub(super) fn ask_with(gateway: &Gateway, field: &str) -> Self {
        let mut stream = TcpStream::connect(&gateway.url).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let request = format!(
            "GET /chat HTTP/1.1\r\nhost: x\r\n{field}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        Self(BufReader::new(stream))
    }

    fn open(gateway: &Gateway, key: &str) -> Self {
        let mut socket = Self::ask(gateway, key);
        socket.is_open();
        socket
    }

    /// It was accepted.
    pub(super) fn is_open(&mut self) {
        let mut first = String::new();
        self.0.read_line(&mut first).unwrap();
        assert!(first.starts_with("HTTP/1.1 101 "), "{first}");
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            assert_ne!(self.0.read_line(&mut line).unwrap(), 0);
        }
    }

    /// With which status it was answered.
    pub(super) fn status(&mut self) -> u16 {
        let mut first = String::new();
        self.0.read_line(&mut first).unwrap();
        first.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// With which code it is closed; waits for that.
    pub(super) fn closed(&mut self) -> u16 {
        let mut frame = [0; 4];
        self.0.read_exact(&mut frame).expect("it goes on");
        assert_eq!(frame[0], 0x88, "a close, whole");
        u16::from_be_bytes([frame[2], frame[3]])
    }

    /// It goes on: a ping is answered, as RFC 6455 section 5.5.3 has it, and nothing came before.
    pub(super) fn goes_on(&mut self) {
        self.0.get_mut().write_all(&[0x89, 0x81, 0, 0, 0, 0, b'x']).unwrap();
        let mut frame = [0; 3];
        self.0.read_exact(&mut frame).unwrap();
        assert_eq!(frame, [0x8a, 1, b'x'], "a pong");
    }
}

fn prepare(house: House) -> House {
    house.write("openapi.yaml", CHAT);
    let document = house.read("yett.yaml");
    house.write("yett.yaml", &format!("{document}    operations: {{ chat: {{ websocket: {{}} }} }}\n"));
    house
}

fn chat_key(house: &House, application: &str) -> String {
    key(house, &["create", application, "--scope", "chat"])
}

#[test]
fn streams_end_with_their_key_and_application_at_every_gateway() {
    let service = sockets(Arc::default());
    let server = Postgres::start();
    let url = server.database("streams");
    let (house, other) = (prepare(shared(&service, &url)), prepare(shared(&service, &url)));
    let gateways = (Gateway::start(&house), Gateway::start(&other));
    for application in ["shop", "till"] {
        house.good(&["app", "create", application, "--owner", "me"]);
    }
    let keys = ["shop", "shop", "till", "till", "till"].map(|application| chat_key(&house, application));
    let known = until(10, || (gateways.1.metric("yett_store_sequence", "") >= 7.0).then_some(()));
    assert!(known.is_some(), "the other gateway has seen them");
    let mut all: Vec<[Socket; 2]> =
        keys.iter().map(|key| [Socket::open(&gateways.0, key), Socket::open(&gateways.1, key)]).collect();
    let mut ends = |which: usize, going_on: &[usize]| {
        let codes = all[which].each_mut().map(Socket::closed);
        assert_eq!(codes, [1008, 1008], "{which}");
        for other in going_on {
            all[*other].iter_mut().for_each(Socket::goes_on);
        }
    };
    house.good(&["key", "revoke", id(&keys[0])]);
    ends(0, &[1, 2, 3, 4]);
    house.good(&["app", "suspend", "shop"]);
    ends(1, &[2, 3, 4]);
    house.good(&["key", "rotate", id(&keys[2]), "--overlap", "0s"]);
    ends(2, &[3, 4]);
    // With an overlap, when that is over.
    house.good(&["key", "rotate", id(&keys[3]), "--overlap", "1s"]);
    ends(3, &[4]);
    house.good(&["app", "delete", "till", "--keys"]);
    ends(4, &[]);
    // What is good again opens others, and those stay.
    house.good(&["app", "resume", "shop"]);
    let mut again = Socket::open(&gateways.0, &keys[1]);
    house.good(&["app", "create", "third", "--owner", "me"]);
    again.goes_on();
}

#[test]
fn a_stream_that_opens_just_after_its_key_was_revoked_ends() {
    let gate: Arc<Mutex<()>> = Arc::default();
    let service = sockets(Arc::clone(&gate));
    let house = prepare(house(&service, ""));
    let gateway = Gateway::start(&house);
    house.good(&["app", "create", "shop", "--owner", "me"]);
    let keys = [chat_key(&house, "shop"), chat_key(&house, "shop")];
    let held = gate.lock().unwrap();
    let [mut gone, mut stays] = [0, 1].map(|number: usize| Socket::ask(&gateway, &keys[number]));
    assert!(until(30, || (service.count() == 2).then_some(())).is_some(), "both have been let in");
    house.good(&["key", "revoke", id(&keys[0])]);
    drop(held);
    gone.is_open();
    stays.is_open();
    assert_eq!(gone.closed(), 1008);
    stays.goes_on();
}
