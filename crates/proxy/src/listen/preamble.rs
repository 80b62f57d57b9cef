//! What a trusted proxy says of a connection before its first byte: the PROXY protocol, versions 1 and 2
//! (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>).
//!
//! Strict: a line of version 1 is what its grammar allows to the last byte, and so are the addresses, the lengths and the
//! additional values of version 2, the checksum included where there is one; other additional values are not believed and
//! not kept. What does not say it is neither version is refused at the first byte that differs (THREATS row 26).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest line of version 1, its end included.
const LINE: usize = 107;
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = 16;
/// `PP2_TYPE_CRC32C`.
const CHECKSUM: u8 = 3;

/// Why a header is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It breaks the grammar, or there is none.
    Malformed(&'static str),
    /// It is longer than the bound.
    TooLong,
}

/// A whole header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Preamble {
    /// How many bytes it takes.
    pub(crate) length: usize,
    /// Whose connection it is; `None` when the proxy speaks for itself (`LOCAL`), or does not know (`UNKNOWN`, a unix
    /// socket).
    pub(crate) source: Option<SocketAddr>,
}

/// Reads a header of at most `bound` bytes; `None` when it is not whole yet.
///
/// # Errors
/// When it never will be.
pub(crate) fn parse(bytes: &[u8], bound: usize) -> Result<Option<Preamble>, Fault> {
    match bytes.first() {
        None => Ok(None),
        Some(b'P') => line(bytes),
        Some(_) => binary(bytes, bound),
    }
}

/// Version 1: `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443` and its end.
fn line(bytes: &[u8]) -> Result<Option<Preamble>, Fault> {
    let start = bytes.get(..6).unwrap_or(bytes);
    if !b"PROXY ".starts_with(start) {
        return Err(Fault::Malformed("it is no header of the PROXY protocol"));
    }
    let within = bytes.get(..LINE).unwrap_or(bytes);
    let Some(end) = within.iter().position(|byte| *byte == b'\n') else {
        return if bytes.len() >= LINE { Err(Fault::TooLong) } else { Ok(None) };
    };
    let text = within.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let text = text.and_then(|line| std::str::from_utf8(line).ok());
    let text = text.ok_or(Fault::Malformed("its line does not end as lines do"))?;
    let source = words(text).ok_or(Fault::Malformed("its line is not what version 1 allows"))?;
    Ok(Some(Preamble { length: end + 1, source }))
}

fn words(line: &str) -> Option<Option<SocketAddr>> {
    let rest = line.strip_prefix("PROXY ")?;
    // After UNKNOWN anything may stand, and is to be ignored; only what can be seen is taken.
    if let Some(ignored) = rest.strip_prefix("UNKNOWN") {
        let plain = ignored.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        return (plain && (ignored.is_empty() || ignored.starts_with(' '))).then_some(None);
    }
    let mut words = rest.split(' ');
    let (family, source, target) = (words.next()?, words.next()?, words.next()?);
    let (from, to) = (port(words.next()?)?, port(words.next()?)?);
    if words.next().is_some() {
        return None;
    }
    let address = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (source, _target, _to) = (address(source)?, address(target)?, to);
    Some(Some(SocketAddr::new(source, from)))
}

/// Digits without zeros before them.
fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok()).flatten()
}

/// Version 2.
fn binary(bytes: &[u8], bound: usize) -> Result<Option<Preamble>, Fault> {
    let start = bytes.get(..SIGNATURE.len()).unwrap_or(bytes);
    if !SIGNATURE.starts_with(start) {
        return Err(Fault::Malformed("it is no header of the PROXY protocol"));
    }
    let Some(&[.., version, family, high, low]) = bytes.first_chunk::<FIXED>() else { return Ok(None) };
    let length = FIXED + (usize::from(high) << 8 | usize::from(low));
    if length > bound {
        return Err(Fault::TooLong);
    }
    let local = match version {
        0x20 => true,
        0x21 => false,
        _ => return Err(Fault::Malformed("its version or command is not known")),
    };
    let Some(whole) = bytes.get(..length) else { return Ok(None) };
    let body = whole.get(FIXED..).unwrap_or_default();
    let (source, values) = addresses(family, body)?;
    additional(whole, values)?;
    Ok(Some(Preamble { length, source: source.filter(|_| !local) }))
}

/// The source, and what follows the addresses.
fn addresses(family: u8, body: &[u8]) -> Result<(Option<SocketAddr>, &[u8]), Fault> {
    const SHORT: Fault = Fault::Malformed("it is too short for its addresses");
    match family {
        // UNSPEC.
        0x00 => Ok((None, body)),
        // IPv4 and IPv6 over TCP: source, destination, and their ports.
        0x11 => {
            let (found, rest) = body.split_first_chunk::<12>().ok_or(SHORT)?;
            let [a, b, c, d, _, _, _, _, high, low, ..] = *found;
            let source = Ipv4Addr::new(a, b, c, d);
            Ok((Some(SocketAddr::new(source.into(), u16::from_be_bytes([high, low]))), rest))
        }
        0x21 => {
            let (found, rest) = body.split_first_chunk::<36>().ok_or(SHORT)?;
            let (source, _) = found.split_first_chunk::<16>().ok_or(SHORT)?;
            let [.., high, low, _, _] = *found;
            Ok((Some(SocketAddr::new(Ipv6Addr::from(*source).into(), u16::from_be_bytes([high, low]))), rest))
        }
        // A unix stream socket: two paths.
        0x31 => Ok((None, body.split_at_checked(216).ok_or(SHORT)?.1)),
        _ => Err(Fault::Malformed("its family is not known, or is none of streams")),
    }
}

/// Type, length and value, one after another to the end.
fn additional(whole: &[u8], values: &[u8]) -> Result<(), Fault> {
    let mut rest = values;
    let mut checked = false;
    while !rest.is_empty() {
        const SHORT: Fault = Fault::Malformed("an additional value breaks off");
        let (&[kind, high, low], after) = rest.split_first_chunk::<3>().ok_or(SHORT)?;
        let length = usize::from(high) << 8 | usize::from(low);
        let (value, next) = after.split_at_checked(length).ok_or(SHORT)?;
        if kind == CHECKSUM {
            let at = whole.len() - after.len();
            let told = <[u8; 4]>::try_from(value).map_err(|_| Fault::Malformed("its checksum is none"))?;
            if checked || crc32c(whole, at) != u32::from_be_bytes(told) {
                return Err(Fault::Malformed("its checksum is wrong"));
            }
            checked = true;
        }
        rest = next;
    }
    Ok(())
}

/// CRC-32C (RFC 9260 appendix A) over a header, the four bytes of the checksum at `at` taken as zero.
fn crc32c(bytes: &[u8], at: usize) -> u32 {
    let sum = bytes.iter().enumerate().fold(u32::MAX, |sum, (index, byte)| {
        let byte = if (at..at + 4).contains(&index) { 0 } else { *byte };
        (0..8).fold(
            sum ^ u32::from(byte),
            |sum, _| {
                if sum & 1 == 1 { (sum >> 1) ^ 0x82f6_3b78 } else { sum >> 1 }
            },
        )
    });
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: usize = 2048;

    fn two(version: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut header = SIGNATURE.to_vec();
        header.extend_from_slice(&[version, family]);
        header.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        header.extend_from_slice(body);
        header
    }

    const FOUR: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0xdc, 0x04, 0x01, 0xbb];

    fn source(text: &str) -> Option<SocketAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn version_1_is_read_to_the_byte() {
        let cases = [
            ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n", Some(source("192.0.2.1:56324"))),
            ("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n", Some(source("[2001:db8::1]:1"))),
            ("PROXY UNKNOWN\r\n", Some(None)),
            ("PROXY UNKNOWN ffff:f...f:ffff x 65535 65535\r\n", Some(None)),
            ("PROXY UNKNOWNx\r\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 \r\n", None),
            ("PROXY TCP4 192.0.2.1  192.0.2.2 56324 443\r\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 056324 443\r\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 65536 443\r\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 +1 443\r\n", None),
            ("PROXY TCP4 192.0.2.01 192.0.2.2 1 443\r\n", None),
            ("PROXY TCP4 2001:db8::1 192.0.2.2 1 443\r\n", None),
            ("PROXY TCP6 192.0.2.1 2001:db8::2 1 443\r\n", None),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n", None),
            ("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n", None),
            ("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n", None),
            ("PROXY\tTCP4 192.0.2.1 192.0.2.2 1 2\r\n", None),
            ("POST / HTTP/1.1\r\n", None),
        ];
        for (text, expected) in cases {
            let mut bytes = text.as_bytes().to_vec();
            let length = bytes.len();
            bytes.extend_from_slice(b"GET / HTTP/1.1\r\n");
            match expected {
                Some(source) => {
                    assert_eq!(parse(&bytes, BOUND), Ok(Some(Preamble { length, source })), "{text}");
                    for cut in 0..length {
                        assert_eq!(parse(&bytes[..cut], BOUND), Ok(None), "{text} {cut}");
                    }
                }
                None => assert!(matches!(parse(&bytes, BOUND), Err(Fault::Malformed(_))), "{text}"),
            }
        }
        let endless = format!("PROXY UNKNOWN {}", "x".repeat(200));
        assert_eq!(parse(endless.as_bytes(), BOUND), Err(Fault::TooLong));
        assert!(parse(b"PROXY UNKNOWN \0\r\n", BOUND).is_err());
    }

    #[test]
    fn version_2_is_read_to_the_byte() {
        let six = [[0x20, 1, 0xd, 0xb8].as_slice(), &[0; 28], &[0, 9, 0, 8]].concat();
        for (header, expected) in [
            (two(0x21, 0x11, &FOUR), source("192.0.2.1:56324")),
            (two(0x21, 0x21, &six), source("[2001:db8::]:9")),
            (two(0x20, 0x11, &FOUR), None),
            (two(0x20, 0x00, &[]), None),
            (two(0x21, 0x00, &[4, 0, 1, 7]), None),
            (two(0x21, 0x31, &[7; 216]), None),
            (
                two(0x21, 0x11, &[FOUR.as_slice(), &[4, 0, 2, 1, 1], &[5, 0, 0]].concat()),
                source("192.0.2.1:56324"),
            ),
        ] {
            let length = header.len();
            assert_eq!(parse(&header, BOUND), Ok(Some(Preamble { length, source: expected })));
            for cut in 0..length {
                assert_eq!(parse(&header[..cut], BOUND), Ok(None), "{cut}");
            }
        }
        assert_eq!(parse(&two(0x21, 0x00, &vec![0; 3000])[..20], BOUND), Err(Fault::TooLong));
        let values = |values: &[u8]| two(0x21, 0x11, &[FOUR.as_slice(), values].concat());
        for header in [
            two(0x11, 0x11, &FOUR),
            two(0x22, 0x11, &FOUR),
            two(0x21, 0x12, &FOUR),
            two(0x21, 0x11, &FOUR[..11]),
            two(0x21, 0x21, &FOUR),
            two(0x21, 0x31, &FOUR),
            values(&[4]),
            values(&[4, 0]),
            values(&[4, 0, 2, 1]),
            values(&[4, 0xff, 0xff]),
            values(&[3, 0, 3, 1, 1, 1]),
            values(&[3, 0, 4, 1, 1, 1, 1]),
        ] {
            assert!(matches!(parse(&header, BOUND), Err(Fault::Malformed(_))), "{header:?}");
        }
    }

    #[test]
    fn the_checksum_counts() {
        // The check value of CRC-32C.
        assert_eq!(crc32c(b"123456789", 100), 0xe306_9283);
        let mut header = two(0x21, 0x11, &[FOUR.as_slice(), &[4, 0, 1, 9], &[3, 0, 4, 0, 0, 0, 0]].concat());
        let at = header.len() - 4;
        let sum = crc32c(&header, at).to_be_bytes();
        header[at..].copy_from_slice(&sum);
        assert_eq!(parse(&header, BOUND).unwrap().unwrap().source, source("192.0.2.1:56324"));
        header[16] ^= 1;
        assert_eq!(parse(&header, BOUND), Err(Fault::Malformed("its checksum is wrong")));
    }
}
