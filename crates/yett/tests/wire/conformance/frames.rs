//! RFC 9113 sections 4 and 6: frames.

use testkit::frames::kind;

use super::Want::{Answer, Connection, Ignored, Stream};
use super::code::{COMPRESSION, FLOW_CONTROL, FRAME_SIZE, PROTOCOL};
use super::{Case, join, section};
use crate::two::{END_HEADERS, END_STREAM, PADDED, PRIORITY, data, frame, get, get_fields, post};

const ACK: u8 = 1;

fn setting(id: u16, value: u32) -> Vec<u8> {
    frame(kind::SETTINGS, 0, 0, [id.to_be_bytes().as_slice(), &value.to_be_bytes()].concat())
}

fn window(stream: u32, increment: u32) -> Vec<u8> {
    frame(kind::WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
}

fn open() -> Vec<u8> {
    post(1, "/m/1", &[])
}

pub(super) fn all() -> Vec<Case> {
    [format(), bodies(), heads(), settings(), control(), windows(), continuations()]
        .into_iter()
        .flatten()
        .collect()
}

fn format() -> Vec<Case> {
    let block = || get_fields("/m/1", &[]);
    [
        section(
            "RFC 9113 4.1",
            [
                (
                    "an unknown type is ignored",
                    join([frame(0xbe, 0xff, 0, [1; 40]), get(1, "/m/1")]),
                    Answer(1, 200),
                ),
                (
                    "an unknown type on a stream is ignored",
                    join([open(), frame(0xbe, 0xff, 1, [1; 40]), data(1, END_STREAM, *b"a")]),
                    Answer(1, 200),
                ),
                (
                    "the reserved bit is ignored",
                    frame(kind::HEADERS, END_HEADERS | END_STREAM, 0x8000_0001, block()),
                    Answer(1, 200),
                ),
                (
                    "undefined flags of HEADERS are ignored",
                    frame(kind::HEADERS, END_HEADERS | END_STREAM | 0xd2, 1, block()),
                    Answer(1, 200),
                ),
                (
                    "undefined flags of PING are ignored",
                    join([frame(kind::PING, 0xfe, 0, [7; 8]), get(1, "/m/1")]),
                    Answer(1, 200),
                ),
                (
                    "undefined flags of DATA are ignored",
                    join([open(), data(1, END_STREAM | 0xf6, *b"a")]),
                    Answer(1, 200),
                ),
            ],
        ),
        section(
            "RFC 9113 4.2",
            [
                (
                    "DATA of 16,384 bytes",
                    join([open(), data(1, END_STREAM, vec![0; 16_384])]),
                    Answer(1, 200),
                ),
                (
                    "DATA of 16,385 bytes",
                    join([open(), data(1, END_STREAM, vec![0; 16_385])]),
                    Stream(1, FRAME_SIZE),
                ),
                (
                    "HEADERS of 16,385 bytes",
                    frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, vec![0; 16_385]),
                    Connection(FRAME_SIZE),
                ),
                (
                    "an unknown type of 16,385 bytes",
                    frame(0xbe, 0, 0, vec![0; 16_385]),
                    Connection(FRAME_SIZE),
                ),
                (
                    "SETTINGS of 16,386 bytes",
                    frame(kind::SETTINGS, 0, 0, vec![0; 16_386]),
                    Connection(FRAME_SIZE),
                ),
            ],
        ),
        section(
            "RFC 9113 4.3",
            [
                (
                    "a field block that cannot be read",
                    frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, [0, 0xff, 0xff]),
                    Connection(COMPRESSION),
                ),
                (
                    "PRIORITY within a field block",
                    join([
                        frame(kind::HEADERS, END_STREAM, 1, block()),
                        frame(kind::PRIORITY, 0, 1, [0, 0, 0, 0, 1]),
                    ]),
                    Connection(PROTOCOL),
                ),
                (
                    "HEADERS of another stream within a field block",
                    join([frame(kind::HEADERS, END_STREAM, 1, block()), get(3, "/m/3")]),
                    Connection(PROTOCOL),
                ),
                (
                    "PING within a field block",
                    join([frame(kind::HEADERS, END_STREAM, 1, block()), frame(kind::PING, 0, 0, [0; 8])]),
                    Connection(PROTOCOL),
                ),
            ],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn bodies() -> Vec<Case> {
    section(
        "RFC 9113 6.1",
        [
            ("DATA on stream 0", join([open(), data(0, END_STREAM, *b"a")]), Connection(PROTOCOL)),
            (
                "DATA with padding",
                join([open(), data(1, END_STREAM | PADDED, [3, b'a', 0, 0, 0])]),
                Answer(1, 200),
            ),
            (
                "DATA that is all padding",
                join([open(), data(1, END_STREAM | PADDED, [3, 0, 0, 0])]),
                Answer(1, 200),
            ),
            (
                "DATA with padding of no length",
                join([open(), data(1, END_STREAM | PADDED, [0, b'a'])]),
                Answer(1, 200),
            ),
            (
                "DATA with padding longer than it",
                join([open(), data(1, END_STREAM | PADDED, [5, b'a', 0, 0, 0])]),
                Connection(PROTOCOL),
            ),
            (
                "DATA with padding as long as it",
                join([open(), data(1, END_STREAM | PADDED, [4, b'a', 0, 0])]),
                Connection(PROTOCOL),
            ),
            (
                "padded DATA without a byte",
                join([open(), data(1, END_STREAM | PADDED, [])]),
                Connection(FRAME_SIZE),
            ),
            (
                "empty DATA at the end",
                join([open(), data(1, 0, *b"a"), data(1, END_STREAM, [])]),
                Answer(1, 200),
            ),
            (
                "empty DATA in the middle",
                join([open(), data(1, 0, []), data(1, 0, []), data(1, END_STREAM, *b"a")]),
                Answer(1, 200),
            ),
        ],
    )
}

fn heads() -> Vec<Case> {
    let whole = END_HEADERS | END_STREAM;
    let block = || get_fields("/m/1", &[]);
    let padded = |length: u8, padding: usize| [vec![length], block(), vec![0; padding]].concat();
    [
        section(
            "RFC 9113 6.2",
            [
                ("HEADERS on stream 0", frame(kind::HEADERS, whole, 0, block()), Connection(PROTOCOL)),
                (
                    "HEADERS with padding",
                    frame(kind::HEADERS, whole | PADDED, 1, padded(9, 9)),
                    Answer(1, 200),
                ),
                (
                    "HEADERS with padding longer than it",
                    frame(kind::HEADERS, whole | PADDED, 1, padded(255, 9)),
                    Connection(PROTOCOL),
                ),
                (
                    "padded HEADERS without a byte",
                    frame(kind::HEADERS, whole | PADDED, 1, []),
                    Connection(FRAME_SIZE),
                ),
                (
                    "HEADERS with priority",
                    frame(kind::HEADERS, whole | PRIORITY, 1, [vec![0x80, 0, 0, 3, 15], block()].concat()),
                    Answer(1, 200),
                ),
                (
                    "HEADERS with priority and padding",
                    frame(
                        kind::HEADERS,
                        whole | PRIORITY | PADDED,
                        1,
                        [vec![2, 0, 0, 0, 0, 15], block(), vec![0, 0]].concat(),
                    ),
                    Answer(1, 200),
                ),
                (
                    "HEADERS cut off in its priority",
                    frame(kind::HEADERS, whole | PRIORITY, 1, [0, 0, 0]),
                    Connection(FRAME_SIZE),
                ),
                ("an empty field block", frame(kind::HEADERS, whole, 1, []), super::Want::Malformed(1)),
            ],
        ),
        section(
            "RFC 9113 6.3",
            [
                (
                    "PRIORITY on an idle stream",
                    join([frame(kind::PRIORITY, 0, 5, [0, 0, 0, 3, 7]), get(7, "/m/7")]),
                    Answer(7, 200),
                ),
                ("PRIORITY on stream 0", frame(kind::PRIORITY, 0, 0, [0, 0, 0, 1, 7]), Connection(PROTOCOL)),
                (
                    "PRIORITY of 4 bytes",
                    join([open(), frame(kind::PRIORITY, 0, 1, [0, 0, 0, 3])]),
                    Stream(1, FRAME_SIZE),
                ),
                (
                    "PRIORITY of 6 bytes",
                    join([open(), frame(kind::PRIORITY, 0, 1, [0, 0, 0, 3, 7, 0])]),
                    Stream(1, FRAME_SIZE),
                ),
            ],
        ),
        section(
            "RFC 9113 6.4",
            [
                ("RST_STREAM on stream 0", frame(kind::RST_STREAM, 0, 0, [0, 0, 0, 8]), Connection(PROTOCOL)),
                (
                    "RST_STREAM on an idle stream",
                    frame(kind::RST_STREAM, 0, 5, [0, 0, 0, 8]),
                    Connection(PROTOCOL),
                ),
                (
                    "RST_STREAM of 3 bytes",
                    join([open(), frame(kind::RST_STREAM, 0, 1, [0, 0, 8])]),
                    Connection(FRAME_SIZE),
                ),
                (
                    "RST_STREAM of 5 bytes",
                    join([open(), frame(kind::RST_STREAM, 0, 1, [0, 0, 0, 8, 0])]),
                    Connection(FRAME_SIZE),
                ),
                (
                    "RST_STREAM with a code that nobody knows",
                    join([open(), frame(kind::RST_STREAM, 0, 1, [0xff; 4]), get(3, "/m/3")]),
                    Answer(3, 200),
                ),
                (
                    "RST_STREAM twice",
                    join([
                        open(),
                        frame(kind::RST_STREAM, 0, 1, [0, 0, 0, 8]),
                        frame(kind::RST_STREAM, 0, 1, [0, 0, 0, 8]),
                        get(3, "/m/3"),
                    ]),
                    Answer(3, 200),
                ),
            ],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn settings() -> Vec<Case> {
    section(
        "RFC 9113 6.5",
        [
            ("SETTINGS without any", join([frame(kind::SETTINGS, 0, 0, []), get(1, "/m/1")]), Answer(1, 200)),
            ("SETTINGS on a stream", frame(kind::SETTINGS, 0, 1, []), Connection(PROTOCOL)),
            (
                "an acknowledgment with a payload",
                frame(kind::SETTINGS, ACK, 0, [0; 6]),
                Connection(FRAME_SIZE),
            ),
            ("SETTINGS of 5 bytes", frame(kind::SETTINGS, 0, 0, [0; 5]), Connection(FRAME_SIZE)),
            ("SETTINGS of 7 bytes", frame(kind::SETTINGS, 0, 0, [0; 7]), Connection(FRAME_SIZE)),
            ("ENABLE_PUSH 0", join([setting(2, 0), get(1, "/m/1")]), Answer(1, 200)),
            ("ENABLE_PUSH 2", setting(2, 2), Connection(PROTOCOL)),
            (
                "INITIAL_WINDOW_SIZE at its most",
                join([setting(4, 0x7fff_ffff), get(1, "/m/1")]),
                Answer(1, 200),
            ),
            ("INITIAL_WINDOW_SIZE above its most", setting(4, 0x8000_0000), Connection(FLOW_CONTROL)),
            ("MAX_FRAME_SIZE below its least", setting(5, 16_383), Connection(PROTOCOL)),
            ("MAX_FRAME_SIZE above its most", setting(5, 1 << 24), Connection(PROTOCOL)),
            ("MAX_FRAME_SIZE at its most", join([setting(5, (1 << 24) - 1), get(1, "/m/1")]), Answer(1, 200)),
            ("a setting that nobody knows", join([setting(0xbe, 7), get(1, "/m/1")]), Answer(1, 200)),
            (
                "one setting twice",
                join([frame(kind::SETTINGS, 0, 0, [0, 3, 0, 0, 0, 1, 0, 3, 0, 0, 0, 9]), get(1, "/m/1")]),
                Answer(1, 200),
            ),
            ("a table of no size", join([setting(1, 0), get(1, "/m/1"), get(3, "/m/3")]), Answer(3, 200)),
            (
                "a table of any size",
                join([setting(1, u32::MAX), get(1, "/m/1"), get(3, "/m/3")]),
                Answer(3, 200),
            ),
            (
                "an acknowledgment of nothing",
                join([frame(kind::SETTINGS, ACK, 0, []), get(1, "/m/1")]),
                Answer(1, 200),
            ),
        ],
    )
}

fn control() -> Vec<Case> {
    [
        section(
            "RFC 9113 6.6",
            [
                (
                    "PUSH_PROMISE of a client",
                    join([
                        open(),
                        frame(
                            kind::PUSH_PROMISE,
                            END_HEADERS,
                            1,
                            [vec![0, 0, 0, 2], get_fields("/m/2", &[])].concat(),
                        ),
                    ]),
                    Connection(PROTOCOL),
                ),
                (
                    "PUSH_PROMISE on stream 0",
                    frame(kind::PUSH_PROMISE, END_HEADERS, 0, [0, 0, 0, 2]),
                    Connection(PROTOCOL),
                ),
            ],
        ),
        section(
            "RFC 9113 6.7",
            [
                ("PING on a stream", frame(kind::PING, 0, 1, [0; 8]), Connection(PROTOCOL)),
                ("PING of 7 bytes", frame(kind::PING, 0, 0, [0; 7]), Connection(FRAME_SIZE)),
                ("PING of 9 bytes", frame(kind::PING, 0, 0, [0; 9]), Connection(FRAME_SIZE)),
                ("PING without a byte", frame(kind::PING, 0, 0, []), Connection(FRAME_SIZE)),
                (
                    "an answer to no PING",
                    join([frame(kind::PING, ACK, 0, [9; 8]), get(1, "/m/1")]),
                    Answer(1, 200),
                ),
            ],
        ),
        section(
            "RFC 9113 6.8",
            [
                ("GOAWAY on a stream", frame(kind::GOAWAY, 0, 1, [0; 8]), Connection(PROTOCOL)),
                ("GOAWAY of 7 bytes", frame(kind::GOAWAY, 0, 0, [0; 7]), Connection(FRAME_SIZE)),
            ],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn windows() -> Vec<Case> {
    section(
        "RFC 9113 6.9",
        [
            ("WINDOW_UPDATE by nothing", window(0, 0), Connection(PROTOCOL)),
            ("WINDOW_UPDATE by nothing on a stream", join([open(), window(1, 0)]), Stream(1, PROTOCOL)),
            ("WINDOW_UPDATE of 3 bytes", frame(kind::WINDOW_UPDATE, 0, 0, [0, 0, 1]), Connection(FRAME_SIZE)),
            (
                "WINDOW_UPDATE of 5 bytes",
                frame(kind::WINDOW_UPDATE, 0, 0, [0, 0, 0, 0, 1]),
                Connection(FRAME_SIZE),
            ),
            (
                "a window that is too large",
                join([window(0, 0x7fff_ffff), window(0, 1)]),
                Connection(FLOW_CONTROL),
            ),
            (
                "a stream's window that is too large",
                join([open(), window(1, 0x7fff_ffff), window(1, 1)]),
                Stream(1, FLOW_CONTROL),
            ),
            (
                "a stream's window that SETTINGS make too large",
                join([open(), window(1, 0x7fff_0000), setting(4, 0x7fff_ffff)]),
                Connection(FLOW_CONTROL),
            ),
            ("WINDOW_UPDATE on an idle stream", window(5, 1), Connection(PROTOCOL)),
            (
                "the reserved bit of an increment is ignored",
                join([window(0, 0x8000_0001), get(1, "/m/1")]),
                Answer(1, 200),
            ),
            ("a shut window holds DATA back", join([setting(4, 0), get(1, "/m/1")]), Ignored),
            (
                "a window of one byte and then another",
                join([setting(4, 1), get(1, "/m/1"), window(1, 1)]),
                Answer(1, 200),
            ),
            (
                "a window opened by SETTINGS",
                join([setting(4, 0), get(1, "/m/1"), setting(4, 100)]),
                Answer(1, 200),
            ),
        ],
    )
}

fn continuations() -> Vec<Case> {
    let block = get_fields("/m/1", &[(b"x", b"y")]);
    let (first, rest) = block.split_at(20);
    let (second, third) = rest.split_at(1);
    let head = |flags: u8, bytes: &[u8]| frame(kind::HEADERS, flags, 1, bytes);
    let more = |flags: u8, stream: u32, bytes: &[u8]| frame(kind::CONTINUATION, flags, stream, bytes);
    section(
        "RFC 9113 6.10",
        [
            (
                "CONTINUATION of HEADERS",
                join([head(END_STREAM, first), more(END_HEADERS, 1, rest)]),
                Answer(1, 200),
            ),
            (
                "two of them",
                join([head(END_STREAM, first), more(0, 1, second), more(END_HEADERS, 1, third)]),
                Answer(1, 200),
            ),
            (
                "empty ones",
                join([head(END_STREAM, first), more(0, 1, &[]), more(0, 1, rest), more(END_HEADERS, 1, &[])]),
                Answer(1, 200),
            ),
            (
                "all of the block in it",
                join([head(END_STREAM, &[]), more(END_HEADERS, 1, &block)]),
                Answer(1, 200),
            ),
            ("CONTINUATION of nothing", more(END_HEADERS, 1, &block), Connection(PROTOCOL)),
            (
                "CONTINUATION on stream 0",
                join([head(END_STREAM, first), more(END_HEADERS, 0, rest)]),
                Connection(PROTOCOL),
            ),
            (
                "CONTINUATION on another stream",
                join([head(END_STREAM, first), more(END_HEADERS, 3, rest)]),
                Connection(PROTOCOL),
            ),
            (
                "CONTINUATION behind the end of a block",
                join([head(END_STREAM | END_HEADERS, &block), more(END_HEADERS, 1, rest)]),
                Connection(PROTOCOL),
            ),
            (
                "CONTINUATION behind DATA",
                join([open(), data(1, 0, *b"a"), more(END_HEADERS, 1, rest)]),
                Connection(PROTOCOL),
            ),
            ("DATA within a block", join([head(END_STREAM, first), data(1, 0, *b"a")]), Connection(PROTOCOL)),
            (
                "RST_STREAM within a block",
                join([head(END_STREAM, first), frame(kind::RST_STREAM, 0, 1, [0, 0, 0, 8])]),
                Connection(PROTOCOL),
            ),
        ],
    )
}
