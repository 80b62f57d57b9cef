//! `multipart/form-data` (RFC 7578, RFC 2046 §5.1), strictly: what two readers could read differently is refused —
//! bare line feeds, text before the first boundary, repeated or folded fields, `filename*`, transfer encodings.

use crate::media::{ContentType, is_token, split_at_semicolon, unquote};

/// Parts of one body; more are refused.
pub const MAX_PARTS: usize = 256;
/// Bytes of one part's header fields.
const MAX_HEADER: usize = 4096;

/// One part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    /// Of the field.
    pub name: String,
    /// Of the file, when it is one.
    pub filename: Option<String>,
    /// What is said of its content.
    pub content_type: Option<ContentType>,
    /// Other header fields, names in lower case: only those that the contract declares may pass.
    pub others: Vec<(String, &'a str)>,
    /// Its content.
    pub body: &'a [u8],
}

/// Splits a body.
///
/// # Errors
/// What is expected, when it is not there, or more than [`MAX_PARTS`] parts.
pub fn parse<'a>(body: &'a [u8], boundary: &str) -> Result<Vec<Part<'a>>, &'static str> {
    if !is_boundary(boundary) {
        return Err("the boundary must be one of RFC 2046");
    }
    let open = [b"--", boundary.as_bytes()].concat();
    let between = [b"\r\n--", boundary.as_bytes()].concat();
    let mut rest = body.strip_prefix(open.as_slice()).ok_or("must start with the boundary")?;
    let mut parts = Vec::new();
    loop {
        if let Some(end) = rest.strip_prefix(b"--") {
            return if end.is_empty() || end == b"\r\n" {
                Ok(parts)
            } else {
                Err("nothing may follow the last boundary")
            };
        }
        rest = rest.strip_prefix(b"\r\n").ok_or("a boundary must end with CRLF")?;
        if parts.len() >= MAX_PARTS {
            return Err("has too many parts");
        }
        let end = find(rest, &between).ok_or("must end with the closing boundary")?;
        let section = rest.get(..end).unwrap_or_default();
        if has_bare(section, &open) {
            return Err("a boundary must follow CRLF");
        }
        parts.push(part(section)?);
        rest = rest.get(end + between.len()..).unwrap_or_default();
    }
}

/// Whether a boundary follows a line feed or a carriage return alone, as some readers accept it: they would find more parts.
fn has_bare(section: &[u8], open: &[u8]) -> bool {
    let mut from = 0;
    while let Some(at) = section.get(from..).and_then(|rest| find(rest, open)) {
        let before = (from + at).checked_sub(1).and_then(|before| section.get(before));
        if matches!(before, Some(b'\n' | b'\r')) {
            return true;
        }
        from += at + 1;
    }
    false
}

fn is_boundary(boundary: &str) -> bool {
    (1..=70).contains(&boundary.len())
        && !boundary.ends_with(' ')
        && boundary.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte))
}

fn part(bytes: &[u8]) -> Result<Part<'_>, &'static str> {
    let window = bytes.get(..bytes.len().min(MAX_HEADER)).unwrap_or_default();
    let end = find(window, b"\r\n\r\n").ok_or("a part must have header fields and an empty line")?;
    let head = std::str::from_utf8(bytes.get(..end).unwrap_or_default())
        .map_err(|_| "header fields of a part must be UTF-8")?;
    let mut disposition = None;
    let mut content_type = None;
    let mut others: Vec<(String, &str)> = Vec::new();
    let body = bytes.get(end + 4..).unwrap_or_default();
    for line in head.split("\r\n") {
        if line.contains(['\n', '\r', '\0']) {
            return Err("header fields of a part must end with CRLF");
        }
        let (name, value) = line.split_once(':').ok_or("a header field of a part needs a colon")?;
        if !is_token(name) {
            return Err("a header field of a part must have a name");
        }
        let value = value.trim_matches([' ', '\t']);
        let name = name.to_ascii_lowercase();
        let known = match name.as_str() {
            "content-disposition" => disposition.replace(value).is_some(),
            "content-type" => {
                let parsed = ContentType::parse(value).ok_or("the content type of a part is malformed")?;
                content_type.replace(parsed).is_some()
            }
            "content-transfer-encoding" => {
                if !["7bit", "8bit", "binary"].iter().any(|plain| value.eq_ignore_ascii_case(plain)) {
                    return Err("a part must not have a transfer encoding");
                }
                false
            }
            // Some clients say it; a reader that believes another one would find other parts.
            "content-length" if value == body.len().to_string() => false,
            "content-length" => return Err("the length of a part must be what it says"),
            _ => {
                let known = others.iter().any(|(other, _)| *other == name);
                others.push((name, value));
                known
            }
        };
        if known {
            return Err("a header field of a part must not be repeated");
        }
    }
    let (name, filename) = names(disposition.ok_or("a part must have a content disposition")?)?;
    Ok(Part { name, filename, content_type, others, body })
}

fn names(disposition: &str) -> Result<(String, Option<String>), &'static str> {
    let (kind, mut rest) = split_at_semicolon(disposition);
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err("the disposition of a part must be `form-data`");
    }
    let mut name = None;
    let mut filename = None;
    while let Some(parameter) = rest {
        let (one, next) = split_at_semicolon(parameter);
        rest = next;
        let (key, value) = one.trim().split_once('=').ok_or("the disposition of a part is malformed")?;
        let value = unquote(value).ok_or("the disposition of a part is malformed")?;
        let slot = match key.to_ascii_lowercase().as_str() {
            "name" => &mut name,
            "filename" => &mut filename,
            "filename*" | "name*" => return Err("`filename*` is not accepted: give `filename`"),
            _ => return Err("the disposition of a part has an unknown parameter"),
        };
        if slot.replace(value).is_some() {
            return Err("the disposition of a part must not repeat a parameter");
        }
    }
    Ok((name.ok_or("a part must have a name")?, filename))
}

/// Writes parts in the one form that [`parse`] reads back alike; quotes and backslashes in names are escaped.
pub(crate) fn write(parts: &[Part<'_>], boundary: &str, out: &mut Vec<u8>) {
    for part in parts {
        out.extend([b"--", boundary.as_bytes(), b"\r\nContent-Disposition: form-data; name="].concat());
        quote(&part.name, out);
        if let Some(filename) = &part.filename {
            out.extend_from_slice(b"; filename=");
            quote(filename, out);
        }
        if let Some(content_type) = &part.content_type {
            out.extend_from_slice(b"\r\nContent-Type: ");
            out.extend_from_slice(content_type.essence.as_bytes());
            for (name, value) in &content_type.parameters {
                out.extend([b"; ", name.as_bytes(), b"="].concat());
                quote(value, out);
            }
        }
        for (name, value) in &part.others {
            out.extend([b"\r\n", name.as_bytes(), b": ", value.as_bytes()].concat());
        }
        out.extend_from_slice(b"\r\n\r\n");
        out.extend_from_slice(part.body);
        out.extend_from_slice(b"\r\n");
    }
    out.extend([b"--", boundary.as_bytes(), b"--\r\n"].concat());
}

fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        if matches!(byte, b'"' | b'\\') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// First occurrence; linear through the first byte's rarity (`\r`) in what is searched for here.
fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = haystack.get(from..)?.iter().position(|byte| *byte == first) {
        let at = from + at;
        if haystack.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
