//! What a signature covers: component identifiers of RFC 9421 section 2, as requests have them.

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Item, ListEntry, Parameters};

use crate::signature::{SIGNATURE, SIGNATURE_INPUT};
use crate::{Fault, fields};

/// Derived components that requests have and that need no parameter (section 2.2).
const DERIVED: [(&str, Kind); 7] = [
    ("@method", Kind::Method),
    ("@target-uri", Kind::TargetUri),
    ("@authority", Kind::Authority),
    ("@scheme", Kind::Scheme),
    ("@request-target", Kind::RequestTarget),
    ("@path", Kind::Path),
    ("@query", Kind::Query),
];

/// One covered component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Its identifier with its parameters, as it stands in the signature base.
    pub(crate) text: String,
    pub(crate) kind: Kind,
}

/// Where its value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Method,
    TargetUri,
    Authority,
    Scheme,
    RequestTarget,
    Path,
    Query,
    /// A parameter of the query, by its encoded name.
    QueryParameter(String),
    /// A field of the head.
    Field(HeaderName, Form),
}

/// How the value of a field is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// As its lines stand (section 2.1).
    Lines,
    /// Each line as bytes (`bs`, section 2.1.3).
    Bytes,
    /// As the standard writes it (`sf`, section 2.1.1).
    Strict,
    /// One member of a dictionary (`key`, section 2.1.2).
    Member(String),
}

/// Whether a request can have a component of this name.
#[must_use]
pub fn is_component(name: &str) -> bool {
    if name.starts_with('@') {
        return DERIVED.iter().any(|(known, _)| *known == name);
    }
    let own = [SIGNATURE, SIGNATURE_INPUT].iter().any(|own| own.as_str() == name);
    is_lower(name) && !own && HeaderName::from_bytes(name.as_bytes()).is_ok()
}

fn is_lower(name: &str) -> bool {
    !name.bytes().any(|byte| byte.is_ascii_uppercase())
}

impl Component {
    /// A derived component that needs no parameter.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (name, kind) = DERIVED.iter().find(|(known, _)| *known == name)?;
        Some(Self { text: format!("\"{name}\""), kind: kind.clone() })
    }

    /// A field that is among these; as bytes when it is not ASCII, or no list and there more than once.
    pub(crate) fn sent(name: &HeaderName, headers: &HeaderMap) -> Option<Self> {
        if !headers.contains_key(name) {
            return None;
        }
        let plain = fields::joined(headers, name).is_ok() && !fields::is_split(headers, name);
        let form = if plain { Form::Lines } else { Form::Bytes };
        let mark = if form == Form::Bytes { ";bs" } else { "" };
        Some(Self { text: format!("\"{name}\"{mark}"), kind: Kind::Field(name.clone(), form) })
    }

    /// Whether its value is a part of something, which has to be read whole for it.
    pub(crate) const fn is_part(&self) -> bool {
        matches!(self.kind, Kind::QueryParameter(_) | Kind::Field(_, Form::Strict | Form::Member(_)))
    }

    /// Reads one of the covered components.
    pub(crate) fn read(item: &Item) -> Result<Self, Fault> {
        let BareItem::String(name) = &item.bare_item else { return Err(Fault::NameMalformed) };
        let name = name.as_str();
        if !is_lower(name) {
            return Err(Fault::NameMalformed);
        }
        if ["req", "tr"].iter().any(|other| item.params.contains_key(*other)) {
            return Err(Fault::OtherMessage);
        }
        let kind = match name.strip_prefix('@') {
            Some(_) => derived(name, &item.params)?,
            None => field(name, &item.params)?,
        };
        let text = fields::written(ListEntry::Item(item.clone())).ok_or(Fault::NameMalformed)?;
        Ok(Self { text, kind })
    }

    /// Whether it covers all of what has this name: a field in whichever form, or a derived component itself.
    pub(crate) fn is(&self, name: &str) -> bool {
        match &self.kind {
            Kind::Field(_, Form::Member(_)) | Kind::QueryParameter(_) => false,
            Kind::Field(field, _) => field.as_str() == name,
            kind => DERIVED.iter().any(|(known, same)| *known == name && same == kind),
        }
    }
}

fn derived(name: &str, parameters: &Parameters) -> Result<Kind, Fault> {
    if name == "@query-param" {
        return match (parameters.get("name"), parameters.len()) {
            (Some(BareItem::String(name)), 1) => Ok(Kind::QueryParameter(name.as_str().to_owned())),
            _ => Err(Fault::ComponentParameter),
        };
    }
    let known = DERIVED.iter().find(|(known, _)| *known == name).ok_or(Fault::DerivedUnknown)?;
    if parameters.is_empty() { Ok(known.1.clone()) } else { Err(Fault::ComponentParameter) }
}

fn field(name: &str, parameters: &Parameters) -> Result<Kind, Fault> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Fault::NameMalformed)?;
    if name == SIGNATURE || name == SIGNATURE_INPUT {
        return Err(Fault::CoversItself);
    }
    // `bs` goes with no other (sections 2.1.1 to 2.1.3), and what `key` selects is strict already.
    let form = match (parameters.len(), fields::flag(parameters, "sf"), fields::flag(parameters, "bs")) {
        (0, ..) => Form::Lines,
        (1, Some(true), None) => Form::Strict,
        (1, None, Some(true)) => Form::Bytes,
        (1, None, None) => match parameters.get("key") {
            Some(BareItem::String(key)) => Form::Member(key.as_str().to_owned()),
            _ => return Err(Fault::ComponentParameter),
        },
        _ => return Err(Fault::ComponentParameter),
    };
    Ok(Kind::Field(name, form))
}
