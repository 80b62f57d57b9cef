//! The parts of a `multipart/form-data` body (RFC 7578), by the reader that `validation` uses: what two readers could take apart
//! differently is refused, since a field that a service reads must not pass here for the content of a file.

use std::borrow::Cow;

use contract::{ContentType, parse_multipart};

use super::parts::{Part, Sink, Where};

/// The names, fields and contents of the parts; of files everything but their content.
///
/// # Errors
/// What is expected of a body, or of the beginning of one that is `cut`.
pub(super) fn parts(
    bytes: &[u8],
    boundary: &str,
    cut: bool,
    sink: &mut impl Sink,
) -> Result<(), &'static str> {
    let whole = if cut { Cow::Owned(closed(bytes, boundary)) } else { Cow::Borrowed(bytes) };
    for part in parse_multipart(&whole, boundary)? {
        if sink.is_done() {
            break;
        }
        one(&part, sink)?;
    }
    Ok(())
}

fn one(part: &contract::Part<'_>, sink: &mut impl Sink) -> Result<(), &'static str> {
    let mut value = |name: &str, value: &[u8]| {
        sink.part(&Part { stands: Where::Multipart, name, place: detect::Place::Value, value });
    };
    let is_file = is_file(part);
    let charset = part.content_type.as_ref().is_none_or(ContentType::is_utf8);
    // RFC 7578 section 4.6: the field of this name says how all others are to be read.
    let default = part.name != "_charset_" || part.body.eq_ignore_ascii_case(b"utf-8");
    if !default || !(charset || is_file) {
        return Err("the fields of a multipart body must be in UTF-8");
    }
    value("", part.name.as_bytes());
    if let Some(filename) = part.filename.as_deref().filter(|name| !name.is_empty()) {
        value(&part.name, filename.as_bytes());
    }
    if let Some(kind) = &part.content_type {
        value(&part.name, kind.essence.as_bytes());
        kind.parameters.iter().for_each(|(_, said)| value(&part.name, said.as_bytes()));
    }
    for (field, said) in &part.others {
        value(&part.name, field.as_bytes());
        value(&part.name, said.as_bytes());
    }
    if !is_file {
        value(&part.name, part.body);
    }
    Ok(())
}

/// Whether every reader takes the part for a file: an empty name of one is none to some, and where names have escapes in them,
/// it is read differently where they end.
fn is_file(part: &contract::Part<'_>) -> bool {
    let plain = |name: &str| !name.contains(['"', '\\']);
    part.filename.as_deref().is_some_and(|name| !name.is_empty() && plain(name)) && plain(&part.name)
}

/// The beginning of a body made a whole one: its last part ends where it was cut, and is left out when it has no content yet.
fn closed(bytes: &[u8], boundary: &str) -> Vec<u8> {
    let between = [b"\r\n--", boundary.as_bytes()].concat();
    let last = bytes.windows(between.len()).rposition(|window| window == between.as_slice());
    let tail = bytes.get(last.map_or(0, |at| at + between.len())..).unwrap_or_default();
    let has_content = tail.windows(4).any(|window| window == b"\r\n\r\n");
    // What follows the closing boundary is for the parser to refuse.
    let goes_on = last.is_some() && tail.starts_with(b"--") && tail.len() > b"--\r\n".len();
    let open = between.get(2..).unwrap_or_default();
    match last {
        _ if has_content || goes_on => [bytes, &between, b"--"].concat(),
        Some(at) => [bytes.get(..at).unwrap_or_default(), &between, b"--"].concat(),
        None if bytes.starts_with(open) => [open, b"--"].concat(),
        None => bytes.to_vec(),
    }
}
