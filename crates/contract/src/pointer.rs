//! JSON Pointers (RFC 6901), references and relative paths as text.

use serde_json::Value;

/// Escapes one token.
pub(crate) fn escape(token: &str) -> String {
    if token.contains(['~', '/']) { token.replace('~', "~0").replace('/', "~1") } else { token.to_owned() }
}

/// Appends one token.
#[must_use]
pub fn join(pointer: &str, token: &str) -> String {
    let mut out = String::with_capacity(pointer.len() + token.len() + 1);
    out.push_str(pointer);
    out.push('/');
    if token.contains(['~', '/']) {
        out.push_str(&escape(token));
    } else {
        out.push_str(token);
    }
    out
}

/// The tokens, unescaped.
pub(crate) fn tokens(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect()
}

/// The value behind a pointer.
pub(crate) fn get<'a>(root: &'a Value, pointer: &str) -> Option<&'a Value> {
    root.pointer(pointer)
}

/// A reference split into its document and its fragment, percent-decoded.
pub(crate) fn split(reference: &str) -> (&str, String) {
    match reference.split_once('#') {
        Some((document, fragment)) => (document, decode(fragment)),
        None => (reference, String::new()),
    }
}

/// Whether a reference names a scheme or an authority, which is never fetched.
pub(crate) fn is_remote(document: &str) -> bool {
    if document.starts_with("//") {
        return true;
    }
    let Some((scheme, _)) = document.split_once(':') else { return false };
    scheme.len() > 1
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

/// `document` as seen from the file at `base`, with `.` and `..` resolved.
pub(crate) fn relative(base: &str, document: &str) -> String {
    let document = decode(document);
    if document.starts_with('/') {
        return document;
    }
    let absolute = base.starts_with('/');
    let mut parts: Vec<&str> = base.split('/').collect();
    parts.pop();
    let mut out: Vec<&str> = Vec::new();
    for part in parts.into_iter().chain(document.split('/')) {
        match part {
            "" | "." => {}
            ".." if out.last().is_some_and(|last| *last != "..") => {
                out.pop();
            }
            ".." if absolute => {}
            other => out.push(other),
        }
    }
    let joined = out.join("/");
    if absolute { format!("/{joined}") } else { joined }
}

/// Whether a file is in the folder of the contract or below it.
pub(crate) fn is_below(contract: &str, file: &str) -> bool {
    let folder = relative(contract, "");
    let rest = match folder.as_str() {
        "" => Some(file),
        "/" => file.strip_prefix('/'),
        folder => file.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')),
    };
    rest.is_some_and(|rest| !rest.starts_with('/') && rest.split('/').next() != Some(".."))
}

/// Percent-decoding that leaves malformed escapes as they are.
fn decode(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    crate::percent::decode(text.as_bytes(), false).unwrap_or_else(|| text.to_owned())
}
