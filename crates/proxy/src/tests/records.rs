//! What a client sends over TLS is read however its records are cut and come.

use std::io::{Read, Write};
use std::net::Shutdown;

use engine::BodyMode;

use super::pki::{Authority, Serves, Session, TlsClient};
use super::world::{Backend, OK, Shape, World};

const CALL: &[u8] = b"GET /v1/a HTTP/1.1\r\nhost: localhost\r\n\r\n";
const LAST: &[u8] = b"GET /v1/a HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

fn world(backend: &Backend, request: BodyMode) -> (World, Session) {
    let authority = Authority::new("a");
    let mut shape = Shape::to(backend.address);
    (shape.tls, shape.request) = (Some(Serves::one(&authority.server(&["localhost"])).settings()), request);
    let world = World::start(&shape);
    let mut session = TlsClient::new(&authority, None).connect(world.address, "localhost");
    session.0.sock.set_nodelay(true).unwrap();
    session.shown().unwrap();
    (world, session)
}

/// Each piece as a record of its own, or as several where it is long; none of them is sent.
fn sealed(session: &mut Session, pieces: &[&[u8]]) -> Vec<u8> {
    let conn = &mut session.0.conn;
    let mut bytes = Vec::new();
    for mut piece in pieces.iter().copied() {
        while !piece.is_empty() {
            let taken = conn.writer().write(piece).unwrap();
            piece = &piece[taken..];
            while conn.wants_write() {
                conn.write_tls(&mut bytes).unwrap();
            }
        }
    }
    bytes
}

#[test]
fn each_call_is_answered_however_its_records_come() {
    let backend = Backend::answering(OK);
    let both = [CALL, LAST].concat();
    let cut = [&both[..7], &both[7..60], &both[60..]];
    let bytewise: Vec<&[u8]> = both.chunks(1).collect();
    for (pieces, at_once) in [
        (vec![both.as_slice()], usize::MAX),
        (vec![CALL, LAST], usize::MAX),
        (cut.to_vec(), usize::MAX),
        (cut.to_vec(), 1),
        (cut.to_vec(), 50),
        (bytewise, usize::MAX),
    ] {
        let (world, mut session) = world(&backend, BodyMode::Whole { limit: 100 });
        let records = sealed(&mut session, &pieces);
        for piece in records.chunks(at_once.min(records.len())) {
            session.0.sock.write_all(piece).unwrap();
        }
        let seen = session.rest();
        let count = seen.matches("HTTP/1.1 200 OK\r\n").count();
        assert_eq!(count, 2, "{} records, {at_once} bytes: {seen}", pieces.len());
        assert_eq!(world.tape.calls(2).len(), 2);
    }
}

#[test]
fn long_bodies_come_whole_in_records_of_any_length() {
    let body: Vec<u8> = (0..90_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    let head = format!("POST /v1/a HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
    for request in [BodyMode::Whole { limit: 100_000 }, BodyMode::Pass { limit: 100_000 }] {
        let backend = Backend::answering(OK);
        let (world, mut session) = world(&backend, request);
        for length in [90_000, 16_384, 4_096, 1_000] {
            let mut pieces = vec![head.as_bytes()];
            pieces.extend(body.chunks(length));
            let records = sealed(&mut session, &pieces);
            session.0.sock.write_all(&records).unwrap();
            let mut answer = vec![0; 15];
            session.0.read_exact(&mut answer).unwrap();
            assert_eq!(answer, b"HTTP/1.1 200 OK");
            let mut seen = Vec::new();
            while !seen.ends_with(b"\r\n\r\nok") {
                let mut byte = [0];
                session.0.read_exact(&mut byte).unwrap();
                seen.extend_from_slice(&byte);
            }
        }
        let seen = backend.requests();
        assert_eq!(seen.len(), 4);
        assert!(seen.iter().all(|(_, came)| *came == body));
        assert!(world.tape.calls(4).iter().all(|call| call.bytes.0 == 90_000));
    }
}

/// With its end said or not, and also when it says something else before.
#[test]
fn a_client_that_goes_ends_its_call() {
    let backend = Backend::start(|backend, _, mut client| while backend.take(&mut client) {});
    for said in [true, false] {
        let (world, mut session) = world(&backend, BodyMode::Whole { limit: 100 });
        let mut records = sealed(&mut session, &[CALL, b"GET /v1/b"]);
        if said {
            session.0.conn.send_close_notify();
            session.0.conn.write_tls(&mut records).unwrap();
        }
        session.0.sock.write_all(&records).unwrap();
        session.0.sock.shutdown(Shutdown::Write).unwrap();
        assert!(world.tape.calls(1)[0].aborted, "{said}");
        assert_eq!(session.rest(), "");
    }
}
