use super::*;
use proptest::prelude::*;

fn scan(text: &str) -> (usize, Option<Fault>, u64) {
    let mut messages = Messages::new();
    let (taken, fault) = messages.scan(text.as_bytes());
    (taken, fault, messages.heads)
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
        assert_eq!(scan(text), (text.len(), None, 1), "{text:?}");
        let twice = format!("{text}{text}");
        assert_eq!(scan(&twice), (twice.len(), None, 2), "{twice:?}");
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
    ];
    for text in bad {
        assert!(matches!(scan(text).1, Some(Malformed(_))), "{text:?}");
    }
}

#[test]
fn bounds_have_their_own_faults() {
    let long = "a".repeat(bounds::TARGET_BYTES + 100);
    assert_eq!(scan(&format!("GET /{long} HTTP/1.1\r\n\r\n")).1, Some(Fault::TargetTooLong));
    assert_eq!(scan(&format!("GET /{long}")).1, Some(Fault::TargetTooLong));
    let many = "a: b\r\n".repeat(bounds::HEADERS + 1);
    assert_eq!(scan(&format!("GET / HTTP/1.1\r\n{many}\r\n")).1, Some(Fault::HeadersTooLarge));
    let wide = "a".repeat(HEAD_BYTES);
    assert_eq!(scan(&format!("GET / HTTP/1.1\r\na: {wide}")).1, Some(Fault::HeadersTooLarge));
}

/// Feeds `text` in pieces as the guard does: what is left over comes again with the next piece.
fn scan_in_pieces(text: &[u8], cuts: &[usize]) -> (usize, Option<Fault>, u64) {
    let mut messages = Messages::new();
    let (mut held, mut taken, mut from) = (Vec::new(), 0, 0);
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (text.len() + 1)).collect();
    ends.sort_unstable();
    ends.push(text.len());
    for end in ends {
        held.extend_from_slice(&text[from..end]);
        from = end;
        let (accepted, fault) = messages.scan(&held);
        held.drain(..accepted);
        taken += accepted;
        if fault.is_some() {
            return (taken, fault, messages.heads);
        }
    }
    (taken, None, messages.heads)
}

proptest! {
    #[test]
    fn pieces_mean_the_same_as_the_whole(
        parts in proptest::collection::vec(prop_oneof![
            Just("GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
            Just("POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello"),
            Just("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx: y\r\n\r\n"),
            Just("\n"), Just("x"), Just("0\r\n\r\n"),
        ], 0..6),
        cuts in proptest::collection::vec(0..400_usize, 0..8),
    ) {
        let text = parts.concat();
        let whole = scan(&text);
        let pieces = scan_in_pieces(text.as_bytes(), &cuts);
        prop_assert_eq!(whole.1.is_some(), pieces.1.is_some());
        prop_assert_eq!(whole.2, pieces.2);
    }

    #[test]
    fn any_bytes_are_judged_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let (taken, _) = Messages::new().scan(&bytes);
        prop_assert!(taken <= bytes.len());
    }
}
