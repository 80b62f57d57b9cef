//! `@detectSQLi` and `@detectXSS`: libinjection's algorithms, by a port of it to safe Rust.
//!
//! Rules are tuned to what libinjection finds, so a detector of another making would change what they mean. Both read the
//! value a constant number of times.

/// The fingerprint, when the value is an SQL injection.
pub(super) fn sql(value: &[u8]) -> Option<Vec<u8>> {
    let result = libinjectionrs::detect_sqli(value);
    result.is_injection().then(|| result.fingerprint.map(|print| print.as_str().as_bytes().to_vec()).unwrap_or_default())
}

/// Whether the value is cross-site scripting.
pub(super) fn script(value: &[u8]) -> bool {
    libinjectionrs::detect_xss(value).is_injection()
}
