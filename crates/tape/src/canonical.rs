//! Compact re-serialization, so that what was checked is what is sent.

use crate::cell::{Cell, Tag};
use crate::{Tape, text};

/// How strings are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strings {
    /// With no more escapes than they need.
    Canonical,
    /// With the escapes that they came with.
    AsTheyCame,
}

/// Appends the value at `index`. Iterative: the stack of open containers lives on the heap.
pub(crate) fn write(tape: &Tape, index: u32, strings: Strings, out: &mut Vec<u8>) {
    let mut open: Vec<(u32, u8)> = Vec::new();
    let end = tape.cell(index).end;
    let mut at = index;
    let mut comma = false;
    while at < end {
        let cell = tape.cell(at);
        if comma {
            out.push(b',');
        }
        comma = true;
        match cell.tag {
            Tag::Null => out.extend_from_slice(b"null"),
            Tag::False => out.extend_from_slice(b"false"),
            Tag::True => out.extend_from_slice(b"true"),
            Tag::Number => out.extend_from_slice(tape.text(cell).as_bytes()),
            Tag::String | Tag::Name => write_text(tape, cell, strings, out),
            Tag::Array => open_with(&mut open, &mut comma, out, (cell.end, b']'), b'['),
            Tag::Object => open_with(&mut open, &mut comma, out, (cell.end, b'}'), b'{'),
        }
        if cell.tag == Tag::Name {
            out.push(b':');
            comma = false;
        }
        at += 1;
        while let Some((_, closing)) = open.pop_if(|(container_end, _)| *container_end == at) {
            out.push(closing);
            comma = true;
        }
    }
}

/// Appends a string or a name, in quotes.
pub(crate) fn write_text(tape: &Tape, cell: Cell, strings: Strings, out: &mut Vec<u8>) {
    if cell.escaped && strings == Strings::Canonical {
        text::write(&text::unescape(tape.text(cell), true), out);
    } else {
        out.push(b'"');
        out.extend_from_slice(tape.text(cell).as_bytes());
        out.push(b'"');
    }
}

fn open_with(open: &mut Vec<(u32, u8)>, comma: &mut bool, out: &mut Vec<u8>, close: (u32, u8), first: u8) {
    out.push(first);
    open.push(close);
    *comma = false;
}
