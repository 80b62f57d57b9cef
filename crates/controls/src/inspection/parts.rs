//! A call taken apart into the values that services read: what the detectors look at.

use std::fmt::Write as _;

use contract::{ContentType, MediaKind};
use engine::Call;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, COOKIE};
use tape::{Kind, Node, Tape};

use super::{multipart, protobuf};

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    Path,
    Query,
    Cookie,
    Header,
    Form,
    Json,
    Multipart,
    Xml,
    Protobuf,
    Text,
}

impl Where {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Cookie => "cookie",
            Self::Header => "header",
            Self::Form => "form",
            Self::Json => "json",
            Self::Multipart => "multipart",
            Self::Xml => "xml",
            Self::Protobuf => "protobuf",
            Self::Text => "body",
        }
    }
}

/// One value, or one name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) stands: Where,
    /// The name it goes by: of JSON as in `json.user.name`.
    pub(super) name: &'a str,
    pub(super) place: detect::Place,
    pub(super) value: &'a [u8],
}

/// Takes the values.
pub(super) trait Sink {
    fn part(&mut self, part: &Part<'_>);
    /// Whether it has seen enough.
    fn is_done(&self) -> bool;
}

/// Path parameters, the query, cookies and header fields. `params` are the names of the former; without a contract, whose templates
/// say what of a path is the caller's, all of its segments are.
pub(super) fn head(call: &Call, params: Option<&[Box<str>]>, sink: &mut impl Sink) {
    let mut segment = |name, raw: &str| {
        let value = detect::percent_decoded(raw.as_bytes());
        sink.part(&Part { stands: Where::Path, name, place: detect::Place::Path, value: &value });
    };
    match params {
        Some(names) => {
            let names = names.iter().map(AsRef::as_ref).chain(std::iter::repeat(""));
            call.params().zip(names).for_each(|(raw, name)| segment(name, raw));
        }
        None => call.request.path().split('/').for_each(|raw| segment("", raw)),
    }
    pairs(call.request.query().unwrap_or_default().as_bytes(), Where::Query, sink);
    for (name, value) in &call.request.headers {
        if name == COOKIE {
            cookies(value.as_bytes(), sink);
        } else {
            let place = detect::Place::Header;
            sink.part(&Part { stands: Where::Header, name: name.as_str(), place, value: value.as_bytes() });
        }
    }
}

fn cookies(field: &[u8], sink: &mut impl Sink) {
    for pair in field.split(|byte| *byte == b';') {
        let pair = pair.trim_ascii();
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(sign) => (pair.get(..sign).unwrap_or_default(), pair.get(sign + 1..).unwrap_or_default()),
            None => (pair, &[][..]),
        };
        named(Where::Cookie, name, value, sink);
    }
}

/// Names and values of a query or a form.
fn pairs(text: &[u8], stands: Where, sink: &mut impl Sink) {
    for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        if sink.is_done() {
            return;
        }
        let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
            Some(sign) => (pair.get(..sign).unwrap_or_default(), pair.get(sign + 1..).unwrap_or_default()),
            None => (pair, &[][..]),
        };
        named(stands, &detect::form_decoded(name), &detect::form_decoded(value), sink);
    }
}

/// A name and its value. A name without a value is what some readers take for a value.
fn named(stands: Where, name: &[u8], value: &[u8], sink: &mut impl Sink) {
    let text = String::from_utf8_lossy(name);
    let mut part = |place, value| sink.part(&Part { stands, name: &text, place, value });
    part(detect::Place::Name, name);
    if value.is_empty() {
        part(detect::Place::Value, name);
    } else {
        part(detect::Place::Value, value);
    }
}

/// How a body is taken apart.
#[derive(Debug, Clone)]
pub(super) enum Reader {
    Json,
    Form,
    /// With its boundary.
    Multipart(String),
    Xml,
    /// A message of Protocol Buffers.
    Protobuf,
    /// Messages in frames of gRPC, of Protocol Buffers or of JSON.
    Grpc {
        json: bool,
    },
    /// One value.
    Text,
    /// Pictures, archives and other bytes: no value of any language.
    Nothing,
}

/// By what the call says of its body; what it says nothing of is one value.
///
/// `None` when it says so twice, not readably or in another charset than UTF-8: whoever reads the body may read another one
/// than was inspected. Nothing said at all is text.
pub(super) fn reader(headers: &HeaderMap) -> Option<Reader> {
    let mut fields = headers.get_all(CONTENT_TYPE).iter();
    let Some(field) = fields.next() else { return Some(Reader::Text) };
    let kind =
        ContentType::parse(field.to_str().ok()?).filter(|kind| kind.is_utf8() && fields.next().is_none())?;
    let essence = kind.essence.as_str();
    if is_grpc(essence) {
        return Some(Reader::Grpc { json: essence.ends_with("+json") });
    }
    Some(match kind.kind() {
        MediaKind::Json => Reader::Json,
        MediaKind::Form => Reader::Form,
        MediaKind::Multipart => match kind.parameter("boundary") {
            Some(boundary) => Reader::Multipart(boundary.to_owned()),
            None => Reader::Text,
        },
        _ if essence.ends_with("/xml") || essence.ends_with("+xml") => Reader::Xml,
        _ if is_protobuf(essence) => Reader::Protobuf,
        _ if is_binary(essence) => Reader::Nothing,
        _ => Reader::Text,
    })
}

fn is_protobuf(essence: &str) -> bool {
    let names = ["protobuf", "x-protobuf", "vnd.google.protobuf", "x-google-protobuf"];
    essence.strip_prefix("application/").is_some_and(|name| names.contains(&name))
        || essence.ends_with("+proto")
}

/// In frames; `grpc-web-text` is base64, and a text.
fn is_grpc(essence: &str) -> bool {
    let base = essence.split_once('+').map_or(essence, |(base, _)| base);
    base == "application/grpc" || base == "application/grpc-web"
}

fn is_binary(essence: &str) -> bool {
    ["image/", "audio/", "video/", "font/"].iter().any(|kind| essence.starts_with(kind))
        || matches!(
            essence,
            "application/octet-stream"
                | "application/pdf"
                | "application/zip"
                | "application/gzip"
                | "application/x-tar"
                | "application/cbor"
                | "application/msgpack"
        )
}

/// The values of a body, or of its beginning when it is `cut`.
///
/// # Errors
/// What is expected of a body that two readers could take apart differently.
pub(super) fn body(
    bytes: &[u8],
    reader: &Reader,
    tape: Option<&Tape>,
    cut: bool,
    sink: &mut impl Sink,
) -> Result<(), &'static str> {
    let mut value = |stands, value: &[u8]| {
        sink.part(&Part { stands, name: "", place: detect::Place::Value, value });
    };
    match (reader, tape) {
        (Reader::Json, Some(tape)) => json(tape.root(), sink),
        (Reader::Form, _) => pairs(bytes, Where::Form, sink),
        (Reader::Multipart(boundary), _) => return multipart::parts(bytes, boundary, cut, sink),
        (Reader::Xml, _) => {
            // Declarations stand before the first element; the texts are looked at one by one.
            value(Where::Xml, prologue(bytes));
            detect::xml_parts(bytes, |part| value(Where::Xml, part));
        }
        // JSON that cannot be read as such is one value, whose strings are a view of it.
        (Reader::Json | Reader::Text, _) => value(Where::Text, bytes),
        (Reader::Protobuf, _) => return protobuf::message(bytes, cut, sink),
        (Reader::Grpc { json }, _) => return protobuf::frames(bytes, *json, cut, sink),
        (Reader::Nothing, _) => {}
    }
    Ok(())
}

/// Bytes of an XML body in which a document type has to begin.
const PROLOGUE: usize = 1024;

fn prologue(bytes: &[u8]) -> &[u8] {
    bytes.get(..bytes.len().min(PROLOGUE)).unwrap_or_default()
}

enum Open<'a> {
    Items(tape::Items<'a>, usize),
    Members(tape::Members<'a>),
}

/// Names and strings of a JSON body, in document order. A path is whole however long its names are: one that was cut would be that of
/// another value, which may be excluded.
fn json(root: Node<'_>, sink: &mut impl Sink) {
    let mut path = String::from("json");
    let mut open: Vec<(Open<'_>, usize)> = Vec::new();
    enter(root, &mut path, &mut open, sink);
    while let Some((container, length)) = open.last_mut() {
        path.truncate(*length);
        let next = match container {
            Open::Items(items, index) => {
                append(&mut path, "array_");
                let _ = write!(path, "{index}");
                *index += 1;
                items.next()
            }
            Open::Members(members) => members.next().map(|(name, node)| {
                append(&mut path, &name);
                sink.part(&Part {
                    stands: Where::Json,
                    name: &path,
                    place: detect::Place::Name,
                    value: name.as_bytes(),
                });
                node
            }),
        };
        match next {
            _ if sink.is_done() => return,
            Some(node) => enter(node, &mut path, &mut open, sink),
            None => drop(open.pop()),
        }
    }
}

fn append(path: &mut String, name: &str) {
    path.push('.');
    path.push_str(name);
}

fn enter<'a>(node: Node<'a>, path: &mut str, open: &mut Vec<(Open<'a>, usize)>, sink: &mut impl Sink) {
    match node.kind() {
        Kind::Array => open.push((Open::Items(node.items(), 0), path.len())),
        Kind::Object => open.push((Open::Members(node.members()), path.len())),
        Kind::String => {
            if let Some(text) = node.as_str() {
                let value = text.as_bytes();
                sink.part(&Part { stands: Where::Json, name: path, place: detect::Place::Value, value });
            }
        }
        Kind::Null | Kind::Bool | Kind::Number => {}
    }
}
