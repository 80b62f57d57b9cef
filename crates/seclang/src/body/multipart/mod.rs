//! `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), with the flags by which rules refuse what is not strict.
//!
//! What two parsers could read differently is an error of the body or a flag (reference manual, `MULTIPART_STRICT_ERROR`), and
//! reading goes on behind it where it can, so that rules see what a laxer parser would.

mod boundary;
mod part;

use super::Pairs;
use crate::bytes::{find, is_space};

/// What was read and what was odd about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Multipart {
    /// Fields without a file name.
    pub(crate) fields: Pairs,
    pub(crate) files: Vec<File>,
    /// Name of the part, header line.
    pub(crate) headers: Pairs,
    pub(crate) flags: Flags,
    /// The first thing that is no multipart body.
    pub(crate) error: Option<&'static str>,
}

/// An uploaded file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) name: Vec<u8>,
    pub(crate) file_name: Vec<u8>,
    pub(crate) content: Vec<u8>,
}

/// The `MULTIPART_…` variables.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) boundary_quoted: bool,
    pub(crate) boundary_whitespace: bool,
    pub(crate) data_before: bool,
    pub(crate) data_after: bool,
    pub(crate) header_folding: bool,
    /// A boundary or a header of a part ends with a line feed alone; what is inside of parts may.
    pub(crate) lf_line: bool,
    pub(crate) missing_semicolon: bool,
    pub(crate) invalid_quoting: bool,
    pub(crate) invalid_header_folding: bool,
    pub(crate) invalid_part: bool,
    pub(crate) file_limit_exceeded: bool,
    pub(crate) unmatched_boundary: Unmatched,
}

/// `MULTIPART_UNMATCHED_BOUNDARY`: a line that looks like a boundary and is none.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmatched {
    #[default]
    No,
    /// None of the body's own follows it: 1.
    Last,
    /// The body goes on with its own, so that it is content: 2.
    Inside,
}

impl Unmatched {
    /// As rules see it.
    pub(crate) fn value(self) -> &'static [u8] {
        match self {
            Unmatched::No => b"0",
            Unmatched::Last => b"1",
            Unmatched::Inside => b"2",
        }
    }
}

impl Multipart {
    /// `MULTIPART_STRICT_ERROR`.
    pub(crate) fn strict_error(&self) -> bool {
        let flags = self.flags;
        self.error.is_some()
            || flags.boundary_quoted
            || flags.boundary_whitespace
            || flags.data_before
            || flags.data_after
            || flags.header_folding
            || flags.lf_line
            || flags.missing_semicolon
            || flags.invalid_quoting
            || flags.invalid_header_folding
            || flags.invalid_part
            || flags.file_limit_exceeded
    }

    fn fail(&mut self, why: &'static str) {
        self.error.get_or_insert(why);
    }
}

/// Parts of a body at most.
const MAX_PARTS: usize = 1000;

/// Reads a body whose `Content-Type` is given.
pub(crate) fn read(content_type: &[u8], body: &[u8]) -> Multipart {
    let mut found = Multipart::default();
    match boundary::of(content_type, &mut found.flags) {
        Ok(boundary) => found.body(&boundary, body),
        Err(why) => found.fail(why),
    }
    found
}

/// What a line is to a body.
enum Line {
    Boundary {
        last: bool,
    },
    /// Begins as a boundary and is none.
    Broken,
    /// Somebody might take it for a boundary.
    Lookalike,
    Plain,
}

impl Multipart {
    fn body(&mut self, boundary: &[u8], body: &[u8]) {
        let mut part: Option<usize> = None;
        let (mut closed, mut at, mut parts) = (false, 0, 0);
        while at < body.len() && !closed {
            let (line, next) = line_at(body, at);
            match kind(line, boundary) {
                Line::Boundary { last } => {
                    self.note_ending(body.get(at..next).unwrap_or_default());
                    if let Some(start) = part.take() {
                        parts += 1;
                        self.part(body.get(start..at).unwrap_or_default());
                    }
                    if parts > 0 && self.flags.unmatched_boundary == Unmatched::Last {
                        self.flags.unmatched_boundary = Unmatched::Inside;
                    }
                    closed = last;
                    part = (!last).then_some(next);
                }
                kind => {
                    self.flags.data_before |= part.is_none();
                    match kind {
                        Line::Broken => self.fail("Multipart: Invalid boundary."),
                        Line::Lookalike => self.flags.unmatched_boundary = Unmatched::Last,
                        Line::Plain | Line::Boundary { .. } => {}
                    }
                }
            }
            if parts > MAX_PARTS {
                self.flags.file_limit_exceeded = true;
                return;
            }
            at = next;
        }
        if let Some(start) = part {
            self.part(body.get(start..).unwrap_or_default());
        }
        if closed {
            self.flags.data_after = at < body.len();
        } else {
            self.fail("Multipart: Final boundary missing.");
        }
    }

    /// Of a line that means something to the parser.
    fn note_ending(&mut self, line: &[u8]) {
        self.flags.lf_line |= line.ends_with(b"\n") && !line.ends_with(b"\r\n");
    }
}

fn kind(line: &[u8], boundary: &[u8]) -> Line {
    let Some(after) = line.strip_prefix(b"--") else {
        let inside = find(line, boundary).and_then(|at| line.get(..at));
        return if inside.is_some_and(|before| before.ends_with(b"--")) {
            Line::Lookalike
        } else {
            Line::Plain
        };
    };
    if let Some(end) = after.strip_prefix(boundary) {
        return match end {
            b"" => Line::Boundary { last: false },
            b"--" => Line::Boundary { last: true },
            _ => Line::Broken,
        };
    }
    let unquoted = after.strip_prefix(b"\"").unwrap_or(after);
    let trimmed = unquoted.iter().position(|byte| !is_space(*byte)).and_then(|at| unquoted.get(at..));
    match trimmed {
        Some(trimmed) if trimmed.starts_with(boundary) => Line::Broken,
        _ if after.len() > 1 => Line::Lookalike,
        _ => Line::Plain,
    }
}

/// The line that begins at `at`, without its end, and where the next one begins.
fn line_at(body: &[u8], at: usize) -> (&[u8], usize) {
    let rest = body.get(at..).unwrap_or_default();
    let length = memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
    let line = rest.get(..length).unwrap_or_default();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    (line.strip_suffix(b"\r").unwrap_or(line), at + length)
}

#[cfg(test)]
mod tests;
