//! Reading a compact JWS before any cryptography: RFC 7515 section 7.1.

use crate::header::LastHeader;
use crate::{Fault, Header, base64url};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use tape::{Bounds, Kind, Node, Tape};

/// Largest token read, in bytes: twice what common servers take as one header field.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// A token as it came: nothing in it has been proven.
pub struct Unverified<'a> {
    header: Arc<Header>,
    payload: Tape,
    signing_input: &'a str,
    signature: Vec<u8>,
}

/// Reads a token without any key.
///
/// # Errors
/// [`Fault::Malformed`], [`Fault::TooLarge`], [`Fault::DuplicateMember`], [`Fault::AlgNone`],
/// [`Fault::AlgNotAllowed`] for algorithms that do not exist here, [`Fault::CritUnsupported`].
pub fn parse(token: &str) -> Result<Unverified<'_>, Fault> {
    parse_after(token, &mut LastHeader::default())
}

/// Reads a token without any key, and its header only if it is another than the `last` one.
///
/// # Errors
/// Those of [`parse`].
pub fn parse_after<'a>(token: &'a str, last: &mut LastHeader) -> Result<Unverified<'a>, Fault> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Fault::TooLarge);
    }
    let (signing_input, header, payload, signature) = parts(token)?;
    let header = last.read(header)?;
    let payload = object(payload)?;
    let signature = base64url::decode(signature).ok_or(Fault::Malformed)?;
    Ok(Unverified { header, payload, signing_input, signature })
}

/// What is signed, then the three parts.
pub(crate) fn parts(token: &str) -> Result<(&str, &str, &str, &str), Fault> {
    let (signing_input, signature) = token.rsplit_once('.').ok_or(Fault::Malformed)?;
    let (header, payload) = signing_input.split_once('.').ok_or(Fault::Malformed)?;
    if payload.contains('.') {
        Err(Fault::Malformed)
    } else {
        Ok((signing_input, header, payload, signature))
    }
}

/// The claims that a part encodes.
pub(crate) fn object(part: &str) -> Result<Tape, Fault> {
    let payload = base64url::decode(part).ok_or(Fault::Malformed)?;
    let bounds = Bounds { depth: 16, values: 4_000, members: 256, items: 2_000, ..Bounds::default() };
    let payload = Tape::parse(payload.into(), &bounds)?;
    if payload.root().kind() != Kind::Object {
        return Err(Fault::Malformed);
    }
    // RFC 7493 section 2.2: what no double holds is read differently by different readers, or by none.
    if !payload.values().filter_map(Node::as_number).all(|number| number.is_finite()) {
        return Err(Fault::Malformed);
    }
    Ok(payload)
}

impl Unverified<'_> {
    /// What the header claims.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What the payload claims: a JSON object.
    #[must_use]
    pub fn payload(&self) -> Node<'_> {
        self.payload.root()
    }

    /// The payload by itself, to be kept with the principal once [`crate::validate`] has accepted it.
    #[must_use]
    pub fn into_payload(self) -> Tape {
        self.payload
    }

    /// The issuer claimed: only good for choosing whose keys to verify with.
    #[must_use]
    pub fn issuer(&self) -> Option<Cow<'_, str>> {
        self.payload().get("iss").and_then(Node::as_str)
    }

    /// What is signed: the first two parts as they came. A credential: never to be logged.
    #[must_use]
    pub fn signing_input(&self) -> &str {
        self.signing_input
    }

    /// The signature, decoded.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

impl fmt::Debug for Unverified<'_> {
    /// The header only: the rest is a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unverified").field("header", &self.header).finish_non_exhaustive()
    }
}
