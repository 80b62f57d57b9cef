//! What one operation's answers must be.

use std::collections::BTreeMap;

use http::{HeaderMap, StatusCode};

use crate::body::{self, BodyMatch, MediaRules};
use crate::parameter::Parameter;
use crate::request::check_headers;
use crate::violation::{Place, Violations};

/// One entry of `responses`.
#[derive(Debug, Default)]
pub(crate) struct ResponseRule {
    pub(crate) headers: Vec<Parameter>,
    pub(crate) media: Vec<MediaRules>,
}

/// Compiled rules of one operation's answers.
#[derive(Debug, Default)]
pub struct ResponseRules {
    pub(crate) exact: BTreeMap<u16, ResponseRule>,
    /// `4XX` by its first digit.
    pub(crate) classes: BTreeMap<u16, ResponseRule>,
    pub(crate) default: Option<ResponseRule>,
}

impl ResponseRules {
    /// The exact status, else its class, else `default`.
    fn rule(&self, status: StatusCode) -> Option<&ResponseRule> {
        let code = status.as_u16();
        self.exact.get(&code).or_else(|| self.classes.get(&(code / 100))).or(self.default.as_ref())
    }

    /// Whether the contract declares an answer of this status.
    #[must_use]
    pub fn declares(&self, status: StatusCode) -> bool {
        self.rule(status).is_some()
    }

    /// Checks status and header fields.
    pub fn check_head(&self, status: StatusCode, headers: &HeaderMap, out: &mut Violations) {
        match self.rule(status) {
            Some(rule) => check_headers(&rule.headers, headers, out),
            None => {
                let message = "the contract declares no answer of this status";
                out.push(Place::Status, status.as_str(), "status", message);
            }
        }
    }

    /// The rules for a body of this status and content type. `NotDeclared` also where the status itself is not.
    #[must_use]
    pub fn media(&self, status: StatusCode, content_type: Option<&str>) -> BodyMatch<'_> {
        self.rule(status).map_or(BodyMatch::NotDeclared, |rule| body::choose(&rule.media, content_type))
    }

    /// All declared media types of a status.
    #[must_use]
    pub fn all_media(&self, status: StatusCode) -> &[MediaRules] {
        self.rule(status).map_or(&[], |rule| &rule.media)
    }
}
