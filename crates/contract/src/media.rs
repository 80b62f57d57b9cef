//! Media types (RFC 9110 §8.3): parsed strictly, matched against the contract's types and ranges.

/// What reads a body of some media type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// `application/json`, `text/json`, `+json`: a tape.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// `text/*` in UTF-8: one string.
    Text,
    /// Bytes without a structure that a schema could describe.
    Binary,
    /// A structured type that nothing here reads (XML, other multipart types, sequences).
    Opaque,
}

/// A content type: essence in lower case, and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    /// `type/subtype` in lower case.
    pub essence: String,
    /// Names in lower case, values unquoted.
    pub parameters: Vec<(String, String)>,
}

impl ContentType {
    /// Parses a field value; `None` when malformed or a parameter occurs twice.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (essence, mut rest) = split_at_semicolon(text);
        let essence = essence.trim_matches([' ', '\t']);
        let (kind, subtype) = essence.split_once('/')?;
        if !is_token(kind) || !is_token(subtype) {
            return None;
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        while let Some(parameter) = rest {
            let (one, next) = split_at_semicolon(parameter);
            rest = next;
            let one = one.trim_matches([' ', '\t']);
            if one.is_empty() {
                continue;
            }
            let (name, value) = one.split_once('=')?;
            let name = name.to_ascii_lowercase();
            if !is_token(&name) || parameters.iter().any(|(known, _)| *known == name) {
                return None;
            }
            parameters.push((name, unquote(value)?));
        }
        Some(Self { essence: essence.to_ascii_lowercase(), parameters })
    }

    /// One parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// What reads it.
    #[must_use]
    pub fn kind(&self) -> MediaKind {
        kind(&self.essence)
    }

    /// Whether a declared charset is one that we read: UTF-8 or its subset.
    #[must_use]
    pub fn is_utf8(&self) -> bool {
        self.parameter("charset").is_none_or(|charset| {
            charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("us-ascii")
        })
    }
}

/// What reads a media type, by its essence in lower case.
pub(crate) fn kind(essence: &str) -> MediaKind {
    match essence {
        "application/json" | "text/json" => MediaKind::Json,
        "application/x-www-form-urlencoded" => MediaKind::Form,
        "multipart/form-data" => MediaKind::Multipart,
        "application/json-seq"
        | "application/jsonl"
        | "application/x-ndjson"
        | "application/x-jsonlines"
        | "application/xml"
        | "text/event-stream"
        | "text/xml"
        | "application/yaml"
        | "application/x-yaml"
        | "text/yaml" => MediaKind::Opaque,
        other if other.ends_with("+json") => MediaKind::Json,
        other if other.ends_with("+xml") && !other.starts_with("image/") => MediaKind::Opaque,
        other if other.starts_with("multipart/") => MediaKind::Opaque,
        other if other.starts_with("text/") => MediaKind::Text,
        _ => MediaKind::Binary,
    }
}

/// A key of `content`: an exact type or a range, with the parameters that must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    kind: String,
    subtype: String,
    parameters: Vec<(String, String)>,
}

impl Range {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let parsed = ContentType::parse(if text.trim() == "*" { "*/*" } else { text })?;
        let (kind, subtype) = parsed.essence.split_once('/')?;
        let parameters = parsed.parameters.into_iter().filter(|(name, _)| name != "charset").collect();
        Some(Self { kind: kind.to_owned(), subtype: subtype.to_owned(), parameters })
    }

    /// Whether it takes types that are no text.
    pub(crate) fn may_be_bytes(&self) -> bool {
        let text = self.kind == "text";
        !text && (!self.is_exact() || matches!(kind(&self.essence()), MediaKind::Binary | MediaKind::Opaque))
    }

    pub(crate) fn is_exact(&self) -> bool {
        self.kind != "*" && !self.subtype.contains('*')
    }

    pub(crate) fn essence(&self) -> String {
        format!("{}/{}", self.kind, self.subtype)
    }

    /// How narrowly it matches; `None` when it does not.
    pub(crate) fn matches(&self, actual: &ContentType) -> Option<u32> {
        let (kind, subtype) = actual.essence.split_once('/')?;
        let parameters = self.parameters.iter().all(|(name, value)| {
            actual.parameter(name).is_some_and(|actual| actual.eq_ignore_ascii_case(value))
        });
        if !parameters {
            return None;
        }
        let narrow = u32::try_from(self.parameters.len()).unwrap_or(0);
        if self.kind == "*" {
            return Some(narrow);
        }
        if self.kind != kind {
            return None;
        }
        match self.subtype.strip_prefix('*') {
            Some("") => Some(100 + narrow),
            Some(suffix) => subtype.ends_with(suffix).then_some(200 + narrow),
            None => (self.subtype == subtype).then_some(300 + narrow),
        }
    }
}

pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| {
            byte.is_ascii_alphanumeric()
                || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
        })
}

/// The part before the first semicolon that is not quoted, and what follows it.
pub(crate) fn split_at_semicolon(text: &str) -> (&str, Option<&str>) {
    let mut quoted = false;
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b';' if !quoted => return (text.get(..at).unwrap_or_default(), text.get(at + 1..)),
            _ => {}
        }
    }
    (text, None)
}

/// A token, or a quoted string without its quotes.
pub(crate) fn unquote(text: &str) -> Option<String> {
    let Some(inner) = text.strip_prefix('"') else { return is_token(text).then(|| text.to_owned()) };
    let inner = inner.strip_suffix('"')?;
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => out.push(chars.next()?),
            '"' => return None,
            c if c.is_control() && c != '\t' => return None,
            c => out.push(c),
        }
    }
    Some(out)
}
