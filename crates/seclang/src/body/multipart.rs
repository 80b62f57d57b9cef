//! `multipart/form-data` (RFC 7578, RFC 2046 section 5.1), with the flags by which rules refuse what is not strict.

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
    /// What could not be read at all.
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
    pub(crate) lf_line: bool,
    pub(crate) crlf_line: bool,
    pub(crate) missing_semicolon: bool,
    pub(crate) invalid_quoting: bool,
    pub(crate) invalid_header_folding: bool,
    pub(crate) invalid_part: bool,
    pub(crate) file_limit_exceeded: bool,
    pub(crate) unmatched_boundary: bool,
}

impl Flags {
    /// `MULTIPART_STRICT_ERROR`.
    pub(crate) fn strict_error(self) -> bool {
        self.boundary_quoted
            || self.boundary_whitespace
            || self.data_before
            || self.data_after
            || self.header_folding
            || (self.lf_line && self.crlf_line)
            || self.missing_semicolon
            || self.invalid_quoting
            || self.invalid_header_folding
            || self.invalid_part
            || self.file_limit_exceeded
    }
}

/// Parts of a body at most.
const MAX_PARTS: usize = 1000;

/// Reads a body whose `Content-Type` is given.
pub(crate) fn read(content_type: &[u8], body: &[u8]) -> Multipart {
    let mut found = Multipart::default();
    let Some(boundary) = boundary(content_type, &mut found.flags) else {
        found.error = Some("Multipart: Invalid boundary in C-T");
        return found;
    };
    let mut delimiter = b"--".to_vec();
    delimiter.extend_from_slice(&boundary);
    let mut part: Option<(usize, usize)> = None;
    let (mut closed, mut at, mut parts) = (false, 0, 0);
    while at < body.len() {
        let (line, next) = line_at(body, at);
        found.flags.note_ending(body.get(at..next).unwrap_or_default());
        match line.strip_prefix(delimiter.as_slice()) {
            Some(rest) if is_delimiter(rest) && !closed => {
                if let Some((start, _)) = part {
                    parts += 1;
                    found.part(body.get(start..at).unwrap_or_default());
                }
                closed = rest.starts_with(b"--");
                found.flags.boundary_whitespace |= rest.last().is_some_and(|byte| is_space(*byte));
                part = (!closed).then_some((next, next));
            }
            _ if closed => found.flags.data_after |= !line.is_empty(),
            _ if part.is_none() => {
                found.flags.data_before |= !line.is_empty();
                found.flags.unmatched_boundary |= line.starts_with(b"--");
            }
            _ => found.flags.unmatched_boundary |= looks_like_boundary(line, &boundary),
        }
        if parts > MAX_PARTS {
            found.flags.file_limit_exceeded = true;
            break;
        }
        at = next;
    }
    if let (Some((start, _)), false) = (part, closed) {
        found.part(body.get(start..).unwrap_or_default());
    }
    if !closed {
        found.error = found.error.or(Some("Multipart: Final boundary missing."));
    }
    found
}

/// The line that begins at `at`, without its end, and where the next one begins.
fn line_at(body: &[u8], at: usize) -> (&[u8], usize) {
    let rest = body.get(at..).unwrap_or_default();
    let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
    let line = rest.get(..length).unwrap_or_default();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    (line.strip_suffix(b"\r").unwrap_or(line), at + length)
}

fn is_delimiter(rest: &[u8]) -> bool {
    let rest = rest.strip_prefix(b"--").unwrap_or(rest);
    rest.iter().all(|byte| is_space(*byte))
}

/// A line that another parser might take for the boundary.
fn looks_like_boundary(line: &[u8], boundary: &[u8]) -> bool {
    line.starts_with(b"--") && line.len() > 2 && find(line, boundary).is_some()
}

impl Flags {
    fn note_ending(&mut self, line: &[u8]) {
        if line.ends_with(b"\r\n") {
            self.crlf_line = true;
        } else if line.ends_with(b"\n") {
            self.lf_line = true;
        }
    }
}

/// Where the parameter `boundary` begins.
fn boundary_name(text: &[u8]) -> Option<usize> {
    let lower = text.to_ascii_lowercase();
    let is_name = |at: &usize| {
        let after = lower.get(at + 8..).unwrap_or_default().trim_ascii_start();
        after.starts_with(b"=")
    };
    lower.windows(8).enumerate().filter(|(_, window)| window == b"boundary").map(|(at, _)| at).find(is_name)
}

/// The boundary of a `Content-Type`.
fn boundary(content_type: &[u8], flags: &mut Flags) -> Option<Vec<u8>> {
    let at = boundary_name(content_type)?;
    let before = content_type.get(..at)?;
    let before = before.trim_ascii_end();
    flags.missing_semicolon |= !before.ends_with(b";") && !before.ends_with(b",");
    let after = content_type.get(at + 8..)?;
    let equals = after.iter().position(|byte| *byte == b'=')?;
    flags.boundary_whitespace |= equals > 0 || after.get(equals + 1).is_some_and(|byte| is_space(*byte));
    let value = after.get(equals + 1..)?.trim_ascii_start();
    let (value, rest) = match value.strip_prefix(b"\"") {
        Some(quoted) => {
            flags.boundary_quoted = true;
            let end = quoted.iter().position(|byte| *byte == b'"')?;
            (quoted.get(..end)?, quoted.get(end..)?)
        }
        None => {
            let end = value.iter().position(|byte| matches!(byte, b';' | b',')).unwrap_or(value.len());
            (value.get(..end)?.trim_ascii_end(), value.get(end..)?)
        }
    };
    // Two of them are two bodies.
    if boundary_name(rest).is_some() {
        return None;
    }
    let valid = !value.is_empty()
        && value.len() <= 200
        && value.iter().all(|byte| {
            byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte) || *byte > 32 && *byte < 127
        });
    valid.then(|| value.to_vec())
}

impl Multipart {
    /// One part: headers, an empty line, content without the line end before the next boundary.
    fn part(&mut self, part: &[u8]) {
        let mut headers: Vec<Vec<u8>> = Vec::new();
        let mut at = 0;
        let mut ended = false;
        while at < part.len() {
            let (line, next) = line_at(part, at);
            at = next;
            if line.is_empty() {
                ended = true;
                break;
            }
            if line.first().is_some_and(|byte| is_space(*byte)) {
                self.fold(&mut headers, line);
            } else {
                headers.push(line.to_vec());
            }
        }
        if !ended {
            self.flags.invalid_part = true;
        }
        let content = part.get(at..).unwrap_or_default();
        let content = content
            .strip_suffix(b"\n")
            .map_or(content, |content| content.strip_suffix(b"\r").unwrap_or(content));
        self.with_headers(&headers, content);
    }

    fn fold(&mut self, headers: &mut [Vec<u8>], line: &[u8]) {
        match headers.last_mut() {
            Some(header) => {
                self.flags.header_folding = true;
                header.push(b' ');
                header.extend_from_slice(line.trim_ascii_start());
            }
            None => self.flags.invalid_header_folding = true,
        }
    }

    fn with_headers(&mut self, headers: &[Vec<u8>], content: &[u8]) {
        let (mut name, mut file_name) = (None, None);
        let mut disposed = false;
        for header in headers {
            let Some(colon) = header.iter().position(|byte| *byte == b':') else {
                self.flags.invalid_part = true;
                continue;
            };
            if header
                .get(..colon)
                .is_some_and(|field| field.trim_ascii().eq_ignore_ascii_case(b"content-disposition"))
            {
                disposed = true;
                let (found_name, found_file) = self.disposition(header.get(colon + 1..).unwrap_or_default());
                name = name.or(found_name);
                file_name = file_name.or(found_file);
            }
        }
        if !disposed || name.is_none() {
            self.flags.invalid_part = true;
        }
        let name = name.unwrap_or_default();
        for header in headers {
            self.headers.push((name.clone(), header.clone()));
        }
        match file_name {
            Some(file_name) => self.files.push(File { name, file_name, content: content.to_vec() }),
            None => self.fields.push((name, content.to_vec())),
        }
    }

    /// `form-data; name="…"; filename="…"`.
    fn disposition(&mut self, value: &[u8]) -> (Option<Vec<u8>>, Option<Vec<u8>>) {
        let value = value.trim_ascii();
        let mut rest = match value.iter().position(|byte| *byte == b';') {
            Some(at) => value.get(at..).unwrap_or_default(),
            None => b"",
        };
        if !value.get(..9).is_some_and(|kind| kind.eq_ignore_ascii_case(b"form-data")) {
            self.flags.invalid_part = true;
        }
        let (mut name, mut file_name) = (None, None);
        while let Some(after) = rest.strip_prefix(b";") {
            let after = after.trim_ascii_start();
            let Some(equals) = after.iter().position(|byte| *byte == b'=') else {
                self.flags.invalid_part |= !after.is_empty();
                break;
            };
            let key = after.get(..equals).unwrap_or_default().trim_ascii().to_ascii_lowercase();
            let (parameter, tail) = self.parameter(after.get(equals + 1..).unwrap_or_default());
            let slot = match key.as_slice() {
                b"name" => &mut name,
                b"filename" | b"filename*" => &mut file_name,
                _ => {
                    rest = tail;
                    continue;
                }
            };
            self.flags.invalid_part |= slot.is_some() && key != b"filename*";
            // The extended form goes before the plain one, as browsers and servers read it (RFC 6266, section 4.3).
            if slot.is_none() || key == b"filename*" {
                *slot = Some(parameter);
            }
            rest = tail;
        }
        self.flags.invalid_part |= !rest.is_empty() && !rest.starts_with(b";");
        (name, file_name)
    }

    /// A token or quoted string, and what follows it from the next `;` on.
    fn parameter<'a>(&mut self, text: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
        let text = text.trim_ascii_start();
        let quote = text.first().copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let Some(quote) = quote else {
            let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
            return (
                text.get(..end).unwrap_or_default().trim_ascii_end().to_vec(),
                text.get(end..).unwrap_or_default(),
            );
        };
        self.flags.invalid_quoting |= quote == b'\'';
        let mut out = Vec::new();
        let mut rest = text.get(1..).unwrap_or_default();
        loop {
            rest = match rest {
                [] => {
                    self.flags.invalid_quoting = true;
                    return (out, rest);
                }
                [b'\\', byte @ (b'"' | b'\\' | b'\''), after @ ..] => {
                    out.push(*byte);
                    after
                }
                [byte, after @ ..] if *byte == quote => {
                    let after = after.trim_ascii_start();
                    self.flags.invalid_quoting |= !after.is_empty() && !after.starts_with(b";");
                    let next = after.iter().position(|byte| *byte == b';').unwrap_or(after.len());
                    return (out, after.get(next..).unwrap_or_default());
                }
                [byte, after @ ..] => {
                    out.push(*byte);
                    after
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content_type: &str, body: &str) -> Multipart {
        read(content_type.as_bytes(), body.replace('\n', "\r\n").as_bytes())
    }

    const TYPE: &str = "multipart/form-data; boundary=b";

    #[test]
    fn fields_files_and_headers_are_read() {
        let found = parse(
            TYPE,
            "--b\nContent-Disposition: form-data; name=\"a\"\n\n1\n2\n--b\nContent-Disposition: form-data; name=f; filename=\"x\\\".php\"\nContent-Type: text/plain\n\ndata\n--b--\n",
        );
        assert_eq!(found.fields, [(b"a".to_vec(), b"1\r\n2".to_vec())]);
        assert_eq!(
            found.files,
            [File { name: b"f".to_vec(), file_name: b"x\".php".to_vec(), content: b"data".to_vec() }]
        );
        assert_eq!(found.headers.len(), 3);
        assert_eq!(found.headers[2], (b"f".to_vec(), b"Content-Type: text/plain".to_vec()));
        assert!(!found.flags.strict_error() && found.error.is_none());
    }

    #[test]
    fn what_is_not_strict_is_flagged() {
        let part = "Content-Disposition: form-data; name=\"a\"\n\n1\n";
        let ok = format!("--b\n{part}--b--\n");
        assert!(parse("multipart/form-data; boundary=\"b\"", &ok).flags.boundary_quoted);
        assert!(parse("multipart/form-data boundary=b", &ok).flags.missing_semicolon);
        assert!(parse("multipart/form-data; boundary =b", &ok).flags.boundary_whitespace);
        assert!(parse(TYPE, &format!("x\n{ok}")).flags.data_before);
        assert!(parse(TYPE, &format!("{ok}x\n")).flags.data_after);
        assert!(parse(TYPE, &ok.replace("; name", ";\n name")).flags.header_folding);
        assert!(parse(TYPE, &ok.replace('"', "'")).flags.invalid_quoting);
        assert!(parse(TYPE, &ok.replace("name", "nome")).flags.invalid_part);
        assert!(parse(TYPE, &ok.replace("1\n", "--bx\n")).flags.unmatched_boundary);
        assert!(parse(TYPE, "--b\n").error.is_some() && parse("multipart/form-data", &ok).error.is_some());
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(kind in "\\PC{0,40}", body in "(--b|\\r\\n|[a-z:;=\"' -]){0,30}") {
            let _ = read(format!("multipart/form-data; boundary=b{kind}").as_bytes(), body.as_bytes());
            let _ = read(TYPE.as_bytes(), body.as_bytes());
        }
    }
}
