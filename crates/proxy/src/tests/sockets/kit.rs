//! Both ends of a WebSocket for tests: they speak frames, and are as hostile as a test wants.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use engine::websocket::{Flow, Origins, Rules};

use super::super::world::{Backend, Client, Shape, World};
use crate::websocket::frames::{Event, From, Limits, Opcode, Reader};
use crate::websocket::handshake::accept;
use crate::websocket::write::write;

pub(super) const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// A handshake without its empty line.
pub(super) const ASK: &str = "GET /v1/a HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
pub(super) const MASK: [u8; 4] = [1, 2, 3, 4];

pub(super) fn rules() -> Rules {
    Rules {
        origins: Origins::Own,
        subprotocols: Box::new(["chat".into(), "v2".into()]),
        message: 300_000,
        frame: 200_000,
        flow: Flow { burst: 1_000, each: Duration::from_millis(1) },
        idle: Duration::from_secs(20),
        lifetime: Duration::from_secs(20),
    }
}

pub(super) fn shape(backend: &Backend, rules: Rules) -> Shape {
    let mut shape = Shape::to(backend.address);
    shape.websocket = Some(Arc::new(rules));
    shape
}

/// One end.
pub(super) struct End {
    pub(super) client: Client,
    reader: Reader,
    inbox: BytesMut,
    mask: Option<[u8; 4]>,
}

impl End {
    /// Of a client whose handshake was answered, or of an upstream that answered one.
    pub(super) fn new(client: Client, from: From) -> Self {
        let mask = (from == From::Server).then_some(MASK);
        Self { client, reader: Reader::new(from), inbox: BytesMut::new(), mask }
    }

    /// A client that has opened one, with these fields more.
    pub(super) fn open(world: &World, more: &str) -> Self {
        let mut client = world.connect();
        client.send(format!("{ASK}{more}\r\n"));
        let head = client.head();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        Self::new(client, From::Server)
    }

    pub(super) fn raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.client.send(bytes);
    }

    pub(super) fn send(&mut self, opcode: Opcode, payload: &[u8]) {
        let mut frame = Vec::new();
        write(&mut frame, opcode, payload, self.mask);
        self.client.send(frame);
    }

    pub(super) fn close(&mut self, code: u16) {
        self.send(Opcode::Close, &code.to_be_bytes());
    }

    /// What comes next; `None` at the end of the connection.
    pub(super) fn next(&mut self) -> Option<Event> {
        let limits = Limits { frame: 1 << 30, message: 1 << 30 };
        loop {
            if let Some(event) = self.reader.next(&mut self.inbox, limits).unwrap() {
                return Some(event);
            }
            let piece = self.client.some();
            if piece.is_empty() {
                return None;
            }
            self.inbox.extend_from_slice(&piece);
        }
    }

    pub(super) fn text(&mut self) -> String {
        match self.next() {
            Some(Event::Message { text: true, payload }) => String::from_utf8(payload.to_vec()).unwrap(),
            other => panic!("no text: {other:?}"),
        }
    }

    /// The code of the close that comes next, behind whatever else comes.
    pub(super) fn closed(&mut self) -> Option<u16> {
        loop {
            if let Event::Close(reason) = self.next()? {
                return Some(reason.map_or(0, |(code, _)| code));
            }
        }
    }
}

/// The end of an upstream's connection that has a handshake answered.
pub(super) fn answered(backend: &Backend, mut client: Client, more: &str) -> Option<End> {
    backend.take(&mut client).then(|| answer(backend, client, more)).flatten()
}

/// The same, of a handshake that was read.
pub(super) fn answer(backend: &Backend, mut client: Client, more: &str) -> Option<End> {
    let head = backend.requests().last().unwrap().0.clone();
    let key = field(&head, "sec-websocket-key")?;
    client.send(format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {}\r\n{more}\r\n",
        accept(key.as_bytes())
    ));
    Some(End::new(client, From::Client))
}

pub(super) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// What an upstream met on its WebSockets: the messages, and at last the code of the close or 0.
pub(super) type Met = std::sync::mpsc::Receiver<Result<Bytes, u16>>;

/// An upstream that returns every message, answers pings and returns the close.
pub(super) fn echo() -> (Backend, Met) {
    let (tell, met) = std::sync::mpsc::sync_channel(10_000);
    let tell = std::sync::Mutex::new(tell);
    let backend = Backend::start(move |backend, _, client| {
        let Some(mut end) = answered(backend, client, "") else { return };
        let tell = tell.lock().unwrap().clone();
        loop {
            match end.next() {
                Some(Event::Message { text, payload }) => {
                    let _ = tell.send(Ok(payload.clone()));
                    end.send(if text { Opcode::Text } else { Opcode::Binary }, &payload);
                }
                Some(Event::Ping(payload)) => end.send(Opcode::Pong, &payload),
                Some(Event::Close(reason)) => {
                    let code = reason.map_or(0, |(code, _)| code);
                    let _ = tell.send(Err(code));
                    return if code == 0 { end.send(Opcode::Close, b"") } else { end.close(code) };
                }
                Some(_) => {}
                None => {
                    let _ = tell.send(Err(0));
                    return;
                }
            }
        }
    });
    (backend, met)
}

/// The code with which an upstream was closed.
pub(super) fn closed_with(met: &Met) -> u16 {
    loop {
        if let Err(code) = met.recv_timeout(super::super::world::PATIENCE).unwrap() {
            return code;
        }
    }
}
