//! RFC 9113 section 8.2: what a field may be.

use testkit::frames::kind;

use super::Want::{Answer, Malformed};
use super::{Case, section};
use crate::two::{END_HEADERS, END_STREAM, frame, get_fields};

fn with(name: &[u8], value: &[u8]) -> Vec<u8> {
    frame(kind::HEADERS, END_HEADERS | END_STREAM, 1, get_fields("/m/1", &[(name, value)]))
}

pub(super) fn all() -> Vec<Case> {
    [
        section(
            "RFC 9113 8.2.1",
            [
                ("upper case in a name", with(b"X-a", b"b"), Malformed(1)),
                ("a space in a name", with(b"x a", b"b"), Malformed(1)),
                ("a colon in a name", with(b"x:a", b"b"), Malformed(1)),
                ("a control character in a name", with(b"x\x01a", b"b"), Malformed(1)),
                ("DEL in a name", with(b"x\x7fa", b"b"), Malformed(1)),
                ("obs-text in a name", with(b"x\xe9a", b"b"), Malformed(1)),
                ("an empty name", with(b"", b"b"), Malformed(1)),
                ("NUL in a value", with(b"x", b"a\0b"), Malformed(1)),
                ("LF in a value", with(b"x", b"a\nb"), Malformed(1)),
                ("CR in a value", with(b"x", b"a\rb"), Malformed(1)),
                ("a control character in a value", with(b"x", b"a\x01b"), Malformed(1)),
                ("a space before a value", with(b"x", b" a"), Malformed(1)),
                ("a space behind a value", with(b"x", b"a "), Malformed(1)),
                ("a tab before a value", with(b"x", b"\ta"), Malformed(1)),
                ("a tab behind a value", with(b"x", b"a\t"), Malformed(1)),
                ("a value that is a space", with(b"x", b" "), Malformed(1)),
                ("an empty value", with(b"x", b""), Answer(1, 200)),
                ("obs-text in a value", with(b"x", b"a\xe9b"), Answer(1, 200)),
                ("a tab within a value", with(b"x", b"a\tb"), Answer(1, 200)),
            ],
        ),
        section(
            "RFC 9113 8.2.2",
            [
                ("connection", with(b"connection", b"keep-alive"), Malformed(1)),
                ("keep-alive", with(b"keep-alive", b"5"), Malformed(1)),
                ("proxy-connection", with(b"proxy-connection", b"close"), Malformed(1)),
                ("transfer-encoding", with(b"transfer-encoding", b"chunked"), Malformed(1)),
                ("upgrade", with(b"upgrade", b"h2c"), Malformed(1)),
                ("te with more than trailers", with(b"te", b"trailers, gzip"), Malformed(1)),
                ("te: gzip", with(b"te", b"gzip"), Malformed(1)),
                ("te: trailers", with(b"te", b"trailers"), Answer(1, 200)),
            ],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
