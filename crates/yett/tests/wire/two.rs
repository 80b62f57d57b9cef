//! A connection of HTTP/2 in raw frames, and all that came back on it.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use testkit::RawClient;
use testkit::frames::{Frame, PREFACE, block, kind, read_status};

pub(crate) use testkit::frames::{END_HEADERS, END_STREAM, PADDED, PRIORITY};

/// A frame as bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Vec<u8> {
    Frame { kind, flags, stream, payload: payload.into() }.bytes()
}

pub(crate) type Fields<'a> = &'a [(&'a [u8], &'a [u8])];

/// The pseudo fields of a GET, and more.
pub(crate) fn get_fields(path: &str, more: Fields<'_>) -> Vec<u8> {
    let head: [(&[u8], &[u8]); 4] = [
        (b":method", b"GET"),
        (b":scheme", b"http"),
        (b":authority", b"files.test"),
        (b":path", path.as_bytes()),
    ];
    block(&[&head, more].concat())
}

/// A whole GET.
pub(crate) fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, get_fields(path, &[]))
}

/// The head of a POST whose body follows.
pub(crate) fn post(stream: u32, path: &str, more: Fields<'_>) -> Vec<u8> {
    let head: [(&[u8], &[u8]); 4] = [
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":authority", b"files.test"),
        (b":path", path.as_bytes()),
    ];
    frame(kind::HEADERS, END_HEADERS, stream, block(&[&head, more].concat()))
}

pub(crate) fn data(stream: u32, flags: u8, payload: impl Into<Vec<u8>>) -> Vec<u8> {
    frame(kind::DATA, flags, stream, payload)
}

/// Preface and empty SETTINGS.
pub(crate) fn opening() -> Vec<u8> {
    [PREFACE.to_vec(), frame(kind::SETTINGS, 0, 0, [0, 1, 0, 0, 0, 0])].concat()
}

const MARK: [u8; 8] = *b"the mark";

/// What came of a connection.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Error codes by stream.
    pub(crate) resets: BTreeMap<u32, u32>,
    /// Statuses of streams that ended.
    pub(crate) answers: BTreeMap<u32, u16>,
    /// The error code of the last GOAWAY.
    pub(crate) gone: Option<u32>,
    /// Payloads of PINGs that were answered, the mark apart.
    pub(crate) pongs: Vec<Vec<u8>>,
    /// Settings that came with the first SETTINGS.
    pub(crate) settings: BTreeMap<u16, u32>,
    /// How many SETTINGS were acknowledged.
    pub(crate) acks: usize,
    /// The other side ended the connection.
    pub(crate) closed: bool,
    /// Body bytes by stream.
    pub(crate) bytes: BTreeMap<u32, usize>,
}

/// Sends all of `script` and a PING behind it; reads until that is answered and every stream of `awaited` has ended, or until
/// the connection has.
pub(crate) fn run(address: SocketAddr, script: &[u8], awaited: &[u32]) -> Outcome {
    run_in_pieces(address, script, awaited, usize::MAX)
}

/// As [`run`], with no more than so many bytes in a write.
pub(crate) fn run_in_pieces(address: SocketAddr, script: &[u8], awaited: &[u32], length: usize) -> Outcome {
    let mut client = RawClient::connect(address);
    for piece in [script, &frame(kind::PING, 0, 0, MARK)].concat().chunks(length) {
        // The other side may have ended it already; what it said is read below.
        if client.send(piece).is_err() {
            break;
        }
    }
    let mut outcome = Outcome::default();
    let mut marked = false;
    let mut statuses = BTreeMap::new();
    while !marked
        || awaited
            .iter()
            .any(|stream| !outcome.answers.contains_key(stream) && !outcome.resets.contains_key(stream))
    {
        let Ok(frame) = client.frame() else {
            outcome.closed = true;
            break;
        };
        take(&mut outcome, &mut statuses, &frame, &mut marked);
    }
    outcome
}

fn take(outcome: &mut Outcome, statuses: &mut BTreeMap<u32, u16>, frame: &Frame, marked: &mut bool) {
    let word = |at: usize| u32::from_be_bytes(frame.payload[at..at + 4].try_into().unwrap());
    match frame.kind {
        kind::PING if frame.flags & END_STREAM != 0 && frame.payload == MARK => *marked = true,
        kind::PING if frame.flags & END_STREAM != 0 => outcome.pongs.push(frame.payload.clone()),
        kind::GOAWAY => outcome.gone = Some(word(4)),
        kind::RST_STREAM => {
            outcome.resets.insert(frame.stream, word(0));
        }
        kind::SETTINGS if frame.flags & END_STREAM != 0 => outcome.acks += 1,
        kind::SETTINGS => {
            for setting in frame.payload.chunks(6) {
                let id = u16::from_be_bytes([setting[0], setting[1]]);
                outcome.settings.insert(id, u32::from_be_bytes(setting[2..6].try_into().unwrap()));
            }
        }
        kind::HEADERS => {
            statuses.entry(frame.stream).or_insert_with(|| read_status(&frame.payload).unwrap_or(0));
        }
        kind::DATA => *outcome.bytes.entry(frame.stream).or_default() += frame.payload.len(),
        _ => {}
    }
    if matches!(frame.kind, kind::HEADERS | kind::DATA) && frame.flags & END_STREAM != 0 {
        outcome.answers.insert(frame.stream, statuses.get(&frame.stream).copied().unwrap_or(0));
    }
}
