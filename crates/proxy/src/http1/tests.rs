use bytes::{Bytes, BytesMut};
use engine::bounds;
use http::Method;
use proptest::prelude::*;

use super::answer;
use super::chunks::Piece;
use super::grammar::{Fault, Framing, HEAD_BYTES, find_end};
use super::request;
use super::rest::Rest;

/// Reads messages off `bytes`, given in pieces, as a connection does: how many there were, how many bytes are left over
/// and why it stopped.
fn messages(bytes: &[u8], cuts: &[usize]) -> (u64, usize, Option<Fault>) {
    let (mut inbox, mut heads, mut rest, mut searched) = (BytesMut::new(), 0, Rest::Nothing, 0);
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.push(bytes.len());
    cuts.sort_unstable();
    let mut from = 0;
    for to in cuts {
        inbox.extend_from_slice(&bytes[from..to]);
        from = to;
        loop {
            if rest.is_nothing() {
                if inbox.is_empty() {
                    break;
                }
                let end = match find_end(&inbox, searched) {
                    Ok(Some(end)) => end,
                    Ok(None) => {
                        searched = inbox.len();
                        break;
                    }
                    Err(fault) => return (heads, inbox.len(), Some(fault)),
                };
                searched = 0;
                match request::parse(&inbox.split_to(end).freeze()) {
                    Ok(head) => rest = Rest::of_request(head.framing),
                    Err(fault) => return (heads, inbox.len(), Some(fault)),
                }
                heads += 1;
                continue;
            }
            match rest.next(&mut inbox) {
                Ok(Piece::Data(_) | Piece::End(_)) => {}
                Ok(Piece::More) => break,
                Err(fault) => return (heads, inbox.len(), Some(fault)),
            }
        }
    }
    (heads, inbox.len(), None)
}

#[test]
fn strict_messages_pass_and_lax_ones_do_not() {
    let good = [
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET /{a}?b={c} HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET http://a/x?y HTTP/1.1\r\nhost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
        "CONNECT a:80 HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nx: y\r\n\r\n",
    ];
    for text in good {
        assert_eq!(messages(text.as_bytes(), &[]), (1, 0, None), "{text:?}");
        let twice = format!("{text}{text}");
        assert_eq!(messages(twice.as_bytes(), &[]), (2, 0, None), "{twice:?}");
    }
    let bad = [
        "GET / HTTP/1.1\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\n\r\n",
        "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.2\r\nhost: a\r\n\r\n",
        "GET /#f HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /\u{e9} HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET /<x> HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET ?q=1 HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET http:///x HTTP/1.1\r\nhost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n folded: b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nhost\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx : y\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\na: b\r\nx(y: z\r\n\r\n",
    ];
    for text in bad {
        assert!(matches!(messages(text.as_bytes(), &[]).2, Some(Fault::Malformed(_))), "{text:?}");
    }
}

#[test]
fn bounds_have_their_own_faults() {
    let fault = |text: &str| messages(text.as_bytes(), &[]).2;
    let long = "a".repeat(bounds::TARGET_BYTES + 100);
    assert_eq!(fault(&format!("GET /{long} HTTP/1.1\r\n\r\n")), Some(Fault::TargetTooLong));
    assert_eq!(fault(&format!("GET /{long}")), Some(Fault::TargetTooLong));
    let longer = "a".repeat(HEAD_BYTES);
    assert_eq!(fault(&format!("GET /{longer} HTTP/1.1\r\nhost: a\r\n\r\n")), Some(Fault::TargetTooLong));
    let many = "a: b\r\n".repeat(bounds::HEADERS + 1);
    assert_eq!(fault(&format!("GET / HTTP/1.1\r\n{many}\r\n")), Some(Fault::HeadersTooLarge));
    let wide = "a".repeat(HEAD_BYTES);
    assert_eq!(fault(&format!("GET / HTTP/1.1\r\na: {wide}")), Some(Fault::HeadersTooLarge));
}

#[test]
fn a_head_says_what_it_wants_of_its_connection() {
    let cases = [
        ("GET / HTTP/1.1\r\n", (true, false, false)),
        ("GET / HTTP/1.1\r\nConnection: x, Close\r\n", (false, false, false)),
        ("GET / HTTP/1.1\r\nTE: gzip, trailers\r\n", (true, false, true)),
        ("GET / HTTP/1.0\r\n", (false, false, false)),
        ("GET / HTTP/1.0\r\nconnection: keep-alive\r\n", (true, false, false)),
        ("GET / HTTP/1.0\r\nconnection: keep-alive, close\r\n", (false, false, false)),
        ("PUT / HTTP/1.1\r\ncontent-length: 1\r\nexpect: 100-Continue\r\n", (true, true, false)),
        // Nothing to wait for.
        ("PUT / HTTP/1.1\r\nexpect: 100-continue\r\n", (true, false, false)),
    ];
    for (text, expected) in cases {
        let head = request::parse(&Bytes::from(format!("{text}\r\n"))).expect(text);
        let wishes = head.wishes;
        assert_eq!((wishes.keep_alive, wishes.expects, wishes.trailers), expected, "{text:?}");
    }
}

fn answer(text: &str, method: &Method) -> Result<(Framing, bool), &'static str> {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let mut spans = answer::Spans::new();
    let found = answer::find(&bytes, &mut spans)?.ok_or("not whole")?;
    answer::read(&bytes, found, &spans, method).map(|head| (head.framing, head.keep_alive))
}

#[test]
fn the_framing_of_an_answer_is_what_rfc_9112_says() {
    let good = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", (Framing::Length(5), true)),
        ("HTTP/1.1 200\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n", (Framing::Length(5), true)),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", (Framing::Empty, false)),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n", (Framing::Chunked, true)),
        ("HTTP/1.1 200 OK\r\n\r\n", (Framing::Close, false)),
        ("HTTP/1.1 204 No\r\n\r\n", (Framing::Empty, true)),
        ("HTTP/1.1 304 No\r\ncontent-length: 9\r\n\r\n", (Framing::Empty, true)),
        ("HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\n", (Framing::Length(5), false)),
        (
            "HTTP/1.0 200 OK\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\n",
            (Framing::Length(5), true),
        ),
    ];
    for (text, expected) in good {
        assert_eq!(answer(text, &Method::GET), Ok(expected), "{text:?}");
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    assert_eq!(answer(head, &Method::HEAD), Ok((Framing::Empty, true)));
    let bad = [
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 99 OK\r\n\r\n",
        "HTTP/1.1 600 OK\r\n\r\n",
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 200 OK\r\nx: a\0b\r\n\r\n",
    ];
    for text in bad {
        let found = answer(text, &Method::GET);
        assert!(found.is_err() && found != Err("not whole"), "{text:?}: {found:?}");
    }
}

/// The data and the trailers of a chunked answer.
fn chunked(text: &str) -> Result<(String, Option<String>), Fault> {
    let mut rest = Rest::of_answer(Framing::Chunked);
    let mut inbox = BytesMut::from(text);
    let mut data = Vec::new();
    loop {
        match rest.next(&mut inbox)? {
            Piece::Data(bytes) => data.extend_from_slice(&bytes),
            Piece::More => return Err(Fault::Malformed("not whole")),
            Piece::End(trailers) => {
                let trailers = trailers.map(|trailers| format!("{trailers:?}"));
                return Ok((String::from_utf8_lossy(&data).into_owned(), trailers));
            }
        }
    }
}

#[test]
fn chunks_of_an_answer_may_have_extensions_and_trailers() {
    assert_eq!(chunked("3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\n\r\n"), Ok((String::from("abcde"), None)));
    let trailers = Some(String::from(r#"{"grpc-status": "0", "x": "y z"}"#));
    assert_eq!(chunked("1\r\na\r\n0\r\ngrpc-status: 0\r\nx: y z\r\n\r\n"), Ok((String::from("a"), trailers)));
    for text in ["3\nabc", "g\r\n", "\r\n", "3\r\nabcd", "1;\n\r\n", "0\r\na b\r\n\r\n", "0\r\n: b\r\n\r\n"] {
        let found = chunked(text);
        assert!(found.is_err() && found != Err(Fault::Malformed("not whole")), "{text:?}: {found:?}");
    }
}

proptest! {
    #[test]
    fn pieces_mean_the_same_as_the_whole(
        parts in proptest::collection::vec(0_usize..9, 1..6),
        cuts in proptest::collection::vec(0_usize..600, 0..12),
    ) {
        let kinds = [
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\n\r\n",
            "GET / HTTP/1.1\nhost: a\r\n\r\n",
            "\r\n",
            "GET /",
            "x",
        ];
        let text: String = parts.iter().filter_map(|part| kinds.get(*part)).copied().collect();
        let (heads, _, fault) = messages(text.as_bytes(), &[]);
        let (heads_of_pieces, _, fault_of_pieces) = messages(text.as_bytes(), &cuts);
        prop_assert_eq!((heads, fault), (heads_of_pieces, fault_of_pieces));
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        messages(&bytes, &[7, 50]);
        let _ = answer::find(&bytes, &mut answer::Spans::new());
        let mut inbox = BytesMut::from(&bytes[..]);
        let mut rest = Rest::of_answer(Framing::Chunked);
        while matches!(rest.next(&mut inbox), Ok(Piece::Data(_))) {}
    }
}
