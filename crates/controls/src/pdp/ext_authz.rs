//! A question of Envoy's `ext_authz` in its HTTP form: the call's own head, as far as it is told, and fields of ours.

use engine::Call;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::question::{Body, Question, scopes};
use super::{Endpoint, Protocol, Telling};

impl Telling {
    /// The call's own method, path and query behind the URL, the fields that are named, and ours.
    pub(super) fn ext_authz(&self, endpoint: &Endpoint, call: &Call, body: Option<&Body>) -> Question {
        let request = &call.request;
        let mut url = format!("{}{}", endpoint.url.trim_end_matches('/'), request.path());
        if let Some(query) = self.query(call).filter(|query| !query.is_empty()) {
            url.push('?');
            url.push_str(&query);
        }
        let mut headers = HeaderMap::new();
        for name in &self.include {
            for value in request.headers.get_all(name) {
                headers.append(name.clone(), value.clone());
            }
        }
        for (name, text) in self.own(call) {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let body = match body {
            Some(Body::Json(_, bytes)) => {
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                bytes.to_vec()
            }
            Some(Body::Empty) | None => Vec::new(),
        };
        Question { method: request.method.clone(), url, headers, body, told: Protocol::ExtAuthz, id: call.id }
    }

    /// What is told beside the call, over HTTP as header fields: words that are parted by spaces.
    pub(super) fn own(&self, call: &Call) -> Vec<(&'static str, String)> {
        let mut all = Vec::with_capacity(12);
        let mut own = |name: &'static str, words: &[&str]| {
            let text: Vec<String> = words.iter().map(|word| encoded(word)).collect();
            all.push((name, text.join(" ")));
        };
        own("yett-api", &[&self.api]);
        own("yett-operation", &[&self.operation]);
        own("yett-template", &[&self.template]);
        own("yett-host", &[&call.request.host]);
        own("yett-client", &[&call.client.to_string()]);
        own("yett-listener", &[self.listener(call)]);
        if let Some(principal) = call.principal() {
            own("yett-issuer", &[&principal.issuer]);
            own("yett-subject", &[&principal.subject]);
            if let Some(application) = &principal.application {
                own("yett-application", &[application]);
            }
            own("yett-scopes", &scopes(principal, call).collect::<Vec<_>>());
            own("yett-roles", &principal.roles.iter().map(|role| &**role).collect::<Vec<_>>());
            if !self.claims.is_empty() {
                let mut claims = Vec::new();
                self.claims(&mut claims, principal);
                own("yett-claims", &[&String::from_utf8_lossy(&claims)]);
            }
        }
        all
    }
}

/// A text as a word of a header field: what is no visible ASCII, and `%`, as `%XX`.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' => out.push_str("%25"),
            b'!'..=b'~' => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
