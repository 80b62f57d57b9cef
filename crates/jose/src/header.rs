//! The protected header: RFC 7515 section 4, read with the distrust of RFC 8725.

use std::sync::Arc;

use crate::{Algorithm, Fault, base64url};
use tape::{Bounds, Kind, Node, Tape};

/// Longest `kid`, `typ` and `cty` accepted, in bytes.
const MAX_NAME: usize = 256;

/// Members that change how a token must be read, none of which we support: RFC 7515 section 4.1.11 (`crit`),
/// RFC 7797 (`b64`), RFC 7516 (`zip`, `enc`).
const EXTENSIONS: [&str; 4] = ["crit", "b64", "zip", "enc"];

/// What a header says. Members that point to keys or carry them (`jku`, `jwk`, `x5u`, `x5c`) are not even kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The algorithm claimed.
    pub alg: Algorithm,
    /// Which key of the issuer's set, when said. Only ever compared, never used as a path or a query.
    pub kid: Option<String>,
    /// The media type of the token, as written.
    pub typ: Option<String>,
    /// The media type of what is in it, as written.
    pub cty: Option<String>,
    /// See [`Header::kind`].
    kind: Option<Box<str>>,
}

/// The header that was read last, for the next token: an issuer's tokens begin alike, all of them.
#[derive(Clone, Debug, Default)]
pub struct LastHeader(Option<(Box<str>, Arc<Header>)>);

impl LastHeader {
    /// The header that `part` encodes.
    pub(crate) fn read(&mut self, part: &str) -> Result<Arc<Header>, Fault> {
        if let Some((last, header)) = &self.0
            && **last == *part
        {
            return Ok(Arc::clone(header));
        }
        let header = Arc::new(Header::decode(part)?);
        self.0 = Some((part.into(), Arc::clone(&header)));
        Ok(header)
    }
}

impl Header {
    pub(crate) fn decode(part: &str) -> Result<Header, Fault> {
        Header::of(tape(part)?.root())
    }

    /// What a header says that was read by [`tape`].
    pub(crate) fn of(root: Node<'_>) -> Result<Header, Fault> {
        let alg = root.get("alg").and_then(Node::as_str).ok_or(Fault::Malformed)?;
        if alg.eq_ignore_ascii_case("none") {
            return Err(Fault::AlgNone);
        }
        let alg = Algorithm::from_name(&alg).ok_or(Fault::AlgNotAllowed)?;
        if EXTENSIONS.iter().any(|name| root.get(name).is_some()) {
            return Err(Fault::CritUnsupported);
        }
        let (kid, typ, cty) = (name(root, "kid")?, name(root, "typ")?, name(root, "cty")?);
        let kind = typ.as_deref().map(kind);
        Ok(Header { alg, kid, typ, cty, kind })
    }

    /// The type without its optional `application/` (RFC 7515 section 4.1.9), in lower case.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_deref()
    }
}

/// The members of a header.
pub(crate) fn tape(part: &str) -> Result<Tape, Fault> {
    let bytes = base64url::decode(part).ok_or(Fault::Malformed)?;
    let bounds = Bounds { depth: 8, values: 256, members: 32, items: 64, ..Bounds::default() };
    let tape = Tape::parse(bytes.into(), &bounds)?;
    if tape.root().kind() == Kind::Object { Ok(tape) } else { Err(Fault::Malformed) }
}

fn kind(typ: &str) -> Box<str> {
    let typ = typ.to_ascii_lowercase();
    match typ.strip_prefix("application/") {
        Some(rest) if !rest.contains('/') => rest.into(),
        _ => typ.into(),
    }
}

/// An optional member that is a short string.
pub(crate) fn name(root: Node<'_>, member: &str) -> Result<Option<String>, Fault> {
    let Some(node) = root.get(member) else { return Ok(None) };
    let text = node.as_str().ok_or(Fault::Malformed)?;
    if text.len() > MAX_NAME {
        return Err(Fault::TooLarge);
    }
    Ok(Some(text.into_owned()))
}
