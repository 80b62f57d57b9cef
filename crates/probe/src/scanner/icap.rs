//! ICAP (RFC 3507), its client's side: `OPTIONS`, and `REQMOD` with a file as the body of a request, without preview.
//!
//! A scanner answers 204 when it lets the request be (we say that we understand it), or 200 with the request as it came; it
//! answers 200 with a response of its own, or with another request, when it does not (section 4.8.2). What else it says is no
//! verdict.

use super::{Verdict, plain};

/// Most bytes of an answer's head, and of the heads that it encapsulates.
const HEAD: usize = 64 * 1024;

/// Asks what the service at `path` of `host` is like.
#[must_use]
pub fn options(host: &str, path: &str) -> Vec<u8> {
    format!("OPTIONS icap://{host}{path} ICAP/1.0\r\nHost: {host}\r\nUser-Agent: yett\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Asks for a scan of `bytes`.
#[must_use]
pub fn reqmod(host: &str, path: &str, bytes: &[u8]) -> Vec<u8> {
    // A request of our own making: nothing of the call's head goes to a scanner.
    let head = format!(
        "POST /upload HTTP/1.1\r\nHost: yett.invalid\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    let mut out = format!(
        "REQMOD icap://{host}{path} ICAP/1.0\r\nHost: {host}\r\nUser-Agent: yett\r\nAllow: 204\r\nConnection: close\r\n\
         Encapsulated: req-hdr=0, req-body={}\r\n\r\n{head}{:x}\r\n",
        head.len(),
        bytes.len()
    )
    .into_bytes();
    if bytes.is_empty() {
        // The length of zero that was just written is the last chunk.
        out.extend_from_slice(b"\r\n");
    } else {
        out.extend_from_slice(bytes);
        out.extend_from_slice(b"\r\n0\r\n\r\n");
    }
    out
}

/// A parsed answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// `ISTag`: changes when the service would judge otherwise (section 4.7).
    pub tag: Option<String>,
    /// What a scanner calls what it found, by `X-Infection-Found`, `X-Virus-ID` or `X-Violations-Found`.
    pub found: Option<String>,
    carries: Carries,
}

/// What an answer encapsulates (section 4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
enum Carries {
    Nothing,
    /// A request with this body.
    Request(Vec<u8>),
    Response,
}

/// Whether an answer is there to its end, or will never be one.
#[must_use]
pub fn is_whole(answer: &[u8]) -> bool {
    // Every whole one ends so; a long one is not parsed again with each piece of it that arrives.
    let may_be = answer.ends_with(b"\r\n\r\n") || (answer.len() > HEAD && !has_head(answer));
    may_be && !matches!(parse(answer), Err(Fault::Short))
}

/// What is said of `bytes`, which were sent by [`reqmod`].
///
/// # Errors
/// When the answer is no verdict: nothing is known of the file then.
pub fn verdict(answer: &Answer, bytes: &[u8]) -> Result<Verdict, String> {
    let named =
        |name: &Option<String>| Verdict::Found(name.clone().unwrap_or_else(|| String::from("unnamed")));
    match (answer.status, &answer.carries) {
        (200 | 201 | 204, _) if answer.found.is_some() => Ok(named(&answer.found)),
        (204, _) => Ok(Verdict::Clean),
        (200 | 201, Carries::Request(body)) if body == bytes => Ok(Verdict::Clean),
        (200 | 201, Carries::Request(_) | Carries::Response) => Ok(named(&answer.found)),
        (status, _) => Err(format!("the ICAP service answers {status}")),
    }
}

/// Reads an answer.
///
/// # Errors
/// What is wrong with it.
pub fn read(answer: &[u8]) -> Result<Answer, String> {
    parse(answer).map_err(|fault| match fault {
        Fault::Short => String::from("the ICAP service's answer is not whole"),
        Fault::Malformed => String::from("the ICAP service's answer is malformed"),
    })
}

/// Whether a head ends within its bound.
fn has_head(answer: &[u8]) -> bool {
    memchr::memmem::find(answer.get(..answer.len().min(HEAD)).unwrap_or_default(), b"\r\n\r\n").is_some()
}

enum Fault {
    Short,
    Malformed,
}

fn parse(answer: &[u8]) -> Result<Answer, Fault> {
    let Some(end) =
        memchr::memmem::find(answer.get(..answer.len().min(HEAD)).unwrap_or_default(), b"\r\n\r\n")
    else {
        return Err(if answer.len() < HEAD { Fault::Short } else { Fault::Malformed });
    };
    let head = String::from_utf8_lossy(answer.get(..end).unwrap_or_default());
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("ICAP/1.0 ")).and_then(|rest| rest.get(..3));
    let status: u16 = status.and_then(|status| status.parse().ok()).ok_or(Fault::Malformed)?;
    let (mut tag, mut found, mut encapsulated) = (None, None, None);
    // Lines that begin with a blank go on with the field before (RFC 822), as c-icap's lists of findings do; the first says enough.
    for line in lines.filter(|line| !line.starts_with([' ', '\t'])) {
        let (name, value) = line.split_once(':').ok_or(Fault::Malformed)?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "istag" => tag = Some(plain(value.trim_matches('"'))),
            "x-infection-found" => found = Some(threat(value)),
            "x-virus-id" => found = found.or_else(|| Some(plain(value))),
            "x-violations-found" if value != "0" => {
                found = found.or_else(|| Some(String::from("violations")));
            }
            "encapsulated" => encapsulated = Some(value.to_owned()),
            _ => {}
        }
    }
    let rest = answer.get(end + 4..).unwrap_or_default();
    let carries = match encapsulated {
        Some(parts) if status != 204 => carried(&parts, rest)?,
        _ => Carries::Nothing,
    };
    Ok(Answer { status, tag, found, carries })
}

/// `Type=0; Resolution=2; Threat=NAME;`
fn threat(value: &str) -> String {
    let threat = value.split(';').find_map(|part| part.trim().strip_prefix("Threat="));
    plain(threat.unwrap_or(value))
}

/// What stands behind the head, by the parts that `Encapsulated` lists with their offsets.
fn carried(parts: &str, rest: &[u8]) -> Result<Carries, Fault> {
    let mut request = false;
    let mut response = false;
    let mut body = None;
    for part in parts.split(',') {
        let (name, offset) = part.trim().split_once('=').ok_or(Fault::Malformed)?;
        let offset: usize = offset.trim().parse().map_err(|_| Fault::Malformed)?;
        if offset > HEAD {
            return Err(Fault::Malformed);
        }
        match name {
            "req-hdr" => request = true,
            "res-hdr" => response = true,
            "req-body" | "res-body" | "opt-body" => body = Some((offset, true)),
            "null-body" => body = Some((offset, false)),
            _ => return Err(Fault::Malformed),
        }
    }
    let (offset, chunked) = body.ok_or(Fault::Malformed)?;
    let bytes = rest.get(offset..).ok_or(Fault::Short)?;
    let bytes = if chunked { unchunked(bytes)? } else { Vec::new() };
    Ok(match (request, response) {
        (_, true) => Carries::Response,
        (true, false) => Carries::Request(bytes),
        (false, false) => Carries::Nothing,
    })
}

/// Chunks (RFC 9112 section 7.1), trailers dropped.
fn unchunked(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::new();
    let mut rest = bytes;
    loop {
        let Some(end) = memchr::memmem::find(rest, b"\r\n") else {
            return Err(if rest.len() < 1024 { Fault::Short } else { Fault::Malformed });
        };
        let line = std::str::from_utf8(rest.get(..end).unwrap_or_default()).map_err(|_| Fault::Malformed)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let plain =
            !digits.is_empty() && digits.len() <= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let length = usize::from_str_radix(digits, 16).ok().filter(|_| plain).ok_or(Fault::Malformed)?;
        let after = rest.get(end + 2..).unwrap_or_default();
        if length == 0 {
            // The empty line that ends it, perhaps after trailers.
            let ends = after.starts_with(b"\r\n") || memchr::memmem::find(after, b"\r\n\r\n").is_some();
            return if ends { Ok(out) } else { Err(Fault::Short) };
        }
        out.extend_from_slice(after.get(..length).ok_or(Fault::Short)?);
        let after = after.get(length..).unwrap_or_default();
        if after.len() < 2 {
            return Err(Fault::Short);
        }
        rest = after.strip_prefix(b"\r\n").ok_or(Fault::Malformed)?;
    }
}

#[cfg(test)]
mod tests;
