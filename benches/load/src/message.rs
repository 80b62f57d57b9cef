//! Where a message ends: just enough of RFC 9112 §6 for messages that carry a Content-Length.

/// What is known of the message at the start of a buffer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Head and body in bytes.
    pub(crate) total: usize,
    /// The sender closes after it.
    pub(crate) close: bool,
}

/// The extent of the first message in `bytes`, or `None` until its head is whole. A head without Content-Length has no
/// body; a Transfer-Encoding is an error.
pub(crate) fn extent(bytes: &[u8]) -> Result<Option<Extent>, String> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
    let head = bytes.get(..end).unwrap_or_default();
    let (mut length, mut close) = (0, false);
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if let Some(value) = value(line, b"content-length:") {
            let text = std::str::from_utf8(value).unwrap_or_default();
            length = text.parse().map_err(|_| format!("content-length `{text}` is no number"))?;
        } else if let Some(value) = value(line, b"connection:") {
            close = value.eq_ignore_ascii_case(b"close");
        } else if value(line, b"transfer-encoding:").is_some() {
            return Err("the message is chunked; the benchmarks expect a content-length".to_owned());
        }
    }
    Ok(Some(Extent { total: end + 4 + length, close }))
}

fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then(|| rest.trim_ascii())
}

/// The status code of an answer.
pub(crate) fn status(answer: &[u8]) -> u16 {
    let digits = answer.get(9..12).unwrap_or_default();
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Extent, extent, status};

    #[test]
    fn finds_the_end_of_a_message() {
        for (bytes, total, close) in [
            (&b"GET / HTTP/1.1\r\nhost: a\r\n\r\nGET"[..], Some(27), false),
            (b"HTTP/1.1 200 OK\r\nContent-Length:  5\r\n\r\nhello", Some(44), false),
            (b"HTTP/1.1 200 OK\r\nconnection: Close\r\n\r\n", Some(38), true),
            (b"HTTP/1.1 200 OK\r\ncontent-le", None, false),
        ] {
            assert_eq!(extent(bytes), Ok(total.map(|total| Extent { total, close })));
        }
        for bytes in [&b"X\r\ntransfer-encoding: chunked\r\n\r\n"[..], b"X\r\ncontent-length: x\r\n\r\n"] {
            assert!(extent(bytes).is_err());
        }
        assert_eq!((status(b"HTTP/1.1 429 Too"), status(b"HT")), (429, 0));
    }
}
