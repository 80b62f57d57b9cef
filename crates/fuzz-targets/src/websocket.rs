//! Frames of WebSockets.
//!
//! The sources are the proxy's own: they are private there, and stay so.

use bytes::BytesMut;

#[allow(dead_code, unreachable_pub, reason = "the proxy uses the rest")]
#[path = "../../proxy/src/websocket/frames.rs"]
mod frames;
#[allow(dead_code, unreachable_pub, reason = "the proxy uses the rest")]
#[path = "../../proxy/src/websocket/write.rs"]
mod write;

use frames::{Event, From, Limits, Opcode, Reader, Violation};

const LIMITS: Limits = Limits { frame: 2_000, message: 3_000 };
const KEY: [u8; 4] = [7, 0, 255, 1];

/// How frames are cut into reads changes nothing, bounds hold, and what was read is read again when it is written anew. The
/// first byte says whose frames they are and how they are cut.
pub(crate) fn run(data: &[u8]) {
    let Some((selector, bytes)) = crate::select(data, 32) else { return };
    let from = if selector % 2 == 0 { From::Client } else { From::Server };
    let whole = read(from, bytes, usize::MAX);
    assert_eq!(whole, read(from, bytes, usize::from(selector / 2) + 1), "cut otherwise it reads otherwise");
    let key = (from == From::Client).then_some(KEY);
    let mut again = Vec::new();
    let messages: Vec<Event> = whole.0.into_iter().filter(|event| *event != Event::Crumb).collect();
    for event in &messages {
        match event {
            Event::Message { text, payload } => {
                assert!(payload.len() <= LIMITS.message, "a message over its bound");
                assert!(!text || std::str::from_utf8(payload).is_ok(), "a text that is not UTF-8");
                let opcode = if *text { Opcode::Text } else { Opcode::Binary };
                write::write(&mut again, opcode, payload, key);
            }
            Event::Ping(payload) => write::write(&mut again, Opcode::Ping, payload, key),
            Event::Pong(payload) => write::write(&mut again, Opcode::Pong, payload, key),
            Event::Close(reason) => {
                let payload = reason.as_ref().map(|(code, text)| [&code.to_be_bytes()[..], text].concat());
                write::write(&mut again, Opcode::Close, &payload.unwrap_or_default(), key);
            }
            Event::Crumb => {}
        }
    }
    // A message of several frames may be longer than one frame.
    let wide = Limits { frame: LIMITS.message, ..LIMITS };
    assert_eq!(read_under(from, &again, 64, wide), (messages, None), "written anew it reads otherwise");
}

fn read(from: From, bytes: &[u8], step: usize) -> (Vec<Event>, Option<Violation>) {
    read_under(from, bytes, step, LIMITS)
}

fn read_under(from: From, bytes: &[u8], step: usize, limits: Limits) -> (Vec<Event>, Option<Violation>) {
    let (mut reader, mut inbox, mut events) = (Reader::new(from), BytesMut::new(), Vec::new());
    for piece in bytes.chunks(step) {
        inbox.extend_from_slice(piece);
        loop {
            match reader.next(&mut inbox, limits) {
                Ok(Some(event)) => events.push(event),
                Ok(None) => break,
                Err(violation) => return (events, Some(violation)),
            }
            assert!(reader.held() <= limits.message, "more is held than a message may have");
        }
    }
    (events, None)
}
