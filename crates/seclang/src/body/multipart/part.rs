//! One part: its headers and what they say of it (RFC 7578, section 4.2; RFC 2183).

use super::{File, Multipart, line_at};
use crate::bytes::is_space;

/// `name` and `filename` of a part, as far as they are there.
#[derive(Default)]
struct Names {
    name: Option<Vec<u8>>,
    file_name: Option<Vec<u8>>,
}

impl Multipart {
    /// One part: headers, an empty line, content without the line end before the next boundary.
    pub(super) fn part(&mut self, part: &[u8]) {
        let mut headers: Vec<Vec<u8>> = Vec::new();
        let (mut at, mut ended) = (0, false);
        while at < part.len() && !ended {
            let (line, next) = line_at(part, at);
            self.note_ending(part.get(at..next).unwrap_or_default());
            at = next;
            ended = line.is_empty();
            if ended {
                continue;
            }
            if line.contains(&0) {
                self.fail("Multipart: Nul byte in part headers.");
            }
            if line.first().is_some_and(|byte| is_space(*byte)) {
                self.fold(&mut headers, line);
            } else {
                headers.push(line.to_vec());
            }
        }
        if !ended {
            self.flags.invalid_part = true;
            self.fail("Multipart: The headers of a part do not end.");
        }
        let content = part.get(at..).unwrap_or_default();
        let content = content
            .strip_suffix(b"\n")
            .map_or(content, |content| content.strip_suffix(b"\r").unwrap_or(content));
        self.with_headers(&headers, content);
    }

    fn fold(&mut self, headers: &mut [Vec<u8>], line: &[u8]) {
        let folding = line.iter().take_while(|byte| is_space(**byte));
        self.flags.invalid_header_folding |= folding.clone().any(|byte| !matches!(byte, b' ' | b'\t'));
        self.flags.header_folding = true;
        match headers.last_mut() {
            Some(header) => {
                header.push(b' ');
                header.extend_from_slice(line.get(folding.count()..).unwrap_or_default());
            }
            None => {
                self.flags.invalid_header_folding = true;
                self.fail("Multipart: Invalid part header (folding error).");
            }
        }
    }

    fn with_headers(&mut self, headers: &[Vec<u8>], content: &[u8]) {
        let mut names: Option<Names> = None;
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for header in headers {
            let colon = header.iter().position(|byte| *byte == b':').filter(|colon| *colon > 0);
            let Some(colon) = colon else {
                self.fail("Multipart: Invalid part header (colon missing).");
                continue;
            };
            let (field, value) = header.split_at(colon);
            let field = field.to_ascii_lowercase();
            if seen.contains(&field) {
                self.fail("Multipart: Duplicate part header.");
            }
            if names.is_none() && field.trim_ascii() == b"content-disposition" {
                names = Some(self.disposition(value.get(1..).unwrap_or_default()));
            }
            seen.push(field);
        }
        if names.is_none() {
            self.fail("Multipart: Part missing Content-Disposition header.");
        }
        let Names { name, file_name } = names.unwrap_or_default();
        let name = name.unwrap_or_default();
        if name.is_empty() {
            self.flags.invalid_part = true;
            self.fail("Multipart: Content-Disposition header missing name field.");
        }
        for header in headers {
            self.headers.push((name.clone(), header.clone()));
        }
        // An empty file name is none: what stands in the part is looked at.
        match file_name.filter(|file_name| !file_name.is_empty()) {
            Some(file_name) => self.files.push(File { name, file_name, content: content.to_vec() }),
            None => self.fields.push((name, content.to_vec())),
        }
    }

    /// `form-data; name="…"; filename="…"`.
    fn disposition(&mut self, value: &[u8]) -> Names {
        let mut names = Names::default();
        let value = value.trim_ascii();
        let (kind, mut rest) = value.split_at(memchr::memchr(b';', value).unwrap_or(value.len()));
        if !kind.trim_ascii().eq_ignore_ascii_case(b"form-data") {
            self.flags.invalid_part = true;
            self.fail("Multipart: Invalid Content-Disposition header.");
        }
        while let Some(after) = rest.strip_prefix(b";") {
            let after = after.trim_ascii_start();
            let Some(equals) = memchr::memchr(b'=', after) else {
                if !after.is_empty() {
                    self.fail("Multipart: Invalid Content-Disposition header.");
                }
                break;
            };
            let key = after.get(..equals).unwrap_or_default().trim_ascii().to_ascii_lowercase();
            let (parameter, tail) = self.parameter(after.get(equals + 1..).unwrap_or_default());
            rest = tail;
            let slot = match key.as_slice() {
                b"name" => &mut names.name,
                b"filename" => &mut names.file_name,
                // The extended form must not be used (RFC 7578, section 4.2), since who reads it takes it for the plain one.
                b"filename*" => {
                    names.file_name = None;
                    self.fail("Multipart: Invalid Content-Disposition header (filename*).");
                    &mut names.file_name
                }
                _ => {
                    self.fail("Multipart: Invalid Content-Disposition header (parameter).");
                    continue;
                }
            };
            if slot.is_some() {
                self.flags.invalid_part = true;
                self.fail("Multipart: Duplicate Content-Disposition parameter.");
            }
            slot.get_or_insert(parameter);
        }
        names
    }

    /// A token or quoted string, and what follows it from the next `;` on.
    fn parameter<'a>(&mut self, text: &'a [u8]) -> (Vec<u8>, &'a [u8]) {
        let text = text.trim_ascii_start();
        let quote = text.first().copied().filter(|byte| matches!(byte, b'"' | b'\''));
        let Some(quote) = quote else {
            let (value, rest) = text.split_at(memchr::memchr(b';', text).unwrap_or(text.len()));
            let value = value.trim_ascii_end();
            if value.is_empty() || !value.iter().all(is_token) {
                self.fail("Multipart: Invalid Content-Disposition header (token).");
            }
            return (value.to_vec(), rest);
        };
        self.flags.invalid_quoting |= quote == b'\'';
        let mut out = Vec::new();
        let mut rest = text.get(1..).unwrap_or_default();
        loop {
            rest = match rest {
                [] => {
                    self.flags.invalid_quoting = true;
                    self.fail("Multipart: Invalid Content-Disposition header (quote).");
                    return (out, rest);
                }
                [b'\\', byte @ (b'"' | b'\\' | b'\''), after @ ..] if *byte == quote || *byte == b'\\' => {
                    out.push(*byte);
                    after
                }
                [byte, after @ ..] if *byte == quote => {
                    let after = after.trim_ascii_start();
                    if !after.is_empty() && !after.starts_with(b";") {
                        self.flags.invalid_quoting = true;
                        self.fail("Multipart: Invalid Content-Disposition header (quote).");
                    }
                    let next = memchr::memchr(b';', after).unwrap_or(after.len());
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

/// As RFC 9110, section 5.6.2, and bytes beyond ASCII, which browsers send as they are.
fn is_token(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || *byte >= 0x80 || b"!#$%&'*+-.^_`|~".contains(byte)
}
