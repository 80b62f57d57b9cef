//! The signature base: RFC 9421 section 2.5.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine::bounds;
use http::{HeaderMap, HeaderName};
use sfv::{Dictionary, FieldType, Item, List, Parser};

use crate::component::{Component, Form, Kind};
use crate::{Fault, Message, fields, query};

/// Writes the base of these components and of the signature's parameters.
pub(crate) fn write(
    components: &[Component],
    parameters: &str,
    message: &Message<'_>,
) -> Result<Vec<u8>, Fault> {
    let mut out = Vec::with_capacity(512);
    for component in components {
        let value = value(&component.kind, message)?;
        // No value has a line break: neither fields nor targets can, and what is encoded has none.
        if value.bytes().any(|byte| matches!(byte, b'\n' | b'\r')) || !value.is_ascii() {
            return Err(Fault::FieldBytes);
        }
        out.extend_from_slice(component.text.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.push(b'\n');
        if out.len() > bounds::SIGNATURE_BASE_BYTES {
            return Err(Fault::TooLarge);
        }
    }
    out.extend_from_slice(b"\"@signature-params\": ");
    out.extend_from_slice(parameters.as_bytes());
    Ok(out)
}

/// The value of a component (sections 2.1 and 2.2).
fn value(kind: &Kind, message: &Message<'_>) -> Result<String, Fault> {
    let path = message.rooted_path();
    let with_query = |before: String| match message.query {
        None => before,
        Some(query) => format!("{before}?{query}"),
    };
    Ok(match kind {
        Kind::Method => message.method.to_owned(),
        Kind::Authority => message.authority.to_string(),
        Kind::Scheme => message.scheme.to_owned(),
        Kind::Path => path.to_owned(),
        Kind::Query => format!("?{}", message.query.unwrap_or_default()),
        Kind::RequestTarget => with_query(path.to_owned()),
        Kind::TargetUri => with_query(format!("{}://{}{path}", message.scheme, message.authority)),
        Kind::QueryParameter(name) => query::parameter(message.query.unwrap_or_default(), name)?,
        Kind::Field(name, form) => field(message.headers, name, form)?,
    })
}

fn field(headers: &HeaderMap, name: &HeaderName, form: &Form) -> Result<String, Fault> {
    if *form == Form::Bytes {
        let lines = headers.get_all(name).iter().map(|line| {
            let bytes = fields::trimmed_bytes(line.as_bytes());
            format!(":{}:", STANDARD.encode(bytes))
        });
        let lines: Vec<String> = lines.collect();
        return if lines.is_empty() { Err(Fault::FieldMissing) } else { Ok(lines.join(", ")) };
    }
    if fields::is_split(headers, name) {
        return Err(Fault::SeveralLines);
    }
    let text = fields::joined(headers, name)?.ok_or(Fault::FieldMissing)?;
    match form {
        Form::Lines | Form::Bytes => Ok(text),
        Form::Strict => strict(shape(name).ok_or(Fault::NotStructured)?, &text),
        Form::Member(key) if shape(name) == Some(Shape::Dictionary) => member(&text, key),
        Form::Member(_) => Err(Fault::NotStructured),
    }
}

/// What a structured field is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Dictionary,
    List,
    Item,
}

/// What a field is, of those of requests that were defined as structured ones (IANA's registry of field names).
fn shape(name: &HeaderName) -> Option<Shape> {
    Some(match name.as_str() {
        "content-digest"
        | "repr-digest"
        | "want-content-digest"
        | "want-repr-digest"
        | "priority"
        | "accept-signature"
        | "cache-status"
        | "cdn-cache-control"
        | "use-as-dictionary" => Shape::Dictionary,
        "accept-ch" | "accept-query" | "client-cert-chain" | "sec-ch-ua" | "sec-ch-ua-full-version-list" => {
            Shape::List
        }
        "client-cert"
        | "idempotency-key"
        | "available-dictionary"
        | "dictionary-id"
        | "sec-ch-ua-mobile"
        | "sec-ch-ua-platform"
        | "capsule-protocol"
        | "incremental" => Shape::Item,
        _ => return None,
    })
}

/// A structured field as the standard writes it (section 2.1.1).
pub(crate) fn strict(shape: Shape, text: &str) -> Result<String, Fault> {
    let malformed = |_| Fault::NotStructured;
    let written = match shape {
        Shape::Dictionary => fields::dictionary(text).map_err(malformed)?.serialize(),
        Shape::List => Parser::new(text).parse::<List>().map_err(|_| Fault::NotStructured)?.serialize(),
        Shape::Item => Some(Parser::new(text).parse::<Item>().map_err(|_| Fault::NotStructured)?.serialize()),
    };
    Ok(written.unwrap_or_default())
}

/// One member of a dictionary, as the standard writes it (section 2.1.2).
pub(crate) fn member(text: &str, key: &str) -> Result<String, Fault> {
    let mut members: Dictionary = fields::dictionary(text).map_err(|_| Fault::NotStructured)?;
    let found = members.swap_remove(key).ok_or(Fault::MemberMissing)?;
    fields::written(found).ok_or(Fault::MemberMissing)
}
