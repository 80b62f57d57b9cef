//! RFC 9113 section 5: what a stream may get in which state.

use testkit::frames::kind;

use super::Want::{Answer, Connection, Stream};
use super::code::{PROTOCOL, REFUSED, STREAM_CLOSED};
use super::{Case, join, section};
use crate::two::{END_HEADERS, END_STREAM, data, frame, get, get_fields, post};

fn reset(stream: u32) -> Vec<u8> {
    frame(kind::RST_STREAM, 0, stream, [0, 0, 0, 8])
}

fn open() -> Vec<u8> {
    post(1, "/m/1", &[])
}

/// One stream more than may be open at a time.
fn crowd() -> Vec<u8> {
    (0..=engine::bounds::STREAMS).flat_map(|number| post(number * 2 + 1, "/m/1", &[])).collect()
}

pub(super) fn all() -> Vec<Case> {
    let trailers =
        || frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, testkit::frames::block(&[(b"x", b"y")]));
    [
        section(
            "RFC 9113 5.1",
            [
                ("idle: DATA", data(1, END_STREAM, *b"a"), Connection(PROTOCOL)),
                ("idle: RST_STREAM", reset(1), Connection(PROTOCOL)),
                ("idle: WINDOW_UPDATE", frame(kind::WINDOW_UPDATE, 0, 1, [0, 0, 0, 1]), Connection(PROTOCOL)),
                (
                    "idle: CONTINUATION",
                    frame(kind::CONTINUATION, END_HEADERS, 1, get_fields("/m/1", &[])),
                    Connection(PROTOCOL),
                ),
                (
                    "half-closed: DATA",
                    join([get(1, "/m/1"), data(1, END_STREAM, *b"a")]),
                    Stream(1, STREAM_CLOSED),
                ),
                ("half-closed: HEADERS", join([get(1, "/m/1"), get(1, "/m/1")]), Stream(1, STREAM_CLOSED)),
                ("half-closed: trailers", join([get(1, "/m/1"), trailers()]), Stream(1, STREAM_CLOSED)),
                (
                    "half-closed: WINDOW_UPDATE is taken",
                    join([get(1, "/m/1"), frame(kind::WINDOW_UPDATE, 0, 1, [0, 0, 0, 1])]),
                    Answer(1, 200),
                ),
                (
                    "half-closed: PRIORITY is taken",
                    join([get(1, "/m/1"), frame(kind::PRIORITY, 0, 1, [0, 0, 0, 3, 7])]),
                    Answer(1, 200),
                ),
                (
                    "closed by RST_STREAM: DATA",
                    join([open(), reset(1), data(1, END_STREAM, *b"a")]),
                    Stream(1, STREAM_CLOSED),
                ),
                (
                    "closed by RST_STREAM: HEADERS",
                    join([open(), reset(1), get(1, "/m/1")]),
                    Stream(1, STREAM_CLOSED),
                ),
                (
                    "closed by RST_STREAM: CONTINUATION",
                    join([open(), reset(1), frame(kind::CONTINUATION, END_HEADERS, 1, [])]),
                    Connection(PROTOCOL),
                ),
                (
                    "closed: PRIORITY is taken",
                    join([open(), reset(1), frame(kind::PRIORITY, 0, 1, [0, 0, 0, 3, 7]), get(3, "/m/3")]),
                    Answer(3, 200),
                ),
                (
                    "closed: WINDOW_UPDATE is taken",
                    join([open(), reset(1), frame(kind::WINDOW_UPDATE, 0, 1, [0, 0, 0, 1]), get(3, "/m/3")]),
                    Answer(3, 200),
                ),
                (
                    "open: DATA in pieces",
                    join([open(), data(1, 0, *b"a"), data(1, 0, *b"b"), data(1, END_STREAM, *b"c")]),
                    Answer(1, 200),
                ),
            ],
        ),
        section(
            "RFC 9113 5.1.1",
            [
                ("an even number", get(2, "/m/2"), Connection(PROTOCOL)),
                (
                    "a number lower than the last",
                    join([get(5, "/m/5"), get(3, "/m/3")]),
                    Connection(PROTOCOL),
                ),
                (
                    "a number much higher than the last",
                    join([get(1, "/m/1"), get(0x7fff_fff1, "/m/2")]),
                    Answer(0x7fff_fff1, 200),
                ),
                ("the highest number", get(0x7fff_ffff, "/m/1"), Answer(0x7fff_ffff, 200)),
                (
                    "numbers between are closed",
                    join([get(5, "/m/5"), data(3, END_STREAM, *b"a")]),
                    Stream(3, STREAM_CLOSED),
                ),
            ],
        ),
        section(
            "RFC 9113 5.1.2",
            [("more streams than may be open", crowd(), Stream(engine::bounds::STREAMS * 2 + 1, REFUSED))],
        ),
        section(
            "RFC 9113 5.4",
            [
                (
                    "a stream that fails leaves others",
                    join([
                        post(1, "/m/1", &[]),
                        get(3, "/m/3"),
                        frame(kind::WINDOW_UPDATE, 0, 1, [0x7f, 0xff, 0xff, 0xff]),
                        get(5, "/m/5"),
                    ]),
                    Answer(3, 200),
                ),
                (
                    "several streams at once",
                    join([get(1, "/m/1"), get(3, "/m/3"), get(5, "/m/5"), get(7, "/m/7")]),
                    Answer(5, 200),
                ),
            ],
        ),
        section(
            "RFC 9113 5.5",
            [
                (
                    "an extension frame within a field block",
                    join([
                        frame(kind::HEADERS, END_STREAM, 1, get_fields("/m/1", &[])),
                        frame(0xbe, 0, 1, [0; 4]),
                    ]),
                    Connection(PROTOCOL),
                ),
                (
                    "extension frames between others",
                    join([
                        frame(0xfe, 0, 0, []),
                        open(),
                        frame(0x0c, 0, 1, [1; 9]),
                        data(1, END_STREAM, *b"a"),
                    ]),
                    Answer(1, 200),
                ),
                (
                    "PRIORITY_UPDATE (RFC 9218)",
                    join([frame(0x10, 0, 0, [0, 0, 0, 1, b'u', b'=', b'1']), get(1, "/m/1")]),
                    Answer(1, 200),
                ),
            ],
        ),
        section(
            "RFC 9113 7",
            [(
                "a GOAWAY with a code that nobody knows lets calls end",
                join([get(1, "/m/1"), frame(kind::GOAWAY, 0, 0, [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff])]),
                Answer(1, 200),
            )],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
