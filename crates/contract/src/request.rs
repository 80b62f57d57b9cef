//! What one operation's request must be.

use std::ops::Range;

use http::HeaderMap;
use http::header::{self, HeaderName};

use crate::body::{self, BodyMatch, MediaRules};
use crate::model::{OnUndeclared, Undeclared};
use crate::parameter::Parameter;
use crate::query;
use crate::style::Wrong;
use crate::violation::{Place, Violations};

/// What the head of a request carries.
#[derive(Debug, Clone, Copy)]
pub struct ParameterInput<'a> {
    /// Names of the template and their segments, percent-encoded as in the canonical path.
    pub path: &'a [(&'a str, &'a str)],
    /// Without the `?`, percent-encoded; `None` when there is none.
    pub query: Option<&'a str>,
    /// All fields, `Cookie` among them.
    pub headers: &'a HeaderMap,
}

/// What is to be removed before the call goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stripped {
    /// Ranges of bytes of the raw query, one per pair, in order.
    pub query: Vec<Range<usize>>,
    /// Names of cookies.
    pub cookies: Vec<String>,
    /// Names of header fields.
    pub headers: Vec<HeaderName>,
}

impl Stripped {
    /// Whether nothing is to be removed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.query.is_empty() && self.cookies.is_empty() && self.headers.is_empty()
    }

    /// The query without the stripped pairs; `None` when nothing is left.
    #[must_use]
    pub fn apply_query(&self, raw: &str) -> Option<String> {
        let mut kept = Vec::new();
        let mut start = 0;
        for piece in raw.split('&') {
            let range = start..start + piece.len();
            start = range.end + 1;
            if !self.query.contains(&range) {
                kept.push(piece);
            }
        }
        (!kept.is_empty()).then(|| kept.join("&"))
    }

    /// A `Cookie` field without the stripped cookies; `None` when nothing is left.
    #[must_use]
    pub fn apply_cookie(&self, raw: &str) -> Option<String> {
        let kept: Vec<&str> = query::cookie_pieces(raw)
            .filter(|piece| {
                let name = piece.split_once('=').map_or(*piece, |(name, _)| name).trim_matches(query::BLANK);
                !self.cookies.iter().any(|stripped| stripped == name)
            })
            .collect();
        (!kept.is_empty()).then(|| kept.join("; "))
    }
}

/// Compiled rules of one operation's request.
#[derive(Debug)]
pub struct RequestRules {
    pub(crate) path: Vec<Parameter>,
    pub(crate) query: Vec<Parameter>,
    pub(crate) headers: Vec<Parameter>,
    pub(crate) cookies: Vec<Parameter>,
    pub(crate) undeclared: Undeclared,
    /// Names that the security schemes read: declared, though not as parameters.
    pub(crate) known_query: Vec<String>,
    pub(crate) known_headers: Vec<String>,
    pub(crate) known_cookies: Vec<String>,
    pub(crate) body: Vec<MediaRules>,
    pub(crate) body_required: bool,
}

/// Fields that HTTP, browsers, tracing and gateways use whatever the contract says.
const COMMON: &[&str] = &[
    "accept",
    "accept-charset",
    "accept-encoding",
    "accept-language",
    "authorization",
    "baggage",
    "cache-control",
    "connection",
    "content-encoding",
    "content-language",
    "content-length",
    "content-type",
    "cookie",
    "date",
    "dnt",
    "dpop",
    "expect",
    "forwarded",
    "from",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "range",
    "referer",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "upgrade-insecure-requests",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

impl RequestRules {
    /// Whether the contract leaves a parameter's value no room: it is declared as an integer, a boolean, a UUID or one of a
    /// list of words, and the value is one. `value` is decoded; the name of a header field is in lower case.
    #[must_use]
    pub fn settles(&self, place: Place, name: &str, value: &str) -> bool {
        let declared = match place {
            Place::Path => &self.path,
            Place::Query => &self.query,
            Place::Header => &self.headers,
            Place::Cookie => &self.cookies,
            _ => return false,
        };
        let parameter = declared.iter().find(|parameter| parameter.name == name);
        parameter.and_then(|parameter| parameter.fast.as_ref()).is_some_and(|fast| fast.settles(value))
    }

    /// Checks path, query, header and cookie parameters; says what is to be stripped.
    pub fn check_parameters(&self, input: &ParameterInput<'_>, out: &mut Violations) -> Stripped {
        let mut stripped = Stripped::default();
        for parameter in &self.path {
            let raw = input.path.iter().find(|(name, _)| *name == parameter.name).map(|(_, value)| *value);
            parameter.check_single(raw, out);
        }
        self.check_query(input.query.unwrap_or_default(), out, &mut stripped);
        self.check_headers(input.headers, out, &mut stripped);
        self.check_cookies(input.headers, out, &mut stripped);
        stripped
    }

    fn check_query(&self, raw: &str, out: &mut Violations, stripped: &mut Stripped) {
        let pairs = match query::pairs(raw) {
            Ok(pairs) => pairs,
            Err(query::Fault::Encoding) => {
                out.push(Place::Query, "", "encoding", "the query must be percent-encoded UTF-8");
                return;
            }
            Err(query::Fault::TooMany) => {
                out.push(Place::Query, "", "bounds", "the query has too many parameters");
                return;
            }
        };
        let mut used = vec![false; pairs.len()];
        // Parameters whose keys are their properties take what the others leave.
        let (greedy, plain): (Vec<&Parameter>, Vec<&Parameter>) =
            self.query.iter().partition(|parameter| parameter.explode && parameter.shape.fields.is_some());
        for parameter in plain.into_iter().chain(greedy) {
            if parameter.whole_query {
                used.fill(true);
                continue;
            }
            parameter.check_pairs(&pairs, &mut used, out);
        }
        for (pair, _) in pairs.iter().zip(&used).filter(|(_, used)| !**used) {
            if self.known_query.contains(&pair.name) {
                continue;
            }
            let message = "the parameter is not declared by the contract";
            match self.undeclared.query {
                OnUndeclared::Refuse => out.push(Place::Query, &pair.name, "undeclared", message),
                OnUndeclared::Report => out.report(Place::Query, &pair.name, message),
                OnUndeclared::Strip => stripped.query.push(pair.range.clone()),
                OnUndeclared::Allow => {}
            }
        }
    }

    fn check_headers(&self, headers: &HeaderMap, out: &mut Violations, stripped: &mut Stripped) {
        check_headers(&self.headers, headers, out);
        if self.undeclared.header == OnUndeclared::Allow {
            return;
        }
        for name in headers.keys() {
            let declared = self.headers.iter().any(|parameter| parameter.name == name.as_str())
                || self.known_headers.iter().any(|known| known == name.as_str())
                || COMMON.contains(&name.as_str())
                || name.as_str().starts_with("sec-");
            if declared {
                continue;
            }
            let message = "the header field is not declared by the contract";
            match self.undeclared.header {
                OnUndeclared::Refuse => out.push(Place::Header, name.as_str(), "undeclared", message),
                OnUndeclared::Report => out.report(Place::Header, name.as_str(), message),
                OnUndeclared::Strip => stripped.headers.push(name.clone()),
                OnUndeclared::Allow => {}
            }
        }
    }

    fn check_cookies(&self, headers: &HeaderMap, out: &mut Violations, stripped: &mut Stripped) {
        let mut found: Vec<(&str, &str)> = Vec::new();
        for field in headers.get_all(header::COOKIE) {
            match std::str::from_utf8(field.as_bytes()) {
                // One more than the bound is enough to know.
                Ok(text) => {
                    found.extend(query::cookies(text).take(query::MAX_PAIRS + 1 - found.len()));
                }
                Err(_) => out.push(Place::Cookie, "", "encoding", "cookies must be UTF-8"),
            }
            if found.len() > query::MAX_PAIRS {
                out.push(Place::Cookie, "", "bounds", "there are too many cookies");
                return;
            }
        }
        for parameter in &self.cookies {
            let mut own = found.iter().filter(|(name, _)| *name == parameter.name);
            let value = own.next().map(|(_, value)| *value);
            if own.next().is_some() {
                out.push(Place::Cookie, &parameter.name, "duplicate", "must be given once");
                continue;
            }
            // Quotes are dropped by some servers and kept by others, so no check of either holds for both.
            if value.is_some_and(|value| value.starts_with('"')) {
                out.push(Place::Cookie, &parameter.name, "encoding", "must be written without quotes");
                continue;
            }
            parameter.check_single(value.map(|value| parameter.of_cookie(value)).as_deref(), out);
        }
        for (name, _) in &found {
            if self.cookies.iter().any(|parameter| parameter.name == *name)
                || self.known_cookies.iter().any(|known| known == name)
            {
                continue;
            }
            let message = "the cookie is not declared by the contract";
            match self.undeclared.cookie {
                OnUndeclared::Refuse => out.push(Place::Cookie, name, "undeclared", message),
                OnUndeclared::Report => out.report(Place::Cookie, name, message),
                OnUndeclared::Strip if !stripped.cookies.iter().any(|known| known == name) => {
                    stripped.cookies.push((*name).to_owned());
                }
                OnUndeclared::Strip | OnUndeclared::Allow => {}
            }
        }
    }

    /// Names of declared header fields in lower case, those that security schemes read among them.
    pub fn header_names(&self) -> impl Iterator<Item = &str> {
        let declared = self.headers.iter().map(|parameter| parameter.name.as_str());
        declared.chain(self.known_headers.iter().map(String::as_str))
    }

    /// The rules for a body of this content type.
    #[must_use]
    pub fn body(&self, content_type: Option<&str>) -> BodyMatch<'_> {
        body::choose(&self.body, content_type)
    }

    /// Whether the contract declares a body at all.
    #[must_use]
    pub fn has_body(&self) -> bool {
        !self.body.is_empty()
    }

    /// Whether there must be one.
    #[must_use]
    pub fn body_required(&self) -> bool {
        self.body_required
    }

    /// All declared media types.
    #[must_use]
    pub fn media(&self) -> &[MediaRules] {
        &self.body
    }
}

/// Header fields of requests and answers.
pub(crate) fn check_headers(parameters: &[Parameter], headers: &HeaderMap, out: &mut Violations) {
    for parameter in parameters {
        match joined(parameter, headers) {
            Err((keyword, message)) => out.push(Place::Header, &parameter.name, keyword, message),
            Ok(joined) => parameter.check_header(joined.as_deref(), out),
        }
    }
}

/// The text of a header field: a scalar is one field, a list may be several.
pub(crate) fn joined(parameter: &Parameter, headers: &HeaderMap) -> Result<Option<String>, Wrong> {
    let mut joined: Option<String> = None;
    let mut wrong = None;
    for field in headers.get_all(parameter.name.as_str()) {
        match std::str::from_utf8(field.as_bytes()) {
            Ok(text) if parameter.shape.is_compound() => {
                let text: Vec<&str> = text.split(',').map(str::trim).collect();
                let text = text.join(",");
                joined = Some(joined.map_or_else(|| text.clone(), |before| format!("{before},{text}")));
            }
            Ok(text) if joined.is_none() => joined = Some(text.trim().to_owned()),
            Ok(_) => wrong = Some(("duplicate", "must be given once")),
            Err(_) => wrong = Some(("encoding", "must be UTF-8")),
        }
    }
    wrong.map_or(Ok(joined), Err)
}
