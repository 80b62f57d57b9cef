//! What an import yields: an API's operations with their compiled rules, and what the document leaves open.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diagnostics::Span;

use crate::{RequestRules, ResponseRules};

/// What happens to something that a call carries and the contract does not declare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnUndeclared {
    /// A violation.
    Refuse,
    /// Removed before the call goes on.
    Strip,
    /// Goes on, and is reported.
    Report,
    /// Goes on.
    Allow,
}

/// [`OnUndeclared`] for each place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Undeclared {
    /// Query parameters.
    pub query: OnUndeclared,
    /// Cookies.
    pub cookie: OnUndeclared,
    /// Header fields; the ones that HTTP itself or every client uses are never undeclared.
    pub header: OnUndeclared,
    /// Properties of objects in request bodies, where the schema itself does not decide.
    pub property: OnUndeclared,
}

impl Default for Undeclared {
    fn default() -> Self {
        Self {
            query: OnUndeclared::Refuse,
            cookie: OnUndeclared::Strip,
            header: OnUndeclared::Allow,
            property: OnUndeclared::Report,
        }
    }
}

/// How a contract is imported.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// What happens to what is undeclared.
    pub undeclared: Undeclared,
    /// JSON Pointers of parts that are known not to be enforced and accepted so; `other.yaml#/a/b` for another file.
    pub accept_unenforced: BTreeSet<String>,
    /// Whether all such parts are accepted: for who asks which they are, and reads [`Api::unenforced`].
    pub accept_all: bool,
    /// Whether nobody will ask where JSON has places ([`crate::MediaRules::carries`]): validation does not, and in a large
    /// contract to know takes memory. Then every place may be there.
    pub lean: bool,
}

/// An imported contract.
#[derive(Debug)]
pub struct Api {
    /// `info.title`.
    pub title: String,
    /// `info.version`.
    pub version: String,
    /// As declared; `[/]` when the document names none.
    pub servers: Vec<Server>,
    /// In document order.
    pub operations: Vec<Arc<Operation>>,
    /// `components.securitySchemes` by name.
    pub schemes: BTreeMap<String, SecurityScheme>,
    /// Parts that the document uses and we do not enforce, accepted or not.
    pub unenforced: Vec<Unenforced>,
    /// Pointers that were accepted, those that nothing of [`Api::unenforced`] has among them; without a file before `#`
    /// where that is the contract itself.
    pub accepted: BTreeSet<String>,
    /// What the contract leaves open, for a person to read.
    pub open: Vec<Open>,
    /// Counts for the conformance table.
    pub stats: Stats,
}

/// One entry of `servers`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// With variables replaced by their defaults.
    pub url: String,
    /// Its path without a trailing slash; empty for the root.
    pub base_path: String,
}

/// One method on one path template.
#[derive(Debug)]
pub struct Operation {
    /// `operationId`, else `METHOD /template`.
    pub id: String,
    /// The method.
    pub method: http::Method,
    /// As in the document, without the base path.
    pub template: String,
    /// As declared.
    pub tags: Vec<String>,
    /// JSON Pointer of the operation.
    pub pointer: String,
    /// Where it is declared.
    pub span: Option<Span>,
    /// Where its parts stand.
    pub parts: Parts,
    /// Who may call it; the document's default is applied.
    pub security: Security,
    /// Base path of the operation's or path's own `servers`, where they differ from the document's.
    pub base_path: Option<String>,
    /// Whether the contract calls it deprecated.
    pub deprecated: bool,
    /// What a request must be.
    pub request: RequestRules,
    /// What an answer must be.
    pub responses: ResponseRules,
    /// Whether each part of the contract that it uses is enforced.
    pub fully_enforced: bool,
}

/// Where the parts of an operation stand that calls are held to; those that it has.
#[derive(Debug, Default)]
pub struct Parts {
    /// `security`: its own, else the document's.
    pub security: Option<PlacedPart>,
    /// `parameters`: its own, else those of its path.
    pub parameters: Option<PlacedPart>,
    /// The schema of the body where it has one media type, else what is declared of the body.
    pub body: Option<PlacedPart>,
    /// `responses`.
    pub responses: Option<PlacedPart>,
}

/// A part of an operation.
#[derive(Debug)]
pub struct PlacedPart {
    /// JSON Pointer, with `file#` before it when not in the contract's own file.
    pub pointer: String,
    /// Where it stands in the text.
    pub span: Option<Span>,
}

/// The meaning of `security`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Security {
    /// Neither the operation nor the document says anything.
    Absent,
    /// One of these must hold; none at all (`[]`) is anonymous.
    Alternatives(Vec<Requirement>),
    /// Something stands there that is not understood, which is an error of the import: nobody.
    Malformed,
}

/// Schemes that must hold together; empty (`{}`) is anonymous.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requirement {
    /// Scheme name and the scopes (or roles) it needs.
    pub schemes: Vec<(String, Vec<String>)>,
}

/// Where an API key travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyPlace {
    /// In the query.
    Query,
    /// In a header field.
    Header,
    /// In a cookie.
    Cookie,
}

/// One entry of `securitySchemes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecurityScheme {
    /// `apiKey`.
    ApiKey {
        /// Of the parameter, field or cookie.
        name: String,
        /// Where.
        place: KeyPlace,
    },
    /// `http` with `scheme` in lower case (`bearer`, `basic`, …).
    Http {
        /// RFC 9110 authentication scheme.
        scheme: String,
        /// As declared, for `bearer`.
        bearer_format: Option<String>,
    },
    /// `oauth2`.
    OAuth2 {
        /// All scopes of all flows.
        scopes: BTreeSet<String>,
        /// Token endpoints of all flows.
        token_urls: Vec<String>,
        /// RFC 8414 metadata (OpenAPI 3.2).
        metadata_url: Option<String>,
    },
    /// `openIdConnect`.
    OpenIdConnect {
        /// Discovery document.
        url: String,
    },
    /// `mutualTLS`.
    MutualTls,
    /// A type we do not know; nothing can be bound to it.
    Unknown(String),
}

/// A part of the contract that is used and not enforced.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unenforced {
    /// JSON Pointer, with `file#` before it when not in the contract's own file.
    pub pointer: String,
    /// What is not enforced, as a sentence.
    pub what: String,
    /// Whether the configuration accepts it.
    pub accepted: bool,
}

/// Something that the contract leaves open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The operation's id, or empty for the whole document.
    pub operation: String,
    /// Stable kebab-case name: `no-security`, `no-request-schema`, `no-response-schema`, `property-not-closed`.
    pub kind: &'static str,
    /// What is open, as a sentence.
    pub what: String,
}

/// Counts for the conformance table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// All operations of the document.
    pub operations: usize,
    /// Those of which each used part is enforced.
    pub fully_enforced: usize,
    /// Distinct compiled schemas.
    pub validators: usize,
    /// Shared definitions.
    pub definitions: usize,
}
