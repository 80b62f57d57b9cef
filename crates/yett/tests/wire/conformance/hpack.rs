//! RFC 7541: how fields are compressed.

use testkit::frames::{block, kind};

use super::Want::{Answer, Connection, Malformed};
use super::code::{CALM, COMPRESSION};
use super::{Case, join, section};
use crate::two::{END_HEADERS, END_STREAM, frame, get_fields};

/// A head on `stream`: `:method: GET`, `:scheme: http` and `:path: /m/1` and the authority in front of `more`.
fn head(stream: u32, more: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x82, 0x86, 0x04, 4];
    bytes.extend_from_slice(b"/m/1");
    bytes.extend([0x01, 10]);
    bytes.extend_from_slice(b"files.test");
    bytes.extend_from_slice(more);
    frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, bytes)
}

/// Updates of the table's size stand before all fields.
fn resized(stream: u32, updates: &[u8]) -> Vec<u8> {
    let fields = [updates.to_vec(), get_fields("/m/1", &[])].concat();
    frame(kind::HEADERS, END_HEADERS | END_STREAM, stream, fields)
}

fn setting(id: u16, value: u32) -> Vec<u8> {
    frame(kind::SETTINGS, 0, 0, [id.to_be_bytes().as_slice(), &value.to_be_bytes()].concat())
}

pub(super) fn all() -> Vec<Case> {
    let bad = Connection(COMPRESSION);
    [
        section(
            "RFC 7541 2.3.3",
            [
                ("an index behind the static table, of an empty dynamic one", head(1, &[0xbe]), bad),
                ("an index far behind", head(1, &[0xff, 0x80, 0x01]), bad),
                ("the name of an index behind the tables", head(1, &[0x7f, 0x20, 1, b'a']), bad),
                (
                    "an index into the dynamic table",
                    join([head(1, &[0x40, 1, b'x', 1, b'y']), head(3, &[0xbe])]),
                    Answer(3, 200),
                ),
                (
                    "an entry that was evicted",
                    join([head(1, &[0x40, 1, b'x', 1, b'y']), resized(3, &[0x20]), head(5, &[0xbe])]),
                    bad,
                ),
            ],
        ),
        section(
            "RFC 7541 4.2",
            [
                ("a size at the limit", resized(1, &[0x3f, 0xe1, 0x1f]), Answer(1, 200)),
                ("a size above the limit", resized(1, &[0x3f, 0xe2, 0x1f]), bad),
                ("a size behind a field", head(1, &[0x20]), bad),
                ("two sizes", resized(1, &[0x20, 0x3f, 0xe1, 0x1f]), Answer(1, 200)),
                (
                    "our own limit is no matter of the client's SETTINGS",
                    join([setting(1, 0), resized(1, &[0x3f, 0xe1, 0x1f])]),
                    Answer(1, 200),
                ),
            ],
        ),
        section(
            "RFC 7541 4.4",
            [(
                "an entry larger than the table empties it",
                join([
                    head(1, &[0x40, 1, b'x', 1, b'y']),
                    join([resized(3, &[0x3f, 0x02])]),
                    head(5, &[0xbe]),
                ]),
                bad,
            )],
        ),
        section(
            "RFC 7541 5.1",
            [
                ("an integer without its end", head(1, &[0xff, 0x80, 0x80]), bad),
                (
                    "an integer that is too large",
                    head(1, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
                    bad,
                ),
                (
                    "a length that is too large",
                    head(1, &[0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]),
                    bad,
                ),
            ],
        ),
        section(
            "RFC 7541 5.2",
            [
                ("a name in Huffman code", head(1, &[0x00, 0x81, 0xf3, 1, b'y']), Answer(1, 200)),
                ("a value in Huffman code", head(1, &[0x00, 1, b'x', 0x82, 0x64, 0x02]), Answer(1, 200)),
                ("padding longer than 7 bits", head(1, &[0x00, 1, b'x', 0x82, 0x1f, 0xff]), bad),
                ("padding of zeros", head(1, &[0x00, 1, b'x', 0x81, 0x18]), bad),
                (
                    "the end of a string in Huffman code",
                    head(1, &[0x00, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xff]),
                    bad,
                ),
                ("a name longer than the block", head(1, &[0x00, 9, b'x']), bad),
                ("a value longer than the block", head(1, &[0x00, 1, b'x', 9, b'y']), bad),
                (
                    "CR LF in Huffman code",
                    head(1, &[0x00, 1, b'x', 0x88, 0xff, 0xff, 0xff, 0xf7, 0xff, 0xff, 0xff, 0xcf]),
                    Malformed(1),
                ),
            ],
        ),
        section(
            "RFC 7541 6.1",
            [
                ("index 0", head(1, &[0x80]), bad),
                ("an index of the static table", head(1, &[0x90]), Answer(1, 200)),
            ],
        ),
        section(
            "RFC 7541 6.2",
            [
                ("a literal with indexing", head(1, &[0x40, 1, b'x', 1, b'y']), Answer(1, 200)),
                ("a literal without indexing", head(1, &[0x00, 1, b'x', 1, b'y']), Answer(1, 200)),
                ("a literal that is never indexed", head(1, &[0x10, 1, b'x', 1, b'y']), Answer(1, 200)),
                ("a name by its index", head(1, &[0x0f, 0x04, 3, b'*', b'/', b'*']), Answer(1, 200)),
                (
                    "without indexing nothing is kept",
                    join([head(1, &[0x00, 1, b'x', 1, b'y']), head(3, &[0xbe])]),
                    bad,
                ),
                ("a field block that ends in a field", head(1, &[0x40]), bad),
            ],
        ),
        section(
            "RFC 7541 C.3",
            [(
                "fields kept over three requests",
                join([
                    head(1, &[0x58, 8, b'n', b'o', b'-', b'c', b'a', b'c', b'h', b'e']),
                    head(3, &[0xbe]),
                    head(5, &[0xbe, 0x40, 1, b'x', 1, b'y', 0xbe, 0xbf]),
                ]),
                Answer(5, 200),
            )],
        ),
        section(
            "RFC 9113 10.5.1",
            [
                (
                    "a block far over the bound",
                    join([
                        frame(kind::HEADERS, END_STREAM, 1, get_fields("/m/1", &[])),
                        (0..40)
                            .flat_map(|_| frame(kind::CONTINUATION, 0, 1, block(&[(b"x", &[b'a'; 16_000])])))
                            .collect(),
                    ]),
                    Connection(CALM),
                ),
                (
                    "an entry named a thousand times",
                    head(
                        1,
                        &[[0x40, 1, b'x', 0x7f, 0xa1, 0x1e].as_slice(), &[b'a'; 4_000], &[0xbe; 1_000]]
                            .concat(),
                    ),
                    Connection(CALM),
                ),
            ],
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
