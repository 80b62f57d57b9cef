//! The parts of a `multipart/form-data` body (RFC 7578), for readers that look at values one by one.

use crate::bytes::{from, part, starts};

/// Hands over the header fields of every part, and the content of those that are fields and no files.
///
/// `each` gets the name of the part, as far as it has one, and a value. Reads to the end whatever is broken: what follows the last
/// delimiter, or has none, is content.
pub fn multipart_fields<'a>(body: &'a [u8], boundary: &[u8], mut each: impl FnMut(&'a [u8], &'a [u8])) {
    let delimiter = [b"--", boundary].concat();
    let finder = memchr::memmem::Finder::new(&delimiter);
    let mut index = 0;
    while index < body.len() {
        let next = finder.find(from(body, index)).map_or(body.len(), |offset| index + offset);
        let section = part(body, index, next).trim_ascii();
        index = next + delimiter.len();
        if section.is_empty() || section == b"--" {
            continue;
        }
        let (head, content) = split_head(section);
        let (mut name, mut file): (&[u8], bool) = (&[], false);
        for line in head.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            if starts(line, b"content-disposition") {
                name = parameter(line, b"name=").unwrap_or(name);
                let file_name = parameter(line, b"filename=").or_else(|| parameter(line, b"filename*="));
                if let Some(file_name) = file_name {
                    file = true;
                    each(name, file_name);
                }
                each(&[], name);
            } else {
                each(name, line);
            }
        }
        if !file {
            each(name, content);
        }
    }
}

/// The header of a part and its content.
fn split_head(section: &[u8]) -> (&[u8], &[u8]) {
    for (blank, length) in [(&b"\r\n\r\n"[..], 4), (b"\n\n", 2)] {
        if let Some(end) = memchr::memmem::find(section, blank) {
            return (part(section, 0, end), from(section, end + length));
        }
    }
    if starts(section, b"content-") { (section, &[]) } else { (&[], section) }
}

/// A parameter of a header field, without its quotes.
fn parameter<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let found = line.windows(name.len()).enumerate().find(|(at, window)| {
        window.eq_ignore_ascii_case(name)
            && at.checked_sub(1).is_none_or(|before| matches!(line.get(before), Some(b' ' | b';' | b'\t')))
    });
    let value = from(line, found?.0 + name.len());
    let (quote, inside) = match value.split_first() {
        Some((b'"', inside)) => (b'"', inside),
        _ => (b';', value),
    };
    let end = memchr::memchr(quote, inside).unwrap_or(inside.len());
    Some(part(inside, 0, end))
}
