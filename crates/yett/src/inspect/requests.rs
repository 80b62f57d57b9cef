//! Requests from files, standard input and the command line.

use std::io::Read;
use std::path::Path;

use bytes::Bytes;
use engine::{Peer, bounds};

use crate::load;

/// Bytes that are read of one file of requests.
const MAX_FILE: usize = 64 << 20;

/// One request, as a client would send it.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    /// Where it comes from: a file, and the number in it when there are several.
    pub(crate) name: String,
    /// Head and body.
    pub(crate) bytes: Bytes,
}

/// The parts of a request that the command line names.
#[derive(Debug, Default)]
pub(crate) struct Parts<'a> {
    pub(crate) method: Option<&'a str>,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [String],
    pub(crate) data: Option<&'a str>,
}

/// The requests of a file, one after the other; of standard input for `-`.
///
/// # Errors
/// When it cannot be read, or holds none.
pub(crate) fn of_file(path: &str) -> Result<Vec<Raw>, String> {
    let bytes = if path == "-" { standard_input()? } else { read(Path::new(path))? };
    let name = if path == "-" { "standard input" } else { path };
    let mut requests = split(name, &bytes);
    match requests.len() {
        0 => Err(format!("`{name}` holds no request")),
        1 => {
            requests.iter_mut().for_each(|request| name.clone_into(&mut request.name));
            Ok(requests)
        }
        _ => Ok(requests),
    }
}

/// The request that consists of these parts, with a host and a length where none is said.
///
/// # Errors
/// When data is to be read from a file and cannot.
pub(crate) fn of_parts(parts: &Parts<'_>) -> Result<Raw, String> {
    let data = match parts.data.map(|data| (data, data.strip_prefix('@'))) {
        None => None,
        Some((_, Some("-"))) => Some(standard_input()?),
        Some((_, Some(path))) => Some(read(Path::new(path))?),
        Some((data, None)) => Some(data.as_bytes().to_vec()),
    };
    let method = parts.method.unwrap_or(if data.is_some() { "POST" } else { "GET" });
    let has = |name: &str| {
        let mut said = parts.headers.iter().filter_map(|field| field.split_once(':'));
        said.any(|(known, _)| known.trim().eq_ignore_ascii_case(name))
    };
    let mut head = format!("{method} {} HTTP/1.1\r\n", parts.target);
    let mut field = |text: &str| head.extend([text, "\r\n"]);
    if !has("host") {
        field("Host: localhost");
    }
    parts.headers.iter().for_each(|text| field(text));
    if let Some(data) = &data {
        if !has("content-type") {
            field("Content-Type: application/x-www-form-urlencoded");
        }
        if !has("content-length") && !has("transfer-encoding") {
            field(&format!("Content-Length: {}", data.len()));
        }
    }
    let bytes = [head.as_bytes(), b"\r\n", data.as_deref().unwrap_or_default()].concat();
    Ok(Raw { name: String::from("the request"), bytes: bytes.into() })
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let bytes = load::read(path, MAX_FILE);
    bytes.map(|bytes| bytes.to_vec()).map_err(|why| format!("`{}` cannot be read: {why}", path.display()))
}

fn standard_input() -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let most = MAX_FILE as u64;
    let read = std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("standard input cannot be read: {error}"))?;
    if bytes.len() as u64 > most {
        return Err(String::from("standard input is too long"));
    }
    Ok(bytes)
}

/// Takes requests apart that follow each other, with blank lines between them or none. What cannot be read as one is the last: it will
/// be refused as it would be on a connection.
fn split(name: &str, bytes: &[u8]) -> Vec<Raw> {
    let mut requests = Vec::new();
    let mut rest = bytes;
    loop {
        let blank = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        rest = rest.get(blank..).unwrap_or_default();
        if rest.is_empty() {
            return requests;
        }
        let (bytes, taken) = first(rest);
        requests.push(Raw { name: format!("{name}#{}", requests.len() + 1), bytes });
        rest = rest.get(taken..).unwrap_or_default();
    }
}

/// The request that the bytes begin with, and how many of them it took.
fn first(rest: &[u8]) -> (Bytes, usize) {
    let peer = Peer::new(([192, 0, 2, 1], 0).into(), 0);
    let mut window = 64 * 1024;
    loop {
        let part = rest.get(..window).unwrap_or(rest);
        let (head, taken) = with_line_ends(part);
        let whole = Bytes::from([head.as_slice(), part.get(taken..).unwrap_or_default()].concat());
        match proxy::offline::read(&whole, &peer) {
            Ok(message) => return (whole.slice(..message.length), taken + message.length - head.len()),
            Err(_) if part.len() < rest.len() => window *= 2,
            Err(_) => return (whole, rest.len()),
        }
    }
}

/// The head, and how long it was: editors end lines without a carriage return, which no client may. One that has any is left alone.
fn with_line_ends(bytes: &[u8]) -> (Vec<u8>, usize) {
    let window = bytes.get(..bytes.len().min(bounds::HEADER_BYTES * 2)).unwrap_or_default();
    let end = window.windows(2).position(|pair| pair == b"\n\n").map(|at| at + 2);
    let head = end.and_then(|end| window.get(..end)).filter(|head| !head.contains(&b'\r'));
    match head {
        Some(head) => {
            let lines = head.split(|byte| *byte == b'\n');
            let lines: Vec<&[u8]> = lines.collect();
            (lines.join(&b"\r\n"[..]), head.len())
        }
        None => (Vec::new(), 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_follow_each_other_with_either_line_end() {
        let texts = |text: &str| -> Vec<String> {
            split("f", text.as_bytes())
                .iter()
                .map(|raw| format!("{} {:?}", raw.name, String::from_utf8_lossy(&raw.bytes)))
                .collect()
        };
        let post = "POST /a HTTP/1.1\nHost: x\nContent-Length: 3\n\na\nb";
        let wire = "\"POST /a HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 3\\r\\n\\r\\na\\nb\"";
        let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
        assert_eq!(texts(post), [format!("f#1 {wire}")]);
        let both = texts(&format!("\n{post}\n\n{get}\n{post}\n"));
        assert_eq!(both, [format!("f#1 {wire}"), format!("f#2 {get:?}"), format!("f#3 {wire}")]);
        assert_eq!(texts("\n\r\n"), Vec::<String>::new());
        // What is broken is one request, to be refused.
        assert_eq!(texts("GET / HTTP/1.1\r\nHost: x\n\n").len(), 1);
    }

    #[test]
    fn parts_become_what_a_client_would_send() {
        let headers = [String::from("host: a"), String::from("Accept: b")];
        let parts = Parts { target: "/a?b", headers: &headers, data: Some("c=d"), ..Parts::default() };
        let text = String::from_utf8(of_parts(&parts).unwrap().bytes.to_vec()).unwrap();
        assert_eq!(
            text,
            "POST /a?b HTTP/1.1\r\nhost: a\r\nAccept: b\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: 3\r\n\r\nc=d"
        );
        let text = of_parts(&Parts { target: "/", ..Parts::default() }).unwrap().bytes;
        assert_eq!(&text[..], b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert!(of_parts(&Parts { data: Some("@none"), ..Parts::default() }).is_err());
    }
}
