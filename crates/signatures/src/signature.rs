//! The one signature of a request: `Signature-Input` and `Signature` (RFC 9421 section 4).
//!
//! Exactly one is taken. Of several, somebody on the way may have added one of their own, or taken off the one that counts, and two
//! readers may choose differently (sections 7.2.2, 7.2.4 and 7.2.8).

use engine::bounds;
use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, InnerList, Key as Label, ListEntry, Parameters};

use crate::component::Component;
use crate::{Algorithm, Fault, Key, Message, base, fields};

/// The field with the signatures.
pub const SIGNATURE: HeaderName = HeaderName::from_static("signature");
/// The field with what they cover.
pub const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");

/// The one signature of a request. Nothing of it is proven yet.
#[derive(Debug, Clone)]
pub struct Signature {
    components: Vec<Component>,
    /// Components and parameters as they stand at the end of the base.
    written: String,
    bytes: Vec<u8>,
    /// `created`, in seconds since 1970.
    pub created: Option<u64>,
    /// `expires`, in seconds since 1970.
    pub expires: Option<u64>,
    /// `keyid`.
    pub key: Option<String>,
    /// `nonce`.
    pub nonce: Option<String>,
    /// `tag`.
    pub tag: Option<String>,
    /// `alg`; one that is not known is `Some(None)`.
    algorithm: Option<Option<Algorithm>>,
}

impl Signature {
    /// Reads the signature of a head; `None` when neither field is there.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(headers: &HeaderMap) -> Result<Option<Self>, Fault> {
        let field = |name| fields::joined(headers, name).map_err(|_| Fault::Malformed);
        let (input, signature) = match (field(&SIGNATURE_INPUT)?, field(&SIGNATURE)?) {
            (None, None) => return Ok(None),
            (Some(input), Some(signature)) => (input, signature),
            _ => return Err(Fault::Halves),
        };
        if input.len() > bounds::SIGNATURE_FIELD_BYTES || signature.len() > bounds::SIGNATURE_FIELD_BYTES {
            return Err(Fault::TooLarge);
        }
        let (label, input) = one(fields::dictionary(&input)?)?;
        let (other, signature) = one(fields::dictionary(&signature)?)?;
        if label != other {
            return Err(Fault::LabelMismatch);
        }
        let bytes = bytes(signature)?;
        let ListEntry::InnerList(input) = input else { return Err(Fault::Malformed) };
        Self::of(input, bytes).map(Some)
    }

    fn of(input: InnerList, bytes: Vec<u8>) -> Result<Self, Fault> {
        if input.items.len() > bounds::SIGNATURE_COMPONENTS {
            return Err(Fault::TooLarge);
        }
        let mut components: Vec<Component> = Vec::with_capacity(input.items.len());
        for item in &input.items {
            let component = Component::read(item)?;
            if components.contains(&component) {
                return Err(Fault::ComponentTwice);
            }
            components.push(component);
        }
        if components.iter().filter(|component| component.is_part()).count() > bounds::SIGNATURE_PARTS {
            return Err(Fault::TooLarge);
        }
        let known = ["created", "expires", "keyid", "nonce", "tag", "alg"];
        if input.params.keys().any(|name| !known.contains(&name.as_str())) {
            return Err(Fault::ParameterUnknown);
        }
        let of = &input.params;
        let read = (date(of, "created")?, date(of, "expires")?, text(of, "keyid")?);
        let (nonce, tag) = (text(of, "nonce")?, text(of, "tag")?);
        let algorithm = text(of, "alg")?.map(|name| Algorithm::from_name(&name));
        let written = fields::written(ListEntry::InnerList(input)).ok_or(Fault::Malformed)?;
        let (created, expires, key) = read;
        Ok(Self { components, written, bytes, created, expires, key, nonce, tag, algorithm })
    }

    /// Whether all of what has this name is covered: a field in whichever form, or a derived component (`@…`).
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.components.iter().any(|component| component.is(name))
    }

    /// Components and parameters as they stand at the end of the base.
    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// The signature base of a message.
    ///
    /// # Errors
    /// When a covered component has no value.
    pub fn base(&self, message: &Message<'_>) -> Result<Vec<u8>, Fault> {
        base::write(&self.components, &self.written, message)
    }

    /// Whether `alg`, when there is one, is the algorithm of a key (section 3.2).
    ///
    /// # Errors
    /// [`Fault::AlgorithmMismatch`].
    pub fn agrees_with(&self, key: &Key) -> Result<(), Fault> {
        match self.algorithm {
            None => Ok(()),
            Some(named) if named == Some(key.algorithm()) => Ok(()),
            Some(_) => Err(Fault::AlgorithmMismatch),
        }
    }

    /// Whether it is a key's, over this base.
    #[must_use]
    pub fn is_by(&self, key: &Key, base: &[u8]) -> bool {
        key.verifies(base, &self.bytes)
    }
}

fn one(members: Dictionary) -> Result<(Label, ListEntry), Fault> {
    let mut members = members.into_iter();
    match (members.next(), members.next()) {
        (Some(one), None) => Ok(one),
        _ => Err(Fault::Several),
    }
}

fn bytes(entry: ListEntry) -> Result<Vec<u8>, Fault> {
    let ListEntry::Item(item) = entry else { return Err(Fault::Malformed) };
    match item.bare_item {
        BareItem::ByteSequence(bytes) if item.params.is_empty() => {
            if bytes.len() > bounds::SIGNATURE_BYTES {
                Err(Fault::TooLarge)
            } else {
                Ok(bytes)
            }
        }
        _ => Err(Fault::Malformed),
    }
}

fn date(parameters: &Parameters, name: &str) -> Result<Option<u64>, Fault> {
    let Some(value) = parameters.get(name) else { return Ok(None) };
    let BareItem::Integer(seconds) = value else { return Err(Fault::ParameterMalformed) };
    let seconds = u64::try_from(i64::from(*seconds)).map_err(|_| Fault::ParameterMalformed)?;
    Ok(Some(seconds))
}

fn text(parameters: &Parameters, name: &str) -> Result<Option<String>, Fault> {
    let Some(value) = parameters.get(name) else { return Ok(None) };
    let BareItem::String(text) = value else { return Err(Fault::ParameterMalformed) };
    let text = text.as_str();
    match text.len() {
        0 => Err(Fault::ParameterMalformed),
        1..=bounds::SIGNATURE_TEXT => Ok(Some(text.to_owned())),
        _ => Err(Fault::TooLarge),
    }
}
