//! Calls whose cost is watched.

use super::wire::Request;

/// A GET as a browser sends it.
pub fn browser_get() -> Request {
    let headers = [
        ("Host", "www.example.com"),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
        ),
        ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
        ("Accept-Language", "en-US,en;q=0.5"),
        ("Accept-Encoding", "gzip, deflate, br"),
        ("Connection", "keep-alive"),
        ("Cookie", "session=3f9a1c77e2b84d05; theme=dark; lang=en"),
        ("Upgrade-Insecure-Requests", "1"),
        ("Sec-Fetch-Dest", "document"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Referer", "https://www.example.com/catalog/books"),
    ];
    Request {
        method: b"GET".to_vec(),
        target: b"/catalog/items?page=2&sort=price&category=books&q=rust+programming".to_vec(),
        version: b"HTTP/1.1".to_vec(),
        headers: headers
            .iter()
            .map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()))
            .collect(),
        body: Vec::new(),
    }
}

/// A GET as a browser sends it, with other values in every call.
pub fn get(seed: usize) -> Request {
    let words = ["books", "garden", "kitchen", "travel", "history", "music", "science"];
    let word = |at: usize| words[(seed / 7usize.pow(at as u32 % 3) + at) % words.len()];
    let mut request = browser_get();
    request.target = format!(
        "/catalog/{}/{seed}?page={}&sort=price&category={}&q={}+{seed}",
        word(0),
        seed % 40,
        word(1),
        word(2)
    )
    .into_bytes();
    for (name, value) in &mut request.headers {
        match name.as_slice() {
            b"Cookie" => {
                *value = format!("session={:016x}; theme=dark; lang=en", seed * 0x9e37_79b9).into_bytes();
            }
            b"Referer" => {
                *value = format!("https://www.example.com/catalog/{}/{}", word(3), seed + 1).into_bytes();
            }
            b"User-Agent" => {
                let text =
                    String::from_utf8_lossy(value).replace("126.0.0.0", &format!("126.0.{}.0", seed % 7000));
                *value = text.into_bytes();
            }
            _ => {}
        }
    }
    request
}

/// A JSON body of 48 values that differ in every call.
pub fn json(seed: usize) -> Request {
    let words = ["alice", "order", "blue", "Main Street", "2026-11-25", "pending", "delivery note", "42.50"];
    let fields: Vec<String> = (0..48)
        .map(|at| format!("\"field{at}\":\"{} {}\"", words[(at + seed) % words.len()], seed * 48 + at))
        .collect();
    let body = format!("{{{}}}", fields.join(",")).into_bytes();
    let mut request = browser_get();
    request.method = b"POST".to_vec();
    request.target = b"/api/orders".to_vec();
    request.headers.push((b"Content-Type".to_vec(), b"application/json".to_vec()));
    request.headers.push((b"Content-Length".to_vec(), body.len().to_string().into_bytes()));
    request.body = body;
    request
}

/// A form of ten KiB and 950 arguments.
pub fn form(seed: usize) -> Request {
    let fields: Vec<String> = (0..950).map(|at| format!("f{at}=v{}", at * 7 + seed)).collect();
    let mut request = json(seed);
    request.body = fields.join("&").into_bytes();
    request.headers.retain(|(name, _)| !name.starts_with(b"Content-"));
    request.headers.push((b"Content-Type".to_vec(), b"application/x-www-form-urlencoded".to_vec()));
    request.headers.push((b"Content-Length".to_vec(), request.body.len().to_string().into_bytes()));
    request
}
