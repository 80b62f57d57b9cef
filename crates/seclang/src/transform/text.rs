//! `cmdLine`, white space and comments.

use crate::bytes::is_space;

/// White space and the no-break space of Latin-1.
pub(super) fn is_blank(byte: u8) -> bool {
    is_space(byte) || byte == 0xa0
}

pub(super) fn trim(input: &[u8], left: bool, right: bool) -> &[u8] {
    let mut rest = input;
    while let (true, Some((first, after))) = (left, rest.split_first()) {
        if !is_space(*first) {
            break;
        }
        rest = after;
    }
    while let (true, Some((last, before))) = (right, rest.split_last()) {
        if !is_space(*last) {
            break;
        }
        rest = before;
    }
    rest
}

/// Any run of white space becomes one space.
pub(super) fn compress_whitespace(input: &[u8], out: &mut Vec<u8>) {
    let mut in_run = false;
    for byte in input {
        let blank = is_blank(*byte);
        if !blank {
            out.push(*byte);
        } else if !in_run {
            out.push(b' ');
        }
        in_run = blank;
    }
}

/// What a command interpreter does not see: `\`, `"`, `'` and `^` go, `,` and `;` become spaces, runs of white space
/// become one space, spaces before `/` and `(` go, letters become lower case.
pub(super) fn cmd_line(input: &[u8], out: &mut Vec<u8>) {
    let mut space = false;
    for byte in input {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' => {}
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if !space {
                    out.push(b' ');
                    space = true;
                }
            }
            b'/' | b'(' => {
                if space {
                    out.pop();
                }
                space = false;
                out.push(*byte);
            }
            byte => {
                out.push(byte.to_ascii_lowercase());
                space = false;
            }
        }
    }
}

/// `/* … */` becomes one space; so does one that is never closed.
pub(super) fn replace_comments(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'/', b'*', after @ ..] => {
                out.push(b' ');
                after_comment(after, b"*/")
            }
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}

/// What follows the end of a comment; nothing when it is never closed.
fn after_comment<'a>(rest: &'a [u8], end: &[u8]) -> &'a [u8] {
    let at = crate::bytes::find(rest, end);
    at.and_then(|at| rest.get(at + end.len()..)).unwrap_or_default()
}

/// `/* … */` and `<!-- … -->` go, `--` and `#` take the rest with them.
pub(super) fn remove_comments(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] | [b'#', ..] | [b'-', b'-', ..] => return,
            [b'/', b'*', after @ ..] => after_comment(after, b"*/"),
            [b'<', b'!', b'-', b'-', after @ ..] => after_comment(after, b"-->"),
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}

/// Only the marks of comments go: `/*`, `*/`, `<!--`, `-->`, `--`, `#`.
pub(super) fn remove_comments_char(input: &[u8], out: &mut Vec<u8>) {
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return,
            [b'<', b'!', b'-', b'-', after @ ..] | [b'-', b'-', b'>', after @ ..] => after,
            [b'/', b'*', after @ ..]
            | [b'*', b'/', after @ ..]
            | [b'-', b'-', after @ ..]
            | [b'#', after @ ..] => after,
            [byte, after @ ..] => {
                out.push(*byte);
                after
            }
        };
    }
}
