//! Where a server should not be sent: URLs of its own host, of private networks, of metadata services, in every spelling of an
//! address that resolvers take (RFC 3986 section 7.4), and URLs whose host is an address at all.

use crate::bytes::{COLON, Lower, SLASH, at, before, from, part, starts};
use crate::finding::{Best, Family, Hit};
use crate::text::{Place, Text};

pub(crate) fn detect(text: &Text<'_>, best: &mut Best) {
    if !text.has(COLON | SLASH) || text.long || matches!(text.place, Place::Header | Place::Name) {
        return;
    }
    let bytes = text.bytes.trim_ascii();
    let schemes: [&[u8]; 8] =
        [b"http://", b"https://", b"ftp://", b"ftps://", b"ws://", b"//", b"http:\\\\", b"sftp://"];
    let Some(scheme) = schemes.iter().find(|scheme| starts(bytes, scheme)) else {
        local_scheme(bytes, best);
        bare(bytes, best);
        return;
    };
    let rest = from(bytes, scheme.len());
    let length = rest.iter().take_while(|byte| !matches!(byte, b'/' | b'?' | b'#' | b'\\' | b' ')).count();
    let authority = part(rest, 0, length);
    let host = authority.rsplit(|byte| *byte == b'@').next().unwrap_or_default();
    let end = scheme.len() + length;
    let host = without_port(host);
    let marked = rest.ends_with(b"?") || rest.ends_with(b"??");
    let score = match judge(host) {
        _ if bytes.contains(&b' ') => 0,
        Address::Own => 7,
        Address::Odd => 7,
        Address::Private => 6,
        Address::Number if *scheme == b"//" => 4,
        Address::Number => 5,
        Address::Name if marked && *scheme != b"//" => 5,
        Address::Name => 0,
    };
    best.offer(Hit { family: Family::Ssrf, rule: "address", start: 0, end, score });
}

/// Schemes that read files or speak to services within.
fn local_scheme(bytes: &[u8], best: &mut Best) {
    for scheme in [&b"file://"[..], b"gopher:", b"dict:", b"url:http", b"url:file", b"local_file:"] {
        if starts(bytes, scheme) {
            best.offer(Hit { family: Family::Ssrf, rule: "scheme", start: 0, end: scheme.len(), score: 6 });
        }
    }
}

/// The name of a host that only the server's own network knows, with a path or a port behind it.
fn bare(bytes: &[u8], best: &mut Best) {
    const NAMES: [&[u8]; 9] = [
        b"localhost",
        b"localhost4",
        b"localhost6",
        b"ip6-localhost",
        b"ip6-loopback",
        b"ipv6-localhost",
        b"kubernetes.default",
        b"localhost.localdomain",
        b"localhost4.localdomain4",
    ];
    let length = bytes
        .iter()
        .take(64)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
        .count();
    let host = part(bytes, 0, length);
    let known =
        NAMES.iter().any(|name| host.eq_ignore_ascii_case(name) || name.len() > 12 && starts(host, name))
            || crate::bytes::contains(host, b".internal") && host.ends_with(b".internal")
            || host == b"localtest.me"
            || host == b"lvh.me";
    if known && at(bytes, length) == b'/' && !bytes.contains(&b' ') {
        best.offer(Hit { family: Family::Ssrf, rule: "address", start: 0, end: length, score: 5 });
    }
}

fn without_port(host: &[u8]) -> &[u8] {
    if let Some(inside) = host.strip_prefix(b"[") {
        return inside.split(|byte| *byte == b']').next().unwrap_or_default();
    }
    host.split(|byte| *byte == b':').next().unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Address {
    Name,
    /// An address of the Internet, written as usual.
    Number,
    /// The server's own, or one of a metadata service.
    Own,
    Private,
    /// An address in a spelling that nobody uses who has nothing to hide.
    Odd,
}

fn judge(host: &[u8]) -> Address {
    let Some(lower) = Lower::new(host) else { return Address::Name };
    let host = lower.as_slice();
    let host = host.strip_suffix(b".").unwrap_or(host);
    if matches!(host, b"localhost" | b"::1" | b"::" | b"0" | b"localtest.me" | b"metadata" | b"instance-data")
        || host.starts_with(b"::ffff:")
        || host.starts_with(b"fe80:")
    {
        return Address::Own;
    }
    if [
        &b".localhost"[..],
        b".nip.io",
        b"metadata.packet.net",
        b"localhost.localdomain",
        b".svc.cluster.local",
        b".xip.io",
        b".sslip.io",
        b".internal",
    ]
    .iter()
    .any(|suffix| host.ends_with(suffix))
    {
        return Address::Own;
    }
    if host.starts_with(b"fc") && host.contains(&b':') || host.starts_with(b"fd") && host.contains(&b':') {
        return Address::Private;
    }
    if host.contains(&b':') {
        return Address::Number;
    }
    numbers(host)
}

/// IPv4 as `inet_aton` reads it: one to four numbers, each decimal, octal or hexadecimal.
fn numbers(host: &[u8]) -> Address {
    let mut parts = [0u64; 4];
    let (mut count, mut odd) = (0, false);
    for text in host.split(|byte| *byte == b'.') {
        let Some(slot) = parts.get_mut(count) else { return Address::Name };
        let (digits, radix) = match text {
            [b'0', b'x', rest @ ..] => (rest, 16),
            [b'0', rest @ ..] if !rest.is_empty() => (rest, 8),
            _ => (text, 10),
        };
        odd |= radix != 10;
        let number =
            std::str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, radix).ok());
        let Some(number) = number.filter(|_| !digits.starts_with(b"+")) else { return Address::Name };
        *slot = number;
        count += 1;
    }
    if count < 4 || odd {
        return Address::Odd;
    }
    match parts {
        [127 | 0, ..] | [169, 254, ..] => Address::Own,
        [10, ..] | [192, 168, ..] => Address::Private,
        [172, second, ..] if (16..32).contains(&second) => Address::Private,
        [first, ..] if first > 255 => Address::Name,
        _ => Address::Number,
    }
}

/// Line breaks that begin a header field or a message within a value.
pub(crate) fn split(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    const FIELDS: [&[u8]; 10] = [
        b"set-cookie",
        b"location:",
        b"content-length:",
        b"content-type:",
        b"http/1.",
        b"http/0.9",
        b"x-forwarded",
        b"transfer-encoding:",
        b"bcc:",
        b"refresh:",
    ];
    for line in memchr::memchr2_iter(b'\n', b'\r', bytes) {
        let gap = from(bytes, line + 1).iter().take(4).take_while(|byte| byte.is_ascii_whitespace()).count();
        let next = from(bytes, line + 1 + gap);
        let begins = FIELDS.iter().any(|field| starts(next, field));
        let request = matches!(at(next, 0), b'G' | b'P' | b'H' | b'D' | b'O' | b'T') && {
            let first = part(next, 0, 200);
            memchr::memmem::find(first, b" HTTP/").is_some()
        };
        if begins || request {
            let twice = matches!(before(bytes, line), b'\r') || at(bytes, line) == b'\r';
            let score = if twice { text.pick(7, 4) } else { text.pick(6, 1) };
            best.offer(Hit { family: Family::Split, rule: "field", start: line, end: line + 1, score });
        }
    }
}

/// Serialized objects: PHP (`O:8:"…"`), and bytes that Java, .NET, Python and Ruby begin theirs with.
pub(crate) fn serialized(text: &Text<'_>, best: &mut Best) {
    let bytes = text.bytes;
    let mut offer = |rule, start: usize, end: usize, score| {
        best.offer(Hit { family: Family::Serialized, rule, start, end, score });
    };
    let binary: [(&[u8], &'static str); 3] = [
        (b"\xac\xed\x00\x05", "java"),
        (b"\x00\x01\x00\x00\x00\xff\xff\xff\xff", "dotnet"),
        (b"\x04\x08o:", "ruby"),
    ];
    for (magic, rule) in binary {
        if bytes.starts_with(magic) {
            offer(rule, 0, magic.len(), 9);
        }
    }
    if at(bytes, 0) == 0x80 && matches!(at(bytes, 1), 2..=5) && bytes.ends_with(b".") && bytes.len() > 8 {
        offer("pickle", 0, 2, 8);
    }
    for colon in memchr::memchr_iter(b':', bytes) {
        let kind = before(bytes, colon);
        if !matches!(kind, b'O' | b'C' | b'o' | b'c')
            || colon >= 2 && at(bytes, colon - 2).is_ascii_alphanumeric()
        {
            continue;
        }
        let digits = from(bytes, colon + 1)
            .iter()
            .take(6)
            .take_while(|byte| byte.is_ascii_digit() || **byte == b'+')
            .count();
        let end = colon + 1 + digits;
        if digits > 0 && at(bytes, end) == b':' && matches!(at(bytes, end + 1), b'"' | b'\\' | b'\'' | b'&') {
            offer("php", colon - 1, end + 2, text.pick(8, 5));
        }
    }
}
