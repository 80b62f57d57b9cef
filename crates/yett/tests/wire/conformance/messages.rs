//! RFC 9113 sections 8.1, 8.3 and 8.5: what makes a request.

use testkit::frames::{block, kind};

use super::Want::{Answer, Malformed};
use super::{Case, join, section};
use crate::two::{END_HEADERS, END_STREAM, Fields, data, frame, get_fields, post};

fn whole(fields: Fields<'_>) -> Vec<u8> {
    frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, block(fields))
}

const METHOD: (&[u8], &[u8]) = (b":method", b"GET");
const SCHEME: (&[u8], &[u8]) = (b":scheme", b"http");
const AUTHORITY: (&[u8], &[u8]) = (b":authority", b"files.test");
const PATH: (&[u8], &[u8]) = (b":path", b"/m/1");

fn trailers(flags: u8, fields: Fields<'_>) -> Vec<u8> {
    frame(kind::HEADERS, END_HEADERS | flags, 1, block(fields))
}

fn with_path(path: &[u8]) -> Vec<u8> {
    whole(&[METHOD, SCHEME, AUTHORITY, (b":path", path)])
}

pub(super) fn all() -> Vec<Case> {
    let open = || post(1, "/m/1", &[]);
    let sized = |length: &[u8]| post(1, "/m/1", &[(b"content-length", length)]);
    [
        section(
            "RFC 9113 8.1",
            [
                (
                    "trailers",
                    join([open(), data(1, 0, *b"a"), trailers(END_STREAM, &[(b"x", b"y")])]),
                    Answer(1, 200),
                ),
                (
                    "trailers without a body",
                    join([open(), trailers(END_STREAM, &[(b"x", b"y")])]),
                    Answer(1, 200),
                ),
                (
                    "trailers that do not end the stream",
                    join([open(), data(1, 0, *b"a"), trailers(0, &[(b"x", b"y")])]),
                    Malformed(1),
                ),
                (
                    "a second head",
                    join([
                        open(),
                        frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, get_fields("/m/2", &[])),
                    ]),
                    Malformed(1),
                ),
                (
                    "pseudo fields in trailers",
                    join([open(), data(1, 0, *b"a"), trailers(END_STREAM, &[PATH])]),
                    Malformed(1),
                ),
                (
                    "DATA behind trailers",
                    join([open(), trailers(END_STREAM, &[(b"x", b"y")]), data(1, END_STREAM, *b"a")]),
                    super::Want::Stream(1, super::code::STREAM_CLOSED),
                ),
            ],
        ),
        section(
            "RFC 9113 8.1.1",
            [
                ("a length that is right", join([sized(b"3"), data(1, END_STREAM, *b"abc")]), Answer(1, 200)),
                (
                    "a length in two pieces",
                    join([sized(b"3"), data(1, 0, *b"ab"), data(1, END_STREAM, *b"c")]),
                    Answer(1, 200),
                ),
                ("more than the length", join([sized(b"3"), data(1, END_STREAM, *b"abcd")]), Malformed(1)),
                ("less than the length", join([sized(b"3"), data(1, END_STREAM, *b"ab")]), Malformed(1)),
                (
                    "more than the length in pieces",
                    join([sized(b"3"), data(1, 0, *b"ab"), data(1, END_STREAM, *b"cd")]),
                    Malformed(1),
                ),
                (
                    "a length and no body",
                    whole(&[METHOD, SCHEME, AUTHORITY, PATH, (b"content-length", b"3")]),
                    Malformed(1),
                ),
                (
                    "a length of nothing",
                    whole(&[METHOD, SCHEME, AUTHORITY, PATH, (b"content-length", b"0")]),
                    Answer(1, 200),
                ),
                (
                    "a length that is no number",
                    join([sized(b"x"), data(1, END_STREAM, *b"abc")]),
                    Malformed(1),
                ),
                ("a length with a sign", join([sized(b"+3"), data(1, END_STREAM, *b"abc")]), Malformed(1)),
                (
                    "two lengths",
                    join([
                        post(1, "/m/1", &[(b"content-length", b"3"), (b"content-length", b"3")]),
                        data(1, END_STREAM, *b"abc"),
                    ]),
                    Malformed(1),
                ),
                ("a list of lengths", join([sized(b"3, 3"), data(1, END_STREAM, *b"abc")]), Malformed(1)),
            ],
        ),
        section(
            "RFC 9113 8.3",
            [
                (
                    "an unknown pseudo field",
                    whole(&[METHOD, SCHEME, AUTHORITY, PATH, (b":x", b"y")]),
                    Malformed(1),
                ),
                (
                    "a pseudo field of answers",
                    whole(&[METHOD, SCHEME, AUTHORITY, PATH, (b":status", b"200")]),
                    Malformed(1),
                ),
                (
                    "a pseudo field behind others",
                    whole(&[METHOD, SCHEME, AUTHORITY, (b"x", b"y"), PATH]),
                    Malformed(1),
                ),
                ("no method", whole(&[SCHEME, AUTHORITY, PATH]), Malformed(1)),
                ("no scheme", whole(&[METHOD, AUTHORITY, PATH]), Malformed(1)),
                ("no path", whole(&[METHOD, SCHEME, AUTHORITY]), Malformed(1)),
                ("no authority", whole(&[METHOD, SCHEME, PATH]), Malformed(1)),
                ("two methods", whole(&[METHOD, METHOD, SCHEME, AUTHORITY, PATH]), Malformed(1)),
                ("two schemes", whole(&[METHOD, SCHEME, SCHEME, AUTHORITY, PATH]), Malformed(1)),
                ("two authorities", whole(&[METHOD, SCHEME, AUTHORITY, AUTHORITY, PATH]), Malformed(1)),
                ("two paths", whole(&[METHOD, SCHEME, AUTHORITY, PATH, PATH]), Malformed(1)),
                ("any order of pseudo fields", whole(&[PATH, AUTHORITY, SCHEME, METHOD]), Answer(1, 200)),
            ],
        ),
        section(
            "RFC 9113 8.3.1",
            [
                (
                    "Host in place of an authority",
                    whole(&[METHOD, SCHEME, PATH, (b"host", b"files.test")]),
                    Answer(1, 200),
                ),
                (
                    "Host and authority alike",
                    whole(&[METHOD, SCHEME, AUTHORITY, PATH, (b"host", b"files.test")]),
                    Answer(1, 200),
                ),
                (
                    "Host against the authority",
                    whole(&[METHOD, SCHEME, AUTHORITY, PATH, (b"host", b"api.test")]),
                    Malformed(1),
                ),
                (
                    "a user in the authority",
                    whole(&[METHOD, SCHEME, (b":authority", b"a@files.test"), PATH]),
                    Malformed(1),
                ),
                ("an empty authority", whole(&[METHOD, SCHEME, (b":authority", b""), PATH]), Malformed(1)),
                ("an empty path", with_path(b""), Malformed(1)),
                ("a path without a slash", with_path(b"m/1"), Malformed(1)),
                ("a star", with_path(b"*"), Malformed(1)),
                ("an absolute form", with_path(b"http://files.test/m/1"), Malformed(1)),
                ("a fragment", with_path(b"/m/1#x"), Malformed(1)),
                ("a space in the path", with_path(b"/m/1 x"), Malformed(1)),
                ("an empty method", whole(&[(b":method", b""), SCHEME, AUTHORITY, PATH]), Malformed(1)),
                (
                    "a method that is no token",
                    whole(&[(b":method", b"G ET"), SCHEME, AUTHORITY, PATH]),
                    Malformed(1),
                ),
                ("an empty scheme", whole(&[METHOD, (b":scheme", b""), AUTHORITY, PATH]), Malformed(1)),
                ("another scheme", whole(&[METHOD, (b":scheme", b"ftp"), AUTHORITY, PATH]), Malformed(1)),
            ],
        ),
        section(
            "RFC 9113 8.5",
            [
                (
                    "CONNECT",
                    whole(&[(b":method", b"CONNECT"), (b":authority", b"files.test:80")]),
                    Malformed(1),
                ),
                (
                    "CONNECT with scheme and path",
                    whole(&[(b":method", b"CONNECT"), SCHEME, AUTHORITY, PATH]),
                    Malformed(1),
                ),
                ("CONNECT without an authority", whole(&[(b":method", b"CONNECT")]), Malformed(1)),
                (
                    "extended CONNECT that was not offered (RFC 8441)",
                    whole(&[(b":method", b"CONNECT"), SCHEME, AUTHORITY, PATH, (b":protocol", b"websocket")]),
                    Malformed(1),
                ),
            ],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
