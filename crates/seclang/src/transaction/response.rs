//! Filling the variables of the response.

use super::{Transaction, Verdict};
use crate::variable::Variable as V;

impl Transaction<'_> {
    /// Status and protocol of the answer.
    pub fn response_line(&mut self, status: u16, protocol: &[u8]) {
        self.scalar(V::ResponseStatus, status.to_string().as_bytes());
        self.scalar(V::ResponseProtocol, protocol);
    }

    /// One header of the answer.
    pub fn response_header(&mut self, name: &[u8], value: &[u8]) {
        self.member(V::ResponseHeaders, V::ResponseHeadersNames, name, value);
        if name.eq_ignore_ascii_case(b"content-type") {
            self.scalar(V::ResponseContentType, value);
        }
    }

    /// All headers are there: runs phase 3.
    pub fn response_head_done(&mut self) -> Verdict {
        self.phase(3)
    }

    /// Whether the rules want to see the body.
    #[must_use]
    pub fn wants_response_body(&self) -> bool {
        let kind = self.header(V::ResponseHeaders, b"content-type").unwrap_or_default().to_ascii_lowercase();
        let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let types = &self.engine.settings.response_body_types;
        self.response_body_access && types.iter().any(|known| known.as_bytes() == kind)
    }

    /// The body of the answer, empty when it is not wanted: runs phase 4.
    pub fn response_body(&mut self, body: &[u8]) -> Verdict {
        let settings = &self.engine.settings;
        let mut seen = body;
        if body.len() > settings.response_body_limit {
            let (limit, reject) = (settings.response_body_limit, settings.response_body_limit_reject);
            self.scalar(V::OutboundDataError, b"1");
            if reject && self.wants_response_body() {
                self.refuse(500);
            }
            seen = body.get(..limit).unwrap_or(body);
        }
        self.scalar(V::ResponseContentLength, body.len().to_string().as_bytes());
        if self.wants_response_body() {
            self.scalar(V::ResponseBody, seen);
        }
        self.phase(4)
    }
}
